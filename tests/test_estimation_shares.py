"""Shares, interactions and Shapley values against an enumeration or a closed form."""

from itertools import combinations

import numpy as np
import pytest
from populations import all_masks, ask, draw, sigmoid, sobol, words

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.neighbourhood import draw_masks
from sklearn_musiclime.surrogate import (
    crossed_interactions,
    fit_interactions,
    fit_neighbourhood,
    fit_shares,
    joint_interactions,
    margin,
    modality_shares,
    share_bounds,
)

# Shares.


def shares_of(drawn, model):
    answers = ask(drawn, model)
    surrogate = fit_neighbourhood(drawn, answers.pairs)
    found = fit_interactions(
        drawn, answers.pairs, surrogate, answers.grid, which="cross", kernel="exponential"
    )
    return fit_shares(drawn, answers, found)


@pytest.mark.parametrize("design", ["crossed", "paired", "independent", "exhaustive"])
@pytest.mark.parametrize(
    ("model", "sizes", "expected"),
    [
        (lambda x: x[:, 0] * x[:, 1], (1, 1), [1 / 3, 1 / 3, 1 / 3]),
        (lambda x: x[:, 0] + x[:, 1], (1, 1), [1 / 2, 1 / 2, 0]),
        (lambda x: x[:, 0] + x[:, 10], (10, 1), [1 / 2, 1 / 2, 0]),
        (lambda x: 2 * x[:, 3] + x[:, 11], (10, 2), [4 / 5, 1 / 5, 0]),
        (lambda x: x[:, 0] * x[:, 11], (10, 2), [1 / 3, 1 / 3, 1 / 3]),
    ],
)
def test_shares_of_enumerated_sides(model, sizes, expected, design):
    """Whatever is enumerated and whatever is drawn, and however the model is run."""
    drawn = draw(design, *sizes, 2000)
    shares = shares_of(drawn, model)
    sure = margin(shares.std_err, shares.dof[:, np.newaxis])[0]
    assert (np.abs(shares.values[0] - expected) <= 1.5 * sure + 1e-9).all()
    assert sure.max() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("design", ["crossed", "paired", "independent"])
