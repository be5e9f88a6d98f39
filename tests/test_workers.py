"""`workers`: the same numbers, side by side."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from optlab.workers import pool, workers
from optlab_c.callables import PythonObjective
from tests.support import same_bits

X = np.array([1.5, -0.7, 0.0, 40.0])


def value(x, scale=1.0):
    return scale * complex_or_real(np.sin(x).sum() + (x**3).sum() * x[0])


def complex_or_real(f):
    return f.item()


def gradient(x, scale=1.0):
    return scale * (np.cos(x) + 3 * x**2 * x[0] + np.eye(x.size)[0] * (x**3).sum())


def fails(x):
    raise LookupError("mine")


class Recorded:
    """A map that remembers how it was used."""

    def __init__(self):
        self.sizes = []

    def __call__(self, function, points):
        self.sizes.append(len(points))
        return [function(x) for x in points]


@pytest.mark.parametrize("scheme", ["2-point", "3-point", "cs"])
@pytest.mark.parametrize("args", [(), (2.0,)])
class TestSameNumbers:
    def test_gradient(self, scheme, args):
        recorded = Recorded()
        serial = PythonObjective(scheme, value, None, args, 4)
        mapped = PythonObjective(scheme, value, None, args, 4, map=recorded)
        assert same_bits(serial.gradient(X), mapped.gradient(X))
        assert recorded.sizes == [8 if scheme == "3-point" else 4]

    def test_hessian(self, scheme, args):
        recorded = Recorded()
        some = ("separate", value, gradient, args, 4)
        serial = PythonObjective(*some, second=scheme)
        mapped = PythonObjective(*some, second=scheme, map=recorded)
        assert same_bits(serial.hessian(X), mapped.hessian(X))
        assert recorded.sizes == [8 if scheme == "3-point" else 4]

    def test_processes(self, scheme, args):
        serial = PythonObjective(scheme, value, None, args, 4)
        with pool(workers("workers", 2)) as processes:
            mapped = PythonObjective(scheme, value, None, args, 4, map=processes)
            assert same_bits(serial.gradient(X), mapped.gradient(X))

    def test_threads(self, scheme, args):
        serial = PythonObjective(scheme, value, None, args, 4)
        with ThreadPoolExecutor(2) as executor:
            mapped = PythonObjective(scheme, value, None, args, 4, map=executor.map)
            assert same_bits(serial.gradient(X), mapped.gradient(X))


def test_an_exception_passes_unchanged():
    def f(x):
        if (x != X).any():
            raise LookupError("mine")
        return 0.0

    for given in (Recorded(), map):
        objective = PythonObjective("2-point", f, None, (), 4, map=given)
        with pytest.raises(LookupError, match="mine"):
            objective.gradient(X)


def test_an_exception_passes_between_processes():
    objective = PythonObjective("separate", value, fails, (), 4, second="2-point")
    with pytest.raises(LookupError, match="mine"), pool(2) as processes:
        list(processes(fails, [X]))
    with pytest.raises(LookupError, match="mine"):
        objective.hessian(X)


@pytest.mark.parametrize("answers", [[], [1.0] * 3, [1.0] * 5])
def test_too_few_or_many_answers(answers):
    objective = PythonObjective(
        "2-point", value, None, (), 4, map=lambda function, points: answers
    )
    with pytest.raises(ValueError, match="workers must give 4 answers"):
        objective.gradient(X)


def test_one_side_not_finite():
    def f(x):
        return float(np.sqrt(1 - x[0])) if x[0] <= 1 else math.nan

    some = ("2-point", f, None, (), 1)
    x = np.array([1 - 1e-9])
    serial = PythonObjective(*some).gradient(x)
    assert np.isfinite(serial).all()
    assert same_bits(PythonObjective(*some, map=Recorded()).gradient(x), serial)


class TestArgument:
    @pytest.mark.parametrize("value", [None, 1, 1.0, np.int64(1)])
    def test_serial(self, value):
        assert workers("workers", value) is None
        with pool(workers("workers", value)) as nothing:
            assert nothing is None

    @pytest.mark.parametrize("value", [-1, 2, 3.0])
    def test_processes(self, value):
        assert workers("workers", value) == value

    def test_like_map(self):
        assert workers("workers", map) is map
        with pool(map) as given:
            assert given is map

    @pytest.mark.parametrize(
        ("value", "error"),
        [
            (0, ValueError),
            (-2, ValueError),
            (1.5, ValueError),
            (math.nan, ValueError),
            (True, TypeError),
            (False, TypeError),
            ("2", TypeError),
            ([], TypeError),
            (2j, TypeError),
        ],
    )
    def test_what_is_refused_is_named(self, value, error):
        with pytest.raises(error, match="workers"):
            workers("workers", value)

    def test_the_processes_end(self):
        with pool(2) as processes:
            assert list(processes(abs, [-1, 2])) == [1, 2]
        with pytest.raises(ValueError, match="Pool not running"):
            processes(abs, [1])
