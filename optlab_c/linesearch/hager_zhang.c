/* Wolfe or approximate Wolfe conditions by the search of CG_DESCENT
 * (Hager & Zhang 2005, section 4; 2006, "Algorithm 851").
 *
 * The bracket [lo, hi] keeps the opposite slope condition (4.4):
 * phi(lo) <= phi(0) + eps, dphi(lo) < 0, dphi(hi) >= 0. Phases, by the paper's names:
 *   BRACKET  steps B1-B3: grow by rho until a bracket is known;
 *   SECANT   S1 of secant2: the root of the slope through both ends;
 *   SECANT2  S2, S3: a second root, through the end that just moved;
 *   HALVE    L2: bisection, where secant2 shrank the bracket by less than gamma;
 *   THETA    U3: bisect [lo, hi] where hi is high but still falling, until (4.4) holds;
 *            then go on with `after`. */
#include "linesearch.h"

#include <float.h>
#include <math.h>

enum { BRACKET, SECANT, SECANT2, HALVE, THETA };

int hager_zhang_start(search *s)
{
    s->phase = BRACKET;
    return SEARCH_TRY;
}

static int wolfe(const search *s, const search_trial *t)
{
    return sufficient_decrease(s, t) && t->dphi >= s->opt.c2 * s->dphi0;
}

static int low_enough(const search *s, const search_trial *t)
{
    return t->phi <= s->phi0 + s->noise;
}

/* Step `update` of the paper for a trial inside the bracket. Returns 0 where it has to
 * go through THETA first. */
static int update(search *s, const search_trial *t)
{
    if (t->dphi >= 0.0) { /* U1 */
        s->hi = *t;
    } else if (low_enough(s, t)) { /* U2 */
        s->lo = *t;
    } else { /* U3 */
        s->hi = *t;
        return 0;
    }
    return 1;
}

static int inside(const search *s, double alpha)
{
    return alpha > s->lo.alpha && alpha < s->hi.alpha;
}

static int propose(search *s, int phase, double alpha)
{
    s->phase = phase;
    s->alpha = alpha;
    return SEARCH_TRY;
}

static double share(const search *s, double theta)
{
    return s->lo.alpha + theta * (s->hi.alpha - s->lo.alpha);
}

/* A round is done: L2 if it was too slow, then the next secant step. */
static int next_round(search *s, int halved)
{
    double width = s->hi.alpha - s->lo.alpha;
    if (width <= 4.0 * DBL_EPSILON * s->hi.alpha)
        return SEARCH_FAIL;
    if (!halved && width > s->opt.gamma * s->width)
        return propose(s, HALVE, share(s, 0.5));
    s->width = width;
    double root = secant_root(&s->lo, &s->hi);
    return propose(s, SECANT, inside(s, root) ? root : share(s, 0.5));
}

/* S2 and S3: a secant through the end that moved, before and after. */
static int second_secant(search *s, const search_trial *t)
{
    double root = NAN;
    if (t->alpha == s->hi.alpha || t->alpha == s->lo.alpha)
        root = secant_root(&s->previous, t);
    return inside(s, root) ? propose(s, SECANT2, root) : next_round(s, 0);
}

static int resume(search *s, const search_trial *t, int finished)
{
    switch (finished) {
    case SECANT:
        return second_secant(s, t);
    case SECANT2:
        return next_round(s, 0);
    default: /* BRACKET, HALVE: the bracket just changed in one piece */
        return next_round(s, 1);
    }
}

int hager_zhang_advance(search *s, const search_trial *t)
{
    if ((wolfe(s, t) && !unresolved(s, t)) ||
        (low_enough(s, t) && approximate_wolfe(s, t->dphi)))
        return SEARCH_ACCEPT;

    switch (s->phase) {
    case BRACKET:
        if (t->dphi < 0.0 && low_enough(s, t)) { /* B3 */
            s->lo = *t;
            return propose(s, BRACKET, s->opt.rho * t->alpha);
        }
        s->has_hi = 1;
        s->hi = *t;
        if (t->dphi >= 0.0) /* B1 */
            return next_round(s, 1);
        s->after = BRACKET; /* B2 */
        return propose(s, THETA, share(s, s->opt.theta));

    case THETA:
        if (t->dphi >= 0.0) {
            s->hi = *t;
            return resume(s, t, s->after);
        }
        if (low_enough(s, t))
            s->lo = *t;
        else
            s->hi = *t;
        if (s->hi.alpha - s->lo.alpha <= 4.0 * DBL_EPSILON * s->hi.alpha)
            return SEARCH_FAIL;
        return propose(s, THETA, share(s, s->opt.theta));

    default:
        s->previous = t->dphi >= 0.0 ? s->hi : s->lo;
        if (!update(s, t)) {
            s->after = s->phase == SECANT ? SECANT2 : s->phase; /* S4: c is no end */
            return propose(s, THETA, share(s, s->opt.theta));
        }
        return resume(s, t, s->phase);
    }
}
