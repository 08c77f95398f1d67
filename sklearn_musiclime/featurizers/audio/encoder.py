"""Audio models of transformers, as functions from waveforms to vectors.

An encoder hears so many seconds at a time and no more. A longer song is heard in windows, as few as
need be, all of one length, and the vectors of its windows are averaged.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from sklearn_musiclime import _torch
from sklearn_musiclime.batches import in_batches
from sklearn_musiclime.featurizers.audio.windows import WindowTable, window_table
from sklearn_musiclime.featurizers.columns import audio_cells, perturbed_audio
from sklearn_musiclime.neighbourhood.perturbed import AudioNeighbourhood, PerturbedAudio
from sklearn_musiclime.songs import read_audio

if TYPE_CHECKING:
    import torch
    from transformers import FeatureExtractionMixin, PreTrainedModel

POOLINGS = ("auto", "mean", "first")
MAX_SECONDS = 30.0
"""What a model hears at a time that knows no limit, such as wav2vec2: its memory has one."""
MIN_SECONDS = 0.1
"""Shorter songs are followed by silence: every model's first window lies within."""
KALDI_FRAME, KALDI_HOP = 0.025, 0.01
"""Seconds of a frame, and from one to the next, of the filter bank of AST."""


@dataclass(frozen=True, eq=False)
class AudioEncoder:
    """An audio model with its feature extractor.

    Attributes
    ----------
    model : PreTrainedModel
        The model.
    extractor : FeatureExtractionMixin
        Turns waveforms into what the model takes.
    pooling : {"auto", "mean", "first"}
        What a window's vector is: the model's own pooled output, where it has one (AST, CLAP), else
        the mean of its last layer over time; always the mean; or the first position.
    window : float or None
        Seconds heard at a time. None: what the extractor takes, or 30.
    long : {"mean", "truncate"}
        Whether longer songs are heard in windows, or cut off with a warning.
    """

    model: PreTrainedModel
    extractor: FeatureExtractionMixin
    pooling: str = "auto"
    window: float | None = None
    long: str = "mean"

    @cached_property
    def n_samples(self) -> int:
        """Samples of the longest window.

        Raises
        ------
        ValueError
            `window` is more than the extractor takes, or not positive.
        """
        rate, most = self.extractor.sampling_rate, math.inf
        if _is_ast(self.extractor):
            n_frames = self.extractor.max_length
            most = round(KALDI_FRAME * rate) + (n_frames - 1) * round(KALDI_HOP * rate)
        else:
            for name in ("nb_max_samples", "n_samples"):  # of CLAP, of Whisper
                most = getattr(self.extractor, name, None) or most
        if self.window is None:
            return int(min(most, MAX_SECONDS * rate))
        wanted = round(self.window * rate)
        if not MIN_SECONDS * rate <= wanted <= most:
            raise ValueError(
                f"window={self.window} s must be from {MIN_SECONDS} s to what "
                f"{type(self.extractor).__name__} takes, {most / rate:.4g} s"
            )
        return wanted

    def windows(self, n_samples: int) -> tuple[np.ndarray, int]:
        """Say where the windows of a song begin, and how long they are.

        Parameters
        ----------
        n_samples : int
            Samples of the song.

        Returns
        -------
        starts : ndarray of int
            Their first samples.
        size : int
            Samples of each; more than the song has, if it is very short.
        """
        shortest = round(MIN_SECONDS * self.extractor.sampling_rate)
        if self.long == "truncate":
            n_samples = min(n_samples, self.n_samples)
        n_windows = -(-n_samples // self.n_samples)
        size = max(-(-n_samples // n_windows), shortest)
        return np.rint(np.linspace(0, max(n_samples - size, 0), n_windows)).astype(int), size

    def cut(self, waveform: np.ndarray) -> np.ndarray:
        """Cut a song into its windows.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The song, at the extractor's rate.

        Returns
        -------
        ndarray of shape (n_windows, size), dtype float32
        """
        starts, size = self.windows(len(waveform))
        padded = np.pad(waveform, (0, max(starts[-1] + size - len(waveform), 0)))
        return np.stack([padded[start : start + size] for start in starts])

    def inputs(self, windows: np.ndarray) -> dict[str, torch.Tensor]:
        """Turn windows into what the model takes.

        Parameters
        ----------
        windows : ndarray of shape (n_windows, size), dtype float32
            Windows of one length.

        Returns
        -------
        dict of str to Tensor
            With n_windows rows each, on the CPU.
        """
        rate = self.extractor.sampling_rate
        inputs = dict(self.extractor(list(windows), sampling_rate=rate, return_tensors="pt"))
        if "is_longer" in inputs:
            # CLAP's extractor calls one window of a batch too long, by chance, where none is.
            inputs["is_longer"] = inputs["is_longer"] & False
        return inputs

    def outputs(self, inputs: dict[str, torch.Tensor]) -> Any:
        """Run the model.

        Parameters
        ----------
        inputs : dict of str to Tensor
            See :meth:`inputs`.

        Returns
        -------
        ModelOutput
            With ``last_hidden_state`` and, from some models, ``pooler_output``.
        """
        inputs = {name: tensor.to(self.model.device) for name, tensor in inputs.items()}
        if hasattr(self.model, "get_audio_features"):
            return self.model.get_audio_features(**inputs)
        if self.model.config.is_encoder_decoder:
            return self.model.get_encoder()(**inputs)
        return self.model(**inputs)

    def pooled(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Run the model and pool what it returns, with gradients where they are wanted.

        Parameters
        ----------
        inputs : dict of str to Tensor
            See :meth:`inputs`.

        Returns
        -------
        Tensor of shape (n_windows, n_dimensions)
        """
        outputs = self.outputs(inputs)
        if self.pooling == "auto":
            if not hasattr(outputs, "last_hidden_state"):  # CLAP before transformers 5: a tensor
                return outputs
            if getattr(outputs, "pooler_output", None) is not None:
                return outputs.pooler_output
        hidden = outputs.last_hidden_state
        if hidden.ndim > 3:  # CLAP's is a map (n_windows, n_dimensions, frequency, time)
            hidden = hidden.flatten(2).transpose(1, 2)
        return hidden[:, 0] if self.pooling == "first" else hidden.mean(dim=1)

    def encode(self, X: Any, batch_size: int) -> np.ndarray:
        """Encode a column of songs.

        Parameters
        ----------
        X : audio column of n_songs cells
            The songs; a column of perturbed audio is heard through a table where that is exact.
        batch_size : int
            Windows at a time.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float32

        Warns
        -----
        UserWarning
            Songs were truncated.
        """
        perturbed = perturbed_audio(X)
        cells = audio_cells(X)[0] if perturbed is None else perturbed
        if perturbed is not None:
            self._check_rate(perturbed.neighbourhood)
            tables = self._tables(perturbed.neighbourhood)
            if tables is not None:
                return self._encode_from_tables(tables, perturbed.rows, batch_size)
        parts = []
        for first in range(0, len(cells), batch_size):
            block = cells[first : first + batch_size]
            parts.append(self._encode_songs(self._read(block, first), batch_size))
        return np.concatenate(parts)

    def _read(self, cells: Sequence[Any] | PerturbedAudio, first: int) -> list[np.ndarray]:
        rate = self.extractor.sampling_rate
        waveforms = [read_audio(cell, rate, row=first + i) for i, cell in enumerate(cells)]
        if self.long == "truncate":
            self.warn_of_long([len(waveform) for waveform in waveforms])
        return waveforms

    def warn_of_long(self, lengths: Sequence[int]) -> None:
        """Warn of songs that are truncated.

        Parameters
        ----------
        lengths : sequence of int
            Samples of songs.
        """
        rate, n_long = self.extractor.sampling_rate, sum(n > self.n_samples for n in lengths)
        if n_long:
            warnings.warn(
                f"{n_long} of {len(lengths)} songs are longer than the "
                f"{self.n_samples / rate:.4g} s that the model hears (up to "
                f"{max(lengths) / rate:.4g} s) and were truncated; long='mean' hears them whole"
            )

    def _encode_songs(self, waveforms: list[np.ndarray], batch_size: int) -> np.ndarray:
        """Encode songs, windows of one length together."""
        songs = [self.cut(waveform) for waveform in waveforms]
        sizes = np.array([windows.shape[1] for windows in songs])
        vectors: dict[int, np.ndarray] = {}
        for size in np.unique(sizes):
            rows = np.flatnonzero(sizes == size)
            windows = np.concatenate([songs[row] for row in rows])
            encoded = in_batches(lambda batch: self._pool(self.inputs(batch)), windows, batch_size)
            ends = np.cumsum([len(songs[row]) for row in rows])[:-1]
            for row, part in zip(rows, np.split(np.concatenate(list(encoded)), ends), strict=True):
                vectors[row] = part.mean(axis=0)
        return np.stack([vectors[row] for row in range(len(songs))])

    def _encode_from_tables(
        self, tables: list[WindowTable], rows: np.ndarray, batch_size: int
    ) -> np.ndarray:
        import torch

        def encode(some: np.ndarray) -> np.ndarray:
            spectra = (table.spectra(some) for table in tables)
            return sum(self._pool({"input_values": torch.from_numpy(s)}) for s in spectra)

        return np.concatenate(list(in_batches(encode, rows, batch_size))) / len(tables)

    def _pool(self, inputs: dict[str, torch.Tensor]) -> np.ndarray:
        with _torch.inference():
            return self.pooled(inputs).float().cpu().numpy()

    def _check_rate(self, neighbourhood: AudioNeighbourhood) -> None:
        rate, needed = neighbourhood.audio.sampling_rate, self.extractor.sampling_rate
        if rate != needed:
            raise ValueError(f"perturbed audio at {rate} Hz where {needed} Hz is needed")

    def _tables(self, neighbourhood: AudioNeighbourhood) -> list[WindowTable] | None:
        """The tables of the windows of a neighbourhood, if the model is one of those that have any.

        Slices of a perturbed column share them.
        """
        rate, n_samples = self.extractor.sampling_rate, len(neighbourhood.audio.mix)
        starts, size = self.windows(n_samples)
        if not _is_ast(self.extractor) or size > n_samples:
            return None
        kept = _TABLES.setdefault(neighbourhood, {})
        key = (self.extractor.to_json_string(), size, len(starts))
        if key not in kept:
            if self.long == "truncate":
                self.warn_of_long([n_samples])
            tables: list[WindowTable] = []
            for start in starts:
                table = window_table(
                    neighbourhood,
                    lambda stretch: self.inputs(stretch)["input_values"].numpy(),
                    int(start),
                    size,
                    frame_length=round(KALDI_FRAME * rate),
                    hop_length=round(KALDI_HOP * rate),
                )
                if table is None:
                    break
                tables.append(table)
            kept[key] = tables if len(tables) == len(starts) else None
        return kept[key]


_TABLES: WeakKeyDictionary[AudioNeighbourhood, dict] = WeakKeyDictionary()


def _is_ast(extractor: FeatureExtractionMixin) -> bool:
    from transformers import ASTFeatureExtractor

    return isinstance(extractor, ASTFeatureExtractor)
