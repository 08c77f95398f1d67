"""Hostile models, separators, segmenters, regressors, settings, masks and sizes.

The truth of most cases is an oracle: the song's samples say which sources and segments are on, its
text which words, so a model that is linear in the masks can be written down, and must be found.
"""

from __future__ import annotations

import itertools
import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from hostile import LEGAL, REFUSED, Kind
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import BayesianRidge, HuberRegressor, Lasso, LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.neighbourhood import Sampling, Side, draw_masks, draw_neighbourhood
from sklearn_musiclime.songs import InvalidSongError
from sklearn_musiclime.surrogate import (
    fit_crossed_surrogate,
    fit_interactions,
    fit_neighbourhood,
    fit_shapley,
    fit_shares,
    fit_surrogate,
    joint_interactions,
    kernel_weights,
    modality_shares,
    shapley_kernel_weights,
)

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
        c, scale = world.coefficients[label], np.abs(world.coefficients).max() + 1e-300
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


# What models return.


def _masked(scores):
    return np.ma.array(scores)


class _Buffer:
    """A model that writes every answer into the same array."""

    def __init__(self):
        self.array = np.zeros((4096, 64))

    def __call__(self, scores):
        view = self.array[: len(scores), : scores.shape[1]]
        view[:] = scores
        return view


def _read_only(scores):
    scores = np.asfortranarray(scores)
    scores.flags.writeable = False
    return scores


LEGAL_FORMS = {
    "array": lambda s: s,
    "list": lambda s: s.tolist(),
    "tuple": lambda s: tuple(map(tuple, s.tolist())),
    "list of rows": list,
    "frame": lambda s: pd.DataFrame(s, columns=[*"abc"][: s.shape[1]], index=[7] * len(s)),
    "nullable frame": lambda s: pd.DataFrame(s).convert_dtypes(),
    "tensor": torch.tensor,
    "tensor with gradient": lambda s: torch.tensor(s, requires_grad=True),
    "bfloat16": lambda s: torch.tensor(s, dtype=torch.bfloat16),
    "sparse": scipy.sparse.csr_array,
    "sparse matrix": scipy.sparse.coo_matrix,
    "float16": lambda s: s.astype(np.float16),
    "float32": lambda s: s.astype(np.float32),
    "long double": lambda s: s.astype(np.longdouble),
    "integers": lambda s: (s * 8).astype(np.int8),
    "objects": lambda s: s.astype(object),
    "fractions": lambda s: np.vectorize(Fraction, otypes=[object])(s),
    "masked without mask": _masked,
    "read only": _read_only,
    "strided": lambda s: np.repeat(s, 2, axis=0)[::2],
}  # fmt: skip


def _broken(value):
    def change(scores, rng):
        scores = scores.copy()
        scores[rng.integers(len(scores)), rng.integers(scores.shape[1])] = value
        return scores

    return change


def _column(value):
    def change(scores, rng):
        scores = scores.copy()
        scores[:, rng.integers(scores.shape[1])] = value
        return scores

    return change


ILLEGAL_FORMS = {
    "NaN": lambda s, rng: np.full_like(s, np.nan),
    "one NaN": _broken(np.nan),
    "one inf": _broken(np.inf),
    "a column of NaN": _column(np.nan),
    "a column of -inf": _column(-np.inf),
    "0-d": lambda s, rng: np.float64(0.5),
    "a number": lambda s, rng: 0.5,
    "3-D": lambda s, rng: s[:, :, np.newaxis],
    "a row too few": lambda s, rng: s[1:],
    "a row too many": lambda s, rng: np.vstack([s, s[:1]]),
    "transposed": lambda s, rng: np.vstack([s, s, s]).T,
    "no columns": lambda s, rng: s[:, :0],
    "empty": lambda s, rng: [],
    "None": lambda s, rng: None,
    "Nones": lambda s, rng: [None] * len(s),
    "a None": lambda s, rng: [[None, *row[1:]] for row in s.tolist()],
    "strings": lambda s, rng: s.astype(str),
    "string objects": lambda s, rng: s.astype(str).astype(object),
    "a string": lambda s, rng: "0.5",
    "bytes": lambda s, rng: b"0.5",
    "complex": lambda s, rng: s.astype(complex),
    "complex tensor": lambda s, rng: torch.tensor(s, dtype=torch.complex64),
    "ragged": lambda s, rng: [[0.5], *([0.5, 0.5] for _ in s)],
    "dict": lambda s, rng: {"scores": s},
    "set": lambda s, rng: {0.5},
    "generator": lambda s, rng: (row for row in s),
    "dates": lambda s, rng: s.astype("datetime64[s]"),
    "records": lambda s, rng: np.zeros(len(s), dtype=[("a", float)]),
    "masked": lambda s, rng: np.ma.masked_less(s, np.inf),
    "nullable": lambda s, rng: pd.array([None] * len(s), dtype="Float64"),
    "too large": lambda s, rng: np.full(s.shape, 10**400, dtype=object),
    "long doubles": lambda s, rng: np.full(s.shape, np.longdouble("1e1000")),
    "a class": lambda s, rng: list,
    "3-D tensor": lambda s, rng: torch.zeros((len(s), 1, 1, 1)),
}  # fmt: skip


def legal_forms(data):
    world = draw_world(data)
    name = data.draw(st.sampled_from([*LEGAL_FORMS, "buffer", "flat", "series", "booleans"]))
    form = _Buffer() if name == "buffer" else LEGAL_FORMS.get(name)
    if name in ("flat", "series", "booleans"):
        world = replace(world, coefficients=world.coefficients[:1], base=world.base[:1])
        form = {"flat": np.ravel, "series": lambda s: pd.Series(s[:, 0], index=[3] * len(s))}.get(
            name
        )
    if name == "booleans":  # the first component alone decides
        world.coefficients[:] = 0
        world.coefficients[:, :1], world.base[:] = 1, 0
        form = lambda s: s[:, 0] > 0.5  # noqa: E731
    X = world.songs()
    batch_size = data.draw(st.sampled_from([1, 7, "auto"]))
    known = [*"abc"][: world.n_labels] if name == "frame" else list(range(world.n_labels))
    label = data.draw(st.sampled_from([None, known, "all", len(known)]))
    with quiet_is_right():
        ours = world.explainer(lambda X: form(world.scores(X)), batch_size=batch_size)
        explanation = ours.fit(X).explain(X, labels=label)[0]
    assert list(explanation.prediction) == known
    factor = 8 if name == "integers" else 1
    world = replace(world, coefficients=world.coefficients * factor, base=world.base * factor)
    assert_sound(explanation, None if name == "bfloat16" else world.scores(X))
    columns = [known.index(label) for label in explanation.labels]
    assert_linear(explanation, world, columns, rtol=0.05 if name == "bfloat16" else 1e-4)
    return LEGAL


def illegal_forms(data):
    """Something that is no array of scores, from the first call, or from some call on."""
    world = draw_world(data)
    form = ILLEGAL_FORMS[data.draw(st.sampled_from(list(ILLEGAL_FORMS)))]
    late = data.draw(st.sampled_from([0, 1, 2, 4]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))

    def model(X):
        scores = world.scores(X)
        return scores if len(world.calls) <= late else form(scores, rng)

    X = world.songs()
    ours = world.explainer(model, batch_size=data.draw(st.sampled_from([2, 9]))).fit(X)
    assert not world.calls
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            explanation = ours.explain(X)[0]
        except (ValueError, TypeError) as error:
            told = str(error), "".join(error.__notes__)
            explanation = None
    if explanation is None:
        assert len(told[0]) > 10
        assert "row 0" in told[1]
        return REFUSED
    assert len(world.calls) <= late  # it was right as long as it was asked
    assert_linear(explanation, world)
    return LEGAL


def changing_columns(data):
    """More or fewer labels in some batch than in the others."""
    world = draw_world(data, n_segments=4, n_words=4)
    change = data.draw(st.sampled_from([-1, 1, 5]))
    world = replace(
        world, coefficients=np.vstack([world.coefficients] * 2), base=np.tile(world.base, 2)
    )
    when = data.draw(st.integers(1, 6))
    tol = data.draw(st.sampled_from([None, 1e-9]))

    def model(X):
        scores = world.scores(X)
        if len(world.calls) - 1 != when:
            return scores
        return scores[:, :change] if change < 0 else np.hstack([scores, scores[:, [0] * change]])

    X = world.songs()
    ours = world.explainer(
        model, batch_size=data.draw(st.sampled_from([9, 1000])) if when < 2 else 9, tol=tol
    )
    labels = data.draw(st.sampled_from([None, [0], [0, 1], 1, "all"]))
    return refused(lambda: ours.fit(X).explain(X, labels), match="label(s)", row=0)


