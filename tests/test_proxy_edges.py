"""The proxy where samples are many, few, or nearly all that there are."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from conftest import VocalsAndRest, song_array
from sklearn import config_context
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.explanation import LocalExplanation
from sklearn_musiclime.neighbourhood import Scores, draw_neighbourhood
from sklearn_musiclime.neighbourhood.amounts import automatic_n_samples
from sklearn_musiclime.proxy import Predictions, interactions_with_proxy, shares_with_proxy
from sklearn_musiclime.proxy import fitting as fitting_module
from sklearn_musiclime.proxy import predictions as predictions_module
from sklearn_musiclime.proxy import shares as shares_module
from sklearn_musiclime.proxy import weights as weights_module
from sklearn_musiclime.proxy.folds import fit_in_folds
from sklearn_musiclime.surrogate import (
    Shares,
    fit_by_moments,
    fit_neighbourhood,
    margin,
)
from sklearn_musiclime.surrogate.interactions import AllPairs

RATE = 8000


def rng(seed=0):
    return np.random.default_rng(seed)


def products(masks, pairs):
    """Sum of the products of pairs of columns, (n, 1): each an interaction of 1."""
    coded = masks - 0.5
    return sum(coded[:, [i]] * coded[:, [j]] for i, j in pairs)


PLANTED = [(2 * i, 2 * i + 1) for i in range(8)]


@pytest.mark.parametrize("design", ["paired", "independent"])
@pytest.mark.parametrize("n_components", [20, 70])
def test_interactions_of_all_pairs_are_not_shrunk(n_components, design):
    """190 pairs, and 2,415: more than half of the samples."""
    masks = draw_neighbourhood(design, n_components, 0, 2002, rng()).masks
    masks = masks[len(masks) % 2000 :]
    found = AllPairs.fit(masks, products(masks, PLANTED), design=design)
    weights = np.array([found.weights[0, i, j] for i, j in PLANTED])
    std_err = np.sqrt(found.variance[0])
    assert np.abs(weights - 1).max() < 4 * std_err + 1e-4
    others = found.weights[0].copy()
    others[tuple(np.transpose(PLANTED))] = 0
    rest = others[np.triu_indices(n_components, 1)]
    assert np.sqrt(np.mean(np.square(rest))) == pytest.approx(std_err, rel=0.15, abs=1e-4)


def test_interactions_of_many_components_are_found_and_in_their_intervals():
    pairs = [*PLANTED, *((2 * i, 2 * i + 1) for i in range(8, 80))]
    size = np.where(np.arange(80) < 8, 1.0, 0.05)  # the proxy sees all, and misses some of the rest

    def scores(neighbourhood, factor):
        coded = neighbourhood.masks - 0.5
        return coded[:, [0]] + sum(
            s * f * coded[:, [i]] * coded[:, [j]]
            for (i, j), s, f in zip(pairs, size, factor, strict=True)
        )

    seen = np.where(np.arange(80) < 8, 0.9, 0.5)
    drawn = draw_neighbourhood("paired", 80, 80, 300, rng())
    free = draw_neighbourhood("paired", 80, 80, 20_000, rng(1))
    of_proxies = [(scores(drawn, seen), scores(free, seen))]
    predictions = Predictions(drawn, scores(drawn, np.ones(80)), free, of_proxies)
    surrogate = fit_neighbourhood(drawn, predictions.scores)
    found = interactions_with_proxy(predictions, surrogate, which="all")
    at = {tuple(pair): k for k, pair in enumerate(found.pairs.tolist())}
    planted = [at[pair] for pair in PLANTED]
    assert (found.q_values[0, planted] <= 0.05).all()
    reach = margin(found.std_err[0], found.dof[0])
    assert (np.abs(found.weights[0, planted] - 1) <= reach[planted]).mean() >= 7 / 8
    truth = np.zeros(len(found.pairs))
    truth[[at[pair] for pair in pairs]] = size
    assert 0.92 < (np.abs(found.weights[0] - truth) <= reach).mean() < 0.98


def test_no_interactions_are_told_that_nothing_corrects():
    """Independent masks, fewer than components: the scores' own part is 0 by construction."""
    drawn = draw_neighbourhood("independent", 30, 30, 40, rng())
    free = draw_neighbourhood("independent", 30, 30, 2000, rng(1))
    own, new = products(drawn.masks, PLANTED), products(free.masks, PLANTED)
    predictions = Predictions(drawn, own + rng(2).normal(size=own.shape), free, [(own, new)])
    surrogate = fit_neighbourhood(drawn, predictions.scores)
    found = interactions_with_proxy(predictions, surrogate, which="all")
    assert (found.q_values == 1).all()
    assert (found.weights == 0).all()


