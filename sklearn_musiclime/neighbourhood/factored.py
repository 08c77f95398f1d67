"""Scores of one song's masks by a factored model: an encoder for each modality, and a head.

Most multimodal models encode audio and lyrics separately and join them late. To score a
neighbourhood of n audio masks and m lyric masks such a model needs n + m encodings, although its
head, which joins the encodings, scores up to n x m combinations. Recognised as factored are:

- estimators with the three methods of the protocol below, which
  :class:`~sklearn_musiclime.TorchModel` makes of modules in torch;
- scikit-learn pipelines whose first step is a :class:`~sklearn.compose.ColumnTransformer` with
  branches that read one of the two columns each, or a :class:`~sklearn.pipeline.FeatureUnion` of
  such transformers;
- searches (such as ``GridSearchCV``), calibrated, voting, stacking, threshold, one-vs-rest,
  multi-output and frozen estimators, and ``TransformedTargetRegressor``, around the above;
- subclasses of these that override only methods used in fitting.

The model's own code joins the encodings of the branches, so `set_output`, names, types and
containers are those of the model (see :mod:`~sklearn_musiclime.neighbourhood.apart`). Every other
model is a black box, and ``explanation.settings["model"]`` says why.

The protocol of a factored model, beside ``predict_proba`` or ``predict`` of whole songs:

``encode_audio(column)``
    `column` is a Series of n_songs audio cells, as X has them (paths, arrays, dictionaries; see
    :mod:`sklearn_musiclime.songs`): whole songs, or perturbed ones at the model's
    ``sampling_rate``. Returns an *encoding*: n_songs rows, row i being that of cell i, in any of
    these forms:

    ==========================  ====================================================================
    array or tensor             of shape (n_songs, ...), such as vectors (n_songs, n_dimensions) or
                                sequences (n_songs, n_steps, n_dimensions); tensors stay on their
                                device
    sparse array, DataFrame     of n_songs rows
    tuple, list, dict of these  such as ``(sequence, mask)`` with a mask (n_songs, n_steps); also
                                with texts, numbers and None in it, which are the same for all songs
    ==========================  ====================================================================

    Row i must depend on cell i alone. One call gets a batch of the masks of a song, and the
    encodings of batches are concatenated, so n_steps has to be the same for all audio of a length.
``encode_lyrics(column)``
    The same for a Series of n_songs texts. All lyric masks of a song come in one call, or in
    halves of it if memory runs out.
``predict_encoded(audio, lyrics)``
    The head. Gets rows of both encodings, picked and repeated, in the same form and with equally
    many rows n: row i is the i-th combination. Returns scores, (n, n_outputs), what
    ``predict_proba`` (of an estimator with ``classes_``) or ``predict`` returns for whole songs.
    n is such that encodings take 64 MiB at most.
``encode_columns(X)``, optional
    For heads that read further columns of X: gets one song in the container of X, and returns an
    encoding of it with one row. ``predict_encoded`` gets it, repeated, as third argument. Such
    columns are the song's in all of its combinations; if they are explained themselves, the model
    is a black box.
``cheap_modalities``, optional
    The modalities, of "audio" and "lyrics", of which thousands of encodings take about a second;
    ``n_samples="auto"`` draws more masks of them.

Whole songs have to get the same scores as their encodings. This is checked on each song; a model
that breaks it is treated as a black box, with a warning.

>>> import numpy as np
>>> from sklearn_musiclime import MusicLimeExplainer
>>> class Model:
...     def encode_audio(self, column):
...         return np.array([[np.abs(waveform).mean()] for waveform in column])
...
...     def encode_lyrics(self, column):
...         return np.array([[text.split().count("love")] for text in column])
...
...     def predict_encoded(self, audio, lyrics):
...         return audio + audio * lyrics
...
...     def predict(self, X):
...         return self.predict_encoded(self.encode_audio(X[:, 0]), self.encode_lyrics(X[:, 1]))
>>> songs = np.empty((1, 2), dtype=object)
>>> songs[0] = [np.ones(22050, dtype=np.float32), "all you need is love"]
>>> explainer = MusicLimeExplainer(Model(), separator=None, random_state=0).fit(songs)
>>> explainer.explain(songs)[0].settings["model"]
'factored'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sklearn_musiclime._runtime.memory import in_batches, is_out_of_memory
from sklearn_musiclime._runtime.polars import as_polars
from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.neighbourhood.apart import PROTOCOL, Apart, Encoder, take_apart
from sklearn_musiclime.neighbourhood.audio_column import PerturbedAudio
from sklearn_musiclime.neighbourhood.containers import NotApartError
from sklearn_musiclime.neighbourhood.encodings import (
    Modality,
    encoding_width,
    stack_encodings,
)
from sklearn_musiclime.neighbourhood.masks import distinct_masks
from sklearn_musiclime.neighbourhood.methods import RESPONSE_METHODS
from sklearn_musiclime.neighbourhood.perturbed import (
    AudioNeighbourhood,
    PerturbedLyrics,
    by_length,
)
from sklearn_musiclime.neighbourhood.responses import check_n_labels
from sklearn_musiclime.neighbourhood.samples import Neighbourhood
from sklearn_musiclime.neighbourhood.versions import score_function
from sklearn_musiclime.songs import Song, as_cell

TABLE_BATCH = 2048
"""Number of audio masks encoded at a time by encoders that don't compose the waveforms."""
MUTABLE = (list, dict, set, np.ndarray)
"""Types of cells that a model could change in place."""
HEAD_BYTES = 2**26
"""Size of the encodings that the head scores at a time: 64 MiB."""


