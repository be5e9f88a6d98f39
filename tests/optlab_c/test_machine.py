"""The machine by hand: ask and tell, save and load, misuse, memory."""

import itertools
import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest

from optlab import Status, minimize, problems
from optlab.evaluate import Objective
from optlab.methods import METHODS
from optlab_c.machine import CURVATURE, DONE, HV, ITERATE, SOLVE, F, G, H, Machine
from tests.functions import Function, quadratic, rosenbrock, softmax_sum
from tests.support import (
    DISTINCT,
    SECOND_ORDER,
    WITH_SEARCHES,
    answer,
    ask_tell,
    in_threads,
    same_bits,
    settings,
)

# x_2^4/4 - x_2^2/2 and a bowl, with a saddle at 0
SADDLE = Function(
    "saddle",
    lambda x: float(x[0] ** 2 + x[1] ** 2 / 2 - x[2] ** 2 / 2 + x[2] ** 4 / 4),
    lambda x: np.array([2 * x[0], x[1], x[2] ** 3 - x[2]]),
    np.zeros(3),
    lambda x: np.diag([2.0, 1.0, 3 * x[2] ** 2 - 1]),
)


def questions(machine, fun, evaluations, reload=False):
    """What a machine asks, in order, and the iterates it publishes.

    Iterates with a small gradient are doubted, so that CURVATURE is asked for, too.
    """
    asked, published = [], []
    while len(asked) < evaluations:
        want, x = machine.ask()
        if want == DONE:
            break
        if want == ITERATE:
            published.append((machine.x, machine.f, machine.gnorm, machine.alpha))
            if machine.gnorm <= 1e-5:
                machine.doubt()
            if reload:
                machine = Machine.load(machine.save())
            continue
        if want == CURVATURE:
            published.append((machine.x, machine.f, machine.curvature, machine.alpha))
            if reload:
                machine = Machine.load(machine.save())
            continue
        if reload:
            v = machine.v if want == HV else None
            machine = Machine.load(machine.save())
            again = machine.ask()
            assert again[0] == want
            assert same_bits(again[1], x)
            assert want != HV or same_bits(machine.v, v)
        asked.append((want, x))
        answer(machine, want, x, fun)
    return asked, published, machine.outcome


def flat(run):
    """All of it as one list of comparable bits."""
    asked, published, outcome = run
    numbers = [n for _, x in asked for n in x] + [n for row in published for n in row]
    return [w for w, _ in asked], [np.asarray(n).tobytes() for n in numbers], outcome


def equal(a, b):
    return flat(a) == flat(b)


