#include "descent.h"

#include <string.h>

enum phase {
    START,
    START_TOLD,
    DIRECTION,
    LOOK_TOLD,
    LOOKED,
    DIRECTION_TOLD,
    TRIAL_TOLD,
    GRADIENT_TOLD,
    ACCEPT_TOLD,
    PROBE_TOLD,
    PROBE_TAKEN,
    REFINED,
    FINISHED
};

/* The slope may take over from f up to this relative noise, as in CG_DESCENT. */
static const double NOISE_MAX = 1e-6;

/* Searches in a row that end still going down, each after maxls expansions. */
enum { UNBOUNDED_AFTER = 2 };

/* A step is far that is longer than so many times x, a value low that is so many times
 * below the first. */
static const double FAR = 1e6, LOW = 1e150;

/* Steps in a row that a probe has found, and no search. */
enum { RESCUES = 2 };

/* A saddle was worth leaving for so much of what leaving all of them has brought. */
static const double WORTHWHILE = 0.2;

/* Limit on trials from a saddle: enough to come from the length of x to nothing. */
enum { ESCAPE_TRIALS = 20 };

/* Iterates in a row at which neither f nor the gradient got any better; more where there
 * are more unknowns to go wrong in. */
enum { STALLED_AFTER = 50, STALLED_AT_MOST = 500, STALLED_ROUGHLY = 15 };
static const double ROUGH = 0.01; /* of f: what better means for rough differences */

const direction_row direction_rows[DIRECTION_KINDS] = {
    [DIRECTION_STEEPEST] = {"steepest", steepest_bind, steepest_reset, steepest_advance,
                            steepest_update, steepest_first_trial, NULL, NULL},
    [DIRECTION_CG] = {"cg", cg_bind, cg_reset, cg_advance, cg_update, cg_first_trial, NULL,
                      NULL},
    [DIRECTION_BFGS] = {"bfgs", bfgs_bind, bfgs_reset, bfgs_advance, bfgs_update,
                        newton_first_trial, bfgs_apply, NULL},
    [DIRECTION_LBFGS] = {"l-bfgs", lbfgs_bind, lbfgs_reset, lbfgs_advance, lbfgs_update,
                         newton_first_trial, lbfgs_apply, NULL},
    [DIRECTION_LBFGSB] = {"l-bfgs-b", lbfgsb_bind, lbfgsb_reset, lbfgsb_advance,
                          lbfgs_update, newton_first_trial, lbfgs_apply, NULL},
    [DIRECTION_NEWTON] = {"newton", newton_bind, newton_reset, newton_advance,
                          newton_update, newton_first_trial, NULL, newton_look},
    [DIRECTION_NEWTON_CG] = {"newton-cg", newton_cg_bind, newton_cg_reset,
                             newton_cg_advance, newton_cg_update, newton_cg_first_trial,
                             NULL,
                             newton_cg_look},
};

static const direction_row *direction_of(const descent *m)
{
    return &direction_rows[m->st.opt.direction];
}

/* Memory */

static void take_all(descent *m, arena *a)
{
    size_t bytes = vec_bytes(m->st.opt.dtype, m->st.opt.n);
    for (int slot = 0; slot < SLOTS; slot++) {
        m->mem.x[slot] = arena_take(a, bytes);
        m->mem.g[slot] = arena_take(a, bytes);
    }
    m->mem.d = arena_take(a, bytes);
    if (m->st.opt.bounded) {
        m->mem.lb = arena_take(a, bytes);
        m->mem.ub = arena_take(a, bytes);
        m->mem.pg = arena_take(a, bytes);
    }
    direction_of(m)->bind(m, a);
}

size_t descent_size(const descent_options *opt)
{
    descent m = {.st.opt = *opt};
    arena a = {NULL, 0};
    take_all(&m, &a);
    return a.used;
}

void descent_bind(descent *m, void *memory)
{
    arena a = {memory, 0};
    memset(&m->mem, 0, sizeof m->mem);
    take_all(m, &a);
}

