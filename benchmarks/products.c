/* Matrix products in a loop, so that no call from Python is in their time: by routines of
 * a BLAS whose pointers are given, or by the library's own product. products.py builds and
 * calls it. The file includes itself, by targets.h, for each dtype and instruction set. */
#ifndef REAL

#include <stdint.h>

#include "abi.h"

typedef enum { OWN, BLAS_32, BLAS_64 } maker; /* BLAS by the size of its integers */

/* c = a b; c and what is multiplied lie in rows, but `a` or `b` may be transposed: its
 * element (i, j) is then at [j * ld + i]. */
typedef struct {
    int64_t maker, dtype;
    void *gemm;
    int64_t m, n, k;
    const void *a;
    int64_t lda, a_transposed;
    const void *b;
    int64_t ldb, b_transposed;
    void *c;
    int64_t ldc;
} job;

#define KERNELS "products.c"
#include "targets.h"

#define GEMM(integer, real)                                                           \
    do {                                                                              \
        integer m = (integer)j->n, n = (integer)j->m, k = (integer)j->k;              \
        integer lda = (integer)j->ldb, ldb = (integer)j->lda, ldc = (integer)j->ldc;  \
        real one = 1, zero = 0;                                                       \
        void (*gemm)(const char *, const char *, const integer *, const integer *,    \
                     const integer *, const real *, const real *, const integer *,    \
                     const real *, const integer *, const real *, real *,             \
                     const integer *) = j->gemm;                                      \
        gemm(j->b_transposed ? "T" : "N", j->a_transposed ? "T" : "N", &m, &n, &k,    \
             &one, j->b, &lda, j->a, &ldb, &zero, j->c, &ldc);                        \
    } while (0)

void run(const job *jobs, int64_t count, int64_t repeats)
{
    for (int64_t r = 0; r < repeats; r++)
        for (const job *j = jobs; j < jobs + count; j++)
            if (j->maker == OWN)
                TARGET_OF(own, j->dtype, 64)(j);
            else if (j->maker == BLAS_32 && j->dtype == OPTLAB_FLOAT32)
                GEMM(int32_t, float);
            else if (j->maker == BLAS_32)
                GEMM(int32_t, double);
            else if (j->dtype == OPTLAB_FLOAT32)
                GEMM(int64_t, float);
            else
                GEMM(int64_t, double);
}

#else

#include "lanes_kernels.h"
#include "nn/product_kernels.h"

TARGET static void NAMED(own)(const job *j)
{
    NAMED(product)(j->m, j->n, j->k, j->a, j->a_transposed ? 1 : j->lda,
                   j->a_transposed ? j->lda : 1, j->b, j->ldb, j->c, j->ldc, FROM_ZERO,
                   j->c);
}

#endif
