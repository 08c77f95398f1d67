"""Hostile cells and files: songs, timed lyrics, tables, stems, saved explanations and weights."""

from __future__ import annotations

import copy
import csv
import io
import json
import math
import shutil
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hostile import LEGAL, REFUSED, Kind
from hypothesis import strategies as st

from sklearn_musiclime import (
    GlobalExplanation,
    InvalidSongError,
    LocalExplanation,
    MusicLimeExplainer,
    StemSeparator,
    UniformSegmenter,
)
from sklearn_musiclime.components import split_lyrics
from sklearn_musiclime.components.lyrics import LYRIC_UNITS, word_spans
from sklearn_musiclime.components.separation import separate_sources
from sklearn_musiclime.datasets import load_jamendo_lyrics, load_music4all, load_songs, read_lrc
from sklearn_musiclime.neighbourhood.perturbed import PerturbedLyrics, compose_audio
from sklearn_musiclime.songs import (
    MAX_CHANNELS,
    MAX_RATE,
    MIN_RATE,
    read_audio,
    read_lyrics,
    read_word_times,
)

RATE = 8000
LETTERS = (
    "abcXYZ019_'’-.,!?()<>&\"$\\/ \t\n\r\v\f\x00\x07\x1c\x1d\x1e\x1f\x7f\x85\xa0\xad\u0301\u0308"
    "\u0901\u0939\u093f\u0928\u200b\u200c\u200d\u200e\u2028\u2029\u202e\u2066\u3000\u3042\u30ab"
    "\u611b\uac00\ud800\udc00\udfff\ufe0f\ufeff\ufffd\U0001f469\U0001f3fd\U0001f4bb\U00020000"
)
DTYPES = [
    *("f2", "f4", "f8", ">f4", ">f8", "g", "u1", "i2", ">i2", "i4"),
    *("i1", "u2", "u4", "i8", "c8", "?", "O", "M8[s]", "m8[s]", "U3", "S3", "V4"),
]
TEXT = st.one_of(
    st.text(st.sampled_from(LETTERS), max_size=60),
    st.text(st.characters(), max_size=40),
    st.lists(st.sampled_from(["la", "love", "don't", "愛", "\n", "\n\n", " "]), max_size=30).map(
        " ".join
    ),
)
NUMBERS = st.one_of(
    st.floats(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, -0.0, 1, -1, 5e-324, 1e-310, 1e308, -1e308, 10**400, -(10**400), True]),
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.complex_numbers(),
    st.binary(max_size=20),
    st.sampled_from(
        [pd.NA, pd.NaT, np.float32("nan"), np.datetime64("NaT"), object(), object, len, {}, set()]
    ),
)


@cache
def folder() -> Path:
    """A folder that lasts as long as the process."""
    made = tempfile.TemporaryDirectory()
    folder.made = made
    return Path(made.name)


def random(data: st.DataObject) -> np.random.Generator:
    return np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))


@contextmanager
def refusal(row: int, column: str):
    """What is run is refused by one error, which names row and column in one short line."""
    with pytest.raises(InvalidSongError) as caught:
        yield
    assert (caught.value.row, caught.value.column) == (row, column)
    text = str(caught.value)
    assert text.startswith(f"row {row}: {column}: ")
    assert len(text) < 2000
    assert "row" not in text[len(f"row {row}") :].split(":")[1]


# Audio.