void descent_start(descent *m)
{
    descent_options opt = m->st.opt;
    memset(&m->st, 0, sizeof m->st);
    m->st.opt = opt;
    if (opt.bounded)
        m->st.opt.boxed = vec_all_finite(opt.dtype, opt.n, m->mem.lb) &&
                          vec_all_finite(opt.dtype, opt.n, m->mem.ub);
    m->st.outcome = OPTLAB_RUNNING;
    m->st.snorm = NAN;
    m->st.alpha = NAN;
    search_reset(&m->st.search, &opt.search);
    direction_of(m)->reset(m);
    if (direction_of(m)->look)
        m->st.direction.trusted = 1;
}

/* What the caller sees */

static int asked_slot(const descent *m)
{
    return m->st.phase <= DIRECTION_TOLD ? m->st.current : m->st.trial;
}

optlab_point descent_question(const descent *m)
{
    int slot = asked_slot(m);
    return (optlab_point){
        .x = m->mem.x[slot],
        .f = m->st.f[slot],
        .g = m->mem.g[slot],
        .v = m->mem.ask_v,
        .hv = m->mem.ask_hv,
        .h = m->mem.ask_h,
    };
}

void descent_tell(descent *m, int told, const optlab_point *point)
{
    if (told & OPTLAB_F)
        m->st.f[asked_slot(m)] = point->f;
    if (told & OPTLAB_SOLVE)
        m->st.direction.curvature = point->curvature;
}

double descent_gnorm(descent *m, int slot)
{
    const descent_options *opt = &m->st.opt;
    const void *g = m->mem.g[slot];
    if (opt->bounded) {
        vec_projected_step(opt->dtype, opt->n, m->mem.x[slot], g, 1.0, m->mem.lb,
                           m->mem.ub, m->mem.pg);
        g = m->mem.pg;
    }
    return vec_norm(opt->dtype, opt->n, g, opt->norm);
}

int descent_doubt(descent *m)
{
    descent_state *st = &m->st;
    double f = st->f[st->current];
    if (direction_of(m)->look == NULL || st->doubted)
        return 0;
    /* Where curvature is negative nearly everywhere, and f next to flat, as in large nets,
     * there would be no end to it. */
    if (st->escapes && st->f_left - f < WORTHWHILE * (st->f_first - f))
        return 0;
    return st->doubted = 1;
}

int descent_at_saddle(const descent *m)
{
    const descent_state *st = &m->st;
    double length = length_of_x(m);
    double noise = st->opt.search.noise * fabs(st->f[st->current]);
    return st->doubted && -0.5 * st->direction.curvature * length * length > noise;
}

int descent_current_is_best(const descent *m)
{
    const descent_state *st = &m->st;
    double f = st->f[st->current];
    /* By the noise assumed at first: what a search has allowed since is no excuse. */
    double noise = st->opt.search.noise * fabs(st->f[st->best]);
    return f <= st->f[st->best] + noise && (f <= st->f_start || st->k == 0);
}

int descent_result(const descent *m)
{
    return descent_current_is_best(m) ? m->st.current : m->st.best;
}

/* Parts of the loop */

/* The slope along d at a slot whose gradient was just told. */
static double slope_at(descent *m, int slot)
{
    double slope = vec_dot(m->st.opt.dtype, m->st.opt.n, m->mem.g[slot], m->mem.d);
    return m->st.slope[slot] = slope;
}

static int finish(descent *m, int outcome)
{
    m->st.outcome = outcome;
    m->st.phase = FINISHED;
    return DESCENT_DONE;
}

/* Neither the current iterate nor the best point. */
static int free_slot(const descent *m)
{
    int slot = 0;
    while (slot == m->st.current || slot == m->st.best)
        slot++;
    return slot;
}

static int publish(descent *m)
{
    descent_state *st = &m->st;
    st->gnorm = descent_gnorm(m, st->current);
    if (!st->opt.boxed && st->f[st->current] < -LOW * fmax(1.0, fabs(st->f_start)))
        return finish(m, OPTLAB_UNBOUNDED);
    st->phase = DIRECTION;
    return DESCENT_ITERATE;
}

static int has_stalled(const descent *m)
{
    int64_t limit = STALLED_AFTER + m->st.opt.n;
    if (m->st.opt.refinable && !m->st.refined)
        limit = STALLED_ROUGHLY;
    return m->st.stalled >= (limit < STALLED_AT_MOST ? limit : STALLED_AT_MOST);
}

/* Count iterates since f, or its gradient, last got better beyond rounding. A gradient of
 * rough differences is tried less patiently: f may go on falling in its last digits. */
