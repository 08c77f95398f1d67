"""Hostile sounds: arrays, cells, files and parts of files."""

from __future__ import annotations

import io
import math
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import soundfile
from hostile import LEGAL, REFUSED, Kind
from hypothesis import strategies as st
from odd import ODD, RATE, TEXT, folder, mutated, random, refusal
from test_sound_files import FORMATS

from sklearn_musiclime import InvalidSongError
from sklearn_musiclime.songs import MAX_CHANNELS, MAX_RATE, MIN_RATE, read_audio

DTYPES = [
    *("f2", "f4", "f8", ">f4", ">f8", "g", "u1", "i2", ">i2", "i4"),
    *("i1", "u2", "u4", "i8", "c8", "?", "O", "M8[s]", "m8[s]", "U3", "S3", "V4"),
]


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
        decoded = SimpleNamespace(data=array[np.newaxis], sample_rate=rate)
        cell = data.draw(
            st.sampled_from([
                {"array": array, "sampling_rate": rate}, {"waveform": array, "sample_rate": rate},
                (array, rate), [array, rate], SimpleNamespace(get_all_samples=lambda: decoded),
            ]),
            label="cell",
        )  # fmt: skip
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
    for kind in ("m4a, aac", "m4a, alac", "mka, aac", "webm, opus", "wma", "aac, adts"):
        FORMATS[kind][0](folder() / "made", sound[:, 0].astype(np.float32))
        made[kind] = (folder() / "made").read_bytes()
    made["joined mp3"] = made["mp3"] * 2
    return made


def audio_files(data: st.DataObject) -> str:
    """Sound files that are broken somewhere: samples that are numbers, or refused."""
    name = data.draw(st.sampled_from(sorted(sound_files())), label="format")
    ending = data.draw(st.sampled_from([name, name, "wav", "mp3", "raw", "txt", "flac"]))
    path = folder() / f"song.{ending}"
    content = mutated(data, sound_files()[name])
    path.write_bytes(content)
    as_bytes = {"bytes": content, "path": data.draw(st.sampled_from([None, "gone.wav", str(path)]))}
    try:
        found = read_audio(data.draw(st.sampled_from([path, as_bytes])), RATE, row=2)
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


KINDS = {
    "audio arrays": Kind(audio_arrays),
    "audio cells": Kind(audio_cells),
    "audio files": Kind(audio_files),
    "parts of files": Kind(parts_of_files),
}
