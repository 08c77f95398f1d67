"""The colours of weights: blue speaks for a label, orange against, white says nothing.

Blue and orange stay apart for every common kind of colour blindness, and neither end of the scale
is so dark that black text on it can't be read.
"""

from __future__ import annotations

import numpy as np

FOR, AGAINST, NOTHING = "#5aa2e0", "#f0975a", "#ffffff"
DIVERGING = (AGAINST, NOTHING, FOR)
"""Colours of weights of both signs, from the lowest to the highest; even steps between them."""
SEQUENTIAL = (NOTHING, FOR)
"""Colours of importances, from none to the highest."""
N_STEPS = 256
"""Colours of a scale: as many as matplotlib's, so that pages and figures show the same ones."""


def weight_colours(weights: np.ndarray, largest: float) -> list[str]:
    """Return the colour of each weight.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Weights.
    largest : float
        The ``|weight|`` that has the full colour.

    Returns
    -------
    list of str
        As ``#rrggbb``.

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
