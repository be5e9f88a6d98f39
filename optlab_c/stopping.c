#include "stopping.h"

#include <math.h>

static int value_settled(const stop_tests *tests, const descent_state *st)
{
    double f = st->f[st->current];
    double scale = fmax(fmax(fabs(f), fabs(st->f_before)), 1.0);
    return st->f_before - f <= tests->ftol * scale;
}

static int step_settled(const stop_tests *tests, const descent *m)
{
    const descent_state *st = &m->st;
    double size = vec_norm(st->opt.dtype, st->opt.n, m->mem.x[st->current], 2.0);
    return st->snorm <= tests->xrtol * (tests->xrtol + size);
}

static int step_small(const stop_tests *tests, const descent *m)
{
    const descent_state *st = &m->st;
    double length = st->alpha * vec_norm(st->opt.dtype, st->opt.n, m->mem.d, 1.0);
    return length <= (double)st->opt.n * tests->xtol;
}

int stop_at_iterate(const stop_tests *tests, const descent *m)
{
    const descent_state *st = &m->st;
    if (st->gnorm <= tests->gtol && descent_current_is_best(m))
        return OPTLAB_CONVERGED;
    if (st->k > 0 && tests->ftol > 0.0 && value_settled(tests, st))
        return OPTLAB_FTOL;
    if (st->k > 0 && tests->xrtol > 0.0 && step_settled(tests, m))
        return OPTLAB_XTOL;
    if (st->k > 0 && tests->xtol > 0.0 && step_small(tests, m))
        return OPTLAB_XTOL;
    if (st->k >= tests->maxiter)
        return OPTLAB_MAXITER;
    return OPTLAB_RUNNING;
}
