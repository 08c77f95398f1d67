"""Explain multimodal music models: which moments of which sources, and which words, count.

A song takes its way through the package in the order of its folders:
:mod:`~sklearn_musiclime.songs` reads it, :mod:`~sklearn_musiclime.components` splits it,
:mod:`~sklearn_musiclime.neighbourhood` perturbs and scores it, :mod:`~sklearn_musiclime.surrogate`
fits a linear model to the scores, and :mod:`~sklearn_musiclime.explanation` shows what that says.
What models are made of is in :mod:`~sklearn_musiclime.featurizers` and
:mod:`~sklearn_musiclime.fusion`.
:class:`MusicLimeExplainer` is the entry. Many songs go through :mod:`~sklearn_musiclime.corpus`,
and what was made of them is kept by :mod:`~sklearn_musiclime.cache`. Models to explain are made by
:mod:`~sklearn_musiclime.fusion`.
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
