/* Moré, Garbow & Hillstrom's problems: f(x) = r_1(x)^2 + ... + r_m(x)^2. */

#include "mgh.h"

#include <math.h>

#include "math_kernels.h"
#include "multiversion.h"
#include "terms.h"

enum {
    N_WATSON = 31, /* the paper's own limit */
    M_GULF = 100,
    M_CHEBYQUAD = 1000,
};

/* Exponentials of many residuals at once, as vectors. */
OPTLAB_CLONES
static void exp_each(int64_t n, double *x)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        x[i] = exp_f64(x[i]);
}

/* ---- problems of a few unknowns ------------------------------------------------ */

INLINE void rosenbrock(const terms *p, int want, job *q)
{
    double x1 = X(0), x2 = X(1), r = 10 * (x2 - x1 * x1);
    row(q, want, 0, 2, r, J(-20 * x1, 10));
    curve(q, want, r, 0, 0, -20);
    row(q, want, 0, 1, 1 - x1, J(-1));
}

INLINE void freudenstein_roth(const terms *p, int want, job *q)
{
    double x1 = X(0), x2 = X(1);
    double r = -13 + x1 + ((5 - x2) * x2 - 2) * x2;
    row(q, want, 0, 2, r, J(1, (10 - 3 * x2) * x2 - 2));
    curve(q, want, r, 1, 1, 10 - 6 * x2);
    r = -29 + x1 + ((x2 + 1) * x2 - 14) * x2;
    row(q, want, 0, 2, r, J(1, (3 * x2 + 2) * x2 - 14));
    curve(q, want, r, 1, 1, 6 * x2 + 2);
}

INLINE void powell_badly_scaled(const terms *p, int want, job *q)
{
    double x1 = X(0), x2 = X(1), r = 1e4 * x1 * x2 - 1;
    row(q, want, 0, 2, r, J(1e4 * x2, 1e4 * x1));
    curve(q, want, r, 1, 0, 1e4);
    double e1 = exp(-x1), e2 = exp(-x2);
    r = e1 + e2 - 1.0001;
    row(q, want, 0, 2, r, J(-e1, -e2));
    curve(q, want, r, 0, 0, e1);
    curve(q, want, r, 1, 1, e2);
}

INLINE void brown_badly_scaled(const terms *p, int want, job *q)
{
    double x1 = X(0), x2 = X(1), r = x1 * x2 - 2;
    row(q, want, 0, 1, x1 - 1e6, J(1));
    row(q, want, 1, 1, x2 - 2e-6, J(1));
    row(q, want, 0, 2, r, J(x2, x1));
    curve(q, want, r, 1, 0, 1);
}

INLINE void beale(const terms *p, int want, job *q)
{
    static const double y[3] = {1.5, 2.25, 2.625};
    double x1 = X(0), x2 = X(1);
    double d0 = 0, d1 = 1; /* x2^(i-2) and x2^(i-1) */
    for (int i = 1; i <= 3; i++) {
        double power = d1 * x2, r = y[i - 1] - x1 * (1 - power);
        row(q, want, 0, 2, r, J(power - 1, i * x1 * d1));
        curve(q, want, r, 1, 0, i * d1);
        curve(q, want, r, 1, 1, i * (i - 1) * x1 * d0);
        d0 = d1;
        d1 = power;
    }
}

INLINE void jennrich_sampson(const terms *p, int want, job *q)
{
    double e1 = exp(X(0)), e2 = exp(X(1)), d1 = 1, d2 = 1;
    for (int64_t k = 1; k <= p->m; k++) {
        double i = (double)k;
        d1 *= e1;
        d2 *= e2;
        double r = 2 + 2 * i - (d1 + d2);
        row(q, want, 0, 2, r, J(-i * d1, -i * d2));
        curve(q, want, r, 0, 0, -i * i * d1);
        curve(q, want, r, 1, 1, -i * i * d2);
    }
}

INLINE void helical_valley(const terms *p, int want, job *q)
{
    double x1 = X(0), x2 = X(1), x3 = X(2);
    double square = x1 * x1 + x2 * x2, rho = sqrt(square);
    /* The angle, in turns, is cut along the negative half of the axis x1 = 0. */
    double turn = 6.283185307179586476925287;
    double theta = atan2(x2, x1) / turn + (x1 < 0 && x2 < 0);
    double c = 100 / turn / square, c2 = c / square;
    double r = 10 * (x3 - 10 * theta);
    row(q, want, 0, 3, r, J(c * x2, -c * x1, 10));
    curve(q, want, r, 0, 0, -2 * c2 * x1 * x2);
    curve(q, want, r, 1, 0, c2 * (x1 * x1 - x2 * x2));
    curve(q, want, r, 1, 1, 2 * c2 * x1 * x2);
    r = 10 * (rho - 1);
    double d1 = x1 / rho, d2 = x2 / rho;
    row(q, want, 0, 2, r, J(10 * d1, 10 * d2));
    curve(q, want, r, 0, 0, 10 * d2 * d2 / rho);
    curve(q, want, r, 1, 0, -10 * d1 * d2 / rho);
    curve(q, want, r, 1, 1, 10 * d1 * d1 / rho);
    row(q, want, 2, 1, x3, J(1));
}