class TestSave:
    """A machine saved at every evaluation continues bit for bit."""

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize(("method", "search"), WITH_SEARCHES)
    def test_at_every_evaluation(self, method, search, dtype):
        fun = rosenbrock(3)
        step = {"step_length": 2e-3} if search == "fixed" else {}
        how = settings(method, 3, line_search=search, dtype=dtype, **step)
        plain = questions(Machine(how, fun.x0), fun, 70)
        resumed = questions(Machine(how, fun.x0), fun, 70, reload=True)
        assert equal(plain, resumed)
        assert len(plain[0]) > 5

    @pytest.mark.parametrize(
        ("method", "options"),
        [
            ("newton", {"solved": True}),
            ("newton-cg", {"preconditioned": True, "maxcor": 3}),
            ("trust-ncg", {"initial_trust_radius": 0.1}),
            ("cg", {"beta": "polak-ribiere"}),
        ],
    )
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_with_other_questions_and_memories(self, method, options, dtype):
        fun = rosenbrock(3)
        how = settings(method, 3, dtype=dtype, **options)
        plain = questions(Machine(how, fun.x0), fun, 70)
        resumed = questions(Machine(how, fun.x0), fun, 70, reload=True)
        assert equal(plain, resumed)
        asked = {want for want, _ in plain[0]}
        expected = {"newton": SOLVE, "newton-cg": HV, "trust-ncg": HV, "cg": F | G}
        assert expected[method] in asked

    @pytest.mark.parametrize("method", SECOND_ORDER)
    @pytest.mark.parametrize("solved", [False, True])
    def test_while_a_saddle_is_left(self, method, solved):
        if solved and method != "newton":
            return
        how = settings(method, 3, solved=solved)
        fun = SADDLE
        plain = questions(Machine(how, fun.x0), fun, 60)
        resumed = questions(Machine(how, fun.x0), fun, 60, reload=True)
        assert equal(plain, resumed)
        values = [row[1] for row in plain[1]]
        assert values[0] == 0.0
        assert min(values) == pytest.approx(-0.25, abs=1e-6)

    @pytest.mark.parametrize("n", [99, 104])
    def test_while_bfgs_turns_dense(self, n):
        fun = softmax_sum(n)
        how = settings("bfgs", n)
        plain = questions(Machine(how, fun.x0), fun, 60)
        assert equal(plain, questions(Machine(how, fun.x0), fun, 60, reload=True))

    def test_with_a_given_inverse_hessian(self):
        fun = quadratic(5)

        def run(reload):
            machine = Machine(settings("bfgs", 5), fun.x0)
            machine.give_inverse(np.diag([0.1, 0.2, 0.3, 0.4, 0.5]))
            return questions(machine, fun, 30, reload)

        assert equal(run(False), run(True))

    def test_while_the_failure_is_looked_into(self):
        """The probes of a failed search are questions like any other."""

        def wrong(x):
            return float(x @ x), -2 * x

        x0 = np.array([1.0, 2.0])
        how = settings("bfgs", 2)
        plain = questions(Machine(how, x0), wrong, 1000)
        assert plain[2] == Status.WRONG_GRADIENT
        assert equal(plain, questions(Machine(how, x0), wrong, 1000, reload=True))

    def test_in_another_process(self):
        fun = quadratic(4)
        machine = Machine(settings("l-bfgs", 4), fun.x0)
        for _ in range(6):
            want, x = machine.ask()
            if want > 0:
                answer(machine, want, x, fun)
        code = (
            "import sys; from optlab_c.machine import Machine\n"
            "m = Machine.load(sys.stdin.buffer.read())\n"
            "sys.stdout.buffer.write(m.x.tobytes() + m.save())"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=machine.save(),
            capture_output=True,
            check=True,
        )
        assert done.stdout.startswith(machine.x.tobytes())
        other = Machine.load(done.stdout[machine.x.nbytes :])
        assert equal(questions(other, fun, 20), questions(machine, fun, 20))

    def test_pickle(self):
        machine = Machine(settings("bfgs", 2), np.array([-1.2, 1.0]))
        other = pickle.loads(pickle.dumps(machine))
        assert equal(
            questions(machine, rosenbrock(), 30), questions(other, rosenbrock(), 30)
        )

    def test_counts_and_limits_travel(self):
        fun = rosenbrock()
        machine = Machine(settings("bfgs", 2), fun.x0)
        questions(machine, fun, 9)
        other = Machine.load(machine.save())
        assert (other.nfev, other.njev) == (9, 9)

    def test_every_damaged_byte_is_noticed(self):
        machine = Machine(settings("l-bfgs", 2, maxcor=2), np.array([-1.2, 1.0]))
        saved = machine.save()
        step = max(1, len(saved) // 400)
        for position in [*range(64), *range(64, len(saved), step), len(saved) - 1]:
            damaged = bytearray(saved)
            damaged[position] ^= 0x10
            with pytest.raises(ValueError, match="saved"):
                Machine.load(bytes(damaged))

    @pytest.mark.parametrize("cut", [0, 1, 10, 60, -1])
    def test_what_is_cut_off_is_noticed(self, cut):
        saved = Machine(settings("bfgs", 2), np.zeros(2)).save()
        with pytest.raises(ValueError, match="saved"):
            Machine.load(saved[:cut])
        with pytest.raises(ValueError, match="saved"):
            Machine.load(saved + b"0")

    def test_other_bytes_are_refused(self):
        with pytest.raises(ValueError, match="saved"):
            Machine.load(b"something else" * 100)
        with pytest.raises(TypeError):
            Machine.load(None)


class TestAskAndTell:
    def test_a_question_stays_until_it_is_answered(self):
        machine = Machine(settings("bfgs", 2), np.array([-1.2, 1.0]))
        assert machine.ask()[0] == machine.ask()[0] == F | G
        machine.tell(f=24.2)
        assert machine.ask()[0] == G
        machine.tell(g=[-215.6, -88.0])
        assert machine.ask() == (ITERATE, None)
        assert (machine.f, machine.k, machine.gnorm) == (24.2, 0, 215.6)
        assert same_bits(machine.g, [-215.6, -88.0])

    def test_the_point_is_a_copy(self):
        machine = Machine(settings("bfgs", 2), np.array([-1.2, 1.0]))
        _, x = machine.ask()
        x[:] = np.nan
        assert machine.ask()[1].tolist() == [-1.2, 1.0]

    def test_only_what_was_asked_can_be_told(self):
        machine = Machine(settings("bfgs", 2), np.zeros(2))
        with pytest.raises(ValueError, match="asked"):
            machine.tell(f=1.0)
        machine.ask()
        with pytest.raises(ValueError, match="asked"):
            machine.tell()
        machine.tell(f=1.0)
        with pytest.raises(ValueError, match="asked"):
            machine.tell(f=1.0)

    @pytest.mark.parametrize("g", [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], 1.0])
    def test_a_gradient_of_another_shape_is_refused(self, g):
        machine = Machine(settings("bfgs", 2), np.zeros(2))
        machine.ask()
        with pytest.raises(ValueError, match=r"g must have shape \(2,\)"):
            machine.tell(f=1.0, g=g)

    @pytest.mark.parametrize("x0", [np.zeros((2, 2)), np.zeros(()), np.zeros(0)])
    def test_a_start_of_another_shape_is_refused(self, x0):
        with pytest.raises(ValueError, match="x0"):
            Machine(settings("bfgs", 2), x0)

    def test_nothing_is_no_machine(self):
        with pytest.raises(TypeError):
            Machine(None, np.zeros(2))
        with pytest.raises(TypeError):
            Machine(settings("bfgs", 2), None)
        with pytest.raises(TypeError):
            Machine()

    def test_a_machine_is_made_once(self):
        machine = Machine(settings("bfgs", 2), np.zeros(2))
        with pytest.raises(RuntimeError):
            machine.__init__(settings("bfgs", 2), np.zeros(2))

    def test_values_first_asks_for_slopes_where_they_count(self):
        """With differences a gradient is dear: the start aside, f is asked for alone."""
        fun = rosenbrock()
        wants = []

        def value(x):
            wants.append(F)
            return fun.value(x)

        result = minimize(value, fun.x0, method="bfgs")
        assert result.success
        assert result.nfev == len(wants)
        trials = result.nfev - 2 * result.njev
        assert result.njev <= trials < 2 * result.njev

    @pytest.mark.parametrize("method", SECOND_ORDER)
    def test_second_derivatives(self, method):
        """What is asked, what may be told, and that it stays until it is answered."""
        fun = quadratic(3)
        machine = Machine(settings(method, 3), fun.x0)
        with pytest.raises(ValueError, match="no Hessian product is wanted"):
            machine.v  # noqa: B018
        answer(machine, *machine.ask(), fun)
        assert machine.ask()[0] == ITERATE
        want, x = machine.ask()
        assert want == {"newton": H}.get(method, HV)
        assert same_bits(x, fun.x0)
        for wrong in ({"f": 1.0}, {"g": x}, {"solve": (x, 0.0, None)}):
            with pytest.raises(ValueError, match="asked"):
                machine.tell(**wrong)
        name = "h" if want == H else "hv"
        for size in (1, 2, 4):
            value = np.zeros((size, size) if want == H else size)
            with pytest.raises(ValueError, match=f"{name} must have shape"):
                machine.tell(**{name: value})
        assert machine.ask()[0] == want
        if want == HV:
            v = machine.v
            v[:] = np.nan  # a copy
            assert np.isfinite(machine.v).all()
        answer(machine, want, x, fun)
        assert machine.nhev == 1

    def test_a_newton_step_is_told(self):
        fun = quadratic(3)
        machine = Machine(settings("newton", 3, solved=True), fun.x0)
        answer(machine, *machine.ask(), fun)
        machine.ask()
        want, x = machine.ask()
        assert want == SOLVE
        with pytest.raises(ValueError, match="solve must have shape"):
            machine.tell(solve=(np.zeros(2), 0.0, None))
        machine.tell(solve=(fun.x_opt - x, 0.0, None))
        want, x = machine.ask()
        assert want == F | G
        np.testing.assert_allclose(x, fun.x_opt)

    @pytest.mark.parametrize("method", METHODS)
    def test_doubt(self, method):
        """Who knows no second derivatives has none; who does is asked once."""
        machine = Machine(settings(method, 3), np.zeros(3))
        answer(machine, *machine.ask(), SADDLE)
        assert machine.ask()[0] == ITERATE
        assert machine.gnorm == 0
        assert not machine.at_saddle
        assert machine.doubt() == (method in SECOND_ORDER)
        assert not machine.doubt()
        if method not in SECOND_ORDER:
            return
        while (question := machine.ask())[0] != CURVATURE:
            answer(machine, *question, SADDLE)
        assert machine.at_saddle
        assert machine.curvature < -0.1
        want, x = machine.ask()
        assert want == F | G
        assert np.abs(x[2]) > 0.1

    def test_an_ended_machine_stays_ended(self):
        machine = Machine(settings("bfgs", 1), np.array([1.0]))
        machine.ask()
        machine.tell(f=np.nan, g=[1.0])
        assert machine.ask() == machine.ask() == (DONE, None)
        assert machine.outcome == Status.NONFINITE_START

    def test_a_run_answers_what_was_asked(self):
        problem = problems.get("rosenbrock")
        alone = Machine(settings("bfgs", 2), problem.x0)
        alone.run(problem.__optlab_objective__)
        machine = Machine(settings("bfgs", 2), problem.x0)
        want, x = machine.question()
        assert want == F | G
        machine.tell(f=problem.fun(x))
        machine.run(problem.__optlab_objective__)
        assert machine.save() == alone.save()

    def test_begun_by_hand_and_run_to_the_end(self):
        problem = problems.get("rosenbrock")
        machine = Machine(settings("bfgs", 2), problem.x0)
        list(itertools.islice(ask_tell(machine, problem.fun_and_grad), 5))
        status = machine.run(problem.__optlab_objective__)
        whole = minimize(problem, problem.x0, method="bfgs")
        assert status == whole.status == 0
        assert same_bits(machine.result()[0], whole.x)
        assert machine.nfev == whole.nfev


