"""Scraped pages of lyrics: what of them is no lyrics."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from typing import Any, NamedTuple

import pandas as pd

from sklearn_musiclime.components.lyrics import word_spans

SECTIONS = (
    "intro|verse|pre-?chorus|chorus|post-?chorus|hook|refrain|bridge|interlude|break|breakdown|"
    "build|drop|instrumental|solo|outro|skit|coda|ad-?libs?|"
    "strophe|couplet|pont|estribillo|pre-?coro|coro|verso|puente|refrão|ponte|strofa|"
    "ritornello|zwrotka|refren|vers|refräng|kehrvers|куплет|припев|бридж|主歌|副歌|前奏|间奏|尾奏|"
    r"part(?= (?:\d|[IVX]))"
)
"""Names of sections, as marks in brackets have them."""
_HEADER = re.compile(
    r"\A\s*(?:\d+ Contributors?.*Lyrics(?=\S|[ \t]*(?:\n|\Z))|[^\n\[]*Lyrics(?=\[))"
)
_FOOTER = re.compile(
    r"(?:(?<=\S)|^)(?:\d[\d.,]*K?)?(?:Embed|EmbedShare URLCopyEmbedCopy)\s*\Z", re.MULTILINE
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
    X : DataFrame, object array of shape (n_songs, 2) or more, or str
        The songs, or the lyrics of one.
    lyrics_column : str, default="lyrics"
        Name of the column of lyrics. An array has them in its second column, and word times in its
        third.

    Returns
    -------
    DataFrame, object array or str
        A copy of X with clean lyrics.

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
    taken: list[tuple[int, PageText]] = []
    if isinstance(X, str):
        cleaned, _ = _clean(X, None, 0, taken)
    else:
        cleaned = X.copy()
        is_frame = isinstance(X, pd.DataFrame)
        if is_frame and lyrics_column not in X:
            raise ValueError(f"X has no column {lyrics_column!r}; it has {list(X)}")
        texts = X[lyrics_column] if is_frame else X[:, 1]
        has_times = "word_times" in X if is_frame else X.shape[1] > 2
        times = (X["word_times"] if is_frame else X[:, 2]) if has_times else [None] * len(X)
        pairs = [
            _clean(text, cell, row, taken)
            for row, (text, cell) in enumerate(zip(texts, times, strict=True))
        ]
        columns = [[text for text, _ in pairs], [cell for _, cell in pairs]]
        names = (lyrics_column, "word_times") if is_frame else (1, 2)
        for name, column in zip(names[: 1 + has_times], columns, strict=False):
            if is_frame:
                dtype = X[name].dtype if name == lyrics_column else object
                cleaned[name] = pd.Series(column, index=X.index, dtype=dtype)
            else:
                for row, cell in enumerate(column):
                    cleaned[row, name] = cell
    if taken:
        counts = Counter(piece.kind for _, piece in taken)
        first = {piece.kind: (row, piece.text) for row, piece in reversed(taken)}
        told = "; ".join(
            f"{count} {kind}(s), the first in row {first[kind][0]}: {first[kind][1].strip()!r:.60}"
            for kind, count in counts.items()
        )
        n_songs = len({row for row, _ in taken})
        warnings.warn(f"taken out of the lyrics of {n_songs} song(s): {told}", stacklevel=2)
    return cleaned


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
    taken: list[tuple[int, PageText]] = []
    _clean(lyrics, None, 0, taken)
    return [piece for _, piece in taken]


def _clean(text: Any, times: Any, row: int, taken: list[tuple[int, PageText]]) -> tuple[Any, Any]:
    """Clean lyrics and word times, piece by piece, and add the pieces to `taken`."""
    while isinstance(text, str):
        found = ((kind, pattern.search(text)) for kind, pattern in _KINDS.items())
        kind, match = next(((kind, match) for kind, match in found if match), ("", None))
        if match is None:
            break
        start, end = match.span()
        taken.append((row, PageText(kind, match.group())))
        words = word_spans(text)
        if times is not None and hasattr(times, "__len__") and len(times) == len(words):
            kept = [not (start <= first and last <= end) for first, last in words]
            times = [cell for cell, keep in zip(times, kept, strict=True) if keep]
        line_begins = text[:start].rpartition("\n")[2].strip() == ""
        line_ends = text[end:].partition("\n")[0].strip() == ""
        if line_begins and line_ends:  # nothing is left of the line
            start = text.rfind("\n", 0, start) + 1
            newline = text.find("\n", end)
            end = len(text) if newline < 0 else newline + 1
        text = text[:start] + text[end:]
        if kind == "footer":
            text = text.rstrip("\n")
    return text, times
