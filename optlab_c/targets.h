/* Includes the file KERNELS once for each dtype and each instruction set, with
 *
 *     REAL, REAL_NAME   the dtype, and f64 or f32
 *     VECTOR            bytes in a vector
 *     TARGET            the attribute that allows them, for functions that others inline
 *     NAMED(x)          x_f64_any, x_f32_any, x_f64_v3, ... x_f32_v4
 *
 * and the tools of lanes.h. TARGET_OF(eval, dtype, width) is the best of the variants for
 * this machine with vectors of at most `width` bytes. */
#include "lanes.h"
#include "math_kernels.h"
#include "multiversion.h"

#define INLINE OPTLAB_INLINE
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)

/* ---- vectors of 16 bytes, which every machine has --------------------------- */

#define VECTOR 16
#define TARGET
#define REAL double
#define REAL_NAME f64
#define NAMED(x) JOIN(x, f64_any)
#include KERNELS
#undef REAL
#undef REAL_NAME
#undef NAMED
#define REAL float
#define REAL_NAME f32
#define NAMED(x) JOIN(x, f32_any)
#include KERNELS
#undef REAL
#undef REAL_NAME
#undef NAMED
#undef VECTOR
#undef TARGET

#ifdef OPTLAB_HAS_CLONES

/* ---- x86-64-v3: AVX2 and FMA ------------------------------------------------ */

#define VECTOR 32
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define REAL double
#define REAL_NAME f64
#define NAMED(x) JOIN(x, f64_v3)
#include KERNELS
#undef REAL
#undef REAL_NAME
#undef NAMED
#define REAL float
#define REAL_NAME f32
#define NAMED(x) JOIN(x, f32_v3)
#include KERNELS
#undef REAL
#undef REAL_NAME
#undef NAMED
#undef VECTOR
#undef TARGET

/* ---- x86-64-v4: AVX-512 ----------------------------------------------------- */

#define VECTOR 64
#define TARGET __attribute__((target("arch=x86-64-v4")))
#define REAL double
#define REAL_NAME f64
#define NAMED(x) JOIN(x, f64_v4)
#include KERNELS
#undef REAL
#undef REAL_NAME
#undef NAMED
#define REAL float
#define REAL_NAME f32
#define NAMED(x) JOIN(x, f32_v4)
#include KERNELS
#undef REAL
#undef REAL_NAME
#undef NAMED
#undef VECTOR
#undef TARGET

#define TARGET_OF(name, dtype, width)                                            \
    ((width) >= 64 && __builtin_cpu_supports("x86-64-v4")                        \
         ? ((dtype) == OPTLAB_FLOAT32 ? name##_f32_v4 : name##_f64_v4)           \
     : (width) >= 32 && __builtin_cpu_supports("x86-64-v3")                      \
         ? ((dtype) == OPTLAB_FLOAT32 ? name##_f32_v3 : name##_f64_v3)           \
         : ((dtype) == OPTLAB_FLOAT32 ? name##_f32_any : name##_f64_any))
#else
#define TARGET_OF(name, dtype, width) \
    ((void)(width), (dtype) == OPTLAB_FLOAT32 ? name##_f32_any : name##_f64_any)
#endif
