#include "crew.h"

#include <string.h>

#include "arena.h"
#include "memory.h"
#include "vec.h"

#if !defined(_WIN32)
#include <pthread.h>
#define CREW_THREADS 1

struct barrier {
    pthread_mutex_t lock;
    pthread_cond_t all;
    int waiting, round;
};

typedef struct member {
    crew *crew;
    int id;
    pthread_t thread;
} member;
#else
struct barrier { int unused; };
typedef struct member { int unused; } member;
#endif

static void *rows_of(arena *a, const net *n, int64_t rows, int64_t columns)
{
    return arena_take(a, vec_bytes(n->dtype, rows * net_padded(n->dtype, columns)));
}

static staged *stage(arena *a, const net *n)
{
    staged *all = arena_take(a, sizeof(staged) * (size_t)n->ops), unused;
    for (int i = 0; i < n->ops; i++) {
        const net_op *op = &n->op[i];
        staged *s = all ? &all[i] : &unused;
        int64_t inputs = n->buffer[op->source].columns;
        for (int k = 0; k < NET_PARAMETERS; k++)
            s->row[k] = rows_of(a, n, 1, op->columns);
        if (op->kind != NET_AFFINE)
            continue;
        if (net_padded(n->dtype, op->columns) != op->columns)
            s->packed = rows_of(a, n, inputs, op->columns);
        if (op->source > 0)
            s->transposed = rows_of(a, n, op->columns, inputs);
    }
    return all;
}

static void bind_kept(arena *a, const net *n, const crew_needs *needs, worker *w)
{
    kept *all = arena_take(a, sizeof(kept) * (size_t)n->ops), unused;
    w->kept = all;
    for (int i = 0; i < n->ops; i++) {
        const net_op *op = &n->op[i];
        kept *k = all ? &all[i] : &unused;
        size_t doubles = sizeof(double) *
                         (size_t)net_padded(OPTLAB_FLOAT32, op->columns);
        if (op->kind == NET_NORM) {
            k->mean = arena_take(a, doubles);
            k->variance = arena_take(a, doubles);
            k->pull = arena_take(a, doubles);
        }
        if (op->kind != NET_ACTIVATE || !needs->slopes)
            continue;
        int64_t read = n->buffer[op->source].columns;
        int alone = n->buffer[op->source].readers == 1;
        k->d = alone ? w->value ? w->value[op->source] : NULL
                     : rows_of(a, n, needs->chunk, read);
        if (needs->tangents)
            k->dt = alone ? w->tangent ? w->tangent[op->source] : NULL
                          : rows_of(a, n, needs->chunk, read);
        int any = 0;
        for (int p = 0; p < op->parameters; p++)
            any = any || op->offset[p] != NET_FIXED;
        for (int p = 0; any && p < op->parameters; p++) {
            int second = op->offset[p] == NET_BUFFER;
            k->dp[p] = second ? w->value ? w->value[op->source2] : NULL
                              : rows_of(a, n, needs->chunk, op->columns);
            if (needs->tangents)
                k->dpt[p] = second ? w->tangent ? w->tangent[op->source2] : NULL
                                   : rows_of(a, n, needs->chunk, op->columns);
        }
    }
}

static void bind_worker(arena *a, const net *n, const crew_needs *needs, worker *w,
                        int64_t widest)
{
    size_t pointers = sizeof(void *) * (size_t)n->buffers;
    w->value = arena_take(a, pointers);
    w->tangent = arena_take(a, pointers);
    w->slope = arena_take(a, pointers);
    w->slope_tangent = arena_take(a, pointers);
    for (int b = 1; b < n->buffers; b++) {
        int shared = n->buffer[b].readers > 1 && needs->slopes;
        int64_t columns = n->buffer[b].columns;
        void *value = rows_of(a, n, needs->chunk, columns), *tangent = NULL;
        void *slope = shared ? rows_of(a, n, needs->chunk, columns) : value;
        void *slope_tangent = NULL;
        if (needs->tangents) {
            tangent = rows_of(a, n, needs->chunk, columns);
            slope_tangent = shared ? rows_of(a, n, needs->chunk, columns) : tangent;
        }
        if (!w->value)
            continue;
        w->value[b] = value;
        w->tangent[b] = tangent;
        w->slope[b] = slope;
        w->slope_tangent[b] = slope_tangent;
    }
    int64_t product = 0;
    for (int i = 0; i < n->ops; i++) {
        const net_op *op = &n->op[i];
        int64_t columns = net_padded(n->dtype, op->columns);
        int64_t size = n->buffer[op->source].columns * columns;
        if (op->kind == NET_AFFINE && columns != op->columns && size > product)
            product = size;
    }
    bind_kept(a, n, needs, w);
    if (needs->gathers)
        w->gathered = arena_take(
            a, vec_bytes(n->dtype, needs->chunk * n->buffer[0].columns));
    w->scratch = rows_of(a, n, 16, widest);
    w->product = arena_take(a, vec_bytes(n->dtype, product));
    w->sums = arena_take(a, sizeof(double) * 4 * (size_t)widest);
    w->by_sample = arena_take(a, vec_bytes(n->dtype, 4 * needs->chunk));
    if (needs->slopes && w->id > 0)
        w->g = arena_take(a, vec_bytes(n->dtype, n->n));
}

