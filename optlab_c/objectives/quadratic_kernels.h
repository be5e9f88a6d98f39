/* The loops of quadratic.c for one dtype; see real.h for how this file is included. */

/* out = Q D Q y for y = x - c, or y = x without a centre; returns y^T out. Each
 * reflection needs an inner product first, hence three passes; two if out is NULL. */
OPTLAB_INLINE double NAMED(product)(int64_t n, const REAL *d, const REAL *u,
                                    const REAL *c, const REAL *x, REAL *out)
{
    double along = 0, next = 0, square = 0;
#pragma omp simd reduction(+ : along)
    for (int64_t i = 0; i < n; i++)
        along += u[i] * (c ? (double)x[i] - c[i] : (double)x[i]);
#pragma omp simd reduction(+ : next, square)
    for (int64_t i = 0; i < n; i++) {
        double y = c ? (double)x[i] - c[i] : (double)x[i];
        y -= 2 * along * u[i];
        double w = d[i] * y;
        square += w * y;
        next += w * u[i];
        if (out)
            out[i] = (REAL)w;
    }
    if (out)
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            out[i] = (REAL)(out[i] - 2 * next * u[i]);
    return square;
}

OPTLAB_CLONES
static double NAMED(value)(int64_t n, const REAL *d, const REAL *u, const REAL *c,
                           const REAL *x)
{
    return NAMED(product)(n, d, u, c, x, NULL) / 2;
}

OPTLAB_CLONES
static double NAMED(value_and_gradient)(int64_t n, const REAL *d, const REAL *u,
                                        const REAL *c, const REAL *x, REAL *g)
{
    return NAMED(product)(n, d, u, c, x, g) / 2;
}

OPTLAB_CLONES
static void NAMED(hessian_product)(int64_t n, const REAL *d, const REAL *u,
                                   const REAL *v, REAL *hv)
{
    NAMED(product)(n, d, u, NULL, v, hv);
}

/* A_ij = d_i [i = j] - 2 u_i u_j (d_i + d_j - 2 u^T D u) */
static void NAMED(hessian)(int64_t n, const REAL *d, const REAL *u, REAL *h)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++)
        s += (double)d[i] * u[i] * u[i];
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double uu = (double)u[i] * u[j], dd = (double)d[i] + d[j];
            h[i * n + j] = (REAL)((i == j ? d[i] : 0) - 2 * uu * (dd - 2 * s));
        }
}

static int NAMED(eval)(void *ctx, int want, optlab_point *point)
{
    const quadratic *q = ctx;
    const REAL *d = q->d, *u = q->u, *c = q->c;
    if (want & OPTLAB_G) {
        double f = NAMED(value_and_gradient)(q->n, d, u, c, point->x, point->g);
        if (want & OPTLAB_F)
            point->f = f;
    } else if (want & OPTLAB_F) {
        point->f = NAMED(value)(q->n, d, u, c, point->x);
    }
    if (want & OPTLAB_HV)
        NAMED(hessian_product)(q->n, d, u, point->v, point->hv);
    if (want & OPTLAB_H)
        NAMED(hessian)(q->n, d, u, point->h);
    return 0;
}
