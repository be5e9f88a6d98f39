#include "batch.h"

#include <string.h>

/* Beyond, two triangles of each lane leave the cache, and little is gained. */
enum { LOCKSTEP_UP_TO = 48 };

/* With limits there is nothing to spare for problems that are given up. */
static const int64_t NO_LIMIT = (int64_t)1 << 62;

void batch_start(const batch *b, int64_t i, descent *m, void *memory, loop *run)
{
    const descent_options *opt = b->opt;
    size_t bytes = vec_bytes(opt->dtype, opt->n);
    m->st.opt = *opt;
    descent_bind(m, memory);
    memcpy(m->mem.x[0], batch_row(opt, b->x0, i), bytes);
    if (opt->bounded) {
        int64_t box = b->boxes == 1 ? 0 : i;
        memcpy(m->mem.lb, batch_row(opt, b->lb, box), bytes);
        memcpy(m->mem.ub, batch_row(opt, b->ub, box), bytes);
    }
    descent_start(m);
    loop_start(run, m, b->stop);
    run->poll = b->poll;
    run->observe_ctx = b->poll_ctx;
}

void batch_finish(const batch *b, int64_t i, loop *run)
{
    descent *m = run->machine;
    size_t bytes = vec_bytes(b->opt->dtype, b->opt->n);
    int slot = descent_result(m);
    memcpy(batch_row(b->opt, b->x, i), m->mem.x[slot], bytes);
    memcpy(batch_row(b->opt, b->g, i), m->mem.g[slot], bytes);
    b->f[i] = m->st.f[slot];
    b->gnorm[i] = descent_gnorm(m, slot);
    b->nit[i] = m->st.k;
    b->nfev[i] = run->st.counts.nfev;
    b->njev[i] = run->st.counts.njev;
    b->nhev[i] = run->st.counts.nhev;
    b->status[i] = run->st.status;
    b->saddle[i] = descent_at_saddle(m) != 0;
}

static int run_one(const batch *b, int64_t i, void *memory)
{
    descent m;
    loop run;
    batch_start(b, i, &m, memory, &run);
    run.objective = b->objectives[i];
    run.products_only = !(run.objective->provides & OPTLAB_H);
    if (loop_run(&run) == OPTLAB_ABORTED)
        return OPTLAB_ABORTED;
    batch_finish(b, i, &run);
    return 0;
}

int batch_lockstep(const batch *b, lockstep_options *out)
{
    const descent_options *opt = b->opt;
    const search_options *s = &opt->search;
    /* Who creeps along for longer would keep the other lanes idle at the end. */
    int64_t longest = 200 + 20 * opt->n;
    *out = (lockstep_options){
        .n = opt->n,
        .c1 = s->c1,
        .c2 = s->c2,
        .maxls = s->maxls,
        .gtol = b->stop->gtol,
        .norm = opt->norm,
        .first_step = opt->first_step,
        .maxiter = longest,
        .maxfun = b->stop->maxfun,
    };
    return opt->direction == DIRECTION_BFGS && opt->dtype == OPTLAB_FLOAT64 &&
           opt->n <= LOCKSTEP_UP_TO && s->kind == SEARCH_WOLFE && !s->strong &&
           s->noise == 100.0 * DBL_EPSILON && b->stop->maxfun >= NO_LIMIT &&
           b->stop->maxiter >= longest &&
           b->stop->ftol == 0.0 &&
           b->stop->xrtol == 0.0 && b->stop->xtol == 0.0 &&
           (opt->norm == 1.0 || opt->norm == 2.0 || opt->norm == INFINITY);
}

size_t batch_size(const batch *b)
{
    lockstep_options opt;
    size_t one = descent_size(b->opt);
    size_t many = batch_lockstep(b, &opt) ? lockstep_size(&opt) : 0;
    return one > many ? one : many;
}

void batch_complete(const batch *b, int64_t i)
{
    b->njev[i] = b->nfev[i];
    b->gnorm[i] = vec_norm(b->opt->dtype, b->opt->n, batch_row(b->opt, b->g, i),
                           b->opt->norm);
}

/* In lockstep first; what is given up there is run again, one after the other. */
int batch_run(const batch *b, int64_t first, int64_t last, void *memory)
{
    int64_t n = b->opt->n;
    lockstep_batch lanes = {
        .count = last - first,
        .objectives = b->objectives + first,
        .x0 = (const double *)b->x0 + first * n,
        .x = (double *)b->x + first * n,
        .f = b->f + first,
        .g = (double *)b->g + first * n,
        .nit = b->nit + first,
        .nfev = b->nfev + first,
        .status = b->status + first,
        .poll = b->poll,
        .poll_ctx = b->poll_ctx,
    };
    if (batch_lockstep(b, &lanes.opt) && lockstep_run(&lanes, memory) != 0)
        return OPTLAB_ABORTED;
    for (int64_t i = first; i < last; i++) {
        int64_t spent = b->nfev[i];
        if (b->status[i] != OPTLAB_RUNNING) {
            batch_complete(b, i);
            continue;
        }
        if (run_one(b, i, memory) != 0)
            return OPTLAB_ABORTED;
        b->nfev[i] += spent;
        b->njev[i] += spent;
    }
    return 0;
}
