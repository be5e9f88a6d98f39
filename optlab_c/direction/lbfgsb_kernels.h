/* The loops of lbfgsb.c over the variables, for one dtype; see real.h. */

/* The projected path P(x + t d), d = -a g: its breakpoints (infinite where a variable is
 * never stopped), d as far as they are not zero, and where they are: `at` = 1. Returns
 * d'd. */
OPTLAB_CLONES
static double NAMED(path)(int64_t n, const void *px, const void *pg, double a,
                          const void *plb,
                          const void *pub, double *breaks, void *pd, void *pat,
                          double *first)
{
    const REAL *x = px, *g = pg, *lb = plb, *ub = pub;
    REAL *restrict d = pd, *restrict at = pat;
    double dd = 0.0, least = INFINITY;
#pragma omp simd reduction(+ : dd) reduction(min : least)
    for (int64_t i = 0; i < n; i++) {
        double bound = g[i] > 0 ? lb[i] : ub[i];
        /* Where g is zero, a variable at any bound is taken as held by it. */
        int held = (x[i] == bound) | ((g[i] == 0) & (x[i] == lb[i]));
        double t = g[i] != 0 ? ((double)x[i] - bound) / (a * g[i]) : INFINITY;
        t = t > DBL_MIN ? t : DBL_MIN; /* only what is held has no way to go */
        breaks[i] = held ? 0.0 : t;
        at[i] = held ? 1 : 0;
        d[i] = held ? 0 : (REAL)(-a * g[i]);
        dd += (double)d[i] * d[i];
        least = !held & (t < least) ? t : least;
    }
    *first = least;
    return dd;
}

/* Variable b comes to its bound: z_b, d_b = 0 and `at`. Returns d_b, and its gradient. */
static double NAMED(stop_at_bound)(int64_t b, const void *px, const void *pg,
                                   const void *plb, const void *pub, void *pz, void *pd,
                                   void *pat, double *gradient)
{
    const REAL *x = px, *g = pg, *lb = plb, *ub = pub;
    double db = ((REAL *)pd)[b];
    ((REAL *)pz)[b] = (g[b] > 0 ? lb[b] : ub[b]) - x[b];
    ((REAL *)pd)[b] = 0;
    ((REAL *)pat)[b] = 1;
    *gradient = g[b];
    return db;
}

/* w = row i of W = [Y, theta S], pairs in time order. */
static void NAMED(row_of_W)(int64_t i, int64_t ld, int64_t pairs, const int64_t *order,
                            const void *pS, const void *pY, double theta, double *w)
{
    const REAL *S = pS, *Y = pY;
    for (int64_t k = 0; k < pairs; k++) {
        w[k] = Y[order[k] * ld + i];
        w[pairs + k] = theta * S[order[k] * ld + i];
    }
}

/* Variables that have become active, or free, leave their part of one sum of products for
 * that in the other; `at` becomes `now`. Returns how many are active. */
OPTLAB_CLONES
static int64_t NAMED(exchange)(int64_t n, int64_t ld, int64_t rows, int64_t max,
                               const void *pS, const void *pY, const void *pnow, void *pat,
                               double *restrict SSa, double *restrict YYf,
                               double *restrict Z, double *restrict s, double *restrict y)
{
    const REAL *S = pS, *Y = pY, *now = pnow;
    REAL *at = pat;
    int64_t active = 0;
    for (int64_t k = 0; k < n; k++) {
        active += now[k] != 0;
        if (now[k] == at[k])
            continue;
        double sign = now[k] - at[k];
        at[k] = now[k];
        for (int64_t j = 0; j < rows; j++) { /* column k of both */
            s[j] = S[j * ld + k];
            y[j] = Y[j * ld + k];
        }
        for (int64_t i = 0; i < rows; i++) {
            double si = sign * s[i], yi = sign * y[i];
#pragma omp simd
            for (int64_t j = 0; j < rows; j++) {
                SSa[i * max + j] += si * s[j];
                YYf[i * max + j] -= yi * y[j];
                Z[i * max + j] += si * y[j];
            }
        }
    }
    return active;
}

