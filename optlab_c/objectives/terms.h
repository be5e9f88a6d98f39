/* Objectives that are sums of terms of few unknowns, and how they are evaluated.
 *
 * A problem is one function, its kernel, that goes through its terms. Squares of
 * residuals, each with its first derivatives, go to `row` and their second derivatives
 * to `curve`:
 *
 *     f = sum r^2,    g = sum 2 r J,    H = sum 2 (J J^T + r R),
 *     J = grad r,     R = hess r;
 *
 * any other term goes to `term`. Everything is inlined into one copy of a kernel for
 * each thing wanted (f; f and g; Hv; H) and each dtype, so that a kernel pays only for
 * what is asked. Problems with dense derivatives of a special form write f, g and Hv
 * themselves, in O(n), and get H from its columns. All arithmetic is done in double.
 *
 * Evaluations share nothing but the constant tables of the problem: any number of
 * threads may evaluate one problem at once.
 *
 * SMALL(name, n), BANDED(name) and DENSE(name) make the functions name_float64 and
 * name_float32 of a kernel; `terms_new` makes an objective of them. */
#ifndef OPTLAB_OBJECTIVES_TERMS_H
#define OPTLAB_OBJECTIVES_TERMS_H

#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "math_kernels.h"

#define INLINE OPTLAB_INLINE

enum { F = OPTLAB_F, G = OPTLAB_G, HV = OPTLAB_HV, H = OPTLAB_H };

enum { N_SMALL = 11 }; /* unknowns of the largest problem of fixed n, Osborne 2 */

typedef struct terms {
    int64_t n, m;
    int64_t blocks;  /* copies of a small problem, on consecutive unknowns */
    double table[]; /* constants of the problem */
} terms;

/* A vector of either dtype, or a column of the unit matrix. */
enum kind { DOUBLE = OPTLAB_FLOAT64, SINGLE = OPTLAB_FLOAT32, UNIT };

typedef struct {
    void *p;
    enum kind kind;
    int64_t unit;
} vector;

INLINE double get(vector a, int64_t i)
{
    if (a.kind == UNIT)
        return i == a.unit;
    if (a.kind == SINGLE)
        return ((const float *)a.p)[i];
    return ((const double *)a.p)[i];
}

INLINE void put(vector a, int64_t i, double value)
{
    if (a.kind == SINGLE)
        ((float *)a.p)[i] = (float)value;
    else
        ((double *)a.p)[i] = value;
}

INLINE void add(vector a, int64_t i, double value)
{
    put(a, i, get(a, i) + value);
}

INLINE void clear(vector a, int64_t n)
{
    memset(a.p, 0, (size_t)n * (a.kind == SINGLE ? sizeof(float) : sizeof(double)));
}

/* One evaluation: at x, along v, into f, out (g or Hv) and the lower triangle of h. */
typedef struct {
    int64_t n;
    double f;
    vector x, v, out, h;
} job;

typedef void kernel(const terms *p, int want, job *q);

/* Adds the residual r, which depends on the k unknowns from `at` on. */
INLINE void row(job *q, int want, int64_t at, int k, double r, const double *J)
{
    if (want & F)
        q->f += r * r;
    if (want & G)
        for (int a = 0; a < k; a++)
            add(q->out, at + a, 2 * r * J[a]);
    if (want & HV) {
        double t = 0;
        for (int a = 0; a < k; a++)
            t += J[a] * get(q->v, at + a);
        for (int a = 0; a < k; a++)
            add(q->out, at + a, 2 * t * J[a]);
    }
    if (want & H)
        for (int a = 0; a < k; a++)
            for (int b = 0; b <= a; b++)
                add(q->h, (at + a) * q->n + at + b, 2 * J[a] * J[b]);
}

/* Adds the second derivative c of the residual r by the unknowns a >= b. */
INLINE void curve(job *q, int want, double r, int64_t a, int64_t b, double c)
{
    if (want & HV) {
        add(q->out, a, 2 * r * c * get(q->v, b));
        if (a != b)
            add(q->out, b, 2 * r * c * get(q->v, a));
    }
    if (want & H)
        add(q->h, a * q->n + b, 2 * r * c);
}

/* Adds a term with value f, gradient g and the rows h of the lower triangle of its
 * Hessian (1 + 2 + ... + k numbers), which depends on the k unknowns from `at` on. */
INLINE void term(job *q, int want, int64_t at, int k, double f, const double *g,
                 const double *h)
{
    if (want & F)
        q->f += f;
    if (want & G)
        for (int a = 0; a < k; a++)
            add(q->out, at + a, g[a]);
    if (want & (HV | H))
        for (int a = 0; a < k; a++)
            for (int b = 0; b <= a; b++, h++) {
                if (want & H)
                    add(q->h, (at + a) * q->n + at + b, *h);
                if (want & HV)
                    add(q->out, at + a, *h * get(q->v, at + b));
                if (want & HV && a != b)
                    add(q->out, at + b, *h * get(q->v, at + a));
            }
}

#define J(...) ((const double[]){__VA_ARGS__})
#define X(i) get(q->x, i)
#define V(i) get(q->v, i)

/* ---- evaluation -------------------------------------------------------------- */

INLINE vector vector_of(const void *p, enum kind kind)
{
    return (vector){(void *)p, kind, 0};
}

