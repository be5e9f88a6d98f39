"""What holds for any smooth function, start and options: drawn by Hypothesis."""

import itertools

import numpy as np
from hypothesis import given, settings, target
from hypothesis import strategies as st

from optlab import Status, line_search, minimize
from optlab.methods import LINE_SEARCHES
from tests.functions import Counted, Function
from tests.support import DISTINCT, FIRST_ORDER, WITHOUT_FIXED, same_bits

examples = settings(max_examples=120, deadline=None, derandomize=True)

methods = st.sampled_from(sorted(DISTINCT))
pairs = st.sampled_from(WITHOUT_FIXED)  # of a method and a search
searches = st.sampled_from(sorted(set(LINE_SEARCHES) - {"fixed"}))
seeds = st.integers(0, 2**32 - 1)


@st.composite
def functions(draw, convex=False):
    """A quadratic with waves on it, at some scale, offset and place; bounded below."""
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(seeds))
    condition = 10.0 ** draw(st.floats(0, 4))
    scale = 10.0 ** draw(st.integers(-6, 6))
    offset = draw(st.sampled_from([0.0, 0.0, 1.0, -3.0, 100.0])) * scale
    waves = 0.0 if convex else draw(st.floats(0, 3))
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0]
    Q = (basis * np.geomspace(1, condition, n)) @ basis.T
    Q = (Q + Q.T) / 2
    W, phase = rng.normal(size=(3, n)), rng.uniform(0, 6, 3)
    c = rng.normal(size=n) * 10.0 ** draw(st.integers(-2, 2))

    def value(x):
        d = x - c
        return (
            scale * float(d @ Q @ d / 2 + waves * np.sin(W @ d + phase).sum()) + offset
        )

    def gradient(x):
        d = x - c
        return scale * (Q @ d + waves * (W.T @ np.cos(W @ d + phase)))

    function = Function("drawn", value, gradient, c + rng.normal(size=n), None, c)
    object.__setattr__(function, "scale", scale)
    return function


def gtol(fun):
    """A tolerance that a gradient of this size can meet."""
    return 1e-6 * fun.scale


@examples
@given(functions(), pairs, st.sampled_from(["joint", "separate"]))
def test_what_is_returned_is_true(fun, pair, form):
    method, search = pair
    counted = Counted(fun)
    x0 = fun.x0.copy()
    kept = x0.copy()
    steps = []
    result = minimize(
        counted.both if form == "joint" else counted.value,
        x0,
        jac=True if form == "joint" else counted.gradient,
        method=method,
        callback=steps.append,
        options={"gtol": gtol(fun), "line_search": search, "maxiter": 200},
    )
    # x0 is as it was.
    assert same_bits(x0, kept)
    # fun and jac belong to x, to the last bit.
    assert same_bits(result.fun, fun.value(result.x))
    assert same_bits(result.jac, fun.gradient(result.x))
    # It is no worse than the start, nor than anything seen, as far as f can tell.
    assert result.fun <= fun.value(x0)
    best = min(f for _, f in counted.values)
    assert result.fun - best <= 1e-13 * max(abs(best), abs(result.fun))
    # The counts are true.
    assert result.nfev == counted.nfev
    assert result.njev == counted.njev
    assert result.nit == len(steps)
    # Success is the test of the gradient, and nothing else is.
    gnorm = np.abs(result.jac).max()
    assert result.success == (gnorm <= gtol(fun))
    if result.status is Status.CONVERGED:
        assert result.success
    # These functions have a minimum and a right gradient.
    assert result.status in (
        Status.CONVERGED,
        Status.MAXITER,
        Status.ROUNDING,
    ), result.message


@examples
@given(functions(convex=True), st.sampled_from(["bfgs", "l-bfgs"]), searches)
def test_a_convex_function_is_solved(fun, method, search):
    result = minimize(
        fun,
        fun.x0,
        jac=True,
        method=method,
        options={"gtol": gtol(fun), "line_search": search},
    )
    target(float(result.nfev))
    assert result.success or result.status is Status.ROUNDING, result.message
    gap = np.abs(result.x - fun.x_opt).max() / max(1.0, np.abs(fun.x_opt).max())
    assert gap < 1e-4


@examples
@given(functions(), pairs)
def test_a_run_can_be_repeated(fun, pair):
    method, search = pair
    options = {"line_search": search, "maxiter": 50, "gtol": gtol(fun)}
    runs = [
        minimize(
            fun,
            fun.x0,
            jac=True,
            method=method,
            options=options | {"return_all": True, "history": True},
        )
        for _ in range(2)
    ]
    bare = minimize(fun, fun.x0, jac=True, method=method, options=options)
    a, b = runs
    assert same_bits(a.allvecs, b.allvecs)
    assert same_bits(a.history["alpha"], b.history["alpha"])
    assert same_bits(a.x, bare.x)
    assert (a.nfev, a.status, a.message) == (bare.nfev, bare.status, bare.message)


