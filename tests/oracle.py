"""Songs and models whose truth is known, and what must hold of what explains them.

The truth is an oracle: the song's samples say which sources and segments are on, its text which
words, so a model that is linear in the masks can be written down, and must be found.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hostile import REFUSED
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter

SAMPLES = 3
"""Samples of a segment."""
SHARP = Ridge(alpha=1e-9)
"""A surrogate that finds an oracle's coefficients as they are."""


class Levels(BaseEstimator):
    """A separator whose sources are constants 1, 2, 4...: a sample tells which of them it has."""

    def __init__(self, n_sources=1):
        self.n_sources = n_sources

    @property
    def source_names(self):
        return tuple(f"s{i}" for i in range(self.n_sources))

    def separate(self, waveform, sampling_rate):
        return self.source_names, np.stack(
            [np.full_like(waveform, 2**i) for i in range(self.n_sources)]
        )


@dataclass
class World:
    """A song, and what it takes to know which of its components a perturbed one has."""

    n_sources: int
    n_segments: int
    n_words: int
    coefficients: np.ndarray  # (n_labels, n_components)
    base: np.ndarray  # (n_labels,)
    as_frame: bool = True
    as_mapping: bool = False
    calls: list[Any] = field(default_factory=list)

    @property
    def n_labels(self):
        return len(self.base)

    @property
    def n_components(self):
        return self.n_sources * self.n_segments + self.n_words

    def songs(self, n=1):
        waveform = np.full(self.n_segments * SAMPLES, 2.0**self.n_sources - 1, dtype=np.float32)
        text = " ".join(f"w{i}" for i in range(self.n_words))
        cells = np.empty((n, 2), dtype=object)
        for row in range(n):
            own = waveform.copy()
            cells[row, 0] = {"array": own, "sampling_rate": 22050} if self.as_mapping else own
            cells[row, 1] = text
        return pd.DataFrame(cells, columns=["audio", "lyrics"]) if self.as_frame else cells

    def audio_masks(self, column):
        rows = []
        for cell in column:
            y = cell["array"] if isinstance(cell, dict) else cell
            bits = y[::SAMPLES].astype(int)
            rows.append((bits >> np.arange(self.n_sources)[:, np.newaxis]) & 1)
        return np.array(rows).reshape(len(rows), -1)

    def lyric_masks(self, column):
        has = [set(text.split()) for text in column]
        return np.array([[f"w{i}" in words for i in range(self.n_words)] for words in has]).reshape(
            len(has), self.n_words
        )

    def masks(self, X):
        audio, lyrics = np.asarray(X, dtype=object).T
        return np.hstack([self.audio_masks(audio), self.lyric_masks(lyrics)])

    def scores(self, X):
        self.calls.append(len(X))
        return self.masks(X) @ self.coefficients.T + self.base

    def explainer(self, model, **parameters):
        defaults = {
            "separator": Levels(self.n_sources),
            "segmenter": UniformSegmenter(self.n_segments),
            "n_samples": 80,
            "regressor": SHARP,
            "random_state": 0,
            "design": "paired",
        }
        return MusicLimeExplainer(model, **(defaults | parameters))


def draw_world(data, *, n_labels=None, **fixed):
    n_labels = n_labels or data.draw(st.integers(1, 3))
    sizes = {
        "n_sources": data.draw(st.integers(1, 2)),
        "n_segments": data.draw(st.integers(1, 3)),
        "n_words": data.draw(st.integers(0, 4)),
    } | fixed
    n = sizes["n_sources"] * sizes["n_segments"] + sizes["n_words"]
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    return World(
        **sizes,
        coefficients=rng.integers(-8, 9, (n_labels, n)) / 8,
        base=rng.integers(-8, 9, n_labels) / 8,
        as_frame=data.draw(st.booleans()),
        as_mapping=data.draw(st.booleans()),
    )