INLINE void bard(const terms *p, int want, job *q)
{
    static const double y[15] = {0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39,
                                 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39};
    double x1 = X(0), x2 = X(1), x3 = X(2);
    for (int i = 0; i < 15; i++) {
        double u = i + 1, v = 15 - i, w = u < v ? u : v;
        double d = 1 / (v * x2 + w * x3), s = u * d * d, c = -2 * s * d;
        double r = y[i] - (x1 + u * d);
        row(q, want, 0, 3, r, J(-1, s * v, s * w));
        curve(q, want, r, 1, 1, c * v * v);
        curve(q, want, r, 2, 1, c * v * w);
        curve(q, want, r, 2, 2, c * w * w);
    }
}

INLINE void gaussian(const terms *p, int want, job *q)
{
    static const double y[15] = {0.0009, 0.0044, 0.0175, 0.0540, 0.1295,
                                 0.2420, 0.3521, 0.3989, 0.3521, 0.2420,
                                 0.1295, 0.0540, 0.0175, 0.0044, 0.0009};
    double x1 = X(0), x2 = X(1), x3 = X(2), bell[15];
    for (int i = 0; i < 15; i++)
        bell[i] = -0.5 * x2 * (3.5 - 0.5 * i - x3) * (3.5 - 0.5 * i - x3);
    exp_each(15, bell);
    for (int i = 0; i < 15; i++) {
        double d = 3.5 - 0.5 * i - x3, d2 = d * d, e = bell[i], r = x1 * e - y[i];
        row(q, want, 0, 3, r, J(e, -0.5 * d2 * x1 * e, x1 * x2 * d * e));
        curve(q, want, r, 1, 0, -0.5 * d2 * e);
        curve(q, want, r, 1, 1, 0.25 * d2 * d2 * x1 * e);
        curve(q, want, r, 2, 0, x2 * d * e);
        curve(q, want, r, 2, 1, x1 * d * e * (1 - 0.5 * x2 * d2));
        curve(q, want, r, 2, 2, x1 * x2 * e * (x2 * d2 - 1));
    }
}

INLINE void meyer(const terms *p, int want, job *q)
{
    static const double y[16] = {34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744,
                                 8261,  7030,  6005,  5147,  4427,  3820,  3307,  2872};
    double x1 = X(0), x2 = X(1), x3 = X(2), growth[16];
    for (int i = 0; i < 16; i++)
        growth[i] = x2 / (50 + 5 * i + x3);
    exp_each(16, growth);
    for (int i = 0; i < 16; i++) {
        double t = 50 + 5 * i + x3, s = 1 / t, e = growth[i], xe = x1 * e;
        double r = xe - y[i];
        row(q, want, 0, 3, r, J(e, xe * s, -xe * x2 * s * s));
        curve(q, want, r, 1, 0, e * s);
        curve(q, want, r, 1, 1, xe * s * s);
        curve(q, want, r, 2, 0, -x2 * e * s * s);
        curve(q, want, r, 2, 1, -xe * (t + x2) * s * s * s);
        curve(q, want, r, 2, 2, xe * x2 * (2 * t + x2) * s * s * s * s);
    }
}

/* table: y_i = 25 + (-50 ln t_i)^(2/3) */
INLINE void gulf(const terms *p, int want, job *q)
{
    double x1 = X(0), x2 = X(1), x3 = X(2);
    double logs[M_GULF], powers[M_GULF], exps[M_GULF];
    for (int64_t i = 0; i < p->m; i++) {
        logs[i] = log(fabs(p->table[i] - x2));
        powers[i] = x3 * logs[i];
    }
    exp_each(p->m, powers);
    for (int64_t i = 0; i < p->m; i++) {
        powers[i] /= x1;
        exps[i] = -powers[i];
    }
    exp_each(p->m, exps);
    for (int64_t i = 0; i < p->m; i++) {
        double t = (double)(i + 1) / 100, d = p->table[i] - x2;
        /* At d = 0 the derivatives are 0 for x3 > 1, and do not exist else. */
        double L = d != 0 ? logs[i] : 0, over = d != 0 ? 1 / d : 0;
        double u = powers[i], e = exps[i];
        /* derivatives of u */
        double u1 = -u / x1, u2 = -x3 * u * over, u3 = u * L;
        double r = e - t;
        row(q, want, 0, 3, r, J(-e * u1, -e * u2, -e * u3));
        curve(q, want, r, 0, 0, e * (u1 * u1 - 2 * u / (x1 * x1)));
        curve(q, want, r, 1, 0, e * (u1 * u2 + u2 / x1));
        curve(q, want, r, 1, 1, e * (u2 * u2 - x3 * (x3 - 1) * u * over * over));
        curve(q, want, r, 2, 0, e * (u1 * u3 + u3 / x1));
        curve(q, want, r, 2, 1, e * (u2 * u3 + u * over * (1 + x3 * L)));
        curve(q, want, r, 2, 2, e * (u3 * u3 - u3 * L));
    }
}

/* table: exp(-t_i) - exp(-10 t_i) */
INLINE void box(const terms *p, int want, job *q)
{
    double x1 = X(0), x2 = X(1), x3 = X(2);
    for (int64_t i = 0; i < p->m; i++) {
        double t = 0.1 * (double)(i + 1), c = p->table[i];
        double e1 = exp(-t * x1), e2 = exp(-t * x2);
        double r = e1 - e2 - x3 * c;
        row(q, want, 0, 3, r, J(-t * e1, t * e2, -c));
        curve(q, want, r, 0, 0, t * t * e1);
        curve(q, want, r, 1, 1, -t * t * e2);
    }
}

