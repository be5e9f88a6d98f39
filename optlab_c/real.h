/* Kernels are written once, for REAL, and included once for each dtype:
 *
 *     #define REAL double
 *     #define NAMED(name) name##_f64
 *     #include "foo_kernels.h"
 *     #undef REAL
 *     #undef NAMED
 *
 * DISPATCH calls the kernel of a dtype tag. */
#ifndef OPTLAB_REAL_H
#define OPTLAB_REAL_H

#include "abi.h"
#include "multiversion.h"

#define DISPATCH(dtype, name, ...) \
    ((dtype) == OPTLAB_FLOAT32 ? name##_f32(__VA_ARGS__) : name##_f64(__VA_ARGS__))

#endif
