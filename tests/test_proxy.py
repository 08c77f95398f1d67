"""The proxy: against fits without each song, enumerated masks, and the surrogate without it."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from conftest import song_array
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime import MusicLimeExplainer, SpectralStatistics, UniformSegmenter
from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition, decompose
from sklearn_musiclime.featurizers.audio.table import frame_groups
from sklearn_musiclime.neighbourhood import Scores, compose_audio, draw_neighbourhood
from sklearn_musiclime.proxy import Predictions, ProxyFit, fit_with_proxy, interactions_with_proxy
from sklearn_musiclime.proxy import features as features_module
from sklearn_musiclime.proxy import kernel_ridge as kernel_ridge_module
from sklearn_musiclime.proxy import predictions as predictions_module
from sklearn_musiclime.proxy import weights as weights_module
from sklearn_musiclime.proxy.features import sound_features
from sklearn_musiclime.proxy.kernel_ridge import fit_kernel_ridge
from sklearn_musiclime.songs import SongTable
from sklearn_musiclime.surrogate import (
    fit_by_moments,
    fit_interactions,
    fit_neighbourhood,
    fit_shares,
    margin,
    share_bounds,
)
from sklearn_musiclime.surrogate.interactions import AllPairs

RATE = 8000
WORDS = "red sun over the blue hills and far away"


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def song():
    """Two seconds: noise that a tone joins and leaves."""
    time = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 700 * time) * (np.sin(2 * np.pi * time) > 0)
    return song_array((rng().normal(0, 0.05, 2 * RATE) + 0.2 * tone, WORDS))


def loud_and_red(X):
    """Probabilities by the loudness of the song and three of its words, on a logistic scale."""
    loudness = np.array([np.log10(np.mean(np.square(cell)) + 1e-6) for cell in X[:, 0]])
    words = [set(cell.split()) for cell in X[:, 1]]
    said = np.array([[w in own for w in ("red", "blue", "away")] for own in words])
    score = 2.0 * (loudness + 3.0) + said @ [2.0, -1.5, 0.5] + said[:, 0] * loudness
    p = 1 / (1 + np.exp(-score))
    return np.column_stack([1 - p, p])


def explainer(model=loud_and_red, **parameters):
    settings = {"separator": None, "segmenter": UniformSegmenter(n_segments=4), "random_state": 0}
    settings |= {"sampling_rate": RATE, "interactions": None, "n_samples": 60, "proxy": None}
    return MusicLimeExplainer(model, **settings | parameters)


def explain(X, model=loud_and_red, **parameters):
    return explainer(model, **parameters).fit(X).explain(X, labels=[1])[0]


# --- the kernel ridge ---


@pytest.mark.parametrize(
    "clusters", [np.arange(12), np.arange(12) // 2, [0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 7, 7]]
)
def test_left_out_predictions_are_those_of_fits_without_the_cluster(clusters, monkeypatch):
    monkeypatch.setattr(kernel_ridge_module, "BANDWIDTHS", (0.1,))
    clusters = np.asarray(clusters)
    features, targets = rng().normal(size=(12, 3)), rng(1).normal(size=(12, 2))
    # Standardised already, so that a fit without some songs sees the same features.
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    monkeypatch.setattr(kernel_ridge_module, "PENALTIES", np.array([0.02]))
    left_out, predicted = fit_kernel_ridge(features, targets, clusters, features)
    kernel = kernel_ridge_module._kernel(features, features, 0.1)
    centring = np.eye(12) - 1 / 12
    penalty = 0.02 * np.trace(centring @ kernel @ centring)

    def by_hand(rows, of):
        # Ridge with a free intercept, as the bordered system of its dual problem.
        n = len(rows)
        system = np.block(
            [
                [kernel[np.ix_(rows, rows)] + penalty * np.eye(n), np.ones((n, 1))],
                [np.ones((1, n)), np.zeros((1, 1))],
            ]
        )
        solved = np.linalg.solve(system, np.vstack([targets[rows], np.zeros((1, 2))]))
        return kernel[np.ix_(of, rows)] @ solved[:n] + solved[n]

    np.testing.assert_allclose(predicted, by_hand(np.arange(12), np.arange(12)), atol=1e-9)
    for cluster in np.unique(clusters):
        own, others = np.flatnonzero(clusters == cluster), np.flatnonzero(clusters != cluster)
        np.testing.assert_allclose(left_out[own], by_hand(others, own), atol=1e-8)


def test_features_that_do_not_vary_count_for_nothing():
    features, targets = rng().normal(size=(30, 2)), rng(1).normal(size=(30, 1))
    same = np.hstack([features, np.full((30, 1), 7.0)])
    one = fit_kernel_ridge(features, targets, np.arange(30), features[:3])[1]
    # The number of features scales the kernel, so a constant one is not without any effect on it.
    two = fit_kernel_ridge(same, targets, np.arange(30), same[:3])[1]
    assert np.isfinite(two).all()
    assert np.abs(one - two).max() < 0.2 * np.abs(targets).max()


# --- the weights, against the enumeration of all masks ---


@pytest.mark.parametrize("kernel", ["exponential", "shapley"])
def test_known_moments_of_all_masks_give_least_squares(kernel):
    every = draw_neighbourhood("exhaustive", 3, 4, 2**7, rng(), kernel=kernel)
    kept = every.masks.sum(axis=1)
    if kernel == "shapley":  # the masks of everything and of nothing come first
        order = np.argsort(~np.isin(kept, [0, 7]) * 2 - (kept == 7), kind="stable")
        every = replace(every, pairs=every.pairs[order])
    scores = rng(1).normal(size=(len(every), 2))
    known = fit_by_moments(every, scores, kernel=kernel)
    fitted = fit_neighbourhood(every, scores, kernel=kernel)
    for name in ("weights", "intercept", "local_prediction"):
        np.testing.assert_allclose(getattr(known, name), getattr(fitted, name), atol=1e-10)
    assert (known.std_err == 0).all()


@pytest.mark.parametrize("design", ["paired", "independent"])
@pytest.mark.parametrize("kernel", ["exponential", "shapley"])
def test_known_moments_are_unbiased_with_fewer_masks_than_components(kernel, design):
    p = 12
    every = draw_neighbourhood("exhaustive", 6, 6, 2**p, rng(), kernel=kernel)
    scores = np.exp(every.masks @ rng(2).normal(0, 0.3, p))[:, np.newaxis]
    scores = scores - scores.mean()
    truth = fit_neighbourhood(every, scores, kernel=kernel).weights[0]
    found = []
    for seed in range(400):
        drawn = draw_neighbourhood(design, 6, 6, 20, rng(seed), kernel=kernel)
        found.append(fit_by_moments(drawn, scores_of(every, scores, drawn), kernel=kernel))
    weights = np.array([s.weights[0] for s in found])
    deviation = (weights.mean(axis=0) - truth) / (weights.std(axis=0) / 20)
    assert np.abs(deviation).max() < 4
    variance = np.mean([np.square(s.std_err[0]) for s in found], axis=0)
    np.testing.assert_allclose(variance, weights.var(axis=0), rtol=0.35)
    assert 0.91 < np.mean([(s.low[0] <= truth) & (truth <= s.high[0]) for s in found]) < 0.99


def test_known_moments_leave_a_cluster_out():
    drawn = draw_neighbourhood("paired", 3, 4, 40, rng())
    scores = rng(1).normal(size=(len(drawn), 1))
    whole = fit_by_moments(drawn, scores)
    for cluster in (1, 7):
        others = drawn.sampling.sides[0].clusters != cluster
        without = fit_by_moments(replace(drawn, pairs=drawn.pairs[others]), scores[others])
        expected = scores - drawn.masks @ without.weights.T - without.intercept
        np.testing.assert_allclose(whole.left_out[~others], expected[~others], atol=0.02)


@pytest.fixture(scope="module")
def population(song):
    """All 4,096 masks of the song's 4 segments and 8 words, their scores and features."""
    components = decompose(
        SongTable(song).read(0, RATE), separator=None, segmenter=UniformSegmenter(n_segments=4)
    )
    p = len(components)
    every = draw_neighbourhood(
        "exhaustive", components.n_audio, p - components.n_audio, 2**p, rng()
    )
    function = next(explainer().fit(song).mask_functions(song))
    return components, every, function(every.masks)[:, [1]]