def audio_arrays(data: st.DataObject) -> str:
    """Arrays of every type and layout: read as plain arithmetic says, or refused."""
    dtype = data.draw(st.sampled_from(DTYPES), label="dtype")
    shape = data.draw(
        st.one_of(
            st.tuples(st.integers(0, 50)),
            st.tuples(st.integers(0, 70), st.integers(0, 20)),
            st.sampled_from([(), (1, 2, 3), (0, 0), (1,), (1, 1), (1,) * 20]),
        ),
        label="shape",
    )
    rng = random(data)
    scale = data.draw(st.sampled_from([0.0, 1e-320, 1e-30, 1.0, 100.0, 1e37, 1e300]), label="scale")
    drawn = rng.normal(size=shape) * scale
    kind = np.dtype(dtype).kind
    with np.errstate(all="ignore"):
        if kind in "fcO":
            values = np.asarray(drawn.astype(dtype))
        elif kind in "iu?":
            values = np.asarray(rng.integers(0, 120, shape)).astype(dtype)
        else:
            values = np.zeros(shape, dtype=dtype)
    if kind in "fc" and values.size and data.draw(st.booleans(), label="has a hole"):
        values.flat[rng.integers(values.size)] = data.draw(
            st.sampled_from([np.nan, np.inf, -np.inf])
        )
    layout = data.draw(
        st.sampled_from(["plain", "fortran", "strided", "reversed", "read-only", "memmap", "list",
                         "masked", "series", "mapping"]),
        label="layout",
    )  # fmt: skip
    cell, row = values, 3
    if layout == "fortran" and values.ndim:
        cell = np.asfortranarray(values)
    elif layout == "strided" and values.ndim:
        cell = np.repeat(values, 2, axis=-1)[..., ::2]
    elif layout == "reversed" and values.ndim:
        cell = values[..., ::-1][..., ::-1]
    elif layout == "read-only":
        cell = values.copy()
        cell.flags.writeable = False
    elif layout == "memmap" and values.size and kind != "O":
        cell = np.memmap(folder() / "memmap", dtype=values.dtype, mode="w+", shape=values.shape)
        cell[...] = values
    elif layout == "list" and values.ndim and kind in "fO":
        cell = values.astype(float).tolist()
        values = np.array(cell, dtype=float)
        kind = "f"
    elif layout == "masked":
        cell = np.ma.masked_array(values, np.zeros(shape, dtype=bool))
        if values.size and kind in "fiu":
            cell[(0,) * values.ndim] = np.ma.masked
    elif layout == "series" and values.ndim == 1 and values.dtype.isnative and kind not in "VSg":
        cell = pd.Series(values)
    elif layout == "mapping":
        cell = {"array": values, "sampling_rate": RATE}
    takes = kind in "fO" or values.dtype.name in ("uint8", "int16", "int32")
    channels = values if values.ndim == 2 else values[np.newaxis]
    is_masked = layout == "masked" and bool(np.ma.getmaskarray(cell).any())
    legal = (
        takes
        and values.ndim in (1, 2)
        and values.size > 0
        and not is_masked
        and len(channels) <= MAX_CHANNELS
    )
    if legal:
        offset, divisor = {"u1": (128, 128), "i2": (0, 2**15), "i4": (0, 2**31)}.get(
            values.dtype.str[1:], (0, 1)
        )
        with np.errstate(all="ignore"):
            exact = (channels.astype(np.float64) - offset) / divisor
            expected = exact.mean(axis=0)
            top = np.abs(exact).max()
        if np.isfinite(exact).all() and top < 1e37:
            found = read_audio(cell, RATE, row=row)
            assert found.dtype == np.float32
            assert found.flags.c_contiguous
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * top + 1e-44)
            return LEGAL
        if np.isfinite(exact).all() and top < 1e39:  # near the end of single precision: either
            try:
                assert np.isfinite(read_audio(cell, RATE, row=row)).all()
                return LEGAL
            except InvalidSongError as error:
                assert error.row == row
                return REFUSED
    with refusal(row, "audio"):
        read_audio(cell, RATE, row=row)
    return REFUSED


def audio_cells(data: st.DataObject) -> str:
    """What is no audio at all, and mappings with odd keys and rates."""
    rng = random(data)
    form = data.draw(st.sampled_from(["odd", "path", "mapping", "rate", "nested"]), label="form")
    array = rng.normal(size=data.draw(st.integers(1, 400)))
    if form == "rate":
        rate = data.draw(
            st.one_of(
                ODD,
                st.sampled_from(["44100", RATE, np.float32(RATE), np.int64(4000), MIN_RATE]),
                st.floats(0.5, 2 * MAX_RATE),
                st.floats(7900.0, 8100.0),
            ),
            label="rate",
        )
        cell = {"array": array, "sampling_rate": rate}
        # pandas' and numpy's missing values are no numbers, True is none of Hz below 1.
        is_rate = isinstance(rate, (int, float, np.integer, np.floating))
        if is_rate and MIN_RATE <= rate <= MAX_RATE:
            found = read_audio(cell, RATE, row=5)
            expected = len(array) * RATE / float(rate)
            assert abs(len(found) - expected) <= 1 + 1e-6 * expected
            assert np.isfinite(found).all()
            return LEGAL
    elif form == "mapping":
        keys = st.sampled_from(["array", "sampling_rate", "path", "start", "end", "bytes", 0, None])
        cell = data.draw(st.dictionaries(keys, st.one_of(ODD, st.just("gone.wav")), max_size=5))
    elif form == "path":
        name = data.draw(st.one_of(TEXT, st.sampled_from(["/dev/zero", "/dev/null", ".", "~", ""])))
        cell = data.draw(st.sampled_from([name, name * 50, f"{name}.raw", f"gone/{name}"]))
        cell = cell if cell else str(folder())
    elif form == "nested":
        cell = data.draw(
            st.sampled_from([[[1.0, 2.0], [3.0]], [[]], [], [None], ["a"], [{}], [[[[0.5]]]], [1j],
                             range(4), "", "\0", [np.zeros(2), np.zeros(3)], [pd.NA, 1.0]])
        )  # fmt: skip
    else:
        cell = data.draw(ODD)
    with refusal(5, "audio"):
        read_audio(cell, RATE, row=5)
    return REFUSED


