"""Standard errors, interactions, shares and Shapley values, against truths known otherwise.

Over 400 lines since errors, interactions and shares are estimated from one design.
"""

from itertools import combinations
from math import comb, factorial

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression, Ridge

from sklearn_musiclime.neighbourhood import Sampling, Side, draw_masks, draw_neighbourhood
from sklearn_musiclime.surrogate import (
    crossed_interactions,
    errors,
    fit_interactions,
    fit_neighbourhood,
    fit_shapley,
    fit_shares,
    fit_surrogate,
    joint_interactions,
    kernel_weights,
    margin,
    modality_shares,
    shapley_interactions,
    shapley_kernel_weights,
)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Game:
    """A score of masks with main effects, cross interactions and a curve."""

    def __init__(self, n_audio, n_lyrics, seed, *, n_pairs=3, curve=sigmoid, main=1.0):
        rng = np.random.default_rng(seed)
        self.n_audio = n_audio
        self.audio = rng.choice(n_audio, n_pairs, replace=False)
        self.words = n_audio + rng.choice(n_lyrics, n_pairs, replace=False)
        self.effects = (
            main * rng.normal(size=n_audio + n_lyrics) * (rng.random(n_audio + n_lyrics) < 0.1)
        )
        self.curve = curve
        self.middle = self.effects.sum() / 2 + n_pairs / 4

    def __call__(self, masks):
        x = np.asarray(masks, dtype=float)
        z = x @ self.effects + (x[:, self.audio] * x[:, self.words]).sum(axis=1)
        return self.curve(1.5 * (z - self.middle))[:, np.newaxis]

    @property
    def pairs(self):
        return set(zip(self.audio.tolist(), self.words.tolist(), strict=True))


def explained(game, design, n_lyrics, n_samples, seed, *, which="cross", **options):
    """Neighbourhood, what the game says of it, surrogate and interactions."""
    rng = np.random.default_rng([1, seed])
    drawn = draw_neighbourhood(
        design, game.n_audio, n_lyrics, n_samples, rng, with_grid=True, with_shares=True, **options
    )
    pairs = drawn.all_pairs
    masks = np.hstack([drawn.audio_masks[pairs[:, 0]], drawn.lyric_masks[pairs[:, 1]]])
    answers = drawn.split(game(masks))
    surrogate = fit_neighbourhood(drawn, answers.pairs)
    found = fit_interactions(
        drawn, answers.pairs, surrogate, answers.grid, which=which, kernel="exponential"
    )
    return drawn, answers, surrogate, found


# Standard errors.


@pytest.mark.slow
@pytest.mark.parametrize("design", ["independent", "paired", "crossed"])
def test_intervals_cover(design):
    """95 % intervals hold the converged weight in 92 to 98 % of cases, for main effects."""
    game = Game(20, 15, seed=3)
    n_samples = (200, 200) if design == "crossed" else 600
    truth = np.mean(
        [explained(game, "paired", 15, 40_000, s)[2].weights[0] for s in range(3)], axis=0
    )
    covered = []
    for seed in range(100):
        surrogate = explained(game, design, 15, n_samples, seed)[2]
        covered.append((surrogate.low[0] <= truth) & (truth <= surrogate.high[0]))
    assert 0.92 <= np.mean(covered) <= 0.98


def test_interaction_intervals_cover():
    game = Game(20, 15, seed=3)
    runs = [explained(game, "crossed", 15, 200, seed)[3] for seed in range(100)]
    weights, reach = (
        np.stack(x)
        for x in zip(*((r.weights[0], margin(r.std_err, r.dof)[0]) for r in runs), strict=True)
    )
    covered = np.abs(weights - weights.mean(axis=0)) <= reach
    assert 0.92 <= covered.mean() <= 0.98


def test_written_out_and_structured_standard_errors_agree():
    """The crossed fit and the general one, told of the same units."""
    game = Game(12, 10, seed=0)
    drawn, answers, crossed, _ = explained(game, "crossed", 10, 600, 0)
    general = fit_surrogate(drawn.masks, answers.pairs, sampling=drawn.sampling)
    np.testing.assert_allclose(general.weights, crossed.weights, atol=1e-10)
    np.testing.assert_allclose(general.std_err, crossed.std_err, rtol=0.03)
    np.testing.assert_allclose(general.fidelity, crossed.fidelity, atol=0.01)


