"""Source separation: splitting the mix into sources such as vocals and drums.

An explanation can tell vocals from drums only if the separator does. Choose by the sources that
explanations should name:

- :class:`~sklearn_musiclime.StemSeparator` reads stems that exist as files: the best sources, for
  the time that it takes to read them.
- :class:`~sklearn_musiclime.TorchSeparator` runs a neural network: ``TorchSeparator.demucs()``
  yields vocals, drums, bass and other. With a `memory`, the explainer separates each song once.
- :class:`~sklearn_musiclime.HPSSSeparator`, the default, yields a harmonic and a percussive source.
  It needs no model weights and takes 1.1 s for a song of 148 s
  (``benchmarks/results/speed.json``). A voice is spread over both sources.
- :class:`~sklearn_musiclime.BandSeparator` yields frequency bands, for models that may go by the
  brightness or the bass of a song; :class:`~sklearn_musiclime.ChainSeparator` the bands of stems.
- None keeps the whole mix as the only source: the fastest choice. The explanation then says which
  moments matter, for all instruments together.

More sources make more components, which need more samples, and the S sources of a moment can be on
or off in 2^S ways. With spectral statistics as features, 5,000 masks of a 30 s clip take 0.70 s
with one source, 0.78 s with two, 1.5 s with four and 7.9 s with six
(``benchmarks/results/scaling.json``).

A separator of your own is any object with a method ``separate(waveform, sampling_rate)``, such as
this one of two frequency bands. What its sources lack of the mix becomes a source "residual", so
that the sources always sum to the song:

>>> import numpy as np
>>> from scipy.signal import butter, sosfiltfilt
>>> from sklearn.base import BaseEstimator
>>> from sklearn_musiclime.components import separate_sources
>>> class Bands(BaseEstimator):
...     def __init__(self, low=500.0, high=2000.0):
...         self.low = low
...         self.high = high
...
...     def separate(self, waveform, sampling_rate):
...         low = butter(4, self.low, "low", fs=sampling_rate, output="sos")
...         high = butter(4, self.high, "high", fs=sampling_rate, output="sos")
...         return ("low", "high"), [sosfiltfilt(band, waveform) for band in (low, high)]
>>> noise = np.random.default_rng(0).normal(size=4000).astype(np.float32)
>>> names, sources = separate_sources(Bands(), noise, 8000)
>>> names
('low', 'high', 'residual')
>>> bool(np.allclose(sources.sum(axis=0), noise, atol=1e-6))
True
"""

from sklearn_musiclime.components.separation.bands import BandSeparator, ChainSeparator
from sklearn_musiclime.components.separation.hpss import HPSSSeparator
from sklearn_musiclime.components.separation.neural import TorchSeparator
from sklearn_musiclime.components.separation.sources import (
    RESIDUAL,
    RecallingSeparator,
    Separator,
    read_beside,
    separate_sources,
)
from sklearn_musiclime.components.separation.stems import StemSeparator

__all__ = [
    "RESIDUAL",
    "BandSeparator",
    "ChainSeparator",
    "HPSSSeparator",
    "RecallingSeparator",
    "Separator",
    "StemSeparator",
    "TorchSeparator",
    "read_beside",
    "separate_sources",
]
