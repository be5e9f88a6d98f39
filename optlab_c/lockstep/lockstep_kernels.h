/* One tick of all lanes, for one width of vectors: the trials were evaluated, and after
 * it stand the next ones. No branch depends on a number: what does not concern a lane is
 * computed and not kept.
 *
 * H = gamma A + C is updated as in direction/bfgs.c:
 *     A+ = A + s p' + p s',  p = -rho A y + (rho^2 y'A y) s / 2
 *     C+ = C + s q' + q s',  q = -rho C y + (rho^2 y'C y + rho) s / 2
 * One pass over the matrices makes the update of the pair before, and the products A g
 * and C g with the new gradient. From these follow A y and A+ g without a second pass.
 *
 * Included by lockstep.c. */

LANES_TYPE(NAMED(lanes));

#define EACH_LANE _Pragma("omp simd") for (int l = 0; l < L; l++)
#define EACH_VECTOR for (int v = 0; v < L; v += LANES)

INLINE void NAMED(gather)(lockstep *m, int64_t n)
{
    EACH_LANE m->trial.phi[l] = m->point[l].f;
    for (int64_t i = 0; i < n; i++) {
        double *g1 = m->g1 + i * L;
        const double *rows = m->g_rows + i;
        EACH_LANE g1[l] = rows[l * n];
    }
}

/* out = a'b */
INLINE void NAMED(dot)(int64_t n, const double *a, const double *b, double *out)
{
    EACH_VECTOR {
        NAMED(lanes) sum = {0};
        for (int64_t i = 0; i < n; i++)
            MULTIPLY_ADD(sum, LOAD(a + i * L + v), LOAD(b + i * L + v));
        STORE(out + v, sum);
    }
}

INLINE void NAMED(norms)(lockstep *m, int64_t n)
{
    double most[L] = {0}, sum[L] = {0};
    for (int64_t i = 0; i < n; i++) {
        const double *g = m->g + i * L;
        EACH_LANE most[l] = larger(fabs(g[l]), most[l]);
    }
    NAMED(dot)(n, m->g, m->g, m->gg);
    if (m->opt.norm == 1.0) {
        for (int64_t i = 0; i < n; i++) {
            const double *g = m->g + i * L;
            EACH_LANE sum[l] += fabs(g[l]);
        }
        EACH_LANE m->gnorm[l] = sum[l];
    } else if (m->opt.norm == 2.0) {
        /* where squares underflow, a bound */
        const double root = sqrt((double)n);
        EACH_LANE m->gnorm[l] = pick(m->gg[l] > 1e-280, sqrt(m->gg[l]), root * most[l]);
    } else {
        EACH_LANE m->gnorm[l] = most[l];
    }
}

/* Accepted trials become iterates, with s and y; elsewhere these are 0. */
INLINE void NAMED(move)(lockstep *m, int64_t n)
{
    EACH_LANE {
        m->f[l] = pick(m->accept[l] != 0.0, m->trial.phi[l], m->f[l]);
        m->pair[l] = pick(m->fresh[l] != 0.0, 0.0, m->accept[l]);
    }
    for (int64_t i = 0; i < n; i++) {
        double *x = m->x + i * L, *g = m->g + i * L, *s = m->s1 + i * L, *y = m->y + i * L;
        const double *x1 = m->x1 + i * L, *g1 = m->g1 + i * L;
        EACH_LANE {
            const bool accept = m->accept[l] != 0.0, pair = m->pair[l] != 0.0;
            s[l] = pick(pair, x1[l] - x[l], 0.0);
            y[l] = pick(pair, g1[l] - g[l], 0.0);
            x[l] = pick(accept, x1[l], x[l]);
            g[l] = pick(accept, g1[l], g[l]);
        }
    }
    NAMED(dot)(n, m->s1, m->s1, m->ss);
    NAMED(dot)(n, m->s1, m->y, m->sy);
    NAMED(dot)(n, m->y, m->y, m->yy);
}

/* An element of A, or of C: the update that waits is made. */
INLINE NAMED(lanes) NAMED(element)(double *A, NAMED(lanes) si, NAMED(lanes) pi,
                                   NAMED(lanes) sj, NAMED(lanes) pj)
{
    NAMED(lanes) a = LOAD(A);
    MULTIPLY_ADD(a, si, pj);
    MULTIPLY_ADD(a, pi, sj);
    STORE(A, a);
    return a;
}

/* R <= 2 rows from row i on, of one vector of lanes: their part of uA and uC. Two at once
 * share the loads and stores of all that belongs to column j. */