@cache
def sound_files() -> dict[str, bytes]:
    """A short sound in the formats that people have."""
    rng = np.random.default_rng(0)
    sound = np.cumsum(rng.normal(0, 0.01, (1500, 2)), axis=0)
    formats = {
        "wav": ("WAV", "PCM_16"), "float.wav": ("WAV", "FLOAT"), "flac": ("FLAC", "PCM_16"),
        "ogg": ("OGG", "VORBIS"), "mp3": ("MP3", "MPEG_LAYER_III"), "aiff": ("AIFF", "PCM_24"),
        "au": ("AU", "PCM_16"), "w64": ("W64", "DOUBLE"), "rf64": ("RF64", "PCM_16"),
        "caf": ("CAF", "PCM_16"), "adpcm.wav": ("WAV", "MS_ADPCM"), "opus": ("OGG", "OPUS"),
    }  # fmt: skip
    made = {}
    for name, (form, subtype) in formats.items():
        file = io.BytesIO()
        soundfile.write(file, sound, RATE, format=form, subtype=subtype)
        made[name] = file.getvalue()
    return made


def mutated(data: st.DataObject, content: bytes, head: int = 200) -> bytes:
    """Bytes changed, cut, doubled or taken out, most of them near the beginning."""
    content = bytearray(content)
    rng = random(data)
    for _ in range(data.draw(st.integers(1, 6), label="changes")):
        n = len(content)
        if not n:
            break
        at = int(rng.integers(min(head, n) if rng.random() < 0.7 else n))
        length = int(rng.choice([1, 2, 4, 8]))
        change = rng.choice(["set", "extreme", "noise", "cut", "remove", "double", "zero"])
        if change == "set":
            content[at] ^= 1 << int(rng.integers(8))
        elif change == "extreme":
            content[at : at + length] = bytes([int(rng.choice([0, 127, 128, 255]))]) * length
        elif change == "noise":
            content[at : at + length] = rng.bytes(length)
        elif change == "cut":
            del content[int(rng.integers(n)) :]
        elif change == "remove":
            del content[at : at + length]
        elif change == "double":
            content[at:at] = content[at : at + int(rng.integers(1, 100))]
        else:
            content[at : at + 64] = bytes(min(64, n - at))
    return bytes(content)


def audio_files(data: st.DataObject) -> str:
    """Sound files that are broken somewhere: samples that are numbers, or refused."""
    name = data.draw(st.sampled_from(sorted(sound_files())), label="format")
    ending = data.draw(st.sampled_from([name, name, "wav", "mp3", "raw", "txt", "flac"]))
    path = folder() / f"song.{ending}"
    path.write_bytes(mutated(data, sound_files()[name]))
    try:
        found = read_audio(path, RATE, row=2)
    except InvalidSongError as error:
        assert str(error).startswith("row 2: audio: ")
        return REFUSED
    assert found.dtype == np.float32
    assert found.ndim == 1
    assert found.size
    assert np.isfinite(found).all()
    return LEGAL


def parts_of_files(data: st.DataObject) -> str:
    """Parts of a file: those samples, or refused."""
    path = folder() / "ramp.wav"
    if not path.exists():
        soundfile.write(path, np.arange(4000) / 2**15, RATE, subtype="PCM_16")
    seconds = st.one_of(ODD, st.floats(-0.1, 0.7), st.sampled_from(["0.1", [0.1], np.float32(0.1)]))
    cell = {"path": data.draw(st.sampled_from([path, str(path)]))}
    for name in data.draw(st.sampled_from([("start",), ("end",), ("start", "end"), ()])):
        cell[name] = data.draw(seconds, label=name)
    bounds = []
    for name, default in (("start", 0.0), ("end", math.inf)):
        value = cell.get(name)
        is_number = isinstance(value, (int, float, np.floating)) and not isinstance(value, complex)
        if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
            bounds.append(default)
        elif not is_number:
            bounds.append(math.nan)
        else:
            sign = 1 if value > 0 else -1
            bounds.append(sign * math.inf if abs(value) > 1e300 else float(value))
    start, end = bounds
    if 0 <= start < end:
        whole = read_audio(path, RATE)
        n = len(whole)
        expected = whole[round(min(start * RATE, n)) : round(min(end * RATE, n))]
        if len(expected):
            np.testing.assert_array_equal(read_audio(cell, RATE, row=1), expected)
            return LEGAL
    with refusal(1, "audio"):
        read_audio(cell, RATE, row=1)
    return REFUSED


# Lyrics and their times.


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
            assert [some[slice(*span)] for span in word_spans(some)] == kept or "'" in text
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
         "[00:01]" * 50, "la " * 50, "\n", "\r\n", "\ufeff", "<00:01>a" * 50, "[00:61.999]"]
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
        split_lyrics(found.text, word_times=read_word_times(found.word_times))
    return LEGAL


