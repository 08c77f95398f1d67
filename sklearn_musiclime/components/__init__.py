"""Interpretable components of a song: sources, segments of time, units of lyrics."""

from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition, decompose
from sklearn_musiclime.components.lyrics import LyricComponents, split_lyrics, word_spans
from sklearn_musiclime.components.segmentation import (
    BeatSegmenter,
    LyricLineSegmenter,
    StructureSegmenter,
    UniformSegmenter,
    segment_audio,
)
from sklearn_musiclime.components.separation import (
    HPSSSeparator,
    StemSeparator,
    TorchSeparator,
    separate_sources,
)

__all__ = [
    "AudioComponents",
    "BeatSegmenter",
    "Decomposition",
    "HPSSSeparator",
    "LyricComponents",
    "LyricLineSegmenter",
    "StemSeparator",
    "StructureSegmenter",
    "TorchSeparator",
    "UniformSegmenter",
    "decompose",
    "segment_audio",
    "separate_sources",
    "split_lyrics",
    "word_spans",
]
