"""Transformers of the audio and lyrics columns."""

from sklearn_musiclime.featurizers.audio import SpectralStatistics

__all__ = ["SpectralStatistics"]
