"""Every number against an enumeration or a closed form: populations so small that all is known."""

import warnings
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge

from sklearn_musiclime import LocalExplanation, MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.neighbourhood import draw_masks, draw_neighbourhood
from sklearn_musiclime.surrogate import (
    apply_link,
    crossed_interactions,
    fit_interactions,
    fit_neighbourhood,
    fit_shares,
    joint_interactions,
    kernel_weights,
    margin,
    modality_shares,
    share_bounds,
)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def ask(drawn, model):
    """What a model of masks says of a neighbourhood."""
    pairs = drawn.all_pairs
    masks = np.hstack([drawn.audio_masks[pairs[:, 0]], drawn.lyric_masks[pairs[:, 1]]])
    return drawn.split(np.asarray(model(masks.astype(float)), dtype=float).reshape(len(masks), -1))


def draw(design, n_audio, n_lyrics, n_samples, seed=0, **options):
    options = {"with_grid": True, "with_shares": True} | options
    rng = np.random.default_rng([seed, 7])
    return draw_neighbourhood(design, n_audio, n_lyrics, n_samples, rng, **options)


def words(*texts):
    X = np.empty((len(texts), 2), dtype=object)
    X[:] = [[np.ones(10, dtype=np.float32), text] for text in texts]
    return X


def all_masks(p):
    return draw_masks("exhaustive", p, 2, None)


def population_weights(model, p, kernel_width):
    """Weighted least squares over all masks."""
    masks = all_masks(p)
    X, w = np.column_stack([np.ones(2**p), masks]), kernel_weights(masks, kernel_width)
    return np.linalg.solve((X.T * w) @ X, X.T @ (w * model(masks.astype(float))))[1:]


def sobol(model, n_audio, n_lyrics):
    """Variances of audio, lyrics and both over all masks, as parts of their sum."""
    masks = all_masks(n_audio + n_lyrics).astype(float)
    codes = (
        masks[:, :n_audio] @ (1 << np.arange(n_audio)),
        masks[:, n_audio:] @ (1 << np.arange(n_lyrics)),
    )
    grid = np.empty((2**n_audio, 2**n_lyrics))
    grid[codes[0].astype(int), codes[1].astype(int)] = model(masks)
    rows, columns = grid.mean(axis=1, keepdims=True), grid.mean(axis=0, keepdims=True)
    rest = grid - rows - columns + grid.mean()
    variances = np.array([rows.var(), columns.var(), rest.var()])
    return variances / variances.sum()


# Weights.


@pytest.mark.parametrize("design", ["auto", "exhaustive", "paired", "independent"])
@pytest.mark.parametrize("n_samples", [100, 1000])
@pytest.mark.parametrize("lyrics", ["love", "all love is"])
def test_a_song_of_few_words_is_explained_by_a_closed_form(lyrics, n_samples, design):
    """A score of 1 for one word gives it a weight of 1, however many masks are asked for."""
    explainer = MusicLimeExplainer(
        lambda X: [1.0 * ("love" in text.split()) for _, text in X],
        modality="lyrics", design=design, n_samples=n_samples, random_state=0,
    )  # fmt: skip
    X = words(lyrics)
    frame = explainer.fit(X).explain(X)[0].to_frame().set_index("component")
    expected = [1.0 * (word == "love") for word in frame.index]
    np.testing.assert_allclose(frame["weight"], expected, atol=1e-9)
    for name in ("low", "high"):
        np.testing.assert_allclose(frame[name], expected, atol=1e-9)


@pytest.mark.parametrize("kernel_width", [0.1, 0.25, np.inf])
@pytest.mark.parametrize("design", ["crossed", "paired", "independent"])
def test_all_masks_give_the_weights_of_the_population(design, kernel_width):
    def model(x):
        return np.tanh(x @ [2.0, -1.0, 0.5, 1.0, 0.0]) + x[:, 0] * x[:, 3]

    expected = population_weights(model, 5, kernel_width)
    for n_samples in (32, 5000):
        drawn = draw(design, 3, 2, n_samples)
        found = fit_neighbourhood(drawn, ask(drawn, model).pairs, kernel_width=kernel_width)
        np.testing.assert_allclose(found.weights[0], expected, atol=1e-10)
        assert not found.std_err.any()


