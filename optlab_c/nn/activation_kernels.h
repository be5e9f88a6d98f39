/* Activations and their slopes, for REAL or with TANGENTS defined for dual numbers.
 *
 * Slopes are kept in the form that does not overflow before the result does: what is huge
 * is multiplied by what is 0 there, never by an infinity. Comparisons are written so that
 * a NaN comes through. */

#include "number_kernels.h"

/* ---- functions of one number, without parameters ---------------------------- */

#ifndef TANGENTS
#define EXP MATH(exp)
#define POWER_LIMIT ((REAL)(sizeof(REAL) == 8 ? 750 : 110)) /* e^-limit is 0 */
#define NORMAL_LIMIT ((REAL)(sizeof(REAL) == 8 ? 39 : 15))  /* e^(-limit^2/2), too */
#define LARGEST ((REAL)(sizeof(REAL) == 8 ? DBL_MAX : FLT_MAX))
#define SMALLEST ((REAL)(sizeof(REAL) == 8 ? DBL_MIN : FLT_MIN))

INLINE REAL NAMED(limited)(REAL x, REAL limit)
{
    x = x < -limit ? -limit : x;
    return x > limit ? limit : x;
}

INLINE REAL NAMED(absolute)(REAL x)
{
    return x < 0 ? -x : x;
}

/* Value, slope and curvature. */
INLINE REAL NAMED(curve)(const net_function kind, REAL x, REAL *slope, REAL *curvature)
{
    REAL size = NAMED(absolute)(x), sign = (REAL)(x > 0) - (REAL)(x < 0);
    switch (kind) {
    case NET_NEGATION: *slope = -1; *curvature = 0; return -x;
    case NET_ABS: *slope = sign; *curvature = 0; return size;
    case NET_SQUARE: *slope = 2 * x; *curvature = 2; return x * x;
    case NET_CUBE: *slope = 3 * x * x; *curvature = 6 * x; return x * x * x;
    case NET_SQRT_ABS: {
        REAL root = (REAL)sqrt((double)size), half = size > 0 ? (REAL)0.5 / root : 0;
        *slope = sign * half;
        *curvature = size > 0 ? (REAL)-0.5 * half / size : 0;
        return root;
    }
    case NET_EXP: *curvature = *slope = EXP(x); return *slope;
    case NET_LOG_ABS: {
        int near = size < SMALLEST;
        *slope = near ? 0 : 1 / x;
        *curvature = -*slope * *slope;
        return MATH(log)(near ? SMALLEST : size);
    }
    case NET_SIN: *slope = (REAL)cos((double)x); *curvature = -(REAL)sin((double)x);
        return -*curvature;
    case NET_COS: *slope = -(REAL)sin((double)x); *curvature = -(REAL)cos((double)x);
        return -*curvature;
    case NET_TANH: {
        REAL e = EXP(-2 * size), over = 1 / (1 + e), value = MATH(tanh)(x);
        *slope = 4 * e * over * over;
        *curvature = -2 * value * *slope;
        return value;
    }
    case NET_ATAN: {
        REAL far = NAMED(limited)(x, (REAL)(sizeof(REAL) == 8 ? 1e100 : 1e12f));
        *slope = 1 / (1 + far * far);
        *curvature = -2 * far * *slope * *slope;
        return (REAL)atan((double)x);
    }
    case NET_ERF: {
        REAL near = NAMED(limited)(x, NORMAL_LIMIT);
        *slope = (REAL)1.1283791670955126 * EXP(-near * near); /* 2/sqrt(pi) */
        *curvature = -2 * near * *slope;
        return MATH(erf)(x);
    }
    case NET_SIGMOID: {
        REAL e = EXP(-size), over = 1 / (1 + e), rest = e * over;
        REAL value = x < 0 ? rest : over, other = x < 0 ? over : rest;
        *slope = over * rest;
        *curvature = *slope * (other - value);
        return value;
    }
    case NET_SOFTPLUS: {
        REAL e = EXP(-size), over = 1 / (1 + e), rest = e * over;
        *slope = x < 0 ? rest : over;
        *curvature = over * rest;
        return MATH(log1p)(e) + (x > 0 ? x : 0);
    }
    case NET_RELU: *slope = x > 0; *curvature = 0; return x < 0 ? 0 : x;
    case NET_MIN0: *slope = x < 0; *curvature = 0; return x > 0 ? 0 : x;
    case NET_GAUSSIAN: {
        REAL near = NAMED(limited)(x, NORMAL_LIMIT), value = EXP(-near * near);
        *slope = -2 * near * value;
        *curvature = (4 * near * near - 2) * value;
        return value;
    }
    case NET_GELU: {
        REAL below = MATH(normal_cdf)(x), near = NAMED(limited)(x, NORMAL_LIMIT);
        REAL density = (REAL)0.3989422804014327 * EXP((REAL)-0.5 * near * near);
        *slope = below + near * density;
        *curvature = (2 - near * near) * density;
        return x * below;
    }
    default: *slope = 1; *curvature = 0; return x;
    }
}
#endif

