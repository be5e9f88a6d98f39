/* Line searches as scalar machines.
 *
 * With phi(alpha) = f(x + alpha d) and dphi its slope, a search sees numbers only: no
 * vector, no n, no dtype. `search_start` and `search_advance` reply with what to do next;
 * the next trial is `alpha`. A search accepts only the trial it was just told.
 *
 * What all searches share lives in linesearch.c: a trial where phi or dphi is not finite
 * is hidden from the method, which is handed a shorter one instead; the number of trials
 * is limited; where phi cannot be resolved any more (|phi - phi0| <= noise) the slope
 * decides, by the approximate Wolfe condition of Hager & Zhang 2005, section 4.
 *
 * Sufficient decrease is a share c1 of what a model promises: the slope dphi0 alone, or
 * with a curvature ddphi0 besides. That is the test of a trust region, where ddphi0 is
 * d'Bd; and along a direction of negative curvature it makes a search from a saddle,
 * where dphi0 may vanish (More' & Sorensen 1979; Goldfarb 1980).
 *
 * To add a search: one file with an `advance` (and, if needed, a `start`), one row in the
 * table of linesearch.c. */
#ifndef OPTLAB_LINESEARCH_H
#define OPTLAB_LINESEARCH_H

enum search_kind {
    SEARCH_FIXED,
    SEARCH_ARMIJO,
    SEARCH_WOLFE,
    SEARCH_STRONG_WOLFE,
    SEARCH_HAGER_ZHANG,
    SEARCH_EXACT,
    SEARCH_NONMONOTONE,
    SEARCH_KINDS
};

enum search_reply {
    SEARCH_ACCEPT, /* the trial just told */
    SEARCH_FAIL,
    SEARCH_TRY,  /* tell phi at alpha, and dphi as well unless values_first */
    SEARCH_SLOPE /* tell dphi, too, at the trial just told */
};

typedef struct search_options {
    int kind;
    int maxls;        /* limit on trials */
    int values_first; /* slopes are dear: ask for one only where phi is acceptable */
    double c1, c2;    /* sufficient decrease and curvature, 0 < c1 < c2 < 1 */
    double noise;     /* resolution of phi relative to |phi| */
    int strong;       /* wolfe: bounds the slope from above as well */
    double step_length; /* fixed: alpha itself */
    double tol;         /* exact: |dphi(alpha)| <= tol |dphi(0)|; strong-wolfe: interval */
    double eta;         /* nonmonotone: weight of the past, 0 (Armijo) .. 1 (average) */
    double rho, theta, gamma; /* hager-zhang: expansion, bisection, required shrinkage */
} search_options;

typedef struct search_trial {
    double alpha, phi, dphi;
    int has_slope;
} search_trial;

typedef struct search {
    search_options opt;
    double phi0, dphi0;
    double ddphi0; /* curvature that the model of phi has; 0: the model is linear */
    double noise; /* absolute: differences of phi below this carry no information */
    double alpha; /* the next trial, or the accepted one */
    int ntrial;

    search_trial lo, hi, previous; /* a bracket, and the end it last gave up */
    int has_hi;
    int phase, after; /* of methods with several stages */
    double width, width_before;

    double first;     /* the first trial */
    double alpha_max; /* no trial is longer; there, decrease is enough */
    double inside; /* longest trial known to be finite */
    double limit;  /* shortest trial known to be not finite */
    double below;  /* least phi told at a trial that met sufficient decrease */
    double excess; /* least phi - phi0 where the slope alone would have accepted */

    double reference, weight; /* nonmonotone: C_k and Q_k, kept across searches */
} search;

/* What `values_first` can save: a method that judges by phi alone never waits for the
 * slope, one that needs it only to accept asks where phi is acceptable. */
enum slope_use { SLOPE_UNUSED, SLOPE_TO_ACCEPT, SLOPE_ALWAYS };

typedef struct search_row {
    const char *name;
    int slope_use;
    int (*start)(search *s); /* NULL: the first trial is the alpha it was given */
    int (*advance)(search *s, const search_trial *t);
} search_row;

extern const search_row search_rows[SEARCH_KINDS];

/* Forget everything kept across searches. */
void search_reset(search *s, const search_options *opt);

/* Begin at phi0 with slope dphi0 < 0, or <= 0 where ddphi0 < 0; the first trial is
 * alpha > 0. */
int search_start(search *s, double phi0, double dphi0, double ddphi0, double alpha);

/* Tell the trial; `has_slope` is 0 where only phi is known. */
int search_advance(search *s, double phi, double dphi, int has_slope);

/* Whether the next trial has to come with its slope. */
int search_wants_slope(const search *s);

/* Whether the search ended without an upper bound, still going down. */
int search_expanding(const search *s);

/* For the methods */

/* (2 c1 - 1) dphi0 >= dphi >= c2 dphi0 (Hager & Zhang 2005, section 4) */
static inline int approximate_wolfe(const search *s, double dphi)
{
    return (2.0 * s->opt.c1 - 1.0) * s->dphi0 >= dphi && dphi >= s->opt.c2 * s->dphi0;
}

/* The change of phi that is demanded at a trial: c1 times what the model promises. Beyond
 * its minimiser, alpha = 1, a convex model is no measure, but its mean slope until there. */
static inline double demanded(const search *s, const search_trial *t)
{
    double along = s->ddphi0 > 0.0 && t->alpha > 1.0 ? 1.0 : t->alpha;
    return s->opt.c1 * t->alpha * (s->dphi0 + 0.5 * along * s->ddphi0);
}

static inline int sufficient_decrease(const search *s, const search_trial *t)
{
    return t->phi <= s->phi0 + demanded(s, t);
}

static inline int unresolved(const search *s, const search_trial *t)
{
    double change = t->phi - s->phi0;
    return change <= s->noise && change >= -s->noise;
}

/* Minimiser of the cubic through two trials with slopes; NaN where there is none. */
double cubic_minimiser(const search_trial *a, const search_trial *b);

/* Minimiser of the parabola through a (with its slope) and the value at b. */
double parabola_minimiser(const search_trial *a, const search_trial *b);

/* Where the slope would vanish if it were linear. */
double secant_root(const search_trial *a, const search_trial *b);

/* Backtrack by interpolation until phi <= reference + c1 alpha dphi0. */
int backtrack(search *s, const search_trial *t, double reference);

int fixed_start(search *s);
int fixed_advance(search *s, const search_trial *t);
int armijo_advance(search *s, const search_trial *t);
int wolfe_advance(search *s, const search_trial *t);
int strong_wolfe_start(search *s);
int strong_wolfe_advance(search *s, const search_trial *t);
int hager_zhang_start(search *s);
int hager_zhang_advance(search *s, const search_trial *t);
int exact_advance(search *s, const search_trial *t);
int nonmonotone_start(search *s);
int nonmonotone_advance(search *s, const search_trial *t);

#endif
