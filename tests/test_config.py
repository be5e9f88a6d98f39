import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import optlab
from optlab_c import config as core

ROOT = Path(__file__).parent.parent


def test_dicts():
    config = optlab.show_config(mode="dicts")
    assert config["optlab"] == optlab.__version__
    assert config["numpy"] == np.__version__
    assert config["blas"]["name"]
    assert config["threads"] == 1
    assert config["kernels"]["instruction_set"]
    pytest.importorskip("threadpoolctl")
    assert all(pool["threads"] >= 1 for pool in config["thread_pools"])


def test_what_runs_is_one_of_the_compiled_variants():
    if not core.clones():
        pytest.skip("built without multiversioning")
    assert core.instruction_set() in core.clones()


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="asks Linux")
def test_the_variant_is_what_the_processor_can_do():
    if not core.clones():
        pytest.skip("built without multiversioning")
    flags = set(
        re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)[
            1
        ].split()
    )
    v3 = {"avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}
    v4 = v3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
    expected = "x86-64-v4" if v4 <= flags else "x86-64-v3" if v3 <= flags else "x86-64"
    assert core.instruction_set() == expected


def test_report_names_the_same_facts(capsys):
    assert optlab.show_config() is None
    printed = capsys.readouterr().out
    assert f"optlab           {optlab.__version__}" in printed
    assert core.instruction_set() in printed
    assert "BLAS" in printed


def test_a_report_without_threadpoolctl():
    code = (
        "import sys; sys.modules['threadpoolctl'] = None\n"
        "import optlab; optlab.show_config()\n"
        "assert optlab.show_config(mode='dicts')['thread_pools'] is None"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "pip install threadpoolctl" in done.stdout


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="mode"):
        optlab.show_config(mode="yaml")


def test_the_citation_has_the_version():
    citation = ROOT / "CITATION.cff"
    assert f"\nversion: {optlab.__version__}\n" in citation.read_text(encoding="utf-8")
