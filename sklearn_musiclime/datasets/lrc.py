"""LRC files: lyrics with times of lines and words."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

import numpy as np

from sklearn_musiclime.datasets.timed import (
    MAX_CHARACTERS,
    MAX_SECONDS,
    Pieces,
    SungLine,
    TimedLyrics,
    assemble,
    sung_line,
)

# Hours, minutes, seconds and a fraction, which a point or comma precedes; or minutes, seconds and
# a fraction, which a colon may precede, too.
_TIME = r"(?:(\d+):(\d{1,2}):(\d{1,2})[.,](\d+)|(\d+):(\d{1,2})(?:([.,:])(\d+))?)"
_STAMP = re.compile(rf"\[\s*{_TIME}\s*\]|<\s*{_TIME}\s*>")
_LINE_STAMPS = re.compile(rf"(?:\s*\[\s*{_TIME}\s*\])+")
_TAG = re.compile(r"\s*\[([A-Za-z#]+):(.*)\]\s*")
_BACKGROUND = re.compile(r"(\s*)\[bg:(.*)\]\s*", re.IGNORECASE)
# Who sings: female, male, duet (Walaoke), in Chinese as well, and the voices of Apple Music.
_SINGER = re.compile(r"\s*(?:[FMD]|[vV]\d{1,3}|男|女|合|男女|合唱)\s*[:：]\s*")
LAST_LINE_SECONDS = 5.0
"""Duration of the last line, if there is no other line to estimate it from."""
SIMULTANEOUS_SECONDS = 0.05
"""Lines whose times differ by less are sung at once: nobody sings a line so quickly."""


@dataclass(frozen=True)
class _Line:
    """A line as it stands: when it begins, and its text, cut at the stamps of its words."""

    begin: float
    pieces: Pieces

    @property
    def last_stamp(self) -> float:
        return max([self.begin, *(time for time, _ in self.pieces if time is not None)])


def read_lrc(text: str, *, start: float = 0.0, end: float = np.inf) -> TimedLyrics:
    r"""Read the content of an LRC file.

    A line ends at the stamp at its end or, without one, where the next line begins; the last line
    has the median duration of the others. Lines on one stamp, such as translations and duets, are
    sung at once. A word has the times of its line, unless it has stamps of its own, ``<mm:ss.xx>``
    or ``[mm:ss.xx]``. A line with several times is repeated at each of them, together with the
    stamps of its words. Stamps may have hours, ``[h:mm:ss.xx]``, any number of digits, and a comma.
    Marks of singers, such as ``F:``, are left out.

    The tag ``[offset:...]`` shifts all times (in milliseconds, positive values to earlier times);
    other tags are ignored, and lines without a time are left out with a warning.

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
    return assemble(_sung_lines(lines), start, end)


def _sung_lines(lines: list[_Line]) -> list[SungLine]:
    """Find where each of the lines, which are in the order of time, ends."""
    begins = np.array([line.begin for line in lines])
    gaps = np.diff(begins)
    gaps = gaps[gaps >= SIMULTANEOUS_SECONDS]
    usual = float(np.median(gaps)) if len(gaps) else LAST_LINE_SECONDS
    sung = []
    for line in lines:
        # Another voice may come in before the words of this one are over.
        later = max(
            np.searchsorted(begins, line.begin + SIMULTANEOUS_SECONDS, side="left"),
            np.searchsorted(begins, line.last_stamp, side="right"),
        )
        if later < len(begins):
            end = float(begins[later])
        elif line.begin + usual > line.last_stamp:
            end = line.begin + usual
        else:
            end = line.last_stamp + usual
        sung.append(sung_line(line.begin, line.pieces, end))
    return sung


