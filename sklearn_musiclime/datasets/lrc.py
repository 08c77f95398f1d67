"""LRC files: lyrics with times of lines and words."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from sklearn_musiclime.components.lyrics import word_spans

_TIME = r"(\d+):(\d{1,2})(?:[.:](\d{1,3}))?"
_LINE_TIMES = re.compile(rf"(?:\s*\[{_TIME}\])+")
_LINE_TIME = re.compile(rf"\[{_TIME}\]")
_WORD_TIME = re.compile(rf"<{_TIME}>")
_TAG = re.compile(r"\s*\[([A-Za-z#]+):(.*)\]\s*")
MAX_CHARACTERS = 2**22
"""Longest lyrics that are read: lines with many times can make a short file arbitrarily long."""
MAX_SECONDS = 1e9
"""Latest time and largest offset that are accepted."""
LAST_LINE_SECONDS = 5.0
"""Duration of the last line, if there is no other line to estimate it from."""

Line = tuple[float, list[tuple[float | None, str]]]


@dataclass(frozen=True)
class TimedLyrics:
    """Lyrics with word times.

    Attributes
    ----------
    text : str
        The lyrics, with an empty line where a line of the file has a time but no words.
    word_times : list of (start, end)
        Seconds, for each word of :func:`~sklearn_musiclime.components.lyrics.word_spans`.
    """

    text: str
    word_times: list[tuple[float, float]]


def read_lrc(text: str, *, start: float = 0.0, end: float = np.inf) -> TimedLyrics:
    r"""Read the content of an LRC file.

    A line ends where the next line begins; the last line has the median duration of the others. A
    word has the times of its line, unless word times ``<mm:ss.xx>`` are given. A line with several
    times is repeated at each of them. The tag ``[offset:...]`` shifts all times (in milliseconds,
    positive values to earlier times); other tags, and lines without a time, are ignored.

    Parameters
    ----------
    text : str
        Content of the file.
    start, end : float, default=0.0, inf
        Part of the song to read, in seconds: words that begin before `start`, or at `end` or later,
        are dropped, and times are relative to `start`.

    Returns
    -------
    TimedLyrics

    Raises
    ------
    ValueError
        No line has a time, a time or the offset is invalid, or the lyrics, with repeated lines, are
        longer than 2^22 characters.

    Examples
    --------
    >>> from sklearn_musiclime.datasets import read_lrc
    >>> lyrics = read_lrc("[ti:A song]\n[00:01.50]Love me\n[00:04.00]tender")
    >>> lyrics.text
    'Love me\ntender'
    >>> lyrics.word_times
    [(1.5, 4.0), (1.5, 4.0), (4.0, 6.5)]
    """
    lines = _timed_lines(text)
    if not lines:
        raise ValueError("no line has a time, such as [01:23.45]")
    begins = [begin for begin, _ in lines]
    gaps = np.diff(begins)
    last = float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else LAST_LINE_SECONDS
    ends = [*begins[1:], begins[-1] + last]
    kept_lines, word_times = [], []
    for (begin, pieces), line_end in zip(lines, ends, strict=True):
        words = _words_of_line(begin, pieces, line_end)
        kept = [(word, times) for word, times in words if start <= times[0] < end]
        if kept or (not words and start <= begin < end):
            whole = len(kept) == len(words)
            line = "".join(piece for _, piece in pieces)
            kept_lines.append(line.strip() if whole else " ".join(word for word, _ in kept))
            word_times += [(a - start, min(b, end) - start) for _, (a, b) in kept]
    return TimedLyrics("\n".join(kept_lines).strip("\n"), word_times)


def _timed_lines(text: str) -> list[Line]:
    """Return (time, pieces) of each sung line in the order of time; pieces are as in `_pieces`."""
    offset, lines, length = 0.0, [], 0
    for line in text.lstrip("\ufeff").splitlines():
        stamps = _LINE_TIMES.match(line)
        if stamps is None:
            tag = _TAG.fullmatch(line)
            if tag is not None and tag.group(1).lower() == "offset":
                offset = _offset(tag.group(2).strip())
            continue
        pieces = _pieces(line[stamps.end() :])
        begins = [_seconds(time) for time in _LINE_TIME.finditer(stamps.group())]
        length += len(begins) * (len(line) - stamps.end() + 1)
        if length > MAX_CHARACTERS:
            raise ValueError(f"lyrics of more than {MAX_CHARACTERS} characters")
        lines += [(begin, pieces) for begin in begins]
    return [
        (
            max(begin - offset, 0.0),
            [(t if t is None else max(t - offset, 0.0), p) for t, p in pieces],
        )
        for begin, pieces in sorted(lines, key=lambda line: line[0])
    ]


def _pieces(line: str) -> list[tuple[float | None, str]]:
    """Cut a line at its word times into pieces (time or None, text)."""
    cuts = list(_WORD_TIME.finditer(line))
    if not cuts:
        return [(None, line)]
    ends = [cut.start() for cut in cuts[1:]] + [len(line)]
    pieces = [(None, line[: cuts[0].start()])]
    return pieces + [
        (_seconds(cut), line[cut.end() : end]) for cut, end in zip(cuts, ends, strict=True)
    ]


def _words_of_line(
    begin: float, pieces: list[tuple[float | None, str]], line_end: float
) -> list[tuple[str, tuple[float, float]]]:
    """Return (word, (start, end)) of each word of a line."""
    line = "".join(text for _, text in pieces)
    at, places, times = 0, [], []  # character positions and times of the pieces with a time
    for time, text in pieces:
        if time is not None:
            places.append(at)
            times.append(time)
        at += len(text)
    latest = list(accumulate(times, max, initial=begin))
    earliest = list(accumulate(reversed(times), min, initial=line_end))[::-1]
    words = []
    for first, last in word_spans(line):
        start = latest[bisect_right(places, first)]
        end = earliest[bisect_left(places, last)]
        words.append((line[first:last], (start, max(start, end))))
    return words


def _seconds(time: re.Match[str]) -> float:
    minutes, seconds, fraction = time.groups()
    found = 60 * float(minutes) + int(seconds) + float(f"0.{fraction or 0}")
    if found > MAX_SECONDS:
        raise ValueError(f"{time.group()[:40]} is no time of a song")
    return found


def _offset(text: str) -> float:
    try:
        seconds = float(text or 0) / 1000
    except ValueError:
        seconds = np.nan
    if not abs(seconds) <= MAX_SECONDS:
        raise ValueError(f"offset: {text[:40]!r} is no number of milliseconds")
    return seconds
