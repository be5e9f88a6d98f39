/* Forward and backward passes of a net, for one dtype and one instruction set. */

#include "lanes_kernels.h"
#include "nn/product_kernels.h"

#include "nn/activation_kernels.h"
#define TANGENTS
#include "nn/activation_kernels.h"
#undef TANGENTS

/* Where the product of its own is faster than BLAS: up to so many bytes of weights. */
#define OWN_LIMIT (VECTOR == 64 ? 2 << 20 : 1 << 19)
#define LEADING(columns) NAMED(leading)(columns)
#define GEMM JOIN(gemm, REAL_NAME)
#define TURN JOIN(turn, REAL_NAME)
#define TURNED (16 / (int)sizeof(REAL))

INLINE int64_t NAMED(leading)(int64_t columns)
{
    const int64_t line = 64 / (int)sizeof(REAL);
    return (columns + line - 1) / line * line;
}

/* sum[j] = the sum over rows of `term`, an expression in r and j: eight rows at a time in
 * REAL, then in double. */
#define COLUMN_SUMS(sum, rows, columns, term)                   \
    do {                                                        \
        int64_t r0_ = 0;                                        \
        for (int64_t j = 0; j < (columns); j++)                 \
            (sum)[j] = 0;                                       \
        for (; r0_ + 8 <= (rows); r0_ += 8)                     \
            _Pragma("omp simd") for (int64_t j = 0; j < (columns); j++) { \
                REAL s_ = 0;                                    \
                for (int i_ = 0; i_ < 8; i_++) {                \
                    const int64_t r = r0_ + i_;                 \
                    s_ += (term);                               \
                }                                               \
                (sum)[j] += (double)s_;                         \
            }                                                   \
        for (int64_t r = r0_; r < (rows); r++)                  \
            _Pragma("omp simd") for (int64_t j = 0; j < (columns); j++) \
                (sum)[j] += (double)(term);                     \
    } while (0)

/* ---- parameters, as the passes read them ------------------------------------- */

/* Copies the transposed of w, of m rows and n columns, into rows of ld numbers: in blocks
 * that fit into registers, since either side alone would jump through memory. */
TARGET static void NAMED(transpose)(int64_t m, int64_t n, const REAL *w, int64_t ldw,
                                    REAL *out, int64_t ld)
{
    enum { BLOCK = 16 };
    for (int64_t i = 0; i < m; i += BLOCK)
        for (int64_t j = 0; j < n; j += BLOCK) {
            int64_t rows = m - i < BLOCK ? m - i : BLOCK;
            int64_t columns = n - j < BLOCK ? n - j : BLOCK;
            const REAL *from = w + i * ldw + j;
            REAL *to = out + j * ld + i;
            if (rows == BLOCK && columns == BLOCK)
                for (int a = 0; a < BLOCK; a += TURNED)
                    for (int b = 0; b < BLOCK; b += TURNED)
                        TURN(from + a * ldw + b, ldw, to + b * ld + a, ld);
            else
                for (int64_t a = 0; a < rows; a++)
                    for (int64_t b = 0; b < columns; b++)
                        to[b * ld + a] = from[a * ldw + b];
        }
}

INLINE void NAMED(copy)(REAL *to, const REAL *from, int64_t columns)
{
    for (int64_t j = 0; j < columns; j++)
        to[j] = from[j];
}

/* Whether its products are made here or by BLAS. */
INLINE int NAMED(own)(const net *n, const net_op *op)
{
    return n->buffer[op->source].columns * LEADING(op->columns) * (int)sizeof(REAL) <=
           OWN_LIMIT;
}

/* Of w itself, or of a direction in which fixed numbers do not change. */
TARGET static void NAMED(stage)(const net *n, staged *all, const REAL *w, int moves,
                                int backward)
{
    for (int i = 0; i < n->ops; i++) {
        const net_op *op = &n->op[i];
        staged *s = &all[i];
        if (op->kind == NET_AFFINE) {
            const REAL *weights = w + op->weights;
            int64_t inputs = n->buffer[op->source].columns, ld = LEADING(op->columns);
            s->weights = weights;
            s->ldw = op->columns;
            if (op->bias >= 0)
                NAMED(copy)(s->row[0], w + op->bias, op->columns);
            if (!NAMED(own)(n, op))
                continue;
            if (s->packed) {
                for (int64_t r = 0; r < inputs; r++)
                    NAMED(copy)((REAL *)s->packed + r * ld, weights + r * op->columns,
                                op->columns);
                s->weights = s->packed;
                s->ldw = ld;
            }
            if (s->transposed && backward)
                NAMED(transpose)(inputs, op->columns, weights, op->columns,
                                 s->transposed, LEADING(inputs));
        } else if (op->kind == NET_NORM) {
            NAMED(copy)(s->row[0], w + op->scale, op->columns);
            NAMED(copy)(s->row[1], w + op->shift, op->columns);
        } else {
            for (int k = 0; k < op->parameters; k++) {
                REAL *row = s->row[k];
                if (op->offset[k] >= NET_TRAINED)
                    NAMED(copy)(row, w + op->offset[k], op->columns);
                else
                    for (int64_t j = 0; j < LEADING(op->columns); j++)
                        row[j] = moves ? 0 : (REAL)op->value[k];
            }
        }
    }
}

