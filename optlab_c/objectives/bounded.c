#include "bounded.h"

#include <math.h>

#include "terms.h"

INLINE void hs3(const terms *p, int want, job *q)
{
    double x1 = X(0), x2 = X(1), c = 1e-5, d = x2 - x1;
    term(q, want, 0, 2, x2 + c * d * d, J(-2 * c * d, 1 + 2 * c * d),
         J(2 * c, -2 * c, 2 * c));
}

INLINE void hs4(const terms *p, int want, job *q)
{
    double x1 = X(0), x2 = X(1), a = x1 + 1;
    term(q, want, 0, 2, a * a * a / 3 + x2, J(a * a, 1), J(2 * a, 0, 0));
}

INLINE void hs5(const terms *p, int want, job *q)
{
    double x1 = X(0), x2 = X(1), s = sin(x1 + x2), c = cos(x1 + x2), d = x1 - x2;
    term(q, want, 0, 2, s + d * d - 1.5 * x1 + 2.5 * x2 + 1,
         J(c + 2 * d - 1.5, c - 2 * d + 2.5), J(2 - s, -2 - s, 2 - s));
}

INLINE void hs45(const terms *p, int want, job *q)
{
    double x[5], product = 1, g[5], h[15], *to = h;
    for (int a = 0; a < 5; a++) {
        x[a] = X(a);
        product *= x[a];
    }
    /* Products without one and two of them: a division would fail at 0. */
    for (int a = 0; a < 5; a++) {
        g[a] = -1.0 / 120;
        for (int c = 0; c < 5; c++)
            g[a] *= c == a ? 1 : x[c];
        for (int b = 0; b <= a; b++, to++) {
            *to = a == b ? 0 : -1.0 / 120;
            for (int c = 0; c < 5; c++)
                *to *= c == a || c == b ? 1 : x[c];
        }
    }
    term(q, want, 0, 5, 2 - product / 120, g, h);
}

INLINE void hs110(const terms *p, int want, job *q)
{
    double x[10], product = 1, g[10], h[55], *to = h;
    for (int a = 0; a < 10; a++) {
        x[a] = X(a);
        product *= x[a];
        double low = x[a] - 2, high = 10 - x[a], l = log(low), u = log(high);
        term(q, want, a, 1, l * l + u * u, J(2 * l / low - 2 * u / high),
             J(2 * (1 - l) / (low * low) + 2 * (1 - u) / (high * high)));
    }
    double power = pow(product, 0.2);
    for (int a = 0; a < 10; a++) {
        g[a] = -0.2 * power / x[a];
        for (int b = 0; b <= a; b++, to++)
            *to = (a == b ? 0.16 : -0.04) * power / (x[a] * x[b]);
    }
    term(q, want, 0, 10, -power, g, h);
}

INLINE void valley(const terms *p, int want, job *q)
{
    row(q, want, 0, 1, X(0) - 1, J(1));
    for (int64_t i = 1; i < q->n; i++) {
        double before = X(i - 1), r = 2 * (X(i) - before * before);
        row(q, want, i - 1, 2, r, J(-4 * before, 2));
        curve(q, want, r, i - 1, i - 1, -4);
    }
}

/* table: across, along and load; m = nx */
INLINE void grid(const terms *p, int want, job *q)
{
    const double *across = p->table, *along = across + p->m + 1, *load = along + p->m;
    vector u = want & HV ? q->v : q->x;
    int64_t nx = p->m, ny = q->n / nx;
    for (int64_t j = 0, k = 0; j < ny; j++)
        for (int64_t i = 0; i < nx; i++, k++) {
            double at = get(u, k);
            double west = i > 0 ? get(u, k - 1) : 0, south = j > 0 ? get(u, k - nx) : 0;
            double east = i < nx - 1 ? get(u, k + 1) : 0;
            double north = j < ny - 1 ? get(u, k + nx) : 0;
            double pull = across[i] * (at - west) + across[i + 1] * (at - east) +
                          along[i] * ((at - south) + (at - north));
            if (want & F)
                q->f += at * (pull / 2 - load[i]);
            if (want & G)
                put(q->out, k, pull - load[i]);
            if (want & HV)
                put(q->out, k, pull);
        }
}

SMALL(hs3, 2)
SMALL(hs4, 2)
SMALL(hs5, 2)
SMALL(hs45, 5)
SMALL(hs110, 10)
BANDED(valley)
DENSE(grid)

static const struct {
    optlab_eval eval[2]; /* by dtype */
    int64_t block;
} list[BOUNDED_COUNT] = {
    [BOUNDED_HS3] = {BOTH(hs3), 2},       [BOUNDED_HS4] = {BOTH(hs4), 2},
    [BOUNDED_HS5] = {BOTH(hs5), 2},       [BOUNDED_HS45] = {BOTH(hs45), 5},
    [BOUNDED_HS110] = {BOTH(hs110), 10},  [BOUNDED_VALLEY] = {BOTH(valley), 0},
};

int bounded_init(optlab_objective *objective, int kind, int64_t n, int dtype)
{
    return terms_new(objective, list[kind].eval, list[kind].block, n, 0, 0, dtype) ? 0
                                                                                  : -1;
}

int grid_init(optlab_objective *objective, int64_t nx, int64_t ny, const double *across,
              const double *along, const double *load, int dtype)
{
    const optlab_eval eval[2] = BOTH(grid);
    terms *p = terms_new(objective, eval, 0, nx * ny, nx, 3 * nx + 1, dtype);
    if (!p)
        return -1;
    memcpy(p->table, across, sizeof(double) * (size_t)(nx + 1));
    memcpy(p->table + nx + 1, along, sizeof(double) * (size_t)nx);
    memcpy(p->table + 2 * nx + 1, load, sizeof(double) * (size_t)nx);
    return 0;
}