# Estimators.


class Estimator(ClassifierMixin, BaseEstimator):
    def __init__(self, world=None, method="predict_proba", response=None, classes=None):
        self.world = world
        self.method = method
        self.response = response
        self.classes = classes

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y=None):
        return self

    def __getattr__(self, name):
        if name == "classes_" and self.__dict__.get("classes") is not None:
            return self.classes
        if name in ("predict_proba", "decision_function", "predict") and name == self.__dict__.get(
            "method"
        ):
            return lambda X: self.response(self.world.scores(X))
        raise AttributeError(name)


NAMES = {
    "strings": lambda n: np.array([f"class {i}" for i in range(n)]),
    "integers": lambda n: np.arange(n) * 7 - 3,
    "booleans": lambda n: np.array([False, True])[:n],
    "objects": lambda n: np.array([f"c{i}" if i % 2 else i for i in range(n)], dtype=object),
    "floats": lambda n: np.arange(n) + 0.5,
    "list": lambda n: [f"c{i}" for i in range(n)],
}


def classifiers(data):
    kind = data.draw(st.sampled_from(list(NAMES)))
    n = data.draw(st.integers(1, 2 if kind == "booleans" else 4))
    if kind == "strings" and data.draw(st.integers(0, 300)) == 137:
        n = 3000
    world = draw_world(data, n_labels=n)
    classes = NAMES[kind](n)
    method = data.draw(st.sampled_from(["predict_proba", "decision_function", "predict"]))
    if method == "predict":
        X = world.songs()
        response = lambda s: np.asarray(classes)[np.argmax(s, axis=1)]  # noqa: E731
        own = np.eye(n)[np.argmax(world.scores(X)[0])]
    elif method == "decision_function" and n == 2:
        response = lambda s: s[:, 0]  # noqa: E731
        world.coefficients[1], world.base[1] = -world.coefficients[0], -world.base[0]
        world = replace(world, coefficients=-world.coefficients, base=-world.base)
        response = lambda s: s[:, 1]  # noqa: E731
        X = world.songs()
        own = world.scores(X)[0]
    else:  # logits are explained as they are
        response = lambda s: s  # noqa: E731
        X = world.songs()
        own = world.scores(X)[0]
    model = FrozenEstimator(Estimator(world, method, response, classes))
    names = classes if isinstance(classes, list) else classes.tolist()
    # A number alone is a number of labels.
    last = [names[-1]] if type(names[-1]) is int else names[-1]
    asked = data.draw(st.sampled_from([None, last, names[:2], set(names[:1])]))
    with quiet_is_right():
        warnings.filterwarnings("ignore", ".* masks decide")  # of a steep curve they may
        explanation = world.explainer(model).fit(X).explain(X, asked)[0]
    assert_sound(explanation, own)
    assert list(explanation.prediction) == names
    assert [type(label) for label in explanation.prediction] == [type(name) for name in names]
    if asked is None:
        assert explanation.labels == [names[int(np.argmax(own))]]
    else:
        assert explanation.labels == (list(asked) if isinstance(asked, (list, set)) else [asked])
    if method != "predict":
        assert_linear(explanation, world, [names.index(label) for label in explanation.labels])
    return LEGAL


def bad_classifiers(data):
    n = data.draw(st.integers(2, 3))
    world = draw_world(data, n_labels=n)
    classes = NAMES[data.draw(st.sampled_from(["strings", "integers", "objects"]))](n)
    X = world.songs()
    what = data.draw(
        st.sampled_from(
            [
                "stranger",
                "NaN label",
                "number",
                "too many",
                "twice",
                "outputs",
                "no model",
                "label",
                "None",
            ]
        )
    )
    method, response, labels = "predict", lambda s: np.asarray(classes)[np.argmax(s, axis=1)], None
    if what == "stranger":
        response = lambda s: np.array(["nobody"] * len(s))  # noqa: E731
    elif what == "NaN label":
        response = lambda s: np.full(len(s), np.nan)  # noqa: E731
    elif what == "number":
        response = lambda s: 3  # noqa: E731
    elif what == "None":
        response = lambda s: None  # noqa: E731
    elif what == "outputs":
        classes = [np.array(["a", "b"]), np.array([0, 1, 2])]
        response = lambda s: np.array([["a"]] * len(s), dtype=object)  # noqa: E731
    elif what == "too many":
        method, response = "predict_proba", lambda s: np.hstack([s, s])
    elif what == "twice":
        method, response = "predict_proba", lambda s: s
        classes = np.array(["same"] * n)
    elif what == "label":
        labels = data.draw(st.sampled_from(["nobody", [], [classes[0], "nobody"], {}, np.nan]))
    elif what == "no model":
        method = "score"
        ours = world.explainer(FrozenEstimator(Estimator(world, method, response, classes)))
        return refused(lambda: ours.fit(X), TypeError)
    ours = world.explainer(FrozenEstimator(Estimator(world, method, response, classes))).fit(X)
    return refused(lambda: ours.explain(X, labels), row=0)


def several_outputs(data):
    """Multi-output classifiers and regressors."""
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    world = draw_world(data, n_labels=sum(sizes))
    names = [NAMES[data.draw(st.sampled_from(["strings", "integers"]))](n) for n in sizes]
    borders = np.cumsum(sizes)[:-1]
    X = world.songs()
    method = data.draw(st.sampled_from(["predict_proba", "predict"]))
    if method == "predict":  # a regressor
        model = Estimator(world, method, lambda s: s, None)
        expected, explained = list(range(sum(sizes))), list(range(sum(sizes)))
    else:
        model = Estimator(world, method, lambda s: np.split(s, borders, axis=1), names)
        expected = [(k, name) for k, classes in enumerate(names) for name in classes.tolist()]
        parts = np.split(world.scores(X)[0], borders)
        starts = [0, *borders.tolist()]
        explained = [
            start + int(np.argmax(part)) for start, part in zip(starts, parts, strict=True)
        ]
    with quiet_is_right():
        explanation = world.explainer(FrozenEstimator(model)).fit(X).explain(X)[0]
    assert_sound(explanation, world.scores(X))
    assert list(explanation.prediction) == expected
    assert explanation.labels == [expected[column] for column in explained]
    assert_linear(explanation, world, explained)
    return LEGAL


# Factored models.


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


ENCODINGS = {
    "array": same,
    "float32": lambda e: e.astype(np.float32),
    "sparse": scipy.sparse.csr_array,
    "coo": scipy.sparse.coo_matrix,
    "tensor": lambda e: torch.tensor(e),
    "tensor with gradient": lambda e: torch.tensor(e, requires_grad=True),
    "list": lambda e: e.tolist(),
    "frame": lambda e: pd.DataFrame(e, index=[5] * len(e)),
    "booleans": lambda e: e.astype(bool),
    "read only": _read_only,
}


def factored(data):
    world = draw_world(data, n_words=data.draw(st.integers(1, 4)))
    parts = {}
    for half in ("audio", "lyrics"):
        name = data.draw(st.sampled_from([*ENCODINGS, "buffer"]))
        parts[half] = _Buffer() if name == "buffer" else ENCODINGS[name]
    X = world.songs()
    model = FrozenEstimator(Towers(world, head=same, **parts))
    design = data.draw(st.sampled_from(["auto", "crossed", "paired", "independent"]))
    with quiet_is_right():
        ours = world.explainer(
            model, design=design, batch_size=data.draw(st.sampled_from([3, "auto"]))
        )
        explanation = ours.fit(X).explain(X)[0]
    assert explanation.settings["model"] == "factored"
    assert_sound(explanation, world.scores(X))
    assert_linear(explanation, world)
    return LEGAL


