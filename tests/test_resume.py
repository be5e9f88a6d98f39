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
# evaluations, a run looks every 50 ms whether a checkpoint is due.
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
    plain = minimize(fun, x0, options=options_of(kind), **arguments)
    options = options_of(kind, checkpoint=path)
    for calls in (3, 12):
        slow = dies_after(calls, fun)
        mortal = lambda x, slow=slow: (time.sleep(0.052), slow(x))[1]
        with pytest.raises(Dies):
            minimize(mortal, x0, options=options, **arguments)
        assert_same(resume(path, fun, **functions_of(arguments)), plain)
        assert not [p for p in tmp_path.iterdir() if p != path]


@pytest.mark.parametrize("method", RULES)
def test_every_stochastic_run_goes_on(method, tmp_path):
    path = tmp_path / "run.npz"
    options = {"epochs": 6, "rng": 3, "full": True, "checkpoint_every": 0.0}
    options |= {"validation": 0.2, "batch_size": 16}
    plain = minimize(
        FiniteSum(squares, 100), np.zeros(5), method=method, options=options
    )
    for calls in (4, 17):
        dying = dies_after(calls, squares)

        def slow(w, indices, dying=dying):
            time.sleep(0.052)
            return dying(w, indices)

        with pytest.raises(Dies):
            minimize(
                FiniteSum(slow, 100),
                np.zeros(5),
                method=method,
                options=options | {"checkpoint": path},
            )
        assert_same(resume(path, FiniteSum(squares, 100)), plain)


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

SCRIPT = """
import pickle, sys, time
import numpy as np
import optlab
from scipy import sparse
from scipy.optimize import rosen, rosen_der, rosen_hess

kind, path, out, mode = sys.argv[1:]

def slow(function):
    def called(*arguments):
        time.sleep(0.0004)
        return function(*arguments)
    return called

if kind in optlab.stochastic.RULES:
    rng = np.random.default_rng(0)
    A = rng.normal(size=(200, 6))
    b = A @ np.arange(6.0) + rng.normal(size=200)
    def part(w, i):
        r = A[i] @ w - b[i]
        return r @ r / 2 / len(i), A[i].T @ r / len(i)
    fun, x0, given = optlab.FiniteSum(slow(part), 200), np.zeros(6), {"method": kind}
    options = {"epochs": 40, "rng": 5, "validation": 0.2, "full": True}
else:
    fun, x0 = slow(rosen), np.linspace(-1.2, 1.5, 8)
    options = {"history": True, "return_all": True, "gtol": 1e-7}
    given = {"method": kind, "jac": slow(rosen_der)}
    if kind == "differences":
        given = {"method": "l-bfgs"}
    elif kind == "bounds":
        given |= {"method": "l-bfgs-b", "bounds": [(None, 0.5)] * 8}
        x0 = np.minimum(x0, 0.5)
    elif kind == "sparse":
        given |= {"method": "newton", "hess": lambda x: sparse.csc_array(rosen_hess(x))}
    elif kind in ("newton", "newton-cg", "trust-ncg"):
        given["hess"] = rosen_hess
    elif kind == "gd":
        options["maxiter"] = 800
if mode == "run":
    options |= {"checkpoint": path, "checkpoint_every": 0.0}
if mode == "resume":
    given.pop("method"), given.pop("bounds", None)
    result = optlab.resume(path, fun, **given)
else:
    result = optlab.minimize(fun, x0, options=options, **given)
with open(out, "wb") as file:
    pickle.dump(dict(result) | {"hess_inv": None}, file)
"""

KILLED = [*METHODS, "differences", "bounds", "sparse", "sgd", "adam", "svrg"]


@pytest.mark.parametrize("kind", KILLED)
def test_killed_at_any_moment(kind, tmp_path):
    script, path, out = (tmp_path / name for name in ("run.py", "run.npz", "out"))
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    draws = np.random.default_rng([KILLED.index(kind)])

    def started(mode):
        return subprocess.Popen([sys.executable, script, kind, path, out, mode])

    assert started("plain").wait() == 0
    plain = optlab.OptimizeResult(pickle.loads(out.read_bytes()))
    process = started("run")
    for _ in range(2):
        while not path.exists() and process.poll() is None:
            time.sleep(0.002)
        time.sleep(draws.uniform(0, 0.3))
        process.kill()
        process.wait()
        process = started("resume")
        time.sleep(draws.uniform(0.4, 0.6))  # imports, and some of the run
    assert process.wait() == 0
    assert_same(optlab.OptimizeResult(pickle.loads(out.read_bytes())), plain)


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
        time.sleep(0.052)
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


def test_a_machine_of_another_size(saved):
    with np.load(saved) as arrays:
        arrays = dict(arrays)
    other = Solver(np.zeros(7), method="l-bfgs")
    arrays["machine"] = np.frombuffer(other._run.machine.save()[:-9], np.uint8)
    np.savez(saved, **arrays)
    refused(saved)


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


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_the_old_file_stays_until_the_new_one_is_complete(saved, broken, monkeypatch):
    before = saved.read_bytes()

    def fails(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(os, broken, fails)
    with pytest.raises(OSError, match="no space"):
        Solver(FUN.x0).save(saved)
    monkeypatch.undo()
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
    Solver.load(saved)


def test_a_checkpoint_may_be_read_by_who_may_read_the_folder(saved):
    (other := saved.with_name("plain")).write_bytes(b"")
    assert saved.stat().st_mode == other.stat().st_mode
