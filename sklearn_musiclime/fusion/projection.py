"""The additive projection of a model of both modalities: what is left of it without interactions.

EMAP (Hessel and Lee 2020) replaces the score of a song by the mean score of its audio with the
lyrics of all songs, plus the mean score of its lyrics with the audio of all songs, minus the mean
over all combinations. No function that adds something of the audio and something of the lyrics is
nearer to the model. If it is as accurate as the model, then the model does not profit from
interactions of the two modalities, whatever it computes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from sklearn_musiclime._runtime.polars import as_pandas
from sklearn_musiclime.neighbourhood import NotApartError, ScoreFunction, is_same_answer
from sklearn_musiclime.neighbourhood.apart import take_apart
from sklearn_musiclime.songs import Song

N_AT_ONCE = 4096
"""Combinations that the head scores at a time."""
N_COMPOSED = 256
"""Songs that a black box scores at a time."""
NEAREST = 1e-9
"""Probabilities count as at least this."""

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Scores of the audio of some songs with the lyrics of others, by their positions."""


def additive_projection(
    model: BaseEstimator,
    X: Any,
    *,
    audio_column: str | int = "audio",
    lyrics_column: str | int = "lyrics",
    n_partners: int = 100,
    random_state: int = 0,
) -> np.ndarray:
    """Compute the additive projection of a model's scores (EMAP).

    Of a factored model, each audio and each lyrics is encoded once, and the head scores the
    combinations. A black box scores the combinations as songs: ``2 * n_songs * n_partners`` of
    them, or ``n_songs ** 2`` of up to `n_partners` songs. Columns other than the lyrics are those
    of the song of the audio.

    Parameters
    ----------
    model : estimator
        The fitted model.
    X : DataFrame or object array of shape (n_songs, 2) or more
        The songs.
    audio_column, lyrics_column : str or int, default="audio", "lyrics"
        Their names or positions. In an array names stand for the first two columns.
    n_partners : int, default=100
        Largest number of songs over which a black box's means are taken. If there are more songs,
        as many are drawn, and a warning says so. Means of a factored model are over all songs.
    random_state : int, default=0
        Seed of this draw.

    Returns
    -------
    ndarray of shape (n_songs, n_labels)
        The projection: of decision functions and of what regressors predict as they are; of
        probabilities, of their logarithms (at least those of 1e-9), since a model that adds
        evidence of both modalities adds it there.

    References
    ----------
    Hessel, Lee, "Does my multimodal model learn cross-modal interactions? It's harder to tell than
    you might think!", EMNLP 2020.

    Examples
    --------
    A product of the two modalities is no sum of them:

    >>> import numpy as np
    >>> from sklearn_musiclime.fusion import additive_projection
    >>> class Product:
    ...     def predict(self, X):
    ...         return np.array([audio[0] * len(lyrics) for audio, lyrics in X])
    >>> X = np.empty((2, 2), dtype=object)
    >>> X[:] = [[np.zeros(9), "la"], [np.ones(9), "lala"]]
    >>> Product().predict(X), additive_projection(Product(), X).ravel()
    (array([0., 4.]), array([-0.5,  3.5]))
    """
    X = as_pandas(X)
    score, n_songs = ScoreFunction(model), len(X)
    places = [_place(X, audio_column, 0), _place(X, lyrics_column, 1)]
    of_pairs = _factored(score, X, places)
    partners = np.arange(n_songs)
    if of_pairs is None:
        of_pairs = _black_box(score, X, places)
        if n_songs > n_partners:
            partners = np.random.default_rng(random_state).permutation(n_songs)[:n_partners]
            warnings.warn(
                f"the additive projection of {n_songs} songs by a black box takes means over "
                f"{n_partners} of them, drawn with random_state={random_state}; n_partners= says "
                "how many",
                UserWarning,
            )
    every = np.arange(n_songs)
    rows = _means(of_pairs, every, partners)  # of each audio with the lyrics of partners
    columns = _means(lambda lyrics, audio: of_pairs(audio, lyrics), every, partners)
    return rows + columns - rows[partners].mean(axis=0)


