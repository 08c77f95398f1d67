"""The log-mel spectra that audio transformers hear of perturbed songs, from a table of frames.

An AST hears a window of a song as 128 mel bands by 1,024 frames of 25 ms. The Kaldi filter bank
behind it takes the mean off each frame, emphasises its treble and takes its logarithm, all within
the frame and, as transformers calls it, without dither. So the frames of thousands of perturbed
songs are those of a table, as :mod:`sklearn_musiclime.featurizers.audio.table` has it, and stand
in it as the model's own feature extractor makes them. The extractor is also asked about whole
perturbed songs: where it does not say what the table says, there is no table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sklearn_musiclime.featurizers.audio.table import (
    Group,
    case_waveforms,
    drawn_cases,
    frame_groups,
    is_worthwhile,
)
from sklearn_musiclime.neighbourhood.perturbed import AudioNeighbourhood, compose_audio

TOLERANCE = 1e-4
"""Relative difference from what the extractor says of whole songs at which a table is none."""

Extract = Callable[[np.ndarray], np.ndarray]
"""Waveforms (n, n_samples) -> spectra (n, max_frames, n_bands), frames beyond the last alike."""


@dataclass(frozen=True)
class WindowTable:
    """The frames of every case of a window.

    Attributes
    ----------
    groups : list of Group
        Runs of frames.
    values : list of ndarray of shape (n_cases, n_frames_of_group, n_bands)
        The frames of each group's cases.
    entries : ndarray of shape (n_masks, n_groups)
        Which case of each group a mask has.
    padding : ndarray of shape (max_frames, n_bands)
        What a spectrum holds where there are no frames.
    """

    groups: list[Group]
    values: list[np.ndarray]
    entries: np.ndarray
    padding: np.ndarray

    def spectra(self, rows: np.ndarray) -> np.ndarray:
        """Put spectra together.

        Parameters
        ----------
        rows : ndarray of int
            The masks.

        Returns
        -------
        ndarray of shape (len(rows), max_frames, n_bands)
        """
        spectra = np.repeat(self.padding[np.newaxis], len(rows), axis=0)
        for number, group in enumerate(self.groups):
            spectra[:, group.frames] = self.values[number][self.entries[rows, number]]
        return spectra


def window_table(
    neighbourhood: AudioNeighbourhood,
    extract: Extract,
    start: int,
    n_samples: int,
    *,
    frame_length: int,
    hop_length: int,
) -> WindowTable | None:
    """Build the table of a window of a neighbourhood.

    Parameters
    ----------
    neighbourhood : AudioNeighbourhood
        Sources, segments and masks.
    extract : callable
        The feature extractor.
    start, n_samples : int
        The window: its first sample, and how many it has.
    frame_length, hop_length : int
        Samples of a frame, and from one to the next. Frames are not centred.

    Returns
    -------
    WindowTable or None
        None if the table would have over half as many frames as the perturbed songs, or where it
        does not hold what the extractor makes of them.
    """
    n_frames = 1 + (n_samples - frame_length) // hop_length
    groups = frame_groups(
        neighbourhood.audio, frame_length, hop_length, start=start, n_frames=n_frames
    )
    cases, entries = drawn_cases(neighbourhood, groups)
    if not is_worthwhile(groups, cases, len(neighbourhood.masks)):
        return None
    values = []
    for group, drawn in zip(groups, cases, strict=True):
        first = start + group.frames.start * hop_length
        stop = first + (group.n_frames - 1) * hop_length + frame_length
        stretches = case_waveforms(neighbourhood.audio, group, drawn, first, stop)
        values.append(
            np.concatenate([extract(s[np.newaxis])[:, : group.n_frames] for s in stretches])
        )
    entries -= np.cumsum([0, *map(len, cases[:-1])], dtype=entries.dtype)
    padding = extract(np.zeros((1, frame_length), dtype=np.float32))[0]
    padding[:] = padding[-1]
    table = WindowTable(groups, values, entries, padding)
    return table if _is_exact(table, neighbourhood, extract, start, n_samples) else None


def _is_exact(
    table: WindowTable,
    neighbourhood: AudioNeighbourhood,
    extract: Extract,
    start: int,
    n_samples: int,
) -> bool:
    """Compare the first and the last perturbed song with what the extractor makes of them."""
    rows = np.array([0, len(neighbourhood.masks) - 1])
    songs = [compose_audio(neighbourhood.audio, mask) for mask in neighbourhood.masks[rows]]
    expected = extract(np.stack(songs)[:, start : start + n_samples])
    difference = np.linalg.norm(table.spectra(rows) - expected)
    return bool(difference <= TOLERANCE * np.linalg.norm(expected))
