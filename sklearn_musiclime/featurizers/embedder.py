"""Base classes of the embedders of audio and of texts."""

from __future__ import annotations

from abc import abstractmethod
from os import PathLike
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime.featurizers.columns import lyrics_cells
from sklearn_musiclime.featurizers.texts import LONG


class Embedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base class of transformers that return the embeddings of a torch model.

    Subclasses have the parameters `model` (a name, a folder or an instance), `long`, `batch_size`
    and `device`, and ``fit`` sets ``n_dimensions_`` and ``model_digest_``.
    """

    model: Any
    long: str
    batch_size: int
    device: str | None
    n_dimensions_: int
    model_digest_: str

    @staticmethod
    @abstractmethod
    def _load_named(name: str, device: str) -> tuple[Any, str]:
        """Return the model of a name or folder and the hash of its weights, cached per process."""

    def _check_parameters(self) -> None:
        if self.long not in LONG:
            raise ValueError(f"long must be one of {LONG}, got {self.long!r}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")

    def _load(self) -> tuple[Any, str]:
        """Return the model, on its device and in evaluation mode, and the hash of its weights."""
        if isinstance(self.model, (str, PathLike)):
            return self._load_named(str(self.model), str(_torch.pick_device(self.device)))
        model = self.model if self.device is None else self.model.to(self.device)
        return model.eval(), getattr(self, "model_digest_", None) or _torch.weights_digest(model)

    def _load_fitted(self) -> Any:
        """Return the model; ValueError if its weights are not those of the fit."""
        model, digest = self._load()
        if digest != self.model_digest_:
            raise ValueError(f"the model {str(self.model)!r} has other weights than at the fit")
        return model

    @property
    def _n_features_out(self) -> int:
        return self.n_dimensions_


class TextEmbedder(Embedder):
    """Base class of embedders of texts, which read a column of lyrics or of queries."""

    def transform(self, X: Any) -> np.ndarray:
        """Embed texts.

        Parameters
        ----------
        X : column of n_songs texts
            A Series, list or array of str, or a DataFrame or array with one column.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float32

        Raises
        ------
        InvalidSongError
            A cell is not a text; the message names its row.
        ValueError
            The named model has other weights than at the fit.
        RuntimeError
            A single text does not fit into memory.

        Warns
        -----
        UserWarning
            Texts were truncated.
        """
        check_is_fitted(self)
        texts = lyrics_cells(X)
        model = self._load_fitted()
        if not texts:
            return np.empty((0, self.n_dimensions_), dtype=np.float32)
        return self._embed(model, texts)

    @abstractmethod
    def _embed(self, model: Any, texts: list[str]) -> np.ndarray:
        """Return the embeddings of at least one text, of dtype float32."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags
