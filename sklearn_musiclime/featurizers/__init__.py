"""Transformers of the audio and lyrics columns."""

from sklearn_musiclime.featurizers.audio import AudioEmbedder, SpectralStatistics
from sklearn_musiclime.featurizers.lyrics import LyricsEmbedder

__all__ = ["AudioEmbedder", "LyricsEmbedder", "SpectralStatistics"]
