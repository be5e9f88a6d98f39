/* The convex quadratic f(x) = 1/2 (x - c)^T A (x - c) with A = Q D Q.
 *
 * D is diagonal and holds the eigenvalues; Q = I - 2 u u^T, with ||u|| = 1, is a
 * Householder reflection: dense, symmetric and orthogonal, so that a product with A
 * costs O(n). */
#ifndef OPTLAB_OBJECTIVES_QUADRATIC_H
#define OPTLAB_OBJECTIVES_QUADRATIC_H

#include "abi.h"

typedef struct quadratic {
    int64_t n;
    const void *d, *u, *c; /* n numbers each, of the objective's dtype */
} quadratic;

/* Describes the objective of a quadratic that the caller owns. Evaluations change
 * nothing but their answers: any number of threads may evaluate one quadratic. */
void quadratic_init(optlab_objective *objective, quadratic *model, int dtype);

#endif
