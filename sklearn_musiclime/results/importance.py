"""Importance of components for classes, computed from their weights in many songs.

Let n be the number of explanations of a class that contain a component, and s the sum of the
positive parts of its weights in them.

- "average": s / n, the mean of the positive part where the component occurs. Suited to audio, which
  is in every song, and to comparing classes. A word of a single song can rank first; `min_count`
  leaves such rare components out.
- "lime": sqrt(s), LIME's global importance, which grows with the number of songs that contain the
  component. It favours frequent components, common words among them.
- "homogeneity": sqrt(s) (1 - (H - H_min) / (H_max - H_min)), where H is the entropy, in bits, of
  the component's sqrt(s) over the classes, and H_min and H_max are its extremes over components.
  Suited to finding components that distinguish classes: one that adds equally to all classes counts
  little, and the one that is spread most evenly has importance 0.

Negative weights, which speak against a class, have no effect on any importance. Confidence
intervals are described in :mod:`~sklearn_musiclime.results.intervals`. Modality shares,
interactions and comparisons of two classes are methods of
:class:`~sklearn_musiclime.GlobalExplanation`.

Thirty songs, and a model that scores one word per class, "love" twice as high beside "night":

>>> import numpy as np
>>> from sklearn_musiclime import MusicLimeExplainer
>>> rng = np.random.default_rng(0)
>>> fillers = ["and", "the", "you", "we", "night", "road"]
>>> songs = np.empty((30, 2), dtype=object)
>>> for i in range(30):
...     words = [*rng.choice(fillers, 3, replace=False), "love" if i % 2 else "storm"]
...     songs[i] = [np.ones(10), " ".join(words)]
>>> def scores(songs):
...     return [
...         ["storm" in words, ("love" in words) * (1.0 + ("night" in words))] for _, words in songs
...     ]
>>> explainer = MusicLimeExplainer(scores, modality="lyrics", random_state=0)
>>> overall = explainer.fit(songs).explain_global(songs)
>>> overall.top(1, 1)[["component", "importance", "low", "high"]].round(2)
  component  importance   low  high
0      love        1.28  1.09  1.48
>>> overall.top(1, 0)["component"].tolist()
['storm']

References
----------
Ribeiro, Singh, Guestrin, "'Why should I trust you?' Explaining the predictions of any classifier",
KDD 2016.

van der Linden, Haned, Kanoulas, "Global aggregations of local explanations for black box models",
2019.

Sotirou et al., "MusicLIME", arXiv 2409.10496.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse

METHODS = ("average", "lime", "homogeneity")


def class_entropy(sums: np.ndarray) -> np.ndarray:
    """Compute the entropy of each component's ``lime`` importance over the classes.

    Parameters
    ----------
    sums : ndarray of shape (..., n_labels, n_components)
        Sums of the positive parts of weights.

    Returns
    -------
    ndarray of shape (..., n_components)
        Entropies in bits; NaN for components whose sums are 0 for all classes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.results.importance import class_entropy
    >>> class_entropy(np.array([[1.0, 4.0, 0.0], [1.0, 0.0, 0.0]]))
    array([ 1.,  0., nan])
    """
    roots = np.sqrt(sums)
    total = roots.sum(axis=-2, keepdims=True)
    share = np.divide(roots, total, out=np.zeros_like(roots), where=total > 0)
    bits = np.log2(share, out=np.zeros_like(share), where=share > 0)
    entropy = -(share * bits).sum(axis=-2) + 0.0
    return np.where(total[..., 0, :] > 0, entropy, np.nan)


def importance(sums: np.ndarray, counts: np.ndarray, method: str = "average") -> np.ndarray:
    """Compute the importance of components for classes.

    Parameters
    ----------
    sums : ndarray of shape (n_labels, n_components)
        Sums of the positive parts of weights.
    counts : ndarray of shape (n_labels, n_components)
        Number of explanations that contain the component.
    method : {"average", "lime", "homogeneity"}, default="average"
        Definition of importance, see :mod:`sklearn_musiclime.results.importance`.

    Returns
    -------
    ndarray of shape (n_labels, n_components)
        Importances; NaN where no explanation of the class contains the component.

    Raises
    ------
    ValueError
        The method is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.results.importance import importance
    >>> sums, counts = np.array([[4.0, 1.0], [4.0, 0.0]]), np.array([[2, 1], [1, 0]])
    >>> importance(sums, counts)
    array([[ 2.,  1.],
           [ 4., nan]])
    >>> importance(sums, counts, "homogeneity")  # the first speaks for both classes alike
    array([[ 0.,  1.],
           [ 0., nan]])
    """
    check_method(method)
    evenness = None
    if method == "homogeneity":
        entropy = class_entropy(sums)
        evenness = scaled_entropy(entropy, *entropy_span(entropy))
    return np.where(counts > 0, importance_values(sums, counts, method, evenness), np.nan)


def check_method(method: str) -> None:
    """Raise a ValueError for an unknown method."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")


