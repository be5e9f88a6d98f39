/* L-BFGS-B: L-BFGS for lb <= x <= ub (Byrd, Lu, Nocedal & Zhu 1995).
 *
 * The pairs of lbfgs.c stand for B = theta I - W M W' with W = [Y, theta S] and
 *     M^-1 = [-D, L'; L, theta S'S],  D = diag(s_i'y_i),  L_ij = s_i'y_j for i > j
 * (eqs. 3.2 to 3.4), theta = y'y/s'y of the newest pair. A direction is found in two steps:
 *   1.  the first minimiser z of the model along the projected path P(x - t g) - x
 *       (algorithm CP), with the set A of variables that are at a bound there;
 *   2.  the minimiser of the model over the other variables, F, from there:
 *       r = -(g + theta z - W M W'z)_F,
 *       step = r/theta + W_F N^-1 W_F'r/theta^2,  N = M^-1 - W_F'W_F/theta   (section 5.1)
 *         = [-D - Y_F'Y_F/theta, Z'; Z, theta S_A'S_A],
 *       Z_ij = (s_i'y_j)_A for i > j, -(s_i'y_j)_F else;
 *       then projected onto the box if that goes down, else shortened (Morales & Nocedal
 *       2011).
 * Where A is empty, step 2 ends at x - H g, from lbfgs.c; away from all bounds that is known
 * beforehand, and nothing else is done.
 *
 * The sums of products over A and F are kept from step to step: a variable that changes
 * sides brings O(m^2) work, a new pair one pass over the pairs, when it is first needed.
 * They are indexed by the rows of the ring, like R; the small systems are in time order. */
#include <math.h>
#include <string.h>

#include "../descent.h"
#include "../real.h"
#include "../vec.h"

#define REAL double
#define NAMED(name) name##_f64
#include "lbfgsb_kernels.h"
#undef REAL
#undef NAMED

#define REAL float
#define NAMED(name) name##_f32
#include "lbfgsb_kernels.h"
#undef REAL
#undef NAMED

/* The matrices and vectors of the size of pairs: p by p and p or 2p long, in time order. */
typedef struct small_systems {
    int64_t p;
    const int64_t *order; /* rows of the ring, the oldest first */
    double theta;
    double *D, *L, *T;     /* M: T = theta S'S + L D^-1 L', factorised */
    double *K, *Z, *U;     /* N: K = D + Y_F'Y_F/theta, U = theta S_A'S_A + Z K^-1 Z' */
    double *V;             /* scratch, p by p */
    double *Wd, *c, *w, *Mw, *t;
} small_systems;

static small_systems small_of(const descent *m)
{
    int64_t max = m->st.opt.maxcor, p = m->st.direction.pairs, square = max * max;
    double *at = m->mem.small;
    small_systems k = {.p = p, .theta = 1.0 / m->st.direction.gamma};
    double **squares[] = {&k.L, &k.T, &k.K, &k.Z, &k.U, &k.V};
    for (size_t i = 0; i < sizeof squares / sizeof *squares; i++, at += square)
        *squares[i] = at;
    double **vectors[] = {&k.D, &k.Wd, &k.c, &k.w, &k.Mw, &k.t};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++, at += 2 * max)
        *vectors[i] = at;
    int64_t *order = m->mem.heap + m->st.opt.n;
    for (int64_t age = 0; age < p; age++)
        order[p - 1 - age] = lbfgs_row(m, age);
    k.order = order;
    return k;
}

void lbfgsb_bind(descent *m, arena *a)
{
    const descent_options *opt = &m->st.opt;
    size_t bytes = vec_bytes(opt->dtype, opt->n);
    int64_t max = opt->maxcor;
    double **products[] = {&m->mem.SS, &m->mem.SSa, &m->mem.YYf, &m->mem.Z};
    lbfgs_bind(m, a);
    m->mem.at = arena_take(a, bytes);
    m->mem.r = arena_take(a, bytes);
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        *products[i] = arena_take(a, max * max * sizeof(double));
    m->mem.small = arena_take(a, (6 * max * max + 12 * max) * sizeof(double));
    m->mem.breaks = arena_take(a, opt->n * sizeof(double));
    m->mem.heap = arena_take(a, (opt->n + max) * sizeof(int64_t));
}

