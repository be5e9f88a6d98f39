"""Checkpoints: runs that are cut off go on as if nothing had happened."""

import json
import os
import pickle
import subprocess
import sys
import textwrap
import time
import zipfile

import numpy as np
import pytest

import optlab
from optlab import FiniteSum, Solver, checkpoint, minimize, resume
from optlab.methods import METHODS
from optlab.stochastic import RULES

from .functions import rosenbrock
from .support import SECOND_ORDER, same_bits

FUN = rosenbrock(5, np.array([-1.2, 1.0, 0.3, -0.7, 1.4]))
BOX = [(-2.0, 0.5)] * 5
OPTIONS = {"history": True, "return_all": True, "checkpoint_every": 0.0}
FIELDS = ("x", "fun", "jac", "nit", "nfev", "njev", "nhev", "status", "success")

rng = np.random.default_rng(0)
A = rng.normal(size=(100, 5))
b = A @ np.arange(5.0) + rng.normal(size=100)


def squares(w, indices):
    r = (A[indices] * w).sum(axis=1) - b[indices]
    return 0.5 * np.mean(r * r), (A[indices] * r[:, None]).sum(axis=0) / len(r)


def assert_same(a, b):
    for name in FIELDS:
        assert same_bits(a[name], b[name]), name
    assert a.message == b.message
    assert ("allvecs" in a) == ("allvecs" in b)
    assert same_bits(a.get("allvecs", 0), b.get("allvecs", 0))
    for name in set(b.get("history", {})) - {"seconds"}:
        assert same_bits(a.history[name], b.history[name]), name


class Dies(Exception):
    """What cuts a run off."""


def dies_after(calls, function):
    """The function, which fails at the call of that number."""

    def fun(*arguments):
        fun.calls += 1
        if fun.calls == calls:
            raise Dies
        return function(*arguments)

    fun.calls = 0
    return fun


def hessp(x, v):
    return FUN.hessian(x) @ v


# How f, g and H are had, and within what. Functions that die are slow as well: between
# evaluations, a run looks every 50 ms, by a clock of 10 ms, whether a checkpoint is due.
KINDS = {
    **{name: ({"method": name, "jac": FUN.gradient}, FUN.value) for name in METHODS},
    "joint": ({"method": "bfgs", "jac": True}, FUN),
    "bounds": ({"jac": FUN.gradient, "bounds": BOX}, FUN.value),
    "projected": ({"method": "gd", "jac": FUN.gradient, "bounds": BOX}, FUN.value),
    "2-point": ({"method": "l-bfgs"}, FUN.value),
    "3-point": ({"jac": "3-point", "bounds": BOX}, FUN.value),
    "hess": ({"method": "newton", "jac": FUN.gradient, "hess": FUN.hessian}, FUN.value),
    "hessp": ({"method": "trust-ncg", "jac": FUN.gradient, "hessp": hessp}, FUN.value),
    "float32": ({"method": "bfgs", "jac": FUN.gradient}, FUN.value),
}


def start_of(kind):
    return np.minimum(FUN.x0, 0.5) if "bounds" in KINDS[kind][0] else FUN.x0


def options_of(kind, **more):
    single = {"dtype": "float32", "gtol": 1e-2} if kind == "float32" else {}
    return OPTIONS | single | more


def functions_of(arguments):
    return {k: v for k, v in arguments.items() if k in ("jac", "hess", "hessp")}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_goes_on(kind, tmp_path):
    path = tmp_path / "run.npz"
    arguments, fun = KINDS[kind]
    x0 = start_of(kind)
    counted = dies_after(-1, fun)
    plain = minimize(counted, x0, options=options_of(kind), **arguments)
    options = options_of(kind, checkpoint=path)
    for calls in (3, 12):
        slow = dies_after(calls, fun)
        mortal = lambda x, slow=slow: (time.sleep(0.062), slow(x))[1]
        with pytest.raises(Dies):
            minimize(mortal, x0, options=options, **arguments)
        rest = dies_after(-1, fun)
        assert_same(resume(path, rest, **functions_of(arguments)), plain)
        # It goes on: the answer that it died of is all that is lost.
        lost = {"2-point": 5, "3-point": 10}.get(kind, 0)
        assert calls == 3 or rest.calls <= counted.calls - 11 + lost
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("method", RULES)
def test_every_stochastic_run_goes_on(method, tmp_path):
    path = tmp_path / "run.npz"
    options = {"epochs": 6, "rng": 3, "full": True, "checkpoint_every": 0.0}
    options |= {"validation": 0.2, "batch_size": 16}
    counted = dies_after(-1, squares)
    plain = minimize(
        FiniteSum(counted, 100), np.zeros(5), method=method, options=options
    )
    for calls in (4, 17):
        dying = dies_after(calls, squares)

        def slow(w, indices, dying=dying):
            time.sleep(0.062)
            return dying(w, indices)

        with pytest.raises(Dies):
            minimize(
                FiniteSum(slow, 100),
                np.zeros(5),
                method=method,
                options=options | {"checkpoint": path},
            )
        rest = dies_after(-1, squares)
        assert_same(resume(path, FiniteSum(rest, 100)), plain)
        # f(x0), and f at the last epoch's end, are computed anew.
        assert calls == 4 or rest.calls <= counted.calls - 17 + 4