INLINE void powell_singular(const terms *p, int want, job *q)
{
    const double root5 = 2.23606797749978970, root10 = 3.16227766016837933;
    double x1 = X(0), x2 = X(1), x3 = X(2), x4 = X(3);
    row(q, want, 0, 2, x1 + 10 * x2, J(1, 10));
    row(q, want, 2, 2, root5 * (x3 - x4), J(root5, -root5));
    double d = x2 - 2 * x3, r = d * d;
    row(q, want, 1, 2, r, J(2 * d, -4 * d));
    curve(q, want, r, 1, 1, 2);
    curve(q, want, r, 2, 1, -4);
    curve(q, want, r, 2, 2, 8);
    d = x1 - x4;
    r = root10 * d * d;
    row(q, want, 0, 4, r, J(2 * root10 * d, 0, 0, -2 * root10 * d));
    curve(q, want, r, 0, 0, 2 * root10);
    curve(q, want, r, 3, 0, -2 * root10);
    curve(q, want, r, 3, 3, 2 * root10);
}

INLINE void wood(const terms *p, int want, job *q)
{
    const double root90 = 9.48683298050513800, root10 = 3.16227766016837933;
    double x1 = X(0), x2 = X(1), x3 = X(2), x4 = X(3);
    double r = 10 * (x2 - x1 * x1);
    row(q, want, 0, 2, r, J(-20 * x1, 10));
    curve(q, want, r, 0, 0, -20);
    row(q, want, 0, 1, 1 - x1, J(-1));
    r = root90 * (x4 - x3 * x3);
    row(q, want, 2, 2, r, J(-2 * root90 * x3, root90));
    curve(q, want, r, 2, 2, -2 * root90);
    row(q, want, 2, 1, 1 - x3, J(-1));
    row(q, want, 1, 3, root10 * (x2 + x4 - 2), J(root10, 0, root10));
    row(q, want, 1, 3, (x2 - x4) / root10, J(1 / root10, 0, -1 / root10));
}

INLINE void kowalik_osborne(const terms *p, int want, job *q)
{
    static const double y[11] = {0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627,
                                 0.0456, 0.0342, 0.0323, 0.0235, 0.0246};
    static const double u[11] = {4.0000, 2.0000, 1.0000, 0.5000, 0.2500, 0.1670,
                                 0.1250, 0.1000, 0.0833, 0.0714, 0.0625};
    double x1 = X(0), x2 = X(1), x3 = X(2), x4 = X(3);
    for (int i = 0; i < 11; i++) {
        double w = u[i], top = w * (w + x2), d = 1 / (w * (w + x3) + x4);
        double r = y[i] - x1 * top * d;
        double s = x1 * d, t = top * d, c = -2 * s * t * d;
        row(q, want, 0, 4, r, J(-t, -s * w, s * t * w, s * t));
        curve(q, want, r, 1, 0, -w * d);
        curve(q, want, r, 2, 0, w * t * d);
        curve(q, want, r, 2, 1, w * w * s * d);
        curve(q, want, r, 2, 2, w * w * c);
        curve(q, want, r, 3, 0, t * d);
        curve(q, want, r, 3, 1, w * s * d);
        curve(q, want, r, 3, 2, w * c);
        curve(q, want, r, 3, 3, c);
    }
}

/* table: exp(t_i), sin(t_i), cos(t_i) */
INLINE void brown_dennis(const terms *p, int want, job *q)
{
    const double *et = p->table, *st = et + p->m, *ct = st + p->m;
    double x1 = X(0), x2 = X(1), x3 = X(2), x4 = X(3);
    for (int64_t i = 0; i < p->m; i++) {
        double t = (double)(i + 1) / 5, s = st[i];
        double a = x1 + t * x2 - et[i], b = x3 + s * x4 - ct[i];
        double r = a * a + b * b;
        row(q, want, 0, 4, r, J(2 * a, 2 * a * t, 2 * b, 2 * b * s));
        curve(q, want, r, 0, 0, 2);
        curve(q, want, r, 1, 0, 2 * t);
        curve(q, want, r, 1, 1, 2 * t * t);
        curve(q, want, r, 2, 2, 2);
        curve(q, want, r, 3, 2, 2 * s);
        curve(q, want, r, 3, 3, 2 * s * s);
    }
}

INLINE void osborne1(const terms *p, int want, job *q)
{
    static const double y[33] = {
        0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751,
        0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490,
        0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406};
    double x1 = X(0), x2 = X(1), x3 = X(2), x4 = X(3), x5 = X(4), decay[66];
    for (int i = 0; i < 33; i++) {
        decay[i] = -10 * i * x4;
        decay[33 + i] = -10 * i * x5;
    }
    exp_each(66, decay);
    for (int i = 0; i < 33; i++) {
        double t = 10 * i, e4 = decay[i], e5 = decay[33 + i];
        double r = y[i] - (x1 + x2 * e4 + x3 * e5);
        row(q, want, 0, 5, r, J(-1, -e4, -e5, t * x2 * e4, t * x3 * e5));
        curve(q, want, r, 3, 1, t * e4);
        curve(q, want, r, 3, 3, -t * t * x2 * e4);
        curve(q, want, r, 4, 2, t * e5);
        curve(q, want, r, 4, 4, -t * t * x3 * e5);
    }
}

