"""How much a component counts for a class, from its weights in many songs.

Let a component be in n explanations of a class, and s be the sum of the positive parts of its
weights there.

- "average": s / n, what it adds where it occurs. For audio, which is in every song, and to compare
  classes. A word of a single song can be first; `min_count` leaves out what is that rare.
- "lime": sqrt(s), LIME's global importance, which grows with how often a component occurs. Finds
  what the model meets all the time, common words too.
- "homogeneity": sqrt(s) (1 - (H - H_min) / (H_max - H_min)), where H is the entropy, in bits, of
  the component's sqrt(s) over the classes: what speaks for all classes alike tells none of them.
  For what sets a class apart; the component that is spread most evenly always comes out 0.

What speaks *against* a class counts for none of them. Shares and interactions over songs, and what
tells two classes apart, are methods of :class:`~sklearn_musiclime.GlobalExplanation`.

Intervals are in :mod:`~sklearn_musiclime.results.intervals`.

Thirty songs, and a model that goes by one word a class, "love" counting twice at night:

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
    """Entropy of a component's ``lime`` importance over the classes.

    Parameters
    ----------
    sums : ndarray of shape (..., n_labels, n_components)
        Sums of positive weights.

    Returns
    -------
    ndarray of shape (..., n_components)
        In bits; NaN for components that speak for no class.

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
    """Importances of components for classes.

    Parameters
    ----------
    sums : ndarray of shape (n_labels, n_components)
        Sums of the positive parts of weights.
    counts : ndarray of shape (n_labels, n_components)
        Explanations that contain the component.
    method : {"average", "lime", "homogeneity"}, default="average"
        See the module.

    Returns
    -------
    ndarray of shape (n_labels, n_components)
        NaN where no explanation of the class contains the component.

    Raises
    ------
    ValueError
        The method is none of the three.

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
    entropy = class_entropy(sums) if method == "homogeneity" else None
    span = None if entropy is None else entropy_span(entropy)
    return np.where(counts > 0, importance_values(sums, counts, method, entropy, span), np.nan)


def check_method(method: str) -> None:
    """Raise a ValueError for what is no method."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")


def entropy_span(entropy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest entropy of components, shape (..., 1) each."""
    low = np.where(np.isnan(entropy), np.inf, entropy).min(axis=-1, keepdims=True, initial=np.inf)
    high = np.where(np.isnan(entropy), -np.inf, entropy).max(
        axis=-1, keepdims=True, initial=-np.inf
    )
    return low, high


def importance_values(
    sums: np.ndarray,
    counts: np.ndarray,
    method: str,
    entropy: np.ndarray | None,
    span: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
    """Return importances; "homogeneity" takes the components' entropies and the span of all."""
    if method == "average":
        return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    roots = np.sqrt(sums)
    if method == "lime":
        return roots
    low, high = span
    # Where all are alike none is less homogeneous than another, and nothing is taken off.
    width = np.where(high > low, high - low, 1.0)
    excess = np.nan_to_num(entropy - np.where(np.isfinite(low), low, 0.0))
    return roots * (1 - excess / width)[..., np.newaxis, :]


def totals(
    weights: scipy.sparse.csr_array, of_label: np.ndarray, n_labels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum weights up by label.

    Parameters
    ----------
    weights : csr_array of shape (n_explanations, n_components)
        Weights; what is stored counts, zeros too.
    of_label : ndarray of shape (n_explanations,) of int
        The label that each row explains.
    n_labels : int
        How many there are.

    Returns
    -------
    sums, counts : ndarray of shape (n_labels, n_components)
        Sums of the positive parts; explanations that contain the component.
    """
    of_entry = np.repeat(of_label, np.diff(weights.indptr))
    cell = of_entry.astype(np.int64) * weights.shape[1] + weights.indices
    shape, n_cells = (n_labels, weights.shape[1]), n_labels * weights.shape[1]
    sums = np.bincount(cell, np.maximum(weights.data, 0.0), minlength=n_cells)
    return sums.reshape(shape), np.bincount(cell, minlength=n_cells).reshape(shape)
