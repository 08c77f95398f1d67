"""A song as its interpretable components: sources x segments, and units of lyrics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import scipy.sparse.csgraph

from sklearn_musiclime.components.lyrics import (
    LyricComponents,
    split_lyrics,
    times_of_words,
    word_spans,
)
from sklearn_musiclime.components.segmentation import Segmenter, segment_audio
from sklearn_musiclime.components.separation import Separator, separate_sources
from sklearn_musiclime.songs import InvalidSongError, Song

Modality = Literal["both", "audio", "lyrics"]
VOCALS = "vocals"
"""The source that sings the lyrics."""


@dataclass(frozen=True)
class AudioComponents:
    """Audio as a grid of sources x segments.

    Component ``source * n_segments + segment`` is named ``source@segment``.

    Attributes
    ----------
    mix : ndarray of shape (n_samples,), dtype float32, or None
        The song. None, as are `sources`, where waveforms were left out to save memory.
    source_names : tuple of str
        Names of the sources.
    sources : ndarray of shape (n_sources, n_samples), dtype float32, or None
        Their waveforms; they sum to `mix`.
    borders : ndarray of shape (n_segments + 1,), dtype int64
        Where segments begin and end, in samples.
    sampling_rate : float
        Samples a second.
    """

    mix: np.ndarray | None
    source_names: tuple[str, ...]
    sources: np.ndarray | None
    borders: np.ndarray
    sampling_rate: float

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return len(self.borders) - 1

    @property
    def times(self) -> np.ndarray:
        """Borders in seconds, shape (n_segments + 1,)."""
        return self.borders / self.sampling_rate

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components, source by source."""
        return tuple(f"{s}@{t}" for s in self.source_names for t in range(self.n_segments))

    def __len__(self) -> int:
        return len(self.source_names) * self.n_segments


@dataclass(frozen=True)
class Decomposition:
    """The components of a song: those of the audio first, then those of the lyrics.

    Attributes
    ----------
    audio : AudioComponents or None
        None if the audio is not explained.
    lyrics : LyricComponents or None
        None if the lyrics are not explained.
    """

    audio: AudioComponents | None
    lyrics: LyricComponents | None

    @property
    def n_audio(self) -> int:
        """Number of audio components."""
        return 0 if self.audio is None else len(self.audio)

    @property
    def n_lyrics(self) -> int:
        """Number of lyric components."""
        return 0 if self.lyrics is None else len(self.lyrics)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all components, in the order of the columns of a mask."""
        parts = [part.names for part in (self.audio, self.lyrics) if part is not None]
        return tuple(name for part in parts for name in part)

    def __len__(self) -> int:
        return self.n_audio + self.n_lyrics

    def without_waveforms(self) -> Decomposition:
        """Return the same components without what can be heard of them."""
        if self.audio is None:
            return self
        return replace(self, audio=replace(self.audio, mix=None, sources=None))


def decompose(
    song: Song,
    *,
    separator: Separator | None,
    segmenter: Segmenter,
    lyric_units: str = "words",
    mask_token: str | None = None,
    modality: Modality = "both",
) -> Decomposition:
    """Split a song into components.

    Parameters
    ----------
    song : Song
        The song.
    separator : estimator with ``separate``, or None
        Makes the sources. None: the mix is the one source.
    segmenter : estimator with ``segment``
        Cuts time.
    lyric_units : str, default="words"
        See :func:`~sklearn_musiclime.components.lyrics.split_lyrics`.
    mask_token : str or None, default=None
        What stands for lyrics that are off.
    modality : {"both", "audio", "lyrics"}, default="both"
        What is split. The rest of the song stays whole.

    Returns
    -------
    Decomposition

    Raises
    ------
    InvalidSongError
        The separator or the segmenter can't take this song; the message says why.
    """
    audio = lyrics = None
    if modality != "lyrics":
        waveform, rate = song.waveform, song.sampling_rate
        try:
            names, sources = separate_sources(
                separator, waveform, rate, path=song.path, span=song.span
            )
            borders = segment_audio(
                segmenter,
                waveform,
                rate,
                path=song.path,
                lyrics=song.lyrics,
                word_times=song.word_times,
            )
        except ValueError as error:
            raise InvalidSongError(song.row, "audio", str(error)) from error
        audio = AudioComponents(waveform, names, sources, borders, rate)
    if modality != "audio":
        lyrics = split_lyrics(
            song.lyrics,
            lyric_units,
            mask_token=mask_token,
            word_times=song.word_times,
            row=song.row,
        )
    return Decomposition(audio, lyrics)


def link_components(components: Decomposition, song: Song) -> np.ndarray:
    """Join each unit of lyrics with the vocals of the segments in which it is sung.

    A word is sung in the samples from its start up to, not including, its end, times being rounded
    to samples; in one sample at least. So a word that ends where a segment begins is not sung in
    that segment, and one outside the song is not sung in any.

    Parameters
    ----------
    components : Decomposition
        The components of a song, of both modalities.
    song : Song
        The song, with word times.

    Returns
    -------
    ndarray of shape (n_components,) of int
        The number of the linked unit of each component, in order of first appearance. What is not
        sung, and vocals without words, are units of their own.

    Raises
    ------
    InvalidSongError
        The song has no word times, or no source is called "vocals".
    """
    audio, lyrics = components.audio, components.lyrics
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
    times = times_of_words(lyrics.text, song.word_times, song.row)
    for (at, _), (start, end) in zip(words, times, strict=True):
        if owner[at] >= 0:
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
