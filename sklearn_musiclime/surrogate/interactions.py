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
tested again. Of independent masks what the single components explain is taken out of the scores,
and of the products alike.

*All masks.* Where they are all there the fit is exact. Shapley's interaction index is found there
alone: masks that are drawn for Shapley values are no fair coins, and what they would show of pairs
is mostly something else.

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
from sklearn_musiclime.surrogate.errors import MOST_DOF
from sklearn_musiclime.surrogate.linear import Surrogate, negligible

FALSE_DISCOVERIES = 0.05
"""Share of false ones among the interactions that are held to be real."""
WELL_POSED = 1.5
"""Units a component that least squares needs; with fewer each component is estimated apart."""
MAX_PAIRS = 10_000_000
"""Pairs that are estimated at most."""
MAX_SCREENED = 2_000_000
"""Pairs up to which all are screened, those of 2,000 components; of more, those asked for."""
MAX_OPERATIONS = 2e10
"""Multiplications that the squares of all products take at most; of more, the mean will do."""
MAX_ROUNDS = 20
"""How often interactions that stand out are taken out before the rest is tested again."""


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
    dof : ndarray of shape (n_labels, n_pairs), or None, default=None
        Degrees of freedom of `std_err`. None: as many as there can be, that of a normal error.
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
        """Multiply by a power of two.

        Parameters
        ----------
        exponent : ndarray of shape (n_labels,) of int
            The power of each label.

        Returns
        -------
        Interactions
            What would have been found in scores that are as many times as large.
        """
        exponent = exponent[:, np.newaxis]
        return replace(
            self,
            weights=np.ldexp(self.weights, exponent),
            std_err=np.ldexp(self.std_err, exponent),
        )

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
                for name in ("weights", "std_err", "q_values", "dof")
            ),
        )


def check_n_pairs(n_audio: int, n_lyrics: int, which: str) -> None:
    """Raise for more pairs of components than can be estimated.

    Parameters
    ----------
    n_audio, n_lyrics : int
        Number of components.
    which : {"cross", "all"}
        Pairs of an audio and a lyric component, or all pairs.

    Raises
    ------
    ValueError
        They are more than ten million.
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
        "shapley" needs all masks, and the indices are Shapley's.

    Returns
    -------
    Interactions

    Raises
    ------
    ValueError
        Masks were drawn for Shapley values, and are not all there.
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
        elif design == "exhaustive":  # of a model that answers by chance
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
            # What a mask met of the other side is left to chance until all have met.
            design = "exhaustive" if sampling.is_complete else "paired"
            found.append(_within(masks, rows, residual[n_known:], offset, design))
    if not found:
        nothing = np.zeros((scores.shape[1], 0))
        found = [Interactions(_pairs(0, 0, which), *[nothing] * 4)]
    return Interactions.concatenate(found)


def _pairs(n_audio: int, n_lyrics: int, which: str) -> np.ndarray:
    """Positions of the pairs that are asked for, (n_pairs, 2)."""
    if which == "all":
        return np.stack(np.triu_indices(n_audio + n_lyrics, 1), axis=1)
    first, second = np.divmod(np.arange(n_audio * n_lyrics), max(n_lyrics, 1))
    return np.stack([first, n_audio + second], axis=1)


def _within(
    masks: np.ndarray, rows: np.ndarray, residual: np.ndarray, offset: int, design: str
) -> Interactions:
    """Interactions within a half: from what the linear fit leaves, averaged over each mask."""
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
    """Estimate all interactions of an audio and a lyric component from a complete grid.

    Parameters
    ----------
    audio_masks : ndarray of shape (n_audio_masks, n_audio), dtype bool
        Rows ``2 * i`` and ``2 * i + 1`` are complements.
    lyric_masks : ndarray of shape (n_lyric_masks, n_lyrics), dtype bool
        The same of the lyrics.
    scores : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels)
        The model's score of every combination.
    fractions : (float, float), default=(0.0, 0.0)
        The part of all masks of each side that these are. 1: nothing is left to chance there.

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
    chance = [1 - fraction for fraction in fractions]
    dof = [d for d, left in zip((dof_audio, dof_lyrics), chance, strict=True) if left > 0]
    floors = negligible(scores.reshape(-1, scores.shape[2]))
    weights, std_err = [], []
    for label, floor in enumerate(floors):
        R = folded[:, :, label]
        B = _without_rounding(P.T @ R @ Q, floor)
        # What one unit of the audio adds: how its slopes in the lyrics differ from those that all
        # agree on. The same the other way round; what both count, the single cells, comes off once.
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
    scale = _leverage_scale(np.einsum("ij,ij->i", projection, masks))
    return projection, _Fit(True, scale[:, np.newaxis]), n_units - n_components


def _leverage_scale(leverage: np.ndarray) -> np.ndarray:
    """What squared residuals of unweighted least squares are multiplied by (HC2)."""
    return 1 / np.maximum(1 - leverage, 0.01)


def joint_interactions(
    masks: np.ndarray,
    scores: np.ndarray,
    pairs: np.ndarray,
    *,
    design: str,
    fraction: float = 0.0,
) -> Interactions:
    """Estimate interactions from masks over all components.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        The masks. In "paired" rows ``2 * i`` and ``2 * i + 1`` are complements.
    scores : ndarray of shape (n_samples, n_labels)
        The model's scores.
    pairs : ndarray of shape (n_pairs, 2) of int
        The pairs of components that are asked for; all pairs are screened, unless they are over
        two million.
    design : {"paired", "independent", "exhaustive"}
        How the masks were drawn.
    fraction : float, default=0.0
        The part of all masks that these are, if none was drawn twice.

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
    return _known(pairs, _without_rounding(weights, negligible(predictions)[:, np.newaxis]))


def _known(pairs: np.ndarray, weights: np.ndarray) -> Interactions:
    """Interactions of all masks, which have no error."""
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
    """Weights, standard errors, q-values and degrees of freedom of pairs; see the module.

    `basis` are orthonormal columns of what is taken out of scores and products alike.
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
        # A product's own fit, the others being all but orthogonal to it.
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
    # Among those asked for: true ones that were not must not make room for false ones.
    dof = n_free - len(chosen)
    return weights, std_err, _q_values(weights, std_err, dof), np.full(len(weights), float(dof))


def _free_squares(
    coded: np.ndarray, basis: np.ndarray, firsts: np.ndarray, seconds: np.ndarray
) -> np.ndarray:
    """Sum of squares of what `basis` leaves of products of columns, (n_firsts, n_seconds).

    Products are 1/4 or -1/4. Of so many that it would take long, all are given the mean.
    """
    n, n_taken = basis.shape
    if n * n_taken * len(firsts) * len(seconds) > MAX_OPERATIONS:
        return np.full((len(firsts), len(seconds)), (n - n_taken) / 16)
    taken = np.zeros((len(firsts), len(seconds)))
    for column in basis.T:
        taken += np.square(coded[:, firsts].T @ (coded[:, seconds] * column[:, np.newaxis]))
    # What single components take all of says nothing of the two together.
    return np.maximum(n / 16 - taken, 1e-6 * n)


def _tested(pairs: np.ndarray, weights: np.ndarray, std_err: np.ndarray, dof: int) -> Interactions:
    q_values = [_q_values(w, s, dof) for w, s in zip(weights, std_err, strict=True)]
    return Interactions(
        pairs, weights, std_err, np.stack(q_values), np.full(weights.shape, float(dof))
    )


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
