"""Sampling that goes on until the weights are known well enough."""

from __future__ import annotations

import numpy as np

from sklearn_musiclime.neighbourhood.designs import Neighbourhood

LEAST, MOST = 0.25, 1.0
"""What is added at a time, as a part of what was drawn: the first errors are rough themselves."""


def n_more_samples(
    neighbourhood: Neighbourhood, error: float, tol: float, max_samples: int
) -> int | tuple[int, int] | None:
    """Say how many samples to draw next.

    Errors shrink with the root of the samples.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        What was drawn.
    error : float
        The error that it leaves.
    tol : float
        The error that is wanted, less than `error`.
    max_samples : int
        How many may be drawn in all; of a crossed design, masks of audio and of lyrics.

    Returns
    -------
    int, (int, int) or None
        Samples, or masks of audio and of lyrics of a crossed design (2 of a half that is complete,
        which stays as it is); None if `max_samples` leaves none, or there are no more.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.neighbourhood import draw_neighbourhood, n_more_samples
    >>> drawn = draw_neighbourhood("paired", 20, 20, 100, np.random.default_rng(0))
    >>> n_more_samples(drawn, error=0.2, tol=0.1, max_samples=5000)
    100
    >>> n_more_samples(drawn, error=0.2, tol=0.1, max_samples=150)
    50
    """
    drawn = np.array(neighbourhood.n_halves)
    sides = neighbourhood.sampling.sides
    sampled = np.array([not side.is_complete for side in sides])
    if not sampled.any():
        return None
    crossed = neighbourhood.design == "crossed"
    n_drawn = int(drawn.sum()) if crossed else len(neighbourhood)
    factor = min(np.clip((error / tol) ** 2 - 1, LEAST, MOST), max_samples / n_drawn - 1)
    if not crossed:
        n_more = int(n_drawn * factor)
        return n_more - n_more % 2 if n_more >= 4 else None
    n_more = np.maximum((drawn * factor).astype(int) // 2 * 2, 4)
    if n_drawn + n_more[sampled].sum() > max_samples:
        return None
    return tuple(np.where(sampled, n_more, 2).tolist())
