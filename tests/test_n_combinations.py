"""A bound on what the head of a factored model scores: kept, unbiased, and told by the errors."""

import numpy as np
import pytest
from populations import all_masks, ask, draw, population_weights, sigmoid, sobol
from sklearn.exceptions import ConvergenceWarning

from sklearn_musiclime import MusicLimeExplainer
from sklearn_musiclime.surrogate import (
    fit_interactions,
    fit_neighbourhood,
    fit_shares,
    margin,
    share_bounds,
)

N_AUDIO, N_LYRICS = 7, 5


def model(x):
    """Saturates, and joins audio with lyrics and with itself."""
    odds = 3 * x[:, 0] + 2 * x[:, 9] - 2 * x[:, 1] * x[:, 10] + 2 * x[:, 3] * x[:, 4] - 1
    return sigmoid(odds) + 0.3 * x[:, 2] * x[:, 8] + 0.6 * x[:, 4:7].prod(axis=1) * x[:, 11]


class Halves:
    """A factored model whose head counts what it scores."""

    def __init__(self):
        self.n_scored = 0

    def encode_audio(self, column):
        return np.array([[np.abs(waveform[:5]).mean()] for waveform in column])

    def encode_lyrics(self, column):
        return np.array([[len(text)] for text in column])

    def predict_encoded(self, audio, lyrics):
        self.n_scored += len(audio)
        return np.tanh(audio * lyrics / 20 - 1) + audio

    def predict(self, X):
        return self.predict_encoded(self.encode_audio(X[:, 0]), self.encode_lyrics(X[:, 1]))


def song(text="one two three four five six seven eight nine ten"):
    X = np.empty((1, 2), dtype=object)
    X[0] = [np.ones(1000, dtype=np.float32), text]
    return X


def explained(X=None, **parameters):
    explainer = MusicLimeExplainer(Halves(), separator=None, random_state=0, **parameters)
    X = song() if X is None else X
    explanation = explainer.fit(X).explain(X)[0]
    return explanation, explainer.model_.n_scored


@pytest.mark.parametrize("n_samples", [(60, 40), (40, 40), (200, 16), (200, 40)])
@pytest.mark.parametrize("n_combinations", [810, 1000, 2500, 10**6])
def test_combinations_are_at_most_as_many_and_balanced(n_samples, n_combinations):
    free = draw("crossed", N_AUDIO, N_LYRICS, n_samples)
    drawn = draw("crossed", N_AUDIO, N_LYRICS, n_samples, n_combinations=n_combinations)
    n_drawn = len(drawn.pairs) + len(drawn.grid_pairs)
    assert n_drawn <= n_combinations
    assert n_drawn > 0.9 * min(n_combinations, len(free.pairs) + len(free.grid_pairs))
    for side in (0, 1):
        np.testing.assert_array_equal(drawn.sides[side], free.sides[side])
        met = np.bincount(drawn.pairs[drawn.n_known :, side])
        assert met[met > 0].min() >= 2  # each mask is asked about, with one and its complement
        # Complements are combined alike, so that even effects cancel.
        np.testing.assert_array_equal(met[::2], met[1::2])
    assert drawn.pairs[0].tolist() == [0, 0]
    if n_combinations == 10**6:  # no bound at all
        assert drawn.digest() == free.digest()
        np.testing.assert_array_equal(drawn.all_pairs, free.all_pairs)


@pytest.mark.parametrize(
    ("n_samples", "n_combinations"),
    [((60, 40), 250), ((40, 40), 170), ((200, 40), 830)],  # of the last both sides are complete
)
@pytest.mark.slow
def test_weights_are_unbiased_and_covered_far_below_the_grid(n_samples, n_combinations):
    expected = population_weights(model, N_AUDIO + N_LYRICS, 0.25)
    found, held, claimed = [], [], []
    for seed in range(200):
        drawn = draw("crossed", N_AUDIO, N_LYRICS, n_samples, seed, n_combinations=n_combinations)
        fit = fit_neighbourhood(drawn, ask(drawn, model).pairs)
        found.append(fit.weights[0])
        held.append((fit.low[0] <= expected) & (expected <= fit.high[0]))
        claimed.append(fit.std_err[0])
    spread = np.std(found, axis=0)
    assert (np.abs(np.mean(found, axis=0) - expected) < 3.3 * spread / np.sqrt(200)).all()
    large = np.abs(expected) > 0.3 * np.abs(expected).max()
    assert 0.92 <= np.mean(held) <= 0.99
    assert np.mean(np.array(held)[:, large]) >= 0.92
    # Where all masks are there, that each is met as often makes errors smaller than is claimed.
    assert 0.75 < np.mean(np.square(claimed)) / np.mean(np.square(spread)) < 1.5


