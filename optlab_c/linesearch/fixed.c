/* alpha_k = alpha for every k: no test, no second trial (unless f is not finite). */
#include "linesearch.h"

int fixed_start(search *s)
{
    s->alpha = s->opt.step_length;
    return SEARCH_TRY;
}

int fixed_advance(search *s, const search_trial *t)
{
    (void)s;
    (void)t;
    return SEARCH_ACCEPT;
}
