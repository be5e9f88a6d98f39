/* One tick after the other: all lanes' trials are evaluated, then all are judged at once,
 * and each lane goes on with the next trial of its search, with the first one of its next
 * iterate, or with x0 of its next problem.
 *
 * H = gamma A + C with gamma = s'y / y'y of the newest pair, as in direction/bfgs.c.
 * Against BFGS with the scale of the first pair alone (Nocedal & Wright 2006, eq. 6.20)
 * the second matrix saves a fifth of the evaluations of the extended Rosenbrock function
 * and a third of those of logistic regression, at n = 10. That repays its costs even
 * where an evaluation takes some nanoseconds. At n = 2 the two are alike.
 *
 * What concerns one lane is a scalar function here, without branches, which loops of
 * lockstep_kernels.h inline; gcc makes vectors of them for AVX2 and AVX-512. With two
 * lanes to a vector they stay scalar, and only the loops over unknowns are vectors. */
#include "lockstep.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../arena.h"
#include "../math_kernels.h"
#include "../multiversion.h"
#include "../poll.h"

#define INLINE OPTLAB_INLINE

/* Lanes: two of the widest vectors, so that one's latencies pass under the other's work.
 * More do not help, and push large triangles out of the cache. */
enum { L = LOCKSTEP_LANES };

/* As in linesearch/ and descent.c. */
static const double GROW_MIN = 1.1, GROW_MAX = 30.0, MARGIN = 0.1;
static const double SHRINK_FIRST = 0.1, SHRINK = 0.5;
static const double NOISE = 100.0 * DBL_EPSILON, LOW = 1e150;

/* Iterates in a row, and n more, at which neither f nor the gradient got any better. The
 * descent machine is more patient. */
enum { STALLED_AFTER = 20 };

/* What a tick has found out about a lane's problem. */
enum event { GO_ON, CONVERGED, GIVEN_UP };

typedef struct trial {
    double alpha, phi, dphi;
} trial;

typedef struct trials {
    double alpha[L], phi[L], dphi[L];
} trials;

/* Vectors of the problems are n rows of L numbers, symmetric matrices the rows of a lower
 * triangle. Flags (0 or 1) and counts are doubles as well: all masks have one width. */
struct lockstep {
    /* the search from x along d, where phi(0) = f and phi'(0) = slope */
    double f[L], slope[L];
    trials trial, lo, hi, previous; /* hi.alpha is infinite until one is known */
    double width[L], width_before[L];
    double inside[L], limit[L]; /* the longest finite trial, the shortest that was not */
    double ntrial[L];

    /* flags of a tick */
    double fresh[L];  /* the trial is x0 */
    double finite[L]; /* phi and its slope are */
    double accept[L]; /* the trial becomes the iterate */
    double pair[L];   /* and gives a pair s, y, since it was not x0 */
    double failed[L]; /* the search did */
    double event[L];

    /* of the problem */
    double length[L]; /* max(1, ||x0||) */
    double f_start[L], f_best[L];
    double f_flat[L], gnorm_flat[L]; /* f and its gradient when they last got better, */
    double stalled[L];               /* so many iterates ago */
    double nit[L], nfev[L];

    /* of the iterate */
    double gnorm[L], gg[L], ss[L], sy[L], yy[L];

    lockstep_options opt;
    double *x, *g, *d, *x1, *g1; /* iterate and trial */
    double *A, *C;               /* less an update that waits: */
    double *s, *p, *q;           /* A + s p' + p s', C + s q' + q s' */
    double *s1, *y;              /* the newest pair */
    double *Ag, *Cg, *uA, *uC;   /* products, after the newest update and before */
    double *x_rows, *g_rows;     /* as objectives see them: a row each */
    int64_t problem[L];          /* -1: none is left for this lane */
    optlab_eval eval[L];
    void *ctx[L];
    optlab_point point[L];
};

/* ---- one lane's search, in scalars without a branch: linesearch/wolfe.c --------- */