/* table: exp(-t_i) - 5 exp(-10 t_i) + 3 exp(-4 t_i) */
INLINE void biggs_exp6(const terms *p, int want, job *q)
{
    double x1 = X(0), x2 = X(1), x3 = X(2), x4 = X(3), x5 = X(4), x6 = X(5);
    for (int64_t i = 0; i < p->m; i++) {
        double t = 0.1 * (double)(i + 1);
        double e1 = exp(-t * x1), e2 = exp(-t * x2), e5 = exp(-t * x5);
        double r = x3 * e1 - x4 * e2 + x6 * e5 - p->table[i];
        row(q, want, 0, 6, r,
            J(-t * x3 * e1, t * x4 * e2, e1, -e2, -t * x6 * e5, e5));
        curve(q, want, r, 0, 0, t * t * x3 * e1);
        curve(q, want, r, 1, 1, -t * t * x4 * e2);
        curve(q, want, r, 2, 0, -t * e1);
        curve(q, want, r, 3, 1, t * e2);
        curve(q, want, r, 4, 4, t * t * x6 * e5);
        curve(q, want, r, 5, 4, -t * e5);
    }
}

INLINE void osborne2(const terms *p, int want, job *q)
{
    static const double y[65] = {
        1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746,
        0.679, 0.608, 0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649,
        0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395,
        0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653,
        0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739,
        0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054};
    double x1 = X(0), x5 = X(4), exps[4 * 65];
    for (int i = 0; i < 65; i++) {
        exps[i] = -0.1 * i * x5;
        for (int k = 0; k < 3; k++) {
            double d = 0.1 * i - X(8 + k);
            exps[65 * (k + 1) + i] = -d * d * X(5 + k);
        }
    }
    exp_each(4 * 65, exps);
    for (int i = 0; i < 65; i++) {
        double t = 0.1 * i, decay = exps[i], sum = x1 * decay;
        double e[3], d[3], J[N_SMALL];
        J[0] = -decay;
        J[4] = t * x1 * decay;
        for (int k = 0; k < 3; k++) { /* three bells: height, width, centre */
            double height = X(1 + k), width = X(5 + k);
            d[k] = t - X(8 + k);
            e[k] = exps[65 * (k + 1) + i];
            sum += height * e[k];
            J[1 + k] = -e[k];
            J[5 + k] = height * d[k] * d[k] * e[k];
            J[8 + k] = -2 * height * width * d[k] * e[k];
        }
        double r = y[i] - sum;
        row(q, want, 0, N_SMALL, r, J);
        curve(q, want, r, 4, 0, t * decay);
        curve(q, want, r, 4, 4, -t * t * x1 * decay);
        for (int k = 0; k < 3; k++) {
            double height = X(1 + k), width = X(5 + k), d1 = d[k], d2 = d1 * d1;
            curve(q, want, r, 5 + k, 1 + k, d2 * e[k]);
            curve(q, want, r, 5 + k, 5 + k, -height * d2 * d2 * e[k]);
            curve(q, want, r, 8 + k, 1 + k, -2 * width * d1 * e[k]);
            curve(q, want, r, 8 + k, 5 + k, 2 * height * d1 * e[k] * (width * d2 - 1));
            curve(q, want, r, 8 + k, 8 + k,
                  2 * height * width * e[k] * (1 - 2 * width * d2));
        }
    }
}

/* ---- problems with a banded Jacobian ---------------------------------------- */

/* One row of a tridiagonal system; the ends have no neighbour on one side. */
INLINE void tridiagonal_row(job *q, int want, int64_t i, int left, int right, double r,
                            const double *J, double second)
{
    row(q, want, i - left, 1 + left + right, r, J + !left);
    curve(q, want, r, i, i, second);
}

INLINE void boundary_row(job *q, int want, int64_t i, int left, int right)
{
    double h = 1 / (double)(q->n + 1), c = X(i) + (double)(i + 1) * h + 1;
    double r = 2 * X(i) - (left ? X(i - 1) : 0) - (right ? X(i + 1) : 0);
    r += 0.5 * h * h * c * c * c;
    tridiagonal_row(q, want, i, left, right, r, J(-1, 2 + 1.5 * h * h * c * c, -1),
                    3 * h * h * c);
}

INLINE void broyden_row(job *q, int want, int64_t i, int left, int right)
{
    double x = X(i);
    double r = (3 - 2 * x) * x + 1 - (left ? X(i - 1) : 0) - (right ? 2 * X(i + 1) : 0);
    tridiagonal_row(q, want, i, left, right, r, J(-1, 3 - 4 * x, -2), -4);
}

#define TRIDIAGONAL(name, row_of)                        \
    INLINE void name(const terms *p, int want, job *q)     \
    {                                                    \
        int64_t last = q->n - 1;                         \
        if (last == 0) {                                 \
            row_of(q, want, 0, 0, 0);                    \
            return;                                      \
        }                                                \
        row_of(q, want, 0, 0, 1);                        \
        for (int64_t i = 1; i < last; i++)               \
            row_of(q, want, i, 1, 1);                    \
        row_of(q, want, last, 1, 0);                     \
    }

TRIDIAGONAL(discrete_boundary_value, boundary_row)
TRIDIAGONAL(broyden_tridiagonal, broyden_row)

