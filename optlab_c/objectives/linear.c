/* Linear models: `linear_kernels.h` for each dtype and each instruction set. */

#include "linear.h"

#include <stdlib.h>

enum {
    LINEAR_BLOCK = 512,    /* most rows in a block */
    LINEAR_STACK = 32768,  /* bytes of scores of a block */
    LINEAR_CACHE = 262144, /* bytes of data of a block */
};

#define KERNELS "objectives/linear_kernels.h"
#include "targets.h"

void linear_init(optlab_objective *objective, linear_model *model, int dtype,
                 int width)
{
    *objective = (optlab_objective){
        .version = OPTLAB_ABI_VERSION,
        .dtype = dtype,
        .provides = OPTLAB_F | OPTLAB_G | OPTLAB_HV | OPTLAB_BATCH,
        .n = model->outputs * model->columns,
        .n_samples = model->rows,
        .eval = TARGET_OF(eval, dtype, width),
        .ctx = model,
    };
}
