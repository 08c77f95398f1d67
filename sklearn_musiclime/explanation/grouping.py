"""Groups of words of similar meaning, by clustering their embeddings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

DEFAULT_N_GROUPS = 50
N_NAMED = 3
"""Number of words in the name of a group: its most central ones."""


def group_words(
    words: Iterable[str],
    transformer: Any,
    *,
    clusterer: Any = None,
    n_groups: int = DEFAULT_N_GROUPS,
) -> dict[str, str]:
    """Group words by clustering their embeddings.

    Parameters
    ----------
    words : iterable of str
        The words, such as those of a :class:`~sklearn_musiclime.GlobalExplanation`:
        ``[c.name for c in explanation.components if c.modality == "lyrics"]``.
    transformer : transformer
        A scikit-learn transformer from texts to vectors, such as the model's own lyric branch. If
        it is not fitted, a clone is fitted to the words. Vectors are scaled to length 1.
    clusterer : estimator with ``fit_predict``, or None, default=None
        Clusters the unit vectors. Words that it labels -1 (noise) are left ungrouped. None:
        ``KMeans(n_groups, random_state=0)``.
    n_groups : int, default=50
        Number of clusters if `clusterer` is None; at most the number of words is used.

    Returns
    -------
    dict of str to str
        The group of each word, for :meth:`GlobalExplanation.group
        <sklearn_musiclime.GlobalExplanation.group>`. The name of a group is made of its three most
        central words; an ungrouped word keeps its name.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn_musiclime.explanation import group_words
    >>> by_letters = TfidfVectorizer(analyzer="char", ngram_range=(2, 3))
    >>> groups = group_words(["dance", "dancing", "danced", "sun", "sunny"], by_letters, n_groups=2)
    >>> groups["dancing"], groups["sun"]
    ('dance, danced, dancing', 'sunny, sun')
    """
    words = list(dict.fromkeys(words))
    if not words:
        return {}
    vectors = normalize(_embed(transformer, words))
    if clusterer is None:
        clusterer = KMeans(min(n_groups, len(words)), random_state=0, n_init=1)
    clusters = np.asarray(clone(clusterer).fit_predict(vectors))
    groups: dict[str, str] = {}
    for cluster in np.unique(clusters):
        members = np.flatnonzero(clusters == cluster)
        if cluster == -1:
            groups |= {words[i]: words[i] for i in members}
            continue
        own = vectors[members]
        centrality = np.asarray(own @ np.asarray(own.mean(axis=0)).ravel()).ravel()
        central = members[np.argsort(-centrality, kind="stable")[:N_NAMED]]
        name = ", ".join(words[i] for i in central)
        groups |= {words[i]: name for i in members}
    return groups


def _embed(transformer: Any, words: list[str]) -> Any:
    """Return the embeddings of words, one row per word, sparse or dense."""
    try:
        check_is_fitted(transformer)
        vectors = transformer.transform(words)
    except NotFittedError:
        vectors = clone(transformer).fit_transform(words)
    return vectors if scipy.sparse.issparse(vectors) else np.asarray(vectors, dtype=float)