BAD_ENCODINGS = {
    "a row too few": lambda e: e[1:],
    "a row too many": lambda e: np.vstack([e, e[:1]]),
    "NaN": lambda e: e * np.nan,
    "a number": lambda e: 1.0,
    "None": lambda e: None,
    "ragged": lambda e: [[1.0], *([1.0, 2.0] for _ in e)],
    "strings": lambda e: "encoded",
    "raises": lambda e: [][1],
    "other columns": lambda e: e if len(e) == 1 else np.hstack([e, e])[:, : len(e) % 2],
    "random": lambda e: e + np.random.default_rng().normal(0, 100, e.shape),
    "of the batch": lambda e: e * len(e),
}


def bad_factored(data):
    """Encodings, or a head, that can't be right."""
    world = draw_world(data, n_segments=3, n_words=4)
    world.coefficients[world.coefficients == 0] = 1.0
    name = data.draw(st.sampled_from(list(BAD_ENCODINGS)))
    where = data.draw(st.sampled_from(["audio", "lyrics"]))
    parts = {"audio": same, "lyrics": same, "head": same} | {where: BAD_ENCODINGS[name]}
    is_head = data.draw(st.integers(0, 3)) == 0
    if is_head:
        form = ILLEGAL_FORMS[
            data.draw(st.sampled_from(["NaN", "3-D", "a row too few", "None", "strings"]))
        ]
        rng = np.random.default_rng(0)
        calls = itertools.count()
        parts = {"audio": same, "lyrics": same}
        parts["head"] = lambda s: s if next(calls) < 1 else form(s, rng)
    X = world.songs()
    ours = world.explainer(FrozenEstimator(Towers(world, **parts)), design="auto")
    if is_head:  # which the whole model has, too
        return refused(lambda: ours.fit(X).explain(X), Exception, row=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explanation = ours.fit(X).explain(X)[0]
    others = ("masks decide", "count for nothing")
    told = [str(w.message) for w in caught]
    told = [text for text in told if not any(other in text for other in others)]
    assert len(told) == 1, told
    assert told[0].startswith("row 0: the model is scored as a black box"), told
    assert explanation.settings["model"].startswith("black box: ")
    assert_sound(explanation, world.scores(X))
    assert_linear(explanation, world)
    return REFUSED


def pipelines(data):
    """A ColumnTransformer of branches whose outputs are all that scikit-learn takes."""
    world = draw_world(data, n_words=data.draw(st.integers(1, 4)), n_labels=1)
    world = replace(world, as_frame=True)
    world.coefficients[0, :2] = 1.0, -1.0
    forms = {name: ENCODINGS[name] for name in ("array", "float32", "sparse", "frame", "read only")}
    forms["NaN"] = BAD_ENCODINGS["NaN"]
    forms["a row too few"] = BAD_ENCODINGS["a row too few"]
    audio, lyrics = (data.draw(st.sampled_from(list(forms))) for _ in range(2))
    is_fit = [False]

    def branch(masks, form):
        def transform(column):
            if isinstance(column, pd.DataFrame):
                column = column.iloc[:, 0]
            encoded = masks(column).astype(float)
            return forms[form](encoded) if is_fit[0] or form in ENCODINGS else encoded

        return FunctionTransformer(transform)

    selection = data.draw(st.sampled_from([("audio", "lyrics"), (["audio"], ["lyrics"])]))
    columns = make_column_transformer(
        (branch(world.audio_masks, audio), selection[0]),
        (branch(world.lyric_masks, lyrics), selection[1]),
        sparse_threshold=data.draw(st.sampled_from([0, 1])),
    )
    steps = [StandardScaler(with_mean=False)] if data.draw(st.booleans()) else []
    rng = np.random.default_rng(0)
    X = pd.concat([world.songs()] * 40, ignore_index=True)
    for row in range(1, len(X)):  # songs that differ, to learn from
        keep = rng.integers(0, 2, world.n_words).astype(bool)
        X.at[row, "lyrics"] = " ".join(f"w{i}" for i in np.flatnonzero(keep))
        y = rng.integers(0, 2**world.n_sources, world.n_segments).astype(np.float32)
        y = np.repeat(y, SAMPLES)
        X.at[row, "audio"] = {"array": y, "sampling_rate": 22050} if world.as_mapping else y
    model = make_pipeline(columns, *steps, Ridge(alpha=1e-10, solver="sparse_cg", tol=1e-13))
    model.fit(X, world.scores(X)[:, 0])
    is_fit[0] = True
    ours = world.explainer(FrozenEstimator(model), design="auto").fit(X)
    if {audio, lyrics} & {"NaN", "a row too few"}:
        return refused(lambda: ours.explain(X[:1]), row=0)
    with quiet_is_right():
        explanation = ours.explain(X[:1])[0]
    assert explanation.settings["model"] == "factored"
    assert_sound(explanation)
    assert math.isclose(explanation.prediction[0], world.scores(X[:1])[0, 0], abs_tol=1e-6)
    assert_linear(explanation, world, rtol=1e-4)
    return LEGAL


# Models that raise.


class WithoutText(Exception):
    def __str__(self):
        raise RuntimeError("no text either")


class OfThreeArguments(Exception):
    def __init__(self, a, b, c):
        super().__init__(a)


ERRORS = {
    "value": lambda: ValueError("no such artist"),
    "key": lambda: KeyError("artist"),
    "index": lambda: IndexError("artist"),
    "stop": lambda: StopIteration("artist"),
    "assertion": lambda: AssertionError(),
    "recursion": lambda: RecursionError("artist"),
    "system": lambda: OSError(28, "No space left on device"),
    "memory": lambda: MemoryError("artist"),
    "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "artist"),
    "warning": lambda: UserWarning("artist"),
    "without text": WithoutText,
    "of three": lambda: OfThreeArguments(1, 2, 3),
    "group": lambda: ExceptionGroup("artists", [ValueError("one"), KeyError("two")]),
}


def chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def raising(data):
    """A model that raises in the middle of one of three songs."""
    world = draw_world(data, n_segments=3, n_words=3)
    world = replace(world, as_frame=True)
    make = ERRORS[data.draw(st.sampled_from(list(ERRORS)))]
    bad, when = data.draw(st.integers(0, 2)), data.draw(st.sampled_from([1, 2, 5]))
    X = world.songs(3).assign(number=range(3))
    n_calls = [0]

    def model(X):
        if X["number"].iloc[0] == bad:
            n_calls[0] += 1
            if n_calls[0] >= when:
                raise make()
        return world.scores(X[["audio", "lyrics"]])

    ours = world.explainer(model, batch_size=20).fit(X)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        try:
            ours.explain(X)
        except Exception as error:
            found = list(chain(error))
            assert any(type(e) is type(make()) for e in found), found
            notes = "\n".join(note for e in found for note in getattr(e, "__notes__", ()))
            assert f"row {bad}" in notes, notes
            assert "batch" in notes or "the song itself" in notes, notes
        else:
            raise AssertionError("an error was swallowed")
        alone = [e for row in range(3) if row != bad for e in ours.explain(X[row : row + 1])]
    n_calls[0] = 0
    as_global = data.draw(st.booleans())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if as_global:
            overall = ours.explain_global(X, on_error="warn", keep_explanations=True)
            together = overall.explanations
            assert overall.failures["row"].tolist() == [bad]
        else:
            together = ours.explain(X, on_error="warn")
    told = [str(w.message) for w in caught if "could not be explained" in str(w.message)]
    assert len(told) == 1, told
    assert f"row {bad}" in told[0], told
    assert [e.row for e in together] == [row for row in range(3) if row != bad]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
    return REFUSED


# Models that change what they are given.


def _change_waveform(cell):
    y = cell["array"] if isinstance(cell, dict) else cell
    y *= 0
    y += 1e6
    if isinstance(cell, dict):
        cell["sampling_rate"] = -1
        cell["array"] = None


def mutating(data):
    """Samples, cells, columns and whole frames are changed, and kept."""
    world = draw_world(data, n_words=data.draw(st.integers(1, 4)))
    how = data.draw(st.sampled_from(["samples", "cells", "columns", "extra", "keep"]))
    modality = data.draw(st.sampled_from(["both", "audio", "lyrics"]))
    kept = []

    def model(X):
        scores = world.scores(X.iloc[:, :2] if world.as_frame else X[:, :2])
        cells = X.to_numpy(dtype=object) if world.as_frame else X
        if how in ("samples", "keep"):
            for cell in cells[:, 0]:
                _change_waveform(cell)
        if how == "cells":
            for row in range(len(X)):
                for column in range(2):
                    if world.as_frame:
                        X.iat[row, column] = None
                    else:
                        X[row, column] = None
        if how == "columns" and world.as_frame:
            for name in list(X):
                del X[name]
        if how == "extra":
            for times in cells[:, 2]:
                times += 1.0
        if how == "keep":
            kept.extend([X, cells])
        return scores

    X = world.songs()
    times = np.arange(2.0 * world.n_words).reshape(-1, 2)
    if world.as_frame:
        X["word_times"] = [times]
    else:
        X = np.hstack([X, np.empty((1, 1), dtype=object)])
        X[0, 2] = times
    before = pickle_of(X)
    own = world.scores(X.iloc[:, :2] if world.as_frame else X[:, :2])
    with quiet_is_right():
        ours = world.explainer(
            model, modality=modality, batch_size=data.draw(st.sampled_from([4, 64]))
        )
        explanation = ours.fit(X).explain(X)[0]
    assert pickle_of(X) == before
    assert_sound(explanation, own)
    n_audio = world.n_sources * world.n_segments
    part = {"both": slice(None), "audio": slice(n_audio), "lyrics": slice(n_audio, None)}[modality]
    rest = world.coefficients.sum(axis=1) - world.coefficients[:, part].sum(axis=1)
    seen = replace(world, coefficients=world.coefficients[:, part], base=world.base + rest)
    assert_linear(explanation, seen)
    if explanation.components.lyrics is not None:
        found = [times for spans in explanation.components.lyrics.span_times for times in spans]
        np.testing.assert_array_equal(found, np.arange(2.0 * world.n_words).reshape(-1, 2))
    return LEGAL


def pickle_of(X):
    cells = X.to_numpy(dtype=object) if isinstance(X, pd.DataFrame) else X
    return repr([[np.asarray(c["array"]).tolist() if isinstance(c, dict) else np.asarray(c).tolist() for c in row] for row in cells])  # fmt: skip # noqa: E501


# Models that answer differently each time.


def random_models(data):
    """One warning says so, and standard errors hold."""
    world = draw_world(data, n_labels=1, n_words=data.draw(st.integers(1, 4)))
    noise = data.draw(st.sampled_from([0.02, 0.1, 1.0]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    X = world.songs()
    kernel = data.draw(st.sampled_from(["exponential", "shapley"]))
    options = {"kernel": kernel, "regressor": None if kernel == "shapley" else SHARP}
    ours = world.explainer(
        lambda X: world.scores(X) + rng.normal(0, noise, (len(X), 1)),
        n_samples=data.draw(st.sampled_from([200, 400])),
        design=data.draw(st.sampled_from(["paired", "independent"])),
        **options,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", ".*count for nothing")
        explanation = ours.fit(X).explain(X)[0]
    scale = abs(world.base + world.coefficients.sum())[0] + 3 * noise
    told = [w for w in caught if "scored the same song" in str(w.message)]
    few = [w for w in caught if "masks decide" in str(w.message)]
    assert len(told) <= 1
    assert len(told) + len(few) == len(caught)
    if not told:  # the two answers happened to be near each other
        assert noise < 1 or rng is not None
        return LEGAL
    assert_sound(explanation)
    if kernel == "exponential":
        # Wide: a false alarm in millions, and small samples of heavy leverage.
        error = np.abs(explanation.weights - world.coefficients)
        assert (error < 8 * explanation.std_err + 1e-9 * scale).all(), (error, explanation.std_err)
        assert (explanation.std_err > 0).all()
    return LEGAL


# Scales and constants.


def scales(data):
    """Scores of any size are explained alike."""
    world = draw_world(data, n_words=data.draw(st.integers(1, 4)))
    exponent = data.draw(st.integers(-1060, 1015))
    factor = 2.0**exponent
    design = data.draw(st.sampled_from(["paired", "independent", "exhaustive"]))
    options = {
        "design": design,
        "n_samples": 60,
        "kernel": data.draw(st.sampled_from(["exponential", "shapley"])),
    }
    options["regressor"] = None if options["kernel"] == "shapley" else SHARP
    pairs = ["auto", None] if options["kernel"] == "shapley" else ["auto", "cross", "all", None]
    options["interactions"] = data.draw(st.sampled_from(pairs))
    X = world.songs()
    labels = list(range(world.n_labels))
    with quiet_is_right():
        usual = world.explainer(lambda X: world.scores(X), **options).fit(X).explain(X, labels)[0]
        ours = world.explainer(lambda X: world.scores(X) * factor, **options).fit(X)
        explanation = ours.explain(X, labels)[0]
    assert_sound(explanation, world.scores(X) * factor)
    lost = 2.0**-1074 * 4  # of what is denormal
    for name in ("weights", "std_err", "intercept", "local_prediction"):
        mine, theirs = getattr(explanation, name), getattr(usual, name)
        np.testing.assert_allclose(mine, theirs * factor, rtol=1e-6, atol=1e-9 * factor + lost)
    if exponent > -1000:
        np.testing.assert_allclose(explanation.fidelity, usual.fidelity, atol=1e-9)
        np.testing.assert_allclose(explanation.shares, usual.shares, atol=1e-6)
        if explanation.interaction_terms is not None:
            found, known = explanation.interaction_terms, usual.interaction_terms
            np.testing.assert_allclose(found.q_values, known.q_values, atol=1e-6)
    return LEGAL


def constants(data):
    """A model that always says the same: nothing speaks for anything, and that is certain."""
    world = draw_world(data)
    value = data.draw(st.sampled_from([0.0, -0.0, 1.0, 0.1, -7.3, 1e-300, -1e300, 5e-324, 1 / 3]))
    world.coefficients[:] = 0
    world.base[:] = value
    X = world.songs()
    is_factored = world.n_words > 0 and data.draw(st.booleans())
    model = lambda X: np.full((len(X), world.n_labels), value)  # noqa: E731
    if is_factored:
        model = FrozenEstimator(Towers(world, same, same, lambda s: np.full(s.shape, value)))
    kernel = data.draw(st.sampled_from(["exponential", "shapley"]))
    plain = {"kernel": kernel, "regressor": None, "design": "auto"}
    if kernel == "exponential":
        plain["regressor"] = data.draw(st.sampled_from([None, SHARP, Lasso(0.1), BayesianRidge()]))
        plain["feature_selection"] = data.draw(
            st.sampled_from(["none", "highest_weights", "forward_selection", "lasso_path"])
        )
        plain["n_features"] = 2
    tol = data.draw(st.sampled_from([None, 0.1]))
    pairs = ["auto", None] if kernel == "shapley" else ["auto", "cross", "all", None]
    interactions = data.draw(st.sampled_from(pairs))
    with quiet_is_right():
        ours = world.explainer(model, tol=tol, interactions=interactions, **plain)
        explanation = ours.fit(X).explain(X)[0]
    assert_sound(explanation)
    assert (np.abs(explanation.weights) <= 1e-12 * abs(value)).all()
    assert (np.nan_to_num(explanation.std_err) <= 1e-12 * abs(value)).all()
    assert (explanation.fidelity == 1).all()
    assert (np.nan_to_num(explanation.shares) == 0).all()
    assert tol is None or explanation.settings["converged"]
    if explanation.interaction_terms is not None:
        assert (explanation.interaction_terms.weights == 0).all()
        assert (explanation.interaction_terms.q_values == 1).all()
    return LEGAL


# Separators, segmenters, regressors of somebody's own.


class Giving(BaseEstimator):
    """A separator, and segmenter, that returns whatever it is told to."""

    def __init__(self, make=None):
        self.make = make

    def separate(self, waveform, sampling_rate):
        return self.make(waveform)

    segment = separate


def separators(data):
    world = draw_world(data, n_sources=1)
    gain = data.draw(st.sampled_from([0.0, 0.5, 1.0, 2.0, -1.0, 1 + 1e-7]))
    names = data.draw(
        st.sampled_from([["a"], ("a", "b"), ["residual"], np.array(["a", "b", "c"]), "solo"])
    )
    n = 1 if isinstance(names, str) else len(names)
    change = data.draw(st.booleans())

    def separate(y):
        sources = [gain * y / n] * n
        if change:
            y *= 0
        return names, data.draw(
            st.sampled_from([np.stack, list, lambda s: np.array(s, np.float64)])
        )(sources)

    X = world.songs()
    heard = []

    def model(X):
        cells = [
            c["array"] if isinstance(c, dict) else c for c in np.asarray(X, dtype=object)[:, 0]
        ]
        heard.extend(y.copy() for y in cells)
        return [float(y.sum()) for y in cells]

    with quiet_is_right():
        explanation = world.explainer(model, separator=Giving(separate)).fit(X).explain(X)[0]
    assert_sound(explanation)
    audio, y = (
        explanation.components.audio,
        np.full(world.n_segments * SAMPLES, 1, dtype=np.float32),
    )
    np.testing.assert_array_equal(audio.mix, y)  # as it was, whatever the separator did to it
    np.testing.assert_array_equal(heard[0], y)
    np.testing.assert_allclose(audio.sources.sum(axis=0), y, atol=1e-6)
    spec = audio.sources.reshape(len(audio.source_names), world.n_segments, SAMPLES).sum(axis=2)
    if abs(gain) > 0:
        np.testing.assert_allclose(explanation.weights[0, : spec.size], spec.ravel(), atol=1e-4)
    return LEGAL


BAD_SOURCES = {
    "None": lambda y: None,
    "no names": lambda y: np.stack([y, y]),
    "nothing": lambda y: ([], np.empty((0, len(y)))),
    "three": lambda y: (["a"], y[np.newaxis], 22050),
    "twice": lambda y: (["a", "a"], np.stack([y, y])),
    "numbers": lambda y: ([1, 2], np.stack([y, y])),
    "None names": lambda y: ([None], y[np.newaxis]),
    "too few": lambda y: (["a"], np.stack([y, y])),
    "too many": lambda y: (["a", "b"], y[np.newaxis]),
    "text": lambda y: ("ab", np.stack([y, y])),
    "short": lambda y: (["a"], y[np.newaxis, 1:]),
    "long": lambda y: (["a"], np.append(y, 0)[np.newaxis]),
    "transposed": lambda y: (["a"], y[:, np.newaxis]),
    "flat": lambda y: (["a"], y),
    "stereo": lambda y: (["a"], np.stack([y, y])[np.newaxis]),
    "NaN": lambda y: (["a"], y[np.newaxis] * np.nan),
    "one inf": lambda y: (["a"], np.where(np.arange(len(y)) == 1, np.inf, y)[np.newaxis]),
    "1e300": lambda y: (["a"], np.full((1, len(y)), 1e300)),
    "loud": lambda y: (["a", "b"], np.full((2, len(y)), -3e38)),
    "complex": lambda y: (["a"], y[np.newaxis].astype(complex)),
    "strings": lambda y: (["a"], y[np.newaxis].astype(str)),
    "objects": lambda y: (["a"], np.array([[None] * len(y)])),
    "ragged": lambda y: (["a", "b"], [y, y[1:]]),
    "dict": lambda y: {"a": y},
    "raises": lambda y: 1 // 0,
}


def bad_separators(data):
    world = draw_world(data, n_sources=1, n_segments=2)
    world = replace(world, n_segments=2)
    name = data.draw(st.sampled_from(list(BAD_SOURCES)))
    X = world.songs()
    ours = world.explainer(world.scores, separator=Giving(BAD_SOURCES[name])).fit(X)
    kind = ZeroDivisionError if name == "raises" else InvalidSongError
    outcome = refused(lambda: ours.explain(X), kind, row=0) if name != "raises" else None
    if name == "raises":
        try:
            ours.explain(X)
        except ZeroDivisionError as error:
            assert "row 0" in "".join(error.__notes__)
            outcome = REFUSED
    assert not world.calls  # long before the model was asked
    return outcome


BORDERS = {
    "list": list,
    "tuple": tuple,
    "array": lambda b: np.array(b, dtype=int),
    "unsigned": lambda b: np.array(b, dtype=np.uint64),
    "short": lambda b: np.array(b, dtype=np.int16),
}
NO_BORDERS = {
    "floats": lambda b: np.array(b, dtype=float),
    "nested": lambda b: np.array([b]),
    "objects": lambda b: np.array([*b, None]),
    "booleans": lambda b: np.array(b).astype(bool),
    "strings": lambda b: [*b, "x"],
    "None": lambda b: None,
    "ragged": lambda b: [[0], [1, 2]],
}


def segmenters(data):
    """Any integers: right ones are taken, all others refused."""
    n = data.draw(st.integers(1, 12))
    borders = data.draw(
        st.one_of(
            st.lists(st.integers(-2, n + 2), max_size=6),
            st.lists(st.integers(1, max(n - 1, 1)), max_size=5, unique=True).map(
                lambda inner: [0, *sorted(i for i in inner if i < n), n]
            ),
        )
    )
    form = data.draw(st.sampled_from([*BORDERS, *NO_BORDERS]))
    if form == "unsigned" and min(borders, default=0) < 0:
        borders = []
    made = BORDERS[form](borders) if form in BORDERS else NO_BORDERS[form](borders)
    right = (
        form in BORDERS
        and len(borders) > 1
        and (borders[0], borders[-1]) == (0, n)
        and all(a < b for a, b in itertools.pairwise(borders))
    )

    def segment(y):
        y *= 0
        return made

    X = np.empty((1, 2), dtype=object)
    X[0] = np.arange(1.0, n + 1), "la"
    model = lambda X: [float(y.sum()) for y in X[:, 0]]  # noqa: E731
    ours = MusicLimeExplainer(
        model,
        separator=None,
        segmenter=Giving(segment),
        n_samples=80,
        regressor=SHARP,
        random_state=0,
    ).fit(X)
    if not right:
        return refused(lambda: ours.explain(X), InvalidSongError, row=0, match="Giving")
    with quiet_is_right():
        explanation = ours.explain(X)[0]
    assert_sound(explanation)
    np.testing.assert_array_equal(explanation.components.audio.borders, borders)
    sums = [X[0, 0][a:b].sum() for a, b in itertools.pairwise(borders)]
    np.testing.assert_allclose(explanation.weights[0, :-1], sums, rtol=1e-5)
    return LEGAL


class OddRegressor(BaseEstimator):
    def __init__(self, kind="scalar"):
        self.kind = kind

    def fit(self, X, y, sample_weight=None):
        p = X.shape[1]
        coefficients = {
            "scalar": 1.0, "one": [1.0], "long": np.ones(p + 1), "transposed": np.ones((p, 2)),
            "NaN": np.full(p, np.nan), "strings": ["a"] * p, "none": None,
            "intercepts": np.ones(p),
        }[self.kind]  # fmt: skip
        if coefficients is not None:
            self.coef_ = coefficients
        self.intercept_ = np.zeros(5) if self.kind == "intercepts" else 0.0
        return self


def regressors(data):
    world = draw_world(data, n_labels=2, n_segments=3, n_words=4)
    X = world.songs()
    regressor = data.draw(
        st.sampled_from(
            [
                Ridge(1e-9),
                LinearRegression(),
                Ridge(1e-9, solver="svd"),
                BayesianRidge(),
                HuberRegressor(alpha=0),
                Ridge(1e-9, fit_intercept=False),
                KNeighborsRegressor(),
                DecisionTreeRegressor(),
                "ridge",
                3,
                Ridge,
                make_pipeline(Ridge()),
                *map(
                    OddRegressor,
                    ["scalar", "one", "long", "transposed", "NaN", "strings", "none", "intercepts"],
                ),
            ]
        )
    )
    selection = data.draw(st.sampled_from(["none", "forward_selection"]))
    labels = data.draw(st.sampled_from([[0], [0, 1]]))
    options = {"feature_selection": selection, "n_features": world.n_components}
    ours = world.explainer(world.scores, regressor=regressor, **options)
    early = (KNeighborsRegressor, str, int, type, type(make_pipeline(Ridge())))
    if isinstance(regressor, early):
        outcome = refused(lambda: ours.fit(X), match="regressor")
        assert not world.calls
        return outcome
    if isinstance(regressor, (OddRegressor, DecisionTreeRegressor)):
        return refused(lambda: ours.fit(X).explain(X, labels), row=0)
    with quiet_is_right():
        warnings.filterwarnings("ignore", ".* masks decide")  # on what a penalty leaves they may
        explanation = ours.fit(X).explain(X, labels)[0]
    assert_sound(explanation, world.scores(X))
    if regressor.get_params().get("fit_intercept", True):
        assert_linear(explanation, world, rtol=1e-3)
    return LEGAL


# Settings.

ILLEGAL_SETTINGS = {
    "separator": ["hpss", 3, len, Levels],
    "segmenter": [None, "uniform", 10, UniformSegmenter],
    "lyric_units": ["letters", None, 3, ["words"]],
    "mask_token": [3, b"[MASK]", ["[MASK]"]],
    "modality": ["video", None, "Audio", 1],
    "design": ["fair", None, 2, "Paired"],
    "n_samples": [1, 0, -5, 2.5, "100", None, (100,), (1, 5), (5, 5, 5), np.nan, True, [], 8.0],
    "kernel": ["linear", None, abs, 1],
    "kernel_width": [0, -1, np.nan, "wide", None, -np.inf, [0.25]],
    "regressor": ["ridge", 3, Ridge, KNeighborsRegressor(), len],
    "feature_selection": ["best", None, 1, "lasso_path"],
    "n_features": [0, -1, 2.5, "all", np.inf],
    "interactions": ["some", True, 2, "both"],
    "linked": ["yes", None, 2],
    "tol": [0, -0.1, np.nan, "small", [0.1]],
    "max_samples": [0, -1, None, 2.5, "many", np.inf],
    "sampling_rate": [0, -1, "44.1 kHz", np.nan, [22050]],
    "output_names": ["valence", 3, ["a", "a"]],
    "kind": ["regression", 2, ["classes"]],
    "audio_column": [[], {}, ["audio"]],
    "batch_size": [0, -1, 2.5, "all", None, np.inf],
    "memory": [3, 2.5, ["cache"]],
    "n_jobs": ["all", 2.5, [1]],
    "random_state": [-1, "seed", 2.5, np.random.default_rng(0), [1]],
    "verbose": ["loud", -1, None],
}  # fmt: skip


def illegal_settings(data):
    """One error that names the parameter, in fit, before the model is asked."""
    world = draw_world(data)
    name = data.draw(st.sampled_from(list(ILLEGAL_SETTINGS)))
    value = data.draw(st.sampled_from(ILLEGAL_SETTINGS[name]))
    X = world.songs()
    ours = world.explainer(world.scores, **{name: value})
    match = "n_features" if isinstance(value, str) and value == "lasso_path" else name
    outcome = refused(lambda: ours.fit(X), match=match)
    # Nor after a fit with other parameters.
    ours = world.explainer(world.scores).fit(X).set_params(**{name: value})
    refused(lambda: ours.explain(X), match=match)
    assert not world.calls
    return outcome


def legal_settings(data):
    """Every combination is explained, or refused before the model is asked for much."""
    draw = lambda *values: data.draw(st.sampled_from(values))  # noqa: E731
    world = draw_world(data)
    X = world.songs()
    anything = data.draw(st.integers(0, 5)) == 5  # also what does not go together
    is_factored = world.n_words > 0 and draw(True, False)
    options = {
        "kernel": draw("exponential", "shapley"),
        "kernel_width": draw(0.25, 1, 25.0, np.inf),
        "lyric_units": draw("words", "word_positions", "lines", "sections"),
        "mask_token": draw(None, "", "[MASK]"),
        "interactions": draw("auto", "cross", "all", None),
        "linked": draw(False, False, False, True),
        "n_features": draw(1, 2, 50),
        "tol": draw(None, None, 0.5),
        "max_samples": draw(100, 200),
        "batch_size": draw(1, 16, "auto"),
    }
    is_shapley = options["kernel"] == "shapley"
    apart = is_factored and not is_shapley and not options["linked"]
    options["design"] = draw("auto", "paired", "independent", "exhaustive")
    if anything or (apart and draw(True, False)):
        options["design"] = "crossed"
    selections = ["none", "none", "highest_weights", "forward_selection", "lasso_path"]
    options["modality"] = draw(*["both"] * 3, *["audio", "lyrics"][: 2 * (not options["linked"])])
    options["feature_selection"] = draw(*selections[: None if anything or not is_shapley else 2])
    options["regressor"] = draw(None, *[SHARP] * (anything or not is_shapley))
    pairs = [(10, 20), [8, 6]] if anything or options["design"] == "crossed" else []
    options["n_samples"] = draw(2, 3, 20, 81, 81, *pairs)
    if options["linked"]:  # what it needs
        times = np.linspace(0, world.n_segments * SAMPLES / 22050, 2 * world.n_words).reshape(-1, 2)
        X = X if world.as_frame else pd.DataFrame(X, columns=["audio", "lyrics"])
        X["word_times"] = [times.tolist()]
        options["separator"] = Giving(lambda y: (["vocals"], y[np.newaxis]))
        world = replace(world, as_frame=True, n_sources=1, coefficients=world.coefficients * 0)
    model = world.scores
    if options["linked"]:
        model = lambda X: np.ones((len(X), 2))  # noqa: E731
    elif is_factored:
        model = FrozenEstimator(Towers(world, same, same, same))
    ours = world.explainer(model, **options)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            explanation = ours.fit(X).explain(X)[0]
    except ValueError as error:
        text = str(error)
        reasons = (
            "design='crossed'", "neither a regressor", "linked=True", "n_samples", "max_samples",
            "black box", "takes at most 20", "Shapley values need", "need all masks",
        )  # fmt: skip
        assert any(reason in text for reason in reasons), text
        assert sum(world.calls) <= 10
        return REFUSED
    told = {str(w.message) for w in caught}
    assert len(told) == len(caught), told
    reasons = ("too few masks", "not tol=", "masks decide", "count for nothing", "no score")
    assert all(any(reason in text for reason in reasons) for text in told), told
    assert_sound(explanation)
    own = model(X) if callable(model) else model.predict(X)
    np.testing.assert_allclose(list(explanation.prediction.values()), np.ravel(own))
    if options["linked"]:
        return LEGAL
    if options["lyric_units"] not in ("words", "word_positions"):
        return LEGAL
    n_audio = world.n_sources * world.n_segments
    part = {"both": slice(None), "audio": slice(n_audio), "lyrics": slice(n_audio, None)}
    known = world.coefficients[explanation.labels][:, part[options["modality"]]]
    enough = (
        explanation.settings["design"] == "exhaustive" or explanation.settings["n_samples"] >= 80
    )
    if is_shapley:  # they add up to how far the song is above its silence, however few the masks
        np.testing.assert_allclose(explanation.weights.sum(axis=1), known.sum(axis=1), atol=1e-8)
    is_plain = options["feature_selection"] == "none" and options["regressor"] is SHARP
    if enough and (is_shapley or is_plain):
        np.testing.assert_allclose(explanation.weights, known, atol=1e-5)
    return LEGAL


# Masks.


def draw_hostile_masks(data):
    n, p = data.draw(st.integers(1, 12)), data.draw(st.integers(0, 14))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    masks = rng.integers(0, 2, (n, p)).astype(bool)
    for _ in range(data.draw(st.integers(0, 3))):
        how = data.draw(
            st.sampled_from(["zeros", "ones", "column on", "column off", "twin", "rows", "one"])
        )
        i, j = rng.integers(n), rng.integers(max(p, 1))
        if how == "zeros":
            masks[i] = False
        elif how == "ones":
            masks[i] = True
        elif how == "column on":
            masks[:, j : j + 1] = True
        elif how == "column off":
            masks[:, j : j + 1] = False
        elif how == "twin":
            masks[:, j : j + 1] = masks[:, :1]
        elif how == "rows":
            masks[:] = masks[i]
        elif how == "one":
            masks = masks[:, :1]
    return masks, rng


def surrogates(data):
    """Masks of any kind: weights, intercept and errors by the textbook's formulas."""
    masks, rng = draw_hostile_masks(data)
    n, p = masks.shape
    scores = rng.normal(0, 1, (n, data.draw(st.integers(1, 3))))
    width = data.draw(st.sampled_from([0.25, 1.0, np.inf]))
    given = data.draw(st.sampled_from([None, "random", "some zero"]))
    weight = kernel_weights(masks, width)
    sample_weight = None
    if given is not None:
        sample_weight = rng.random(n) + 0.1
        if given == "some zero":
            sample_weight[rng.random(n) < 0.5] = 0
            sample_weight[rng.integers(n)] = 1.0
        weight = weight * sample_weight
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "kernel_width=")
        given = {"kernel_width": width, "sample_weight": sample_weight}
        ours = fit_surrogate(masks, scores, regressor=Ridge(alpha=1.0), **given)
        least = fit_surrogate(masks, scores, **given)
        clusters = np.arange(n) // data.draw(st.integers(2, 3))
        sampling = Sampling((Side(slice(None), clusters),), np.ones(n))
        together = fit_surrogate(masks, scores, sampling=sampling, **given)
    for found in (ours, least, together):
        numbers = (found.weights, found.intercept, found.std_err, found.score, found.fidelity)
        assert all(np.isfinite(v).all() for v in numbers)
    if least.is_sufficient:  # nothing that masks can tell is left
        left = scores - least.intercept - masks @ least.weights.T
        columns = np.column_stack([np.ones(n), masks])
        np.testing.assert_allclose(columns.T @ (weight[:, np.newaxis] * left), 0, atol=1e-8)
        assert (least.penalty == 0).all()
    else:
        assert (least.dof < 1).all()
    # The intercept is not penalised; weights are.
    X = np.column_stack([np.ones(n), masks])
    penalty = np.diag([0.0] + [1.0] * p)
    solution = np.linalg.solve((X.T * weight) @ X + penalty, X.T @ (weight[:, np.newaxis] * scores))
    np.testing.assert_allclose(ours.weights, solution[1:].T, atol=1e-8)
    np.testing.assert_allclose(ours.intercept, solution[0], atol=1e-8)
    centred = masks - np.average(masks, axis=0, weights=weight)
    inverse = np.linalg.inv((centred.T * weight) @ centred + np.eye(p))
    hat = X @ np.linalg.inv((X.T * weight) @ X + penalty)  # the intercept takes leverage as well
    residual = scores - X @ solution
    # What is left of errors of variance 1.
    left = np.square(np.eye(n) - hat @ X.T * weight).sum(axis=1)
    for label in range(scores.shape[1]):
        variance = np.zeros(p)
        for row in range(n):
            added = inverse @ (centred[row] * (weight[row] * residual[row, label]))
            variance += np.square(added) / max(left[row], 0.01)
        np.testing.assert_allclose(ours.std_err[label], np.sqrt(variance), atol=1e-8)
    return LEGAL


def crossed_surrogates(data):
    """Halves of any kind, fewer masks than words among them: as if written out."""
    halves = []
    for _ in range(2):
        masks, rng = draw_hostile_masks(data)
        halves.append(np.vstack([np.ones_like(masks[:1]), masks]))
    pairs = np.argwhere(rng.random((len(halves[0]), len(halves[1]))) < 0.7)
    pairs = np.unique(np.vstack([[0, 0], pairs]), axis=0)
    scores = rng.normal(0, 1, (len(pairs), 2))
    masks = np.hstack([halves[0][pairs[:, 0]], halves[1][pairs[:, 1]]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "kernel_width=")
        ours = fit_crossed_surrogate(*halves, pairs, scores)
        known = fit_surrogate(masks, scores)
    if ours.is_sufficient and known.is_sufficient:
        for name in ("weights", "intercept", "score", "local_prediction"):
            np.testing.assert_allclose(getattr(ours, name), getattr(known, name), atol=1e-7)
    assert np.isfinite(ours.std_err).all()
    assert (ours.std_err >= 0).all()
    assert np.isfinite(ours.fidelity).all()
    # Components that are no mask's make the bases: the errors of the others stay what they are.
    more = data.draw(st.integers(1, 40))
    wide = np.hstack([halves[1], np.zeros((len(halves[1]), more), dtype=bool)])
    n_kept = masks.sum(axis=1)
    if (n_kept == masks.shape[1]).all() or masks.shape[1] == 0:
        return LEGAL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        padded = fit_crossed_surrogate(halves[0], wide, pairs, scores, kernel_width=np.inf)
        bare = fit_crossed_surrogate(*halves, pairs, scores, kernel_width=np.inf)
    p = masks.shape[1]
    np.testing.assert_allclose(padded.weights[:, p:], 0, atol=1e-10)
    np.testing.assert_allclose(padded.std_err[:, p:], 0, atol=1e-10)
    if padded.is_sufficient and bare.is_sufficient:
        np.testing.assert_allclose(padded.weights[:, :p], bare.weights, atol=1e-8)
        np.testing.assert_allclose(padded.std_err[:, :p], bare.std_err, atol=1e-7)
    return LEGAL


def bad_masks(data):
    """Masks, scores and weights that are none."""
    good = {"masks": np.eye(4), "predictions": np.arange(4.0)}
    name, value = data.draw(
        st.sampled_from(
            [
                ("masks", np.eye(3)),
                ("masks", np.ones(4)),
                ("masks", np.ones((4, 2, 2))),
                ("masks", np.full((4, 2), 0.5)),
                ("masks", np.full((4, 2), np.nan)),
                ("masks", np.full((4, 2), -1)),
                ("masks", np.full((4, 2), 2)),
                ("masks", [["a"]] * 4),
                ("masks", np.empty((0, 4))),
                ("masks", None),
                ("masks", [[0], [0, 1], [1], [1]]),
                ("predictions", np.zeros(3)),
                ("predictions", np.full(4, np.nan)),
                ("predictions", np.array([0, 1, np.inf, 2])),
                ("predictions", np.zeros((4, 2, 2))),
                ("predictions", ["a"] * 4),
                ("predictions", None),
                ("predictions", 1.0),
                ("sample_weight", np.zeros(4)),
                ("sample_weight", -np.ones(4)),
                ("sample_weight", np.full(4, np.nan)),
                ("sample_weight", np.ones(3)),
                ("sample_weight", 1.0),
                ("sample_weight", np.array([1, 1, 1, np.inf])),
                ("kernel_width", 0),
                ("kernel_width", np.nan),
                ("kernel_width", -1),
                ("feature_selection", "best"),
                ("n_features", 0),
                ("regressor", KNeighborsRegressor()),
            ]
        )
    )
    arguments = good | {name: value}
    if name == "n_features":
        arguments["feature_selection"] = "highest_weights"
    refused(lambda: fit_surrogate(**arguments))
    if name in ("masks", "predictions", "sample_weight"):
        masks, scores = arguments.pop("masks"), arguments.pop("predictions")
        if name != "masks":
            masks = np.tri(4, 3, -1)
        refused(lambda: fit_shapley(masks, scores, **arguments))
    return REFUSED


def designs(data):
    """Designs of any size are what they say, and the impossible is refused."""
    design = data.draw(st.sampled_from(["independent", "paired", "exhaustive", "crossed"]))
    n_audio, n_lyrics = data.draw(st.integers(0, 25)), data.draw(st.integers(0, 25))
    n_samples = data.draw(
        st.one_of(st.integers(-2, 60), st.sampled_from([(4, 9), 2.5, "9", None, (1, 2)]))
    )
    kernel = data.draw(st.sampled_from(["exponential", "shapley"]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    draw = lambda: draw_neighbourhood(  # noqa: E731
        design, n_audio, n_lyrics, n_samples, rng, kernel=kernel, with_grid=True, with_shares=True
    )
    numbers = n_samples if isinstance(n_samples, tuple) else (n_samples,)
    whole = all(isinstance(n, int) and n >= 2 for n in numbers)
    right = whole and (len(numbers) == 1 or design == "crossed")
    n_all = n_audio + n_lyrics
    if right and design == "exhaustive" and n_all > 20:
        right = False
    if right and design == "exhaustive" and n_all > 14:
        return LEGAL  # right, and slow
    if not right:
        return refused(draw)
    with quiet_is_right():
        drawn = draw()
    masks = drawn.masks
    assert masks.shape == (len(drawn), n_all)
    assert masks[0].all()
    assert masks.dtype == bool
    if drawn.design != "crossed":
        refused(lambda: draw_masks("crossed", n_all, 9, rng))
        refused(lambda: draw_masks("paired", -1, 9, rng))
        refused(lambda: draw_masks("paired", 2, 9, rng, kernel="fair"))
    if drawn.is_exhaustive:
        assert len(np.unique(masks, axis=0)) == 2**n_all == len(masks)
    scores = rng.normal(0, 1, (len(drawn.all_pairs), 2))
    answers = drawn.split(scores)
    scores, grid = answers.pairs, answers.grid
    if kernel == "shapley" and design == "crossed":
        kernel = "exponential"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "kernel_width=")
        if kernel == "shapley" and len(drawn) <= 2 and n_all > 1:
            return refused(lambda: fit_neighbourhood(drawn, scores, kernel=kernel))
        surrogate = fit_neighbourhood(drawn, scores, kernel=kernel)
        which = data.draw(st.sampled_from(["cross", "all"]))
        shares = fit_shares(drawn, answers)
        if kernel == "shapley" and drawn.design != "exhaustive":
            assert (
                np.isnan(shares.values).all() or drawn.is_exhaustive or not (n_audio and n_lyrics)
            )
            return refused(
                lambda: fit_interactions(drawn, scores, surrogate, grid, which=which, kernel=kernel)
            )
        found = fit_interactions(drawn, scores, surrogate, grid, which=which, kernel=kernel)
        if grid is not None:
            found_shares = modality_shares(grid)
            assert np.isfinite(found_shares.values).all()
            assert np.isfinite(found_shares.std_err).all()
    for values in (
        surrogate.weights,
        surrogate.std_err,
        found.weights,
        found.std_err,
        found.q_values,
    ):
        assert np.isfinite(values).all()
    assert (found.pairs[:, 0] < found.pairs[:, 1]).all()
    assert len(found.pairs) == (n_all * (n_all - 1) // 2 if which == "all" else n_audio * n_lyrics)
    return LEGAL


def shapley_values(data):
    """Against the definition, subset by subset."""
    p = data.draw(st.integers(0, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    masks = draw_masks("exhaustive", p, 2, rng)[rng.permutation(2**p)]
    scores = rng.normal(0, 1, 2**p) * 10.0 ** data.draw(st.integers(-9, 9))
    value = dict(zip(map(tuple, masks.tolist()), scores, strict=True))
    known = np.zeros(p)
    for j in range(p):
        for mask, score in value.items():
            if mask[j]:
                s = sum(mask) - 1
                chance = math.factorial(s) * math.factorial(p - s - 1) / math.factorial(p)
                without = (*mask[:j], False, *mask[j + 1 :])
                known[j] += chance * (score - value[without])
    with quiet_is_right():
        found = fit_shapley(
            masks, scores[:, np.newaxis], sample_weight=shapley_kernel_weights(masks)
        ) if p > 1 else fit_shapley(masks, scores[:, np.newaxis])  # fmt: skip
    np.testing.assert_allclose(found.weights[0], known, atol=1e-9 * np.abs(scores).max())
    return LEGAL


def hostile_interactions(data):
    """Duplicate and constant columns, few rows, constant scores."""
    masks, rng = draw_hostile_masks(data)
    masks = np.stack([masks, ~masks], axis=1).reshape(2 * len(masks), masks.shape[1])
    n, p = masks.shape
    scores = rng.normal(0, 1, (n, 2)) * data.draw(st.sampled_from([0.0, 1.0, 1e-9]))
    pairs = np.stack(np.triu_indices(p, 1), axis=1)
    pairs = pairs[rng.random(len(pairs)) < 0.7]
    with quiet_is_right():
        found = joint_interactions(
            masks, scores, pairs, design=data.draw(st.sampled_from(["paired", "independent"]))
        )
    assert found.weights.shape == (2, len(pairs))
    for values in (found.weights, found.std_err, found.q_values):
        assert np.isfinite(values).all()
    if not scores.any():
        assert (found.weights == 0).all()
        assert (found.q_values == 1).all()
    return LEGAL


# Sizes.


def sizes(data):
    """From one sample and no word to many of everything."""
    one_in_many = data.draw(st.integers(0, 400)) == 137
    most = 3000 if one_in_many else 60
    n_words = data.draw(st.sampled_from([0, 1, 2, 40, most]))
    repeats = data.draw(st.sampled_from([1, 1, 5]))
    n_samples_audio = data.draw(st.sampled_from([1, 2, 3, 500, 5000]))
    n_segments = data.draw(st.sampled_from([1, 2, 10, 200]))
    n_sources = data.draw(st.sampled_from([None, 1, 5, 120 if one_in_many else 20]))
    units = data.draw(st.sampled_from(["words", "word_positions", "lines"]))
    words = [f"w{i}" for i in range(n_words)] * repeats
    X = np.empty((1, 2), dtype=object)
    X[0] = np.full(n_samples_audio, 0.5, dtype=np.float32), "\n".join(words)
    separator = None
    if n_sources is not None:
        names = [f"s{i}" for i in range(n_sources)]
        separator = Giving(lambda y: (names, np.stack([y / n_sources] * n_sources)))
    n_audio = (n_sources or 1) * min(n_segments, n_samples_audio)
    n_lyrics = n_words if units == "words" else len(words)

    def model(X):
        power = [float(y.astype(np.float64).sum()) / n_samples_audio for y in X[:, 0]]
        return np.array(power) + [0.01 * len(text.split()) for text in X[:, 1]]

    ours = MusicLimeExplainer(
        model,
        separator=separator,
        segmenter=UniformSegmenter(n_segments),
        lyric_units=units,
        n_samples=data.draw(st.sampled_from([40, 200])),
        kernel_width=data.draw(st.sampled_from([0.25, np.inf])),
        kernel=data.draw(st.sampled_from(["exponential", "shapley"])),
        random_state=0,
    ).fit(X)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", ".*count for nothing")
        explanation = ours.explain(X)[0]
    told = [str(w.message) for w in caught]
    n_pairs, n_weights = explanation.settings["n_samples"] // 2, n_audio + n_lyrics
    if explanation.settings["design"] == "exhaustive" or n_pairs > 4 * n_weights:
        assert not told, told
    elif n_pairs < 1.5 * n_weights:
        assert len(told) == 1, told
        assert "too few masks" in told[0]
    assert_sound(explanation, model(X))
    assert (explanation.components.n_audio, explanation.components.n_lyrics) == (n_audio, n_lyrics)
    if explanation.settings["kernel"] == "shapley":  # what it adds up to needs no samples
        above_silence = model(X)[0]
        np.testing.assert_allclose(explanation.weights.sum(), above_silence, rtol=1e-4)
    return LEGAL


KINDS = {
    "model: legal forms": Kind(legal_forms, 1.2),
    "model: illegal forms": Kind(illegal_forms, 1.6),
    "model: changing columns": Kind(changing_columns, 0.5),
    "model: classifiers": Kind(classifiers, 0.8),
    "model: bad classifiers": Kind(bad_classifiers, 0.8),
    "model: several outputs": Kind(several_outputs, 0.4),
    "model: factored": Kind(factored, 0.8),
    "model: bad factored": Kind(bad_factored, 0.8),
    "model: pipelines": Kind(pipelines, 0.4),
    "model: raising": Kind(raising, 0.15),
    "model: mutating": Kind(mutating, 0.6),
    "model: random": Kind(random_models, 0.4),
    "model: scales": Kind(scales, 0.6),
    "model: constant": Kind(constants, 0.6),
    "separators": Kind(separators, 0.5),
    "bad separators": Kind(bad_separators, 0.5),
    "segmenters": Kind(segmenters, 1),
    "regressors": Kind(regressors, 0.6),
    "settings: illegal": Kind(illegal_settings, 1.2),
    "settings: legal": Kind(legal_settings, 1.2),
    "masks: surrogate": Kind(surrogates, 1),
    "masks: crossed surrogate": Kind(crossed_surrogates, 0.6),
    "masks: bad": Kind(bad_masks, 1),
    "masks: designs": Kind(designs, 1),
    "masks: Shapley values": Kind(shapley_values, 0.6),
    "masks: interactions": Kind(hostile_interactions, 0.8),
    "sizes": Kind(sizes, 0.3),
}
