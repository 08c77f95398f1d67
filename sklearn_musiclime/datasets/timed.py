"""Lyrics with times, whatever file they come from: lines of words, some of which have times."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from sklearn_musiclime.components.lyrics import Times, word_spans, word_times_cell

MAX_CHARACTERS = 2**22
"""Longest lyrics that are read: lines with many times can make a short file arbitrarily long."""
MAX_SECONDS = 1e9
"""Latest time and largest offset that are accepted."""

Pieces = Sequence[tuple[float | None, str]]
"""A line cut at its stamps: each piece has the time at which it begins, or None."""


@dataclass(frozen=True)
class TimedLyrics:
    """Lyrics with word times.

    Attributes
    ----------
    text : str
        The lyrics, with an empty line where a line of the file has a time but no words.
    word_times : list of ((start, end) or None), or None
        Seconds, for each word of :func:`~sklearn_musiclime.components.lyrics.word_spans`; None for
        a word without times, and instead of the list where the file has none at all.
    """

    text: str
    word_times: list[Times | None] | None

    def cell(self) -> list[tuple] | None:
        """Return the times as a cell of the column ``word_times``.

        Returns
        -------
        list of tuple, or None
            (start, end) of each word. Where a word has no times, or where as many pairs could
            also belong to other pieces of the text, (word, start, end) instead.
        """
        if self.word_times is None:
            return None
        words = [self.text[slice(*span)] for span in word_spans(self.text)]
        return word_times_cell(self.text, list(zip(words, self.word_times, strict=True)))


@dataclass(frozen=True)
class SungLine:
    """A line of lyrics.

    Attributes
    ----------
    begin : float
        When it begins, in seconds.
    text : str
        Its text.
    times : list of ((start, end) or None)
        Seconds of each word of `text`; None for a word without times.
    """

    begin: float
    text: str
    times: list[Times | None]


def sung_line(begin: float, pieces: Pieces, end: float) -> SungLine:
    """Give the words of a line the times of the stamps around them.

    Parameters
    ----------
    begin, end : float
        Seconds at which the line begins and ends.
    pieces : sequence of (float or None, str)
        The line, cut at its stamps.

    Returns
    -------
    SungLine
    """
    line = "".join(text for _, text in pieces)
    at, places, stamps = 0, [], []  # character positions and times of the pieces with a time
    for time, text in pieces:
        if time is not None:
            places.append(at)
            stamps.append(time)
        at += len(text)
    latest = list(accumulate(stamps, max, initial=begin))
    earliest = list(accumulate(reversed(stamps), min, initial=end))[::-1]
    times: list[Times | None] = []
    for first, last in word_spans(line):
        start = latest[bisect_right(places, first)]
        times.append((start, max(start, earliest[bisect_left(places, last)])))
    return SungLine(begin, line, times)


def assemble(lines: Iterable[SungLine], start: float = 0.0, end: float = np.inf) -> TimedLyrics:
    """Put lines together, in the order of their times, to the lyrics of a part of a song.

    Parameters
    ----------
    lines : iterable of SungLine
        The lines.
    start, end : float, default=0.0, inf
        Words that begin before `start`, or at `end` or later, are dropped, and so are words without
        times beside them; times are relative to `start`.

    Returns
    -------
    TimedLyrics

    Raises
    ------
    ValueError
        A time is negative or beyond :data:`MAX_SECONDS`, or the lyrics are longer than
        :data:`MAX_CHARACTERS`.
    """
    kept_lines: list[str] = []
    word_times: list[Times | None] = []
    length = 0
    for line in sorted(lines, key=lambda line: line.begin):
        length += len(line.text) + 1
        if length > MAX_CHARACTERS:
            raise ValueError(f"lyrics of more than {MAX_CHARACTERS} characters")
        for time in (line.begin, *(t for times in line.times if times is not None for t in times)):
            if not 0 <= time <= MAX_SECONDS:
                raise ValueError(f"{time:g} s is no time of a song")
        inside = [start <= begin < end for begin in _begins(line)]
        if any(inside) or (not line.times and start <= line.begin < end):
            if all(inside):
                kept_lines.append(line.text.strip())
            else:
                words = word_spans(line.text)
                kept_lines.append(
                    " ".join(
                        line.text[slice(*span)]
                        for span, is_in in zip(words, inside, strict=True)
                        if is_in
                    )
                )
            word_times += [
                None if times is None else (times[0] - start, min(times[1], end) - start)
                for times, is_in in zip(line.times, inside, strict=True)
                if is_in
            ]
    return TimedLyrics("\n".join(kept_lines).strip("\n"), word_times)


def _begins(line: SungLine) -> list[float]:
    """When each word begins; one without times as the word before it."""
    before = next((times[0] for times in line.times if times is not None), line.begin)
    begins = []
    for times in line.times:
        before = before if times is None else times[0]
        begins.append(before)
    return begins
