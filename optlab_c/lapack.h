/* The routines of LAPACK that the core uses. They come from SciPy at run time, so that
 * nothing has to be linked: machine.pyx fills the table before it makes a machine that
 * needs it. */
#ifndef OPTLAB_LAPACK_H
#define OPTLAB_LAPACK_H

typedef int lapack_int;

typedef struct lapack_table {
    /* Cholesky's factors of a matrix, and systems with them */
    void (*potrf)(char *uplo, lapack_int *n, double *a, lapack_int *lda, lapack_int *info);
    void (*potrs)(char *uplo, lapack_int *n, lapack_int *nrhs, double *a, lapack_int *lda,
                  double *b, lapack_int *ldb, lapack_int *info);
    /* eigenvalues in ascending order, eigenvectors in the columns of a */
    void (*syevd)(char *jobz, char *uplo, lapack_int *n, double *a, lapack_int *lda,
                  double *w, double *work, lapack_int *lwork, lapack_int *iwork,
                  lapack_int *liwork, lapack_int *info);
} lapack_table;

extern lapack_table lapack;

#endif
