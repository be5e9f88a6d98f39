/* The passes of bfgs.c over both triangles, for one dtype; see real.h.
 *
 * The triangles are stored in tiles of TILE columns: block b holds the TILE rows from
 * TILE b on, each with its TILE (b + 1) columns up to and including the diagonal tile,
 * which is kept whole. So every loop runs over full vectors, the diagonal is no special
 * case, and the vectors of a pass are padded to whole tiles with zeros. */

static inline int64_t NAMED(block_start)(int64_t k)
{
    int64_t b = k / TILE;
    return TILE * TILE * b * (b + 1) / 2;
}

/* Left of the diagonal tile, four rows of both matrices at a time: the rows' products
 * with v, and what the rows, as columns, add to u. */
OPTLAB_CLONES
static void NAMED(four_rows)(int64_t columns, int64_t width, const REAL *a, const REAL *c,
                             const REAL *v, const REAL *v_rows, REAL *restrict uA,
                             REAL *restrict uC, REAL *sum_a, REAL *sum_c)
{
    const REAL *a1 = a + width, *a2 = a1 + width, *a3 = a2 + width;
    const REAL *c1 = c + width, *c2 = c1 + width, *c3 = c2 + width;
    REAL v0 = v_rows[0], v1 = v_rows[1], v2 = v_rows[2], v3 = v_rows[3];
    REAL s0 = 0, s1 = 0, s2 = 0, s3 = 0, t0 = 0, t1 = 0, t2 = 0, t3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3, t0, t1, t2, t3)
    for (int64_t j = 0; j < columns; j++) {
        REAL vj = v[j];
        s0 += a[j] * vj;
        s1 += a1[j] * vj;
        s2 += a2[j] * vj;
        s3 += a3[j] * vj;
        t0 += c[j] * vj;
        t1 += c1[j] * vj;
        t2 += c2[j] * vj;
        t3 += c3[j] * vj;
        uA[j] += (a[j] * v0 + a1[j] * v1) + (a2[j] * v2 + a3[j] * v3);
        uC[j] += (c[j] * v0 + c1[j] * v1) + (c2[j] * v2 + c3[j] * v3);
    }
    sum_a[0] = s0, sum_a[1] = s1, sum_a[2] = s2, sum_a[3] = s3;
    sum_c[0] = t0, sum_c[1] = t1, sum_c[2] = t2, sum_c[3] = t3;
}

/* u = M v for the diagonal tile M of one matrix, which is symmetric and has `rows` rows
 * that are not padding. */
OPTLAB_CLONES
static void NAMED(diagonal_tile)(int64_t rows, int64_t width, const REAL *m, const REAL *v,
                                 REAL *restrict u)
{
    REAL sum[TILE] = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int j = 0; j < TILE; j++)
            sum[j] += m[i * width + j] * v[i];
    for (int j = 0; j < TILE; j++)
        u[j] = sum[j];
}

/* uA = A v and uC = C v in one pass. */
static void NAMED(products)(int64_t n, const void *pA, const void *pC, const void *pv,
                            void *puA, void *puC)
{
    const REAL *A = pA, *C = pC, *v = pv;
    REAL *uA = puA, *uC = puC;
    for (int64_t k = 0; k < n; k += TILE) {
        int64_t width = k + TILE, rows = n - k < TILE ? n - k : TILE;
        const REAL *a = A + NAMED(block_start)(k), *c = C + NAMED(block_start)(k);
        NAMED(diagonal_tile)(rows, width, a + k, v + k, uA + k);
        NAMED(diagonal_tile)(rows, width, c + k, v + k, uC + k);
        for (int r = 0; r < TILE && k > 0; r += 4) {
            REAL sum_a[4], sum_c[4];
            NAMED(four_rows)(k, width, a + r * width, c + r * width, v, v + k + r, uA, uC,
                             sum_a, sum_c);
            for (int i = 0; i < 4; i++) {
                uA[k + r + i] += sum_a[i];
                uC[k + r + i] += sum_c[i];
            }
        }
    }
}

