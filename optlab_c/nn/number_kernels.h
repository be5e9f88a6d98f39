/* Arithmetic on NUMBER, for activations: REAL itself, or with TANGENTS defined a dual
 * number, that is a value and its derivative along some direction. A function written with
 * these gives the change of its result along that direction for free, and activations
 * return their slopes, so this is where second derivatives come from.
 *
 * OF(x) names the variant. The functions with a known slope take what they need at once:
 * `value`, `slope` and `curvature` of a function of one number make a NUMBER by CHAIN. */

#ifdef TANGENTS
#define OF(x) NAMED(JOIN(x, dual))
typedef struct { REAL v, t; } OF(number);
#define NUMBER OF(number)
#define VALUE(a) ((a).v)
#define CONSTANT(c) ((NUMBER){(REAL)(c), 0})
#define ADD(a, b) OF(add)(a, b)
#define SUBTRACT(a, b) OF(subtract)(a, b)
#define MULTIPLY(a, b) OF(multiply)(a, b)
#define CHAIN(a, value, slope) ((NUMBER){value, (slope) * (a).t})
#define CHOOSE(test, a, b) OF(choose)(test, a, b)

INLINE NUMBER OF(add)(NUMBER a, NUMBER b)
{
    return (NUMBER){a.v + b.v, a.t + b.t};
}

INLINE NUMBER OF(subtract)(NUMBER a, NUMBER b)
{
    return (NUMBER){a.v - b.v, a.t - b.t};
}

INLINE NUMBER OF(multiply)(NUMBER a, NUMBER b)
{
    return (NUMBER){a.v * b.v, a.v * b.t + a.t * b.v};
}

INLINE NUMBER OF(choose)(int test, NUMBER a, NUMBER b)
{
    return (NUMBER){test ? a.v : b.v, test ? a.t : b.t};
}
#else
#define OF(x) NAMED(x)
#define NUMBER REAL
#define VALUE(a) (a)
#define CONSTANT(c) ((REAL)(c))
#define ADD(a, b) ((a) + (b))
#define SUBTRACT(a, b) ((a) - (b))
#define MULTIPLY(a, b) ((a) * (b))
#define CHAIN(a, value, slope) (value)
#define CHOOSE(test, a, b) ((test) ? (a) : (b))
#endif
