"""Explanations in other packages: their plots draw them, and values are those of the slow path."""

import sys
from itertools import combinations
from math import comb

import matplotlib
import numpy as np
import pytest
from explaining import explainer
from made_explanations import local

from sklearn_musiclime import GlobalExplanation, UniformSegmenter
from sklearn_musiclime.surrogate import apply_link


def products(X):
    """Two outputs with products of audio and words, of 2 segments and 3 words."""
    loud = np.array([[float(np.square(half).mean()) for half in np.array_split(y, 2)]
                     for y in X[:, 0]]) * 50  # fmt: skip
    words = [set(text.split()) for text in X[:, 1]]
    here, sun = (np.array([float(word in w) for w in words]) for word in ("here", "sun"))
    return np.column_stack([
        loud[:, 0] * (1 + 2 * sun) + here * sun, loud[:, 1] - here + 0.5,
    ])  # fmt: skip


def exhaustive(X, **parameters):
    ours = explainer(
        products, segmenter=UniformSegmenter(2), design="exhaustive", proxy=None, kind="outputs",
        interactions="all", **parameters,
    )  # fmt: skip
    song = X[1:2].copy()
    song[0, 1] = "here comes sun"
    ours.fit(song)
    return ours.explain(song)[0], next(ours.mask_functions(song))


@pytest.fixture
def pyplot():
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.mark.parametrize("link", ["identity", "logit"])
def test_values_add_up(X, link):
    pytest.importorskip("shap")
    model = (lambda X: 1 / (1 + np.exp(-products(X)))) if link == "logit" else products
    ours = explainer(model, link=link, segmenter=UniformSegmenter(2), proxy=None, kind="outputs")
    for explanation in ours.fit(X).explain(X):
        both = explanation.to_shap(explanation.labels)
        assert both.values.shape == (len(explanation.components), 2)
        sums = both.base_values + both.values.sum(axis=0)
        expected = apply_link(link, explanation.local_prediction)
        np.testing.assert_allclose(sums, expected, rtol=1e-9)
        one = explanation.to_shap(explanation.labels[1])
        np.testing.assert_array_equal(one.values, explanation.weights[1])
        assert list(one.feature_names) == list(explanation.components.shown)
        assert explanation.to_shap().values.shape == (len(explanation.components),)


def test_shapley_values_are_those_of_the_definition(X):
    pytest.importorskip("shap")
    explanation, function = exhaustive(X, kernel="shapley")
    n = len(explanation.components)
    expected = [shapley_value(function, n, part) for part in range(n)]
    both = explanation.to_shap(explanation.labels)
    np.testing.assert_allclose(both.values, expected, atol=1e-9)
    nothing, everything = np.zeros((1, n)), np.ones((1, n))
    np.testing.assert_allclose(both.base_values, function(nothing)[0], atol=1e-9)
    total = both.base_values + both.values.sum(axis=0)
    np.testing.assert_allclose(total, function(everything)[0], atol=1e-9)


def subsets(parts):
    return [kept for size in range(len(parts) + 1) for kept in combinations(parts, size)]


def score(function, n, kept):
    mask = np.zeros((1, n), dtype=bool)
    mask[0, list(kept)] = True
    return function(mask)[0]


def shapley_value(function, n, part):
    return sum(
        (score(function, n, (*kept, part)) - score(function, n, kept))
        / (n * comb(n - 1, len(kept)))
        for kept in subsets([i for i in range(n) if i != part])
    )


def shapley_interaction(function, n, i, k):
    return sum(
        difference(function, n, kept, i, k) / ((n - 1) * comb(n - 2, len(kept)))
        for kept in subsets([j for j in range(n) if j not in (i, k)])
    )


def difference(function, n, kept, i, k):
    both, one, other, neither = (
        score(function, n, (*kept, *more)) for more in ((i, k), (i,), (k,), ())
    )
    return both - one - other + neither


def banzhaf_interaction(function, n, i, k):
    others = subsets([j for j in range(n) if j not in (i, k)])
    return sum(difference(function, n, kept, i, k) for kept in others) / len(others)


@pytest.mark.slow
def test_plots_of_shap_draw_a_song(X, pyplot):
    shap = pytest.importorskip("shap")
    explanation, _ = exhaustive(X)
    shap.plots.waterfall(explanation.to_shap(), show=False)
    shown = [text.get_text() for text in pyplot.gca().get_yticklabels()]
    assert any("mix@0" in text for text in shown)
    assert any("sun" in text for text in shown)
    for plot in (shap.plots.waterfall, shap.plots.bar):
        pyplot.figure()
        plot(explanation.to_shap(), show=False)
        assert any(ax.patches for ax in pyplot.gcf().axes)
    pyplot.figure()
    both = explanation.to_shap(explanation.labels)
    shap.plots.bar(both[:, 1], show=False)
    assert any(ax.patches for ax in pyplot.gcf().axes)


