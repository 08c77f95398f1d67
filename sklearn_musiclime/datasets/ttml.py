"""TTML: timed text in XML, as Apple Music has it for lyrics, and its relative DFXP."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import numpy as np

from sklearn_musiclime.components.lyrics import word_spans
from sklearn_musiclime.datasets.timed import TimedLyrics, assemble, sung_line

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)(?::(\d+(?:\.\d+)?))?")
_OFFSET = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|f|t)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_OTHER_WORDS = {"x-translation", "x-roman"}
"""Roles of spans that say the words of the line once more."""

Piece = tuple[float | None, str]


@dataclass(frozen=True)
class _Rates:
    """How many frames and ticks a second has."""

    frame: float
    tick: float


def read_ttml(text: str, *, start: float = 0.0, end: float = np.inf) -> TimedLyrics:
    r"""Read the content of a TTML file.

    A paragraph is a line, or several with ``<br/>``. Words have the times of their spans, else of
    the paragraph. Times are those of the song, as Apple Music writes them or, where they do not lie
    in the times of the element around theirs, counted from its beginning, as the standard says.
    Translations and transliterations of a line are left out.

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
        It is no XML, no paragraph has a time, or a time is none.

    References
    ----------
    Timed Text Markup Language 2, W3C Recommendation, 2018.

    Examples
    --------
    >>> from sklearn_musiclime.datasets.ttml import read_ttml
    >>> read_ttml('<tt><body><p begin="2s" end="4.5s">Silver<br/>rivers</p></body></tt>')
    TimedLyrics(text='Silver\nrivers', word_times=[(2.0, 4.5), (2.0, 4.5)])
    """
    try:
        # An encoding that is declared is that of the bytes, which are decoded by now.
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text.lstrip("\ufeff")))
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"it is no XML: {error}") from error
    rates = _Rates(_rate(root, "frameRate", 30.0), _rate(root, "tickRate", 1.0))
    lines: list = []
    try:
        _read_element(root, (0.0, np.inf), rates, lines)
    except RecursionError as error:
        raise ValueError("its elements are nested too deeply") from error
    if not lines:
        raise ValueError("no paragraph has a time")
    return assemble(lines, start, end)


def _read_element(
    element: ElementTree.Element, around: tuple[float, float], rates: _Rates, lines: list
) -> None:
    times = _times(element, around, rates)
    if _name(element) != "p":
        for child in element:
            _read_element(child, times or around, rates, lines)
        return
    if times is None or not np.isfinite(times[1]):
        times = times or around
        known = [t for t, _ in _pieces_of(element, times, rates) if t is not None]
        if not known:
            if "".join(element.itertext()).strip():
                raise ValueError(f"{''.join(element.itertext()).strip()!r:.40} has no times")
            return
        times = (min(known), max(known))
    line: list[Piece] = []
    for time, text in [*_pieces_of(element, times, rates), (None, "\n")]:
        line.append((time, text if text == "\n" else text.replace("\n", " ")))
        if text == "\n":
            if word_spans("".join(piece for _, piece in line)):
                lines.append(sung_line(times[0], line, times[1]))
            line = []


def _pieces_of(
    element: ElementTree.Element, times: tuple[float, float], rates: _Rates
) -> list[Piece]:
    """Cut the text of an element where spans with times begin and end, and at line breaks."""
    pieces: list[Piece] = [(None, _blanks(element.text))]
    for child in element:
        own = _times(child, times, rates)
        if _name(child) == "br":
            pieces.append((None, "\n"))
        elif _attribute(child, "role") not in _OTHER_WORDS and _name(child) != "metadata":
            inner = _pieces_of(child, own or times, rates)
            has_spans = any(time is not None for time, _ in inner)
            if own is None or has_spans:
                pieces += inner
            else:
                text = "".join(piece for _, piece in inner)
                pieces += [(own[0], text), (own[1] if np.isfinite(own[1]) else None, "")]
        pieces.append((None, _blanks(child.tail)))
    return pieces


def _blanks(text: str | None) -> str:
    """XML counts a line break and what indents a line as a blank."""
    return re.sub(r"\s+", " ", text or "")


def _times(
    element: ElementTree.Element, around: tuple[float, float], rates: _Rates
) -> tuple[float, float] | None:
    """Return when an element begins and ends; None if it has no times of its own."""
    begin, end, duration = (_attribute(element, name) for name in ("begin", "end", "dur"))
    if begin is None and end is None:
        return None
    first = 0.0 if begin is None else _seconds(begin, rates)
    last = np.inf if end is None else _seconds(end, rates)
    if end is None and duration is not None:
        last = first + _seconds(duration, rates)
    is_inside = around[0] <= first and (last <= around[1] or not np.isfinite(last))
    if begin is None:
        first = around[0]
    elif not is_inside:
        first, last = first + around[0], last + around[0]
    last = min(last, around[1]) if not np.isfinite(last) else last
    if last < first:
        raise ValueError(f"{begin} to {end}: it ends before it begins")
    return first, last


def _seconds(time: str, rates: _Rates) -> float:
    offset = _OFFSET.fullmatch(time.strip())
    if offset is not None:
        count, unit = float(offset.group(1)), offset.group(2)
        if unit in _SECONDS:
            return count * _SECONDS[unit]
        return count / (rates.frame if unit == "f" else rates.tick)
    clock = _CLOCK.fullmatch(time.strip())
    if clock is None:
        raise ValueError(f"{time!r:.40} is no time")
    hours, minutes, seconds, frames = (float(field or 0) for field in clock.groups())
    return 3600 * hours + 60 * minutes + seconds + frames / rates.frame


def _rate(root: ElementTree.Element, name: str, usual: float) -> float:
    try:
        rate = float(_attribute(root, name) or usual)
    except ValueError:
        rate = np.nan
    if not 0 < rate < np.inf:
        raise ValueError(f"{name} {_attribute(root, name)!r:.40} is no rate")
    return rate


def _name(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _attribute(element: ElementTree.Element, name: str) -> str | None:
    """Return an attribute, in whichever name space."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return value
    return None