# Tables.


def tables(data: st.DataObject) -> str:
    """Tables that were written come back, cell for cell; with anything broken they are refused."""
    rows = data.draw(
        st.lists(st.tuples(st.sampled_from(["a.wav", "NA", "1", "é.mp3"]), TEXT), max_size=5)
    )
    rows = [(audio, text) for audio, text in rows if "\ud800" <= "z" and not _is_lone(text)]
    rows = [(audio, text.replace("\0", "").replace("\r", "")) for audio, text in rows]
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("audio", "lyrics"), *rows])
    path = folder() / "songs.csv"
    path.write_text(file.getvalue(), encoding="utf-8")
    if data.draw(st.booleans(), label="whole"):
        if any(text.strip().lower().endswith((".txt", ".lrc")) for _, text in rows):
            return REFUSED
        songs = load_songs(path)
        assert songs["lyrics"].tolist() == [text for _, text in rows]
        assert songs["audio"].tolist() == [str(folder() / audio) for audio, _ in rows]
        return LEGAL
    content = mutated(data, file.getvalue().encode())
    content += data.draw(st.sampled_from([b"", b",x,y\n", b'"', b"\xff", b"a.wav,b.lrc\n"]))
    return check_table(content)


def check_table(content: bytes) -> str:
    """All that must hold of what is read of bytes as a table."""
    path = folder() / "table.csv"
    path.write_bytes(content)
    try:
        songs = load_songs(path)
    except InvalidSongError as error:
        assert error.row >= 0
        return REFUSED
    except ValueError as error:
        assert str(path) in str(error)
        return REFUSED
    assert list(songs)[:2] == ["audio", "lyrics"]
    assert all(isinstance(text, str) for text in songs["lyrics"])
    assert all(cell is None or isinstance(cell, str) for cell in songs["audio"])
    return LEGAL


