"""Settings of the site, which ``.ci/docs/build`` builds."""

import importlib
import os
import warnings
from pkgutil import iter_modules

from docutils.nodes import Element, TextElement, reference
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import sklearn_musiclime
import sklearn_musiclime.examples

project = "sklearn_musiclime"
author = copyright = "the sklearn_musiclime developers"
version = release = sklearn_musiclime.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["examples/*.rst"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
copybutton_prompt_text = ">>> "

html_theme = "pydata_sphinx_theme"
html_title = project
html_show_sourcelink = False
html_extra_path = ["pages"]
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": False}

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings tell types
autosummary_generate = False  # .ci/docs/build writes the pages
numpydoc_show_class_members = False

# What an example needs and is not there; the build says which examples it did not run.
_NEEDS = {"pretrained_tagger": "musicnn", "corpus_on_dask": "distributed"}
_unmet = [name for name, needed in _NEEDS.items() if not importlib.util.find_spec(needed)]
_run = [
    module.name
    for module in iter_modules(sklearn_musiclime.examples.__path__)
    if not module.name.startswith("_") and module.name not in _unmet
]
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": rf"/({'|'.join(_run)})\.py$",
    "ignore_pattern": r"/_",
    "abort_on_example_error": True,
    "plot_gallery": not os.environ.get("MUSICLIME_DOCS_NO_EXAMPLES"),
    "show_memory": False,
    "min_reported_time": 10**6,
    "download_all_examples": False,
    "show_signature": False,
}
warnings.filterwarnings("ignore", ".*", UserWarning, "sphinx_gallery")


def _documented(target: str) -> str | None:
    """Return the name by which the site documents an object, of any name that it has."""
    parts = target.split(".")
    for n in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:n]))
        except ImportError:
            continue
        for part in parts[n:]:
            owner, value = value, getattr(value, part, None)
        if value is None or n == len(parts):
            return None
        if isinstance(owner, type):
            above = _documented(".".join(parts[:-1]))
            return above and f"{above}.{parts[-1]}"
        name = getattr(value, "__name__", parts[-1])
        if name in sklearn_musiclime.__all__:
            return f"sklearn_musiclime.{name}"
        return f"{getattr(value, '__module__', None)}.{name}"
    return None


SKLEARN = "https://scikit-learn.org/stable/"
SKLEARN_LABELS = {
    "metadata_routing": "metadata_routing.html",
    "accuracy_score": "modules/model_evaluation.html#accuracy-score",
    "df_output_transform": "auto_examples/miscellaneous/plot_set_output.html",
    "sphx_glr_auto_examples_miscellaneous_plot_set_output.py": (
        "auto_examples/miscellaneous/plot_set_output.html"
    ),
}
"""What inherited docstrings refer to in scikit-learn's documentation; its glossary beside."""


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: TextElement
) -> Element | None:
    """Lead a reference by another name to its object, and those of scikit-learn to its site."""
    target = node.get("reftarget", "")
    if node.get("refdomain") == "std":
        page = SKLEARN_LABELS.get(target)
        if node["reftype"] == "term":
            page = f"glossary.html#term-{target}"
        if page is None:
            return None
        return reference("", "", text, internal=False, refuri=SKLEARN + page)
    if node.get("refdomain") != "py" or not target.startswith("sklearn_musiclime"):
        return None
    name = _documented(target)
    if name is None or name == target:
        return None
    found = env.domains["py"].objects.get(name)
    if found is None:
        return None
    return env.domains["py"].resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], name, node, text
    )


def setup(app: Sphinx) -> None:
    """Connect what leads references to their objects."""
    app.connect("missing-reference", resolve)
