/* Sufficient decrease with interpolated backtracking.
 *
 * phi(alpha) <= phi(0) + c1 alpha dphi(0)  (Armijo 1966; Nocedal & Wright 2006, eq. 3.4).
 * A refused trial is followed by the minimiser of the parabola through phi(0), dphi(0)
 * and phi(alpha), kept within [0.1, 0.5] alpha (Dennis & Schnabel 1983, A6.3.1). */
#include "linesearch.h"

#include <math.h>

int backtrack(search *s, const search_trial *t, double reference)
{
    if (t->phi <= reference + demanded(s, t) ||
        (t->has_slope && unresolved(s, t) && approximate_wolfe(s, t->dphi)))
        return SEARCH_ACCEPT;
    s->has_hi = 1;
    double next = parabola_minimiser(&s->lo, t);
    s->alpha = next >= 0.1 * t->alpha ? fmin(next, 0.5 * t->alpha) : 0.1 * t->alpha;
    return SEARCH_TRY;
}

int armijo_advance(search *s, const search_trial *t)
{
    return backtrack(s, t, s->phi0);
}
