/* Evaluation of a linear model for one dtype and one width of vectors.
 *
 * Included by targets.h.
 *
 * Rows are taken in blocks, small enough that data and scores stay in the caches: first
 * the scores z = W x, then the loss turns them into its slopes, then g += slopes times
 * data. Both products keep a tile of sums in registers, of up to TILE outputs, for
 * which 16 registers are enough. */

#define ROWS ((int)(LINEAR_PANEL / sizeof(REAL)))
#define TILE 5

#include "lanes_kernels.h"

/* z of 2 vectors of rows by C outputs. With few outputs, U columns at once keep as many
 * independent sums going. */
INLINE void NAMED(scores_tile)(int C, int U, const REAL *x, int64_t columns,
                                     const REAL *w, REAL *z, int64_t ldz)
{
    NAMED(lanes) sum[TILE][2][4] = {0};
    int64_t j = 0;
    for (; j + U <= columns; j += U)
        UNROLL for (int u = 0; u < U; u++) {
            NAMED(lanes) a = LOAD(x + (j + u) * ROWS);
            NAMED(lanes) b = LOAD(x + (j + u) * ROWS + LANES);
            UNROLL for (int c = 0; c < C; c++) {
                REAL s = w[c * columns + j + u];
                MULTIPLY_ADD_SCALAR(sum[c][0][u], a, s);
                MULTIPLY_ADD_SCALAR(sum[c][1][u], b, s);
            }
        }
    for (; j < columns; j++)
        UNROLL for (int c = 0; c < C; c++) {
            REAL s = w[c * columns + j];
            MULTIPLY_ADD_SCALAR(sum[c][0][0], LOAD(x + j * ROWS), s);
            MULTIPLY_ADD_SCALAR(sum[c][1][0], LOAD(x + j * ROWS + LANES), s);
        }
    UNROLL for (int c = 0; c < C; c++)
        UNROLL for (int t = 0; t < 2; t++) {
            UNROLL for (int u = 1; u < U; u++)
                MULTIPLY_ADD_SCALAR(sum[c][t][0], sum[c][t][u], 1);
            STORE(z + c * ldz + t * LANES, sum[c][t][0]);
        }
}

/* The outputs are shared out evenly among the tiles. */
INLINE int NAMED(tile_size)(int64_t outputs, int64_t done)
{
    int64_t left = outputs - done, tiles = (left + TILE - 1) / TILE;
    return (int)((left + tiles - 1) / tiles);
}

/* Scores of `panels` panels: z[k * ldz + row]. */
TARGET static void NAMED(scores)(const linear_model *m, const REAL *x, int64_t panels,
                                const REAL *w, REAL *z, int64_t ldz)
{
    int64_t columns = m->columns;
    for (int64_t p = 0; p < panels; p++, x += columns * ROWS, z += ROWS)
        for (int64_t k = 0, c; k < m->outputs; k += c) {
            c = NAMED(tile_size)(m->outputs, k);
            for (int part = 0; part < ROWS; part += 2 * LANES) {
                const REAL *at = x + part, *wk = w + k * columns;
                REAL *zk = z + k * ldz + part;
#define CASE(C, U) \
    case C: NAMED(scores_tile)(C, U, at, columns, wk, zk, ldz); break
                switch (c) {
                    CASE(1, 4);
                    CASE(2, 2);
                    CASE(3, 1);
                    CASE(4, 1);
                    CASE(5, 1);
#undef CASE
                }
            }
        }
}

/* g of C outputs by U columns += slopes z times data, over the rows of the block. */
INLINE void NAMED(gradient_tile)(int C, int U, const REAL *x, int64_t columns,
                                       const REAL *z, int64_t ldz, int64_t panels,
                                       REAL *g)
{
    NAMED(lanes) sum[TILE][8] = {0};
    for (int64_t p = 0; p < panels; p++, x += columns * ROWS, z += ROWS)
        for (int part = 0; part < ROWS; part += LANES) {
            NAMED(lanes) a[8];
            UNROLL for (int u = 0; u < U; u++)
                a[u] = LOAD(x + u * ROWS + part);
            UNROLL for (int c = 0; c < C; c++) {
                NAMED(lanes) s = LOAD(z + c * ldz + part);
                UNROLL for (int u = 0; u < U; u++)
                    MULTIPLY_ADD(sum[c][u], a[u], s);
            }
        }
    UNROLL for (int c = 0; c < C; c++)
        UNROLL for (int u = 0; u < U; u++) {
            g[c * columns + u] += NAMED(total)(sum[c][u]);
        }
}

