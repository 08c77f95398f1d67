"""Sources that a network takes apart: Demucs, Open-Unmix, or any torch module."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import librosa
import numpy as np
from sklearn.base import BaseEstimator

from sklearn_musiclime._runtime.memory import in_batches
from sklearn_musiclime._runtime.torch import inference, load, pick_device
from sklearn_musiclime.components.separation.sources import RESIDUAL, Sources

if TYPE_CHECKING:
    import torch

DEFAULT_CHUNK_SECONDS = 10.0
MIN_SECONDS = 1.0
"""Networks of spectrograms can't take less than a few windows: shorter songs are padded."""
GRID = 4096
"""Chunks begin at multiples of this many samples, as the strides of nearly all networks do."""
SILENCE = 1e-8
"""Added to the deviation that the mix is divided by, as Demucs does."""


class TorchSeparator(BaseEstimator):
    """Sources that a torch module takes apart.

    Any module that maps mixes (batch, channels, samples) to (batch, sources, channels, samples) is
    a separator. :meth:`demucs` and :meth:`open_unmix` load the well-known ones. What the sources
    lack of the mix becomes a "residual", see
    :func:`~sklearn_musiclime.components.separate_sources`.

    Parameters
    ----------
    model : torch.nn.Module or callable
        Takes a float32 tensor (batch, channels, samples) to one (batch, sources, channels,
        samples). A module is put into evaluation mode, and on the device, while it works.
    sources : sequence of str or None, default=None
        Names of the sources. None: ``model.sources``, which Demucs has, else "source0",
        "source1", and so on.
    model_sampling_rate : float or None, default=None
        The rate in Hz that the model was made for; songs are resampled to it, and the sources
        back. None: ``model.samplerate`` or ``model.sample_rate``, else the rate of the song.
    n_channels : int or None, default=None
        Channels that the model takes. A song is repeated over them, and a source is the mean over
        its own. None: ``model.audio_channels``, else 2.
    chunk_seconds : float, "auto" or None, default="auto"
        How much of a song the model gets at a time, which bounds the memory. "auto": the model's
        ``segment``, else 10. None: the whole song at once.
    overlap : float, default=0.25
        What part of a chunk the next one has too, at most 0.5.
    normalize : bool or None, default=None
        Whether the mix is brought to mean 0 and standard deviation 1 before, and the sources back
        after, as Demucs does outside of its model. None: for Demucs' models only.
    batch_size : int, default=1
        Chunks at a time; halved when they don't fit into memory.
    device : str or None, default=None
        Where the model runs, as torch names it. None: a GPU if there is one, else the processor.

    Notes
    -----
    In the overlap of two chunks the outer quarters are thrown away, and the middle half fades from
    one into the other. So chunks change nothing, but for rounding (1e-6), where no sample of the
    sources depends on a sample of the mix farther away than a quarter of the overlap (0.6 s by
    default), and the model's strides divide 4096. Attention, recurrence and normalization over time
    see the whole chunk: there its length is part of the model, and should be that of the training.

    Models of the package demucs are run by its own ``apply_model`` without random shifts, with
    `chunk_seconds` as its ``segment`` and its own chunks and fades, one at a time: the sources are
    those of ``demucs.api.Separator(shifts=0)``. Chunks change those of all its models, even the
    convolutional ones, as its fades begin at the very edge of a chunk. HTDemucs takes no chunk
    longer than its ``segment``.

    Memory is bounded by one batch of chunks, and by the sources of the song at the model's rate
    (by Demucs in all channels, and twice for a bag of models).

    References
    ----------
    Défossez, Usunier, Bottou, Bach, "Music Source Separation in the Waveform Domain", arXiv
    1911.13254.

    Rouard, Massa, Défossez, "Hybrid Transformers for Music Source Separation", arXiv 2211.08553.

    Stöter, Uhlich, Liutkus, Mitsufuji, "Open-Unmix - A Reference Implementation for Music Source
    Separation", Journal of Open Source Software 4(41), 2019.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_musiclime import TorchSeparator
    >>> class Smooth(torch.nn.Module):
    ...     def forward(self, mix):
    ...         low = torch.nn.functional.avg_pool1d(mix, 9, stride=1, padding=4)
    ...         return torch.stack([low, mix - low], dim=1)
    >>> separator = TorchSeparator(Smooth(), sources=("low", "high"))
    >>> hum = np.sin(2 * np.pi * 50 * np.arange(22050) / 22050).astype(np.float32)
    >>> names, sources = separator.separate(hum, 22050)
    >>> names, sources.shape
    (('low', 'high'), (2, 22050))
    >>> bool(np.std(sources[0]) > 100 * np.std(sources[1]))
    True
    """

    def __init__(
        self,
        model: torch.nn.Module | Callable[[torch.Tensor], torch.Tensor],
        *,
        sources: Sequence[str] | None = None,
        model_sampling_rate: float | None = None,
        n_channels: int | None = None,
        chunk_seconds: float | str | None = "auto",
        overlap: float = 0.25,
        normalize: bool | None = None,
        batch_size: int = 1,
        device: str | None = None,
    ):
        self.model = model
        self.sources = sources
        self.model_sampling_rate = model_sampling_rate
        self.n_channels = n_channels
        self.chunk_seconds = chunk_seconds
        self.overlap = overlap
        self.normalize = normalize
        self.batch_size = batch_size
        self.device = device

    @classmethod
    def demucs(
        cls,
        name: str = "htdemucs",
        *,
        repo: str | PathLike[str] | None = None,
        **parameters: Any,
    ) -> Self:
        """Load a model of Demucs, or a bag of them.

        Parameters
        ----------
        name : str, default="htdemucs"
            The model's name. Weights are downloaded the first time.
        repo : path-like or None, default=None
            A folder to load from instead, with weights (``.th``) and bags (``.yaml``) as Demucs
            saves them. Such files can run code when loaded: use only those that you trust.
        **parameters : object
            Those of the class.

        Returns
        -------
        TorchSeparator

        Raises
        ------
        ImportError
            torch or demucs is not installed, or diffq, which quantized models need.
        OSError
            There is no such model, or its weights can't be had.
        """
        who = f"{cls.__name__}.demucs"
        load("torch", who)
        api = load("demucs.api", who, extra="separation")
        if repo is not None and not Path(repo).is_dir():
            raise NotADirectoryError(f"{who}: there is no folder {str(repo)!r}")
        folder = None if repo is None else Path(repo)
        try:
            model = api.get_model(name, folder)
        except SystemExit as error:  # how demucs ends where it lacks diffq
            raise ImportError(f"{who}: model {name!r} needs diffq: pip install diffq") from error
        except Exception as error:  # of the hub, the network, or what the file holds
            known = api.list_models(folder)
            raise OSError(
                f"{who} can't load model {name!r}{'' if repo is None else f' from {folder}'}: "
                f"{type(error).__name__}: {error}. There are "
                f"{sorted(known['bag'] if repo is None else known['bag'] | known['single'])}. "
                "Weights that are not in the folder repo= are downloaded; without a network, give "
                "a folder that has them"
            ) from error
        return cls(model, **parameters)

    @classmethod
    def open_unmix(
        cls,
        name: str | PathLike[str] = "umxhq",
        *,
        targets: Sequence[str] | None = None,
        **parameters: Any,
    ) -> Self:
        """Load a model of Open-Unmix.

        Its recurrent layers see whole chunks, of 10 s by default.

        Parameters
        ----------
        name : str or path-like, default="umxhq"
            The model's name, or the folder of one of one's own. Weights are downloaded the first
            time.
        targets : sequence of str or None, default=None
            The sources that are wanted. None: all there are.
        **parameters : object
            Those of the class.

        Returns
        -------
        TorchSeparator

        Raises
        ------
        ImportError
            torch or openunmix is not installed.
        OSError
            There is no such model, or its weights can't be had.
        """
        who = f"{cls.__name__}.open_unmix"
        load("torch", who)
        try:
            from openunmix.utils import load_separator
        except ImportError as error:
            raise ImportError(f"{who} needs openunmix: pip install openunmix ({error})") from error
        if targets is None and Path(name).is_dir():
            targets = sorted({path.stem for path in Path(name).glob("*.json")} - {"separator"})
        try:
            model = load_separator(str(name), targets=targets)
        except Exception as error:  # of the network, of a name that is none, of what a file holds
            raise OSError(
                f"{who} can't load model {str(name)!r}: {type(error).__name__}: {error}. There are "
                "umx, umxhq, umxl and umxse, whose weights are downloaded; without a network, give "
                "the folder of a model as name"
            ) from error
        defaults = {
            "sources": tuple(model.target_models),
            "n_channels": 1 if model.complexnorm.mono else 2,
        }
        return cls(model, **(defaults | parameters))

    @property
    def source_names(self) -> tuple[str, ...]:
        """The sources and the rest of the mix that they may leave."""
        names = self._of_model("sources", default=None) if self.sources is None else self.sources
        if names is None:
            raise AttributeError("what the model's sources are is not known: give sources=")
        return tuple(dict.fromkeys((*names, RESIDUAL)))

    def separate(self, waveform: np.ndarray, sampling_rate: float) -> Sources:
        """Take a waveform apart.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The audio.
        sampling_rate : float
            Its rate in Hz.

        Returns
        -------
        names : tuple of str
            The sources.
        sources : ndarray of shape (n_sources, n_samples), dtype float32
            Their waveforms.

        Raises
        ------
        ImportError
            torch is not installed.
        ValueError
            A parameter is out of its range, or the model returned the wrong shape or NaN.
        """
        load("torch", type(self).__name__)
        self._check_parameters()
        rate = self.model_sampling_rate
        if rate is None:
            rate = float(self._of_model("samplerate", "sample_rate", default=sampling_rate))
        mix = librosa.resample(
            np.asarray(waveform, dtype=np.float32), orig_sr=sampling_rate, target_sr=rate
        )
        n_samples = len(mix)
        normalize = _is_demucs(self.model) if self.normalize is None else self.normalize
        if normalize:
            mean = np.float32(np.mean(mix, dtype=np.float64))
            deviation = np.std(mix, dtype=np.float64, ddof=min(1, n_samples - 1))
            deviation = np.float32(deviation + SILENCE)
            mix = (mix - mean) / deviation
        mix = librosa.util.fix_length(mix, size=max(n_samples, round(MIN_SECONDS * rate)))
        sources = self._run(mix, rate)[:, :n_samples]
        if not np.isfinite(sources).all():
            raise ValueError("the model returned NaN or infinite samples")
        if normalize:
            sources *= deviation
            sources += mean
        sources = librosa.resample(sources, orig_sr=rate, target_sr=sampling_rate)
        names = self._of_model("sources", default=None) if self.sources is None else self.sources
        if names is None:
            names = [f"source{number}" for number in range(len(sources))]
        return tuple(names), librosa.util.fix_length(sources, size=len(waveform))

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        # The repr of a network runs to pages.
        shown = copy.copy(self)
        shown.model = getattr(self.model, "__name__", type(self.model).__name__)
        return super(TorchSeparator, shown).__repr__(N_CHAR_MAX)

    def _check_parameters(self) -> None:
        if not 0 <= self.overlap <= 0.5:
            raise ValueError(f"overlap must be from 0 to 0.5, got {self.overlap!r}")
        if self.chunk_seconds not in ("auto", None) and not self.chunk_seconds > 0:
            raise ValueError(
                f"chunk_seconds must be 'auto', None or positive, got {self.chunk_seconds!r}"
            )
        if not self.batch_size >= 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size!r}")

    def _of_model(self, *attributes: str, default: Any) -> Any:
        """What the model says of itself, under one name or another."""
        there = (name for name in attributes if hasattr(self.model, name))
        return next((getattr(self.model, name) for name in there), default)

    def _run(self, mix: np.ndarray, rate: float) -> np.ndarray:
        """The sources (n_sources, n_samples) of a mix at the model's rate."""
        import torch

        n_channels = self.n_channels
        if n_channels is None:
            n_channels = self._of_model("audio_channels", default=2)
        channels = torch.tensor(mix).expand(n_channels, -1)
        device = pick_device(self.device)
        with inference(), _at_work(self.model, device):
            if _is_demucs(self.model):
                return self._run_demucs(channels, device).numpy()
            return self._run_chunks(channels, rate, device).numpy()

    def _run_demucs(self, mix: torch.Tensor, device: torch.device) -> torch.Tensor:
        from demucs.apply import apply_model

        sources = apply_model(
            self.model,
            mix[None],
            shifts=0,
            split=self.chunk_seconds is not None,
            segment=None if self.chunk_seconds == "auto" else self.chunk_seconds,
            overlap=self.overlap,
            device=device,
        )
        return sources[0].mean(dim=1)

    def _run_chunks(self, mix: torch.Tensor, rate: float, device: torch.device) -> torch.Tensor:
        import torch

        n_samples = mix.shape[1]
        seconds = self.chunk_seconds
        if seconds == "auto":
            seconds = float(self._of_model("segment", default=DEFAULT_CHUNK_SECONDS))
        chunk = n_samples if seconds is None else max(round(seconds * rate), 1)
        shared = int(self.overlap * chunk)
        hop = chunk - shared
        hop -= hop % min(hop, GRID)
        chunk = hop + shared
        # The last chunk ends where the song does, as the model may pad what it gets.
        starts = range(0, max(n_samples - shared, 1), hop)
        margin = shared // 4
        fade_in = (torch.arange(shared) + 0.5 - margin) / max(shared - 2 * margin, 1)
        fade_in.clamp_(0, 1)

        def run(starts: range) -> torch.Tensor:
            batch = torch.stack([mix[:, start : start + chunk] for start in starts]).to(device)
            sources = self.model(batch)
            shape = tuple(getattr(sources, "shape", ()))
            if len(shape) != 4 or shape[::3] != batch.shape[::2]:
                raise ValueError(
                    f"the model returned shape {shape} for {tuple(batch.shape)}; expected "
                    f"({len(batch)}, n_sources, n_channels, {batch.shape[2]})"
                )
            return sources.mean(dim=2).cpu()

        alike = (starts[:-1], starts[-1:])  # of one length each
        batches = chain.from_iterable(in_batches(run, part, self.batch_size) for part in alike)
        total = None
        for start, sources in zip(starts, chain.from_iterable(batches), strict=True):
            if total is None:
                total = torch.zeros(len(sources), n_samples)
            if start != starts[0]:
                sources[:, :shared] *= fade_in
            if start != starts[-1]:
                sources[:, hop:] *= 1 - fade_in
            total[:, start : start + chunk] += sources
        return total


def _is_demucs(model: Any) -> bool:
    """Whether a model is one of the package demucs, which knows how to run them."""
    return any(c.__module__.partition(".")[0] == "demucs" for c in type(model).__mro__)


@contextmanager
def _at_work(model: Any, device: torch.device) -> Iterator[None]:
    """Have a module on a device and in evaluation mode, and leave it as it was."""
    import torch

    if not isinstance(model, torch.nn.Module):
        yield
        return
    modes = [(module, module.training) for module in model.modules()]
    tensors = chain(model.parameters(), model.buffers())
    home = next((tensor.device for tensor in tensors), device)
    try:
        with torch.inference_mode(False):  # weights that move in it could not be trained again
            model.to(device)
        model.eval()
        yield
    finally:
        with torch.inference_mode(False):
            model.to(home)
        for module, mode in modes:
            module.training = mode
