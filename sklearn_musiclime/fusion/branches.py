"""The audio and the lyrics branch of a fusion network: from songs to the inputs of its head.

``prepare`` computes what stays the same during training, such as spectrograms and chunks of text,
once per song. ``features`` runs the encoder on it, differentiably. ``encode`` does both for a whole
column in batches, without gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime.featurizers.audio.encoder import AudioEncoder
from sklearn_musiclime.featurizers.columns import lyrics_cells
from sklearn_musiclime.featurizers.texts import (
    TextWindow,
    encode_texts,
    padded_tokens,
    token_counter,
)

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    AudioInputs = dict[str, torch.Tensor]
    """Keyword arguments of an audio model for the windows of a song."""


class Branch(Protocol):
    """A branch of either modality."""

    def prepare(self, column: Sequence[Any]) -> list[Any]:
        """Compute what stays the same during training, for each song."""

    def features(self, songs: Any, *, sequences: bool) -> list[torch.Tensor]:
        """Compute the inputs of a head from what :meth:`prepare` returned."""

    def encode(self, column: Any, batch_size: int) -> np.ndarray:
        """Encode songs, without gradients."""


@dataclass(frozen=True, eq=False)
class AudioBranch:
    """Branch of the audio, which represents a song by the mean vector of its windows.

    Attributes
    ----------
    encoder : AudioEncoder
        The model and its feature extractor.
    """

    encoder: AudioEncoder

    def prepare(self, column: Sequence[Any]) -> list[AudioInputs]:
        """Read songs, cut them into windows and extract the inputs of the model.

        Parameters
        ----------
        column : sequence of audio cells
            The songs.

        Returns
        -------
        list of dict of str to Tensor
            Keyword arguments of the model for each song, with a row per window.
        """
        encoder = self.encoder
        return [encoder.inputs(encoder.cut(waveform)) for waveform in encoder.read(column)]

    def features(self, songs: Sequence[AudioInputs], *, sequences: bool) -> list[torch.Tensor]:
        """Compute the inputs of a head.

        Parameters
        ----------
        songs : sequence of dict of str to Tensor
            Songs as :meth:`prepare` returns them.
        sequences : bool
            Whether the head takes sequences of vectors instead of one vector per song.

        Returns
        -------
        list of Tensor
            For each song the mean of its windows' vectors (n_dimensions,), or the vectors of all
            time steps of all windows (n_steps, n_dimensions).
        """
        import torch

        by_shape: dict[Any, list[int]] = {}
        for number, song in enumerate(songs):
            shape = tuple(tuple(tensor.shape[1:]) for tensor in song.values())
            by_shape.setdefault(shape, []).append(number)
        features = {}
        for numbers in by_shape.values():
            group = [songs[number] for number in numbers]
            inputs = {name: torch.cat([song[name] for song in group]) for name in group[0]}
            n_windows = [len(next(iter(song.values()))) for song in group]
            encoded = self.encoder.steps(inputs) if sequences else self.encoder.pooled(inputs)
            for number, windows in zip(numbers, encoded.split(n_windows), strict=True):
                features[number] = windows.flatten(0, 1) if sequences else windows.mean(dim=0)
        return [features[number] for number in range(len(songs))]

    def encode(self, column: Any, batch_size: int) -> np.ndarray:
        """Encode songs.

        Parameters
        ----------
        column : audio column of n_songs cells
            The songs.
        batch_size : int
            Number of windows in a batch.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float32
        """
        return self.encoder.encode(column, batch_size)


@dataclass(frozen=True, eq=False)
class LyricsBranch:
    """Branch of the lyrics, which represents a text by the last layer at its first token.

    Attributes
    ----------
    model : PreTrainedModel
        The model.
    tokenizer : PreTrainedTokenizerBase
        Its tokenizer.
    long : {"mean", "truncate"}
        Treatment of lyrics with more tokens than the model reads. "mean": they are read in chunks,
        whose vectors are averaged. "truncate": the end is dropped, with a warning.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    long: str = "mean"

    @property
    def n_tokens(self) -> int:
        """Largest number of tokens that the model reads, special tokens included."""
        positions = self.model.config.max_position_embeddings
        # Positions of RoBERTa and similar models start after the index of the padding token.
        padding = getattr(self.model.embeddings, "padding_idx", None)
        positions -= 0 if padding is None else padding + 1
        return min(positions, self.tokenizer.model_max_length)

    @property
    def window(self) -> TextWindow:
        """The window of the model in tokens without special tokens."""
        n_tokens = self.n_tokens - self.tokenizer.num_special_tokens_to_add()
        return TextWindow(token_counter(self.tokenizer), n_tokens, self.long)

    def prepare(self, column: Sequence[Any]) -> list[list[str]]:
        """Cut lyrics into chunks that the model can read.

        Parameters
        ----------
        column : sequence of str
            The lyrics.

        Returns
        -------
        list of list of str
            The chunks of each song.
        """
        texts, window = lyrics_cells(column), self.window
        if self.long == "mean":
            return [window.chunks(text) for text in texts]
        window.warn_of_long(window.count(texts))
        return [[text] for text in texts]

    def features(self, songs: Sequence[list[str]], *, sequences: bool) -> list[torch.Tensor]:
        """Compute the inputs of a head.

        Parameters
        ----------
        songs : sequence of list of str
            Songs as :meth:`prepare` returns them.
        sequences : bool
            Whether the head takes sequences of vectors instead of one vector per song.

        Returns
        -------
        list of Tensor
            For each song the mean of its chunks' vectors, weighted by their numbers of tokens
            (n_dimensions,), or the vectors of all its tokens (n_tokens, n_dimensions).
        """
        import torch

        chunks = [chunk for song in songs for chunk in song]
        hidden, mask = self._hidden(chunks)
        ends = np.cumsum([len(song) for song in songs]).tolist()
        parts = zip(hidden.tensor_split(ends[:-1]), mask.tensor_split(ends[:-1]), strict=True)
        if sequences:
            return [vectors[kept] for vectors, kept in parts]
        marks = self.tokenizer.num_special_tokens_to_add()
        features = []
        for vectors, kept in parts:
            weight = (kept.sum(dim=1, keepdim=True) - marks).clamp(min=1).to(vectors.dtype)
            features.append(torch.sum(vectors[:, 0] * weight, dim=0) / weight.sum())
        return features

    def encode(self, column: Any, batch_size: int) -> np.ndarray:
        """Encode lyrics.

        Parameters
        ----------
        column : lyrics column of n_songs cells
            The lyrics.
        batch_size : int
            Number of texts in a batch.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float32
        """

        def encode_batch(texts: Sequence[str]) -> np.ndarray:
            return self._hidden(texts)[0][:, 0].float().cpu().numpy()

        with _torch.inference():
            return encode_texts(lyrics_cells(column), encode_batch, self.window, batch_size)

    def _hidden(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """The last layer (n_texts, n_tokens, n_dimensions), and a mask that is False at padding."""
        tokens = padded_tokens(self.tokenizer, texts, self.n_tokens)
        tokens = {name: tensor.to(self.model.device) for name, tensor in tokens.items()}
        return self.model(**tokens).last_hidden_state, tokens["attention_mask"].bool()
