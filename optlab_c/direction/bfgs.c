/* BFGS with every pair kept and H0 rescaled at every step.
 *
 * The inverse Hessian is linear in the scale of H0 = gamma I: with V = I - rho y s',
 *     H+ = V' H V + rho s s'    (Nocedal & Wright 2006, eq. 6.17)
 * keeps the form H = gamma A + C, where
 *     A+ = V' A V,              A_0 = I
 *     C+ = V' C V + rho s s',   C_0 = 0.
 * So gamma = s'y / y'y of the newest pair can be put in at every step, as L-BFGS does,
 * at the cost of a second triangle: about n^2 numbers in all, and O(n^2) a step.
 *
 * Both updates are symmetric and of rank 2,
 *     A+ = A - s p' - p s',  p = rho A y - (rho^2 y'A y) s / 2
 *     C+ = C - s q' - q s',  q = rho C y - (rho^2 y'C y + rho) s / 2
 * One pass a step forms A g+ and C g+; from these follow A y = A g+ - A g, and by the
 * formulas above A+ g+, without a second pass. Memory limits a pass, and writing costs as
 * much as reading: so updates wait until there are WAITING of them, and are made up for
 * in the products until then.
 *
 * While there are few pairs the same H is cheaper in the form that L-BFGS has, which
 * reads 3 k n numbers for k pairs: large problems begin with that (lbfgs.c, here with no
 * pair ever dropped) and turn dense when the pairs fill their rows. */
#include <string.h>

#include "../descent.h"
#include "../real.h"

enum {
    TILE = 8,         /* a multiple of 4: see bfgs_kernels.h */
    WAITING = 4,      /* updates that wait for a pass that writes: see update_row there */
    PAIRS_FROM_N = 100, /* below, all is in cache and the dense form is cheap at once */
    PAIRS_SHARE = 4   /* turn dense at n / 4 pairs, where the two forms cost the same */
};

#define REAL double
#define NAMED(name) name##_f64
#include "bfgs_kernels.h"
#undef REAL
#undef NAMED

#define REAL float
#define NAMED(name) name##_f32
#include "bfgs_kernels.h"
#undef REAL
#undef NAMED

static int64_t padded(int64_t n)
{
    return (n + TILE - 1) / TILE * TILE;
}

static size_t triangle_bytes(const descent_options *opt)
{
    int64_t blocks = padded(opt->n) / TILE;
    return vec_bytes(opt->dtype, TILE * TILE * blocks * (blocks + 1) / 2);
}

void bfgs_bind(descent *m, arena *a)
{
    const descent_options *opt = &m->st.opt;
    descent_memory *mem = &m->mem;
    void **vectors[] = {&mem->v, &mem->uA, &mem->uC, &mem->y, &mem->Ag, &mem->Cg};
    void **waiting[] = {&mem->s, &mem->p, &mem->q};
    m->st.opt.maxcor = opt->n < PAIRS_FROM_N ? 0 : (int)(opt->n / PAIRS_SHARE);
    lbfgs_bind(m, a);
    mem->A = arena_take(a, triangle_bytes(opt));
    mem->C = arena_take(a, triangle_bytes(opt));
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        *vectors[i] = arena_take(a, vec_bytes(opt->dtype, padded(opt->n)));
    for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++)
        *waiting[i] = arena_take(a, vec_bytes(opt->dtype, WAITING * padded(opt->n)));
}

/* The dense form of H = I, or of a given H0. */
static void begin_dense(descent *m, const double *H0)
{
    const descent_options *opt = &m->st.opt;
    size_t bytes = vec_bytes(opt->dtype, padded(opt->n));
    m->st.direction.dense = 1;
    m->st.direction.pending = 0;
    DISPATCH(opt->dtype, fill, opt->n, triangle_bytes(opt), m->mem.A, m->mem.C, H0);
    memset(m->mem.v, 0, bytes); /* the padding of these has to stay zero */
    memset(m->mem.s, 0, WAITING * bytes);
    memset(m->mem.p, 0, WAITING * bytes);
    memset(m->mem.q, 0, WAITING * bytes);
}

void bfgs_reset(descent *m)
{
    lbfgs_reset(m);
    m->st.direction.trusted = 0;
    m->st.direction.dense = 0;
    if (m->st.opt.maxcor == 0)
        begin_dense(m, NULL);
}

void bfgs_give_inverse(descent *m, const double *H0)
{
    lbfgs_reset(m);
    m->st.direction.trusted = 1;
    begin_dense(m, H0);
}

/* uA = A v and uC = C v. */
static void multiply(descent *m, const void *v)
{
    descent_memory *mem = &m->mem;
    const descent_options *opt = &m->st.opt;
    memcpy(mem->v, v, vec_bytes(opt->dtype, opt->n));
    DISPATCH(opt->dtype, products, opt->n, mem->A, mem->C, mem->v, mem->uA, mem->uC);
    DISPATCH(opt->dtype, correct, opt->n, padded(opt->n), m->st.direction.pending, mem->s,
             mem->p, mem->q, mem->v, mem->uA, mem->uC);
}

static void *waiting_row(const descent *m, void *rows, int k)
{
    return (char *)rows + vec_bytes(m->st.opt.dtype, k * padded(m->st.opt.n));
}

