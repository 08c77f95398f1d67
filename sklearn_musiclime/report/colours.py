"""The colours of weights: blue speaks for a label, orange against, white says nothing.

Blue and orange stay apart for every common kind of colour blindness, and neither end of the scale
is so dark that black text on it can't be read.
"""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex

FOR, AGAINST = "#5aa2e0", "#f0975a"
DIVERGING = LinearSegmentedColormap.from_list("for_against", [AGAINST, "#ffffff", FOR])
SEQUENTIAL = LinearSegmentedColormap.from_list("for", ["#ffffff", FOR])


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
    """
    scaled = np.asarray(weights) / (largest or 1.0)
    return [to_hex(DIVERGING(0.5 + 0.5 * w)) for w in np.clip(scaled, -1, 1)]
