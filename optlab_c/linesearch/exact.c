/* alpha = argmin phi, to |dphi(alpha)| <= tol |dphi(0)|.
 *
 * The root of the slope is bracketed and found by the secant rule: on a quadratic, where
 * the slope is linear, the second trial is exact. A bracket end that stays twice has its
 * slope halved (the Illinois rule), so both ends close in; two trials that did not halve
 * the bracket are followed by bisection. An end that is higher than phi(0) is too long
 * whatever its slope says. */
#include "linesearch.h"

#include <float.h>
#include <math.h>

static const double GROW_MAX = 10.0;

enum { NO_END, LOW_END, HIGH_END };

int exact_advance(search *s, const search_trial *t)
{
    int higher = t->phi > s->phi0 + s->noise;
    if (!higher && fabs(t->dphi) <= s->opt.tol * fabs(s->dphi0))
        return SEARCH_ACCEPT;

    if (higher || t->dphi > 0.0) {
        s->hi = *t;
        s->has_hi = 1;
        if (s->phase == HIGH_END)
            s->lo.dphi *= 0.5;
        s->phase = HIGH_END;
    } else {
        s->previous = s->lo;
        s->lo = *t;
        if (s->phase == LOW_END)
            s->hi.dphi *= 0.5;
        s->phase = LOW_END;
    }

    if (!s->has_hi) {
        double root = secant_root(&s->previous, &s->lo);
        double longest = GROW_MAX * s->lo.alpha;
        s->alpha = root > s->lo.alpha ? fmin(root, longest) : longest;
        return SEARCH_TRY;
    }
    double width = s->hi.alpha - s->lo.alpha;
    if (width <= 4.0 * DBL_EPSILON * s->hi.alpha)
        return higher ? SEARCH_FAIL : SEARCH_ACCEPT; /* the root lies between neighbours */
    double next = s->hi.dphi > 0.0 ? secant_root(&s->lo, &s->hi) : NAN;
    int between = next > s->lo.alpha && next < s->hi.alpha;
    int slow = width > 0.5 * s->width_before;
    s->alpha = between && !slow ? next : s->lo.alpha + 0.5 * width;
    s->width_before = s->width;
    s->width = width;
    return SEARCH_TRY;
}
