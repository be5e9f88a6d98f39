/* Newton's method by conjugate gradients, from products H v alone.
 *
 * The system H p = -g is solved until ||H p + g|| <= forcing ||g||, with Eisenstat &
 * Walker's second forcing term (1996, eq. 2.6), preconditioned by L-BFGS if wanted. A
 * direction c of negative curvature ends it (Nocedal & Wright 2006, algorithm 7.1): there
 * p goes on along c as far as a Newton step with the curvature's absolute value would.
 *
 * With a trust region (algorithm 7.2, Steihaug 1983) p ends at its boundary, along c where
 * the curvature is negative. A step that is refused is shortened by the line search
 * instead of being made again, which costs no products (Nocedal & Yuan 1998); the model's
 * p'Hp goes to the search, so that it demands a share of the decrease that was promised.
 *
 * LOOK runs the same iteration on a right-hand side that is orthogonal to nothing: it
 * meets negative curvature if the Krylov space has any (Royer, O'Neill & Wright 2020,
 * appendix B).
 *
 * The residual r is that of the system divided by ||g||, so that no square over- or
 * underflows whatever the scale of f; p itself is not scaled.
 *
 * stage:  BEGIN -> ask for H c -> PRODUCT -> next c, or p is done */
#include <math.h>
#include <string.h>

#include "../descent.h"
#include "../vec.h"

enum { BEGIN, PRODUCT };

/* Of the ratio of decrease to promise (Nocedal & Wright 2006, algorithm 4.1) */
static const double POOR = 0.25, GOOD = 0.75;
static const double CUT = 0.5; /* a step that the search leaves at least so much of holds */

static const double FORCING = 0.5, FORCING_MAX = 0.5, FORCING_MIN = 1e-8;
static const double GAMMA = 0.9, POWER = 1.618033988749895;
/* Products to look at an iterate with, which may be more than n since rounding errors
 * spoil conjugacy, and the residual at which no more is to be seen. */
enum { LOOKS = 50 };
static const double SOLVED = 1e-6;

void newton_cg_bind(descent *m, arena *a)
{
    size_t bytes = vec_bytes(m->st.opt.dtype, m->st.opt.n);
    void **vectors[] = {&m->mem.ask_hv, &m->mem.z, &m->mem.r, &m->mem.c};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        *vectors[i] = arena_take(a, bytes);
    m->mem.ask_v = m->mem.c;
    m->mem.Mr = m->mem.r;
    if (m->st.opt.preconditioned) {
        m->mem.Mr = arena_take(a, bytes);
        lbfgs_bind(m, a);
    }
}

void newton_cg_reset(descent *m)
{
    direction_state *dir = &m->st.direction;
    if (m->st.opt.preconditioned)
        lbfgs_reset(m);
    dir->count = 0;
    dir->stage = BEGIN;
    /* Where a trust region's step has failed, a shorter one is another direction. */
    double shortest = m->st.search.alpha * sqrt(dir->dd);
    double resolution = vec_eps(m->st.opt.dtype) * length_of_x(m);
    dir->radius *= POOR;
    /* Less than that is no trial, but where a search gave up after an absurd value. */
    if (shortest > resolution && shortest < dir->radius)
        dir->radius = shortest;
    dir->trusted = dir->trusted && m->st.opt.trust && dir->radius > resolution;
    if (!dir->trusted)
        dir->radius = m->st.opt.radius;
}

/* Small helpers, so that the method below reads as in the book. */

static double dot(const descent *m, const void *x, const void *y)
{
    return vec_dot(m->st.opt.dtype, m->st.opt.n, x, y);
}

static double norm(const descent *m, const void *x)
{
    return vec_norm(m->st.opt.dtype, m->st.opt.n, x, 2.0);
}

/* y = a x + b y */
static void combine(const descent *m, double a, const void *x, double b, void *y)
{
    vec_combine(m->st.opt.dtype, m->st.opt.n, a, x, b, y);
}

static void precondition(descent *m)
{
    if (m->st.opt.preconditioned && m->st.direction.pairs > 0)
        lbfgs_apply(m, m->mem.r, m->mem.Mr);
    else if (m->mem.Mr != m->mem.r)
        memcpy(m->mem.Mr, m->mem.r, vec_bytes(m->st.opt.dtype, m->st.opt.n));
}