class TestReading:
    """What belongs to one direction is refused to the others, not read from nowhere."""

    def test_inverse(self):
        for method in set(METHODS) - {"bfgs"}:
            machine = Machine(settings(method, 2), np.zeros(2))
            with pytest.raises(TypeError, match="bfgs"):
                machine.inverse()
            with pytest.raises(TypeError, match="bfgs"):
                machine.give_inverse(np.eye(2))

    def test_apply(self):
        for method in set(METHODS) - {"bfgs", "l-bfgs", "l-bfgs-b"}:
            with pytest.raises(TypeError):
                Machine(settings(method, 2), np.zeros(2)).apply(np.zeros(2))
        for method in ("bfgs", "l-bfgs"):
            machine = Machine(settings(method, 2), np.zeros(2))
            with pytest.raises(ValueError, match="v must have shape"):
                machine.apply(np.zeros(3))

    def test_pair(self):
        for method in set(METHODS) - {"l-bfgs", "l-bfgs-b"}:
            with pytest.raises(TypeError):
                Machine(settings(method, 2), np.zeros(2)).pair(0)
        machine = Machine(settings("l-bfgs", 2), np.zeros(2))
        for age in (0, -1, 100):
            with pytest.raises(IndexError):
                machine.pair(age)

    def test_a_matrix_of_another_shape(self):
        machine = Machine(settings("bfgs", 2), np.zeros(2))
        for shape in ((3, 3), (2, 3), (1, 1)):
            with pytest.raises(ValueError, match="H0"):
                machine.give_inverse(np.zeros(shape))

    @pytest.mark.parametrize("n", [20, 110])
    def test_reading_hess_inv_midway_does_no_harm(self, n):
        fun = softmax_sum(n)
        plain = [x for x, _, _ in ask_tell(Machine(settings("bfgs", n), fun.x0), fun)]
        machine = Machine(settings("bfgs", n), fun.x0)
        read = []
        for x, _, _ in ask_tell(machine, fun):
            H = machine.inverse()
            np.testing.assert_allclose(H, H.T, rtol=0, atol=1e-12 * np.abs(H).max())
            read.append(x)
        few = min(len(read), len(plain))
        np.testing.assert_allclose(read[:few], plain[:few], atol=1e-7)
        assert abs(len(read) - len(plain)) <= 1


