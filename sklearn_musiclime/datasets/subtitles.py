"""Subtitles: SubRip (.srt), WebVTT (.vtt), and what pysubs2 reads (.ass, .ssa, .smi, .sub).

SubRip and WebVTT are read here. pysubs2 1.8 takes the name of a WebVTT cue and its comments for
text, drops a last line that is a number, and loses the times of words.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import numpy as np

from sklearn_musiclime.components.lyrics import word_spans
from sklearn_musiclime.datasets.timed import Pieces, SungLine, TimedLyrics, assemble, sung_line

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d+))?"
_TIMING = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_STAMP = re.compile(rf"<{_TIME}>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|\{\\[^{}]*\}")
_SIGNS = "♩♪♫♬🎵🎶\ufe0e\ufe0f"  # they say that somebody sings
_FIRST_SIGNS = re.compile(rf"^[\s{_SIGNS}]+")
_LAST_SIGNS = re.compile(rf"(?<![\s{_SIGNS}])[\s{_SIGNS}]+$")  # a run is looked at once


def read_subtitles(text: str, *, start: float = 0.0, end: float = np.inf) -> TimedLyrics:
    r"""Read the content of a SubRip or WebVTT file.

    A word has the times of its cue, unless it has a stamp of its own, as in WebVTT. Tags are left
    out, and so are music signs at the ends of a line, and lines without a word.

    Parameters
    ----------
    text : str
        Content of the file.
    start, end : float, default=0.0, inf
        Part of the song to read, in seconds.

    Returns
    -------
    TimedLyrics

    Raises
    ------
    ValueError
        There is no cue, or one whose times are none.

    Examples
    --------
    >>> from sklearn_musiclime.datasets.subtitles import read_subtitles
    >>> read_subtitles("1\n00:00:02,000 --> 00:00:04,000\n<i>Silver rivers</i>\n")
    TimedLyrics(text='Silver rivers', word_times=[(2.0, 4.0), (2.0, 4.0)])
    """
    lines = text.lstrip("\ufeff").splitlines()
    is_vtt = bool(lines) and lines[0].startswith("WEBVTT")
    timings = [number for number, line in enumerate(lines) if "-->" in line]
    if not timings:
        raise ValueError("no cue has times, such as 00:00:02,000 --> 00:00:04,000")
    sung: list[SungLine] = []
    shown: list[str] = []  # the lines of the cue before
    rolls = is_vtt and any(_STAMP.search(line) for line in lines)
    for number, following in zip(timings, [*timings[1:], len(lines)], strict=True):
        begin, over = _timing(lines[number])
        own = lines[number + 1 : following]
        if is_vtt:
            own = own[: own.index("")] if "" in own else own
        elif following < len(lines) and own and own[-1].strip().isdecimal():
            own = own[:-1]  # the number of the next cue
        now = []
        for line in own:
            pieces = _pieces(line)
            plain = _plain(pieces)
            if word_spans(plain):
                now.append(plain)
                # Captions that roll show a line once more while the next is sung.
                if not (rolls and len(pieces) == 1 and plain in shown):
                    sung.append(sung_line(begin, pieces, over))
        shown = now
    return assemble(sung, start, end)


def read_with_pysubs2(text: str, *, start: float = 0.0, end: float = np.inf) -> TimedLyrics:
    """Read the content of a file of subtitles in any format that pysubs2 knows.

    Parameters
    ----------
    text : str
        Content of the file.
    start, end : float, default=0.0, inf
        Part of the song to read, in seconds.

    Returns
    -------
    TimedLyrics

    Raises
    ------
    ImportError
        pysubs2 is not installed.
    ValueError
        pysubs2 can't read it.
    """
    try:
        import pysubs2
    except ImportError as error:
        raise ImportError(
            "these subtitles are read with pysubs2: pip install 'sklearn-musiclime[subtitles]'"
        ) from error
    try:
        events = pysubs2.SSAFile.from_string(text).events
    except Exception as error:  # anything, for files that are broken
        raise ValueError(f"pysubs2 can't read it: {error}") from error
    sung = [
        sung_line(event.start / 1000, [(None, line)], event.end / 1000)
        for event in events
        if not event.is_comment
        for line in map(_without_signs, event.plaintext.split("\n"))
        if word_spans(line)
    ]
    if not sung:
        raise ValueError("no line has times")
    return assemble(sung, start, end)


def _timing(line: str) -> tuple[float, float]:
    found = _TIMING.fullmatch(line)
    if found is None:
        raise ValueError(f"{line.strip()!r:.60} are no times of a cue")
    begin, over = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
    if begin > over:
        raise ValueError(f"{line.strip()!r:.60}: a cue ends before it begins")
    return begin, over


def _seconds(fields: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = fields
    found = 3600 * float(hours or 0) + 60 * float(minutes or 0) + float(seconds or 0)
    return found + float(f"0.{fraction or 0}")


def _pieces(line: str) -> Pieces:
    """Cut a line at its stamps, and take tags, entities and music signs at its ends away."""
    stamps = list(_STAMP.finditer(line))
    stops = [*(stamp.start() for stamp in stamps), len(line)]
    texts = [line[: stops[0]]]
    texts += [line[stamp.end() : stop] for stamp, stop in zip(stamps, stops[1:], strict=True)]
    texts = [html.unescape(_TAG.sub("", text)).replace("\n", " ") for text in texts]
    texts[0] = _FIRST_SIGNS.sub("", texts[0])
    texts[-1] = _LAST_SIGNS.sub("", texts[-1])
    return list(zip([None, *(_seconds(stamp.groups()) for stamp in stamps)], texts, strict=True))


def _plain(pieces: Pieces) -> str:
    return _without_signs("".join(text for _, text in pieces))


def _without_signs(line: str) -> str:
    return _LAST_SIGNS.sub("", _FIRST_SIGNS.sub("", line))
