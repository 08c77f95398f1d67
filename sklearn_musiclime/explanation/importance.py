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

The 95 % intervals say how far an importance would vary with other songs of the kind, and with other
masks: songs are drawn anew, 1,000 times. They are as wide as songs differ, so ten songs of one
album give a narrow interval about that album: say what belongs together by ``groups``. An interval
says nothing of other kinds of songs than yours.

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
  component  importance  low  high
0      love        1.26  1.1  1.44
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

from collections.abc import Iterator

import numpy as np
import scipy.sparse

METHODS = ("average", "lime", "homogeneity")
CHUNK_VALUES = 2_000_000
"""Resampled importances that are held at a time: 16 MB."""


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
    >>> from sklearn_musiclime.explanation.importance import class_entropy
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
    >>> from sklearn_musiclime.explanation.importance import importance
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
    return np.where(counts > 0, _values(sums, counts, method, entropy, span), np.nan)


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


def _values(
    sums: np.ndarray,
    counts: np.ndarray,
    method: str,
    entropy: np.ndarray | None,
    span: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
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


class Bootstrap:
    """Importances over resampled songs.

    Parameters
    ----------
    weights : csr_array of shape (n_explanations, n_components)
        Weights; what is stored counts, zeros too.
    of_label, of_group : ndarray of shape (n_explanations,) of int
        The label of each row, and the songs that are drawn together with it.
    n_labels : int
        How many labels there are.
    supported : ndarray of shape (n_labels, n_components), dtype bool
        Where a component counts for a class at all.
    n_resamples : int
        How often groups are drawn.
    rng : numpy.random.Generator
        Draws them.

    Attributes
    ----------
    n_groups : ndarray of shape (n_labels, n_components)
        Groups of a label that contain a component.
    """

    def __init__(
        self,
        weights: scipy.sparse.csr_array,
        of_label: np.ndarray,
        of_group: np.ndarray,
        n_labels: int,
        supported: np.ndarray,
        n_resamples: int,
        rng: np.random.Generator,
    ):
        times = resampled_groups(of_group, n_resamples, rng)
        self._times = [times[:, of_label == label].T for label in range(n_labels)]
        self._positive, self._present = [], []
        self.n_groups = np.zeros((n_labels, weights.shape[1]), dtype=int)
        for label in range(n_labels):
            own = weights[of_label == label].tocsc()
            column = np.repeat(np.arange(own.shape[1]), np.diff(own.indptr))
            met = np.stack([column, of_group[of_label == label][own.indices]])
            np.add.at(self.n_groups[label], np.unique(met, axis=1)[0], 1)
            self._positive.append(_with_data(own, np.maximum(own.data, 0.0)))
            self._present.append(_with_data(own, np.ones_like(own.data)))
        self._supported = supported
        self._n_resamples = n_resamples

    def importances(self, method: str) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield importances of some components after the other.

        Parameters
        ----------
        method : {"average", "lime", "homogeneity"}
            See the module.

        Yields
        ------
        columns : slice
            The components.
        values : ndarray of shape (n_resamples, n_labels, n_columns)
            Their importances; NaN where no song drawn has the component.
        """
        check_method(method)
        n_labels, n_components = self._supported.shape
        step = max(1, CHUNK_VALUES // (self._n_resamples * n_labels))
        chunks = [slice(i, min(i + step, n_components)) for i in range(0, n_components, step)]
        span = None
        if method == "homogeneity":
            spans = [entropy_span(class_entropy(self._sums(chunk))) for chunk in chunks]
            span = np.min([s[0] for s in spans], axis=0), np.max([s[1] for s in spans], axis=0)
        for chunk in chunks:
            sums, counts = self._sums(chunk), self._counts(chunk)
            entropy = class_entropy(sums) if method == "homogeneity" else None
            yield chunk, np.where(counts > 0, _values(sums, counts, method, entropy, span), np.nan)

    def _sums(self, columns: slice) -> np.ndarray:
        return self._resampled(self._positive, columns)

    def _counts(self, columns: slice) -> np.ndarray:
        return self._resampled(self._present, columns)

    def _resampled(self, matrices: list[scipy.sparse.csc_array], columns: slice) -> np.ndarray:
        per_label = [
            (matrix[:, columns].T @ times).T
            for matrix, times in zip(matrices, self._times, strict=True)
        ]
        return np.stack(per_label, axis=1) * self._supported[:, columns]


def resampled_groups(
    of_group: np.ndarray, n_resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw as many groups as there are, with replacement.

    Parameters
    ----------
    of_group : ndarray of shape (n_explanations,) of int
        The group of each row, counted from 0.
    n_resamples : int
        How often.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    ndarray of shape (n_resamples, n_explanations)
        How many times each row was drawn.
    """
    n_groups = int(of_group.max()) + 1
    drawn = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_resamples)
    return drawn[:, of_group].astype(float)


def _with_data(matrix: scipy.sparse.csc_array, data: np.ndarray) -> scipy.sparse.csc_array:
    return scipy.sparse.csc_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def submodular_pick(weights: np.ndarray | scipy.sparse.csr_array, n: int) -> list[int]:
    """Choose rows that together cover the columns that count.

    Greedily, each time the row that adds most to the coverage: the sum, over the columns in which a
    chosen row is not 0, of ``sqrt(abs(weights).sum(axis=0))``. That is at least 1 - 1/e of what the
    best choice covers (Ribeiro et al. 2016).

    Parameters
    ----------
    weights : array or csr_array of shape (n_rows, n_columns)
        Weights; a column is covered by rows in which it is not 0.
    n : int
        How many rows; fewer if fewer cover all that there is.

    Returns
    -------
    list of int
        The rows in the order in which they were chosen.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.explanation.importance import submodular_pick
    >>> submodular_pick(np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]), 3)
    [0, 2]
    """
    magnitude = abs(scipy.sparse.csr_array(weights, dtype=float))
    gain = np.sqrt(magnitude.sum(axis=0))
    has = (magnitude > 0).astype(float)
    chosen: list[int] = []
    for _ in range(min(n, has.shape[0])):
        added = has @ gain
        best = int(np.argmax(added))
        if added[best] <= 0:
            break
        chosen.append(best)
        gain[has.indices[has.indptr[best] : has.indptr[best + 1]]] = 0.0
    return chosen
