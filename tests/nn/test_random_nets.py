"""Nets that Hypothesis draws, layer by layer: what holds for all of them."""

from itertools import pairwise

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from optlab import nn

from ..support import same_bits
from ..textbook import mlp as twin
from .cases import ACTIVATIONS, COMPOSITES, LOSSES, targets

examples = settings(max_examples=150, deadline=None, derandomize=True)

# cube, square and exp let numbers grow until the last digits are all that is compared.
NARROW = ("sin", "cos", "tanh", "atan", "erf", "sigmoid", "gaussian")
EPS = 0.1  # of batch norm, so that no small variance makes a net ill-conditioned
BOUNDED = {
    **ACTIVATIONS,
    "meta_acon, normed": (nn.MetaAcon(batch_norm=True), twin.meta_acon(True, eps=EPS)),
    **{
        name: pair
        for name, pair in COMPOSITES.items()
        if name.startswith(("gate", "max,", "min,", "smooth_max"))
        or (name.startswith("first") and pair[0].first in NARROW)
    },
}
SMOOTH = {
    name: pair
    for name, pair in BOUNDED.items()
    if name.split(" ")[0].rstrip(",")
    not in ("relu", "leaky_relu", "prelu", "maxout", "max", "min")
}


class Drawn:
    """A net of any layers on data of any size, and its twin."""

    def __init__(self, draw, table):
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        inputs, outputs = draw(st.integers(1, 9)), draw(st.integers(2, 9))
        hidden = draw(
            st.lists(
                st.tuples(
                    st.integers(1, 18), st.sampled_from(sorted(table)), st.booleans()
                ),
                max_size=3,
            )
        )
        loss = draw(st.sampled_from(sorted(LOSSES)))
        samples = draw(st.sampled_from([8, 15, 16, 17, 40, 129, 260]))
        self.precision = draw(st.sampled_from([0.0, 0.5, 30.0]))
        ours = [table[name][0] for _, name, _ in hidden]
        self.net = twin.Net(
            inputs,
            [
                (units, table[name][1], table[name][0].pieces, normed)
                for units, name, normed in hidden
            ],
            outputs,
            EPS,
        )
        self.model = nn.MLP(
            [inputs, *(units for units, _, _ in hidden), outputs],
            ours,
            [normed for _, _, normed in hidden],
            loss=LOSSES[loss][0],
            prior=nn.GaussianPrior(self.precision, 0.25) if self.precision else None,
            batch_norm_eps=EPS,
        )
        self.normed = any(normed for _, _, normed in hidden) or any(
            getattr(activation, "batch_norm", False) for activation in ours
        )
        self.formula = LOSSES[loss][1]
        self.X = rng.normal(size=(samples, inputs))
        self.y = targets(loss, samples, outputs, rng)
        self.weights = rng.uniform(0.5, 2, samples) if draw(st.booleans()) else None
        n = self.model.n
        self.w = self.model.init(rng=rng) + 0.1 * rng.normal(size=n)
        self.u, self.v = rng.normal(size=(2, n)) / np.sqrt(n)
        self.batch = rng.integers(0, samples, draw(st.integers(2, 50)))
        threads = draw(st.integers(1, 3))
        self.objective = self.model.objective(self.X, self.y, self.weights, threads)
        covered = [
            np.full(part.shape, name == "weights").ravel()
            for layer in self.model.unpack(self.w)
            for name, part in layer.items()
        ]
        self.precisions = self.precision * np.concatenate(covered)

    def value(self, w, indices=None):
        return twin.objective(
            self.net,
            self.formula,
            w,
            self.X,
            self.y,
            self.weights,
            self.precisions,
            0.25,
            indices,
        )


@st.composite
def drawn(draw, table=BOUNDED):
    return Drawn(draw, table)


@examples
@given(drawn())
def test_values_and_slopes_are_those_of_the_formulas(case):
    for indices in (None, case.batch):
        f, g = case.objective.fun_and_grad(case.w, indices)
        assert abs(f - case.value(case.w, indices)) <= 1e-12 * abs(f)
        assert case.objective.fun(case.w, indices) == f
        for direction in (case.u, case.v):
            slope = twin.slope(
                lambda w, indices=indices: case.value(w, indices),
                case.w.astype(complex),
                direction,
            )
            assert abs(slope - g @ direction) <= 1e-11 * np.linalg.norm(g)


@examples
@given(drawn())
def test_the_hessian_is_symmetric_and_linear(case):
    for indices in (None, case.batch):
        hu, hv, both = (
            case.objective.hessp(case.w, v, indices)
            for v in (case.u, case.v, 3 * case.u - 2 * case.v)
        )
        size = np.linalg.norm(hu) + np.linalg.norm(hv)
        assert abs(case.u @ hv - case.v @ hu) <= 1e-12 * size
        np.testing.assert_allclose(both, 3 * hu - 2 * hv, rtol=0, atol=1e-12 * size)
    assert not case.objective.hessp(case.w, np.zeros(case.model.n)).any()


@examples
@given(drawn(SMOOTH))
def test_the_hessian_is_how_the_gradient_changes(case):
    expected = twin.change(lambda t: case.objective.grad(case.w + t), case.v, 1e-3)
    hv = case.objective.hessp(case.w, case.v)
    # A thousand roundings of the gradient, and what the ninth derivative leaves.
    size = np.linalg.norm(case.objective.grad(case.w)) + np.linalg.norm(hv)
    np.testing.assert_allclose(hv, expected, rtol=0, atol=1e-10 * size)


@examples
@given(drawn(), st.integers(1, 7))
def test_batches_have_the_whole_in_the_mean(case, count):
    assume(not case.normed)
    order = np.random.default_rng(0).permutation(len(case.X))
    cuts = np.linspace(0, len(order), min(count, len(order)) + 1).astype(int)
    f, g = case.objective.fun_and_grad(case.w)
    hv = case.objective.hessp(case.w, case.v)
    mean_f, mean_g, mean_hv = 0.0, np.zeros_like(g), np.zeros_like(g)
    for start, stop in pairwise(cuts):
        batch, share = order[start:stop], (stop - start) / len(order)
        part_f, part_g = case.objective.fun_and_grad(case.w, batch)
        mean_f += share * part_f
        mean_g += share * part_g
        mean_hv += share * case.objective.hessp(case.w, case.v, batch)
    assert abs(mean_f - f) <= 1e-13 * abs(f)
    np.testing.assert_allclose(mean_g, g, rtol=0, atol=1e-12 * np.linalg.norm(g))
    np.testing.assert_allclose(mean_hv, hv, rtol=0, atol=1e-12 * np.linalg.norm(hv))


@examples
@given(drawn())
def test_what_was_asked_before_leaves_no_trace(case):
    """Memory is used again: the answers must not depend on what was in it."""
    f, g = case.objective.fun_and_grad(case.w)
    hv = case.objective.hessp(case.w, case.v)
    case.objective.fun_and_grad(1e3 * case.u, case.batch)
    case.objective.hessp(case.u, 1e200 * case.w)
    case.objective.fun(np.full(case.model.n, np.nan))
    f_again, g_again = case.objective.fun_and_grad(case.w)
    assert f_again == f
    assert same_bits(g_again, g)
    assert same_bits(case.objective.hessp(case.w, case.v), hv)
