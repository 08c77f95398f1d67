"""Embeddings of the audio column by a pretrained audio model."""

from __future__ import annotations

from functools import lru_cache
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime.featurizers.audio.encoder import POOLINGS, AudioEncoder
from sklearn_musiclime.featurizers.columns import remember_audio
from sklearn_musiclime.featurizers.embedder import Embedder

if TYPE_CHECKING:
    from transformers import FeatureExtractionMixin, PreTrainedModel

AST = "MIT/ast-finetuned-audioset-10-10-0.4593"


class AudioEmbedder(Embedder):
    """Embed audio with a Hugging Face model: AST, wav2vec2, HuBERT, CLAP, MERT, Whisper...

    Needs ``pip install sklearn-musiclime[deep]``.

    Parameters
    ----------
    model : str, Path or PreTrainedModel, default="MIT/ast-finetuned-audioset-10-10-0.4593"
        Name or folder of a model, or a model instance. A model given by name is loaded once per
        process and is not pickled: it must be available where the pickle is loaded. Custom code of
        a model, such as MERT's, is never run; to use such a model, load it yourself and pass the
        instance.
    feature_extractor : FeatureExtractionMixin or None, default=None
        Converts waveforms to inputs of the model. Its sampling rate is also the rate at which
        :class:`~sklearn_musiclime.MusicLimeExplainer` perturbs songs. None: the extractor that is
        saved with the model.
    pooling : {"auto", "mean", "first"}, default="auto"
        How a window becomes one vector. "auto": the model's own pooled output where it has one
        (AST, CLAP), else as "mean". "mean": the mean of the last layer over time. "first": the
        first position of the last layer.
    window : float or None, default=None
        Length of a window in seconds. None: the length that the extractor takes (AST 10.24, CLAP
        10, Whisper 30), or 30 if it takes any length.
    long : {"mean", "truncate"}, default="mean"
        How to embed songs longer than a window. "mean" cuts them into windows of equal length, as
        few as possible, and averages the embeddings; "truncate" drops the end, with a warning.
    batch_size : int, default=8
        Number of windows in a batch; halved while a batch does not fit into memory.
    device : str or None, default=None
        Device that the model runs on, as torch names it ("cpu", "cuda:1"). None: the device of a
        model instance; for a model given by name, a GPU if there is one. Each process that uses a
        GPU loads its own copy of the model.

    Attributes
    ----------
    n_dimensions_ : int
        Length of an embedding.
    model_digest_ : str
        Hash of the model's weights. A model given by name must have the same hash whenever the
        fitted estimator is used.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str objects
        Names of the columns, if X was a DataFrame.

    See Also
    --------
    SpectralStatistics : Features without a pretrained model.

    Notes
    -----
    The perturbed songs of an explanation are processed by windows: each distinct window is encoded
    once, and the spectrograms of an AST are assembled from a table of frames
    (:mod:`sklearn_musiclime.featurizers.audio.windows`). wav2vec2 and similar models normalize the
    level of each window, so a component that is left out changes the whole window, for perturbed
    songs as for any other audio.

    References
    ----------
    Gong, Chung, Glass, "AST: Audio Spectrogram Transformer", Interspeech 2021.

    Baevski et al., "wav2vec 2.0", arXiv 2006.11477.

    Hsu et al., "HuBERT", arXiv 2106.07447.

    Wu et al., "Large-scale contrastive language-audio pretraining" (CLAP), arXiv 2211.06687.

    Li et al., "MERT", arXiv 2306.00107.

    Examples
    --------
    An untrained model, far smaller than AST:

    >>> import numpy as np
    >>> from transformers import ASTConfig, ASTFeatureExtractor, ASTModel
    >>> from sklearn_musiclime import AudioEmbedder
    >>> config = ASTConfig(
    ...     hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
    ...     num_mel_bins=32, max_length=64,
    ... )
    >>> extractor = ASTFeatureExtractor(num_mel_bins=32, max_length=64)
    >>> embedder = AudioEmbedder(ASTModel(config), feature_extractor=extractor)
    >>> two_songs = np.random.default_rng(0).normal(size=(2, 16000))
    >>> embedder.fit_transform(two_songs).shape
    (2, 16)
    """

    def __init__(
        self,
        model: str | PathLike[str] | PreTrainedModel = AST,
        *,
        feature_extractor: FeatureExtractionMixin | None = None,
        pooling: str = "auto",
        window: float | None = None,
        long: str = "mean",
        batch_size: int = 8,
        device: str | None = None,
    ):
        self.model = model
        self.feature_extractor = feature_extractor
        self.pooling = pooling
        self.window = window
        self.long = long
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Any, y: Any = None) -> Self:
        """Load the model; there is nothing to learn.

        Parameters
        ----------
        X : audio column of n_songs cells
            A Series, list or object array of audio cells (see
            :func:`~sklearn_musiclime.songs.read_audio`), a DataFrame with one column, or a 2-D
            float array in which each row is a waveform. No audio is decoded.
        y : None
            Ignored.

        Returns
        -------
        AudioEmbedder
            The estimator itself.

        Raises
        ------
        ImportError
            transformers or torch is not installed.
        OSError
            There is no such model.
        ValueError
            A parameter is out of its range, or a model instance does not say where its feature
            extractor is, and `feature_extractor` is None.
        """
        self._check_parameters()
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {POOLINGS}, got {self.pooling!r}")
        model, self.model_digest_ = self._load()
        encoder = self._encoder(model)
        silence = np.zeros((1, encoder.windows(encoder.n_samples)[1]), dtype=np.float32)
        self.n_dimensions_ = encoder.encode(silence, 1).shape[1]
        remember_audio(self, X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Embed songs.

        Parameters
        ----------
        X : audio column of n_songs cells
            See :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float32

        Raises
        ------
        InvalidSongError
            A cell can't be read as audio; the message names its row.
        ValueError
            The named model has other weights than at the fit.
        RuntimeError
            A single window does not fit into memory.

        Warns
        -----
        UserWarning
            Songs were truncated.
        """
        check_is_fitted(self)
        return self._encoder(self._load_fitted()).encode(X, self.batch_size)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    @property
    def required_sampling_rate(self) -> int:
        """Sampling rate of the feature extractor in Hz."""
        return self._extractor().sampling_rate

    def _load(self) -> tuple[PreTrainedModel, str]:
        _torch.load("torch", "AudioEmbedder")
        _torch.load("transformers", "AudioEmbedder")
        return super()._load()

    @staticmethod
    @lru_cache(maxsize=2)
    def _load_named(name: str, device: str) -> tuple[PreTrainedModel, str]:
        from transformers import AutoModel

        with _torch.exclusive():
            model = AutoModel.from_pretrained(name)
            model = model.to(device).eval()
        return model, _torch.weights_digest(model)

    def _extractor(self) -> Any:
        if self.feature_extractor is not None:
            return self.feature_extractor
        return _load_extractor(came_from(self.model, "feature_extractor"))

    def _encoder(self, model: PreTrainedModel) -> AudioEncoder:
        return AudioEncoder(model, self._extractor(), self.pooling, self.window, self.long)


def came_from(model: str | PathLike[str] | PreTrainedModel, companion: str) -> str:
    """Return the name or folder of a model, to load its feature extractor or tokenizer from.

    Parameters
    ----------
    model : str, Path or PreTrainedModel
        The model.
    companion : {"feature_extractor", "tokenizer"}
        The parameter that the error message suggests.

    Returns
    -------
    str
        A name or a folder.

    Raises
    ------
    ValueError
        A model instance has no ``name_or_path``.
    """
    name = str(model) if isinstance(model, (str, PathLike)) else getattr(model, "name_or_path", "")
    if not name:
        raise ValueError(
            f"{type(model).__name__} does not say where it came from: give its {companion} too"
        )
    return name


@lru_cache(maxsize=8)
def _load_extractor(name: str) -> FeatureExtractionMixin:
    AutoFeatureExtractor = _torch.load("transformers", "AudioEmbedder").AutoFeatureExtractor
    return AutoFeatureExtractor.from_pretrained(name)
