#include "vec.h"

#include <float.h>
#include <math.h>

#include "real.h"

#define REAL double
#define NAMED(name) name##_f64
#include "vec_kernels.h"
#undef REAL
#undef NAMED

#define REAL float
#define NAMED(name) name##_f32
#include "vec_kernels.h"
#undef REAL
#undef NAMED

double vec_eps(int dtype)
{
    return dtype == OPTLAB_FLOAT32 ? FLT_EPSILON : DBL_EPSILON;
}

double vec_dot(int dtype, int64_t n, const void *x, const void *y)
{
    return DISPATCH(dtype, dot, n, x, y);
}

static double norm2(int dtype, int64_t n, const void *x)
{
    double square = DISPATCH(dtype, dot, n, x, x);
    if (square > 1e-280 && square < 1e280)
        return sqrt(square);
    double scale = DISPATCH(dtype, max_abs, n, x); /* squares that over- or underflow */
    if (scale == 0.0 || !isfinite(scale))
        return scale;
    return scale * sqrt(DISPATCH(dtype, power_sum, n, x, 2.0, scale));
}

double vec_norm(int dtype, int64_t n, const void *x, double p)
{
    if (p == INFINITY)
        return DISPATCH(dtype, max_abs, n, x);
    if (p == 2.0)
        return norm2(dtype, n, x);
    if (p == -INFINITY)
        return DISPATCH(dtype, min_abs, n, x);
    if (p == 0.0)
        return DISPATCH(dtype, count_nonzero, n, x);
    return pow(DISPATCH(dtype, power_sum, n, x, p, 1.0), 1.0 / p);
}

int vec_all_finite(int dtype, int64_t n, const void *x)
{
    return DISPATCH(dtype, all_finite, n, x);
}

int vec_step(int dtype, int64_t n, const void *x, double alpha, const void *d, void *out)
{
    return DISPATCH(dtype, step, n, x, alpha, d, out);
}

int vec_step_within(int dtype, int64_t n, const void *x, double alpha, const void *d,
                    const void *lb, const void *ub, void *out)
{
    return DISPATCH(dtype, step_within, n, x, alpha, d, lb, ub, out);
}

double vec_longest_step(int dtype, int64_t n, const void *x, const void *d,
                        const void *lb, const void *ub)
{
    return DISPATCH(dtype, longest_step, n, x, d, lb, ub);
}

void vec_projected_step(int dtype, int64_t n, const void *x, const void *g, double t,
                        const void *lb, const void *ub, void *out)
{
    DISPATCH(dtype, projected_step, n, x, g, t, lb, ub, out);
}

void vec_inner_descent(int dtype, int64_t n, const void *x, const void *g,
                       const void *lb, const void *ub, void *out)
{
    DISPATCH(dtype, inner_descent, n, x, g, lb, ub, out);
}

void vec_scatter(int dtype, int64_t n, void *v)
{
    DISPATCH(dtype, scatter, n, v);
}

double vec_combine(int dtype, int64_t n, double a, const void *x, double b, void *y)
{
    return DISPATCH(dtype, combine, n, a, x, b, y);
}

void vec_scale(int dtype, int64_t n, double a, const void *x, void *out)
{
    DISPATCH(dtype, scale, n, a, x, out);
}

pair_products vec_pair(int dtype, int64_t n, const void *x1, const void *x0,
                       const void *g1, const void *g0, double kappa, void *s, void *y)
{
    return DISPATCH(dtype, pair, n, x1, x0, g1, g0, kappa, s, y);
}