static int stalled(descent *m)
{
    descent_state *st = &m->st;
    double f = st->f[st->current], least = st->search.noise;
    if (st->opt.refinable && !st->refined)
        least = fmax(least, ROUGH * fabs(st->f_flat));
    st->stalled++;
    if (st->k == 0 || st->f_flat - f > least || st->gnorm < 0.9 * st->gnorm_flat) {
        st->stalled = 0;
        st->f_flat = st->k == 0 ? f : fmin(f, st->f_flat); /* or it might go in circles */
        st->gnorm_flat = st->gnorm;
    }
    return has_stalled(m);
}

/* A search's reply may lead to a next trial, that to a failure before anything is asked,
 * and that to another search: each of these returns what its caller is to return, and the
 * depth is bounded, since a search has maxls trials and a restart happens once. */
static int search_failed(descent *m);
static int follow(descent *m, int reply);

/* Put x + alpha d into the trial's slot. */
static int make_trial(descent *m, double alpha)
{
    descent_state *st = &m->st;
    const void *x = m->mem.x[st->current];
    st->trial = free_slot(m);
    st->has_g[st->trial] = 0;
    st->step[st->trial] = alpha;
    if (st->opt.bounded)
        return vec_step_within(st->opt.dtype, st->opt.n, x, alpha, m->mem.d, m->mem.lb,
                               m->mem.ub, m->mem.x[st->trial]);
    return vec_step(st->opt.dtype, st->opt.n, x, alpha, m->mem.d, m->mem.x[st->trial]);
}

/* Ask for the search's next trial. */
static int ask_trial(descent *m)
{
    descent_state *st = &m->st;
    search *s = &st->search;
    int moved;
    while ((moved = make_trial(m, s->alpha)) == 0) {
        if (s->ntrial > 0 || !(s->alpha < fmin(1e300, s->alpha_max)))
            return search_failed(m); /* the step is below the resolution of x */
        s->alpha = fmin(10.0 * s->alpha, s->alpha_max);
    }
    if (moved < 0) { /* x itself overflows: nobody has to be asked about that */
        st->overflowed = 1;
        return follow(m, search_advance(s, NAN, NAN, 1));
    }
    st->phase = TRIAL_TOLD;
    return search_wants_slope(s) ? OPTLAB_F | OPTLAB_G : OPTLAB_F;
}

double length_of_x(const descent *m)
{
    const descent_state *st = &m->st;
    return fmax(1.0, vec_norm(st->opt.dtype, st->opt.n, m->mem.x[st->current], INFINITY));
}

double length_of_step(const descent *m)
{
    const descent_state *st = &m->st;
    double length = st->snorm;
    if (!(length > 0.0)) /* the start: x itself is the only measure of length there is */
        length = length_of_x(m);
    if (st->k > 0 && st->direction.sy <= 0.0) /* no curvature seen: go further */
        length *= 10.0;
    return length;
}

static double trial_by_length(const descent *m)
{
    return length_of_step(m) / vec_norm(m->st.opt.dtype, m->st.opt.n, m->mem.d, 2.0);
}

static double first_trial(const descent *m)
{
    double alpha = direction_of(m)->first_trial(m);
    if (alpha > 0.0 && alpha < 1e300)
        return alpha;
    return fmax(trial_by_length(m), DBL_MIN); /* a quotient over- or underflowed */
}

static int begin_search(descent *m, double alpha)
{
    descent_state *st = &m->st;
    st->improved = 0;
    /* Slopes near a saddle lead nowhere: values decide, whatever the search is. */
    st->search.opt.kind = st->escaping ? SEARCH_ARMIJO : st->opt.search.kind;
    st->search.opt.maxls = st->escaping ? ESCAPE_TRIALS : st->opt.search.maxls;
    if (st->opt.bounded)
        st->search.alpha_max =
            vec_longest_step(st->opt.dtype, st->opt.n, m->mem.x[st->current], m->mem.d,
                             m->mem.lb, m->mem.ub);
    else if (st->opt.trust)
        st->search.alpha_max = st->opt.radius_max / sqrt(st->direction.dd);
    return follow(m, search_start(&st->search, st->f[st->current], st->dphi, st->ddphi,
                                  alpha));
}

