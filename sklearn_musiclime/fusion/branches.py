"""The two branches of a transformer that hears and reads: from songs to what a head takes.

What of a song does not change as a network learns, its spectra or its chunks of text, is prepared
once; what does, its features, is computed from that with gradients. ``encode`` does both for a
column, without gradients, in batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime.featurizers.audio.encoder import AudioEncoder
from sklearn_musiclime.featurizers.columns import lyrics_cells
from sklearn_musiclime.featurizers.texts import TextWindow, encode_texts, token_counter

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    AudioInputs = dict[str, torch.Tensor]
    """The windows of a song, as its model takes them."""


@dataclass(frozen=True, eq=False)
class AudioBranch:
    """The audio of songs.

    Attributes
    ----------
    encoder : AudioEncoder
        The model and its feature extractor.
    """

    encoder: AudioEncoder

    def prepare(self, column: Sequence[Any]) -> list[AudioInputs]:
        """Read songs, cut them into windows and extract what the model takes.

        Parameters
        ----------
        column : sequence of audio cells
            The songs.

        Returns
        -------
        list of dict of str to Tensor
        """
        encoder = self.encoder
        return [encoder.inputs(encoder.cut(waveform)) for waveform in encoder.read(column)]

    def features(self, songs: Sequence[AudioInputs], *, sequences: bool) -> list[torch.Tensor]:
        """Compute what a head takes.

        Parameters
        ----------
        songs : sequence of dict of str to Tensor
            Songs that have been prepared.
        sequences : bool
            Whether it takes sequences.

        Returns
        -------
        list of Tensor
            Of each song the mean of its windows' vectors, or the vectors of all its steps.
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
            Windows at a time.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float32
        """
        return self.encoder.encode(column, batch_size)


@dataclass(frozen=True, eq=False)
class LyricsBranch:
    """The lyrics of songs; the vector of a text is that of its first token.

    Attributes
    ----------
    model : PreTrainedModel
        The model.
    tokenizer : PreTrainedTokenizerBase
        Its tokenizer.
    long : {"mean", "truncate"}
        Whether lyrics longer than the model reads are read in chunks, whose vectors are averaged,
        or cut off with a warning.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    long: str = "mean"

    @property
    def n_tokens(self) -> int:
        """Tokens that the model reads, those that mark the ends of a text among them."""
        positions = self.model.config.max_position_embeddings
        # RoBERTa and its kin count positions from the one behind that of the padding.
        padding = getattr(self.model.embeddings, "padding_idx", None)
        positions -= 0 if padding is None else padding + 1
        return min(positions, self.tokenizer.model_max_length)

    @property
    def window(self) -> TextWindow:
        """How long texts may be."""
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
        """
        texts, window = lyrics_cells(column), self.window
        if self.long == "mean":
            return [window.chunks(text) for text in texts]
        window.warn_of_long(window.count(texts))
        return [[text] for text in texts]

    def features(self, songs: Sequence[list[str]], *, sequences: bool) -> list[torch.Tensor]:
        """Compute what a head takes.

        Parameters
        ----------
        songs : sequence of list of str
            Songs that have been prepared.
        sequences : bool
            Whether it takes sequences.

        Returns
        -------
        list of Tensor
            Of each song the mean of its chunks' vectors, each counted by its tokens, or the vectors
            of all its tokens.
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
            Texts at a time.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float32
        """

        def encode_batch(texts: Sequence[str]) -> np.ndarray:
            return self._hidden(texts)[0][:, 0].float().cpu().numpy()

        with _torch.inference():
            return encode_texts(lyrics_cells(column), encode_batch, self.window, batch_size)

    def _hidden(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """The last layer (n_texts, n_tokens, n_dimensions), and which of its tokens are there."""
        import torch

        tokens = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.n_tokens,
            return_tensors="pt",
        )
        ids, mask = (
            tokens[name].long().to(self.model.device) for name in ("input_ids", "attention_mask")
        )
        if not mask.any(dim=1).all():  # of a tokenizer that does not mark ends: texts of nothing
            ids = torch.nn.functional.pad(ids, (0, 1), value=self.tokenizer.pad_token_id)
            mask = torch.nn.functional.pad(mask, (0, 1))
            mask[~mask.any(dim=1), 0] = 1
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return hidden, mask.bool()