/* Tiles of U columns, then single columns. */
INLINE void NAMED(gradient_tiles)(int C, int U, const REAL *x, int64_t columns,
                                        const REAL *z, int64_t ldz, int64_t panels,
                                        REAL *g)
{
    int64_t j = 0;
    for (; j + U <= columns; j += U)
        NAMED(gradient_tile)(C, U, x + j * ROWS, columns, z, ldz, panels, g + j);
    for (; j < columns; j++)
        NAMED(gradient_tile)(C, 1, x + j * ROWS, columns, z, ldz, panels, g + j);
}

TARGET static void NAMED(gradient)(const linear_model *m, const REAL *x, int64_t panels,
                                  const REAL *z, int64_t ldz, REAL *g)
{
    int64_t n = m->columns;
    for (int64_t k = 0, c; k < m->outputs; k += c) {
        c = NAMED(tile_size)(m->outputs, k);
        const REAL *zk = z + k * ldz;
        REAL *gk = g + k * n;
#define CASE(C, U) \
    case C: NAMED(gradient_tiles)(C, U, x, n, zk, ldz, panels, gk); break
        switch (c) {
            CASE(1, 8);
            CASE(2, 4);
            CASE(3, 3);
            CASE(4, 2);
            CASE(5, 2);
#undef CASE
        }
    }
}

/* Each loss returns its sum over the rows and turns the scores z into slopes; or, if u
 * (the scores of the direction v) is given, it turns u into H u. */

TARGET static double NAMED(squared)(const REAL *y, int64_t rows, REAL *z, const REAL *u)
{
    double f = 0;
    if (u) /* the Hessian by z is 1 */
        return 0;
#pragma omp simd reduction(+ : f)
    for (int64_t i = 0; i < rows; i++) {
        z[i] -= y[i];
        f += (double)z[i] * z[i];
    }
    return f / 2;
}

TARGET static double NAMED(logistic)(const REAL *y, int64_t rows, REAL *z, REAL *u)
{
    double f = 0;
    if (u) {
#pragma omp simd
        for (int64_t i = 0; i < rows; i++) {
            REAL a = z[i] < 0 ? -z[i] : z[i];
            REAL t = MATH(exp)(-a), r = 1 / (1 + t);
            u[i] *= t * r * r;
        }
        return 0;
    }
#pragma omp simd reduction(+ : f)
    for (int64_t i = 0; i < rows; i++) {
        /* All from t = e^(-|margin|) <= 1: nothing overflows or cancels. */
        REAL margin = y[i] * z[i], a = margin < 0 ? -margin : margin;
        REAL t = MATH(exp)(-a), r = 1 / (1 + t);
        f += (double)((margin < 0 ? a : 0) + MATH(log1p)(t));
        z[i] = -y[i] * (margin < 0 ? r : t * r);
    }
    return f;
}