/* ---- products ----------------------------------------------------------------- */

/* A matrix in memory: its element (i, j) is p[i * row + j * column]. */
typedef struct {
    const REAL *p;
    int64_t row, column;
} NAMED(matrix);

/* c = start + a b by BLAS, which knows columns where this file has rows. */
static void NAMED(large)(int64_t m, int64_t n, int64_t k, NAMED(matrix) a,
                         NAMED(matrix) b, REAL *c, int64_t ldc, enum start start,
                         const REAL *bias)
{
    blas_int bm = (blas_int)m, bn = (blas_int)n, bk = (blas_int)k;
    blas_int lda = (blas_int)(a.column == 1 ? a.row : a.column);
    blas_int ldb = (blas_int)(b.column == 1 ? b.row : b.column), ld = (blas_int)ldc;
    REAL one = 1, beta = start != FROM_ZERO;
    if (m == 0)
        return;
    if (start == FROM_BIAS)
        for (int64_t i = 0; i < m; i++)
            NAMED(copy)(c + i * ldc, bias, n);
    if (k == 0)
        for (int64_t i = 0; start == FROM_ZERO && i < m; i++)
            for (int64_t j = 0; j < n; j++)
                c[i * ldc + j] = 0;
    else
        GEMM(b.column == 1 ? "N" : "T", a.column == 1 ? "N" : "T", &bn, &bm, &bk, &one,
             (REAL *)b.p, &ldb, (REAL *)a.p, &lda, &beta, c, &ld);
}

/* The values that a worker has of a buffer, as the left factor of a product. */
INLINE NAMED(matrix) NAMED(read)(const worker *k, int buffer, void *const *of)
{
    int64_t columns = k->crew->net->buffer[buffer].columns;
    if (buffer == 0)
        return (NAMED(matrix)){k->x, columns, 1};
    return (NAMED(matrix)){of[buffer], LEADING(columns), 1};
}

/* target = start + source W */
INLINE void NAMED(forward_product)(const worker *k, const net_op *op, const staged *s,
                                   void *const *source, REAL *target, enum start start,
                                   const REAL *bias)
{
    const net *n = k->crew->net;
    int64_t inputs = n->buffer[op->source].columns, ld = LEADING(op->columns);
    NAMED(matrix) a = NAMED(read)(k, op->source, source);
    if (NAMED(own)(n, op))
        NAMED(product)(k->rows, ld, inputs, a.p, a.row, 1, s->weights, s->ldw, target,
                       ld, start, bias);
    else
        NAMED(large)(k->rows, op->columns, inputs, a,
                     (NAMED(matrix)){s->weights, s->ldw, 1}, target, ld, start, bias);
}

/* to = start + slope W', the way back */
INLINE void NAMED(backward_product)(const worker *k, const net_op *op, const staged *s,
                                    const REAL *slope, REAL *to, enum start start)
{
    const net *n = k->crew->net;
    int64_t inputs = n->buffer[op->source].columns, ld = LEADING(op->columns);
    if (NAMED(own)(n, op))
        NAMED(product)(k->rows, LEADING(inputs), op->columns, slope, ld, 1,
                       s->transposed, LEADING(inputs), to, LEADING(inputs), start, to);
    else
        NAMED(large)(k->rows, inputs, op->columns, (NAMED(matrix)){slope, ld, 1},
                     (NAMED(matrix)){s->weights, 1, s->ldw}, to, LEADING(inputs), start,
                     NULL);
}

/* g (weights) = start + source' slope */
INLINE void NAMED(weight_product)(const worker *k, const net_op *op,
                                  void *const *source, const REAL *slope,
                                  enum start start)
{
    const net *n = k->crew->net;
    int64_t inputs = n->buffer[op->source].columns, ld = LEADING(op->columns);
    NAMED(matrix) a = NAMED(read)(k, op->source, source);
    REAL *g = (REAL *)k->g + op->weights, *padded = k->product;
    if (!NAMED(own)(n, op)) {
        NAMED(large)(inputs, op->columns, k->rows, (NAMED(matrix)){a.p, 1, a.row},
                     (NAMED(matrix)){slope, ld, 1}, g, op->columns, start, NULL);
        return;
    }
    if (ld == op->columns) {
        NAMED(product)(inputs, ld, k->rows, a.p, 1, a.row, slope, ld, g, ld, start, g);
        return;
    }
    NAMED(product)(inputs, ld, k->rows, a.p, 1, a.row, slope, ld, padded, ld, FROM_ZERO,
                   padded);
    for (int64_t i = 0; i < inputs; i++)
        for (int64_t j = 0; j < op->columns; j++)
            g[i * op->columns + j] =
                (start == FROM_C ? g[i * op->columns + j] : 0) + padded[i * ld + j];
}