/* Start from p = 0 with the residual that is in r. */
static int begin(descent *m)
{
    direction_state *dir = &m->st.direction;
    int dtype = m->st.opt.dtype;
    int64_t n = m->st.opt.n;
    precondition(m);
    memset(m->mem.d, 0, vec_bytes(dtype, n));
    vec_scale(dtype, n, -1.0, m->mem.Mr, m->mem.c);
    dir->rz = dot(m, m->mem.r, m->mem.Mr);
    dir->r0 = sqrt(dot(m, m->mem.r, m->mem.r));
    dir->cc = dot(m, m->mem.c, m->mem.c);
    dir->pp = dir->pc = dir->pHp = 0.0;
    dir->largest = dir->curvature = 0.0;
    dir->products = 0;
    dir->at_boundary = 0;
    dir->stage = PRODUCT;
    return OPTLAB_HV;
}

/* p += a c */
static void move(descent *m, double a)
{
    direction_state *dir = &m->st.direction;
    combine(m, a, m->mem.c, 1.0, m->mem.d);
    dir->pp += a * (2.0 * dir->pc + a * dir->cc);
    dir->pc += a * dir->cc;
}

/* The step along c that ends at the boundary. */
static double to_boundary(const direction_state *dir)
{
    double room = dir->radius * dir->radius - dir->pp;
    double root = sqrt(dir->pc * dir->pc + dir->cc * fmax(room, 0.0));
    /* Of the two forms of the root, the one without cancellation. */
    return dir->pc > 0.0 ? fmax(room, 0.0) / (dir->pc + root)
                         : (root - dir->pc) / dir->cc;
}

/* Take in H c, in ask_hv. Replies a mask to go on, or 0 when p is done. `looking`: p does
 * not matter. */
static int conjugate_step(descent *m, double residual, int64_t most, int looking)
{
    direction_state *dir = &m->st.direction;
    double cHc = dot(m, m->mem.c, m->mem.ask_hv);
    double curvature = cHc / dir->cc;
    double rounding = m->st.opt.hessian_error * norm(m, m->mem.ask_hv) / sqrt(dir->cc);
    dir->products++;
    if (!isfinite(cHc) || dir->cc == 0.0) {
        dir->trusted = dir->trusted && dir->pp > 0.0; /* without a step there is no p */
        return 0;
    }
    dir->largest = fmax(dir->largest, norm(m, m->mem.ask_hv) / sqrt(dir->cc));
    double alpha = dir->rz / cHc;
    int bent = !(curvature > rounding);
    if (bent) {
        if (curvature < -m->st.opt.hessian_error * dir->largest) {
            dir->curvature = curvature;
            vec_scale(m->st.opt.dtype, m->st.opt.n, 1.0 / sqrt(dir->cc), m->mem.c,
                      m->mem.z);
        }
        if (looking)
            return 0;
        /* Flat or concave: as far as the largest curvature would allow at least. */
        alpha = dir->rz / fmax(fabs(cHc), rounding * dir->cc);
        if (!(alpha * alpha * dir->cc < 1e300))
            alpha = dir->rz / (dir->largest * dir->cc);
    }
    double step = alpha * dir->gnorm; /* of p, which is not scaled */
    if (m->st.opt.trust && !looking) {
        double longest = to_boundary(dir);
        dir->at_boundary = bent || step >= longest;
        if (dir->at_boundary)
            step = longest;
    }
    dir->pHp += step * step * cHc;
    move(m, step);
    if (bent || dir->at_boundary)
        return 0;
    combine(m, alpha, m->mem.ask_hv, 1.0, m->mem.r);
    precondition(m);
    double rz = dot(m, m->mem.r, m->mem.Mr), beta = rz / dir->rz;
    double rr = m->mem.Mr == m->mem.r ? rz : dot(m, m->mem.r, m->mem.r);
    if (!(sqrt(rr) > residual) || dir->products >= most)
        return 0;
    dir->rz = rz;
    combine(m, -1.0, m->mem.Mr, beta, m->mem.c);
    dir->cc = dot(m, m->mem.c, m->mem.c);
    dir->pc = dot(m, m->mem.d, m->mem.c);
    return OPTLAB_HV;
}

