/* The pass of bfgs.c over both triangles, for one dtype; see real.h. */

/* In one pass: A -= s p' + p s', C -= s q' + q s' (where `pending`), uA = A v, uC = C v.
 * Row i of a packed lower triangle starts at i (i + 1) / 2. */
OPTLAB_CLONES
static void NAMED(triangles)(int64_t n, void *pA, void *pC, const void *ps, const void *pp,
                             const void *pq, int pending, const void *pv, void *puA,
                             void *puC)
{
    const REAL *s = ps, *p = pp, *q = pq, *v = pv;
    REAL *A = pA, *C = pC;
    REAL *restrict uA = puA, *restrict uC = puC;
    for (int64_t i = 0; i < n; i++) {
        REAL *restrict a = A + i * (i + 1) / 2, *restrict c = C + i * (i + 1) / 2;
        REAL vi = v[i];
        REAL ta = 0, tc = 0;
        if (pending) {
            REAL si = s[i], pi = p[i], qi = q[i];
#pragma omp simd reduction(+ : ta, tc)
            for (int64_t j = 0; j < i; j++) {
                REAL aj = a[j] - (si * p[j] + pi * s[j]);
                REAL cj = c[j] - (si * q[j] + qi * s[j]);
                a[j] = aj;
                c[j] = cj;
                ta += aj * v[j];
                tc += cj * v[j];
                uA[j] += aj * vi;
                uC[j] += cj * vi;
            }
            a[i] -= 2 * si * pi;
            c[i] -= 2 * si * qi;
        } else {
#pragma omp simd reduction(+ : ta, tc)
            for (int64_t j = 0; j < i; j++) {
                ta += a[j] * v[j];
                tc += c[j] * v[j];
                uA[j] += a[j] * vi;
                uC[j] += c[j] * vi;
            }
        }
        uA[i] = ta + a[i] * vi;
        uC[i] = tc + c[i] * vi;
    }
}

/* p = rho M y - shift s with M y = u - Mg, and the new M g1 from u = M g1. */
OPTLAB_CLONES
static void NAMED(rank_two)(int64_t n, double rho, double shift, double gs, double gMy,
                            const REAL *s, const REAL *u, REAL *restrict Mg,
                            REAL *restrict p)
{
    double gp = rho * gMy - shift * gs;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        double pi = rho * ((double)u[i] - Mg[i]) - shift * s[i];
        p[i] = (REAL)pi;
        Mg[i] = (REAL)(u[i] - s[i] * gp - pi * gs);
    }
}

/* From the pair (s, y) and uA = A g1, uC = C g1: the vectors p and q of the update, and
 * A g1 and C g1 after it. */
OPTLAB_CLONES
static void NAMED(secant_update)(int64_t n, double rho, const void *pg1, const void *ps,
                                 const void *py, const void *puA, const void *puC, void *pAg,
                                 void *pCg, void *pp, void *pq)
{
    const REAL *g1 = pg1, *s = ps, *y = py, *uA = puA, *uC = puC, *Ag = pAg, *Cg = pCg;
    double yAy = 0.0, yCy = 0.0, gAy = 0.0, gCy = 0.0, gs = 0.0;
#pragma omp simd reduction(+ : yAy, yCy, gAy, gCy, gs)
    for (int64_t i = 0; i < n; i++) {
        double Ay = (double)uA[i] - Ag[i], Cy = (double)uC[i] - Cg[i];
        yAy += Ay * y[i];
        yCy += Cy * y[i];
        gAy += Ay * g1[i];
        gCy += Cy * g1[i];
        gs += (double)g1[i] * s[i];
    }
    NAMED(rank_two)(n, rho, 0.5 * rho * rho * yAy, gs, gAy, s, uA, pAg, pp);
    NAMED(rank_two)(n, rho, 0.5 * (rho * rho * yCy + rho), gs, gCy, s, uC, pCg, pq);
}

/* d = sign (gamma Ag + Cg); returns g'd. */
OPTLAB_CLONES
static double NAMED(combine)(int64_t n, double gamma, const void *pAg, const void *pCg,
                             const void *pg, void *pd, double sign)
{
    const REAL *Ag = pAg, *Cg = pCg, *g = pg;
    REAL *restrict d = pd;
    double slope = 0.0;
#pragma omp simd reduction(+ : slope)
    for (int64_t i = 0; i < n; i++) {
        double di = sign * (gamma * Ag[i] + Cg[i]);
        d[i] = (REAL)di;
        slope += di * g[i];
    }
    return slope;
}

static void NAMED(fill)(int64_t n, void *pA, void *pC, const double *H0)
{
    REAL *A = pA, *C = pC;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < i; j++) {
            *A++ = 0;
            *C++ = H0 ? (REAL)H0[i * n + j] : 0;
        }
        *A++ = H0 ? 0 : 1;
        *C++ = H0 ? (REAL)H0[i * n + i] : 0;
    }
}

static void NAMED(unpack)(int64_t n, double gamma, const void *pA, const void *pC, double *H)
{
    const REAL *A = pA, *C = pC;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++)
            H[i * n + j] = H[j * n + i] = gamma * *A++ + *C++;
}
