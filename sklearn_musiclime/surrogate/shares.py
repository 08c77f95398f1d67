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
variance of what is linear is known from the other masks. What the linear part leaves is split by
the couples: with ``r11, r22`` the remainders of two samples and ``r12, r21`` those with the lyrics
exchanged, ``(r11 - r12 - r21 + r22) ** 2 / 4`` is on average the variance of the two together, and
is 0 to the last bit if there is none.

*All masks.* Exact.

References
----------
Sobol, "Sensitivity estimates for nonlinear mathematical models", 1993.

Searle, Casella, McCulloch, "Variance components", 1992.

Cornfield, Tukey, "Average values of mean squares in factorials", Annals of Mathematical Statistics
27, 1956.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sklearn_musiclime.neighbourhood.designs import Neighbourhood, Scores
from sklearn_musiclime.neighbourhood.sampling import Sampling
from sklearn_musiclime.surrogate.errors import MOST_DOF
from sklearn_musiclime.surrogate.linear import ENOUGH, fit_surrogate, negligible

N_GROUPS = 10
"""Groups of masks that the jackknife leaves out in turn."""


class Shares(NamedTuple):
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
        """Shares that were not estimated."""
        nothing = np.full((n_labels, 3), np.nan)
        return cls(nothing, nothing, np.zeros(n_labels))


def fit_shares(neighbourhood: Neighbourhood, scores: Scores, *, linked: bool) -> Shares:
    """Split what moves a song's scores into audio, lyrics and both, whatever the design.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        The masks.
    scores : Scores
        What the model said.
    linked : bool
        Whether audio and lyrics were left out together: then there is nothing to tell apart.

    Returns
    -------
    Shares
        NaN where components were linked, and where masks were drawn for Shapley values, so that
        they are no fair coins.
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
    return _swap_shares(neighbourhood, scores)


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
    fractions : (float, float), default=(0, 0)
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


def _swap_shares(neighbourhood: Neighbourhood, scores: Scores) -> Shares:
    """Shares from couples of samples whose lyrics were exchanged."""
    n_audio = neighbourhood.audio_masks.shape[1]
    # Fitted to the other samples: what it leaves of the couples is what it does not know.
    fitted = np.setdiff1d(np.arange(neighbourhood.n_known, len(scores.pairs)), neighbourhood.swaps)
    side = neighbourhood.sampling.sides[0]
    linear = None
    if len(fitted) > 1:
        linear = fit_surrogate(
            neighbourhood.masks[fitted],
            scores.pairs[fitted],
            kernel_width=np.inf,
            sampling=Sampling(
                (replace(side, clusters=side.clusters[fitted]),), np.ones(len(fitted))
            ),
        )
    if linear is None or not linear.is_sufficient:
        zeros = np.zeros((scores.pairs.shape[1], neighbourhood.masks.shape[1]))
        weights, std_err = zeros, zeros
    else:
        weights, std_err = linear.weights, linear.std_err

    def remainder(pairs: np.ndarray, values: np.ndarray) -> np.ndarray:
        audio, lyrics = (
            half[rows] @ of_half.T
            for half, rows, of_half in zip(
                (neighbourhood.audio_masks, neighbourhood.lyric_masks),
                pairs.T,
                np.split(weights, [n_audio], axis=1),
                strict=True,
            )
        )
        return values - audio - lyrics

    i, j = neighbourhood.swaps.T
    own = remainder(neighbourhood.pairs, scores.pairs)
    swapped = remainder(
        neighbourhood.swap_pairs, scores.swapped.reshape(-1, scores.pairs.shape[1])
    ).reshape(scores.swapped.shape)
    r11, r22, r12, r21 = own[i], own[j], swapped[:, 0], swapped[:, 1]
    both = np.square(r11 - r12 - r21 + r22) / 4
    audio = (np.square(r11 + r12 - r21 - r22) / 4 - both) / 2
    lyrics = (np.square(r11 + r21 - r12 - r22) / 4 - both) / 2
    parts = np.stack([audio, lyrics, both], axis=2)  # (n_swaps, n_labels, 3)
    together = 2 if neighbourhood.design == "paired" else 1
    parts = parts.reshape(-1, together, *parts.shape[1:]).mean(axis=1)

    # A coin's variance is 1/4. Weights are off by their errors: by the square too much in the
    # linear part, and by as much more in what that leaves.
    squares, errors = np.square(weights), np.square(std_err)
    halves = (slice(None, n_audio), slice(n_audio, None))
    explained = np.stack([(squares - 2 * errors)[:, h].sum(axis=1) / 4 for h in halves], axis=1)
    uncertain = np.stack([(squares * errors)[:, h].sum(axis=1) / 4 for h in halves], axis=1)
    n_blocks, n_labels = len(parts), parts.shape[1]
    values, std_err = np.zeros((2, n_labels, 3))
    floor = np.square(negligible(scores.pairs))
    for label in range(n_labels):
        variances = parts[:, label].mean(axis=0)
        variances[:2] += explained[label]
        covariance = np.cov(parts[:, label], rowvar=False, ddof=1) / n_blocks
        covariance[[0, 1], [0, 1]] += uncertain[label]
        values[label] = _normalised(variances[np.newaxis], floor[[label]])[0]
        total = np.maximum(variances, 0.0).sum()
        if values[label].any():
            # The delta method for parts of a whole.
            slopes = (np.eye(3) - values[label][:, np.newaxis]) / total
            std_err[label] = np.sqrt(np.maximum(np.diag(slopes @ covariance @ slopes.T), 0.0))
    return Shares(values, std_err, np.full(n_labels, float(n_blocks - 1)))


def _normalised(parts: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Variances (n_labels, 3) as parts of their sum; what is not above the floor is none."""
    parts = np.where(parts > floor[:, np.newaxis], parts, 0.0)
    total = parts.sum(axis=1, keepdims=True)
    return np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