/* The same, and the slope as a function that may be differentiated once more. */
INLINE NUMBER OF(function)(const net_function kind, NUMBER x, NUMBER *slope)
{
    REAL value, first, second;
    value = NAMED(curve)(kind, VALUE(x), &first, &second);
    (void)second;
    *slope = CHAIN(x, first, second);
    return CHAIN(x, value, first);
}

/* ---- functions with parameters ---------------------------------------------- */

/* sigma(u) and sigma(u) + u sigma'(u), the slope of u sigma(u), with u sigma' = 0 for
 * huge u; `bend` is sigma'. */
INLINE NUMBER OF(gate)(NUMBER u, NUMBER *slope, NUMBER *bend)
{
    u = CHAIN(u, NAMED(limited)(VALUE(u), POWER_LIMIT), 1);
    NUMBER open = OF(function)(NET_SIGMOID, u, bend);
    *slope = ADD(open, MULTIPLY(u, *bend));
    return open;
}

/* All of one form: the value, and the slopes by z and by the parameters p, q and r that it
 * has. They come as one struct, which compilers take apart into registers of vectors. */
typedef struct { NUMBER value, z, p, q, r; } OF(sloped);

typedef OF(sloped) OF(parametric)(NUMBER z, NUMBER p, NUMBER q, NUMBER r);

/* x for positive z, a x else. */
INLINE OF(sloped) OF(leaky)(NUMBER z, NUMBER p, NUMBER q, NUMBER r)
{
    int positive = VALUE(z) > 0;
    NUMBER one = CONSTANT(1), zero = CONSTANT(0), below = MULTIPLY(p, z);
    return (OF(sloped)){CHOOSE(positive, z, below), CHOOSE(positive, one, p),
                        CHOOSE(positive, zero, z), q, r};
}

/* z sigma(beta z): Ramachandran, Zoph & Le 2017; ACON-A. */
INLINE OF(sloped) OF(swish)(NUMBER z, NUMBER p, NUMBER q, NUMBER r)
{
    NUMBER slope, bend, open = OF(gate)(MULTIPLY(p, z), &slope, &bend);
    NUMBER by_beta = MULTIPLY(z, MULTIPLY(z, bend));
    return (OF(sloped)){MULTIPLY(z, open), slope, by_beta, q, r};
}

/* S_beta(p1 z, p2 z): Ma et al. 2021, equation (6). */
INLINE OF(sloped) OF(acon_c)(NUMBER z, NUMBER p, NUMBER q, NUMBER r)
{
    NUMBER apart = SUBTRACT(p, q), x = MULTIPLY(apart, z), slope, bend;
    x = CHAIN(x, NAMED(limited)(VALUE(x), LARGEST), 1);
    NUMBER open = OF(gate)(MULTIPLY(r, x), &slope, &bend);
    NUMBER rest = SUBTRACT(CONSTANT(1), slope), far = MULTIPLY(x, bend);
    NUMBER value = MULTIPLY(x, open), lower = MULTIPLY(q, z), by_z = MULTIPLY(apart, slope);
    return (OF(sloped)){ADD(value, lower), ADD(by_z, q), MULTIPLY(z, slope),
                        MULTIPLY(z, rest), MULTIPLY(x, far)};
}

