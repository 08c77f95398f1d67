"""The pooled features of thousands of perturbed songs from a table of a few thousand frames.

A frame lies inside one segment or overlaps a few, and depends only on which sources are on in these
segments. So all perturbed songs of a neighbourhood share the frames of a small table. A *group* is
a run of frames that overlap the same segments. A *case* of a group is one way in which the sources
of its segments are on or off, as it occurs in some mask (at most 2^S ways in one segment of S
sources). The sums, sums of squares, minima and maxima over the frames of a case are an entry of the
table, and the statistics of a song are sums (minima, maxima) over one entry per group.

The table is made and added to the songs a few thousand entries at a time, so that memory grows with
the pooled statistics alone, however many cases there are.

Features of a case come from one of two ways. From :func:`composed_cases`, samples of a case equal
those of the composed songs to the last bit, and so do its frames, for the price of a transform of
each frame of each case. Features of mel power come from
:mod:`~sklearn_musiclime.featurizers.audio.cross_spectra`, which transforms each source once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import scipy.sparse

from sklearn_musiclime.components.decomposition import AudioComponents
from sklearn_musiclime.neighbourhood.masks import distinct_rows
from sklearn_musiclime.neighbourhood.perturbed import AudioNeighbourhood

FrameFeatures = Callable[[np.ndarray], np.ndarray]
"""Waveforms (n, n_padded) -> the features of their frames (n, n_dimensions, n_frames)."""

BLOCK_FRAMES = 256
"""Frames whose features are computed at a time: 2 MB of magnitudes at 1025 bins."""
PIECE_ENTRIES = 2**14
"""Entries of a table at a time, at least those of one group: 11 MB a moment at 84 dimensions."""
ROUNDING = 1e-13
"""Part of the mean square within which a variance is rounding, as that of a silent song."""
BLOCK_MASKS = 2048
"""Songs that are pooled at a time: few enough for the processor's caches."""


@dataclass(frozen=True)
class Group:
    """A run of frames that overlap the same segments.

    Attributes
    ----------
    frames : slice
        The frames.
    segments : range
        The segments that they overlap.
    """

    frames: slice
    segments: range

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.frames.stop - self.frames.start


CaseFeatures = Callable[[Group, np.ndarray], Iterator[np.ndarray]]
"""A group and cases (n_cases, n_sources, n_segments_of_group) -> the features of their frames
(n, n_frames, n_dimensions) in blocks of cases."""

MOMENTS = {
    "mean": ("total",), "std": ("total", "squares"), "min": ("low",), "max": ("high",)
}  # fmt: skip
"""What of the frames of a case each statistic needs."""
COMBINE = {"total": np.add, "squares": np.add, "low": np.minimum, "high": np.maximum}
EMPTY = {"total": 0.0, "squares": 0.0, "low": np.inf, "high": -np.inf}
"""Moments of no frames."""


def pool_frames(
    groups: Sequence[Group],
    cases: Sequence[np.ndarray],
    which: np.ndarray,
    features: CaseFeatures,
    statistics: Collection[str],
) -> dict[str, np.ndarray]:
    """Pool the frames of all perturbed songs.

    Parameters
    ----------
    groups : sequence of Group
        All frames of a song.
    cases : sequence of ndarray of shape (n_cases, n_sources, n_segments_of_group), dtype bool
        The cases of each group.
    which : ndarray of shape (n_masks, n_groups) of int
        Case of each mask in each group.
    features : callable
        Computes the features of the frames of cases.
    statistics : collection of {"mean", "std", "min", "max"}
        The statistics.

    Returns
    -------
    dict of str to ndarray of shape (n_masks, n_dimensions)
        Values by statistic.
    """
    needed = {moment for name in statistics for moment in MOMENTS[name]}
    # Squares are of deviations from a value of the song, so that variances lose no digits.
    first = replace(groups[0], frames=slice(groups[0].frames.start, groups[0].frames.start + 1))
    centre = next(features(first, np.ones_like(cases[0][:1])))[0, 0]
    pooled: dict[str, np.ndarray] = {}
    for start, stop in _pieces(cases):
        entries: dict[str, list[np.ndarray]] = {moment: [] for moment in needed}
        for group, drawn in zip(groups[start:stop], cases[start:stop], strict=True):
            for moment, values in _case_moments(group, drawn, features, centre, needed).items():
                entries[moment].append(values)
        offsets = np.cumsum([0, *map(len, cases[start : stop - 1])], dtype=which.dtype)
        for moment, parts in entries.items():
            values, combine = np.concatenate(parts), COMBINE[moment]
            if moment not in pooled:
                pooled[moment] = np.full((len(which), values.shape[1]), EMPTY[moment])
            for first_mask in range(0, len(which), BLOCK_MASKS):
                masks = slice(first_mask, first_mask + BLOCK_MASKS)
                entry = which[masks, start:stop] + offsets
                added = (
                    _sum(values, entry) if combine is np.add else _extreme(values, entry, combine)
                )
                combine(pooled[moment][masks], added, out=pooled[moment][masks])
    return {name: _statistic(name, pooled, centre, groups) for name in statistics}