INLINE vector part(vector a, int64_t at)
{
    size_t size = a.kind == SINGLE ? sizeof(float) : sizeof(double);
    return (vector){(char *)a.p + (size_t)at * size, a.kind, 0};
}

INLINE void mirror(vector h, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            put(h, j * n + i, get(h, i * n + j));
}

/* Small problems add up in local arrays, which the compiler keeps in registers. */
INLINE void small(kernel *f, int n, int want, const terms *p, enum kind kind, int mask,
                  optlab_point *point)
{
    double total = 0;
    vector h = vector_of(point->h, kind);
    if (want & H && p->blocks > 1)
        clear(h, p->n * p->n);
    for (int64_t b = 0; b < p->blocks; b++) {
        double x[N_SMALL], v[N_SMALL], out[N_SMALL], block[N_SMALL * N_SMALL];
        vector from = part(vector_of(point->x, kind), b * n);
        vector along = part(vector_of(point->v, kind), b * n);
        vector to = part(vector_of(want & HV ? point->hv : point->g, kind), b * n);
        for (int i = 0; i < n; i++) {
            x[i] = get(from, i);
            v[i] = want & HV ? get(along, i) : 0;
            out[i] = 0;
        }
        if (want & H)
            for (int i = 0; i < n * n; i++)
                block[i] = 0;
        job q = {n, 0, vector_of(x, DOUBLE), vector_of(v, DOUBLE),
                 vector_of(out, DOUBLE), vector_of(block, DOUBLE)};
        f(p, want, &q);
        total += q.f;
        if (want & (G | HV))
            for (int i = 0; i < n; i++)
                put(to, i, out[i]);
        if (want & H)
            for (int i = 0; i < n; i++)
                for (int j = 0; j < n; j++)
                    put(h, (b * n + i) * p->n + b * n + j,
                        block[i > j ? i * n + j : j * n + i]);
    }
    if (mask & F)
        point->f = total;
}

/* Banded problems add straight into the answers. */
INLINE void banded(kernel *f, int64_t n, int want, const terms *p, enum kind kind,
                   int mask, optlab_point *point)
{
    job q = {n, 0, vector_of(point->x, kind), vector_of(point->v, kind),
             vector_of(want & HV ? point->hv : point->g, kind),
             vector_of(point->h, kind)};
    if (want & (G | HV))
        clear(q.out, n);
    if (want & H)
        clear(q.h, n * n);
    f(p, want, &q);
    if (mask & F)
        point->f = q.f;
    if (want & H)
        mirror(q.h, n);
}

/* The others write g or Hv once; H comes column by column. */
INLINE void dense(kernel *f, int64_t n, int want, const terms *p, enum kind kind,
                  int mask, optlab_point *point)
{
    job q = {n, 0, vector_of(point->x, kind), vector_of(point->v, kind),
             vector_of(want & HV ? point->hv : point->g, kind),
             vector_of(point->h, kind)};
    if (want & H) {
        for (int64_t j = 0; j < n; j++) {
            q.v = (vector){NULL, UNIT, j};
            q.out = part(q.h, j * n);
            f(p, HV, &q);
        }
        mirror(q.h, n);
        return;
    }
    f(p, want, &q);
    if (mask & F)
        point->f = q.f;
}

/* f costs next to nothing beside g, so g alone is f and g. */
#define EVAL(name, driver, n, suffix, kind)                                  \
    static int name##_##suffix(void *ctx, int want, optlab_point *point)     \
    {                                                                        \
        const terms *p = ctx;                                                \
        if (want & G)                                                        \
            driver(name, n, F | G, p, kind, want, point);                    \
        else if (want & F)                                                   \
            driver(name, n, F, p, kind, want, point);                        \
        if (want & HV)                                                       \
            driver(name, n, HV, p, kind, 0, point);                          \
        if (want & H)                                                        \
            driver(name, n, H, p, kind, 0, point);                           \
        return 0;                                                            \
    }
#define PROBLEM(name, driver, n)             \
    EVAL(name, driver, n, float64, DOUBLE)   \
    EVAL(name, driver, n, float32, SINGLE)

#define SMALL(name, n) PROBLEM(name, small, n)
#define BANDED(name) PROBLEM(name, banded, p->n)
#define DENSE(name) PROBLEM(name, dense, p->n)

#define BOTH(name) {name##_float64, name##_float32}

/* Describes an objective of n unknowns by `eval`, in copies of `block` unknowns (0 for
 * one of all), with room for `size` constants in its table. Returns what it evaluates,
 * which `free` frees, or NULL if there is no memory. */
INLINE terms *terms_new(optlab_objective *objective, const optlab_eval eval[2],
                        int64_t block, int64_t n, int64_t m, int64_t size, int dtype)
{
    terms *p = malloc(sizeof *p + sizeof(double) * (size_t)size);
    if (!p)
        return NULL;
    p->n = n;
    p->m = m;
    p->blocks = block ? n / block : 1;
    *objective = (optlab_objective){
        .version = OPTLAB_ABI_VERSION,
        .dtype = dtype,
        .provides = F | G | HV | H,
        .n = n,
        .eval = eval[dtype],
        .ctx = p,
    };
    return p;
}

#endif