class AdditiveProjection(ClassifierMixin, BaseEstimator):
    """A fitted classifier's additive projection as a classifier, for scorers.

    Parameters
    ----------
    model : classifier
        The fitted model.
    parameters : dict
        Keyword arguments of :func:`additive_projection`.
    """

    _known: tuple[Any, np.ndarray] | None = None

    def __init__(self, model: Any, parameters: dict[str, Any]):
        self.model = model
        self.parameters = parameters

    @property
    def classes_(self) -> np.ndarray:
        """The classes of the model."""
        return np.asarray(self.model.classes_)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the projected scores; of two classes, those of the second less the first."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the softmax of the projected scores."""
        return softmax(self._scores(X), axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of the highest projected score."""
        return self.classes_[self._scores(X).argmax(axis=1)]

    def _scores(self, X: Any) -> np.ndarray:
        """The projection, which the scorers of a fold ask for one after the other."""
        if self._known is None or self._known[0] is not X:
            scores = additive_projection(self.model, X, **self.parameters)
            if scores.shape[1] != len(self.classes_):
                raise ValueError(
                    f"the model has {len(self.classes_)} classes and scores {scores.shape[1]} "
                    "columns, so its additive projection says no class"
                )
            self._known = X, scores
        return self._known[1]


def _means(score: Score, own: np.ndarray, partners: np.ndarray) -> np.ndarray:
    """Mean score of each song's part with the other part of partners, (n_songs, n_labels)."""
    n_rows = max(N_AT_ONCE // len(partners), 1)
    means = []
    for start in range(0, len(own), n_rows):
        some = own[start : start + n_rows]
        scores = score(some.repeat(len(partners)), np.tile(partners, len(some)))
        means.append(scores.reshape(len(some), len(partners), -1).mean(axis=1))
    return np.concatenate(means)


def _place(X: Any, column: str | int, default: int) -> int:
    """Position of a column."""
    if isinstance(X, pd.DataFrame) and not isinstance(column, int):
        return X.columns.get_loc(column)
    return column if isinstance(column, int) else default


def _transformed(score: ScoreFunction, songs: Any, n_songs: int, method: str | None) -> np.ndarray:
    scores = score(songs)
    if len(scores) != n_songs:
        raise ValueError(f"the model scored {len(scores)} of {n_songs} songs")
    return np.log(np.maximum(scores, NEAREST)) if method == "predict_proba" else scores


def _black_box(score: ScoreFunction, X: Any, places: list[int]) -> Score:
    """Score combinations as songs."""

    def of_pairs(audio: np.ndarray, lyrics: np.ndarray) -> np.ndarray:
        found = []
        for start in range(0, len(audio), N_COMPOSED):
            some = slice(start, start + N_COMPOSED)
            songs = _combined(X, places[1], audio[some], _cells(X, places[1])[lyrics[some]])
            found.append(_transformed(score, songs, len(audio[some]), score.method))
        return np.concatenate(found)

    return of_pairs


def _factored(score: ScoreFunction, X: Any, places: list[int]) -> Score | None:
    """Score combinations by the parts of a model; None if it has none, or they score otherwise."""
    template = X.iloc[[0]] if isinstance(X, pd.DataFrame) else X[:1]
    columns = dict(zip(("audio", "lyrics"), places, strict=True))
    song = Song(0, 0, None, None, 0, None, None, None, template, columns, "array")
    try:
        apart = take_apart(score.model, song)
    except NotApartError:
        return None
    if any(encoder.modality is None for encoder in apart.encoders):
        return None  # further columns, whose look-ups know one row alone
    head = ScoreFunction(apart.head)
    encoded: dict[int, Any] = {}
    for encoder in apart.encoders:
        encoded |= encoder.encode(X)

    def of_pairs(audio: np.ndarray, lyrics: np.ndarray) -> np.ndarray:
        songs = _combined(X, places[1], audio, lyrics)
        songs = _combined(songs, places[0], np.arange(len(audio)), audio)
        apart.tables.update(encoded)
        try:
            return _transformed(head, songs, len(audio), score.method)
        finally:
            apart.tables.clear()

    few = np.arange(min(len(X), 3))
    parts, whole = of_pairs(few, few), _black_box(score, X, places)(few, few)
    among = of_pairs(few.repeat(len(few)), np.tile(few, len(few)))
    return of_pairs if is_same_answer(parts[-1], whole[-1], among) else None


def _cells(X: Any, at: int) -> np.ndarray:
    return X.iloc[:, at].to_numpy() if isinstance(X, pd.DataFrame) else X[:, at]


def _combined(X: Any, at: int, rows: np.ndarray, cells: np.ndarray) -> Any:
    """Rows of X with other cells in a column."""
    if isinstance(X, pd.DataFrame):
        songs = X.iloc[rows].copy()
        songs.isetitem(at, cells)
        return songs
    songs = X[rows]
    songs[:, at] = cells
    return songs
