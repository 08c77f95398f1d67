"""Interactions: what two components do together beyond what each does.

The interaction of two components is the average, over all that the rest of the song may be, of
``f(both) - f(one) - f(other) + f(neither)``: the Banzhaf interaction index (Grabisch and Roubens
1999). It is the coefficient of the product of the two in a least-squares fit to all masks. The
kernel of the weights plays no part, so a model that is additive in the score has none, whatever
else its curves are like.

Three ways lead there.

*Crossed grid.* With masks of the audio crossed with masks of the lyrics, both with complements, the
four scores of a mask pair and a lyric pair are folded into ``R = (f11 - f12 - f21 + f22) / 4``:
whatever depends on the audio alone, or on the lyrics alone, cancels to the last bit. With masks A
and L coded -1/2 and 1/2 then ``B = (A'A)^-1 A' R L (L'L)^-1``: all interactions of the two
modalities at once. Standard errors come from both sides (masks of the audio are shared along rows,
of the lyrics along columns), as of a two-way cluster (Cameron, Gelbach, Miller 2011).

*Joint masks.* The mean of a mask's and its complement's score holds no effect of a single
component. Products of two columns are all but orthogonal, so each interaction is estimated on its
own, and those that stand out are fitted together and their part is taken out before the rest is
tested again. Of independent masks the residuals of the linear surrogate are screened alike.

*All masks.* Of an exhaustive design the fit is exact.

Which of thousands are real is told by the Benjamini-Hochberg q-value: of those below 0.05, a
twentieth is expected to be none.

References
----------
Grabisch, Roubens, "An axiomatic approach to the concept of interaction among players in cooperative
games", International Journal of Game Theory 28, 1999.
Benjamini, Hochberg, "Controlling the false discovery rate", JRSS B 57, 1995.
Cameron, Gelbach, Miller, "Robust inference with multiway clustering", JBES 29, 2011.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats
from scipy.special import comb

from sklearn_musiclime.neighbourhood.designs import Neighbourhood
from sklearn_musiclime.surrogate.errors import leverage_scale
from sklearn_musiclime.surrogate.linear import Surrogate

FALSE_DISCOVERIES = 0.05
"""Share of false ones among the interactions that are held to be real."""
WELL_POSED = 1.5
"""Units a component that least squares needs; with fewer each component is estimated apart."""
MAX_ROUNDS = 20
"""How often interactions that stand out are taken out before the rest is tested again."""
ROUNDING = 1e-7
"""What is below this part of the largest score is what single precision leaves over."""


@dataclass(frozen=True)
class Interactions:
    """Interactions of pairs of components.

    Attributes
    ----------
    pairs : ndarray of shape (n_pairs, 2) of int
        Positions of the two components.
    weights : ndarray of shape (n_labels, n_pairs)
        What the two add together beyond what each adds.
    std_err : ndarray of shape (n_labels, n_pairs)
        Their standard errors.
    q_values : ndarray of shape (n_labels, n_pairs)
        The false-discovery rate at which each would be held to be real.
    """

    pairs: np.ndarray
    weights: np.ndarray
    std_err: np.ndarray
    q_values: np.ndarray

    @classmethod
    def concatenate(cls, parts: list[Interactions]) -> Interactions:
        """Put the interactions of different pairs together.

        Parameters
        ----------
        parts : list of Interactions
            Of the same labels.

        Returns
        -------
        Interactions
        """
        return cls(
            np.concatenate([part.pairs for part in parts]),
            *(
                np.hstack([getattr(part, name) for part in parts])
                for name in ("weights", "std_err", "q_values")
            ),
        )


def fit_interactions(
    neighbourhood: Neighbourhood,
    scores: np.ndarray,
    surrogate: Surrogate,
    grid: np.ndarray | None,
    *,
    which: str,
    kernel: str,
) -> Interactions:
    """Estimate the interactions of a song's components, whatever the design.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        The masks.
    scores : ndarray of shape (n_samples, n_labels)
        The scores of its pairs.
    surrogate : Surrogate
        What was fitted to them.
    grid : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels), or None
        The scores of its grid.
    which : {"cross", "all"}
        Pairs of an audio and a lyric component, or all pairs.
    kernel : {"exponential", "shapley"}
        With "shapley" and all masks the indices are Shapley's.

    Returns
    -------
    Interactions
    """
    n_audio, n_lyrics = neighbourhood.audio_masks.shape[1], neighbourhood.lyric_masks.shape[1]
    first, second = np.triu_indices(n_audio + n_lyrics, 1)
    pairs = np.stack([first, second], axis=1)
    crossing = (first < n_audio) & (second >= n_audio)
    if neighbourhood.design != "crossed":
        pairs = pairs if which == "all" else pairs[crossing]
        if kernel == "shapley" and neighbourhood.is_exhaustive:
            return shapley_interactions(neighbourhood.masks, scores, pairs)
        return joint_interactions(neighbourhood.masks, scores, pairs, design=neighbourhood.design)
    found = []
    if grid is not None:
        audio, lyrics = neighbourhood.grid
        halves = neighbourhood.audio_masks[audio], neighbourhood.lyric_masks[lyrics]
        found.append(crossed_interactions(*halves, grid))
    if which == "all":
        residual = scores - surrogate.intercept - neighbourhood.masks @ surrogate.weights.T
        for side, (masks, offset) in enumerate(
            ((neighbourhood.audio_masks, 0), (neighbourhood.lyric_masks, n_audio))
        ):
            found.append(_within(masks, neighbourhood.pairs[:, side], residual, offset))
    if not found:
        nothing = np.zeros((scores.shape[1], 0))
        found = [Interactions(pairs[:0], nothing, nothing, nothing)]
    return Interactions.concatenate(found)


def _within(masks: np.ndarray, rows: np.ndarray, residual: np.ndarray, offset: int) -> Interactions:
    """Interactions within a half: from what the linear fit leaves, averaged over each mask."""
    n_met = np.bincount(rows, minlength=len(masks))
    means = [np.bincount(rows, r, minlength=len(masks)) / np.maximum(n_met, 1) for r in residual.T]
    first = np.arange(0, len(masks) - 1, 2)
    first = first[(n_met[first] > 0) & (n_met[first + 1] > 0)]
    both = np.stack([first, first + 1], axis=1).ravel()
    pairs = np.stack(np.triu_indices(masks.shape[1], 1), axis=1)
    found = joint_interactions(masks[both], np.stack(means, axis=1)[both], pairs, design="paired")
    return replace(found, pairs=pairs + offset)


def crossed_interactions(
    audio_masks: np.ndarray, lyric_masks: np.ndarray, scores: np.ndarray
) -> Interactions:
    """Estimate all interactions of an audio and a lyric component from a complete grid.

    Parameters
    ----------
    audio_masks : ndarray of shape (n_audio_masks, n_audio), dtype bool
        Rows ``2 * i`` and ``2 * i + 1`` are complements. If they are ``2 ** n_audio``, they are all
        there are, and nothing is left to chance on that side.
    lyric_masks : ndarray of shape (n_lyric_masks, n_lyrics), dtype bool
        The same of the lyrics.
    scores : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels)
        The model's score of every combination.

    Returns
    -------
    Interactions
        Pair ``k * n_lyrics + m`` is audio component k and lyric component m; in `pairs` the lyric
        components are counted on from the audio's.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import crossed_interactions
    >>> half = np.random.default_rng(0).integers(0, 2, (2, 20, 3)).astype(bool)
    >>> audio, lyrics = np.stack([half, ~half], axis=2).reshape(2, 40, 3)
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
    by_chance = [len(masks) < 2 ** masks.shape[1] for masks in (audio_masks, lyric_masks)]
    dof = [
        d for d, is_sampled in zip((dof_audio, dof_lyrics), by_chance, strict=True) if is_sampled
    ]
    weights, std_err = [], []
    for label in range(scores.shape[2]):
        floor = ROUNDING * np.abs(scores[:, :, label]).max()
        R = folded[:, :, label]
        B = _without_rounding(P.T @ R @ Q, floor)
        # What one unit of the audio adds: how its slopes in the lyrics differ from those that all
        # agree on. The same the other way round; what both count, the single cells, comes off once.
        along = np.square(R @ Q - of_audio.fitted(A, B))
        across = np.square(P.T @ R - of_lyrics.fitted(L, B.T).T)
        cells = np.square(R - of_audio.fitted(A, of_lyrics.fitted(L, B.T).T))
        by_audio = (np.square(P) * of_audio.scale).T @ along
        by_lyrics = across @ (np.square(Q) * of_lyrics.scale)
        by_cell = (np.square(P) * of_audio.scale).T @ cells @ (np.square(Q) * of_lyrics.scale)
        both = np.maximum(by_audio + by_lyrics - by_cell, np.maximum(by_audio, by_lyrics))
        none = np.zeros_like(B)
        variance = {(1, 1): both, (1, 0): by_audio, (0, 1): by_lyrics, (0, 0): none}[*by_chance]
        weights.append(B.ravel())
        std_err.append(np.sqrt(variance).ravel())
    pairs = np.stack(np.meshgrid(np.arange(n_audio), n_audio + np.arange(n_lyrics)), axis=-1)
    return _tested(
        pairs.transpose(1, 0, 2).reshape(-1, 2),
        np.stack(weights),
        np.stack(std_err),
        min(dof, default=1),
    )


