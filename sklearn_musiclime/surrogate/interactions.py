"""Interactions: the effect of two components together beyond the sum of their effects.

The interaction of two components is the average of ``f(both) - f(one) - f(other) + f(neither)``
over all masks of the other components, equally weighted: the Banzhaf interaction index
(Grabisch and Roubens 1999). It is the coefficient of the product of the two components in a
least-squares fit to all masks. The kernel of the weights is not used here, so that all interactions
of a model whose score is additive in the components are 0.

There are three estimators.

*Crossed grid.* Masks of the audio are crossed with masks of the lyrics, both with complements. The
four scores of an audio mask and its complement with a lyric mask and its complement are folded into
``R = (f11 - f12 - f21 + f22) / 4``: effects of the audio alone and of the lyrics alone cancel
exactly. With masks A and L coded -1/2 and 1/2, all interactions of the two modalities are
``B = (A'A)^-1 A' R L (L'L)^-1``. Standard errors are two-way clustered, since all scores of a row
share an audio mask and all of a column a lyric mask (Cameron, Gelbach, Miller 2011).

*Joint masks.* In the mean of the scores of a mask and its complement the effects of single
components cancel; of independent masks, the linear effects of the components are regressed out of
the scores and of the products. Products of two columns are nearly orthogonal to each other, so each
interaction is first estimated by itself. Those that are significant are then fitted jointly and
subtracted, and the others are tested again on what remains.

*All masks.* On an enumeration the fit is exact. Shapley's interaction index is computed in this
case only: a sample that is drawn for Shapley values leaves out components by other chances than
fair coins, and estimates of interactions from it are dominated by other effects.

Among thousands of pairs, significance is judged by the Benjamini-Hochberg q-value: of the
interactions whose q-value is at most 0.05, a twentieth is expected to be false.

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
from sklearn_musiclime.surrogate.confidence import MOST_DOF
from sklearn_musiclime.surrogate.estimate import Surrogate
from sklearn_musiclime.surrogate.fidelity import negligible

FALSE_DISCOVERIES = 0.05
"""Largest q-value of significant interactions: the expected share of false ones among them."""
WELL_POSED = 1.5
"""Clusters per component that least squares needs; with fewer each component is fitted alone."""
MAX_PAIRS = 10_000_000
"""Largest number of pairs that are estimated."""
MAX_SCREENED = 2_000_000
"""Up to this many pairs (2,000 components) all are screened; beyond, only the requested ones."""
MAX_OPERATIONS = 2e10
"""Largest number of multiplications for exact squares of products; beyond, their mean is used."""
MAX_ROUNDS = 20
"""Largest number of rounds of fitting the significant interactions and testing the others again."""


@dataclass(frozen=True)
class Interactions:
    """Interactions of pairs of components.

    Attributes
    ----------
    pairs : ndarray of shape (n_pairs, 2) of int
        Positions of the two components, those of the audio counted first.
    weights : ndarray of shape (n_labels, n_pairs)
        Interaction of the two: their effect together less the sum of their effects.
    std_err : ndarray of shape (n_labels, n_pairs)
        Standard errors of the interactions.
    q_values : ndarray of shape (n_labels, n_pairs)
        Benjamini-Hochberg q-values: the false-discovery rate at which each is significant.
    dof : ndarray of shape (n_labels, n_pairs), or None, default=None
        Degrees of freedom of `std_err`. None: 1e6, that is, a normal error.
    """

    pairs: np.ndarray
    weights: np.ndarray
    std_err: np.ndarray
    q_values: np.ndarray
    dof: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.dof is None:
            object.__setattr__(self, "dof", np.full(np.shape(self.std_err), MOST_DOF))

    def scaled(self, exponent: np.ndarray) -> Interactions:
        """Multiply the interactions of each label by a power of two.

        Parameters
        ----------
        exponent : ndarray of shape (n_labels,) of int
            Exponent of each label.

        Returns
        -------
        Interactions
            The interactions of scores that are ``2 ** exponent`` times as large.
        """
        exponent = exponent[:, np.newaxis]
        return replace(
            self,
            weights=np.ldexp(self.weights, exponent),
            std_err=np.ldexp(self.std_err, exponent),
        )

    @classmethod
    def concatenate(cls, parts: list[Interactions]) -> Interactions:
        """Concatenate interactions of different pairs.

        Parameters
        ----------
        parts : list of Interactions
            Interactions for the same labels.

        Returns
        -------
        Interactions
            All pairs, in the order of `parts`.
        """
        return cls(
            np.concatenate([part.pairs for part in parts]),
            *(
                np.hstack([getattr(part, name) for part in parts])
                for name in ("weights", "std_err", "q_values", "dof")
            ),
        )


def check_n_pairs(n_audio: int, n_lyrics: int, which: str) -> None:
    """Check that a song's pairs of components are few enough for their interactions.

    Parameters
    ----------
    n_audio, n_lyrics : int
        Number of audio and of lyric components.
    which : {"cross", "all"}
        "cross": pairs of an audio and a lyric component. "all": all pairs of components.

    Raises
    ------
    ValueError
        There are more than ten million pairs.
    """
    n = n_audio + n_lyrics
    n_pairs = n_audio * n_lyrics if which == "cross" else n * (n - 1) // 2
    if n_pairs > MAX_PAIRS:
        raise ValueError(
            f"interactions={which!r} of {n_audio} audio and {n_lyrics} lyric components are "
            f"{n_pairs} pairs, and at most {MAX_PAIRS} are estimated; use interactions=None, or "
            "fewer segments or larger lyric_units"
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
    """Estimate the interactions of a song's components, by the estimator that its design allows.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        The masks.
    scores : ndarray of shape (n_samples, n_labels)
        The model's scores of its perturbed songs, in the order of ``neighbourhood.pairs``.
    surrogate : Surrogate
        The surrogate that was fitted to these scores.
    grid : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels), or None
        The model's scores of the combinations of ``neighbourhood.grid``. None: interactions between
        audio and lyrics are left out in the crossed design; joint designs have no grid.
    which : {"cross", "all"}
        "cross": pairs of an audio and a lyric component. "all": all pairs of components.
    kernel : {"exponential", "shapley"}
        "exponential": Banzhaf interaction indices. "shapley": Shapley interaction indices, which
        take an exhaustive design.

    Returns
    -------
    Interactions

    Raises
    ------
    ValueError
        `kernel` is "shapley" and the design is not exhaustive.
    """
    n_audio, n_lyrics = neighbourhood.audio_masks.shape[1], neighbourhood.lyric_masks.shape[1]
    sampling, n_known = neighbourhood.sampling, neighbourhood.n_known
    if neighbourhood.design != "crossed":
        pairs = _pairs(n_audio, n_lyrics, which)
        masks, scores = neighbourhood.masks[n_known:], scores[n_known:]
        if kernel == "shapley":
            if not neighbourhood.design == "exhaustive":
                raise ValueError("Shapley's interactions are estimated from all masks alone")
            return shapley_interactions(masks, scores, pairs)
        design = neighbourhood.design
        if sampling.is_complete:
            design = "exhaustive"
        elif design == "exhaustive":  # the model's scores are noisy, so there still is an error
            design = "independent"
        return joint_interactions(
            masks, scores, pairs, design=design, fraction=sampling.sides[0].fraction
        )
    found = []
    if grid is not None:
        audio, lyrics = neighbourhood.grid
        halves = neighbourhood.audio_masks[audio], neighbourhood.lyric_masks[lyrics]
        found.append(crossed_interactions(*halves, grid, fractions=sampling.grid_fractions))
    if which == "all":
        residual = scores - surrogate.intercept - neighbourhood.masks @ surrogate.weights.T
        halves = (neighbourhood.audio_masks, neighbourhood.lyric_masks)
        for number, (masks, offset) in enumerate(zip(halves, (0, n_audio), strict=True)):
            rows = neighbourhood.pairs[n_known:, number]
            # Means over the other side's masks vary with the draw, unless all were combined.
            design = "exhaustive" if sampling.is_complete else "paired"
            found.append(_within(masks, rows, residual[n_known:], offset, design))
    if not found:
        nothing = np.zeros((scores.shape[1], 0))
        found = [Interactions(_pairs(0, 0, which), *[nothing] * 4)]
    return Interactions.concatenate(found)


def _pairs(n_audio: int, n_lyrics: int, which: str) -> np.ndarray:
    """Positions of the requested pairs of components, (n_pairs, 2)."""
    if which == "all":
        return np.stack(np.triu_indices(n_audio + n_lyrics, 1), axis=1)
    first, second = np.divmod(np.arange(n_audio * n_lyrics), max(n_lyrics, 1))
    return np.stack([first, n_audio + second], axis=1)


def _within(
    masks: np.ndarray, rows: np.ndarray, residual: np.ndarray, offset: int, design: str
) -> Interactions:
    """Interactions within a modality, from the residuals of the surrogate averaged by mask.

    `rows` is each sample's mask, `offset` the position of the modality's first component.
    """
    n_met = np.bincount(rows, minlength=len(masks))
    means = [np.bincount(rows, r, minlength=len(masks)) / np.maximum(n_met, 1) for r in residual.T]
    first = np.arange(0, len(masks) - 1, 2)
    first = first[(n_met[first] > 0) & (n_met[first + 1] > 0)]
    both = np.stack([first, first + 1], axis=1).ravel()
    pairs = np.stack(np.triu_indices(masks.shape[1], 1), axis=1)
    found = joint_interactions(masks[both], np.stack(means, axis=1)[both], pairs, design=design)
    return replace(found, pairs=pairs + offset)


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
    chance = [1 - fraction for fraction in fractions]
    dof = [d for d, left in zip((dof_audio, dof_lyrics), chance, strict=True) if left > 0]
    floors = negligible(scores.reshape(-1, scores.shape[2]))
    weights, std_err = [], []
    for label, floor in enumerate(floors):
        R = folded[:, :, label]
        B = _without_rounding(P.T @ R @ Q, floor)
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
    return _tested(
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
    scale = _leverage_scale(np.einsum("ij,ij->i", projection, masks))
    return projection, _Fit(True, scale[:, np.newaxis]), n_units - n_components


def _leverage_scale(leverage: np.ndarray) -> np.ndarray:
    """Factors of the squared residuals of unweighted least squares (HC2)."""
    return 1 / np.maximum(1 - leverage, 0.01)


def joint_interactions(
    masks: np.ndarray,
    scores: np.ndarray,
    pairs: np.ndarray,
    *,
    design: str,
    fraction: float = 0.0,
) -> Interactions:
    """Estimate interactions from masks over all components, without kernel weights.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        The masks. In the paired design rows ``2 * i`` and ``2 * i + 1`` are complements.
    scores : ndarray of shape (n_samples, n_labels)
        The model's scores.
    pairs : ndarray of shape (n_pairs, 2) of int
        Positions of the components of the requested pairs. Up to two million pairs, all pairs of a
        song are screened for significant ones; beyond, only the requested ones.
    design : {"paired", "independent", "exhaustive"}
        How the masks were drawn; "exhaustive" takes all masks, and gives standard errors of 0.
    fraction : float, default=0.0
        Fraction of all masks that was drawn, without replacement. 0: drawn with replacement.

    Returns
    -------
    Interactions
    """
    floors = negligible(scores)
    if not len(masks) or not len(pairs):
        nothing = np.zeros((scores.shape[1], len(pairs)))
        return Interactions(pairs, nothing, nothing, np.ones_like(nothing), nothing)
    if design == "exhaustive":
        coded = masks - 0.5
        weights = [
            16 / len(masks) * (coded.T @ (coded * s[:, np.newaxis]))[tuple(pairs.T)]
            for s in scores.T
        ]
        weights = _without_rounding(np.stack(weights), floors[:, np.newaxis])
        return _known(pairs, weights)
    if design == "paired":
        coded = masks[::2] - 0.5
        response = (scores[::2] + scores[1::2]) / 2
        main = np.ones((len(coded), 1))
    else:
        coded = masks - 0.5
        response = scores
        main = np.column_stack([np.ones(len(coded)), coded])
    basis = np.linalg.qr(main)[0]
    parts = [
        _screened(coded, r, basis, pairs, floor, 1 - fraction)
        for r, floor in zip(response.T, floors, strict=True)
    ]
    return Interactions(pairs, *(np.stack(values) for values in zip(*parts, strict=True)))


def shapley_interactions(
    masks: np.ndarray, predictions: np.ndarray, pairs: np.ndarray
) -> Interactions:
    """Compute Shapley interaction indices from the scores of all masks.

    The index of two components is the average of ``f(both) - f(one) - f(other) + f(neither)`` over
    the masks of the other components, with the same total weight for each number of components
    kept.

    Parameters
    ----------
    masks : ndarray of shape (2 ** n_components, n_components), dtype bool
        All masks, in any order.
    predictions : ndarray of shape (2 ** n_components, n_labels)
        The model's scores.
    pairs : ndarray of shape (n_pairs, 2) of int
        Positions of the components of each pair.

    Returns
    -------
    Interactions
        Exact: standard errors are 0, q-values are 0 for indices other than 0, else 1.
    """
    p = masks.shape[1]
    coded = 2.0 * masks - 1.0
    kept = masks.sum(axis=1)
    weights = np.empty((predictions.shape[1], len(pairs)))
    for column, (k, m) in enumerate(pairs):
        n_others = kept - masks[:, k] - masks[:, m]
        chance = 1 / ((p - 1) * comb(p - 2, n_others))
        weights[:, column] = (chance * coded[:, k] * coded[:, m]) @ predictions
    return _known(pairs, _without_rounding(weights, negligible(predictions)[:, np.newaxis]))


def _known(pairs: np.ndarray, weights: np.ndarray) -> Interactions:
    """Exact interactions: standard errors of 0, q-values of 0 or 1."""
    exact = np.zeros_like(weights)
    return Interactions(pairs, weights, exact, np.where(weights == 0, 1.0, 0.0), exact + MOST_DOF)


def _screened(
    coded: np.ndarray,
    response: np.ndarray,
    basis: np.ndarray,
    pairs: np.ndarray,
    floor: float,
    left_to_chance: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights, standard errors, q-values and degrees of freedom of pairs, for a single label.

    This is the estimator for joint masks of the module's docstring. `coded` are the masks as -1/2
    and 1/2, `response` the scores; the columns of `basis` are orthonormal and are regressed out of
    the scores and of the products. `left_to_chance` is the finite population correction.
    """
    n, p = coded.shape
    response = response - basis @ (basis.T @ response)
    n_free = n - basis.shape[1]
    if n_free < 1:
        unknown = np.zeros(len(pairs))
        return unknown, unknown, np.ones(len(pairs)), unknown
    if p * (p - 1) // 2 <= MAX_SCREENED:
        everyone = np.triu_indices(p, 1)
        place = np.zeros((p, p), dtype=int)
        place[everyone] = np.arange(len(everyone[0]))
        asked = place[np.minimum(*pairs.T), np.maximum(*pairs.T)]
    else:
        everyone, asked = tuple(pairs.T), np.arange(len(pairs))
    firsts, first_at = np.unique(everyone[0], return_inverse=True)
    seconds, second_at = np.unique(everyone[1], return_inverse=True)
    squares = _free_squares(coded, basis, firsts, seconds)[first_at, second_at]
    chosen: list[int] = []
    residual = response
    for _ in range(MAX_ROUNDS):
        # Each product is fitted alone, since the others are nearly orthogonal to it.
        products = coded[:, firsts].T @ (coded[:, seconds] * residual[:, np.newaxis])
        weights = _without_rounding(products[first_at, second_at] / squares, floor)
        dof = n_free - len(chosen)
        variance = left_to_chance * np.sum(np.square(residual)) / max(dof, 1)
        std_err = np.sqrt(variance / squares)
        q_values = _q_values(weights, std_err, dof)
        new = np.flatnonzero(q_values <= FALSE_DISCOVERIES)
        new = new[~np.isin(new, chosen)]
        new = new[np.argsort(q_values[new], kind="stable")][: max(n_free // 4 - len(chosen), 0)]
        if not len(new):
            break
        chosen += new.tolist()
        left, right = (index[chosen] for index in everyone)
        X = coded[:, left] * coded[:, right]
        X = X - basis @ (basis.T @ X)
        inverse = np.linalg.pinv(X.T @ X, hermitian=True)
        together = _without_rounding(inverse @ (X.T @ response), floor)
        residual = response - X @ together
    if chosen:
        projected = X @ inverse
        taken = np.einsum("ij,ij->i", projected, X) + np.square(basis).sum(axis=1)
        rest = _leverage_scale(taken) * np.square(residual)
        weights[chosen] = together
        std_err[chosen] = np.sqrt(left_to_chance * (rest @ np.square(projected)))
    weights, std_err = weights[asked], std_err[asked]
    # q-values over the requested pairs alone: significant pairs that were not requested would
    # otherwise let more false ones pass.
    dof = n_free - len(chosen)
    return weights, std_err, _q_values(weights, std_err, dof), np.full(len(weights), float(dof))


def _free_squares(
    coded: np.ndarray, basis: np.ndarray, firsts: np.ndarray, seconds: np.ndarray
) -> np.ndarray:
    """Sums of squares of products of columns once `basis` is regressed out, (n_firsts, n_seconds).

    Products are 1/4 or -1/4, so each sum is about (n - n_taken) / 16; where computing all of them
    would take too long, this mean is returned for all.
    """
    n, n_taken = basis.shape
    if n * n_taken * len(firsts) * len(seconds) > MAX_OPERATIONS:
        return np.full((len(firsts), len(seconds)), (n - n_taken) / 16)
    taken = np.zeros((len(firsts), len(seconds)))
    for column in basis.T:
        taken += np.square(coded[:, firsts].T @ (coded[:, seconds] * column[:, np.newaxis]))
    # A product that the single components explain entirely has a sum of 0: keep divisions finite.
    return np.maximum(n / 16 - taken, 1e-6 * n)


def _tested(pairs: np.ndarray, weights: np.ndarray, std_err: np.ndarray, dof: int) -> Interactions:
    q_values = [_q_values(w, s, dof) for w, s in zip(weights, std_err, strict=True)]
    return Interactions(
        pairs, weights, std_err, np.stack(q_values), np.full(weights.shape, float(dof))
    )


def _q_values(weights: np.ndarray, std_err: np.ndarray, dof: int) -> np.ndarray:
    """Benjamini-Hochberg q-values of t-tests; 1 for weights of 0, or without degrees of freedom."""
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
