/* Many runs of one method, one after the other, in one arena. */
#ifndef OPTLAB_BATCH_H
#define OPTLAB_BATCH_H

#include "../lockstep/lockstep.h"
#include "../loop.h"

typedef struct batch {
    const descent_options *opt;
    const stop_tests *stop;
    const optlab_objective *const *objectives; /* one for each problem */
    const void *x0;                            /* rows of n */
    const void *lb, *ub;                       /* where `opt` is bounded: rows, */
    int64_t boxes;                             /* so many: 1, or one for each problem */

    /* What comes of each: rows of n, and numbers. */
    void *x, *g;
    double *f, *gnorm;
    int64_t *nit, *nfev, *njev, *nhev;
    int *status;
    unsigned char *saddle; /* the result is no minimum */

    int (*poll)(void *ctx); /* as in loop.h */
    void *poll_ctx;
} batch;

/* Whether the problems can go in lockstep: these are the options then. */
int batch_lockstep(const batch *b, lockstep_options *opt);

/* Bytes of memory for `batch_run`. */
size_t batch_size(const batch *b);

/* Run problems `first` to `last` - 1. Non-zero: aborted. */
int batch_run(const batch *b, int64_t first, int64_t last, void *memory);

/* The norm of g is added to what a lockstep has found out. */
void batch_complete(const batch *b, int64_t i);

/* Row i of rows that are n long. */
static inline void *batch_row(const descent_options *opt, const void *rows, int64_t i)
{
    return (char *)rows + vec_bytes(opt->dtype, i * opt->n);
}

/* Put the problem's start, and its box, where a machine begins, and begin. */
void batch_start(const batch *b, int64_t i, descent *m, void *memory, loop *run);

/* Take the results of a run. */
void batch_finish(const batch *b, int64_t i, loop *run);

#endif
