"""Mel power of every case of a group of frames, without composing samples.

A *part* of a frame is one source in one segment, with silence around it, or what fills the segment
where the source is left out. The Fourier transform is
linear, so the spectrum of a case is the sum of the spectra X_i of its parts, and its power in a mel
band with weights w_b is a quadratic form in the band's cross-spectra C::

    power = sum over parts i, j of the case of C_ij
    C_ij = sum over bins b of w_b Re(X_i,b conj X_j,b)

So each part is transformed once, and the power of all cases is one product of matrices: for S
sources in one segment S transforms of a frame in place of 2^S - 1.

All is in float64, so that what sources cancel of one another costs no digits. The power differs
from that of composed songs by the rounding of their float32 samples and spectra alone, some 1e-7 of
the spectrum's amplitude. Features that depend on single bins, the quietest of which consist of
nothing but this rounding, are therefore computed from composed samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import librosa
import numpy as np
import scipy.fft
import scipy.signal
import scipy.sparse
from numpy.lib.stride_tricks import sliding_window_view

from sklearn_musiclime.components.decomposition import AudioComponents
from sklearn_musiclime.featurizers.audio.table import Group, case_waveforms, stretch

BLOCK_SPECTRA = 192
"""Spectra that are multiplied at a time: 3 MB at 1025 bins."""
BLOCK_FRAMES = 2048
"""Frames of cases whose power is computed at a time: 1 MB at 64 mel bands."""


@cache
def mel_basis(sampling_rate: float, n_fft: int, n_mels: int) -> scipy.sparse.csr_array:
    """Return librosa's mel filters.

    Parameters
    ----------
    sampling_rate : float
        Sampling rate in Hz.
    n_fft, n_mels : int
        Samples of a frame, and number of bands.

    Returns
    -------
    csr_array of shape (n_mels, n_bins), dtype float64
        Sparse, since each frequency bin lies in at most two bands.
    """
    return scipy.sparse.csr_array(
        librosa.filters.mel(sr=sampling_rate, n_fft=n_fft, n_mels=n_mels, dtype=np.float64)
    )


def log_mel_of_cases(
    audio: AudioComponents,
    group: Group,
    cases: np.ndarray,
    basis: scipy.sparse.csr_array,
    *,
    n_fft: int,
    hop_length: int,
) -> Iterator[np.ndarray]:
    """Compute the log-mel power of the frames of cases.

    Parameters
    ----------
    audio : AudioComponents
        Sources and segments.
    group : Group
        The frames.
    cases : ndarray of shape (n_cases, n_sources, n_segments_of_group), dtype bool
        The cases.
    basis : csr_array of shape (n_mels, n_bins)
        Weights of the mel bands.
    n_fft, hop_length : int
        Samples of a frame, and from one to the next; frames are centred.

    Yields
    ------
    ndarray of shape (n, n_frames, n_mels), dtype float64
        In dB re 1, in blocks of cases.
    """
    cross = cross_spectra(audio, group, basis, n_fft=n_fft, hop_length=hop_length)
    n_cases = max(BLOCK_FRAMES // group.n_frames, 1)
    if audio.fills is not None:
        cases = np.hstack([cases, ~cases])
    for first in range(0, len(cases), n_cases):
        power = case_power(cross, cases[first : first + n_cases])
        yield librosa.power_to_db(power, top_db=None)


def n_cross_spectra(group: Group, n_waveforms: int) -> int:
    """Count the cross-spectra of a frame, each of which takes about as long as a case.

    Parameters
    ----------
    group : Group
        The group of the frame.
    n_waveforms : int
        Number of sources, and of their fills if there are any.

    Returns
    -------
    int
        Number of pairs of parts, those of a part with itself included.
    """
    n_parts = n_waveforms * len(group.segments)
    return n_parts * (n_parts + 1) // 2


def cross_spectra(
    audio: AudioComponents,
    group: Group,
    basis: scipy.sparse.csr_array,
    *,
    n_fft: int,
    hop_length: int,
) -> np.ndarray:
    """Compute the cross-spectra of a group's parts in mel bands.

    Parameters
    ----------
    audio : AudioComponents
        Sources and segments.
    group : Group
        The frames.
    basis : csr_array of shape (n_mels, n_bins), dtype float64 or float32
        Weights of the mel bands. Their type is that of the transforms.
    n_fft, hop_length : int
        Samples of a frame, and from one to the next; frames are centred.

    Returns
    -------
    ndarray of shape (n_pairs, n_frames, n_mels), dtype float64
        For each pair of parts i <= j, in the order of :func:`numpy.triu_indices`. Parts are ordered
        as the cases of :func:`~sklearn_musiclime.featurizers.audio.table.drawn_cases`, segment by
        segment within each source; those of the fills follow.
    """
    n_sources, n_segments = len(audio.source_names), len(group.segments)
    alone = np.eye(n_sources * n_segments, dtype=bool).reshape(-1, n_sources, n_segments)
    sounds = [replace(audio, fills=None)]
    if audio.fills is not None:
        (fill,) = audio.fills
        sounds.append(replace(audio, mix=fill.sum(axis=0), sources=fill, fills=None))
    within = stretch(group, n_fft, hop_length)
    parts = np.concatenate([case_waveforms(sound, group, alone, *within) for sound in sounds])
    n_parts = len(parts)
    frames = sliding_window_view(parts, n_fft, axis=1)[:, ::hop_length]
    window = scipy.signal.get_window("hann", n_fft).astype(basis.dtype)

    cross = np.empty((n_cross_spectra(group, audio.n_waveforms), group.n_frames, basis.shape[0]))
    n_block = max(BLOCK_SPECTRA // n_parts, 1)
    for first in range(0, group.n_frames, n_block):
        some = slice(first, first + n_block)
        spectra = scipy.fft.rfft(frames[:, some] * window).transpose(2, 0, 1)
        real, imag = np.ascontiguousarray(spectra.real), np.ascontiguousarray(spectra.imag)
        pair = 0
        for part in range(n_parts):  # with itself and those after it
            own = slice(part, part + 1)
            product = real[:, own] * real[:, part:] + imag[:, own] * imag[:, part:]
            in_bands = basis @ product.reshape(len(product), -1)
            n_pairs = n_parts - part
            in_bands = in_bands.reshape(len(in_bands), n_pairs, -1)
            cross[pair : pair + n_pairs, some] = in_bands.transpose(1, 2, 0)
            pair += n_pairs
    return cross


def case_power(cross: np.ndarray, cases: np.ndarray) -> np.ndarray:
    """Add up the mel power of cases.

    Parameters
    ----------
    cross : ndarray of shape (n_pairs, n_frames, n_mels)
        Cross-spectra of the parts.
    cases : ndarray of shape (n_cases, n_waveforms, n_segments_of_group), dtype bool
        The parts that are in each case.

    Returns
    -------
    ndarray of shape (n_cases, n_frames, n_mels), dtype float64
        Not negative but for rounding.

    Examples
    --------
    Two parts of power 4 and 1, in phase:

    >>> import numpy as np
    >>> from sklearn_musiclime.featurizers.audio.cross_spectra import case_power
    >>> cross = np.array([4.0, 2.0, 1.0]).reshape(3, 1, 1)  # of 1 and 1, 1 and 2, 2 and 2
    >>> cases = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=bool).reshape(4, 2, 1)
    >>> case_power(cross, cases).ravel()
    array([0., 4., 1., 9.])
    """
    on = cases.reshape(len(cases), -1)
    first, second = np.triu_indices(on.shape[1])
    times = (on[:, first] & on[:, second]) * np.where(first == second, 1.0, 2.0)
    power = times @ cross.reshape(len(cross), -1)
    return power.reshape(len(cases), *cross.shape[1:])
