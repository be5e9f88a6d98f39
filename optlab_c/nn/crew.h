/* The memory of one evaluation of a net, and the threads that share it.
 *
 * It belongs to no dtype: the kernels know what the pointers are. One block holds all of
 * it. Threads live for one evaluation: to start one costs some 20 microseconds, against
 * evaluations of milliseconds, and nothing is left behind that a fork could break. */
#ifndef OPTLAB_NN_CREW_H
#define OPTLAB_NN_CREW_H

#include <stdatomic.h>
#include <stddef.h>

#include "../poll.h"
#include "net.h"

/* Parameters, or their tangents, as the kernels read them: rows by unit are padded. */
typedef struct staged {
    const void *weights; /* rows of ldw */
    int64_t ldw;
    void *packed;     /* the weights in padded rows, where they are not so in w */
    void *transposed; /* and turned, for the way back */
    void *row[NET_PARAMETERS]; /* bias; or scale and shift; or parameters */
} staged;

/* What an operation keeps from its forward to its backward pass. */
typedef struct kept {
    void *d, *dt; /* slopes of an activation */
    void *dp[NET_PARAMETERS], *dpt[NET_PARAMETERS];
    double *mean, *variance, *pull; /* of a norm: pull = mean of z_hat z_dot */
} kept;

typedef struct worker {
    struct crew *crew;
    int id, turn;
    int64_t at, rows;
    const void *x; /* buffer 0: rows of its columns, without padding */
    void *gathered;
    /* By buffer: values and tangents, and derivatives by them; often in one place. */
    void **value, **tangent, **slope, **slope_tangent;
    kept *kept;
    void *scratch;   /* 16 rows */
    void *product;   /* a gradient by weights in padded rows */
    double *sums;    /* 4 rows */
    void *by_sample; /* 4 numbers a sample */
    void *g;         /* the gradient or the product; thread 0 has the caller's */
    int first;       /* chunk: g is set, not added to */
    double f;
} worker;

typedef struct crew {
    /* what there is room for */
    int threads, tangents, gathers;
    int64_t chunk;
    /* the question */
    const net *net;
    const net_sum *sum;           /* NULL: no loss but a question */
    const net_question *question;
    int differentiate; /* 0: values only; 1: with slopes; 2: and their change along v */
    int back;          /* whether the gradient is wanted, or its change */
    const void *x;     /* data, without padding */
    const int64_t *index;
    int64_t samples;
    const void *const *statistics;
    staged *at, *along; /* by operation, of w and of v */
    worker *worker;
    double *meeting; /* 2 turns of 4 rows a thread */
    int64_t widest;
    void (*work)(struct crew *crew, int id);
    /* Called now and then by thread 0, if given; non-zero ends the evaluation. */
    int (*poll)(void *unused);
    double last_poll;
    atomic_int stopped;
    struct barrier *barrier;
} crew;

/* What an evaluation needs; `chunk` is the most samples that it takes at once. */
typedef struct crew_needs {
    int threads, tangents, slopes, gathers;
    int64_t chunk;
} crew_needs;

crew *crew_new(const net *net, const crew_needs *needs);
void crew_free(crew *crew);

/* `work` on all threads, or on as many as can be made; thread 0 is the caller. */
void crew_run(crew *crew);

/* Adds up `count` numbers over all threads, in the order of the threads. */
void crew_sum(worker *worker, double *sums, int64_t count);

/* Makes an evaluation that takes long one that can be stopped. */
static inline void crew_watch(crew *c, int (*poll)(void *unused))
{
    const double long_enough = 1e8; /* samples times parameters: some milliseconds */
    c->stopped = 0;
    c->poll = (double)c->samples * (double)c->net->n > long_enough ? poll : NULL;
    if (c->poll)
        c->last_poll = poll_clock();
}

/* Whether a worker may leave, since the answer is not wanted any more. Nobody leaves
 * whom another one waits for at a norm. */
static inline int crew_stops(const worker *w)
{
    crew *c = w->crew;
    if (!c->poll || (c->threads > 1 && c->net->norms > 0 && !c->statistics))
        return 0;
    if (w->id == 0 && poll_interrupted(c->poll, NULL, &c->last_poll))
        c->stopped = 1;
    return c->stopped;
}

static inline int64_t net_padded(int dtype, int64_t columns)
{
    int64_t line = dtype == OPTLAB_FLOAT32 ? 16 : 8;
    return (columns + line - 1) / line * line;
}

#endif
