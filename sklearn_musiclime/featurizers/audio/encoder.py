"""Audio models of the package transformers, as encoders of songs of any length.

An encoder reads windows of limited length. A longer song is cut into windows of equal length, as
few as possible, and the vectors of its windows are averaged.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime._runtime.memory import in_batches
from sklearn_musiclime.featurizers.audio.windows import (
    PerturbedWindow,
    WindowTable,
    window_table,
)
from sklearn_musiclime.featurizers.columns import audio_cells, perturbed_audio
from sklearn_musiclime.neighbourhood.audio_column import PerturbedAudio
from sklearn_musiclime.neighbourhood.perturbed import AudioNeighbourhood
from sklearn_musiclime.songs import read_audio

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

POOLINGS = ("auto", "mean", "first")
MAX_SECONDS = 30.0
"""Longest window of models that accept any length, such as wav2vec2, to bound their memory."""
MIN_SECONDS = 0.1
"""Shortest window, longer than the first analysis frame of any model; shorter songs are padded."""
KALDI_FRAME, KALDI_HOP = 0.025, 0.01
"""Length of a frame of AST's filter bank, and distance of successive frames, in seconds."""


@dataclass(frozen=True, eq=False)
class AudioEncoder:
    """An audio model with its feature extractor.

    Attributes
    ----------
    model : PreTrainedModel
        The model.
    extractor : FeatureExtractionMixin
        Converts waveforms to inputs of the model.
    pooling : {"auto", "mean", "first"}
        How a window becomes one vector. "auto": the model's own pooled output where it has one
        (AST, CLAP), else as "mean". "mean": the mean of the last layer over time. "first": the
        first position of the last layer.
    window : float or None
        Length of a window in seconds. None: the length that the extractor takes, or 30 if it takes
        any length.
    long : {"mean", "truncate"}
        Treatment of songs longer than a window. "mean": the vectors of several windows are
        averaged. "truncate": the end is dropped, with a warning.
    """

    model: PreTrainedModel
    extractor: Any  # transformers declares neither its rate nor that it can be called
    pooling: str = "auto"
    window: float | None = None
    long: str = "mean"

    @cached_property
    def n_samples(self) -> int:
        """Length of the longest window in samples.

        Raises
        ------
        ValueError
            `window` is below 0.1 s or more than the extractor takes.
        """
        rate, most = self.extractor.sampling_rate, math.inf
        if _is_ast(self.extractor):
            n_frames = self.extractor.max_length
            most = round(KALDI_FRAME * rate) + (n_frames - 1) * round(KALDI_HOP * rate)
        else:
            for name in ("nb_max_samples", "n_samples"):  # names in CLAP and in Whisper
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
        """Return the positions and the length of the windows of a song.

        Parameters
        ----------
        n_samples : int
            Length of the song in samples.

        Returns
        -------
        starts : ndarray of int
            First sample of each window.
        size : int
            Length of a window in samples; more than `n_samples` for songs below 0.1 s.
        """
        shortest = round(MIN_SECONDS * self.extractor.sampling_rate)
        if self.long == "truncate":
            n_samples = min(n_samples, self.n_samples)
        n_windows = -(-n_samples // self.n_samples)
        size = max(-(-n_samples // n_windows), shortest)
        return np.rint(np.linspace(0, max(n_samples - size, 0), n_windows)).astype(int), size

    def cut(self, waveform: np.ndarray) -> np.ndarray:
        """Cut a song into windows, with silence as padding.

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
        """Convert windows to inputs of the model.

        Parameters
        ----------
        windows : ndarray of shape (n_windows, size), dtype float32
            Windows of equal length.

        Returns
        -------
        dict of str to Tensor
            Keyword arguments of the model, each with n_windows rows, on the CPU.
        """
        rate = self.extractor.sampling_rate
        inputs = dict(self.extractor(list(windows), sampling_rate=rate, return_tensors="pt"))
        if "is_longer" in inputs:
            # CLAP's extractor marks a random window of a batch as too long if none is.
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
            The model's output, with ``last_hidden_state`` and, for some models, ``pooler_output``.
        """
        inputs = {name: tensor.to(self.model.device) for name, tensor in inputs.items()}
        if hasattr(self.model, "get_audio_features"):
            # CLAP's audio model, and its projection into the space shared with texts.
            clap: Any = self.model  # torch declares the parts of a module as tensors
            outputs = clap.audio_model(**inputs)
            projected = clap.audio_projection(outputs.pooler_output)
            outputs.pooler_output = projected / projected.norm(dim=-1, keepdim=True)
            return outputs
        if self.model.config.is_encoder_decoder:
            return self.model.get_encoder()(**inputs)
        return self.model(**inputs)

    def pooled(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Run the model and pool its output to a vector per window, differentiably.

        Parameters
        ----------
        inputs : dict of str to Tensor
            See :meth:`inputs`.

        Returns
        -------
        Tensor of shape (n_windows, n_dimensions)
        """
        outputs = self.outputs(inputs)
        if self.pooling == "auto" and getattr(outputs, "pooler_output", None) is not None:
            return outputs.pooler_output
        hidden = _steps(outputs)
        return hidden[:, 0] if self.pooling == "first" else hidden.mean(dim=1)

    def steps(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Run the model and return its last layer, differentiably.

        Parameters
        ----------
        inputs : dict of str to Tensor
            See :meth:`inputs`.

        Returns
        -------
        Tensor of shape (n_windows, n_steps, n_dimensions)
        """
        return _steps(self.outputs(inputs))

    def encode(self, X: Any, batch_size: int) -> np.ndarray:
        """Encode a column of songs.

        Parameters
        ----------
        X : audio column of n_songs cells
            The songs. For perturbed audio, each distinct window is encoded once, without composing
            whole songs.
        batch_size : int
            Number of windows in a batch.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float32

        Warns
        -----
        UserWarning
            Songs were truncated.
        """
        perturbed = perturbed_audio(X)
        if perturbed is not None:
            return self._encode_perturbed(perturbed, batch_size)
        cells, _ = audio_cells(X)
        parts = []
        for first in range(0, len(cells), batch_size):
            waveforms = list(self.read(cells[first : first + batch_size], first))
            parts.append(self._encode_songs(waveforms, batch_size))
        return np.concatenate(parts)

    def read(self, cells: Sequence[Any], first: int = 0) -> Iterator[np.ndarray]:
        """Read songs one at a time, resampled to the extractor's rate.

        Parameters
        ----------
        cells : sequence of audio cells
            The songs.
        first : int, default=0
            Row of the first cell in X, for error messages.

        Yields
        ------
        ndarray of shape (n_samples,), dtype float32
            The waveform of a song.

        Warns
        -----
        UserWarning
            Songs are longer than a window and will be truncated. The warning comes after the last
            song.
        """
        lengths = []
        for row, cell in enumerate(cells, first):
            waveform = read_audio(cell, self.extractor.sampling_rate, row=row)
            lengths.append(len(waveform))
            yield waveform
        if self.long == "truncate":
            self._warn_of_long(lengths)

    def _warn_of_long(self, lengths: Sequence[int]) -> None:
        rate, n_long = self.extractor.sampling_rate, sum(n > self.n_samples for n in lengths)
        if n_long:
            warnings.warn(
                f"{n_long} of {len(lengths)} songs are longer than the "
                f"{self.n_samples / rate:.4g} s that the model hears (up to "
                f"{max(lengths) / rate:.4g} s) and were truncated; long='mean' hears them whole"
            )

    def _encode_songs(self, waveforms: list[np.ndarray], batch_size: int) -> np.ndarray:
        """Encode songs (n_songs, n_dimensions), batching windows of equal length."""
        songs = [self.cut(waveform) for waveform in waveforms]
        sizes = np.array([windows.shape[1] for windows in songs])
        vectors: dict[int, np.ndarray] = {}
        for size in np.unique(sizes):
            rows = np.flatnonzero(sizes == size)
            windows = np.concatenate([songs[row] for row in rows])
            encoded = in_batches(lambda batch: self._pool(self.inputs(batch)), windows, batch_size)
            ends = np.cumsum([len(songs[row]) for row in rows])[:-1]
            parts = np.split(np.concatenate(list(encoded)), ends)
            for row, part in zip(rows.tolist(), parts, strict=True):
                vectors[row] = part.mean(axis=0)
        return np.stack([vectors[row] for row in range(len(songs))])

    def _encode_perturbed(self, column: PerturbedAudio, batch_size: int) -> np.ndarray:
        """Encode perturbed songs (n_rows, n_dimensions), fill by fill."""
        parts, encoded = self._windows(column.neighbourhood), []
        places = []
        for rows, windows in parts:
            row_of = np.full(len(column.neighbourhood.masks), -1)
            row_of[rows] = np.arange(len(rows))
            own = row_of[column.rows]
            if (own >= 0).any():
                places.append(np.flatnonzero(own >= 0))
                encoded.append(self._encode_windows(windows, own[own >= 0], batch_size))
        return np.concatenate(encoded)[np.argsort(np.concatenate(places))]

    def _encode_windows(
        self,
        windows: list[tuple[PerturbedWindow, WindowTable | None]],
        rows: np.ndarray,
        batch_size: int,
    ) -> np.ndarray:
        """Encode the masks of one fill (n_rows, n_dimensions), each distinct window once."""
        drawn = [np.unique(window.which[rows], return_inverse=True) for window, _ in windows]
        known = [dict(window.vectors) for window, _ in windows]
        new = [
            (number, int(case))
            for number, (cases, _) in enumerate(drawn)
            for case in cases
            if case not in known[number]
        ]
        encoded = in_batches(partial(self._encode_cases, windows), new, batch_size)
        for (number, case), vector in zip(new, chain.from_iterable(encoded), strict=True):
            known[number][case] = vector
        total: np.ndarray = np.zeros((), dtype=np.float32)
        for number, (window, _) in enumerate(windows):
            cases, which = drawn[number]
            total = total + np.stack([known[number][case] for case in cases])[which]
            # Vectors are kept if cases are shared by two masks or more on average.
            if len(window.cases) <= len(window.which) / 2:
                window.vectors.update(known[number])
        return total / len(windows)

    def _encode_cases(
        self,
        windows: list[tuple[PerturbedWindow, WindowTable | None]],
        some: list[tuple[int, int]],
    ) -> np.ndarray:
        """Encode windows, each given as (index of the window, index of the case)."""
        import torch

        inputs = []
        for number, case in some:
            window, table = windows[number]
            if table is None:
                inputs.append(self.inputs(window.waveforms(np.array([case]))))
            else:
                spectra = table.spectra(np.array([case]))
                inputs.append({"input_values": torch.from_numpy(spectra)})
        return self._pool({name: torch.cat([i[name] for i in inputs]) for name in inputs[0]})

    def _pool(self, inputs: dict[str, torch.Tensor]) -> np.ndarray:
        with _torch.inference():
            return self.pooled(inputs).float().cpu().numpy()

    def _windows(
        self, neighbourhood: AudioNeighbourhood
    ) -> list[tuple[np.ndarray, list[tuple[PerturbedWindow, WindowTable | None]]]]:
        """Return the masks of each fill and their windows, which all slices of a column share."""
        rate, needed = neighbourhood.audio.sampling_rate, self.extractor.sampling_rate
        if rate != needed:
            raise ValueError(f"perturbed audio at {rate} Hz where {needed} Hz is needed")
        n_samples = int(neighbourhood.audio.borders[-1])
        starts, size = self.windows(n_samples)
        kept = _WINDOWS.setdefault(neighbourhood, {})
        key = (self.model, self.pooling, self.extractor.to_json_string(), size, len(starts))
        if key not in kept:
            if self.long == "truncate":
                self._warn_of_long([n_samples])
            kept[key] = []
            for rows, part in neighbourhood.by_fill():
                windows = [PerturbedWindow.of(part, int(start), size) for start in starts]
                kept[key].append(
                    (rows, [(window, self._table(window, part)) for window in windows])
                )
        return kept[key]

    def _table(
        self, window: PerturbedWindow, neighbourhood: AudioNeighbourhood
    ) -> WindowTable | None:
        if not _is_ast(self.extractor):
            return None
        rate = self.extractor.sampling_rate
        return window_table(
            window,
            neighbourhood,
            lambda stretch: self.inputs(stretch)["input_values"].numpy(),
            frame_length=round(KALDI_FRAME * rate),
            hop_length=round(KALDI_HOP * rate),
        )


_WINDOWS: WeakKeyDictionary[AudioNeighbourhood, dict] = WeakKeyDictionary()


def _steps(outputs: Any) -> torch.Tensor:
    hidden = outputs.last_hidden_state
    # CLAP returns a map (n_windows, n_dimensions, frequency, time).
    return hidden.flatten(2).transpose(1, 2) if hidden.ndim > 3 else hidden


def _is_ast(extractor: Any) -> bool:
    from transformers import ASTFeatureExtractor

    return isinstance(extractor, ASTFeatureExtractor)
