/* The one loop: it joins a descent machine, an objective, the stopping tests and an
 * observer. A compiled objective runs without Python, and with the same bits as a Python
 * one, which is merely an objective whose `eval` holds the interpreter lock. */
#ifndef OPTLAB_LOOP_H
#define OPTLAB_LOOP_H

#include "descent.h"
#include "stopping.h"

typedef struct loop_counts {
    int64_t nfev, njev, nhev;
} loop_counts;

typedef struct loop {
    descent *machine;
    const optlab_objective *objective;
    int products_only; /* it has products H v, but no H */
    stop_tests stop;
    loop_counts counts;
    int verdict; /* the status to end with, where an iterate is no saddle */

    /* Called at every iterate, if given: 0 goes on, OPTLAB_CALLBACK stops,
     * OPTLAB_ABORTED fails. */
    int (*observe)(void *ctx, const descent *machine);
    void *observe_ctx; /* also that of `poll` */

    /* Called every POLL_SECONDS or so between evaluations, if given; non-zero
     * aborts. It is what lets Ctrl-C through. */
    int (*poll)(void *ctx);
    double last_poll;
} loop;

/* Run to the end: an optlab_status. The counts go on from where they were. */
int loop_run(loop *run);

/* See to it that the gradient at the point to be returned is known. Non-zero: aborted. */
int loop_complete_result(loop *run);

#endif