def scores_of(every, scores, neighbourhood):
    powers = 1 << np.arange(every.masks.shape[1])
    of_mask = dict(zip((every.masks @ powers).tolist(), scores, strict=True))
    return np.array([of_mask[code] for code in (neighbourhood.masks @ powers).tolist()])


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["exponential", "shapley"])
@pytest.mark.parametrize("design", ["paired", "independent"])
def test_weights_are_unbiased_more_exact_and_in_their_intervals(population, kernel, design):
    components, every, scores = population
    sizes = components.n_audio, components.n_lyrics
    fit = partial(fit_neighbourhood, kernel=kernel)
    exhaustive = draw_neighbourhood("exhaustive", *sizes, 2 ** sum(sizes), rng(), kernel=kernel)
    truth = fit(exhaustive, scores_of(every, scores, exhaustive)).weights[0]
    free = draw_neighbourhood(design, *sizes, 20_000, rng(1), kernel=kernel)
    with_proxy = ProxyFit(fit, partial(fit_by_moments, kernel=kernel), components, None, free)
    found, plain = [], []
    for seed in range(30):
        drawn = draw_neighbourhood(design, *sizes, 100, rng(seed), kernel=kernel)
        own = scores_of(every, scores, drawn)
        found.append(with_proxy(drawn, own))
        plain.append(fit(drawn, own))
    weights = np.array([s.weights[0] for s in found])
    error = np.square(weights - truth).sum(axis=1).mean()
    assert error < np.square(np.array([s.weights[0] for s in plain]) - truth).sum(axis=1).mean() / 3
    # The mean over draws: its own standard error is that of one draw over the root of their number.
    deviation = (weights.mean(axis=0) - truth) / (weights.std(axis=0) / np.sqrt(30) + 1e-12)
    assert np.abs(deviation).max() < 4.5
    covered = np.mean([(s.low[0] <= truth) & (truth <= s.high[0]) for s in found], axis=0)
    assert covered.mean() > 0.9
    assert covered[np.abs(truth) >= 0.3 * np.abs(truth).max()].min() > 0.75


