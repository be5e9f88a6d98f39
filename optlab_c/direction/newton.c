/* Newton's method with a Hessian: d = -M^-1 g.
 *
 * M is H where Cholesky's factors of H exist. Else its eigenvalues are replaced by their
 * absolute values, from below by what rounding leaves of them: so d goes down along
 * directions of negative curvature as far as a Newton step would go up (Nocedal & Wright
 * 2006, section 3.4), and z, with the least eigenvalue, leads away from a saddle.
 *
 * Objectives that factorise their own, sparse Hessian are asked for d and z (`solved`).
 *
 * stage:  0 -> ask for H, or for d and z -> 1 -> factorise; d, curvature and z are known */
#include <math.h>
#include <string.h>

#include "../descent.h"
#include "../lapack.h"
#include "../vec.h"

lapack_table lapack;

enum { ASK, TOLD };

typedef struct newton_work {
    double *A, *w, *step, *work;
    lapack_int *iwork;
    lapack_int lwork, liwork;
} newton_work;

static newton_work work_of(const descent *m)
{
    int64_t n = m->st.opt.n;
    newton_work k = {.lwork = (lapack_int)(1 + 6 * n + 2 * n * n),
                     .liwork = (lapack_int)(3 + 5 * n)};
    k.A = m->mem.work;
    k.w = k.A + n * n;
    k.step = k.w + n;
    k.work = k.step + n;
    k.iwork = (lapack_int *)(k.work + k.lwork);
    return k;
}

void newton_bind(descent *m, arena *a)
{
    const descent_options *opt = &m->st.opt;
    size_t n = (size_t)opt->n, bytes = vec_bytes(opt->dtype, opt->n);
    m->mem.z = arena_take(a, bytes);
    if (opt->solved) {
        m->mem.ask_hv = arena_take(a, bytes);
        m->mem.ask_h = m->mem.z;
        return;
    }
    m->mem.ask_v = arena_take(a, bytes); /* for a Hessian that is made by products */
    m->mem.ask_h = arena_take(a, n * bytes);
    m->mem.work = arena_take(a, (3 * n * n + 8 * n + 1) * sizeof(double) +
                                    (3 + 5 * n) * sizeof(lapack_int));
}

void newton_reset(descent *m)
{
    m->st.direction.count = 0;
    m->st.direction.trusted = 0;
    m->st.direction.stage = ASK;
}

static void load(const descent *m, int64_t size, const void *v, double *out)
{
    for (int64_t i = 0; i < size; i++)
        out[i] = vec_get(m->st.opt.dtype, v, i);
}

/* step = M^-1 g by the eigenvalues of H; notes the least of them. 0: LAPACK gave up. */
static int solve_indefinite(descent *m, newton_work *k)
{
    descent_state *st = &m->st;
    int dtype = st->opt.dtype;
    int64_t n = st->opt.n;
    lapack_int order = (lapack_int)n, info;
    load(m, n * n, m->mem.ask_h, k->A);
    lapack.syevd("V", "L", &order, k->A, &order, k->w, k->work, &k->lwork, k->iwork,
                 &k->liwork, &info);
    if (info != 0)
        return 0;
    double largest = fmax(fabs(k->w[0]), fabs(k->w[n - 1]));
    double smallest = (double)n * DBL_EPSILON * largest;
    double rounding = (double)n * st->opt.hessian_error * largest;
    if (largest == 0.0)
        return 0;
    memset(k->step, 0, n * sizeof(double));
    for (int64_t j = 0; j < n; j++) {
        const double *v = k->A + j * n;
        double along = 0.0;
        for (int64_t i = 0; i < n; i++)
            along += v[i] * vec_get(dtype, m->mem.g[st->current], i);
        along /= fmax(fabs(k->w[j]), smallest);
        for (int64_t i = 0; i < n; i++)
            k->step[i] += along * v[i];
    }
    if (k->w[0] < -rounding) {
        st->direction.curvature = k->w[0];
        for (int64_t i = 0; i < n; i++)
            vec_put(dtype, m->mem.z, i, k->A[i]);
    }
    return 1;
}

/* Step = M^-1 g. 0: there is no step. */
static int solve(descent *m, newton_work *k)
{
    descent_state *st = &m->st;
    int64_t n = st->opt.n;
    lapack_int order = (lapack_int)n, one = 1, info;
    st->direction.curvature = 0.0;
    if (!vec_all_finite(st->opt.dtype, n * n, m->mem.ask_h))
        return 0;
    load(m, n * n, m->mem.ask_h, k->A);
    lapack.potrf("L", &order, k->A, &order, &info);
    if (info != 0)
        return solve_indefinite(m, k);
    load(m, n, m->mem.g[st->current], k->step);
    lapack.potrs("L", &order, &one, k->A, &order, k->step, &order, &info);
    return 1;
}

/* Ask, and then find d with `curvature` and z; `trusted` is given up where there is no d. */
static int newton_step(descent *m)
{
    descent_state *st = &m->st;
    int dtype = st->opt.dtype;
    int64_t n = st->opt.n;
    if (st->direction.stage == ASK) {
        st->direction.stage = TOLD;
        return st->opt.solved ? OPTLAB_SOLVE : OPTLAB_H;
    }
    st->direction.stage = ASK;
    if (st->opt.solved) {
        memcpy(m->mem.d, m->mem.ask_hv, vec_bytes(dtype, n));
        return 0;
    }
    newton_work k = work_of(m);
    st->direction.trusted = solve(m, &k);
    for (int64_t i = 0; i < n && st->direction.trusted; i++)
        vec_put(dtype, m->mem.d, i, -k.step[i]);
    return 0;
}

int newton_advance(descent *m)
{
    descent_state *st = &m->st;
    int want = st->direction.trusted ? newton_step(m) : 0;
    if (want)
        return want;
    if (!st->direction.trusted)
        return steepest_advance(m);
    st->direction.dd = vec_dot(st->opt.dtype, st->opt.n, m->mem.d, m->mem.d);
    st->dphi = vec_dot(st->opt.dtype, st->opt.n, m->mem.g[st->current], m->mem.d);
    return 0;
}

int newton_look(descent *m)
{
    return newton_step(m);
}

void newton_update(descent *m, int from, int to, double dphi_to)
{
    steepest_update(m, from, to, dphi_to);
    m->st.direction.trusted = 1;
}
