/* A vector's type, and the sum over its lanes; for kernels that targets.h includes. */

LANES_TYPE(NAMED(lanes));
#ifdef __GNUC__
typedef REAL NAMED(short_lanes) __attribute__((vector_size(16)));
#endif

/* The sum over the lanes, by parts of 16 bytes first. */
INLINE REAL NAMED(total)(NAMED(lanes) a)
{
    union {
        NAMED(lanes) whole;
        REAL lane[LANES];
#ifdef __GNUC__
        NAMED(short_lanes) part[VECTOR / 16];
#endif
    } u = {a};
    REAL sum = 0;
#ifdef __GNUC__
    UNROLL for (int i = 1; i < VECTOR / 16; i++)
        u.part[0] += u.part[i];
    UNROLL for (int i = 0; i < 16 / (int)sizeof(REAL); i++)
        sum += u.lane[i];
#else
    for (int i = 0; i < LANES; i++)
        sum += u.lane[i];
#endif
    return sum;
}
