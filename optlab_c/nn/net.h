/* Neural nets: operations on buffers, a loss at the end, and their derivatives.
 *
 * A net is a list of operations. Each reads one buffer (activations may read a second one)
 * and fills a new one; buffer 0 is the data, the last one the outputs. A buffer is a matrix
 * with a row for each sample and a column for each unit, its rows padded to whole cache
 * lines. All parameters are in one vector w; an operation knows where its own are.
 *
 *     AFFINE     out = in W + bias, W of inputs rows and outputs columns
 *     NORM       out = scale (in - mean) / sqrt(variance + eps) + shift, by the samples'
 *                own mean and variance (Ioffe & Szegedy 2015)
 *     ACTIVATE   out = f(in; parameters), for each unit; see activation_kernels.h
 *
 * Derivatives run through the list backwards. What an operation will need then it leaves
 * where its input was: an activation its slopes, a norm the normalised values. Later their
 * place is taken by the derivative with respect to that input, so that a unit costs two
 * numbers a sample, with tangents four. Only an input that has two readers keeps its values
 * and gets a buffer of its own for the derivative.
 *
 * A Hessian product is the derivative of the gradient along v (Pearlmutter 1994): every
 * buffer carries a tangent, and activations compute with dual numbers.
 *
 * Samples are taken in chunks that stay in the cache; with norms, all at once. Threads
 * share the samples, and meet where a norm sums over all of them. */
#ifndef OPTLAB_NN_NET_H
#define OPTLAB_NN_NET_H

#include <stdatomic.h>
#include <stdint.h>

#include "abi.h"

enum {
    NET_PARAMETERS = 3,
    NET_TRAINED = 0,  /* offsets of parameters that are in w start here */
    NET_FIXED = -1,   /* one number for all units */
    NET_BUFFER = -2,  /* the second buffer that is read */
    NET_SPARE = 16,   /* memories kept for the next evaluations */
};

typedef enum { NET_AFFINE, NET_NORM, NET_ACTIVATE } net_kind;

/* Activations, with their parameters. The first ones, of one number without parameters,
 * are also what composites are made of. */
typedef enum {
    NET_IDENTITY,
    NET_NEGATION,
    NET_ABS,
    NET_SQUARE,
    NET_CUBE,
    NET_SQRT_ABS,
    NET_EXP,
    NET_LOG_ABS,
    NET_SIN,
    NET_COS,
    NET_TANH,
    NET_ATAN,
    NET_ERF,
    NET_SIGMOID,
    NET_SOFTPLUS,
    NET_RELU,
    NET_MIN0,
    NET_GAUSSIAN,
    NET_GELU,
    NET_LEAKY,         /* a */
    NET_SWISH,         /* beta */
    NET_ACON_B,        /* p, beta */
    NET_ACON_C,        /* p1, p2, beta */
    NET_MAXOUT,        /* of `pieces` parts of the buffer */
    NET_SMOOTH_MAXOUT, /* beta; of as many */
    NET_COMPOSITE,     /* beta_1, beta_2, beta: g(h1(beta_1 z), h2(beta_2 z); beta) */
    NET_FUNCTIONS
} net_function;

/* How a composite joins its two numbers a and b. */
typedef enum {
    NET_SUM,
    NET_DIFFERENCE,
    NET_PRODUCT,
    NET_MAX,
    NET_MIN,
    NET_GATE,       /* sigmoid(a) b */
    NET_SMOOTH_MAX, /* S_beta(a, b) = (a - b) sigmoid(beta (a - b)) + b */
    NET_QUOTIENT,   /* a / b, b kept away from 0 */
    NET_JOINS
} net_join;

typedef struct net_op {
    net_kind kind;
    int source, target; /* buffers */
    int adds;           /* on the way back, to what a later reader of the source set */
    int64_t columns;    /* of the target */
    int64_t weights, bias; /* AFFINE: where they start in w; bias may be -1, for none */
    int64_t scale, shift;  /* NORM */
    double eps;
    net_function function; /* ACTIVATE */
    int pieces;
    net_function first, second; /* the parts of a composite */
    net_join join;
    int parameters;
    int64_t offset[NET_PARAMETERS];
    double value[NET_PARAMETERS]; /* of the fixed ones */
    int source2;                  /* the buffer of the last parameter, or -1 */
} net_op;

typedef struct net_buffer {
    int64_t columns;
    int readers;
} net_buffer;

typedef struct net {
    int dtype;
    int64_t n; /* length of w */
    int ops, buffers, norms;
    net_op *op;
    net_buffer *buffer;
} net;

typedef enum {
    NET_CROSS_ENTROPY, /* parameter: label smoothing */
    NET_LOGISTIC,
    NET_SQUARED,
    NET_HUBER /* parameter: delta */
} net_loss;

/* precision/2 |w - mean|^2 for the w from `start` to `stop`. */
typedef struct net_penalty {
    int64_t start, stop;
    double precision;
} net_penalty;

/* The mean loss over samples with the penalties. Everything in it is the caller's. */
typedef struct net_sum {
    const net *net;
    int64_t samples;
    const void *x;       /* samples rows, without padding */
    const void *y;       /* int32_t labels, or rows of targets */
    const void *weights; /* of the samples, 1 in the mean; or NULL */
    net_loss loss;
    double parameter;
    int penalties;
    const net_penalty *penalty;
    const void *mean; /* n numbers, or NULL */
    int threads, width;
    int (*poll)(void *unused); /* now and then in a long evaluation; non-zero ends it */
    _Atomic(void *) spare[NET_SPARE];
} net_sum;

/* Describes the objective of a sum. Any number of threads may evaluate it at once: each
 * evaluation takes a memory of its own, one that is left from before if there is any. */
void net_init(optlab_objective *objective, net_sum *sum);
void net_discard(net_sum *sum);

/* What else a net can be asked, without a loss. Non-zero: no memory, or stopped. */
typedef struct net_question {
    const net *net;
    int64_t rows;
    const void *x, *w;
    int threads, width;
    const void *const *statistics; /* mean and variance of each norm; NULL: the rows' own */
    void *outputs;                 /* rows without padding */
    void *const *found;            /* mean and variance of each norm, if not NULL */
    const void *derivative;        /* of some function by the outputs; NULL: not asked */
    void *const *values;           /* of all buffers but the first, if asked */
    void *const *derivatives;
    int (*poll)(void *unused);
} net_question;

int net_answer(const net_question *question);

/* An activation alone, on m numbers a piece: values, slopes by pieces and parameters, and
 * the change of these along v. */
typedef struct net_curve {
    const net_op *op;
    int dtype, width;
    int64_t m;
    const void *z, *v; /* pieces, one after the other; v has parameters, too */
    const void *parameters; /* m numbers each */
    void *value, *slope, *change;
    void *scratch; /* 17 m numbers */
} net_curve;

void net_draw(const net_curve *curve);

#endif
