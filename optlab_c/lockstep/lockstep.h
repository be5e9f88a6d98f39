/* BFGS for many small problems at once, one problem in each lane of a vector.
 *
 * The fast path of a batch: it solves what goes well. A problem that meets anything
 * unusual is given up, with status OPTLAB_RUNNING, and its lane gets the next one; the
 * descent machine, where the failure policy lives, runs it again from its x0.
 *
 * Method and tests are those of direction/bfgs.c with linesearch/wolfe.c, and so are the
 * iterates up to rounding. What becomes of a problem does not depend on its neighbours
 * or its lane, to the bit. */
#ifndef OPTLAB_LOCKSTEP_H
#define OPTLAB_LOCKSTEP_H

#include <stddef.h>

#include "../abi.h"

typedef struct lockstep_options {
    int64_t n;
    double c1, c2;      /* sufficient decrease and curvature, 0 < c1 < c2 < 1 */
    int maxls;          /* limit on trials of one search */
    double gtol, norm;  /* success: the norm of this order (1, 2 or INFINITY) of g */
    double first_step;  /* alpha of the very first trial; 0: by the length of x */
    int64_t maxiter, maxfun; /* a problem that reaches one of them is given up */
} lockstep_options;

typedef struct lockstep_batch {
    lockstep_options opt;
    int64_t count; /* of problems */
    const optlab_objective *const *objectives; /* of float64 and n unknowns, one each */
    const double *x0;      /* rows of n numbers, one each */
    double *x, *f, *g;     /* results, rows too: only written where converged */
    int64_t *nit, *nfev;   /* also of problems that were given up */
    int *status;           /* OPTLAB_CONVERGED, or OPTLAB_RUNNING: given up */

    /* Called every POLL_SECONDS or so between evaluations, if given; non-zero aborts. */
    int (*poll)(void *ctx);
    void *poll_ctx;
} lockstep_batch;

/* Bytes of memory, which the caller aligns to ARENA_ALIGN. */
size_t lockstep_size(const lockstep_options *opt);

/* Returns 0, or OPTLAB_ABORTED if an objective or the poll said so; then only problems
 * whose status is OPTLAB_CONVERGED have results. */
int lockstep_run(const lockstep_batch *batch, void *memory);

/* The same for problems that are evaluated elsewhere, a block of them at a time. */
enum { LOCKSTEP_LANES = 16 };

typedef struct lockstep lockstep;

/* Begin with the problems from `first` on: LOCKSTEP_LANES of them, if there are so many. */
lockstep *lockstep_begin(const lockstep_batch *batch, int64_t first, void *memory);

/* Where f and g are wanted: problems, and rows of X. Returns how many there are. */
int lockstep_ask(const lockstep *m, int64_t *problems, double *X);

/* Take f and the rows of g there. Returns how many problems were given up: `problems`. */
int lockstep_tell(lockstep *m, const lockstep_batch *batch, const double *f,
                  const double *g, int64_t *problems);

/* How many of its problems have not ended. */
int lockstep_left(const lockstep *m);

/* Write down how far the problems are that have not ended. */
void lockstep_peek(const lockstep *m, const lockstep_batch *batch);

#endif
