"""The model of the MusicLIME paper: an audio and a text transformer with a joint classifier.

Its network is in :mod:`~sklearn_musiclime.fusion.fine_tuned`, its files in
:mod:`~sklearn_musiclime.fusion.saving`. What is left is mainly the description of its parameters,
which belongs in one docstring.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import (
    check_consistent_length,
    check_random_state,
    column_or_1d,
    compute_sample_weight,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime._runtime.memory import in_batches
from sklearn_musiclime.featurizers.audio.embedder import AST
from sklearn_musiclime.featurizers.texts import LONG
from sklearn_musiclime.fusion._columns import modalities_of, read_columns
from sklearn_musiclime.fusion.fine_tuned import is_factored
from sklearn_musiclime.fusion.saving import SavedNetwork

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, SequenceFeatureExtractor


ROBERTA = "FacebookAI/roberta-base"
FUSIONS = ("concat", "gated", "cross_attention")


class TransformerFusionClassifier(ClassifierMixin, SavedNetwork):
    """Fine-tune an audio transformer and a text transformer with a joint classification head.

    With ``fusion="concat"`` this is the architecture of the MusicLIME paper: the pooled output of
    an AST and the first token of a RoBERTa are concatenated, normalized, and passed to a linear
    layer. Needs ``pip install sklearn-musiclime[deep]``.

    Parameters
    ----------
    audio_model : str, Path or PreTrainedModel, \
            default="MIT/ast-finetuned-audioset-10-10-0.4593"
        Audio encoder: name or folder of a model that :class:`~sklearn_musiclime.AudioEmbedder`
        accepts, or a model instance, which is copied.
    lyrics_model : str, Path or PreTrainedModel, default="FacebookAI/roberta-base"
        Text encoder: name or folder of a RoBERTa, BERT, XLM-RoBERTa..., or a model instance, which
        is copied.
    fusion : {"concat", "gated", "cross_attention"}, default="concat"
        How the head combines the modalities. "concat": it concatenates the two vectors. "gated": a
        gate mixes them in each dimension. "cross_attention": each time step attends to all tokens,
        and each token to all time steps; the explainer then has to treat the model as a black box,
        as the modalities can't be encoded separately.
    modality : {"both", "audio", "lyrics"}, default="both"
        Modalities that are used. With a single one, there is only its encoder.
    freeze : bool, default=False
        Whether the encoders keep their weights. Then each song is encoded once, and only the head
        is trained.
    long : {"mean", "truncate"}, default="mean"
        Treatment of songs and lyrics that are longer than the encoders read, see
        :class:`~sklearn_musiclime.AudioEmbedder`.
    feature_extractor : SequenceFeatureExtractor or None, default=None
        Feature extractor of the audio model. None: the one that is saved with the model.
    tokenizer : PreTrainedTokenizerBase or None, default=None
        Tokenizer of the lyrics model. None: the one that is saved with the model.
    n_epochs : int, default=10
        Largest number of passes over the training songs.
    batch_size : int, default=8
        Number of songs in a training step. In prediction, number of windows or texts in a batch,
        which is halved while a batch does not fit into memory.
    learning_rate : float, default=2e-5
        Peak learning rate of the encoders. The rate rises linearly in the first tenth of the steps,
        then falls linearly to 0.
    head_learning_rate : float, default=1e-3
        Peak learning rate of the head, with the same schedule.
    weight_decay : float, default=0.01
        Weight decay of AdamW.
    class_weight : "balanced", dict or None, default=None
        Weights of the classes, see :func:`~sklearn.utils.class_weight.compute_sample_weight`.
    early_stopping : bool, default=False
        Whether a part of the songs is held out for validation and training stops when the loss on
        it no longer falls. The network then gets the weights of the lowest validation loss.
    validation_fraction : float, default=0.1
        Fraction of the songs that is held out for early stopping.
    n_iter_no_change : int, default=3
        Number of epochs without a lower validation loss after which training stops.
    mixed_precision : bool or None, default=None
        Whether forward passes in training use bfloat16. None: on a GPU that supports it.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the previous ``fit``.
    device : str or None, default=None
        Device of the network, as torch names it. None: a GPU if there is one, else the CPU.
    random_state : int, RandomState instance or None, default=None
        Seed of the head's initial weights, of dropout, of the order of the songs and of the choice
        of validation songs. With an int, ``fit`` is reproducible on one machine.
    verbose : int, default=0
        If above 0, a progress bar is shown.
    audio_column, lyrics_column : str, default="audio", "lyrics"
        Names of the columns, if X is a DataFrame.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    network_ : FusionNetwork
        The network, a :class:`torch.nn.Module`.
    feature_extractor_ : SequenceFeatureExtractor or None
        Feature extractor of the audio model; None if audio is not used.
    tokenizer_ : PreTrainedTokenizerBase or None
        Tokenizer of the lyrics model; None if lyrics are not used.
    history_ : list of dict
        For each epoch its "loss" and, with early stopping, "validation_loss" and
        "validation_accuracy".
    n_iter_ : int
        Number of epochs that were trained.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str objects
        Names of the columns, if all are strings.

    See Also
    --------
    LateFusionClassifier : Combine the probabilities of one classifier per modality.
    AudioEmbedder, LyricsEmbedder : Embeddings of pretrained models, for pipelines.

    Notes
    -----
    During training, the inputs of the audio model for all songs are in memory (AST: 0.5 MB for
    every 10 s). wav2vec2 and similar models are trained without SpecAugment, whose random masks
    `random_state` could not control.

    References
    ----------
    Sotirou, Lyberatos, Menis Mastromichalakis, Stamou, "MusicLIME: Explainable Multimodal Music
    Understanding", arXiv 2409.10496.

    Arevalo et al., "Gated Multimodal Units for Information
    Fusion", arXiv 1702.01992.

    Examples
    --------
    Untrained models, far smaller than the real ones:

    >>> from tokenizers import Tokenizer
    >>> from tokenizers.models import WordLevel
    >>> from tokenizers.pre_tokenizers import Whitespace
    >>> from transformers import ASTConfig, ASTFeatureExtractor, ASTModel
    >>> from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel
    >>> from sklearn_musiclime import TransformerFusionClassifier
    >>> from sklearn_musiclime.datasets import make_songs
    >>> sizes = dict(
    ...     hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    ... )
    >>> mels = dict(num_mel_bins=32, max_length=64)
    >>> words = Tokenizer(WordLevel({"<pad>": 0, "<unk>": 1, "fire": 2, "river": 3}, "<unk>"))
    >>> words.pre_tokenizer = Whitespace()
    >>> classifier = TransformerFusionClassifier(
    ...     ASTModel(ASTConfig(**sizes, **mels)),
    ...     RobertaModel(RobertaConfig(**sizes, vocab_size=4, pad_token_id=0)),
    ...     feature_extractor=ASTFeatureExtractor(**mels),
    ...     tokenizer=PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>"),
    ...     n_epochs=1,
    ...     random_state=0,
    ... )
    >>> songs, classes, stems, truth = make_songs(6, duration=1.0, random_state=0)
    >>> classifier.fit(songs, classes).predict_proba(songs).shape
    (6, 2)
    """

    def __init__(
        self,
        audio_model: str | PathLike[str] | PreTrainedModel = AST,
        lyrics_model: str | PathLike[str] | PreTrainedModel = ROBERTA,
        *,
        fusion: str = "concat",
        modality: str = "both",
        freeze: bool = False,
        long: str = "mean",
        feature_extractor: SequenceFeatureExtractor | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        n_epochs: int = 10,
        batch_size: int = 8,
        learning_rate: float = 2e-5,
        head_learning_rate: float = 1e-3,
        weight_decay: float = 0.01,
        class_weight: str | Mapping[Any, float] | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 3,
        mixed_precision: bool | None = None,
        warm_start: bool = False,
        device: str | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        audio_column: str = "audio",
        lyrics_column: str = "lyrics",
    ):
        self.audio_model = audio_model
        self.lyrics_model = lyrics_model
        self.fusion = fusion
        self.modality = modality
        self.freeze = freeze
        self.long = long
        self.feature_extractor = feature_extractor
        self.tokenizer = tokenizer
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.head_learning_rate = head_learning_rate
        self.weight_decay = weight_decay
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.mixed_precision = mixed_precision
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        self.audio_column = audio_column
        self.lyrics_column = lyrics_column

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fine-tune the network or, with `freeze`, train its head alone.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs, see :mod:`sklearn_musiclime.songs`.
        y : array-like of shape (n_songs,)
            Their classes.
        sample_weight : array-like of shape (n_songs,), or None, default=None
            Weight of each song in the loss. Songs of weight 0 are left out.

        Returns
        -------
        TransformerFusionClassifier
            The estimator itself.

        Raises
        ------
        ImportError
            transformers or torch is not installed.
        OSError
            There is no such model.
        ValueError
            A parameter is out of its range; `y` has a single class or, with `warm_start`, other
            classes than before; weights are negative, NaN or infinite, or all are 0.
        InvalidSongError
            A cell of X is invalid; the message names its row.
        """
        self._check_parameters()
        torch = _torch.load("torch", "TransformerFusionClassifier")
        _torch.load("transformers", "TransformerFusionClassifier")
        columns = self._columns(X)
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        check_consistent_length(X, labels)
        classes, targets = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y has one class only, {classes[0]!r}")
        weights = self._song_weights(sample_weight, labels)
        rng = check_random_state(self.random_state)
        with _torch.exclusive(), torch.random.fork_rng():
            torch.manual_seed(int(rng.randint(2**31)))
            if not (self.warm_start and hasattr(self, "network_")):
                self._assemble(self.audio_model, self.lyrics_model, classes)
            elif not np.array_equal(classes, self.classes_):
                raise ValueError(f"warm_start with classes {classes}, not {self.classes_}")
            self.history_ = self._train(columns, targets, weights, rng)
        self.n_iter_ = len(self.history_)
        validate_data(self, X, skip_check_array=True)  # n_features_in_ and feature_names_in_
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.

        Returns
        -------
        ndarray of shape (n_songs, n_classes), dtype float64

        Raises
        ------
        InvalidSongError
            A cell of X is invalid; the message names its row.

        Warns
        -----
        UserWarning
            Songs or lyrics were truncated.
        """
        check_is_fitted(self)
        columns = self._columns(X)
        if is_factored(self):
            pairs = zip(self._modalities, columns, strict=True)
            return self._classify([self._encode(modality, column) for modality, column in pairs])
        probabilities = in_batches(
            lambda rows: self._attend([[column[row] for row in rows] for column in columns]),
            range(len(X)),
            self.batch_size,
        )
        return np.concatenate(list(probabilities))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable classes.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.

        Returns
        -------
        ndarray of shape (n_songs,)
            Elements of ``classes_``.
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    @available_if(is_factored)
    def encode_audio(self, column: Any) -> np.ndarray:
        """Encode the audio of songs; not available for cross-attention of both modalities.

        Parameters
        ----------
        column : audio column of n_songs cells
            The audio.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float32
            Vectors of the audio encoder, with 0 columns if audio is not used.
        """
        return self._encode("audio", column)

    @available_if(is_factored)
    def encode_lyrics(self, column: Any) -> np.ndarray:
        """Encode the lyrics of songs; not available for cross-attention of both modalities.

        Parameters
        ----------
        column : lyrics column of n_songs cells
            The lyrics.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float32
            Vectors of the text encoder, with 0 columns if lyrics are not used.
        """
        return self._encode("lyrics", column)

    @available_if(is_factored)
    def predict_encoded(self, audio: np.ndarray | None, lyrics: np.ndarray | None) -> np.ndarray:
        """Return the probabilities of the classes for encoded songs.

        Parameters
        ----------
        audio : ndarray of shape (n_songs, n_dimensions), or None
            Result of :meth:`encode_audio`; ignored if audio is not used.
        lyrics : ndarray of shape (n_songs, n_dimensions), or None
            Result of :meth:`encode_lyrics`; ignored if lyrics are not used.

        Returns
        -------
        ndarray of shape (n_songs, n_classes), dtype float64
        """
        check_is_fitted(self)
        encoded: dict[str, Any] = {"audio": audio, "lyrics": lyrics}
        return self._classify([encoded[modality] for modality in self._modalities])

    @property
    def required_sampling_rate(self) -> int | None:
        """Sampling rate of the feature extractor in Hz; None if audio is not used."""
        if self.modality == "lyrics":
            return None
        extractor = getattr(self, "feature_extractor_", None)
        return (extractor or self._extractor(self.audio_model)).sampling_rate

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        network = state.get("network_")
        if network is not None and network.device.type != "cpu":
            state["network_"] = copy.deepcopy(network).cpu()  # loads without a GPU, too
        return state

    def _check_parameters(self) -> None:
        modalities_of(self.modality)  # raises for an unknown value
        for name, known in (("fusion", FUSIONS), ("long", LONG)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {known}, got {getattr(self, name)!r}")
        for name in ("n_epochs", "batch_size", "n_iter_no_change"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.early_stopping and not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction must be between 0 and 1, got {self.validation_fraction}"
            )

    def _song_weights(self, sample_weight: ArrayLike | None, y: np.ndarray) -> np.ndarray:
        """Weight of each song in the loss, at most 1, rounded to single precision."""
        of_songs = np.zeros((len(y), 1))
        weights = _check_sample_weight(sample_weight, of_songs, ensure_non_negative=True)
        of_classes = compute_sample_weight(self.class_weight, y)
        if not (np.isfinite(of_classes) & (of_classes >= 0)).all():
            raise ValueError(
                f"class_weight must be finite and at least 0, got {self.class_weight!r}"
            )
        weights = weights * of_classes
        if not weights.any():
            raise ValueError(
                "every song has weight 0, so there is nothing to train on: give some of them a "
                "sample_weight and a class_weight above 0"
            )
        return (weights / weights.max()).astype(np.float32).astype(float)

    def _columns(self, X: Any) -> list[list[Any]]:
        """Return the columns that are used, and check their cells."""
        columns = read_columns(X, self.modality, audio=self.audio_column, lyrics=self.lyrics_column)
        return [list(column) for column in columns.values()]
