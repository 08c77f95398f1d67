"""Hostile masks: surrogates, designs, Shapley values and interactions against their definitions."""

from __future__ import annotations

import math
import warnings

import numpy as np
from hostile import LEGAL, REFUSED, Kind
from hypothesis import strategies as st
from oracle import quiet_is_right, refused
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from sklearn_musiclime.neighbourhood import Sampling, Side, draw_masks, draw_neighbourhood
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


KINDS = {
    "masks: surrogate": Kind(surrogates, 1),
    "masks: crossed surrogate": Kind(crossed_surrogates, 0.6),
    "masks: bad": Kind(bad_masks, 1),
    "masks: designs": Kind(designs, 1),
    "masks: Shapley values": Kind(shapley_values, 0.6),
    "masks: interactions": Kind(hostile_interactions, 0.8),
}