double newton_first_trial(const descent *m)
{
    const descent_state *st = &m->st;
    if (st->direction.count > 0 || st->direction.trusted || st->opt.bounded)
        return 1.0;
    if (st->k == 0 && st->opt.first_step > 0.0)
        return st->opt.first_step;
    return trial_by_length(m);
}

void feasible_steepest(descent *m, double t)
{
    descent_state *st = &m->st;
    int dtype = st->opt.dtype;
    int64_t n = st->opt.n;
    const void *g = m->mem.g[st->current];
    vec_projected_step(dtype, n, m->mem.x[st->current], g, fmin(t, 1e300), m->mem.lb,
                       m->mem.ub, m->mem.d);
    st->direction.dd = vec_dot(dtype, n, m->mem.d, m->mem.d);
    st->dphi = vec_dot(dtype, n, g, m->mem.d);
}

/* -g as a unit vector, where |g|^2 over- or underflows. */
static int unit_steepest(descent *m)
{
    descent_state *st = &m->st;
    const void *g = m->mem.g[st->current];
    double norm = vec_norm(st->opt.dtype, st->opt.n, g, 2.0);
    double alpha = 1.0;
    if (st->opt.bounded) {
        feasible_steepest(m, length_of_x(m) / norm);
    } else {
        alpha = first_trial(m) * norm;
        vec_scale(st->opt.dtype, st->opt.n, -1.0 / norm, g, m->mem.d);
        st->direction.dd = 1.0;
        st->dphi = -norm;
    }
    if (!(st->dphi < 0.0))
        return finish(m, OPTLAB_ROUNDING);
    return begin_search(m, alpha);
}

static int direction_told(descent *m)
{
    descent_state *st = &m->st;
    const direction_row *row = direction_of(m);
    for (;;) {
        st->ddphi = 0.0;
        int want = row->advance(m);
        if (want) {
            st->phase = DIRECTION_TOLD;
            return want;
        }
        if (st->dphi < 0.0 && isfinite(st->dphi))
            return begin_search(m, first_trial(m));
        if (st->direction.count == 0 && !st->direction.trusted)
            break;
        row->reset(m);
    }
    return st->gnorm == 0.0 ? finish(m, OPTLAB_ROUNDING) : unit_steepest(m);
}

/* Is the iterate a minimum? Ask for second derivatives until they tell. */
static int look(descent *m)
{
    int want = direction_of(m)->look(m);
    m->st.phase = want ? LOOK_TOLD : LOOKED;
    return want ? want : DESCENT_CURVATURE;
}

/* Leave a saddle along z, in the direction in which f does not rise to first order. */
static int escape(descent *m)
{
    descent_state *st = &m->st;
    int dtype = st->opt.dtype;
    int64_t n = st->opt.n;
    double slope = vec_dot(dtype, n, m->mem.g[st->current], m->mem.z);
    vec_scale(dtype, n, slope > 0.0 ? -1.0 : 1.0, m->mem.z, m->mem.d);
    st->f_left = st->f[st->current];
    if (st->escapes++ == 0)
        st->f_first = st->f_left;
    st->escaping = 1;
    st->direction.dd = 1.0;
    st->direction.stage = 0;
    st->dphi = -fabs(slope);
    st->ddphi = st->direction.curvature;
    return begin_search(m, length_of_x(m));
}

/* The trial becomes the iterate. */
static int accept(descent *m)
{
    descent_state *st = &m->st;
    int from = st->current, to = st->trial;
    st->alpha = st->step[to];
    st->f_before = st->f[from];
    st->current = to;
    direction_of(m)->update(m, from, to, st->slope[to]);
    st->snorm = sqrt(st->direction.ss);
    st->again = 0;
    st->overflowed = st->escaping = st->doubted = 0;
    st->direction.curvature = 0.0;
    st->probe = 0;
    st->k++;
    return publish(m);
}

/* A value was told: keep the best point. */
static void note_value(descent *m)
{
    descent_state *st = &m->st;
    double f = st->f[st->trial];
    if (f == -INFINITY)
        st->saw_minus_infinity = 1;
    if (isfinite(f) && f < st->f[st->best]) {
        st->best = st->trial;
        st->improved = 1;
    }
}

