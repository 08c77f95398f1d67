"""Files of lyrics: which are read, and how."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np

from sklearn_musiclime.datasets.lrc import read_lrc
from sklearn_musiclime.datasets.subtitles import read_subtitles, read_with_pysubs2
from sklearn_musiclime.datasets.timed import TimedLyrics
from sklearn_musiclime.datasets.transcripts import read_transcript
from sklearn_musiclime.datasets.ttml import read_ttml
from sklearn_musiclime.songs import read_text_file

_READERS: dict[str, Callable[..., TimedLyrics]] = {
    ".lrc": read_lrc,
    ".elrc": read_lrc,
    ".srt": read_subtitles,
    ".vtt": read_subtitles,
    ".ttml": read_ttml,
    ".dfxp": read_ttml,
    ".json": read_transcript,
    ".ass": read_with_pysubs2,
    ".ssa": read_with_pysubs2,
    ".smi": read_with_pysubs2,
    ".sub": read_with_pysubs2,
}


def read_lyrics_file(
    path: str | PathLike[str],
    *,
    start: float = 0.0,
    end: float = np.inf,
    encoding: str = "utf-8",
) -> TimedLyrics:
    """Read a file of lyrics.

    Parameters
    ----------
    path : path-like
        Plain text (``.txt``, or no suffix); LRC (``.lrc``, ``.elrc``); subtitles (``.srt``,
        ``.vtt``, ``.ttml``, ``.dfxp``; with pysubs2 also ``.ass``, ``.ssa``, ``.smi`` and
        ``.sub``); or a transcript of Whisper, WhisperX or Hugging Face (``.json``).
    start, end : float, default=0.0, inf
        Part of the song to read, in seconds. Plain text is read whole.
    encoding : str, default="utf-8"
        Encoding of the text, unless a mark at its beginning says which UTF it is.

    Returns
    -------
    TimedLyrics
        Its `word_times` are None for plain text.

    Raises
    ------
    OSError
        The file can't be opened.
    ValueError
        The file is not what its suffix says, or not text in this encoding, or the suffix is none
        of these.
    ImportError
        pysubs2 is needed; the message says how to install it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_musiclime.datasets import read_lyrics_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "song.lrc")
    ...     _ = file.write_text("[00:01.50]Love me[00:04.00]", encoding="utf-16")
    ...     lyrics = read_lyrics_file(file)
    >>> lyrics.text, lyrics.word_times
    ('Love me', [(1.5, 4.0), (1.5, 4.0)])
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (*_READERS, ".txt", ""):
        read = ", ".join((".txt", *_READERS))
        raise ValueError(f"{str(path)!r}: lyrics are read from {read}, not from {suffix} files")
    text = read_text_file(path, encoding)
    if suffix not in _READERS:
        return TimedLyrics(text, None)
    try:
        return _READERS[suffix](text, start=start, end=end)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from error