def _is_lone(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def music4all(data: st.DataObject) -> str:
    """The folder of Music4All with a table that is broken."""
    base = folder() / "music4all"
    texts = {
        "information": "id\tartist\tsong\talbum_name\n1a\tNA\tOne\tFirst\n2b\tBo\t2\tSecond\n",
        "genres": "id\tgenres\n1a\tjazz, rap,pop\n2b\tpop\n",
        "lang": "id\tlang\n1a\ten\n2b\tpt\n",
        "metadata": "id\tenergy\tvalence\ttempo\n1a\t0.9\t0.1\t100\n2b\t0.5\t0.65\t90\n",
    }
    for kind in ("audios", "lyrics"):
        (base / kind).mkdir(parents=True, exist_ok=True)
    for song in ("1a", "2b"):
        (base / "audios" / f"{song}.mp3").write_bytes(b"")
        (base / "lyrics" / f"{song}.txt").write_text(f"words of {song}")
    broken = data.draw(st.sampled_from(["none", *texts]))
    for name, text in texts.items():
        content = text.encode()
        (base / f"id_{name}.csv").write_bytes(
            mutated(data, content, 60) if name == broken else content
        )
    try:
        songs = load_music4all(base)
    except (ValueError, FileNotFoundError) as error:
        assert broken != "none"
        assert str(base) in str(error) or "id_metadata.csv" in str(error)
        return REFUSED
    assert songs["id"].is_unique
    assert set(songs["id"]) <= {"1a", "2b"}
    for song in songs.itertuples():
        assert song.lyrics == f"words of {song.id}"
    return LEGAL


def jamendo(data: st.DataObject) -> str:
    """The folder of JamendoLyrics with a file that is broken."""
    base = folder() / "jamendo"
    for name in ("mp3", "lyrics", "annotations/words"):
        (base / name).mkdir(parents=True, exist_ok=True)
    words = "la love\nall\n"
    files = {
        "JamendoLyrics.csv": b"Filepath,Artist,Title,Genre,Language\na.mp3,A,T,Pop,English\n",
        "lyrics/a.txt": words.encode(),
        "annotations/words/a.csv": b"word_start,word_end\n0.01,0.02\n0.03,0.04\n0.05,0.06\n",
        "mp3/a.mp3": sound_files()["wav"],
    }
    broken = data.draw(st.sampled_from(["none", *files]))
    for name, content in files.items():
        (base / name).write_bytes(mutated(data, content, 60) if name == broken else content)
    try:
        songs = load_jamendo_lyrics(base, window=None, min_words=0, sampling_rate=RATE)
    except (ValueError, FileNotFoundError):
        assert broken != "none"
        return REFUSED
    if broken == "none":
        assert songs["lyrics"].tolist() == [words.strip()]
    for text, times in zip(songs["lyrics"], songs["word_times"], strict=True):
        assert len(text.split()) == len(times)
    return LEGAL


# Stems.


def stems(data: st.DataObject) -> str:
    """Stems that are broken, missing or too short: sources that add up to the song, or refused."""
    base = folder() / "stems"
    base.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    mix = rng.normal(0, 0.1, 2000).astype(np.float32)
    soundfile.write(base / "song.wav", mix, RATE, subtype="FLOAT")
    (base / "song").mkdir(exist_ok=True)
    broken = data.draw(st.sampled_from(["none", "bytes", "length", "missing", "pattern"]))
    file = io.BytesIO()
    length = data.draw(st.integers(1, 4000)) if broken == "length" else len(mix)
    part = np.resize(mix, length) * 0.5
    soundfile.write(file, part, RATE, format="WAV", subtype="FLOAT")
    content = file.getvalue()
    for name in ("a", "b"):
        (base / "song" / f"{name}.wav").write_bytes(content)
    if broken == "bytes":
        (base / "song" / "b.wav").write_bytes(mutated(data, content))
    sources = ("a", "b")
    if broken == "missing":
        sources = data.draw(st.sampled_from([("a", "b"), ("a", "gone"), ()]), label="sources")
    pattern = "{parent}/{stem}/{source}.wav"
    if broken == "pattern":
        pattern = data.draw(st.sampled_from(["{x}", "{}", "{", "{parent.x}", "{stem[a]}", "\0"]))
    separator = StemSeparator(pattern, sources)
    try:
        names, found = separate_sources(separator, mix, RATE, path=base / "song.wav")
    except ValueError as error:
        assert broken != "none"
        assert not isinstance(error, InvalidSongError)
        return REFUSED
    assert broken in ("none", "bytes", "length", "missing")
    assert names[:2] == sources
    np.testing.assert_allclose(found.sum(axis=0), mix, atol=1e-5 * np.abs(found).max())
    return LEGAL


# Songs, explained, saved and loaded.


def songs(data: st.DataObject) -> str:
    """A legal song, however odd, is explained; the model hears it whole; files bring it back."""
    rng = random(data)
    n = data.draw(st.sampled_from([1, 2, 3, 7, 100, 1000]), label="samples")
    scale = np.float32(data.draw(st.sampled_from([0.0, 1e-40, 1e-20, 0.1, 1e4, 1e18])))
    waveform = (rng.normal(size=n) * scale).astype(np.float32)
    text = data.draw(TEXT, label="lyrics")
    X = np.empty((1, 2), dtype=object)
    X[0] = [waveform, text]
    heard = []

    def model(batch):
        heard.extend((y, words) for y, words in batch)
        return np.array([[len(words), float(len(y)), 0.5 * ("la" in words)] for y, words in batch])

    explainer = MusicLimeExplainer(
        model,
        separator=None,
        segmenter=UniformSegmenter(data.draw(st.sampled_from([1, 3, 10]), label="segments")),
        lyric_units=data.draw(st.sampled_from(LYRIC_UNITS), label="units"),
        mask_token=data.draw(st.sampled_from([None, "[MASK]"])),
        n_samples=data.draw(st.sampled_from([2, 8, 40]), label="n_samples"),
        interactions=data.draw(st.sampled_from([None, "all"]), label="interactions"),
        sampling_rate=data.draw(st.sampled_from([8000, 22050]), label="rate"),
        random_state=0,
    )
    explanation = explainer.fit(X).explain(X, labels=[0, 2])[0]
    np.testing.assert_allclose(heard[0][0], waveform, rtol=1e-6)
    assert heard[0][1] == text
    parts = explanation.components
    on = np.ones((1, parts.n_audio), dtype=bool)
    np.testing.assert_allclose(compose_audio(parts.audio, on[0]), waveform, rtol=1e-6)
    path = folder() / "explained.json"
    explanation.save(path)
    loaded = LocalExplanation.load(path)
    pd.testing.assert_frame_equal(loaded.to_frame(2), explanation.to_frame(2))
    assert loaded.components.lyrics == parts.lyrics
    assert dict(loaded.prediction) == dict(explanation.prediction)
    np.testing.assert_array_equal(loaded.components.audio.mix, waveform)
    if explanation.interaction_terms is not None:
        pd.testing.assert_frame_equal(
            loaded.interactions(0, fdr=None), explanation.interactions(0, fdr=None)
        )
    loaded._repr_html_()
    loaded.plot()
    loaded.sonify()
    loaded.to_html(folder() / "page.html")
    overall = GlobalExplanation.from_local([loaded])
    overall.save(folder() / "overall.json")
    again = GlobalExplanation.load(folder() / "overall.json")
    pd.testing.assert_frame_equal(again.to_frame(), overall.to_frame())
    return LEGAL


# Saved explanations.


@cache
def saved_local() -> tuple[str, bytes]:
    """A small local explanation with everything in it, as it is saved."""
    X = np.empty((1, 3), dtype=object)
    words = "love is all\nlove"
    times = [(0.0, 0.01), (0.01, 0.02), (0.02, 0.03), (0.03, 0.04)]
    X[0] = [np.sin(np.arange(400.0)).astype(np.float32), words, times]

    def model(batch):
        return np.array(
            [[float(np.abs(y).mean()), 0.5 * ("love" in words)] for y, words, _ in batch]
        )

    explainer = MusicLimeExplainer(
        model, separator=None, segmenter=UniformSegmenter(3), interactions="all", n_samples=60,
        random_state=0, sampling_rate=RATE,
    )  # fmt: skip
    explanation = explainer.fit(X).explain(X, labels=[0, 1])[0]
    path = folder() / "base.json"
    explanation.save(path)
    return path.read_text(), path.with_suffix(".npz").read_bytes()


@cache
def saved_global() -> tuple[str, bytes]:
    """A small global explanation with everything in it, as it is saved."""
    path = folder() / "base.json"
    explanations = []
    for row in range(4):
        text, arrays = saved_local()
        path.write_text(text)
        path.with_suffix(".npz").write_bytes(arrays)
        one = LocalExplanation.load(path)
        noise = np.random.default_rng(row).normal(size=one.weights.shape)
        explanations.append(
            LocalExplanation(**(one.__dict__ | {"row": row, "weights": one.weights + noise}))
        )
    GlobalExplanation.from_local(explanations, groups=list("aabb")).save(path)
    return path.read_text(), path.with_suffix(".npz").read_bytes()


JSON_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 500),
    st.sampled_from([10**12, 10**30, 2**53, 2**63, -1, math.nan, math.inf, -math.inf, 1e308, 0.5]),
    TEXT,
    st.sampled_from(["../../etc/passwd", "/dev/zero", "<script>alert(1)</script>", "a" * 1000]),
    st.recursive(
        st.one_of(st.none(), st.integers(-2, 12), st.floats(), st.text(max_size=3)),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=12,
    ),
)


