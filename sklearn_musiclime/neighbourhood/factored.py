"""Factored models: one branch a modality and a head on top.

Most multimodal models encode audio and lyrics on their own and join the two late. Of such a model a
neighbourhood needs each distinct half once: n audio masks and m lyric masks are n + m encodings,
although the head scores up to n x m combinations. Two kinds are recognised: estimators that offer
``encode_audio(column)``, ``encode_lyrics(column)`` and ``predict_encoded(audio, lyrics)``, and
scikit-learn pipelines that start with a :class:`~sklearn.compose.ColumnTransformer` none of whose
branches reads both columns. Everything else is a black box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_musiclime.batches import in_batches
from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.neighbourhood.designs import Neighbourhood
from sklearn_musiclime.neighbourhood.masks import distinct_rows
from sklearn_musiclime.neighbourhood.models import (
    ScoreFunction,
    as_array,
    check_n_labels,
    is_same_answer,
)
from sklearn_musiclime.neighbourhood.perturbed import (
    AudioNeighbourhood,
    PerturbedAudio,
    PerturbedLyrics,
)
from sklearn_musiclime.neighbourhood.scoring import by_length
from sklearn_musiclime.songs import Song

Half = Literal["audio", "lyrics"]
TABLE_BATCH = 2048
"""Audio halves that are encoded at a time where they are not composed."""
HEAD_BYTES = 2**26
"""Encoded songs that the head scores at a time: 64 MiB."""


@dataclass(frozen=True)
class Branch:
    """A branch of a ColumnTransformer.

    Attributes
    ----------
    name : str
        Its name.
    transform : callable
        The fitted transformer's method.
    columns : object
        What it selects, as the ColumnTransformer has it.
    weight : float
        What its output is multiplied by.
    half : {"audio", "lyrics"} or None
        What it reads; None if neither, so that it is the same for all perturbed songs.
    """

    name: str
    transform: Callable[[Any], Any]
    columns: Any
    weight: float
    half: Half | None


class FactoredPipeline:
    """A pipeline that starts with a ColumnTransformer, taken apart.

    Parameters
    ----------
    columns : ColumnTransformer
        The fitted first step.
    head : Pipeline
        The rest.
    branches : list of Branch
        The branches of the first step, in its order.
    """

    def __init__(self, columns: ColumnTransformer, head: Pipeline, branches: list[Branch]):
        self.columns = columns
        self.head = ScoreFunction(head)
        self.branches = branches

    def encode(self, frame: pd.DataFrame, half: Half | None) -> dict[str, Any]:
        """Transform songs by the branches of a half.

        Parameters
        ----------
        frame : DataFrame
            Songs with the columns of X.
        half : {"audio", "lyrics"} or None
            Which branches.

        Returns
        -------
        dict of str to array or sparse array of len(frame) rows
            The output of each branch.
        """
        encoded = {}
        for branch in self.branches:
            if branch.half == half:
                output = branch.transform(_select(frame, branch.columns))
                if not scipy.sparse.issparse(output):  # a frame, where that is what steps put out
                    output = np.asarray(output)
                output = output if branch.weight == 1 else output * branch.weight
                if self.columns.sparse_output_:  # here once, or else with every combination
                    output = scipy.sparse.csr_array(output)
                encoded[branch.name] = output
        return encoded

    def predict(self, encoded: dict[str, Any]) -> np.ndarray:
        """Score songs whose branches have been transformed.

        Parameters
        ----------
        encoded : dict of str to array or sparse array
            The output of every branch.

        Returns
        -------
        ndarray of shape (n_songs, n_labels)
        """
        blocks = [encoded[branch.name] for branch in self.branches]
        if self.columns.sparse_output_:
            return self.head(scipy.sparse.hstack(blocks, format="csr"))
        features = np.hstack([b.toarray() if scipy.sparse.issparse(b) else b for b in blocks])
        names = getattr(self.head.model, "feature_names_in_", None)
        return self.head(features if names is None else pd.DataFrame(features, columns=names))


class FactoredEstimator:
    """An estimator that offers its halves.

    Parameters
    ----------
    model : estimator
        Has ``encode_audio``, ``encode_lyrics`` and ``predict_encoded``.
    columns : dict of str to int
        Positions of "audio" and "lyrics" in X.
    """

    def __init__(self, model: Any, columns: dict[str, int]):
        self.columns = columns
        self.encoders = {"audio": model.encode_audio, "lyrics": model.encode_lyrics}
        self.head = ScoreFunction(_Head(model))

    def encode(self, frame: pd.DataFrame, half: Half | None) -> dict[str, Any]:
        """Encode a half of songs, see :meth:`FactoredPipeline.encode`.

        Parameters
        ----------
        frame : DataFrame
            Songs with the columns of X.
        half : {"audio", "lyrics"} or None
            Which half.

        Returns
        -------
        dict of str to array
            Nothing where no half is asked for.
        """
        if half is None or half not in self.columns:
            return {}
        return {half: self.encoders[half](frame.iloc[:, self.columns[half]])}

    def predict(self, encoded: dict[str, Any]) -> np.ndarray:
        """Score songs whose halves have been encoded, see :meth:`FactoredPipeline.predict`.

        Parameters
        ----------
        encoded : dict of str to array
            The halves; the model's head gets None for one that X has no column of.

        Returns
        -------
        ndarray of shape (n_songs, n_labels)
        """
        return self.head(_Halves(encoded.get("audio"), encoded.get("lyrics")))


@dataclass(frozen=True)
class _Halves:
    audio: Any
    lyrics: Any

    def __len__(self) -> int:
        return (self.lyrics if self.audio is None else self.audio).shape[0]


class _Head:
    """``predict_encoded`` as the method that a classifier, or a regressor, is scored by."""

    def __init__(self, model: Any):
        def score(halves: _Halves) -> Any:
            return model.predict_encoded(halves.audio, halves.lyrics)

        if hasattr(model, "classes_"):
            self.classes_, self.predict_proba = model.classes_, score
        else:
            self.predict = score


FactoredModel = FactoredPipeline | FactoredEstimator


def find_factored(model: Any, song: Song) -> FactoredModel | None:
    """Find out whether a model has one branch a modality.

    Parameters
    ----------
    model : estimator or callable
        The fitted model, frozen or not.
    song : Song
        A song, for the columns of X.

    Returns
    -------
    FactoredPipeline, FactoredEstimator or None
        None: a black box.
    """
    model = _thawed(model)
    if all(hasattr(model, m) for m in ("encode_audio", "encode_lyrics", "predict_encoded")):
        return FactoredEstimator(model, song.columns)
    if isinstance(model, Pipeline) and len(model.steps) > 1:
        first = _thawed(model.steps[0][1])
        if isinstance(first, ColumnTransformer):
            branches = _branches(first, song)
            if branches is not None:
                return FactoredPipeline(first, model[1:], branches)
    return None


def score_factored(
    factored: FactoredModel,
    song: Song,
    components: Decomposition,
    neighbourhood: Neighbourhood,
    *,
    batch_size: int,
    progress: Callable[[int], object] = lambda n_done: None,
) -> np.ndarray:
    """Score the perturbed songs of a neighbourhood by a factored model.

    Each distinct half is encoded once.

    Parameters
    ----------
    factored : FactoredPipeline or FactoredEstimator
        The model.
    song : Song
        The song.
    components : Decomposition
        Its components.
    neighbourhood : Neighbourhood
        The masks and how their halves are paired.
    batch_size : int
        Audio halves that are encoded at a time; lyrics go in one call. Fewer where memory does
        not hold them.
    progress : callable, default: does nothing
        Called with the number of perturbed songs of each batch that the head has scored.

    Returns
    -------
    ndarray of shape (n_samples, n_labels)
        Scores of the neighbourhood's pairs.
    """
    audio_masks, which_audio = distinct_rows(neighbourhood.audio_masks)
    lyric_masks, which_lyrics = distinct_rows(neighbourhood.lyric_masks)
    order = by_length(lyric_masks)
    lyric_masks, which_lyrics = lyric_masks[order], np.argsort(order)[which_lyrics]
    lyrics: Sequence[str | None] = [song.lyrics]
    if components.lyrics is not None:
        lyrics = list(PerturbedLyrics(components.lyrics, lyric_masks))
    halves = {
        "audio": _encode_audio(factored, song, components, audio_masks, batch_size),
        "lyrics": _encode_batch(factored, song, "lyrics", pd.Series(lyrics)),
        None: _encoded(factored, _frame(song, None, None), None),
    }
    rows = {
        "audio": which_audio[neighbourhood.pairs[:, 0]],
        "lyrics": which_lyrics[neighbourhood.pairs[:, 1]],
        None: np.zeros(len(neighbourhood.pairs), dtype=int),
    }
    width = sum(_width(block) for blocks in halves.values() for block in blocks.values())
    size = max(HEAD_BYTES // (8 * max(width, 1)), 1)
    scores = []
    for first in range(0, len(neighbourhood.pairs), size):
        encoded = {
            name: block[rows[half][first : first + size]]
            for half, blocks in halves.items()
            for name, block in blocks.items()
        }
        scores.append(factored.predict(encoded))
        check_n_labels(scores[-1], scores[0].shape[1])
        progress(len(scores[-1]))
    return np.concatenate(scores)


def _encode_audio(
    factored: FactoredModel,
    song: Song,
    components: Decomposition,
    masks: np.ndarray,
    batch_size: int,
) -> dict[str, Any]:
    """Encode the audio of some masks, composing no more than a batch of them at a time."""
    if components.audio is None:
        waveform = None if song.waveform is None else song.waveform.copy()
        cell = {"array": waveform, "sampling_rate": song.sampling_rate}
        cells = pd.Series([cell if song.audio_as_mapping else waveform], dtype=object)
        return _encode_batch(factored, song, "audio", cells)
    neighbourhood = AudioNeighbourhood(components.audio, masks, song.audio_as_mapping)
    column = pd.Series(PerturbedAudio(neighbourhood))
    encoded, first = [], 0
    while first < len(masks):
        batch = column[first : first + batch_size]
        encoded.append(_encode_batch(factored, song, "audio", batch))
        first += len(batch)
        if not neighbourhood.composed:  # no batch takes memory, but for its features
            batch_size = max(batch_size, TABLE_BATCH)
    return _stacked(encoded)


def _encode_batch(
    factored: FactoredModel, song: Song, half: Half, cells: pd.Series
) -> dict[str, Any]:
    """Encode some cells of a half at once, or in as many steps as memory asks for."""

    def encode(some: pd.Series) -> dict[str, Any]:
        return _encoded(factored, _frame(song, half, some), half)

    try:
        return _stacked(list(in_batches(encode, cells, len(cells))))
    except Exception as error:
        error.add_note(f"in the encoding of {len(cells)} perturbed songs' {half}")
        raise


def _encoded(factored: FactoredModel, frame: pd.DataFrame, half: Half | None) -> dict[str, Any]:
    blocks = factored.encode(frame, half)
    return {name: _as_block(block, name, len(frame)) for name, block in blocks.items()}


def _as_block(encoded: Any, name: str, n_songs: int) -> Any:
    """What a branch returned, as our own: it may use its array again for the next call.

    An array, or a sparse one whose rows can be picked.
    """
    is_sparse = scipy.sparse.issparse(encoded)
    block = encoded.copy().tocsr() if is_sparse else as_array(encoded)
    if not np.ndim(block) or block.shape[0] != n_songs:
        raise ValueError(
            f"{name}: encoded as an array of shape {np.shape(block)}, not of {n_songs} rows"
        )
    return block


def _thawed(model: Any) -> Any:
    while isinstance(model, FrozenEstimator):
        model = model.estimator
    return model


def _branches(columns: ColumnTransformer, song: Song) -> list[Branch] | None:
    """The branches of a fitted ColumnTransformer; None if one reads both audio and lyrics."""
    weights = columns.transformer_weights or {}
    frame = _as_frame(song)
    where = {half: frame.columns[song.columns[half]] for half in ("audio", "lyrics") if
             half in song.columns}  # fmt: skip
    branches = []
    for name, transformer, selection in columns.transformers_:
        if isinstance(transformer, str):  # "drop": these columns need not even be there
            continue
        selected = _select(frame, selection)
        names = [selected.name] if isinstance(selected, pd.Series) else list(selected.columns)
        if not names:
            continue
        read = [half for half, column in where.items() if column in names]
        if len(read) > 1:
            return None
        half = read[0] if read else None
        branches.append(Branch(name, transformer.transform, selection, weights.get(name, 1), half))
    return branches


def _as_frame(song: Song) -> pd.DataFrame:
    """The song's row, without its audio, as a DataFrame also where X is an array."""
    return pd.DataFrame(song.template)


