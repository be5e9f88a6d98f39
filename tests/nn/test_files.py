"""Files of models: everything comes back, and nothing else is let in."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from optlab import nn

from ..support import same_bits

X = np.random.default_rng(0).normal(size=(30, 5))
Y = {
    "cross_entropy": np.arange(30) % 3,
    "logistic": np.eye(3)[np.arange(30) % 3],
    "squared": X[:, :3],
    "huber": X[:, :3],
}
REFUSED = r"path must be a file that MLP\.save wrote"
PARTS = {
    **nn.ACTIVATIONS,
    "meta_acon, normed": nn.MetaAcon(0.5, -1.0, batch_norm=True, reduction=2),
    "maxout of 4": nn.Maxout(4),
    "smooth_maxout, fixed": nn.SmoothMaxout(3, -0.5, False),
    "acon_c, fixed": nn.AconC(1.5, 0.5, 2.0, False),
    "composite": nn.Composite(
        "smooth_max", "sin", "gelu", 0.5, -2.0, 3.0, trained=("beta", "beta_1")
    ),
}


def same_model(a, b):
    """Whether two models have the same parts."""
    names = "sizes activations batch_norm initialiser loss prior dtype batch_norm_eps n"
    return all(getattr(a, name) == getattr(b, name) for name in names.split())


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", PARTS)
def test_every_activation_comes_back(name, batch_norm, tmp_path):
    model = nn.MLP([5, 4, 6, 3], [PARTS[name], "tanh"], batch_norm, batch_norm_eps=1e-3)
    model.objective(X, Y["cross_entropy"])
    w = model.init(rng=0)
    model.save(tmp_path / "file", w)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    again, v = nn.MLP.load(tmp_path / "file")
    assert same_model(again, model)
    assert same_bits(v, w)
    # A single row, with the statistics of the training data.
    row = X[:1]
    assert same_bits(again.decision_function(v, row), model.decision_function(w, row))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("init", "loss", "prior"),
    [
        ("xavier", "squared", None),
        (nn.He("normal", 0.3), nn.Huber(0.25), nn.GaussianPrior(2.0, -0.5, ("bias",))),
        (
            nn.Autoencoder("newton-cg", {"maxiter": 3}, nn.Orthogonal(1.5), 0.1),
            nn.CrossEntropy(0.25),
            nn.GaussianPrior({"scale": 2.0, "activation": 0.5}, np.arange(75.0)),
        ),
        (nn.Heuristic("normal"), "logistic", nn.GaussianPrior(1.0)),
    ],
    ids=["least", "numbers", "nested", "named"],
)
def test_all_other_parts_come_back(init, loss, prior, dtype, tmp_path):
    model = nn.MLP([5, 6, 3], "acon_b", True, init, loss, prior, dtype)
    y = Y[next(key for key, row in nn.LOSSES.items() if type(row) is type(model.loss))]
    objective = model.objective(X, y)
    w = model.init(rng=0, X=X)
    model.save(str(tmp_path / "file.npz"), w)
    again, v = nn.MLP.load(str(tmp_path / "file.npz"))
    assert same_model(again, model)
    assert same_bits(v, w)
    assert again.objective(X, y).fun(v) == objective.fun(w)
    assert same_bits(again.init(rng=1, X=X), model.init(rng=1, X=X))


def test_statistics_are_of_the_w_that_was_saved(tmp_path):
    model = nn.MLP([5, 4, 3], "relu", True)
    w = model.init(rng=0)
    with pytest.raises(ValueError, match="statistics"):
        model.save(tmp_path / "file", w)
    assert not (tmp_path / "file").exists()
    model.objective(X, Y["cross_entropy"])
    model.save(tmp_path / "file", w)
    again, v = nn.MLP.load(tmp_path / "file")
    with pytest.raises(ValueError, match="statistics"):
        again.predict(2 * v, X)


def test_bad_arguments_are_named(tmp_path):
    model = nn.MLP([5, 3])
    w = model.init(rng=0)
    with pytest.raises(ValueError, match="w must have the shape"):
        model.save(tmp_path / "file", w[1:])
    with pytest.raises(ValueError, match="w must be finite"):
        model.save(tmp_path / "file", np.nan * w)
    for path in (3, None, b"file", 1.5):
        with pytest.raises(TypeError, match="path must be a str or path-like"):
            model.save(path, w)
        with pytest.raises(TypeError, match="path must be a str or path-like"):
            nn.MLP.load(path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError):
        nn.MLP.load(tmp_path / "file")


class Own(nn.Initialiser):
    """A part that no file can hold."""


def test_what_cannot_be_loaded_is_not_saved(tmp_path):
    model = nn.MLP([5, 3], init=Own())
    with pytest.raises(TypeError, match="Own"):
        model.save(tmp_path / "file", np.zeros(model.n))
    assert not list(tmp_path.iterdir())


def saved(tmp_path):
    """A file's arrays and its configuration."""
    model = nn.MLP([5, 4, 3], "swish", True, prior=nn.GaussianPrior(1.0))
    model.objective(X, Y["cross_entropy"])
    model.save(tmp_path / "file", model.init(rng=0))
    with np.load(tmp_path / "file", allow_pickle=False) as file:
        arrays = dict(file)
    return arrays, json.loads(str(arrays["config"]))


