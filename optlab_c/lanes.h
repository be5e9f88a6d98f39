/* Vectors of VECTOR bytes of REAL in kernels that targets.h includes: LANES numbers,
 * loaded from and stored to any address. Without the vector types of gcc and clang they
 * are small arrays, and loops over them. */
#ifndef OPTLAB_LANES_H
#define OPTLAB_LANES_H

#define LANES (VECTOR / (int)sizeof(REAL))
#define MATH(f) JOIN(f, REAL_NAME)

#if defined(__GNUC__)
#define UNROLL _Pragma("GCC unroll 16")
#define PREFETCH(p) __builtin_prefetch(p)
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors are only passed inline */
#define LANES_TYPE(name) \
    typedef REAL name __attribute__((vector_size(VECTOR), aligned(sizeof(REAL)), may_alias))
#define LOAD(p) (*(const NAMED(lanes) *)(p))
#define STORE(p, v) (*(NAMED(lanes) *)(p) = (v))
#define MULTIPLY_ADD(sum, a, b) ((sum) += (a) * (b))
#define MULTIPLY_ADD_SCALAR(sum, a, s) ((sum) += (a) * (s))
#else
#define UNROLL
#define PREFETCH(p) ((void)(p))
#define LANES_TYPE(name) typedef struct { REAL v[LANES]; } name
#define LOAD(p) (*(const NAMED(lanes) *)(p))
#define STORE(p, a) (*(NAMED(lanes) *)(p) = (a))
#define MULTIPLY_ADD(sum, a, b) \
    for (int l_ = 0; l_ < LANES; l_++) (sum).v[l_] += (a).v[l_] * (b).v[l_]
#define MULTIPLY_ADD_SCALAR(sum, a, s) \
    for (int l_ = 0; l_ < LANES; l_++) (sum).v[l_] += (a).v[l_] * (s)
#endif

#endif
