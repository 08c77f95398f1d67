"""Models: anything that answers for songs, as a function from X to a matrix of scores."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from numbers import Real
from types import MethodType
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from sklearn_musiclime.neighbourhood.labels import listed

RESPONSE_METHODS = ("predict_proba", "decision_function", "predict")
WRAPPED = ("best_estimator_", "estimator_", "estimator")
"""Where wrappers keep what answers for them; a fitted one first."""
MAX_WRAPPERS = 20


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of songs.

    Attributes
    ----------
    scores : ndarray of shape (n_songs, n_labels), dtype float64
        The scores.
    names : list or None
        What the model itself calls its columns: those of the DataFrame that it returned. None
        where it has classes, in the order of which the columns then are.
    """

    scores: np.ndarray
    names: list[Hashable] | None


@dataclass(frozen=True)
class ScoreFunction:
    """A model as a function from songs to an array (n_songs, n_labels).

    Attributes
    ----------
    model : estimator or callable
        An estimator with ``predict_proba``, ``decision_function`` or ``predict`` (the first that it
        has is used), or one of these as a bound method; or a function that takes X and returns an
        array (n_songs,) or (n_songs, n_labels).
    output_names : sequence of label, or None, default=None
        What the columns are called. None: by the model's classes, or the columns of the DataFrame
        that it returns, else by number.
    kind : {"classes", "outputs"} or None, default=None
        Whether the columns are classes, one of which is predicted, or outputs that stand beside
        each other, such as valence and arousal. None: what the estimator is; classes, of a
        function.
    method : str or None
        The method that is used; None for a function.

    Raises
    ------
    TypeError
        `model` is neither.
    ValueError
        Two of `output_names` are the same.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn_musiclime.neighbourhood import ScoreFunction
    >>> X, y = np.zeros((3, 1)), ["pop", "pop", "rock"]
    >>> score = ScoreFunction(DummyClassifier().fit(X, y))
    >>> score(X[:1])
    array([[0.66666667, 0.33333333]])
    >>> score.labels(2)
    ['pop', 'rock']
    >>> score.predicted(score(X[:1])[0], score.predict(X[:1]))
    [0]
    """

    model: Any
    output_names: Sequence[Hashable] | None = None
    kind: str | None = None
    method: str | None = field(init=False)

    def __post_init__(self) -> None:
        name = getattr(self.model, "__name__", None)
        is_bound = isinstance(self.model, MethodType) and name in RESPONSE_METHODS
        if is_bound:
            object.__setattr__(self, "model", self.model.__self__)
        names = [name] if is_bound else RESPONSE_METHODS
        method = next((name for name in names if hasattr(self.model, name)), None)
        if method is None and not callable(self.model):
            raise TypeError(
                f"the model must be a function of X or have one of {RESPONSE_METHODS}; "
                f"{type(self.model).__name__} is and has none of them"
            )
        object.__setattr__(self, "method", method)
        if self.output_names is not None:
            names = listed(list(self.output_names), [])
            if len(set(names)) != len(names):
                raise ValueError(f"output_names has a name twice: {names}")
            object.__setattr__(self, "output_names", names)

    @property
    def classes(self) -> list[list[Hashable]] | list[Hashable] | None:
        """The model's class names as plain Python values; a list of lists with several outputs."""
        if self.method is None:
            return None
        classes = getattr(self.model, "classes_", None)
        if classes is None:
            return None
        if isinstance(classes, np.ndarray):
            return classes.tolist()
        return [np.asarray(c).tolist() for c in classes]

    def __call__(self, X: Any) -> np.ndarray:
        """Score songs.

        Parameters
        ----------
        X : DataFrame or object array
            The songs.

        Returns
        -------
        ndarray of shape (n_songs, n_labels), dtype float64
            Scores. The two classes of a binary ``decision_function`` get opposite ones; class names
            that ``predict`` returns become columns of 0 and 1; the outputs of a multi-output
            classifier stand side by side.

        Raises
        ------
        ValueError
            The model returned another number of rows, NaN, or something other than numbers.
        """
        return self.answer(X).scores

    def answer(self, X: Any) -> Answer:
        """Score songs, and say what the model calls its columns.

        Parameters
        ----------
        X : DataFrame or object array
            The songs.

        Returns
        -------
        Answer

        Raises
        ------
        ValueError
            As a call does.
        """
        response = self.model(X) if self.method is None else getattr(self.model, self.method)(X)
        scores = self._as_columns(response)
        n_songs = X.shape[0] if hasattr(X, "shape") else len(X)
        if len(scores) != n_songs:
            raise ValueError(f"the model returned {len(scores)} rows for {n_songs} songs")
        n_bad = n_songs - np.count_nonzero(np.isfinite(scores).all(axis=1))
        if n_bad:
            raise ValueError(
                f"the model returned NaN or infinite scores for {n_bad} of {n_songs} songs"
            )
        names, classes = _column_names(response, scores.shape[1]), self.classes
        if names is not None and classes is not None and not _is_nested(classes):
            if set(names) == set(classes):  # in an order of their own
                scores = scores[:, [names.index(name) for name in classes]]
            names = None
        return Answer(scores, names)

    def predict(self, X: Any) -> np.ndarray | None:
        """Return what the model's ``predict`` says of songs.

        Parameters
        ----------
        X : DataFrame or object array
            The songs.

        Returns
        -------
        ndarray of shape (n_songs,) or (n_songs, n_outputs), or None
            None, where the model has no such method beside the one that it is scored by.
        """
        if self.method in (None, "predict") or not hasattr(self.model, "predict"):
            return None
        return as_array(self.model.predict(X))

    @property
    def known_labels(self) -> list[Hashable] | None:
        """All labels that columns may have, as far as is known before the model is asked."""
        if self.output_names is not None:
            return list(self.output_names)
        classes = self.classes
        if classes is None:
            return None
        if self._scores_pairs:
            return list(combinations(classes, 2))
        if _is_nested(classes):
            return _labels_of_outputs(classes)
        return None if _is_switch(classes) else classes  # 0 and 1 may be those of each output

    def labels(
        self, n_columns: int, names: Sequence[Hashable] | None = None, said: Any = None
    ) -> list[Hashable]:
        """Name the columns that a call returns.

        Parameters
        ----------
        n_columns : int
            How many there are.
        names : sequence or None, default=None
            What the model calls them, see :class:`Answer`.
        said : ndarray of shape (1, ...), or None, default=None
            What ``predict`` says of a song.

        Returns
        -------
        list
            `output_names`; else class names; ``(output, class)`` for each class of each output of a
            multi-output classifier; ``(class, other)`` for the pairs of classes that a support
            vector classifier with ``decision_function_shape="ovo"`` scores; `names` or the column's
            number where there are no classes.

        Raises
        ------
        ValueError
            There is another number of names, or of classes, or two of one name.
        """
        if self.output_names is not None:
            if len(self.output_names) != n_columns:
                raise ValueError(
                    f"output_names has {len(self.output_names)} names, and the model returns "
                    f"{n_columns} columns"
                )
            return list(self.output_names)
        classes = self.classes
        if classes is None:
            return list(range(n_columns)) if names is None else list(names)
        if self._scores_pairs:
            labels = list(combinations(classes, 2))
        elif _is_nested(classes):
            labels = _labels_of_outputs(classes)
            if n_columns == len(classes) != len(labels):  # one score an output: its last class
                labels = [(k, names[-1]) for k, names in enumerate(classes)]
        else:
            labels = list(classes)
        if len(labels) != n_columns:
            if np.shape(said) == (1, n_columns):  # outputs, each of which is on or off
                return list(range(n_columns))
            raise ValueError(
                f"the model has {len(labels)} classes but scores {n_columns} columns, which are "
                "none of them; output_names= says what they are"
            )
        if len(set(labels)) != len(labels):
            raise ValueError(f"the model has classes of the same name: {labels}")
        return labels

    def has_a_column_each(self, n_columns: int) -> bool:
        """Say whether there are as many columns as classes, if these are those of one output.

        Parameters
        ----------
        n_columns : int
            How many columns there are.

        Returns
        -------
        bool
        """
        classes = self.classes
        return classes is None or _is_nested(classes) or len(classes) == n_columns

    def outputs(self, n_columns: int) -> list[int]:
        """Say which columns stand for an output, where others say the opposite.

        Parameters
        ----------
        n_columns : int
            How many columns there are.

        Returns
        -------
        list of int
            All; of outputs with a column for "off" and for "on" the latter.
        """
        classes = self.classes
        if classes is None or not _is_nested(classes):
            return list(range(n_columns))
        labels = _labels_of_outputs(classes)
        if len(labels) != n_columns:
            return list(range(n_columns))
        return [i for i, (k, name) in enumerate(labels) if name or not _is_switch(classes[k])]

    def predicted(
        self, scores: np.ndarray, said: Any = None, names: Sequence[Hashable] | None = None
    ) -> list[int]:
        """Say which columns a song is explained for by default.

        Parameters
        ----------
        scores : ndarray of shape (n_labels,)
            The song's own scores.
        said : ndarray of shape (1,) or (1, n_outputs), or None, default=None
            What ``predict`` says of the song. None: what the scores say.
        names : sequence or None, default=None
            What the model calls its columns, see :class:`Answer`.

        Returns
        -------
        list of int
            Of classes the one that is predicted. Of several outputs with classes of their own, the
            class that is predicted of each; where these are on or off, the outputs that are on, or
            else the one of the highest score. Every column of a regressor.
        """
        classes, n_columns = self.classes, len(scores)
        is_regressor = self.method == "predict" and classes is None
        if self.kind == "outputs" or (self.kind is None and is_regressor) or n_columns == 1:
            return self.outputs(n_columns)
        if said is not None and np.ndim(said) not in (1, 2):
            said = None
        if classes is not None and _is_nested(classes):
            return self._predicted_outputs(scores, said, classes)
        highest = int(np.argmax(scores))
        if said is None:
            return [highest]
        if np.shape(said) == (1, n_columns):
            return np.flatnonzero(np.ravel(said)).tolist() or [highest]
        (name,) = np.ravel(said).tolist() if np.size(said) == 1 else (None,)
        labels = classes or names or list(range(n_columns))
        if self._scores_pairs:
            return [i for i, pair in enumerate(combinations(labels, 2)) if name in pair]
        return [labels.index(name)] if name in labels[:n_columns] else [highest]

    def _predicted_outputs(
        self, scores: np.ndarray, said: Any, classes: list[list[Hashable]]
    ) -> list[int]:
        """Of each output the class that is predicted; of those that are on or off, those on."""
        labels = _labels_of_outputs(classes)
        has_column_each = len(scores) == len(labels)
        if not has_column_each and len(scores) != len(classes):
            return [int(np.argmax(scores))]
        if said is None or np.size(said) != len(classes):
            if not has_column_each:
                return [int(np.argmax(scores))]
            starts = np.cumsum([0, *map(len, classes)])
            said = [
                names[int(np.argmax(scores[start : start + len(names)]))]
                for start, names in zip(starts, classes, strict=False)
            ]
        else:
            said = np.ravel(said).tolist()
        if has_column_each:
            columns = [labels.index((k, name)) for k, name in enumerate(said)]
            on = [c for c, k in zip(columns, range(len(said)), strict=True)
                  if said[k] or not _is_switch(classes[k])]  # fmt: skip
        else:
            on = [k for k, name in enumerate(said) if name == classes[k][-1]]
        if on:
            return on
        outputs = self.outputs(len(scores))
        return [outputs[int(np.argmax(scores[outputs]))]]

    @property
    def _scores_pairs(self) -> bool:
        """Whether columns are pairs of classes, the first of which positive scores speak for."""
        if self.method != "decision_function":
            return False
        shape = getattr(_last_estimator(self.model), "decision_function_shape", None)
        classes = self.classes
        return shape == "ovo" and classes is not None and len(classes) > 2

    def _as_columns(self, response: Any) -> np.ndarray:
        classes = self.classes
        if isinstance(response, list) and response and all(_n_dim(r) == 2 for r in response):
            outputs = [_as_scores(output) for output in response]  # of a multi-output classifier
            if len({len(output) for output in outputs}) > 1:
                raise ValueError("the model's outputs have different numbers of rows")
            return np.hstack(outputs)
        if self.method == "predict" and classes is not None:
            return self._one_hot(as_array(response))
        scores = _as_scores(response)
        if scores.ndim == 1:
            scores = scores[:, np.newaxis]
        if scores.ndim != 2 or scores.shape[1] == 0:
            raise ValueError(f"the model returned shape {scores.shape}, not (n_songs, n_labels)")
        is_binary = classes is not None and (_is_nested(classes) or len(classes) == 2)
        if self.method == "decision_function" and scores.shape[1] == 1 and is_binary:
            scores = np.hstack([-scores, scores])
        return scores

    def _one_hot(self, predicted: np.ndarray) -> np.ndarray:
        """Class names, (n_songs,) or (n_songs, n_outputs), as columns of 0 and 1."""
        if predicted.ndim not in (1, 2):
            raise ValueError(f"the model returned shape {predicted.shape}, not (n_songs, n_labels)")
        outputs = predicted.astype(object).reshape(len(predicted), -1)
        classes = self.classes
        names = classes if _is_nested(classes) else [classes] * outputs.shape[1]
        if len(names) != outputs.shape[1]:
            raise ValueError(f"the model has {len(names)} outputs, and predicts {outputs.shape[1]}")
        columns = []
        for output, values in zip(outputs.T, names, strict=True):
            is_class = output[:, np.newaxis] == np.array([*values, None], dtype=object)[:-1]
            unknown = np.flatnonzero(~is_class.any(axis=1))
            if len(unknown):
                raise ValueError(f"the model predicts {output[unknown[0]]!r}, none of its classes")
            columns.append(is_class)
        return np.hstack(columns).astype(np.float64)


