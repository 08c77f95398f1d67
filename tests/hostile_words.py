"""Hostile words: lyrics, their times, and timed lyrics in LRC."""

from __future__ import annotations

import math
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
from hostile import LEGAL, REFUSED, Kind
from hypothesis import strategies as st
from odd import NUMBERS, ODD, TEXT, folder, mutated, random, refusal

from sklearn_musiclime.components import split_lyrics
from sklearn_musiclime.components.lyrics import LYRIC_UNITS, word_spans
from sklearn_musiclime.datasets import read_lrc, read_lyrics_file
from sklearn_musiclime.neighbourhood.perturbed import PerturbedLyrics
from sklearn_musiclime.songs import read_lyrics, read_word_times


def lyrics(data: st.DataObject) -> str:
    """Any text in any units: with all on it is itself; what is off is gone."""
    text = data.draw(st.one_of(TEXT, TEXT, ODD), label="lyrics")
    if not isinstance(text, str):
        with refusal(4, "lyrics"):
            read_lyrics(text, row=4)
        return REFUSED
    longer = data.draw(st.sampled_from([1, 1, 1, 50]), label="times")
    text = text * longer
    assert read_lyrics(text) == text
    units = data.draw(st.sampled_from(LYRIC_UNITS), label="units")
    token = data.draw(st.sampled_from([None, "", "[MASK]", "\ud800", "a b"]), label="token")
    parts = split_lyrics(text, units, mask_token=token)
    assert "".join(on for _, on, _ in parts.chunks) == text
    assert "".join(piece for piece, _, _ in parts.pieces()) == text
    masks = np.ones((3, len(parts)), dtype=bool)
    masks[1] = False
    masks[2] = random(data).integers(0, 2, len(parts)).astype(bool)
    all_on, all_off, some = PerturbedLyrics(parts, masks)
    assert all_on == text
    if token is None:
        assert word_spans(all_off) == [] or units in ("lines", "sections")
        assert not all_off.strip() or units in ("words", "word_positions")
        if units == "word_positions":
            kept = [w for w, on in zip(parts.texts(), masks[2], strict=True) if on]
            found = [some[slice(*span)] for span in word_spans(some)]
            assert "".join(found) == "".join(kept)
            ends = [(end, start) for (_, end), (start, _) in pairwise(word_spans(text))]
            if all(end < start for end, start in ends) and "'" not in text:
                assert found == kept  # else words that touched what is off may meet
    return LEGAL


def word_times(data: st.DataObject) -> str:
    """Times of words: pairs of finite numbers in order, one a word, or refused."""
    form = data.draw(st.sampled_from(["pairs", "pairs", "odd", "array", "counts"]), label="form")
    number = st.one_of(st.floats(-5.0, 1e6), NUMBERS, st.sampled_from([None, "1", b"1", 1j]))
    if form == "counts":
        n_words, n_times = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
        text, times = "la " * n_words, np.cumsum(np.ones((n_times, 2)), axis=0)
        if n_words == n_times:
            parts = split_lyrics(text, "word_positions", word_times=times, row=6)
            assert list(parts.times) == [tuple(t) for t in times.tolist()]
            return LEGAL
        with refusal(6, "word_times"):
            split_lyrics(text, word_times=times, row=6)
        return REFUSED
    if form == "odd":
        cell = data.draw(
            st.one_of(ODD, st.sampled_from(["", "ab", [1, 2], [[1, 2, 3]], [[1], [1, 2]], [[]]]))
        )
        is_none = pd.api.types.is_scalar(cell) and pd.isna(cell)
        if is_none or (hasattr(cell, "__len__") and not len(cell)):
            assert read_word_times(cell) is None
            return LEGAL
        with refusal(6, "word_times"):
            read_word_times(cell, row=6)
        return REFUSED
    if form == "array":
        dtype = data.draw(st.sampled_from(["f4", "f8", "i4", "u1", "c8", "M8[s]", "U3", "?", "m8"]))
        cell = random(data).integers(0, 5, (3, 2)).astype(dtype)
        values = cell.tolist() if np.dtype(dtype).kind in "fiu" else None
    else:
        cell = data.draw(st.lists(st.tuples(number, number), min_size=1, max_size=5))
        flat = [t for pair in cell for t in pair]
        is_plain = all(isinstance(t, (int, float)) for t in flat)
        top = sys.float_info.max
        is_finite = is_plain and all(abs(t) <= top for t in flat)
        values = cell if is_finite and not all(isinstance(t, bool) for t in flat) else None
    if values is not None and all(a <= b for a, b in values):
        np.testing.assert_array_equal(read_word_times(cell), np.array(values, dtype=float))
        return LEGAL
    with refusal(6, "word_times"):
        read_word_times(cell, row=6)
    return REFUSED


