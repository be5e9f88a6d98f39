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

/* The same, and no component leaves [lb, ub]: one that comes within rounding of a bound
 * is put onto it. */
int vec_step_within(int dtype, int64_t n, const void *x, double alpha, const void *d,
                    const void *lb, const void *ub, void *out);

/* Longest alpha with lb <= x + alpha d <= ub. */
double vec_longest_step(int dtype, int64_t n, const void *x, const void *d,
                        const void *lb, const void *ub);

/* out = P(x - t g) - x, with P the projection onto [lb, ub], without cancellation. */
void vec_projected_step(int dtype, int64_t n, const void *x, const void *g, double t,
                        const void *lb, const void *ub, void *out);

/* Fill v with numbers from [-1, 1] without a pattern, the same every time. */
void vec_scatter(int dtype, int64_t n, void *v);

/* out = -g where x is well within its bounds, else 0. */
void vec_inner_descent(int dtype, int64_t n, const void *x, const void *g,
                       const void *lb, const void *ub, void *out);

/* One number of a vector. */
static inline double vec_get(int dtype, const void *v, int64_t i)
{
    return dtype == OPTLAB_FLOAT32 ? ((const float *)v)[i] : ((const double *)v)[i];
}

static inline void vec_put(int dtype, void *v, int64_t i, double value)
{
    if (dtype == OPTLAB_FLOAT32)
        ((float *)v)[i] = (float)value;
    else
        ((double *)v)[i] = value;
}

/* out = a x */
void vec_scale(int dtype, int64_t n, double a, const void *x, void *out);

/* y = a x + b y; returns y'y. */
double vec_combine(int dtype, int64_t n, double a, const void *x, double b, void *y);

typedef struct pair_products {
    double ss, sy, yy;
} pair_products;

/* s = x1 - x0 and y = g1 - g0 + kappa s with their products; s and y may be NULL where
 * only the products are wanted. */
pair_products vec_pair(int dtype, int64_t n, const void *x1, const void *x0,
                       const void *g1, const void *g0, double kappa, void *s, void *y);

#endif
