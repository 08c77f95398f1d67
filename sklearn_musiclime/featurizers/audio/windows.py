"""Windows of perturbed songs for audio encoders, each distinct window encoded once.

An encoder processes the windows of a song independently. The content of a window depends only on
the components that lie in it, which in a long song are few. So thousands of perturbed songs share a
few dozen *cases* of each window, a case being one way in which these components are on or off.

The input of an AST is a spectrogram of 128 mel bands by 1,024 frames of 25 ms for each window. The
Kaldi filter bank subtracts the mean of each frame, applies pre-emphasis and takes the logarithm,
all within the frame, and transformers calls it without dither. So the spectrograms of all cases are
made of the frames of a small table, as in :mod:`sklearn_musiclime.featurizers.audio.table`, which
the model's own feature extractor computes. The table is checked against the extractor's output for
two whole windows; if they differ, it is discarded and each window's samples are composed instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sklearn_musiclime.components.decomposition import AudioComponents
from sklearn_musiclime.featurizers.audio.table import (
    Group,
    case_waveforms,
    drawn_cases,
    frame_groups,
    is_worthwhile,
)
from sklearn_musiclime.neighbourhood.perturbed import AudioNeighbourhood


@dataclass(frozen=True, eq=False)
class PerturbedWindow:
    """One window of all perturbed songs of a neighbourhood.

    Attributes
    ----------
    audio : AudioComponents
        Sources and segments of the song.
    group : Group
        The segments that the window overlaps.
    start, n_samples : int
        First sample and length of the window; samples beyond the end of the song are silent.
    which : ndarray of shape (n_masks,) of int
        Index in `cases` of each mask's case.
    cases : ndarray of shape (n_cases, n_sources, n_segments_of_group), dtype bool
        The distinct cases: which sources are on in each segment of the group.
    vectors : dict of int to ndarray
        Cache of the encoder's vectors, by case.
    """

    audio: AudioComponents
    group: Group
    start: int
    n_samples: int
    which: np.ndarray
    cases: np.ndarray
    vectors: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, neighbourhood: AudioNeighbourhood, start: int, n_samples: int) -> PerturbedWindow:
        """Make a window and find its cases.

        Parameters
        ----------
        neighbourhood : AudioNeighbourhood
            Sources, segments and masks.
        start, n_samples : int
            First sample and length of the window.

        Returns
        -------
        PerturbedWindow
        """
        (group,) = frame_groups(neighbourhood.audio, n_samples, 1, start=start, n_frames=1)
        (cases,), which = drawn_cases(neighbourhood, [group])
        return cls(neighbourhood.audio, group, start, n_samples, which[:, 0], cases)

    def waveforms(self, cases: np.ndarray) -> np.ndarray:
        """Compose the waveform of the window in some of its cases.

        Parameters
        ----------
        cases : ndarray of int
            Indices of the cases.

        Returns
        -------
        ndarray of shape (len(cases), n_samples), dtype float32
        """
        stop = self.start + self.n_samples
        drawn = self.cases[cases]
        return case_waveforms(self.audio, self.group, drawn, self.start, stop)


TOLERANCE = 1e-4
"""Largest relative difference between a table and the extractor's output for whole windows."""

Extract = Callable[[np.ndarray], np.ndarray]
"""Waveforms (n, n_samples) -> spectrograms (n, max_frames, n_bands), padded with equal frames."""


@dataclass(frozen=True)
class WindowTable:
    """Table of frames from which the spectrogram of every case of a window is assembled.

    Attributes
    ----------
    groups : list of Group
        Runs of frames that overlap the same segments.
    values : list of ndarray of shape (n_cases, n_frames_of_group, n_bands)
        Frames of each case of each group.
    entries : ndarray of shape (n_cases_of_window, n_groups)
        Index of the group's case for each case of the window.
    padding : ndarray of shape (max_frames, n_bands)
        Spectrogram of an empty window, the extractor's padding in every frame.
    """

    groups: list[Group]
    values: list[np.ndarray]
    entries: np.ndarray
    padding: np.ndarray

    def spectra(self, cases: np.ndarray) -> np.ndarray:
        """Assemble the spectrograms of some cases of the window.

        Parameters
        ----------
        cases : ndarray of int
            Indices of the cases.

        Returns
        -------
        ndarray of shape (len(cases), max_frames, n_bands)
        """
        spectra = np.repeat(self.padding[np.newaxis], len(cases), axis=0)
        for number, group in enumerate(self.groups):
            spectra[:, group.frames] = self.values[number][self.entries[cases, number]]
        return spectra


def window_table(
    window: PerturbedWindow,
    neighbourhood: AudioNeighbourhood,
    extract: Extract,
    *,
    frame_length: int,
    hop_length: int,
) -> WindowTable | None:
    """Build the table of frames of a window.

    Parameters
    ----------
    window : PerturbedWindow
        The window.
    neighbourhood : AudioNeighbourhood
        The neighbourhood that the window was made from.
    extract : callable
        The feature extractor, from waveforms to spectrograms.
    frame_length, hop_length : int
        Length of a frame and distance of successive frames in samples. Frames are not centred.

    Returns
    -------
    WindowTable or None
        None if the table would have more than half as many frames as all cases of the window, or
        if it differs from the extractor's output for whole windows.
    """
    audio = window.audio
    n_frames = 1 + (window.n_samples - frame_length) // hop_length
    groups = frame_groups(audio, frame_length, hop_length, start=window.start, n_frames=n_frames)
    cases, which = drawn_cases(neighbourhood, groups)
    if not is_worthwhile(groups, cases, len(window.cases)):
        return None
    values = []
    for group, drawn in zip(groups, cases, strict=True):
        first = window.start + group.frames.start * hop_length
        stop = first + (group.n_frames - 1) * hop_length + frame_length
        stretches = case_waveforms(audio, group, drawn, first, stop)
        values.append(
            np.concatenate([extract(s[np.newaxis])[:, : group.n_frames] for s in stretches])
        )
    _, first_masks = np.unique(window.which, return_index=True)
    padding = extract(np.zeros((1, frame_length), dtype=np.float32))[0]
    padding[:] = padding[-1]
    table = WindowTable(groups, values, which[first_masks], padding)
    return table if _is_exact(table, window, extract) else None


def _is_exact(table: WindowTable, window: PerturbedWindow, extract: Extract) -> bool:
    """Whether the table gives the extractor's spectrograms of the first and of the last case."""
    cases = np.array([0, len(window.cases) - 1])
    expected = extract(window.waveforms(cases))
    difference = np.linalg.norm(table.spectra(cases) - expected)
    return bool(difference <= TOLERANCE * np.linalg.norm(expected))
