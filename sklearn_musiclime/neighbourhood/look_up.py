"""Parts of a model that look encodings up in place of computing them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_musiclime.neighbourhood.containers import class_name
from sklearn_musiclime.neighbourhood.encodings import MODALITIES, Modality, pick_rows
from sklearn_musiclime.neighbourhood.methods import RESPONSE_METHODS


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
    numbers : dict of str or None to int
        Numbers of the estimator's encodings of "audio" and "lyrics", and of None: that of further
        columns, which has one row for all songs.
    columns : dict of str to int
        Positions of "audio" and "lyrics" in X.
    """

    def __init__(
        self,
        estimator: Any,
        tables: dict[int, Any],
        numbers: dict[Modality | None, int],
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
            raise AttributeError(f"{class_name(inner)} offers no {name} of encodings")
        return getattr(inner, name)

    def __sklearn_tags__(self) -> Any:
        return self.estimator.__sklearn_tags__()

    def _score(self, X: Any) -> Any:
        encoded = [
            pick_rows(self.tables[self.numbers[modality]], rows_in(X, self.columns[modality]))
            if modality in self.numbers
            else None
            for modality in MODALITIES
        ]
        if None in self.numbers:
            beside = self.tables[self.numbers[None]]
            encoded.append(pick_rows(beside, np.zeros(len(X), dtype=np.intp)))
        return self.estimator.predict_encoded(*encoded)


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
