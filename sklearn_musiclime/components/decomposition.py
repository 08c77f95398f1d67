"""Decomposition of a song into components: sources x segments, lyric units, and columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import scipy.sparse.csgraph

from sklearn_musiclime.components.columns import ColumnComponents
from sklearn_musiclime.components.fills import Fill, fill_audio, fill_lyrics
from sklearn_musiclime.components.lyrics import (
    LyricComponents,
    LyricUnits,
    split_lyrics,
    times_of_words,
    word_spans,
)
from sklearn_musiclime.components.segmentation import Segmenter, segment_audio
from sklearn_musiclime.components.separation import Separator, separate_sources
from sklearn_musiclime.songs import InvalidSongError, Song

Modalities = Literal["both", "audio", "lyrics", "columns"]
"""The modalities whose components are explained: audio and lyrics, one of them, or neither."""
MODALITIES = ("audio", "lyrics", "columns")
"""The modalities, in the order of the components."""
VOCALS = "vocals"
"""Name of the source that contains the singing voice, for linking words with it."""


@dataclass(frozen=True)
class AudioComponents:
    """Audio as a grid of sources x segments.

    Component ``source * n_segments + segment`` is named ``source@segment``.

    Attributes
    ----------
    mix : ndarray of shape (n_samples,), dtype float32, or None
        The waveform of the song. None after :meth:`Decomposition.without_waveforms`.
    source_names : tuple of str
        Names of the sources.
    sources : ndarray of shape (n_sources, n_samples), dtype float32, or None
        Waveforms of the sources; they sum to `mix`. None where `mix` is.
    borders : ndarray of shape (n_segments + 1,), dtype int64
        Boundaries of the segments in samples: segment i is ``[borders[i], borders[i + 1])``.
    sampling_rate : float
        Sampling rate in Hz.
    fills : ndarray of shape (n_fills, n_sources, n_samples), dtype float32, or None
        What each source is replaced by where it is left out, see
        :mod:`sklearn_musiclime.components.fills`. None: silence.
    """

    mix: np.ndarray | None
    source_names: tuple[str, ...]
    sources: np.ndarray | None
    borders: np.ndarray
    sampling_rate: float
    fills: np.ndarray | None = None

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return len(self.borders) - 1

    @property
    def times(self) -> np.ndarray:
        """Boundaries of the segments in seconds, shape (n_segments + 1,)."""
        return self.borders / self.sampling_rate

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components: all segments of the first source, then of the second, ..."""
        return tuple(f"{s}@{t}" for s in self.source_names for t in range(self.n_segments))

    def __len__(self) -> int:
        return len(self.source_names) * self.n_segments

    @property
    def n_waveforms(self) -> int:
        """Number of waveforms that a segment is made of: those of sources, and of their fills."""
        return len(self.source_names) * (1 if self.fills is None else 2)

    def with_fill(self, fill: int) -> AudioComponents:
        """Return a copy with one of the fills.

        Parameters
        ----------
        fill : int
            Number of the fill.

        Returns
        -------
        AudioComponents
        """
        return self if self.fills is None else replace(self, fills=self.fills[[fill]])