def _frame(song: Song, half: Half | None, cells: pd.Series | None) -> pd.DataFrame:
    """Songs that differ in one column from the song, and have no audio in the other."""
    frame = _as_frame(song)
    if half is None or half not in song.columns:
        return frame
    frame = frame.iloc[np.zeros(len(cells), dtype=int)].reset_index(drop=True)
    at = song.columns[half]
    cells = cells.reset_index(drop=True)
    if half == "lyrics":
        is_text = isinstance(frame.dtypes.iloc[at], pd.StringDtype)
        cells = cells.astype(frame.dtypes.iloc[at] if is_text else object)
    frame.isetitem(at, cells)
    return frame


def _select(frame: pd.DataFrame, selection: Any) -> pd.Series | pd.DataFrame:
    """What a ColumnTransformer selects: by name, by position or by a mask, one or several."""
    if isinstance(selection, str):
        return frame[selection]
    if isinstance(selection, (int, np.integer)):
        return frame.iloc[:, selection]
    if isinstance(selection, slice):
        by_name = any(isinstance(end, str) for end in (selection.start, selection.stop))
        return frame.loc[:, selection] if by_name else frame.iloc[:, selection]
    selection = list(selection)
    by_name = bool(selection) and isinstance(selection[0], str)
    return frame[selection] if by_name else frame.iloc[:, selection]