class FactoredModel:
    """The encoders and the head of a factored model, for the perturbed songs of one song.

    Parameters
    ----------
    apart : Apart
        Encoders and head of the model.
    song : Song
        The song.

    Attributes
    ----------
    modalities : set of str
        Modalities that the model reads: a subset of "audio" and "lyrics".
    """

    def __init__(self, apart: Apart, song: Song):
        self.song = song
        self.modalities = {encoder.modality for encoder in apart.encoders} - {None}
        self._apart = apart
        self._head = score_function(apart.head)
        self._composes = False
        self._bare = _without_mutables(song)

    def is_cheap(self, modality: Modality) -> bool:
        """Return whether thousands of perturbed songs take its encoders about a second.

        Parameters
        ----------
        modality : {"audio", "lyrics"}
            The modality that is encoded.

        Returns
        -------
        bool
        """
        encoders = self._apart.encoders
        return all(encoder.is_cheap for encoder in encoders if encoder.modality == modality)

    def encode(self, modality: Modality | None, cells: pd.Series) -> dict[int, Any]:
        """Encode cells of one modality by all encoders that read it.

        Parameters
        ----------
        modality : {"audio", "lyrics"} or None
            The modality. None: the encoders that read neither.
        cells : Series
            Cells of the modality. For None only their number counts.

        Returns
        -------
        dict of int to encoding
            Encoding of each branch, with one row for each cell.
        """
        encoders = [encoder for encoder in self._apart.encoders if encoder.modality == modality]
        if not encoders:
            return {}
        try:
            return self._encode(encoders, self._songs_to_encode(modality, cells))
        except Exception as error:
            if modality != "audio" or self._composes or is_out_of_memory(error):
                raise
        # The branch failed on lazy audio in a pandas DataFrame: from now on it gets composed audio
        # in the container of X.
        self._composes = True
        return self._encode(encoders, self._songs_to_encode(modality, cells))

    def predict(self, encoded: dict[int, Any], rows: dict[Modality, np.ndarray]) -> np.ndarray:
        """Score combinations of encoded audio and encoded lyrics by the head.

        Parameters
        ----------
        encoded : dict of int to encoding
            Encodings of all branches, by their numbers.
        rows : dict of str to ndarray of shape (n_songs,), dtype int
            For "audio" and "lyrics", the row of the encodings that each song has.

        Returns
        -------
        ndarray of shape (n_songs, n_labels)
            The model's scores.
        """
        tables = self._apart.tables
        tables.update(encoded)
        try:
            return self._head(self._songs_of_rows(rows))
        finally:
            tables.clear()

    @staticmethod
    def _encode(encoders: list[Encoder], songs: Any) -> dict[int, Any]:
        encoded: dict[int, Any] = {}
        for encoder in encoders:
            encoded |= encoder.encode(songs)
        return encoded

    def _songs_to_encode(self, modality: Modality | None, cells: pd.Series) -> Any:
        """Songs with these cells. Lazy audio is put into a pandas DataFrame, whatever X is."""
        if modality != "audio" or self._composes:
            return self._songs_as_given(modality, cells)
        songs = pd.DataFrame(_variants(replace(self.song, polars_schema=None), len(cells)))
        songs.isetitem(self.song.columns["audio"], cells.set_axis(songs.index))
        return songs

    def _songs_as_given(self, modality: Modality | None, cells: pd.Series) -> Any:
        """Songs with these cells in the container of X; audio is composed."""
        if modality == "audio":
            waveforms = [cell["array"] if isinstance(cell, dict) else cell for cell in cells]
            return _variants(self.song, len(cells), waveforms=waveforms)
        lyrics = cells.tolist() if modality == "lyrics" else None
        return _variants(self.song, len(cells), lyrics=lyrics)

    def _songs_of_rows(self, rows: dict[Modality, np.ndarray]) -> Any:
        """Songs in the container of X, with row numbers of encodings as audio and lyrics."""
        schema = self.song.polars_schema
        songs = _variants(replace(self._bare, polars_schema=None), len(rows["audio"]))
        changed = {modality: at for modality, at in self.song.columns.items() if modality in rows}
        for modality, at in changed.items():
            if isinstance(songs, pd.DataFrame):
                songs.isetitem(at, rows[modality])
            else:
                songs[:, at] = rows[modality]
        if schema is None:
            return songs
        return as_polars(songs, schema, [songs.columns[at] for at in changed.values()])


