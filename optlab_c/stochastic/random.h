/* Random whole numbers: xoshiro256** (Blackman & Vigna 2021), seeded by splitmix64. */
#ifndef OPTLAB_RANDOM_H
#define OPTLAB_RANDOM_H

#include <stdint.h>

static inline void random_seed(uint64_t state[4], uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        state[i] = z ^ (z >> 31);
    }
}

static inline uint64_t random_next(uint64_t s[4])
{
    uint64_t five = s[1] * 5, result = ((five << 7) | (five >> 57)) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Uniform on 0 ... n - 1, without bias: Lemire 2019 with halves of a word where n fits
 * into one, else by rejection. */
static inline int64_t random_below(uint64_t s[4], int64_t n)
{
    uint64_t bound = (uint64_t)n;
    if (bound <= UINT32_MAX) {
        uint64_t product = (random_next(s) >> 32) * bound;
        if ((uint32_t)product < bound) {
            uint32_t reject = (uint32_t)(-(uint32_t)bound % (uint32_t)bound);
            while ((uint32_t)product < reject)
                product = (random_next(s) >> 32) * bound;
        }
        return (int64_t)(product >> 32);
    }
    uint64_t drawn, mask = bound - 1;
    for (int shift = 1; shift < 64; shift *= 2)
        mask |= mask >> shift;
    do
        drawn = random_next(s) & mask;
    while (drawn >= bound);
    return (int64_t)drawn;
}

#endif
