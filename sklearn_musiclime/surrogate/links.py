"""Links: the scale on which a score is explained.

``link="identity"`` explains the score itself. ``link="logit"`` explains the log-odds of a
probability, ``log(p / (1 - p))``, for a class against all others. Near 0 and 1 a probability
saturates: it hardly changes whichever component is left out, and its curvature shows up as
interactions of components whose effects the model merely adds. A logistic regression, or a network
that ends in a softmax, adds effects on the scale of the log-odds.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

LINKS = ("identity", "logit")
NEAREST = 1e-9
"""Probabilities are clipped to this distance from 0 and 1: log-odds of at most 20.7."""


def apply_link(link: str, scores: np.ndarray) -> np.ndarray:
    """Transform scores to the scale on which they are explained.

    Parameters
    ----------
    link : {"identity", "logit"}
        The scale; "logit" clips probabilities to between 1e-9 and 1 - 1e-9.
    scores : ndarray
        The model's scores.

    Returns
    -------
    ndarray
        Transformed scores, of the same shape.

    Raises
    ------
    ValueError
        The link is "logit" and a score lies outside of 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import apply_link
    >>> apply_link("logit", np.array([0.5, 0.9, 0.99])).round(2)
    array([0. , 2.2, 4.6])
    """
    if link == "identity":
        return scores
    outside = scores[(scores < 0) | (scores > 1)]
    # Probabilities in single precision may exceed 1 by rounding.
    if outside.size and (outside.min() < -1e-6 or outside.max() > 1 + 1e-6):
        worst = outside[np.argmax(np.abs(outside - 0.5))]
        raise ValueError(
            f"link='logit' explains log-odds of probabilities, and the model scored {worst:.6g}; "
            "use link='identity'"
        )
    return logit(np.clip(scores, NEAREST, 1 - NEAREST))


def invert_link(link: str, values: np.ndarray) -> np.ndarray:
    """Transform values back to the scale of the model's scores.

    Parameters
    ----------
    link : {"identity", "logit"}
        The scale that the values are on.
    values : ndarray
        Scores from :func:`apply_link`, or predictions of a surrogate that was fitted to them.

    Returns
    -------
    ndarray
        Scores, of the same shape.
    """
    return values if link == "identity" else expit(values)


def n_without_odds(link: str, scores: np.ndarray) -> int:
    """Count the scores that :func:`apply_link` clips, since their log-odds are (nearly) infinite.

    Parameters
    ----------
    link : {"identity", "logit"}
        The scale on which scores are explained.
    scores : ndarray
        The model's scores.

    Returns
    -------
    int
        Number of scores; 0 for "identity".
    """
    if link == "identity":
        return 0
    return int(np.count_nonzero((scores < NEAREST) | (scores > 1 - NEAREST)))
