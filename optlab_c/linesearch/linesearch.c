#include "linesearch.h"

#include <math.h>
#include <string.h>

const search_row search_rows[SEARCH_KINDS] = {
    [SEARCH_FIXED] = {"fixed", SLOPE_UNUSED, fixed_start, fixed_advance},
    [SEARCH_ARMIJO] = {"armijo", SLOPE_UNUSED, NULL, armijo_advance},
    [SEARCH_WOLFE] = {"wolfe", SLOPE_TO_ACCEPT, NULL, wolfe_advance},
    [SEARCH_STRONG_WOLFE] = {"strong-wolfe", SLOPE_ALWAYS, strong_wolfe_start,
                             strong_wolfe_advance},
    [SEARCH_HAGER_ZHANG] = {"hager-zhang", SLOPE_ALWAYS, hager_zhang_start,
                            hager_zhang_advance},
    [SEARCH_EXACT] = {"exact", SLOPE_ALWAYS, NULL, exact_advance},
    [SEARCH_NONMONOTONE] = {"nonmonotone", SLOPE_UNUSED, nonmonotone_start,
                            nonmonotone_advance},
};

/* A trial that was not finite is followed by one this far into the open interval. Its
 * scale is unknown while nothing inside was finite, so the first cut is the deeper. */
static const double SHRINK_FIRST = 0.1, SHRINK = 0.5;

/* A search that expands this far without an end has reason to doubt that there is one. */
static const double FAR = 1e6;

void search_reset(search *s, const search_options *opt)
{
    memset(s, 0, sizeof *s);
    s->opt = *opt;
    s->alpha_max = INFINITY;
}

int search_start(search *s, double phi0, double dphi0, double ddphi0, double alpha)
{
    const search_row *row = &search_rows[s->opt.kind];
    s->phi0 = phi0;
    s->dphi0 = dphi0;
    s->ddphi0 = ddphi0;
    s->noise = s->opt.noise * fabs(phi0);
    s->alpha = alpha;
    s->ntrial = 0;
    s->lo = (search_trial){0.0, phi0, dphi0, 1};
    s->previous = s->lo;
    s->has_hi = 0;
    s->phase = s->after = 0;
    s->width = s->width_before = INFINITY;
    s->inside = 0.0;
    s->limit = INFINITY;
    s->below = phi0;
    s->excess = INFINITY;
    int reply = row->start ? row->start(s) : SEARCH_TRY;
    s->alpha = s->first = fmin(s->alpha, s->alpha_max);
    return reply;
}

int search_advance(search *s, double phi, double dphi, int has_slope)
{
    const search_row *row = &search_rows[s->opt.kind];
    search_trial t = {s->alpha, phi, dphi, has_slope};
    int reply;

    if (!isfinite(phi) || (has_slope && !isfinite(dphi))) {
        double share = s->inside > 0.0 ? SHRINK : SHRINK_FIRST;
        s->limit = t.alpha;
        s->alpha = s->inside + share * (t.alpha - s->inside);
        reply = SEARCH_TRY;
    } else {
        if (t.alpha > s->inside && t.alpha < s->limit)
            s->inside = t.alpha;
        if (!has_slope && row->slope_use == SLOPE_TO_ACCEPT && phi <= s->phi0 + s->noise)
            return SEARCH_SLOPE;
        if (sufficient_decrease(s, &t) && phi < s->below)
            s->below = phi;
        if (has_slope && approximate_wolfe(s, dphi) && phi - s->phi0 < s->excess)
            s->excess = phi - s->phi0;
        reply = row->advance(s, &t);
        if (reply == SEARCH_TRY && s->alpha >= s->limit)
            s->alpha = s->inside + SHRINK * (s->limit - s->inside);
        if (reply == SEARCH_TRY && s->alpha > s->alpha_max) {
            if (t.alpha == s->alpha_max) {
                s->alpha = t.alpha;
                return SEARCH_ACCEPT;
            }
            s->alpha = s->alpha_max;
        }
    }
    s->ntrial++;
    if (reply == SEARCH_TRY && (s->ntrial >= s->opt.maxls || s->alpha == t.alpha))
        reply = SEARCH_FAIL;
    if (reply == SEARCH_FAIL)
        s->alpha = t.alpha;
    return reply;
}

int search_wants_slope(const search *s)
{
    return !s->opt.values_first || search_rows[s->opt.kind].slope_use == SLOPE_ALWAYS;
}

int search_expanding(const search *s)
{
    return !s->has_hi && s->below < s->phi0 && s->limit == INFINITY &&
           s->inside > FAR * s->first;
}

double cubic_minimiser(const search_trial *a, const search_trial *b)
{
    /* Nocedal & Wright 2006, eq. (3.59), scaled so that no square overflows. */
    double width = b->alpha - a->alpha;
    double d1 = a->dphi + b->dphi - 3.0 * (b->phi - a->phi) / width;
    double scale = fmax(fabs(d1), fmax(fabs(a->dphi), fabs(b->dphi)));
    double radicand = (d1 / scale) * (d1 / scale) - (a->dphi / scale) * (b->dphi / scale);
    if (!(radicand >= 0.0))
        return NAN;
    double d2 = copysign(scale * sqrt(radicand), width);
    return b->alpha - width * (b->dphi + d2 - d1) / (b->dphi - a->dphi + 2.0 * d2);
}

double parabola_minimiser(const search_trial *a, const search_trial *b)
{
    double width = b->alpha - a->alpha;
    double curvature = (b->phi - a->phi - a->dphi * width) / width; /* times width / 2 */
    return a->alpha - 0.5 * a->dphi * width / curvature;
}

double secant_root(const search_trial *a, const search_trial *b)
{
    return a->alpha - a->dphi * (b->alpha - a->alpha) / (b->dphi - a->dphi);
}
