/* When to stop: the machine publishes an iterate's scalars, this decides. */
#ifndef OPTLAB_STOPPING_H
#define OPTLAB_STOPPING_H

#include "descent.h"

typedef struct stop_tests {
    double gtol;     /* ||g|| <= gtol */
    double ftol;     /* f_k - f_{k+1} <= ftol max(|f_k|, |f_{k+1}|, 1); 0: off */
    double xrtol;    /* ||s||_2 <= xrtol (xrtol + ||x||_2); 0: off */
    double xtol;     /* ||s||_1 <= n xtol; 0: off */
    int64_t maxiter; /* on k */
    int64_t maxfun;  /* on evaluations of f */
} stop_tests;

/* An optlab_status, OPTLAB_RUNNING to go on. To be asked at every iterate. */
int stop_at_iterate(const stop_tests *tests, const descent *m);

#endif