@dataclass(frozen=True)
class Decomposition:
    """The components of a song: those of the audio, then those of the lyrics, then columns.

    Attributes
    ----------
    audio : AudioComponents or None
        None if the audio is not explained.
    lyrics : LyricComponents or None
        None if the lyrics are not explained.
    columns : ColumnComponents or None, default=None
        None if no further columns of X are explained.
    """

    audio: AudioComponents | None
    lyrics: LyricComponents | None
    columns: ColumnComponents | None = None

    @property
    def n_audio(self) -> int:
        """Number of audio components."""
        return 0 if self.audio is None else len(self.audio)

    @property
    def n_lyrics(self) -> int:
        """Number of lyric components."""
        return 0 if self.lyrics is None else len(self.lyrics)

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return 0 if self.columns is None else len(self.columns)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of components of the audio, of the lyrics and, if there are any, of columns."""
        both = self.n_audio, self.n_lyrics
        return both if self.columns is None else (*both, self.n_columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all components, in the order of the columns of a mask."""
        parts = (self.audio, self.lyrics, self.columns)
        return tuple(name for part in parts if part is not None for name in part.names)

    @property
    def shown(self) -> tuple[str, ...]:
        """What plots call the components: the text of lyrics, ``year = 1994`` for a column."""
        audio = () if self.audio is None else self.audio.names
        lyrics = () if self.lyrics is None else self.lyrics.texts()
        return (*audio, *lyrics, *(() if self.columns is None else self.columns.shown))

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modality of each component."""
        return tuple(
            name for name, n in zip(MODALITIES, self.sizes, strict=False) for _ in range(n)
        )

    def place(self, modality: str) -> slice:
        """Return the positions of a modality's components.

        Parameters
        ----------
        modality : {"audio", "lyrics", "columns"}
            The modality.

        Returns
        -------
        slice
        """
        at = MODALITIES.index(modality)
        sizes = self.n_audio, self.n_lyrics, self.n_columns
        return slice(sum(sizes[:at]), sum(sizes[: at + 1]))

    def __len__(self) -> int:
        return sum(self.sizes)

    @property
    def n_fills(self) -> tuple[int, ...]:
        """Number of fills of the audio, of the lyrics and, if any, of columns; at least 1."""
        audio = 1 if self.audio is None or self.audio.fills is None else len(self.audio.fills)
        both = audio, 1 if self.lyrics is None else max(len(self.lyrics.fills), 1)
        return both if self.columns is None else (*both, self.columns.n_fills)

    def without_fills(self) -> Decomposition:
        """Return a copy without fills, which are several times as large as the sources."""
        audio, lyrics = self.audio, self.lyrics
        return replace(
            self,
            audio=None if audio is None else replace(audio, fills=None),
            lyrics=None if lyrics is None else replace(lyrics, fills=()),
        )

    def without_waveforms(self) -> Decomposition:
        """Return a copy without waveforms and values of columns, to save memory."""
        audio, columns = self.audio, self.columns
        if audio is not None:
            audio = replace(audio, mix=None, sources=None, fills=None)
        return replace(
            self, audio=audio, columns=None if columns is None else columns.without_values()
        )


def decompose(
    song: Song,
    *,
    separator: Separator | None,
    segmenter: Segmenter,
    lyric_units: LyricUnits = "words",
    mask_token: str | None = None,
    modality: Modalities = "both",
    fill: Fill = "silence",
    background: pd.DataFrame | None = None,
) -> Decomposition:
    """Split a song into components.

    Parameters
    ----------
    song : Song
        The song.
    separator : estimator with ``separate``, or None
        Separates the audio into sources. None: the whole mix is the only source.
    segmenter : estimator with ``segment``
        Cuts the audio into segments.
    lyric_units : str or callable, default="words"
        Unit of the lyric components, see
        :func:`~sklearn_musiclime.components.lyrics.split_lyrics`.
    mask_token : str or None, default=None
        Text that replaces lyric components that are off. None: they are removed.
    modality : {"both", "audio", "lyrics", "columns"}, default="both"
        Which modality is split into components. The other one is always kept whole. "columns":
        neither.
    fill : {"silence", "noise", "mean"} or DonorSongs, default="silence"
        What a source is replaced by where it is left out, see
        :mod:`sklearn_musiclime.components.fills`. Donors replace lyrics as well, unless there is a
        `mask_token`.
    background : DataFrame of shape (n_songs, n_columns), or None, default=None
        Values of other songs in those columns of X that are components. None: none are.

    Returns
    -------
    Decomposition

    Raises
    ------
    InvalidSongError
        The separator or the segmenter failed on this song, or the word times do not match the
        lyrics; the message names the row and the reason.
    """
    audio = lyrics = None
    try:
        own_fill = fill if isinstance(fill, str) else fill.of(song)
    except ValueError as error:
        raise InvalidSongError(song.row, "audio", str(error)) from error
    if modality in ("both", "audio"):
        waveform, rate = song.waveform, song.sampling_rate
        assert waveform is not None  # X has the modality that is explained
        try:
            names, sources = separate_sources(
                separator, waveform, rate, path=song.path, span=song.span
            )
            boundaries = segment_audio(
                segmenter,
                waveform,
                rate,
                path=song.path,
                lyrics=song.lyrics,
                word_times=song.word_times,
            )
            fills = fill_audio(own_fill, rate, names, sources, boundaries)
        except ValueError as error:
            raise InvalidSongError(song.row, "audio", str(error)) from error
        audio = AudioComponents(waveform, names, sources, boundaries, rate, fills)
    if modality in ("both", "lyrics"):
        assert song.lyrics is not None
        lyrics = split_lyrics(
            song.lyrics,
            lyric_units,
            mask_token=mask_token,
            word_times=song.word_times,
            row=song.row,
            fills=fill_lyrics(own_fill) if mask_token is None else (),
        )
    columns = None
    if background is not None:
        columns = ColumnComponents.of(song.template, song.beside, background)
    return Decomposition(audio, lyrics, columns)


def link_components(components: Decomposition, song: Song) -> np.ndarray:
    """Link each lyric component with the vocals of the segments in which it is sung.

    Linked components are switched on and off together. A word is sung in the half-open interval
    from its start to its end, rounded to samples and at least one sample long. So a word that ends
    exactly where a segment begins is not sung in that segment, and a word whose times lie outside
    of the song, or that has none, is not sung in any segment.

    Parameters
    ----------
    components : Decomposition
        The components of a song, of both modalities.
    song : Song
        The song, with word times.

    Returns
    -------
    ndarray of shape (n_components,) of int
        Label of the group of linked components that each component belongs to, numbered in order
        of first appearance. A component without links is a group by itself.

    Raises
    ------
    InvalidSongError
        The song has no word times, or no source is called "vocals".
    """
    audio, lyrics = components.audio, components.lyrics
    assert audio is not None
    assert lyrics is not None
    if song.word_times is None:
        raise InvalidSongError(song.row, "word_times", "linked=True needs the times of the words")
    if VOCALS not in audio.source_names:
        raise InvalidSongError(
            song.row,
            "audio",
            f"linked=True needs a source {VOCALS!r}; there are {list(audio.source_names)}",
        )
    first_vocals = audio.source_names.index(VOCALS) * audio.n_segments
    owner = lyrics.owners()
    words, links = word_spans(lyrics.text), []
    if lyrics.units in ("words", "word_positions"):  # perhaps the words of a function
        words = [span for spans in lyrics.spans for span in spans]
        times = [time for span_times in lyrics.span_times for time in span_times]
    else:
        times = times_of_words(lyrics.text, song.word_times, song.row)
    for (at, _), sung in zip(words, times, strict=True):
        if owner[at] >= 0 and sung is not None:
            start, end = sung
            first = np.rint(start * audio.sampling_rate)
            stop = max(np.rint(end * audio.sampling_rate), first + 1)
            sung = (audio.borders[:-1] < stop) & (audio.borders[1:] > first)
            links += [
                (first_vocals + segment, components.n_audio + owner[at])
                for segment in np.flatnonzero(sung)
            ]
    rows, columns = np.array(links, dtype=int).reshape(-1, 2).T
    graph = scipy.sparse.csr_array(
        (np.ones(len(rows)), (rows, columns)), shape=(len(components), len(components))
    )
    return scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