static int tell_search(descent *m)
{
    descent_state *st = &m->st;
    int slot = st->trial, has_g = st->has_g[slot];
    double dphi = has_g ? slope_at(m, slot) : NAN;
    if (!has_g || isfinite(dphi))
        note_value(m);
    else if (st->best == slot) { /* its value was fine, its gradient is not */
        st->best = st->current;
        st->improved = 0;
    }
    return follow(m, search_advance(&st->search, st->f[slot], dphi, has_g));
}

/* Do what the search replied. */
static int follow(descent *m, int reply)
{
    descent_state *st = &m->st;
    switch (reply) {
    case SEARCH_TRY:
        return ask_trial(m);
    case SEARCH_SLOPE:
        st->phase = GRADIENT_TOLD;
        return OPTLAB_G;
    case SEARCH_ACCEPT:
        st->expansions = st->rescues = 0;
        if (st->has_g[st->trial])
            return accept(m);
        st->phase = ACCEPT_TOLD;
        return OPTLAB_G;
    default:
        return search_failed(m);
    }
}

/* Failure policy */

static int start_probes(descent *m);

/* Is the best trial further away than any scale that x has? */
static int far_away(const descent *m)
{
    const descent_state *st = &m->st;
    int dtype = st->opt.dtype;
    int64_t n = st->opt.n;
    double length = st->step[st->best] * vec_norm(dtype, n, m->mem.d, 2.0);
    return length > FAR * fmax(1.0, vec_norm(dtype, n, m->mem.x[st->current], 2.0));
}

/* Differences may have led astray: have better ones of the same point, and begin again. */
static int refine(descent *m)
{
    descent_state *st = &m->st;
    size_t bytes = vec_bytes(st->opt.dtype, st->opt.n);
    st->refined = 1;
    st->stalled = 0;
    st->trial = free_slot(m);
    memcpy(m->mem.x[st->trial], m->mem.x[st->current], bytes);
    st->f[st->trial] = st->f[st->current];
    st->phase = REFINED;
    return OPTLAB_G;
}

static int refined(descent *m)
{
    descent_state *st = &m->st;
    direction_of(m)->reset(m);
    if (!vec_all_finite(st->opt.dtype, st->opt.n, m->mem.g[st->trial]))
        return direction_told(m); /* they are no better */
    st->has_g[st->trial] = 1;
    if (st->best == st->current)
        st->best = st->trial;
    st->current = st->trial;
    st->again = 1;
    return publish(m);
}

static int search_failed(descent *m)
{
    descent_state *st = &m->st;
    search *s = &st->search;
    if (s->below < s->phi0 && st->improved) {
        /* A trial met sufficient decrease: progress, though not all that was asked. */
        int far = search_expanding(s) && far_away(m) && !st->opt.boxed;
        st->expansions = far ? st->expansions + 1 : 0;
        if (st->expansions >= UNBOUNDED_AFTER)
            return finish(m, OPTLAB_UNBOUNDED);
        st->trial = st->best;
        if (st->has_g[st->trial])
            return accept(m);
        st->phase = ACCEPT_TOLD;
        return OPTLAB_G;
    }
    if (st->escaping)
        return finish(m, OPTLAB_SADDLE);
    if (st->opt.refinable && !st->refined)
        return refine(m);
    if (s->excess > s->noise && s->excess <= NOISE_MAX * fabs(s->phi0)) {
        /* The slope accepted a trial that f refused by a hair: f is noisier than assumed. */
        s->opt.noise = 2.0 * s->excess / fabs(s->phi0);
        return begin_search(m, first_trial(m));
    }
    if (st->direction.count > 0 || st->direction.trusted) {
        direction_of(m)->reset(m);
        return direction_told(m);
    }
    if (st->saw_minus_infinity || st->overflowed)
        return finish(m, OPTLAB_UNBOUNDED);
    return start_probes(m);
}

/* Probes: f at x +- h u for u = -g / ||g||, h from 1e-1 to 1e-8 of the size of x; with
 * bounds, of the components that have room on both sides, and as far as it lasts. */

static int ask_probe(descent *m)
{
    descent_state *st = &m->st;
    int i = st->probe / 2;
    double h = st->probe_h[i];
    make_trial(m, st->probe % 2 ? -h : h);
    st->phase = PROBE_TOLD;
    return OPTLAB_F;
}

