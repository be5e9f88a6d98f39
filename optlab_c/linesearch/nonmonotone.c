/* Armijo's test against an average of the values seen, so that f may rise for a while:
 * what Barzilai-Borwein steps need.
 *
 * phi(alpha) <= C_k + c1 alpha dphi(0), with C_0 = f_0, Q_0 = 1,
 * Q_{k+1} = eta Q_k + 1 and C_{k+1} = (eta Q_k C_k + f_{k+1}) / Q_{k+1}
 * (Zhang & Hager 2004, eqs. 1.5 and 1.6). */
#include "linesearch.h"

int nonmonotone_start(search *s)
{
    double kept = s->opt.eta * s->weight; /* 0 at the first search */
    s->weight = kept + 1.0;
    s->reference = (kept * s->reference + s->phi0) / s->weight;
    return SEARCH_TRY;
}

int nonmonotone_advance(search *s, const search_trial *t)
{
    return backtrack(s, t, s->reference > s->phi0 ? s->reference : s->phi0);
}