def as_array(response: Any) -> np.ndarray:
    """Take what a model returns as an array of our own: models may use theirs for the next call.

    Parameters
    ----------
    response : array-like, sparse array, DataFrame or tensor
        A tensor may lie on a device and ask for its gradient.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        It is no array, such as a ragged list, or some of it is masked.
    """
    if scipy.sparse.issparse(response):
        return response.toarray()
    if hasattr(response, "detach"):
        response = response.detach().cpu()
        # numpy has no bfloat16.
        response = (response.double() if response.is_floating_point() else response).numpy()
    if np.ma.is_masked(response):
        raise ValueError("the model returned masked values where scores should be")
    try:
        return np.array(response)
    except ValueError as error:
        raise ValueError(f"the model returned no array: {error}") from error


def check_n_labels(scores: np.ndarray, n_labels: int) -> None:
    """Raise if a model scores other labels than it did.

    Parameters
    ----------
    scores : ndarray of shape (n_songs, n_labels)
        What it returned now.
    n_labels : int
        How many columns there were before.

    Raises
    ------
    ValueError
        There are more or fewer.
    """
    if scores.shape[1] != n_labels:
        raise ValueError(
            f"the model scored {n_labels} label(s) in one call and {scores.shape[1]} in another"
        )


def is_same_answer(scores: np.ndarray, others: np.ndarray, among: np.ndarray) -> bool:
    """Say whether two scores of one song differ by no more than a model's rounding.

    Parameters
    ----------
    scores, others : ndarray of shape (n_labels,)
        The scores.
    among : ndarray of shape (n_songs, n_labels)
        Scores of the song and its like: by how much they vary is what a difference is held against.

    Returns
    -------
    bool
        Whether no two differ by more than a thousandth of what the label's scores vary by, or by
        what single precision leaves of numbers as large.
    """
    halves = among / 2  # which don't overflow
    size = np.abs(halves).max(axis=0, initial=1e-12)
    allowed = 1e-3 * np.ptp(halves, axis=0) + 32 * np.finfo(np.float32).eps * size
    return bool((np.abs(scores / 2 - others / 2) <= allowed).all())


