#include "foreign.h"

#include <math.h>
#include <stdlib.h>

enum { SMALL = 256 };

/* Call it. Compiled Python that raises returns 0 and writes nothing: that must not pass for
 * a minimum, and the ends of the gradient tell. */
static double call(const foreign *model, const void *x, double *grad)
{
    grad[0] = grad[model->n - 1] = NAN;
    return model->fun(model->n, x, grad, model->user_data);
}

/* f alone. numba cannot tell a null pointer, so there is always room for the gradient. */
static int value(const foreign *model, optlab_point *point)
{
    double small[SMALL], *grad = small;
    if (model->n > SMALL) {
        grad = malloc((size_t)model->n * sizeof *grad);
        if (grad == NULL)
            return -1;
    }
    point->f = call(model, point->x, grad);
    if (isnan(grad[0]) || isnan(grad[model->n - 1]))
        point->f = NAN;
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
    double f = call(model, point->x, point->g);
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