INLINE double larger(double a, double b)
{
    return a > b ? a : b;
}

INLINE double smaller(double a, double b)
{
    return a < b ? a : b;
}

INLINE bool is_finite(double a)
{
    return a - a == 0.0;
}

/* c ? a : b, bit by bit. Around a branch gcc moves comparisons into its arms, and then no
 * longer knows how to make a vector of them. */
INLINE double pick(bool c, double a, double b)
{
    uint64_t mask = -(uint64_t)c;
    return f64_of((bits_f64(a) & mask) | (bits_f64(b) & ~mask));
}

INLINE trial get(const trials *all, int l)
{
    return (trial){all->alpha[l], all->phi[l], all->dphi[l]};
}

INLINE void put(trials *all, int l, trial t)
{
    all->alpha[l] = t.alpha;
    all->phi[l] = t.phi;
    all->dphi[l] = t.dphi;
}

INLINE trial choose(bool which, trial a, trial b)
{
    return (trial){pick(which, a.alpha, b.alpha), pick(which, a.phi, b.phi),
                   pick(which, a.dphi, b.dphi)};
}

/* Nocedal & Wright 2006, eq. (3.59), for b.alpha > a.alpha; NaN where there is none. */
INLINE double cubic_minimiser(trial a, trial b)
{
    double width = b.alpha - a.alpha;
    double d1 = a.dphi + b.dphi - 3.0 * (b.phi - a.phi) / width;
    double scale = larger(fabs(d1), larger(fabs(a.dphi), fabs(b.dphi))), part = 1.0 / scale;
    double radicand = (d1 * part) * (d1 * part) - (a.dphi * part) * (b.dphi * part);
    double d2 = scale * sqrt(radicand);
    return b.alpha - width * (b.dphi + d2 - d1) / (b.dphi - a.dphi + 2.0 * d2);
}

INLINE double secant_root(trial a, trial b)
{
    return a.alpha - a.dphi * (b.alpha - a.alpha) / (b.dphi - a.dphi);
}

/* The next trial where no upper bound is known, from the cubic's minimiser. */
INLINE double extrapolate(trial lo, double next)
{
    double shortest = GROW_MIN * lo.alpha, longest = GROW_MAX * lo.alpha;
    next = pick(next > lo.alpha, next, longest); /* NaN: the cubic falls for ever */
    return smaller(larger(next, shortest), longest);
}

/* And where one is. */
INLINE double interpolate(trial lo, trial hi, double next, double width_before)
{
    double width = hi.alpha - lo.alpha;
    bool bisect = (width > 0.5 * width_before) | !is_finite(next);
    next = pick(bisect, lo.alpha + 0.5 * width, next);
    return smaller(larger(next, lo.alpha + MARGIN * width), hi.alpha - MARGIN * width);
}

/* Judge the trial of lane l, and keep it as an end of the bracket. */
INLINE void judge(lockstep *m, int l)
{
    const double c1 = m->opt.c1, c2 = m->opt.c2;
    const double phi0 = m->f[l], dphi0 = m->slope[l], noise = NOISE * fabs(phi0);
    const trial t = get(&m->trial, l), lo = get(&m->lo, l), hi = get(&m->hi, l);
    const trial previous = get(&m->previous, l);
    const bool finite = is_finite(t.phi) & is_finite(t.dphi), fresh = m->fresh[l] != 0.0;

    /* Where f is not resolved its slope decides: Hager & Zhang 2005, section 4. */
    const double change = fabs(t.phi - phi0);
    const double excess = t.phi - (phi0 + c1 * t.alpha * dphi0);
    const double level = t.dphi - (2.0 * c1 - 1.0) * dphi0;
    const bool unresolved = change <= noise, resolved = change > noise;
    const bool enough = (resolved & (excess <= 0.0)) | (unresolved & (level <= 0.0));
    const bool too_long = (resolved & (excess > 0.0)) | (unresolved & (t.dphi > 0.0));
    const bool accept = finite & (fresh | (enough & (t.dphi >= c2 * dphi0)));

    /* A trial that is not finite leaves the bracket as it is. */
    const bool shortens = finite & too_long, grows = finite & !too_long;
    put(&m->hi, l, choose(shortens, t, hi));
    put(&m->lo, l, choose(grows, t, lo));
    put(&m->previous, l, choose(grows, lo, previous));
    const double inside = m->inside[l], limit = m->limit[l], best = m->f_best[l];
    m->inside[l] = pick(finite & (t.alpha > inside) & (t.alpha < limit), t.alpha, inside);
    m->limit[l] = pick(finite, limit, t.alpha);
    m->f_best[l] = pick(finite & (t.phi < best), t.phi, best);
    m->finite[l] = pick(finite, 1.0, 0.0);
    m->accept[l] = pick(accept, 1.0, 0.0);
}