def places_in(value, at=()):
    """The places of all values in a document."""
    yield at
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places_in(inner, (*at, key))


def broken_document(data: st.DataObject, text: str) -> str:
    """A document with some values replaced, taken out, doubled, swapped, or with broken letters."""
    if data.draw(st.integers(0, 9), label="letters") == 0:
        return mutated(data, text.encode(), len(text)).decode("latin-1")
    document = json.loads(text)
    for _ in range(data.draw(st.integers(1, 3), label="changes")):
        places = list(places_in(document))[1:]
        # A kind of place first, so that long lists don't get it all.
        name = data.draw(st.sampled_from(sorted({str(place[0]) for place in places})))
        of_name = [place for place in places if str(place[0]) == name]
        place = data.draw(st.sampled_from(of_name), label="place")
        parent = document
        for key in place[:-1]:
            parent = parent[key]
        change = data.draw(
            st.sampled_from(["replace", "nudge", "nudge", "remove", "double", "other"])
        )
        if change == "replace":
            parent[place[-1]] = data.draw(JSON_VALUES, label="value")
        elif change == "nudge":
            value = parent[place[-1]]
            parent[place[-1]] = (
                f"{value}</script>{{{{7*7}}}}"
                if isinstance(value, str)
                else value * 1.5
                if isinstance(value, float)
                else value + 1
                if isinstance(value, int)
                else value
            )
        elif change == "remove":
            del parent[place[-1]]
        elif change == "double" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[place[-1]]))
        else:
            other = data.draw(st.sampled_from(places), label="other")
            value = document
            for key in other:
                value = value[key] if not isinstance(value, list) or key < len(value) else None
                if value is None:
                    break
            parent[place[-1]] = copy.deepcopy(value)
    return json.dumps(document)


