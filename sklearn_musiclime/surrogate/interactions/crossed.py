"""Interactions of the two modalities, from a crossed grid of masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_musiclime.surrogate.confidence import MOST_DOF
from sklearn_musiclime.surrogate.fidelity import negligible
from sklearn_musiclime.surrogate.hat_matrix import leverage_scale
from sklearn_musiclime.surrogate.interactions.pairs import Interactions, without_rounding
from sklearn_musiclime.surrogate.interactions.significance import tested_interactions

WELL_POSED = 1.5
"""Clusters per component that least squares needs; with fewer each component is fitted alone."""


def crossed_interactions(
    audio_masks: np.ndarray,
    lyric_masks: np.ndarray,
    scores: np.ndarray,
    *,
    fractions: tuple[float, float] = (0.0, 0.0),
) -> Interactions:
    """Estimate all interactions between audio and lyric components from a complete grid.

    Parameters
    ----------
    audio_masks : ndarray of shape (n_audio_masks, n_audio), dtype bool
        Masks of the audio. Rows ``2 * i`` and ``2 * i + 1`` are complements.
    lyric_masks : ndarray of shape (n_lyric_masks, n_lyrics), dtype bool
        Masks of the lyrics, in complements likewise.
    scores : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels)
        The model's score of every combination.
    fractions : (float, float), default=(0.0, 0.0)
        Fraction of all masks of each side that was drawn. A side of 1 is complete and adds nothing
        to the standard errors.

    Returns
    -------
    Interactions
        Pair ``k * n_lyrics + m`` is audio component k and lyric component m, whose position in
        `pairs` is ``n_audio + m``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import crossed_interactions
    >>> drawn = np.random.default_rng(0).integers(0, 2, (2, 20, 3)).astype(bool)
    >>> audio, lyrics = np.stack([drawn, ~drawn], axis=2).reshape(2, 40, 3)
    >>> loud, love = audio[:, 0], lyrics[:, 2]
    >>> scores = 0.5 * np.outer(loud, love) + np.exp(loud)[:, np.newaxis] + love
    >>> found = crossed_interactions(audio, lyrics, scores[:, :, np.newaxis])
    >>> found.weights.reshape(3, 3).round(3) + 0.0
    array([[0. , 0. , 0.5],
           [0. , 0. , 0. ],
           [0. , 0. , 0. ]])
    """
    n_audio, n_lyrics = audio_masks.shape[1], lyric_masks.shape[1]
    A, L = audio_masks[::2] - 0.5, lyric_masks[::2] - 0.5
    P, of_audio, dof_audio = _projection(A)
    Q, of_lyrics, dof_lyrics = _projection(L)
    folded = (
        scores[::2, ::2] - scores[1::2, ::2] - scores[::2, 1::2] + scores[1::2, 1::2]
    ) / 4  # (n_audio_units, n_lyric_units, n_labels)
    chance = [1 - fraction for fraction in fractions]
    dof = [d for d, left in zip((dof_audio, dof_lyrics), chance, strict=True) if left > 0]
    floors = negligible(scores.reshape(-1, scores.shape[2]))
    weights, std_err = [], []
    for label, floor in enumerate(floors):
        R = folded[:, :, label]
        B = without_rounding(P.T @ R @ Q, floor)
        # The contribution of an audio cluster: the difference of its slopes in the lyrics from the
        # common ones; of a lyric cluster likewise. The variance of single cells, which both
        # contain, is subtracted once.
        along = np.square(R @ Q - of_audio.fitted(A, B))
        across = np.square(P.T @ R - of_lyrics.fitted(L, B.T).T)
        cells = np.square(R - of_audio.fitted(A, of_lyrics.fitted(L, B.T).T))
        by_audio = chance[0] * ((np.square(P) * of_audio.scale).T @ along)
        by_lyrics = chance[1] * (across @ (np.square(Q) * of_lyrics.scale))
        by_cell = (np.square(P) * of_audio.scale).T @ cells @ (np.square(Q) * of_lyrics.scale)
        both = by_audio + by_lyrics - chance[0] * chance[1] * by_cell
        variance = np.maximum(both, (by_audio + by_lyrics) / 2)
        weights.append(B.ravel())
        std_err.append(np.sqrt(variance).ravel())
    pairs = np.stack(np.meshgrid(np.arange(n_audio), n_audio + np.arange(n_lyrics)), axis=-1)
    return tested_interactions(
        pairs.transpose(1, 0, 2).reshape(-1, 2),
        np.stack(weights),
        np.stack(std_err),
        min(dof, default=MOST_DOF),
    )


@dataclass(frozen=True)
class _Fit:
    """Kind of fit to the masks of a side: least squares, or each column alone if ill posed.

    Attributes
    ----------
    is_joint : bool
        Whether all columns are fitted together, by least squares.
    scale : ndarray of shape (n_units, 1)
        Factor of the squared residual of each pair of complements (HC2).
    """

    is_joint: bool
    scale: np.ndarray

    def fitted(self, masks: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """Fitted values of the clusters; 0 where each column was estimated alone."""
        return masks @ coefficients * self.is_joint


def _projection(masks: np.ndarray) -> tuple[np.ndarray, _Fit, int]:
    """Matrix that maps the scores of clusters to coefficients, kind of fit, degrees of freedom.

    `masks` has one mask of each pair of complements, coded -1/2 and 1/2; the matrix is of shape
    (n_units, n_components).
    """
    n_units, n_components = masks.shape
    if n_units < WELL_POSED * n_components:
        return masks * (4 / n_units), _Fit(False, np.ones((n_units, 1))), n_units - 1
    projection = masks @ np.linalg.pinv(masks.T @ masks, hermitian=True)
    scale = leverage_scale(np.einsum("ij,ij->i", projection, masks))
    return projection, _Fit(True, scale[:, np.newaxis]), n_units - n_components