/* The next trial of lane l, where the last was not accepted. */
INLINE void propose(lockstep *m, int l)
{
    const double alpha = m->trial.alpha[l], inside = m->inside[l], limit = m->limit[l];
    const double width0 = m->width[l], width_before = m->width_before[l];
    const trial lo = get(&m->lo, l), hi = get(&m->hi, l), previous = get(&m->previous, l);
    const bool finite = m->finite[l] != 0.0, accept = m->accept[l] != 0.0;
    const bool fresh = m->fresh[l] != 0.0;
    const double noise = NOISE * fabs(m->f[l]), width = hi.alpha - lo.alpha;
    const bool bracketed = hi.alpha < INFINITY, narrowed = bracketed & finite;
    const bool flat = bracketed & (fabs(hi.phi - lo.phi) <= noise) & (hi.dphi > 0.0);
    const bool collapsed = bracketed & (width <= 4.0 * DBL_EPSILON * hi.alpha);

    const double cubic = cubic_minimiser(choose(bracketed, lo, previous),
                                         choose(bracketed, hi, lo));
    const double model = pick(flat, secant_root(lo, hi), cubic);
    const double inner = interpolate(lo, hi, model, width_before);
    const double outer = extrapolate(lo, cubic);
    const double share = pick(inside > 0.0, SHRINK, SHRINK_FIRST);
    double next = pick(bracketed, inner, outer);
    next = pick(next >= limit, inside + SHRINK * (limit - inside), next);
    next = pick(finite, next, inside + share * (alpha - inside));

    const double ntrial = m->ntrial[l] + 1.0;
    const bool failed = (ntrial >= m->opt.maxls) | (next == alpha) | collapsed |
                        (fresh & !finite);
    m->width_before[l] = pick(narrowed, width0, width_before);
    m->width[l] = pick(narrowed, width, width0);
    m->ntrial[l] = ntrial;
    m->trial.alpha[l] = next;
    m->failed[l] = pick(failed & !accept, 1.0, 0.0);
}

/* Begin a search, if the trial was accepted: now the iterate has its direction. */
INLINE void begin(lockstep *m, int l, double slope)
{
    const bool accept = m->accept[l] != 0.0, fresh = m->fresh[l] != 0.0;
    const trial start = {0.0, m->f[l], slope}, none = {INFINITY, 0.0, 0.0};
    const double by_length = m->length[l] / sqrt(m->gg[l]);
    const double first = pick(m->opt.first_step > 0.0, m->opt.first_step, by_length);
    const bool usable = is_finite(slope) & (slope < 0.0) &
                        (((first > 0.0) & (first < 1e300)) | !fresh);
    put(&m->lo, l, choose(accept, start, get(&m->lo, l)));
    put(&m->hi, l, choose(accept, none, get(&m->hi, l)));
    put(&m->previous, l, choose(accept, start, get(&m->previous, l)));
    m->width[l] = pick(accept, INFINITY, m->width[l]);
    m->width_before[l] = pick(accept, INFINITY, m->width_before[l]);
    m->inside[l] = pick(accept, 0.0, m->inside[l]);
    m->limit[l] = pick(accept, INFINITY, m->limit[l]);
    m->ntrial[l] = pick(accept, 0.0, m->ntrial[l]);
    m->slope[l] = pick(accept, slope, m->slope[l]);
    m->trial.alpha[l] = pick(accept, pick(fresh, first, 1.0), m->trial.alpha[l]);
    m->failed[l] = pick(accept & !usable, 1.0, m->failed[l]);
}

