/* The descent machine: x+ = x + alpha d, for every direction and every line search.
 *
 * Reverse communication: `descent_advance` never calls an objective. It returns a mask
 * of what it wants to know at the point that `descent_question` gives (the caller
 * evaluates, writes the vectors where that point says, and calls `descent_tell`), or an
 * event:
 *   DESCENT_ITERATE     the scalars of a new iterate are published; the caller decides
 *                       whether to stop, and otherwise just advances;
 *   DESCENT_CURVATURE   the caller doubted that an iterate is a minimum, and
 *                       `descent_at_saddle` tells now; it stops, or advances as before;
 *   DESCENT_DONE        no further progress is possible; `outcome` says why.
 *
 * Phases:  START -> ITERATE -> DIRECTION ... -> TRIAL [-> GRADIENT] -> ITERATE ...
 *                           -> LOOK ...                -> PROBE ... -> DONE, or ITERATE
 * DIRECTION asks for Hessian products, a Hessian or a Newton step where it needs them, and
 * so does LOOK, when an iterate is doubted.
 * PROBE gathers the evidence for what made a search fail: f on both sides of x. If a
 * probe finds the descent that the search has missed, it becomes the next iterate.
 *
 * The machine's memory is `descent_state` (no pointers) and one arena: saving is copying
 * both, resuming is binding again. x, f and g travel together in three slots: the
 * current iterate, the trial, and the best point seen; only their numbers are swapped.
 *
 * With bounds every direction is feasible up to alpha = 1, no trial leaves the box, and
 * P(x - g) - x takes the place of the gradient where a norm of it is judged.
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

enum direction_kind {
    DIRECTION_STEEPEST,
    DIRECTION_CG,
    DIRECTION_BFGS,
    DIRECTION_LBFGS,
    DIRECTION_LBFGSB,
    DIRECTION_NEWTON,
    DIRECTION_NEWTON_CG,
    DIRECTION_KINDS
};

/* First trial of steepest descent after the first iteration. */
enum step_rule {
    STEP_BB1,      /* s's / s'y   (Barzilai & Borwein 1988, eq. 5) */
    STEP_BB2,      /* s'y / y'y   (eq. 6) */
    STEP_PREVIOUS, /* the same first-order change as before: Nocedal & Wright 3.5 */
    STEP_UNIT      /* 1 */
};

/* How conjugate gradients combine the new gradient with the last direction. */
enum cg_beta { CG_HAGER_ZHANG, CG_POLAK_RIBIERE };

typedef struct descent_options {
    int64_t n;
    int dtype;
    int direction;
    int step_rule;
    int maxcor;        /* l-bfgs: pairs kept */
    int corrected;     /* l-bfgs: pairs corrected with function values */
    int bounded;       /* there are bounds, `mem.lb` and `mem.ub`, */
    int boxed;         /* and all of them are finite */
    int beta;          /* cg: enum cg_beta */
    int solved;        /* newton: asks for a step, not for a Hessian */
    int preconditioned; /* newton-cg: by l-bfgs with `maxcor` pairs */
    int trust;         /* newton-cg: within a trust region */
    int64_t maxinner;  /* newton-cg: limit on products for a direction */
    double radius;     /* trust region: the first one; 0: as long as x is */
    double radius_max;
    int refinable;     /* the gradient can be asked for more accurately, once */
    double hessian_error; /* relative to the norm of the Hessian */
    double first_step; /* alpha of the very first trial; 0: by the length of x */
    double norm;       /* order of the published gradient norm */
    search_options search;
} descent_options;

enum { SLOTS = 3, PROBES = 8 };
enum { DESCENT_ITERATE = 0, DESCENT_DONE = -1, DESCENT_CURVATURE = -2 };

typedef struct direction_state {
    int64_t count; /* updates since the last reset: 0 is "no memory yet" */
    int64_t head;  /* l-bfgs: row of the newest pair */
    int64_t pairs; /* l-bfgs: rows in use */
    double gamma;  /* H0 = gamma I */
    int dense;     /* bfgs: A and C are in use, no longer the pairs */
    int trusted;   /* H is known without a pair: given to bfgs, or by derivatives */
    int pending;   /* updates that wait for a pass over memory */
    double dd;     /* d'd */
    double ss, sy, yy; /* of the newest pair */
    double beta, gg;   /* cg: of the next direction, and g'g */

    /* second derivatives */
    int stage;        /* what was asked last; 0: nothing yet at this iterate */
    double curvature; /* z'Hz, the lowest seen here; 0: none was negative */
    double pHp;       /* of the direction p */
    int64_t products; /* newton-cg: so many for this direction */
    double forcing;   /* newton-cg: residual to reach, relative to the gradient */
    double gnorm, gnorm_before; /* newton-cg: ||g||_2 */
    double r0, rz;    /* newton-cg: ||r|| at first, and r'M^-1 r */
    double pp, pc, cc; /* newton-cg: p'p, p'c and c'c for the step p = d so far */
    double largest;   /* curvature seen along any c, in absolute value */
    double radius;
    int at_boundary;

    int64_t active;    /* l-bfgs-b: variables at a bound at the Cauchy point */
    int64_t described; /* l-bfgs-b: updates whose products with all pairs are known */
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

    double dphi;   /* slope of the present direction at the current iterate */
    double ddphi;  /* its curvature, where the model that made it has one to judge by */
    int doubted;   /* the caller asks whether the current iterate is a minimum */
    int mistrusted; /* the caller wants a better gradient of the current iterate, */
    int refined;   /* better ones are asked for since, */
    int again;     /* and the present iterate is published once more */
    int escaping;  /* the present direction is one of negative curvature, from a saddle */
    int escapes;   /* saddles that were left: */
    double f_first, f_left; /* f at the first and at the last of them */
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
    void *lb, *ub, *pg; /* bounded: the box, and P(x - g) - x at the current iterate */
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
    /* l-bfgs-b */
    void *at;           /* 1 where a bound is active at the Cauchy point, else 0 */
    void *r;            /* reduced gradient; also newton-cg: residual of the system */
    double *SS, *SSa, *YYf, *Z; /* products of the pairs: see lbfgsb.c */
    double *small;      /* matrices and vectors of the size of pairs */
    double *breaks;     /* breakpoints of the projected path, and a heap of them */
    int64_t *heap;
    /* second derivatives */
    void *ask_v, *ask_hv, *ask_h; /* what is multiplied, and where answers are put */
    void *z;                      /* a unit vector of negative curvature */
    double *work;                 /* newton: LAPACK's */
    void *c, *Mr;                 /* newton-cg: conjugate direction, and M^-1 r */
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
    /* Reply 0 when `curvature` and `mem.z` are known at the current iterate, or a mask to
     * be asked; NULL where the direction knows no second derivatives. */
    int (*look)(descent *m);
} direction_row;

