"""Baselines of a single modality, and a table that compares them with the multimodal model."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.metrics import get_scorer
from sklearn.model_selection import cross_validate
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from sklearn_musiclime.fusion._columns import modalities_of
from sklearn_musiclime.fusion._folds import split
from sklearn_musiclime.fusion.projection import AdditiveProjection

_ADDITIVE = "additive: "
"""What names of the projection's scores begin with, within this file."""


def only(
    model: BaseEstimator,
    modality: str,
    *,
    audio_column: str | int = "audio",
    lyrics_column: str | int = "lyrics",
) -> BaseEstimator:
    """Return an unfitted clone of a model, restricted to one modality.

    Parameters
    ----------
    model : estimator
        Either an estimator with a parameter ``modality``, such as
        :class:`~sklearn_musiclime.LateFusionClassifier`, which is set; or a pipeline that starts
        with a :class:`~sklearn.compose.ColumnTransformer`, whose branches of the other column are
        removed.
    modality : {"both", "audio", "lyrics"}
        The modality that the clone reads. "both": the clone is not restricted.
    audio_column, lyrics_column : str or int, default="audio", "lyrics"
        Names or positions of the columns that the branches of a pipeline select.

    Returns
    -------
    estimator
        The clone, not fitted.

    Raises
    ------
    ValueError
        `modality` is unknown; or a branch of the pipeline reads both columns, or selects columns
        otherwise than by names or positions, or no branch reads the column of `modality`.
    TypeError
        The model is neither of the two kinds.

    Examples
    --------
    >>> from sklearn_musiclime import make_fusion_pipeline
    >>> from sklearn_musiclime.fusion import only
    >>> reader = only(make_fusion_pipeline(), "lyrics")
    >>> [name for name, _, _ in reader["features"].transformers]
    ['lyrics']
    """
    modalities_of(modality)  # raises for an unknown value
    model = clone(model)
    if "modality" in model.get_params(deep=False):
        return model.set_params(modality=modality)
    if modality == "both":
        return model
    if not (isinstance(model, Pipeline) and isinstance(model.steps[0][1], ColumnTransformer)):
        raise TypeError(
            f"{type(model).__name__} has no parameter modality and is no pipeline that starts with "
            "a ColumnTransformer, so that nothing tells which part of it reads what"
        )
    columns = model.steps[0][1]
    reads = [_selected(name, selection) for name, _, selection in columns.transformers]
    own, other = audio_column, lyrics_column
    if modality == "lyrics":
        own, other = other, own
    if any({own, other} <= read for read in reads):
        raise ValueError(f"a branch of the ColumnTransformer reads both {own!r} and {other!r}")
    if not any(own in read for read in reads):
        raise ValueError(f"no branch of the ColumnTransformer reads {own!r}")
    branches = []
    for (name, transformer, selection), read in zip(columns.transformers, reads, strict=True):
        if other not in read:
            branches.append((name, transformer, selection))
        # The remainder would otherwise take the column, as no branch names it any more.
        elif columns.remainder != "drop":
            branches.append((name, "drop", selection))
    columns.set_params(transformers=branches)
    return model