/* Row i reads `below` unknowns before and `above` after its own. */
INLINE void banded_row(job *q, int want, int64_t i, int below, int above)
{
    double x = X(i), r = x * (2 + 5 * x * x) + 1, J[7];
    for (int k = -below; k <= above; k++) {
        double near = X(i + k);
        r -= k ? near * (1 + near) : 0;
        J[below + k] = k ? -(1 + 2 * near) : 2 + 15 * x * x;
    }
    row(q, want, i - below, 1 + below + above, r, J);
    for (int k = -below; k <= above; k++)
        curve(q, want, r, i + k, i + k, k ? -2 : 30 * x);
}

INLINE void broyden_banded(const terms *p, int want, job *q)
{
    for (int64_t i = 0; i < q->n; i++)
        if (i >= 5 && i < q->n - 1)
            banded_row(q, want, i, 5, 1);
        else
            banded_row(q, want, i, i < 5 ? (int)i : 5, i < q->n - 1);
}

/* ---- dense Jacobians of a special form: f, g, Hv written out ------------------ */

INLINE void watson(const terms *p, int want, job *q)
{
    int n = (int)q->n;
    double out[N_WATSON] = {0}, power[N_WATSON], J[N_WATSON];
    for (int i = 1; i <= 29; i++) {
        double t = i / 29.0, sum = 0, slope = 0, before = 0, at = 1;
        for (int j = 0; j < n; j++) { /* before = t^(j-1), at = t^j */
            power[j] = at;
            J[j] = j * before;
            slope += J[j] * X(j);
            sum += at * X(j);
            before = at;
            at *= t;
        }
        double r = slope - sum * sum - 1;
        q->f += r * r;
        for (int j = 0; j < n; j++)
            J[j] -= 2 * sum * power[j];
        if (want & G)
            for (int j = 0; j < n; j++)
                out[j] += 2 * r * J[j];
        if (want & HV) {
            double jv = 0, pv = 0;
            for (int j = 0; j < n; j++) {
                jv += J[j] * V(j);
                pv += power[j] * V(j);
            }
            for (int j = 0; j < n; j++)
                out[j] += 2 * jv * J[j] - 4 * r * pv * power[j];
        }
    }
    if (want & (G | HV))
        for (int j = 0; j < n; j++)
            put(q->out, j, out[j]);
    double x1 = X(0), r = X(1) - x1 * x1 - 1;
    row(q, want, 0, 1, x1, J(1));
    row(q, want, 0, 2, r, J(-2 * x1, 1));
    curve(q, want, r, 0, 0, -2);
}

INLINE void penalty1(const terms *p, int want, job *q)
{
    const double a = 1e-5;
    double near = 0, r = -0.25, xv = 0;
    for (int64_t j = 0; j < q->n; j++) {
        double x = X(j);
        near += (x - 1) * (x - 1);
        r += x * x;
        if (want & HV)
            xv += x * V(j);
    }
    q->f = a * near + r * r;
    if (want & G)
        for (int64_t j = 0; j < q->n; j++)
            put(q->out, j, 2 * a * (X(j) - 1) + 4 * r * X(j));
    if (want & HV)
        for (int64_t j = 0; j < q->n; j++)
            put(q->out, j, (2 * a + 4 * r) * V(j) + 8 * xv * X(j));
}

/* table: y_i = exp(i/10) + exp((i-1)/10), for i = 1 ... n */
INLINE void penalty2(const terms *p, int want, job *q)
{
    const double a = 1e-5, floor = 0.904837418035959573164249; /* exp(-1/10) */
    int64_t n = q->n;
    double r = -1, xv = 0;
    for (int64_t j = 0; j < n; j++) {
        r += (double)(n - j) * X(j) * X(j);
        if (want & HV)
            xv += (double)(n - j) * X(j) * V(j);
    }
    if (want & F)
        q->f = r * r;
    for (int64_t j = 0; j < n; j++) {
        double w = (double)(n - j);
        if (want & G)
            put(q->out, j, 4 * r * w * X(j));
        if (want & HV)
            put(q->out, j, 4 * r * w * V(j) + 8 * xv * w * X(j));
    }
    row(q, want, 0, 1, X(0) - 0.2, J(1));
    double before = exp(X(0) / 10);
    for (int64_t j = 1; j < n; j++) {
        double e = exp(X(j) / 10);
        double pair = e + before - p->table[j], alone = e - floor;
        if (want & F)
            q->f += a * (pair * pair + alone * alone);
        if (want & G) {
            add(q->out, j - 1, 0.2 * a * pair * before);
            add(q->out, j, 0.2 * a * (pair + alone) * e);
        }
        if (want & HV) {
            double t = before * V(j - 1) + e * V(j);
            add(q->out, j - 1, 0.02 * a * before * (t + pair * V(j - 1)));
            add(q->out, j, 0.02 * a * e * (t + (e + pair + alone) * V(j)));
        }
        before = e;
    }
}

INLINE void variably_dimensioned(const terms *p, int want, job *q)
{
    double near = 0, s = 0, jv = 0;
    for (int64_t j = 0; j < q->n; j++) {
        double d = X(j) - 1;
        near += d * d;
        s += (double)(j + 1) * d;
        if (want & HV)
            jv += (double)(j + 1) * V(j);
    }
    q->f = near + s * s * (1 + s * s);
    if (want & G)
        for (int64_t j = 0; j < q->n; j++)
            put(q->out, j, 2 * (X(j) - 1) + (2 + 4 * s * s) * s * (double)(j + 1));
    if (want & HV)
        for (int64_t j = 0; j < q->n; j++)
            put(q->out, j, 2 * V(j) + (2 + 12 * s * s) * jv * (double)(j + 1));
}