LRC_PIECES = st.one_of(
    TEXT,
    st.sampled_from(
        ["[00:01]", "[00:02.50]", "[1:2.3]", "<00:01.5>", "<00:00>", "[offset:-500]", "[offset:]",
         "[offset:nan]", "[offset:1e99]", "[ti:x]", "[99999999999:00]", "[:]", "[", "]", "[00:٣٣]",
         "[00:01]" * 50, "la " * 50, "\n", "\r\n", "\ufeff", "<00:01>a" * 50, "[00:61.999]",
         "[1:00:02.5]", "[00:02,5]", "[00:02.123456]", "F: ", "[bg:", "la [00:03]la", "la - la-la"]
    ),
    st.builds("[{:02d}:{:02d}.{}]".format, st.integers(0, 99), st.integers(0, 99),
              st.integers(0, 999)),
)  # fmt: skip


def lrc(data: st.DataObject) -> str:
    """Timed lyrics: one time a word, none before another or beyond the part, or refused."""
    return check_lrc(
        "".join(data.draw(st.lists(LRC_PIECES, max_size=25))), data.draw(st.booleans())
    )


def check_lrc(text: str, whole: bool = True) -> str:
    """All that must hold of what is read of a text as LRC."""
    start, end = (0.0, math.inf) if whole else (1.2, 70.0)
    try:
        found = read_lrc(text, start=start, end=end)
    except ValueError as error:
        assert len(str(error)) < 300
        return REFUSED
    assert len(found.word_times) == len(word_spans(found.text))
    times = np.array(found.word_times).reshape(-1, 2)
    assert np.isfinite(times).all()
    assert (times >= 0).all()
    assert (times[:, 0] <= times[:, 1]).all()
    assert (times <= end - start).all()
    if len(times):
        parts = split_lyrics(found.text, "word_positions", word_times=read_word_times(found.cell()))
        assert list(parts.times) == found.word_times
    return LEGAL


TIMED_FILES = {
    "srt": "1\n00:00:02,000 --> 00:00:04,000\n♪ <i>Silver</i> run ♪\n\n2\n"
    "00:00:04,5 --> 00:00:06\n24\n",
    "vtt": "WEBVTT\n\nNOTE x\n\n00:02.000 --> 00:04.000\n<00:02.000><c>Silver</c> <00:02.500>run\n",
    "ttml": '<tt><body begin="1s"><p begin="2s" end="4.5s"><span begin="2s" end="0:03">Sil</span>'
    '<span begin="3s" end="4s">ver</span><br/>run</p></body></tt>',
    "json": '{"segments": [{"start": 2.0, "end": 4, "text": " Silver 24", '
    '"words": [{"word": "Silver", "start": 2.0, "end": 2.4}, {"word": "24"}]}, '
    '{"text": "a", "timestamp": [4.0, null]}]}',
}


def timed_files(data: st.DataObject) -> str:
    """Subtitles and transcripts with anything broken: read as timed lyrics, or refused."""
    suffix = data.draw(st.sampled_from(sorted(TIMED_FILES)))
    return check_timed_file(suffix, mutated(data, TIMED_FILES[suffix].encode(), 60))


def check_timed_file(suffix: str, content: bytes) -> str:
    """All that must hold of what is read of bytes as a file of timed lyrics."""
    path = folder() / f"song.{suffix}"
    path.write_bytes(content)
    try:
        found = read_lyrics_file(path)
    except ValueError as error:
        assert str(path) in str(error)
        return REFUSED
    assert len(found.word_times) == len(word_spans(found.text))
    times = np.array([pair for pair in found.word_times if pair is not None]).reshape(-1, 2)
    assert np.isfinite(times).all()
    assert (times >= 0).all()
    assert (times[:, 0] <= times[:, 1]).all()
    cell = read_word_times(found.cell())
    if cell is not None:
        parts = split_lyrics(found.text, "word_positions", word_times=cell)
        assert list(parts.times) == found.word_times
    return LEGAL


KINDS = {
    "lyrics": Kind(lyrics),
    "word times": Kind(word_times),
    "timed lyrics (LRC)": Kind(lrc),
    "timed lyrics (others)": Kind(timed_files),
}