def broken_arrays(data: st.DataObject, content: bytes) -> bytes:
    """An archive with broken bytes, or with arrays that are not what they should be."""
    form = data.draw(st.sampled_from(["bytes", "replace", "header", "extra", "compress", "twice"]))
    if form == "bytes":
        return mutated(data, content, len(content))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = data.draw(st.sampled_from(sorted(members)), label="member")
    compression, more = zipfile.ZIP_STORED, []
    if form == "replace":
        array = np.load(io.BytesIO(members[name]), allow_pickle=False)
        dtype = data.draw(st.sampled_from(["f2", "f4", "f8", "i4", "i8", "u8", "O", "U2", "c16"]))
        values = data.draw(st.sampled_from([0.0, -1.0, 1e9, 3e18, np.nan, np.inf, None]))
        with np.errstate(all="ignore"):
            array = array.astype(dtype) if values is None else np.full_like(array, values)
        if data.draw(st.booleans(), label="longer"):
            array = np.concatenate([array, array])
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        members[name] = file.getvalue()
    elif form == "header":
        shape = data.draw(
            st.sampled_from([b"(1000000000000,)", b"(-1,)", b"()", b"(3, 3, 3)", b"(1e3,)", b"[5]",
                             b"(" * 5000, b"(99999999999999999999999,)", b"__import__('os')"])
        )  # fmt: skip
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + b", }\n"
        members[name] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    elif form == "compress":
        compression = zipfile.ZIP_DEFLATED
    elif form == "extra":
        more = [(data.draw(st.sampled_from(["x.npy", "../x.npy", "run.py", "/etc/x"])), b"x")]
    else:
        more = [(name, members[name])]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for item in [*members.items(), *more]:
            archive.writestr(*item)
    return file.getvalue()


def without_digest(data: st.DataObject, text: str) -> str:
    """A document as it is, or of the version that did not tell broken arrays by their digest."""
    old = data.draw(st.booleans(), label="of version 2")
    return text.replace('"version": 3', '"version": 2') if old else text


def saved_local_explanations(data: st.DataObject) -> str:
    """Local explanations that someone tampered with: refused, or all that they offer works."""
    text, arrays = saved_local()
    path = folder() / "local.json"
    if data.draw(st.integers(0, 2), label="in the arrays") == 0:
        arrays = broken_arrays(data, arrays)
        text = without_digest(data, text)
    else:
        text = broken_document(data, text)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    path.with_suffix(".npz").write_bytes(arrays)
    return check_local(path)


def check_local(path: Path) -> str:
    """All that must hold of a file that is loaded as a local explanation."""
    try:
        explanation = LocalExplanation.load(path)
    except ValueError as error:
        assert path.stem in str(error)
        assert len(str(error)) < 2000
        return REFUSED
    for label in explanation.labels:
        assert len(explanation.to_frame(label)) == len(explanation.components)
        explanation.top(3, label)
        explanation.audio_map(label)
        explanation.modality_share(label)
        if explanation.interaction_terms is not None:
            explanation.interactions(label, fdr=None)
    if explanation.components.lyrics is not None:
        chunks = explanation.components.lyrics.chunks
        assert "".join(on for _, on, _ in chunks) == explanation.components.lyrics.text
    repr(explanation)
    assert "<script>" not in explanation._repr_html_()
    explanation.plot(n=3)
    audio = explanation.components.audio
    if audio is not None and audio.mix is not None:
        assert np.isfinite(explanation.sonify(2)).all()
    again = path.with_name("again.json")
    explanation.save(again)
    pd.testing.assert_frame_equal(LocalExplanation.load(again).to_frame(), explanation.to_frame())
    overall = GlobalExplanation.from_local([explanation])
    overall.importance("homogeneity")
    return LEGAL


def saved_global_explanations(data: st.DataObject) -> str:
    """Global explanations that someone tampered with: refused, or all that they offer works."""
    text, arrays = saved_global()
    path = folder() / "global.json"
    if data.draw(st.booleans(), label="in the arrays"):
        arrays = broken_arrays(data, arrays)
        text = without_digest(data, text)
    else:
        text = broken_document(data, text)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    path.with_suffix(".npz").write_bytes(arrays)
    return check_global(path)


def check_global(path: Path) -> str:
    """All that must hold of a file that is loaded as a global explanation."""
    try:
        explanation = GlobalExplanation.load(path)
    except ValueError as error:
        assert path.stem in str(error)
        assert len(str(error)) < 2000
        return REFUSED
    shape = (len(explanation.components), len(explanation.labels))
    for method in ("average", "lime", "homogeneity"):
        assert explanation.importance(method).shape == shape
    repr(explanation)
    assert "<script>" not in explanation._repr_html_()
    if explanation.labels:
        explanation.top(3)
        explanation.audio_map(explanation.labels[0])
        explanation.to_frame()
        explanation.plot(n=2)
    if explanation.songs is not None:
        explanation.modality_share()
        explanation.pick(2)
        explanation.group(words="lower")
    if explanation.pair_totals is not None and explanation.labels:
        explanation.interactions(fdr=None, min_count=1)
    explanation.save(path.with_name("again.json"))
    again = GlobalExplanation.load(path.with_name("again.json"))
    pd.testing.assert_frame_equal(again.importance(), explanation.importance())
    return LEGAL


# Weights.


