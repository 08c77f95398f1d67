"""The networks of :class:`~sklearn_musiclime.fusion.TransformerFusionClassifier`.

A network consists of one or two encoders and a head, its attribute ``classifier``. Modules have the
names of the networks that the authors of MusicLIME published: ``audio_model``, ``text_model``,
``classifier.layer_norm``, ``classifier.fc``. This module imports torch, so other modules import it
only where a network is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence


class Sequences(NamedTuple):
    """Sequences of vectors, one per song, padded to the length of the longest.

    Attributes
    ----------
    values : Tensor of shape (n_songs, n_steps, n_dimensions)
        The vectors.
    mask : Tensor of shape (n_songs, n_steps), dtype bool
        False at padding.
    """

    values: torch.Tensor
    mask: torch.Tensor


class ConcatHead(nn.Module):
    """Concatenation, layer normalization and a linear layer: the head of the MusicLIME paper.

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
    """Gated multimodal unit: per dimension, a gate mixes the audio and the lyrics.

    Followed by layer normalization and a linear layer. See Arevalo et al., "Gated Multimodal Units
    for Information Fusion", arXiv 1702.01992.

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
    """Cross-attention from each time step to all tokens, and from each token to all time steps.

    The results are averaged over steps and over tokens, concatenated, normalized, and passed to a
    linear layer.

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
    """Encoders of audio and lyrics, or of one of them, with a head that classifies.

    Parameters
    ----------
    audio_model, text_model : PreTrainedModel or None
        The encoders; None for a modality that is not used.
    """

    classifier: nn.Module

    def __init__(self, audio_model: Any, text_model: Any):
        super().__init__()
        self.audio_model = audio_model
        self.text_model = text_model

    def add_head(self, fusion: str, sizes: Sequence[int], n_classes: int) -> None:
        """Add the head.

        Parameters
        ----------
        fusion : {"concat", "gated", "cross_attention"}
            Kind of the head. Ignored for a single encoder, whose vector is normalized and passed to
            a linear layer.
        sizes : sequence of int
            Lengths of the encoders' vectors.
        n_classes : int
            Number of classes.
        """
        head = HEADS[fusion] if len(sizes) == 2 else ConcatHead
        self.classifier = head(sizes, n_classes)

    @property
    def encoders(self) -> list[nn.Module]:
        """The encoders that are used: audio first, then lyrics."""
        return [m for m in (self.audio_model, self.text_model) if m is not None]

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return next(self.parameters()).device


def collate(features: Sequence[torch.Tensor]) -> torch.Tensor | Sequences:
    """Stack the features of songs into a batch for a head.

    Parameters
    ----------
    features : sequence of Tensor
        For each song a vector (n_dimensions,), or a sequence of vectors (n_steps, n_dimensions).

    Returns
    -------
    Tensor of shape (n_songs, n_dimensions), or Sequences
        The batch; sequences are padded.
    """
    if features[0].ndim == 1:
        return torch.stack(list(features))
    lengths = torch.tensor([len(sequence) for sequence in features])
    steps = torch.arange(int(lengths.max()))
    mask = (steps < lengths.unsqueeze(1)).to(features[0].device)
    return Sequences(pad_sequence(list(features), batch_first=True), mask)
