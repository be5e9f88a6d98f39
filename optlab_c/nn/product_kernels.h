/* Products of small matrices, C = A B, in rows:
 *
 *     c[i][j] = start + sum_l a[i][l] b[l][j],    start = 0, c[i][j] or bias[j].
 *
 * Vectors run along the rows of B and C, whose number of columns is padded to whole
 * cache lines; A may have any strides, so that it may be transposed. A tile of C stays in
 * registers while l runs over a part of B that stays in the first cache. Nothing is packed
 * or copied, which is what makes these faster than a BLAS where matrices are small. */

/* Rows and vectors of a tile: 16 registers with what is loaded, or half of 32. */
#define TILE_ROWS (VECTOR == 64 ? 8 : 4)
#define TILE_VECTORS 2

#ifndef OPTLAB_NN_PRODUCT
#define OPTLAB_NN_PRODUCT
enum start { FROM_ZERO, FROM_C, FROM_BIAS };
enum { PRODUCT_CACHE = 32768 }; /* bytes of B that are gone over again and again */
#endif

INLINE void NAMED(product_tile)(const int rows, const int vectors, int64_t k,
                                const REAL *a, int64_t row, int64_t column,
                                const REAL *b, int64_t ldb, REAL *c, int64_t ldc,
                                enum start start, const REAL *bias)
{
    NAMED(lanes) sum[8][TILE_VECTORS];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int v = 0; v < vectors; v++)
            if (start == FROM_ZERO)
                sum[i][v] = (NAMED(lanes)){0};
            else
                sum[i][v] = LOAD(start == FROM_C ? c + i * ldc + v * LANES
                                                 : bias + v * LANES);
    for (int64_t l = 0; l < k; l++) {
        NAMED(lanes) factor[TILE_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++)
            factor[v] = LOAD(b + l * ldb + v * LANES);
        UNROLL for (int i = 0; i < rows; i++) {
            REAL s = a[i * row + l * column];
            UNROLL for (int v = 0; v < vectors; v++)
                MULTIPLY_ADD_SCALAR(sum[i][v], factor[v], s);
        }
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int v = 0; v < vectors; v++)
            STORE(c + i * ldc + v * LANES, sum[i][v]);
}

/* The m rows of a strip of C, one or two vectors wide. */
INLINE void NAMED(product_strip)(const int vectors, int64_t m, int64_t k, const REAL *a,
                                 int64_t row, int64_t column, const REAL *b,
                                 int64_t ldb, REAL *c, int64_t ldc, enum start start,
                                 const REAL *bias)
{
    const int rows = TILE_ROWS;
    int64_t part = PRODUCT_CACHE / (vectors * VECTOR);
    for (int64_t l = 0; l == 0 || l < k; l += part) {
        int64_t here = k - l < part ? k - l : part, i = 0;
        const REAL *al = a + l * column, *bl = b + l * ldb;
        for (; i + rows <= m; i += rows)
            NAMED(product_tile)(rows, vectors, here, al + i * row, row, column, bl, ldb,
                                c + i * ldc, ldc, start, bias);
        if (rows > 4 && i + 4 <= m) {
            NAMED(product_tile)(4, vectors, here, al + i * row, row, column, bl, ldb,
                                c + i * ldc, ldc, start, bias);
            i += 4;
        }
        if (i + 2 <= m) {
            NAMED(product_tile)(2, vectors, here, al + i * row, row, column, bl, ldb,
                                c + i * ldc, ldc, start, bias);
            i += 2;
        }
        if (i < m)
            NAMED(product_tile)(1, vectors, here, al + i * row, row, column, bl, ldb,
                                c + i * ldc, ldc, start, bias);
        start = FROM_C;
    }
}

/* C of m rows and n columns, a multiple of the vector's, from A of m rows and k columns,
 * whose element (i, l) is a[i * row + l * column]. `bias` is only read FROM_BIAS, but
 * must be a pointer into some row as long. */
TARGET static void NAMED(product)(int64_t m, int64_t n, int64_t k, const REAL *a,
                                  int64_t row, int64_t column, const REAL *b,
                                  int64_t ldb, REAL *c, int64_t ldc, enum start start,
                                  const REAL *bias)
{
    int64_t j = 0;
    for (; j + TILE_VECTORS * LANES <= n; j += TILE_VECTORS * LANES)
        NAMED(product_strip)(TILE_VECTORS, m, k, a, row, column, b + j, ldb, c + j, ldc,
                             start, bias + j);
    if (j < n)
        NAMED(product_strip)(1, m, k, a, row, column, b + j, ldb, c + j, ldc, start,
                             bias + j);
}

#undef TILE_ROWS
#undef TILE_VECTORS