def test_shapley_values_add_up_with_a_proxy(song):
    explanation = explain(song, kernel="shapley", n_samples=60, proxy="auto")
    corners = explanation.corner_scores[0]
    np.testing.assert_allclose(explanation.weights[0].sum(), corners[0] - corners[3], atol=1e-9)


@pytest.mark.slow
def test_noise_is_not_made_worse(population):
    """Scores of which no proxy can foresee anything."""
    components, every, _ = population
    scores = rng(5).normal(size=(len(every), 1))
    sizes = components.n_audio, components.n_lyrics
    truth = fit_neighbourhood(every, scores).weights[0]
    with_proxy = ProxyFit(
        fit_neighbourhood,
        fit_by_moments,
        components,
        None,
        draw_neighbourhood("paired", *sizes, 20_000, rng(1)),
    )
    errors = []
    for seed in range(25):
        drawn = draw_neighbourhood("paired", *sizes, 80, rng(seed))
        own = scores_of(every, scores, drawn)
        both = with_proxy(drawn, own), fit_neighbourhood(drawn, own)
        errors.append([np.square(s.weights[0] - truth).sum() for s in both])
    proxied, plain = np.mean(errors, axis=0)
    assert proxied < 1.1 * plain


@pytest.mark.parametrize("kernel", ["exponential", "shapley"])
def test_of_a_proxy_that_predicts_nothing_the_correction_is_left(population, kernel, monkeypatch):
    """Half of all masks are drawn, which errors and fidelity take into account."""
    components, every, scores = population
    sizes = components.n_audio, components.n_lyrics
    fit, correct = (partial(f, kernel=kernel) for f in (fit_neighbourhood, fit_by_moments))
    drawn = draw_neighbourhood("paired", *sizes, 2000, rng(), kernel=kernel)
    own = scores_of(every, scores, drawn)
    free = draw_neighbourhood("paired", *sizes, 20_000, rng(1), kernel=kernel)
    predictions = Predictions(drawn, own, free, [(np.zeros_like(own), np.zeros((len(free), 1)))])
    monkeypatch.setattr(weights_module, "N_CHOICES", 0)
    variances = iter([1.0, 0.0, 2.0, 2.0, 2.0])  # of no proxy and of four factors
    monkeypatch.setattr(weights_module, "_variance", lambda _: np.array([next(variances)]))
    found = fit_with_proxy(fit, correct, predictions)
    assert found.proxy_factor.tolist() == [0.25]
    expected = correct(drawn, own)
    for name in ("weights", "intercept", "std_err", "score", "fidelity", "left_out"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-10)


