/* Now and then, between evaluations, a look at what else has to happen: Ctrl-C. */
#ifndef OPTLAB_POLL_H
#define OPTLAB_POLL_H

#include <stddef.h>
#include <time.h>

#define POLL_SECONDS 0.05

static inline double poll_clock(void)
{
    struct timespec now;
#ifdef CLOCK_MONOTONIC_COARSE /* milliseconds are enough, and it is several times cheaper */
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
    timespec_get(&now, TIME_UTC);
#endif
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Whether the last time was long enough ago; it is noted if so. */
static inline int poll_due(double *last)
{
    double now = poll_clock();
    if (now - *last < POLL_SECONDS)
        return 0;
    *last = now;
    return 1;
}

/* Calls `poll`, if given and if the last call was long enough ago; non-zero aborts. */
static inline int poll_interrupted(int (*poll)(void *ctx), void *ctx, double *last)
{
    return poll != NULL && poll_due(last) && poll(ctx);
}

#endif
