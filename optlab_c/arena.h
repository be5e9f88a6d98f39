/* One block of memory for everything a machine needs: sized first, bound once.
 *
 * The same code path sizes and binds. While `base` is NULL an arena only counts; bound
 * to a block, it hands out the pieces in the same order. */
#ifndef OPTLAB_ARENA_H
#define OPTLAB_ARENA_H

#include <stddef.h>

typedef struct arena {
    char *base;
    size_t used;
} arena;

enum { ARENA_ALIGN = 64 }; /* a cache line, and the widest vector register */

static inline void *arena_take(arena *a, size_t bytes)
{
    void *piece = a->base ? a->base + a->used : NULL;
    a->used += (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    return piece;
}

#endif
