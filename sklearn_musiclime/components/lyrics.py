"""Interpretable components of lyrics: words, lines or sections.

A word is a run of Unicode letters, digits, underscores and combining marks with at least one letter
or digit. An apostrophe between two of these belongs to the word, so ``don't`` and ``l'abandon`` are
one word each (the reference implementation splits them into ``don`` and ``t``); a hyphen separates
words. Chinese characters and Japanese kana, which are written without spaces, are one word each;
Korean is split at its spaces. An emoji is one word, together with the marks, skin tones and further
emoji that are joined to it; music signs are none. As in LIME, words are case-sensitive: ``Love``
and ``love`` are two words.

Thai, Lao, Khmer and Burmese are written without spaces, too, but have no character a word: what
stands between two spaces is one word there. Give `lyric_units` a function that cuts a text into
words instead, such as ``pythainlp.word_tokenize``; ``jieba.cut`` does so for Chinese and a
``fugashi.Tagger()`` for Japanese.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache, cached_property

import numpy as np

from sklearn_musiclime.songs import InvalidSongError, TimedWords

# Hiragana, katakana and CJK ideographs, with their compatibility forms and extensions.
_CJK = "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
_CJK += "\U0001b000-\U0001b16f\U00020000-\U0003134f"
# What is shown as an emoji by itself; what is only with a variation selector after it; what follows
# an emoji; flags of countries and keys. Notes (U+1F3B5, U+1F3B6 and U+1F3BC) are music signs.
_EMOJI = "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u2665\u267f"
_EMOJI += "\u2693\u26a1\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5"
_EMOJI += "\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757\u2763\u2764"
_EMOJI += "\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\U0001f004\U0001f0cf"
_EMOJI += "\U0001f170-\U0001f251\U0001f300-\U0001f3b4\U0001f3b7-\U0001f3bb"
_EMOJI += "\U0001f3bd-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7ff\U0001f900-\U0001faff"
_SIGN = "\xa9\xae\u203c-\u2668\u2670-\u2bff\u3030\u303d\u3297\u3299"
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
LyricUnits = str | Callable[[str], Iterable]

Span = tuple[int, int]
Times = tuple[float, float]


@cache
def _word_pattern() -> re.Pattern[str]:
    """Group 1 is an emoji; what else is found is a word if there is a letter or a digit in it."""
    # Python's \w excludes combining marks: without them, Hindi words and letters with decomposed
    # accents would be split.
    marks = "".join(c for c in map(chr, range(0x20000)) if unicodedata.category(c)[0] == "M")
    letter = rf"(?:(?![{_CJK}])[\w{marks}\u200c\u200d])"
    follow = rf"[{marks}\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
    emoji = rf"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|(?:[{_EMOJI}]|[{_SIGN}]\ufe0f)"
    emoji += rf"{follow}(?:\u200d[{_EMOJI}{_SIGN}]{follow})*"
    return re.compile(rf"({emoji})|[{_CJK}][{marks}]*|{letter}+(?:['’ʼ]{letter}+)*")


_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


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
    return [
        match.span()
        for match in _word_pattern().finditer(text)
        if match.group(1) is not None or _LETTER_OR_DIGIT.search(text, *match.span())
    ]


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
    fills : tuple of str
        Lyrics of other songs, whose units replace components that are off: the first by the first,
        and so on, from the start again where the other lyrics are shorter. Empty: none do.
    """

    text: str
    units: str
    names: tuple[str, ...]
    spans: tuple[tuple[Span, ...], ...]
    span_times: tuple[tuple[tuple[float, float] | None, ...], ...]
    mask_token: str | None
    fills: tuple[str, ...] = ()

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
            gap = self._gap(end)
            off = "" if self.mask_token is None else self.mask_token + gap
            chunks.append((None, self.text[at:start], self.text[at:start]))
            chunks.append((component, self.text[start:end] + gap, off))
            at = end + len(gap)
        chunks.append((None, self.text[at:], self.text[at:]))
        return tuple(chunks)

    @cached_property
    def fill_chunks(self) -> tuple[tuple[str, ...], ...]:
        """The texts of `chunks` if off, (n_fills, n_chunks); at least those of one fill."""
        if not self.fills:
            return (tuple(off for _, _, off in self.chunks),)
        gaps, texts = [self._gap(end) for _, end, _ in self.occurrences()], []
        for lyrics in self.fills:
            spans = _units_of(lyrics, "words" if self.units == "word_positions" else self.units)
            units = [lyrics[start:end] for start, end in spans]
            others = (units[i % len(units)] + gap if units else "" for i, gap in enumerate(gaps))
            texts.append(tuple(off if c is None else next(others) for c, _, off in self.chunks))
        return tuple(texts)

    def _gap(self, end: int) -> str:
        """White space that is left out together with the unit that ends before it."""
        gap = _GAPS[self.units].match(self.text, end)
        assert gap is not None  # it may be empty
        return gap.group()


