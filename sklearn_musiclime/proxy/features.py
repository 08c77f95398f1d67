"""What the proxy sees of a perturbed song: how it sounds, and its mask.

The sound is described by log-mel power, pooled over time: its mean, standard deviation and maximum
in each band. These come from a table of frames without composing a song (see
:mod:`sklearn_musiclime.featurizers.audio.table`), so that tens of thousands of perturbed songs cost
about a second.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.featurizers.audio.spectral import SpectralStatistics
from sklearn_musiclime.neighbourhood.audio_column import PerturbedAudio
from sklearn_musiclime.neighbourhood.perturbed import AudioNeighbourhood

STATISTICS = ("mean", "std", "max")
"""Statistics of each mel band over the frames of a song."""
N_MELS = 64
"""Number of mel bands."""


def sound_features(components: Decomposition, audio_masks: np.ndarray) -> np.ndarray:
    """Compute pooled log-mel statistics of perturbed songs.

    Parameters
    ----------
    components : Decomposition
        Components of the song.
    audio_masks : ndarray of shape (n_masks, n_audio), dtype bool
        True where a component of the audio is kept.

    Returns
    -------
    ndarray of shape (n_masks, n_features), dtype float64
        In dB. No features where the audio has no components.
    """
    if components.audio is None:
        return np.empty((len(audio_masks), 0))
    neighbourhood = AudioNeighbourhood(components.audio, audio_masks)
    statistics = SpectralStatistics(
        ("mel",), STATISTICS, sampling_rate=components.audio.sampling_rate, n_mels=N_MELS
    )
    return statistics.transform(pd.Series(PerturbedAudio(neighbourhood)))
