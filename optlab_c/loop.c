#include "loop.h"

#include <string.h>

#include "poll.h"

static int poll(loop *run, int (*hook)(void *ctx), int due)
{
    return due && hook && hook(run->observe_ctx);
}

static int evaluate(loop *run, int want, optlab_point *point)
{
    loop_counts *counts = &run->st.counts;
    if (run->objective->eval(run->objective->ctx, want, point) != 0)
        return OPTLAB_ABORTED;
    counts->nfev += (want & OPTLAB_F) != 0;
    counts->njev += (want & OPTLAB_G) != 0;
    counts->nhev += (want & run->objective->provides & (OPTLAB_HV | OPTLAB_H)) != 0;
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
        if (poll(run, run->poll, poll_due(&run->last_poll)) ||
            evaluate(run, OPTLAB_HV, point) != 0)
            return OPTLAB_ABORTED;
    }
    return 0;
}

static int answer(loop *run, int want)
{
    int due = poll_due(&run->last_poll);
    optlab_point point = loop_question(run);
    if (poll(run, run->poll, due) || poll(run, run->keep, due))
        return OPTLAB_ABORTED;
    int by_products = want == OPTLAB_H && run->products_only;
    if (by_products ? hessian_by_products(run, &point) : evaluate(run, want, &point))
        return OPTLAB_ABORTED;
    loop_tell(run, want, &point);
    return 0;
}

/* A test has fired that may have found a minimum: is it one? */
static int may_be_minimum(int status)
{
    return status == OPTLAB_CONVERGED || status == OPTLAB_FTOL || status == OPTLAB_XTOL;
}

/* A new iterate: shown, and tested; whether the loop has to be left here. */
static int take_iterate(loop *run)
{
    descent *m = run->machine;
    loop_state *st = &run->st;
    if (run->observe && !m->st.again && !st->shown) {
        st->shown = 1; /* the observer sees the last iterate, too */
        int status = run->observe(run->observe_ctx, m);
        run->failed = status == OPTLAB_ABORTED;
        if (status == OPTLAB_PAUSED || run->failed)
            return 1;
        if (status != 0) {
            st->status = status;
            return 0;
        }
    }
    st->shown = 0;
    int status = stop_at_iterate(&st->stop, m);
    if (may_be_minimum(status) && descent_doubt(m))
        st->verdict = status;
    else
        st->status = status;
    return 0;
}

void loop_start(loop *run, descent *machine, const stop_tests *stop)
{
    memset(run, 0, sizeof *run);
    run->machine = machine;
    run->st.stop = *stop;
    run->st.status = OPTLAB_RUNNING;
}

/* Whether the gradient at the point to return is still to be asked for. */
static int incomplete(const descent *m)
{
    return !m->st.has_g[descent_result(m)] && m->st.outcome != OPTLAB_NONFINITE_START;
}

int loop_next(loop *run)
{
    descent *m = run->machine;
    loop_state *st = &run->st;
    while (st->status == OPTLAB_RUNNING && st->want == 0) {
        int event = st->shown ? DESCENT_ITERATE : descent_advance(m);
        if (event > 0) {
            st->want = event;
        } else if (event == DESCENT_ITERATE) {
            if (take_iterate(run))
                return 0;
        } else if (event == DESCENT_CURVATURE) {
            if (!descent_at_saddle(m))
                st->status = st->verdict;
            else if (m->st.k >= st->stop.maxiter)
                st->status = OPTLAB_MAXITER;
        } else {
            st->status = m->st.outcome;
        }
    }
    if (st->status == OPTLAB_RUNNING && (st->want & OPTLAB_F) &&
        st->counts.nfev >= st->stop.maxfun)
        st->status = OPTLAB_MAXFUN;
    if (st->status == OPTLAB_RUNNING)
        return st->want;
    return incomplete(m) ? descent_want_gradient(m) : 0;
}

optlab_point loop_question(const loop *run)
{
    const descent *m = run->machine;
    if (run->st.status == OPTLAB_RUNNING)
        return descent_question(m);
    int slot = descent_result(m);
    return (optlab_point){.x = m->mem.x[slot], .f = m->st.f[slot], .g = m->mem.g[slot]};
}

void loop_tell(loop *run, int told, const optlab_point *point)
{
    descent *m = run->machine;
    if (run->st.status == OPTLAB_RUNNING) {
        descent_tell(m, told, point);
        run->st.want &= ~told;
    } else if (vec_all_finite(m->st.opt.dtype, m->st.opt.n, point->g)) {
        m->st.has_g[descent_result(m)] = 1;
    } else {
        m->st.best = m->st.current; /* fine in value, yet no point to return */
    }
}

void loop_reopen(loop *run)
{
    run->st.status = OPTLAB_RUNNING;
}

int loop_run(loop *run)
{
    run->last_poll = poll_clock();
    run->failed = 0;
    int want;
    while ((want = loop_next(run)) != 0)
        if (answer(run, want) != 0)
            return OPTLAB_ABORTED;
    return run->failed ? OPTLAB_ABORTED : run->st.status;
}
