"""Splitting a fitted model into the encoders of its modalities and a head.

The head is a shallow copy of the model, in which each encoder is replaced by a look-up of encodings
that were computed before. Joining the encodings, naming and converting their columns, and all later
steps are therefore done by scikit-learn's own code. Only scikit-learn's classes are copied, and
subclasses that override no method but those used in fitting; see :data:`CONTAINERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse
from sklearn.calibration import CalibratedClassifierCV, _CalibratedClassifier
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
)
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_musiclime._runtime.polars import as_pandas
from sklearn_musiclime.neighbourhood.encodings import own_encoding, pick_rows
from sklearn_musiclime.neighbourhood.models import RESPONSE_METHODS
from sklearn_musiclime.songs import Song

Half = Literal["audio", "lyrics"]
PROTOCOL = ("encode_audio", "encode_lyrics", "predict_encoded")
"""Methods of an estimator that is a factored model by itself."""
CONTAINERS: dict[type, str] = {
    FrozenEstimator: "estimator",
    BaseSearchCV: "best_estimator_",
    CalibratedClassifierCV: "calibrated_classifiers_",
    _CalibratedClassifier: "estimator",
    VotingClassifier: "estimators_",
    VotingRegressor: "estimators_",
    StackingClassifier: "estimators_",
    StackingRegressor: "estimators_",
    FixedThresholdClassifier: "estimator_",
    TunedThresholdClassifierCV: "estimator_",
    OneVsRestClassifier: "estimators_",
    MultiOutputClassifier: "estimators_",
    MultiOutputRegressor: "estimators_",
    TransformedTargetRegressor: "regressor_",
    FeatureUnion: "transformer_list",
}
"""Meta-estimators that pass songs on unchanged, and the attribute with their fitted estimators."""
OWN_TO_FITTING = {
    "fit", "fit_transform", "fit_predict", "partial_fit", "get_params", "set_params", "score",
    "_parameter_constraints", "_required_parameters", "_run_search", "_doc_link_module",
    "_doc_link_template", "_repr_html_", "_repr_mimebundle_", "_abc_impl",
    "_sklearn_auto_wrap_output_keys",
}  # fmt: skip
"""Attributes that a subclass may override, since they are not used in scoring songs."""


class NotApartError(ValueError):
    """Raised for a model that can't be split into encoders and a head; the message says why."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """A part of a model that encodes one modality.

    Attributes
    ----------
    half : {"audio", "lyrics"} or None
        The modality that it reads. None: it reads neither, so that its encoding is the same for all
        perturbed songs.
    encode : callable
        Takes songs in the container of X and returns a dict of the encoding of each branch, by the
        branch's number.
    """

    half: Half | None
    encode: Callable[[Any], dict[int, Any]]


@dataclass(frozen=True, eq=False)
class Apart:
    """A model that was split into encoders and a head.

    Attributes
    ----------
    head : estimator
        Copy of the model that takes row numbers of encodings in place of the cells of audio and
        lyrics, and looks the encodings up in `tables`.
    encoders : list of Encoder
        The encoders, with each fitted branch of the model once.
    tables : dict of int to encoding
        Encodings that `head` looks up, by the numbers of the branches. Empty until it is filled for
        a call of the head.
    """

    head: Any
    encoders: list[Encoder]
    tables: dict[int, Any]


def take_apart(model: Any, song: Song) -> Apart:
    """Split a model into the encoders of its modalities and a head.

    Parameters
    ----------
    model : estimator
        The fitted model. It is not changed.
    song : Song
        Any song of X, which tells the positions of the audio and lyrics columns.

    Returns
    -------
    Apart
        Encoders and head.

    Raises
    ------
    NotApartError
        A part of the model reads audio and lyrics together, or may do so.
    """
    taking = _Taking(model, song)
    head = taking.copy(model)
    return Apart(head, taking.encoders, taking.tables)


class _Taking:
    """Recursive copying of a model, which collects its encoders on the way.

    Parameters
    ----------
    model : estimator
        The whole model.
    song : Song
        Any song of X, which tells the positions of the audio and lyrics columns.
    """

    def __init__(self, model: Any, song: Song):
        self.model = model
        self.song = song
        self.is_frame = isinstance(song.template, pd.DataFrame)
        self.encoders: list[Encoder] = []
        self.tables: dict[int, Any] = {}
        self._copies: dict[int, Any] = {}
        self._numbers: dict[tuple, int] = {}

    def copy(self, model: Any) -> Any:
        """Copy a part of the model that gets whole songs, once even if it occurs twice."""
        if id(model) not in self._copies:
            self._copies[id(model)] = self._copy(model)
        return self._copies[id(model)]

    def _copy(self, model: Any) -> Any:
        if all(hasattr(model, name) for name in PROTOCOL):
            return self._protocol(model)
        kind = _kind(model)
        if kind is None:
            raise NotApartError(f"{_name(model)} reads whole songs")
        if kind is Pipeline:
            return self._pipeline(model)
        if kind is ColumnTransformer:
            return self._columns(model)
        if vars(model).get("passthrough"):
            raise NotApartError(f"{_name(model)}(passthrough=True) hands whole songs on")
        place = CONTAINERS[kind]
        if not hasattr(model, place):
            raise NotApartError(f"{_name(model)} has no {place}")
        changes = {place: self._members(getattr(model, place))}
        if kind is FeatureUnion:
            changes["n_jobs"] = None  # a look-up is too little work for parallel jobs
        return _shallow_copy(model, **changes)

    def _members(self, members: Any) -> Any:
        """Copy an estimator, a list of estimators, or a list of (name, estimator)."""
        if isinstance(members, list):
            return [self._members(member) for member in members]
        if isinstance(members, tuple):
            name, member = members
            return name, member if member == "drop" else self.copy(member)
        return members if members == "drop" else self.copy(members)

    def _pipeline(self, model: Pipeline) -> Pipeline:
        """Copy a pipeline with a copy of its first step, the only one that gets songs."""
        steps = list(model.steps)
        for i, (name, step) in enumerate(steps):
            if step is not None and step != "passthrough":
                steps[i] = (name, self.copy(step))
                return _shallow_copy(model, steps=steps)
        raise NotApartError("the pipeline hands whole songs on")

    def _columns(self, columns: ColumnTransformer) -> ColumnTransformer:
        """Copy a ColumnTransformer with look-ups for its branches, and add its encoders."""
        by_name = self.is_frame and hasattr(columns, "feature_names_in_")
        template = pd.DataFrame(self.song.template)
        places = {
            half: template.columns[at] if by_name else at
            for half, at in self.song.columns.items()
            if half in ("audio", "lyrics")
        }
        looking_up, new = [], {"audio": [], "lyrics": [], None: []}
        for name, transformer, selection in columns.transformers_:
            indices = list(columns._transformer_to_input_indices.get(name, ()))
            if isinstance(transformer, str) or not indices:  # has no output in the original either
                looking_up.append((name, transformer, selection))
                continue
            read = list(columns.feature_names_in_[indices]) if by_name else indices
            halves = [half for half, place in places.items() if place in read]
            half = halves[0] if halves else None
            if len(halves) > 1:
                raise NotApartError(f"branch {name!r} reads audio and lyrics")
            if half == "audio" and _is_identity(transformer):
                raise NotApartError(f"branch {name!r} hands the audio on")
            key = (id(transformer), tuple(read), np.ndim(selection), by_name)
            if key not in self._numbers:
                self._numbers[key] = len(self._numbers)
                recorder = _Recorder(transformer, self._numbers[key], name, columns.sparse_output_)
                new[half].append((name, recorder, selection))
            number = self._numbers[key]
            at = None if half is None else read.index(places[half])
            look_up = LookUp(transformer, self.tables, number, at)
            looking_up.append((name, look_up, selection))
        for half, recorders in new.items():
            if recorders:
                self.encoders.append(Encoder(half, _BranchEncoder(columns, recorders)))
        return _shallow_copy(columns, transformers_=looking_up, n_jobs=None)

    def _protocol(self, model: Any) -> EncodedEstimator:
        """Add the encoders of an estimator with ``encode_audio`` and the like, return its head."""
        if model is not self.model and hasattr(model, "decision_function"):
            # A meta-estimator around it may call decision_function, while predict_encoded stands
            # for a single method.
            raise NotApartError(f"{_name(model)} inside of a model has a decision_function")
        numbers = {}
        for half in ("audio", "lyrics"):
            if half in self.song.columns:
                number = numbers[half] = self._numbers.setdefault(
                    (id(model), half), len(self._numbers)
                )
                encode = _HalfEncoder(
                    getattr(model, f"encode_{half}"), half, self.song.columns[half], number
                )
                self.encoders.append(Encoder(half, encode))
        kind = EncodedClassifier if hasattr(model, "classes_") else EncodedRegressor
        return kind(model, self.tables, numbers, self.song.columns)


class LookUp:
    """Stand-in for a branch of a ColumnTransformer, which looks up the branch's output.

    Parameters
    ----------
    transformer : transformer
        The fitted branch. It answers for all attributes but ``transform``, such as
        ``get_feature_names_out``.
    tables : dict of int to encoding
        Outputs of all branches, by their numbers.
    number : int
        Number of this branch.
    column : int or None
        Position, among the columns that the branch selects, of the one that holds row numbers of
        the output. None: row 0 for all songs.
    """

    def __init__(self, transformer: Any, tables: dict[int, Any], number: int, column: int | None):
        self.transformer = transformer
        self.tables = tables
        self.number = number
        self.column = column

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "transformer" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.transformer, name)

    def transform(self, X: Any, **params: Any) -> Any:
        """Look up the output of the branch.

        Parameters
        ----------
        X : column or DataFrame
            Columns that the branch selects, with row numbers of its output in place of audio or
            lyrics.
        **params : object
            Metadata routed to the branch. Ignored: the branch had them when the output was
            computed.

        Returns
        -------
        encoding
            The rows of the output, with the index of `X` if both are of pandas.
        """
        rows = np.zeros(len(X), dtype=np.intp) if self.column is None else rows_in(X, self.column)
        output = pick_rows(self.tables[self.number], rows)
        if isinstance(output, pd.DataFrame) and isinstance(X, (pd.DataFrame, pd.Series)):
            output.index = X.index
        return output


class EncodedEstimator:
    """Head of an estimator that has ``encode_audio``, ``encode_lyrics`` and ``predict_encoded``.

    Parameters
    ----------
    estimator : estimator
        The estimator. It answers for all attributes but those that score or transform songs.
    tables : dict of int to encoding
        Encodings of all branches, by their numbers.
    numbers : dict of str to int
        Numbers of the estimator's encodings of "audio" and "lyrics".
    columns : dict of str to int
        Positions of "audio" and "lyrics" in X.
    """

    def __init__(
        self,
        estimator: Any,
        tables: dict[int, Any],
        numbers: dict[str, int],
        columns: dict[str, int],
    ):
        self.estimator = estimator
        self.tables = tables
        self.numbers = numbers
        self.columns = columns

    def __getattr__(self, name: str) -> Any:
        inner = self.__dict__.get("estimator")
        if name.startswith("__") or inner is None:
            raise AttributeError(name)
        if name in RESPONSE_METHODS or name == "transform":
            raise AttributeError(f"{_name(inner)} offers no {name} of encodings")
        return getattr(inner, name)

    def __sklearn_tags__(self) -> Any:
        return self.estimator.__sklearn_tags__()

    def _score(self, X: Any) -> Any:
        halves = [
            pick_rows(self.tables[self.numbers[half]], rows_in(X, self.columns[half]))
            if half in self.numbers
            else None
            for half in ("audio", "lyrics")
        ]
        return self.estimator.predict_encoded(*halves)


class EncodedClassifier(EncodedEstimator):
    """Head of a classifier, whose ``predict_encoded`` returns probabilities."""

    def predict_proba(self, X: Any) -> Any:
        """Compute the probabilities of classes.

        Parameters
        ----------
        X : DataFrame or object array
            Songs, with row numbers of encodings in place of audio and lyrics.

        Returns
        -------
        array of shape (n_songs, n_classes)
            Output of ``predict_encoded``.
        """
        return self._score(X)


class EncodedRegressor(EncodedEstimator):
    """Head of an estimator without classes, whose ``predict_encoded`` returns predictions."""

    def predict(self, X: Any) -> Any:
        """Predict the outputs.

        Parameters
        ----------
        X : DataFrame or object array
            Songs, with row numbers of encodings in place of audio and lyrics.

        Returns
        -------
        array of shape (n_songs,) or (n_songs, n_outputs)
            Output of ``predict_encoded``.
        """
        return self._score(X)


def rows_in(X: Any, column: int) -> np.ndarray:
    """Read the row numbers of encodings that X holds in place of audio or lyrics.

    Parameters
    ----------
    X : column, object array or DataFrame
        Input of a look-up or a head.
    column : int
        Position of the column to read; a one-dimensional `X` is that column.

    Returns
    -------
    ndarray of shape (n_songs,), dtype int
        Row numbers.
    """
    if X.ndim == 2 if hasattr(X, "ndim") else hasattr(X, "columns"):
        X = X.iloc[:, column] if isinstance(X, pd.DataFrame) else X[:, column]
    return np.asarray(X).astype(np.intp)


class _Recorder:
    """Branch of a ColumnTransformer that stores its output and passes on a column of zeros.

    Parameters
    ----------
    transformer : transformer
        The fitted branch.
    number : int
        Number of the branch.
    name : str
        Name of the branch in errors.
    sparse : bool
        Whether the ColumnTransformer joins outputs in a sparse array. The output is then made
        sparse here, once, rather than for every combination of encodings.
    """

    def __init__(self, transformer: Any, number: int, name: str, sparse: bool):
        self.transformer = transformer
        self.number = number
        self.name = name
        self.sparse = sparse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "transformer" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.transformer, name)

    def transform(self, X: Any, **params: Any) -> np.ndarray:
        """Transform songs, store the output in ``self.output`` and return zeros."""
        output = self.transformer.transform(X, **params)
        self.output = own_encoding(output, self.name, len(X))
        is_matrix = isinstance(self.output, np.ndarray) and self.output.ndim == 2
        if self.sparse and is_matrix and self.output.dtype.kind in "biuf":
            self.output = scipy.sparse.csr_matrix(self.output)
        return np.zeros((len(X), 1))


class _BranchEncoder:
    """Encoder made of the branches of a ColumnTransformer that read one modality.

    Parameters
    ----------
    columns : ColumnTransformer
        The fitted transformer, whose copy selects the columns for the branches.
    recorders : list of (str, _Recorder, selection)
        The branches, as in ``transformers_``.
    """

    def __init__(self, columns: ColumnTransformer, recorders: list[tuple[str, _Recorder, Any]]):
        self._recorders = [recorder for _, recorder, _ in recorders]
        self._columns = _shallow_copy(
            columns, transformers_=recorders, n_jobs=None, sparse_output_=False,
            transformer_weights=None, _sklearn_output_config={"transform": "default"},
        )  # fmt: skip

    def __call__(self, songs: Any) -> dict[int, Any]:
        self._columns.transform(songs)
        return {recorder.number: recorder.__dict__.pop("output") for recorder in self._recorders}


class _HalfEncoder:
    """Encoder made of the method ``encode_audio`` or ``encode_lyrics`` of an estimator.

    Parameters
    ----------
    encode : callable
        The bound method.
    half : {"audio", "lyrics"}
        The modality that it encodes.
    column : int
        Position of the modality's column in X.
    number : int
        Number of the encoding.
    """

    def __init__(self, encode: Callable[[Any], Any], half: Half, column: int, number: int):
        self._encode, self._half, self._column, self._number = encode, half, column, number

    def __call__(self, songs: Any) -> dict[int, Any]:
        encoded = self._encode(pd.DataFrame(as_pandas(songs)).iloc[:, self._column])
        return {self._number: own_encoding(encoded, self._half, len(songs))}


def _kind(model: Any) -> type | None:
    """Return the class of :data:`CONTAINERS`, Pipeline or ColumnTransformer that a model is.

    Returns
    -------
    type or None
        None for models of other classes.

    Raises
    ------
    NotApartError
        A subclass, or the object itself, overrides an attribute that is used in scoring.
    """
    kinds = (Pipeline, ColumnTransformer, *CONTAINERS)
    kind = next((kind for kind in type(model).__mro__ if kind in kinds), None)
    if kind is None:
        return None
    # What scikit-learn's own subclasses, such as GridSearchCV, override is as intended.
    known = next(c for c in type(model).__mro__ if c.__module__.partition(".")[0] == "sklearn")
    inherited = {name for name in dir(known) if not _is_own_to_fitting(name)}
    for name in sorted(inherited):
        own = vars(model).get(name)
        if callable(own) or _static(type(model), name) is not _static(known, name):
            raise NotApartError(f"{_name(model)} overrides {name} of {known.__name__}")
    return kind


def _static(cls: type, name: str) -> Any:
    """Attribute of a class, as it stands in the class's ``__dict__``: no descriptor is called."""
    return next((vars(c)[name] for c in cls.__mro__ if name in vars(c)), None)


def _is_own_to_fitting(name: str) -> bool:
    is_request = name.startswith("set_") and name.endswith("_request")
    is_data = name.startswith("__") and name not in ("__getattr__", "__getattribute__")
    return name in OWN_TO_FITTING or is_request or is_data


def _is_identity(transformer: Any) -> bool:
    return isinstance(transformer, FunctionTransformer) and transformer.func is None


def _shallow_copy(model: Any, **changes: Any) -> Any:
    """Object of the same class that shares all attributes but `changes`."""
    copied = object.__new__(type(model))
    copied.__dict__.update(model.__dict__, **changes)
    return copied


def _name(model: Any) -> str:
    return type(model).__name__