# --- interactions ---


@pytest.mark.slow
@pytest.mark.parametrize("design", ["paired", "independent"])
def test_interactions_are_nearer_to_those_of_all_masks_and_few_are_false(population, design):
    """The model has interactions of loudness and a word alone; all others are nearly 0."""
    components, every, scores = population
    n_audio, n_lyrics = components.n_audio, components.n_lyrics
    plain_surrogate = fit_neighbourhood(every, scores)
    settings = {"which": "all", "kernel": "exponential"}
    truth = fit_interactions(every, scores, plain_surrogate, None, **settings)
    exact = truth.weights[0]
    is_large = np.abs(exact) >= 0.3 * np.abs(exact).max()
    free = draw_neighbourhood(design, n_audio, n_lyrics, 20_000, rng(1))
    with_proxy = ProxyFit(fit_neighbourhood, fit_by_moments, components, None, free)
    errors, held, n_large, n_found, n_false = [], [], 0, 0, 0
    for seed in range(20):
        drawn = draw_neighbourhood(design, n_audio, n_lyrics, 200, rng(seed))
        own = scores_of(every, scores, drawn)
        surrogate = with_proxy(drawn, own)
        found = interactions_with_proxy(with_proxy.predictions, surrogate, which="all")
        plain = fit_interactions(drawn, own, fit_neighbourhood(drawn, own), None, **settings)
        np.testing.assert_array_equal(found.pairs, truth.pairs)
        errors.append([np.square(f.weights[0] - exact).sum() for f in (found, plain)])
        reach = margin(found.std_err[0], found.dof[0])
        held.append(np.abs(found.weights[0] - exact) <= reach)
        said = found.q_values[0] <= 0.05
        n_large, n_found = n_large + said[is_large].sum(), n_found + said.sum()
        n_false += (said & (np.abs(exact) < 0.01 * np.abs(exact).max())).sum()
    proxied, plain = np.mean(errors, axis=0)
    assert proxied < plain / 4
    assert n_large > 0.9 * 20 * is_large.sum()
    assert n_false <= 0.05 * n_found
    assert np.mean(held) > 0.92
    assert np.mean(held, axis=0)[is_large].mean() > 0.88


@pytest.mark.parametrize("design", ["paired", "independent"])
def test_all_pairs_together_are_those_of_least_squares(design):
    drawn = draw_neighbourhood(design, 5, 5, 900, rng())
    masks = drawn.masks[drawn.n_known :]
    scores = np.exp(masks @ rng(1).normal(0, 0.3, (10, 2)))
    found = AllPairs.fit(masks, scores, design=design)
    coded, pairs = masks - 0.5, np.triu_indices(10, 1)
    products = coded[:, pairs[0]] * coded[:, pairs[1]]
    X = np.column_stack([np.ones(len(masks)), coded, products])
    if design == "paired":  # with its complement, a mask's products are the same
        X, y = X[::2][:, [0, *range(11, X.shape[1])]], (scores[::2] + scores[1::2]) / 2
    else:
        y = scores
    by_hand = np.linalg.lstsq(X, y, rcond=None)[0]
    for label in range(2):
        expected = by_hand[-len(pairs[0]) :, label]
        np.testing.assert_allclose(found.weights[label][pairs], expected, atol=1e-6)
        rest = y[:, label] - X @ by_hand[:, label]
        inverse = np.linalg.inv(X.T @ X)
        variance = np.diag(inverse)[-len(pairs[0]) :] * (rest @ rest) / (len(X) - X.shape[1])
        assert found.variance[label] == pytest.approx(variance.mean(), rel=0.2)


