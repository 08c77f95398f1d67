"""Taking a fitted model apart: what encodes audio, what encodes lyrics, and a copy with look-ups.

The copy shares everything with the model, but where the model encodes a modality the copy looks up
the rows of encodings that are there already. So scikit-learn's own code joins them, names and
converts their columns, and all later steps run as they are. Copied are exact scikit-learn classes,
and subclasses that override nothing but their fitting; see :data:`CONTAINERS`.
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
"""What an estimator offers that is a factored model by itself."""
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
"""Estimators that hand songs on to fitted ones as they get them, and where these are."""
OWN_TO_FITTING = {
    "fit", "fit_transform", "fit_predict", "partial_fit", "get_params", "set_params", "score",
    "_parameter_constraints", "_required_parameters", "_run_search", "_doc_link_module",
    "_doc_link_template", "_repr_html_", "_repr_mimebundle_", "_abc_impl",
    "_sklearn_auto_wrap_output_keys",
}  # fmt: skip
"""What a subclass may override: none of it is used where songs are scored."""


class NotApartError(ValueError):
    """A model, or what one of its steps does, that can't be taken apart; the message says why."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """A part of a model that encodes one modality.

    Attributes
    ----------
    half : {"audio", "lyrics"} or None
        What it reads; None if neither, so that it is the same for all perturbed songs.
    encode : callable
        Takes songs in the container of X and returns encodings, those of each branch by its number.
    """

    half: Half | None
    encode: Callable[[Any], dict[int, Any]]


@dataclass(frozen=True, eq=False)
class Apart:
    """A model taken apart.

    Attributes
    ----------
    head : estimator
        The copy of the model. In the cells of audio and lyrics it takes the rows of their
        encodings, and looks these up in `tables`.
    encoders : list of Encoder
        Each fitted branch once.
    tables : dict of int to encoding
        What `head` looks up: the encodings of the branches by their numbers.
    """

    head: Any
    encoders: list[Encoder]
    tables: dict[int, Any]


def take_apart(model: Any, song: Song) -> Apart:
    """Find the encoders of a model, and make the copy that looks their encodings up.

    Parameters
    ----------
    model : estimator
        The fitted model. It is left as it is.
    song : Song
        A song, for the columns of X.

    Returns
    -------
    Apart

    Raises
    ------
    NotApartError
        Something in the model reads whole songs, or may.
    """
    taking = _Taking(model, song)
    head = taking.copy(model)
    return Apart(head, taking.encoders, taking.tables)


class _Taking:
    """The encoders that were found so far, while a model is copied.

    Parameters
    ----------
    model : estimator
        The whole model.
    song : Song
        A song, for the columns of X.
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
        """Copy a part of the model that gets whole songs, once where it comes twice."""
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
            changes["n_jobs"] = None  # looking up is too little work to be sent anywhere
        return _shallow_copy(model, **changes)

    def _members(self, members: Any) -> Any:
        """Copy what a container holds: an estimator, a list of them, or of pairs with names."""
        if isinstance(members, list):
            return [self._members(member) for member in members]
        if isinstance(members, tuple):
            name, member = members
            return name, member if member == "drop" else self.copy(member)
        return members if members == "drop" else self.copy(members)

    def _pipeline(self, model: Pipeline) -> Pipeline:
        steps = list(model.steps)
        for i, (name, step) in enumerate(steps):
            if step is not None and step != "passthrough":
                steps[i] = (name, self.copy(step))
                return _shallow_copy(model, steps=steps)
        raise NotApartError("the pipeline hands whole songs on")

    def _columns(self, columns: ColumnTransformer) -> ColumnTransformer:
        """Copy a ColumnTransformer with look-ups as its branches, and make its encoders."""
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
            if isinstance(transformer, str) or not indices:  # which the original leaves out, too
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
        if model is not self.model and hasattr(model, "decision_function"):
            # What is around it may ask for that, and predict_encoded answers for one method alone.
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
    """A branch of a ColumnTransformer that looks its output up.

    Parameters
    ----------
    transformer : transformer
        The fitted branch that it stands for. Names of features are asked of it.
    tables : dict of int to encoding
        The outputs of all branches.
    number : int
        Which of them is this one's.
    column : int or None
        Which of the selected columns holds the rows of the output. None: row 0 for all songs.
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
        """Look up the rows that a column names.

        Parameters
        ----------
        X : column, or columns
            What the branch reads, with rows of encodings in place of audio or lyrics.
        **params : object
            Those of the branch, which its output already depends on.

        Returns
        -------
        encoding
            With the index of `X`, if both are DataFrames.
        """
        rows = np.zeros(len(X), dtype=np.intp) if self.column is None else rows_in(X, self.column)
        output = pick_rows(self.tables[self.number], rows)
        if isinstance(output, pd.DataFrame) and isinstance(X, (pd.DataFrame, pd.Series)):
            output.index = X.index
        return output


class EncodedEstimator:
    """An estimator with the protocol of a factored model, which looks its encodings up.

    Parameters
    ----------
    estimator : estimator
        Has ``predict_encoded``. What it is asked for besides is what it answers.
    tables : dict of int to encoding
        The encodings of all branches.
    numbers : dict of str to int
        Which of them are its audio and its lyrics.
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
    """A classifier with the protocol: ``predict_encoded`` gives its probabilities."""

    def predict_proba(self, X: Any) -> Any:
        """Score songs.

        Parameters
        ----------
        X : DataFrame or object array
            Songs, with rows of encodings in place of audio and lyrics.

        Returns
        -------
        array of shape (n_songs, n_classes)
        """
        return self._score(X)


