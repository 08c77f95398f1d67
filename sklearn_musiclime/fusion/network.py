"""The networks behind :class:`~sklearn_musiclime.fusion.TransformerFusionClassifier`.

Two encoders and a classifier on top. Modules are called as in the networks that the authors of
MusicLIME published: ``audio_model``, ``text_model``, ``classifier.layer_norm``, ``classifier.fc``.
This module imports torch; the rest of the package imports it late.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence


class Sequences(NamedTuple):
    """Sequences of vectors, one a song, as far as the longest reaches.

    Attributes
    ----------
    values : Tensor of shape (n_songs, n_steps, n_dimensions)
        The vectors.
    mask : Tensor of shape (n_songs, n_steps), dtype bool
        False behind the end of a song.
    """

    values: torch.Tensor
    mask: torch.Tensor


class ConcatHead(nn.Module):
    """The vectors side by side, normalised, and a linear layer: the authors' head.

    Parameters
    ----------
    sizes : sequence of int
        Lengths of the vectors, one or two.
    n_classes : int
        Number of classes.
    """

    def __init__(self, sizes: Sequence[int], n_classes: int):
        super().__init__()
        self.layer_norm = nn.LayerNorm(sum(sizes))
        self.fc = nn.Linear(sum(sizes), n_classes)

    def forward(self, *vectors: torch.Tensor) -> torch.Tensor:
        """Return logits (n_songs, n_classes) of vectors (n_songs, n_dimensions)."""
        return self.fc(self.layer_norm(torch.cat(vectors, dim=1)))


class GatedHead(nn.Module):
    """A gate says for each dimension how much of the audio counts; the rest is of the lyrics.

    Arevalo et al., "Gated Multimodal Units for Information Fusion", arXiv 1702.01992.

    Parameters
    ----------
    sizes : (int, int)
        Lengths of the vectors of audio and lyrics.
    n_classes : int
        Number of classes.
    """

    def __init__(self, sizes: Sequence[int], n_classes: int):
        super().__init__()
        width = max(sizes)
        self.audio, self.lyrics = (nn.Linear(size, width) for size in sizes)
        self.gate = nn.Linear(sum(sizes), width)
        self.layer_norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, n_classes)

    def forward(self, audio: torch.Tensor, lyrics: torch.Tensor) -> torch.Tensor:
        """Return logits (n_songs, n_classes) of vectors (n_songs, n_dimensions)."""
        gate = torch.sigmoid(self.gate(torch.cat([audio, lyrics], dim=1)))
        mixed = gate * torch.tanh(self.audio(audio)) + (1 - gate) * torch.tanh(self.lyrics(lyrics))
        return self.fc(self.layer_norm(mixed))


class CrossAttentionHead(nn.Module):
    """Every moment of the audio looks at the words, and every word at the audio.

    Parameters
    ----------
    sizes : (int, int)
        Lengths of the vectors of audio and lyrics.
    n_classes : int
        Number of classes.
    """

    def __init__(self, sizes: Sequence[int], n_classes: int):
        super().__init__()
        width = max(sizes)
        n_heads = next(n for n in (8, 4, 2, 1) if width % n == 0)
        self.audio, self.lyrics = (nn.Linear(size, width) for size in sizes)
        self.audio_to_lyrics = nn.MultiheadAttention(width, n_heads, batch_first=True)
        self.lyrics_to_audio = nn.MultiheadAttention(width, n_heads, batch_first=True)
        self.layer_norm = nn.LayerNorm(2 * width)
        self.fc = nn.Linear(2 * width, n_classes)

    def forward(self, audio: Sequences, lyrics: Sequences) -> torch.Tensor:
        """Return logits (n_songs, n_classes) of sequences of vectors."""
        heard, read = self.audio(audio.values), self.lyrics(lyrics.values)
        attended = [
            (self.audio_to_lyrics, heard, read, audio.mask, lyrics.mask),
            (self.lyrics_to_audio, read, heard, lyrics.mask, audio.mask),
        ]
        pooled = []
        for attention, query, key, query_mask, key_mask in attended:
            found, _ = attention(query, key, key, key_padding_mask=~key_mask, need_weights=False)
            kept = query_mask.unsqueeze(2).to(found.dtype)
            pooled.append(((query + found) * kept).sum(dim=1) / kept.sum(dim=1))
        return self.fc(self.layer_norm(torch.cat(pooled, dim=1)))


HEADS = {"concat": ConcatHead, "gated": GatedHead, "cross_attention": CrossAttentionHead}


class FusionNetwork(nn.Module):
    """Encoders of audio and lyrics, or of one of them, and a classifier of what they say.

    Parameters
    ----------
    audio_model, text_model : PreTrainedModel or None
        The encoders; None for one that is not used.
    """

    classifier: nn.Module

    def __init__(self, audio_model: Any, text_model: Any):
        super().__init__()
        self.audio_model = audio_model
        self.text_model = text_model

    def add_head(self, fusion: str, sizes: Sequence[int], n_classes: int) -> None:
        """Add the classifier.

        Parameters
        ----------
        fusion : {"concat", "gated", "cross_attention"}
            Which, if there are two encoders; of one its vector is normalised and classified.
        sizes : sequence of int
            Lengths of the vectors of the encoders.
        n_classes : int
            Number of classes.
        """
        head = HEADS[fusion] if len(sizes) == 2 else ConcatHead
        self.classifier = head(sizes, n_classes)

    @property
    def encoders(self) -> list[nn.Module]:
        """The encoders that there are."""
        return [m for m in (self.audio_model, self.text_model) if m is not None]

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.parameters()).device


def collate(features: Sequence[torch.Tensor]) -> torch.Tensor | Sequences:
    """Put the features of songs together, as a head takes them.

    Parameters
    ----------
    features : sequence of Tensor
        Vectors (n_dimensions,), or sequences of them (n_steps, n_dimensions).

    Returns
    -------
    Tensor of shape (n_songs, n_dimensions), or Sequences
    """
    if features[0].ndim == 1:
        return torch.stack(list(features))
    lengths = torch.tensor([len(sequence) for sequence in features])
    steps = torch.arange(int(lengths.max()))
    mask = (steps < lengths.unsqueeze(1)).to(features[0].device)
    return Sequences(pad_sequence(list(features), batch_first=True), mask)
