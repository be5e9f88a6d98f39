/* The loops of vec.c for one dtype; see real.h for how this file is included. */

OPTLAB_CLONES
static double NAMED(dot)(int64_t n, const void *px, const void *py)
{
    const REAL *x = px, *y = py;
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * y[i];
    return sum;
}

OPTLAB_CLONES
static double NAMED(max_abs)(int64_t n, const void *px)
{
    const REAL *x = px;
    double largest = 0.0;
#pragma omp simd reduction(max : largest)
    for (int64_t i = 0; i < n; i++) {
        double a = fabs((double)x[i]);
        largest = a > largest ? a : largest;
    }
    return largest;
}

/* The p-norm of x / scale, before the root. */
static double NAMED(power_sum)(int64_t n, const void *px, double p, double scale)
{
    const REAL *x = px;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += p == 2.0 ? (x[i] / scale) * (x[i] / scale) : pow(fabs(x[i]) / scale, p);
    return sum;
}

static double NAMED(min_abs)(int64_t n, const void *px)
{
    const REAL *x = px;
    double smallest = INFINITY;
    for (int64_t i = 0; i < n; i++)
        smallest = fmin(smallest, fabs((double)x[i]));
    return smallest;
}

static double NAMED(count_nonzero)(int64_t n, const void *px)
{
    const REAL *x = px;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        count += x[i] != 0;
    return (double)count;
}

OPTLAB_CLONES
static int NAMED(all_finite)(int64_t n, const void *px)
{
    const REAL *x = px;
    int64_t bad = 0;
#pragma omp simd reduction(+ : bad)
    for (int64_t i = 0; i < n; i++)
        bad += !(fabs((double)x[i]) <= DBL_MAX); /* true for NaN and for inf */
    return bad == 0;
}

OPTLAB_CLONES
static int NAMED(step)(int64_t n, const void *px, double alpha, const void *pd, void *pout)
{
    const REAL *x = px, *d = pd;
    REAL *restrict out = pout;
    int64_t moved = 0, bad = 0;
#pragma omp simd reduction(+ : moved, bad)
    for (int64_t i = 0; i < n; i++) {
        REAL xi = (REAL)(x[i] + alpha * d[i]);
        out[i] = xi;
        moved += xi != x[i];
        bad += xi - xi != 0; /* inf or NaN */
    }
    return bad ? -1 : moved > 0;
}

OPTLAB_CLONES
static void NAMED(scale)(int64_t n, double a, const void *px, void *pout)
{
    const REAL *x = px;
    REAL *out = pout;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        out[i] = (REAL)(a * x[i]);
}

OPTLAB_CLONES
static pair_products NAMED(pair)(int64_t n, const void *px1, const void *px0,
                                 const void *pg1, const void *pg0, double kappa,
                                 void *ps, void *py)
{
    const REAL *x1 = px1, *x0 = px0, *g1 = pg1, *g0 = pg0;
    REAL *restrict s = ps, *restrict y = py;
    double ss = 0.0, sy = 0.0, yy = 0.0;
    if (s != NULL) {
#pragma omp simd reduction(+ : ss, sy, yy)
        for (int64_t i = 0; i < n; i++) {
            double si = (double)x1[i] - x0[i];
            double yi = (double)g1[i] - g0[i] + kappa * si;
            s[i] = (REAL)si;
            y[i] = (REAL)yi;
            ss += si * si;
            sy += si * yi;
            yy += yi * yi;
        }
    } else {
#pragma omp simd reduction(+ : ss, sy, yy)
        for (int64_t i = 0; i < n; i++) {
            double si = (double)x1[i] - x0[i];
            double yi = (double)g1[i] - g0[i] + kappa * si;
            ss += si * si;
            sy += si * yi;
            yy += yi * yi;
        }
    }
    return (pair_products){ss, sy, yy};
}
