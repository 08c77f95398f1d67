"""Modality shares: the fractions of a score's variance due to audio, lyrics, and both together.

If each component is kept by the toss of a fair coin, a score is the sum of a mean, a function of
the audio alone, a function of the lyrics alone and their interaction, ``f = mean + g(audio) +
h(lyrics) + both``, whose variances add up (Hoeffding 1948). Their fractions of the sum are the
Sobol indices of the two modalities (Sobol 1993). They depend neither on the design nor on the
kernel of the weights. There are three estimators.

*Grid.* On a complete grid of audio masks and lyric masks the variances are estimated without bias
by an analysis of variance with two random factors (Searle, Casella, McCulloch 1992), corrected for
finite populations of masks (Cornfield, Tukey 1956). The variance of the part that is linear in the
masks follows from its weights, since the variance of a coin is known; that of the rest is estimated
from the sample.

*Swaps.* Some couples of masks over all components are scored a second time with their lyrics
exchanged. A model of the linear effects and of significant interactions is fitted to the other
masks, and gives the variances of these terms. The variance of its residuals is split by the
couples: with ``r11, r22`` the residuals of two samples and ``r12, r21`` those with the lyrics
exchanged, ``(r11 - r12 - r21 + r22) ** 2 / 4`` is an unbiased estimate of the variance of the
interaction, and exactly 0 if there is none. With columns there are three modalities: all eight
combinations of a couple's masks are scored, and interaction is all that is of more than one.

What replaces a part that is left out, if it is drawn by chance (donors, songs of the background),
is drawn anew as well: the variance that it makes is a part of its modality's.

*All masks.* On an enumeration the variances are exact.

References
----------
Sobol, "Sensitivity estimates for nonlinear mathematical models", 1993.

Searle, Casella, McCulloch, "Variance components", 1992.

Cornfield, Tukey, "Average values of mean squares in factorials", Annals of Mathematical Statistics
27, 1956.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from sklearn_musiclime.neighbourhood.samples import Neighbourhood, Scores
from sklearn_musiclime.neighbourhood.sampling import Sampling
from sklearn_musiclime.surrogate.clusters import n_usable
from sklearn_musiclime.surrogate.confidence import CONFIDENCE_LEVEL, MOST_DOF, margin
from sklearn_musiclime.surrogate.errors import clustered_errors
from sklearn_musiclime.surrogate.fidelity import negligible
from sklearn_musiclime.surrogate.hat_matrix import projection
from sklearn_musiclime.surrogate.interactions import FALSE_DISCOVERIES, Interactions
from sklearn_musiclime.surrogate.ridge import ENOUGH

PAIRS_A_TERM = 20
"""Samples for each interaction in the model whose residuals the couples split."""
N_GROUPS = 10
"""Groups of masks of the delete-a-group jackknife."""


@dataclass(frozen=True)
class Shares:
    """Modality shares of each label's score and their standard errors.

    Attributes
    ----------
    values : ndarray of shape (n_labels, n_parts)
        Shares of the audio, the lyrics, columns if there are any, and the interaction of
        modalities. They add up to 1; they are 0 where the score is constant, and NaN where they
        were not estimated.
    std_err : ndarray of shape (n_labels, n_parts)
        Standard errors of the shares.
    dof : ndarray of shape (n_labels,)
        Degrees of freedom of the standard errors.
    """

    values: np.ndarray
    std_err: np.ndarray
    dof: np.ndarray

    @classmethod
    def unknown(cls, n_labels: int, n_parts: int = 3) -> Shares:
        """Return shares of NaN, for songs whose shares can't be estimated.

        Parameters
        ----------
        n_labels : int
            Number of labels.
        n_parts : int, default=3
            Number of shares of a label.

        Returns
        -------
        Shares
            Shares and standard errors of NaN, with 0 degrees of freedom.
        """
        nothing = np.full((n_labels, n_parts), np.nan)
        return cls(nothing, nothing, np.zeros(n_labels))


def fit_shares(
    neighbourhood: Neighbourhood,
    scores: Scores,
    interactions: Interactions | None = None,
    *,
    linked: bool = False,
) -> Shares:
    """Estimate the modality shares of a song's scores, by the estimator that its design allows.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        The masks.
    scores : Scores
        The model's scores of the neighbourhood.
    interactions : Interactions or None, default=None
        Interactions that were found, for the estimator by swaps: the variances of the significant
        ones are computed from their weights.
    linked : bool, default=False
        Whether lyric components are switched together with audio components, so that the modalities
        can't be separated.

    Returns
    -------
    Shares
        NaN where components are linked, and where a sample of masks has neither grid nor swaps:
        because it was drawn for Shapley values, whose masks are not fair coins, or is too small.
    """
    n_labels, sampling = scores.pairs.shape[1], neighbourhood.sampling
    is_explained = [n > 0 for n in neighbourhood.sizes]
    n_parts = len(is_explained) + 1
    if linked:
        return Shares.unknown(n_labels, n_parts)
    if sampling.is_complete:
        if neighbourhood.column_masks is not None:
            return _exact_shares(neighbourhood, scores.pairs)
        return modality_shares(_of_all_masks(neighbourhood, scores.pairs), fractions=(1.0, 1.0))
    if sum(is_explained) < 2:
        varies = np.ptp(scores.pairs, axis=0) > negligible(scores.pairs)
        values = np.outer(varies, [*is_explained, False]).astype(float)
        return Shares(values, np.zeros_like(values), np.full(n_labels, MOST_DOF))
    if scores.grid is not None:
        return modality_shares(
            scores.grid, masks=neighbourhood.grid_masks, fractions=sampling.grid_fractions
        )
    if not len(neighbourhood.swaps):
        return Shares.unknown(n_labels, n_parts)
    return _swap_shares(neighbourhood, scores, interactions)


def share_bounds(
    share: np.ndarray, std_err: np.ndarray, dof: float, interval: float = CONFIDENCE_LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Compute confidence intervals of shares, symmetric on the scale of their log-odds.

    Parameters
    ----------
    share, std_err : ndarray of shape (n_parts,)
        Shares of a label and their standard errors.
    dof : float
        Degrees of freedom of the standard errors.
    interval : float, default=0.95
        Probability with which an interval contains the share.

    Returns
    -------
    low, high : ndarray of shape (n_parts,)
        Ends of the intervals, between 0 and 1; NaN where no interval is known.
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
    """Estimate modality shares from the scores of a complete grid of masks.

    Parameters
    ----------
    scores : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels)
        The model's score of every combination. Rows (columns) ``2 * i`` and ``2 * i + 1`` are of a
        mask and its complement.
    masks : (ndarray of shape (n_audio_masks, n_audio), the same of the lyrics), or None, \
            default=None
        Masks of the audio and of the lyrics, with which the variance of the linear part is computed
        from its weights. None: all variances are estimated from the sample.
    fractions : (float, float), default=(0.0, 0.0)
        Fraction of all masks of each side that was drawn. A side of 1 is complete and adds nothing
        to the standard errors.

    Returns
    -------
    Shares
        Standard errors are by the jackknife, which leaves out a tenth of the masks of either side
        at a time.

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
    coded: list[np.ndarray | None] = [None, None]
    if masks is not None:
        coded = [side - 0.5 for side in masks]
    values = _normalised(_variances(scores, coded, fractions), floor)
    variance, dof = np.zeros_like(values), MOST_DOF
    for axis in (0, 1):
        n_groups = min(N_GROUPS, scores.shape[axis] // 2)
        if fractions[axis] == 1:
            continue
        dof = min(dof, n_groups - 1)
        if n_groups < 2:
            continue
        left_out = [
            _normalised(variances, floor)
            for variances in _left_out_variances(scores, coded, fractions, axis)
        ]
        variance += (1 - fractions[axis]) * (n_groups - 1) * np.var(left_out, axis=0)
    return Shares(values, np.sqrt(variance), np.full(n_labels, float(dof)))


def swap_parts(neighbourhood: Neighbourhood, own: np.ndarray, swapped: np.ndarray) -> np.ndarray:
    """Estimate the variances of modalities and of their interaction from each block of swaps.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        The masks, of a joint design with swaps.
    own : ndarray of shape (n_samples,)
        Scores of its pairs, or residuals.
    swapped : ndarray of shape (n_swaps, n_swapped)
        The same of its swaps.

    Returns
    -------
    ndarray of shape (n_blocks, n_sides + 1)
        Unbiased estimates, a block being a couple of samples, or two of complements.
    """
    first, second = neighbourhood.swaps.T
    exchanged = neighbourhood.swap_sides
    axes = range(len(exchanged))
    # A factorial design of two levels of each side: a mask of the first sample, or of the second.
    cells = np.column_stack([own[first], swapped, own[second]]).T
    cells = cells.reshape(*[2] * len(exchanged), -1)
    effects = [some for n in axes for some in combinations(axes, n + 1)]
    squares = {some: _mean_square(cells, some) for some in effects}
    parts = np.zeros((len(first), len(neighbourhood.sides) + 1))
    for some in effects:
        # Mean squares contain the variances of higher effects, too.
        variance = sum(
            (-1) ** (len(other) - len(some)) * square
            for other, square in squares.items()
            if set(some) <= set(other)
        ) / 2 ** (len(exchanged) - len(some))
        parts[:, exchanged[some[0]] if len(some) == 1 else -1] += variance
    size = 2 if neighbourhood.design == "paired" else 1
    return parts.reshape(-1, size, parts.shape[1]).mean(axis=1)


def _mean_square(cells: np.ndarray, effect: tuple[int, ...]) -> np.ndarray:
    """Mean square of an effect in designs (2, ..., 2, n) of two levels of each factor, (n,)."""
    n_factors = cells.ndim - 1
    order = [*effect, *(axis for axis in range(n_factors) if axis not in effect)]
    levels = np.array(list(product((1, -1), repeat=n_factors)))
    signs = levels[:, : len(effect)].prod(axis=1)
    ordered = cells.transpose(*order, -1).reshape(2**n_factors, -1)
    return np.square((signs[:, np.newaxis] * ordered).sum(axis=0)) / 2**n_factors


def mean_covariance(rows: np.ndarray) -> np.ndarray:
    """Covariance matrix of the mean of independent rows; zeros for a single one.

    Parameters
    ----------
    rows : ndarray of shape (n, n_parts)
        The rows.

    Returns
    -------
    ndarray of shape (n_parts, n_parts)
    """
    n, n_parts = rows.shape
    return np.cov(rows, rowvar=False) / n if n > 1 else np.zeros((n_parts, n_parts))


def as_fractions(
    variances: np.ndarray, covariance: np.ndarray, floor: float
) -> tuple[np.ndarray, np.ndarray]:
    """Turn the variances of modalities and interaction into fractions of their sum.

    Parameters
    ----------
    variances : ndarray of shape (n_parts,)
        Estimates, which may be negative.
    covariance : ndarray of shape (n_parts, n_parts)
        Their covariance matrix.
    floor : float
        Variances up to this one count as 0.

    Returns
    -------
    values, std_err : ndarray of shape (n_parts,)
        The fractions, and their standard errors by the delta method.
    """
    n_parts = len(variances)
    values, std_err = _normalised(variances[np.newaxis], np.array([floor]))[0], np.zeros(n_parts)
    if values.any():
        total = np.maximum(variances, 0.0).sum()
        slopes = (np.eye(n_parts) - values[:, np.newaxis]) / total
        std_err = np.sqrt(np.maximum(np.diag(slopes @ covariance @ slopes.T), 0.0))
    return values, std_err


def grid_variances(
    scores: np.ndarray, masks: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the variances of audio, lyrics and interaction from a complete grid.

    Parameters
    ----------
    scores : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels)
        Scores of every combination. Rows (columns) ``2 * i`` and ``2 * i + 1`` are of complements.
    masks : (ndarray of shape (n_audio_masks, n_audio), the same of the lyrics)
        The masks.

    Returns
    -------
    variances : ndarray of shape (n_labels, 3)
        Unbiased estimates for all masks.
    covariance : ndarray of shape (n_labels, 3, 3)
        Their covariance matrices, by the jackknife.
    """
    coded: list[np.ndarray | None] = [side - 0.5 for side in masks]
    covariance = np.zeros((scores.shape[2], 3, 3))
    for axis in (0, 1):
        left_out = np.array(_left_out_variances(scores, coded, (0.0, 0.0), axis))
        about = left_out - left_out.mean(axis=0)
        factor = (len(left_out) - 1) / len(left_out)
        covariance += factor * np.einsum("glk,glm->lkm", about, about)
    return _variances(scores, coded, (0.0, 0.0)), covariance


def _left_out_variances(
    scores: np.ndarray, coded: list[np.ndarray | None], fractions: tuple[float, float], axis: int
) -> list[np.ndarray]:
    """Variances (n_labels, 3) without each group of a side's masks in turn."""
    n_groups = min(N_GROUPS, scores.shape[axis] // 2)
    group, left_out = np.arange(scores.shape[axis]) // 2 % n_groups, []
    for g in range(n_groups):
        some = np.compress(group != g, scores, axis=axis)
        rows, own = list(coded), coded[axis]
        rows[axis] = None if own is None else own[group != g]
        left_out.append(_variances(some, rows, fractions))
    return left_out


def _of_all_masks(neighbourhood: Neighbourhood, scores: np.ndarray) -> np.ndarray:
    """Scores of all masks as a grid, with an axis for each modality and one for labels."""
    masks, first = neighbourhood.masks, neighbourhood.n_known
    if len(masks) - first < 2 ** masks.shape[1]:
        first = 0  # those that are known for Shapley values are not drawn again
    masks, scores = masks[first:], scores[first:]
    # Sorted by the audio components first; without any component there is a single mask.
    order = np.lexsort(masks.T[::-1]) if masks.shape[1] else [0]
    return scores[order].reshape(*(2**n for n in neighbourhood.sizes), scores.shape[1])


def _exact_shares(neighbourhood: Neighbourhood, scores: np.ndarray) -> Shares:
    """Shares of any number of modalities, from the scores of all masks."""
    grid, n_labels = _of_all_masks(neighbourhood, scores), scores.shape[1]
    axes = tuple(range(grid.ndim - 1))
    parts = [
        grid.mean(axis=tuple(other for other in axes if other != axis)).var(axis=0) for axis in axes
    ]
    parts.append(grid.var(axis=axes) - sum(parts))
    floor = np.square(negligible(scores))
    values = _normalised(np.stack(parts, axis=1), floor)
    return Shares(values, np.zeros_like(values), np.full(n_labels, MOST_DOF))


def _variances(
    scores: np.ndarray, coded: list[np.ndarray | None], fractions: tuple[float, float]
) -> np.ndarray:
    """Estimates of the variances of audio, lyrics and interaction over all masks, (n_labels, 3).

    `coded` are the masks of the grid's rows and columns as -1/2 and 1/2, or None.
    """
    n, m, _ = scores.shape
    centred = scores - scores.mean(axis=(0, 1))
    rows, columns = centred.mean(axis=1), centred.mean(axis=0)  # (n, n_labels), (m, n_labels)
    rest = centred - rows[:, np.newaxis] - columns
    both = np.square(rest).sum(axis=(0, 1)) / max((n - 1) * (m - 1), 1)
    audio = _variance(rows, coded[0], fractions[0]) - (1 - fractions[1]) * both / m
    lyrics = _variance(columns, coded[1], fractions[1]) - (1 - fractions[0]) * both / n
    # From divisor N - 1 of a sample variance to N of a population, with N = n / fraction masks.
    of_audio, of_lyrics = 1 - fractions[0] / n, 1 - fractions[1] / m
    return np.stack([audio * of_audio, lyrics * of_lyrics, both * of_audio * of_lyrics], axis=1)


def _variance(means: np.ndarray, coded: np.ndarray | None, fraction: float) -> np.ndarray:
    """Variance between masks of their mean scores (n_masks, n_labels).

    `coded` are the masks as -1/2 and 1/2, each followed by its complement; None: plain variance.
    """
    n_units = len(means) // 2
    if coded is None or fraction == 1 or n_units < ENOUGH * coded.shape[1] + 1:
        return np.square(means).sum(axis=0) / max(len(means) - 1, 1)
    # Half the difference of a mask and its complement contains the linear part, the mean does not.
    odd, even = (means[::2] - means[1::2]) / 2, (means[::2] + means[1::2]) / 2
    X = coded[::2]
    inverse = np.linalg.pinv(X.T @ X, hermitian=True)
    weights = inverse @ (X.T @ odd)
    left = np.square(odd - X @ weights).sum(axis=0) / max(n_units - X.shape[1], 1)
    # The variance of a coin is 1/4. A squared estimate is too large by the estimate's variance on
    # average, which is subtracted.
    linear = (np.square(weights).sum(axis=0) - np.trace(inverse) * left) / 4
    # This is the variance with divisor N already; undo the caller's change from N - 1 to N.
    linear = linear / (1 - fraction / len(means))
    return linear + left + np.square(even).sum(axis=0) / (n_units - 1)


def _swap_shares(
    neighbourhood: Neighbourhood, scores: Scores, interactions: Interactions | None
) -> Shares:
    """Shares from couples of samples that were scored with their lyrics exchanged, too."""
    n_labels, n_parts = scores.pairs.shape[1], len(neighbourhood.sides) + 1
    side = neighbourhood.sampling.sides[0]
    # The model is fitted to the other samples, so that it does not overfit those of the couples.
    others = np.setdiff1d(np.arange(neighbourhood.n_known, len(scores.pairs)), neighbourhood.swaps)
    sampling = Sampling((replace(side, clusters=side.clusters[others]),), np.ones(len(others)))
    values, std_err = np.zeros((2, n_labels, n_parts))
    floor = np.square(negligible(scores.pairs))
    for label in range(n_labels):
        terms = _Terms.found(neighbourhood, interactions, label)
        fitted = terms.fit(neighbourhood.pairs[others], scores.pairs[others, label], sampling)
        own = scores.pairs[:, label] - terms.columns(neighbourhood.pairs) @ fitted.weights
        swapped = terms.columns(neighbourhood.swap_pairs) @ fitted.weights
        swapped = scores.swapped[:, :, label] - swapped.reshape(len(neighbourhood.swaps), -1)
        parts = swap_parts(neighbourhood, own, swapped)

        # A squared weight is too large by its squared standard error on average, and the residuals'
        # variance is so by as much: hence twice the squared error is subtracted.
        squares, errors = np.square(fitted.weights), np.square(fitted.std_err)
        of_part = terms.part[:, np.newaxis] == np.arange(n_parts)
        of_part = of_part * terms.variances[:, np.newaxis]
        variances = parts.mean(axis=0) + (squares - 2 * errors) @ of_part
        n_blocks = len(parts)
        covariance = mean_covariance(parts)
        covariance = covariance + np.diag((4 * squares * errors) @ np.square(of_part))
        values[label], std_err[label] = as_fractions(variances, covariance, floor[label])
    return Shares(values, std_err, np.full(n_labels, float(n_blocks - 1)))


class _Fitted(NamedTuple):
    """Weights of terms and their standard errors."""

    weights: np.ndarray  # (n_terms,)
    std_err: np.ndarray  # (n_terms,)


class _Terms(NamedTuple):
    """Terms of the model for swaps: all single components, and pairs of significant interaction."""

    neighbourhood: Neighbourhood
    pairs: np.ndarray  # (n_pairs, 2)

    @classmethod
    def found(
        cls, neighbourhood: Neighbourhood, interactions: Interactions | None, label: int
    ) -> _Terms:
        """Terms of a label: the largest significant interactions, one to 20 samples at most."""
        if interactions is None:
            return cls(neighbourhood, np.empty((0, 2), dtype=int))
        real = interactions.q_values[label] <= FALSE_DISCOVERIES
        largest = np.argsort(-np.abs(interactions.weights[label][real]), kind="stable")
        most = len(neighbourhood) // PAIRS_A_TERM
        return cls(neighbourhood, interactions.pairs[real][largest[:most]])

    @property
    def variances(self) -> np.ndarray:
        """Variance of each term over all masks, (n_terms,)."""
        n_components = self.neighbourhood.masks.shape[1]
        return np.repeat([1 / 4, 1 / 16], [n_components, len(self.pairs)])

    @property
    def part(self) -> np.ndarray:
        """Share that each term belongs to: its modality's, or the last, interaction; (n_terms,)."""
        sizes = self.neighbourhood.sizes
        modality = np.repeat(np.arange(len(sizes)), sizes)
        first, second = modality[self.pairs].T
        return np.concatenate([modality, np.where(first == second, first, len(sizes))])

    def columns(self, pairs: np.ndarray) -> np.ndarray:
        """Values of the terms for combinations of the sides' masks, (n_pairs, n_terms)."""
        sides = self.neighbourhood.sides
        coded = np.hstack([side[at] for side, at in zip(sides, pairs.T, strict=True)]) - 0.5
        return np.hstack([coded, coded[:, self.pairs[:, 0]] * coded[:, self.pairs[:, 1]]])

    def fit(self, pairs: np.ndarray, scores: np.ndarray, sampling: Sampling) -> _Fitted:
        """Fit the terms by least squares; weights of 0 where clusters are too few for it."""
        X, weight = self.columns(pairs), np.ones(len(pairs))
        if n_usable(weight, sampling.sides[0].clusters) < ENOUGH * X.shape[1]:
            return _Fitted(*np.zeros((2, X.shape[1])))
        about = X - X.mean(axis=0)
        weights = projection(about, weight).T @ (scores - scores.mean())
        residual = scores - scores.mean() - about @ weights
        errors = clustered_errors(X, weight, residual[:, np.newaxis], sampling)
        return _Fitted(weights, errors.std_err[0])


def _normalised(parts: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Variances (n_labels, 3) as fractions of their sum; those up to the floor count as 0."""
    parts = np.where(parts > floor[:, np.newaxis], parts, 0.0)
    total = parts.sum(axis=1, keepdims=True)
    return np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