BIT_GENERATORS = ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"]


@pytest.mark.parametrize("kind", BIT_GENERATORS)
def test_generators_of_every_kind(kind, tmp_path):
    path = tmp_path / "run.npz"

    def fresh():
        drawn = np.random.Generator(getattr(np.random, kind)(7))
        drawn.random(3, dtype=np.float32)  # half a word is left
        return drawn

    options = {"epochs": 5, "validation": 0.2}
    total = FiniteSum(squares, 100)
    plain = minimize(
        total, np.zeros(5), method="adam", options=options | {"rng": fresh()}
    )
    options |= {"rng": fresh(), "checkpoint": path, "epochs": 2}
    minimize(total, np.zeros(5), method="adam", options=options)
    assert_same(resume(path, total, options={"epochs": 5}), plain)


@pytest.mark.parametrize("calls", [1, 2, 8, 9, 10, 14])
def test_counts_of_a_stochastic_run_are_of_the_whole_run(calls, tmp_path):
    # Seven batches an epoch, and all samples at x0 and after every epoch.
    path = tmp_path / "run.npz"
    options = {"epochs": 3, "rng": 0, "full": True, "batch_size": 16}
    counted = dies_after(-1, squares)
    plain = minimize(
        FiniteSum(counted, 100), np.zeros(5), method="sgd", options=options
    )
    assert plain.nfev == counted.calls
    options |= {"checkpoint": path, "checkpoint_every": 0.0}
    dying = dies_after(calls, squares)

    def slow(w, indices):
        time.sleep(0.062)
        return dying(w, indices)

    with pytest.raises(Dies):
        minimize(FiniteSum(slow, 100), np.zeros(5), method="sgd", options=options)
    for call in (1, 2):  # and where a resumed run dies at once
        with pytest.raises(Dies):
            resume(path, FiniteSum(dies_after(call, squares), 100))
    assert_same(resume(path, FiniteSum(squares, 100)), plain)


@pytest.mark.parametrize("epochs", [3, 6])
def test_the_best_epoch_may_be_the_last(epochs, tmp_path):
    path = tmp_path / "run.npz"
    options = {"epochs": epochs, "rng": 0, "full": True, "validation": 0.2}
    total = FiniteSum(squares, 100)
    plain = minimize(total, np.zeros(5), method="sgd", options=options)
    assert np.argmin(plain.history["validation_loss"]) == epochs - 1
    first = minimize(
        total, np.zeros(5), method="sgd", options=options | {"checkpoint": path}
    )
    assert_same(first, plain)
    for _ in range(2):  # it had ended: no point is evaluated, or counted, twice
        assert_same(resume(path, total), plain)


def test_a_seed_that_was_not_given_is_kept(tmp_path):
    path = tmp_path / "run.npz"
    options = {
        "epochs": 4,
        "checkpoint": path,
        "validation": 0.3,
        "shuffle": "replacement",
    }
    total = FiniteSum(squares, 100)
    result = minimize(total, np.zeros(5), method="adam", options=options)
    assert_same(resume(path, total), result)  # it had ended
    longer = resume(path, total, options={"epochs": 6})
    assert longer.nit == 6
    assert same_bits(longer.history["loss"][:4], result.history["loss"])


# ---- killed ---------------------------------------------------------------------------

