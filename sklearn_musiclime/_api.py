"""The public names of the package."""

from sklearn_musiclime.components import (
    BandSeparator,
    BeatSegmenter,
    ChainSeparator,
    Donors,
    HPSSSeparator,
    LyricLineSegmenter,
    StemSeparator,
    StructureSegmenter,
    TorchSeparator,
    UniformSegmenter,
)
from sklearn_musiclime.difference import explain_difference
from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.explanation import (
    GlobalDifference,
    GlobalExplanation,
    LocalDifference,
    LocalExplanation,
)
from sklearn_musiclime.featurizers import AudioEmbedder, LyricsEmbedder, SpectralStatistics
from sklearn_musiclime.fusion import (
    LateFusionClassifier,
    SimilarityModel,
    TorchModel,
    TransformerFusionClassifier,
    make_fusion_pipeline,
)
from sklearn_musiclime.neighbourhood import Contrast
from sklearn_musiclime.songs import InvalidSongError

__all__ = [
    "AudioEmbedder",
    "BandSeparator",
    "BeatSegmenter",
    "ChainSeparator",
    "Contrast",
    "Donors",
    "GlobalDifference",
    "GlobalExplanation",
    "HPSSSeparator",
    "InvalidSongError",
    "LateFusionClassifier",
    "LocalDifference",
    "LocalExplanation",
    "LyricLineSegmenter",
    "LyricsEmbedder",
    "MusicLimeExplainer",
    "SimilarityModel",
    "SpectralStatistics",
    "StemSeparator",
    "StructureSegmenter",
    "TorchModel",
    "TorchSeparator",
    "TransformerFusionClassifier",
    "UniformSegmenter",
    "explain_difference",
    "make_fusion_pipeline",
]
