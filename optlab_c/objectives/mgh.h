/* The 35 test problems of Moré, Garbow & Hillstrom (1981).
 *
 * J. J. Moré, B. S. Garbow, K. E. Hillstrom, "Testing unconstrained optimization
 * software", ACM Trans. Math. Softw. 7 (1981) 17-41, doi:10.1145/355934.355936. */
#ifndef OPTLAB_OBJECTIVES_MGH_H
#define OPTLAB_OBJECTIVES_MGH_H

#include "abi.h"

#define MGH_COUNT 35

/* Describes problem `number` (1 ... 35, the paper's own numbers) with n unknowns and m
 * residuals, which the caller has checked. Returns 0, or -1 if there is no memory.
 * `free` frees its context. */
int mgh_init(optlab_objective *objective, int number, int64_t n, int64_t m, int dtype);

#endif
