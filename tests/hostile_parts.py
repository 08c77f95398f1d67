"""Hostile separators, segmenters and regressors of somebody's own, and songs of any size."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import replace

import numpy as np
from hostile import LEGAL, REFUSED, Kind
from hypothesis import strategies as st
from oracle import (
    SAMPLES,
    SHARP,
    Giving,
    assert_linear,
    assert_sound,
    draw_world,
    quiet_is_right,
    refused,
)
from sklearn.base import BaseEstimator
from sklearn.linear_model import BayesianRidge, HuberRegressor, LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.songs import InvalidSongError


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
        proxy=data.draw(st.sampled_from(["auto", None])),
        random_state=0,
    ).fit(X)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", ".*count for nothing")
        explanation = ours.explain(X)[0]
    told = [str(w.message) for w in caught]
    n_pairs, n_weights = explanation.settings["n_samples"] // 2, n_audio + n_lyrics
    if explanation.settings["design"] == "exhaustive":
        assert not told, told
    elif ours.proxy is not None:  # which needs no more masks than components
        assert all("masks decide" in text for text in told), told
    elif n_pairs > 4 * n_weights:
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
    "separators": Kind(separators, 0.5),
    "bad separators": Kind(bad_separators, 0.5),
    "segmenters": Kind(segmenters, 1),
    "regressors": Kind(regressors, 0.6),
    "sizes": Kind(sizes, 0.3),
}