/* Make the updates that wait. */
static void settle(descent *m)
{
    const descent_options *opt = &m->st.opt;
    int64_t ld = padded(opt->n);
    for (int k = m->st.direction.pending; k < WAITING; k++)
        memset(waiting_row(m, m->mem.s, k), 0, vec_bytes(opt->dtype, ld));
    DISPATCH(opt->dtype, update, opt->n, ld, m->mem.A, m->mem.C, m->mem.s, m->mem.p,
             m->mem.q);
    m->st.direction.pending = 0;
}

/* The products just made are those of the current gradient. */
static void keep_products(descent *m)
{
    size_t bytes = vec_bytes(m->st.opt.dtype, m->st.opt.n);
    memcpy(m->mem.Ag, m->mem.uA, bytes);
    memcpy(m->mem.Cg, m->mem.uC, bytes);
}

/* Ag = A g and Cg = C g. */
static void multiply_gradient(descent *m, const void *g)
{
    multiply(m, g);
    keep_products(m);
}

/* Let the update of a pair wait, whose s is in the first free row: uA = A g1 with
 * Ag = A (g1 - y), and so for C, become the products after the update. */
static void add_pair(descent *m, double sy, const void *y, const void *g1)
{
    const descent_memory *mem = &m->mem;
    direction_state *dir = &m->st.direction;
    DISPATCH(m->st.opt.dtype, secant_update, m->st.opt.n, 1.0 / sy, g1,
             waiting_row(m, mem->s, dir->pending), y, mem->uA, mem->uC, mem->Ag, mem->Cg,
             waiting_row(m, mem->p, dir->pending), waiting_row(m, mem->q, dir->pending));
    dir->pending++;
}

/* From pairs to the dense form, by making all updates again. */
static void turn_dense(descent *m)
{
    const descent_options *opt = &m->st.opt;
    direction_state *dir = &m->st.direction;
    size_t bytes = vec_bytes(opt->dtype, opt->n);
    begin_dense(m, NULL);
    for (int64_t age = dir->pairs - 1; age >= 0; age--) {
        const void *s = lbfgs_pair(m, age, 0), *y = lbfgs_pair(m, age, 1);
        if (dir->pending == WAITING)
            settle(m);
        multiply(m, y);
        memcpy(waiting_row(m, m->mem.s, dir->pending), s, bytes);
        memset(m->mem.Ag, 0, bytes);
        memset(m->mem.Cg, 0, bytes);
        add_pair(m, vec_dot(opt->dtype, opt->n, s, y), y, y);
    }
}

/* The whole dense form, with no update waiting. */
static void complete(descent *m)
{
    if (!m->st.direction.dense) {
        turn_dense(m);
        multiply_gradient(m, m->mem.g[m->st.current]);
    }
    settle(m);
}

void bfgs_inherit(descent *m, descent *from)
{
    complete(from);
    lbfgs_reset(m);
    begin_dense(m, NULL);
    memcpy(m->mem.A, from->mem.A, triangle_bytes(&m->st.opt));
    memcpy(m->mem.C, from->mem.C, triangle_bytes(&m->st.opt));
    m->st.direction.gamma = from->st.direction.gamma;
    m->st.direction.trusted = 1;
}

int bfgs_advance(descent *m)
{
    descent_state *st = &m->st;
    const void *g = m->mem.g[st->current];
    if (!st->direction.dense)
        return lbfgs_advance(m);
    if (st->direction.count == 0)
        multiply_gradient(m, g);
    st->dphi = DISPATCH(st->opt.dtype, combine, st->opt.n, st->direction.gamma, m->mem.Ag,
                        m->mem.Cg, g, m->mem.d, -1.0);
    return 0;
}

void bfgs_update(descent *m, int from, int to, double dphi_to)
{
    descent_state *st = &m->st;
    direction_state *dir = &st->direction;
    descent_memory *mem = &m->mem;
    const void *g1 = mem->g[to];
    if (!dir->dense && dir->pairs < st->opt.maxcor) {
        lbfgs_update(m, from, to, dphi_to);
        return;
    }
    if (!dir->dense) {
        turn_dense(m);
        multiply_gradient(m, mem->g[from]);
    }
    if (dir->pending == WAITING)
        settle(m);
    multiply(m, g1);
    pair_products pair = vec_pair(st->opt.dtype, st->opt.n, mem->x[to], mem->x[from], g1,
                                  mem->g[from], 0.0, waiting_row(m, mem->s, dir->pending),
                                  mem->y);
    dir->ss = pair.ss;
    dir->sy = pair.sy;
    dir->yy = pair.yy;
    if (!direction_keeps(&pair)) {
        keep_products(m);
        return;
    }
    add_pair(m, pair.sy, mem->y, g1);
    dir->count++;
    dir->gamma = pair.sy / pair.yy;
}

void bfgs_apply(descent *m, const void *v, void *out)
{
    if (!m->st.direction.dense) {
        lbfgs_apply(m, v, out);
        return;
    }
    multiply(m, v);
    DISPATCH(m->st.opt.dtype, combine, m->st.opt.n, m->st.direction.gamma, m->mem.uA,
             m->mem.uC, v, out, 1.0);
}

void bfgs_inverse(descent *m, double *H)
{
    complete(m);
    DISPATCH(m->st.opt.dtype, unpack, m->st.opt.n, m->st.direction.gamma, m->mem.A,
             m->mem.C, H);
}