/* Adds sums over samples to the gradient by a row of parameters. */
INLINE void NAMED(add_sums)(const worker *k, int64_t offset, int64_t columns,
                            const double *sums)
{
    REAL *g = (REAL *)k->g + offset;
    for (int64_t j = 0; j < columns; j++)
        g[j] = (k->first ? 0 : g[j]) + (REAL)sums[j];
}

/* ---- affine -------------------------------------------------------------------- */

INLINE void NAMED(affine_forward)(const worker *k, const net_op *op, const staged *s,
                                  const staged *v)
{
    enum start start = op->bias >= 0 ? FROM_BIAS : FROM_ZERO;
    NAMED(forward_product)(k, op, s, k->value, k->value[op->target], start, s->row[0]);
    if (!v)
        return;
    REAL *tangent = k->tangent[op->target];
    NAMED(forward_product)(k, op, v, k->value, tangent, start, v->row[0]);
    if (op->source > 0)
        NAMED(forward_product)(k, op, s, k->tangent, tangent, FROM_C, tangent);
}

INLINE void NAMED(affine_backward)(const worker *k, const net_op *op, const staged *s,
                                   const staged *v, enum start start)
{
    const int64_t ld = LEADING(op->columns);
    const REAL *slope = k->slope[op->target], *tangent = k->slope_tangent[op->target];
    const REAL *last = v ? tangent : slope;
    NAMED(weight_product)(k, op, k->value, last, k->first ? FROM_ZERO : FROM_C);
    if (v && op->source > 0)
        NAMED(weight_product)(k, op, k->tangent, slope, FROM_C);
    if (op->bias >= 0) {
        COLUMN_SUMS(k->sums, k->rows, op->columns, last[r * ld + j]);
        NAMED(add_sums)(k, op->bias, op->columns, k->sums);
    }
    if (op->source == 0)
        return;
    NAMED(backward_product)(k, op, s, slope, k->slope[op->source], start);
    if (!v)
        return;
    NAMED(backward_product)(k, op, s, tangent, k->slope_tangent[op->source], start);
    NAMED(backward_product)(k, op, v, slope, k->slope_tangent[op->source], FROM_C);
}

/* ---- norm: Ioffe & Szegedy 2015, algorithm 1 ------------------------------------ */

/* Mean and variance of this net's samples, or those that are given. */
INLINE void NAMED(norm_statistics)(worker *k, const net_op *op, kept *of, int norm)
{
    const int64_t columns = op->columns, ld = LEADING(columns);
    const REAL *z = k->value[op->source];
    const crew *c = k->crew;
    if (c->statistics) {
        const REAL *mean = c->statistics[2 * norm];
        const REAL *variance = c->statistics[2 * norm + 1];
        for (int64_t j = 0; j < columns; j++) {
            of->mean[j] = mean[j];
            of->variance[j] = variance[j];
        }
        return;
    }
    COLUMN_SUMS(of->mean, k->rows, columns, z[r * ld + j]);
    crew_sum(k, of->mean, columns);
    REAL *mean = k->scratch;
    for (int64_t j = 0; j < columns; j++) {
        of->mean[j] /= (double)c->samples;
        mean[j] = (REAL)of->mean[j];
    }
    COLUMN_SUMS(of->variance, k->rows, columns,
                (z[r * ld + j] - mean[j]) * (z[r * ld + j] - mean[j]));
    crew_sum(k, of->variance, columns);
    for (int64_t j = 0; j < columns; j++)
        of->variance[j] /= (double)c->samples;
}

INLINE void NAMED(norm_forward)(worker *k, const net_op *op, const staged *s,
                                const staged *v, kept *of, int norm)
{
    const int64_t columns = op->columns, ld = LEADING(columns), rows = k->rows;
    REAL *z = k->value[op->source], *out = k->value[op->target];
    const REAL *scale = s->row[0], *shift = s->row[1];
    NAMED(norm_statistics)(k, op, of, norm);
    REAL *mean = k->scratch, *inverse = mean + ld, *pull = inverse + ld;
    for (int64_t j = 0; j < columns; j++) {
        mean[j] = (REAL)of->mean[j];
        inverse[j] = (REAL)(1 / sqrt(of->variance[j] + op->eps));
    }
    const int kept = k->crew->differentiate != 0;
    for (int64_t r = 0; r < rows; r++)
#pragma omp simd
        for (int64_t j = 0; j < columns; j++) {
            REAL normal = (z[r * ld + j] - mean[j]) * inverse[j];
            out[r * ld + j] = normal * scale[j] + shift[j];
            if (kept)
                z[r * ld + j] = normal;
        }
    if (!v)
        return;
    /* z_hat' = (z' - mean(z') - z_hat mean(z_hat z')) / sqrt(variance + eps) */
    REAL *tangent = k->tangent[op->source], *out_tangent = k->tangent[op->target];
    const REAL *scale_tangent = v->row[0], *shift_tangent = v->row[1];
    double *sums = k->sums, *pulls = sums + columns;
    COLUMN_SUMS(sums, rows, columns, tangent[r * ld + j]);
    COLUMN_SUMS(pulls, rows, columns, tangent[r * ld + j] * z[r * ld + j]);
    crew_sum(k, sums, 2 * columns);
    for (int64_t j = 0; j < columns; j++) {
        mean[j] = (REAL)(sums[j] / (double)k->crew->samples);
        of->pull[j] = pulls[j] / (double)k->crew->samples;
        pull[j] = (REAL)of->pull[j];
    }
    for (int64_t r = 0; r < rows; r++)
#pragma omp simd
        for (int64_t j = 0; j < columns; j++) {
            REAL normal = z[r * ld + j];
            REAL moved = (tangent[r * ld + j] - mean[j] - normal * pull[j]) * inverse[j];
            tangent[r * ld + j] = moved;
            out_tangent[r * ld + j] =
                moved * scale[j] + normal * scale_tangent[j] + shift_tangent[j];
        }
}

