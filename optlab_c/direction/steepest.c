/* Steepest descent, d = -g.
 *
 * The direction remembers only the products of the last step, for the Barzilai-Borwein
 * rules: their scale is what makes the first trial usually the last.
 *
 * With bounds it is the spectral projected gradient method: d = P(x - t g) - x with t by
 * these rules, and alpha = 1 first (Birgin, Martinez & Raydan 2000, SPG2). */
#include <math.h>

#include "../descent.h"
#include "../vec.h"

void steepest_bind(descent *m, arena *a)
{
    (void)m;
    (void)a;
}

void steepest_reset(descent *m)
{
    m->st.direction.count = 0;
    m->st.direction.gamma = 1.0;
}

/* What the rule proposes, after the first step. */
static double rule_step(const descent *m)
{
    const descent_state *st = &m->st;
    const direction_state *dir = &st->direction;
    switch (st->opt.step_rule) {
    case STEP_UNIT:
        return 1.0;
    case STEP_PREVIOUS:
        if (st->opt.bounded)
            return length_of_step(m) / st->gnorm;
        return st->alpha * st->search.dphi0 / st->dphi;
    default:
        if (!(dir->sy > 0.0)) /* concave along s: try ten times as far */
            return 10.0 * sqrt(dir->ss) / st->gnorm;
        return st->opt.step_rule == STEP_BB1 ? dir->ss / dir->sy : dir->sy / dir->yy;
    }
}

static double feasible_length(const descent *m)
{
    const descent_state *st = &m->st;
    if (st->direction.count > 0 && st->opt.direction == DIRECTION_STEEPEST)
        return rule_step(m);
    if (st->k == 0 && st->opt.first_step > 0.0)
        return st->opt.first_step;
    double norm = vec_norm(st->opt.dtype, st->opt.n, m->mem.g[st->current], 2.0);
    double t = length_of_step(m) / norm;
    /* Where every variable is bounded on both sides, the box limits the step, and L-BFGS-B
     * may try -g itself. */
    int try_gradient = st->opt.direction == DIRECTION_LBFGSB && st->opt.boxed && st->k == 0;
    return try_gradient ? fmax(1.0, t) : t;
}

int steepest_advance(descent *m)
{
    descent_state *st = &m->st;
    if (st->opt.bounded) {
        feasible_steepest(m, feasible_length(m));
        return 0;
    }
    const void *g = m->mem.g[st->current];
    vec_scale(st->opt.dtype, st->opt.n, -1.0, g, m->mem.d);
    st->direction.dd = vec_dot(st->opt.dtype, st->opt.n, g, g);
    st->dphi = -st->direction.dd;
    return 0;
}

void steepest_update(descent *m, int from, int to, double dphi_to)
{
    descent_state *st = &m->st;
    (void)dphi_to;
    pair_products pair =
        vec_pair(st->opt.dtype, st->opt.n, m->mem.x[to], m->mem.x[from], m->mem.g[to],
                 m->mem.g[from], 0.0, NULL, NULL);
    st->direction.ss = pair.ss;
    st->direction.sy = pair.sy;
    st->direction.yy = pair.yy;
    st->direction.count++;
}

double steepest_first_trial(const descent *m)
{
    if (m->st.direction.count == 0 || m->st.opt.bounded)
        return newton_first_trial(m);
    return rule_step(m);
}
