"""Fixtures of several test modules."""

import warnings

import pytest


@pytest.fixture
def pyplot():
    """matplotlib without a display; its figures are closed afterwards."""
    matplotlib = pytest.importorskip("matplotlib")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matplotlib.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")