/* What the waiting updates take from A v and C v. Rows of s, p and q have stride ld. */
OPTLAB_CLONES
static void NAMED(correct)(int64_t n, int64_t ld, int waiting, const void *ps,
                           const void *pp, const void *pq, const void *pv, void *puA,
                           void *puC)
{
    const REAL *s = ps, *p = pp, *q = pq, *v = pv;
    REAL *restrict uA = puA, *restrict uC = puC;
    for (int k = 0; k < waiting; k++, s += ld, p += ld, q += ld) {
        double sv = 0.0, pv_ = 0.0, qv = 0.0;
#pragma omp simd reduction(+ : sv, pv_, qv)
        for (int64_t j = 0; j < n; j++) {
            sv += (double)s[j] * v[j];
            pv_ += (double)p[j] * v[j];
            qv += (double)q[j] * v[j];
        }
#pragma omp simd
        for (int64_t j = 0; j < n; j++) {
            uA[j] -= (REAL)(s[j] * pv_ + p[j] * sv);
            uC[j] -= (REAL)(s[j] * qv + q[j] * sv);
        }
    }
}

/* row -= sum_k s_k[i] p_k' + p_k[i] s_k' for the WAITING updates. */
OPTLAB_CLONES
static void NAMED(update_row)(int64_t columns, int64_t ld, int64_t i, const REAL *s,
                              const REAL *p, REAL *restrict row)
{
    const REAL *s1 = s + ld, *s2 = s1 + ld, *s3 = s2 + ld;
    const REAL *p1 = p + ld, *p2 = p1 + ld, *p3 = p2 + ld;
    REAL si = s[i], si1 = s1[i], si2 = s2[i], si3 = s3[i];
    REAL pi = p[i], pi1 = p1[i], pi2 = p2[i], pi3 = p3[i];
#pragma omp simd
    for (int64_t j = 0; j < columns; j++)
        row[j] -= ((si * p[j] + pi * s[j]) + (si1 * p1[j] + pi1 * s1[j])) +
                  ((si2 * p2[j] + pi2 * s2[j]) + (si3 * p3[j] + pi3 * s3[j]));
}

static void NAMED(update)(int64_t n, int64_t ld, void *pA, void *pC, const void *s,
                          const void *p, const void *q)
{
    REAL *A = pA, *C = pC;
    for (int64_t i = 0; i < n; i++) {
        int64_t k = i / TILE * TILE, width = k + TILE;
        int64_t start = NAMED(block_start)(k) + (i - k) * width;
        NAMED(update_row)(width, ld, i, s, p, A + start);
        NAMED(update_row)(width, ld, i, s, q, C + start);
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
    NAMED(rank_two)(n, rho, 0.5 * rho * (rho * yAy), gs, gAy, s, uA, pAg, pp);
    NAMED(rank_two)(n, rho, 0.5 * (rho * (rho * yCy) + rho), gs, gCy, s, uC, pCg, pq);
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

/* A = I and C = 0, or A = 0 and C = H0. */
static void NAMED(fill)(int64_t n, size_t bytes, void *pA, void *pC, const double *H0)
{
    REAL *A = pA, *C = pC;
    memset(A, 0, bytes);
    memset(C, 0, bytes);
    for (int64_t i = 0; i < n; i++) {
        int64_t k = i / TILE * TILE, width = k + TILE;
        int64_t row = NAMED(block_start)(k) + (i - k) * width;
        if (H0 == NULL)
            A[row + i] = 1;
        else
            for (int64_t j = 0; j < n && j < width; j++)
                C[row + j] = (REAL)H0[i * n + j];
    }
}

/* H = gamma A + C, whole; by tiles, so that the mirrored writes stay in cache. */
static void NAMED(unpack)(int64_t n, double gamma, const void *pA, const void *pC, double *H)
{
    const REAL *A = pA, *C = pC;
    for (int64_t k = 0; k < n; k += TILE) {
        int64_t width = k + TILE, start = NAMED(block_start)(k);
        for (int64_t left = 0; left <= k; left += TILE)
            for (int64_t i = k; i < n && i < width; i++)
                for (int64_t j = left; j < n && j < left + TILE; j++) {
                    int64_t at = start + (i - k) * width + j;
                    H[i * n + j] = H[j * n + i] = gamma * A[at] + C[at];
                }
    }
}
