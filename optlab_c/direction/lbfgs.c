/* L-BFGS: d = -H g with H built from the last m pairs and H0 = gamma I, gamma = s'y/y'y
 * of the newest pair.
 *
 * The two loops of Nocedal & Wright 2006, algorithm 7.4, regrouped into three passes
 * over the pairs. With R the upper triangle of S'Y (rows and columns in time order):
 *   1.  b = S g               and the newest column of R, S y   (reads S)
 *       R a = b               what the first loop solves, newest pair first
 *   2.  r = gamma (g - Y'a)   and Y r                           (reads Y once)
 *       R'c = diag(R) a - Y r - ...  the second loop, oldest pair first
 *   3.  d = -(r + S'c)        with d'd and g'd                  (reads S)
 * That is 3 m n numbers from memory, where the loops read 4 m n; the vectors g and r
 * are formed as the loops form them, so no accuracy is given up.
 *
 * Pairs sit in a ring of m rows. y may be corrected with function values (Zhang, Deng &
 * Chen 1999, eq. 2.10): y + theta s / s's, theta = 6 (f - f+) + 3 (g + g+)'s. */
#include <math.h>
#include <string.h>

#include "../descent.h"
#include "../real.h"
#include "../vec.h"

#define REAL double
#define NAMED(name) name##_f64
#include "lbfgs_kernels.h"
#undef REAL
#undef NAMED

#define REAL float
#define NAMED(name) name##_f32
#include "lbfgs_kernels.h"
#undef REAL
#undef NAMED

/* Rows start on a cache line. */
int64_t lbfgs_stride(const descent_options *opt)
{
    int64_t line = ARENA_ALIGN / (int64_t)vec_bytes(opt->dtype, 1);
    return (opt->n + line - 1) / line * line;
}

static void *row_of(const descent *m, void *rows, int64_t row)
{
    return (char *)rows + vec_bytes(m->st.opt.dtype, row * lbfgs_stride(&m->st.opt));
}

void lbfgs_bind(descent *m, arena *a)
{
    const descent_options *opt = &m->st.opt;
    int64_t pairs = opt->maxcor;
    m->mem.S = arena_take(a, vec_bytes(opt->dtype, pairs * lbfgs_stride(opt)));
    m->mem.Y = arena_take(a, vec_bytes(opt->dtype, pairs * lbfgs_stride(opt)));
    m->mem.R = arena_take(a, pairs * pairs * sizeof(double));
    m->mem.coef = arena_take(a, 3 * pairs * sizeof(double));
}

void lbfgs_reset(descent *m)
{
    direction_state *dir = &m->st.direction;
    dir->count = dir->pairs = 0;
    dir->head = -1;
    memset(m->mem.R, 0, (size_t)m->st.opt.maxcor * m->st.opt.maxcor * sizeof(double));
    dir->pending = 0;
    dir->gamma = 1.0;
}

int64_t lbfgs_row(const descent *m, int64_t age)
{
    int64_t row = m->st.direction.head - age;
    return row < 0 ? row + m->st.opt.maxcor : row;
}

int64_t lbfgs_rows(const descent *m)
{
    int64_t max = m->st.opt.maxcor;
    return m->st.direction.count < max ? m->st.direction.head + 1 : max;
}

void lbfgs_dots(const descent *m, const void *rows, const void *v, double *out)
{
    DISPATCH(m->st.opt.dtype, rows_dot, m->st.opt.n, lbfgs_stride(&m->st.opt),
             lbfgs_rows(m), rows, v, NULL, out, NULL);
}

void lbfgs_add(const descent *m, const void *rows, const double *coef, void *out)
{
    DISPATCH(m->st.opt.dtype, rows_add, m->st.opt.n, lbfgs_stride(&m->st.opt),
             lbfgs_rows(m), rows, coef, out);
}

