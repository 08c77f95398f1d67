"""Lyrics as interpretable components: words, lines or sections that can be left out.

What a word is. A run of Unicode letters, digits, underscores and combining marks; an apostrophe
between two of them belongs to the word, so ``don't`` and ``l'abandon`` are one word each (the
reference splits them into ``don``, ``t``). A hyphen separates. Chinese characters and Japanese kana
are written without spaces, so each of them is a word of its own; Korean is split at its spaces.
Words are told apart as LIME does it: ``Love`` and ``love`` are two words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from sklearn_musiclime.songs import InvalidSongError

# Hiragana, katakana and CJK ideographs, with their compatibility forms and extensions.
_CJK = "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
_CJK += "\U0001b000-\U0001b16f\U00020000-\U0003134f"
_LINE_BREAK = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_BLANKS = rf"[^\S{_LINE_BREAK}]*"
# The white space behind a unit that goes with it: no double blanks, no empty line is left behind.
_GAPS = {
    "words": re.compile(_BLANKS),
    "word_positions": re.compile(_BLANKS),
    "lines": re.compile(rf"{_BLANKS}(?:\r\n|[{_LINE_BREAK}])?"),
    "sections": re.compile(r"\s*"),
}
LYRIC_UNITS = tuple(_GAPS)

Span = tuple[int, int]


@cache
def _word_pattern() -> re.Pattern[str]:
    # Python's \w leaves out combining marks, which would cut Hindi words and decomposed accents.
    marks = "".join(c for c in map(chr, range(0x20000)) if unicodedata.category(c)[0] == "M")
    letter = rf"(?:(?![{_CJK}])[\w{marks}\u200c\u200d])"
    return re.compile(rf"[{_CJK}][{marks}]*|{letter}+(?:['’ʼ]{letter}+)*")


def word_spans(text: str) -> list[Span]:
    """Find the words of a text.

    Parameters
    ----------
    text : str
        Lyrics in any language.

    Returns
    -------
    list of (start, end)
        Character positions, in reading order.

    Examples
    --------
    >>> from sklearn_musiclime.components.lyrics import word_spans
    >>> text = "Don't l'abandon, 愛してる"
    >>> [text[start:end] for start, end in word_spans(text)]
    ["Don't", "l'abandon", '愛', 'し', 'て', 'る']
    """
    return [match.span() for match in _word_pattern().finditer(text)]


@dataclass(frozen=True)
class LyricComponents:
    """Lyrics split into units that are kept or removed together.

    Attributes
    ----------
    text : str
        The lyrics as they were given.
    units : str
        What the components are, see :func:`split_lyrics`.
    names : tuple of str
        One a component: the word itself for unique words, else ``word[i]``, ``line[i]``,
        ``section[i]``, counted from 0.
    spans : tuple of tuple of (start, end)
        The places in `text` where each component stands.
    span_times : tuple of tuple of ((start, end) or None)
        Seconds at which each of these places is sung (to its end, for lines and sections), where
        word times are known.
    mask_token : str or None
        What stands in the place of a component that is off. None removes it, with the blanks or,
        for lines and sections, the line breaks that follow.
    """

    text: str
    units: str
    names: tuple[str, ...]
    spans: tuple[tuple[Span, ...], ...]
    span_times: tuple[tuple[tuple[float, float] | None, ...], ...]
    mask_token: str | None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def times(self) -> tuple[tuple[float, float] | None, ...]:
        """Seconds at which each component is first sung, None where that is not known."""
        return tuple(times[0] for times in self.span_times)

    def texts(self) -> list[str]:
        """Return the text of each component."""
        return [self.text[slice(*spans[0])] for spans in self.spans]

    def occurrences(self) -> list[tuple[int, int, int]]:
        """Return (start, end, component) of every occurrence, in reading order."""
        return sorted(
            (start, end, index) for index, spans in enumerate(self.spans) for start, end in spans
        )

    def pieces(self) -> Iterator[tuple[str, int | None, tuple[float, float] | None]]:
        """Yield the text in pieces: what stands there, its component, and when it is sung."""
        times = {
            span: time
            for spans, span_times in zip(self.spans, self.span_times, strict=True)
            for span, time in zip(spans, span_times, strict=True)
        }
        at = 0
        for start, end, component in self.occurrences():
            yield self.text[at:start], None, None
            yield self.text[start:end], component, times[start, end]
            at = end
        yield self.text[at:], None, None

    def owners(self) -> np.ndarray:
        """Return the component of each character of the text, -1 where it is none's."""
        owner = np.full(len(self.text), -1)
        for start, end, component in self.occurrences():
            owner[start:end] = component
        return owner

    @cached_property
    def chunks(self) -> tuple[tuple[int | None, str, str], ...]:
        """The text cut up: (component or None, what stands there, what stands there if it is off).

        Joining the second entries gives `text` back, character for character.
        """
        chunks: list[tuple[int | None, str, str]] = []
        at = 0
        for start, end, component in self.occurrences():
            gap_end = _GAPS[self.units].match(self.text, end).end()
            off = "" if self.mask_token is None else self.mask_token + self.text[end:gap_end]
            chunks.append((None, self.text[at:start], self.text[at:start]))
            chunks.append((component, self.text[start:gap_end], off))
            at = gap_end
        chunks.append((None, self.text[at:], self.text[at:]))
        return tuple(chunks)