# The arguments that give Python what a compiled problem has.
SECOND = {
    "hess": lambda problem: {"hess": problem.hess},
    "hessp": lambda problem: {"hessp": problem.hessp},
}


class TestWaysOfRunning:
    """However the machine is run, the iterates are the same in every bit."""

    PROBLEMS = ("rosenbrock", "wood", "extended_rosenbrock", "trigonometric")

    @staticmethod
    def result(fun, problem, method, **more):
        return minimize(
            fun,
            problem.x0,
            method=method,
            options={"return_all": True, "history": True} | more.pop("options", {}),
            **more,
        )

    @staticmethod
    def assert_same(a, b):
        assert same_bits(a.x, b.x)
        assert same_bits(a.fun, b.fun)
        assert same_bits(a.jac, b.jac)
        assert (a.nit, a.nfev, a.status) == (b.nit, b.nfev, b.status)
        assert a.message == b.message
        assert same_bits(a.allvecs, b.allvecs)
        for name in ("f", "gnorm", "alpha", "nfev"):
            assert same_bits(a.history[name], b.history[name])

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("method", DISTINCT)
    @pytest.mark.parametrize("name", PROBLEMS)
    def test_compiled_joint_and_separate(self, name, method, dtype):
        problem = problems.get(name, dtype=dtype)
        more = {"options": {"maxiter": 200, "dtype": dtype}}
        compiled = self.result(problem, problem, method, **more)
        if METHODS[method].second_order:
            more |= SECOND[METHODS[method].second](problem)
        joint = self.result(problem.fun_and_grad, problem, method, jac=True, **more)
        separate = self.result(problem.fun, problem, method, jac=problem.grad, **more)
        self.assert_same(compiled, joint)
        self.assert_same(compiled, separate)
        assert compiled.njev == separate.njev
        # A Python hessp is tried once before the run: is it one?
        tried = METHODS[method].second == "hessp"
        assert compiled.nhev + tried == joint.nhev == separate.nhev
        assert joint.njev == joint.nfev  # what is not wanted is computed, and counted
        if METHODS[method].inverse:
            assert same_bits(
                compiled.hess_inv @ np.eye(problem.n),
                joint.hess_inv @ np.eye(problem.n),
            )

    @pytest.mark.parametrize("method", DISTINCT)
    @pytest.mark.parametrize("name", PROBLEMS)
    def test_by_hand(self, name, method):
        problem = problems.get(name)
        whole = self.result(problem, problem, method, options={"maxiter": 150})
        how = settings(method, problem.n, Objective(problem, None))
        machine = Machine(how, problem.x0)
        steps = ask_tell(machine, problem.fun_and_grad, problem.hess, problem.hessp)
        steps = itertools.islice(steps, 151)
        assert same_bits([x for x, _, _ in steps], whole.allvecs)
        assert (machine.nfev, machine.njev) == (whole.nfev, whole.njev)
        assert machine.nhev == whole.nhev

    @pytest.mark.parametrize("method", DISTINCT)
    def test_watched_or_not(self, method):
        problem = problems.get("wood")
        seen = []
        bare = minimize(problem, problem.x0, method=method)
        watched = minimize(problem, problem.x0, method=method, callback=seen.append)
        second = METHODS[method].second
        python = minimize(
            problem.fun_and_grad,
            problem.x0,
            jac=True,
            method=method,
            callback=seen.append,
            options={"history": True},
            **(SECOND[second](problem) if second else {}),
        )
        assert same_bits(bare.x, watched.x)
        assert same_bits(bare.x, python.x)
        assert bare.nfev == watched.nfev == python.nfev
        assert len(seen) == 2 * bare.nit

    @pytest.mark.parametrize("method", DISTINCT)
    def test_in_threads(self, method):
        fun = softmax_sum(30)
        problem = problems.get("extended_rosenbrock", n=100)
        alone = minimize(fun, fun.x0, jac=True, method=method)
        compiled = minimize(problem, problem.x0, method=method)

        def run(i):
            if i % 2:
                return minimize(problem, problem.x0, method=method)
            return minimize(fun, fun.x0, jac=True, method=method)

        for i, result in enumerate(in_threads(run, 8)):
            expected = compiled if i % 2 else alone
            assert same_bits(result.x, expected.x)
            assert result.nfev == expected.nfev

    @pytest.mark.parametrize("method", DISTINCT)
    def test_again(self, method):
        fun = softmax_sum(30)
        a, b = (minimize(fun, fun.x0, jac=True, method=method) for _ in range(2))
        assert same_bits(a.x, b.x)
        assert same_bits(a.jac, b.jac)
        assert (a.fun, a.nit, a.nfev, a.message) == (b.fun, b.nit, b.nfev, b.message)

    def test_a_layout_of_x0_is_no_difference(self):
        fun = softmax_sum(6)
        strided = np.zeros(12)
        strided[::2] = fun.x0
        plain = minimize(fun, fun.x0, jac=True)
        for x0 in (
            strided[::2],
            fun.x0.tolist(),
            fun.x0[::-1][::-1],
            fun.x0.astype(">f8"),
        ):
            assert same_bits(minimize(fun, x0, jac=True).x, plain.x)


COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
static long count;
long allocations(void) { return count; }
void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
void *malloc(size_t n) { count++; return __libc_malloc(n); }
void *calloc(size_t m, size_t n) { count++; return __libc_calloc(m, n); }
void *realloc(void *p, size_t n) { count++; return __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { count++; return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { count++; return __libc_memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n)
{ count++; return (*p = __libc_memalign(a, n)) ? 0 : 12; }
"""

RUNS = r"""
import ctypes, gc, sys
import numpy as np
from optlab import minimize, problems
count = ctypes.CDLL(None).allocations
count.restype = ctypes.c_long
gc.disable()
n = 200  # large enough for arrays not to come from a cache of NumPy
problem = problems.get("extended_rosenbrock", n=n)
x0 = problem.x0 + 0.5 * np.sin(np.arange(n))
answers = [(-float(i), np.ones(n)) for i in range(100)]

def falling(x):  # nothing is allocated here
    return next(queue)

def allocations(fun, jac, method, options, maxiter, **more):
    global queue
    queue = iter(answers)
    before = count()
    result = minimize(fun, x0, jac=jac, method=method,
                      options={"gtol": 0, "maxiter": maxiter, **options}, **more)
    after = count()
    assert result.nit == maxiter, (result.nit, result.message)
    return after - before

def compare(name, fun, jac, method, options, few, many, **more):
    for maxiter in (few, many):  # plans are made once
        allocations(fun, jac, method, options, maxiter, **more)
    short = allocations(fun, jac, method, options, few, **more)
    long = allocations(fun, jac, method, options, many, **more)
    print(name, short, long)

for fun, jac, options in (
    (problem, None, {}),
    (falling, True, {"line_search": "fixed", "step_length": 1e-3}),
):
    for method in ("gd", "cg", "bfgs", "l-bfgs"):
        compare(method, fun, jac, method, options, 20, 70)
for method in ("newton-cg", "trust-ncg"):  # not newton: LAPACK allocates for itself
    compare(method, problem, None, method, {}, 5, 20)
compare("preconditioned", problem, None, "newton-cg", {"preconditioned": True}, 5, 20)
box = [(-9, 0.5), (-9, 9)] * (n // 2)
compare("bounded", problem, None, "l-bfgs-b", {}, 20, 70, bounds=box)
compare("bounded-gd", problem, None, "gd", {}, 20, 70, bounds=box)
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="counts the calls of glibc's malloc"
)
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_an_iteration_allocates_nothing(tmp_path):
    """Calls of malloc, counted: fifty more iterations add none at all.

    Neither in the compiled loop nor in the Python one; BFGS turns dense on the way.
    """
    source, library = tmp_path / "count.c", tmp_path / "count.so"
    source.write_text(COUNTER)
    subprocess.run(
        ["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True
    )
    done = subprocess.run(
        [sys.executable, "-c", RUNS],
        env=os.environ | {"LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) == 13
    for method, short, long in rows:
        assert int(short) > 0
        assert int(long) == int(short), f"{method}: {short} calls, then {long}"
