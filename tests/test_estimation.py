"""Every number against an enumeration or a closed form: populations so small that all is known."""

import warnings

import numpy as np
import pandas as pd
import pytest
from populations import ask, draw, population_weights, sigmoid, words
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge

from sklearn_musiclime import LocalExplanation, MusicLimeExplainer
from sklearn_musiclime.neighbourhood import draw_masks
from sklearn_musiclime.surrogate import fit_neighbourhood, kernel_weights, margin

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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
        n_samples=60, random_state=0, proxy=None,
    ).fit(X)  # fmt: skip
    with pytest.warns(ConvergenceWarning, match="row 0: .* too few masks .* shrunk by a penalty"):
        explanation = explainer.explain(X)[0]
    frame = explanation.to_frame()
    assert (frame["penalty"] > 0).all()
    assert frame["low"].isna().all()
    enough = explainer.set_params(n_samples=2000).fit(X).explain(X)[0].to_frame()
    assert "penalty" not in enough


@pytest.mark.parametrize(("proxy", "n_samples"), [(None, 300), ("auto", 100)])
def test_a_few_masks_that_decide_are_noticed(proxy, n_samples):
    """A score that is 0 but for one mask in 64: who knows it from 100 masks?"""

    def rare(X):
        there = [{f"w{i}" for i in range(6)} <= set(text.split()) for _, text in X]
        return np.array(there) * 1.0

    X = words(" ".join(f"w{i}" for i in range(25)))
    explainer = MusicLimeExplainer(
        rare, modality="lyrics", n_samples=n_samples, proxy=proxy, random_state=1
    ).fit(X)
    with pytest.warns(ConvergenceWarning, match=f"a few of n_samples={n_samples} masks decide"):
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


@pytest.mark.slow
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