@pytest.mark.slow
def test_plots_of_shap_draw_many_songs(X, pyplot):
    shap = pytest.importorskip("shap")
    songs = [
        local(row, {"vocals@0": 0.5 - row / 10, "love": row / 5}, "love la") for row in range(8)
    ]
    overall = GlobalExplanation.from_local(songs, n_segments=2)
    found = overall.to_shap()
    assert found.values.shape == (len(songs), len(overall.components))
    column = [c.name for c in overall.components].index("love")
    np.testing.assert_allclose(found.values[:, column], [row / 5 for row in range(8)])
    assert found.data[:, column].all()
    for plot in (shap.plots.beeswarm, shap.plots.bar):
        pyplot.figure()
        plot(found, show=False)
        shown = [text.get_text() for text in pyplot.gca().get_yticklabels()]
        assert any("love" in text for text in shown)


def test_what_many_songs_lack():
    pytest.importorskip("shap")
    songs = [local(0, {"love": 1.0}, "love"), local(1, {"la": 2.0}, "la", label="rock"),
             local(2, {"la": 0.0}, "la")]  # fmt: skip
    overall = GlobalExplanation.from_local(songs)
    found = overall.to_shap("pop")
    names = list(found.feature_names)
    assert found.data[:, names.index("love")].tolist() == [1, 0]
    assert found.data[:, names.index("la")].tolist() == [0, 1]
    with pytest.raises(ValueError, match="'jazz' was not explained"):
        overall.to_shap("jazz")
    totals = GlobalExplanation.from_totals({"a": {"love": (1.0, 1)}})
    with pytest.raises(ValueError, match="made from totals"):
        totals.to_shap()


@pytest.mark.parametrize(
    ("kernel", "index", "slow"),
    [("shapley", "SII", shapley_interaction), ("exponential", "BII", banzhaf_interaction)],
)
def test_interactions_of_shapiq_are_those_of_the_slow_path(X, kernel, index, slow):
    pytest.importorskip("shapiq", reason="shapiq is not installed")
    width = {} if kernel == "shapley" else {"kernel_width": np.inf}
    explanation, function = exhaustive(X, kernel=kernel, **width)
    n, names = len(explanation.components), explanation.components.names
    for row, label in enumerate(explanation.labels):
        found = explanation.to_interaction_values(label)
        assert found.index == index
        assert found.n_players == n
        assert found[()] == pytest.approx(explanation.intercept[row])
        for i, k in combinations(range(n), 2):
            expected = slow(function, n, i, k)[row]
            assert found[(i, k)] == pytest.approx(expected, abs=1e-9)
            if {names[i], names[k]} == {"mix@0", "sun"}:
                assert abs(expected) > 0.1 or row
        for i in range(n):
            assert found[(i,)] == pytest.approx(explanation.weights[row, i])


def test_shapiq_computes_the_same(X):
    """Its exact computation from the same scores."""
    shapiq = pytest.importorskip("shapiq", reason="shapiq is not installed")
    explanation, function = exhaustive(X, kernel="shapley")
    n = len(explanation.components)
    game = shapiq.ExactComputer(
        game=lambda masks: function(masks)[:, 0], n_players=n
    )  # fmt: skip
    theirs, ours = game("SII", 2), explanation.to_interaction_values()
    for order in (1, 2):
        for players in combinations(range(n), order):
            assert ours[players] == pytest.approx(theirs[players], abs=1e-9)


def test_without_interactions_there_are_values_alone(X):
    pytest.importorskip("shapiq", reason="shapiq is not installed")
    ours = explainer(products, kernel="shapley", interactions=None, kind="outputs").fit(X)
    found = ours.explain(X)[0].to_interaction_values()
    assert (found.index, found.max_order) == ("SV", 1)


@pytest.mark.parametrize("package", ["shap", "shapiq"])
def test_a_package_that_is_missing_is_named(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    explanation = local(0, {"love": 1.0}, "love")
    method = {"shap": explanation.to_shap, "shapiq": explanation.to_interaction_values}[package]
    with pytest.raises(ImportError, match=f"pip install {package}$"):
        method()