INLINE void NAMED(norm_backward)(worker *k, const net_op *op, const staged *s,
                                 const staged *v, const kept *of)
{
    const int64_t columns = op->columns, ld = LEADING(columns), rows = k->rows;
    const double samples = (double)k->crew->samples;
    const REAL *slope = k->slope[op->target], *tangent = k->slope_tangent[op->target];
    REAL *z = k->value[op->source], *zt = k->tangent[op->source];
    const REAL *scale = s->row[0];
    double *sum = k->sums, *product = sum + columns;
    double *sum_tangent = product + columns, *product_tangent = sum_tangent + columns;
    COLUMN_SUMS(sum, rows, columns, slope[r * ld + j]);
    COLUMN_SUMS(product, rows, columns, slope[r * ld + j] * z[r * ld + j]);
    if (v) {
        COLUMN_SUMS(sum_tangent, rows, columns, tangent[r * ld + j]);
        COLUMN_SUMS(product_tangent, rows, columns,
                    tangent[r * ld + j] * z[r * ld + j] +
                        slope[r * ld + j] * zt[r * ld + j]);
    }
    NAMED(add_sums)(k, op->scale, columns, v ? product_tangent : product);
    NAMED(add_sums)(k, op->shift, columns, v ? sum_tangent : sum);
    crew_sum(k, sum, (v ? 4 : 2) * columns);

    /* By z: factor (slope - mean(slope) - z_hat mean(slope z_hat)), factor = scale /
     * sqrt(variance + eps). */
    REAL *m1 = k->scratch, *m2 = m1 + ld, *factor = m2 + ld;
    REAL *m1t = factor + ld, *m2t = m1t + ld, *factor_tangent = m2t + ld;
    for (int64_t j = 0; j < columns; j++) {
        double inverse = 1 / sqrt(of->variance[j] + op->eps);
        m1[j] = (REAL)(sum[j] / samples);
        m2[j] = (REAL)(product[j] / samples);
        factor[j] = (REAL)(scale[j] * inverse);
        if (v) {
            const REAL *scale_tangent = v->row[0];
            m1t[j] = (REAL)(sum_tangent[j] / samples);
            m2t[j] = (REAL)(product_tangent[j] / samples);
            factor_tangent[j] = (REAL)(scale_tangent[j] * inverse -
                                       scale[j] * inverse * inverse * of->pull[j]);
        }
    }
    for (int64_t r = 0; r < rows; r++) {
        const REAL *d = slope + r * ld;
        REAL *to = z + r * ld; /* the place of z_hat */
        if (!v) {
#pragma omp simd
            for (int64_t j = 0; j < columns; j++)
                to[j] = factor[j] * (d[j] - m1[j] - to[j] * m2[j]);
            continue;
        }
        const REAL *dt = tangent + r * ld;
        REAL *to_tangent = zt + r * ld;
#pragma omp simd
        for (int64_t j = 0; j < columns; j++) {
            REAL apart = d[j] - m1[j] - to[j] * m2[j];
            REAL moved = dt[j] - m1t[j] - to_tangent[j] * m2[j] - to[j] * m2t[j];
            to[j] = factor[j] * apart;
            to_tangent[j] = factor_tangent[j] * apart + factor[j] * moved;
        }
    }
}

/* ---- activation ------------------------------------------------------------------ */

