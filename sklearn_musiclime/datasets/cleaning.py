"""Scraped pages of lyrics: what of them is no lyrics."""

from __future__ import annotations

import re
import warnings
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sklearn_musiclime.components.lyrics import word_spans
from sklearn_musiclime.songs import SongTable

SECTIONS = (
    "intro|verse|pre-?chorus|chorus|post-?chorus|hook|refrain|bridge|interlude|break|breakdown|"
    "build|drop|instrumental|solo|outro|skit|coda|ad-?libs?|"
    "strophe|couplet|pont|estribillo|pre-?coro|coro|verso|puente|refrão|ponte|strofa|"
    "ritornello|zwrotka|refren|vers|refräng|kehrvers|куплет|припев|бридж|主歌|副歌|前奏|间奏|尾奏|"
    r"part(?= (?:\d|[IVX]))"
)
"""Names of sections, as marks in brackets have them."""
_HEADER = re.compile(
    r"\A\s*+(?:\d+ Contributors?.*Lyrics(?=\S|[ \t]*(?:\n|\Z))|[^\n\[]*Lyrics(?=\[))"
)
_FOOTER = re.compile(
    r"(?:(?<=\S)|^)(?:\d[\d.,]{0,12}K?)?(?:Embed|EmbedShare URLCopyEmbedCopy)\s*\Z", re.MULTILINE
)
_RELATED = re.compile(r"^You might also like(?=\S|\s*$)", re.MULTILINE)
_TICKETS = re.compile(r"See .{1,80}? LiveGet tickets as low as \$\d+")
_NUMBER = r"(?: ?(?:\d+|[IVX]+|[A-D]|one|two|three|four)\b)?"
_MARK = re.compile(
    rf"^[ \t]*(?:\[(?:[^\W\d]+[ -])?(?:{SECTIONS}){_NUMBER} ?(?:[^\w\s\[\]][^\[\]\n]*)?\]|"
    rf"\[produced by [^\[\]\n]*\]|(?:{SECTIONS}){_NUMBER}:[ \t]*$)",
    re.MULTILINE | re.IGNORECASE,
)
_KINDS = {
    "header": _HEADER,
    "footer": _FOOTER,
    "advertisement": _RELATED,
    "tickets": _TICKETS,
    "section mark": _MARK,
}


class PageText(NamedTuple):
    """A piece of a scraped page that is no lyrics.

    Attributes
    ----------
    kind : {"header", "footer", "advertisement", "tickets", "section mark"}
        What it is.
    text : str
        The piece.
    """

    kind: str
    text: str


def clean_lyrics(X: Any, *, lyrics_column: str = "lyrics") -> Any:
    r"""Take out of lyrics what scraped pages add to them.

    Taken are, as Genius' pages have them, the header ("12 ContributorsSong Lyrics", before the
    first words), the footer ("Embed" or "34Embed" at the end, glued to the last word or on a line
    of its own), "You might also like" on a line of its own or glued to the next, and offers of
    tickets; and, of any page, marks of sections: a bracket at the beginning of a line with a word
    such as chorus or verse, in eleven languages ("[Chorus: Ann]"), and a line such as "Verse 2:".
    Other brackets and all parentheses may be sung and are kept. A line of which nothing is left
    goes. Word times that are given for each word, in order, go with their words.

    Parameters
    ----------
    X : DataFrame, datasets.Dataset, object array of shape (n_songs, 2) or more, or str
        The songs, or the lyrics of one.
    lyrics_column : str, default="lyrics"
        Name of the column of lyrics. An array has them in its second column, and word times in its
        third.

    Returns
    -------
    DataFrame, object array or str
        A copy of X with clean lyrics; of a ``datasets.Dataset``, a DataFrame of pandas.

    Raises
    ------
    TypeError, ValueError
        X is no table of songs, or has no column of lyrics.

    Warns
    -----
    UserWarning
        How much was taken of what, and the first piece of each kind with its row.

    See Also
    --------
    page_text : What is taken of one song.

    Examples
    --------
    >>> import warnings
    >>> from sklearn_musiclime.datasets import clean_lyrics
    >>> page = "2 ContributorsRivers Lyrics[Verse 1]\nSilver rivers run\n(run, run)5Embed"
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     print(clean_lyrics(page))
    Silver rivers run
    (run, run)

    In a pipeline it stands before what reads the lyrics, or, better, songs are cleaned first, so
    that nothing of a page is explained:

    >>> from sklearn.preprocessing import FunctionTransformer
    >>> cleaner = FunctionTransformer(clean_lyrics)
    """
    if not len(X):
        return X
    if isinstance(X, str):
        cleaned, _, pieces = _clean(X, None)
        taken = [(0, piece) for piece in pieces]
    else:
        table = SongTable(X, lyrics=lyrics_column, modalities=("lyrics",))
        columns: dict[str, list] = {"lyrics": [], "word_times": []}
        taken = []
        for row in range(len(table)):
            text, times, pieces = _clean(table.cell(row, "lyrics"), table.cell(row, "word_times"))
            columns["lyrics"].append(text)
            columns["word_times"].append(times)
            taken += [(row, piece) for piece in pieces]
        if not table.has("word_times"):
            del columns["word_times"]
        cleaned = table.with_columns(columns)
    if taken:
        warnings.warn(_told(taken), stacklevel=2)
    return cleaned


