/* Strong Wolfe conditions: phi(alpha) <= phi(0) + c1 alpha dphi(0) and
 * |dphi(alpha)| <= c2 |dphi(0)|, by the algorithm of More' & Thuente 1994.
 *
 * `lo` is the best end of the interval, `hi` the other one (equal to `lo` at first).
 * phase AUXILIARY works on psi(alpha) = phi(alpha) - c1 alpha dphi(0) until a step with
 * psi <= 0 and phi' >= 0 is seen (section 2); after that, PLAIN works on phi. */
#include "linesearch.h"

#include <math.h>

enum { AUXILIARY, PLAIN };

static const double GROW_MIN = 1.1, GROW_MAX = 4.0; /* of the step from `lo` (section 4) */
static const double SHRINKAGE = 0.66;               /* demanded over two trials */

int strong_wolfe_start(search *s)
{
    s->hi = s->lo;
    return SEARCH_TRY;
}

/* The next trial from the two ends and the present one: section 4, cases 1 to 4.
 * Updates the interval and s->has_hi (whether it brackets a minimiser). */
static double trial_value(search *s, search_trial *lo, search_trial *hi,
                          const search_trial *t, double shortest, double longest)
{
    double cubic = cubic_minimiser(lo, t), next;
    int opposite = (t->dphi > 0.0) != (lo->dphi > 0.0) && t->dphi != 0.0;

    if (t->phi > lo->phi) { /* case 1: higher, so a minimiser lies between */
        double parabola = parabola_minimiser(lo, t);
        int nearer = fabs(cubic - lo->alpha) < fabs(parabola - lo->alpha);
        next = nearer ? cubic : cubic + 0.5 * (parabola - cubic);
        s->has_hi = 1;
    } else if (opposite) { /* case 2: lower, and past a minimiser */
        double secant = secant_root(lo, t);
        next = fabs(cubic - t->alpha) > fabs(secant - t->alpha) ? cubic : secant;
        s->has_hi = 1;
    } else if (fabs(t->dphi) < fabs(lo->dphi)) { /* case 3: lower, and flatter */
        double secant = secant_root(lo, t);
        /* The cubic counts only if it turns up in the direction of the step. */
        double forward = t->alpha - lo->alpha;
        if (!((cubic - t->alpha) * forward > 0.0))
            cubic = forward > 0.0 ? longest : shortest;
        int cubic_nearer = fabs(cubic - t->alpha) < fabs(secant - t->alpha);
        if (s->has_hi) {
            double bound = t->alpha + SHRINKAGE * (hi->alpha - t->alpha);
            next = cubic_nearer ? cubic : secant;
            next = forward > 0.0 ? fmin(bound, next) : fmax(bound, next);
        } else {
            next = cubic_nearer ? secant : cubic;
            next = fmin(fmax(next, shortest), longest);
        }
    } else { /* case 4: lower, and as steep as before */
        if (s->has_hi)
            next = cubic_minimiser(t, hi);
        else
            next = t->alpha > lo->alpha ? longest : shortest;
    }

    if (t->phi > lo->phi) {
        *hi = *t;
    } else {
        if (opposite)
            *hi = *lo;
        *lo = *t;
    }
    return next;
}

static search_trial tilt(search_trial t, double slope)
{
    t.phi -= t.alpha * slope;
    t.dphi -= slope;
    return t;
}

int strong_wolfe_advance(search *s, const search_trial *t)
{
    double slope = s->opt.c1 * s->dphi0;
    if (unresolved(s, t) ? approximate_wolfe(s, t->dphi)
                         : sufficient_decrease(s, t) &&
                               fabs(t->dphi) <= s->opt.c2 * fabs(s->dphi0))
        return SEARCH_ACCEPT;

    if (s->phase == AUXILIARY && sufficient_decrease(s, t) && t->dphi >= 0.0)
        s->phase = PLAIN;

    double from_lo = t->alpha - s->lo.alpha;
    double longest = t->alpha + GROW_MAX * from_lo;
    double shortest = s->ntrial > 0 ? t->alpha + GROW_MIN * from_lo : 0.0;
    if (s->has_hi) { /* as in MINPACK-2: the interval itself */
        longest = fmax(s->lo.alpha, s->hi.alpha);
        shortest = fmin(s->lo.alpha, s->hi.alpha);
    }
    double next;
    if (s->phase == AUXILIARY && t->phi <= s->lo.phi && !sufficient_decrease(s, t)) {
        search_trial lo = tilt(s->lo, slope), hi = tilt(s->hi, slope);
        search_trial trial = tilt(*t, slope);
        next = trial_value(s, &lo, &hi, &trial, shortest, longest);
        s->lo = tilt(lo, -slope);
        s->hi = tilt(hi, -slope);
    } else {
        next = trial_value(s, &s->lo, &s->hi, t, shortest, longest);
    }

    if (s->has_hi) {
        double width = fabs(s->hi.alpha - s->lo.alpha);
        double low = fmin(s->lo.alpha, s->hi.alpha), high = fmax(s->lo.alpha, s->hi.alpha);
        if (width >= SHRINKAGE * s->width_before)
            next = s->lo.alpha + 0.5 * (s->hi.alpha - s->lo.alpha);
        s->width_before = s->width;
        s->width = width;
        if (width <= s->opt.tol * high)
            return SEARCH_FAIL;
        if (!(next > low && next < high))
            next = low + 0.5 * (high - low);
    }
    s->alpha = next;
    return SEARCH_TRY;
}
