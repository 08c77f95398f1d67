"""The scores that a proxy predicts: for the songs that the model scored, and for many more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from scipy.special import expit, logit
from sklearn.base import BaseEstimator

from sklearn_musiclime.neighbourhood import Neighbourhood
from sklearn_musiclime.neighbourhood.masks import distinct_rows
from sklearn_musiclime.proxy.folds import fit_in_folds
from sklearn_musiclime.proxy.kernel_ridge import fit_kernel_ridge
from sklearn_musiclime.surrogate.moments import FEWEST_CLUSTERS

FACTORS = (0.25, 0.5, 0.75, 1.0)
"""Fractions of the predictions that are tried."""
MOST_FITTED = 1000
"""Scored songs that a proxy is fitted to, at most: a second of time and 25 MB."""
NEAREST = 1e-6
"""Probabilities are clipped to this distance from 0 and 1 before their log-odds are taken."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Masks and what the proxy sees of their perturbed songs.

    Attributes
    ----------
    neighbourhood : Neighbourhood
        The masks, of a joint design.
    features : ndarray of shape (n_samples, n_features)
        Features of the perturbed songs, masks included.
    """

    neighbourhood: Neighbourhood
    features: np.ndarray

    @property
    def is_drawn(self) -> np.ndarray:
        """Which samples were drawn, and are not fixed such as the song itself, (n_samples,)."""
        return np.arange(len(self.neighbourhood)) >= self.neighbourhood.n_known


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of a song's scores.

    Attributes
    ----------
    scored : Neighbourhood
        Masks that the model scored, of a joint design.
    scores : ndarray of shape (n_samples, n_labels)
        Their scores.
    free : Neighbourhood
        Many more masks, drawn by the same design.
    of_proxies : list of (ndarray (n_samples, n_labels), ndarray (n_free, n_labels))
        Predictions for both, by a proxy of the log-odds (of scores between 0 and 1 only), and by
        one of the scores themselves. None at all, if there are too few songs to fit one to.
    """

    scored: Neighbourhood
    scores: np.ndarray
    free: Neighbourhood
    of_proxies: list[tuple[np.ndarray, np.ndarray]]

    @classmethod
    def fit(
        cls,
        scored: Sample,
        scores: np.ndarray,
        free: Sample,
        regressor: BaseEstimator | None = None,
    ) -> Self:
        """Fit the proxies to the scored songs.

        Drawn songs are left out when their own scores are predicted, also where they are among the
        free songs; fixed ones, such as the song itself, take no part in the fit, and neither do
        those beyond `MOST_FITTED`.

        Parameters
        ----------
        scored : Sample
            The songs that the model scored.
        scores : ndarray of shape (n_samples, n_labels)
            Their scores.
        free : Sample
            The other songs.
        regressor : estimator or None, default=None
            Regressor that is fitted, label by label. None: a kernel ridge.

        Returns
        -------
        Predictions
        """
        both = scored.neighbourhood, scores, free.neighbourhood
        fitted = np.flatnonzero(scored.is_drawn)[:MOST_FITTED]
        clusters = scored.neighbourhood.sampling.sides[0].clusters[fitted]
        if len(np.unique(clusters)) < FEWEST_CLUSTERS:
            return cls(*both, [])
        _, which = distinct_rows(
            np.vstack([scored.neighbourhood.states, free.neighbourhood.states])
        )
        place = np.full(len(which), -1)
        place[which[fitted]] = fitted
        met = place[which[len(scores) :]]
        of_proxies = []
        for own, new in fit_proxies(
            scored.features[fitted],
            scores[fitted],
            clusters,
            np.vstack([scored.features, free.features]),
            regressor,
        ):
            expected, of_free = np.split(new, [len(scores)])
            expected[fitted] = own
            of_free[met >= 0] = expected[met[met >= 0]]
            of_proxies.append((expected, of_free))
        return cls(*both, of_proxies)

    def best(self, variance: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Choose, label by label, the predictions that leave the least variance, or none.

        Parameters
        ----------
        variance : callable
            Variance that counts, (n_labels,), of what is left of the scores, (n_samples, n_labels).

        Returns
        -------
        expected : ndarray of shape (n_samples, n_labels)
            Predictions for the scored songs; 0 where no proxy reduces the variance.
        of_free : ndarray of shape (n_free, n_labels)
            Predictions for the other songs.
        """
        expected = np.zeros_like(self.scores)
        of_free = np.zeros((len(self.free), self.scores.shape[1]))
        least = variance(self.scores)
        for own, new in self.of_proxies:
            for factor in FACTORS:
                left = variance(self.scores - factor * own)
                better = left < least
                least[better] = left[better]
                expected[:, better] = factor * own[:, better]
                of_free[:, better] = factor * new[:, better]
        return expected, of_free


def fit_proxies(
    features: np.ndarray,
    scores: np.ndarray,
    clusters: np.ndarray,
    new: np.ndarray,
    regressor: BaseEstimator | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Fit a proxy of the log-odds and one of the scores themselves, and predict scores.

    Parameters
    ----------
    features : ndarray of shape (n_songs, n_features)
        Features of the songs of the fit.
    scores : ndarray of shape (n_songs, n_labels)
        Their scores. Where no label's are all between 0 and 1, there is no proxy of log-odds.
    clusters : ndarray of shape (n_songs,) of int
        Cluster of each song.
    new : ndarray of shape (n_new, n_features)
        Features of other songs.
    regressor : estimator or None, default=None
        Regressor that is fitted, label by label. None: a kernel ridge.

    Yields
    ------
    left_out : ndarray of shape (n_songs, n_labels)
        Predicted scores of the songs of the fit, each by a fit without its cluster.
    predicted : ndarray of shape (n_new, n_labels)
        Predicted scores of the other songs.
    """
    scales: list[tuple[Callable, Callable]] = [(np.asarray, np.asarray)]
    if ((scores >= 0) & (scores <= 1)).all(axis=0).any():
        scales.insert(0, (_log_odds, expit))
    fit = fit_kernel_ridge if regressor is None else partial(fit_in_folds, regressor)
    targets = np.hstack([to_scale(scores) for to_scale, _ in scales])
    left_out, predicted = fit(features, targets, clusters, new)
    for (_, from_scale), own, others in zip(
        scales,
        np.split(left_out, len(scales), axis=1),
        np.split(predicted, len(scales), axis=1),
        strict=True,
    ):
        yield from_scale(own), from_scale(others)


def _log_odds(scores: np.ndarray) -> np.ndarray:
    return logit(np.clip(scores, NEAREST, 1 - NEAREST))