/* The same with p1 = 1. */
INLINE OF(sloped) OF(acon_b)(NUMBER z, NUMBER p, NUMBER q, NUMBER r)
{
    OF(sloped) all = OF(acon_c)(z, CONSTANT(1), p, q);
    return (OF(sloped)){all.value, all.z, all.q, all.r, r};
}

/* How a composite joins a and b: the value, and its slopes. */
typedef struct { NUMBER value, a, b, beta; } OF(joint);

INLINE OF(joint) OF(join)(const net_join kind, NUMBER a, NUMBER b, NUMBER beta)
{
    NUMBER one = CONSTANT(1), zero = CONSTANT(0), bend;
    switch (kind) {
    case NET_DIFFERENCE: return (OF(joint)){SUBTRACT(a, b), one, CONSTANT(-1), zero};
    case NET_PRODUCT: return (OF(joint)){MULTIPLY(a, b), b, a, zero};
    case NET_MAX:
    case NET_MIN: {
        int first = kind == NET_MAX ? VALUE(a) >= VALUE(b) : VALUE(a) <= VALUE(b);
        first = first || VALUE(a) != VALUE(a);
        return (OF(joint)){CHOOSE(first, a, b), CHOOSE(first, one, zero),
                           CHOOSE(first, zero, one), zero};
    }
    case NET_GATE: {
        NUMBER open = OF(function)(NET_SIGMOID, a, &bend);
        return (OF(joint)){MULTIPLY(open, b), MULTIPLY(bend, b), open, zero};
    }
    case NET_SMOOTH_MAX: {
        NUMBER x = SUBTRACT(a, b), slope;
        x = CHAIN(x, NAMED(limited)(VALUE(x), LARGEST), 1);
        NUMBER open = OF(gate)(MULTIPLY(beta, x), &slope, &bend);
        NUMBER value = MULTIPLY(x, open), far = MULTIPLY(x, bend);
        return (OF(joint)){ADD(value, b), slope, SUBTRACT(one, slope), MULTIPLY(x, far)};
    }
    case NET_QUOTIENT: {
        const REAL least = (REAL)1e-7;
        REAL v = VALUE(b), size = NAMED(absolute)(v);
        int near = size < least, far = !near;
        REAL over = 1 / (near ? v < 0 ? -least : least : v);
        NUMBER inverse = CHAIN(b, over, far ? -over * over : 0);
        NUMBER quotient = MULTIPLY(a, inverse), by_b = MULTIPLY(quotient, inverse);
        by_b = SUBTRACT(zero, by_b);
        return (OF(joint)){quotient, inverse, CHOOSE(far, by_b, zero), zero};
    }
    default: return (OF(joint)){ADD(a, b), one, one, zero};
    }
}

/* ---- rows of units ---------------------------------------------------------- */

#ifdef TANGENTS
#define GET(p, pt, j) ((NUMBER){(p)[j], (pt)[j]})
#define PUT(p, pt, j, a) ((p)[j] = (a).v, (pt)[j] = (a).t)
#else
#define GET(p, pt, j) ((p)[j])
#define PUT(p, pt, j, a) ((p)[j] = (a))
/* What is done to some rows. Parameters are by unit, or with `step` by number. */
typedef struct {
    int64_t rows, columns, pieces;
    const REAL *z, *zt; /* rows of ldz; a piece starts `columns` after the one before */
    int64_t ldz;
    const REAL *p[NET_PARAMETERS], *pt[NET_PARAMETERS];
    int64_t step[NET_PARAMETERS]; /* from row to row */
    REAL *a, *at;                 /* rows of lda */
    int64_t lda;
    REAL *d, *dt; /* slopes by the pieces, as z is laid out, or NULL; may be z, zt */
    REAL *dp[NET_PARAMETERS], *dpt[NET_PARAMETERS]; /* by parameters: rows of lda */
    REAL *scratch; /* 16 times `columns` numbers */
} NAMED(strip);
#endif

