"""Designs: which components are on in which perturbed song.

A mask is a row of a boolean array (n_samples, n_components), True where a component is kept. Row 0
of every design keeps them all: it is the song itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MAX_EXHAUSTIVE = 20
"""More components than this have too many subsets (over a million) to score them all."""


def draw_masks(
    design: str, n_components: int, n_samples: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw the masks of a neighbourhood.

    Parameters
    ----------
    design : {"independent", "paired", "exhaustive"}
        "independent": a fair coin for every component of every mask, as in MusicLIME and audioLIME.
        "paired": every mask comes with its complement. What is even in the masks (every interaction
        of two components) then cancels out of the linear weights, so they have less sampling error.
        "exhaustive": all ``2 ** n_components`` masks once; the result has no sampling error.
    n_components : int
        Number of components.
    n_samples : int
        Number of masks, the one with everything on among them. "paired" rounds an odd number down;
        "exhaustive" does not use it. At least 2.
    rng : numpy.random.Generator
        Where the coins come from.

    Returns
    -------
    ndarray of shape (n_masks, n_components), dtype bool
        Row 0 is all True. In "paired" rows ``2 * i`` and ``2 * i + 1`` are complements.

    Raises
    ------
    ValueError
        The design is unknown, `n_samples` is below 2, or "exhaustive" has over 20 components.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.neighbourhood import draw_masks
    >>> draw_masks("exhaustive", 2, 100, np.random.default_rng(0)).astype(int)
    array([[1, 1],
           [0, 1],
           [1, 0],
           [0, 0]])
    """
    check_design(design, n_samples)
    return _DESIGNS[design](n_components, n_samples, rng)


def check_design(design: str, n_samples: int) -> None:
    """Raise for a design or a number of samples that can't be.

    Parameters
    ----------
    design : str
        Name of a design.
    n_samples : int
        Number of masks.

    Raises
    ------
    ValueError
        See :func:`draw_masks`.
    """
    if design not in _DESIGNS:
        raise ValueError(f"design must be one of {tuple(_DESIGNS)}, got {design!r}")
    if n_samples < 2:
        raise ValueError(f"n_samples must be at least 2, got {n_samples}")


def _independent(n_components: int, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    masks = rng.integers(0, 2, size=(n_samples, n_components), dtype=np.uint8).astype(bool)
    masks[0] = True
    return masks


def _paired(n_components: int, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    half = _independent(n_components, n_samples // 2, rng)
    return np.stack([half, ~half], axis=1).reshape(2 * len(half), n_components)


def _exhaustive(n_components: int, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    if n_components > MAX_EXHAUSTIVE:
        raise ValueError(
            f"an exhaustive design of {n_components} components has 2**{n_components} masks; "
            f"it takes at most {MAX_EXHAUSTIVE} components"
        )
    subsets = np.arange(2**n_components)[:, np.newaxis]
    return (subsets >> np.arange(n_components)) & 1 == 0


_DESIGNS: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    "independent": _independent,
    "paired": _paired,
    "exhaustive": _exhaustive,
}
