import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import optlab
from optlab.__main__ import main

ROOT = Path(__file__).parent.parent


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_the_version_is_that_of_the_metadata():
    assert optlab.__version__ == version("optlab")


def test_import_stays_light():
    loaded = python("import sys, optlab; print(*sys.modules)").split()
    heavy = {"matplotlib", "pandas", "pytest", "sklearn", "threadpoolctl", "tqdm"}
    assert not heavy & set(loaded)


def test_the_readmes_examples_run(tmp_path):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    function, net, more = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    more = more.replace("run.npz", (tmp_path / "run.npz").as_posix())
    told, score, solved = python(function + net + more).splitlines()
    x, rest = told[1:].split("]")
    assert [float(number) for number in x.split()] == pytest.approx([1, 1], abs=1e-5)
    assert "gtol" in rest
    assert float(score) > 0.9
    assert solved == "True"
    assert (tmp_path / "run.npz").exists()


def test_the_readmes_files_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in t]
    assert len(targets) > 3
    assert all((ROOT / t).exists() for t in targets)


class TestCommandLine:
    def test_compare(self, capsys, tmp_path):
        out = tmp_path / "runs.csv"
        arguments = ["--problems", "rosen*", "wood", "--starts", "1", "--csv", str(out)]
        assert main(["compare", "--method", "bfgs", *arguments]) == 0
        printed = capsys.readouterr().out
        assert "optlab bfgs / scipy BFGS" in printed
        assert printed.count("2/2") == 2
        assert len(out.read_text().splitlines()) == 1 + 2 * 2

    def test_one_library(self, capsys):
        assert main(["compare", "--method", "optlab:GD", "--problems", "beale"]) == 0
        assert "scipy" not in capsys.readouterr().out

    @pytest.mark.parametrize("option", ["--method", "--problems"])
    def test_unknown_names_are_told(self, option, capsys):
        assert main(["compare", option, "nonesuch"]) == 2
        assert "'nonesuch'; there are" in capsys.readouterr().err

    def test_config(self, capsys):
        assert main(["config"]) == 0
        assert optlab.__version__ in capsys.readouterr().out

    def test_no_command(self, capsys):
        with pytest.raises(SystemExit) as stop:
            main([])
        assert stop.value.code == 2
        assert "compare" in capsys.readouterr().err
