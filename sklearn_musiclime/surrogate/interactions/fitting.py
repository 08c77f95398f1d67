"""Interactions of a neighbourhood, by the estimator that its design calls for."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from sklearn_musiclime.neighbourhood.samples import Neighbourhood
from sklearn_musiclime.surrogate.estimate import Surrogate
from sklearn_musiclime.surrogate.interactions.all_pairs import AllPairs
from sklearn_musiclime.surrogate.interactions.crossed import crossed_interactions
from sklearn_musiclime.surrogate.interactions.enumerated import shapley_interactions
from sklearn_musiclime.surrogate.interactions.joint import joint_interactions
from sklearn_musiclime.surrogate.interactions.pairs import Interactions

MAX_PAIRS = 10_000_000
"""Largest number of pairs that are estimated."""


def check_n_pairs(n_audio: int, n_lyrics: int, which: str, *, n_columns: int = 0) -> None:
    """Check that a song's pairs of components are few enough for their interactions.

    Parameters
    ----------
    n_audio, n_lyrics : int
        Number of audio and of lyric components.
    which : {"cross", "all"}
        "cross": pairs of components of different modalities. "all": all pairs of components.
    n_columns : int, default=0
        Number of columns that are components.

    Raises
    ------
    ValueError
        There are more than ten million pairs.
    """
    n = n_audio + n_lyrics + n_columns
    n_cross = n_audio * n_lyrics + (n_audio + n_lyrics) * n_columns
    n_pairs = n_cross if which == "cross" else n * (n - 1) // 2
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
    known: AllPairs | None = None,
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
        "cross": pairs of components of different modalities. "all": all pairs of components.
    kernel : {"exponential", "shapley"}
        "exponential": Banzhaf interaction indices. "shapley": Shapley interaction indices, which
        take an exhaustive design.
    known : AllPairs or None, default=None
        Interactions of what was subtracted from the scores of a joint design, see
        :func:`joint_interactions`.

    Returns
    -------
    Interactions

    Raises
    ------
    ValueError
        `kernel` is "shapley" and the design is not exhaustive.
    """
    sampling, n_known = neighbourhood.sampling, neighbourhood.n_known
    if neighbourhood.design != "crossed":
        pairs = _pairs(neighbourhood.sizes, which)
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
            masks, scores, pairs,
            design=design, fraction=sampling.sides[0].fraction, known=known,
        )  # fmt: skip
    found = []
    if grid is not None:
        audio, lyrics = neighbourhood.grid_masks
        found.append(crossed_interactions(audio, lyrics, grid, fractions=sampling.grid_fractions))
    if which == "all":
        residual = scores - surrogate.intercept - neighbourhood.masks @ surrogate.weights.T
        offsets = (0, neighbourhood.sizes[0])
        for number, (masks, offset) in enumerate(zip(neighbourhood.sides, offsets, strict=True)):
            rows = neighbourhood.pairs[n_known:, number]
            # Means over the other side's masks vary with the draw, unless all were combined.
            design = "exhaustive" if sampling.is_complete else "paired"
            found.append(_within(masks, rows, residual[n_known:], offset, design))
    if not found:
        nothing = np.zeros((scores.shape[1], 0))
        found = [Interactions(_pairs((0, 0), which), *[nothing] * 4)]
    return Interactions.concatenate(found)


def _pairs(sizes: tuple[int, ...], which: str) -> np.ndarray:
    """Positions of the requested pairs of components, (n_pairs, 2); `sizes` of the modalities."""
    if which == "all":
        return np.stack(np.triu_indices(sum(sizes), 1), axis=1)
    ends = np.cumsum(sizes)
    own = [np.arange(end - n, end) for end, n in zip(ends, sizes, strict=True)]
    grids = [np.meshgrid(a, b, indexing="ij") for a, b in combinations(own, 2)]
    return np.vstack([np.stack(grid, axis=-1).reshape(-1, 2) for grid in grids])


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