def test_no_pairs_take_no_fit(monkeypatch):
    monkeypatch.setattr(fitting_module, "interactions_with_proxy", None)
    X = song_array((rng().normal(0, 0.1, RATE), "la"))
    settings = {"separator": None, "segmenter": UniformSegmenter(n_segments=8), "random_state": 0}
    explainer = MusicLimeExplainer(
        lambda X: np.array([[np.abs(cell).max()] for cell in X[:, 0]]),
        modality="audio", n_samples=60, sampling_rate=RATE, **settings,
    )  # fmt: skip
    explanation = explainer.fit(X).explain(X)[0]
    assert explanation.settings["proxy_factor"] is not None
    assert len(explanation.interactions()) == 0


def test_shares_are_fitted_to_as_many_songs_as_weights_are(monkeypatch):
    """Time and memory of a kernel ridge rise with the cube and the square of the songs."""
    monkeypatch.setattr(shares_module, "MOST_FITTED", 100)
    n_fitted = []
    usual = predictions_module.fit_kernel_ridge

    def counted(features, *arguments):
        n_fitted.append(len(features))
        return usual(features, *arguments)

    monkeypatch.setattr(predictions_module, "fit_kernel_ridge", counted)
    drawn = draw_neighbourhood("paired", 5, 10, 400, rng(), with_shares=True)
    swapped = np.hstack(
        [drawn.audio_masks[drawn.swap_pairs[:, 0]], drawn.lyric_masks[drawn.swap_pairs[:, 1]]]
    )
    weights = rng(1).normal(size=(15, 1))
    scores = Scores(
        drawn.masks @ weights, None, (swapped @ weights).reshape(-1, 2, 1), np.empty((0, 1))
    )
    found = shares_with_proxy(lambda masks, fills: 1.0 * masks, drawn, scores, Shares.unknown(1))
    assert n_fitted == [100]
    squares = np.square(weights[:, 0])
    assert found.values[0, 0] == pytest.approx(squares[:5].sum() / squares.sum(), abs=0.05)


def test_shapley_values_of_independent_masks_are_unbiased():
    """All masks of one component and of all but one are drawn: no chance is to be undone there."""
    every = draw_neighbourhood("exhaustive", 3, 3, 2**6, rng(), kernel="shapley")
    scores = (np.exp(every.masks @ rng(2).normal(0, 0.5, 6)) + 2 * every.masks[:, 0])[:, np.newaxis]
    truth = fit_neighbourhood(every, scores, kernel="shapley").weights[0]
    powers = 1 << np.arange(6)
    of_mask = dict(zip((every.masks @ powers).tolist(), scores, strict=True))
    found = []
    for seed in range(600):
        drawn = draw_neighbourhood("independent", 3, 3, 40, rng(seed), kernel="shapley")
        own = np.array([of_mask[code] for code in (drawn.masks @ powers).tolist()])
        found.append(fit_by_moments(drawn, own, kernel="shapley").weights[0])
    deviation = np.mean(found, axis=0) - truth
    assert np.abs(deviation / (np.std(found, axis=0) / np.sqrt(600))).max() < 4


def test_known_moments_without_components():
    drawn = draw_neighbourhood("paired", 0, 0, 40, rng(), replacement=True)
    scores = rng(1).normal(size=(len(drawn), 1))
    found = fit_by_moments(drawn, scores)
    assert found.weights.shape == (1, 0)
    assert found.intercept == pytest.approx(scores[drawn.n_known :].mean())


def test_a_kernel_too_narrow_for_the_free_masks_takes_no_proxy():
    """Least squares without enough weight would be a ridge, which is biased."""
    drawn = draw_neighbourhood("paired", 30, 30, 100, rng())
    free = draw_neighbourhood("paired", 30, 30, 2000, rng(1))
    own, new = (1.0 * n.masks[:, [0]] for n in (drawn, free))
    predictions = Predictions(drawn, own, free, [(own, new)])

    def fit(neighbourhood, scores):
        return fit_neighbourhood(neighbourhood, scores, kernel_width=0.03)

    assert not fit(free, new).is_sufficient
    found = weights_module.fit_with_proxy(fit, fit_by_moments, predictions)
    assert found.proxy_factor.tolist() == [0]


def test_folds_of_a_regressor_with_metadata_routing():
    features, clusters = rng().normal(size=(40, 3)), np.arange(40) // 2
    targets = features @ rng(1).normal(size=(3, 2))
    usual = fit_in_folds(Ridge(), features, targets, clusters, features)
    with config_context(enable_metadata_routing=True):
        routed = fit_in_folds(Ridge(), features, targets, clusters, features)
    np.testing.assert_array_equal(usual, routed)


@pytest.mark.parametrize(("design", "most"), [("paired", 100), ("crossed", 100), ("crossed", 2)])
def test_automatic_numbers_of_masks_are_bounded(design, most):
    found = automatic_n_samples(design, (20, 80), None, has_proxy=True, most=most)
    assert np.sum(found) <= max(most, 4)
    assert np.min(found) >= 2
    assert found != automatic_n_samples(design, (20, 80), None, has_proxy=True)