def entropy_span(entropy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest entropy of components, shape (..., 1) each."""
    low = np.where(np.isnan(entropy), np.inf, entropy).min(axis=-1, keepdims=True, initial=np.inf)
    high = np.where(np.isnan(entropy), -np.inf, entropy).max(
        axis=-1, keepdims=True, initial=-np.inf
    )
    return low, high


def scaled_entropy(entropy: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Scale entropies to 0 for the smallest one, `low`, and 1 for the largest one, `high`.

    Parameters
    ----------
    entropy : ndarray of shape (..., n_components)
        Entropies of components, see :func:`class_entropy`.
    low, high : ndarray of shape (..., 1)
        Smallest and largest entropy of all components, see :func:`entropy_span`.

    Returns
    -------
    ndarray of shape (..., n_components)
        0 for all components if their entropies are equal, and for those without an entropy.
    """
    width = np.where(high > low, high - low, 1.0)
    return np.nan_to_num(entropy - np.where(np.isfinite(low), low, 0.0)) / width


def importance_values(
    sums: np.ndarray,
    counts: np.ndarray,
    method: str,
    evenness: np.ndarray | None = None,
) -> np.ndarray:
    """Compute importances as :func:`importance` does, but from given entropies.

    Parameters
    ----------
    sums : ndarray of shape (..., n_labels, n_components)
        Sums of the positive parts of weights.
    counts : ndarray of shape (..., n_labels, n_components)
        Number of explanations that contain the component; used by "average" only.
    method : {"average", "lime", "homogeneity"}
        Definition of importance, see :mod:`sklearn_musiclime.results.importance`.
    evenness : ndarray of shape (..., n_components), or None, default=None
        For "homogeneity": entropies of the components, scaled by :func:`scaled_entropy`. None for
        the other methods.

    Returns
    -------
    ndarray of shape (..., n_labels, n_components)
    """
    if method == "average":
        return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    roots = np.sqrt(sums)
    return roots if evenness is None else roots * (1 - evenness)[..., np.newaxis, :]


def totals(
    weights: scipy.sparse.csr_array, of_label: np.ndarray, n_labels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum the positive parts of weights by label.

    Parameters
    ----------
    weights : csr_array of shape (n_explanations, n_components)
        Weights. A stored entry, even a zero, means that the song contains the component.
    of_label : ndarray of shape (n_explanations,) of int
        Number of the label that each row explains.
    n_labels : int
        Number of labels.

    Returns
    -------
    sums : ndarray of shape (n_labels, n_components)
        Sums of the positive parts of the weights.
    counts : ndarray of shape (n_labels, n_components)
        Number of explanations that contain the component.
    """
    of_entry = np.repeat(of_label, np.diff(weights.indptr))
    cell = of_entry.astype(np.int64) * weights.shape[1] + weights.indices
    shape, n_cells = (n_labels, weights.shape[1]), n_labels * weights.shape[1]
    sums = np.bincount(cell, np.maximum(weights.data, 0.0), minlength=n_cells)
    return sums.reshape(shape), np.bincount(cell, minlength=n_cells).reshape(shape)