INLINE void trigonometric(const terms *p, int want, job *q)
{
    double n = (double)q->n, cosines = 0, own = 0, sv = 0, dv = 0;
    for (int64_t j = 0; j < q->n; j++) {
        double i = (double)(j + 1), s = sin(X(j)), c = cos(X(j));
        cosines += c;
        own += i * (1 - c) - s; /* what is row i's alone */
        if (want & HV) {
            sv += s * V(j);
            dv += (i * s - c) * V(j);
        }
    }
    double common = n - cosines, sum = n * common + own; /* sum of all residuals */
    for (int64_t j = 0; j < q->n; j++) {
        double i = (double)(j + 1), s = sin(X(j)), c = cos(X(j)), d = i * s - c;
        double r = common + i * (1 - c) - s;
        if (want & F)
            q->f += r * r;
        if (want & G)
            put(q->out, j, 2 * (s * sum + d * r));
        if (want & HV) {
            double t = s * (n * sv + dv) + d * (sv + d * V(j));
            put(q->out, j, 2 * (t + (c * sum + (i * c + s) * r) * V(j)));
        }
    }
}

INLINE void brown_almost_linear(const terms *p, int want, job *q)
{
    int64_t n = q->n, zeros = 0;
    double sum = 0, product = 1, v_sum = 0; /* the product leaves out zeros */
    double over = 0, v_zero = 0;            /* sums of v/x, and of v where x = 0 */
    for (int64_t j = 0; j < n; j++) {
        double x = X(j);
        sum += x;
        product *= x != 0 ? x : 1;
        zeros += x == 0;
        if (want & HV) {
            v_sum += V(j);
            over += x != 0 ? V(j) / x : 0;
            v_zero += x != 0 ? 0 : V(j);
        }
    }
    double shift = sum - (double)(n + 1), last = (zeros ? 0 : product) - 1;
    double total = 0; /* sum of the linear residuals, or of their products with v */
    for (int64_t j = 0; j < n - 1; j++) {
        double r = X(j) + shift;
        if (want & F)
            q->f += r * r;
        total += want & HV ? V(j) + v_sum : r;
    }
    if (want & F)
        q->f += last * last;
    if (!(want & (G | HV)))
        return;
    /* The slope of the product along v. */
    double along = zeros == 0 ? product * over : zeros == 1 ? product * v_zero : 0;
    for (int64_t j = 0; j < n; j++) {
        double x = X(j), own;
        /* d = the product of the others */
        double d = x != 0 ? (zeros ? 0 : product / x) : (zeros == 1 ? product : 0);
        if (want & G) {
            own = j < n - 1 ? x + shift : 0;
            put(q->out, j, 2 * (own + total + last * d));
        }
        if (want & HV) {
            double e; /* the slope of d along v */
            if (zeros == 0)
                e = d * (over - V(j) / x);
            else if (zeros == 1)
                e = x != 0 ? product * v_zero / x : product * over;
            else
                e = zeros == 2 && x == 0 ? product * (v_zero - V(j)) : 0;
            own = j < n - 1 ? V(j) + v_sum : 0;
            put(q->out, j, 2 * (own + total + along * d + last * e));
        }
    }
}

/* With c_j = (x_j + t_j + 1)^3 a residual is
 *     r_i = x_i + h/2 ((1 - t_i) sum_{j<=i} t_j c_j + t_i sum_{j>i} (1 - t_j) c_j),
 * so r = x + K c with K = K^T, whose products are two running sums. */
INLINE void discrete_integral_equation(const terms *p, int want, job *q)
{
    int64_t n = q->n;
    double h = 1 / (double)(n + 1);
    double right = 0, right_v = 0; /* sums over j > i of (1 - t_j) times c, c'v */
    for (int64_t i = 0; i < n; i++) {
        double t = (double)(i + 1) * h, c = X(i) + t + 1;
        right += (1 - t) * c * c * c;
        if (want & HV)
            right_v += (1 - t) * 3 * c * c * V(i);
    }
    /* r and w = Jv, row by row; w (or r, if only g is wanted) waits in `out`. */
    double left = 0, left_v = 0, ahead_r = 0, ahead_w = 0, ends = right;
    for (int64_t i = 0; i < n; i++) {
        double t = (double)(i + 1) * h, c = X(i) + t + 1, w = 0;
        left += t * c * c * c;
        right -= (1 - t) * c * c * c;
        double r = X(i) + 0.5 * h * ((1 - t) * left + t * right);
        if (want & F)
            q->f += r * r;
        if (want & HV) {
            left_v += t * 3 * c * c * V(i);
            right_v -= (1 - t) * 3 * c * c * V(i);
            w = V(i) + 0.5 * h * ((1 - t) * left_v + t * right_v);
        }
        ahead_r += (1 - t) * r; /* sums over i >= j of (1 - t_i) times r, w */
        ahead_w += (1 - t) * w;
        if (want & (G | HV))
            put(q->out, i, want & HV ? w : r);
    }
    if (!(want & (G | HV)))
        return;
    double behind_r = 0, behind_w = 0;
    left = 0;
    right = ends;
    for (int64_t j = 0; j < n; j++) {
        double t = (double)(j + 1) * h, c = X(j) + t + 1, r, w = 0;
        if (want & HV) {
            w = get(q->out, j);
            left += t * c * c * c;
            right -= (1 - t) * c * c * c;
            r = X(j) + 0.5 * h * ((1 - t) * left + t * right);
        } else {
            r = get(q->out, j);
        }
        double kr = 0.5 * h * (t * ahead_r + (1 - t) * behind_r); /* (K r)_j */
        double kw = 0.5 * h * (t * ahead_w + (1 - t) * behind_w);
        if (want & HV)
            put(q->out, j, 2 * (w + 3 * c * c * kw + 6 * c * kr * V(j)));
        else
            put(q->out, j, 2 * (r + 3 * c * c * kr));
        ahead_r -= (1 - t) * r;
        ahead_w -= (1 - t) * w;
        behind_r += t * r;
        behind_w += t * w;
    }
}

