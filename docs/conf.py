"""Sphinx configuration: builds offline, with warnings as errors."""

import sys
from pathlib import Path

import optlab

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "optlab"
author = "the optlab developers"
copyright = "2026, the optlab developers"
version = release = optlab.__version__

extensions = [
    "numpydoc",
    "registries",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples"]
default_role = "py:obj"

autosummary_generate = True
autodoc_typehints = "none"  # the numpydoc sections say it
numpydoc_show_class_members = False
copybutton_prompt_text = ">>> |\\.\\.\\. |\\$ "
copybutton_prompt_is_regexp = True

# Without a network, pages show formulas if MathJax lies beside them:
# `npm pack mathjax@3`, unpacked to docs/_static/mathjax.
if (HERE / "_static" / "mathjax" / "es5" / "tex-chtml.js").exists():
    mathjax_path = "mathjax/es5/tex-chtml.js"
html_static_path = ["_static"] if (HERE / "_static").exists() else []

html_theme = "pydata_sphinx_theme"
html_title = "optlab"
# Pages without pages below them need no list of such.
html_sidebars = {
    page: []
    for page in (
        "ask_tell",
        "batch",
        "benchmarks",
        "compare",
        "compiled",
        "extending",
        "from_scipy",
        "index",
        "internals",
        "problems",
        "promises",
        "quickstart",
        "references",
        "resume",
        "warm_start",
    )
}
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
}

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "abort_on_example_error": True,
    "min_reported_time": 0,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
}