class EncodedRegressor(EncodedEstimator):
    """An estimator without classes that has the protocol: ``predict_encoded`` predicts."""

    def predict(self, X: Any) -> Any:
        """Score songs.

        Parameters
        ----------
        X : DataFrame or object array
            Songs, with rows of encodings in place of audio and lyrics.

        Returns
        -------
        array of shape (n_songs,) or (n_songs, n_outputs)
        """
        return self._score(X)


def rows_in(X: Any, column: int) -> np.ndarray:
    """Read the rows of encodings that a column of X holds in place of audio or lyrics.

    Parameters
    ----------
    X : column, array of objects or DataFrame
        What a branch or an estimator gets.
    column : int
        Which column, if there are several.

    Returns
    -------
    ndarray of shape (n_songs,), dtype int
    """
    if X.ndim == 2 if hasattr(X, "ndim") else hasattr(X, "columns"):
        X = X.iloc[:, column] if isinstance(X, pd.DataFrame) else X[:, column]
    return np.asarray(X).astype(np.intp)


class _Recorder:
    """A branch of a ColumnTransformer that keeps what it puts out.

    Parameters
    ----------
    transformer : transformer
        The branch.
    number : int
        Of its output.
    name : str
        What errors call it.
    sparse : bool
        Whether its output becomes part of a sparse array: then it is made one here, once, and not
        with every combination.
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
        output = self.transformer.transform(X, **params)
        self.output = own_encoding(output, self.name, len(X))
        is_matrix = isinstance(self.output, np.ndarray) and self.output.ndim == 2
        if self.sparse and is_matrix and self.output.dtype.kind in "biuf":
            self.output = scipy.sparse.csr_matrix(self.output)
        return np.zeros((len(X), 1))


class _BranchEncoder:
    """The branches of a ColumnTransformer that read one modality, which it selects columns for.

    Parameters
    ----------
    columns : ColumnTransformer
        Fitted.
    recorders : list of (str, _Recorder, selection)
        The branches.
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
    """A method that encodes one modality.

    Parameters
    ----------
    encode : callable
        The method.
    half : {"audio", "lyrics"}
        What it encodes.
    column : int
        Position of that in X.
    number : int
        Of the encodings.
    """

    def __init__(self, encode: Callable[[Any], Any], half: Half, column: int, number: int):
        self._encode, self._half, self._column, self._number = encode, half, column, number

    def __call__(self, songs: Any) -> dict[int, Any]:
        encoded = self._encode(pd.DataFrame(as_pandas(songs)).iloc[:, self._column])
        return {self._number: own_encoding(encoded, self._half, len(songs))}


def _kind(model: Any) -> type | None:
    """The class that a model is copied as; None of a class that is none of these.

    Raises
    ------
    NotApartError
        A subclass, or the object itself, overrides something that is used.
    """
    kinds = (Pipeline, ColumnTransformer, *CONTAINERS)
    kind = next((kind for kind in type(model).__mro__ if kind in kinds), None)
    if kind is None:
        return None
    # scikit-learn's own subclasses, such as GridSearchCV, are meant.
    known = next(c for c in type(model).__mro__ if c.__module__.partition(".")[0] == "sklearn")
    inherited = {name for name in dir(known) if not _is_own_to_fitting(name)}
    for name in sorted(inherited):
        own = vars(model).get(name)
        if callable(own) or _static(type(model), name) is not _static(known, name):
            raise NotApartError(f"{_name(model)} overrides {name} of {known.__name__}")
    return kind


def _static(cls: type, name: str) -> Any:
    """What a class has under a name, without calling a descriptor."""
    return next((vars(c)[name] for c in cls.__mro__ if name in vars(c)), None)


def _is_own_to_fitting(name: str) -> bool:
    is_request = name.startswith("set_") and name.endswith("_request")
    is_data = name.startswith("__") and name not in ("__getattr__", "__getattribute__")
    return name in OWN_TO_FITTING or is_request or is_data


def _is_identity(transformer: Any) -> bool:
    return isinstance(transformer, FunctionTransformer) and transformer.func is None


def _shallow_copy(model: Any, **changes: Any) -> Any:
    """An object of the same class that shares all attributes but some."""
    copied = object.__new__(type(model))
    copied.__dict__.update(model.__dict__, **changes)
    return copied


def _name(model: Any) -> str:
    return type(model).__name__
