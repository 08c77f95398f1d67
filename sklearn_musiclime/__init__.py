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
- :mod:`~sklearn_musiclime.results`: what was found, as data, tables and files;
  :mod:`~sklearn_musiclime.results.importance`: what counts over many songs, and its intervals;
- :mod:`~sklearn_musiclime.report`: figures and pages;
- :mod:`~sklearn_musiclime.explanation`: how to read weights, errors, fidelity, interactions,
  shares;
- :mod:`~sklearn_musiclime.metrics`: how good an explanation is, and what no metric says;
- :mod:`~sklearn_musiclime.explainer`: the entry, which puts these together.

Models to explain, and songs to try them on:

- :mod:`~sklearn_musiclime.featurizers`: which transformer for a column;
- :mod:`~sklearn_musiclime.fusion`: which classifier of both columns;
- :mod:`~sklearn_musiclime.datasets`: songs made by a known rule, real ones, tables of your own;
- :mod:`~sklearn_musiclime.examples`: scripts to run and to copy.

What many songs need:

- :mod:`~sklearn_musiclime.corpus`: songs that fail, workers that die;
- :mod:`~sklearn_musiclime.cache`: what is kept, so that a run that was stopped goes on;
- :mod:`~sklearn_musiclime.identity`: what models and songs are known by there;
- :mod:`~sklearn_musiclime.streaming` and :mod:`~sklearn_musiclime.batches`: how work is handed out,
  and what happens when memory is short;
- :mod:`~sklearn_musiclime.cli`: all this from the shell, ``sklearn-musiclime --help``.
"""

from sklearn_musiclime._version import __version__
from sklearn_musiclime.components import (
    BeatSegmenter,
    HPSSSeparator,
    LyricLineSegmenter,
    StemSeparator,
    StructureSegmenter,
    TorchSeparator,
    UniformSegmenter,
)
from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.explanation import GlobalExplanation, LocalExplanation
from sklearn_musiclime.featurizers import AudioEmbedder, LyricsEmbedder, SpectralStatistics
from sklearn_musiclime.fusion import (
    LateFusionClassifier,
    TransformerFusionClassifier,
    make_fusion_pipeline,
)
from sklearn_musiclime.songs import InvalidSongError

__all__ = [
    "AudioEmbedder",
    "BeatSegmenter",
    "GlobalExplanation",
    "HPSSSeparator",
    "InvalidSongError",
    "LateFusionClassifier",
    "LocalExplanation",
    "LyricLineSegmenter",
    "LyricsEmbedder",
    "MusicLimeExplainer",
    "SpectralStatistics",
    "StemSeparator",
    "StructureSegmenter",
    "TorchSeparator",
    "TransformerFusionClassifier",
    "UniformSegmenter",
    "__version__",
    "make_fusion_pipeline",
]