def split_lyrics(
    text: str,
    units: str = "words",
    *,
    mask_token: str | None = None,
    word_times: np.ndarray | None = None,
    row: int = 0,
) -> LyricComponents:
    r"""Split lyrics into components.

    Parameters
    ----------
    text : str
        The lyrics.
    units : {"words", "word_positions", "lines", "sections"}, default="words"
        Unique words, all of whose occurrences go together (LIME's bag of words); words by position;
        lines; or sections, which blank lines separate.
    mask_token : str or None, default=None
        What stands for a component that is off, such as "[MASK]". None removes it.
    word_times : ndarray of shape (n_words, 2), or None, default=None
        Start and end of each word in seconds; one a word as :func:`word_spans` counts them, or one
        a whitespace-separated token.
    row : int, default=0
        The row that an error names.

    Returns
    -------
    LyricComponents

    Raises
    ------
    ValueError
        `units` is not one of the four.
    InvalidSongError
        There are more or fewer word times than words.

    Examples
    --------
    >>> from sklearn_musiclime.components.lyrics import split_lyrics
    >>> split_lyrics("la la land\n\nla la").names
    ('la', 'land')
    >>> split_lyrics("la la land\n\nla la", "sections").texts()
    ['la la land', 'la la']
    """
    if units not in LYRIC_UNITS:
        raise ValueError(f"lyric_units must be one of {LYRIC_UNITS}, got {units!r}")
    words = word_spans(text)
    if units == "words":
        found: dict[str, list[Span]] = {}
        for start, end in words:
            found.setdefault(text[start:end], []).append((start, end))
        names, spans = list(found), [tuple(places) for places in found.values()]
    else:
        singles = {"word_positions": words, "lines": _lines(text), "sections": _sections(text)}
        spans = [(span,) for span in singles[units]]
        stem = units.removesuffix("s") if units != "word_positions" else "word"
        names = [f"{stem}[{i}]" for i in range(len(spans))]
    times = None if word_times is None else times_of_words(text, word_times, row)
    times = _span_times(spans, words, times)
    return LyricComponents(text, units, tuple(names), tuple(spans), times, mask_token)


def _lines(text: str) -> list[Span]:
    """Spans of the lines that hold more than white space, without it."""
    spans, at = [], 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            spans.append((at + len(line) - len(line.lstrip()), at + len(line.rstrip())))
        at += len(line)
    return spans


def _sections(text: str) -> list[Span]:
    """Spans of the runs of lines between blank lines."""
    sections: list[Span] = []
    at, open_ = 0, False
    for line in text.splitlines(keepends=True):
        if line.strip():
            end = at + len(line.rstrip())
            start = sections.pop()[0] if open_ else at + len(line) - len(line.lstrip())
            sections.append((start, end))
        open_ = bool(line.strip())
        at += len(line)
    return sections


def times_of_words(text: str, word_times: np.ndarray, row: int = 0) -> list[tuple[float, float]]:
    """Say when each word of a text is sung.

    Parameters
    ----------
    text : str
        The lyrics.
    word_times : ndarray of shape (n_words, 2)
        See :func:`split_lyrics`.
    row : int, default=0
        The row that an error names.

    Returns
    -------
    list of (start, end)
        Seconds; one a word of :func:`word_spans`.

    Raises
    ------
    InvalidSongError
        There are more or fewer times than words.
    """
    words = word_spans(text)
    times = [(float(start), float(end)) for start, end in word_times]
    if len(times) == len(words):
        return times
    tokens = [match.span() for match in re.finditer(r"\S+", text)]
    if len(times) != len(tokens):
        raise InvalidSongError(
            row, "word_times", f"{len(times)} times for lyrics of {len(words)} words"
        )
    ends = np.array([end for _, end in tokens])
    return [times[np.searchsorted(ends, end)] for _, end in words]


def _span_times(
    spans: Sequence[tuple[Span, ...]],
    words: Sequence[Span],
    times: list[tuple[float, float]] | None,
) -> tuple[tuple[tuple[float, float] | None, ...], ...]:
    """For each place of each component, when its words start and end."""
    starts = np.array([start for start, _ in words], dtype=np.intp)  # a list is read each time

    def sung(start: int, end: int) -> tuple[float, float] | None:
        inside = slice(np.searchsorted(starts, start), np.searchsorted(starts, end))
        heard = [] if times is None else times[inside]
        return (min(s for s, _ in heard), max(e for _, e in heard)) if heard else None

    return tuple(tuple(sung(*span) for span in places) for places in spans)
