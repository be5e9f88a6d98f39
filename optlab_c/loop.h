/* The one loop: it joins a descent machine, an objective, the stopping tests and an
 * observer. A compiled objective runs without Python, and with the same bits as a Python
 * one, which is merely an objective whose `eval` holds the interpreter lock. Whoever
 * evaluates elsewhere takes the questions one by one, from `loop_next`. */
#ifndef OPTLAB_LOOP_H
#define OPTLAB_LOOP_H

#include "descent.h"
#include "stopping.h"

typedef struct loop_counts {
    int64_t nfev, njev, nhev;
} loop_counts;

/* What a run is beside its machine: no pointers, so that saving is copying. */
typedef struct loop_state {
    stop_tests stop;
    loop_counts counts;
    int status;  /* OPTLAB_RUNNING, or how it ended */
    int verdict; /* the status to end with, where an iterate is no saddle */
    int want;    /* asked and not yet answered: a mask */
    int shown;   /* the observer has seen the iterate that waits for its tests */
} loop_state;

typedef struct loop {
    loop_state st;
    descent *machine;
    const optlab_objective *objective;
    int products_only; /* it has products H v, but no H */

    /* Called at every iterate, if given: 0 goes on, OPTLAB_CALLBACK stops, OPTLAB_PAUSED
     * returns to go on later, OPTLAB_ABORTED fails. */
    int (*observe)(void *ctx, const descent *machine);
    void *observe_ctx; /* also that of `poll` and `keep` */

    /* Called every POLL_SECONDS or so between evaluations, if given; non-zero aborts. The
     * first lets Ctrl-C through; the second is called only where the run can be saved. */
    int (*poll)(void *ctx);
    int (*keep)(void *ctx);
    double last_poll;
    int failed; /* the observer has */
} loop;

/* Get ready for a machine that was started: nothing is asked or counted yet. */
void loop_start(loop *run, descent *machine, const stop_tests *stop);

/* Up to the next question: its mask; or 0, with the status in `st.status`: how the run has
 * ended, or OPTLAB_RUNNING where the observer wants a pause, or has failed. The question stays the same
 * until it is answered. The last one may be for the gradient at the point to return. */
int loop_next(loop *run);

/* The point that is asked about, and where what is wanted of it is to be written. */
optlab_point loop_question(const loop *run);

/* Take the answers to a part of the question, or to all of it. */
void loop_tell(loop *run, int told, const optlab_point *point);

/* Go on although the run has ended. */
void loop_reopen(loop *run);

/* Run to the end, or to a pause, with `objective`: an optlab_status. */
int loop_run(loop *run);

#endif
