#include "foreign.h"

#include <stdlib.h>

enum { SMALL = 256 };

/* f alone. numba cannot tell a null pointer, so there is always room for the gradient. */
static int value(const foreign *model, optlab_point *point)
{
    double small[SMALL], *grad = small;
    if (model->n > SMALL) {
        grad = malloc((size_t)model->n * sizeof *grad);
        if (grad == NULL)
            return -1;
    }
    point->f = model->fun(model->n, point->x, grad, model->user_data);
    if (grad != small)
        free(grad);
    return 0;
}

static int foreign_eval(void *ctx, int want, optlab_point *point)
{
    const foreign *model = ctx;
    if (want & OPTLAB_HV)
        model->hv(model->n, point->x, point->v, point->hv, model->user_data);
    if (!(want & OPTLAB_G))
        return want & OPTLAB_F ? value(model, point) : 0;
    double f = model->fun(model->n, point->x, point->g, model->user_data);
    if (want & OPTLAB_F)
        point->f = f;
    return 0;
}

void foreign_init(optlab_objective *objective, foreign *model)
{
    *objective = (optlab_objective){
        .version = OPTLAB_ABI_VERSION,
        .dtype = OPTLAB_FLOAT64,
        .provides = OPTLAB_F | OPTLAB_G | (model->hv ? OPTLAB_HV : 0),
        .n = model->n,
        .eval = foreign_eval,
        .ctx = model,
    };
}
