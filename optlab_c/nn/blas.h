/* The routines of BLAS that nets use for large matrix products. They come from SciPy at
 * run time, so that nothing has to be linked: nets.pyx fills the table. */
#ifndef OPTLAB_NN_BLAS_H
#define OPTLAB_NN_BLAS_H

typedef int blas_int;

typedef struct blas_table {
    void (*dgemm)(char *transa, char *transb, blas_int *m, blas_int *n, blas_int *k,
                  double *alpha, double *a, blas_int *lda, double *b, blas_int *ldb,
                  double *beta, double *c, blas_int *ldc);
    void (*sgemm)(char *transa, char *transb, blas_int *m, blas_int *n, blas_int *k,
                  float *alpha, float *a, blas_int *lda, float *b, blas_int *ldb,
                  float *beta, float *c, blas_int *ldc);
} blas_table;

extern blas_table blas;

#endif
