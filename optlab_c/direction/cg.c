/* Nonlinear conjugate gradients, d+ = -g+ + beta d.
 *
 *   Hager-Zhang      beta = (y - 2 d y'y / d'y)'g+ / d'y,  at least  eta d'g / d'd
 *                    (Hager & Zhang 2005, eq. 1.3; the bound of 2013, eq. 7.3)
 *   Polak-Ribiere+   beta = max(0, y'g+ / g'g)      (Nocedal & Wright 2006, eq. 5.45)
 *
 * The direction remembers beta and itself. It begins again from -g+ after RESTART n steps
 * (Hager & Zhang 2006, section 5), and where -g+ + beta d does not go down enough. */
#include <math.h>

#include "../descent.h"
#include "../vec.h"

enum { RESTART = 6 };

static const double ETA = 0.4;
static const double DOWN = 0.01; /* least g'd of -g'g */

void cg_bind(descent *m, arena *a)
{
    (void)m;
    (void)a;
}

void cg_reset(descent *m)
{
    m->st.direction.count = 0;
}

int cg_advance(descent *m)
{
    descent_state *st = &m->st;
    direction_state *dir = &st->direction;
    int dtype = st->opt.dtype;
    int64_t n = st->opt.n;
    const void *g = m->mem.g[st->current];
    if (dir->count == 0 || dir->count >= RESTART * n || !isfinite(dir->beta)) {
        dir->count = 0;
        return steepest_advance(m);
    }
    dir->dd = vec_combine(dtype, n, -1.0, g, dir->beta, m->mem.d);
    st->dphi = vec_dot(dtype, n, g, m->mem.d);
    if (!(st->dphi <= -DOWN * dir->gg)) {
        dir->count = 0;
        return steepest_advance(m);
    }
    return 0;
}

void cg_update(descent *m, int from, int to, double dphi_to)
{
    descent_state *st = &m->st;
    direction_state *dir = &st->direction;
    int dtype = st->opt.dtype;
    int64_t n = st->opt.n;
    const void *g = m->mem.g[from], *g_to = m->mem.g[to];
    pair_products pair = vec_pair(dtype, n, m->mem.x[to], m->mem.x[from], g_to, g, 0.0,
                                  NULL, NULL);
    double gg_to = vec_dot(dtype, n, g_to, g_to);
    double yg_to = gg_to - vec_dot(dtype, n, g, g_to);
    if (st->opt.beta == CG_POLAK_RIBIERE) {
        dir->beta = fmax(0.0, yg_to / vec_dot(dtype, n, g, g));
    } else {
        double dy = dphi_to - st->dphi;
        double beta = (yg_to - 2.0 * (pair.yy / dy) * dphi_to) / dy;
        dir->beta = fmax(beta, ETA * st->dphi / dir->dd);
    }
    dir->ss = pair.ss;
    dir->sy = pair.sy;
    dir->yy = pair.yy;
    dir->gg = gg_to;
    dir->count++;
}

/* Between two guesses: the step with the same first-order change as the last one (Nocedal
 * & Wright 2006, eq. 3.60's neighbour), and the minimiser along d if the curvature were
 * that of the last step. The first errs where d changes its scale, the second where it
 * changes its direction; their geometric mean takes a tenth fewer trials than either. */
double cg_first_trial(const descent *m)
{
    const descent_state *st = &m->st;
    const direction_state *dir = &st->direction;
    if (dir->count == 0)
        return newton_first_trial(m);
    double by_change = st->alpha * st->search.dphi0 / st->dphi;
    double by_curvature = -st->dphi / dir->dd * (dir->ss / dir->sy);
    return by_curvature > 0.0 ? sqrt(by_change * by_curvature) : by_change;
}