def _statistic(
    name: str, pooled: dict[str, np.ndarray], centre: np.ndarray, groups: Sequence[Group]
) -> np.ndarray:
    n_frames = sum(group.n_frames for group in groups)
    if name in ("min", "max"):
        return pooled["low" if name == "min" else "high"]
    mean = pooled["total"] / n_frames
    if name == "mean":
        return mean
    squares = pooled["squares"] / n_frames
    variance = squares - np.square(mean - centre)
    return np.sqrt(np.where(variance > ROUNDING * squares, variance, 0.0))


def _pieces(cases: Sequence[np.ndarray]) -> Iterator[tuple[int, int]]:
    """Yield start and stop of runs of groups that together have few enough cases."""
    start = n_entries = 0
    for number, drawn in enumerate(cases):
        if number > start and n_entries + len(drawn) > PIECE_ENTRIES:
            yield start, number
            start, n_entries = number, 0
        n_entries += len(drawn)
    yield start, len(cases)


def _case_moments(
    group: Group,
    cases: np.ndarray,
    features: CaseFeatures,
    centre: np.ndarray,
    needed: Collection[str],
) -> dict[str, np.ndarray]:
    """Moments of the frames of each case of a group, (n_cases, n_dimensions) each."""
    moments: dict[str, np.ndarray] = {}
    for start in range(group.frames.start, group.frames.stop, BLOCK_FRAMES):
        frames = slice(start, min(start + BLOCK_FRAMES, group.frames.stop))
        parts: dict[str, list[np.ndarray]] = {moment: [] for moment in needed}
        for values in features(replace(group, frames=frames), cases):
            if "total" in needed:
                parts["total"].append(values.sum(axis=1))
            if "squares" in needed:
                parts["squares"].append(np.square(values - centre).sum(axis=1))
            if "low" in needed:
                parts["low"].append(values.min(axis=1))
            if "high" in needed:
                parts["high"].append(values.max(axis=1))
        for moment, blocks in parts.items():
            values = np.concatenate(blocks)
            known = moments.get(moment, values)
            moments[moment] = values if known is values else COMBINE[moment](known, values)
    return moments


def _sum(values: np.ndarray, entry: np.ndarray) -> np.ndarray:
    # A sparse product with the entries' indicators, much faster than additions of whole columns.
    n_masks, n_groups = entry.shape
    rows = np.arange(0, entry.size + 1, n_groups, dtype=entry.dtype)
    indicator = (np.ones(entry.size), entry.ravel(), rows)
    return scipy.sparse.csr_array(indicator, shape=(n_masks, len(values))) @ values


def _extreme(values: np.ndarray, entry: np.ndarray, combine: np.ufunc) -> np.ndarray:
    extreme = values[entry[:, 0]]
    for group in range(1, entry.shape[1]):
        combine(extreme, values[entry[:, group]], out=extreme)
    return extreme


