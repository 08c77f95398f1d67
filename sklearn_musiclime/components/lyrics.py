"""Interpretable components of lyrics: words, lines or sections.

A word is a run of Unicode letters, digits, underscores and combining marks. An apostrophe between
two of these belongs to the word, so ``don't`` and ``l'abandon`` are one word each (the reference
implementation splits them into ``don`` and ``t``); a hyphen separates words. Chinese characters and
Japanese kana, which are written without spaces, are one word each; Korean is split at its spaces.
As in LIME, words are case-sensitive: ``Love`` and ``love`` are two words.
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
# White space that is removed together with the unit before it, so that removing a unit leaves
# neither double blanks nor an empty line.
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
    # Python's \w excludes combining marks: without them, Hindi words and letters with decomposed
    # accents would be split.
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
        Character positions of the words in reading order: word i is ``text[start:end]``.

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
    """Lyrics split into components, each of which is kept or left out as a whole.

    Attributes
    ----------
    text : str
        The original lyrics.
    units : str
        Unit of the components, see :func:`split_lyrics`.
    names : tuple of str
        Name of each component: the word itself for unique words, else ``word[i]``, ``line[i]`` or
        ``section[i]``, counted from 0.
    spans : tuple of tuple of (start, end)
        Character positions in `text` of each occurrence of each component.
    span_times : tuple of tuple of ((start, end) or None)
        Start of the first and end of the last word of each occurrence in seconds, in the order of
        `spans`; None without word times.
    mask_token : str or None
        Text that replaces a component that is off. None removes the component together with the
        blanks that follow it and, for lines and sections, the line breaks.
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
        """Start and end in seconds of each component's first occurrence; None if unknown."""
        return tuple(times[0] for times in self.span_times)

    def texts(self) -> list[str]:
        """Return the text of each component, at its first occurrence."""
        return [self.text[slice(*spans[0])] for spans in self.spans]

    def occurrences(self) -> list[tuple[int, int, int]]:
        """Return (start, end, component) of every occurrence, in reading order."""
        return sorted(
            (start, end, index) for index, spans in enumerate(self.spans) for start, end in spans
        )

    def pieces(self) -> Iterator[tuple[str, int | None, tuple[float, float] | None]]:
        """Cut the text into components and what stands between them.

        Yields
        ------
        piece : str
            A piece of `text`; the pieces concatenate to `text`.
        component : int or None
            Index of the component. None: the piece stands between components.
        times : (start, end) or None
            When the component is sung, in seconds; None if that is unknown.
        """
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
        """Return the component of each character of `text`, -1 between components."""
        owner = np.full(len(self.text), -1)
        for start, end, component in self.occurrences():
            owner[start:end] = component
        return owner

    @cached_property
    def chunks(self) -> tuple[tuple[int | None, str, str], ...]:
        """Consecutive pieces of `text`: (component or None, text if on, text if off).

        Joined, the second entries are `text`, character for character. Pieces between components
        are the same on and off.
        """
        chunks: list[tuple[int | None, str, str]] = []
        at = 0
        for start, end, component in self.occurrences():
            gap = _GAPS[self.units].match(self.text, end)
            assert gap is not None  # it may be empty
            gap_end = gap.end()
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
        What a component is. "words": all occurrences of a unique word (LIME's bag of words).
        "word_positions": one occurrence of a word. "lines": a line. "sections": a run of lines
        between blank lines.
    mask_token : str or None, default=None
        Text that replaces a component that is off, such as "[MASK]". None removes it.
    word_times : ndarray of shape (n_words, 2), or None, default=None
        Start and end in seconds of each word of :func:`word_spans`, or of each
        whitespace-separated token.
    row : int, default=0
        Row of the song in X, for error messages.

    Returns
    -------
    LyricComponents

    Raises
    ------
    ValueError
        `units` is unknown.
    InvalidSongError
        The number of word times differs from the number of words and from that of tokens.

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
    span_times = _span_times(spans, words, times)
    return LyricComponents(text, units, tuple(names), tuple(spans), span_times, mask_token)


def _lines(text: str) -> list[Span]:
    """Character positions of the lines that are not blank, stripped of white space."""
    spans, at = [], 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            spans.append((at + len(line) - len(line.lstrip()), at + len(line.rstrip())))
        at += len(line)
    return spans


def _sections(text: str) -> list[Span]:
    """Character positions of the sections, which are runs of lines between blank lines."""
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
    """Return the times of the words of a text.

    Times of whitespace-separated tokens are assigned to the words that each token contains.

    Parameters
    ----------
    text : str
        The lyrics.
    word_times : ndarray of shape (n_words, 2)
        Start and end in seconds of each word, or of each whitespace-separated token.
    row : int, default=0
        Row of the song in X, for error messages.

    Returns
    -------
    list of (start, end)
        Seconds, for each word of :func:`word_spans`.

    Raises
    ------
    InvalidSongError
        The number of times differs from the number of words and from that of tokens.
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
    """Start of the first and end of the last word of each occurrence of each component."""
    starts = np.array([start for start, _ in words], dtype=np.intp)  # converted once, for speed

    def sung(start: int, end: int) -> tuple[float, float] | None:
        inside = slice(np.searchsorted(starts, start), np.searchsorted(starts, end))
        heard = [] if times is None else times[inside]
        return (min(s for s, _ in heard), max(e for _, e in heard)) if heard else None

    return tuple(tuple(sung(*span) for span in places) for places in spans)