INLINE void NAMED(activation_forward)(const worker *k, const net_op *op, const staged *s,
                                      const staged *v, const kept *of)
{
    const int64_t ldz = LEADING(k->crew->net->buffer[op->source].columns);
    const int64_t lda = LEADING(op->columns);
    NAMED(strip) strip = {
        .rows = k->rows,
        .columns = op->pieces == 1 ? lda : op->columns,
        .pieces = op->pieces,
        .z = k->value[op->source],
        .zt = k->tangent[op->source],
        .ldz = ldz,
        .a = k->value[op->target],
        .at = k->tangent[op->target],
        .lda = lda,
        .d = k->crew->differentiate ? of->d : NULL,
        .dt = of->dt,
        .scratch = k->scratch,
    };
    for (int p = 0; p < op->parameters; p++) {
        int second = op->offset[p] == NET_BUFFER;
        strip.p[p] = second ? k->value[op->source2] : s->row[p];
        strip.pt[p] = second ? k->tangent[op->source2] : v ? v->row[p] : NULL;
        strip.step[p] = second ? lda : 0;
        strip.dp[p] = k->crew->differentiate ? of->dp[p] : NULL;
        strip.dpt[p] = of->dpt[p];
    }
    if (op->pieces == 1 && op->parameters == 0) { /* one long row */
        strip.columns *= strip.rows;
        strip.rows = 1;
    }
    if (v)
        NAMED(activate_dual)(op, &strip);
    else
        NAMED(activate)(op, &strip);
}

INLINE void NAMED(activation_backward)(const worker *k, const net_op *op, int tangents,
                                       const kept *of, int adds)
{
    const int64_t ldz = LEADING(k->crew->net->buffer[op->source].columns);
    const int64_t columns = op->columns, lda = LEADING(columns), rows = k->rows;
    const REAL *slope = k->slope[op->target], *tangent = k->slope_tangent[op->target];
    for (int p = 0; p < op->parameters; p++) {
        REAL *d = of->dp[p], *dt = of->dpt[p];
        if (op->offset[p] >= NET_TRAINED) {
            if (tangents)
                COLUMN_SUMS(k->sums, rows, columns,
                            tangent[r * lda + j] * d[r * lda + j] +
                                slope[r * lda + j] * dt[r * lda + j]);
            else
                COLUMN_SUMS(k->sums, rows, columns, slope[r * lda + j] * d[r * lda + j]);
            NAMED(add_sums)(k, op->offset[p], columns, k->sums);
        } else if (op->offset[p] == NET_BUFFER) {
            for (int64_t i = 0; tangents && i < rows * lda; i++)
                dt[i] = tangent[i] * d[i] + slope[i] * dt[i];
            for (int64_t i = 0; i < rows * lda; i++)
                d[i] *= slope[i];
        }
    }
    REAL *to = k->slope[op->source], *to_tangent = k->slope_tangent[op->source];
    const REAL *d = of->d, *dt = of->dt;
    const int64_t width = op->pieces == 1 ? lda : columns;
    for (int64_t r = 0; r < rows; r++)
        for (int piece = 0; piece < op->pieces; piece++) {
            const int64_t at = r * ldz + piece * columns;
            if (tangents)
#pragma omp simd
                for (int64_t j = 0; j < width; j++)
                    to_tangent[at + j] = (adds ? to_tangent[at + j] : 0) +
                                         tangent[r * lda + j] * d[at + j] +
                                         slope[r * lda + j] * dt[at + j];
#pragma omp simd
            for (int64_t j = 0; j < width; j++)
                to[at + j] = (adds ? to[at + j] : 0) + slope[r * lda + j] * d[at + j];
        }
}

/* ---- losses: the outputs' values become derivatives ------------------------------ */

INLINE REAL NAMED(weight)(const worker *k, int64_t row)
{
    const crew *c = k->crew;
    const REAL *weights = c->sum->weights;
    int64_t sample = c->index ? c->index[k->at + row] : k->at + row;
    return weights ? weights[sample] : 1;
}

/* With the powers e^(z_k - top), `own` that of the label and `others` the sum of the rest,
 * the loss of a sample is log(own + others) + top - z_y, where nothing cancels if z_y is the
 * top; and its slope by z_y is -others / (own + others) there. Labels are smoothed as by
 * Szegedy et al. 2016. One step for all samples after the other, so that the samples'
 * chains of operations overlap. */
