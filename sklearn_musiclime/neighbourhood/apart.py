"""Splitting a fitted model into the encoders of its modalities and a head.

The head is a shallow copy of the model, in which each encoder is replaced by a look-up of encodings
that were computed before. Joining the encodings, naming and converting their columns, and all later
steps are therefore done by scikit-learn's own code. Only scikit-learn's classes are copied, and
subclasses that override no method but those used in fitting; see
:mod:`~sklearn_musiclime.neighbourhood.containers`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime._runtime.polars import as_pandas
from sklearn_musiclime.neighbourhood.containers import (
    CONTAINERS,
    NotApartError,
    class_name,
    kind_of,
)
from sklearn_musiclime.neighbourhood.encodings import MODALITIES, Modality, own_encoding
from sklearn_musiclime.neighbourhood.look_up import (
    EncodedClassifier,
    EncodedEstimator,
    EncodedRegressor,
    LookUp,
)
from sklearn_musiclime.neighbourhood.versions import BothVersions
from sklearn_musiclime.songs import Song

PROTOCOL = ("encode_audio", "encode_lyrics", "predict_encoded")
"""Methods of an estimator that is a factored model by itself."""
BESIDE = "encode_columns"
"""A further method of one whose head reads more columns than audio and lyrics."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """A part of a model that encodes one modality.

    Attributes
    ----------
    modality : {"audio", "lyrics"} or None
        The modality that it reads. None: it reads neither, so that its encoding is the same for all
        perturbed songs.
    encode : callable
        Takes songs in the container of X and returns a dict of the encoding of each branch, by the
        branch's number.
    is_cheap : bool, default=False
        Whether thousands of songs take about a second. True of branches of scikit-learn's
        transformers, of those with an attribute ``is_cheap`` that is True, and of the modalities in
        the attribute ``cheap_modalities`` of an estimator with ``encode_audio`` and the like.
    """

    modality: Modality | None
    encode: Callable[[Any], dict[int, Any]]
    is_cheap: bool = False


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
        of_versions = isinstance(model, BothVersions)
        self._wholes = (model.old, model.new) if of_versions else (model,)
        self._identify = _content if of_versions else id
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
        if isinstance(model, BothVersions):
            return model.with_models(self.copy(model.old), self.copy(model.new))
        if all(hasattr(model, name) for name in PROTOCOL):
            return self._protocol(model)
        kind = kind_of(model)
        if kind is None:
            raise NotApartError(f"{class_name(model)} reads whole songs")
        if kind is Pipeline:
            return self._pipeline(model)
        if kind is ColumnTransformer:
            return self._columns(model)
        if vars(model).get("passthrough"):
            raise NotApartError(f"{class_name(model)}(passthrough=True) hands whole songs on")
        place = CONTAINERS[kind]
        if not hasattr(model, place):
            raise NotApartError(f"{class_name(model)} has no {place}")
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
            modality: template.columns[at] if by_name else at for modality, at in self._places()
        }
        looking_up = []
        new: dict[Modality | None, list[tuple[str, _Recorder, Any]]] = {
            modality: [] for modality in (*MODALITIES, None)
        }
        for name, transformer, selection in columns.transformers_:
            indices = list(columns._transformer_to_input_indices.get(name, ()))
            if isinstance(transformer, str) or not indices:  # has no output in the original either
                looking_up.append((name, transformer, selection))
                continue
            read = list(columns.feature_names_in_[indices]) if by_name else indices
            modalities = [modality for modality, place in places.items() if place in read]
            modality = modalities[0] if modalities else None
            if len(modalities) > 1:
                raise NotApartError(f"branch {name!r} reads audio and lyrics")
            if modality == "audio" and _is_identity(transformer):
                raise NotApartError(f"branch {name!r} hands the audio on")
            key = (self._identify(transformer), tuple(read), np.ndim(selection), by_name)
            if key not in self._numbers:
                self._numbers[key] = len(self._numbers)
                recorder = _Recorder(transformer, self._numbers[key], name, columns.sparse_output_)
                new[modality].append((name, recorder, selection))
            number = self._numbers[key]
            at = None if modality is None else read.index(places[modality])
            look_up = LookUp(transformer, self.tables, number, at)
            looking_up.append((name, look_up, selection))
        for modality, recorders in new.items():
            if recorders:
                are_cheap = all(is_cheap(recorder.transformer) for _, recorder, _ in recorders)
                encoder = _BranchEncoder(columns, recorders)
                self.encoders.append(Encoder(modality, encoder, are_cheap))
        return _shallow_copy(columns, transformers_=looking_up, n_jobs=None)

    def _places(self) -> list[tuple[Modality, int]]:
        """The modalities that X has, and the positions of their columns."""
        columns = self.song.columns
        return [(modality, columns[modality]) for modality in MODALITIES if modality in columns]

    def _protocol(self, model: Any) -> EncodedEstimator:
        """Add the encoders of an estimator with ``encode_audio`` and the like, return its head."""
        is_whole = any(model is whole for whole in self._wholes)
        if not is_whole and hasattr(model, "decision_function"):
            # A meta-estimator around it may call decision_function, while predict_encoded stands
            # for a single method.
            raise NotApartError(f"{class_name(model)} inside of a model has a decision_function")
        numbers: dict[Modality | None, int] = {}
        places: list[tuple[Modality | None, int | None]] = [*self._places()]
        if hasattr(model, BESIDE):
            places.append((None, None))
        for modality, at in places:
            number = self._numbers.setdefault((id(model), modality), len(self._numbers))
            numbers[modality] = number
            name = BESIDE if modality is None else f"encode_{modality}"
            encode = _MethodEncoder(getattr(model, name), modality or "columns", at, number)
            are_cheap = modality in getattr(model, "cheap_modalities", ())
            self.encoders.append(Encoder(modality, encode, are_cheap))
        kind = EncodedClassifier if hasattr(model, "classes_") else EncodedRegressor
        return kind(model, self.tables, numbers, self.song.columns)


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


class _MethodEncoder:
    """Encoder made of a method ``encode_audio`` and the like of an estimator.

    Parameters
    ----------
    encode : callable
        The bound method.
    name : str
        What it encodes, for errors.
    column : int or None
        Position in X of the column that it gets. None: it gets X.
    number : int
        Number of the encoding.
    """

    def __init__(self, encode: Callable[[Any], Any], name: str, column: int | None, number: int):
        self._encode, self._name, self._column, self._number = encode, name, column, number

    def __call__(self, songs: Any) -> dict[int, Any]:
        given = songs
        if self._column is not None:
            given = pd.DataFrame(as_pandas(songs)).iloc[:, self._column]
        return {self._number: own_encoding(self._encode(given), self._name, len(songs))}


def is_cheap(transformer: Any) -> bool:
    """Return whether a branch takes about a second for thousands of songs, as far as is known.

    Parameters
    ----------
    transformer : transformer or str
        The branch.

    Returns
    -------
    bool
    """
    if isinstance(transformer, (Pipeline, FeatureUnion)):
        members = getattr(transformer, "steps", None) or transformer.transformer_list
        return all(is_cheap(member) for _, member in members)
    if transformer is None or isinstance(transformer, str):  # "passthrough", "drop"
        return True
    if hasattr(transformer, "is_cheap"):
        return bool(transformer.is_cheap)
    is_known = type(transformer).__module__.startswith("sklearn.")
    return is_known and not isinstance(transformer, FunctionTransformer)


def _content(transformer: Any) -> Hashable:
    """What is equal for equal transformers: branches that two versions of a model share."""
    try:
        return fingerprint(transformer)
    except ValueError:  # it can't be hashed
        return id(transformer)


def _is_identity(transformer: Any) -> bool:
    return isinstance(transformer, FunctionTransformer) and transformer.func is None


def _shallow_copy(model: Any, **changes: Any) -> Any:
    """Object of the same class that shares all attributes but `changes`."""
    copied = object.__new__(type(model))
    copied.__dict__.update(model.__dict__, **changes)
    return copied
