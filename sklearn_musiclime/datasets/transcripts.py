"""Transcripts in JSON, as WhisperX, Whisper and the pipelines of Hugging Face write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from sklearn_musiclime.components.lyrics import times_of_words, word_spans
from sklearn_musiclime.datasets.lrc import read_lrc
from sklearn_musiclime.datasets.timed import SungLine, TimedLyrics, assemble
from sklearn_musiclime.songs import InvalidSongError, read_word_times


def read_transcript(text: str, *, start: float = 0.0, end: float = np.inf) -> TimedLyrics:
    r"""Read the content of a JSON file with the words of a song and their times.

    A segment is a line. Its words have the times that stand with them, under "words"; one that has
    none there has none, and where no word has any, all have the times of the segment.

    Parameters
    ----------
    text : str
        Content of the file: a mapping with "segments" (Whisper, WhisperX), "word_segments",
        "chunks" (Hugging Face) or "syncedLyrics" (LRCLIB, in LRC), or a list of segments or words.
    start, end : float, default=0.0, inf
        Part of the song to read, in seconds.

    Returns
    -------
    TimedLyrics

    Raises
    ------
    ValueError
        It is no JSON, or other JSON.

    Examples
    --------
    >>> from sklearn_musiclime.datasets.transcripts import read_transcript
    >>> read_transcript('[{"start": 2, "end": 4, "text": " Silver rivers"}]')
    TimedLyrics(text='Silver rivers', word_times=[(2.0, 4.0), (2.0, 4.0)])
    """
    try:
        document = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    entries = document
    if isinstance(document, Mapping):
        synced = document.get("syncedLyrics")
        if isinstance(synced, str):
            return read_lrc(synced, start=start, end=end)
        names = ("segments", "chunks", "word_segments")
        entries = next((document[name] for name in names if document.get(name)), None)
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise ValueError("it has no segments, chunks, word_segments or syncedLyrics")
    if entries and all("word" in entry for entry in entries):
        entries = [{"words": entries}]  # words alone are one line
    try:
        lines = [_line(entry, number) for number, entry in enumerate(entries)]
    except InvalidSongError as error:
        raise ValueError(error.reason) from error
    return assemble([line for line in lines if line is not None], start, end)


def _line(segment: Mapping[str, Any], number: int) -> SungLine | None:
    words = segment.get("words") or []
    if not isinstance(words, list) or not all(isinstance(word, Mapping) for word in words):
        raise ValueError(f"segment {number}: its words are no mappings")
    text = segment.get("text")
    if text is None:
        text = " ".join(str(word.get("word", "")).strip() for word in words)
    if not isinstance(text, str):
        raise ValueError(f"segment {number}: {text!r:.40} is no text")
    text = " ".join(text.split())
    if not word_spans(text):
        return None
    whole = read_word_times([(text, *_times(segment))])
    named = read_word_times([{"word": w.get("word"), **_named(w)} for w in words])
    timed = whole if named is None or np.isnan(np.asarray(named)).all() else named
    assert timed is not None  # it has a word
    known = np.asarray(timed)[~np.isnan(np.asarray(timed)[:, 0])]
    if not len(known):
        raise ValueError(f"segment {number}: {text!r:.40} has no times")
    begin = np.asarray(whole)[0, 0]
    begin = known[:, 0].min() if np.isnan(begin) else begin
    return SungLine(float(begin), text, times_of_words(text, timed))


def _times(segment: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the start and end of a segment, which Hugging Face calls its timestamp."""
    if isinstance(segment.get("timestamp"), list) and len(segment["timestamp"]) == 2:
        start, end = segment["timestamp"]
        return start, start if end is None else end  # Whisper leaves the last end open
    return segment.get("start"), segment.get("end")


def _named(word: Mapping[str, Any]) -> dict[str, Any]:
    start, end = _times(word)
    return {"start": start, "end": end}
