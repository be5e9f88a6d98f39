/* Functions that are published as bound-constrained problems; the bounds themselves are
 * not known here.
 *
 * HS: W. Hock, K. Schittkowski, Test Examples for Nonlinear Programming Codes, Lecture
 * Notes in Economics and Mathematical Systems 187, Springer 1981.
 * VALLEY: C. Zhu, R. H. Byrd, P. Lu, J. Nocedal, "Algorithm 778: L-BFGS-B", ACM Trans.
 * Math. Softw. 23 (1997) 550-560. */
#ifndef OPTLAB_OBJECTIVES_BOUNDED_H
#define OPTLAB_OBJECTIVES_BOUNDED_H

#include "abi.h"

enum {
    BOUNDED_HS3,
    BOUNDED_HS4,
    BOUNDED_HS5,
    BOUNDED_HS45,
    BOUNDED_HS110,
    BOUNDED_VALLEY,
    BOUNDED_COUNT
};

/* Describes one of these with n unknowns, which the caller has checked. Returns 0, or -1
 * if there is no memory. `free` frees its context. */
int bounded_init(optlab_objective *objective, int kind, int64_t n, int dtype);

/* Describes the energy of a loaded membrane on a grid of nx by ny points, with height 0
 * around it,
 *
 *     f(x) = 1/2 sum w (x_a - x_b)^2 - sum load_i x_ij,
 *
 * where the first sum goes over all edges between neighbours a and b. Unknown ij has the
 * index nx j + i. The weight w is across[i] for the edge that leads to column i from the
 * column before it (nx + 1 numbers), and along[i] for those within column i (nx numbers,
 * as there are loads). Returns 0, or -1 if there is no memory. `free` frees its context. */
int grid_init(optlab_objective *objective, int64_t nx, int64_t ny, const double *across,
              const double *along, const double *load, int dtype);

#endif
