/* Functions of NLopt's shape, from whatever compiler, as objectives.
 *
 * `fun` returns f and writes the gradient to `grad`, which is never NULL; `hv`, which may
 * be, writes the Hessian times v. `user_data` is handed through. */
#ifndef OPTLAB_FOREIGN_H
#define OPTLAB_FOREIGN_H

#include "../abi.h"

typedef double (*foreign_fun)(int n, const double *x, double *grad, void *user_data);
typedef void (*foreign_hv)(int n, const double *x, const double *v, double *out,
                           void *user_data);

typedef struct foreign {
    foreign_fun fun;
    foreign_hv hv;
    int n;
    void *user_data;
} foreign;

/* The objective points to `model`, which has to live as long. */
void foreign_init(optlab_objective *objective, foreign *model);

#endif