/* Sizes the memory, or binds it to `c`, which is at its start. */
static size_t bind(const net *n, const crew_needs *needs, crew *c)
{
    arena a = {(char *)c, 0};
    arena_take(&a, sizeof(crew));
    int64_t widest = 0;
    for (int b = 1; b < n->buffers; b++)
        if (n->buffer[b].columns > widest)
            widest = n->buffer[b].columns;
    widest = net_padded(OPTLAB_FLOAT32, widest); /* doubles are padded as floats are */
    staged *at = stage(&a, n), *along = needs->tangents ? stage(&a, n) : NULL;
    worker *workers = arena_take(&a, sizeof(worker) * (size_t)needs->threads), unused;
    struct barrier *barrier = arena_take(&a, sizeof(struct barrier));
    double *meeting = arena_take(
        &a, sizeof(double) * 2 * 4 * (size_t)(widest * needs->threads));
    if (c) {
        c->threads = needs->threads;
        c->tangents = needs->tangents;
        c->gathers = needs->gathers;
        c->chunk = needs->chunk;
        c->net = n;
        c->at = at;
        c->along = along;
        c->worker = workers;
        c->barrier = barrier;
        c->meeting = meeting;
        c->widest = widest;
    }
    for (int t = 0; t < needs->threads; t++) {
        worker *w = workers ? &workers[t] : &unused;
        *w = (worker){.crew = c, .id = t};
        bind_worker(&a, n, needs, w, widest);
    }
    return a.used;
}

crew *crew_new(const net *n, const crew_needs *needs)
{
    size_t bytes = bind(n, needs, NULL);
    crew *c = memory_take(bytes);
    if (!c)
        return NULL;
    memset(c, 0, bytes); /* padding is computed with, and must hold numbers */
    bind(n, needs, c);
    return c;
}

void crew_free(crew *c)
{
    memory_give_back(c);
}

#ifdef CREW_THREADS

static void *start(void *argument)
{
    member *m = argument;
    /* Only when all are made is it known how many there are. */
    pthread_mutex_lock(&m->crew->barrier->lock);
    pthread_mutex_unlock(&m->crew->barrier->lock);
    m->crew->work(m->crew, m->id);
    return NULL;
}

static void meet(crew *c)
{
    struct barrier *b = c->barrier;
    pthread_mutex_lock(&b->lock);
    int round = b->round;
    if (++b->waiting == c->threads) {
        b->waiting = 0;
        b->round++;
        pthread_cond_broadcast(&b->all);
    }
    while (round == b->round)
        pthread_cond_wait(&b->all, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

void crew_run(crew *c)
{
    int made = 1;
    member *members = c->threads > 1 ? malloc(sizeof(member) * (size_t)c->threads) : NULL;
    if (!members) {
        c->threads = 1;
        c->work(c, 0);
        return;
    }
    pthread_mutex_init(&c->barrier->lock, NULL);
    pthread_cond_init(&c->barrier->all, NULL);
    c->barrier->waiting = c->barrier->round = 0;
    pthread_mutex_lock(&c->barrier->lock);
    for (; made < c->threads; made++) {
        members[made] = (member){.crew = c, .id = made};
        if (pthread_create(&members[made].thread, NULL, start, &members[made]) != 0)
            break;
    }
    c->threads = made;
    pthread_mutex_unlock(&c->barrier->lock);
    c->work(c, 0);
    for (int t = 1; t < made; t++)
        pthread_join(members[t].thread, NULL);
    pthread_mutex_destroy(&c->barrier->lock);
    pthread_cond_destroy(&c->barrier->all);
    free(members);
}

#else

static void meet(crew *c)
{
    (void)c;
}

void crew_run(crew *c)
{
    c->threads = 1;
    c->work(c, 0);
}

#endif

void crew_sum(worker *w, double *sums, int64_t count)
{
    crew *c = w->crew;
    if (c->threads == 1)
        return;
    /* Two turns of slots: who is late reading one sum is not disturbed by the next. */
    double *turn = c->meeting + (w->turn ^= 1) * 4 * c->widest * c->threads;
    memcpy(turn + w->id * 4 * c->widest, sums, sizeof(double) * (size_t)count);
    meet(c);
    memset(sums, 0, sizeof(double) * (size_t)count);
    for (int t = 0; t < c->threads; t++)
        for (int64_t j = 0; j < count; j++)
            sums[j] += turn[t * 4 * c->widest + j];
}
