"""Audio models of transformers, as functions from waveforms to vectors.

An encoder hears so many seconds at a time and no more. A longer song is heard in windows, as few as
need be, all of one length, and the vectors of its windows are averaged.
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
            # Of CLAP its audio half, and the projection into the space that texts are in too.
            outputs = self.model.audio_model(**inputs)
            projected = self.model.audio_projection(outputs.pooler_output)
            outputs.pooler_output = projected / projected.norm(dim=-1, keepdim=True)
            return outputs
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
        if self.pooling == "auto" and getattr(outputs, "pooler_output", None) is not None:
            return outputs.pooler_output
        hidden = _steps(outputs)
        return hidden[:, 0] if self.pooling == "first" else hidden.mean(dim=1)

    def steps(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Run the model and return its last layer, with gradients where they are wanted.

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
            The songs. Of perturbed audio every distinct window is encoded once, and no song is
            composed.
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
        if perturbed is not None:
            return self._encode_perturbed(perturbed, batch_size)
        cells, _ = audio_cells(X)
        parts = []
        for first in range(0, len(cells), batch_size):
            waveforms = list(self.read(cells[first : first + batch_size], first))
            parts.append(self._encode_songs(waveforms, batch_size))
        return np.concatenate(parts)

    def read(self, cells: Sequence[Any], first: int = 0) -> Iterator[np.ndarray]:
        """Read songs at the extractor's rate, one at a time.

        Parameters
        ----------
        cells : sequence of audio cells
            The songs.
        first : int, default=0
            Row of the first, for errors.

        Yields
        ------
        ndarray of shape (n_samples,), dtype float32

        Warns
        -----
        UserWarning
            Behind the last: songs were longer than the model hears, and are to be truncated.
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

    def _encode_perturbed(self, column: PerturbedAudio, batch_size: int) -> np.ndarray:
        """Encode what is heard in each window, no two masks' windows that sound the same twice."""
        windows = self._windows(column.neighbourhood)
        drawn = [np.unique(window.which[column.rows], return_inverse=True) for window, _ in windows]
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
        total = 0.0
        for number, (window, _) in enumerate(windows):
            cases, which = drawn[number]
            total = total + np.stack([known[number][case] for case in cases])[which]
            if len(window.cases) <= len(window.which) / 2:  # others hardly come again
                window.vectors.update(known[number])
        return total / len(windows)

    def _encode_cases(
        self,
        windows: list[tuple[PerturbedWindow, WindowTable | None]],
        some: list[tuple[int, int]],
    ) -> np.ndarray:
        """Encode windows that are given by their number and case."""
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
    ) -> list[tuple[PerturbedWindow, WindowTable | None]]:
        """The windows of a neighbourhood, which the slices of a perturbed column share."""
        rate, needed = neighbourhood.audio.sampling_rate, self.extractor.sampling_rate
        if rate != needed:
            raise ValueError(f"perturbed audio at {rate} Hz where {needed} Hz is needed")
        n_samples = len(neighbourhood.audio.mix)
        starts, size = self.windows(n_samples)
        kept = _WINDOWS.setdefault(neighbourhood, {})
        key = (self.model, self.pooling, self.extractor.to_json_string(), size, len(starts))
        if key not in kept:
            if self.long == "truncate":
                self._warn_of_long([n_samples])
            windows = [PerturbedWindow.of(neighbourhood, int(start), size) for start in starts]
            kept[key] = [(window, self._table(window, neighbourhood)) for window in windows]
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
    # CLAP's is a map (n_windows, n_dimensions, frequency, time).
    return hidden.flatten(2).transpose(1, 2) if hidden.ndim > 3 else hidden


def _is_ast(extractor: FeatureExtractionMixin) -> bool:
    from transformers import ASTFeatureExtractor

    return isinstance(extractor, ASTFeatureExtractor)