def compare_modalities(
    model: BaseEstimator,
    X: Any,
    y: Any,
    *,
    groups: Sequence[Hashable] | None = None,
    cv: Any = 5,
    scoring: str | Sequence[str] | Mapping[str, Callable] = ("accuracy", "f1_macro"),
    emap: bool = False,
    audio_column: str | int = "audio",
    lyrics_column: str | int = "lyrics",
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Cross-validate a model of lyrics alone, of audio alone, and of both.

    All three are fitted and scored on the same folds.

    That both beat each alone does not tell that the model uses interactions of the two: it may add
    what each says. With `emap` its additive projection is scored as well (EMAP), see
    :func:`~sklearn_musiclime.fusion.additive_projection`. If that is as good as the model, the
    model does not profit from interactions.

    Parameters
    ----------
    model : classifier
        The multimodal model, of a kind that :func:`only` can restrict.
    X : DataFrame or object array of shape (n_songs, 2) or more
        The songs.
    y : array-like of shape (n_songs,)
        Their classes.
    groups : array-like of shape (n_songs,) or None, default=None
        Group of each song; songs of a group are never in the training and the test part of the
        same fold. For example, clips of one song are too similar to be tested on each other.
        Passed to the model's ``fit`` if that has a parameter ``groups``.
    cv : int, splitter, iterable of splits, or None, default=5
        The folds. A number of folds is stratified by class.
    scoring : str, list of str, or dict of str to scorer, default=("accuracy", "f1_macro")
        The scores, see :func:`~sklearn.model_selection.cross_validate`.
    emap : bool, default=False
        Whether to score the additive projection, too. A factored model encodes each song of a test
        part once more; a black box scores up to 200 combinations for each.
    audio_column, lyrics_column : str or int, default="audio", "lyrics"
        Names or positions of the columns that the branches of a pipeline select.
    n_jobs : int or None, default=None
        Number of folds that are fitted in parallel, see :term:`n_jobs`.

    Returns
    -------
    DataFrame
        Rows "lyrics", "audio", "both" and, with `emap`, "additive". Each score has two columns: its
        name, with the mean over the folds, and its name with ``_std`` appended, with the standard
        deviation over the folds.

    Raises
    ------
    TypeError, ValueError
        `model` can't be restricted to one modality, see :func:`only`.

    References
    ----------
    Sotirou, Lyberatos, Menis Mastromichalakis, Stamou, "MusicLIME: Explainable Multimodal Music
    Understanding", arXiv 2409.10496: the table of models.

    Hessel, Lee, "Does my multimodal model learn cross-modal interactions?", EMNLP 2020: EMAP.

    Examples
    --------
    >>> from sklearn_musiclime import make_fusion_pipeline
    >>> from sklearn_musiclime.datasets import make_songs
    >>> from sklearn_musiclime.fusion import compare_modalities
    >>> songs, classes, stems, truth = make_songs(20, duration=1.0, random_state=0)
    >>> table = compare_modalities(make_fusion_pipeline(), songs, classes, cv=2)
    >>> table.index.tolist(), table.columns.tolist()
    (['lyrics', 'audio', 'both'], ['accuracy', 'accuracy_std', 'f1_macro', 'f1_macro_std'])
    """
    scoring = [scoring] if isinstance(scoring, str) else scoring
    folds = split(cv, np.asarray(y), groups)
    passed = {}
    if groups is not None and has_fit_parameter(model, "groups"):
        passed = {"groups": np.asarray(groups)}
    rows = {}
    for modality in ("lyrics", "audio", "both"):
        one = only(model, modality, audio_column=audio_column, lyrics_column=lyrics_column)
        with_projection = emap and modality == "both"
        scorer: Any = scoring
        if with_projection:
            scorer = _WithProjection(scoring, audio_column, lyrics_column)
        scores = cross_validate(
            one, X, y, cv=folds, scoring=scorer, params=passed, n_jobs=n_jobs, error_score="raise"
        )
        named = {name: values for name, values in scores.items() if name.startswith("test_")}
        projected = {name for name in named if name.startswith(f"test_{_ADDITIVE}")}
        for row, names, start in (
            (modality, named.keys() - projected, "test_"),
            ("additive", projected, f"test_{_ADDITIVE}"),
        ):
            if names:
                rows[row] = {
                    name.removeprefix(start) + suffix: statistic(values)
                    for name, values in named.items()
                    if name in names
                    for suffix, statistic in (("", np.mean), ("_std", np.std))
                }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("modality")


class _WithProjection:
    """Scores of a fitted classifier and, by names that begin otherwise, of its projection."""

    def __init__(self, scoring: Any, audio_column: str | int, lyrics_column: str | int):
        named = scoring if isinstance(scoring, Mapping) else {name: name for name in scoring}
        self._scorers = {name: get_scorer(scorer) for name, scorer in named.items()}
        self._parameters = {"audio_column": audio_column, "lyrics_column": lyrics_column}

    def __call__(self, model: Any, X: Any, y: Any) -> dict[str, float]:
        projection = AdditiveProjection(model, self._parameters)
        return {
            prefix + name: scorer(estimator, X, y)
            for prefix, estimator in (("", model), (_ADDITIVE, projection))
            for name, scorer in self._scorers.items()
        }


def _selected(name: str, selection: Any) -> set[str | int]:
    """Names or positions of the columns that a branch of a ColumnTransformer selects."""
    selected = [selection] if isinstance(selection, (str, int)) else selection
    if not isinstance(selected, (list, tuple)) or not all(type(c) in (str, int) for c in selected):
        raise ValueError(
            f"the branch {name!r} selects {selection!r}, where names or positions of columns would "
            "tell what it reads"
        )
    return set(selected)
