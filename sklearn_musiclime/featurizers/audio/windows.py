"""What audio transformers hear of perturbed songs, window by window.

A model hears a song in windows and each window on its own. What is heard in a window depends on the
components that sound in it and no others: of a long song a few, so thousands of perturbed songs
share a few dozen *cases* of each window, and each case is encoded once.

An AST hears a window as 128 mel bands by 1,024 frames of 25 ms. The Kaldi filter bank behind it
takes the mean off each frame, emphasises its treble and takes its logarithm, all within the frame
and, as transformers calls it, without dither. So the frames of a window's cases are those of a
table, as :mod:`sklearn_musiclime.featurizers.audio.table` has it, and stand in it as the model's
own feature extractor makes them. The extractor is also asked about whole windows: where it does not
say what the table says, there is no table, and the window's samples are composed.
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
    """A window of the perturbed songs of a neighbourhood.

    Attributes
    ----------
    audio : AudioComponents
        Sources and segments.
    group : Group
        The segments that the window touches.
    start, n_samples : int
        Its first sample, and how many it has; beyond the song's end there is silence.
    which : ndarray of shape (n_masks,) of int
        The case of each mask.
    cases : ndarray of shape (n_cases, n_sources, n_segments_of_group), dtype bool
        Which sources are on in these segments.
    vectors : dict of int to ndarray
        What a model made of cases so far.
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
        """Find the cases of a window.

        Parameters
        ----------
        neighbourhood : AudioNeighbourhood
            Sources, segments and masks.
        start, n_samples : int
            The window.

        Returns
        -------
        PerturbedWindow
        """
        (group,) = frame_groups(neighbourhood.audio, n_samples, 1, start=start, n_frames=1)
        (cases,), which = drawn_cases(neighbourhood, [group])
        return cls(neighbourhood.audio, group, start, n_samples, which[:, 0], cases)

    def waveforms(self, cases: np.ndarray) -> np.ndarray:
        """Compose the window in some cases.

        Parameters
        ----------
        cases : ndarray of int
            Which.

        Returns
        -------
        ndarray of shape (len(cases), n_samples), dtype float32
        """
        stop = self.start + self.n_samples
        drawn = self.cases[cases]
        return case_waveforms(self.audio, self.group, drawn, self.start, stop)


TOLERANCE = 1e-4
"""Relative difference from what the extractor says of whole songs at which a table is none."""

Extract = Callable[[np.ndarray], np.ndarray]
"""Waveforms (n, n_samples) -> spectra (n, max_frames, n_bands), frames beyond the last alike."""


@dataclass(frozen=True)
class WindowTable:
    """The frames of a window, by the cases of runs of them.

    Attributes
    ----------
    groups : list of Group
        Runs of frames.
    values : list of ndarray of shape (n_cases, n_frames_of_group, n_bands)
        The frames of each group's cases.
    entries : ndarray of shape (n_cases_of_window, n_groups)
        Which case of each group a case of the window has.
    padding : ndarray of shape (max_frames, n_bands)
        What a spectrum holds where there are no frames.
    """

    groups: list[Group]
    values: list[np.ndarray]
    entries: np.ndarray
    padding: np.ndarray

    def spectra(self, cases: np.ndarray) -> np.ndarray:
        """Put spectra together.

        Parameters
        ----------
        cases : ndarray of int
            Cases of the window.

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
    """Build the table of a window.

    Parameters
    ----------
    window : PerturbedWindow
        The window.
    neighbourhood : AudioNeighbourhood
        That of the window.
    extract : callable
        The feature extractor.
    frame_length, hop_length : int
        Samples of a frame, and from one to the next. Frames are not centred.

    Returns
    -------
    WindowTable or None
        None if the table would have over half as many frames as the cases of the window, or where
        it does not hold what the extractor makes of them.
    """
    audio = window.audio
    n_frames = 1 + (window.n_samples - frame_length) // hop_length
    groups = frame_groups(audio, frame_length, hop_length, start=window.start, n_frames=n_frames)
    cases, entries = drawn_cases(neighbourhood, groups)
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
    entries -= np.cumsum([0, *map(len, cases[:-1])], dtype=entries.dtype)
    _, first_masks = np.unique(window.which, return_index=True)
    padding = extract(np.zeros((1, frame_length), dtype=np.float32))[0]
    padding[:] = padding[-1]
    table = WindowTable(groups, values, entries[first_masks], padding)
    return table if _is_exact(table, window, extract) else None


def _is_exact(table: WindowTable, window: PerturbedWindow, extract: Extract) -> bool:
    """Compare the first and the last case with what the extractor makes of them."""
    cases = np.array([0, len(window.cases) - 1])
    expected = extract(window.waveforms(cases))
    difference = np.linalg.norm(table.spectra(cases) - expected)
    return bool(difference <= TOLERANCE * np.linalg.norm(expected))
