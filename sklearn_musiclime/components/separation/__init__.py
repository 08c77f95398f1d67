"""Sources: what sounds together in the mix, taken apart.

Which separator. The weights tell *vocals* from *drums* only if the sources do:

- :class:`~sklearn_musiclime.StemSeparator`, if stems lie beside your songs as files: the best
  sources that there are, for the time that it takes to read them.
- :class:`~sklearn_musiclime.TorchSeparator`, where explanations should name instruments:
  ``TorchSeparator.demucs()`` has vocals, drums, bass and other. Give the explainer a `memory`, and
  each song is separated once.
- :class:`~sklearn_musiclime.HPSSSeparator`, the default: what sustains, and what strikes. It needs
  no weights and takes 1.1 s for a song of 148 s (``benchmarks/results/speed.json``). A voice is
  spread over both sources.
- None, if time is all that matters: the mix is the one source.

More sources mean more components, which need more samples, and more ways in which the sources of a
moment can be on or off, 2^S: 5,000 masks of a 30 s clip take 0.70 s with one source, 0.78 s with
two, 1.5 s with four and 7.9 s with six (``benchmarks/results/scaling.json``; spectral statistics).

Any object will do that has ``separate(waveform, sampling_rate)``; here is one of two bands.
Whatever the sources lack of the mix becomes a source "residual", so the parts are always the song:

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
    "HPSSSeparator",
    "RecallingSeparator",
    "Separator",
    "StemSeparator",
    "TorchSeparator",
    "read_beside",
    "separate_sources",
]
