/* Nets: `net_kernels.h` for each dtype and each instruction set. */

#include "net.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "blas.h"
#include "crew.h"
#include "math_kernels.h"
#include "memory.h"
#include "vec.h"

blas_table blas;

#define gemm_f64 blas.dgemm
#define gemm_f32 blas.sgemm

enum {
    CHUNK_BYTES = 1 << 19, /* of buffers, to stay in the second cache */
    CHUNK_LEAST = 256,     /* samples, so that products are worth their weights' traffic */
    CHUNK_MOST = 1024,
};

static crew *net_take(net_sum *sum, int differentiate, int64_t batch);
static void net_give_back(net_sum *sum, crew *c);

/* ---- small matrices, turned -------------------------------------------------------- */

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLE 1
#endif
#endif

#ifdef HAS_SHUFFLE
typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
typedef double two __attribute__((vector_size(16), aligned(8), may_alias));
#define SHUFFLE __builtin_shufflevector

OPTLAB_INLINE void turn_f32(const float *from, int64_t ldf, float *to, int64_t ldt)
{
    four a = *(const four *)from, b = *(const four *)(from + ldf);
    four c = *(const four *)(from + 2 * ldf), d = *(const four *)(from + 3 * ldf);
    four ab = SHUFFLE(a, b, 0, 4, 1, 5), cd = SHUFFLE(c, d, 0, 4, 1, 5);
    *(four *)to = SHUFFLE(ab, cd, 0, 1, 4, 5);
    *(four *)(to + ldt) = SHUFFLE(ab, cd, 2, 3, 6, 7);
    ab = SHUFFLE(a, b, 2, 6, 3, 7);
    cd = SHUFFLE(c, d, 2, 6, 3, 7);
    *(four *)(to + 2 * ldt) = SHUFFLE(ab, cd, 0, 1, 4, 5);
    *(four *)(to + 3 * ldt) = SHUFFLE(ab, cd, 2, 3, 6, 7);
}

OPTLAB_INLINE void turn_f64(const double *from, int64_t ldf, double *to, int64_t ldt)
{
    two a = *(const two *)from, b = *(const two *)(from + ldf);
    *(two *)to = SHUFFLE(a, b, 0, 2);
    *(two *)(to + ldt) = SHUFFLE(a, b, 1, 3);
}
#else
#define PLAIN_TURN(name, real, size)                                                 \
    OPTLAB_INLINE void name(const real *from, int64_t ldf, real *to, int64_t ldt)    \
    {                                                                                \
        for (int i = 0; i < size; i++)                                               \
            for (int j = 0; j < size; j++)                                           \
                to[j * ldt + i] = from[i * ldf + j];                                 \
    }
PLAIN_TURN(turn_f32, float, 4)
PLAIN_TURN(turn_f64, double, 2)
#endif

#define KERNELS "nn/net_kernels.h"
#include "targets.h"

/* ---- memory -------------------------------------------------------------------------- */

/* The most samples that are taken at once: all, where norms need their statistics. */
static int64_t chunk_of(const net *n, int64_t samples, int coupled)
{
    if (coupled)
        return samples;
    int64_t columns = 0;
    for (int b = 1; b < n->buffers; b++)
        columns += net_padded(n->dtype, n->buffer[b].columns);
    int64_t chunk = CHUNK_BYTES / (int64_t)vec_bytes(n->dtype, columns);
    chunk = chunk < CHUNK_LEAST ? CHUNK_LEAST : chunk;
    chunk = chunk > CHUNK_MOST ? CHUNK_MOST : chunk;
    return chunk < samples ? chunk : samples;
}

/* A memory for an evaluation: one that is left from before and large enough, or new. */
static crew *net_take(net_sum *sum, int differentiate, int64_t batch)
{
    const net *n = sum->net;
    int64_t samples = batch > sum->samples ? batch : sum->samples;
    crew_needs needs = {
        .threads = sum->threads,
        .tangents = differentiate == 2,
        .slopes = 1,
        .gathers = batch > 0,
        .chunk = chunk_of(n, samples, n->norms > 0),
    };
    for (int i = 0; i < NET_SPARE; i++) {
        crew *c = atomic_exchange(&sum->spare[i], NULL);
        if (!c)
            continue;
        if (c->threads == needs.threads && c->tangents >= needs.tangents &&
            c->gathers >= needs.gathers && c->chunk >= needs.chunk)
            return c;
        needs.tangents |= c->tangents; /* one that will do for both */
        needs.gathers |= c->gathers;
        crew_free(c);
    }
    return crew_new(n, &needs);
}

static void net_give_back(net_sum *sum, crew *c)
{
    for (int i = 0; i < NET_SPARE; i++) {
        void *empty = NULL;
        if (atomic_compare_exchange_strong(&sum->spare[i], &empty, c))
            return;
    }
    crew_free(c);
}

void net_discard(net_sum *sum)
{
    for (int i = 0; i < NET_SPARE; i++) {
        crew *c = atomic_exchange(&sum->spare[i], NULL);
        if (c)
            crew_free(c);
    }
}

void net_init(optlab_objective *objective, net_sum *sum)
{
    for (int i = 0; i < NET_SPARE; i++)
        atomic_init(&sum->spare[i], NULL);
    *objective = (optlab_objective){
        .version = OPTLAB_ABI_VERSION,
        .dtype = sum->net->dtype,
        .provides = OPTLAB_F | OPTLAB_G | OPTLAB_HV | OPTLAB_BATCH,
        .n = sum->net->n,
        .n_samples = sum->samples,
        .eval = TARGET_OF(eval, sum->net->dtype, sum->width),
        .ctx = sum,
    };
}

int net_answer(const net_question *q)
{
    const net *n = q->net;
    int back = q->derivative != NULL;
    int coupled = back || q->found || (n->norms > 0 && !q->statistics);
    crew_needs needs = {
        .threads = q->threads,
        .slopes = back,
        .chunk = chunk_of(n, q->rows, coupled),
    };
    crew *c = crew_new(n, &needs);
    void *g = back ? memory_take(vec_bytes(n->dtype, n->n)) : NULL;
    if (!c || (back && !g)) {
        if (c)
            crew_free(c);
        return -1;
    }
    c->question = q;
    c->statistics = q->statistics;
    c->samples = q->rows;
    c->x = q->x;
    c->worker[0].g = g;
    TARGET_OF(answer, n->dtype, q->width)(c);
    if (back && !c->stopped) {
        c->differentiate = c->back = 1;
        TARGET_OF(answer, n->dtype, q->width)(c);
    }
    int stopped = c->stopped;
    memory_give_back(g);
    crew_free(c);
    return stopped;
}

void net_draw(const net_curve *curve)
{
    TARGET_OF(draw, curve->dtype, curve->width)(curve);
}