INLINE double NAMED(cross_entropy)(worker *k, int64_t outputs, REAL *z, REAL *zt,
                                   REAL scale)
{
    const crew *c = k->crew;
    const int64_t ld = LEADING(outputs), rows = k->rows;
    const int32_t *labels = c->sum->y, columns = (int32_t)outputs, all = (int32_t)ld;
    const REAL smoothing = (REAL)c->sum->parameter, spread = smoothing / (REAL)outputs;
    REAL *own = k->by_sample, *others = own + c->chunk, *lead = others + c->chunk;
    REAL *share = lead + c->chunk, *rest = k->scratch;
#define LABEL(r) labels[c->index ? c->index[k->at + (r)] : k->at + (r)]
    for (int64_t r = 0; r < rows; r++) {
        const REAL *zr = z + r * ld;
        REAL top = -LARGEST, mean = zr[LABEL(r)];
#pragma omp simd reduction(max : top)
        for (int32_t j = 0; j < all; j++) {
            REAL here = j < columns ? zr[j] : -LARGEST;
            top = here > top ? here : top;
        }
        own[r] = top;
        lead[r] = top - mean;
        if (smoothing > 0) {
            REAL sum = 0;
            for (int64_t j = 0; j < outputs; j++)
                sum += zr[j];
            lead[r] += smoothing * (mean - sum / (REAL)outputs);
        }
    }
    for (int64_t r = 0; r < rows; r++) {
        REAL *zr = z + r * ld;
        const int32_t y = LABEL(r);
        const REAL top = own[r];
#pragma omp simd
        for (int32_t j = 0; j < all; j++) {
            REAL power = EXP(zr[j] - top);
            power = j < columns ? power : 0;
            zr[j] = power;
            rest[j] = j == y ? 0 : power;
        }
        NAMED(lanes) sums = {0};
        for (int64_t j = 0; j < ld; j += LANES)
            MULTIPLY_ADD_SCALAR(sums, LOAD(rest + j), 1);
        others[r] = NAMED(total)(sums);
        own[r] = zr[y];
    }
    double f = 0;
#pragma omp simd reduction(+ : f)
    for (int64_t r = 0; r < rows; r++) {
        REAL weight = NAMED(weight)(k, r);
        f += (double)(weight * (MATH(log1p)(others[r] + (own[r] - 1)) + lead[r]));
        share[r] = scale * weight / (others[r] + own[r]);
    }
    for (int64_t r = 0; c->differentiate == 2 && r < rows; r++) {
        const REAL *zr = z + r * ld;
        REAL *t = zt + r * ld, moved = 0;
        for (int64_t j = outputs; j < ld; j++)
            t[j] = 0;
#pragma omp simd reduction(+ : moved)
        for (int64_t j = 0; j < ld; j++)
            moved += zr[j] * t[j];
        moved /= others[r] + own[r];
#pragma omp simd
        for (int64_t j = 0; j < ld; j++)
            t[j] = zr[j] * share[r] * (t[j] - moved);
    }
    for (int64_t r = 0; r < rows; r++) {
        REAL *zr = z + r * ld;
        const REAL sum = others[r] + own[r], even = share[r] * sum * spread;
#pragma omp simd
        for (int64_t j = 0; j < ld; j++)
            zr[j] = zr[j] * share[r] - even;
        zr[LABEL(r)] = share[r] * (smoothing * sum - others[r]) - even;
    }
#undef LABEL
    return f;
}

/* Losses that are a sum over the outputs: value, slope and curvature of one. */
INLINE REAL NAMED(one_loss)(const net_loss loss, REAL z, REAL y, REAL delta, REAL *slope,
                            REAL *curvature)
{
    if (loss == NET_LOGISTIC) { /* y log(1 + e^-z) + (1 - y) log(1 + e^z) */
        REAL e = EXP(-NAMED(absolute)(z)), over = 1 / (1 + e), rest = e * over;
        REAL no = z < 0 ? over : rest, yes = z < 0 ? rest : over;
        *slope = (1 - y) * yes - y * no;
        *curvature = over * rest;
        return MATH(log1p)(e) + (z > 0 ? (1 - y) * z : -y * z);
    }
    REAL r = z - y, size = NAMED(absolute)(r);
    int outside = loss == NET_HUBER && size > delta;
    *slope = outside ? (r > 0 ? delta : -delta) : r;
    *curvature = !outside;
    return outside ? delta * (size - (REAL)0.5 * delta) : (REAL)0.5 * r * r;
}

INLINE double NAMED(sum_loss)(const worker *k, const net_loss loss, int64_t outputs,
                              REAL *z, REAL *zt, REAL scale)
{
    const crew *c = k->crew;
    const int64_t ld = LEADING(outputs);
    const REAL *targets = c->sum->y;
    const REAL delta = (REAL)c->sum->parameter;
    double f = 0;
    for (int64_t r = 0; r < k->rows; r++, z += ld) {
        int64_t sample = c->index ? c->index[k->at + r] : k->at + r;
        const REAL *y = targets + sample * outputs, weight = NAMED(weight)(k, r);
        const REAL factor = scale * weight;
        REAL part = 0;
#pragma omp simd reduction(+ : part)
        for (int64_t j = 0; j < outputs; j++) {
            REAL slope, curvature;
            part += NAMED(one_loss)(loss, z[j], y[j], delta, &slope, &curvature);
            if (c->differentiate == 2)
                zt[r * ld + j] *= factor * curvature;
            z[j] = factor * slope;
        }
        f += (double)weight * (double)part;
    }
    return f;
}

INLINE double NAMED(loss)(worker *k, REAL scale)
{
    const int last = k->crew->net->buffers - 1;
    const int64_t outputs = k->crew->net->buffer[last].columns;
    REAL *z = k->value[last], *zt = k->tangent[last];
    switch (k->crew->sum->loss) {
    case NET_CROSS_ENTROPY: return NAMED(cross_entropy)(k, outputs, z, zt, scale);
    case NET_LOGISTIC: return NAMED(sum_loss)(k, NET_LOGISTIC, outputs, z, zt, scale);
    case NET_SQUARED: return NAMED(sum_loss)(k, NET_SQUARED, outputs, z, zt, scale);
    default: return NAMED(sum_loss)(k, NET_HUBER, outputs, z, zt, scale);
    }
}

