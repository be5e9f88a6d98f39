#include "loop.h"

#include <string.h>

#include "poll.h"

static int evaluate(loop *run, int want, optlab_point *point)
{
    if (poll_interrupted(run->poll, run->observe_ctx, &run->last_poll))
        return OPTLAB_ABORTED;
    if (run->objective->eval(run->objective->ctx, want, point) != 0)
        return OPTLAB_ABORTED;
    run->counts.nfev += (want & OPTLAB_F) != 0;
    run->counts.njev += (want & OPTLAB_G) != 0;
    run->counts.nhev += (want & run->objective->provides & (OPTLAB_HV | OPTLAB_H)) != 0;
    return 0;
}

static void set_unit(int dtype, int64_t n, int64_t i, void *v)
{
    memset(v, 0, vec_bytes(dtype, n));
    vec_put(dtype, v, i, 1.0);
}

/* A Hessian from an objective that has products only: column by column. */
static int hessian_by_products(loop *run, optlab_point *point)
{
    const descent *m = run->machine;
    int dtype = m->st.opt.dtype;
    int64_t n = m->st.opt.n;
    for (int64_t i = 0; i < n; i++) {
        set_unit(dtype, n, i, m->mem.ask_v);
        point->hv = (char *)point->h + vec_bytes(dtype, i * n);
        if (evaluate(run, OPTLAB_HV, point) != 0)
            return OPTLAB_ABORTED;
    }
    return 0;
}

static int answer(loop *run, int want)
{
    optlab_point point = descent_question(run->machine);
    int by_products = want == OPTLAB_H && run->products_only;
    if (by_products ? hessian_by_products(run, &point) : evaluate(run, want, &point))
        return OPTLAB_ABORTED;
    descent_tell(run->machine, want, &point);
    return 0;
}

/* A test has fired that may have found a minimum: is it one? */
static int may_be_minimum(int status)
{
    return status == OPTLAB_CONVERGED || status == OPTLAB_FTOL || status == OPTLAB_XTOL;
}

int loop_run(loop *run)
{
    descent *m = run->machine;
    for (;;) {
        int want = descent_advance(m), status;
        if (want > 0) {
            if ((want & OPTLAB_F) && run->counts.nfev >= run->stop.maxfun)
                return OPTLAB_MAXFUN;
            if (answer(run, want) != 0)
                return OPTLAB_ABORTED;
        } else if (want == DESCENT_ITERATE) {
            /* The observer sees the last iterate, too. */
            if (run->observe && !m->st.again &&
                (status = run->observe(run->observe_ctx, m)) != 0)
                return status;
            status = stop_at_iterate(&run->stop, m);
            if (may_be_minimum(status) && descent_doubt(m))
                run->verdict = status;
            else if (status != OPTLAB_RUNNING)
                return status;
        } else if (want == DESCENT_CURVATURE) {
            if (!descent_at_saddle(m))
                return run->verdict;
            if (m->st.k >= run->stop.maxiter)
                return OPTLAB_MAXITER;
        } else {
            return m->st.outcome;
        }
    }
}

int loop_complete_result(loop *run)
{
    descent *m = run->machine;
    int slot = descent_result(m);
    if (m->st.has_g[slot] || m->st.outcome == OPTLAB_NONFINITE_START)
        return 0;
    optlab_point point = {.x = m->mem.x[slot], .f = m->st.f[slot], .g = m->mem.g[slot]};
    if (evaluate(run, descent_want_gradient(m), &point) != 0)
        return OPTLAB_ABORTED;
    if (vec_all_finite(m->st.opt.dtype, m->st.opt.n, point.g))
        m->st.has_g[slot] = 1;
    else
        m->st.best = m->st.current; /* fine in value, yet no point to return */
    return 0;
}
