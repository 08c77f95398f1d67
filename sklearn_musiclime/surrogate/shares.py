"""Modality shares: how much of what moves a score is the audio, the lyrics, or the two together.

Leave every component out by the toss of a fair coin, and a score varies because of the audio alone,
because of the lyrics alone, and because of how they meet: ``f = mean + g(audio) + h(lyrics) +
both``, whose variances add up (Hoeffding 1948). Their parts of the sum are Sobol's indices of the
two modalities (Sobol 1993), whatever the model, the design or the kernel of the weights. There are
three ways to estimate them.

*Grid.* On a complete grid of masks of the audio and of the lyrics: without bias, as in an analysis
of variance with two random factors (Searle, Casella, McCulloch 1992), of which masks may run out
(Cornfield, Tukey 1956). What is linear in the masks has a variance that is known, that of its
coins, so only the rest varies with the draw.

*Swaps.* Of masks over all components couples are scored also with their lyrics exchanged. The
variance of what is linear, and of interactions that stand out, is known from the other masks. What
these leave is split by the couples: with ``r11, r22`` the remainders of two samples and
``r12, r21`` those with the lyrics exchanged, ``(r11 - r12 - r21 + r22) ** 2 / 4`` is on average the
variance of the two together, and is 0 to the last bit if there is none.

*All masks.* Exact.

References
----------
Sobol, "Sensitivity estimates for nonlinear mathematical models", 1993.

Searle, Casella, McCulloch, "Variance components", 1992.

Cornfield, Tukey, "Average values of mean squares in factorials", Annals of Mathematical Statistics
27, 1956.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from sklearn_musiclime.neighbourhood.designs import Neighbourhood, Scores
from sklearn_musiclime.neighbourhood.sampling import Sampling
from sklearn_musiclime.surrogate.errors import (
    CONFIDENCE_LEVEL,
    MOST_DOF,
    clustered_errors,
    margin,
    n_usable,
    projection,
)
from sklearn_musiclime.surrogate.interactions import FALSE_DISCOVERIES, Interactions
from sklearn_musiclime.surrogate.linear import ENOUGH, negligible

PAIRS_A_TERM = 20
"""Samples for each interaction that is taken out before couples are compared."""
N_GROUPS = 10
"""Groups of masks that the jackknife leaves out in turn."""


@dataclass(frozen=True)
class Shares:
    """Parts that modalities have in what moves scores.

    Attributes
    ----------
    values : ndarray of shape (n_labels, 3)
        Of the audio, the lyrics, and the two together; they add up to 1, or are 0 where the score
        is constant. NaN where they were not estimated.
    std_err : ndarray of shape (n_labels, 3)
        Their standard errors.
    dof : ndarray of shape (n_labels,)
        Degrees of freedom of these.
    """

    values: np.ndarray
    std_err: np.ndarray
    dof: np.ndarray

    @classmethod
    def unknown(cls, n_labels: int) -> Shares:
        """Return shares that were not estimated.

        Parameters
        ----------
        n_labels : int
            Of so many labels.

        Returns
        -------
        Shares
            NaN.
        """
        nothing = np.full((n_labels, 3), np.nan)
        return cls(nothing, nothing, np.zeros(n_labels))


def fit_shares(
    neighbourhood: Neighbourhood,
    scores: Scores,
    interactions: Interactions | None = None,
    *,
    linked: bool = False,
) -> Shares:
    """Split what moves a song's scores into audio, lyrics and both, whatever the design.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        The masks.
    scores : Scores
        What the model said.
    interactions : Interactions or None, default=None
        Those that were found, which swaps make use of.
    linked : bool, default=False
        Whether audio and lyrics were left out together: then there is nothing to tell apart.

    Returns
    -------
    Shares
        NaN where components were linked, where masks were drawn for Shapley values, so that they
        are no fair coins, and where there are too few to exchange lyrics of.
    """
    n_labels = scores.pairs.shape[1]
    sampling, n_audio = neighbourhood.sampling, neighbourhood.audio_masks.shape[1]
    n_lyrics = neighbourhood.lyric_masks.shape[1]
    if linked:
        return Shares.unknown(n_labels)
    if sampling.is_complete:
        return modality_shares(_of_all_masks(neighbourhood, scores.pairs), fractions=(1.0, 1.0))
    if not (n_audio and n_lyrics):
        varies = np.ptp(scores.pairs, axis=0) > negligible(scores.pairs)
        values = np.outer(varies, [n_audio > 0, n_lyrics > 0, False]).astype(float)
        return Shares(values, np.zeros_like(values), np.full(n_labels, MOST_DOF))
    if scores.grid is not None:
        halves = neighbourhood.audio_masks, neighbourhood.lyric_masks
        masks = tuple(half[rows] for half, rows in zip(halves, neighbourhood.grid, strict=True))
        return modality_shares(scores.grid, masks=masks, fractions=sampling.grid_fractions)
    if not len(neighbourhood.swaps):
        return Shares.unknown(n_labels)
    return _swap_shares(neighbourhood, scores, interactions)


def share_bounds(
    share: np.ndarray, std_err: np.ndarray, dof: float, interval: float = CONFIDENCE_LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of shares: on the scale of their log-odds, where errors are more nearly even.

    Parameters
    ----------
    share, std_err : ndarray of shape (3,)
        Shares of a label and their standard errors.
    dof : float
        Degrees of freedom of these.
    interval : float, default=0.95
        How often the intervals shall hold the shares.

    Returns
    -------
    low, high : ndarray of shape (3,)
        From 0 to 1; NaN where they are not known.
    """
    reach = margin(std_err, dof, interval)
    inside = (share > 0) & (share < 1)
    middle = np.where(inside, share, 0.5)
    around, odds = reach / (middle * (1 - middle)), logit(middle)
    low = np.where(inside, expit(odds - around), np.clip(share - reach, 0, 1))
    return low, np.where(inside, expit(odds + around), np.clip(share + reach, 0, 1))


