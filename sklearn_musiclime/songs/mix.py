"""Channels that cancel: their mean, which is what a song is here, is silence."""

from __future__ import annotations

import warnings

import numpy as np

CANCELLED = 1e-5
"""Power of the mean, relative to that of the channels, below which it is silence."""


class Mix:
    """Compares the mean of channels with the channels, block by block."""

    def __init__(self) -> None:
        self._of_channels = self._of_mean = 0.0

    def add(self, channels: np.ndarray, mean: np.ndarray) -> None:
        """Add some samples.

        Parameters
        ----------
        channels : ndarray of shape (n_channels, n_samples)
            The channels.
        mean : ndarray of shape (n_samples,)
            Their mean, to the same scale.
        """
        if len(channels) > 1:
            of_channels = np.square(channels, dtype=np.float64).sum()
            self._of_channels += float(of_channels) / len(channels)
            self._of_mean += float(np.square(mean, dtype=np.float64).sum())

    def warn(self, row: int) -> None:
        """Warn if the channels cancel.

        Parameters
        ----------
        row : int
            The row that the warning names.
        """
        if self._of_mean < CANCELLED * self._of_channels:
            warnings.warn(
                f"row {row}: audio: the mean of the channels, which is what is heard, is silence, "
                "and they are not: they are out of phase. Give one of them, or half of their "
                "difference",
                UserWarning,
            )
