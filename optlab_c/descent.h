/* The descent machine: x+ = x + alpha d, for every direction and every line search.
 *
 * Reverse communication: `descent_advance` never calls an objective. It returns a mask
 * of what it wants to know at `descent_x` (the caller evaluates, writes the gradient to
 * `descent_g`, and calls `descent_tell`), or an event:
 *   DESCENT_ITERATE   the scalars of a new iterate are published; the caller decides
 *                     whether to stop, and otherwise just advances;
 *   DESCENT_DONE      no further progress is possible; `outcome` says why.
 *
 * Phases:  START -> ITERATE -> DIRECTION -> TRIAL [-> GRADIENT] -> ITERATE ...
 *                                               -> PROBE ... -> DONE, or ITERATE
 * PROBE gathers the evidence for what made a search fail: f on both sides of x. If a
 * probe finds the descent that the search has missed, it becomes the next iterate.
 *
 * The machine's memory is `descent_state` (no pointers) and one arena: saving is copying
 * both, resuming is binding again. x, f and g travel together in three slots: the
 * current iterate, the trial, and the best point seen; only their numbers are swapped.
 *
 * To add a direction: one file with the functions of `direction_row`, one row in the
 * table of descent.c, its scalars and pointers below. */
#ifndef OPTLAB_DESCENT_H
#define OPTLAB_DESCENT_H

#include <float.h>
#include <math.h>

#include "abi.h"
#include "arena.h"
#include "linesearch/linesearch.h"
#include "vec.h"

enum direction_kind { DIRECTION_STEEPEST, DIRECTION_BFGS, DIRECTION_LBFGS, DIRECTION_KINDS };

/* First trial of steepest descent after the first iteration. */
enum step_rule {
    STEP_BB1,      /* s's / s'y   (Barzilai & Borwein 1988, eq. 5) */
    STEP_BB2,      /* s'y / y'y   (eq. 6) */
    STEP_PREVIOUS, /* the same first-order change as before: Nocedal & Wright 3.5 */
    STEP_UNIT      /* 1 */
};

typedef struct descent_options {
    int64_t n;
    int dtype;
    int direction;
    int step_rule;
    int maxcor;        /* l-bfgs: pairs kept */
    int corrected;     /* l-bfgs: pairs corrected with function values */
    double first_step; /* alpha of the very first trial; 0: by the length of x */
    double norm;       /* order of the published gradient norm */
    search_options search;
} descent_options;

enum { SLOTS = 3, PROBES = 8 };
enum { DESCENT_ITERATE = 0, DESCENT_DONE = -1 };

typedef struct direction_state {
    int64_t count; /* updates since the last reset: 0 is "no memory yet" */
    int64_t head;  /* l-bfgs: row of the newest pair */
    int64_t pairs; /* l-bfgs: rows in use */
    double gamma;  /* H0 = gamma I */
    int dense;     /* bfgs: A and C are in use, no longer the pairs */
    int given;     /* bfgs: started from a given inverse Hessian */
    int pending;   /* updates that wait for a pass over memory */
    double dd;     /* d'd */
    double ss, sy, yy; /* of the newest pair */
} direction_state;

typedef struct descent_state {
    descent_options opt;
    int phase;
    int outcome; /* optlab_status */
    int current, trial, best;
    double f[SLOTS];
    int has_g[SLOTS];
    double step[SLOTS];  /* alpha that led there */
    double slope[SLOTS]; /* g'd there, of the direction that led there */
    double f_start;

    /* what an iterate publishes */
    int64_t k;
    double gnorm;
    double alpha; /* step that led here */
    double snorm; /* its length ||s||_2 */
    double f_before;

    double dphi; /* slope of the present direction at the current iterate */
    search search;
    direction_state direction;

    int improved;   /* the present search found the best point */
    int expansions; /* searches in a row that ended still going down */
    int saw_minus_infinity;
    int overflowed; /* the present searches left the range of x */
    int64_t stalled; /* iterates since f or gnorm last got better: these */
    double f_flat, gnorm_flat;

    int probe; /* next entry: h and side */
    int verdict; /* what they tell: an optlab_status */
    int rescues; /* steps in a row that were theirs */
    double probe_h[PROBES], probe_plus[PROBES], probe_minus[PROBES];
    double probe_slope;
} descent_state;