INLINE void linear_full_rank(const terms *p, int want, job *q)
{
    double n = (double)q->n, c = 2 / (double)p->m, sum = 0, v_sum = 0;
    for (int64_t j = 0; j < q->n; j++) {
        sum += X(j);
        if (want & HV)
            v_sum += V(j);
    }
    double shift = -c * sum - 1, r_sum = sum + (double)p->m * shift;
    for (int64_t j = 0; j < q->n; j++) {
        double r = X(j) + shift;
        if (want & F)
            q->f += r * r;
        if (want & G)
            put(q->out, j, 2 * (r - c * r_sum));
        if (want & HV) /* J^T J is the unit matrix */
            put(q->out, j, 2 * V(j));
    }
    q->f += ((double)p->m - n) * shift * shift;
}

/* f = sum_i (i s - 1)^2 over i = 1 ... m, plus `extra`, where s = sum j x_j over the
 * unknowns but the `skip` first and last. */
INLINE void rank1(int want, job *q, int64_t rows, int skip, double extra)
{
    double m = (double)rows, s = 0, sv = 0;
    for (int64_t j = skip; j < q->n - skip; j++) {
        s += (double)(j + 1) * X(j);
        if (want & HV)
            sv += (double)(j + 1) * V(j);
    }
    double squares = m * (m + 1) * (2 * m + 1) / 6, best = 3 / (2 * m + 1);
    /* Complete the square: the sum is least where s = best. */
    q->f = squares * (s - best) * (s - best) + 0.5 * m * (m - 1) / (2 * m + 1) + extra;
    double slope = 2 * squares * (want & HV ? sv : s - best);
    if (want & (G | HV))
        for (int64_t j = 0; j < q->n; j++) {
            int used = j >= skip && j < q->n - skip;
            put(q->out, j, used ? slope * (double)(j + 1) : 0);
        }
}

INLINE void linear_rank1(const terms *p, int want, job *q)
{
    rank1(want, q, p->m, 0, 0);
}

INLINE void linear_rank1_zeros(const terms *p, int want, job *q)
{
    rank1(want, q, p->m - 2, 1, 2);
}

INLINE void chebyquad(const terms *p, int want, job *q)
{
    int64_t m = p->m;
    double scale = 1 / (double)q->n;
    double r[M_CHEBYQUAD], w[M_CHEBYQUAD]; /* the residuals; J v */
    for (int64_t i = 0; i < m; i++) {
        double k = (double)(i + 1);
        r[i] = i % 2 ? 1 / (k * k - 1) : 0; /* minus the integral of T_k on [0, 1] */
        w[i] = 0;
    }
    for (int64_t j = 0; j < q->n; j++) {
        /* T_{k+1} = 2 y T_k - T_{k-1} and its slope, y = 2x - 1 */
        double y = 2 * X(j) - 1, t0 = 1, t1 = y, d0 = 0, d1 = 2;
        double v = want & HV ? V(j) : 0;
        for (int64_t i = 0; i < m; i++) {
            r[i] += scale * t1;
            double t2 = 2 * y * t1 - t0;
            if (want & HV) {
                w[i] += scale * d1 * v;
                double d2 = 4 * t1 + 2 * y * d1 - d0;
                d0 = d1;
                d1 = d2;
            }
            t0 = t1;
            t1 = t2;
        }
    }
    if (want & F)
        for (int64_t i = 0; i < m; i++)
            q->f += r[i] * r[i];
    if (!(want & (G | HV)))
        return;
    for (int64_t j = 0; j < q->n; j++) {
        double y = 2 * X(j) - 1, t0 = 1, t1 = y, d0 = 0, d1 = 2, s0 = 0, s1 = 0;
        double v = want & HV ? V(j) : 0, sum = 0;
        for (int64_t i = 0; i < m; i++) {
            sum += want & HV ? w[i] * d1 + r[i] * s1 * v : r[i] * d1;
            double t2 = 2 * y * t1 - t0, d2 = 4 * t1 + 2 * y * d1 - d0;
            if (want & HV) {
                double s2 = 8 * d1 + 2 * y * s1 - s0;
                s0 = s1;
                s1 = s2;
            }
            t0 = t1;
            t1 = t2;
            d0 = d1;
            d1 = d2;
        }
        put(q->out, j, 2 * scale * sum);
    }
}

