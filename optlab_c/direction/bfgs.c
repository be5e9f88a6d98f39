/* BFGS with every pair kept and H0 rescaled at every step.
 *
 * The inverse Hessian is linear in the scale of H0 = gamma I: with V = I - rho y s',
 *     H+ = V' H V + rho s s'    (Nocedal & Wright 2006, eq. 6.17)
 * keeps the form H = gamma A + C, where
 *     A+ = V' A V,              A_0 = I
 *     C+ = V' C V + rho s s',   C_0 = 0.
 * So gamma = s'y / y'y of the newest pair can be put in at every step, as L-BFGS does,
 * at the cost of a second triangle: n (n + 1) numbers in all, and O(n^2) a step.
 *
 * Both updates are symmetric and of rank 2,
 *     A+ = A - s p' - p s',  p = rho A y - (rho^2 y'A y) s / 2
 *     C+ = C - s q' - q s',  q = rho C y - (rho^2 y'C y + rho) s / 2
 * and wait (`pending`) for the one pass a step that also forms A g+ and C g+; from these
 * follow A y = A g+ - A g, and by the formulas above A+ g+, without a second pass. */
#include "../descent.h"
#include "../real.h"

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

void bfgs_bind(descent *m, arena *a)
{
    const descent_options *opt = &m->st.opt;
    descent_memory *mem = &m->mem;
    void **vectors[] = {&mem->Ag, &mem->Cg, &mem->uA, &mem->uC,
                        &mem->s,  &mem->y,  &mem->p,  &mem->q};
    size_t triangle = vec_bytes(opt->dtype, opt->n * (opt->n + 1) / 2);
    mem->A = arena_take(a, triangle);
    mem->C = arena_take(a, triangle);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        *vectors[i] = arena_take(a, vec_bytes(opt->dtype, opt->n));
}

static void forget(descent *m)
{
    direction_state *dir = &m->st.direction;
    dir->count = 0;
    dir->gamma = 1.0;
    dir->given = 0;
    dir->pending = 0;
}

void bfgs_reset(descent *m)
{
    forget(m);
    DISPATCH(m->st.opt.dtype, fill, m->st.opt.n, m->mem.A, m->mem.C, NULL);
}

void bfgs_give_inverse(descent *m, const double *H0)
{
    forget(m);
    m->st.direction.given = 1;
    DISPATCH(m->st.opt.dtype, fill, m->st.opt.n, m->mem.A, m->mem.C, H0);
}

/* uA = A v and uC = C v, whatever was pending now done. */
static void pass(descent *m, const void *v)
{
    descent_memory *mem = &m->mem;
    DISPATCH(m->st.opt.dtype, triangles, m->st.opt.n, mem->A, mem->C, mem->s, mem->p,
             mem->q, m->st.direction.pending, v, mem->uA, mem->uC);
    m->st.direction.pending = 0;
}

int bfgs_advance(descent *m)
{
    descent_state *st = &m->st;
    descent_memory *mem = &m->mem;
    const void *g = mem->g[st->current];
    if (st->direction.count == 0) {
        pass(m, g);
        vec_scale(st->opt.dtype, st->opt.n, 1.0, mem->uA, mem->Ag);
        vec_scale(st->opt.dtype, st->opt.n, 1.0, mem->uC, mem->Cg);
    }
    st->dphi = DISPATCH(st->opt.dtype, combine, st->opt.n, st->direction.gamma, mem->Ag,
                        mem->Cg, g, mem->d, -1.0);
    return 0;
}

void bfgs_update(descent *m, int from, int to, double dphi_to)
{
    descent_state *st = &m->st;
    descent_memory *mem = &m->mem;
    int64_t n = st->opt.n;
    const void *g1 = mem->g[to];
    (void)dphi_to;
    pass(m, g1);
    pair_products pair = vec_pair(st->opt.dtype, n, mem->x[to], mem->x[from], g1,
                                  mem->g[from], 0.0, mem->s, mem->y);
    st->direction.ss = pair.ss;
    st->direction.sy = pair.sy;
    st->direction.yy = pair.yy;
    if (!direction_keeps(&pair)) {
        vec_scale(st->opt.dtype, n, 1.0, mem->uA, mem->Ag);
        vec_scale(st->opt.dtype, n, 1.0, mem->uC, mem->Cg);
        return;
    }
    DISPATCH(st->opt.dtype, secant_update, n, 1.0 / pair.sy, g1, mem->s, mem->y, mem->uA,
             mem->uC, mem->Ag, mem->Cg, mem->p, mem->q);
    st->direction.pending = 1;
    st->direction.count++;
    st->direction.gamma = pair.sy / pair.yy;
}

void bfgs_apply(descent *m, const void *v, void *out)
{
    pass(m, v);
    DISPATCH(m->st.opt.dtype, combine, m->st.opt.n, m->st.direction.gamma, m->mem.uA,
             m->mem.uC, v, out, 1.0);
}

void bfgs_inverse(descent *m, double *H)
{
    int64_t n = m->st.opt.n;
    pass(m, m->mem.g[m->st.current]); /* whatever was pending */
    DISPATCH(m->st.opt.dtype, unpack, n, m->st.direction.gamma, m->mem.A, m->mem.C, H);
}