@cache
def saved_classifier() -> Path | None:
    """A transformer of next to no size, as it is saved; None where there is no torch."""
    if not has_torch():
        return None
    import tiny_models

    from sklearn_musiclime import TransformerFusionClassifier

    made = folder() / "tiny"
    for name in ("ast", "roberta"):
        (made / name).mkdir(parents=True, exist_ok=True)
    audio = tiny_models.ast(made / "ast", 100, 16, num_hidden_layers=1)
    text = tiny_models.roberta(made / "roberta")
    X = pd.DataFrame(
        {"audio": [{"array": np.ones(800), "sampling_rate": 16_000}] * 4, "lyrics": ["la"] * 4}
    )
    model = TransformerFusionClassifier(audio, text, n_epochs=1, random_state=0)
    model.fit(X, ["a", "b"] * 2).save(made / "saved")
    return made / "saved"


def has_torch() -> bool:
    return all(find_spec(name) is not None for name in ("torch", "transformers", "tokenizers"))


def saved_classifiers(data: st.DataObject) -> str:
    """Folders of a saved classifier with a broken file: refused, or a classifier that predicts."""
    from sklearn_musiclime import TransformerFusionClassifier

    source, path = saved_classifier(), folder() / "classifier"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(source, path)
    files = sorted(f.relative_to(path).as_posix() for f in path.rglob("*") if f.is_file())
    files += 5 * ["classifier.json"]
    broken = path / data.draw(st.sampled_from(files), label="file")
    change = data.draw(st.sampled_from(["none", "bytes", "values", "gone", "code"]), label="change")
    if change == "gone":
        broken.unlink()
    elif change == "code":
        name = data.draw(st.sampled_from(["audio/model.py", "lyrics/pytorch_model.bin"]))
        (path / name).write_bytes(b"raise SystemExit")
    elif change == "none":
        pass
    elif broken.suffix == ".json" and change == "values" and broken.stat().st_size < 5000:
        broken.write_text(broken_document(data, broken.read_text()), errors="replace")
    else:
        broken.write_bytes(mutated(data, broken.read_bytes()))
    X = pd.DataFrame(
        {"audio": [{"array": np.ones(800), "sampling_rate": 16_000}], "lyrics": ["la la"]}
    )
    try:
        model = TransformerFusionClassifier.load(path)
    except (ValueError, OSError) as error:
        assert change != "none"
        assert str(error)
        return REFUSED
    assert change != "code"
    try:
        probabilities = model.predict_proba(X)
    except (ValueError, KeyError, RuntimeError, TypeError, OverflowError):
        return REFUSED  # a tokenizer or an extractor that is another one now
    assert probabilities.shape == (1, len(model.classes_))
    if change == "bytes" and broken.suffix == ".safetensors":
        return LEGAL  # other weights, which no file can tell from the right ones
    np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-6)
    return LEGAL


def weights(data: st.DataObject) -> str:
    """Files of weights that are broken: weights by their names, or refused. No code runs."""
    import torch
    from safetensors.torch import save_file

    from sklearn_musiclime.fusion.checkpoint import read_state_dict

    state = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(3), "module.b": torch.ones(())}
    form = data.draw(st.sampled_from(["pt", "legacy", "safetensors", "pickle", "object"]))
    path = folder() / f"weights.{'safetensors' if form == 'safetensors' else 'pt'}"
    if form == "safetensors":
        save_file(state, path)
    elif form == "pickle":
        path.write_bytes(b"cos\nsystem\n(S'touch " + str(folder() / "ran").encode() + b"'\ntR.")
    elif form == "object":
        value = data.draw(st.sampled_from([1, [1], {"a": 1}, {1: state["a.bias"]}, "x", None]))
        torch.save(value, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "pt")
    if form not in ("pickle", "object"):
        path.write_bytes(mutated(data, path.read_bytes(), 1000))
    try:
        found = read_state_dict(path)
    except ValueError as error:
        assert str(path) in str(error)
        return REFUSED
    finally:
        assert not (folder() / "ran").exists()
    assert form not in ("pickle", "object")
    assert all(isinstance(name, str) for name in found)
    assert all(isinstance(tensor, torch.Tensor) for tensor in found.values())
    return LEGAL


KINDS = {
    "audio arrays": Kind(audio_arrays),
    "audio cells": Kind(audio_cells),
    "audio files": Kind(audio_files),
    "parts of files": Kind(parts_of_files),
    "lyrics": Kind(lyrics),
    "word times": Kind(word_times),
    "timed lyrics (LRC)": Kind(lrc),
    "tables": Kind(tables, 0.5),
    "Music4All folders": Kind(music4all, 0.3),
    "JamendoLyrics folders": Kind(jamendo, 0.3),
    "stems": Kind(stems, 0.5),
    "songs, explained and saved": Kind(songs, 0.1),
    "saved local explanations": Kind(saved_local_explanations),
    "saved global explanations": Kind(saved_global_explanations),
}
if has_torch():
    KINDS |= {"weights": Kind(weights), "saved classifiers": Kind(saved_classifiers, 0.03)}