/* Whether the pair carries curvature: direction_keeps() of descent.h. */
INLINE bool keeps(double ss, double sy, double yy)
{
    double most = yy / sy;
    return (sy > 0.0) & (sy / ss > 1e-32 * most) & (most > DBL_MIN) & is_finite(most);
}

/* What is to become of lane l, after its trial was judged and its iterate was moved. */
INLINE void test(lockstep *m, int l)
{
    const bool accept = m->accept[l] != 0.0, pair = m->pair[l] != 0.0;
    const bool fresh = m->fresh[l] != 0.0;
    const double f = m->f[l], best = m->f_best[l], gnorm = m->gnorm[l];
    const double f_start = pick(accept & fresh, f, m->f_start[l]);
    const double noise = NOISE * fabs(f), f_flat = m->f_flat[l];
    const double nit = m->nit[l] + pick(pair, 1.0, 0.0);

    const bool better = fresh | (f_flat - f > noise) | (gnorm < 0.9 * m->gnorm_flat[l]);
    const double stalled = pick(better, 0.0, m->stalled[l] + 1.0);
    const bool lowest = (f <= f_start) & (f <= best + NOISE * fabs(best));
    const bool converged =
        accept & (gnorm <= m->opt.gtol) & lowest & is_finite(m->ss[l]);
    const bool hopeless = (nit >= m->opt.maxiter) | (stalled >= STALLED_AFTER + m->opt.n) |
                          (f < -LOW * larger(1.0, fabs(f_start))) |
                          (pair & !keeps(m->ss[l], m->sy[l], m->yy[l]));
    const bool stop = (m->failed[l] != 0.0) | (accept & hopeless) |
                      (m->nfev[l] >= m->opt.maxfun);
    m->f_start[l] = f_start;
    m->f_flat[l] = pick(accept & better, pick(fresh, f, smaller(f, f_flat)), f_flat);
    m->gnorm_flat[l] = pick(accept & better, gnorm, m->gnorm_flat[l]);
    m->stalled[l] = pick(accept, stalled, m->stalled[l]);
    m->nit[l] = nit;
    m->event[l] = pick(converged, CONVERGED, pick(stop, GIVEN_UP, GO_ON));
}

/* ---- all lanes ------------------------------------------------------------------ */

#define REAL double
#define REAL_NAME f64
#include "../lanes.h"

#define VECTOR 16
#define TARGET
#define NAMED(x) x##_any
#include "lockstep_kernels.h"
#undef VECTOR
#undef TARGET
#undef NAMED

#ifdef OPTLAB_HAS_CLONES

#define VECTOR 32
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define NAMED(x) x##_v3
#include "lockstep_kernels.h"
#undef VECTOR
#undef TARGET
#undef NAMED

/* gcc prefers half of these vectors. */
#define VECTOR 64
#define TARGET __attribute__((target("arch=x86-64-v4,prefer-vector-width=512")))
#define NAMED(x) x##_v4
#include "lockstep_kernels.h"
#undef VECTOR
#undef TARGET
#undef NAMED

#endif

typedef void (*tick_function)(lockstep *m, int64_t n);

static tick_function tick_of(void)
{
#ifdef OPTLAB_HAS_CLONES
    if (__builtin_cpu_supports("x86-64-v4"))
        return tick_v4;
    if (__builtin_cpu_supports("x86-64-v3"))
        return tick_v3;
#endif
    return tick_any;
}