TARGET static double NAMED(softmax)(const int32_t *y, int64_t rows, int64_t outputs,
                                   int64_t ldz, REAL *z, REAL *u)
{
    REAL top[LINEAR_BLOCK], own[LINEAR_BLOCK], others[LINEAR_BLOCK], over[LINEAR_BLOCK];
    double f = 0;
#pragma omp simd
    for (int64_t i = 0; i < rows; i++)
        top[i] = z[i];
    for (int64_t k = 1; k < outputs; k++)
#pragma omp simd
        for (int64_t i = 0; i < rows; i++) {
            REAL s = z[k * ldz + i];
            top[i] = s < top[i] ? top[i] : s;
        }
    for (int64_t i = 0; i < rows; i++)
        over[i] = z[y[i] * ldz + i] - top[i];
#pragma omp simd
    for (int64_t i = 0; i < rows; i++)
        others[i] = 0;
    for (int64_t k = 0; k < outputs; k++)
#pragma omp simd
        for (int64_t i = 0; i < rows; i++)
            z[k * ldz + i] = MATH(exp)(z[k * ldz + i] - top[i]);
    /* The own class stands apart from the others: its slope p - 1 = -others/sum and,
     * where it is the largest, its loss log(1 + others) then keep all digits. */
    for (int64_t i = 0; i < rows; i++) {
        own[i] = z[y[i] * ldz + i];
        z[y[i] * ldz + i] = 0;
    }
    for (int64_t k = 0; k < outputs; k++)
#pragma omp simd
        for (int64_t i = 0; i < rows; i++)
            others[i] += z[k * ldz + i];
#pragma omp simd reduction(+ : f)
    for (int64_t i = 0; i < rows; i++) {
        f += (double)(MATH(log1p)(others[i] + (own[i] - 1)) - over[i]);
        over[i] = 1 / (others[i] + own[i]);
        others[i] = u ? own[i] * over[i] : -others[i] * over[i];
    }
    for (int64_t k = 0; k < outputs; k++)
#pragma omp simd
        for (int64_t i = 0; i < rows; i++)
            z[k * ldz + i] *= over[i];
    for (int64_t i = 0; i < rows; i++)
        z[y[i] * ldz + i] = others[i];
    if (!u)
        return f;
    /* H u = p * (u - p . u), with the probabilities p in z */
#pragma omp simd
    for (int64_t i = 0; i < rows; i++)
        top[i] = 0;
    for (int64_t k = 0; k < outputs; k++)
#pragma omp simd
        for (int64_t i = 0; i < rows; i++)
            top[i] += z[k * ldz + i] * u[k * ldz + i];
    for (int64_t k = 0; k < outputs; k++)
#pragma omp simd
        for (int64_t i = 0; i < rows; i++)
            u[k * ldz + i] = z[k * ldz + i] * (u[k * ldz + i] - top[i]);
    return 0;
}

INLINE double NAMED(slopes)(const linear_model *m, int64_t at, int64_t rows,
                                  int64_t ldz, REAL *z, REAL *u)
{
    switch (m->loss) {
    case LINEAR_SQUARED: return NAMED(squared)((const REAL *)m->y + at, rows, z, u);
    case LINEAR_LOGISTIC: return NAMED(logistic)((const REAL *)m->y + at, rows, z, u);
    default:
        return NAMED(softmax)((const int32_t *)m->y + at, rows, m->outputs, ldz, z, u);
    }
}

/* (precision/2) ||coefficients||^2, and its slope to start the sums in `out`. */
INLINE double NAMED(penalty)(const linear_model *m, const REAL *w, REAL *out)
{
    double f = 0;
    int64_t penalised = m->columns - m->free;
    REAL precision = (REAL)m->precision;
    for (int64_t k = 0; k < m->outputs; k++) {
        const REAL *wk = w + k * m->columns;
#pragma omp simd reduction(+ : f)
        for (int64_t j = 0; j < penalised; j++)
            f += (double)wk[j] * wk[j];
        if (!out)
            continue;
        for (int64_t j = 0; j < m->columns; j++)
            out[k * m->columns + j] = j < penalised ? precision * wk[j] : 0;
    }
    return f * m->precision / 2;
}

/* Copies the samples of a batch, rows of them, into panels x and targets y of their own. */
INLINE void NAMED(gather)(const linear_model *m, const int64_t *index, int64_t rows,
                          REAL *x, void *y)
{
    for (int64_t r = 0; r < rows; r++) {
        const REAL *from = (const REAL *)m->x + index[r] / ROWS * m->columns * ROWS +
                           index[r] % ROWS;
        REAL *to = x + r / ROWS * m->columns * ROWS + r % ROWS;
        for (int64_t j = 0; j < m->columns; j++)
            to[j * ROWS] = from[j * ROWS];
        if (m->loss == LINEAR_SOFTMAX)
            ((int32_t *)y)[r] = ((const int32_t *)m->y)[index[r]];
        else
            ((REAL *)y)[r] = ((const REAL *)m->y)[index[r]];
    }
    for (int64_t r = rows; r % ROWS; r++) /* padding */
        for (int64_t j = 0; j < m->columns; j++)
            x[r / ROWS * m->columns * ROWS + j * ROWS + r % ROWS] = 0;
}