/* ---- passes ------------------------------------------------------------------------ */

INLINE void NAMED(forward)(worker *k)
{
    const crew *c = k->crew;
    const net *n = c->net;
    for (int i = 0, norm = 0; i < n->ops && !crew_stops(k); i++) {
        const net_op *op = &n->op[i];
        const staged *s = &c->at[i], *v = c->differentiate == 2 ? &c->along[i] : NULL;
        switch (op->kind) {
        case NET_AFFINE: NAMED(affine_forward)(k, op, s, v); break;
        case NET_NORM: NAMED(norm_forward)(k, op, s, v, &k->kept[i], norm++); break;
        default: NAMED(activation_forward)(k, op, s, v, &k->kept[i]);
        }
    }
}

INLINE void NAMED(backward)(worker *k)
{
    const crew *c = k->crew;
    const net *n = c->net;
    for (int i = n->ops - 1; i >= 0 && !crew_stops(k); i--) {
        const net_op *op = &n->op[i];
        const staged *s = &c->at[i], *v = c->differentiate == 2 ? &c->along[i] : NULL;
        switch (op->kind) {
        case NET_AFFINE:
            NAMED(affine_backward)(k, op, s, v, op->adds ? FROM_C : FROM_ZERO);
            break;
        case NET_NORM: NAMED(norm_backward)(k, op, s, v, &k->kept[i]); break;
        default: NAMED(activation_backward)(k, op, v != NULL, &k->kept[i], op->adds);
        }
    }
}

/* The samples of a chunk: where they lie, or copied together. */
INLINE void NAMED(fetch)(worker *k)
{
    const crew *c = k->crew;
    const int64_t columns = c->net->buffer[0].columns;
    const REAL *x = c->x;
    if (!c->index) {
        k->x = x + k->at * columns;
        return;
    }
    const int64_t *index = c->index + k->at;
    for (int64_t r = 0; r < k->rows; r++) {
        const char *soon = (const char *)(x + index[r + 4 < k->rows ? r + 4 : r] * columns);
        for (size_t i = 0; i < sizeof(REAL) * (size_t)columns; i += 64)
            PREFETCH(soon + i); /* rows lie anywhere in memory */
        memcpy((REAL *)k->gathered + r * columns, x + index[r] * columns,
               sizeof(REAL) * (size_t)columns);
    }
    k->x = k->gathered;
}

/* Copies a chunk of a buffer to the caller's matrix. */
INLINE void NAMED(unpad)(const worker *k, int buffer, const REAL *from, REAL *to)
{
    const int64_t columns = k->crew->net->buffer[buffer].columns;
    for (int64_t r = 0; r < k->rows; r++)
        NAMED(copy)(to + (k->at + r) * columns, from + r * LEADING(columns), columns);
}

/* Without a loss: what a question asks for. */
INLINE void NAMED(deliver)(const worker *k)
{
    const net *n = k->crew->net;
    const net_question *q = k->crew->question;
    for (int b = 1; q->values && b < n->buffers; b++)
        NAMED(unpad)(k, b, k->value[b], q->values[b]);
    if (q->outputs)
        NAMED(unpad)(k, n->buffers - 1, k->value[n->buffers - 1], q->outputs);
    for (int i = 0, norm = 0; q->found && k->id == 0 && i < n->ops; i++) {
        if (n->op[i].kind != NET_NORM)
            continue;
        REAL *mean = q->found[norm++], *variance = q->found[norm++];
        for (int64_t j = 0; j < n->op[i].columns; j++) {
            mean[j] = (REAL)k->kept[i].mean[j];
            variance[j] = (REAL)k->kept[i].variance[j];
        }
    }
}

/* The derivative that the way back starts from. */
INLINE void NAMED(begin)(const worker *k)
{
    const int last = k->crew->net->buffers - 1;
    const int64_t columns = k->crew->net->buffer[last].columns;
    const REAL *from = k->crew->question->derivative;
    for (int64_t r = 0; r < k->rows; r++)
        NAMED(copy)((REAL *)k->slope[last] + r * LEADING(columns),
                    from + (k->at + r) * columns, columns);
}

TARGET static void NAMED(work)(crew *c, int id)
{
    worker *k = &c->worker[id];
    int64_t from = c->samples * id / c->threads, to = c->samples * (id + 1) / c->threads;
    k->f = 0;
    k->first = 1;
    k->at = from;
    do { /* once even without samples: the others may wait for this thread's sums */
        k->rows = to - k->at < c->chunk ? to - k->at : c->chunk;
        NAMED(fetch)(k);
        NAMED(forward)(k);
        if (c->sum)
            k->f += NAMED(loss)(k, (REAL)(1 / (double)c->samples));
        else if (c->back)
            NAMED(begin)(k);
        else
            NAMED(deliver)(k);
        if (c->back)
            NAMED(backward)(k);
        if (c->back && !c->sum)
            for (int b = 1; b < c->net->buffers; b++)
                NAMED(unpad)(k, b, k->slope[b], c->question->derivatives[b]);
        k->first = 0;
        k->at += k->rows;
    } while (k->at < to && !crew_stops(k));
}

