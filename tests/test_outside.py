"""The C interface from outside: the objective of docs/extending.rst, built and run."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

import optlab
from optlab_c.objectives import Objective

from .support import cython_module

PAGE = Path(__file__).parent.parent / "docs" / "extending.rst"


def code_blocks(page):
    """The page's code blocks, by language; the first of each."""
    blocks = {}
    pattern = r"^\.\. code-block:: (\w+)\n\n((?:(?: {4}.*)?\n)+)"
    for language, block in re.findall(pattern, page, re.MULTILINE):
        blocks.setdefault(language, textwrap.dedent(block))
    return blocks


@pytest.fixture(scope="module")
def bowl(tmp_path_factory):
    pytest.importorskip("Cython")
    folder = tmp_path_factory.mktemp("bowl")
    blocks = code_blocks(PAGE.read_text(encoding="utf-8"))
    (folder / "bowl.pyx").write_text(blocks["cython"], encoding="utf-8")
    (folder / "setup.py").write_text(blocks["python"], encoding="utf-8")
    return cython_module(folder, "bowl").Bowl()


@pytest.mark.parametrize("method", ["gd", "bfgs", "l-bfgs"])
def test_it_is_minimised(bowl, method):
    result = optlab.minimize(bowl, [3.0, -2.0], method=method)
    assert result.success
    np.testing.assert_allclose(result.x, 0, atol=1e-5)


def test_the_bits_are_those_of_a_python_objective(bowl):
    python = Objective(bowl).fun_and_grad
    options = {"return_all": True}
    compiled = optlab.minimize(bowl, [3.0, -2.0], method="bfgs", options=options)
    called = optlab.minimize(
        python, [3.0, -2.0], jac=True, method="bfgs", options=options
    )
    np.testing.assert_array_equal(compiled.allvecs, called.allvecs)


def test_a_wrong_number_of_unknowns_is_refused(bowl):
    with pytest.raises(ValueError, match="x0"):
        optlab.minimize(bowl, np.ones(3), method="bfgs")
