"""Odd texts, numbers, values and bytes, as hypothesis draws them, and how they are refused."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from sklearn_musiclime import InvalidSongError

RATE = 8000
LETTERS = (
    "abcXYZ019_'’-.,!?()<>&\"$\\/ \t\n\r\v\f\x00\x07\x1c\x1d\x1e\x1f\x7f\x85\xa0\xad\u0301\u0308"
    "\u0901\u0939\u093f\u0928\u200b\u200c\u200d\u200e\u2028\u2029\u202e\u2066\u3000\u3042\u30ab"
    "\u611b\uac00\ud800\udc00\udfff\ufe0f\ufeff\ufffd\U0001f469\U0001f3fd\U0001f4bb\U00020000"
)
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