/* Eisenstat & Walker 1996, eq. 2.6 with the safeguard below it. */
static void choose_forcing(direction_state *dir, int first)
{
    double eta = FORCING;
    if (!first) {
        eta = GAMMA * pow(dir->gnorm / dir->gnorm_before, POWER);
        double before = GAMMA * pow(dir->forcing, POWER);
        if (before > 0.1)
            eta = fmax(eta, before);
    }
    dir->forcing = fmin(fmax(eta, FORCING_MIN), FORCING_MAX);
}

int newton_cg_advance(descent *m)
{
    descent_state *st = &m->st;
    direction_state *dir = &st->direction;
    const void *g = m->mem.g[st->current];
    if (!dir->trusted)
        return steepest_advance(m);
    if (dir->stage == BEGIN) {
        dir->gnorm_before = dir->gnorm;
        dir->gnorm = norm(m, g);
        choose_forcing(dir, !(dir->gnorm_before > 0.0));
        if (st->opt.trust && !(dir->radius > 0.0))
            dir->radius = length_of_x(m);
        vec_scale(st->opt.dtype, st->opt.n, 1.0 / dir->gnorm, g, m->mem.r);
        return begin(m);
    }
    int want = conjugate_step(m, dir->forcing * dir->r0, st->opt.maxinner, 0);
    if (want)
        return want;
    dir->stage = BEGIN;
    if (!dir->trusted)
        return steepest_advance(m);
    dir->dd = dot(m, m->mem.d, m->mem.d);
    st->dphi = dot(m, g, m->mem.d);
    if (st->opt.trust)
        st->ddphi = dir->pHp;
    return 0;
}

int newton_cg_look(descent *m)
{
    descent_state *st = &m->st;
    direction_state *dir = &st->direction;
    int64_t n = st->opt.n;
    if (dir->stage == BEGIN) {
        vec_scatter(st->opt.dtype, n, m->mem.r);
        return begin(m);
    }
    int want = conjugate_step(m, SOLVED * dir->r0, LOOKS, 1);
    if (!want)
        dir->stage = BEGIN;
    return want;
}

static void update_radius(descent *m, int from, int to)
{
    descent_state *st = &m->st;
    direction_state *dir = &st->direction;
    double length = sqrt(dir->dd), alpha = st->alpha;
    double promised = -alpha * (st->dphi + 0.5 * alpha * dir->pHp);
    double fell = st->f[from] - st->f[to];
    if (fabs(fell) <= st->search.noise) /* f cannot tell */
        return;
    if (alpha > 1.0 || alpha < CUT) /* the search has found how far the model holds */
        dir->radius = alpha * length;
    else if (fell < POOR * promised)
        dir->radius = POOR * length;
    else if (fell > GOOD * promised && dir->at_boundary && alpha == 1.0)
        dir->radius *= 2.0;
    dir->radius = fmin(dir->radius, st->opt.radius_max);
}

/* 1, or less where that promises far more to first order than the last step has brought:
 * twice the step of Nocedal & Wright 2006, eq. 3.60. Along directions of negative curvature
 * it saves most of the trials, and near a minimum, where decreases shrink fast, it is 1. */
double newton_cg_first_trial(const descent *m)
{
    const descent_state *st = &m->st;
    double alpha = 4.0 * (st->f_before - st->f[st->current]) / -st->dphi;
    int can_grow = search_rows[st->opt.search.kind].slope_use != SLOPE_UNUSED;
    if (can_grow && !st->opt.trust && st->direction.trusted && st->k > 0 && alpha > 0.0)
        return fmin(alpha, 1.0);
    return newton_first_trial(m);
}

void newton_cg_update(descent *m, int from, int to, double dphi_to)
{
    direction_state *dir = &m->st.direction;
    if (m->st.opt.trust && dir->trusted && !m->st.escaping)
        update_radius(m, from, to);
    if (m->st.opt.preconditioned)
        lbfgs_update(m, from, to, dphi_to);
    else
        steepest_update(m, from, to, dphi_to);
    dir->trusted = 1;
}