/* ---- evaluation ---------------------------------------------------------------------- */

/* The penalties' value; their slope, or with v its change, is added to g. */
TARGET static double NAMED(penalise)(const net_sum *sum, const REAL *w, const REAL *v,
                                     REAL *g)
{
    double f = 0;
    const REAL *mean = sum->mean;
    for (int i = 0; i < sum->penalties; i++) {
        const net_penalty *p = &sum->penalty[i];
        const REAL precision = (REAL)p->precision;
        double squares = 0;
#pragma omp simd reduction(+ : squares)
        for (int64_t j = p->start; j < p->stop; j++) {
            double apart = (double)w[j] - (mean ? (double)mean[j] : 0);
            squares += apart * apart;
        }
        /* A loop of its own, so that f has the same bits without g. */
        for (int64_t j = p->start; g && j < p->stop; j++)
            g[j] += precision * (v ? v[j] : mean ? w[j] - mean[j] : w[j]);
        f += p->precision / 2 * squares;
    }
    return f;
}

/* Where only f is wanted the slopes are made all the same, so that f has the same bits. */
static int NAMED(evaluate)(net_sum *sum, int want, optlab_point *point)
{
    int back = want != OPTLAB_F, differentiate = want & OPTLAB_HV ? 2 : 1;
    int batch = point->index != NULL;
    crew *c = net_take(sum, differentiate, batch ? point->n_index : 0);
    if (!c)
        return -1;
    const net *n = sum->net;
    REAL *g = want & OPTLAB_HV ? point->hv : want & OPTLAB_G ? point->g : NULL;
    c->sum = sum;
    c->differentiate = differentiate;
    c->back = back;
    c->x = sum->x;
    c->index = batch ? point->index : NULL;
    c->samples = batch ? point->n_index : sum->samples;
    c->work = NAMED(work);
    c->worker[0].g = g;
    NAMED(stage)(n, c->at, point->x, 0, back);
    if (differentiate == 2)
        NAMED(stage)(n, c->along, point->v, 1, 1);
    crew_watch(c, sum->poll);
    crew_run(c);
    if (c->stopped) {
        net_give_back(sum, c);
        return -1;
    }
    double f = c->worker[0].f;
    for (int t = 1; t < c->threads; t++) {
        const REAL *more = c->worker[t].g;
        f += c->worker[t].f;
        for (int64_t j = 0; back && j < n->n; j++)
            g[j] += more[j];
    }
    f /= (double)c->samples;
    f += NAMED(penalise)(sum, point->x, differentiate == 2 ? point->v : NULL, g);
    if (want & OPTLAB_F)
        point->f = f;
    net_give_back(sum, c);
    return 0;
}

static int NAMED(eval)(void *ctx, int want, optlab_point *point)
{
    net_sum *sum = ctx;
    optlab_point at = *point;
    int failed = 0, first = want & (OPTLAB_F | OPTLAB_G);
    if (!(want & OPTLAB_BATCH))
        at.index = NULL;
    if (first)
        failed = NAMED(evaluate)(sum, first, &at);
    if (want & OPTLAB_F)
        point->f = at.f;
    if (!failed && want & OPTLAB_HV)
        failed = NAMED(evaluate)(sum, OPTLAB_HV, &at);
    return failed;
}

static void NAMED(answer)(crew *c)
{
    c->work = NAMED(work);
    NAMED(stage)(c->net, c->at, c->question->w, 0, c->back);
    crew_watch(c, c->question->poll);
    crew_run(c);
}

static void NAMED(draw)(const net_curve *q)
{
    const int64_t m = q->m, pieces = q->op->pieces;
    const REAL *z = q->z, *v = q->v, *parameters = q->parameters;
    REAL *slope = q->slope, *change = q->change, *value = q->value;
    REAL *scratch = q->scratch;
    NAMED(strip) s = {
        .rows = 1,
        .columns = m,
        .pieces = (int)pieces,
        .z = z,
        .zt = v,
        .a = value,
        .at = scratch,
        .d = slope,
        .dt = change,
        .scratch = scratch + m,
    };
    for (int p = 0; p < q->op->parameters; p++) {
        s.p[p] = parameters + p * m;
        s.pt[p] = v + (pieces + p) * m;
        s.dp[p] = slope + (pieces + p) * m;
        s.dpt[p] = change + (pieces + p) * m;
    }
    NAMED(activate_dual)(q->op, &s);
}

#undef OWN_LIMIT
#undef LEADING
#undef GEMM
#undef TURN
#undef TURNED
#undef COLUMN_SUMS
#undef EXP
#undef POWER_LIMIT
#undef NORMAL_LIMIT
#undef LARGEST
#undef SMALLEST
