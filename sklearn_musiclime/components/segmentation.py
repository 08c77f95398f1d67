"""Segmentation: cutting a song into spans of time.

A segmenter is an estimator with one method, ``segment(waveform, sampling_rate)``, that returns the
boundaries of the segments as sample positions: strictly increasing, from 0 to ``len(waveform)``.
The method may also accept ``path``, ``lyrics`` and ``word_times`` of the song.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import librosa
import numpy as np
from sklearn.base import BaseEstimator

from sklearn_musiclime.components._protocol import call_with_known
from sklearn_musiclime.components.lyrics import split_lyrics
from sklearn_musiclime.songs import TimedWords


class Segmenter(Protocol):
    """Interface of a segmenter.

    A segmenter that cuts every song into the same number of segments may have that number as an
    attribute ``fixed_n_segments``: ``MusicLimeExplainer.transform`` then makes as many columns for
    each source.
    """

    def segment(self, waveform: np.ndarray, sampling_rate: float) -> np.ndarray:
        """Cut a waveform into segments.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,), dtype float32
            The mix.
        sampling_rate : float
            Its sampling rate in Hz.

        Returns
        -------
        ndarray of shape (n_segments + 1,), of int
            Boundaries in samples: strictly increasing, from 0 to ``len(waveform)``.
        """


class UniformSegmenter(BaseEstimator):
    """Segments of equal length.

    Parameters
    ----------
    n_segments : int, default=10
        Number of segments of each song. A song of fewer samples has one segment per sample.
    seconds : float or None, default=None
        Length of a segment in seconds; if given, `n_segments` is ignored. A remainder of less than
        half that length is joined to the last segment, a longer one is a segment of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import UniformSegmenter
    >>> UniformSegmenter(n_segments=4).segment(np.zeros(10), 22050)
    array([ 0,  2,  5,  8, 10])
    >>> UniformSegmenter(seconds=0.5).segment(np.zeros(11), 8)
    array([ 0,  4,  8, 11])
    """

    def __init__(self, n_segments: int = 10, seconds: float | None = None):
        self.n_segments = n_segments
        self.seconds = seconds

    @property
    def fixed_n_segments(self) -> int | None:
        """Number of segments of every song; None with `seconds`, where it depends on the length."""
        return self.n_segments if self.seconds is None else None

    def segment(self, waveform: np.ndarray, sampling_rate: float) -> np.ndarray:
        """Cut a waveform into segments of equal length.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The audio.
        sampling_rate : float
            Its sampling rate in Hz.

        Returns
        -------
        ndarray of shape (n_segments + 1,)
            Boundaries in samples.

        Raises
        ------
        ValueError
            `n_segments` is below 1 or `seconds` is not positive.
        """
        n_samples = len(waveform)
        if self.seconds is None:
            if self.n_segments < 1:
                raise ValueError(f"n_segments must be at least 1, got {self.n_segments}")
            return _even_boundaries(n_samples, self.n_segments)
        if not self.seconds > 0:
            raise ValueError(f"seconds must be positive, got {self.seconds}")
        length = self.seconds * sampling_rate
        n_whole = int((n_samples - length / 2) // length + 1)
        return _boundaries(np.arange(1, n_whole) * length, n_samples)


class BeatSegmenter(BaseEstimator):
    """Segments of a fixed number of beats.

    Parameters
    ----------
    beats : int, default=8
        Number of beats in a segment. In most popular music, 4 beats are a bar.
    hop_length : int, default=512
        Samples between successive frames of the beat tracker.

    Notes
    -----
    A song in which :func:`librosa.beat.beat_track` finds no beat is one segment.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import BeatSegmenter
    >>> clicks = np.zeros(8 * 22050, dtype=np.float32)
    >>> clicks[::11025] = 1
    >>> boundaries = BeatSegmenter(beats=4).segment(clicks, 22050)
    >>> (np.diff(boundaries)[1:-1] / 22050).round(1)  # two beats a second
    array([2., 2., 2.])
    """

    def __init__(self, beats: int = 8, hop_length: int = 512):
        self.beats = beats
        self.hop_length = hop_length

    def segment(self, waveform: np.ndarray, sampling_rate: float) -> np.ndarray:
        """Cut a waveform at every `beats`-th beat.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The audio.
        sampling_rate : float
            Its sampling rate in Hz.

        Returns
        -------
        ndarray of shape (n_segments + 1,)
            Boundaries in samples.

        Raises
        ------
        ValueError
            `beats` is below 1.
        """
        if self.beats < 1:
            raise ValueError(f"beats must be at least 1, got {self.beats}")
        padded = librosa.util.fix_length(waveform, size=max(len(waveform), 2048))
        _, found = librosa.beat.beat_track(
            y=padded, sr=sampling_rate, hop_length=self.hop_length, units="samples", trim=False
        )
        return _boundaries(found[:: self.beats], len(waveform))


class StructureSegmenter(BaseEstimator):
    """Segments of homogeneous sound, such as verse and chorus.

    Adjacent frames are merged by agglomerative clustering of their timbre (MFCC) and harmony
    (chroma) until `n_segments` clusters are left.

    Parameters
    ----------
    n_segments : int, default=10
        Number of segments. A song of fewer frames has one segment per frame.
    hop_length : int, default=2048
        Samples between successive analysis frames, which is the precision of the boundaries.

    References
    ----------
    McFee, Ellis, "Analyzing song structure with spectral clustering", ISMIR 2014;
    :func:`librosa.segment.agglomerative`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import StructureSegmenter
    >>> time = np.arange(4 * 22050) / 22050
    >>> song = np.where(time < 1, np.sin(2764 * time), np.sin(9000 * time)).astype(np.float32)
    >>> (StructureSegmenter(n_segments=2).segment(song, 22050) / 22050).round(1)
    array([0., 1., 4.])
    """

    def __init__(self, n_segments: int = 10, hop_length: int = 2048):
        self.n_segments = n_segments
        self.hop_length = hop_length

    @property
    def fixed_n_segments(self) -> int:
        """Number of segments of every song, except of those with fewer frames."""
        return self.n_segments

    def segment(self, waveform: np.ndarray, sampling_rate: float) -> np.ndarray:
        """Cut a waveform where its sound changes.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The audio.
        sampling_rate : float
            Its sampling rate in Hz.

        Returns
        -------
        ndarray of shape (n_segments + 1,)
            Boundaries in samples.

        Raises
        ------
        ValueError
            `n_segments` is below 1.
        """
        if self.n_segments < 1:
            raise ValueError(f"n_segments must be at least 1, got {self.n_segments}")
        padded = librosa.util.fix_length(waveform, size=max(len(waveform), 2048))
        hop = self.hop_length
        timbre = librosa.feature.mfcc(y=padded, sr=sampling_rate, hop_length=hop)
        harmony = librosa.feature.chroma_stft(
            y=padded, sr=sampling_rate, hop_length=hop, tuning=0.0
        )
        features = np.vstack([librosa.util.normalize(f, axis=1) for f in (timbre, harmony)])
        n_segments = min(self.n_segments, features.shape[1])
        if n_segments == 1:
            return _boundaries(np.empty(0), len(waveform))
        starts = librosa.segment.agglomerative(features, n_segments)
        # Frame i is centred on sample i * hop_length, so it begins half a hop earlier.
        return _boundaries((starts - 0.5) * hop, len(waveform))


class LyricLineSegmenter(BaseEstimator):
    r"""One segment for every sung line, and one for every pause between lines.

    The song needs word times.

    Parameters
    ----------
    min_gap : float, default=2.0
        Shortest pause, in seconds, that is a segment: a span without singing between two lines,
        before the first or after the last. A shorter pause belongs to the line before it; at the
        beginning of the song, to the first line.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import LyricLineSegmenter
    >>> times = np.array([[3.0, 3.5], [3.5, 4.0], [4.5, 5.0], [5.0, 5.5]])
    >>> LyricLineSegmenter().segment(np.zeros(80), 10, lyrics="hey you\nwho me", word_times=times)
    array([ 0, 30, 45, 55, 80])
    """

    def __init__(self, min_gap: float = 2.0):
        self.min_gap = min_gap

    def segment(
        self,
        waveform: np.ndarray,
        sampling_rate: float,
        lyrics: str = "",
        word_times: np.ndarray | TimedWords | None = None,
    ) -> np.ndarray:
        """Cut a waveform at the lines of its lyrics.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The audio.
        sampling_rate : float
            Its sampling rate in Hz.
        lyrics : str, default=""
            The lyrics. A song without lyrics is one segment.
        word_times : ndarray of shape (n_words, 2), TimedWords or None, default=None
            Start and end of each word in seconds.

        Returns
        -------
        ndarray of shape (n_segments + 1,)
            Boundaries in samples.

        Raises
        ------
        ValueError
            There are lyrics but no word times.
        """
        if word_times is None and lyrics and lyrics.strip():
            raise ValueError("LyricLineSegmenter needs word times, and this song has none")
        lines = split_lyrics(lyrics or "", "lines", word_times=word_times).times
        # In whole samples, since a difference of seconds would round a pause of exactly `min_gap`.
        sung = sorted(np.rint(np.multiply(t, sampling_rate)).tolist() for t in lines if t)
        min_gap = np.rint(self.min_gap * sampling_rate)
        boundaries, sung_until = [], 0.0
        for line, (start, end) in enumerate(sung):
            pause = start - sung_until >= min_gap
            if pause:
                boundaries.append(sung_until)
            if pause or line > 0:
                boundaries.append(start)
            sung_until = max(sung_until, end)
        if len(waveform) - sung_until >= min_gap:
            boundaries.append(sung_until)
        return _boundaries(boundaries, len(waveform))


def segment_audio(
    segmenter: Segmenter,
    waveform: np.ndarray,
    sampling_rate: float,
    *,
    path: Path | None = None,
    lyrics: str | None = None,
    word_times: np.ndarray | TimedWords | None = None,
) -> np.ndarray:
    """Cut a song with any segmenter, and check the boundaries that it returns.

    Parameters
    ----------
    segmenter : estimator with ``segment``
        The segmenter.
    waveform : ndarray of shape (n_samples,)
        The mix.
    sampling_rate : float
        Its sampling rate in Hz.
    path : Path or None, default=None
        File of the song.
    lyrics : str or None, default=None
        Lyrics of the song.
    word_times : ndarray of shape (n_words, 2), TimedWords or None, default=None
        Start and end of each word in seconds; the second, from which numpy makes the first, where
        X names the words.

    Returns
    -------
    ndarray of shape (n_segments + 1,), dtype int64
        Boundaries in samples: strictly increasing, from 0 to ``len(waveform)``.

    Raises
    ------
    ValueError
        The segmenter returned something else.
    """
    # Copies, since a segmenter may change its arguments.
    returned = call_with_known(
        segmenter.segment,
        waveform.copy(),
        sampling_rate,
        path=path,
        lyrics=lyrics,
        word_times=None if word_times is None else word_times.copy(),
    )
    who, n_samples = type(segmenter).__name__, len(waveform)
    try:
        boundaries = np.asarray(returned)
    except ValueError as error:
        raise ValueError(f"{who} returned no array of boundaries: {error}") from error
    if boundaries.ndim != 1 or len(boundaries) < 2 or boundaries.dtype.kind not in "iu":
        raise ValueError(f"{who} returned {boundaries!r}; expected integer boundaries of segments")
    boundaries = boundaries.astype(np.int64)  # a difference of unsigned integers is never negative
    if boundaries[0] != 0 or boundaries[-1] != n_samples or (np.diff(boundaries) <= 0).any():
        raise ValueError(
            f"{who}'s boundaries must increase from 0 to {n_samples}, got {boundaries}"
        )
    return boundaries


def _even_boundaries(n_samples: int, n_segments: int) -> np.ndarray:
    n_segments = min(n_segments, n_samples)
    return _boundaries(np.arange(1, n_segments) * (n_samples / n_segments), n_samples)


def _boundaries(inner: Any, n_samples: int) -> np.ndarray:
    """Boundaries at the ends of the song and at those given positions that lie inside of it."""
    inner = np.rint(np.asarray(inner, dtype=float)).astype(np.int64)
    inner = np.unique(inner[(inner > 0) & (inner < n_samples)])
    return np.concatenate([[0], inner, [n_samples]])
