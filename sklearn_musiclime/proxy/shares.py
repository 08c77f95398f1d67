"""Modality shares with a proxy: variances of its predictions, corrected by swaps.

The variances of audio, lyrics and interaction are those of a proxy's predictions on a grid of
masks, plus what the scores of some couples of songs with exchanged lyrics
(:mod:`sklearn_musiclime.surrogate.shares`) tell differently than the proxy's predictions of them.
The proxy is fitted to the other songs, so that the sum has no bias.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_musiclime.neighbourhood import Neighbourhood, Scores
from sklearn_musiclime.proxy.predictions import MOST_FITTED, fit_proxies
from sklearn_musiclime.surrogate import Shares
from sklearn_musiclime.surrogate.fidelity import negligible
from sklearn_musiclime.surrogate.moments import FEWEST_CLUSTERS
from sklearn_musiclime.surrogate.shares import (
    as_fractions,
    grid_variances,
    mean_covariance,
    swap_parts,
)

N_GRID = 100
"""Audio masks and lyric masks of the grid that the proxy predicts."""


def shares_with_proxy(
    features: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
    neighbourhood: Neighbourhood,
    scores: Scores,
    plain: Shares,
    regressor: BaseEstimator | None = None,
) -> Shares:
    """Estimate the modality shares of a black box's scores with a proxy.

    Parameters
    ----------
    features : callable
        Computes what the proxy sees of masks over all components, and of their fills.
    neighbourhood : Neighbourhood
        The masks, of a joint design.
    scores : Scores
        The model's scores of them.
    plain : Shares
        Shares without a proxy, which are returned for labels of which the proxy foresees less than
        half of the variance of songs that are left out, and where there are no swaps.
    regressor : estimator or None, default=None
        Regressor that is the proxy. None: a kernel ridge.

    Returns
    -------
    Shares
    """
    swaps, n_known = neighbourhood.swaps, neighbourhood.n_known
    others = np.setdiff1d(np.arange(n_known, len(neighbourhood)), swaps)[:MOST_FITTED]
    clusters = neighbourhood.sampling.sides[0].clusters[others]
    if not len(swaps) or len(np.unique(clusters)) < FEWEST_CLUSTERS:
        return plain
    n_audio, n_grid = neighbourhood.audio_masks.shape[1], N_GRID
    rng = np.random.default_rng(0)
    coins = rng.integers(0, 2, (n_grid // 2, neighbourhood.masks.shape[1]))
    both = np.stack([coins, 1 - coins], axis=1).reshape(n_grid, -1).astype(bool)
    audio, lyrics = np.divmod(np.arange(n_grid**2), n_grid)
    grid = np.hstack([both[audio, :n_audio], both[lyrics, n_audio:]])
    swapped = replace(neighbourhood, pairs=neighbourhood.swap_pairs)
    fills = None
    if neighbourhood.fills is not None:
        drawn = rng.integers(neighbourhood.n_fills[0], size=n_grid // 2).repeat(2)[audio]
        by_row = [neighbourhood.pair_fills, swapped.pair_fills, np.stack([drawn, drawn], axis=1)]
        fills = np.vstack([own for own in by_row if own is not None])
    rows = features(np.vstack([neighbourhood.masks, swapped.masks, grid]), fills)
    values, std_err = plain.values.copy(), plain.std_err.copy()
    dof = plain.dof.copy()
    floor = np.square(negligible(scores.pairs))
    least = scores.pairs[others].var(axis=0) / 2
    for left_out, predicted in fit_proxies(
        rows[others], scores.pairs[others], clusters, rows, regressor
    ):
        own, exchanged, of_grid = np.split(
            predicted, np.cumsum([len(neighbourhood), len(swapped)]), axis=0
        )
        known, errors = grid_variances(
            of_grid.reshape(n_grid, n_grid, -1), (both[:, :n_audio], both[:, n_audio:])
        )
        error = np.square(scores.pairs[others] - left_out).mean(axis=0)
        better = np.flatnonzero(error < least)
        least[better] = error[better]
        for label in better:
            parts = swap_parts(
                neighbourhood, scores.pairs[:, label], scores.swapped[:, :, label]
            ) - swap_parts(neighbourhood, own[:, label], exchanged[:, label].reshape(-1, 2))
            values[label], std_err[label] = as_fractions(
                known[label] + parts.mean(axis=0),
                errors[label] + mean_covariance(parts),
                floor[label],
            )
            dof[label] = len(parts) - 1
    return Shares(values, std_err, dof)