INLINE void NAMED(rows)(int R, const lockstep *m, int64_t i, int v)
{
    double *A = m->A + i * (i + 1) / 2 * L + v, *C = m->C + i * (i + 1) / 2 * L + v;
    double *uA = m->uA + v, *uC = m->uC + v;
    const double *s = m->s + v, *p = m->p + v, *q = m->q + v, *g = m->g + v;
    NAMED(lanes) si[2], pi[2], qi[2], gi[2], Ag[2] = {0}, Cg[2] = {0};
    UNROLL for (int r = 0; r < R; r++) {
        si[r] = LOAD(s + (i + r) * L);
        pi[r] = LOAD(p + (i + r) * L);
        qi[r] = LOAD(q + (i + r) * L);
        gi[r] = LOAD(g + (i + r) * L);
    }
    for (int64_t j = 0; j < i; j++) {
        const NAMED(lanes) sj = LOAD(s + j * L), pj = LOAD(p + j * L);
        const NAMED(lanes) qj = LOAD(q + j * L), gj = LOAD(g + j * L);
        NAMED(lanes) Agj = LOAD(uA + j * L), Cgj = LOAD(uC + j * L);
        UNROLL for (int r = 0; r < R; r++) {
            int64_t at = (r * (i + 1) + j) * L;
            NAMED(lanes) a = NAMED(element)(A + at, si[r], pi[r], sj, pj);
            NAMED(lanes) c = NAMED(element)(C + at, si[r], qi[r], sj, qj);
            MULTIPLY_ADD(Ag[r], a, gj);
            MULTIPLY_ADD(Cg[r], c, gj);
            MULTIPLY_ADD(Agj, a, gi[r]);
            MULTIPLY_ADD(Cgj, c, gi[r]);
        }
        STORE(uA + j * L, Agj);
        STORE(uC + j * L, Cgj);
    }
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int t = 0; t <= r; t++) {
            int64_t at = (r * (i + 1) + i + t) * L;
            NAMED(lanes) a = NAMED(element)(A + at, si[r], pi[r], si[t], pi[t]);
            NAMED(lanes) c = NAMED(element)(C + at, si[r], qi[r], si[t], qi[t]);
            MULTIPLY_ADD(Ag[r], a, gi[t]);
            MULTIPLY_ADD(Cg[r], c, gi[t]);
            if (t < r) {
                MULTIPLY_ADD(Ag[t], a, gi[r]);
                MULTIPLY_ADD(Cg[t], c, gi[r]);
            }
        }
    UNROLL for (int r = 0; r < R; r++) {
        STORE(uA + (i + r) * L, Ag[r]);
        STORE(uC + (i + r) * L, Cg[r]);
    }
}

/* Make the update that waits, and uA = A g, uC = C g. */
INLINE void NAMED(products)(lockstep *m, int64_t n)
{
    EACH_VECTOR {
        int64_t i = 0;
        for (; i + 2 <= n; i += 2)
            NAMED(rows)(2, m, i, v);
        if (i < n)
            NAMED(rows)(1, m, i, v);
    }
}

/* With uA = A g and Ag = A (g - y), and so for C: p and q, the products after the update,
 * the new direction, and its slope. */
INLINE void NAMED(secant_update)(lockstep *m, int64_t n)
{
    double yAy[L] = {0}, yCy[L] = {0}, gAy[L] = {0}, gCy[L] = {0}, gs[L] = {0};
    double slope[L] = {0}, rho[L], gamma[L], halfA[L], halfC[L], pg[L], qg[L];
    for (int64_t i = 0; i < n; i++) {
        const double *uA = m->uA + i * L, *uC = m->uC + i * L, *g = m->g + i * L;
        const double *Ag = m->Ag + i * L, *Cg = m->Cg + i * L;
        const double *s = m->s1 + i * L, *y = m->y + i * L;
        EACH_LANE {
            const double Ay = uA[l] - Ag[l], Cy = uC[l] - Cg[l];
            yAy[l] += Ay * y[l];
            yCy[l] += Cy * y[l];
            gAy[l] += Ay * g[l];
            gCy[l] += Cy * g[l];
            gs[l] += g[l] * s[l];
        }
    }
    EACH_LANE {
        const bool pair = m->pair[l] != 0.0;
        const double r = pick(pair, 1.0 / m->sy[l], 0.0);
        rho[l] = r;
        gamma[l] = pick(pair, m->sy[l] / m->yy[l], 1.0);
        halfA[l] = 0.5 * r * (r * yAy[l]);
        halfC[l] = 0.5 * (r * (r * yCy[l]) + r);
        pg[l] = halfA[l] * gs[l] - r * gAy[l];
        qg[l] = halfC[l] * gs[l] - r * gCy[l];
    }
    double *next = m->s;
    for (int64_t i = 0; i < n; i++) {
        const double *uA = m->uA + i * L, *uC = m->uC + i * L, *g = m->g + i * L;
        double *Ag = m->Ag + i * L, *Cg = m->Cg + i * L, *d = m->d + i * L;
        double *p = m->p + i * L, *q = m->q + i * L;
        const double *s = m->s1 + i * L;
        EACH_LANE {
            const bool accept = m->accept[l] != 0.0;
            p[l] = halfA[l] * s[l] - rho[l] * (uA[l] - Ag[l]);
            q[l] = halfC[l] * s[l] - rho[l] * (uC[l] - Cg[l]);
            const double a = uA[l] + s[l] * pg[l] + p[l] * gs[l];
            const double c = uC[l] + s[l] * qg[l] + q[l] * gs[l];
            const double di = -(gamma[l] * a + c);
            Ag[l] = pick(accept, a, Ag[l]);
            Cg[l] = pick(accept, c, Cg[l]);
            d[l] = pick(accept, di, d[l]);
            slope[l] += d[l] * g[l];
        }
    }
    m->s = m->s1;
    m->s1 = next;
    EACH_LANE begin(m, l, slope[l]);
}

/* x1 = x + alpha d */
INLINE void NAMED(next_trials)(lockstep *m, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double *x = m->x + i * L, *d = m->d + i * L;
        double *x1 = m->x1 + i * L;
        EACH_LANE x1[l] = x[l] + m->trial.alpha[l] * d[l];
    }
}

TARGET static void NAMED(tick)(lockstep *m, int64_t n)
{
    NAMED(gather)(m, n);
    NAMED(dot)(n, m->g1, m->d, m->trial.dphi);
    EACH_LANE judge(m, l);
    EACH_LANE propose(m, l);
    NAMED(move)(m, n);
    NAMED(norms)(m, n);
    NAMED(products)(m, n);
    NAMED(secant_update)(m, n);
    EACH_LANE test(m, l);
    EACH_LANE m->fresh[l] = pick(m->accept[l] != 0.0, 0.0, m->fresh[l]);
    NAMED(next_trials)(m, n);
}

#undef EACH_LANE
#undef EACH_VECTOR
