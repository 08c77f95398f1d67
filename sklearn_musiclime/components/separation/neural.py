"""Source separation by a neural network: Demucs, Open-Unmix, or any torch module."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeGuard

import librosa
import numpy as np
from sklearn.base import BaseEstimator

from sklearn_musiclime._runtime.torch import at_work, inference, load, pick_device
from sklearn_musiclime.components.separation.chunks import separate_in_chunks
from sklearn_musiclime.components.separation.sources import RESIDUAL, Sources

if TYPE_CHECKING:
    import torch
    from demucs.apply import Model

DEFAULT_CHUNK_SECONDS = 10.0
MIN_SECONDS = 1.0
"""Length to which shorter songs are padded: spectrogram networks need at least a few windows."""
SILENCE = 1e-8
"""Added to the standard deviation that the mix is divided by, as Demucs does."""


class TorchSeparator(BaseEstimator):
    """Source separation by a torch module.

    Any module that maps mixes (batch, channels, samples) to sources (batch, sources, channels,
    samples) will do. :meth:`demucs` and :meth:`open_unmix` load well-known models. What the sources
    lack of the mix becomes a source "residual", see
    :func:`~sklearn_musiclime.components.separate_sources`.

    Parameters
    ----------
    model : torch.nn.Module or callable
        Maps a float32 tensor (batch, channels, samples) to a tensor (batch, sources, channels,
        samples). While it runs, a module is in evaluation mode and on the device; afterwards it is
        put back as it was.
    sources : sequence of str or None, default=None
        Names of the sources. None: ``model.sources``, which Demucs has, else "source0",
        "source1", and so on.
    model_sampling_rate : float or None, default=None
        Sampling rate of the model in Hz. Songs are resampled to it, and the sources back to the
        rate of the song. None: ``model.samplerate`` or ``model.sample_rate``, else the rate of the
        song.
    n_channels : int or None, default=None
        Number of channels of the model's input. The mono song is copied to each of them, and a
        source is the mean over its channels. None: ``model.audio_channels``, else 2.
    chunk_seconds : float, "auto" or None, default="auto"
        Length of the chunks in which a song is separated, which bounds the memory. "auto": the
        model's ``segment``, else 10. None: the whole song at once.
    overlap : float, default=0.25
        Overlap of successive chunks as a fraction of their length, at most 0.5.
    normalize : bool or None, default=None
        Whether the mix is scaled to mean 0 and standard deviation 1 before separation, and the
        sources are scaled back afterwards, as Demucs does outside of its model. None: for models of
        Demucs only.
    batch_size : int, default=1
        Number of chunks in a batch; halved while a batch does not fit into memory.
    device : str or None, default=None
        Device that the model runs on, as torch names it. None: a GPU if there is one, else the CPU.

    Notes
    -----
    In the overlap of two chunks the outer quarters are discarded, and the middle half is a
    crossfade. So chunking changes the sources by rounding only (1e-6) if two conditions hold: no
    sample of the sources depends on a sample of the mix farther away than a quarter of the overlap
    (0.6 s by default), and the model's strides divide 4096. Attention, recurrence and normalization
    over time depend on the whole chunk: such models should get chunks of the length that they were
    trained on.

    Models of the package demucs are run by its own ``apply_model`` without random shifts, one chunk
    at a time, with `chunk_seconds` as its ``segment``: the sources equal those of
    ``demucs.api.Separator(shifts=0)``. Its crossfades begin at the very edge of a chunk, so here
    chunking changes the sources even of convolutional models. HTDemucs accepts no chunk longer than
    its ``segment``.

    Memory is bounded by one batch of chunks and by the sources of the song at the model's sampling
    rate (for Demucs in all channels, and twice that for a bag of models).

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
        chunk_seconds: float | Literal["auto"] | None = "auto",
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
        """Load a model of Demucs, or a bag of models.

        Parameters
        ----------
        name : str, default="htdemucs"
            Name of the model. Its weights are downloaded the first time.
        repo : path-like or None, default=None
            Local folder with weights (``.th``) and bags (``.yaml``) as Demucs saves them, which
            replaces the download. Loading such files can run code: use only those that you trust.
        **parameters : object
            Parameters of :class:`TorchSeparator`.

        Returns
        -------
        TorchSeparator

        Raises
        ------
        ImportError
            torch or demucs is not installed, or diffq, which quantized models need.
        OSError
            There is no such model, or its weights can't be downloaded or read.
        """
        who = f"{cls.__name__}.demucs"
        load("torch", who)
        api = load("demucs.api", who, extra="separation")
        if repo is not None and not Path(repo).is_dir():
            raise NotADirectoryError(f"{who}: there is no folder {str(repo)!r}")
        folder = None if repo is None else Path(repo)
        try:
            model = api.get_model(name, folder)
        except SystemExit as error:  # demucs exits where diffq is missing
            raise ImportError(f"{who}: model {name!r} needs diffq: pip install diffq") from error
        except Exception as error:  # of any kind: from the hub, the network, or a broken file
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

        The model is recurrent, so the sources depend on the length of the chunks, 10 s by default.

        Parameters
        ----------
        name : str or path-like, default="umxhq"
            Name of a model, whose weights are downloaded the first time, or a folder with a model
            that Open-Unmix has trained.
        targets : sequence of str or None, default=None
            Sources to separate. None: all sources of the model.
        **parameters : object
            Parameters of :class:`TorchSeparator`.

        Returns
        -------
        TorchSeparator

        Raises
        ------
        ImportError
            torch or openunmix is not installed.
        OSError
            There is no such model, or its weights can't be downloaded or read.
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
        except Exception as error:  # of any kind: the network, an unknown name, or a broken file
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
        """Names of the sources, with "residual" for what they may lack of the mix."""
        names = self._of_model("sources", default=None) if self.sources is None else self.sources
        if names is None:
            raise AttributeError("what the model's sources are is not known: give sources=")
        return tuple(dict.fromkeys((*names, RESIDUAL)))

    def separate(self, waveform: np.ndarray, sampling_rate: float) -> Sources:
        """Separate a waveform into sources.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The audio.
        sampling_rate : float
            Its sampling rate in Hz.

        Returns
        -------
        names : tuple of str
            Names of the sources.
        sources : ndarray of shape (n_sources, n_samples), dtype float32
            Waveforms of the sources.

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
            ddof = min(1, n_samples - 1)
            deviation = np.float32(np.std(mix, dtype=np.float64, ddof=ddof) + SILENCE)
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
        # The class of the model stands for it: the repr of a network fills pages.
        shown: Any = copy.copy(self)
        shown.model = getattr(self.model, "__name__", type(self.model).__name__)
        return super(TorchSeparator, shown).__repr__(N_CHAR_MAX)

    def _check_parameters(self) -> None:
        if not 0 <= self.overlap <= 0.5:
            raise ValueError(f"overlap must be from 0 to 0.5, got {self.overlap!r}")
        seconds = self.chunk_seconds
        if seconds is not None and seconds != "auto" and not seconds > 0:
            raise ValueError(f"chunk_seconds must be 'auto', None or positive, got {seconds!r}")
        if not self.batch_size >= 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size!r}")

    def _of_model(self, *attributes: str, default: Any) -> Any:
        """Value of the first of these attributes that the model has, else the default."""
        there = (name for name in attributes if hasattr(self.model, name))
        return next((getattr(self.model, name) for name in there), default)

    def _run(self, mix: np.ndarray, rate: float) -> np.ndarray:
        """Separate a mix (n_samples,) at the model's rate into sources (n_sources, n_samples)."""
        import torch

        n_channels = self.n_channels
        if n_channels is None:
            n_channels = self._of_model("audio_channels", default=2)
        channels = torch.tensor(mix).expand(n_channels, -1)
        device = pick_device(self.device)
        with inference(), at_work(self.model, device):
            if _is_demucs(self.model):
                return self._run_demucs(self.model, channels, device).numpy()
            seconds = self.chunk_seconds
            if seconds == "auto":
                seconds = float(self._of_model("segment", default=DEFAULT_CHUNK_SECONDS))
            return separate_in_chunks(
                self.model,
                channels,
                n_chunk=len(mix) if seconds is None else max(round(seconds * rate), 1),
                overlap=self.overlap,
                batch_size=self.batch_size,
                device=device,
            ).numpy()

    def _run_demucs(self, model: Model, mix: torch.Tensor, device: torch.device) -> torch.Tensor:
        from demucs.apply import apply_model

        sources = apply_model(
            model,
            mix[None],
            shifts=0,
            split=self.chunk_seconds is not None,
            segment=None if self.chunk_seconds == "auto" else self.chunk_seconds,
            overlap=self.overlap,
            device=device,
        )
        return sources[0].mean(dim=1)


def _is_demucs(model: object) -> TypeGuard[Model]:
    """Whether a model's class is of the package demucs, whose ``apply_model`` then runs it."""
    return any(c.__module__.partition(".")[0] == "demucs" for c in type(model).__mro__)
