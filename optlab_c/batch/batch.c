#include "batch.h"

#include <string.h>

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

int batch_run(const batch *b, int64_t i, void *memory)
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
