/* One step of each update rule, for one dtype; see real.h for how this file is included.
 *
 * The loops are compiled without contraction, so that a step in float64 has the bits of
 * its formula. All take the gradient of the batch in g, which weight decay is added to
 * (but for AdamW, where w itself decays), and `factor`, that of clipping. */

#define GRADIENT(i) (factor * g[i] + decay * w[i])

/* Robbins & Monro 1951. */
OPTLAB_CLONES
static void NAMED(sgd)(const stochastic *m, REAL factor, REAL rate)
{
    REAL *w = m->mem.w;
    const REAL *g = m->mem.g, decay = (REAL)m->st.opt.weight_decay;
#pragma omp simd
    for (int64_t i = 0; i < m->st.opt.n; i++)
        w[i] -= rate * GRADIENT(i);
}

/* The heavy ball, Polyak 1964: v = momentum v + g. */
OPTLAB_CLONES
static void NAMED(momentum)(const stochastic *m, REAL factor, REAL rate)
{
    REAL *w = m->mem.w, *v = m->mem.first;
    const REAL *g = m->mem.g, decay = (REAL)m->st.opt.weight_decay;
    const REAL mass = (REAL)m->st.opt.momentum;
#pragma omp simd
    for (int64_t i = 0; i < m->st.opt.n; i++) {
        v[i] = mass * v[i] + GRADIENT(i);
        w[i] -= rate * v[i];
    }
}

/* Nesterov 1983, in the form of Sutskever et al. 2013 with w at the point looked ahead. */
OPTLAB_CLONES
static void NAMED(nesterov)(const stochastic *m, REAL factor, REAL rate)
{
    REAL *w = m->mem.w, *v = m->mem.first;
    const REAL *g = m->mem.g, decay = (REAL)m->st.opt.weight_decay;
    const REAL mass = (REAL)m->st.opt.momentum;
#pragma omp simd
    for (int64_t i = 0; i < m->st.opt.n; i++) {
        REAL slope = GRADIENT(i);
        v[i] = mass * v[i] + slope;
        w[i] -= rate * (slope + mass * v[i]);
    }
}

/* Duchi, Hazan & Singer 2011. */
OPTLAB_CLONES
static void NAMED(adagrad)(const stochastic *m, REAL factor, REAL rate)
{
    REAL *w = m->mem.w, *s = m->mem.second;
    const REAL *g = m->mem.g, decay = (REAL)m->st.opt.weight_decay;
    const REAL eps = (REAL)m->st.opt.eps;
#pragma omp simd
    for (int64_t i = 0; i < m->st.opt.n; i++) {
        REAL slope = GRADIENT(i);
        s[i] += slope * slope;
        w[i] -= rate * (slope / (ROOT(s[i]) + eps));
    }
}

/* Tieleman & Hinton 2012. */
OPTLAB_CLONES
static void NAMED(rmsprop)(const stochastic *m, REAL factor, REAL rate)
{
    REAL *w = m->mem.w, *s = m->mem.second;
    const REAL *g = m->mem.g, decay = (REAL)m->st.opt.weight_decay;
    const REAL eps = (REAL)m->st.opt.eps, keep = (REAL)m->st.opt.beta2;
    const REAL rest = (REAL)(1 - m->st.opt.beta2);
#pragma omp simd
    for (int64_t i = 0; i < m->st.opt.n; i++) {
        REAL slope = GRADIENT(i);
        s[i] = keep * s[i] + rest * (slope * slope);
        w[i] -= rate * (slope / (ROOT(s[i]) + eps));
    }
}

/* Kingma & Ba 2015, algorithm 1, with both corrections out of the loop: `rate` is divided
 * by 1 - beta1^t, and `unbias` is 1 / sqrt(1 - beta2^t). AdamW: Loshchilov & Hutter 2019,
 * algorithm 2, where `shrink` is 1 - rate weight_decay. */
OPTLAB_CLONES
static void NAMED(adam)(const stochastic *m, REAL factor, REAL rate, REAL decay,
                        REAL shrink, REAL unbias)
{
    REAL *w = m->mem.w, *v = m->mem.first, *s = m->mem.second;
    const REAL *g = m->mem.g, eps = (REAL)m->st.opt.eps;
    const REAL keep1 = (REAL)m->st.opt.beta1, rest1 = (REAL)(1 - m->st.opt.beta1);
    const REAL keep2 = (REAL)m->st.opt.beta2, rest2 = (REAL)(1 - m->st.opt.beta2);
#pragma omp simd
    for (int64_t i = 0; i < m->st.opt.n; i++) {
        REAL slope = GRADIENT(i);
        v[i] = keep1 * v[i] + rest1 * slope;
        s[i] = keep2 * s[i] + rest2 * (slope * slope);
        w[i] = shrink * w[i] - rate * (v[i] / (ROOT(s[i]) * unbias + eps));
    }
}

/* Johnson & Zhang 2013: g becomes g - g at the anchor + all samples' g there. */
OPTLAB_CLONES
static void NAMED(reduce_variance)(const stochastic *m)
{
    REAL *g = m->mem.g;
    const REAL *old = m->mem.old, *full = m->mem.full;
#pragma omp simd
    for (int64_t i = 0; i < m->st.opt.n; i++)
        g[i] = (g[i] - old[i]) + full[i];
}

/* Polyak & Juditsky 1992: the mean of `count` steps. */
OPTLAB_CLONES
static void NAMED(average)(const stochastic *m, REAL count)
{
    const REAL *w = m->mem.w;
    REAL *mean = m->mem.average;
#pragma omp simd
    for (int64_t i = 0; i < m->st.opt.n; i++)
        mean[i] += (w[i] - mean[i]) / count;
}

static void NAMED(step)(stochastic *m, double factor)
{
    const stochastic_options *opt = &m->st.opt;
    const double rate = m->st.rate, t = (double)m->st.updates;
    const REAL f = (REAL)factor, r = (REAL)rate;
    switch (opt->rule) {
    case RULE_MOMENTUM: NAMED(momentum)(m, f, r); break;
    case RULE_NESTEROV: NAMED(nesterov)(m, f, r); break;
    case RULE_ADAGRAD: NAMED(adagrad)(m, f, r); break;
    case RULE_RMSPROP: NAMED(rmsprop)(m, f, r); break;
    case RULE_ADAM:
    case RULE_ADAMW: {
        int decoupled = opt->rule == RULE_ADAMW;
        NAMED(adam)(m, f, (REAL)(rate / (1 - pow(opt->beta1, t))),
                    (REAL)(decoupled ? 0 : opt->weight_decay),
                    (REAL)(decoupled ? 1 - rate * opt->weight_decay : 1),
                    (REAL)(1 / sqrt(1 - pow(opt->beta2, t))));
        break;
    }
    default: NAMED(sgd)(m, f, r); /* and SVRG, with another g */
    }
    if (opt->average_from >= 0 && m->st.epoch >= opt->average_from)
        NAMED(average)(m, (REAL)++m->st.averaged);
}

#undef GRADIENT