enum OF(wanted) { OF(VALUES), OF(SLOPES), OF(ALL) };

INLINE void OF(each)(const NAMED(strip) *s, OF(parametric) *f, const int parameters,
                     const enum OF(wanted) wanted)
{
    for (int64_t row = 0; row < s->rows; row++) {
        const int64_t here = row * s->lda, there = row * s->ldz;
        const REAL *z = s->z + there, *p = s->p[0] + row * s->step[0];
        const REAL *q = p, *r = p;
        REAL *a = s->a + here, *d = a, *dp = a, *dq = a, *dr = a;
        if (parameters > 1)
            q = s->p[1] + row * s->step[1];
        if (parameters > 2)
            r = s->p[2] + row * s->step[2];
        if (wanted != OF(VALUES))
            d = s->d + there;
        if (wanted == OF(ALL)) {
            dp = s->dp[0] + here;
            dq = parameters > 1 ? s->dp[1] + here : a;
            dr = parameters > 2 ? s->dp[2] + here : a;
        }
#ifdef TANGENTS
        const REAL *zt = s->zt + there, *pt = s->pt[0] + row * s->step[0];
        const REAL *qt = pt, *rt = pt;
        REAL *at = s->at + here, *dt = at, *dpt = at, *dqt = at, *drt = at;
        if (parameters > 1)
            qt = s->pt[1] + row * s->step[1];
        if (parameters > 2)
            rt = s->pt[2] + row * s->step[2];
        if (wanted != OF(VALUES))
            dt = s->dt + there;
        if (wanted == OF(ALL)) {
            dpt = s->dpt[0] + here;
            dqt = parameters > 1 ? s->dpt[1] + here : at;
            drt = parameters > 2 ? s->dpt[2] + here : at;
        }
#endif
#pragma omp simd
        for (int64_t j = 0; j < s->columns; j++) {
            OF(sloped) y =
                f(GET(z, zt, j), GET(p, pt, j), GET(q, qt, j), GET(r, rt, j));
            PUT(a, at, j, y.value);
            if (wanted != OF(VALUES))
                PUT(d, dt, j, y.z);
            if (wanted == OF(ALL)) {
                PUT(dp, dpt, j, y.p);
                if (parameters > 1)
                    PUT(dq, dqt, j, y.q);
                if (parameters > 2)
                    PUT(dr, drt, j, y.r);
            }
        }
    }
}

/* All slopes by parameters are wanted, or none. */
INLINE void OF(parameters)(const NAMED(strip) *s, OF(parametric) *f, const int parameters)
{
    if (!s->d)
        OF(each)(s, f, parameters, OF(VALUES));
    else if (!s->dp[parameters - 1])
        OF(each)(s, f, parameters, OF(SLOPES));
    else
        OF(each)(s, f, parameters, OF(ALL));
}

INLINE void OF(unary)(const NAMED(strip) *s, const net_function kind)
{
    for (int64_t r = 0; r < s->rows; r++) {
        const REAL *z = s->z + r * s->ldz;
        REAL *a = s->a + r * s->lda, *d = s->d ? s->d + r * s->ldz : NULL;
#ifdef TANGENTS
        const REAL *zt = s->zt + r * s->ldz;
        REAL *at = s->at + r * s->lda, *dt = s->dt ? s->dt + r * s->ldz : NULL;
#endif
        if (d)
#pragma omp simd
            for (int64_t j = 0; j < s->columns; j++) {
                NUMBER slope, value = OF(function)(kind, GET(z, zt, j), &slope);
                PUT(a, at, j, value);
                PUT(d, dt, j, slope);
            }
        else
#pragma omp simd
            for (int64_t j = 0; j < s->columns; j++) {
                NUMBER slope, value = OF(function)(kind, GET(z, zt, j), &slope);
                PUT(a, at, j, value);
            }
    }
}