def frame_groups(
    audio: AudioComponents,
    n_fft: int,
    hop_length: int,
    *,
    start: int | None = None,
    n_frames: int | None = None,
) -> list[Group]:
    """Group frames by the segments that they overlap.

    Parameters
    ----------
    audio : AudioComponents
        The song and its segments.
    n_fft, hop_length : int
        Length of a frame, and samples from one to the next.
    start : int or None, default=None
        First sample of the first frame. None: frames are centred.
    n_frames : int or None, default=None
        Number of frames. None: the number of centred frames of the song.

    Returns
    -------
    list of Group
        Groups in the order of time, which contain each frame once.
    """
    n_samples = int(audio.borders[-1])
    n_frames = n_centred_frames(n_samples, n_fft, hop_length) if n_frames is None else n_frames
    starts = np.arange(n_frames) * hop_length + (-(n_fft // 2) if start is None else start)
    first = np.clip(starts, 0, n_samples - 1)  # a window may reach beyond the song
    last = np.minimum(starts + n_fft, n_samples) - 1
    touched = np.searchsorted(audio.borders, np.stack([first, last]), side="right") - 1
    changes = np.flatnonzero(np.diff(touched, axis=1).any(axis=0)) + 1
    return [
        Group(slice(a, b), range(touched[0, a], touched[1, a] + 1))
        for a, b in pairwise([0, *changes.tolist(), n_frames])
    ]


def n_centred_frames(n_samples: int, n_fft: int, hop_length: int) -> int:
    """Count the centred frames of a song, as :func:`librosa.stft` has them.

    Parameters
    ----------
    n_samples : int
        Length of the song in samples, at least 1. At each end, ``n_fft // 2`` samples of silence
        are added, which together are one less than `n_fft` if that is odd.
    n_fft, hop_length : int
        Samples of a frame, and from one to the next.

    Returns
    -------
    int
        At least 1.

    Examples
    --------
    >>> from sklearn_musiclime.featurizers.audio.table import n_centred_frames
    >>> n_centred_frames(1024, 2048, 512), n_centred_frames(1024, 2047, 512)
    (3, 2)
    """
    return 1 + (n_samples + 2 * (n_fft // 2) - n_fft) // hop_length


def drawn_cases(
    neighbourhood: AudioNeighbourhood, groups: Sequence[Group]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Find the distinct cases of each group, and the case of each mask.

    Parameters
    ----------
    neighbourhood : AudioNeighbourhood
        Sources, segments and masks.
    groups : sequence of Group
        The groups.

    Returns
    -------
    cases : list of ndarray of shape (n_cases, n_sources, n_segments_of_group), dtype bool
        Distinct cases of each group.
    which : ndarray of shape (n_masks, n_groups), dtype int32
        Case of each mask in each group, as an index into the cases of the group.
    """
    audio, masks = neighbourhood.audio, neighbourhood.masks
    kept = masks.reshape(len(masks), len(audio.source_names), audio.n_segments)
    cases: list[np.ndarray] = []
    which = np.empty((len(masks), len(groups)), dtype=np.int32)
    for number, group in enumerate(groups):
        drawn = kept[:, :, group.segments.start : group.segments.stop]
        distinct, which[:, number] = distinct_rows(drawn.reshape(len(masks), -1))
        cases.append(distinct.reshape(-1, *drawn.shape[1:]))
    return cases, which


def is_worthwhile(groups: Sequence[Group], cases: Sequence[np.ndarray], n_masks: int) -> bool:
    """Return whether a table has at most half as many frames as all perturbed songs.

    Parameters
    ----------
    groups : sequence of Group
        The groups.
    cases : sequence of ndarray
        The cases of each group.
    n_masks : int
        Number of perturbed songs.

    Returns
    -------
    bool
    """
    n_case_frames = sum(len(c) * g.n_frames for c, g in zip(cases, groups, strict=True))
    return n_case_frames <= n_masks * groups[-1].frames.stop / 2


def composed_cases(
    audio: AudioComponents, features: FrameFeatures, *, n_fft: int, hop_length: int
) -> CaseFeatures:
    """Compute features of cases from composed samples.

    Parameters
    ----------
    audio : AudioComponents
        Sources and segments.
    features : callable
        Computes the features of the frames of padded waveforms.
    n_fft, hop_length : int
        Samples of a frame, and from one to the next; frames are centred.

    Returns
    -------
    callable
        Computes the features of the frames of cases. Silence is computed once.
    """
    silence = features(np.zeros((1, n_fft), dtype=np.float32))

    def of_cases(group: Group, cases: np.ndarray) -> Iterator[np.ndarray]:
        start, stop = stretch(group, n_fft, hop_length)
        n_cases = max(BLOCK_FRAMES // group.n_frames, 1)
        for first in range(0, len(cases), n_cases):
            some = cases[first : first + n_cases]
            sounds = some.any(axis=(1, 2)) | (audio.fills is not None)
            values = np.repeat(np.repeat(silence, len(some), axis=0), group.n_frames, axis=2)
            if sounds.any():
                values[sounds] = features(case_waveforms(audio, group, some[sounds], start, stop))
            yield values.transpose(0, 2, 1)

    return of_cases


def stretch(group: Group, n_fft: int, hop_length: int) -> tuple[int, int]:
    """Return the samples that the centred frames of a group span.

    Parameters
    ----------
    group : Group
        The frames.
    n_fft, hop_length : int
        Samples of a frame, and from one to the next.

    Returns
    -------
    start, stop : int
        First sample, which may lie before the song, and the sample after the last.
    """
    start = group.frames.start * hop_length - n_fft // 2
    return start, start + (group.n_frames - 1) * hop_length + n_fft


def case_waveforms(
    audio: AudioComponents, group: Group, cases: np.ndarray, start: int, stop: int
) -> np.ndarray:
    """Compose a stretch of the song in each case of a group.

    Parameters
    ----------
    audio : AudioComponents
        Sources and segments, with at most one fill.
    group : Group
        The group of frames; the stretch lies in its segments.
    cases : ndarray of shape (n_cases, n_sources, n_segments_of_group), dtype bool
        The cases.
    start, stop : int
        First sample of the stretch, and the sample after its last; beyond the ends of the song
        there is silence.

    Returns
    -------
    ndarray of shape (n_cases, stop - start), dtype float32
    """
    assert audio.mix is not None
    assert audio.sources is not None
    waveforms = np.zeros((len(cases), stop - start), dtype=np.float32)
    for place, segment in enumerate(group.segments):
        a, b = max(start, audio.borders[segment]), min(stop, audio.borders[segment + 1])
        block, on = waveforms[:, a - start : b - start], cases[:, :, place]
        # The order of addition is that of composed songs, so that samples agree to the last bit.
        for source, samples in enumerate(audio.sources[:, a:b]):
            block[on[:, source]] += samples
        if audio.fills is not None:
            for source, samples in enumerate(audio.fills[0, :, a:b]):
                block[~on[:, source]] += samples
        block[on.all(axis=1)] = audio.mix[a:b]
    return waveforms
