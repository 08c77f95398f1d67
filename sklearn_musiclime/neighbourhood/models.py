"""Models: anything that answers for songs, as a function from X to a matrix of scores."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse
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
            The model returned another number of rows, NaN, or something other than numbers.
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
            The model has another number of classes, or two of one name.
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
        if len(set(labels)) != len(labels):
            raise ValueError(f"the model has classes of the same name: {labels}")
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
