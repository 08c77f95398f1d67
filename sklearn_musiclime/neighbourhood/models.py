"""Models: anything that answers for songs, as a function from X to a matrix of scores."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

DEFAULT_SAMPLING_RATE = 22050
"""Of models that do not say what they need: librosa's."""
RESPONSE_METHODS = ("predict_proba", "decision_function", "predict")


@dataclass(frozen=True)
class ScoreFunction:
    """A model as a function from songs to an array (n_songs, n_labels).

    Attributes
    ----------
    model : estimator or callable
        An estimator with ``predict_proba``, ``decision_function`` or ``predict`` (the first that it
        has is used), or a function that takes X and returns an array (n_songs,) or
        (n_songs, n_labels).
    method : str or None
        The method that is used; None for a function.

    Raises
    ------
    TypeError
        `model` is neither.

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
    """

    model: Any
    method: str | None = field(init=False)

    def __post_init__(self) -> None:
        method = next((name for name in RESPONSE_METHODS if hasattr(self.model, name)), None)
        if method is None and not callable(self.model):
            raise TypeError(
                f"the model must be a function of X or have one of {RESPONSE_METHODS}; "
                f"{type(self.model).__name__} is and has none of them"
            )
        object.__setattr__(self, "method", method)

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
            The model returned another number of rows, or NaN.
        """
        response = self.model(X) if self.method is None else getattr(self.model, self.method)(X)
        scores = self._as_columns(response)
        n_songs = X.shape[0] if hasattr(X, "shape") else len(X)
        if len(scores) != n_songs:
            raise ValueError(f"the model returned {len(scores)} rows for {n_songs} songs")
        if not np.isfinite(scores).all():
            raise ValueError("the model returned NaN or infinite scores")
        return scores

    def labels(self, n_columns: int) -> list[Hashable]:
        """Name the columns that a call returns.

        Parameters
        ----------
        n_columns : int
            How many there are.

        Returns
        -------
        list
            Class names; ``(output, class)`` for each class of each output of a multi-output
            classifier; the column's number where there are no classes.

        Raises
        ------
        ValueError
            The model has another number of classes.
        """
        classes = self.classes
        if classes is None:
            return list(range(n_columns))
        if _is_nested(classes):
            labels = [(k, c) for k, names in enumerate(classes) for c in names]
            if n_columns == len(classes) != len(labels):  # one score an output: its last class
                labels = [(k, names[-1]) for k, names in enumerate(classes)]
        else:
            labels = list(classes)
        if len(labels) != n_columns:
            raise ValueError(f"the model has {len(labels)} classes but scores {n_columns}")
        return labels

    def predicted(self, scores: np.ndarray) -> list[int]:
        """Say which columns a song is explained for by default.

        Parameters
        ----------
        scores : ndarray of shape (n_labels,)
            The song's own scores.

        Returns
        -------
        list of int
            The highest; of each output, if there are several; every column of a regressor.
        """
        classes = self.classes
        if self.method == "predict" and classes is None:
            return list(range(len(scores)))
        if classes is not None and _is_nested(classes):
            sizes = [len(names) for names in classes]
            if sum(sizes) == len(scores):
                starts = np.cumsum([0, *sizes[:-1]])
                return [
                    int(a + np.argmax(scores[a : a + n]))
                    for a, n in zip(starts, sizes, strict=True)
                ]
        return [int(np.argmax(scores))]

    def _as_columns(self, response: Any) -> np.ndarray:
        classes = self.classes
        if isinstance(response, list) and response and np.ndim(response[0]) == 2:
            return np.hstack(response).astype(np.float64)
        if self.method == "predict" and classes is not None:
            response = np.asarray(response)
            outputs = response.reshape(len(response), -1)
            names = classes if _is_nested(classes) else [classes] * outputs.shape[1]
            return np.hstack(
                [outputs[:, [k]] == np.asarray(values) for k, values in enumerate(names)]
            ).astype(np.float64)
        scores = np.asarray(response, dtype=np.float64)
        if scores.ndim == 1:
            scores = scores[:, np.newaxis]
        if scores.ndim != 2 or scores.shape[1] == 0:
            raise ValueError(f"the model returned shape {scores.shape}, not (n_songs, n_labels)")
        if self.method == "decision_function" and scores.shape[1] == 1 and classes is not None:
            scores = np.hstack([-scores, scores])
        return scores


def select_labels(
    labels: Any, known: Sequence[Hashable], default: Callable[[], Sequence[int]]
) -> list[int]:
    """Find the columns of the labels that somebody asks for.

    Parameters
    ----------
    labels : label, list of labels or None
        What is asked for. None: the default.
    known : sequence
        The labels of all columns.
    default : callable
        Returns the default columns.

    Returns
    -------
    list of int
        Columns, in the order asked for.

    Raises
    ------
    ValueError
        A label is unknown, or none is asked for.
    """
    if labels is None:
        return list(default())
    wanted = labels.tolist() if isinstance(labels, np.ndarray) else labels
    wanted = list(wanted) if isinstance(wanted, (list, set, range)) else [wanted]
    if not wanted:
        raise ValueError("labels is empty; None explains the predicted one")
    unknown = [label for label in wanted if label not in known]
    if unknown:
        raise ValueError(f"the model has no label {unknown[0]!r}; its labels are {list(known)}")
    return [known.index(label) for label in wanted]


def _is_nested(classes: Sequence) -> bool:
    return bool(classes) and isinstance(classes[0], list)


def find_sampling_rate(model: Any, wanted: int | None = None) -> int:
    """Find the rate that a model's audio must have.

    Parameters
    ----------
    model : estimator or callable
        The model. It and its steps ask by a parameter ``sampling_rate`` or an attribute
        ``required_sampling_rate``.
    wanted : int or None, default=None
        The rate that is asked for, in Hz.

    Returns
    -------
    int
        In Hz; 22050 if nobody asks for any.

    Raises
    ------
    ValueError
        Different rates are asked for.

    Examples
    --------
    >>> from sklearn_musiclime import SpectralStatistics
    >>> from sklearn_musiclime.neighbourhood import find_sampling_rate
    >>> find_sampling_rate(SpectralStatistics(sampling_rate=16000))
    16000
    """
    rates = {rate for rate in _sampling_rates(model) if rate is not None}
    if wanted is not None:
        rates.add(wanted)
    if len(rates) > 1:
        raise ValueError(
            f"sampling rates differ: {sorted(rates)}. The model would hear perturbed songs at "
            "another speed; give its steps and the explainer the same sampling_rate"
        )
    return rates.pop() if rates else DEFAULT_SAMPLING_RATE


def _sampling_rates(model: Any) -> Iterator[int | None]:
    """What a model and its steps, frozen ones too, ask for."""
    if isinstance(model, FrozenEstimator):
        yield from _sampling_rates(model.estimator)
    elif hasattr(model, "get_params") and not isinstance(model, type):
        yield getattr(model, "required_sampling_rate", None)
        for name, value in model.get_params(deep=True).items():
            if name == "sampling_rate" or name.endswith("__sampling_rate"):
                yield value
            elif isinstance(value, FrozenEstimator):
                yield from _sampling_rates(value.estimator)
            else:
                yield getattr(value, "required_sampling_rate", None)