# --- modality shares ---


@pytest.mark.slow
@pytest.mark.parametrize("design", ["paired", "independent"])
def test_shares_are_nearer_to_those_of_all_masks(population, design):
    components, every, scores = population
    sizes = components.n_audio, components.n_lyrics
    nothing = np.empty((0, 2, 1)), np.empty((0, 1))
    truth = fit_shares(every, Scores(scores, None, *nothing)).values[0]
    free = draw_neighbourhood(design, *sizes, 20_000, rng(1))
    with_proxy = ProxyFit(fit_neighbourhood, fit_by_moments, components, None, free)
    found, plain, held = [], [], []
    for seed in range(20):
        drawn = draw_neighbourhood(design, *sizes, 200, rng(seed), with_shares=True)
        swapped = scores_of(every, scores, replace(drawn, pairs=drawn.swap_pairs))
        own = scores_of(every, scores, drawn)
        of_drawn = Scores(own, None, swapped.reshape(-1, 2, 1), nothing[1])
        with_proxy(drawn, own)
        without = fit_shares(drawn, of_drawn)
        shares = with_proxy.shares(drawn, of_drawn, without)
        plain.append(without.values[0])
        found.append(shares.values[0])
        low, high = share_bounds(shares.values[0], shares.std_err[0], shares.dof[0])
        held.append((low <= truth) & (truth <= high))
    errors = [np.square(np.array(v) - truth).sum(axis=1).mean() for v in (found, plain)]
    assert errors[0] < errors[1] / 2
    assert np.abs(np.mean(found, axis=0) - truth).max() < 0.02
    assert np.mean(held) > 0.85


# --- in the explainer ---


def test_masks_and_calls_are_those_without_a_proxy(song):
    with_proxy, without = (explain(song, proxy=proxy) for proxy in ("auto", None))
    assert with_proxy.settings["masks"] == without.settings["masks"]
    assert with_proxy.settings["n_combinations"] == without.settings["n_combinations"]
    assert with_proxy.settings["proxy"] == "auto"
    assert 0 < with_proxy.settings["proxy_factor"][0] <= 1
    assert without.settings["proxy_factor"] is None
    assert not np.allclose(with_proxy.weights, without.weights)
    assert np.square(with_proxy.std_err).sum() < np.square(without.std_err).sum()


def test_workers_batches_and_order_change_nothing(song):
    X = np.vstack([song, song_array((rng(3).normal(0, 0.1, RATE), "la la land"))])
    first = explainer(proxy="auto", n_samples=50).fit(X).explain(X, labels=[1])
    again = explainer(proxy="auto", n_samples=50, n_jobs=2, batch_size=7).fit(X)
    for one, two in zip(first[::-1], again.explain(X[::-1], labels=[1]), strict=True):
        assert one.settings["masks"] == two.settings["masks"]
        np.testing.assert_allclose(one.weights, two.weights, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {"modality": "audio", "segmenter": UniformSegmenter(n_segments=10)},
        {"modality": "lyrics", "lyric_units": "word_positions"},
        {"link": "logit"},
        {"design": "independent"},
        {"tol": 0.2},
    ],
    ids=str,
)
def test_settings_go_with_a_proxy(song, parameters):
    proxied = explain(song, proxy="auto", **parameters)
    exact = explain(song, **parameters | {"tol": None, "design": "exhaustive", "n_samples": 4096})
    plain = explain(song, **parameters)
    of_proxy, of_plain = (np.linalg.norm(e.weights - exact.weights) for e in (proxied, plain))
    assert 0 < of_proxy < of_plain


