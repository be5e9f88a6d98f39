/* Memory for an arena: aligned, zeroed, and on huge pages where the system has them, since
 * a machine of a million unknowns streams through all of its memory at every step. */
#ifndef OPTLAB_MEMORY_H
#define OPTLAB_MEMORY_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include <sys/mman.h>
#elif defined(_WIN32)
#include <malloc.h>
#endif

#include "arena.h"

static inline void *memory_take(size_t bytes)
{
#if defined(_WIN32)
    void *memory = _aligned_malloc(bytes, ARENA_ALIGN);
    return memory == NULL ? NULL : memset(memory, 0, bytes);
#else
    enum { HUGE_PAGE = 2 << 20, FRESH = 33 << 20 };
    void *memory;
    size_t align = bytes < 4 * HUGE_PAGE ? ARENA_ALIGN : HUGE_PAGE;
    if (posix_memalign(&memory, align, bytes) != 0)
        return NULL;
    /* What is saved must not show what lay there. glibc takes blocks of this size from the
     * system, which zeroes them: to touch pages that are never used would be a waste. */
#if defined(__GLIBC__)
    if (bytes < FRESH)
#endif
        memset(memory, 0, bytes);
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