def test_max_samples_bounds_the_first_draw():
    X = song_array((rng().normal(0, 0.1, RATE), "la la land of the red sun and of more words"))
    explainer = MusicLimeExplainer(
        lambda X: np.array([[np.abs(cell).max() + len(words)] for cell, words in X]),
        separator=None, sampling_rate=RATE, tol=0.5, max_samples=80, random_state=0,
    )  # fmt: skip
    assert explainer.fit(X).explain(X)[0].settings["n_samples"] <= 80


# --- a proxy where explanations are kept, searched over, saved and linked ---


def sound_and_words(X):
    """Two columns of probabilities, by loudness and a word."""
    loudness = np.array([np.log10(np.mean(np.square(cell)) + 1e-6) for cell in X[:, 0]])
    score = 2 * (loudness + 2) + np.array(["red" in cell.split() for cell in X[:, 1]])
    p = 1 / (1 + np.exp(-score))
    return np.column_stack([1 - p, p])


class Counting:
    """A model that counts in a file, of whose folder it is told, the songs it is asked about."""

    def __init__(self, folder):
        self.folder = folder

    def predict_proba(self, X):
        with open(Path(self.folder) / "log", "a") as file:
            file.write("x" * len(X))
        return sound_and_words(X)

    def n_songs(self):
        return len((Path(self.folder) / "log").read_text())


def noisy_songs(n_songs=1):
    return song_array(
        *((rng(i).normal(0, 0.1, RATE), "red sun over the hills") for i in range(n_songs))
    )


def with_ridge(model, alpha=1.0, **parameters):
    settings = {"separator": None, "segmenter": UniformSegmenter(n_segments=4), "random_state": 0}
    return MusicLimeExplainer(
        model, proxy=Ridge(alpha=alpha), n_samples=60, sampling_rate=RATE, **settings | parameters
    )


def test_what_a_proxy_was_fitted_for_is_kept(tmp_path):
    """Another penalty is another explanation, and the same one asks the model nothing."""
    model, X, memory = Counting(tmp_path), noisy_songs(), tmp_path / "cache"
    first = with_ridge(model, memory=memory).fit(X).explain(X)[0]
    asked = model.n_songs()
    assert asked >= 60
    again = with_ridge(model, memory=memory).fit(X).explain(X)[0]
    assert model.n_songs() == asked
    np.testing.assert_array_equal(again.weights, first.weights)
    other = with_ridge(model, alpha=1e6, memory=memory).fit(X).explain(X)[0]
    assert model.n_songs() > asked
    assert not np.array_equal(other.weights, first.weights)


def test_a_search_over_penalties_of_a_proxy():
    X = noisy_songs(4)
    settings = [{"proxy": [None]}, {"proxy__alpha": [0.1, 1e9]}]
    search = GridSearchCV(with_ridge(sound_and_words), settings, cv=2).fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert scores[1] != pytest.approx(scores[0], rel=1e-3)
    assert scores[2] == pytest.approx(scores[0], rel=1e-6)  # it predicts one number for all songs


def test_an_explanation_with_a_proxy_outlives_pickling_and_files(tmp_path):
    X = noisy_songs()
    explainer = with_ridge(sound_and_words).fit(X)
    explanation = explainer.explain(X)[0]
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(explainer)).explain(X)[0].weights, explanation.weights
    )
    explanation.save(tmp_path / "song.json")
    loaded = LocalExplanation.load(tmp_path / "song.json")
    assert loaded.settings["proxy"] == "Ridge()"
    assert loaded.settings["proxy_factor"] == explanation.settings["proxy_factor"]
    np.testing.assert_array_equal(loaded.std_err, explanation.std_err)


@pytest.mark.slow
def test_linked_units_with_a_proxy_are_nearer_to_those_of_all_masks():
    time = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 700 * time) * np.sin(2 * np.pi * 0.5 * time)
    words = ["red", "sun", "over", "the", "blue", "hills", "and", "far"]
    times = [(0.25 * i, 0.25 * i + 0.2) for i in range(len(words))]
    X = song_array((rng().normal(0, 0.02, 2 * RATE) + 0.2 * tone, " ".join(words), times))
    settings = {
        "separator": VocalsAndRest(), "segmenter": UniformSegmenter(n_segments=4), "linked": True,
        "lyric_units": "word_positions", "sampling_rate": RATE,
    }  # fmt: skip

    def weights(**parameters):
        explainer = MusicLimeExplainer(sound_and_words, **settings, **parameters)
        return explainer.fit(X).explain(X, labels=[1])[0]

    exact = weights(design="exhaustive", n_samples=5000).weights[0]
    errors, held = [], []
    for seed in range(8):
        proxied, plain = (
            weights(n_samples=60, proxy=proxy, random_state=seed) for proxy in ("auto", None)
        )
        errors.append([np.square(e.weights[0] - exact).sum() for e in (proxied, plain)])
        frame = proxied.to_frame()
        held.append((frame["low"] <= exact) & (exact <= frame["high"]))
    assert np.mean(errors, axis=0)[0] < np.mean(errors, axis=0)[1] / 2
    assert np.mean(held) > 0.85