static int start_probes(descent *m)
{
    descent_state *st = &m->st;
    int dtype = st->opt.dtype;
    int64_t n = st->opt.n;
    const void *g = m->mem.g[st->current], *x = m->mem.x[st->current];
    if (st->opt.refinable && !st->refined)
        return refine(m);
    double size = vec_norm(dtype, n, x, INFINITY);
    if (!(size > 0.0))
        size = 1.0;
    if (st->opt.bounded) {
        vec_inner_descent(dtype, n, x, g, m->mem.lb, m->mem.ub, m->mem.d);
        g = m->mem.d;
    }
    double norm = vec_norm(dtype, n, g, 2.0);
    if (norm == 0.0)
        return finish(m, OPTLAB_LINE_SEARCH);
    vec_scale(dtype, n, -1.0 / norm, g, m->mem.d);
    if (st->opt.bounded) {
        double back = vec_longest_step(dtype, n, x, m->mem.d, m->mem.lb, m->mem.ub);
        vec_scale(dtype, n, -1.0, m->mem.d, m->mem.d);
        double ahead = vec_longest_step(dtype, n, x, m->mem.d, m->mem.lb, m->mem.ub);
        size = fmin(size, 10.0 * fmin(back, ahead));
    }
    st->probe_slope = st->dphi = -norm;
    st->direction.dd = 1.0;
    st->improved = 0;
    st->probe = 0;
    for (int i = 0; i < PROBES; i++)
        st->probe_h[i] = fmax(pow(10.0, -i - 1) * size, DBL_MIN);
    return ask_probe(m);
}

/* Is a difference quotient stable between two widths, and beyond what noise can do? */
static int settled(double wide, double narrow, double slope, double noise)
{
    double size = fmax(fmax(fabs(wide), fabs(narrow)), fabs(slope));
    return isfinite(wide) && isfinite(narrow) && noise <= 0.05 * size &&
           fabs(wide - narrow) <= 0.05 * size + noise;
}

static int diagnose(const descent *m)
{
    const descent_state *st = &m->st;
    double f0 = st->f[st->current], slope = st->probe_slope;
    double eps = vec_eps(st->opt.dtype), size = 10.0 * st->probe_h[0];
    double noise = fmax(fmax(st->search.noise, eps * fabs(f0)), DBL_MIN);
    double blur = 0.0; /* by how much rounding x changes a slope */
    int verdict = OPTLAB_LINE_SEARCH;
    for (int i = 0; i < PROBES; i++) {
        /* How deep and how far away is the minimum along -g, by its curvature? */
        double change = st->probe_plus[i] + st->probe_minus[i] - 2.0 * f0;
        double curvature = change / (st->probe_h[i] * st->probe_h[i]);
        if (!(change > 10.0 * noise))
            continue;
        blur = 4.0 * eps * size * curvature;
        if (slope * slope < 2.0 * noise * curvature || fabs(slope) < blur)
            verdict = OPTLAB_ROUNDING;
    }
    /* From the narrowest pair of widths that noise leaves readable. */
    for (int i = PROBES - 1; i > 0; i--) {
        double h = st->probe_h[i], wide = st->probe_h[i - 1];
        double plus = (st->probe_plus[i] - f0) / h, plus_wide = (st->probe_plus[i - 1] - f0) / wide;
        double minus = (f0 - st->probe_minus[i]) / h;
        double minus_wide = (f0 - st->probe_minus[i - 1]) / wide;
        double error = 2.0 * noise / h;
        double jump = fmax(fabs(plus), fabs(minus)) * h;
        double jump_wide = fmax(fabs(plus_wide), fabs(minus_wide)) * wide;
        if (jump > 10.0 * noise && jump > 0.5 * jump_wide && jump > 10.0 * fabs(slope) * h)
            return OPTLAB_DISCONTINUITY; /* f differs as much across a tenth of the way */
        if (!settled(plus_wide, plus, slope, error) ||
            !settled(minus_wide, minus, slope, error))
            continue;
        if (fabs(plus - minus) > 0.1 * fmax(fabs(plus), fabs(minus)) + 2.0 * error)
            return OPTLAB_DISCONTINUITY; /* the two one-sided slopes differ: a kink */
        if (fabs(0.5 * (plus + minus) - slope) > 0.1 * fabs(slope) + error + blur)
            /* values_first: the gradient is itself made of differences, with their errors */
            return st->opt.search.values_first ? OPTLAB_ROUNDING : OPTLAB_WRONG_GRADIENT;
        return OPTLAB_ROUNDING; /* the slope is right, yet no step shows it */
    }
    if (fabs(slope) * st->probe_h[0] <= 1e3 * noise)
        verdict = OPTLAB_ROUNDING; /* f is flat to its last digits */
    return verdict;
}