def split_lyrics(
    text: str,
    units: LyricUnits = "words",
    *,
    mask_token: str | None = None,
    word_times: np.ndarray | TimedWords | None = None,
    row: int = 0,
    fills: Sequence[str] = (),
) -> LyricComponents:
    r"""Split lyrics into components.

    Parameters
    ----------
    text : str
        The lyrics.
    units : {"words", "word_positions", "lines", "sections"} or callable, default="words"
        What a component is. "words": all occurrences of a unique word (LIME's bag of words).
        "word_positions": one occurrence of a word. "lines": a line. "sections": a run of lines
        between blank lines. A function from a text to its words in reading order, as strings or
        as objects with a ``surface``: all occurrences of one of these; those without a letter, a
        digit or an emoji are left out.
    mask_token : str or None, default=None
        Text that replaces a component that is off, such as "[MASK]". None removes it.
    word_times : ndarray of shape (n_words, 2), TimedWords or None, default=None
        Start and end in seconds of each word, see :func:`times_of_words`.
    row : int, default=0
        Row of the song in X, for error messages.
    fills : sequence of str, default=()
        Lyrics of other songs, whose units replace components that are off.

    Returns
    -------
    LyricComponents

    Raises
    ------
    ValueError
        `units` is unknown.
    InvalidSongError
        The word times are not those of these words, see :func:`times_of_words`, or a word that a
        function returned is not in the text, after the word before it.

    Examples
    --------
    >>> from sklearn_musiclime.components.lyrics import split_lyrics
    >>> split_lyrics("la la land\n\nla la").names
    ('la', 'land')
    >>> split_lyrics("la la land\n\nla la", "sections").texts()
    ['la la land', 'la la']
    """
    if callable(units):
        words = _words_of_function(text, units, row)
        units = "words"
    elif units in LYRIC_UNITS:
        words = word_spans(text)
    else:
        raise ValueError(f"lyric_units must be a function or one of {LYRIC_UNITS}, got {units!r}")
    if units == "words":
        found: dict[str, list[Span]] = {}
        for start, end in words:
            found.setdefault(text[start:end], []).append((start, end))
        names, spans = list(found), [tuple(places) for places in found.values()]
    else:
        spans = [(span,) for span in _units_of(text, units)]
        stem = units.removesuffix("s") if units != "word_positions" else "word"
        names = [f"{stem}[{i}]" for i in range(len(spans))]
    times = None
    if word_times is not None:
        times = times_of_words(text, word_times, row, words=words)
    span_times = _span_times(spans, words, times)
    return LyricComponents(
        text, units, tuple(names), tuple(spans), span_times, mask_token, tuple(fills)
    )


def _words_of_function(text: str, cut: Callable[[str], Iterable], row: int) -> list[Span]:
    """Character positions of the words that a function finds."""
    spans, at = [], 0
    for piece in cut(text):
        surface = getattr(piece, "surface", piece)
        if not isinstance(surface, str):
            raise InvalidSongError(
                row, "lyrics", f"lyric_units returned {piece!r:.40} where a word should be"
            )
        word = surface.strip()
        if word_spans(word):
            start = text.find(word, at)
            if start < 0:
                raise InvalidSongError(
                    row, "lyrics", f"lyric_units returned {word!r:.40}, which is not there in order"
                )
            at = start + len(word)
            spans.append((start, at))
    return spans


def _units_of(text: str, units: str) -> list[Span]:
    """Character positions of the words, lines or sections of a text."""
    return {"lines": _lines, "sections": _sections}.get(units, word_spans)(text)


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


def times_of_words(
    text: str,
    word_times: np.ndarray | TimedWords,
    row: int = 0,
    *,
    words: Sequence[Span] | None = None,
) -> list[Times | None]:
    """Return the times of the words of a text.

    Words that carry their times are found by their text, in order: the letters and digits of the
    two are compared or, where these differ, whole words. Pairs alone belong to the words, to the
    whitespace-separated tokens or to those tokens that hold words, whichever are as many; times of
    a token are those of all words in it.

    Parameters
    ----------
    text : str
        The lyrics.
    word_times : ndarray of shape (n_words, 2), or TimedWords
        Start and end in seconds of each word or token; NaN where they are not known.
    row : int, default=0
        Row of the song in X, for error messages.
    words : sequence of (start, end) or None, default=None
        Character positions of the words. None: those of :func:`word_spans`.

    Returns
    -------
    list of ((start, end) or None)
        Seconds of each word; None where they are not known.

    Raises
    ------
    InvalidSongError
        The number of times differs from the number of words and from that of tokens, or is that of
        both although a token holds several words or none. Or less than half of the words that
        carry times are in the lyrics.
    """
    words = word_spans(text) if words is None else words
    if isinstance(word_times, TimedWords):
        return _times_by_text(text, words, word_times, row)
    times = _known(word_times)
    tokens = [match.span() for match in re.finditer(r"\S+", text)]
    with_words = [span for span, (first, stop) in zip(tokens, _inside(tokens, words), strict=True)
                  if first < stop]  # fmt: skip
    readings = {
        tuple(_inside(words, pieces))
        for pieces in (words, word_spans(text), tokens, with_words)
        if len(pieces) == len(times)
    }
    if len(readings) == 1:
        return [_union(times[first:stop]) for first, stop in readings.pop()]
    reason = f"{len(times)} times for lyrics of {len(words)} words"
    if readings:
        reason += f" and {len(tokens)} pieces between blanks, some of which hold no word or several"
        reason += "; say which have the times: (word, start, end)"
    raise InvalidSongError(row, "word_times", reason)