@pytest.mark.slow
def test_interactions_and_shares_from_a_small_grid_are_covered():
    masks = all_masks(N_AUDIO + N_LYRICS)
    signs, scores = 2.0 * masks - 1, model(masks.astype(float))
    # Banzhaf interactions: 4 times the coefficients of products of signs.
    expected = 4 * (signs[:, :N_AUDIO] * scores[:, None]).T @ signs[:, N_AUDIO:] / len(masks)
    shares = sobol(model, N_AUDIO, N_LYRICS)
    held, held_shares = [], []
    for seed in range(150):
        drawn = draw("crossed", N_AUDIO, N_LYRICS, (80, 60), seed, n_combinations=1500)
        assert len(drawn.grid_pairs) < 1300  # of 60 x 32
        answers = ask(drawn, model)
        fit = fit_neighbourhood(drawn, answers.pairs)
        terms = fit_interactions(
            drawn, answers.pairs, fit, answers.grid, which="cross", kernel="exponential"
        )
        reach = margin(terms.std_err[0], terms.dof[0])
        held.append(np.abs(terms.weights[0] - expected.ravel()) <= reach + 1e-9)
        found = fit_shares(drawn, answers, terms)
        low, high = share_bounds(found.values[0], found.std_err[0], found.dof[0])
        held_shares.append((low <= shares) & (shares <= high))
    assert 0.92 <= np.mean(held) <= 0.99
    assert np.mean(held_shares) >= 0.9


def test_the_explainer_keeps_the_bound_and_says_what_it_took():
    free, n_free = explained(n_samples=(200, 100))
    assert free.settings["n_combinations"] > 10_000
    bound, n_bound = explained(n_samples=(200, 100), n_combinations=1000)
    assert 900 < bound.settings["n_combinations"] <= 1000
    assert n_bound <= bound.settings["n_combinations"] + 4  # the song, and what checks the parts
    assert n_bound < n_free / 9
    for name in ("n_audio_masks", "n_lyric_masks"):
        assert bound.settings[name] == free.settings[name]
    error = np.hypot(free.std_err, bound.std_err)
    assert (np.abs(free.weights - bound.weights) < 4.5 * error).all()
    assert (bound.std_err.mean() > free.std_err.mean()).all()
    high, _ = explained(n_samples=(200, 100), n_combinations=10**6)
    np.testing.assert_array_equal(high.weights, free.weights)
    assert high.settings | {"time": 0} == free.settings | {"time": 0}


def test_the_number_of_masks_follows_the_bound():
    found, _ = explained(n_combinations=200)
    assert found.settings["n_combinations"] <= 200
    assert found.settings["n_audio_masks"] <= 50


def test_a_tolerance_stays_within_the_bound():
    with pytest.warns(ConvergenceWarning, match=r"at max_samples=5000 or n_combinations=600"):
        found, _ = explained(n_samples=40, tol=1e-4, max_samples=5000, n_combinations=600)
    assert found.settings["n_combinations"] <= 600
    assert found.settings["n_samples"] > 200  # more were drawn, until the bound
    assert found.settings["converged"] is False


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"n_combinations": 99}, "n_combinations"),
        ({"n_combinations": 0}, "n_combinations"),
        ({"n_combinations": 400.0}, "n_combinations"),
        ({"n_combinations": "all"}, "n_combinations"),
        ({"n_combinations": 400, "n_samples": (300, 50)}, "less than 4 for each mask of n_samples"),
        ({"n_combinations": 400, "design": "paired"}, "is for design='crossed'"),
    ],
)
def test_nonsense_is_refused_before_any_work(parameters, match):
    with pytest.raises(ValueError, match=match):
        MusicLimeExplainer(Halves(), **parameters).fit(song())


def test_a_black_box_has_no_combinations():
    explainer = MusicLimeExplainer(Halves().predict, n_combinations=500, separator=None)
    with pytest.raises(ValueError, match=r"for this model, a black box: a function; n_samples is"):
        explainer.fit(song()).explain(song())