/* ---- problems come and go ------------------------------------------------------- */

static lockstep *take_all(const lockstep_options *opt, arena *a)
{
    size_t bytes = sizeof(double) * L * (size_t)opt->n;
    lockstep none, *m = arena_take(a, sizeof *m);
    lockstep *to = m ? m : &none;
    double **vectors[] = {&to->x,  &to->g,  &to->d,  &to->x1, &to->g1,     &to->s,
                          &to->p,  &to->q,  &to->s1, &to->y,  &to->Ag,     &to->Cg,
                          &to->uA, &to->uC, &to->x_rows, &to->g_rows};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        *vectors[i] = arena_take(a, bytes);
    to->A = arena_take(a, bytes * (size_t)(opt->n + 1) / 2);
    to->C = arena_take(a, bytes * (size_t)(opt->n + 1) / 2);
    return m;
}

size_t lockstep_size(const lockstep_options *opt)
{
    arena a = {NULL, 0};
    take_all(opt, &a);
    return a.used;
}

/* A lane's column of an array of rows. */
static void set_column(double *rows, int l, int64_t count, double value)
{
    for (int64_t i = 0; i < count; i++)
        rows[i * L + l] = value;
}

static void get_column(const double *rows, int l, int64_t count, double *out)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = rows[i * L + l];
}

/* The first trial is x0 itself, at alpha = 0 from an iterate that is also x0. */
static void place(lockstep *m, int l, const double *x0)
{
    int64_t n = m->opt.n;
    double size = 1.0;
    for (int64_t i = 0; i < n; i++) {
        m->x[i * L + l] = m->x1[i * L + l] = x0[i];
        size = fmax(size, fabs(x0[i]));
    }
    m->length[l] = size;
    double *zero[] = {m->g, m->d, m->s, m->p, m->q, m->Ag, m->Cg};
    for (size_t k = 0; k < sizeof zero / sizeof *zero; k++)
        set_column(zero[k], l, n, 0.0);
    set_column(m->A, l, n * (n + 1) / 2, 0.0);
    set_column(m->C, l, n * (n + 1) / 2, 0.0);
    for (int64_t i = 0; i < n; i++)
        m->A[(i * (i + 3) / 2) * L + l] = 1.0;
    m->fresh[l] = 1;
    m->trial.alpha[l] = m->f[l] = m->slope[l] = 0.0;
    m->f_best[l] = INFINITY;
    m->ntrial[l] = m->stalled[l] = m->nit[l] = m->nfev[l] = 0;
    put(&m->lo, l, (trial){0});
    put(&m->hi, l, (trial){INFINITY, 0.0, 0.0});
    put(&m->previous, l, (trial){0});
    m->inside[l] = 0.0;
    m->limit[l] = m->width[l] = m->width_before[l] = INFINITY;
}

/* Give lane l a problem, or none: -1. Its numbers then go on without a meaning. */
static void load(lockstep *m, const lockstep_batch *b, int l, int64_t problem)
{
    m->problem[l] = problem;
    if (problem < 0)
        return;
    if (b->objectives) {
        m->eval[l] = b->objectives[problem]->eval;
        m->ctx[l] = b->objectives[problem]->ctx;
    }
    place(m, l, b->x0 + problem * m->opt.n);
}

/* Write down where lane l's problem is. */
static void write(const lockstep *m, const lockstep_batch *b, int l)
{
    int64_t i = m->problem[l], n = m->opt.n;
    b->f[i] = m->f[l];
    get_column(m->x, l, n, b->x + i * n);
    get_column(m->g, l, n, b->g + i * n);
}

static void count(const lockstep *m, const lockstep_batch *b, int l)
{
    int64_t i = m->problem[l];
    b->nit[i] = (int64_t)m->nit[l];
    b->nfev[i] = (int64_t)m->nfev[l];
}

