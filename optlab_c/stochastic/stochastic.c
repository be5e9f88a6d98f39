#include "stochastic.h"

#include <math.h>
#include <string.h>

#include "../multiversion.h"
#include "../poll.h"
#include "../real.h"
#include "../vec.h"
#include "random.h"

#define REAL double
#define NAMED(name) name##_f64
#define ROOT sqrt
#include "rule_kernels.h"
#undef REAL
#undef NAMED
#undef ROOT

#define REAL float
#define NAMED(name) name##_f32
#define ROOT sqrtf
#include "rule_kernels.h"

enum { EPOCH, ANCHOR, BATCH, AT_ANCHOR, TRY, UPDATE, END };

/* ---- memory -------------------------------------------------------------------------- */

static void take(stochastic *m, arena *a)
{
    const stochastic_options *opt = &m->st.opt;
    stochastic_rule rule = opt->rule;
    size_t bytes = vec_bytes(opt->dtype, opt->n);
    int first = rule == RULE_MOMENTUM || rule == RULE_NESTEROV || rule == RULE_ADAM ||
                rule == RULE_ADAMW;
    int second = rule == RULE_ADAGRAD || rule == RULE_RMSPROP || rule == RULE_ADAM ||
                 rule == RULE_ADAMW;
    struct { void **vector; int needed; } vectors[] = {
        {&m->mem.w, 1},
        {&m->mem.g, 1},
        {&m->mem.best, 1},
        {&m->mem.first, first},
        {&m->mem.second, second},
        {&m->mem.anchor, rule == RULE_SVRG},
        {&m->mem.full, rule == RULE_SVRG},
        {&m->mem.old, rule == RULE_SVRG},
        {&m->mem.trial, opt->search},
        {&m->mem.average, opt->average_from >= 0},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        *vectors[i].vector = vectors[i].needed ? arena_take(a, bytes) : NULL;
    int64_t listed = opt->sampler == SAMPLER_DRAWN ? opt->batch + opt->least : opt->samples;
    m->mem.order = arena_take(a, sizeof(int64_t) * (size_t)listed);
}

size_t stochastic_size(const stochastic_options *opt)
{
    stochastic m = {.st.opt = *opt};
    arena a = {NULL, 0};
    take(&m, &a);
    return a.used;
}

void stochastic_bind(stochastic *m, void *memory)
{
    arena a = {memory, 0};
    take(m, &a);
}

void stochastic_start(stochastic *m)
{
    stochastic_options opt = m->st.opt;
    size_t bytes = vec_bytes(opt.dtype, opt.n);
    m->st = (stochastic_state){
        .opt = opt,
        .phase = EPOCH,
        .outcome = OPTLAB_RUNNING,
        .scale = 1,
        .alpha = opt.rate,
        .loss = NAN,
        .best_loss = INFINITY,
    };
    random_seed(m->st.random, opt.seed);
    void *zeroed[] = {m->mem.first, m->mem.second, m->mem.average};
    for (size_t i = 0; i < sizeof zeroed / sizeof *zeroed; i++)
        if (zeroed[i])
            memset(zeroed[i], 0, bytes);
    memcpy(m->mem.best, m->mem.w, bytes);
    for (int64_t i = 0; opt.sampler != SAMPLER_DRAWN && i < opt.samples; i++)
        m->mem.order[i] = i;
}

/* ---- parts --------------------------------------------------------------------------- */

/* The samples of the next batch: `taken` of them from mem.order + where they start. */
static int64_t *next_batch(const stochastic *m)
{
    return m->st.opt.sampler == SAMPLER_DRAWN ? m->mem.order
                                              : m->mem.order + m->st.position;
}

static void sample(stochastic *m)
{
    stochastic_state *st = &m->st;
    int64_t left = st->opt.samples - st->position;
    st->taken = left - st->opt.batch < st->opt.least ? left : st->opt.batch;
    if (st->opt.sampler == SAMPLER_DRAWN)
        for (int64_t i = 0; i < st->taken; i++)
            m->mem.order[i] = random_below(st->random, st->opt.samples);
}

/* Fisher & Yates. */
static void shuffle(stochastic *m)
{
    int64_t *order = m->mem.order;
    for (int64_t i = m->st.opt.samples - 1; i > 0; i--) {
        int64_t j = random_below(m->st.random, i + 1), swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

static double scheduled(const stochastic *m)
{
    const stochastic_options *opt = &m->st.opt;
    double t = (double)m->st.epoch + (double)m->st.position / (double)opt->samples;
    double rate = opt->rate * m->st.scale, share;
    switch (opt->schedule) {
    case SCHEDULE_STEP: rate *= pow(opt->decay, floor(t / opt->every)); break;
    case SCHEDULE_INVERSE: rate /= 1 + opt->decay * t; break;
    case SCHEDULE_EXPONENTIAL: rate *= pow(opt->decay, t); break;
    case SCHEDULE_COSINE:
        share = t < opt->every ? t / opt->every : 1;
        rate = opt->rate_min +
               (rate - opt->rate_min) * 0.5 * (1 + cos(3.14159265358979323846 * share));
        break;
    default: break;
    }
    if (opt->warmup > 0) { /* up to the whole rate in equal parts */
        double end = t + (double)opt->batch / (double)opt->samples;
        rate *= end < opt->warmup ? end / opt->warmup : 1;
    }
    return rate;
}

/* Vaswani et al. 2019, algorithm 1 with the third reset option of its algorithm 2. */
static void begin_search(stochastic *m)
{
    stochastic_state *st = &m->st;
    double share = (double)st->opt.batch / (double)st->opt.samples;
    st->gg = vec_dot(st->opt.dtype, st->opt.n, m->mem.g, m->mem.g);
    st->alpha = fmin(st->rate, st->alpha * pow(st->opt.grow, share));
    st->tries = 0;
}

static void try(stochastic *m)
{
    vec_step(m->st.opt.dtype, m->st.opt.n, m->mem.w, -m->st.alpha, m->mem.g,
             m->mem.trial);
    m->st.tries++;
}

/* Whether the step is short enough, or as short as it may get. */
static int tried(stochastic *m)
{
    stochastic_state *st = &m->st;
    if (st->f_trial <= st->f - st->opt.c1 * st->alpha * st->gg ||
        st->tries >= st->opt.maxls)
        return 1;
    st->alpha *= st->opt.shrink;
    return 0;
}

static void update(stochastic *m)
{
    stochastic_state *st = &m->st;
    double factor = 1;
    if (isfinite(st->opt.clip_norm)) {
        double norm = vec_norm(st->opt.dtype, st->opt.n, m->mem.g, 2);
        factor = norm > st->opt.clip_norm ? st->opt.clip_norm / norm : 1;
    }
    if (st->opt.search)
        st->rate = st->alpha;
    st->updates++;
    DISPATCH(st->opt.dtype, step, m, factor);
    st->position += st->taken;
}

/* ---- the machine --------------------------------------------------------------------- */

const void *stochastic_point(const stochastic *m)
{
    return m->st.averaged ? m->mem.average : m->mem.w;
}

static int diverge(stochastic *m)
{
    m->st.outcome = OPTLAB_DIVERGED;
    m->st.phase = END;
    return STOCHASTIC_DONE;
}

static int end_epoch(stochastic *m)
{
    stochastic_state *st = &m->st;
    size_t bytes = vec_bytes(st->opt.dtype, st->opt.n);
    st->loss = st->sum / (double)st->opt.samples;
    st->epoch++;
    st->phase = EPOCH;
    if (st->loss < st->best_loss &&
        vec_all_finite(st->opt.dtype, st->opt.n, stochastic_point(m))) {
        st->best_loss = st->loss;
        memcpy(m->mem.best, stochastic_point(m), bytes);
    }
    return STOCHASTIC_EPOCH;
}

static int ask_batch(stochastic *m)
{
    m->st.phase = BATCH;
    m->st.rate = scheduled(m);
    sample(m);
    return OPTLAB_F | OPTLAB_G | OPTLAB_BATCH;
}

/* After a question has been answered, or an epoch was published. */
int stochastic_advance(stochastic *m)
{
    stochastic_state *st = &m->st;
    for (;;)
        switch (st->phase) {
        case EPOCH:
            st->position = 0;
            st->sum = 0;
            if (st->opt.sampler == SAMPLER_SHUFFLED)
                shuffle(m);
            if (st->opt.rule != RULE_SVRG)
                return ask_batch(m);
            memcpy(m->mem.anchor, m->mem.w, vec_bytes(st->opt.dtype, st->opt.n));
            st->phase = ANCHOR;
            return OPTLAB_F | OPTLAB_G;
        case ANCHOR:
            if (!isfinite(st->f))
                return diverge(m);
            return ask_batch(m);
        case BATCH:
            if (!isfinite(st->f))
                return diverge(m);
            st->sum += st->f * (double)st->taken;
            if (st->opt.rule == RULE_SVRG) {
                st->phase = AT_ANCHOR;
                return OPTLAB_G | OPTLAB_BATCH;
            }
            if (st->opt.search) {
                begin_search(m);
                if (!isfinite(st->gg))
                    return diverge(m);
                try(m);
                st->phase = TRY;
                return OPTLAB_F | OPTLAB_BATCH;
            }
            st->phase = UPDATE;
            break;
        case TRY:
            if (st->tries >= st->opt.maxls && !isfinite(st->f_trial))
                return diverge(m);
            if (!tried(m)) {
                try(m);
                return OPTLAB_F | OPTLAB_BATCH;
            }
            st->phase = UPDATE;
            break;
        case AT_ANCHOR:
            DISPATCH(st->opt.dtype, reduce_variance, m);
            st->phase = UPDATE;
            break;
        case UPDATE:
            update(m);
            if (st->position >= st->opt.samples)
                return end_epoch(m);
            return ask_batch(m);
        default: return STOCHASTIC_DONE;
        }
}

optlab_point stochastic_question(const stochastic *m)
{
    optlab_point point = {.x = m->mem.w, .g = m->mem.g, .f = m->st.f};
    switch (m->st.phase) {
    case ANCHOR: point.g = m->mem.full; return point;
    case AT_ANCHOR:
        point.x = m->mem.anchor;
        point.g = m->mem.old;
        break;
    case TRY: point.x = m->mem.trial; break;
    default: break;
    }
    point.index = next_batch(m);
    point.n_index = m->st.taken;
    return point;
}

void stochastic_tell(stochastic *m, int told, const optlab_point *point)
{
    if (told & OPTLAB_F)
        *(m->st.phase == TRY ? &m->st.f_trial : &m->st.f) = point->f;
}

/* ---- the loop ------------------------------------------------------------------------- */

static int interrupted(stochastic_loop *loop)
{
    if (!poll_due(&loop->last_poll))
        return 0;
    return (loop->poll && loop->poll(loop->poll_ctx)) ||
           (loop->keep && loop->keep(loop->poll_ctx));
}

int stochastic_run(stochastic_loop *loop)
{
    stochastic *m = loop->machine;
    for (;;) {
        if (loop->want == 0) {
            int event = stochastic_advance(m);
            if (event < 0)
                return event;
            loop->want = event;
        }
        int want = loop->want;
        optlab_point point = stochastic_question(m);
        if (interrupted(loop) || loop->objective->eval(loop->objective->ctx, want, &point))
            return OPTLAB_ABORTED;
        loop->nfev += (want & OPTLAB_F) != 0;
        loop->njev += (want & OPTLAB_G) != 0;
        stochastic_tell(m, want, &point);
        loop->want = 0;
    }
}
