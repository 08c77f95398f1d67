"""Colours of weights: blue for positive, orange for negative ones, white for 0.

Blue and orange can be told apart with all common kinds of colour blindness, and both are light
enough for black text.
"""

from __future__ import annotations

import numpy as np

FOR, AGAINST, NOTHING = "#5aa2e0", "#f0975a", "#ffffff"
DIVERGING = (AGAINST, NOTHING, FOR)
"""Colours of the lowest weight, of 0 and of the highest weight; between them linear."""
SEQUENTIAL = (NOTHING, FOR)
"""Colours of importance 0 and of the highest importance; between them linear."""
N_STEPS = 256
"""Number of colours of a scale: that of matplotlib, so that pages and figures look the same."""


def weight_colours(weights: np.ndarray, largest: float) -> list[str]:
    """Return the colour of each weight.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Weights.
    largest : float
        The ``|weight|`` at the end of the colour scale.

    Returns
    -------
    list of str
        Colours as ``#rrggbb``.

    Examples
    --------
    >>> from sklearn_musiclime.report.colours import weight_colours
    >>> weight_colours([-2, 2], largest=2)
    ['#f0975a', '#5aa2e0']
    """
    scaled = np.clip(np.asarray(weights, dtype=float) / (largest or 1.0), -1, 1)
    steps = np.minimum((0.5 + 0.5 * scaled) * N_STEPS, N_STEPS - 1).astype(int)
    ends = np.array([list(bytes.fromhex(colour[1:])) for colour in DIVERGING])
    places = np.linspace(0, 1, len(ends))
    channels = [np.interp(steps / (N_STEPS - 1), places, channel) for channel in ends.T]
    colours = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return [f"#{bytes(colour).hex()}" for colour in colours]