def test_standard_errors_do_not_depend_on_how_many_are_added_up_at_a_time(monkeypatch):
    game = Game(12, 10, seed=0)
    expected = explained(game, "crossed", 10, 60, 0)[2].std_err
    monkeypatch.setattr(errors, "BLOCK_BYTES", 7 * 8 * 22)  # seven units of 22 components
    found = explained(game, "crossed", 10, 60, 0)[2].std_err
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def textbook_variance(bread, X, w, residual, units, *, scale=None):
    """Of least squares with clustered errors: bread, meat, bread."""
    meat = 0
    for unit in np.unique(units):
        own = X[units == unit].T * w[units == unit]
        by = 1 if scale is None else scale[unit]
        meat = meat + by * np.outer(*[own @ residual[units == unit]] * 2)
    return np.diag(bread @ meat @ bread)[1:]


@pytest.mark.parametrize(("regressor", "penalty"), [(LinearRegression(), 0), (Ridge(2.0), 2)])
def test_standard_errors_are_the_textbooks(regressor, penalty):
    """The sandwich, with residuals as large on average as what they are left of."""
    rng = np.random.default_rng(0)
    masks = draw_masks("independent", 4, 60, rng, replacement=True)
    noise = rng.normal(size=(60, 2)) * (1 + masks[:, :1])
    scores = masks @ [[1.0, 0.0], [2.0, 1.0], [0.0, 0.0], [-1.0, 3.0]] + noise
    order = rng.permutation(60)
    sampling = Sampling((Side(slice(None), order),), np.ones(60))
    found = fit_surrogate(masks, scores, regressor=regressor, sampling=sampling)
    X, w = np.column_stack([np.ones(60), masks]), kernel_weights(masks)
    bread = np.linalg.inv((X.T * w) @ X + np.diag([0] + [penalty] * 4))
    residual_maker = np.eye(60) - X @ bread @ (X.T * w)
    left = np.square(residual_maker).sum(axis=1)  # of errors of variance 1
    residual = scores - X @ np.vstack([found.intercept, found.weights.T])
    for label, rest in enumerate(residual.T):
        scale = np.empty(60)
        scale[order] = 1 / left
        expected = textbook_variance(bread, X, w, rest, order, scale=scale)
        np.testing.assert_allclose(found.std_err[label], np.sqrt(expected), rtol=1e-8)


def test_errors_of_crossed_masks_add_up_two_ways():
    """Cameron, Gelbach and Miller's sum for many clusters, where leverage is of no account."""
    rng = np.random.default_rng(0)
    masks = draw_masks("independent", 4, 4000, rng, replacement=True)
    own, other = rng.integers(0, 400, 4000), rng.integers(0, 300, 4000)
    shared = rng.normal(size=400)[own] + rng.normal(size=300)[other]
    scores = masks @ [1.0, 2.0, 0.0, -1.0] + shared + rng.normal(size=4000)
    sides = Side(slice(0, 2), own), Side(slice(2, 4), other)
    found = fit_surrogate(masks, scores, sampling=Sampling(sides, np.ones(4000), density=0.0))
    X, w = np.column_stack([np.ones(4000), masks]), kernel_weights(masks)
    design = np.linalg.inv((X.T * w) @ X), X, w, scores - found.intercept - masks @ found.weights[0]
    by_own, by_other, both = (
        textbook_variance(*design, units) for units in (own, other, 300 * own + other)
    )
    expected = (
        np.sqrt(by_own + np.maximum(by_other - both, 0)),
        np.sqrt(by_other + np.maximum(by_own - both, 0)),
    )
    np.testing.assert_allclose(found.std_err[0, :2], expected[0][:2], rtol=0.03)
    np.testing.assert_allclose(found.std_err[0, 2:], expected[1][2:], rtol=0.03)


def test_standard_errors_of_least_squares():
    """With residuals that have one variance: the textbook's s^2 (X'X)^-1."""
    rng = np.random.default_rng(0)
    masks = draw_masks("independent", 4, 4000, rng, replacement=True)
    scores = masks @ [[1.0], [2.0], [0.0], [-1.0]] + rng.normal(size=(4000, 1))
    found = fit_surrogate(masks, scores, kernel_width=np.inf, regressor=LinearRegression())
    centred = masks - masks.mean(axis=0)
    expected = np.sqrt(np.diag(np.linalg.inv(centred.T @ centred)))
    np.testing.assert_allclose(found.std_err[0], expected, rtol=0.05)