static void OF(any_unary)(const NAMED(strip) *s, net_function kind);

/* The largest of the pieces; the first of several. */
INLINE void OF(maxout)(const NAMED(strip) *s, const int64_t pieces)
{
    for (int64_t r = 0; r < s->rows; r++) {
        const REAL *z = s->z + r * s->ldz;
        REAL *a = s->a + r * s->lda, *d = s->d ? s->d + r * s->ldz : NULL;
#ifdef TANGENTS
        const REAL *zt = s->zt + r * s->ldz;
        REAL *at = s->at + r * s->lda, *dt = s->dt ? s->dt + r * s->ldz : NULL;
#endif
        for (int64_t j = 0; j < s->columns; j++) {
            int64_t best = j;
            for (int64_t i = 1; i < pieces; i++) {
                const REAL other = z[i * s->columns + j];
                if (other > z[best] || other != other)
                    best = i * s->columns + j;
            }
            NUMBER value = GET(z, zt, best);
            PUT(a, at, j, value);
            if (d)
                for (int64_t i = j; i < pieces * s->columns; i += s->columns)
                    PUT(d, dt, i, CONSTANT(i == best));
        }
    }
}

/* S_beta of the pieces: with the weights p_i = e^(beta z_i) / sum, its slopes are
 * p_i (1 + beta (z_i - S)), and sum p_i z_i (z_i - S) by beta. */
INLINE void OF(smooth_maxout)(const NAMED(strip) *s, const int64_t pieces)
{
    for (int64_t r = 0; r < s->rows; r++) {
        const REAL *z = s->z + r * s->ldz, *beta = s->p[0] + r * s->step[0];
        REAL *a = s->a + r * s->lda, *d = s->d ? s->d + r * s->ldz : NULL;
        REAL *db = s->dp[0] ? s->dp[0] + r * s->lda : NULL;
#ifdef TANGENTS
        const REAL *zt = s->zt + r * s->ldz, *betat = s->pt[0] + r * s->step[0];
        REAL *at = s->at + r * s->lda, *dt = s->dt ? s->dt + r * s->ldz : NULL;
        REAL *dbt = s->dpt[0] ? s->dpt[0] + r * s->lda : NULL;
#endif
        const int64_t end = pieces * s->columns;
        const NUMBER part = CONSTANT((REAL)1 / (REAL)pieces);
        for (int64_t j = 0; j < s->columns; j++) {
            NUMBER b = GET(beta, betat, j), top = GET(z, zt, j);
            for (int64_t i = j + s->columns; i < end; i += s->columns)
                top = CHOOSE(VALUE(b) * z[i] > VALUE(b) * VALUE(top), GET(z, zt, i), top);
            /* of the differences from the top, which cannot cancel; a part of each, so
             * that no sum overflows */
            NUMBER total = CONSTANT(0), mean = CONSTANT(0), spread = CONSTANT(0);
            for (int64_t i = j; i < end; i += s->columns) {
                NUMBER x = SUBTRACT(GET(z, zt, i), top);
                x = CHAIN(x, NAMED(limited)(VALUE(x), LARGEST), 1);
                NUMBER u = MULTIPLY(b, x);
                REAL weight = EXP(VALUE(u));
                NUMBER w = CHAIN(u, weight, weight), wx = MULTIPLY(w, MULTIPLY(part, x));
                total = ADD(total, w);
                mean = ADD(mean, wx);
                spread = ADD(spread, MULTIPLY(wx, x));
            }
            REAL over = 1 / VALUE(total);
            NUMBER inverse = CHAIN(total, over, -over * over);
            NUMBER by_total = MULTIPLY(inverse, CONSTANT(pieces));
            mean = MULTIPLY(mean, by_total);
            NUMBER value = ADD(top, mean);
            PUT(a, at, j, value);
            if (!d)
                continue;
            if (db) {
                NUMBER by_beta = SUBTRACT(MULTIPLY(spread, by_total), MULTIPLY(mean, mean));
                PUT(db, dbt, j, by_beta);
            }
            for (int64_t i = j; i < end; i += s->columns) {
                NUMBER x = SUBTRACT(GET(z, zt, i), top);
                x = CHAIN(x, NAMED(limited)(VALUE(x), LARGEST), 1);
                NUMBER u = MULTIPLY(b, x);
                REAL weight = EXP(VALUE(u));
                NUMBER share = MULTIPLY(CHAIN(u, weight, weight), inverse);
                NUMBER apart = MULTIPLY(b, SUBTRACT(x, mean));
                apart = CHAIN(apart, NAMED(limited)(VALUE(apart), LARGEST), 1);
                NUMBER slope = ADD(share, MULTIPLY(share, apart));
                PUT(d, dt, i, slope);
            }
        }
    }
}

