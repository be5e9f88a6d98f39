/* Memory for an arena: aligned, and on huge pages where the system has them, since a
 * machine of a million unknowns streams through all of its memory at every step. */
#ifndef OPTLAB_MEMORY_H
#define OPTLAB_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

#if defined(__linux__)
#include <sys/mman.h>
#elif defined(_WIN32)
#include <malloc.h>
#endif

#include "arena.h"

static inline void *memory_take(size_t bytes)
{
#if defined(_WIN32)
    return _aligned_malloc(bytes, ARENA_ALIGN);
#else
    enum { HUGE_PAGE = 2 << 20 };
    void *memory;
    size_t align = bytes < 4 * HUGE_PAGE ? ARENA_ALIGN : HUGE_PAGE;
    if (posix_memalign(&memory, align, bytes) != 0)
        return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (align == HUGE_PAGE)
        (void)madvise(memory, bytes, MADV_HUGEPAGE); /* a hint: failure is fine */
#endif
    return memory;
#endif
}

static inline void memory_give_back(void *memory)
{
#if defined(_WIN32)
    _aligned_free(memory);
#else
    free(memory);
#endif
}

#endif