@pytest.mark.parametrize("n_samples", [200, 1000])
def test_shares_are_sobols_in_every_design(n_samples, design):
    """A logistic model of both modalities, of an interaction of 0.07."""

    def model(x):
        return sigmoid(3 * x[:, 0] + 2 * x[:, 1] + 5 * x[:, 8] * x[:, 9] - x[:, 10] - 5)

    expected = sobol(model, 8, 6)
    assert expected[2] > 0.05
    held = []
    for seed in range(40):
        drawn = draw(design, 8, 6, n_samples if design != "crossed" else n_samples // 4, seed)
        shares = shares_of(drawn, model)
        low, high = share_bounds(shares.values[0], shares.std_err[0], shares.dof[0])
        held.append((low <= expected) & (expected <= high))
    assert np.mean(held) >= 0.9


def test_the_explainer_gives_a_black_box_the_shares_of_a_factored_model():
    from sklearn.base import BaseEstimator

    class Factored(BaseEstimator):
        def fit(self, X, y=None):
            return self

        def encode_audio(self, column):
            return np.array([[np.any(y[:500]), np.any(y[500:])] for y in column], dtype=float)

        def encode_lyrics(self, column):
            return np.array([[w in text.split() for w in "abcdefghijkl"] for text in column]) * 1.0

        def predict_encoded(self, audio, lyrics):
            return sigmoid(2 * audio[:, 0] + 3 * audio[:, 1] * lyrics[:, 2] + lyrics[:, 5] - 2)

        def predict(self, X):
            return self.predict_encoded(self.encode_audio(X[:, 0]), self.encode_lyrics(X[:, 1]))

        def __sklearn_is_fitted__(self):
            return True

    X = np.empty((1, 2), dtype=object)
    X[0] = [np.ones(1000, dtype=np.float32), "a b c d e f g h i j k l"]
    settings = {"separator": None, "segmenter": UniformSegmenter(2), "random_state": 0}
    model = Factored()
    explanations = [
        MusicLimeExplainer(m, n_samples=n, **settings).fit(X).explain(X)[0]
        for m, n in ((model, 300), (model.predict, 2000))
    ]
    assert [e.settings["model"] for e in explanations] == ["factored", "black box: a function"]
    masks = {"a": 2, "l": 12}
    expected = sobol(
        lambda x: model.predict_encoded(x[:, : masks["a"]], x[:, masks["a"] :]), *masks.values()
    )
    for explanation in explanations:
        np.testing.assert_allclose(explanation.modality_share()["share"], expected, atol=0.03)


def test_masks_for_shapley_values_have_no_shares():
    drawn = draw("paired", 15, 15, 200, kernel="shapley")
    assert np.isnan(fit_shares(drawn, ask(drawn, lambda x: x[:, 0])).values).all()


@pytest.mark.parametrize("design", ["crossed", "paired", "independent", "exhaustive"])
def test_small_scores_have_the_shares_and_interactions_of_large_ones(design):
    """1 - s * g at s = 1e-7, in double precision: tolerances follow what varies."""

    def g(x):
        return 1.0 * x[:, 0] * x[:, 7] + 0.5 * x[:, 1] + 0.2 * x[:, 9]

    shares, pairs = [], []
    for model in (g, lambda x: 1 - 1e-7 * g(x)):
        drawn = draw(design, 6, 6, 2000)
        answers = ask(drawn, model)
        surrogate = fit_neighbourhood(drawn, answers.pairs)
        found = fit_interactions(
            drawn, answers.pairs, surrogate, answers.grid, which="cross", kernel="exponential"
        )
        shares.append(fit_shares(drawn, answers, found).values)
        pairs.append(found.pairs[found.q_values[0] < 0.05].tolist())
    np.testing.assert_allclose(shares[1], shares[0], atol=1e-4)
    assert pairs[0] == pairs[1] == [[0, 7]]


def test_rounding_of_single_precision_is_no_interaction():
    rng = np.random.default_rng(0)
    half = rng.integers(0, 2, (2, 40, 4)).astype(bool)
    halves = np.stack([half, ~half], axis=2).reshape(2, 80, 4)
    scores = np.full((80, 80, 1), 0.9999) + 3e-8 * rng.normal(size=(80, 80, 1))
    single = scores.astype(np.float32).astype(float)
    assert np.ptp(single) > 0
    assert not modality_shares(single).values.any()
    assert not crossed_interactions(*halves, single).weights.any()


# Interactions.


@pytest.mark.slow
@pytest.mark.parametrize(("n_samples", "p"), [(200, 75), (400, 75), (1000, 20)])
def test_interactions_of_independent_masks_are_not_shrunk(n_samples, p):
    """A planted pair of weight 1, whose product is regressed on the masks as the scores are."""
    estimates, held = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        masks = draw_masks("independent", p, n_samples + 1, rng)[1:]
        scores = 1.0 * (masks[:, 0] & masks[:, 1]) + 0.3 * rng.normal(size=n_samples)
        pairs = np.array([[0, 1], [2, 3]])
        found = joint_interactions(masks, scores[:, np.newaxis], pairs, design="independent")
        estimates.append(found.weights[0, 0])
        held.append(np.abs(found.weights[0] - [1, 0]) <= margin(found.std_err, found.dof)[0])
    assert np.mean(estimates) == pytest.approx(1, abs=3 * np.std(estimates) / np.sqrt(40))
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize(("design", "kernel"), [
    ("crossed", "exponential"), ("paired", "exponential"), ("independent", "exponential"),
    ("exhaustive", "shapley"),
])  # fmt: skip
def test_false_discoveries_are_a_twentieth_at_most(design, kernel):
    """Curves of each modality, and three planted pairs across them, which are found."""
    sizes = (4, 5) if design == "exhaustive" else (10, 12)
    n_audio = sizes[0]
    n_false = n_found = n_true = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=n_audio), rng.normal(size=sizes[1])
        planted = list(
            zip(rng.permutation(n_audio)[:3], rng.permutation(sizes[1])[:3], strict=True)
        )

        def model(x, a=a, b=b, planted=planted):
            curves = np.tanh(x[:, :n_audio] @ a) + np.exp(x[:, n_audio:] @ b / 4)
            return curves + sum(x[:, k] * x[:, n_audio + m] for k, m in planted)

        drawn = draw(design, *sizes, 800, seed, kernel=kernel)
        answers = ask(drawn, model)
        surrogate = fit_neighbourhood(drawn, answers.pairs, kernel=kernel)
        found = fit_interactions(
            drawn, answers.pairs, surrogate, answers.grid, which="cross", kernel=kernel
        )
        real = {tuple(p) for p in found.pairs[found.q_values[0] <= 0.05].tolist()}
        true = {(int(k), int(n_audio + m)) for k, m in planted}
        n_false, n_found, n_true = (
            n_false + len(real - true), n_found + len(real), n_true + len(real & true)
        )  # fmt: skip
    assert n_false <= 0.05 * n_found + 2 * np.sqrt(0.05 * n_found)
    assert n_true >= 0.9 * 60