@pytest.mark.parametrize("design", ["paired", "independent", "crossed"])
def test_masks_that_run_out_leave_ever_less_to_chance(design):
    """Of 256 masks 240: intervals cover, and are far narrower than those of so many of many."""

    def model(x):
        return np.sin(3 * x @ np.arange(1.0, 9.0)) + x[:, 0]

    n_samples, sizes = ((30, 200), (5, 3)) if design == "crossed" else (240, (8, 0))
    expected = population_weights(model, 8, np.inf)
    held, claimed, actual = [], [], []
    for seed in range(200):
        drawn = draw(design, *sizes, n_samples, seed)
        found = fit_neighbourhood(drawn, ask(drawn, model).pairs, kernel_width=np.inf)
        held.append((found.low[0] <= expected) & (expected <= found.high[0]))
        claimed.append(found.std_err[0])
        actual.append(found.weights[0] - expected)
    assert 0.92 <= np.mean(held) <= 0.99
    # Of a draw without end errors would be four times as large where a sixteenth is left out.
    assert np.mean(claimed) < 1.35 * np.sqrt(np.mean(np.square(actual)))


@pytest.mark.parametrize(("kernel_width", "n_samples"), [(0.25, 200), (0.25, 1000), (0.1, 1000)])
def test_large_weights_are_covered(kernel_width, n_samples):
    """A logistic model of two words among twelve components: the penalty of LIME would hide it."""

    def model(x):
        return sigmoid(4 * x[:, 0] + 3 * x[:, 7] - 3)

    expected = population_weights(model, 12, kernel_width)
    large, held = [0, 7], {None: [], "ridge": []}
    for seed in range(100):
        drawn = draw("paired", 6, 6, n_samples, seed)
        for name in held:
            found = fit_neighbourhood(
                drawn, ask(drawn, model).pairs, kernel_width=kernel_width,
                regressor=None if name is None else Ridge(alpha=1.0),
            )  # fmt: skip
            low, high = found.bounds()
            held[name].append((low[0] <= expected)[large] & (expected <= high[0])[large])
    # What is odd about the middle of a logistic curve leaves no error where nothing weighs more.
    assert 0.92 <= np.mean(held[None]) <= 0.985
    assert np.mean(held["ridge"]) < 0.9


@pytest.mark.parametrize(
    ("design", "sizes", "n_samples"),
    [
        ("paired", (25, 25), 100),
        ("independent", (25, 25), 60),
        ("crossed", (10, 75), 150),
        ("crossed", (10, 200), 400),
    ],
)
def test_too_few_masks_are_noticed_shrunk_and_have_no_intervals(design, sizes, n_samples):
    rng = np.random.default_rng(0)
    effects = rng.normal(size=sum(sizes)) * (rng.random(sum(sizes)) < 0.2)

    def model(x):
        return np.tanh(x @ effects) + x[:, 0] * x[:, -1]

    least, ours = [], []
    n_enough = 20_000
    many = draw(design, *sizes, n_enough, 99)
    truth = fit_neighbourhood(many, ask(many, model).pairs).weights[0]
    for seed in range(10):
        drawn = draw(design, *sizes, n_samples, seed)
        scores = ask(drawn, model).pairs
        found = fit_neighbourhood(drawn, scores)
        assert not found.is_sufficient
        assert found.penalty[0] > 0
        side = drawn.sampling.sides[-1].columns
        assert np.isnan(found.low[0, side]).all()
        assert np.isnan(found.high[0, side]).all()
        ours.append(np.square(found.weights[0] - truth).sum())
        w = kernel_weights(drawn.masks)
        X = np.column_stack([np.ones(len(drawn)), drawn.masks]) * np.sqrt(w)[:, np.newaxis]
        solution = np.linalg.lstsq(X, scores[:, 0] * np.sqrt(w), rcond=None)[0][1:]
        least.append(np.square(solution - truth).sum())
    assert np.mean(ours) < np.mean(least)
    assert np.mean(ours) < np.square(truth).sum()  # and better than saying nothing
    assert many.sampling is not None
    assert fit_neighbourhood(many, ask(many, model).pairs).is_sufficient


