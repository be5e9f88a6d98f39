"""What this installation is made of: versions, BLAS, instruction set, threads."""

from __future__ import annotations

import platform
from typing import Any, Literal, overload

import numpy as np
import scipy

from optlab._version import __version__
from optlab_c import config as core

__all__ = ["show_config"]


def _blas() -> dict[str, Any]:
    """Describe SciPy's BLAS; the cores have kernels of their own."""
    built = scipy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"name": built["name"], "version": built["version"]}


def _thread_pools() -> list[dict[str, Any]] | None:
    """Describe the thread pools of this process, or None without threadpoolctl."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    import scipy.linalg.blas  # noqa: F401  # only a loaded library is seen

    return [
        {
            "library": pool["internal_api"],
            "architecture": pool.get("architecture"),
            "threads": pool["num_threads"],
        }
        for pool in threadpool_info()
    ]


def _report(config: dict[str, Any]) -> str:
    """Lay the configuration out for reading."""
    blas, kernels, pools = config["blas"], config["kernels"], config["thread_pools"]
    among = (
        f", chosen among {', '.join(kernels['clones'])}" if kernels["clones"] else ""
    )
    lines = [
        f"optlab           {config['optlab']}",
        f"Python           {config['python']}",
        f"NumPy            {config['numpy']}",
        f"SciPy            {config['scipy']}",
        f"BLAS             {blas['name']} {blas['version']} (SciPy's; the cores need none)",
        f"compiler         {kernels['compiler']}",
        f"instruction set  {kernels['instruction_set']}{among}",
        f"threads          {config['threads']} (optlab's own kernels)",
    ]
    if pools is None:
        lines.append("BLAS threads     unknown; `pip install threadpoolctl` tells")
    for pool in pools or ():
        kind = f" on {pool['architecture']} kernels" if pool["architecture"] else ""
        lines.append(f"thread pool      {pool['library']}{kind}: {pool['threads']}")
    return "\n".join(lines)


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Any]: ...
def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Tell what this installation is made of.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, default "stdout"
        Print a report, or return the same facts as a dictionary.

    Returns
    -------
    dict or None
        With ``mode="dicts"``: the versions (``optlab``, ``python``, ``numpy``,
        ``scipy``), ``platform``, ``blas`` (name and version of the library SciPy was
        built with), ``kernels`` (compiler, the compiled variants, and the
        ``instruction_set`` that the loader chose on this machine), ``threads`` of
        optlab's own kernels, and ``thread_pools`` (every pool in this process, or
        None when threadpoolctl is not installed).

    Raises
    ------
    ValueError
        If `mode` is neither of the two.

    Examples
    --------
    >>> import optlab
    >>> config = optlab.show_config(mode="dicts")
    >>> config["threads"]
    1
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode must be 'stdout' or 'dicts', not {mode!r}")
    config = {
        "optlab": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "platform": platform.platform(),
        "blas": _blas(),
        "kernels": {
            "compiler": core.compiler(),
            "clones": core.clones(),
            "instruction_set": core.instruction_set(),
        },
        "threads": 1,
        "thread_pools": _thread_pools(),
    }
    if mode == "dicts":
        return config
    print(_report(config))
    return None
