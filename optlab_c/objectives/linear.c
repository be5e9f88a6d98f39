/* Linear models: `linear_kernels.h` for each dtype and each instruction set. */

#include "linear.h"

#include <stdlib.h>

#include "math_kernels.h"
#include "multiversion.h"

enum {
    LINEAR_BLOCK = 512,    /* most rows in a block */
    LINEAR_STACK = 32768,  /* bytes of scores of a block */
    LINEAR_CACHE = 262144, /* bytes of data of a block */
};

#define INLINE OPTLAB_INLINE
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)

#ifdef __GNUC__
#define UNROLL _Pragma("GCC unroll 16")
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors are only passed inline */
#else
#define UNROLL
#endif

/* ---- vectors of 16 bytes, which every machine has --------------------------- */

#define VECTOR 16
#define TARGET
#define REAL double
#define REAL_NAME f64
#define NAMED(x) JOIN(x, f64_any)
#include "linear_kernels.h"
#undef REAL
#undef REAL_NAME
#undef NAMED
#define REAL float
#define REAL_NAME f32
#define NAMED(x) JOIN(x, f32_any)
#include "linear_kernels.h"
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
#include "linear_kernels.h"
#undef REAL
#undef REAL_NAME
#undef NAMED
#define REAL float
#define REAL_NAME f32
#define NAMED(x) JOIN(x, f32_v3)
#include "linear_kernels.h"
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
#include "linear_kernels.h"
#undef REAL
#undef REAL_NAME
#undef NAMED
#define REAL float
#define REAL_NAME f32
#define NAMED(x) JOIN(x, f32_v4)
#include "linear_kernels.h"

#endif

static optlab_eval eval_of(int dtype, int width)
{
    int single = dtype == OPTLAB_FLOAT32;
#ifdef OPTLAB_HAS_CLONES
    if (width >= 64 && __builtin_cpu_supports("x86-64-v4"))
        return single ? eval_f32_v4 : eval_f64_v4;
    if (width >= 32 && __builtin_cpu_supports("x86-64-v3"))
        return single ? eval_f32_v3 : eval_f64_v3;
#else
    (void)width;
#endif
    return single ? eval_f32_any : eval_f64_any;
}

void linear_init(optlab_objective *objective, linear_model *model, int dtype,
                 int width)
{
    *objective = (optlab_objective){
        .version = OPTLAB_ABI_VERSION,
        .dtype = dtype,
        .provides = OPTLAB_F | OPTLAB_G | OPTLAB_HV,
        .n = model->outputs * model->columns,
        .n_samples = model->rows,
        .eval = eval_of(dtype, width),
        .ctx = model,
    };
}
