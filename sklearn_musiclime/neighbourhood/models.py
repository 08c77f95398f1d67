"""The scores of songs: estimators and functions as functions from songs to a matrix of scores.

The file holds one class: how a model is called, how its columns are named and which of them it
predicts all follow from its method and its classes, and are read together.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from types import MethodType
from typing import Any

import numpy as np

from sklearn_musiclime.neighbourhood.labels import listed
from sklearn_musiclime.neighbourhood.methods import RESPONSE_METHODS, last_estimator
from sklearn_musiclime.neighbourhood.responses import (
    Answer,
    as_array,
    as_scores,
    column_names,
    n_dim,
)


@dataclass(frozen=True)
class ScoreFunction:
    """A model as a function from songs to an array of scores, (n_songs, n_labels).

    Attributes
    ----------
    model : estimator or callable
        An estimator, of which ``predict_proba``, ``decision_function`` or ``predict`` is called
        (the first that it has), or one of these as a bound method; or a function that takes X and
        returns an array of shape (n_songs,) or (n_songs, n_labels).
    output_names : sequence of label, or None, default=None
        Names of the columns. None: the model's classes, or the columns of the DataFrame that it
        returns, else the columns' numbers.
    kind : {"classes", "outputs"} or None, default=None
        Whether the columns are classes, one of which is predicted, or separate outputs, such as
        valence and arousal. None: outputs for regressors, else classes.
    method : str or None
        Name of the method that is called; None for a function.

    Raises
    ------
    TypeError
        `model` is neither an estimator with one of the methods nor callable.
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
        """Class names as plain Python values; of a multi-output model a list for each output."""
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
            Scores. A binary ``decision_function`` becomes two columns of opposite sign; class names
            that ``predict`` returns are one-hot encoded; the outputs of a multi-output classifier
            are concatenated.

        Raises
        ------
        ValueError
            The number of rows is not that of the songs, or values are other than finite numbers.
        """
        return self.answer(X).scores

    def answer(self, X: Any) -> Answer:
        """Score songs and return the names of the columns, too.

        Parameters
        ----------
        X : DataFrame or object array
            The songs.

        Returns
        -------
        Answer
            Scores, as :meth:`__call__` returns them, and names.

        Raises
        ------
        ValueError
            The number of rows is not that of the songs, or values are other than finite numbers.
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
        names, classes = column_names(response, scores.shape[1]), self.classes
        if names is not None and classes is not None and not _is_nested(classes):
            if set(names) == set(classes):  # sort the columns like the classes
                scores = scores[:, [names.index(name) for name in classes]]
            names = None
        return Answer(scores, names)

    def predict(self, X: Any) -> np.ndarray | None:
        """Call the model's ``predict``.

        Parameters
        ----------
        X : DataFrame or object array
            The songs.

        Returns
        -------
        ndarray of shape (n_songs,) or (n_songs, n_outputs), or None
            Predictions. None: the model has no ``predict``, is a function, or is scored by
            ``predict`` itself.
        """
        if self.method in (None, "predict") or not hasattr(self.model, "predict"):
            return None
        return as_array(self.model.predict(X))

    @property
    def known_labels(self) -> list[Hashable] | None:
        """Labels of the columns, if they are known before the model is called; else None."""
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
        """Return the labels of the columns of scores.

        Parameters
        ----------
        n_columns : int
            Number of columns.
        names : sequence or None, default=None
            Names from the model's DataFrame, see :class:`Answer`.
        said : ndarray of shape (1, ...), or None, default=None
            Output of ``predict`` for a song.

        Returns
        -------
        list
            `output_names`, if given. Else the class names: of a multi-output classifier
            ``(output, class)`` for each class of each output, of a support vector classifier with
            ``decision_function_shape="ovo"`` the pairs of classes ``(class, other)``. Without
            classes, `names` or the columns' numbers; numbers also for multilabel outputs: if there
            are not as many columns as classes, but `said` has one value for each column.

        Raises
        ------
        ValueError
            The number of names or of classes is not `n_columns`, or two are the same.
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
            if np.shape(said) == (1, n_columns):  # multilabel
                return list(range(n_columns))
            raise ValueError(
                f"the model has {len(labels)} classes but scores {n_columns} columns, which are "
                "none of them; output_names= says what they are"
            )
        if len(set(labels)) != len(labels):
            raise ValueError(f"the model has classes of the same name: {labels}")
        return labels

    def has_a_column_each(self, n_columns: int) -> bool:
        """Return whether the number of columns fits the classes.

        Parameters
        ----------
        n_columns : int
            Number of columns.

        Returns
        -------
        bool
            False if the model has the classes of a single output, and another number of columns;
            else True.
        """
        classes = self.classes
        return classes is None or _is_nested(classes) or len(classes) == n_columns

    def outputs(self, n_columns: int) -> list[int]:
        """Return the columns to explain, without those of the negative class of binary outputs.

        Parameters
        ----------
        n_columns : int
            Number of columns.

        Returns
        -------
        list of int
            All columns; in a multi-output classifier, only the column of class 1 of outputs with
            the classes 0 and 1.
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
        """Return the columns that are explained by default.

        Parameters
        ----------
        scores : ndarray of shape (n_labels,)
            Scores of the unperturbed song.
        said : ndarray of shape (1,) or (1, n_outputs), or None, default=None
            Output of ``predict`` for the song. None: predictions are taken from the scores.
        names : sequence or None, default=None
            Names from the model's DataFrame, see :class:`Answer`.

        Returns
        -------
        list of int
            The predicted class of a classifier. In a multi-output classifier, the predicted class
            of each output; of outputs with the classes 0 and 1 only those that are predicted to be
            1, or the one with the highest score if none is. All columns of a regressor.
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
        """Columns of the predicted classes of a multi-output classifier, see :meth:`predicted`."""
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
        """Whether columns are pairs of classes, of which positive scores favour the first."""
        if self.method != "decision_function":
            return False
        shape = getattr(last_estimator(self.model), "decision_function_shape", None)
        classes = self.classes
        return shape == "ovo" and classes is not None and len(classes) > 2

    def _as_columns(self, response: Any) -> np.ndarray:
        """Output of the model as an array (n_songs, n_labels), see :meth:`__call__`."""
        classes = self.classes
        if isinstance(response, list) and response and all(n_dim(r) == 2 for r in response):
            outputs = [as_scores(output) for output in response]  # of a multi-output classifier
            if len({len(output) for output in outputs}) > 1:
                raise ValueError("the model's outputs have different numbers of rows")
            return np.hstack(outputs)
        if self.method == "predict" and classes is not None:
            return self._one_hot(as_array(response))
        scores = as_scores(response)
        if scores.ndim == 1:
            scores = scores[:, np.newaxis]
        if scores.ndim != 2 or scores.shape[1] == 0:
            raise ValueError(f"the model returned shape {scores.shape}, not (n_songs, n_labels)")
        is_binary = classes is not None and (_is_nested(classes) or len(classes) == 2)
        if self.method == "decision_function" and scores.shape[1] == 1 and is_binary:
            scores = np.hstack([-scores, scores])
        return scores

    def _one_hot(self, predicted: np.ndarray) -> np.ndarray:
        """One-hot encoding of class names (n_songs,) or (n_songs, n_outputs)."""
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


def _is_nested(classes: Sequence) -> bool:
    return bool(classes) and isinstance(classes[0], list)


def _labels_of_outputs(classes: list[list[Hashable]]) -> list[Hashable]:
    """Labels ``(output, class)`` for each class of each output."""
    return [(k, name) for k, names in enumerate(classes) for name in names]


def _is_switch(classes: list[Hashable]) -> bool:
    """Whether the classes of an output are 0 and 1, so that the output is a label itself."""
    return set(classes) <= {0, 1}
