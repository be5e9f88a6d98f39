/* Vectors: a pointer with a dtype tag. Everything that touches all n components of a
 * vector goes through here or through the kernels of a direction.
 *
 * float32 vectors accumulate in double; scalars are always double. */
#ifndef OPTLAB_VEC_H
#define OPTLAB_VEC_H

#include <stddef.h>
#include <stdint.h>

#include "abi.h"

static inline size_t vec_bytes(int dtype, int64_t n)
{
    return (size_t)n * (dtype == OPTLAB_FLOAT32 ? sizeof(float) : sizeof(double));
}

/* The unit roundoff's double, 2**-52 or 2**-23. */
double vec_eps(int dtype);

double vec_dot(int dtype, int64_t n, const void *x, const void *y);

/* Order p as numpy.linalg.norm: inf, -inf, 0, or any other p; p = 2 does not overflow. */
double vec_norm(int dtype, int64_t n, const void *x, double p);

int vec_all_finite(int dtype, int64_t n, const void *x);

/* out = x + alpha d; returns 0 where out is x, -1 where a component is not finite, else
 * 1. */
int vec_step(int dtype, int64_t n, const void *x, double alpha, const void *d, void *out);

/* out = a x */
void vec_scale(int dtype, int64_t n, double a, const void *x, void *out);

typedef struct pair_products {
    double ss, sy, yy;
} pair_products;

/* s = x1 - x0 and y = g1 - g0 + kappa s with their products; s and y may be NULL where
 * only the products are wanted. */
pair_products vec_pair(int dtype, int64_t n, const void *x1, const void *x0,
                       const void *g1, const void *g0, double kappa, void *s, void *y);

#endif