def find_factored(model: Any, song: Song) -> tuple[FactoredModel | None, str]:
    """Split a model into encoders and head, if it is factored.

    Parameters
    ----------
    model : estimator or callable
        The fitted model, which may be in a ``FrozenEstimator``.
    song : Song
        The song that is explained.

    Returns
    -------
    factored : FactoredModel or None
        The factored model. None: the model is a black box.
    reason : str
        Why the model is a black box, in a few words; empty for a factored model.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.neighbourhood import find_factored
    >>> from sklearn_musiclime.songs import SongTable
    >>> X = np.empty((1, 2), dtype=object)
    >>> X[0] = [np.ones(10), "la la"]
    >>> find_factored(len, SongTable(X).read(0, 22050))
    (None, 'a function')
    """
    is_protocol = all(hasattr(model, name) for name in PROTOCOL)
    if not is_protocol and not any(hasattr(model, name) for name in RESPONSE_METHODS):
        return None, "a function"
    try:
        return FactoredModel(take_apart(model, song), song), ""
    except NotApartError as error:
        return None, str(error)


def score_factored(
    factored: FactoredModel,
    components: Decomposition,
    neighbourhood: Neighbourhood,
    *,
    batch_size: int,
    progress: Callable[[int], object] = lambda n_done: None,
) -> np.ndarray:
    """Score the perturbed songs of a neighbourhood by a factored model.

    Each distinct audio mask and each distinct lyric mask is encoded once.

    Parameters
    ----------
    factored : FactoredModel
        The model and the song.
    components : Decomposition
        Components of the song.
    neighbourhood : Neighbourhood
        The masks and their pairs.
    batch_size : int
        Number of perturbed waveforms that are encoded at a time, halved when memory runs out. All
        lyrics are encoded in one call if memory suffices.
    progress : callable, default: does nothing
        Called with the number of perturbed songs of each batch that the head has scored.

    Returns
    -------
    ndarray of shape (n_samples, n_labels)
        Scores of ``neighbourhood.pairs``.
    """
    (audio_masks, audio_fills, which_audio), (lyric_masks, lyric_fills, which_lyrics) = (
        distinct_masks(masks, fills)
        for masks, fills in zip(
            neighbourhood.sides, neighbourhood.fills or (None, None), strict=True
        )
    )
    order = by_length(lyric_masks)
    lyric_masks, which_lyrics = lyric_masks[order], np.argsort(order)[which_lyrics]
    lyric_fills = None if lyric_fills is None else lyric_fills[order]
    lyrics: Sequence[str | None] = [factored.song.lyrics]
    if components.lyrics is not None:
        lyrics = list(PerturbedLyrics(components.lyrics, lyric_masks, lyric_fills))
    encoded = _encode_audio(factored, components, audio_masks, audio_fills, batch_size)
    encoded |= _encode_batch(factored, "lyrics", pd.Series(lyrics))
    encoded |= factored.encode(None, pd.Series([None]))
    rows: dict[Modality, np.ndarray] = {
        "audio": which_audio[neighbourhood.pairs[:, 0]],
        "lyrics": which_lyrics[neighbourhood.pairs[:, 1]],
    }
    width = sum(encoding_width(encoding) for encoding in encoded.values())
    size = max(HEAD_BYTES // (8 * max(width, 1)), 1)
    scores = []
    for first in range(0, len(neighbourhood.pairs), size):
        some = {modality: own[first : first + size] for modality, own in rows.items()}
        scores.append(factored.predict(encoded, some))
        check_n_labels(scores[-1], scores[0].shape[1])
        progress(len(scores[-1]))
    return np.concatenate(scores)


def _encode_audio(
    factored: FactoredModel,
    components: Decomposition,
    masks: np.ndarray,
    fills: np.ndarray | None,
    batch_size: int,
) -> dict[int, Any]:
    """Encode the audio of masks, batch by batch."""
    song = factored.song
    if components.audio is None:
        cell = None
        if song.waveform is not None:
            cell = as_cell(song.waveform.copy(), song.sampling_rate, song.audio_form)
        cells = pd.Series([cell], dtype=object)
        return _encode_batch(factored, "audio", cells)
    neighbourhood = AudioNeighbourhood(components.audio, masks, song.audio_form, fills)
    column = pd.Series(PerturbedAudio(neighbourhood))
    encoded, first = [], 0
    while first < len(masks):
        batch = column[first : first + batch_size]
        encoded.append(_encode_batch(factored, "audio", batch))
        first += len(batch)
        if not neighbourhood.composed:  # the encoder needs no memory for waveforms
            batch_size = max(batch_size, TABLE_BATCH)
    return _merged_rows(encoded)


def _encode_batch(factored: FactoredModel, modality: Modality, cells: pd.Series) -> dict[int, Any]:
    """Encode cells of one modality in one batch, or in smaller ones when memory runs out."""

    def encode(some: pd.Series) -> dict[int, Any]:
        return factored.encode(modality, some)

    try:
        return _merged_rows(list(in_batches(encode, cells, len(cells))))
    except Exception as error:
        error.add_note(f"in the encoding of {len(cells)} perturbed songs' {modality}")
        raise


def _merged_rows(encoded: list[dict[int, Any]]) -> dict[int, Any]:
    """Concatenate the encodings of batches, branch by branch."""
    return {number: stack_encodings([part[number] for part in encoded]) for number in encoded[0]}


def _variants(
    song: Song,
    n_songs: int,
    waveforms: Sequence[Any] | None = None,
    lyrics: Sequence[str] | None = None,
) -> Any:
    """Songs in the container of X. By default audio stays the template's, lyrics are the song's."""
    if lyrics is None and song.lyrics is not None:
        lyrics = [song.lyrics] * n_songs
    if waveforms is None and lyrics is None:
        waveforms = [None] * n_songs
    return song.variants(waveforms, lyrics)


def _without_mutables(song: Song) -> Song:
    """The song with None in place of mutable cells, which would be copied for each variant."""
    template = song.template.copy()
    for at in range(template.shape[1]):
        if not isinstance(template, pd.DataFrame):
            if isinstance(template[0, at], MUTABLE):
                template[0, at] = None
        elif isinstance(template.iat[0, at], MUTABLE):
            template.isetitem(at, pd.Series([None], index=template.index, dtype=object))
    return replace(song, template=template)


def most_telling(scores: np.ndarray) -> int:
    """Find the perturbed song whose scores are nearest to the middle of their ranges.

    In the middle of its range a score is most sensitive to the song, while near the ends it may be
    saturated.

    Parameters
    ----------
    scores : ndarray of shape (n_songs, n_labels)
        Scores of perturbed songs.

    Returns
    -------
    int
        Row of the song.
    """
    low, high = scores.min(axis=0), scores.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    return int(np.argmin(np.abs((scores - low) / width - 0.5).max(axis=1)))
