#include "quadratic.h"

#include <stddef.h>

#include "math_kernels.h"
#include "multiversion.h"

#define REAL double
#define NAMED(name) name##_f64
#include "quadratic_kernels.h"
#undef REAL
#undef NAMED

#define REAL float
#define NAMED(name) name##_f32
#include "quadratic_kernels.h"

void quadratic_init(optlab_objective *objective, quadratic *model, int dtype)
{
    *objective = (optlab_objective){
        .version = OPTLAB_ABI_VERSION,
        .dtype = dtype,
        .provides = OPTLAB_F | OPTLAB_G | OPTLAB_HV | OPTLAB_H,
        .n = model->n,
        .eval = dtype == OPTLAB_FLOAT32 ? eval_f32 : eval_f64,
        .ctx = model,
    };
}