def _as_scores(response: Any) -> np.ndarray:
    array = as_array(response)
    if array.dtype == object and all(isinstance(value, Real) for value in array.flat):
        try:
            return array.astype(np.float64)
        except OverflowError as error:
            raise ValueError(f"the model returned numbers that are too large: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"the model returned {array.dtype} values where numbers should be")
    with np.errstate(over="ignore"):  # what double precision does not hold is infinite
        return array.astype(np.float64, copy=False)


def _n_dim(value: Any) -> int | None:
    """Dimensions of an array-like; None of what is none."""
    if hasattr(value, "ndim"):
        return value.ndim
    try:
        return np.ndim(value)
    except ValueError:  # ragged
        return None


def _is_nested(classes: Sequence) -> bool:
    return bool(classes) and isinstance(classes[0], list)


def _labels_of_outputs(classes: list[list[Hashable]]) -> list[Hashable]:
    """``(output, class)`` for each class of each output."""
    return [(k, name) for k, names in enumerate(classes) for name in names]


def _is_switch(classes: list[Hashable]) -> bool:
    """Whether the classes of an output are "off" and "on", as of one that is a label itself."""
    return set(classes) <= {0, 1}


def _last_estimator(model: Any) -> Any:
    """The estimator that answers in the end: the last step of a pipeline, the best of a search."""
    for _ in range(MAX_WRAPPERS):
        steps = getattr(model, "steps", None)
        if isinstance(steps, list) and steps:
            model = steps[-1][1]
            continue
        inner = [getattr(model, name, None) for name in WRAPPED]
        inner = [part for part in inner if part is not None]
        if not inner:
            break
        model = inner[0]
    return model


def _column_names(response: Any, n_columns: int) -> list[Hashable] | None:
    """The names of a returned frame's columns, if somebody gave them."""
    columns = getattr(response, "columns", None)
    if columns is None or isinstance(columns, pd.RangeIndex) or len(columns) != n_columns:
        return None
    names = listed(columns, [])
    return names if len(set(names)) == len(names) else None
