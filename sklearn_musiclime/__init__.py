"""Explain multimodal music models: which moments of which sources, and which words, count.

:class:`MusicLimeExplainer` is the entry: give it a model and songs, and it returns a
:class:`LocalExplanation` a song, or a :class:`GlobalExplanation` of all of them.

The guide stands where things are; read on with ``help(sklearn_musiclime.songs)`` and so on. A song
takes its way through the package in this order:

- :mod:`~sklearn_musiclime.songs`: what X is, and what is wrong with a cell;
- :mod:`~sklearn_musiclime.components`: which segments and units of lyrics;
  :mod:`~sklearn_musiclime.components.separation`: which sources;
- :mod:`~sklearn_musiclime.neighbourhood`: which design, how many samples, what that costs;
  :mod:`~sklearn_musiclime.neighbourhood.factored`: which models are cheap to ask;
- :mod:`~sklearn_musiclime.surrogate`: which kernel, regressor and features;
- :mod:`~sklearn_musiclime.proxy`: how a black box is explained with few calls;
- :mod:`~sklearn_musiclime.results`: what was found, as data, tables and files;
  :mod:`~sklearn_musiclime.results.importance`: what counts over many songs;
- :mod:`~sklearn_musiclime.report`: figures and pages;
- :mod:`~sklearn_musiclime.explanation`: how to read weights, errors, fidelity, interactions,
  shares;
- :mod:`~sklearn_musiclime.metrics`: how good an explanation is, and what no metric says;
- :mod:`~sklearn_musiclime.tracking`: explanations in MLflow, beside the run they belong to;
- :mod:`~sklearn_musiclime.explainer`: the entry, which puts these together;
- :mod:`~sklearn_musiclime.difference`: what a new version of a model goes by, and the old did not.

Models to explain, and songs to try them on:

- :mod:`~sklearn_musiclime.featurizers`: which transformer for a column;
- :mod:`~sklearn_musiclime.fusion`: which classifier of both columns;
- :mod:`~sklearn_musiclime.datasets`: songs made by a known rule, real ones, tables of your own;
- :mod:`~sklearn_musiclime.examples`: scripts to run and to copy.

What many songs need:

- :mod:`~sklearn_musiclime.songs.corpus`: songs that fail, workers that die;
  :mod:`~sklearn_musiclime.songs.run`: the report of a run;
- :mod:`~sklearn_musiclime.results.record`: a record in parquet, for SQL and for runs that go on;
  :mod:`~sklearn_musiclime.results.precision`: fewer songs and masks for a global question;
- :mod:`~sklearn_musiclime._runtime.cache`: what is kept, so that a run that was stopped goes on;
  :mod:`~sklearn_musiclime._runtime.fingerprint`: the hash that models and songs are kept by;
- :mod:`~sklearn_musiclime._runtime`: the rest of the plumbing, which no user imports: workers,
  memory, files;
- :mod:`~sklearn_musiclime.cli` and :mod:`~sklearn_musiclime.commands`: all this from the shell,
  ``sklearn-musiclime --help``.
"""

from typing import TYPE_CHECKING, Any

from sklearn_musiclime._version import __version__ as __version__

if TYPE_CHECKING:
    from sklearn_musiclime._api import *  # noqa: F403


def __getattr__(name: str) -> Any:
    """Load the public names when the first of them is asked for.

    So that the command line, which lives in this package, can answer ``--help`` at once.
    """
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    known = globals()
    if "__all__" not in known:
        from sklearn_musiclime import _api

        known |= {public: getattr(_api, public) for public in _api.__all__}
        known["__all__"] = [*_api.__all__, "__version__"]
    if name not in known:  # nor a module that is loaded by now
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return known[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
