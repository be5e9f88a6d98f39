/* The stochastic machine: it minimises a mean over samples, a batch at a time,
 *
 *     w+ = w - rate step(gradient of a batch)
 *
 * sampler x update rule x schedule, in reverse communication. `stochastic_advance` returns
 * what the machine wants to know, a mask of optlab_point's answers, or
 *
 *   STOCHASTIC_EPOCH   an epoch is over; the caller stops, sets the rate, or advances;
 *   STOCHASTIC_DONE    a batch's loss was not finite: `outcome` says so.
 *
 * What is wanted is answered at `stochastic_question` and told by `stochastic_tell`. The
 * machine's memory is `stochastic_state` (no pointers) and one arena: saving is copying
 * both, at any time, and resuming is binding again.
 *
 * phases:  EPOCH -> (ANCHOR: f and g of all samples) -> BATCH (f, g)
 *                -> (AT_ANCHOR: g, for SVRG) -> (TRY: f, for Armijo's search) -> update
 *                -> BATCH ... -> EPOCH */
#ifndef OPTLAB_STOCHASTIC_H
#define OPTLAB_STOCHASTIC_H

#include "../abi.h"
#include "../arena.h"

enum { STOCHASTIC_EPOCH = -1, STOCHASTIC_DONE = -2 };

typedef enum {
    RULE_SGD,
    RULE_MOMENTUM,
    RULE_NESTEROV,
    RULE_ADAGRAD,
    RULE_RMSPROP,
    RULE_ADAM,
    RULE_ADAMW,
    RULE_SVRG,
    RULES
} stochastic_rule;

typedef enum {
    SAMPLER_SHUFFLED, /* every sample once an epoch, in a new order */
    SAMPLER_DRAWN,    /* with replacement */
    SAMPLER_ORDERED,  /* every sample once an epoch, as they lie */
    SAMPLERS
} stochastic_sampler;

/* Of the rate, as a function of the time t in epochs. */
typedef enum {
    SCHEDULE_CONSTANT,
    SCHEDULE_STEP,        /* rate decay^floor(t / every) */
    SCHEDULE_INVERSE,     /* rate / (1 + decay t) */
    SCHEDULE_EXPONENTIAL, /* rate decay^t */
    SCHEDULE_COSINE,      /* from rate to rate_min over `every` epochs */
    SCHEDULES
} stochastic_schedule;

typedef struct stochastic_options {
    int64_t n, samples, batch;
    int64_t least; /* samples in a batch; fewer that are left over join the one before */
    int dtype;
    stochastic_rule rule;
    stochastic_sampler sampler;
    stochastic_schedule schedule;
    double rate, rate_min, decay, every, warmup;
    double momentum, beta1, beta2, eps, weight_decay;
    double clip_norm;      /* infinite: none */
    int64_t average_from;  /* epoch whose steps are the first to be averaged; -1: none */
    int search;            /* Armijo's, from the rate: */
    double c1, shrink, grow;
    int64_t maxls;
    uint64_t seed;
} stochastic_options;

typedef struct stochastic_state {
    stochastic_options opt;
    int phase;
    int outcome; /* optlab_status */
    uint64_t random[4];
    int64_t epoch;    /* complete ones */
    int64_t position; /* samples seen in this one */
    int64_t taken;    /* of the present batch */
    int64_t updates;
    double rate;      /* of the present step */
    double scale;     /* of the schedule, as a caller sets it */
    double f, f_trial, gg, alpha;
    int64_t tries;
    double sum;       /* of the batches' losses in this epoch, weighted by their samples */
    double loss;      /* mean loss of the last epoch */
    double best_loss; /* of all epochs */
    int64_t averaged;
} stochastic_state;

typedef struct stochastic_memory {
    void *w, *g;
    void *first, *second;   /* moments */
    void *anchor, *full, *old; /* SVRG: a point, all samples' g there, a batch's g there */
    void *trial;            /* Armijo's search */
    void *average, *best;
    int64_t *order;         /* of all samples, or those of a batch */
} stochastic_memory;

typedef struct stochastic {
    stochastic_state st;
    stochastic_memory mem;
} stochastic;

size_t stochastic_size(const stochastic_options *opt);
void stochastic_bind(stochastic *m, void *memory);

/* From the point in mem.w. */
void stochastic_start(stochastic *m);
int stochastic_advance(stochastic *m);
optlab_point stochastic_question(const stochastic *m);
void stochastic_tell(stochastic *m, int told, const optlab_point *point);

/* Where the run is: the mean of its steps if they are averaged, else w. */
const void *stochastic_point(const stochastic *m);

/* ---- the loop ------------------------------------------------------------------ */

typedef struct stochastic_loop {
    stochastic *machine;
    const optlab_objective *objective;
    int64_t nfev, njev; /* calls */
    int want;           /* asked and not yet answered: a mask */
    int (*poll)(void *ctx); /* now and then between evaluations; non-zero aborts */
    int (*keep)(void *ctx); /* the same, where the run can be saved */
    void *poll_ctx; /* of both */
    double last_poll;
} stochastic_loop;

/* Up to the end of an epoch: STOCHASTIC_EPOCH, STOCHASTIC_DONE or OPTLAB_ABORTED. */
int stochastic_run(stochastic_loop *loop);

#endif