SMALL(rosenbrock, 2)
SMALL(freudenstein_roth, 2)
SMALL(powell_badly_scaled, 2)
SMALL(brown_badly_scaled, 2)
SMALL(beale, 2)
SMALL(jennrich_sampson, 2)
SMALL(helical_valley, 3)
SMALL(bard, 3)
SMALL(gaussian, 3)
SMALL(meyer, 3)
SMALL(gulf, 3)
SMALL(box, 3)
SMALL(powell_singular, 4)
SMALL(wood, 4)
SMALL(kowalik_osborne, 4)
SMALL(brown_dennis, 4)
SMALL(osborne1, 5)
SMALL(biggs_exp6, 6)
SMALL(osborne2, 11)
DENSE(watson)
DENSE(penalty1)
DENSE(penalty2)
DENSE(variably_dimensioned)
DENSE(trigonometric)
DENSE(brown_almost_linear)
BANDED(discrete_boundary_value)
DENSE(discrete_integral_equation)
BANDED(broyden_tridiagonal)
BANDED(broyden_banded)
DENSE(linear_full_rank)
DENSE(linear_rank1)
DENSE(linear_rank1_zeros)
DENSE(chebyquad)

/* ---- tables of constants ---------------------------------------------------- */

static void gulf_table(double *c, int64_t m)
{
    for (int64_t i = 0; i < m; i++)
        c[i] = 25 + pow(-50 * log((double)(i + 1) / 100), 2.0 / 3.0);
}

static void box_table(double *c, int64_t m)
{
    for (int64_t i = 0; i < m; i++) {
        double t = 0.1 * (double)(i + 1);
        c[i] = exp(-t) - exp(-10 * t);
    }
}

static void brown_dennis_table(double *c, int64_t m)
{
    for (int64_t i = 0; i < m; i++) {
        double t = (double)(i + 1) / 5;
        c[i] = exp(t);
        c[m + i] = sin(t);
        c[2 * m + i] = cos(t);
    }
}

static void biggs_table(double *c, int64_t m)
{
    for (int64_t i = 0; i < m; i++) {
        double t = 0.1 * (double)(i + 1);
        c[i] = exp(-t) - 5 * exp(-10 * t) + 3 * exp(-4 * t);
    }
}

static void penalty2_table(double *c, int64_t m)
{
    for (int64_t i = 0; i < m; i++)
        c[i] = exp((double)(i + 1) / 10) + exp((double)i / 10);
}

/* ---- the list ---------------------------------------------------------------- */

typedef struct {
    optlab_eval eval[2]; /* by dtype */
    int64_t block;       /* unknowns of one copy of a small problem, else 0 */
    void (*fill)(double *table, int64_t m);
    int columns; /* of the table, m numbers each */
} entry;

static const entry list[MGH_COUNT] = {
    {.eval = BOTH(rosenbrock), .block = 2},
    {.eval = BOTH(freudenstein_roth), .block = 2},
    {.eval = BOTH(powell_badly_scaled), .block = 2},
    {.eval = BOTH(brown_badly_scaled), .block = 2},
    {.eval = BOTH(beale), .block = 2},
    {.eval = BOTH(jennrich_sampson), .block = 2},
    {.eval = BOTH(helical_valley), .block = 3},
    {.eval = BOTH(bard), .block = 3},
    {.eval = BOTH(gaussian), .block = 3},
    {.eval = BOTH(meyer), .block = 3},
    {.eval = BOTH(gulf), .block = 3, .fill = gulf_table, .columns = 1},
    {.eval = BOTH(box), .block = 3, .fill = box_table, .columns = 1},
    {.eval = BOTH(powell_singular), .block = 4},
    {.eval = BOTH(wood), .block = 4},
    {.eval = BOTH(kowalik_osborne), .block = 4},
    {.eval = BOTH(brown_dennis), .block = 4, .fill = brown_dennis_table, .columns = 3},
    {.eval = BOTH(osborne1), .block = 5},
    {.eval = BOTH(biggs_exp6), .block = 6, .fill = biggs_table, .columns = 1},
    {.eval = BOTH(osborne2), .block = 11},
    {.eval = BOTH(watson)},
    {.eval = BOTH(rosenbrock), .block = 2},      /* 21, extended */
    {.eval = BOTH(powell_singular), .block = 4}, /* 22, extended */
    {.eval = BOTH(penalty1)},
    {.eval = BOTH(penalty2), .fill = penalty2_table, .columns = 1},
    {.eval = BOTH(variably_dimensioned)},
    {.eval = BOTH(trigonometric)},
    {.eval = BOTH(brown_almost_linear)},
    {.eval = BOTH(discrete_boundary_value)},
    {.eval = BOTH(discrete_integral_equation)},
    {.eval = BOTH(broyden_tridiagonal)},
    {.eval = BOTH(broyden_banded)},
    {.eval = BOTH(linear_full_rank)},
    {.eval = BOTH(linear_rank1)},
    {.eval = BOTH(linear_rank1_zeros)},
    {.eval = BOTH(chebyquad)},
};

int mgh_init(optlab_objective *objective, int number, int64_t n, int64_t m, int dtype)
{
    const entry *e = &list[number - 1];
    terms *p = terms_new(objective, e->eval, e->block, n, m, e->columns * m, dtype);
    if (!p)
        return -1;
    if (e->fill)
        e->fill(p->table, m);
    return 0;
}