def _told(taken: Sequence[tuple[int, PageText]]) -> str:
    """What was taken: how much of each kind, and the first piece of it."""
    counts = Counter(piece.kind for _, piece in taken)
    first = {piece.kind: (row, piece.text.strip()) for row, piece in reversed(taken)}
    kinds = "; ".join(
        f"{count} {kind}(s), the first in row {first[kind][0]}: {first[kind][1]!r:.60}"
        for kind, count in counts.items()
    )
    return f"taken out of the lyrics of {len({row for row, _ in taken})} song(s): {kinds}"


def page_text(lyrics: str) -> list[PageText]:
    r"""Find what :func:`clean_lyrics` takes out of the lyrics of one song.

    Parameters
    ----------
    lyrics : str
        The lyrics.

    Returns
    -------
    list of PageText
        The pieces, in the order in which they are taken.

    Examples
    --------
    >>> from sklearn_musiclime.datasets import page_text
    >>> page_text("[Hook]\nla la [la]")
    [PageText(kind='section mark', text='[Hook]')]
    """
    return _clean(lyrics, None)[2]


def _clean(text: Any, times: Any) -> tuple[Any, Any, list[PageText]]:
    """Clean lyrics and word times; also return what was taken of the lyrics, in order.

    All pieces of a kind go at once, and then the search begins anew, since what stands before or
    behind them may be pieces by now.
    """
    taken: list[PageText] = []
    while isinstance(text, str):
        found = ((kind, list(pattern.finditer(text))) for kind, pattern in _KINDS.items())
        kind, matches = next(((kind, matches) for kind, matches in found if matches), ("", []))
        if not matches:
            break
        taken += [PageText(kind, match.group()) for match in matches]
        if times is not None:
            times = _without_times(text, times, matches)
        for match in reversed(matches):  # from the end, so that positions before it stay
            text = _without(text, *match.span())
        if kind == "footer":
            text = text.rstrip("\n")
    return text, times, taken


def _without_times(text: str, times: Any, matches: Sequence[re.Match[str]]) -> Any:
    """The times of the words that no match holds, if there is one for each word in order."""
    words = word_spans(text)
    if not hasattr(times, "__len__") or len(times) != len(words):
        return times
    begins, ends = [match.start() for match in matches], [match.end() for match in matches]
    kept = []
    for (first, last), cell in zip(words, times, strict=True):
        before = bisect_right(begins, first)  # matches that begin no later than the word
        if before == 0 or last > ends[before - 1]:
            kept.append(cell)
    return kept


def _without(text: str, start: int, end: int) -> str:
    """A text without a piece, and without its line if nothing is left of that."""
    line_begins = text.rfind("\n", 0, start) + 1
    line_ends = text.find("\n", end)
    line_ends = len(text) if line_ends < 0 else line_ends
    if not (text[line_begins:start] + text[end:line_ends]).strip():
        start, end = line_begins, line_ends + 1
    return text[:start] + text[end:]
