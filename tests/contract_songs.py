"""What scikit-learn's contract is checked on: songs told as numbers, short songs, small models."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_musiclime import (
    LateFusionClassifier,
    LyricsEmbedder,
    MusicLimeExplainer,
    TransformerFusionClassifier,
)
from sklearn_musiclime.datasets import make_songs, save_songs

# Numbers told as songs.


def songs_of(X: np.ndarray) -> np.ndarray:
    """A song a row: its samples are the row's numbers, its words the same when rounded."""
    songs = np.empty((len(X), 2), dtype=object)
    for row, values in enumerate(X):
        songs[row, 0] = values.astype(float)
        words = (f"x{column}is{value:.0f}" for column, value in enumerate(values))
        songs[row, 1] = " ".join(words).replace("-", "minus")
    return songs


def samples(column: Any) -> np.ndarray:
    """The waveforms of a column, a row each."""
    return np.stack([np.asarray(cell, dtype=float) for cell in column])


class OnNumbers:
    """Has an estimator of songs fit to numbers, which it checks as scikit-learn's own do."""

    def fit(self, X, y=None, **parameters):
        if hasattr(self, "predict"):
            numbers, y = validate_data(self, X, y)
        else:
            numbers = validate_data(self, X)
        super().fit(self._told(numbers), y, **parameters)
        validate_data(self, X, skip_check_array=True)  # columns of numbers, not of songs
        return self

    def _told(self, numbers):
        return songs_of(numbers)

    def _tell(self, X):
        check_is_fitted(self)
        told = self._told(validate_data(self, X, reset=False))
        if not isinstance(X, pd.DataFrame):
            return told
        if told.ndim == 1:
            return pd.Series(told, X.index)
        return pd.DataFrame(told, X.index, ["audio", "lyrics"])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.string = False
        tags.no_validation = False
        return tags


class Transforms(OnNumbers):
    def transform(self, X):
        return super().transform(self._tell(X))


class Classifies(OnNumbers):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y, sample_weight=sample_weight)

    def predict_proba(self, X):
        return super().predict_proba(self._tell(X))


class ExplainerOnNumbers(Transforms, MusicLimeExplainer):
    def score(self, X, y=None):
        return super().score(self._tell(X))


class LyricsEmbedderOnNumbers(Transforms, LyricsEmbedder):
    def _told(self, numbers):
        return songs_of(numbers)[:, 1]


class LateFusionOnNumbers(Classifies, LateFusionClassifier):
    pass


class TransformerFusionOnNumbers(Classifies, TransformerFusionClassifier):
    pass


# The estimators.


@cache
def models() -> Mapping[str, Path]:
    """Folders of transformers of next to no size."""
    import tiny_models
    from transformers.utils import logging

    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.disable_progress_bar()
    folder = Path(tempfile.mkdtemp(prefix="contract"))
    made = {name: folder / name for name in ("ast", "roberta")}
    for path in made.values():
        path.mkdir()
    tiny_models.ast(made["ast"], 16, 16, num_hidden_layers=1)
    tiny_models.roberta(made["roberta"])
    return made


@cache
def songs() -> tuple[pd.DataFrame, np.ndarray]:
    """A few short songs; a row is called by another name than its number."""
    X, y, _, _ = make_songs(8, duration=0.5, random_state=0)
    return X.set_axis(np.arange(8) * 10 + 3), y


@cache
def saved_stems() -> pd.DataFrame:
    """Songs as files, their stems beside them."""
    X, _, stems, _ = make_songs(2, duration=0.5, random_state=0)
    return save_songs(X, stems, tempfile.mkdtemp(prefix="contract"))


def loudness(X: Any) -> np.ndarray:
    """A model: how loud a song is, and how often it says "river", or has 0 among its words."""
    audio, lyrics = (X[:, 0], X[:, 1]) if isinstance(X, np.ndarray) else (X["audio"], X["lyrics"])
    cells = [np.asarray(cell["array"] if isinstance(cell, dict) else cell) for cell in audio]
    words = [text.count("river") + text.count("is0") for text in lyrics]
    return np.array([float(np.square(cell).mean()) for cell in cells]) + words


def letters(texts: list[str]) -> np.ndarray:
    """A text tower: how often ten letters are in a text."""
    return np.array([[text.count(letter) + 0.1 for letter in "aeioutnrsl"] for text in texts])


class Configured(TransformerMixin, BaseEstimator):
    """Can't do without a configuration that is not the default."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        assert sklearn.get_config()["assume_finite"]
        return np.array([[float(len(text))] for text in X])


def exact() -> LogisticRegression:
    return LogisticRegression(solver="newton-cholesky", tol=1e-10)


class Powers(TransformerMixin, BaseEstimator):
    """How loud each tenth of a song is."""

    def fit(self, X, y=None):
        self.n_parts_ = 10
        return self

    def transform(self, X):
        parts = (np.array_split(cell["array"], self.n_parts_) for cell in X)
        return np.log([[float(np.square(part).mean()) + 1e-9 for part in song] for song in parts])

    def get_feature_names_out(self, input_features=None):
        return np.array([f"part{i}" for i in range(self.n_parts_)], dtype=object)


class Halves:
    """A network that takes a mix apart by halves."""

    sources = ("one", "other")

    def __call__(self, mix):
        import torch

        return torch.stack([mix / 2, mix / 2], dim=1)


def hear(waveforms):
    """An encoder in torch: how loud songs are."""
    return waveforms.square().mean(dim=1, keepdim=True)


def read(texts):
    """An encoder in torch: how often texts say "river"."""
    import torch

    return torch.tensor([[float(text.count("river"))] for text in texts])


def judge(audio, lyrics):
    """A head in torch."""
    import torch

    return torch.cat([50 * audio, lyrics], dim=1)


@cache
def why_no_polars() -> str:
    """Why there is nothing to check of polars; nothing, if there is."""
    if not find_spec("polars"):
        return "polars is not installed"
    import polars

    try:
        ColumnTransformer([("a", "passthrough", ["a"])]).fit(polars.DataFrame({"a": [1.0]}))
    except ValueError:
        return f"scikit-learn {sklearn.__version__} does not take polars {polars.__version__}"
    return ""