/* One pass over the data, or over the samples in `index`, which stand for all: f and
 * perhaps g, or, with v, the product hv. */
TARGET static int NAMED(pass)(const linear_model *m, const REAL *w, const REAL *v,
                              const int64_t *index, int64_t samples, double *f, REAL *out)
{
    /* Padding rows keep scores of 0, and their data are 0: they add nothing to g. */
    REAL z_stack[LINEAR_STACK / sizeof(REAL)], u_stack[LINEAR_STACK / sizeof(REAL)];
    REAL *z = z_stack, *u = v ? u_stack : NULL, *heap = NULL, *batch = NULL;
    int64_t fits = LINEAR_STACK / (m->outputs * LINEAR_PANEL);
    int64_t cached = LINEAR_CACHE / (m->columns * LINEAR_PANEL);
    int64_t panels = (samples + ROWS - 1) / ROWS, most = LINEAR_BLOCK / ROWS;
    const double stands = (double)m->rows / (double)samples;
    most = most < cached ? most : cached > 0 ? cached : 1;
    if (fits == 0) {
        heap = malloc(sizeof(REAL) * (size_t)(2 * m->outputs * ROWS));
        if (!heap)
            return -1;
        z = heap;
        u = v ? heap + m->outputs * ROWS : NULL;
        fits = 1;
    }
    most = most < fits ? most : fits;
    if (index) {
        batch = malloc(sizeof(REAL) * (size_t)(most * ROWS * (m->columns + 1)));
        if (!batch) {
            free(heap);
            return -1;
        }
    }
    double sum = 0;
    const double penalty = NAMED(penalty)(m, v ? v : w, out);
    for (int64_t p = 0; p < panels; p += most) {
        int64_t here = panels - p < most ? panels - p : most, at = p * ROWS;
        int64_t rows = samples - at < here * ROWS ? samples - at : here * ROWS;
        int64_t ldz = here * ROWS;
        const REAL *x = (const REAL *)m->x + p * m->columns * ROWS;
        linear_model part = *m;
        if (index) {
            part.y = batch + most * ROWS * m->columns;
            NAMED(gather)(m, index + at, rows, batch, (void *)part.y);
            x = batch;
            at = 0;
        }
        NAMED(scores)(m, x, here, w, z, ldz);
        if (v)
            NAMED(scores)(m, x, here, v, u, ldz);
        sum += NAMED(slopes)(&part, at, rows, ldz, z, u);
        if (index)
            for (int64_t i = 0; i < m->outputs * ldz; i++)
                (v ? u : z)[i] *= (REAL)stands;
        if (out)
            NAMED(gradient)(m, x, here, v ? u : z, ldz, out);
    }
    free(heap);
    free(batch);
    if (f)
        *f = penalty + stands * sum;
    return 0;
}

TARGET static int NAMED(eval)(void *ctx, int want, optlab_point *point)
{
    const linear_model *m = ctx;
    const int64_t *index = want & OPTLAB_BATCH ? point->index : NULL;
    int64_t samples = index ? point->n_index : m->rows;
    int failed = 0;
    if (want & (OPTLAB_F | OPTLAB_G))
        failed = NAMED(pass)(m, point->x, NULL, index, samples,
                             want & OPTLAB_F ? &point->f : NULL,
                             want & OPTLAB_G ? point->g : NULL);
    if (!failed && want & OPTLAB_HV)
        failed = NAMED(pass)(m, point->x, point->v, index, samples, NULL, point->hv);
    return failed;
}

#undef ROWS
#undef TILE
