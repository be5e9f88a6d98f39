/* The passes of lbfgs.c over the stored pairs, for one dtype; see real.h.
 *
 * Rows are taken four at a time and columns in blocks, so that a block of the vectors
 * stays in the first-level cache while the rows stream by. */

enum { NAMED(BLOCK) = 1024 };

static inline int64_t NAMED(block_end)(int64_t start, int64_t n)
{
    return start + NAMED(BLOCK) < n ? start + NAMED(BLOCK) : n;
}

/* out[j] += row_j . v over one block, for `rows` rows of stride ld. */
OPTLAB_CLONES
static void NAMED(block_dots)(int64_t len, int64_t ld, int64_t rows, const REAL *M,
                              const REAL *v, double *out)
{
    int64_t j = 0;
    for (; j + 4 <= rows; j += 4) {
        const REAL *r0 = M + j * ld, *r1 = r0 + ld, *r2 = r1 + ld, *r3 = r2 + ld;
        double t0 = 0.0, t1 = 0.0, t2 = 0.0, t3 = 0.0;
#pragma omp simd reduction(+ : t0, t1, t2, t3)
        for (int64_t i = 0; i < len; i++) {
            double vi = v[i];
            t0 += r0[i] * vi;
            t1 += r1[i] * vi;
            t2 += r2[i] * vi;
            t3 += r3[i] * vi;
        }
        out[j] += t0;
        out[j + 1] += t1;
        out[j + 2] += t2;
        out[j + 3] += t3;
    }
    for (; j < rows; j++) {
        const REAL *r = M + j * ld;
        double t = 0.0;
#pragma omp simd reduction(+ : t)
        for (int64_t i = 0; i < len; i++)
            t += (double)r[i] * v[i];
        out[j] += t;
    }
}

/* The same for two vectors at once. */
OPTLAB_CLONES
static void NAMED(block_dots2)(int64_t len, int64_t ld, int64_t rows, const REAL *M,
                               const REAL *v, const REAL *w, double *out_v, double *out_w)
{
    int64_t j = 0;
    for (; j + 2 <= rows; j += 2) {
        const REAL *r0 = M + j * ld, *r1 = r0 + ld;
        double t0 = 0.0, t1 = 0.0, u0 = 0.0, u1 = 0.0;
#pragma omp simd reduction(+ : t0, t1, u0, u1)
        for (int64_t i = 0; i < len; i++) {
            double vi = v[i], wi = w[i];
            t0 += r0[i] * vi;
            t1 += r1[i] * vi;
            u0 += r0[i] * wi;
            u1 += r1[i] * wi;
        }
        out_v[j] += t0;
        out_v[j + 1] += t1;
        out_w[j] += u0;
        out_w[j + 1] += u1;
    }
    if (j < rows) {
        NAMED(block_dots)(len, ld, 1, M + j * ld, v, out_v + j);
        NAMED(block_dots)(len, ld, 1, M + j * ld, w, out_w + j);
    }
}

/* out += sum_j coef[j] row_j over one block. */
OPTLAB_CLONES
static void NAMED(block_combine)(int64_t len, int64_t ld, int64_t rows, const REAL *M,
                                 const double *coef, REAL *restrict out)
{
    int64_t j = 0;
    for (; j + 4 <= rows; j += 4) {
        const REAL *r0 = M + j * ld, *r1 = r0 + ld, *r2 = r1 + ld, *r3 = r2 + ld;
        REAL c0 = (REAL)coef[j], c1 = (REAL)coef[j + 1];
        REAL c2 = (REAL)coef[j + 2], c3 = (REAL)coef[j + 3];
#pragma omp simd
        for (int64_t i = 0; i < len; i++)
            out[i] += (c0 * r0[i] + c1 * r1[i]) + (c2 * r2[i] + c3 * r3[i]);
    }
    for (; j < rows; j++) {
        const REAL *r = M + j * ld;
        REAL c = (REAL)coef[j];
#pragma omp simd
        for (int64_t i = 0; i < len; i++)
            out[i] += c * r[i];
    }
}

OPTLAB_CLONES
static void NAMED(block_scale)(int64_t len, double a, const REAL *v, REAL *out)
{
    REAL factor = (REAL)a;
#pragma omp simd
    for (int64_t i = 0; i < len; i++)
        out[i] = factor * v[i];
}

/* out_v = S v and, where w is given, out_w = S w. */
static void NAMED(rows_dot)(int64_t n, int64_t ld, int64_t rows, const void *pS,
                            const void *pv, const void *pw, double *out_v, double *out_w)
{
    const REAL *S = pS, *v = pv, *w = pw;
    memset(out_v, 0, rows * sizeof *out_v);
    if (w)
        memset(out_w, 0, rows * sizeof *out_w);
    for (int64_t start = 0; start < n; start += NAMED(BLOCK)) {
        int64_t len = NAMED(block_end)(start, n) - start;
        if (w)
            NAMED(block_dots2)(len, ld, rows, S + start, v + start, w + start, out_v, out_w);
        else
            NAMED(block_dots)(len, ld, rows, S + start, v + start, out_v);
    }
}

/* r = gamma (v + sum_j coef[j] y_j) and out = Y r. Both in one pass over Y. */
static void NAMED(rows_reduce)(int64_t n, int64_t ld, int64_t rows, const void *pY,
                               const void *pv, double gamma, double *coef, void *pr,
                               double *out)
{
    const REAL *Y = pY, *v = pv;
    REAL *r = pr;
    memset(out, 0, rows * sizeof *out);
    for (int64_t j = 0; j < rows; j++)
        coef[j] *= gamma;
    for (int64_t start = 0; start < n; start += NAMED(BLOCK)) {
        int64_t len = NAMED(block_end)(start, n) - start;
        NAMED(block_scale)(len, gamma, v + start, r + start);
        NAMED(block_combine)(len, ld, rows, Y + start, coef, r + start);
        NAMED(block_dots)(len, ld, rows, Y + start, r + start, out);
    }
}

/* out += sum_j coef[j] row_j */
static void NAMED(rows_add)(int64_t n, int64_t ld, int64_t rows, const void *pM,
                            const double *coef, void *pout)
{
    const REAL *M = pM;
    REAL *out = pout;
    for (int64_t start = 0; start < n; start += NAMED(BLOCK)) {
        int64_t len = NAMED(block_end)(start, n) - start;
        NAMED(block_combine)(len, ld, rows, M + start, coef, out + start);
    }
}

/* r += sum_j coef[j] s_j, then r *= sign; returns r'r and v'r. */
static void NAMED(rows_expand)(int64_t n, int64_t ld, int64_t rows, const void *pS,
                               const double *coef, double sign, void *pr, const void *pv,
                               double *rr, double *vr)
{
    const REAL *S = pS, *v = pv;
    REAL *r = pr;
    *rr = *vr = 0.0;
    for (int64_t start = 0; start < n; start += NAMED(BLOCK)) {
        int64_t len = NAMED(block_end)(start, n) - start;
        NAMED(block_combine)(len, ld, rows, S + start, coef, r + start);
        if (sign != 1.0)
            NAMED(block_scale)(len, sign, r + start, r + start);
        NAMED(block_dots)(len, 0, 1, r + start, r + start, rr);
        NAMED(block_dots)(len, 0, 1, r + start, v + start, vr);
    }
}
