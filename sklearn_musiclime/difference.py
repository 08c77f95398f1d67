"""explain_difference: what a new version of a model goes by, and the old one did not.

Two explanations of two versions differ by their random masks, too. :func:`explain_difference` lets
both versions score the very same perturbed songs and explains the difference of their scores, which
is known far better (see :mod:`~sklearn_musiclime.results.differences`), both for each song and over
all of them.

How to read what it returns:

- A difference tells that the versions weigh a component differently, not which of them is right.
- Scores are often probabilities, which are bent: a version that is surer of a song weighs all of
  its components less, near a probability of 1. If such differences are not meant, compare log-odds:
  ``explainer=MusicLimeExplainer(old, link="logit")``.
- Over songs, look at ``n_groups``: what few songs have is hardly ever significant, however large.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.explanation import GlobalDifference
from sklearn_musiclime.neighbourhood import (
    NEW,
    OLD,
    BothVersions,
    check_labels,
    common_labels,
)
from sklearn_musiclime.results.summaries import Renaming


def explain_difference(
    old: Any,
    new: Any,
    X: Any,
    labels: Any = None,
    *,
    explainer: MusicLimeExplainer | None = None,
    groups: Sequence[Hashable] | None = None,
    n_segments: int | None = None,
    words: Renaming = None,
    sources: Renaming = None,
    on_error: str = "raise",
    keep_explanations: bool = True,
) -> GlobalDifference:
    """Explain the difference between two versions of a model on songs.

    Both versions score the same perturbed songs. Two factored models stay factored, and a branch
    that both share encodes once; if one of the two is a black box, both are scored as one.

    Parameters
    ----------
    old, new : estimator or callable
        The versions: fitted estimators, which are used as they are, or functions of X.
    X : DataFrame or object array of shape (n_songs, 2) or more
        The songs, see :mod:`sklearn_musiclime.songs`.
    labels : label, list or set of labels, int, "all" or None, default=None
        Labels to compare, of those that both versions have. An int n: the n labels of the highest
        scores by either version. None: those that either version predicts for a song.
    explainer : MusicLimeExplainer or None, default=None
        Gives the settings; its `model` is not used. If it is fitted, `columns` have their
        background from its songs, otherwise from X. None: the defaults.
    groups, n_segments, words, sources : object, default=None
        See :meth:`MusicLimeExplainer.explain_global`.
    on_error : {"raise", "warn"}, default="raise"
        Whether a song that fails raises its error, or is left out with a warning.
    keep_explanations : bool, default=True
        Whether to keep the differences of each song, with its waveforms, in ``explanations`` of the
        result. Without, memory does not grow with the songs' length.

    Returns
    -------
    GlobalDifference
        What differs over the songs; ``explanations`` lists a :class:`LocalDifference` for each.

    Raises
    ------
    InvalidSongError
        A cell of X is invalid; the message names its row.
    ValueError
        The versions have no label in common, or not those of `labels`; a version is not fitted; the
        versions want different sampling rates; or as :meth:`MusicLimeExplainer.explain`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import MusicLimeExplainer, explain_difference
    >>> def old(X):
    ...     return [1.0 * ("love" in words) for _, words in X]
    >>> def new(X):  # has learnt another word
    ...     return [1.0 * ("love" in words) + 0.5 * ("night" in words) for _, words in X]
    >>> X = np.empty((2, 2), dtype=object)
    >>> X[:] = [[np.ones(10), "love the night"], [np.ones(10), "night and love"]]
    >>> settings = MusicLimeExplainer(old, modality="lyrics", random_state=0)
    >>> found = explain_difference(old, new, X, explainer=settings)
    >>> song = found.explanations[0].to_frame().set_index("component")
    >>> song[["old", "new", "difference"]].round(6) + 0.0
               old  new  difference
    component
    love       1.0  1.0         0.0
    the        0.0  0.0         0.0
    night      0.0  0.5         0.5
    >>> song.index[song["significant"]].tolist()
    ['night']
    """
    for name, model in ((OLD, old), (NEW, new)):
        _check_fitted(name, model)
    parameters = {} if explainer is None else explainer.get_params(deep=False)
    both = BothVersions(
        old, new,
        output_names=parameters.get("output_names"), kind=parameters.get("kind"), labels=labels,
    )  # fmt: skip
    _check_labels(both)
    joined = MusicLimeExplainer(
        **parameters | {"model": both, "output_names": None, "kind": None}
    ).fit(X)
    background = getattr(explainer, "background_", None)
    if background is not None:
        joined.background_ = background
    found = joined.explain_global(
        X, groups=groups, n_segments=n_segments, words=words, sources=sources, on_error=on_error,
        keep_explanations=keep_explanations,
    )  # fmt: skip
    return GlobalDifference(found)


def _check_labels(both: BothVersions) -> None:
    """Check what is known of the labels before the models are called."""
    old, new = (score.columns.known_labels for score in both.score_functions)
    if old is not None and new is not None:
        check_labels(both.labels, common_labels(old, new))


def _check_fitted(name: str, model: Any) -> None:
    """Check that an estimator of scikit-learn is fitted; others tell it in ways of their own."""
    if not isinstance(model, BaseEstimator) or not type(model).__module__.startswith("sklearn."):
        return
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise ValueError(f"the {name} version is not fitted, and is used as it is") from error