INLINE void OF(joined)(int64_t columns, const net_join kind, const REAL *const *h,
                       const REAL *beta, const REAL *betat, REAL *a, REAL *at,
                       REAL *const *d)
{
    (void)betat, (void)at;
#pragma omp simd
    for (int64_t j = 0; j < columns; j++) {
        OF(joint) y = OF(join)(kind, GET(h[0], h[1], j), GET(h[2], h[3], j),
                               GET(beta, betat, j));
        PUT(a, at, j, y.value);
        PUT(d[0], d[1], j, y.a);
        PUT(d[2], d[3], j, y.b);
        PUT(d[4], d[5], j, y.beta);
    }
}

/* g(h1(beta_1 z), h2(beta_2 z); beta), row by row with intermediate rows. */
static TARGET void OF(composite)(const NAMED(strip) *s, const net_op *op)
{
    const int64_t columns = s->columns;
    REAL *row[16];
    for (int i = 0; i < 16; i++)
        row[i] = s->scratch + i * columns;
    REAL **h = row, **slope = row + 4, **d = row + 8;
    for (int64_t r = 0; r < s->rows; r++) {
        const REAL *z = s->z + r * s->ldz;
        const REAL *p[NET_PARAMETERS], *pt[NET_PARAMETERS] = {NULL, NULL, NULL};
        REAL *at = NULL;
        for (int k = 0; k < NET_PARAMETERS; k++)
            p[k] = s->p[k] + r * s->step[k];
#ifdef TANGENTS
        const REAL *zt = s->zt + r * s->ldz;
        at = s->at + r * s->lda;
        for (int k = 0; k < NET_PARAMETERS; k++)
            pt[k] = s->pt[k] + r * s->step[k];
#endif
        for (int k = 0; k < 2; k++) {
            REAL *x = row[14], *xt = row[15];
            (void)xt;
            for (int64_t j = 0; j < columns; j++) {
                NUMBER scaled = MULTIPLY(GET(p[k], pt[k], j), GET(z, zt, j));
                PUT(x, xt, j, scaled);
            }
            NAMED(strip) part = {.rows = 1, .columns = columns, .z = x, .zt = xt,
                                 .a = h[2 * k], .at = h[2 * k + 1], .d = slope[2 * k],
                                 .dt = slope[2 * k + 1]};
            OF(any_unary)(&part, k ? op->second : op->first);
        }
        const REAL *const *hc = (const REAL *const *)h;
        REAL *a = s->a + r * s->lda;
#define JOINED(kind) case kind: OF(joined)(columns, kind, hc, p[2], pt[2], a, at, d); break
        switch (op->join) {
            JOINED(NET_SUM);
            JOINED(NET_DIFFERENCE);
            JOINED(NET_PRODUCT);
            JOINED(NET_MAX);
            JOINED(NET_MIN);
            JOINED(NET_GATE);
            JOINED(NET_SMOOTH_MAX);
            JOINED(NET_QUOTIENT);
        default: break;
        }
#undef JOINED
        if (!s->d)
            continue;
        REAL *dz = s->d + r * s->ldz, *dzt = NULL;
        REAL *dp[NET_PARAMETERS], *dpt[NET_PARAMETERS] = {NULL, NULL, NULL};
        for (int k = 0; k < NET_PARAMETERS; k++)
            dp[k] = s->dp[k] ? s->dp[k] + r * s->lda : row[12];
#ifdef TANGENTS
        dzt = s->dt + r * s->ldz;
        for (int k = 0; k < NET_PARAMETERS; k++)
            dpt[k] = s->dpt[k] ? s->dpt[k] + r * s->lda : row[13];
#endif
        (void)dzt, (void)dpt;
        for (int64_t j = 0; j < columns; j++) {
            NUMBER along = GET(z, zt, j), sum = CONSTANT(0);
            for (int k = 0; k < 2; k++) {
                NUMBER outer = MULTIPLY(GET(d[2 * k], d[2 * k + 1], j),
                                        GET(slope[2 * k], slope[2 * k + 1], j));
                NUMBER by_beta = MULTIPLY(outer, along);
                sum = ADD(sum, MULTIPLY(outer, GET(p[k], pt[k], j)));
                PUT(dp[k], dpt[k], j, by_beta);
            }
            NUMBER by_last = GET(d[4], d[5], j);
            PUT(dp[2], dpt[2], j, by_last);
            PUT(dz, dzt, j, sum);
        }
    }
}

