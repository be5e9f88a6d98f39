/* Steepest descent, d = -g.
 *
 * The direction remembers only the products of the last step, for the Barzilai-Borwein
 * rules: their scale is what makes the first trial usually the last. */
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

int steepest_advance(descent *m)
{
    descent_state *st = &m->st;
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
    const descent_state *st = &m->st;
    const direction_state *dir = &st->direction;
    if (dir->count == 0)
        return newton_first_trial(m);
    switch (st->opt.step_rule) {
    case STEP_UNIT:
        return 1.0;
    case STEP_PREVIOUS:
        return st->alpha * st->search.dphi0 / st->dphi;
    default:
        if (!(dir->sy > 0.0)) /* concave along s: try ten times as far */
            return 10.0 * sqrt(dir->ss) / st->gnorm;
        return st->opt.step_rule == STEP_BB1 ? dir->ss / dir->sy : dir->sy / dir->yy;
    }
}
