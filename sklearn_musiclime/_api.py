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
from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.explanation import GlobalExplanation, LocalExplanation
from sklearn_musiclime.featurizers import AudioEmbedder, LyricsEmbedder, SpectralStatistics
from sklearn_musiclime.fusion import (
    LateFusionClassifier,
    SimilarityModel,
    TorchModel,
    TransformerFusionClassifier,
    make_fusion_pipeline,
)
from sklearn_musiclime.songs import InvalidSongError

__all__ = [
    "AudioEmbedder",
    "BandSeparator",
    "BeatSegmenter",
    "ChainSeparator",
    "Donors",
    "GlobalExplanation",
    "HPSSSeparator",
    "InvalidSongError",
    "LateFusionClassifier",
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
    "make_fusion_pipeline",
]