def modality_shares(
    scores: np.ndarray,
    *,
    masks: tuple[np.ndarray, np.ndarray] | None = None,
    fractions: tuple[float, float] = (0.0, 0.0),
) -> Shares:
    """Split the variance of scores on a complete grid of masks.

    Parameters
    ----------
    scores : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels)
        The model's score of every combination. Rows (columns) ``2 * i`` and ``2 * i + 1`` were
        drawn together.
    masks : (ndarray of shape (n_audio_masks, n_audio), the same of the lyrics), or None, \
            default=None
        The masks, to take out what is linear in them. None: nothing is taken out.
    fractions : (float, float), default=(0.0, 0.0)
        The part of all masks of each side that these are. 1: nothing is left to chance there.

    Returns
    -------
    Shares
        Standard errors are by leaving out a tenth of the masks of either side in turn.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import modality_shares
    >>> there = np.array([0.0, 1.0])  # one segment, and one word, and all of their masks
    >>> both = np.outer(there, there)[:, :, np.newaxis]  # a score that needs the two of them
    >>> modality_shares(both, fractions=(1, 1)).values.round(3)
    array([[0.333, 0.333, 0.333]])
    """
    n_labels = scores.shape[2]
    floor = np.square(negligible(scores.reshape(-1, n_labels)))
    coded = [None if masks is None else half - 0.5 for half in masks or (None, None)]
    values = _normalised(_variances(scores, coded, fractions), floor)
    variance, dof = np.zeros_like(values), MOST_DOF
    for axis in (0, 1):
        n_groups = min(N_GROUPS, scores.shape[axis] // 2)
        if fractions[axis] == 1:
            continue
        dof = min(dof, n_groups - 1)
        if n_groups < 2:
            continue
        group, left_out = np.arange(scores.shape[axis]) // 2 % n_groups, []
        for g in range(n_groups):
            some = np.compress(group != g, scores, axis=axis)
            rows = list(coded)
            rows[axis] = None if masks is None else coded[axis][group != g]
            left_out.append(_normalised(_variances(some, rows, fractions), floor))
        variance += (1 - fractions[axis]) * (n_groups - 1) * np.var(left_out, axis=0)
    return Shares(values, np.sqrt(variance), np.full(n_labels, float(dof)))


def _of_all_masks(neighbourhood: Neighbourhood, scores: np.ndarray) -> np.ndarray:
    """Scores of all masks as a grid, (n_audio_masks, n_lyric_masks, n_labels)."""
    masks = neighbourhood.masks[neighbourhood.n_known :]
    n_audio = neighbourhood.audio_masks.shape[1]
    # By the audio components first; a song of none has one mask.
    order = np.lexsort(masks.T[::-1]) if masks.shape[1] else [0]
    return scores[neighbourhood.n_known :][order].reshape(2**n_audio, -1, scores.shape[1])


def _variances(
    scores: np.ndarray, coded: list[np.ndarray | None], fractions: tuple[float, float]
) -> np.ndarray:
    """Variances of audio, lyrics and both over all masks, (n_labels, 3)."""
    n, m, _ = scores.shape
    centred = scores - scores.mean(axis=(0, 1))
    rows, columns = centred.mean(axis=1), centred.mean(axis=0)  # (n, n_labels), (m, n_labels)
    rest = centred - rows[:, np.newaxis] - columns
    both = np.square(rest).sum(axis=(0, 1)) / max((n - 1) * (m - 1), 1)
    audio = _variance(rows, coded[0], fractions[0]) - (1 - fractions[1]) * both / m
    lyrics = _variance(columns, coded[1], fractions[1]) - (1 - fractions[0]) * both / n
    # From the divisor of an estimate to that of a population of n / fraction masks.
    of_audio, of_lyrics = 1 - fractions[0] / n, 1 - fractions[1] / m
    return np.stack([audio * of_audio, lyrics * of_lyrics, both * of_audio * of_lyrics], axis=1)


def _variance(means: np.ndarray, coded: np.ndarray | None, fraction: float) -> np.ndarray:
    """Variance of the means (n_masks, n_labels) of paired masks, coded -1/2 and 1/2."""
    n_units = len(means) // 2
    if coded is None or fraction == 1 or n_units < ENOUGH * coded.shape[1] + 1:
        return np.square(means).sum(axis=0) / max(len(means) - 1, 1)
    # What is linear lies in half the difference of a mask and its complement.
    odd, even = (means[::2] - means[1::2]) / 2, (means[::2] + means[1::2]) / 2
    X = coded[::2]
    inverse = np.linalg.pinv(X.T @ X, hermitian=True)
    weights = inverse @ (X.T @ odd)
    left = np.square(odd - X @ weights).sum(axis=0) / max(n_units - X.shape[1], 1)
    # A coin's variance is 1/4; a square's expectation holds the variance of what is squared.
    linear = (np.square(weights).sum(axis=0) - np.trace(inverse) * left) / 4
    # Of all masks already, where the rest is yet to be divided by them.
    linear = linear / (1 - fraction / len(means))
    return linear + left + np.square(even).sum(axis=0) / (n_units - 1)


def _swap_shares(
    neighbourhood: Neighbourhood, scores: Scores, interactions: Interactions | None
) -> Shares:
    """Shares from couples of samples whose lyrics were exchanged."""
    n_labels, n_audio = scores.pairs.shape[1], neighbourhood.audio_masks.shape[1]
    n_blocks = len(neighbourhood.swaps) // (2 if neighbourhood.design == "paired" else 1)
    side = neighbourhood.sampling.sides[0]
    # Fitted to the other samples: what it leaves of the couples is what it does not know.
    others = np.setdiff1d(np.arange(neighbourhood.n_known, len(scores.pairs)), neighbourhood.swaps)
    sampling = Sampling((replace(side, clusters=side.clusters[others]),), np.ones(len(others)))
    values, std_err = np.zeros((2, n_labels, 3))
    floor = np.square(negligible(scores.pairs))
    for label in range(n_labels):
        terms = _Terms.found(neighbourhood, interactions, label)
        fitted = terms.fit(neighbourhood.pairs[others], scores.pairs[others, label], sampling)
        own = scores.pairs[:, label] - terms.columns(neighbourhood.pairs) @ fitted.weights
        swapped = terms.columns(neighbourhood.swap_pairs) @ fitted.weights
        swapped = scores.swapped[:, :, label] - swapped.reshape(-1, 2)
        i, j = neighbourhood.swaps.T
        r11, r22, (r12, r21) = own[i], own[j], swapped.T
        both = np.square(r11 - r12 - r21 + r22) / 4
        audio = (np.square(r11 + r12 - r21 - r22) / 4 - both) / 2
        lyrics = (np.square(r11 + r21 - r12 - r22) / 4 - both) / 2
        parts = np.stack([audio, lyrics, both], axis=1).reshape(n_blocks, -1, 3).mean(axis=1)

        # Weights are off by their errors: by the square too much in what they explain, and by as
        # much more in what they leave.
        squares, errors = np.square(fitted.weights), np.square(fitted.std_err)
        of_part = (terms.part(n_audio)[:, np.newaxis] == np.arange(3)) * terms.variances[:, None]
        variances = parts.mean(axis=0) + (squares - 2 * errors) @ of_part
        covariance = np.cov(parts, rowvar=False) / n_blocks if n_blocks > 1 else np.zeros((3, 3))
        covariance = covariance + np.diag((4 * squares * errors) @ np.square(of_part))
        values[label] = _normalised(variances[np.newaxis], floor[[label]])[0]
        if values[label].any():
            # The delta method for parts of a whole.
            total = np.maximum(variances, 0.0).sum()
            slopes = (np.eye(3) - values[label][:, np.newaxis]) / total
            std_err[label] = np.sqrt(np.maximum(np.diag(slopes @ covariance @ slopes.T), 0.0))
    return Shares(values, std_err, np.full(n_labels, float(n_blocks - 1)))


class _Fitted(NamedTuple):
    weights: np.ndarray  # (n_terms,)
    std_err: np.ndarray  # (n_terms,)


class _Terms(NamedTuple):
    """What a score is known to hold: single components, and pairs that stand out."""

    neighbourhood: Neighbourhood
    pairs: np.ndarray  # (n_pairs, 2)

    @classmethod
    def found(
        cls, neighbourhood: Neighbourhood, interactions: Interactions | None, label: int
    ) -> _Terms:
        if interactions is None:
            return cls(neighbourhood, np.empty((0, 2), dtype=int))
        real = interactions.q_values[label] <= FALSE_DISCOVERIES
        largest = np.argsort(-np.abs(interactions.weights[label][real]), kind="stable")
        most = len(neighbourhood) // PAIRS_A_TERM
        return cls(neighbourhood, interactions.pairs[real][largest[:most]])

    @property
    def variances(self) -> np.ndarray:
        """Of each term's column, coded -1/2 and 1/2, where coins are fair."""
        n_components = self.neighbourhood.masks.shape[1]
        return np.repeat([1 / 4, 1 / 16], [n_components, len(self.pairs)])

    def part(self, n_audio: int) -> np.ndarray:
        """Which share each term belongs to: 0 audio, 1 lyrics, 2 both."""
        is_lyrics = np.arange(self.neighbourhood.masks.shape[1]) >= n_audio
        of_pairs = (self.pairs >= n_audio).sum(axis=1)  # of how many the second is a word
        return np.concatenate([is_lyrics.astype(int), np.array([0, 2, 1])[of_pairs]])

    def columns(self, pairs: np.ndarray) -> np.ndarray:
        """The terms of combinations of audio and lyric masks, (n_pairs, n_terms)."""
        halves = self.neighbourhood.audio_masks, self.neighbourhood.lyric_masks
        coded = np.hstack([half[at] for half, at in zip(halves, pairs.T, strict=True)]) - 0.5
        return np.hstack([coded, coded[:, self.pairs[:, 0]] * coded[:, self.pairs[:, 1]]])

    def fit(self, pairs: np.ndarray, scores: np.ndarray, sampling: Sampling) -> _Fitted:
        """Least squares; nothing, where samples are too few for it."""
        X, weight = self.columns(pairs), np.ones(len(pairs))
        if n_usable(weight, sampling.sides[0].clusters) < ENOUGH * X.shape[1]:
            return _Fitted(*np.zeros((2, X.shape[1])))
        about = X - X.mean(axis=0)
        weights = projection(about, weight).T @ (scores - scores.mean())
        residual = scores - scores.mean() - about @ weights
        errors = clustered_errors(X, weight, residual[:, np.newaxis], sampling)
        return _Fitted(weights, errors.std_err[0])


def _normalised(parts: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Variances (n_labels, 3) as parts of their sum; what is not above the floor is none."""
    parts = np.where(parts > floor[:, np.newaxis], parts, 0.0)
    total = parts.sum(axis=1, keepdims=True)
    return np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
