"""Words that carry their times with them, as aligners and transcribers write them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_musiclime.songs.errors import InvalidSongError


@dataclass(frozen=True)
class TimedWords:
    """Words with times, to be found in the lyrics by their text.

    Attributes
    ----------
    words : tuple of str
        The words, or other pieces of the lyrics, in reading order.
    times : ndarray of shape (n_words, 2)
        Start and end of each in seconds; NaN for a word without times.
    """

    words: tuple[str, ...]
    times: np.ndarray

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.times, dtype=dtype)

    def copy(self) -> TimedWords:
        """Return a copy with times of its own.

        Returns
        -------
        TimedWords
        """
        return TimedWords(self.words, self.times.copy())


def holds_words(cell: Any) -> bool:
    """Say whether a cell of word times is a sequence of words with their times.

    Parameters
    ----------
    cell : object
        The cell.

    Returns
    -------
    bool
        Whether its first entry is a mapping, or three values of which the first is text.
    """
    if not isinstance(cell, (list, tuple, np.ndarray, pd.Series)) or not getattr(cell, "ndim", 1):
        return False
    first: Any = next(iter(cell), None)
    if isinstance(first, Mapping):
        return True
    is_row = isinstance(first, (list, tuple)) or getattr(first, "ndim", 0) == 1
    return is_row and len(first) == 3 and isinstance(first[0], str)


def read_timed_words(cell: Sequence, row: int) -> TimedWords:
    """Read words with their times.

    Parameters
    ----------
    cell : sequence of (word, start, end), or of mappings
        Mappings have "word" (or "text") and, for a word with times, "start" and "end" in seconds.
    row : int
        The row that an error names.

    Returns
    -------
    TimedWords

    Raises
    ------
    InvalidSongError
        A word is no text, has a start but no end or the reverse, or times that are no finite
        numbers in order.
    """
    words, times = [], []
    for number, entry in enumerate(cell):
        if isinstance(entry, Mapping):
            word = entry.get("word", entry.get("text"))
            pair = [entry.get("start"), entry.get("end")]
        elif isinstance(entry, (list, tuple, np.ndarray)) and len(entry) == 3:
            word, *pair = entry
        else:
            word, pair = None, []
        if not isinstance(word, str):
            raise InvalidSongError(
                row,
                "word_times",
                f"word {number}: {entry!r:.80} where (word, start, end) should be",
            )
        words.append(str(word))
        times.append(_pair(pair, f"word {number} ({word!r:.40})", row))
    return TimedWords(tuple(words), np.array(times, dtype=float).reshape(-1, 2))


def _pair(pair: Sequence, name: str, row: int) -> tuple[float, float]:
    missing = [pd.api.types.is_scalar(value) and pd.isna(value) for value in pair]
    if all(missing):
        return np.nan, np.nan
    if any(missing):
        raise InvalidSongError(row, "word_times", f"{name} has a start or an end, not both")
    start, end = map(as_seconds, pair)
    if not (math.isfinite(start) and math.isfinite(end)):
        raise InvalidSongError(row, "word_times", f"{name}: {pair!r:.80} are no numbers of seconds")
    if start > end:
        raise InvalidSongError(row, "word_times", f"{name} ends before it starts")
    return start, end


def as_seconds(value: Any) -> float:
    """Return a number of seconds as a float.

    Parameters
    ----------
    value : object
        The number.

    Returns
    -------
    float
        NaN for what is no number; infinity for one that is too large.
    """
    try:
        return float(value) if isinstance(value, numbers.Real) else math.nan
    except OverflowError:
        return math.inf if value > 0 else -math.inf
