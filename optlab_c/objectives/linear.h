/* Losses of linear models,
 *
 *     f(w) = sum_i loss(y_i, z_i) + (precision/2) ||coefficients||^2
 *
 * with the row of scores z_i = W x_i, W of `outputs` rows and `columns` columns.
 *
 *     squared    1/2 (z - y)^2                              one output, y any number
 *     logistic   log(1 + e^(-y z))                          one output, y = +1 or -1
 *     softmax    log(e^(z_1) + ... + e^(z_K)) - z_y         K outputs, y = 0 ... K-1
 *
 * The unknowns are W, row by row. The last `free` columns (an intercept, whose feature
 * is the constant 1) are exempt from the penalty.
 *
 * Rows of data stand in panels of LINEAR_PANEL bytes a column: panel p holds, column by
 * column, as many consecutive rows as fit, so that vectors run over rows whatever the
 * number of columns or outputs. The last panel is filled up with zeros.
 *
 * A batch stands for all samples: the sum of its losses counts rows / batch times. */
#ifndef OPTLAB_OBJECTIVES_LINEAR_H
#define OPTLAB_OBJECTIVES_LINEAR_H

#include "abi.h"

enum { LINEAR_PANEL = 128 };

typedef enum { LINEAR_SQUARED, LINEAR_LOGISTIC, LINEAR_SOFTMAX } linear_loss;

typedef struct linear_model {
    int64_t rows, columns, outputs, free;
    double precision;
    linear_loss loss;
    const void *x; /* panels, of the objective's dtype */
    const void *y; /* rows numbers of that dtype; int32_t for softmax */
} linear_model;

/* Describes the objective of a model that the caller owns, and checked. `width` is the
 * most bytes a vector may have; the machine's own limit holds as well. An evaluation
 * keeps what it computes on the stack (only for batches, and beyond 256 outputs, it
 * allocates, once): any number of threads may evaluate one model at once. */
void linear_init(optlab_objective *objective, linear_model *model, int dtype,
                 int width);

#endif
