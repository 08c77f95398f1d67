"""The scores of songs: estimators and functions as functions from songs to a matrix of scores."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from types import MethodType
from typing import Any

import numpy as np

from sklearn_musiclime.neighbourhood.columns import ScoreColumns
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
    >>> score.columns.labels(2)
    ['pop', 'rock']
    >>> score.columns.predicted(score(X[:1])[0], score.predict(X[:1]))
    [0]
    """

    model: Any
    output_names: Sequence[Hashable] | None = None
    kind: str | None = None
    method: str | None = field(init=False)

    def __post_init__(self) -> None:
        name = getattr(self.model, "__name__", "")
        is_bound = isinstance(self.model, MethodType) and name in RESPONSE_METHODS
        if is_bound:
            object.__setattr__(self, "model", self.model.__self__)
        methods = (name,) if is_bound else RESPONSE_METHODS
        method = next((name for name in methods if hasattr(self.model, name)), None)
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
    def columns(self) -> ScoreColumns:
        """What the columns of the scores stand for; class names are plain Python values."""
        classes = None if self.method is None else getattr(self.model, "classes_", None)
        if isinstance(classes, np.ndarray):
            classes = classes.tolist()
        elif classes is not None:
            classes = [np.asarray(c).tolist() for c in classes]
        of_outputs = None
        if classes and isinstance(classes[0], list):
            classes, of_outputs = None, classes
        shape = None
        if self.method == "decision_function":
            shape = getattr(last_estimator(self.model), "decision_function_shape", None)
        is_regressor = self.method == "predict" and classes is None and of_outputs is None
        return ScoreColumns(
            self.output_names,
            classes,
            of_outputs,
            are_pairs=shape == "ovo" and classes is not None and len(classes) > 2,
            are_outputs=self.kind == "outputs" or (self.kind is None and is_regressor),
        )

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
        names, classes = column_names(response, scores.shape[1]), self.columns.classes
        if names is not None and classes is not None:
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

    def _as_columns(self, response: Any) -> np.ndarray:
        """Output of the model as an array (n_songs, n_labels), see :meth:`__call__`."""
        columns = self.columns
        if isinstance(response, list) and response and all(n_dim(r) == 2 for r in response):
            outputs = [as_scores(output) for output in response]  # of a multi-output classifier
            if len({len(output) for output in outputs}) > 1:
                raise ValueError("the model's outputs have different numbers of rows")
            return np.hstack(outputs)
        if self.method == "predict" and columns.classes_of_outputs is not None:
            return _one_hot(as_array(response), columns.classes_of_outputs)
        if self.method == "predict" and columns.classes is not None:
            predicted = as_array(response)
            n_outputs = predicted.shape[1] if predicted.ndim == 2 else 1
            return _one_hot(predicted, [columns.classes] * n_outputs)
        scores = as_scores(response)
        if scores.ndim == 1:
            scores = scores[:, np.newaxis]
        if scores.ndim != 2 or scores.shape[1] == 0:
            raise ValueError(f"the model returned shape {scores.shape}, not (n_songs, n_labels)")
        classes = columns.classes
        is_binary = len(classes) == 2 if classes is not None else bool(columns.classes_of_outputs)
        if self.method == "decision_function" and scores.shape[1] == 1 and is_binary:
            scores = np.hstack([-scores, scores])
        return scores


def _one_hot(predicted: np.ndarray, classes: list[list[Hashable]]) -> np.ndarray:
    """One-hot encoding of class names (n_songs,) or (n_songs, n_outputs)."""
    if predicted.ndim not in (1, 2):
        raise ValueError(f"the model returned shape {predicted.shape}, not (n_songs, n_labels)")
    outputs = predicted.astype(object).reshape(len(predicted), -1)
    if len(classes) != outputs.shape[1]:
        raise ValueError(f"the model has {len(classes)} outputs, and predicts {outputs.shape[1]}")
    columns = []
    for output, names in zip(outputs.T, classes, strict=True):
        is_class = output[:, np.newaxis] == np.array([*names, None], dtype=object)[:-1]
        unknown = np.flatnonzero(~is_class.any(axis=1))
        if len(unknown):
            raise ValueError(f"the model predicts {output[unknown[0]]!r}, none of its classes")
        columns.append(is_class)
    return np.hstack(columns).astype(np.float64)