/* ---- which one -------------------------------------------------------------- */

static TARGET void OF(any_unary)(const NAMED(strip) *s, net_function kind)
{
#define UNARY(kind) case kind: OF(unary)(s, kind); break
    switch (kind) {
        UNARY(NET_IDENTITY);
        UNARY(NET_NEGATION);
        UNARY(NET_ABS);
        UNARY(NET_SQUARE);
        UNARY(NET_CUBE);
        UNARY(NET_SQRT_ABS);
        UNARY(NET_EXP);
        UNARY(NET_LOG_ABS);
        UNARY(NET_SIN);
        UNARY(NET_COS);
        UNARY(NET_TANH);
        UNARY(NET_ATAN);
        UNARY(NET_ERF);
        UNARY(NET_SIGMOID);
        UNARY(NET_SOFTPLUS);
        UNARY(NET_RELU);
        UNARY(NET_MIN0);
        UNARY(NET_GAUSSIAN);
        UNARY(NET_GELU);
    default: break;
    }
#undef UNARY
}

static TARGET void OF(activate)(const net_op *op, const NAMED(strip) *s)
{
    switch (op->function) {
    case NET_LEAKY: OF(parameters)(s, OF(leaky), 1); break;
    case NET_SWISH: OF(parameters)(s, OF(swish), 1); break;
    case NET_ACON_B: OF(parameters)(s, OF(acon_b), 2); break;
    case NET_ACON_C: OF(parameters)(s, OF(acon_c), 3); break;
    case NET_MAXOUT:
        if (s->pieces == 2) /* known to the compiler, so that loops over them vanish */
            OF(maxout)(s, 2);
        else
            OF(maxout)(s, s->pieces);
        break;
    case NET_SMOOTH_MAXOUT:
        if (s->pieces == 2)
            OF(smooth_maxout)(s, 2);
        else
            OF(smooth_maxout)(s, s->pieces);
        break;
    case NET_COMPOSITE: OF(composite)(s, op); break;
    default: OF(any_unary)(s, op->function);
    }
}

#undef OF
#undef NUMBER
#undef VALUE
#undef CONSTANT
#undef ADD
#undef SUBTRACT
#undef MULTIPLY
#undef CHAIN
#undef CHOOSE
#undef GET
#undef PUT
