"""Links: the scale on which a score is explained.

``link="identity"`` explains the score as it is. ``link="logit"`` explains the log-odds of a
probability, ``log(p / (1 - p))``: of a class against all others. Near 0 and near 1 a probability
hardly moves whatever is left out, and where it bends on its way there parts seem to act together
that the model adds up: it is in its log-odds that a logistic regression, or a network with a
softmax, adds up what it hears and reads.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

LINKS = ("identity", "logit")
NEAREST = 1e-9
"""Probabilities that are nearer to 0 or 1 count as this near: log-odds of 20.7."""


def apply_link(link: str, scores: np.ndarray) -> np.ndarray:
    """Take scores to the scale on which they are explained.

    Parameters
    ----------
    link : {"identity", "logit"}
        See the module.
    scores : ndarray
        The model's scores.

    Returns
    -------
    ndarray
        Of their shape.

    Raises
    ------
    ValueError
        The link is "logit", and a score is no probability.

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
    # What single precision adds up to may be a little more than 1.
    if outside.size and (outside.min() < -1e-6 or outside.max() > 1 + 1e-6):
        worst = outside[np.argmax(np.abs(outside - 0.5))]
        raise ValueError(
            f"link='logit' explains log-odds of probabilities, and the model scored {worst:.6g}; "
            "use link='identity'"
        )
    return logit(np.clip(scores, NEAREST, 1 - NEAREST))


def invert_link(link: str, values: np.ndarray) -> np.ndarray:
    """Take values back to the scale of the model's scores.

    Parameters
    ----------
    link : {"identity", "logit"}
        See the module.
    values : ndarray
        What :func:`apply_link` returned, or a surrogate did.

    Returns
    -------
    ndarray
        Of their shape.
    """
    return values if link == "identity" else expit(values)


def n_without_odds(link: str, scores: np.ndarray) -> int:
    """Count the scores whose log-odds are infinite, or nearly so.

    Parameters
    ----------
    link : {"identity", "logit"}
        See the module.
    scores : ndarray
        The model's scores.

    Returns
    -------
    int
        0 for "identity".
    """
    if link == "identity":
        return 0
    return int(np.count_nonzero((scores < NEAREST) | (scores > 1 - NEAREST)))