def test_a_factored_model_has_the_proxy_of_the_same_model_as_a_function(made_songs, made_model):
    X = made_songs[0].iloc[:1]
    settings = {"n_samples": 60, "random_state": 0, "design": "paired"}
    one, two = (
        MusicLimeExplainer(model, **settings).fit(X).explain(X, labels=1)[0]
        for model in (made_model, made_model.predict_proba)
    )
    assert one.settings["proxy_factor"][0] > 0
    np.testing.assert_allclose(one.weights, two.weights, rtol=1e-5, atol=1e-8)
    crossed, without = (
        MusicLimeExplainer(made_model, n_samples=60, random_state=0, proxy=proxy).fit(X).explain(X)
        for proxy in ("auto", None)
    )
    np.testing.assert_array_equal(crossed[0].weights, without[0].weights)


def test_a_regressor_of_the_users_own_is_the_proxy(song):
    """With one that foresees nothing weights are those without a proxy or have larger errors."""
    good, bad, none = (
        explain(song, proxy=proxy, n_samples=100)
        for proxy in (make_pipeline(StandardScaler(), RidgeCV()), DummyRegressor(), None)
    )
    assert good.settings["proxy"].startswith("Pipeline")
    assert np.square(good.std_err).sum() < np.square(none.std_err).sum() / 1.5
    assert np.square(bad.std_err).sum() <= np.square(none.std_err).sum() * 1.0001


def test_few_masks_by_default_where_they_are_dear(song, made_songs, made_model):
    everything = {"n_samples": "auto", "proxy": "auto"}
    assert explain(song, **everything).settings["n_samples"] == 300
    assert explain(song, n_samples="auto").settings["n_samples"] == 1000
    X = made_songs[0].iloc[:1]
    explanation = MusicLimeExplainer(made_model, random_state=0).fit(X).explain(X)[0]
    assert explanation.settings["n_audio_masks"] > 2000
    n_lyrics = explanation.settings["n_lyric_masks"]
    assert n_lyrics >= min(240, 2 ** (len(explanation.components) - explanation.components.n_audio))


def test_a_selection_of_components_takes_no_proxy(song):
    settings = {"feature_selection": "highest_weights", "n_features": 3}
    one, two = (explain(song, proxy=proxy, **settings) for proxy in ("auto", None))
    np.testing.assert_array_equal(one.weights, two.weights)


def loud(X):
    """A probability that rises steeply with the loudness of the song."""
    loudness = np.array([np.log10(np.mean(np.square(cell)) + 1e-6) for cell in X[:, 0]])
    p = 1 / (1 + np.exp(-6 * (loudness + 2.2)))
    return np.column_stack([1 - p, p])


@pytest.mark.slow
def test_few_masks_for_many_components(song):
    """Fewer pairs than components: without a proxy weights are shrunk and have no intervals."""
    many = {"segmenter": UniformSegmenter(n_segments=40), "n_samples": 60, "model": loud}
    proxied = explain(song, proxy="auto", **many)
    with pytest.warns(UserWarning, match="too few masks"):
        plain = explain(song, **many)
    exact = explain(song, **many | {"n_samples": 10_000})
    of_proxy, of_plain = (np.linalg.norm(e.weights - exact.weights) for e in (proxied, plain))
    assert of_proxy < of_plain
    assert np.isnan(plain.to_frame()["low"]).all()
    found = proxied.to_frame()
    held = (found["low"] <= exact.weights[0]) & (exact.weights[0] <= found["high"])
    assert held.mean() > 0.85


def test_songs_beyond_those_of_the_fit_correct_the_proxy_as_well(population, monkeypatch):
    components, every, scores = population
    sizes = components.n_audio, components.n_lyrics
    free = draw_neighbourhood("paired", *sizes, 20_000, rng(1))
    truth = fit_neighbourhood(every, scores).weights[0]
    drawn = draw_neighbourhood("paired", *sizes, 400, rng(2))
    own = scores_of(every, scores, drawn)
    monkeypatch.setattr(predictions_module, "MOST_FITTED", 40)
    found = ProxyFit(fit_neighbourhood, fit_by_moments, components, None, free)(drawn, own)
    plain = fit_neighbourhood(drawn, own)
    assert found.proxy_factor[0] > 0
    errors = [np.square(s.weights[0] - truth).sum() for s in (found, plain)]
    assert errors[0] < errors[1]
    assert (np.abs(found.weights[0] - truth) < 4.5 * found.std_err[0] + 1e-12).all()