# It imports once, and forks for every run. Functions sleep so long that a run takes about
# 0.6 s: ten checkpoints, as a run looks every 50 ms whether one is due.
SCRIPT = """
import os, pickle, signal, sys, time
import numpy as np
import optlab
from scipy import sparse
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

kind, folder = sys.argv[1:]
draws = np.random.default_rng(list(kind.encode()))
path, out = os.path.join(folder, "run.npz"), os.path.join(folder, "out")
calls, pause = 0, 0.0

def slow(function):
    def called(*arguments):
        global calls
        calls += 1
        time.sleep(pause)
        return function(*arguments)
    return called

x0, given = np.linspace(-1.2, 1.5, 8), {"jac": slow(rosen_der)}
options = {"history": True, "return_all": True, "gtol": 1e-7}
method, fun = kind, slow(rosen)
if kind in optlab.stochastic.RULES:
    rng = np.random.default_rng(0)
    A = rng.normal(size=(200, 6))
    b = A @ np.arange(6.0) + rng.normal(size=200)
    def part(w, i):
        r = A[i] @ w - b[i]
        return r @ r / 2 / len(i), A[i].T @ r / len(i)
    fun, x0, given = optlab.FiniteSum(slow(part), 200), np.zeros(6), {}
    options = {"epochs": 12, "rng": 5, "validation": 0.2, "full": True}
elif kind in ("2-point", "3-point"):
    method, given, options["gtol"] = "l-bfgs", {"jac": kind}, 1e-5
elif kind == "bounds":
    method, x0 = "l-bfgs-b", np.minimum(x0, 0.5)
elif kind == "sparse":
    method, given["hess"] = "newton", lambda x: sparse.csc_array(rosen_hess(x))
elif kind == "hessp":
    method, given["hessp"] = "newton-cg", rosen_hess_prod
elif kind in ("newton", "newton-cg", "trust-ncg"):
    given["hess"] = rosen_hess
elif kind == "gd":
    options["maxiter"] = 400

def run(**more):
    box = {"bounds": [(None, 0.5)] * 8} if kind == "bounds" else {}
    return optlab.minimize(
        fun, x0, method=method, options=options | more, **given, **box
    )

def forked(work):
    child = os.fork()
    if child == 0:
        with open(out, "wb") as file:
            pickle.dump(dict(work()) | {"hess_inv": None}, file)
        os._exit(0)
    return child

plain = dict(run()) | {"hess_inv": None}
pause = 0.6 / calls
child = forked(lambda: run(checkpoint=path, checkpoint_every=0.0))
while not os.path.exists(path):
    time.sleep(0.001)
kills = 0
for _ in range(4):
    time.sleep(draws.uniform(0, 0.16))
    os.kill(child, signal.SIGKILL)
    if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        break  # it was quicker
    kills += 1
    child = forked(lambda: optlab.resume(path, fun, **given))
else:
    assert os.waitpid(child, 0)[1] == 0
with open(out, "rb") as file:
    print(pickle.dumps((kills, plain, pickle.load(file))).hex())
"""

KILLED = [*METHODS, "2-point", "3-point", "bounds", "sparse", "hessp", *RULES]
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")


def told_by(script, *arguments):
    """What a script of that text writes, with one thread for each library."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=os.environ | single, capture_output=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr.decode()


@forks
@pytest.mark.parametrize("kind", KILLED)
def test_killed_at_any_moment(kind, tmp_path):
    code, out, errors = told_by(SCRIPT, kind, tmp_path)
    assert code == 0, errors
    kills, plain, result = pickle.loads(bytes.fromhex(out.decode()))
    assert kills >= 2
    assert_same(optlab.OptimizeResult(result), optlab.OptimizeResult(plain))


WRITING = """
import os, signal, sys, time
import numpy as np
import optlab
from scipy.optimize import rosen, rosen_der

path, moment = sys.argv[1:]
place, name = {"savez": (np, "savez"), "fsync": (os, "fsync"), "replace": (os, "replace")}[
    moment
]
whole, calls = getattr(place, name), 0

def dies(*arguments, **more):
    global calls
    calls += 1
    if calls == 4:
        if moment == "savez":
            arguments[0].write(b"PK half of it")
            arguments[0].flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*arguments, **more)

setattr(place, name, dies)
def slow(x):
    time.sleep(0.062)
    return rosen(x)