void lbfgsb_reset(descent *m)
{
    lbfgs_reset(m);
    m->st.direction.described = m->st.direction.active = 0;
    memset(m->mem.at, 0, vec_bytes(m->st.opt.dtype, m->st.opt.n));
}

/* Small dense systems */

static inline double dot(int64_t n, const double *x, const double *y)
{
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

/* A = L L' in its lower triangle. 0: A is not positive definite. */
OPTLAB_CLONES
static int factorise(int64_t p, double *A)
{
    for (int64_t j = 0; j < p; j++) {
        double *row = A + j * p;
        for (int64_t i = 0; i < j; i++)
            row[i] = (row[i] - dot(i, row, A + i * p)) / A[i * p + i];
        double pivot = row[j] - dot(j, row, row);
        if (!(pivot > 0.0) || !isfinite(pivot))
            return 0;
        row[j] = sqrt(pivot);
    }
    return 1;
}

/* x = L^-1 x */
static void solve_lower(int64_t p, const double *A, double *x)
{
    for (int64_t i = 0; i < p; i++)
        x[i] = (x[i] - dot(i, A + i * p, x)) / A[i * p + i];
}

/* x = L'^-1 x */
static void solve_upper(int64_t p, const double *A, double *x)
{
    for (int64_t i = p - 1; i >= 0; i--) {
        x[i] /= A[i * p + i];
        for (int64_t k = 0; k < i; k++)
            x[k] -= A[i * p + k] * x[i];
    }
}

/* out += X Y' for the rows of X and Y, lower triangle. */
OPTLAB_CLONES
static void add_product(int64_t p, const double *X, double *out)
{
    for (int64_t i = 0; i < p; i++)
        for (int64_t j = 0; j <= i; j++)
            out[i * p + j] += dot(p, X + i * p, X + j * p);
}

/* M, ready to multiply with. 0: rounding has spoilt the pairs. */
static int prepare_model(const descent *m, small_systems *k)
{
    int64_t p = k->p, max = m->st.opt.maxcor;
    const double *R = m->mem.R, *SS = m->mem.SS;
    double *roots = k->t;
    for (int64_t i = 0; i < p; i++) {
        k->D[i] = R[k->order[i] * max + k->order[i]];
        roots[i] = sqrt(k->D[i]);
    }
    memset(k->L, 0, p * p * sizeof(double));
    memset(k->V, 0, p * p * sizeof(double));
    for (int64_t i = 0; i < p; i++) {
        const double *row = SS + k->order[i] * max;
        for (int64_t j = 0; j < i; j++) {
            k->L[i * p + j] = R[k->order[j] * max + k->order[i]];
            k->V[i * p + j] = k->L[i * p + j] / roots[j];
            k->T[i * p + j] = k->theta * row[k->order[j]];
        }
        k->T[i * p + i] = k->theta * row[k->order[i]];
    }
    add_product(p, k->V, k->T);
    return factorise(p, k->T);
}

/* out = M v */
OPTLAB_CLONES
static void model_times(const small_systems *k, const double *v, double *out)
{
    int64_t p = k->p;
    for (int64_t j = 0; j < p; j++)
        out[j] = v[j] / k->D[j];
    for (int64_t i = 0; i < p; i++)
        out[p + i] = v[p + i] + dot(i, k->L + i * p, out);
    solve_lower(p, k->T, out + p);
    solve_upper(p, k->T, out + p);
    for (int64_t j = 0; j < p; j++)
        out[j] = -v[j];
    for (int64_t i = 0; i < p; i++)
        for (int64_t j = 0; j < i; j++)
            out[j] += k->L[i * p + j] * out[p + i];
    for (int64_t j = 0; j < p; j++)
        out[j] /= k->D[j];
}

/* out = W'v, in time order. */
static void model_dots(const descent *m, const small_systems *k, const void *v, double *out)
{
    double *ring = m->mem.coef;
    lbfgs_dots(m, m->mem.Y, v, ring);
    for (int64_t i = 0; i < k->p; i++)
        out[i] = ring[k->order[i]];
    lbfgs_dots(m, m->mem.S, v, ring);
    for (int64_t i = 0; i < k->p; i++)
        out[k->p + i] = k->theta * ring[k->order[i]];
}

/* out += a W v, for v in time order. */
static void model_add(const descent *m, const small_systems *k, double a, const double *v,
                      void *out)
{
    double *ring = m->mem.coef;
    int64_t max = m->st.opt.maxcor;
    memset(ring, 0, max * sizeof(double)); /* a row may be out of use */
    for (int64_t i = 0; i < k->p; i++)
        ring[k->order[i]] = a * v[i];
    lbfgs_add(m, m->mem.Y, ring, out);
    for (int64_t i = 0; i < k->p; i++)
        ring[k->order[i]] = a * k->theta * v[k->p + i];
    lbfgs_add(m, m->mem.S, ring, out);
}

/* The Cauchy point */

static void sift_down(int64_t *heap, int64_t size, int64_t i, const double *key)
{
    int64_t item = heap[i];
    for (;;) {
        int64_t child = 2 * i + 1;
        if (child >= size)
            break;
        if (child + 1 < size && key[heap[child + 1]] < key[heap[child]])
            child++;
        if (key[item] <= key[heap[child]])
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = item;
}

static int64_t make_heap(int64_t n, const double *key, int64_t *heap)
{
    int64_t size = 0;
    for (int64_t i = 0; i < n; i++)
        if (key[i] > 0.0 && key[i] < INFINITY)
            heap[size++] = i;
    for (int64_t i = size / 2 - 1; i >= 0; i--)
        sift_down(heap, size, i, key);
    return size;
}

/* Algorithm CP of section 4, for a path of unit speed, so that no square over- or
 * underflows. Leaves z = xc - x in mem.d, the new active set in mem.pg and W'z in k->c. */
static void cauchy_point(descent *m, small_systems *k)
{
    const descent_options *opt = &m->st.opt;
    int dtype = opt->dtype;
    int64_t n = opt->n, p2 = 2 * k->p, size = -1;
    const void *x = m->mem.x[m->st.current], *g = m->mem.g[m->st.current];
    double *breaks = m->mem.breaks, first, t = 0.0, norm = vec_norm(dtype, n, g, 2.0);
    double dd = DISPATCH(dtype, path, n, x, g, 1.0 / norm, m->mem.lb, m->mem.ub, breaks,
                         m->mem.r, m->mem.pg, &first);
    double slope = -norm * dd; /* g'd */
    model_dots(m, k, m->mem.r, k->Wd);
    model_times(k, k->Wd, k->Mw);
    double bend = k->theta * dd - dot(p2, k->Wd, k->Mw);
    double least = vec_eps(OPTLAB_FLOAT64) * k->theta * dd;
    bend = fmax(bend, least);
    double to_minimum = slope < 0.0 ? -slope / bend : 0.0;
    memset(k->c, 0, p2 * sizeof(double));
    memset(m->mem.d, 0, vec_bytes(dtype, n));
    while (first < INFINITY && first <= t + to_minimum && slope < 0.0) {
        /* A variable comes to its bound. */
        if (size < 0)
            size = make_heap(n, breaks, m->mem.heap);
        int64_t b = m->mem.heap[0];
        double step = breaks[b] - t;
        t = breaks[b];
        for (int64_t i = 0; i < p2; i++)
            k->c[i] += step * k->Wd[i];
        double gb, db = DISPATCH(dtype, stop_at_bound, b, x, g, m->mem.lb, m->mem.ub,
                                 m->mem.d, m->mem.r, m->mem.pg, &gb);
        DISPATCH(dtype, row_of_W, b, lbfgs_stride(opt), k->p, k->order, m->mem.S, m->mem.Y,
                 k->theta, k->w);
        model_times(k, k->w, k->Mw);
        slope += step * bend - db * (gb + k->theta * t * db - dot(p2, k->Mw, k->c));
        bend -= db * (k->theta * db - 2.0 * dot(p2, k->Mw, k->Wd) +
                      db * dot(p2, k->Mw, k->w));
        bend = fmax(bend, least);
        for (int64_t i = 0; i < p2; i++)
            k->Wd[i] -= db * k->w[i];
        m->mem.heap[0] = m->mem.heap[--size];
        if (size > 0)
            sift_down(m->mem.heap, size, 0, breaks);
        first = size > 0 ? breaks[m->mem.heap[0]] : INFINITY;
        to_minimum = slope < 0.0 ? -slope / bend : 0.0;
    }
    if (!isfinite(to_minimum))
        to_minimum = 0.0;
    for (int64_t i = 0; i < p2; i++)
        k->c[i] += to_minimum * k->Wd[i];
    /* Variables that were stopped have r = 0 by now. */
    vec_combine(dtype, n, t + to_minimum, m->mem.r, 1.0, m->mem.d);
}

/* N, ready to solve with. 0: rounding has spoilt it. */
static int prepare_subspace(const descent *m, small_systems *k)
{
    int64_t p = k->p, max = m->st.opt.maxcor;
    for (int64_t i = 0; i < p; i++) {
        const int64_t row = k->order[i] * max;
        for (int64_t j = 0; j < p; j++)
            k->Z[i * p + j] = k->V[i * p + j] = m->mem.Z[row + k->order[j]];
        for (int64_t j = 0; j <= i; j++) {
            k->K[i * p + j] = m->mem.YYf[row + k->order[j]] / k->theta;
            k->U[i * p + j] = k->theta * m->mem.SSa[row + k->order[j]];
        }
        k->K[i * p + i] += k->D[i];
    }
    if (!factorise(p, k->K))
        return 0;
    for (int64_t i = 0; i < p; i++) /* V = Z times the inverse factor */
        solve_lower(p, k->K, k->V + i * p);
    add_product(p, k->V, k->U);
    return factorise(p, k->U);
}

/* v = N^-1 v */
static void solve_subspace(const small_systems *k, double *v)
{
    int64_t p = k->p;
    double *y = v, *s = v + p, *t = k->t;
    memcpy(t, y, p * sizeof(double));
    solve_lower(p, k->K, t);
    for (int64_t i = 0; i < p; i++)
        s[i] += dot(p, k->V + i * p, t);
    solve_lower(p, k->U, s);
    solve_upper(p, k->U, s);
    for (int64_t j = 0; j < p; j++)
        y[j] = -y[j];
    for (int64_t i = 0; i < p; i++)
        for (int64_t j = 0; j < p; j++)
            y[j] += k->Z[i * p + j] * s[i];
    solve_lower(p, k->K, y);
    solve_upper(p, k->K, y);
}

/* The step from the Cauchy point over the free variables, into mem.r. */
static int subspace_step(descent *m, small_systems *k)
{
    const descent_options *opt = &m->st.opt;
    int dtype = opt->dtype;
    int64_t n = opt->n;
    if (m->st.direction.active == 0) {
        lbfgs_product(m, m->mem.g[m->st.current], -1.0, m->mem.r);
        vec_combine(dtype, n, -1.0, m->mem.d, 1.0, m->mem.r);
        return 1;
    }
    if (!prepare_subspace(m, k))
        return 0;
    DISPATCH(dtype, reduced_gradient, n, m->mem.g[m->st.current], m->mem.d, k->theta,
             m->mem.at, m->mem.r);
    model_times(k, k->c, k->Mw);
    model_add(m, k, 1.0, k->Mw, m->mem.r);
    DISPATCH(dtype, keep_free, n, m->mem.at, m->mem.r);
    model_dots(m, k, m->mem.r, k->w);
    solve_subspace(k, k->w);
    vec_scale(dtype, n, 1.0 / k->theta, m->mem.r, m->mem.r);
    model_add(m, k, 1.0 / (k->theta * k->theta), k->w, m->mem.r);
    DISPATCH(dtype, keep_free, n, m->mem.at, m->mem.r);
    return 1;
}

/* Make up for the products of pairs that are new since this was last needed. */
static void describe_pairs(descent *m)
{
    direction_state *dir = &m->st.direction;
    int64_t left = dir->count - dir->described;
    for (int64_t age = (left < dir->pairs ? left : dir->pairs) - 1; age >= 0; age--)
        DISPATCH(m->st.opt.dtype, add_products, m->st.opt.n, lbfgs_stride(&m->st.opt),
                 lbfgs_rows(m), m->st.opt.maxcor, lbfgs_row(m, age), m->mem.S, m->mem.Y,
                 m->mem.at, m->mem.R, m->mem.SS, m->mem.SSa, m->mem.YYf, m->mem.Z);
    dir->described = dir->count;
}

/* Whether d = -H g is what both steps would lead to: it is feasible, and the path meets no
 * bound before the Cauchy point, which lies at t = g'g / g'Bg <= g'Hg / g'g. */
static int keeps_off_bounds(descent *m)
{
    const descent_state *st = &m->st;
    int dtype = st->opt.dtype;
    int64_t n = st->opt.n;
    const void *x = m->mem.x[st->current], *g = m->mem.g[st->current];
    if (vec_longest_step(dtype, n, x, m->mem.d, m->mem.lb, m->mem.ub) < 1.0)
        return 0;
    vec_scale(dtype, n, -1.0, g, m->mem.r);
    double first = vec_longest_step(dtype, n, x, m->mem.r, m->mem.lb, m->mem.ub);
    double norm = vec_norm(dtype, n, g, 2.0);
    return first * norm > -st->dphi / norm;
}

int lbfgsb_advance(descent *m)
{
    descent_state *st = &m->st;
    direction_state *dir = &st->direction;
    int dtype = st->opt.dtype;
    int64_t n = st->opt.n;
    const void *x = m->mem.x[st->current], *g = m->mem.g[st->current];
    if (dir->pairs == 0)
        return steepest_advance(m);
    if (dir->active == 0) { /* last time, and so perhaps again */
        lbfgs_advance(m);
        if (keeps_off_bounds(m))
            return 0;
    }
    describe_pairs(m);
    small_systems k = small_of(m);
    int fine = prepare_model(m, &k);
    if (fine) {
        cauchy_point(m, &k);
        dir->active = DISPATCH(dtype, exchange, n, lbfgs_stride(&st->opt), lbfgs_rows(m),
                               st->opt.maxcor, m->mem.S, m->mem.Y, m->mem.pg, m->mem.at,
                               m->mem.SSa, m->mem.YYf, m->mem.Z, k.w, k.t);
        fine = subspace_step(m, &k);
    }
    if (!fine) {
        lbfgsb_reset(m);
        return steepest_advance(m);
    }
    DISPATCH(dtype, feasible, n, x, g, m->mem.lb, m->mem.ub, m->mem.r, m->mem.d);
    dir->dd = vec_dot(dtype, n, m->mem.d, m->mem.d);
    st->dphi = vec_dot(dtype, n, g, m->mem.d);
    return 0;
}