extern const direction_row direction_rows[DIRECTION_KINDS];

/* Bytes of arena for these options. */
size_t descent_size(const descent_options *opt);

/* Give the machine its memory: `st.opt` must be set. Also what resuming does. */
void descent_bind(descent *m, void *memory);

/* Prepare a run from x in `mem.x[0]`, within the bounds in `mem.lb` and `mem.ub`. */
void descent_start(descent *m);

int descent_advance(descent *m);

/* The point that is asked about, and where what is wanted of it is to be written. */
optlab_point descent_question(const descent *m);

/* Take the answers that are not vectors: what `told` says was told, of f and curvature. */
void descent_tell(descent *m, int told, const optlab_point *point);

/* Have the curvature at the iterate just published looked at, before anything else is
 * done. 0: this direction cannot, or did so already. */
int descent_doubt(descent *m);

/* Have the gradient at the iterate just published, and all later ones, made better. 0: it
 * cannot be, or is already. */
int descent_refine(descent *m);

/* The mask that asks for a gradient. */
int descent_want_gradient(const descent *m);

/* Whether second derivatives show that f falls from the current iterate, along `mem.z`,
 * by more than rounding although the gradient does not. */
int descent_at_saddle(const descent *m);

/* The norm of the gradient at a slot: with bounds, of P(x - g) - x. */
double descent_gnorm(descent *m, int slot);

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

/* max(1, ||x||): the only measure of length there is at a start. */
double length_of_x(const descent *m);

/* The length of the last step, or of x; more where f was concave along it. */
double length_of_step(const descent *m);

/* With bounds: d = P(x - t g) - x, feasible up to alpha = 1, with its slope. */
void feasible_steepest(descent *m, double t);

void steepest_bind(descent *m, arena *a);
void steepest_reset(descent *m);
int steepest_advance(descent *m);
void steepest_update(descent *m, int from, int to, double dphi_to);
double steepest_first_trial(const descent *m);
void cg_bind(descent *m, arena *a);
void cg_reset(descent *m);
int cg_advance(descent *m);
void cg_update(descent *m, int from, int to, double dphi_to);
double cg_first_trial(const descent *m);
void bfgs_bind(descent *m, arena *a);
void bfgs_reset(descent *m);
int bfgs_advance(descent *m);
void bfgs_update(descent *m, int from, int to, double dphi_to);
void bfgs_apply(descent *m, const void *v, void *out);
void bfgs_give_inverse(descent *m, const double *H0); /* instead of the first reset */
void bfgs_inherit(descent *m, descent *from); /* the same, from another run */
void bfgs_inverse(descent *m, double *H);     /* H, n by n */
void lbfgs_bind(descent *m, arena *a);
void lbfgs_reset(descent *m);
int lbfgs_advance(descent *m);
void lbfgs_update(descent *m, int from, int to, double dphi_to);
void lbfgs_apply(descent *m, const void *v, void *out);
void lbfgs_give_pair(descent *m, const void *s, const void *y); /* before the start */
void lbfgsb_bind(descent *m, arena *a);
void lbfgsb_reset(descent *m);
int lbfgsb_advance(descent *m);
void newton_bind(descent *m, arena *a);
void newton_reset(descent *m);
int newton_advance(descent *m);
void newton_update(descent *m, int from, int to, double dphi_to);
int newton_look(descent *m);
void newton_cg_bind(descent *m, arena *a);
void newton_cg_reset(descent *m);
int newton_cg_advance(descent *m);
void newton_cg_update(descent *m, int from, int to, double dphi_to);
int newton_cg_look(descent *m);
double newton_cg_first_trial(const descent *m);

/* out = sign H v */
void lbfgs_product(descent *m, const void *v, double sign, void *out);

/* The pairs as rows of S and Y: how far apart they start, how many are in use, which one
 * was made `age` updates before the newest, and products with all of them. */
int64_t lbfgs_stride(const descent_options *opt);
int64_t lbfgs_rows(const descent *m);
int64_t lbfgs_row(const descent *m, int64_t age);
void lbfgs_dots(const descent *m, const void *rows, const void *v, double *out);
void lbfgs_add(const descent *m, const void *rows, const double *coef, void *out);

/* s (which = 0) or y (1) of the pair made `age` updates before the newest. */
const void *lbfgs_pair(const descent *m, int64_t age, int which);

/* The first trial of a direction that has a length: 1, once curvature is known. */
double newton_first_trial(const descent *m);

#endif