def _stacked(encoded: list[dict[str, Any]]) -> dict[str, Any]:
    """The outputs of batches, put together."""
    if len(encoded) == 1:
        return encoded[0]
    return {name: _concatenated([part[name] for part in encoded]) for name in encoded[0]}


def _concatenated(blocks: list[Any]) -> Any:
    if scipy.sparse.issparse(blocks[0]):
        return scipy.sparse.vstack(blocks).tocsr()
    return np.concatenate(blocks)


def _width(block: Any) -> int:
    """Numbers a row of a block, stored ones if it is sparse."""
    if scipy.sparse.issparse(block):
        return int(np.ceil(2 * block.nnz / max(block.shape[0], 1)))
    return int(np.prod(np.shape(block)[1:]))


def check_parts(parts: np.ndarray, whole: np.ndarray, among: np.ndarray) -> None:
    """Raise if a model that was taken apart scores the song itself as the whole model doesn't.

    Parameters
    ----------
    parts : ndarray of shape (n_labels,)
        Scores of the song by the branches put together.
    whole : ndarray of shape (n_labels,)
        Its scores by the model.
    among : ndarray of shape (n_songs, n_labels)
        Scores of this song and its like.

    Raises
    ------
    ValueError
        They differ by more than a thousandth of what these vary by.
    """
    if not is_same_answer(parts, whole, among):
        raise ValueError(
            f"the model scores the song {whole}, its branches put together {parts}. A branch whose "
            "output depends on the other songs of a call, or differs from call to call, can't be "
            "explained apart: wrap the model in a function, which makes it a black box"
        )


def most_telling(scores: np.ndarray) -> int:
    """Find the song whose scores lie nearest to the middle of all.

    There a change of what the model hears or reads moves its scores most.

    Parameters
    ----------
    scores : ndarray of shape (n_songs, n_labels)
        Scores of perturbed songs.

    Returns
    -------
    int
        The row.
    """
    low, high = scores.min(axis=0), scores.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    return int(np.argmin(np.abs((scores - low) / width - 0.5).max(axis=1)))