@pytest.mark.parametrize("n_samples", [2, 4, 6])
def test_hardly_any_masks(song, n_samples):
    with pytest.warns(UserWarning, match="too few masks"):
        proxied = explain(song, proxy="auto", n_samples=n_samples)
    assert np.isfinite(proxied.weights).all()


def test_scores_that_do_not_vary(song):
    explanation = explain(song, model=lambda X: np.tile([0.25, 0.75], (len(X), 1)), proxy="auto")
    np.testing.assert_allclose(explanation.weights, 0, atol=1e-9)


def test_silence_and_an_enumeration(song):
    silence = song_array((np.zeros(RATE, dtype=np.float32), WORDS))
    assert np.isfinite(explain(silence, proxy="auto").weights).all()
    one, two = (explain(song, proxy=p, design="exhaustive") for p in ("auto", None))
    np.testing.assert_array_equal(one.weights, two.weights)


def audio_of(song, n_sources, n_segments):
    """Random shares of a waveform as its sources."""
    share = rng(3).dirichlet(np.ones(n_sources), size=len(song)).T
    borders = np.linspace(0, len(song), n_segments + 1).astype(int)
    names = tuple(f"s{i}" for i in range(n_sources))
    return AudioComponents(song, names, (share * song).astype(np.float32), borders, RATE)


@pytest.mark.parametrize(("n_sources", "n_segments"), [(1, 4), (3, 2), (6, 3)])
def test_sound_features_are_those_of_composed_songs(n_sources, n_segments, song):
    audio = audio_of(song[0, 0][:-3].astype(np.float32), n_sources, n_segments)
    masks = rng().random((300, len(audio))) < 0.5
    masks[0] = False
    found = sound_features(Decomposition(audio, None), masks)
    featurizer = SpectralStatistics(("mel",), ("mean", "std", "max"), sampling_rate=RATE)
    composed = featurizer.transform([compose_audio(audio, mask) for mask in masks[:8]])
    np.testing.assert_allclose(found[:8], composed, rtol=1e-4, atol=1e-4)
    # Whatever the other masks are.
    some = sound_features(Decomposition(audio, None), masks[5:12])
    np.testing.assert_allclose(some, found[5:12], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("n_sources", "n_segments"), [(6, 60), (6, 1), (1, 900), (12, 20), (3, 4)])
@pytest.mark.parametrize("seconds", [0.001, 15, 240])
def test_the_work_for_sound_features_is_bounded(n_sources, n_segments, seconds):
    n_samples = int(seconds * 22050)
    borders = np.unique(np.linspace(0, n_samples, n_segments + 1).astype(int))
    audio = AudioComponents(None, ("a",) * n_sources, None, borders, 22050)
    hop = features_module.hop_length(audio)
    groups = frame_groups(audio, features_module.N_FFT, hop)
    n_cases = [min(2 ** (n_sources * len(g.segments)), 2**14) for g in groups]
    n_frames = sum(n * g.n_frames for n, g in zip(n_cases, groups, strict=True))
    assert n_frames <= max(1_000_000, n_cases[0])


def test_frames_further_apart_sound_alike(song, monkeypatch):
    audio = audio_of(song[0, 0].astype(np.float32), 2, 5)
    masks = rng().random((200, len(audio))) < 0.5
    usual = sound_features(Decomposition(audio, None), masks)
    monkeypatch.setattr(features_module, "HOP_LENGTH", 1024)
    coarse = sound_features(Decomposition(audio, None), masks)
    rest = np.square(coarse - usual).sum(axis=0) / np.square(usual - usual.mean(axis=0)).sum(axis=0)
    assert 1e-6 < rest[: 2 * features_module.N_MELS].max() < 0.1
