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
    int64_t nans = 0;
#pragma omp simd reduction(max : largest) reduction(+ : nans)
    for (int64_t i = 0; i < n; i++) {
        double a = fabs((double)x[i]);
        largest = a > largest ? a : largest;
        nans += a != a; /* which the comparison above passes over */
    }
    return nans ? NAN : largest;
}

/* The p-norm of x / scale, before the root. */
static double NAMED(power_sum)(int64_t n, const void *px, double p, double scale)
{
    const REAL *x = px;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += p == 2.0   ? (x[i] / scale) * (x[i] / scale)
               : p == 1.0 ? fabs((double)x[i]) / scale
                          : pow(fabs(x[i]) / scale, p);
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
static int NAMED(step_within)(int64_t n, const void *px, double alpha, const void *pd,
                              const void *plb, const void *pub, void *pout)
{
    const REAL *x = px, *d = pd, *lb = plb, *ub = pub;
    REAL *restrict out = pout;
    const double near = 4.0 * (sizeof(REAL) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON);
    int64_t moved = 0, bad = 0;
#pragma omp simd reduction(+ : moved, bad)
    for (int64_t i = 0; i < n; i++) {
        double step = alpha * d[i], to = x[i] + step;
        double close = near * (fabs((double)x[i]) + fabs(to));
        REAL xi = (REAL)to;
        /* Written so that NaN stays NaN, and an infinite bound is never near. */
        xi = (step < 0) & (to - lb[i] <= close) ? lb[i] : xi;
        xi = (step > 0) & (ub[i] - to <= close) ? ub[i] : xi;
        out[i] = xi;
        moved += xi != x[i];
        bad += xi - xi != 0;
    }
    return bad ? -1 : moved > 0;
}

OPTLAB_CLONES
static double NAMED(longest_step)(int64_t n, const void *px, const void *pd,
                                  const void *plb, const void *pub)
{
    const REAL *x = px, *d = pd, *lb = plb, *ub = pub;
    double longest = INFINITY;
#pragma omp simd reduction(min : longest)
    for (int64_t i = 0; i < n; i++) {
        double bound = d[i] < 0 ? lb[i] : ub[i];
        double step = d[i] != 0 ? (bound - x[i]) / d[i] : INFINITY;
        longest = step < longest ? step : longest;
    }
    return longest;
}

OPTLAB_CLONES
static void NAMED(projected_step)(int64_t n, const void *px, const void *pg, double t,
                                  const void *plb, const void *pub, void *pout)
{
    const REAL *x = px, *g = pg, *lb = plb, *ub = pub;
    REAL *restrict out = pout;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        double step = -t * g[i];
        double low = (double)lb[i] - x[i], high = (double)ub[i] - x[i];
        step = step < low ? low : step;
        step = step > high ? high : step;
        out[i] = (REAL)step;
    }
}

static void NAMED(inner_descent)(int64_t n, const void *px, const void *pg,
                                 const void *plb, const void *pub, void *pout)
{
    const REAL *x = px, *g = pg, *lb = plb, *ub = pub;
    REAL *out = pout;
    for (int64_t i = 0; i < n; i++) {
        double xi = x[i], room = fmin(xi - lb[i], ub[i] - xi);
        double scale = fmin((double)ub[i] - lb[i], fmax(1.0, fabs(xi)));
        out[i] = room > 1e-3 * scale ? -g[i] : 0;
    }
}

static void NAMED(scatter)(int64_t n, void *pv)
{
    REAL *v = pv;
    for (int64_t i = 0; i < n; i++) { /* splitmix64 of i (Steele, Lea & Flood 2014) */
        uint64_t z = ((uint64_t)i + 1) * 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        v[i] = (REAL)((double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1.0);
    }
}

OPTLAB_CLONES
static double NAMED(combine)(int64_t n, double a, const void *px, double b, void *py)
{
    const REAL *x = px;
    REAL *restrict y = py;
    double square = 0.0;
#pragma omp simd reduction(+ : square)
    for (int64_t i = 0; i < n; i++) {
        double yi = a * x[i] + b * y[i];
        y[i] = (REAL)yi;
        square += yi * yi;
    }
    return square;
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
