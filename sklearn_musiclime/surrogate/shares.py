"""Modality shares: how much of what moves a score is the audio, the lyrics, or the two together.

With masks of the audio and of the lyrics drawn apart, a score varies because of the audio alone,
because of the lyrics alone, and because of how they meet: ``f = mean + g(audio) + h(lyrics) +
both``, whose variances add up (Hoeffding 1948; Sobol 1993). On a complete grid of masks they are
estimated without bias as in an analysis of variance with two random factors. Of joint masks there
is no grid; the variances are then those of the linear weights and of the interactions that stand
out, less what sampling error adds to them.

References
----------
Sobol, "Sensitivity estimates for nonlinear mathematical models", 1993.

Searle, Casella, McCulloch, "Variance components", 1992.
"""

from __future__ import annotations

import numpy as np

from sklearn_musiclime.surrogate.interactions import FALSE_DISCOVERIES, ROUNDING, Interactions
from sklearn_musiclime.surrogate.linear import Surrogate

N_GROUPS = 10
"""Groups of masks that the jackknife leaves out in turn."""


def fit_shares(
    surrogate: Surrogate,
    interactions: Interactions | None,
    grid: np.ndarray | None,
    n_audio: int,
    scores: np.ndarray,
    *,
    linked: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Split what moves a song's scores into audio, lyrics and both, whatever the design.

    Parameters
    ----------
    surrogate : Surrogate
        Weights and their standard errors.
    interactions : Interactions or None
        Those that were looked for.
    grid : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels), or None
        Scores of a complete grid of masks, if there is one.
    n_audio : int
        Audio components.
    scores : ndarray of shape (n_samples, n_labels)
        The scores that the surrogate was fitted to.
    linked : bool
        Whether audio and lyrics were left out together: then there is nothing to tell apart.

    Returns
    -------
    shares, std_err : ndarray of shape (n_labels, 3)
        See :func:`modality_shares`; NaN where components were linked.
    """
    if linked:
        nothing = np.full((len(surrogate.weights), 3), np.nan)
        return nothing, nothing
    if grid is not None:
        return modality_shares(grid)
    return joint_shares(surrogate, interactions, n_audio, scores)


def modality_shares(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split the variance of scores on a complete grid of masks.

    Parameters
    ----------
    scores : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels)
        The model's score of every combination. Rows (columns) ``2 * i`` and ``2 * i + 1`` were
        drawn together.

    Returns
    -------
    shares : ndarray of shape (n_labels, 3)
        Of audio, lyrics and interaction; they add up to 1, or are 0 where the score is constant.
    std_err : ndarray of shape (n_labels, 3)
        Their standard errors, by leaving out a tenth of the masks of either side in turn.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import modality_shares
    >>> coins = np.tile([0.0, 1.0], 50)
    >>> scores = 2 * coins[:, np.newaxis, np.newaxis] + coins[:, np.newaxis]
    >>> modality_shares(scores)[0].round(2)
    array([[0.8, 0.2, 0. ]])
    """
    shares = _shares(scores)
    variance = np.zeros_like(shares)
    for axis in (0, 1):
        n_units = scores.shape[axis] // 2
        n_groups = min(N_GROUPS, n_units)
        if n_groups < 2:
            continue
        group = np.arange(scores.shape[axis]) // 2 % n_groups
        left_out = np.stack(
            [_shares(np.compress(group != g, scores, axis=axis)) for g in range(n_groups)]
        )
        variance += (n_groups - 1) * left_out.var(axis=0)
    return shares, np.sqrt(variance)


def _shares(scores: np.ndarray) -> np.ndarray:
    n, m, _ = scores.shape
    centred = scores - scores.mean(axis=(0, 1))
    rows, columns = centred.mean(axis=1), centred.mean(axis=0)  # (n, n_labels), (m, n_labels)
    rest = centred - rows[:, np.newaxis] - columns
    both = np.square(rest).sum(axis=(0, 1)) / max((n - 1) * (m - 1), 1)
    audio = np.square(rows).sum(axis=0) / max(n - 1, 1) - both / m
    lyrics = np.square(columns).sum(axis=0) / max(m - 1, 1) - both / n
    return _normalised(np.stack([audio, lyrics, both], axis=1), scores.reshape(n * m, -1))


def joint_shares(
    surrogate: Surrogate, interactions: Interactions | None, n_audio: int, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Split the variance that a surrogate explains.

    Parameters
    ----------
    surrogate : Surrogate
        Weights and their standard errors.
    interactions : Interactions or None
        Those that were looked for.
    n_audio : int
        Audio components; the rest are of the lyrics.
    scores : ndarray of shape (n_samples, n_labels)
        The scores that it was fitted to.

    Returns
    -------
    shares, std_err : ndarray of shape (n_labels, 3)
        See :func:`modality_shares`.
    """
    weights, error = surrogate.weights, surrogate.std_err
    parts, errors = [], []
    for half in (slice(None, n_audio), slice(n_audio, None)):
        w, e = weights[:, half], error[:, half]
        # A coin's variance is 1/4; a square's expectation holds the variance of what is squared.
        parts.append((np.square(w) - np.square(e)).sum(axis=1) / 4)
        errors.append(np.square(w * e).sum(axis=1) / 4)
    both, both_error = np.zeros(len(weights)), np.zeros(len(weights))
    if interactions is not None:
        crossing = (interactions.pairs < n_audio).sum(axis=1) == 1
        found = (interactions.q_values <= FALSE_DISCOVERIES) & crossing
        w, e = interactions.weights, interactions.std_err
        both = (np.square(w) - np.square(e)).sum(axis=1, where=found) / 16
        both_error = np.square(w * e).sum(axis=1, where=found) / 64
    parts, variances = np.stack([*parts, both], axis=1), np.stack([*errors, both_error], axis=1)
    shares = _normalised(parts, scores)
    total = np.maximum(parts, 0.0).sum(axis=1, keepdims=True)
    # The delta method for a part of a whole.
    spread = np.square(1 - shares) * variances + np.square(shares) * (
        variances.sum(axis=1, keepdims=True) - variances
    )
    return shares, np.sqrt(spread) / np.where(total > 0, total, 1.0)


def _normalised(parts: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Parts as shares of their sum; none is below zero, and rounding is no variance."""
    floor = np.square(ROUNDING * np.abs(scores).max(axis=0, initial=0.0))[:, np.newaxis]
    parts = np.where(parts > floor, parts, 0.0)
    total = parts.sum(axis=1, keepdims=True)
    return np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