def _timed_lines(text: str) -> list[_Line]:
    """Return the lines that have a time, in the order of time."""
    text = text.lstrip("\ufeff")
    has_hours = any(_fields(stamp)[0] is not None for stamp in _STAMP.finditer(text))
    offset, lines, length, left_out = 0.0, [], 0, []
    for line in text.splitlines():
        background = _BACKGROUND.fullmatch(line)
        if background is not None:
            line = background.group(2)
        begins, pieces = _stamps_and_pieces(line, has_hours)
        if not begins:
            tag = _TAG.fullmatch(line)
            if tag is not None and tag.group(1).lower() == "offset":
                offset = _offset(tag.group(2).strip())
            elif tag is None and line.strip():
                left_out.append(line.strip())
            continue
        length += len(begins) * (len(line) + 1)
        if length > MAX_CHARACTERS:
            raise ValueError(f"lyrics of more than {MAX_CHARACTERS} characters")
        lines += _repeated(begins, pieces)
    if lines and left_out:
        warnings.warn(
            f"{len(left_out)} line(s) have no time and are left out, the first {left_out[0]!r:.80}",
            stacklevel=4,
        )
    lines.sort(key=lambda line: line.begin)
    return [_shifted(line, -offset) for line in lines]


def _stamps_and_pieces(line: str, has_hours: bool) -> tuple[list[float], list]:
    """Return the times at which a line begins, and the line cut at the stamps of its words."""
    stamps = _LINE_STAMPS.match(line)
    at = 0 if stamps is None else stamps.end()
    begins = [_seconds(s, has_hours) for s in _STAMP.finditer(line, 0, at)]
    cuts = list(_STAMP.finditer(line, at))
    if not begins and (not cuts or line[: cuts[0].start()].strip()):
        return [], []
    inner = [_seconds(cut, has_hours) for cut in cuts]
    stops = [*(cut.start() for cut in cuts), len(line)]
    pieces: list[tuple[float | None, str]] = [(None, line[at : stops[0]])]
    pieces += [
        (time, line[cut.end() : stop])
        for time, cut, stop in zip(inner, cuts, stops[1:], strict=True)
    ]
    for number, (time, piece) in enumerate(pieces):
        if piece.strip():
            singer = _SINGER.match(piece)
            pieces[number] = (time, piece if singer is None else piece[singer.end() :])
            break
    if not begins:  # the words alone have stamps
        return inner[:1], pieces
    has_square_words = any(
        line[cut.start()] == "[" and text.strip()
        for cut, (_, text) in zip(cuts, pieces[1:], strict=True)
    )
    if has_square_words and len(begins) == 2 and begins[0] <= begins[1] < inner[0]:
        # [time of the line][time of its first word]word [time of the second]word
        return begins[:1], [(begins[1], pieces[0][1]), *pieces[1:]]
    return begins, pieces


def _repeated(begins: list[float], pieces: Pieces) -> list[_Line]:
    """Return a line at each of its times, to which the stamps of its words move."""
    inner = [time for time, _ in pieces if time is not None]
    if not inner:
        return [_Line(begin, pieces) for begin in begins]
    written = max((b for b in begins if b <= inner[0]), default=min(begins))
    return [_shifted(_Line(written, pieces), begin - written) for begin in begins]


def _shifted(line: _Line, seconds: float) -> _Line:
    """Return a line moved to later times, but to none before the beginning of the song."""
    return _Line(
        max(line.begin + seconds, 0.0),
        [(t if t is None else max(t + seconds, 0.0), piece) for t, piece in line.pieces],
    )


def _fields(stamp: re.Match[str]) -> tuple[str | None, ...]:
    """Hours, minutes, seconds, fraction; minutes, seconds, what follows them, fraction."""
    groups = stamp.groups()
    return groups[:8] if stamp.group()[0] == "[" else groups[8:]


def _seconds(stamp: re.Match[str], has_hours: bool) -> float:
    """Return the time of a stamp.

    The last of three numbers, as in ``[00:12:34]``, is a fraction, unless other stamps of the file
    have hours.
    """
    hours, minutes, seconds, fraction, *short = _fields(stamp)
    if minutes is None:
        minutes, seconds, mark, fraction = short
        if mark == ":" and has_hours:
            hours, minutes, seconds, fraction = minutes, seconds, fraction, None
    found = 3600 * float(hours or 0) + 60 * float(minutes or 0) + float(seconds or 0)
    found += float(f"0.{fraction or 0}")
    if found > MAX_SECONDS:
        raise ValueError(f"{stamp.group()[:40]} is no time of a song")
    return found


def _offset(text: str) -> float:
    try:
        seconds = float(text or 0) / 1000
    except ValueError:
        seconds = np.nan
    if not abs(seconds) <= MAX_SECONDS:
        raise ValueError(f"offset: {text[:40]!r} is no number of milliseconds")
    return seconds