typedef struct descent_memory {
    void *x[SLOTS], *g[SLOTS];
    void *d;
    /* l-bfgs */
    void *S, *Y;  /* rows: pairs */
    double *R;    /* row i: s_j'y_i for all j */
    double *coef; /* three times maxcor */
    /* bfgs */
    void *A, *C;       /* lower triangles, H = gamma A + C */
    void *Ag, *Cg;     /* times the current gradient */
    void *v, *uA, *uC; /* a vector, and A and C times it */
    void *s, *p, *q;   /* rows: the updates that wait */
    void *y;
} descent_memory;

typedef struct descent {
    descent_state st;
    descent_memory mem;
} descent;

/* How a direction is made. `st.direction` and `mem` hold what it remembers. */
typedef struct direction_row {
    const char *name;
    void (*bind)(descent *m, arena *a);
    void (*reset)(descent *m); /* forget the curvature seen */
    /* Reply 0 when d = -H g and its slope `st.dphi` are set, or a mask to be asked. */
    int (*advance)(descent *m);
    /* Learn from the step between two slots; st.dphi is the slope it started with. */
    void (*update)(descent *m, int from, int to, double dphi_to);
    double (*first_trial)(const descent *m);
    void (*apply)(descent *m, const void *v, void *out); /* out = H v, or NULL */
} direction_row;

extern const direction_row direction_rows[DIRECTION_KINDS];

/* Bytes of arena for these options. */
size_t descent_size(const descent_options *opt);

/* Give the machine its memory: `st.opt` must be set. Also what resuming does. */
void descent_bind(descent *m, void *memory);

/* Prepare a run from the x that the caller has written to `descent_x`. */
void descent_start(descent *m);

int descent_advance(descent *m);
const void *descent_x(const descent *m);
void *descent_g(const descent *m);
double descent_f(const descent *m); /* what was told there before */
void descent_tell(descent *m, double f);

/* The slot to return: the current iterate where it is as good as the best point seen,
 * up to the resolution of f and never worse than the start, else the best. */
int descent_result(const descent *m);

/* Whether that is the current iterate. */
int descent_current_is_best(const descent *m);

/* For directions */

/* Whether a pair carries curvature: s'y > 0 beyond rounding, and s'y / y'y a number. The
 * bound on the angle between s and y is relative, and written as a ratio of two
 * curvatures, so that badly scaled problems keep their pairs. */
static inline int direction_keeps(const pair_products *pair)
{
    double most = pair->yy / pair->sy;
    return pair->sy > 0.0 && pair->sy / pair->ss > 1e-32 * most && most > DBL_MIN &&
           isfinite(most);
}

void steepest_bind(descent *m, arena *a);
void steepest_reset(descent *m);
int steepest_advance(descent *m);
void steepest_update(descent *m, int from, int to, double dphi_to);
double steepest_first_trial(const descent *m);
void bfgs_bind(descent *m, arena *a);
void bfgs_reset(descent *m);
int bfgs_advance(descent *m);
void bfgs_update(descent *m, int from, int to, double dphi_to);
void bfgs_apply(descent *m, const void *v, void *out);
void bfgs_give_inverse(descent *m, const double *H0); /* instead of the first reset */
void bfgs_inverse(descent *m, double *H);            /* H, n by n */
void lbfgs_bind(descent *m, arena *a);
void lbfgs_reset(descent *m);
int lbfgs_advance(descent *m);
void lbfgs_update(descent *m, int from, int to, double dphi_to);
void lbfgs_apply(descent *m, const void *v, void *out);

/* s (which = 0) or y (1) of the pair made `age` updates before the newest. */
const void *lbfgs_pair(const descent *m, int64_t age, int which);

/* The first trial of a quasi-Newton direction. */
double newton_first_trial(const descent *m);

#endif