@contextmanager
def quiet_is_right():
    """No warning, of NumPy's or anybody's, but that all coefficients of a modality are 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*count for nothing")
        yield


def assert_sound(explanation, own_scores=None):
    """What holds of every explanation."""
    e = explanation
    shape = (len(e.labels), len(e.components))
    assert e.weights.shape == e.std_err.shape == shape
    numbers = [e.weights, e.intercept, e.fidelity, e.local_prediction, e.corner_scores]
    is_fair = e.settings["kernel"] != "shapley" or e.settings["design"] == "exhaustive"
    if e.links is None and is_fair and e.settings["n_samples"] >= 8:
        numbers += [e.shares, e.shares_std_err]
    if e.interaction_terms is not None:
        terms = e.interaction_terms
        numbers += [terms.weights, terms.std_err, terms.q_values]
        assert ((terms.q_values >= 0) & (terms.q_values <= 1)).all()
        assert (terms.std_err >= 0).all()
    # Of what a selection drops no error is known.
    is_known = np.isfinite(e.std_err)
    assert is_known.all() or e.settings["feature_selection"] != "none"
    assert all(np.isfinite(values).all() for values in numbers)
    assert (e.std_err[is_known] >= 0).all()
    assert (e.fidelity <= 1 + 1e-12).all()
    assert set(e.labels) <= set(e.prediction)
    if own_scores is not None:
        np.testing.assert_array_equal(list(e.prediction.values()), np.ravel(own_scores))
    e.to_frame(), e.top(3), repr(e)


def assert_linear(explanation, world, labels=None, rtol=1e-5):
    """The oracle's coefficients are found."""
    rows = explanation.labels if labels is None else labels
    for row, label in enumerate(rows):
        c = world.coefficients[label]
        rounding = 1e-15 * np.abs(world.base).max()
        scale = np.abs(world.coefficients).max() + rounding + 1e-300
        np.testing.assert_allclose(explanation.weights[row], c, atol=rtol * scale)
        intercept = explanation.intercept[row]
        np.testing.assert_allclose(intercept, world.base[label], atol=rtol * (scale + 1))


def refused(call, *kinds, match=None, row=None):
    """One error of the kinds, no warning before it."""
    with quiet_is_right(), pytest.raises(kinds or (ValueError, TypeError)) as caught:
        call()
    error = caught.value
    text = "".join([str(error), *getattr(error, "__notes__", ())])
    assert not isinstance(error, Warning), repr(error)
    assert len(str(error)) > 10, repr(error)
    assert match is None or match in text, text
    assert row is None or f"row {row}" in text, text
    return REFUSED


class Towers(BaseEstimator):
    """A factored oracle; what its parts return can be changed."""

    def __init__(self, world=None, audio=None, lyrics=None, head=None):
        self.world = world
        self.audio = audio
        self.lyrics = lyrics
        self.head = head

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y=None):
        return self

    def encode_audio(self, column):
        return self.audio(self.world.audio_masks(column).astype(float))

    def encode_lyrics(self, column):
        return self.lyrics(self.world.lyric_masks(column).astype(float))

    def predict_encoded(self, audio, lyrics):
        parts = [
            b.toarray() if scipy.sparse.issparse(b) else np.asarray(b) for b in (audio, lyrics)
        ]
        n_audio = self.world.n_sources * self.world.n_segments
        audio, lyrics = parts[0][:, :n_audio], parts[1][:, : self.world.n_words]
        masks = np.hstack([audio, lyrics]).astype(float)
        return self.head(masks @ self.world.coefficients.T + self.world.base)

    def predict(self, X):
        audio, lyrics = np.asarray(X, dtype=object).T
        return self.predict_encoded(
            np.array(self.world.audio_masks(audio)), np.array(self.world.lyric_masks(lyrics))
        )


def same(encoded):
    return encoded


class Giving(BaseEstimator):
    """A separator, and segmenter, that returns whatever it is told to."""

    def __init__(self, make=None):
        self.make = make

    def separate(self, waveform, sampling_rate):
        return self.make(waveform)

    segment = separate
