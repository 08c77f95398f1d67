"""Sequential sampling: enlarging a sample of masks until the error of the weights is small."""

from __future__ import annotations

import numpy as np

from sklearn_musiclime.neighbourhood.samples import Neighbourhood

LEAST, MOST = 0.25, 1.0
"""Lower and upper bound of each enlargement, as a fraction of the current sample.

The upper bound is there because errors that are estimated from small samples are rough themselves.
"""


def n_more_samples(
    neighbourhood: Neighbourhood,
    error: float,
    tol: float,
    max_samples: int,
    *,
    n_left: int | None = None,
) -> int | tuple[int, int] | None:
    """Choose the number of samples of the next draw, to reach a given error.

    Errors are taken to shrink with the square root of the number of samples.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        The current sample.
    error : float
        Error of the weights from the current sample.
    tol : float
        The error to be reached, less than `error`.
    max_samples : int
        Largest number of samples in all draws together; in a crossed design, of audio masks and
        lyric masks together.
    n_left : int or None, default=None
        Number of combinations that may still be scored, in a crossed design; 2 or more for each
        mask. None: no bound.

    Returns
    -------
    int, (int, int) or None
        Number of samples to draw; in a crossed design, of audio masks and of lyric masks (2 for a
        complete side, which stays as it is). None if `max_samples` or `n_left` is reached, or all
        masks were drawn.

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
    drawn = np.array(neighbourhood.n_masks)
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
    if n_left is not None:
        most = n_left // 4 * 2
        if most < max(4, drawn[~sampled].max(initial=0)):
            return None
        n_more = np.minimum(n_more, most)
    if n_drawn + n_more[sampled].sum() > max_samples:
        return None
    return tuple(np.where(sampled, n_more, 2).tolist())
