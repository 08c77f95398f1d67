"""The surrogate of a crossed design, fitted without a row for each combination of masks."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from sklearn_musiclime.neighbourhood.sampling import Sampling, Side
from sklearn_musiclime.surrogate.checks import check_scores
from sklearn_musiclime.surrogate.clusters import n_usable
from sklearn_musiclime.surrogate.errors import crossed_errors
from sklearn_musiclime.surrogate.estimate import Surrogate
from sklearn_musiclime.surrogate.fidelity import estimate_fidelity, weighted_r2
from sklearn_musiclime.surrogate.hat_matrix import left_out_residuals, with_intercept
from sklearn_musiclime.surrogate.kernel import check_reach, kernel_of_sizes
from sklearn_musiclime.surrogate.ridge import ENOUGH, left_out_penalty


def fit_crossed_surrogate(
    audio_masks: np.ndarray,
    lyric_masks: np.ndarray,
    pairs: np.ndarray,
    predictions: np.ndarray,
    *,
    kernel_width: float = 0.25,
    sampling: Sampling | None = None,
) -> Surrogate:
    """Fit the default surrogate to a crossed design, without a written-out row for each pair.

    With W (n_audio_masks x n_lyric_masks) the kernel weights of the pairs that were scored, and F
    their scores, the normal equations have the blocks A' diag(W 1) A, A' W L and L' diag(W' 1) L on
    the left, A' (W * F) 1 and L' (W * F)' 1 on the right. The result is that of
    :func:`~sklearn_musiclime.surrogate.fit_surrogate` on the written-out masks.

    Parameters
    ----------
    audio_masks : array-like of shape (n_audio_masks, n_audio_components), bool
        Masks of the audio, A: True where a component is kept.
    lyric_masks : array-like of shape (n_lyric_masks, n_lyric_components), bool
        Masks of the lyrics, L.
    pairs : ndarray of shape (n_samples, 2) of int
        The audio mask and the lyric mask of each score, each pair once.
    predictions : array-like of shape (n_samples,) or (n_samples, n_labels)
        The model's scores.
    kernel_width : float, default=0.25
        Width of the exponential kernel, see
        :func:`~sklearn_musiclime.surrogate.kernel_weights`.
    sampling : Sampling or None, default=None
        How the masks were drawn. None: masks ``2 * i`` and ``2 * i + 1`` of a side are a cluster,
        and clusters were drawn with replacement.

    Returns
    -------
    Surrogate
        Weights of the audio components first.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import fit_crossed_surrogate, fit_surrogate
    >>> rng = np.random.default_rng(0)
    >>> audio, lyrics = rng.integers(0, 2, (30, 3)), rng.integers(0, 2, (20, 2))
    >>> pairs = np.argwhere(np.ones((30, 20)))
    >>> masks = np.hstack([audio[pairs[:, 0]], lyrics[pairs[:, 1]]])
    >>> scores = np.tanh(masks @ [[1.0], [0.5], [0.0], [2.0], [-1.0]])
    >>> crossed = fit_crossed_surrogate(audio, lyrics, pairs, scores)
    >>> np.allclose(crossed.weights, fit_surrogate(masks, scores).weights)
    True
    """
    A, L = np.asarray(audio_masks, dtype=float), np.asarray(lyric_masks, dtype=float)
    predictions = check_scores(predictions, len(pairs))
    i, j = pairs.T
    n_components = A.shape[1], L.shape[1]
    if sampling is None:
        audio, lyrics = slice(None, n_components[0]), slice(n_components[0], None)
        sides = Side(audio, i // 2), Side(lyrics, j // 2)
        sampling = Sampling(sides, np.ones(len(pairs)), len(pairs) / (len(A) * len(L)))
    n_kept = A.sum(axis=1)[i] + L.sum(axis=1)[j]
    weight = sampling.sample_weight * kernel_of_sizes(n_kept, sum(n_components), kernel_width)
    check_reach(weight, kernel_width)
    # With more components than masks, the weights lie in the span of the masks: the fit is in an
    # orthonormal basis of that span, which changes neither least squares of least norm nor a ridge.
    bases = _basis(A), _basis(L)
    A, L = (m if b is None else m @ b for m, b in zip((A, L), bases, strict=True))
    W = scipy.sparse.csr_array((weight, (i, j)), shape=(len(A), len(L)))
    of_audio, of_lyrics = W.sum(axis=1), W.sum(axis=0)

    # Centring by the weighted means takes the place of fitting the intercept.
    total = weight.sum()
    mean = np.concatenate([of_audio @ A, of_lyrics @ L]) / total
    mean_score = weight @ predictions / total
    cross = A.T @ (W @ L)
    gram = np.block([[(A.T * of_audio) @ A, cross], [cross.T, (L.T * of_lyrics) @ L]])
    gram -= total * np.outer(mean, mean)
    target = weight[:, np.newaxis] * (predictions - mean_score)
    sums = _sums(target, i, len(A)), _sums(target, j, len(L))
    right = np.vstack([A.T @ sums[0], L.T @ sums[1]])

    n_audio = A.shape[1]
    centred = A - mean[:n_audio], L - mean[n_audio:]
    columns = slice(None, n_audio), slice(n_audio, None)
    of_masks = of_audio, of_lyrics
    n_labels = predictions.shape[1]
    penalties = np.zeros((n_labels, len(gram)))
    is_sufficient = True
    for side, own, rows, w, y, p in zip(
        sampling.sides, columns, centred, of_masks, sums, n_components, strict=True
    ):
        clusters = np.arange(len(rows)) // 2
        if not side.is_complete and n_usable(w, clusters) < ENOUGH * p:
            is_sufficient = False
            means = np.divide(y, w[:, np.newaxis], out=np.zeros_like(y), where=w[:, np.newaxis] > 0)
            penalties[:, own] = [[left_out_penalty(rows, w, label, clusters)] for label in means.T]
    groups: dict[bytes, list[int]] = {}
    for label, of_label in enumerate(penalties):
        groups.setdefault(of_label.tobytes(), []).append(label)

    weights = np.empty((n_labels, sum(n_components)))
    std_err, dof = np.empty((2, *weights.shape))
    intercept, residual = np.empty(n_labels), np.empty_like(predictions)
    left_out = np.empty_like(predictions)
    for labels in groups.values():
        inverse = np.linalg.pinv(gram + np.diag(penalties[labels[0]]), hermitian=True)
        found = (inverse @ right[:, labels]).T
        intercept[labels] = mean_score[labels] - found @ mean
        fitted = (A @ found[:, :n_audio].T)[i] + (L @ found[:, n_audio:].T)[j] + intercept[labels]
        rest = predictions[:, labels] - fitted
        score = weight[:, np.newaxis] * rest
        errors = crossed_errors(centred, of_masks, pairs, score, inverse, sampling, bases)
        std_err[labels], dof[labels] = errors.std_err, errors.dof
        residual[:, labels] = rest
        # Residuals of fits without the sample's cluster: the increases on both sides are added.
        left_out[:, labels] = rest + sum(
            _taken_by_cluster(rows, w, inverse[own, own], _sums(score, at, len(rows)))[at]
            for rows, w, own, at in zip(centred, of_masks, columns, (i, j), strict=True)
        )
        weights[labels] = np.hstack(
            [
                of_side if basis is None else of_side @ basis.T
                for of_side, basis in zip(np.split(found, [n_audio], axis=1), bases, strict=True)
            ]
        )
    is_shrunk = np.hstack(
        [
            np.repeat(penalties[:, own].max(axis=1, initial=0.0)[:, np.newaxis] > 0, p, axis=1)
            for own, p in zip(columns, n_components, strict=True)
        ]
    )
    return Surrogate(
        weights=weights,
        intercept=intercept,
        score=weighted_r2(predictions, residual, weight),
        fidelity=estimate_fidelity(predictions, residual, left_out, weight, sampling),
        local_prediction=intercept + weights.sum(axis=1),
        std_err=std_err,
        dof=np.where(is_shrunk, 0.0, dof),
        penalty=penalties.max(axis=1, initial=0.0),
        is_sufficient=is_sufficient,
        weight=weight,
        left_out=left_out,
    )


def _basis(masks: np.ndarray) -> np.ndarray | None:
    """Orthonormal basis of the masks' span, (n_components, n_masks); None if masks suffice."""
    n_masks, n_components = masks.shape
    return np.linalg.qr(masks.T)[0] if n_components > n_masks else None


def _taken_by_cluster(
    rows: np.ndarray, weight: np.ndarray, inverse: np.ndarray, score: np.ndarray
) -> np.ndarray:
    """Increase of the mean residual of each mask if its cluster is left out, (n_masks, n_labels).

    `rows` are the centred masks, of which ``2 * i`` and ``2 * i + 1`` are a cluster, `weight` the
    total weights of the masks, `inverse` the inverse normal matrix, `score` the sums of the
    weighted residuals of each mask.
    """
    there = weight[:, np.newaxis] > 0
    residual = np.divide(score, weight[:, np.newaxis], out=np.zeros_like(score), where=there)
    hat = with_intercept(rows, rows @ inverse, weight)
    return left_out_residuals(residual, *hat, weight, np.arange(len(rows)) // 2) - residual


def _sums(values: np.ndarray, rows: np.ndarray, n_rows: int) -> np.ndarray:
    """Sums of values (n, n_labels) by their row numbers, (n_rows, n_labels)."""
    return np.column_stack([np.bincount(rows, v, minlength=n_rows) for v in values.T])
