/* Wolfe conditions by bracketing and safeguarded cubic steps.
 *
 * phi(alpha) <= phi(0) + c1 alpha dphi(0) and dphi(alpha) >= c2 dphi(0)
 * (Nocedal & Wright 2006, eq. 3.6), with `strong` also dphi(alpha) <= -c2 dphi(0); where
 * phi cannot be resolved, the approximate Wolfe condition of Hager & Zhang 2005.
 *
 * `lo` is too short (it met the first condition, not the second), `hi` too long. Until
 * a `hi` is known the step grows by extrapolation; then the bracket shrinks, by
 * bisection where interpolation has not halved it in two trials. */
#include "linesearch.h"

#include <float.h>
#include <math.h>

static const double GROW_MIN = 1.1, GROW_MAX = 30.0; /* of the last trial */
static const double MARGIN = 0.1; /* a trial keeps this share from the bracket's ends */

static void extrapolate(search *s)
{
    double shortest = GROW_MIN * s->lo.alpha, longest = GROW_MAX * s->lo.alpha;
    double next = cubic_minimiser(&s->previous, &s->lo);
    if (!(next > s->lo.alpha)) /* also NaN: the cubic falls for ever */
        next = longest;
    s->alpha = fmin(fmax(next, shortest), longest);
}

static void interpolate(search *s)
{
    double width = s->hi.alpha - s->lo.alpha, next;
    int flat = fabs(s->hi.phi - s->lo.phi) <= s->noise;
    if (!s->hi.has_slope)
        next = parabola_minimiser(&s->lo, &s->hi);
    else if (flat && s->hi.dphi > 0.0)
        next = secant_root(&s->lo, &s->hi);
    else
        next = cubic_minimiser(&s->lo, &s->hi);
    if (width > 0.5 * s->width_before || !isfinite(next))
        next = s->lo.alpha + 0.5 * width;
    s->alpha = fmin(fmax(next, s->lo.alpha + MARGIN * width), s->hi.alpha - MARGIN * width);
    s->width_before = s->width;
    s->width = width;
}

int wolfe_advance(search *s, const search_trial *t)
{
    int too_long;
    if (t->has_slope && unresolved(s, t)) {
        if (approximate_wolfe(s, t->dphi))
            return SEARCH_ACCEPT;
        too_long = t->dphi > 0.0;
    } else if (!sufficient_decrease(s, t)) {
        too_long = 1;
    } else {
        too_long = s->opt.strong && t->dphi > -s->opt.c2 * s->dphi0;
        if (!too_long && t->dphi >= s->opt.c2 * s->dphi0)
            return SEARCH_ACCEPT;
    }

    if (too_long) {
        s->hi = *t;
        s->has_hi = 1;
    } else {
        s->previous = s->lo;
        s->lo = *t;
    }
    if (!s->has_hi) {
        extrapolate(s);
        return SEARCH_TRY;
    }
    if (s->hi.alpha - s->lo.alpha <= 4.0 * DBL_EPSILON * s->hi.alpha)
        return SEARCH_FAIL;
    interpolate(s);
    return SEARCH_TRY;
}
