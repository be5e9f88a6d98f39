/* One binary, fast on every x86-64: the loader picks the clone for the machine. */
#ifndef OPTLAB_MULTIVERSION_H
#define OPTLAB_MULTIVERSION_H

/* The -v3/-v4 levels also match AMD, which named Intel families do not. Only glibc
 * resolves the clones at load time, and clang's support differs; elsewhere the plain
 * loop is still correct, only slower. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && \
    !defined(__clang__) && __GNUC__ >= 12 && !defined(OPTLAB_NO_CLONES)
#define OPTLAB_HAS_CLONES 1
#define OPTLAB_CLONES \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define OPTLAB_CLONES
#endif

#endif