def word_times_cell(text: str, times: Sequence[tuple[str, Times | None]]) -> list[tuple]:
    """Return times of words as a cell of X from which the same times are read.

    Parameters
    ----------
    text : str
        The lyrics.
    times : sequence of (str, (start, end) or None)
        Each word, or each whitespace-separated token, and its times.

    Returns
    -------
    list of (start, end), or of (word, start, end)
        The second where a word has no times, or where it would be open whether the first are times
        of words or of tokens.
    """
    pairs = [pair for _, pair in times if pair is not None]
    if len(pairs) == len(times):
        try:
            times_of_words(text, np.array(pairs, dtype=float).reshape(-1, 2))
        except InvalidSongError:
            pass
        else:
            return pairs
    return [(word, *((None, None) if pair is None else pair)) for word, pair in times]


def _inside(spans: Sequence[Span], pieces: Sequence[Span]) -> list[tuple[int, int]]:
    """The first of the pieces of a text that overlap each span, and the one after the last."""
    ends = np.array([end for _, end in pieces], dtype=np.intp)
    begins = np.array([start for start, _ in pieces], dtype=np.intp)
    first = np.searchsorted(ends, [start for start, _ in spans], side="right")
    stop = np.searchsorted(begins, [end for _, end in spans], side="left")
    return list(zip(first.tolist(), stop.tolist(), strict=True))


def _union(times: Sequence[Times | None]) -> Times | None:
    """From the first start to the last end of those times that are known."""
    known = [pair for pair in times if pair is not None]
    return (min(s for s, _ in known), max(e for _, e in known)) if known else None


def _known(times: np.ndarray) -> list[Times | None]:
    return [
        None if np.isnan(start) or np.isnan(end) else (float(start), float(end))
        for start, end in times
    ]


def _letters(text: str) -> str:
    """The letters and digits of a text as they are compared; its emoji, if it has none."""
    letters = "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
    return letters or "".join(text[slice(*span)].rstrip("\ufe0f") for span in word_spans(text))


def _times_by_text(
    text: str, words: Sequence[Span], timed: TimedWords, row: int
) -> list[Times | None]:
    times = _known(timed.times)
    ours = [_letters(text[slice(*span)]) for span in words]
    theirs = [_letters(word) for word in timed.words]
    found: list[list[Times]] = [[] for _ in ours]  # the times of what each word is made of
    if "".join(ours) == "".join(theirs):
        our_ends = np.cumsum([len(word) for word in ours])
        end = 0
        for word, pair in zip(theirs, times, strict=True):
            start, end = end, end + len(word)
            if pair is not None and word:
                first = np.searchsorted(our_ends, start, side="right")
                for index in range(first, np.searchsorted(our_ends, end, side="left") + 1):
                    found[index].append(pair)
    else:
        pieces = [
            (_letters(word[slice(*span)]), pair)
            for word, pair in zip(timed.words, times, strict=True)
            for span in word_spans(word)
        ]
        same = SequenceMatcher(None, ours, [word for word, _ in pieces], autojunk=False)
        n_found = 0
        for block in same.get_matching_blocks():
            n_found += block.size
            for index in range(block.size):
                pair = pieces[block.b + index][1]
                if pair is not None:
                    found[block.a + index].append(pair)
        if 2 * n_found < len(pieces) or not n_found:
            raise InvalidSongError(
                row,
                "word_times",
                f"only {n_found} of {len(pieces)} words with times are in the lyrics, in order",
            )
    return [_union(pairs) for pairs in found]


def _span_times(
    spans: Sequence[tuple[Span, ...]],
    words: Sequence[Span],
    times: list[Times | None] | None,
) -> tuple[tuple[Times | None, ...], ...]:
    """Start of the first and end of the last word of each occurrence of each component."""
    starts = np.array([start for start, _ in words], dtype=np.intp)  # converted once, for speed

    def sung(start: int, end: int) -> Times | None:
        inside = slice(np.searchsorted(starts, start), np.searchsorted(starts, end))
        return None if times is None else _union(times[inside])

    return tuple(tuple(sung(*span) for span in places) for places in spans)