@pytest.mark.parametrize(
    "change",
    [
        {"format": "another"},
        {"version": 0},
        {"version": 2},
        {"version": "1"},
        {"sizes": [5, 3, 3]},
        {"sizes": [5, 4, 4]},
        {"sizes": None},
        {"sizes": 3},
        {"sizes": [5, 4.0, 3]},
        {"sizes": [5, 10**12, 3]},
        {"activation": [{"type": "Swosh"}]},
        {"activation": [{"type": "GaussianPrior", "precision": 1.0}]},
        {"activation": [{"type": "Swish", "beta": 1.0, "more": 2}]},
        {"activation": [{"type": "Swish", "beta": "1"}]},
        {"activation": [{"type": ["Swish"]}]},
        {"activation": [{"beta": 1.0}]},
        {"activation": []},
        {"batch_norm": [1]},
        {"batch_norm": [False]},
        {"loss": {"type": "Swish"}},
        {"init": {"type": "Popen", "args": "true"}},
        {"prior": {"type": "GaussianPrior", "precision": -1.0}},
        {"dtype": "float32"},
        {"dtype": "object"},
        {"batch_norm_eps": -1.0},
        {"more": 1},
    ],
    ids=str,
)
def test_changed_configurations_are_refused(change, tmp_path):
    arrays, config = saved(tmp_path)
    path = tmp_path / "changed.npz"
    np.savez(path, **{**arrays, "config": np.array(json.dumps(config | change))})
    with pytest.raises(ValueError, match=REFUSED):
        nn.MLP.load(path)


@pytest.mark.parametrize("name", ["format", "version", "sizes"])
def test_incomplete_configurations_are_refused(name, tmp_path):
    arrays, config = saved(tmp_path)
    del config[name]
    np.savez(
        tmp_path / "less.npz", **{**arrays, "config": np.array(json.dumps(config))}
    )
    with pytest.raises(ValueError, match=REFUSED):
        nn.MLP.load(tmp_path / "less.npz")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"text"', "null"])
def test_other_configurations_are_refused(text, tmp_path):
    arrays, _ = saved(tmp_path)
    np.savez(tmp_path / "other.npz", **{**arrays, "config": np.array(text)})
    with pytest.raises(ValueError, match=REFUSED):
        nn.MLP.load(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("w", lambda a: a[1:]),
        ("w", lambda a: np.append(a, 0.0)),
        ("w", lambda a: a * np.nan),
        ("w", lambda a: a[None]),
        ("w", lambda a: a * 1j),
        ("w", lambda a: a.astype(str)),
        ("mean_0", lambda a: a[1:]),
        ("mean_0", lambda a: a[None]),
        ("mean_0", lambda a: a.astype(np.float32)),
        ("variance_0", lambda a: a[1:]),
        ("variance_0", lambda a: a.astype(int)),
        ("mean_0", None),
        ("variance_0", None),
        ("w", None),
        ("config", None),
    ],
)
def test_changed_arrays_are_refused(name, change, tmp_path):
    arrays, _ = saved(tmp_path)
    array = arrays.pop(name)
    if change is not None:
        arrays[name] = change(array)
    np.savez(tmp_path / "changed.npz", **arrays)
    with pytest.raises(ValueError, match=REFUSED):
        nn.MLP.load(tmp_path / "changed.npz")


@pytest.mark.parametrize("name", ["mean_0", "variance_0"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_statistics_that_are_not_finite_are_refused(name, value, tmp_path):
    arrays, _ = saved(tmp_path)
    arrays[name][0] = value
    np.savez(tmp_path / "changed.npz", **arrays)
    with pytest.raises(ValueError, match=REFUSED):
        nn.MLP.load(tmp_path / "changed.npz")


class Witness:
    """Notes whether it was unpickled."""

    called = False

    def __reduce__(self):
        return Witness.note, ()

    @staticmethod
    def note():
        Witness.called = True


def test_no_pickle_is_read(tmp_path):
    arrays, _ = saved(tmp_path)
    witness = np.array(Witness(), dtype=object)
    for change in ({"w": witness}, {"config": witness}, {"more": witness}):
        np.savez(tmp_path / "pickled.npz", **{**arrays, **change})
        with pytest.raises(ValueError, match=REFUSED):
            nn.MLP.load(tmp_path / "pickled.npz")
    (tmp_path / "pickled").write_bytes(pickle.dumps(Witness()))
    with pytest.raises(ValueError, match=REFUSED):
        nn.MLP.load(tmp_path / "pickled")
    assert not Witness.called


def test_damage_anywhere_is_noticed(tmp_path):
    """Archives have check sums, so that no number changes unseen."""
    saved(tmp_path)
    whole = (tmp_path / "file").read_bytes()
    model, w = nn.MLP.load(tmp_path / "file")
    rng = np.random.default_rng(0)
    path = tmp_path / "damaged"
    for at in [*rng.integers(0, len(whole), 150), 0, len(whole) - 1]:
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        try:
            again, v = nn.MLP.load(path)
        except ValueError as error:
            assert "path must be a file that MLP.save wrote" in str(error)  # noqa: PT017
        else:  # a time, or another thing that is of no use
            assert same_model(again, model)
            assert same_bits(v, w)
    for length in range(0, len(whole), 61):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=REFUSED):
            nn.MLP.load(path)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "foreign"
    contents = [b"", b"text", b"PK\x03\x04 and no more", b"\x93NUMPY\x01\x00"]
    for write in (
        lambda file: np.save(file, np.zeros(3)),
        lambda file: np.savez(file, np.zeros(3)),
        lambda file: zipfile.ZipFile(file, "w").close(),
        lambda file: zipfile.ZipFile(file, "w").writestr("config.npy", b"nothing"),
    ):
        file = io.BytesIO()
        write(file)
        contents.append(file.getvalue())
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=REFUSED):
            nn.MLP.load(path)