def test_a_model_that_is_linear_has_no_error():
    masks = draw_masks("paired", 5, 100, np.random.default_rng(0), replacement=True)
    found = fit_surrogate(masks, masks @ np.arange(5.0), regressor=LinearRegression())
    assert found.std_err.max() < 1e-10
    np.testing.assert_allclose(found.weights[0], np.arange(5.0), atol=1e-10)


# Interactions.


def with_complements(n_masks):
    """An order of all masks in which each is followed by its complement."""
    half = np.arange(n_masks // 2)
    return np.stack([half, n_masks - 1 - half], axis=1).ravel()


def test_planted_interactions_are_found():
    """Three among 40 x 60, 20 seeds, 200 masks a half: all first, and hardly any false."""
    false = 0
    for seed in range(20):
        game = Game(40, 60, seed)
        found = explained(game, "crossed", 60, 200, seed)[3]
        first = np.argsort(-np.abs(found.weights[0]))[:3]
        assert set(map(tuple, found.pairs[first].tolist())) == game.pairs
        assert (found.q_values[0][first] < 0.05).all()
        false += np.sum(found.q_values[0] < 0.05) - 3
    assert false <= 20  # a curve over the planted ones makes a few true ones more


@pytest.mark.parametrize("design", ["paired", "independent"])
def test_black_boxes_show_them_too(design):
    game = Game(15, 12, seed=1, curve=lambda z: z, main=0.3)
    found = explained(game, design, 12, 2000, 0)[3]
    real = found.pairs[found.q_values[0] < 0.05]
    assert game.pairs <= set(map(tuple, real.tolist()))
    assert len(real) <= 5
    first = np.argsort(-np.abs(found.weights[0]))[:3]
    np.testing.assert_allclose(found.weights[0][first], 1.5, atol=5 * found.std_err[0][first].max())


@pytest.mark.parametrize("design", ["paired", "independent"])
def test_masks_drawn_for_shapley_values_show_no_interactions(design):
    """Treated as fair coins they make pairs of what is of one modality alone: refused."""
    drawn = draw_neighbourhood(design, 15, 12, 200, np.random.default_rng(0), kernel="shapley")
    scores = np.square(drawn.masks[:, :15].sum(axis=1, keepdims=True)) / 15
    surrogate = fit_neighbourhood(drawn, scores, kernel="shapley")
    with pytest.raises(ValueError, match="from all masks alone"):
        fit_interactions(drawn, scores, surrogate, None, which="cross", kernel="shapley")


@pytest.mark.parametrize("unit", [1e3, 1e-6])
@pytest.mark.parametrize("design", ["crossed", "paired", "independent", "exhaustive"])
def test_the_unit_of_the_scores_is_of_no_account(design, unit):
    """Scores times a thousand, and some more: so are the interactions, and as real."""
    game = Game(6, 5, seed=1, main=0.3)
    n_samples = 2048 if design == "exhaustive" else 500

    def in_another_unit(masks):
        return unit * (game(masks) + 0.05)

    in_another_unit.n_audio = 6
    ours, theirs = (
        explained(g, design, 5, n_samples, 0, which="all")[3] for g in (game, in_another_unit)
    )
    np.testing.assert_array_equal(theirs.pairs, ours.pairs)
    np.testing.assert_allclose(theirs.weights / unit, ours.weights, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(theirs.std_err / unit, ours.std_err, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(theirs.q_values, ours.q_values, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("design", ["crossed", "paired", "independent"])
def test_models_without_interactions_show_none(design):
    """Additive in the score, or of one modality, curved as may be: at most one run of 20."""
    n_runs_with = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=(2, 12))

        def additive(masks, a=a, b=b):
            x = np.asarray(masks, dtype=float)
            return (np.tanh(x[:, :12] @ a) + np.exp(x[:, 12:] @ b / 4))[:, np.newaxis]

        additive.n_audio = 12
        found = explained(additive, design, 12, 600, seed)[3]
        n_runs_with += bool((found.q_values < 0.05).any())
        if design == "crossed":
            assert not found.weights.any()  # cancelled, to the last bit that counts
    assert n_runs_with <= 1


def test_grid_interactions_are_least_squares():
    """Against a regression of the scores on everything: main effects and all products."""
    rng = np.random.default_rng(0)
    half = rng.integers(0, 2, (2, 40, 4)).astype(bool)
    audio, lyrics = np.stack([half, ~half], axis=2).reshape(2, 80, 4)
    scores = rng.normal(size=(80, 80, 1))
    found = crossed_interactions(audio, lyrics, scores)
    products = (audio - 0.5)[:, np.newaxis, :, np.newaxis] * (lyrics - 0.5)[:, np.newaxis]
    # Row and column effects are orthogonal to products of complements.
    fit = LinearRegression().fit(products.reshape(6400, 16), scores.ravel())
    np.testing.assert_allclose(found.weights[0], fit.coef_, atol=1e-10)
    assert found.pairs.tolist() == [[k, 4 + m] for k in range(4) for m in range(4)]


def test_grid_standard_errors_are_those_of_two_ways():
    """Against Cameron, Gelbach and Miller's sum for the regression on all products."""
    rng = np.random.default_rng(0)
    half = rng.integers(0, 2, (2, 120, 8)).astype(bool)
    audio, lyrics = np.stack([half, ~half], axis=2).reshape(2, 240, 8)
    a, m = 2.0 * audio - 1, 2.0 * lyrics - 1
    scores = 3 * np.outer(a[:, 0], m[:, 0]) + np.outer(a[:, 1], m[:, 0] * m[:, 1] * m[:, 2])
    scores += np.outer(a.prod(axis=1), m[:, 2]) + rng.normal(size=(240, 240))
    found = crossed_interactions(audio, lyrics, scores[:, :, np.newaxis])
    folded = (scores[::2, ::2] - scores[1::2, ::2] - scores[::2, 1::2] + scores[1::2, 1::2]) / 4
    X = np.einsum("ik,jm->ijkm", a[::2] / 2, m[::2] / 2).reshape(-1, 64)
    rest = folded.ravel() - X @ found.weights[0]
    ones, bread = np.ones(len(X)), np.linalg.inv(X.T @ X)
    rows, columns = np.divmod(np.arange(120**2), 120)
    design = (np.pad(bread, ((1, 0), (1, 0))), np.pad(X, ((0, 0), (1, 0))), ones, rest)
    by_row, by_column, by_cell = (
        textbook_variance(*design, units) for units in (rows, columns, np.arange(120**2))
    )
    expected = np.maximum(by_row + by_column - by_cell, (by_row + by_column) / 2)
    np.testing.assert_allclose(found.std_err[0], np.sqrt(expected), rtol=0.06)


def test_a_grid_of_all_masks_leaves_no_error():
    audio, lyrics = (draw_masks("exhaustive", p, 2, None) for p in (3, 2))
    audio, lyrics = (half[with_complements(len(half))] for half in (audio, lyrics))
    scores = 1.0 * np.outer(audio[:, 1] & audio[:, 2], lyrics[:, 0]) + lyrics[:, 1]
    with np.errstate(all="raise"):
        found = crossed_interactions(audio, lyrics, scores[:, :, np.newaxis], fractions=(1.0, 1.0))
    np.testing.assert_allclose(found.weights[0].reshape(3, 2), [[0, 0], [0.5, 0], [0.5, 0]])
    assert not found.std_err.any()
    np.testing.assert_array_equal(found.q_values, found.weights == 0)


def test_more_words_than_pairs_of_masks():
    """Ill posed as least squares; then each is estimated apart, and what is strong still shows."""
    game = Game(10, 150, seed=0, curve=lambda z: z)
    found = explained(game, "crossed", 150, 200, 0)[3]
    first = np.argsort(-np.abs(found.weights[0]))[:3]
    assert set(map(tuple, found.pairs[first].tolist())) == game.pairs
    np.testing.assert_allclose(found.weights[0][first], 1.5, atol=0.25)


def test_more_masks_of_few_words_than_a_grid_has_room_for():
    """All 512 masks of nine words are there, 200 in the grid: a fair draw of them."""

    def score(masks):
        x = np.asarray(masks, dtype=float)
        return (x[:, 0] * x[:, 12] + x[:, 1] * x[:, 20] + x[:, 12:].prod(axis=1))[:, np.newaxis]

    score.n_audio = 12
    drawn, _, _, found = explained(score, "crossed", 9, 1000, 0)
    assert len(drawn.lyric_masks) == 512
    assert [len(half) for half in drawn.grid] == [200, 200]
    coded = 2.0 * drawn.lyric_masks[drawn.grid[1]][::2] - 1
    np.testing.assert_allclose(coded.T @ coded / 100, np.eye(9), atol=0.4)  # no two go together
    assert found.pairs[found.q_values[0] < 0.05].tolist() == [[0, 12], [1, 20]]
    np.testing.assert_allclose(found.weights[0].sum(), 2.0, atol=1e-9)


def test_a_song_of_two_words():
    """All masks of the lyrics are there, so they leave nothing to chance."""

    def score(masks):
        x = np.asarray(masks, dtype=float)
        together = x[:, 3] * x[:, 13] + 2 * x[:, 0] * x[:, 1] * x[:, 13]
        return (together + x[:, :12].prod(axis=1) + x[:, 5])[:, np.newaxis]

    score.n_audio = 12
    drawn, answers, _, found = explained(score, "crossed", 2, 200, 0)
    assert len(drawn.lyric_masks) == 4
    assert found.pairs[found.q_values[0] < 0.05].tolist() == [[0, 13], [1, 13], [3, 13]]
    # Of the audio alone are the degrees of freedom of the tests.
    dof = len(drawn.grid[0]) // 2 - 12
    ratio = np.abs(found.weights[0]) / np.maximum(found.std_err[0], 1e-99)
    expected = stats.false_discovery_control(2 * stats.t.sf(ratio, dof))
    np.testing.assert_allclose(found.q_values[0], expected)
    # And so it is with the halves changed over.
    audio, lyrics = drawn.grid
    turned = crossed_interactions(
        drawn.lyric_masks[lyrics],
        drawn.audio_masks[audio],
        answers.grid.transpose(1, 0, 2),
        fractions=drawn.sampling.grid_fractions[::-1],
    )
    for name in ("weights", "std_err", "q_values"):
        there = getattr(turned, name).reshape(2, 12).T.ravel()
        np.testing.assert_allclose(there, getattr(found, name)[0], rtol=1e-8, atol=1e-15)


@pytest.mark.parametrize(("design", "alone"), [("crossed", 10), ("paired", 0)])
def test_within_a_modality(design, alone):
    """In a crossed design the song itself, which may be far from the rest, has no part in it."""

    def score(masks):
        x = np.asarray(masks, dtype=float)
        products = 2 * x[:, 1] * x[:, 3] - x[:, 13] * x[:, 16]
        return (products + x[:, 5] + alone * masks.all(axis=1))[:, np.newaxis]

    score.n_audio = 12
    n_false = n_found = 0
    for seed in range(10):
        found = explained(score, design, 10, 800, seed, which="all")[3]
        real = {tuple(pair) for pair in found.pairs[found.q_values[0] < 0.05].tolist()}
        assert {(1, 3), (13, 16)} <= real
        n_false, n_found = n_false + len(real) - 2, n_found + len(real)
        planted = [found.pairs.tolist().index(pair) for pair in ([1, 3], [13, 16])]
        np.testing.assert_allclose(found.weights[0][planted], [2, -1], atol=0.1)
        assert len(found.pairs) == 22 * 21 / 2
    assert n_false <= 0.05 * n_found + 2  # a rate, and its own error


@pytest.mark.parametrize(("design", "of_each"), [("independent", 1), ("paired", 2)])
def test_standard_errors_of_interactions_of_noise(design, of_each):
    """Of noise of variance 1 a product of two coins, -1/4 or 1/4, has 4 / sqrt(n)."""
    rng = np.random.default_rng(0)
    masks = draw_masks(design, 5, 4000, rng, replacement=True)
    pairs = np.array(list(combinations(range(5), 2)))
    found = joint_interactions(masks, rng.normal(size=(4000, 1)), pairs, design=design)
    expected = 4 * np.sqrt(1 / of_each) / np.sqrt(4000 / of_each)
    np.testing.assert_allclose(found.std_err, expected, rtol=0.05)


@pytest.mark.parametrize("design", ["paired", "independent"])
def test_of_all_masks_every_design_gives_the_same(design):
    """The products of two columns are orthogonal then, so those left apart are as exact."""
    all_masks = draw_masks("exhaustive", 6, 2, None)
    scores = np.random.default_rng(0).normal(size=(64, 2)) + 2 * all_masks[:, :2]
    pairs = np.array(list(combinations(range(6), 2)))
    expected = joint_interactions(all_masks, scores, pairs, design="exhaustive")
    order = with_complements(64)
    found = joint_interactions(all_masks[order], scores[order], pairs, design=design)
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-12)


def test_exhaustive_masks_give_the_average_second_difference():
    rng = np.random.default_rng(0)
    masks = draw_masks("exhaustive", 6, 64, rng)
    scores = rng.normal(size=(64, 1))
    pairs = np.array(list(combinations(range(6), 2)))
    found = joint_interactions(masks, scores, pairs, design="exhaustive")
    score = {tuple(m): s for m, s in zip(masks.tolist(), scores[:, 0], strict=True)}
    for (k, m), weight in zip(pairs, found.weights[0], strict=True):
        differences = []
        for mask in masks[masks[:, k] & masks[:, m]]:
            both, one, other, neither = (mask.copy() for _ in range(4))
            one[m] = other[k] = neither[k] = neither[m] = False
            values = [score[tuple(x.tolist())] for x in (both, one, other, neither)]
            differences.append(values[0] - values[1] - values[2] + values[3])
        assert weight == pytest.approx(np.mean(differences), abs=1e-12)
    assert not found.std_err.any()
    assert not found.q_values.any()
    additive = joint_interactions(masks, masks[:, :1] + 0.1, pairs, design="exhaustive")
    assert not additive.weights.any()
    assert additive.q_values.all()


# Shares.


def test_shares_are_those_of_the_variances():
    """2 a + l + 2 a l, coded -1/2 and 1/2, has variances 4/4 : 1/4 : 4/16."""
    rng = np.random.default_rng(0)
    a, w = (np.repeat(rng.integers(0, 2, 300), 2) - 0.5 for _ in range(2))
    a[1::2] *= -1
    w[1::2] *= -1
    scores = 2 * a[:, np.newaxis] + w + 2 * np.outer(a, w)
    found = modality_shares(scores[:, :, np.newaxis])
    shares, std_err = found.values, found.std_err
    np.testing.assert_allclose(shares[0], [4 / 6, 1 / 6, 1 / 6], atol=0.01)
    assert (std_err < 0.02).all()


@pytest.mark.parametrize("design", ["crossed", "paired", "independent"])
@pytest.mark.parametrize("modality", [0, 1])
def test_one_modality_has_it_all(design, modality):
    def score(masks):
        x = np.asarray(masks, dtype=float)[:, 10 * modality : 10 * modality + 10]
        return sigmoid(x[:, 0] * 3 * x[:, 1] + x[:, 2] - 1)[:, np.newaxis]

    score.n_audio = 10
    drawn, answers, _, found = explained(score, design, 10, 1000, 0)
    shares = fit_shares(drawn, answers, linked=False).values
    assert shares[0, modality] > 0.99
    assert not (found.q_values < 0.05).any()


def anova(scores):
    """Variances of two random factors and of their interaction, from mean squares (Searle)."""
    n, m = scores.shape
    rows, columns, mean = scores.mean(axis=1), scores.mean(axis=0), scores.mean()
    of_rows = m * np.sum((rows - mean) ** 2) / (n - 1)
    of_columns = n * np.sum((columns - mean) ** 2) / (m - 1)
    rest = scores - rows[:, np.newaxis] - columns + mean
    of_both = np.sum(rest**2) / ((n - 1) * (m - 1))
    parts = np.array([(of_rows - of_both) / m, (of_columns - of_both) / n, of_both])
    return np.maximum(parts, 0) / np.maximum(parts, 0).sum()


@pytest.mark.parametrize(("n", "m"), [(4, 24), (2, 6), (30, 2), (10, 48)])
def test_shares_are_an_analysis_of_variance(n, m):
    """Standard errors by the textbook's jackknife, over up to ten groups of pairs a side."""
    rng = np.random.default_rng(0)
    sizes = np.array([1.0, 3.0])
    scores = (
        rng.normal(size=(n, 1, 2)) + sizes * rng.normal(size=(m, 2)) + rng.normal(size=(n, m, 2))
    )
    found = modality_shares(scores)
    shares, std_err = found.values, found.std_err
    for label in range(2):
        grid = scores[:, :, label]
        np.testing.assert_allclose(shares[label], anova(grid), atol=1e-12)
        variance = np.zeros(3)
        for axis, n_units in ((0, n // 2), (1, m // 2)):
            groups = np.arange(2 * n_units) // 2 % 10
            if n_units > 1:
                left = [anova(grid.compress(groups != g, axis)) for g in np.unique(groups)]
                spread = np.square(left - np.mean(left, axis=0)).sum(axis=0)
                variance += (len(left) - 1) / len(left) * spread
        np.testing.assert_allclose(std_err[label], np.sqrt(variance), atol=1e-12)


def test_linked_components_have_no_shares():
    drawn = draw_neighbourhood("paired", 3, 0, 8, np.random.default_rng(0))
    answers = drawn.split(np.ones((len(drawn), 2)))
    found = fit_shares(drawn, answers, linked=True)
    for values in (found.values, found.std_err):
        assert values.shape == (2, 3)
        assert np.isnan(values).all()


def test_a_constant_score_has_no_shares():
    found = modality_shares(np.full((20, 20, 1), 0.3))
    assert not found.values.any()
    assert not found.std_err.any()


# Shapley values.


def brute_force(values, p):
    """Shapley values from the score of every subset, by their definition."""
    shapley = np.zeros(p)
    for k in range(p):
        for subset, value in values.items():
            if not subset[k]:
                s = sum(subset)
                with_k = tuple(on or i == k for i, on in enumerate(subset))
                chance = factorial(s) * factorial(p - s - 1) / factorial(p)
                shapley[k] += chance * (values[with_k] - value)
    return shapley


@pytest.fixture(scope="module")
def random_game():
    masks = draw_masks("exhaustive", 10, 2, np.random.default_rng(0))
    scores = np.random.default_rng(1).normal(size=(1024, 1))
    return masks, scores, {tuple(m): s for m, s in zip(masks.tolist(), scores[:, 0], strict=True)}


def test_shapley_values_are_exact_on_all_masks(random_game):
    masks, scores, values = random_game
    found = fit_shapley(masks, scores, sample_weight=shapley_kernel_weights(masks))
    np.testing.assert_allclose(found.weights[0], brute_force(values, 10), atol=1e-8)
    assert found.weights.sum() == pytest.approx(scores[0, 0] - scores[-1, 0])


@pytest.mark.long
def test_shapley_values_are_those_of_shap(random_game):
    shap = pytest.importorskip("shap")
    masks, scores, values = random_game

    def score(rows):
        return np.array([values[tuple(row)] for row in (np.asarray(rows) > 0.5).tolist()])

    exact = shap.ExactExplainer(score, np.zeros((1, 10)))(np.ones((1, 10))).values[0]
    found = fit_shapley(masks, scores, sample_weight=shapley_kernel_weights(masks))
    np.testing.assert_allclose(found.weights[0], exact, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("n_samples", [100, 200, 600])
@pytest.mark.parametrize("design", ["paired", "independent"])
def test_sampled_shapley_values_are_within_their_errors(design, n_samples, random_game):
    """Of a game of noise, in which sizes are drawn apart and run out one after the other."""
    _, _, values = random_game
    exact, covered = brute_force(values, 10), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        drawn = draw_neighbourhood(design, 10, 0, n_samples, rng, kernel="shapley")
        scores = np.array([[values[tuple(mask)]] for mask in drawn.masks.tolist()])
        found = fit_neighbourhood(drawn, scores, kernel="shapley")
        covered.append((found.low[0] <= exact) & (exact <= found.high[0]))
    assert 0.92 <= np.mean(covered) <= 0.98


@pytest.mark.parametrize("p", [1, 2, 5])
def test_shapley_kernel(p):
    masks = draw_masks("exhaustive", p, 2, None)
    with np.errstate(all="raise"):
        weights = shapley_kernel_weights(masks)
    for mask, weight in zip(masks, weights, strict=True):
        s = mask.sum()
        expected = (p - 1) / (comb(p, s) * s * (p - s)) if 0 < s < p else 0
        assert weight == pytest.approx(expected)


def test_sampled_shapley_values_are_the_constrained_least_squares(random_game):
    """Whatever the order of the masks, and whatever is added to all scores."""
    _, _, values = random_game
    rng = np.random.default_rng(0)
    masks = draw_masks("independent", 10, 300, rng, kernel="shapley")
    scores = np.array([[values[tuple(mask)]] for mask in masks.tolist()])
    # The last value follows from the others: what is left to fit is free of the constraint.
    nothing, total = scores[1, 0], scores[0, 0] - scores[1, 0]
    X = masks[2:, :9] - 1.0 * masks[2:, [9]]
    target = scores[2:, 0] - nothing - total * masks[2:, 9]
    first = np.linalg.lstsq(X, target, rcond=None)[0]
    expected = np.append(first, total - first.sum())
    fitted = nothing + masks[2:] @ expected
    order = rng.permutation(300)
    found = fit_shapley(masks[order], scores[order] + 100)
    np.testing.assert_allclose(found.weights[0], expected, atol=1e-9)
    np.testing.assert_allclose(found.intercept, nothing + 100)
    rest = np.square(scores[2:, 0] - fitted).sum() / np.square(scores[2:] - scores[2:].mean()).sum()
    np.testing.assert_allclose(found.score, 1 - rest)
    np.testing.assert_allclose(found.local_prediction, scores[0] + 100)
    # HC2 of that regression; the last value is the total less their sum.
    bread = np.linalg.inv(1.0 * X.T @ X)
    leverage = np.einsum("ij,jk,ik->i", X, bread, X)
    meat = (X.T * (np.square(scores[2:, 0] - fitted) / (1 - leverage))) @ X
    covariance = bread @ meat @ bread
    expected = np.sqrt(np.append(np.diag(covariance), covariance.sum()))
    np.testing.assert_allclose(found.std_err[0], expected, rtol=1e-8)


def test_one_component_has_all_of_it():
    found = fit_shapley(np.array([[True], [False]]), np.array([[0.7, 0.1], [0.2, 0.4]]))
    np.testing.assert_allclose(found.weights, [[0.5], [-0.3]])
    np.testing.assert_array_equal(found.std_err, [[0], [0]])
    np.testing.assert_array_equal(found.score, [1, 1])


def test_shapley_interactions_of_a_product():
    """Of k components that only count together each pair has 1 / (k - 1)."""
    masks = draw_masks("exhaustive", 5, 2, np.random.default_rng(0))
    pairs = np.array([[0, 1], [0, 3]])
    found = shapley_interactions(masks, masks[:, :3].all(axis=1)[:, np.newaxis] * 1.0, pairs)
    np.testing.assert_allclose(found.weights[0], [1 / 2, 0.0], atol=1e-12)
    assert found.q_values.tolist() == [[0, 1]]


@pytest.mark.parametrize(("kernel", "expected"), [("exponential", 1 / 4), ("shapley", 1 / 3)])
def test_the_kernel_says_which_index_all_masks_give(kernel, expected):
    """Banzhaf's of a product of four is (1 / 2) ** 2, Shapley's 1 / 3."""

    def score(masks):
        return masks[:, :4].all(axis=1)[:, np.newaxis] * 1.0

    drawn = draw_neighbourhood("exhaustive", 3, 3, 64, None)
    scores = score(drawn.masks)
    surrogate = fit_shapley(drawn.masks, scores)
    found = fit_interactions(drawn, scores, surrogate, None, which="cross", kernel=kernel)
    weights = dict(zip(map(tuple, found.pairs.tolist()), found.weights[0], strict=True))
    assert list(weights) == [(k, m) for k in range(3) for m in range(3, 6)]
    for (_, m), weight in weights.items():
        assert weight == pytest.approx(expected if m == 3 else 0.0)


def test_shapley_needs_both_ends():
    for masks in (np.ones((2, 3), dtype=bool), np.zeros((2, 3), dtype=bool)):
        with pytest.raises(ValueError, match="mask of nothing"):
            fit_shapley(masks, np.zeros((2, 1)))
