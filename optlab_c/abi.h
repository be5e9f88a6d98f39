/* The public C interface of optlab: what an objective is and what may be asked of it.
 *
 * An objective is one function, because f and its gradient share work. It is told
 * what is wanted by a mask, reads x, and writes the answers into the point it is
 * handed. It must not keep any of the point's pointers. */
#ifndef OPTLAB_ABI_H
#define OPTLAB_ABI_H

#include <stdint.h>

#define OPTLAB_ABI_VERSION 1

/* Name of the PyCapsule that carries an `optlab_objective *`; a Python object offers
 * it as its attribute `__optlab_objective__`. */
#define OPTLAB_OBJECTIVE_CAPSULE "optlab_objective"

typedef enum { OPTLAB_FLOAT64 = 0, OPTLAB_FLOAT32 = 1 } optlab_dtype;

/* How a run ended; optlab.Status has a sentence for each. */
typedef enum {
    OPTLAB_RUNNING = -1,
    OPTLAB_CONVERGED = 0, /* the gradient met gtol */
    OPTLAB_MAXITER = 1,
    OPTLAB_LINE_SEARCH = 2, /* no acceptable step, and no evidence of why */
    OPTLAB_NONFINITE_START = 3,
    OPTLAB_FTOL = 4,
    OPTLAB_XTOL = 5,
    OPTLAB_MAXFUN = 6,
    OPTLAB_UNBOUNDED = 7,
    OPTLAB_ROUNDING = 8, /* neither f nor its slope can be resolved any further */
    OPTLAB_WRONG_GRADIENT = 9,
    OPTLAB_DISCONTINUITY = 10, /* f jumps, or its slope does */
    OPTLAB_SADDLE = 11, /* curvature is negative, yet no step along it lowers f */
    OPTLAB_DIVERGED = 12, /* the loss of a batch is not finite any more */
    OPTLAB_PATIENCE = 13, /* the validation loss has not fallen for some epochs */
    OPTLAB_EPOCHS = 14, /* all epochs were run */
    OPTLAB_PAUSED = 98,   /* the observer asked to go on later */
    OPTLAB_CALLBACK = 99, /* the observer asked to stop */
    OPTLAB_ABORTED = 100  /* the objective or the observer failed */
} optlab_status;

/* What can be asked of an objective: a mask. */
enum {
    OPTLAB_F = 1,      /* the value f(x) */
    OPTLAB_G = 2,      /* the gradient, n numbers */
    OPTLAB_HV = 4,     /* the Hessian times v, n numbers */
    OPTLAB_H = 8,      /* the Hessian, n*n numbers, symmetric */
    OPTLAB_BATCH = 16, /* modifier: only on the samples listed in `index` */
    OPTLAB_SOLVE = 32, /* a Newton step, from objectives that factorise H themselves */
    OPTLAB_FINE = 64,  /* modifier of G: more accurate differences, from now on */
};

/* One evaluation. Vectors hold the objective's dtype, f is always double. Only what
 * the mask asks for is written; only the pointers it needs are valid. What is not asked
 * for holds what is known by then, since difference formulas want it: f(x) where f is not
 * asked for, and the gradient at x where HV, H or SOLVE is.
 *
 * SOLVE: hv = -M^-1 g with M positive definite, H itself where H is; and in h, a vector
 * here, a unit vector with the lowest curvature seen, where that is negative. */
typedef struct optlab_point {
    const void *x;
    double f;
    void *g;
    const void *v;
    void *hv;
    void *h;
    double curvature; /* SOLVE: h'Hh, or 0 where H has shown no negative curvature */
    const int64_t *index; /* OPTLAB_BATCH: the samples, n_index of them */
    int64_t n_index;
} optlab_point;

/* Returns 0, or non-zero to end the run (the caller knows why: a Python exception,
 * say). A point where the function is undefined is not a failure: answer NaN. */
typedef int (*optlab_eval)(void *ctx, int want, optlab_point *point);

typedef struct optlab_objective {
    int version;  /* OPTLAB_ABI_VERSION */
    int dtype;    /* optlab_dtype of all vectors */
    int provides; /* mask of what `eval` answers, and is counted for */
    int64_t n;    /* number of unknowns */
    int64_t n_samples; /* for finite sums, else 0 */
    optlab_eval eval;
    void *ctx;
} optlab_objective;

#endif