@dataclass(frozen=True)
class _Fit:
    """How a half is projected: by least squares, or column by column where that is ill posed."""

    is_joint: bool
    scale: np.ndarray  # (n_units, 1), what a residual's square is multiplied by

    def fitted(self, masks: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        return masks @ coefficients * self.is_joint


def _projection(masks: np.ndarray) -> tuple[np.ndarray, _Fit, int]:
    """The matrix that takes scores of units to coefficients, (n_units, n_components)."""
    n_units, n_components = masks.shape
    if n_units < WELL_POSED * n_components:
        return masks * (4 / n_units), _Fit(False, np.ones((n_units, 1))), n_units - 1
    projection = masks @ np.linalg.pinv(masks.T @ masks, hermitian=True)
    scale = leverage_scale(np.einsum("ij,ij->i", projection, masks))
    return projection, _Fit(True, scale[:, np.newaxis]), n_units - n_components


def joint_interactions(
    masks: np.ndarray, scores: np.ndarray, pairs: np.ndarray, *, design: str
) -> Interactions:
    """Estimate interactions from masks over all components.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        The masks. In "paired" rows ``2 * i`` and ``2 * i + 1`` are complements.
    scores : ndarray of shape (n_samples, n_labels)
        The model's scores.
    pairs : ndarray of shape (n_pairs, 2) of int
        The pairs of components that are asked for; all pairs are screened.
    design : {"paired", "independent", "exhaustive"}
        How the masks were drawn.

    Returns
    -------
    Interactions
    """
    floors = ROUNDING * np.abs(scores).max(axis=0)
    if design == "exhaustive":
        coded = masks - 0.5
        weights = [
            16 / len(masks) * (coded.T @ (coded * s[:, np.newaxis]))[tuple(pairs.T)]
            for s in scores.T
        ]
        weights = _without_rounding(np.stack(weights), floors[:, np.newaxis])
        q_values = np.where(weights == 0, 1.0, 0.0)
        return Interactions(pairs, weights, np.zeros_like(weights), q_values)
    if design == "paired":
        coded = masks[::2] - 0.5
        response = (scores[::2] + scores[1::2]) / 2
    else:
        coded = masks - 0.5
        X = np.column_stack([np.ones(len(coded)), coded])
        response = scores - X @ np.linalg.lstsq(X, scores, rcond=None)[0]
    parts = [
        _screened(coded, r - r.mean(), pairs, floor)
        for r, floor in zip(response.T, floors, strict=True)
    ]
    return Interactions(pairs, *(np.stack(values) for values in zip(*parts, strict=True)))


def shapley_interactions(
    masks: np.ndarray, predictions: np.ndarray, pairs: np.ndarray
) -> Interactions:
    """Shapley interaction indices, exactly, from the scores of all masks.

    The average of ``f(both) - f(one) - f(other) + f(neither)`` over the others, each number of them
    as likely as every other.

    Parameters
    ----------
    masks : ndarray of shape (2 ** n_components, n_components), dtype bool
        All masks, in any order.
    predictions : ndarray of shape (2 ** n_components, n_labels)
        The model's scores.
    pairs : ndarray of shape (n_pairs, 2) of int
        The pairs of components.

    Returns
    -------
    Interactions
        Standard errors are 0; q-values 0 where there is an interaction, else 1.
    """
    p = masks.shape[1]
    coded = 2.0 * masks - 1.0
    kept = masks.sum(axis=1)
    weights = np.empty((predictions.shape[1], len(pairs)))
    for column, (k, m) in enumerate(pairs):
        n_others = kept - masks[:, k] - masks[:, m]
        chance = 1 / ((p - 1) * comb(p - 2, n_others))
        weights[:, column] = (chance * coded[:, k] * coded[:, m]) @ predictions
    floor = 1e-9 * np.abs(predictions).max(axis=0)[:, np.newaxis]
    q_values = np.where(np.abs(weights) <= floor, 1.0, 0.0)
    return Interactions(pairs, weights, np.zeros_like(weights), q_values)


def _screened(
    coded: np.ndarray, response: np.ndarray, pairs: np.ndarray, floor: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, standard errors and q-values of pairs; see the module."""
    n, p = coded.shape
    everyone = np.triu_indices(p, 1)
    place = np.zeros((p, p), dtype=int)
    place[everyone] = np.arange(len(everyone[0]))
    asked = place[np.minimum(*pairs.T), np.maximum(*pairs.T)]
    chosen: list[int] = []
    residual = response
    for _ in range(MAX_ROUNDS):
        # Products of the coded columns are 1/4 or -1/4, so a product's own fit is one sum.
        weights = 16 / n * (coded.T @ (coded * residual[:, np.newaxis]))[everyone]
        weights = _without_rounding(weights, floor)
        spread = 4 * np.sqrt(np.sum(np.square(residual)) / max(n - len(chosen) - 1, 1) / n)
        std_err = np.full(len(weights), spread)
        q_values = _q_values(weights, std_err, n - len(chosen) - 1)
        new = np.flatnonzero(q_values <= FALSE_DISCOVERIES)
        new = new[~np.isin(new, chosen)]
        new = new[np.argsort(q_values[new], kind="stable")][: max(n // 4 - len(chosen), 0)]
        if not len(new):
            break
        chosen += new.tolist()
        left, right = (index[chosen] for index in everyone)
        X = coded[:, left] * coded[:, right]
        X = X - X.mean(axis=0)
        inverse = np.linalg.pinv(X.T @ X, hermitian=True)
        together = _without_rounding(inverse @ (X.T @ response), floor)
        residual = response - X @ together
    if chosen:
        projected = X @ inverse
        scale = leverage_scale(np.einsum("ij,ij->i", projected, X))
        weights[chosen] = together
        std_err[chosen] = np.sqrt((scale * np.square(residual)) @ np.square(projected))
    weights, std_err = weights[asked], std_err[asked]
    # Among those asked for: true ones that were not must not make room for false ones.
    return weights, std_err, _q_values(weights, std_err, n - len(chosen) - 1)


def _tested(pairs: np.ndarray, weights: np.ndarray, std_err: np.ndarray, dof: int) -> Interactions:
    q_values = [_q_values(w, s, dof) for w, s in zip(weights, std_err, strict=True)]
    return Interactions(pairs, weights, std_err, np.stack(q_values))


def _q_values(weights: np.ndarray, std_err: np.ndarray, dof: int) -> np.ndarray:
    """Benjamini-Hochberg q-values of t-tests; 1 where nothing is left of a weight, or known."""
    if dof < 1 or not len(weights):
        return np.ones(len(weights))
    none = weights == 0
    ratio = np.divide(
        np.abs(weights), std_err, out=np.full(len(weights), np.inf), where=std_err > 0
    )
    p_values = np.where(none, 1.0, 2 * stats.t.sf(ratio, dof))
    return stats.false_discovery_control(p_values)


def _without_rounding(values: np.ndarray, floor: float | np.ndarray) -> np.ndarray:
    return np.where(np.abs(values) <= floor, 0.0, values)