static int probe_told(descent *m)
{
    descent_state *st = &m->st;
    double f = st->f[st->trial];
    note_value(m);
    if (st->probe % 2)
        st->probe_minus[st->probe / 2] = f;
    else
        st->probe_plus[st->probe / 2] = f;
    if (++st->probe < 2 * PROBES)
        return ask_probe(m);
    st->verdict = st->saw_minus_infinity ? OPTLAB_UNBOUNDED : diagnose(m);
    int gain = st->improved && st->f[st->current] - st->f[st->best] > st->search.noise;
    int open = st->verdict == OPTLAB_ROUNDING || st->verdict == OPTLAB_LINE_SEARCH;
    for (int i = 0; has_stalled(m) && open && i < PROBES; i++)
        if (st->f[st->current] - st->probe_plus[i] > 10.0 * st->search.noise)
            st->verdict = OPTLAB_LINE_SEARCH; /* the method, and not f, is at its end */
    int higher = st->f[st->current] > st->f_start + st->search.noise; /* it diverges */
    if (open && has_stalled(m) && (higher || !gain))
        return finish(m, higher ? OPTLAB_LINE_SEARCH : st->verdict);
    if (gain && open && st->step[st->best] > 0.0) {
        /* The search was blind at this scale, say after an absurd first step. */
        if (++st->rescues > RESCUES) {
            st->current = st->best;
            return finish(m, OPTLAB_LINE_SEARCH);
        }
        st->trial = st->best;
        st->phase = PROBE_TAKEN;
        return OPTLAB_G;
    }
    return finish(m, st->verdict);
}

static int probe_taken(descent *m)
{
    descent_state *st = &m->st;
    st->has_g[st->trial] = 1;
    if (isfinite(slope_at(m, st->trial)))
        return accept(m);
    st->best = st->current;
    return finish(m, st->verdict);
}

static int advance(descent *m)
{
    descent_state *st = &m->st;
    switch (st->phase) {
    case START:
        st->phase = START_TOLD;
        return OPTLAB_F | OPTLAB_G;
    case START_TOLD:
        st->f_start = st->f[0];
        st->has_g[0] = 1;
        if (!isfinite(st->f[0]) || !vec_all_finite(st->opt.dtype, st->opt.n, m->mem.g[0]))
            return finish(m, OPTLAB_NONFINITE_START);
        return publish(m);
    case DIRECTION:
        if (st->mistrusted && !st->refined)
            return refine(m);
        if (stalled(m))
            return start_probes(m); /* whether it is rounding, or something else */
        return st->doubted ? look(m) : direction_told(m);
    case LOOK_TOLD:
        return look(m);
    case LOOKED:
        return descent_at_saddle(m) ? escape(m) : direction_told(m);
    case DIRECTION_TOLD:
        return direction_told(m);
    case TRIAL_TOLD:
        st->has_g[st->trial] = search_wants_slope(&st->search);
        return tell_search(m);
    case GRADIENT_TOLD:
        st->has_g[st->trial] = 1;
        return tell_search(m);
    case ACCEPT_TOLD:
        st->has_g[st->trial] = 1;
        if (isfinite(slope_at(m, st->trial)))
            return accept(m);
        return tell_search(m);
    case PROBE_TOLD:
        return probe_told(m);
    case PROBE_TAKEN:
        return probe_taken(m);
    case REFINED:
        return refined(m);
    default:
        return DESCENT_DONE;
    }
}

int descent_want_gradient(const descent *m)
{
    return m->st.refined ? OPTLAB_G | OPTLAB_FINE : OPTLAB_G;
}

int descent_advance(descent *m)
{
    int want = advance(m);
    return want > 0 && (want & OPTLAB_G) ? want | descent_want_gradient(m) : want;
}

int descent_refine(descent *m)
{
    if (!m->st.opt.refinable || m->st.refined || m->st.phase != DIRECTION)
        return 0;
    return m->st.mistrusted = 1;
}