options = {"checkpoint": path, "checkpoint_every": 0.0}
optlab.minimize(slow, [-1.2, 1.0, 0.7], jac=rosen_der, options=options)
"""


@forks
@pytest.mark.parametrize("moment", ["savez", "fsync", "replace"])
def test_killed_while_it_writes(moment, tmp_path):
    from scipy.optimize import rosen, rosen_der

    path = tmp_path / "run.npz"
    code, _, errors = told_by(WRITING, path, moment)
    assert code == -9, errors
    solver = Solver.load(path)
    assert 1 <= solver.result.nfev <= 5  # the third one, not the first
    result = resume(path, rosen, jac=rosen_der)
    assert_same(result, minimize(rosen, [-1.2, 1.0, 0.7], jac=rosen_der))
    assert list(tmp_path.iterdir()) == [path]  # what was half written is gone


# ---- after the end --------------------------------------------------------------------


@pytest.mark.parametrize("limit", [{"maxiter": 6}, {"maxfun": 9}, {"ftol": 0.5}])
def test_a_run_that_was_limited_goes_on(limit, tmp_path):
    options = {"checkpoint": tmp_path / "run.npz", "gtol": 1e-8}
    first = minimize(FUN, FUN.x0, jac=True, options=options | limit)
    assert not first.success
    free = {"maxiter": 1000, "maxfun": 1000, "ftol": 0.0}
    (name,) = limit
    result = resume(options["checkpoint"], FUN, jac=True, options={name: free[name]})
    plain = minimize(FUN, FUN.x0, jac=True, options={"gtol": 1e-8})
    assert_same(result, plain)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", ["maxiter", "maxfun"])
def test_limits_leave_no_trace(kind, limit, tmp_path):
    path = tmp_path / "run.npz"
    arguments, fun = KINDS[kind]
    x0 = start_of(kind)
    plain = minimize(fun, x0, options=options_of(kind), **arguments)
    for number in (0, 3, 8):
        if limit == "maxfun" and number == 0:
            continue
        options = options_of(kind, checkpoint=path, **{limit: number})
        half = minimize(fun, x0, options=options, **arguments)
        assert half.nit <= 8
        more = {limit: 10_000}
        assert_same(resume(path, fun, options=more, **functions_of(arguments)), plain)


def test_what_a_callback_raises_leaves_a_run_that_goes_on(tmp_path):
    path = tmp_path / "run.npz"
    seen = []

    def fails(x):
        seen.append(x)
        if len(seen) == 7:
            raise Dies

    def slow(x):
        time.sleep(0.062)
        return FUN(x)

    options = OPTIONS | {"checkpoint": path}
    with pytest.raises(Dies):
        minimize(slow, FUN.x0, jac=True, callback=fails, options=options)
    plain = minimize(FUN, FUN.x0, jac=True, options=OPTIONS)
    rest = []
    assert_same(resume(path, FUN, jac=True, callback=rest.append), plain)
    assert len(rest) < plain.nit  # not from the start
    assert same_bits(rest, plain.allvecs[-len(rest) :])


def test_a_finished_run_is_not_run_again(tmp_path):
    path = tmp_path / "run.npz"
    options = {"checkpoint": path, "history": True}
    first = minimize(FUN, FUN.x0, jac=True, method="l-bfgs", options=options)
    assert_same(resume(path, dies_after(1, FUN), jac=True), first)
    finer = resume(path, FUN, jac=True, options={"gtol": 1e-10})
    assert finer.success
    assert finer.nit > first.nit
    assert np.abs(finer.jac).max() <= 1e-10


def test_a_solver_and_minimize_read_each_others_files(tmp_path):
    path = tmp_path / "run.npz"
    plain = minimize(FUN, FUN.x0, jac=True, method="bfgs")
    solver = Solver(FUN.x0, method="bfgs")
    for _ in range(9):
        solver.tell(*FUN(solver.ask()[1]))
    solver.ask()
    solver.save(path)
    assert_same(resume(path, FUN, jac=True), plain)
    minimize(FUN, FUN.x0, jac=True, method="bfgs",
             options={"checkpoint": path, "maxiter": 0})  # fmt: skip
    solver = Solver.load(path)
    assert solver.done
    assert solver.result.status.name == "MAXITER"


def test_a_loaded_solver_goes_on_writing(tmp_path):
    path = tmp_path / "run.npz"
    solver = Solver(FUN.x0, options={"checkpoint": path, "checkpoint_every": 0})
    for _ in range(5):
        solver.tell(*FUN(solver.ask()[1]))
    solver = Solver.load(path)
    for _ in range(4):
        solver.tell(*FUN(solver.ask()[1]))
    assert same_bits(Solver.load(path).ask()[1], solver.ask()[1])
    copied = pickle.loads(pickle.dumps(solver))  # a copy is another run, without a file
    copied.tell(*FUN(copied.ask()[1]))
    assert same_bits(Solver.load(path).ask()[1], solver.ask()[1])


@pytest.mark.parametrize("kind", ["2-point", "3-point", "hess", "hessp", "bounds"])
def test_looking_into_a_file_leaves_it_as_it_is(kind, tmp_path):
    path = tmp_path / "run.npz"
    arguments, fun = KINDS[kind]
    plain = minimize(fun, start_of(kind), options=OPTIONS, **arguments)
    options = OPTIONS | {"checkpoint": path, "maxiter": 4}
    half = minimize(fun, start_of(kind), options=options, **arguments)
    before = path.read_bytes()
    solver = Solver.load(path)
    assert solver.done
    assert same_bits(solver.result.x, half.x)
    assert path.read_bytes() == before
    more = {"maxiter": 1000}
    assert_same(resume(path, fun, options=more, **functions_of(arguments)), plain)


def test_a_run_that_a_solver_cannot_ask_for(tmp_path):
    from scipy import sparse

    path = tmp_path / "run.npz"
    arguments = {
        "jac": FUN.gradient, "hess": lambda x: sparse.csc_array(FUN.hessian(x))
    }  # fmt: skip
    options = {"checkpoint": path, "maxiter": 2}
    minimize(FUN.value, FUN.x0, method="newton", options=options, **arguments)
    with pytest.raises(ValueError, match=r"run\.npz.*sparse.*resume"):
        Solver.load(path)
    plain = minimize(FUN.value, FUN.x0, method="newton", **arguments)
    result = resume(path, FUN.value, options={"maxiter": 100}, **arguments)
    assert_same(result, plain)


@pytest.mark.parametrize("stochastic", [False, True])
def test_a_function_may_change_the_directory(stochastic, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (other := tmp_path / "other").mkdir()
    options = {"checkpoint": "run.npz", "checkpoint_every": 0.0}

    def wanders(function):
        def fun(*arguments):
            os.chdir(other)
            time.sleep(0.062)
            return function(*arguments)

        return fun

    if stochastic:
        total = FiniteSum(wanders(squares), 100)
        options |= {"epochs": 1, "rng": 0}
        minimize(total, np.zeros(5), method="sgd", options=options)
        assert resume(tmp_path / "run.npz", total).nit == 1
    else:
        minimize(wanders(FUN), FUN.x0, jac=True, options=options | {"maxiter": 3})
        assert Solver.load(tmp_path / "run.npz").result.nit == 3
    assert not list(other.iterdir())


def test_a_moved_file_goes_on_where_it_is(tmp_path):
    old, new = tmp_path / "old.npz", tmp_path / "new.npz"
    minimize(FUN, FUN.x0, jac=True, options={"checkpoint": old, "maxiter": 3})
    old.rename(new)
    resume(new, FUN, jac=True, options={"maxiter": 5})
    assert not old.exists()
    assert resume(new, FUN, jac=True).nit == 5


def test_ctrl_c_leaves_a_run_that_goes_on(tmp_path):
    path = tmp_path / "run.npz"

    def interrupted(x):
        interrupted.calls += 1
        if interrupted.calls == 12:
            raise KeyboardInterrupt
        time.sleep(0.062)
        return FUN(x)

    interrupted.calls = 0
    options = {"checkpoint": path, "checkpoint_every": 0}
    with pytest.raises(KeyboardInterrupt):
        minimize(interrupted, FUN.x0, jac=True, options=options)
    assert_same(resume(path, FUN, jac=True), minimize(FUN, FUN.x0, jac=True))


# ---- what cannot be saved, what does not fit ------------------------------------------


def test_callables_are_given_again(tmp_path):
    path = tmp_path / "run.npz"
    total, options = FiniteSum(squares, 100), {"epochs": 4, "rng": 1}
    callables = {
        "schedule": lambda epoch: 1 / (1 + epoch),
        "validation": lambda w: float(w @ w),
    }
    given = options | callables | {"checkpoint": path}
    plain = minimize(total, np.zeros(5), method="sgd", options=options | callables)
    minimize(total, np.zeros(5), method="sgd", options=given | {"epochs": 2})
    with pytest.raises(ValueError, match=r"schedule|validation"):
        resume(path, total, options={"epochs": 4})
    assert_same(resume(path, total, options=callables | {"epochs": 4}), plain)
    minimize(
        FUN.value, FUN.x0, options={"checkpoint": path, "workers": map, "maxiter": 2}
    )
    with pytest.raises(ValueError, match="workers"):
        resume(path, FUN.value)
    assert resume(path, FUN.value, options={"workers": map}).nit == 2


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"fun": FUN.value}, ValueError, "jac"),
        ({"jac": "3-point"}, ValueError, "jac"),
        ({"options": {"maxcor": 3}}, ValueError, "maxcor"),
        ({"options": {"gtoll": 3}}, ValueError, "gtoll"),
        ({"options": {"gtol": -1}}, ValueError, "gtol"),
        ({"options": 3}, TypeError, "options"),
        ({"callback": 3}, TypeError, "callback"),
        ({"fun": 3}, TypeError, "fun"),
        ({"fun": optlab.problems.get("rosenbrock"), "jac": None}, ValueError, "x0|fun"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(given, error, match, tmp_path):
    path = tmp_path / "run.npz"
    minimize(FUN, FUN.x0, jac=True, method="l-bfgs",
             options={"checkpoint": path, "maxiter": 2})  # fmt: skip
    given = {"fun": FUN, "jac": True} | given
    if given["fun"] is FUN.value:
        del given["jac"]
    with pytest.raises(error, match=match):
        resume(path, given.pop("fun"), **given)


@pytest.mark.parametrize("method", SECOND_ORDER)
def test_hessians_are_had_as_before(method, tmp_path):
    path = tmp_path / "run.npz"
    options = {"checkpoint": path, "maxiter": 2}
    minimize(FUN, FUN.x0, jac=True, hess=FUN.hessian, method=method, options=options)
    with pytest.raises(ValueError, match="hess"):
        resume(path, FUN, jac=True)


@pytest.mark.parametrize("value", [3, None, 1.5, b"x", ""])
def test_paths(value):
    if value is None:
        assert minimize(FUN, FUN.x0, jac=True, options={"checkpoint": None}).success
        return
    with pytest.raises((TypeError, ValueError), match="checkpoint"):
        minimize(dies_after(1, FUN), FUN.x0, jac=True, options={"checkpoint": value})


def test_a_folder_that_is_not_there_is_told_before_any_work(tmp_path):
    fun = dies_after(1, FUN)
    options = {"checkpoint": tmp_path / "none" / "run.npz"}
    with pytest.raises(OSError, match="none"):
        minimize(fun, FUN.x0, jac=True, options=options)
    assert fun.calls == 0
    with pytest.raises(OSError, match=r"run\.npz"):
        resume(tmp_path / "run.npz", FUN, jac=True)


# ---- files ----------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.npz"
    solver = Solver(FUN.x0, bounds=None, method="bfgs", options=OPTIONS)
    for _ in range(6):
        solver.tell(*FUN(solver.ask()[1]))
    solver.save(path)
    return path


def refused(path):
    with pytest.raises((ValueError, OSError), match=r"run\.npz"):
        Solver.load(path)
    with pytest.raises((ValueError, OSError), match=r"run\.npz"):
        resume(path, FUN, jac=True)


def test_a_file_is_npz_without_pickle(saved):
    with np.load(saved, allow_pickle=False) as arrays:
        facts = json.loads(arrays["facts"].tobytes())
        assert facts["format"] == checkpoint.FORMAT
        assert facts["method"] == "bfgs"
        assert set(arrays.files) == {"facts", "machine", "history", "allvecs"}


def test_truncated_files(saved):
    data = saved.read_bytes()
    for length in range(0, len(data), 97):
        saved.write_bytes(data[:length])
        refused(saved)


def test_flipped_bits(saved):
    data, same = saved.read_bytes(), 0
    whole = Solver.load(saved)
    for at in range(0, len(data), 53):
        saved.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            solver = Solver.load(saved)
        except (ValueError, OSError):
            refused(saved)
        else:  # of a name's date or the like
            same += 1
            assert same_bits(solver.ask()[1], whole.ask()[1])
    assert same < 0.2 * len(data) / 53


@pytest.mark.parametrize("content", [b"", b"x", b"optlab", b"PK\x03\x04", bytes(1000)])
def test_other_files(saved, content):
    saved.write_bytes(content)
    refused(saved)


def test_other_archives(saved):
    np.savez(saved, x=np.zeros(3))
    refused(saved)
    np.savez(saved, facts=np.frombuffer(b"[1, 2]", np.uint8))
    refused(saved)
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr("facts.npy", b"nothing")
    refused(saved)


def test_pickles_are_not_read(saved, tmp_path):
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(ran),)

    np.savez(saved, facts=np.array([Evil()], dtype=object), allow_pickle=True)
    refused(saved)
    saved.write_bytes(pickle.dumps(Evil()))
    refused(saved)
    assert not ran.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"format": "1"},
        {"kind": "other"},
        {"method": "nelder-mead"},
        {"options": {"gtoll": 1}},
        {"options": 3},
        {"others": 3},
    ],
    ids=str,
)
def test_other_facts(saved, change):
    with np.load(saved) as arrays:
        arrays = dict(arrays)
    facts = json.loads(arrays.pop("facts").tobytes()) | change
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(saved, facts=text, **arrays)
    with pytest.raises((ValueError, OSError)):
        Solver.load(saved)
    with pytest.raises((ValueError, OSError)):
        resume(saved, FUN, jac=True)


def rewritten(path, facts=(), **changes):
    """Write the file anew with other facts, and other arrays or none."""
    with np.load(path) as arrays:
        arrays = dict(arrays)
    text = json.loads(arrays.pop("facts").tobytes()) | dict(facts)
    text = {name: value for name, value in text.items() if value != "missing"}
    for name, array in changes.items():
        del arrays[name]
        if array is not None:
            arrays[name] = array
    np.savez(path, facts=np.frombuffer(json.dumps(text).encode(), np.uint8), **arrays)


MACHINE = Solver(np.zeros(7), method="bfgs")._run.machine.save()


@pytest.mark.parametrize("machine", [MACHINE, MACHINE[:-9], MACHINE[:50], b""])
def test_another_machine(saved, machine):
    rewritten(saved, machine=np.frombuffer(machine, np.uint8))
    refused(saved)


WRONG_ARRAYS = [
    None,
    np.zeros(3),
    np.zeros((3, 2, 2)),
    np.array("text"),
    np.zeros((3, 5), complex),
    np.zeros((3, 5), int),
]


@pytest.mark.parametrize("array", WRONG_ARRAYS, ids=str)
@pytest.mark.parametrize("name", ["machine", "history", "allvecs", "lower", "upper"])
def test_other_arrays(name, array, tmp_path):
    path = tmp_path / "run.npz"
    options = OPTIONS | {"checkpoint": path, "maxiter": 3}
    minimize(FUN, start_of("bounds"), jac=True, bounds=BOX, options=options)
    rewritten(path, **{name: array})
    refused(path)


@pytest.fixture
def summed(tmp_path):
    path = tmp_path / "run.npz"
    options = {"epochs": 3, "rng": 1, "validation": 0.2, "full": True}
    options |= {"checkpoint": path, "averaging": True}
    minimize(FiniteSum(squares, 100), np.zeros(5), method="adam", options=options)
    return path


def refused_sum(path):
    with pytest.raises((ValueError, OSError), match=r"run\.npz"):
        resume(path, FiniteSum(dies_after(1, squares), 100))


def test_damaged_stochastic_files(summed):
    data = summed.read_bytes()
    for length in range(0, len(data), 211):
        summed.write_bytes(data[:length])
        refused_sum(summed)
    damaged = 0
    places = range(0, len(data), 97)
    for at in places:
        summed.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            checkpoint.read(summed)
        except (ValueError, OSError):
            refused_sum(summed)
            damaged += 1
    assert damaged > 0.8 * len(places)  # others are of a name's date or the like


@pytest.mark.parametrize("array", WRONG_ARRAYS, ids=str)
@pytest.mark.parametrize("name", ["x0", "machine", "history"])
def test_other_arrays_of_a_stochastic_run(name, array, summed):
    rewritten(summed, **{name: array})
    with pytest.raises((ValueError, OSError), match=r"run\.npz"):
        resume(summed, FiniteSum(squares, 100))


@pytest.mark.parametrize("name", ["x", "best_x"])
def test_points_of_another_length(name, summed):
    rewritten(summed, **{name: np.zeros(4)})
    with pytest.raises(ValueError, match=rf"run\.npz.*{name}"):
        resume(summed, FiniteSum(squares, 100))


_VALUES = ("missing", "text", [1], {"a": 1}, None)
_FACTS = ("method", "others", "rng", "samples", "evaluations", "best_loss", "waited")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in (*_FACTS, "seconds") for value in _VALUES),
        *(("options", value) for value in ("missing", "text", [1], 1, None)),
        ("known", "missing"),
        ("last_is_best", "missing"),
        ("status", "text"),
        ("status", [1]),
    ],
)
def test_other_facts_of_a_stochastic_run(name, value, summed):
    rewritten(summed, {name: value})
    with pytest.raises((ValueError, OSError), match=r"run\.npz"):
        resume(summed, FiniteSum(squares, 100))


def test_a_generator_is_one_of_numpys(summed):
    rewritten(summed, {"rng": {"bit_generator": "seed", "state": {}}})
    refused_sum(summed)


def test_a_stochastic_file_is_no_solvers(tmp_path):
    path = tmp_path / "run.npz"
    options = {"epochs": 1, "checkpoint": path, "rng": 0}
    minimize(FiniteSum(squares, 100), np.zeros(5), method="sgd", options=options)
    with pytest.raises(ValueError, match="stochastic"):
        Solver.load(path)
    with pytest.raises(TypeError, match="finite sum"):
        resume(path, FUN)
    with pytest.raises(ValueError, match="hess"):
        resume(path, FiniteSum(squares, 100), hess=FUN.hessian)


def test_a_solver_keeps_its_start_and_its_end(tmp_path):
    path = tmp_path / "run.npz"
    solver = Solver(FUN.x0, options={"checkpoint": path})  # every minute, else
    assert not Solver.load(path).done
    while not solver.done:
        _, x = solver.ask()
        solver.tell(*FUN(x))
    kept = Solver.load(path)
    assert kept.done
    assert_same(kept.result, minimize(FUN, FUN.x0, jac=True))


@pytest.mark.parametrize("raised", [OSError("no space"), KeyboardInterrupt()], ids=str)
@pytest.mark.parametrize("broken", ["savez", "fsync", "replace"])
def test_the_old_file_stays_until_the_new_one_is_complete(
    saved, broken, raised, monkeypatch
):
    before = saved.read_bytes()

    def fails(file, *arguments, **more):
        if broken == "savez":
            file.write(b"PK half of it")
        raise raised

    monkeypatch.setattr(np if broken == "savez" else os, broken, fails)
    with pytest.raises(type(raised)):
        Solver(FUN.x0).save(saved)
    monkeypatch.undo()
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
    Solver.load(saved)


def test_a_disk_that_is_full_in_the_midst(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    whole = np.savez

    def full(file, **arrays):
        full.calls += 1
        if full.calls >= 4:
            file.write(b"PK")
            raise OSError(28, "No space left on device")
        whole(file, **arrays)

    def slow(x):
        time.sleep(0.062)
        return FUN(x)

    full.calls = 0
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        minimize(slow, FUN.x0, jac=True, options=OPTIONS | {"checkpoint": path})
    monkeypatch.undo()
    plain = minimize(FUN, FUN.x0, jac=True, options=OPTIONS)
    assert_same(resume(path, FUN, jac=True), plain)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", [3, None, b"run.npz", "", 1.5], ids=repr)
def test_what_is_no_path(value):
    for call in (Solver.load, Solver(FUN.x0).save, lambda p: resume(p, FUN, jac=True)):
        with pytest.raises((TypeError, ValueError), match="path must be a path"):
            call(value)


@pytest.mark.parametrize("place", ["", "file/run.npz", "n" * 300])
def test_places_that_cannot_be_written(place, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    fun = dies_after(1, FUN)
    options = {"checkpoint": tmp_path / place}
    with pytest.raises(OSError, match=r"test_places"):
        minimize(fun, FUN.x0, jac=True, options=options)
    total = FiniteSum(fun, 100)
    with pytest.raises(OSError, match=r"test_places"):
        minimize(total, np.zeros(5), method="sgd", options=options)
    assert fun.calls == 0
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_checkpoint_may_be_read_by_who_may_read_the_folder(saved):
    (other := saved.with_name("plain")).write_bytes(b"")
    assert saved.stat().st_mode == other.stat().st_mode