/* Products of two pairs, over all variables and over the active or free ones. */
OPTLAB_CLONES
static void NAMED(pair_products)(int64_t n, const REAL *s, const REAL *y, const REAL *s1,
                                 const REAL *y1, const REAL *at, double *out)
{
    double ss = 0, ssa = 0, yyf = 0, sy1a = 0, sy1f = 0, s1ya = 0, s1yf = 0;
#pragma omp simd reduction(+ : ss, ssa, yyf, sy1a, sy1f, s1ya, s1yf)
    for (int64_t i = 0; i < n; i++) {
        double a = at[i], f = 1.0 - a, si = s[i], yi = y[i];
        ss += si * s1[i];
        ssa += a * si * s1[i];
        yyf += f * yi * y1[i];
        sy1a += a * si * y1[i];
        sy1f += f * si * y1[i];
        s1ya += a * yi * s1[i];
        s1yf += f * yi * s1[i];
    }
    out[0] = ss;
    out[1] = ssa;
    out[2] = yyf;
    out[3] = sy1a;
    out[4] = sy1f;
    out[5] = s1ya;
    out[6] = s1yf;
}

/* The rows and columns of the newest pair in all products. */
static void NAMED(add_products)(int64_t n, int64_t ld, int64_t rows, int64_t max,
                                int64_t newest, const void *pS, const void *pY,
                                const void *pat, double *R, double *SS, double *SSa,
                                double *YYf, double *Z)
{
    const REAL *S = pS, *Y = pY, *at = pat;
    for (int64_t j = 0; j < rows; j++) {
        double out[7];
        NAMED(pair_products)
        (n, S + j * ld, Y + j * ld, S + newest * ld, Y + newest * ld, at, out);
        int64_t row = newest * max + j, column = j * max + newest;
        SS[row] = SS[column] = out[0];
        SSa[row] = SSa[column] = out[1];
        YYf[row] = YYf[column] = out[2];
        R[column] = out[5] + out[6];
        R[row] = out[3] + out[4];
        Z[row] = out[5];
        Z[column] = -out[4];
    }
}

/* r = -(g + theta z) on the free variables, else 0. */
OPTLAB_CLONES
static void NAMED(reduced_gradient)(int64_t n, const void *pg, const void *pz, double theta,
                                    const void *pat, void *pr)
{
    const REAL *g = pg, *z = pz, *at = pat;
    REAL *restrict r = pr;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        r[i] = at[i] != 0 ? 0 : (REAL)-(g[i] + theta * z[i]);
}

OPTLAB_CLONES
static void NAMED(keep_free)(int64_t n, const void *pat, void *pr)
{
    const REAL *at = pat;
    REAL *restrict r = pr;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        r[i] = at[i] != 0 ? 0 : r[i];
}

/* From the Cauchy step z and the subspace step r to a feasible one, in z: the projection
 * of z + r where it goes down, else as far along r as the box allows. */
OPTLAB_CLONES
static void NAMED(feasible)(int64_t n, const void *px, const void *pg, const void *plb,
                            const void *pub, const void *pr, void *pz)
{
    const REAL *x = px, *g = pg, *lb = plb, *ub = pub, *r = pr;
    REAL *restrict z = pz;
    double slope = 0.0, alpha = 1.0;
#pragma omp simd reduction(+ : slope) reduction(min : alpha)
    for (int64_t i = 0; i < n; i++) {
        double step = (double)z[i] + r[i], to = step;
        double low = (double)lb[i] - x[i], high = (double)ub[i] - x[i];
        to = to < low ? low : to;
        to = to > high ? high : to;
        double share = to != step ? (to - z[i]) / r[i] : 1.0;
        alpha = share < alpha ? share : alpha; /* NaN, where r = 0, is not less */
        slope += to * g[i];
    }
    alpha = slope < 0.0 ? 1.0 : alpha > 0.0 ? alpha : 0.0;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        double step = z[i] + alpha * r[i];
        double low = (double)lb[i] - x[i], high = (double)ub[i] - x[i];
        step = step < low ? low : step;
        z[i] = (REAL)(step > high ? high : step);
    }
}