/* Whether lane l's problem is solved, or else is given up. */
static int store(const lockstep *m, const lockstep_batch *b, int l)
{
    count(m, b, l);
    if (m->event[l] != CONVERGED)
        return 0;
    b->status[m->problem[l]] = OPTLAB_CONVERGED;
    write(m, b, l);
    return 1;
}

/* All trials at once; non-zero aborts. */
static int evaluate(lockstep *m)
{
    int64_t n = m->opt.n;
    for (int l = 0; l < L; l++) {
        if (m->problem[l] < 0)
            continue;
        get_column(m->x1, l, n, m->x_rows + l * n);
        if (m->eval[l](m->ctx[l], OPTLAB_F | OPTLAB_G, &m->point[l]) != 0)
            return OPTLAB_ABORTED;
        m->nfev[l]++;
    }
    return 0;
}

lockstep *lockstep_begin(const lockstep_batch *b, int64_t first, void *memory)
{
    arena a = {memory, 0};
    memset(memory, 0, lockstep_size(&b->opt));
    lockstep *m = take_all(&b->opt, &a);
    m->opt = b->opt;
    for (int l = 0; l < L; l++) {
        m->point[l].x = m->x_rows + l * m->opt.n;
        m->point[l].g = m->g_rows + l * m->opt.n;
        load(m, b, l, first + l < b->count ? first + l : -1);
    }
    return m;
}

int lockstep_run(const lockstep_batch *b, void *memory)
{
    lockstep *m = lockstep_begin(b, 0, memory);
    tick_function tick = tick_of();
    int64_t next = L, left = m->opt.maxfun > 0 ? b->count : 0;
    double last_poll = poll_clock();
    for (int64_t i = 0; i < b->count; i++) {
        b->status[i] = OPTLAB_RUNNING;
        b->nit[i] = b->nfev[i] = 0;
    }
    while (left > 0) {
        if (poll_interrupted(b->poll, b->poll_ctx, &last_poll) || evaluate(m) != 0)
            return OPTLAB_ABORTED;
        tick(m, m->opt.n);
        for (int l = 0; l < L; l++) {
            if (m->event[l] == GO_ON || m->problem[l] < 0)
                continue;
            store(m, b, l);
            load(m, b, l, next < b->count ? next++ : -1);
            left--;
        }
    }
    return 0;
}

/* ---- a block that is evaluated elsewhere ---------------------------------------- */

int lockstep_ask(const lockstep *m, int64_t *problems, double *X)
{
    int asked = 0;
    for (int l = 0; l < L; l++) {
        if (m->problem[l] < 0)
            continue;
        problems[asked] = m->problem[l];
        get_column(m->x1, l, m->opt.n, X + asked * m->opt.n);
        asked++;
    }
    return asked;
}

int lockstep_tell(lockstep *m, const lockstep_batch *b, const double *f, const double *g,
                  int64_t *problems)
{
    int64_t n = m->opt.n;
    int told = 0, given_up = 0;
    for (int l = 0; l < L; l++) {
        if (m->problem[l] < 0)
            continue;
        m->point[l].f = f[told];
        memcpy(m->point[l].g, g + told * n, sizeof *g * (size_t)n);
        m->nfev[l]++;
        told++;
    }
    if (told > 0)
        tick_of()(m, n);
    for (int l = 0; l < L; l++) {
        if (m->event[l] == GO_ON || m->problem[l] < 0)
            continue;
        if (!store(m, b, l))
            problems[given_up++] = m->problem[l];
        m->problem[l] = -1;
    }
    return given_up;
}

int lockstep_left(const lockstep *m)
{
    int left = 0;
    for (int l = 0; l < L; l++)
        left += m->problem[l] >= 0;
    return left;
}

void lockstep_peek(const lockstep *m, const lockstep_batch *b)
{
    for (int l = 0; l < L; l++) {
        if (m->problem[l] < 0)
            continue;
        count(m, b, l);
        if (m->fresh[l] == 0.0)
            write(m, b, l);
    }
}