@pytest.mark.parametrize("interactions", ["cross", "all"])
def test_interactions_of_masks_for_shapley_values_are_refused_in_fit(interactions):
    X = words("a b c")
    explainer = MusicLimeExplainer(
        lambda X: np.zeros(len(X)), kernel="shapley", interactions=interactions
    )
    with pytest.raises(ValueError, match="need all masks: use design='exhaustive'"):
        explainer.fit(X)
    explainer.set_params(design="exhaustive", modality="lyrics").fit(X).explain(X)


def test_by_default_shapley_values_come_with_interactions_where_all_masks_are():
    def model(X):
        return [1.0 * ("a" in t.split()) * ("b" in t.split()) for _, t in X]

    few, many = words("a b c"), words("a b " + " ".join(f"w{i}" for i in range(20)))
    explainer = MusicLimeExplainer(model, kernel="shapley", modality="lyrics", random_state=0)
    frame = explainer.fit(few).explain(few)[0].to_frame().set_index("component")
    np.testing.assert_allclose(frame.loc[["a", "b"], "weight"], 0.5)
    with pytest.raises(ValueError, match="not estimated"):
        explainer.explain(many)[0].interactions()


# Shapley values.


@pytest.mark.parametrize("p", [6, 13])
def test_a_model_is_asked_once_of_each_mask_for_shapley_values(p):
    seen = []

    def model(X):
        seen.extend(text for _, text in X)
        return [float(len(text)) for _, text in X]

    X = words(" ".join(f"w{i:02}" for i in range(p)))
    settings = {"modality": "lyrics", "n_samples": 1000, "random_state": 0}
    explainer = MusicLimeExplainer(model, kernel="shapley", **settings)
    explainer.fit(X).explain(X)
    n_masks = min(1000, 2**p)
    # Besides them the song itself at first, composed and as it was given, and the corners.
    assert len(set(seen)) == n_masks
    assert len(seen) == n_masks + 2 + 4


def test_pairs_of_components_are_all_pairs():
    """The population's Banzhaf indices, by their definition."""

    def model(x):
        return x[:, 0] * x[:, 1] * x[:, 2] + np.tanh(x @ np.arange(5.0))

    masks = all_masks(5)
    scores = model(masks.astype(float))[:, np.newaxis]
    pairs = np.array(list(combinations(range(5), 2)))
    found = joint_interactions(masks, scores, pairs, design="exhaustive")
    signs = 2.0 * masks - 1
    expected = [np.mean(signs[:, k] * signs[:, m] * scores[:, 0]) * 4 for k, m in pairs]
    np.testing.assert_allclose(found.weights[0], expected, atol=1e-7)