def test_the_explainer_says_that_masks_are_too_few():
    X = words(" ".join(f"w{i}" for i in range(40)))
    explainer = MusicLimeExplainer(
        lambda X: [float(len(text.split()) % 3) for _, text in X], modality="lyrics",
        n_samples=60, random_state=0,
    ).fit(X)  # fmt: skip
    with pytest.warns(ConvergenceWarning, match="row 0: .* too few masks .* shrunk by a penalty"):
        explanation = explainer.explain(X)[0]
    frame = explanation.to_frame()
    assert (frame["penalty"] > 0).all()
    assert frame["low"].isna().all()
    enough = explainer.set_params(n_samples=2000).fit(X).explain(X)[0].to_frame()
    assert "penalty" not in enough


def test_a_few_masks_that_decide_are_noticed(tmp_path):
    """A score that is 0 but for one mask in 64: who knows it from 100 masks?"""

    def rare(X):
        there = [{f"w{i}" for i in range(6)} <= set(text.split()) for _, text in X]
        return np.array(there) * 1.0

    X = words(" ".join(f"w{i}" for i in range(25)))
    explainer = MusicLimeExplainer(rare, modality="lyrics", n_samples=300, random_state=1).fit(X)
    with pytest.warns(ConvergenceWarning, match="a few of n_samples=300 masks decide"):
        explainer.explain(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explainer.set_params(n_samples=20_000).explain(X)


def test_intervals_of_any_level():
    drawn = draw("paired", 5, 5, 200)
    found = fit_neighbourhood(drawn, ask(drawn, lambda x: np.square(x @ np.arange(10.0))).pairs)
    low, high = found.bounds(0.5)
    np.testing.assert_array_less(found.low, low)
    np.testing.assert_array_less(high, found.high)
    np.testing.assert_allclose(found.high - found.weights, margin(found.std_err, found.dof))
    with pytest.raises(ValueError, match="between 0 and 1"):
        found.bounds(95)


def test_to_frame_has_intervals_of_any_level():
    X = words("a b c d e f g h i j k l m")
    explainer = MusicLimeExplainer(
        lambda X: [float(len(text) ** 2 % 17) for _, text in X], modality="lyrics",
        n_samples=400, random_state=0,
    )  # fmt: skip
    explanation = explainer.fit(X).explain(X)[0]
    frame, narrow = explanation.to_frame(), explanation.to_frame(interval=0.5)
    reach = margin(explanation.std_err, explanation.dof)[0]
    np.testing.assert_allclose(frame["high"] - frame["weight"], reach)
    np.testing.assert_allclose(frame["weight"] - frame["low"], reach)
    assert (narrow["high"] < frame["high"]).all()
    # Wider than the normal's, since errors are estimated too.
    assert (reach > 1.96 * frame["std_err"]).all()
    assert list(explanation.top(3, interval=0.5)["low"]) == list(
        narrow.set_index("component")["low"][explanation.top(3)["component"]]
    )


def test_what_a_selection_drops_has_no_known_weight():
    X = words("a b c d e f g h")
    explainer = MusicLimeExplainer(
        lambda X: [2.0 * ("a" in text) + ("b" in text) + 0.1 * ("c" in text) for _, text in X],
        modality="lyrics", feature_selection="highest_weights", n_features=2, random_state=0,
    )  # fmt: skip
    frame = explainer.fit(X).explain(X)[0].to_frame().set_index("component")
    dropped = frame.loc[list("cdefgh")]
    assert (dropped["weight"] == 0).all()
    assert dropped[["std_err", "low", "high"]].isna().all(axis=None)
    assert frame.loc[["a", "b"], "std_err"].notna().all()


# What a weight is.


@pytest.mark.parametrize(("p", "weight"), [(3, 0.55), (10, 0.33), (50, 0.27)])
def test_a_weight_near_the_song_is_no_average(p, weight):
    """Of a product of three, whose Banzhaf values are 1/4."""

    def model(x):
        return x[:, 0] * x[:, 1] * x[:, 2]

    drawn = draw("paired", 3, p - 3, 200_000 if p > 10 else 2000)
    scores = ask(drawn, model).pairs
    near = fit_neighbourhood(drawn, scores).weights[0]
    everywhere = fit_neighbourhood(drawn, scores, kernel_width=np.inf).weights[0]
    np.testing.assert_allclose(near[:3], weight, atol=0.01)
    np.testing.assert_allclose(everywhere[:3], 0.25, atol=1e-9 if p <= 10 else 0.01)
    if p <= 10:
        np.testing.assert_allclose(near, population_weights(model, p, 0.25), atol=1e-9)


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
    explainer = MusicLimeExplainer(model, kernel="shapley", modality="lyrics", random_state=0)
    explainer.fit(X).explain(X)
    n_masks = min(1000, 2**p)
    # Besides them the song itself at first, composed and as it was given, and the corners.
    assert len(set(seen)) == n_masks
    assert len(seen) == n_masks + 2 + 4


# tol.


@pytest.mark.parametrize("design", ["paired", "crossed"])
def test_tol_is_kept_by_the_large_weights(design):
    """The real error of the large weights is below a tenth of the largest in 19 of 20 songs."""
    n_kept = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        effects = rng.normal(size=12) * (rng.random(12) < 0.5)

        def model(x, effects=effects):
            return sigmoid(2 * x @ effects - effects.sum() + 2 * x[:, 0] * x[:, 7])

        expected = population_weights(model, 12, 0.25)
        drawn = draw(design, 6, 6, 40, seed)
        scores = ask(drawn, model).pairs
        found = fit_neighbourhood(drawn, scores)
        while not found.is_sufficient or found.fewest_dof() < 20 or found.relative_error[0] > 0.1:
            size = (20, 20) if design == "crossed" else 40
            more = draw(design, 6, 6, size, seed, besides=drawn, with_grid=False)
            scores = np.vstack([scores, ask(more, model).pairs[more.n_known :]])
            drawn = drawn.extended(more)
            found = fit_neighbourhood(drawn, scores)
        large = np.abs(expected) >= 0.3 * np.abs(expected).max()
        error = np.sqrt(np.mean(np.square(found.weights[0] - expected)[large]))
        n_kept += error < 0.1 * np.abs(expected).max()
    assert n_kept >= 19


def test_tol_does_not_draw_a_complete_half_again(tmp_path):
    """One word and twenty segments: only masks of the audio are drawn until weights are known."""
    drawn = draw("crossed", 20, 1, 40)
    model = lambda x: np.square(x @ np.arange(21.0))  # noqa: E731
    scores = ask(drawn, model).pairs
    errors = [fit_neighbourhood(drawn, scores).std_err[0].max()]
    for seed in range(3):
        more = draw("crossed", 20, 1, (80, 2), seed, besides=drawn, with_grid=False)
        assert len(more.lyric_masks) == 2
        scores = np.vstack([scores, ask(more, model).pairs[more.n_known :]])
        drawn = drawn.extended(more)
        errors.append(fit_neighbourhood(drawn, scores).std_err[0].max())
    assert len(drawn.lyric_masks) == 2
    assert errors[-1] < 0.7 * errors[0]


@pytest.mark.parametrize("n_words", [1, 3])
def test_errors_of_a_complete_half_are_those_from_seed_to_seed(n_words):
    def model(x):
        return np.square(x[:, :12] @ np.arange(12.0)) / 50 + x[:, 12] * (1 + x[:, 0] + x[:, 3])

    runs = []
    for seed in range(60):
        drawn = draw("crossed", 12, n_words, 100, seed)
        runs.append(fit_neighbourhood(drawn, ask(drawn, model).pairs))
    spread = np.std([run.weights[0] for run in runs], axis=0)
    claimed = np.mean([run.std_err[0] for run in runs], axis=0)
    real = spread > 1e-9
    assert 0.8 < np.mean(claimed[real] / spread[real]) < 1.25
    assert (claimed[~real] < 1e-6).all()


# Fidelity.


@pytest.mark.parametrize("design", ["crossed", "paired", "independent"])
def test_noise_is_not_explained(design):
    """A score that nothing foretells: R^2 on masks that the fit has not seen is below 0."""

    def noise(x):
        return np.random.default_rng(x.astype(int).sum()).normal(size=len(x))

    drawn = draw(design, 12, 12, 100)
    found = fit_neighbourhood(drawn, ask(drawn, noise).pairs, kernel_width=np.inf)
    assert found.score[0] > 0.02
    assert found.fidelity[0] < 0


@pytest.mark.parametrize("regressor", [None, Ridge(alpha=1.0)])
@pytest.mark.parametrize("design", ["crossed", "paired", "independent"])
def test_fidelity_is_that_of_fresh_masks(design, regressor):
    def model(x):
        return np.tanh(x @ np.linspace(-1, 1, 20)) + x[:, 0] * x[:, 15]

    fresh = draw_masks("independent", 20, 20_000, np.random.default_rng(5))
    target, weight = model(fresh.astype(float)), kernel_weights(fresh)
    claimed, actual = [], []
    for seed in range(10):
        drawn = draw(design, 10, 10, 120, seed)
        found = fit_neighbourhood(drawn, ask(drawn, model).pairs, regressor=regressor)
        left = target - found.intercept[0] - fresh @ found.weights[0]
        mean = np.average(target, weights=weight)
        actual.append(1 - weight @ np.square(left) / (weight @ np.square(target - mean)))
        claimed.append(found.fidelity[0])
    assert np.mean(claimed) == pytest.approx(np.mean(actual), abs=0.05)


# Links.


def test_log_odds_of_a_logistic_model_have_no_interactions():
    """A saturating probability has some; its log-odds are a sum, and its weights known."""
    effects = np.array([2.0, 1.0, 0.5, 3.0, 1.5, 0.0])

    def model(X):
        there = np.array([[w in text.split() for w in "abcdef"] for _, text in X]) * 1.0
        p = sigmoid(there @ effects - 3)
        return np.column_stack([1 - p, p])

    X = words("a b c d e f")
    settings = {"modality": "lyrics", "interactions": "all", "random_state": 0}
    explainer = MusicLimeExplainer(model, **settings).fit(X)
    assert len(explainer.explain(X, labels=[1])[0].interactions()) > 5
    explanation = explainer.set_params(link="logit").fit(X).explain(X, labels=[1])[0]
    assert explanation.interactions().empty
    frame = explanation.to_frame().set_index("component")
    np.testing.assert_allclose(frame.loc[list("abcdef"), "weight"], effects, atol=1e-9)
    assert explanation.intercept[0] == pytest.approx(-3)
    # What is compared with the prediction is in its unit.
    assert explanation.local_prediction[0] == pytest.approx(explanation.prediction[1])
    assert explanation.fidelity[0] == pytest.approx(1)
    assert explanation.settings["link"] == "logit"


def test_metrics_follow_the_link():
    from sklearn_musiclime.metrics import fidelity, infidelity

    def model(X):
        n_words = np.array([len(text.split()) for _, text in X])
        return np.column_stack([sigmoid(n_words - 2.0), sigmoid(2.0 - n_words)])

    X = words(" ".join(f"w{i}" for i in range(15)))
    explainer = MusicLimeExplainer(
        model, modality="lyrics", link="logit", n_samples=200, random_state=0
    ).fit(X)
    assert fidelity(explainer, X)[0] == pytest.approx(1)
    assert infidelity(explainer, X)[0] == pytest.approx(0, abs=1e-9)
    explainer.set_params(link="identity")
    assert fidelity(explainer, X)[0] < 0.99


def test_what_is_no_probability_has_no_log_odds():
    X = words("a b c")
    explainer = MusicLimeExplainer(
        lambda X: [float(len(text)) for _, text in X], modality="lyrics", link="logit"
    ).fit(X)
    with pytest.raises(ValueError, match="log-odds of probabilities, and the model scored 5"):
        explainer.explain(X)
    np.testing.assert_allclose(
        apply_link("logit", np.array([0.25, 1 - 1e-7])), np.log([1 / 3, 1e7]), rtol=1e-6
    )


def test_certain_probabilities_warn():
    X = words("a b c")
    explainer = MusicLimeExplainer(
        lambda X: [1.0 * ("a" in text) for _, text in X], modality="lyrics", link="logit"
    ).fit(X)
    with pytest.warns(UserWarning, match="log-odds are infinite"):
        explainer.explain(X)


# Files.


def test_intervals_are_kept_by_files(tmp_path):
    X = words(" ".join(f"w{i}" for i in range(14)))
    explainer = MusicLimeExplainer(
        lambda X: [float(len(text) ** 2 % 23) for _, text in X], modality="lyrics",
        n_samples=120, random_state=0, interactions="all",
    )  # fmt: skip
    explanation = explainer.fit(X).explain(X)[0]
    explanation.save(tmp_path / "why.json")
    loaded = LocalExplanation.load(tmp_path / "why.json")
    for table in ("to_frame", "modality_share", "interactions"):
        pd.testing.assert_frame_equal(getattr(loaded, table)(), getattr(explanation, table)())


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