/* out = sign H v; returns what the last pass found. */
static void product(descent *m, const void *v, double sign, void *out, double *out_out,
                    double *v_out)
{
    const descent_state *st = &m->st;
    direction_state *dir = &m->st.direction;
    int64_t n = st->opt.n, ld = lbfgs_stride(&st->opt), max = st->opt.maxcor;
    int64_t pairs = dir->pairs, rows = lbfgs_rows(m);
    double *R = m->mem.R;
    double *restrict a = m->mem.coef, *restrict b = a + max, *restrict first = b + max;

    const void *y = dir->pending ? row_of(m, m->mem.Y, dir->head) : NULL;
    DISPATCH(st->opt.dtype, rows_dot, n, ld, rows, m->mem.S, v, y, b, R + dir->head * max);
    dir->pending = 0;

    /* Whole rows of R, without asking which pairs are newer: where they are, the result
     * has been used already (here), or its factor is still zero (below). */
    memset(first, 0, rows * sizeof *first);
    for (int64_t age = 0; age < pairs; age++) { /* newest first */
        int64_t i = lbfgs_row(m, age);
        const double *restrict row = R + i * max;
        double ai = -b[i] / row[i]; /* minus the alphas of the two loops */
        first[i] = ai;
        for (int64_t j = 0; j < rows; j++)
            b[j] += row[j] * ai;
    }
    memcpy(a, first, rows * sizeof *a);
    DISPATCH(st->opt.dtype, rows_reduce, n, ld, rows, m->mem.Y, v, dir->gamma, a, out, b);
    memset(a, 0, rows * sizeof *a);
    for (int64_t age = pairs - 1; age >= 0; age--) { /* oldest first */
        int64_t i = lbfgs_row(m, age);
        const double *restrict row = R + i * max;
        double sum = b[i];
        for (int64_t j = 0; j < rows; j++)
            sum += row[j] * a[j];
        a[i] = -first[i] - sum / row[i];
    }
    DISPATCH(st->opt.dtype, rows_expand, n, ld, rows, m->mem.S, a, sign, out, v, out_out,
             v_out);
}

int lbfgs_advance(descent *m)
{
    descent_state *st = &m->st;
    const void *g = m->mem.g[st->current];
    if (st->direction.pairs == 0)
        return steepest_advance(m);
    product(m, g, -1.0, m->mem.d, &st->direction.dd, &st->dphi);
    return 0;
}

/* theta / s's, where f is resolved well enough to tell; see the head of this file. */
static double correction(const descent *m, int from, int to, double dphi_to, double ss)
{
    const descent_state *st = &m->st;
    double slopes = st->alpha * (st->dphi + dphi_to); /* (g + g+)'s */
    double sy = st->alpha * (dphi_to - st->dphi);
    double theta = 6.0 * (st->f[from] - st->f[to]) + 3.0 * slopes;
    /* A correction as large as s'y itself tells more of a gradient that is not f's, by a
     * factor say, than of third derivatives. */
    int fits = theta > -0.5 * sy && theta < sy;
    if (!st->opt.corrected || 6.0 * st->search.noise > 0.01 * sy || !fits)
        return 0.0;
    return theta / ss;
}

void lbfgs_update(descent *m, int from, int to, double dphi_to)
{
    descent_state *st = &m->st;
    direction_state *dir = &st->direction;
    int64_t max = st->opt.maxcor;
    double ss = st->alpha * st->alpha * dir->dd;
    int64_t row = (dir->head + 1) % max;
    int falls = !(dphi_to > st->dphi); /* s'y <= 0: do not write over the oldest pair */
    pair_products pair = vec_pair(
        st->opt.dtype, st->opt.n, m->mem.x[to], m->mem.x[from], m->mem.g[to],
        m->mem.g[from], correction(m, from, to, dphi_to, ss),
        falls ? NULL : row_of(m, m->mem.S, row), falls ? NULL : row_of(m, m->mem.Y, row));
    dir->ss = pair.ss;
    dir->sy = pair.sy;
    dir->yy = pair.yy;
    if (falls || !direction_keeps(&pair)) {
        if (!falls && dir->pairs == max && --dir->pairs == 0)
            lbfgs_reset(m); /* it is lost, and was the only one */
        return;
    }
    dir->head = row;
    dir->pending = 1;
    dir->count++;
    if (dir->pairs < max)
        dir->pairs++;
    dir->gamma = pair.sy / pair.yy;
}

void lbfgs_give_pair(descent *m, const void *s, const void *y)
{
    descent_state *st = &m->st;
    size_t bytes = vec_bytes(st->opt.dtype, st->opt.n);
    enum { FROM = 1, TO = 2 }; /* slots that are free before the first question */
    memset(m->mem.x[FROM], 0, bytes);
    memset(m->mem.g[FROM], 0, bytes);
    memcpy(m->mem.x[TO], s, bytes);
    memcpy(m->mem.g[TO], y, bytes);
    st->alpha = 0.0; /* no values of f to correct it with */
    lbfgs_update(m, FROM, TO, INFINITY);
    if (st->direction.pending) /* R, one column a product */
        lbfgs_product(m, s, 1.0, m->mem.d);
    st->alpha = NAN;
}

void lbfgs_product(descent *m, const void *v, double sign, void *out)
{
    double unused;
    product(m, v, sign, out, &unused, &unused);
}

void lbfgs_apply(descent *m, const void *v, void *out)
{
    lbfgs_product(m, v, 1.0, out);
}

const void *lbfgs_pair(const descent *m, int64_t age, int which)
{
    return row_of(m, which ? m->mem.Y : m->mem.S, lbfgs_row(m, age));
}
