"""Transformers of the audio column into features."""

from sklearn_musiclime.featurizers.audio.embedder import AudioEmbedder
from sklearn_musiclime.featurizers.audio.spectral import FEATURES, STATISTICS, SpectralStatistics

__all__ = ["FEATURES", "STATISTICS", "AudioEmbedder", "SpectralStatistics"]