@examples
@given(
    functions(),
    methods,
    st.sampled_from(["wolfe", "strong-wolfe", "hager-zhang", "armijo"]),
    st.floats(1e-4, 0.3),
    st.floats(0.05, 0.95),
)
def test_steps_meet_the_conditions_of_their_search(fun, method, search, c1, c2):
    if not c1 < c2:
        c1, c2 = c2 / 10, c1
    options = {"line_search": search, "c1": c1, "maxiter": 30, "gtol": gtol(fun)}
    if search != "armijo":
        options["c2"] = c2
    result = minimize(
        fun,
        fun.x0,
        jac=True,
        method=method,
        options=options | {"return_all": True, "maxls": 100},
    )
    for x, x_next in itertools.pairwise(result.allvecs):
        (f, g), (f_next, g_next) = fun(x), fun(x_next)
        s = x_next - x
        slope, slope_next = g @ s, g_next @ s
        if abs(f_next - f) <= 1e-12 * abs(f):
            continue  # the slope alone decides there
        armijo = f_next <= f + c1 * slope + 1e-12 * abs(f)
        weak = slope_next >= c2 * slope - 1e-9 * abs(slope)
        strong = abs(slope_next) <= c2 * abs(slope) * (1 + 1e-9)
        approximate = (2 * c1 - 1) * slope >= slope_next * (1 - 1e-9) and f_next <= f
        assert {
            "armijo": armijo,
            "wolfe": armijo and weak,
            "strong-wolfe": armijo and strong,
            "hager-zhang": (armijo or approximate) and weak,
        }[search]


@examples
@given(functions(), pairs, st.integers(-40, 40))
def test_a_power_of_two_in_f_changes_no_bit_of_x(fun, pair, power):
    """f, g and the tolerance scale exactly, so do all decisions."""
    method, search = pair
    if method == "newton":
        power *= 2  # Cholesky's method takes roots

    def scaled(x):
        f, g = fun(x)
        return np.ldexp(f, power), np.ldexp(g, power)

    options = {"line_search": search, "maxiter": 25, "return_all": True}
    a, b = (
        minimize(
            fun_,
            fun.x0,
            jac=True,
            method=method,
            options=options | {"gtol": np.ldexp(gtol(fun), shift)},
        )
        for fun_, shift in ((fun, 0), (scaled, power))
    )
    assert same_bits(a.allvecs, b.allvecs)
    assert (a.nfev, a.status) == (b.nfev, b.status)


@examples
@given(functions(), pairs, seeds)
def test_the_order_of_the_unknowns_does_not_matter(fun, pair, seed):
    """Up to rounding, which a few iterations do not blow up."""
    method, search = pair
    order = np.random.default_rng(seed).permutation(fun.x0.size)
    back = np.argsort(order)

    def permuted(z):
        f, g = fun(z[back])
        return f, g[order]

    options = {
        "line_search": search,
        "maxiter": 4,
        "gtol": gtol(fun),
        "return_all": True,
    }
    a = minimize(fun, fun.x0, jac=True, method=method, options=options)
    b = minimize(permuted, fun.x0[order], jac=True, method=method, options=options)
    size = max(1.0, np.abs(a.allvecs).max())
    for x, z in zip(a.allvecs, b.allvecs, strict=False):
        np.testing.assert_allclose(z[back], x, atol=1e-5 * size)


@examples
@given(functions(), st.sampled_from(sorted(LINE_SEARCHES)), st.floats(1e-6, 1e3))
def test_a_line_search_alone_tells_the_truth(fun, search, length):
    counted = Counted(fun)
    g = fun.gradient(fun.x0)
    p = -length * g / np.linalg.norm(g)
    alpha, fc, gc, f_new, f_old, slope = line_search(
        counted.value, counted.gradient, fun.x0, p, method=search, maxiter=60
    )
    assert (fc, gc) == (counted.nfev, counted.njev)
    assert same_bits(f_old, fun.value(fun.x0))
    if alpha is None:
        assert f_new is slope is None
        return
    x = fun.x0 + alpha * p
    assert alpha > 0
    assert same_bits(f_new, fun.value(x))
    assert slope == fun.gradient(x) @ p
    if search != "fixed":
        assert f_new <= f_old + 1e-13 * abs(f_old)


@examples
@given(functions(), methods, st.integers(1, 60))
def test_a_limit_only_cuts_off(fun, method, maxfun):
    """The run up to the limit is the beginning of the run without it."""
    whole, cut = Counted(fun), Counted(fun)
    minimize(
        whole.value,
        fun.x0,
        jac=whole.gradient,
        method=method,
        options={"gtol": gtol(fun), "maxiter": 100},
    )
    result = minimize(
        cut.value,
        fun.x0,
        jac=cut.gradient,
        method=method,
        options={"gtol": gtol(fun), "maxiter": 100, "maxfun": maxfun},
    )
    assert cut.nfev == min(whole.nfev, maxfun)
    assert same_bits(
        [x for x, _ in cut.values], [x for x, _ in whole.values[: cut.nfev]]
    )
    assert same_bits(result.fun, fun.value(result.x))


@examples
@given(functions(), st.sampled_from(sorted(FIRST_ORDER)))
def test_differences_lead_to_the_same_minimum_value(fun, method):
    options = {"gtol": 1e-3 * fun.scale, "maxiter": 300}
    exact = minimize(fun, fun.x0, jac=True, method=method, options=options)
    counted = Counted(fun)
    for jac in ("2-point", "3-point"):
        counted.values.clear()
        result = minimize(
            counted.value, fun.x0, jac=jac, method=method, options=options
        )
        assert result.nfev == counted.nfev
        assert same_bits(result.fun, fun.value(result.x))
        assert result.fun <= fun.value(fun.x0)
        if result.success and exact.success:
            true = np.abs(fun.gradient(result.x)).max()
            curvature = 1e4 * fun.scale
            assert true <= 1e-3 * fun.scale + 1e-4 * curvature
