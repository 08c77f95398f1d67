"""The model of the MusicLIME paper: an audio and a text transformer with a joint classifier."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
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
from sklearn_musiclime.featurizers.audio.embedder import AST, came_from
from sklearn_musiclime.featurizers.audio.encoder import AudioEncoder
from sklearn_musiclime.featurizers.texts import LONG
from sklearn_musiclime.fusion._columns import MODALITIES, check_modality, read_columns
from sklearn_musiclime.fusion.branches import AudioBranch, LyricsBranch
from sklearn_musiclime.fusion.checkpoint import (
    check_saved,
    load_encoder,
    load_head,
    read_classes,
    read_description,
    read_state_dict,
)
from sklearn_musiclime.fusion.training import Training

if TYPE_CHECKING:
    from transformers import FeatureExtractionMixin, PreTrainedModel, PreTrainedTokenizerBase


ROBERTA = "FacebookAI/roberta-base"
PAPER_ROBERTA = "FacebookAI/roberta-large"
FUSIONS = ("concat", "gated", "cross_attention")
HEAD_BATCH = 8192
"""Number of encoded songs in a batch of the head."""
FORMAT = 1


def _is_factored(self: TransformerFusionClassifier) -> bool:
    return self.fusion != "cross_attention" or self.modality != "both"


class TransformerFusionClassifier(ClassifierMixin, BaseEstimator):
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
    feature_extractor : FeatureExtractionMixin or None, default=None
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
    feature_extractor_ : FeatureExtractionMixin or None
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
        feature_extractor: FeatureExtractionMixin | None = None,
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
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(X, y)
        classes, targets = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y has one class only, {classes[0]!r}")
        weights = self._song_weights(sample_weight, y)
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
        if _is_factored(self):
            halves = zip(self._halves, columns, strict=True)
            return self._classify([self._encode(half, column) for half, column in halves])
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

    @available_if(_is_factored)
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

    @available_if(_is_factored)
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

    @available_if(_is_factored)
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
        encoded = {"audio": audio, "lyrics": lyrics}
        return self._classify([encoded[half] for half in self._halves])

    @property
    def required_sampling_rate(self) -> int | None:
        """Sampling rate of the feature extractor in Hz; None if audio is not used."""
        if self.modality == "lyrics":
            return None
        extractor = getattr(self, "feature_extractor_", None)
        return (extractor or self._extractor(self.audio_model)).sampling_rate

    def save(self, folder: str | PathLike[str]) -> None:
        """Save the fitted classifier as JSON and safetensors, which contain no code.

        Parameters
        ----------
        folder : path-like
            Folder to write to. It gets the files ``classifier.json`` and
            ``classifier.safetensors``, and the folders ``audio`` and ``lyrics`` with the encoders
            as transformers saves them. ``audio`` can be given to
            :class:`~sklearn_musiclime.AudioEmbedder` as a model.

        Raises
        ------
        TypeError
            A parameter or a class name can't be written as JSON.
        """
        check_is_fitted(self)
        save_file = _torch.load("safetensors.torch", "TransformerFusionClassifier").save_file
        folder = Path(folder)
        parameters = self.get_params(deep=False)
        for name in ("audio_model", "lyrics_model"):
            model = parameters[name]
            parameters[name] = str(getattr(model, "name_or_path", model))
        for name in ("feature_extractor", "tokenizer"):
            del parameters[name]  # saved with the encoders
        if isinstance(parameters["class_weight"], Mapping):
            parameters["class_weight"] = list(parameters["class_weight"].items())
        document = {
            "format": FORMAT,
            "parameters": parameters,
            "classes": self.classes_.tolist(),
            "dtype": self.classes_.dtype.str,
            "n_features_in": self.n_features_in_,
            "feature_names_in": getattr(self, "feature_names_in_", np.array([])).tolist(),
            "history": self.history_,
        }
        text = json.dumps(document, indent=1)
        folder.mkdir(parents=True, exist_ok=True)
        for half, model, companion in (
            ("audio", self.network_.audio_model, self.feature_extractor_),
            ("lyrics", self.network_.text_model, self.tokenizer_),
        ):
            if model is not None:
                model.save_pretrained(folder / half)
                companion.save_pretrained(folder / half)
        state = self.network_.classifier.state_dict(prefix="classifier.")
        state = {name: tensor.cpu().contiguous() for name, tensor in state.items()}
        save_file(state, folder / "classifier.safetensors")
        (folder / "classifier.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: str | PathLike[str], *, device: str | None = None) -> Self:
        """Load a classifier that :meth:`save` wrote, without running any code from its files.

        Parameters
        ----------
        folder : path-like
            The folder.
        device : str or None, default=None
            Device of the network. None: a GPU if there is one, else the CPU.

        Returns
        -------
        TransformerFusionClassifier

        Raises
        ------
        OSError
            A file is missing.
        ValueError
            The files are of another format, may contain code, or do not fit together.
        """
        _torch.load("torch", cls.__name__)
        folder = Path(folder)
        document = read_description(folder, FORMAT)
        check_saved(folder)
        try:
            parameters = document["parameters"] | {"device": device}
            if isinstance(parameters["class_weight"], list):
                parameters["class_weight"] = dict(map(tuple, parameters["class_weight"]))
            classifier = cls(**parameters)
            classifier._check_parameters()
            classes = read_classes(document["classes"], document["dtype"])
            state = read_state_dict(folder / "classifier.safetensors")
            findings = classifier._assemble(folder / "audio", folder / "lyrics", classes)
            load_head(classifier.network_, state, findings)
            classifier.history_ = list(document["history"])
            classifier.n_iter_ = len(classifier.history_)
            classifier.n_features_in_ = int(document["n_features_in"])
            if document["feature_names_in"]:
                classifier.feature_names_in_ = np.array(document["feature_names_in"], dtype=object)
        except OSError:
            raise
        # transformers does not validate configurations: a wrong one raises errors of any type.
        except Exception as error:
            raise ValueError(
                f"what is in {str(folder)!r} does not fit together: {error!s:.500}"
            ) from error
        return classifier

    @classmethod
    def from_checkpoint(
        cls,
        path: str | PathLike[str],
        *,
        classes: Sequence[Any] | None = None,
        audio_model: str | PathLike[str] = AST,
        lyrics_model: str | PathLike[str] = PAPER_ROBERTA,
        strict: bool = True,
        **parameters: Any,
    ) -> Self:
        """Load a network of the MusicLIME authors from a checkpoint.

        Parameters
        ----------
        path : path-like
            State dict, written by ``torch.save(network.state_dict(), path)`` or as safetensors. Its
            keys begin with ``audio_model.``, ``text_model.``, ``classifier.layer_norm.`` and
            ``classifier.fc.``; a prefix ``module.`` is ignored.
        classes : sequence of n_classes class names, or None, default=None
            Classes in the order of the network's outputs. None: 0, 1, ...
        audio_model, lyrics_model : str or Path, \
                default="MIT/ast-finetuned-audioset-10-10-0.4593", "FacebookAI/roberta-large"
            Names or folders of the models that the network was made from. Their configurations,
            feature extractor and tokenizer are read, but no weights.
        strict : bool, default=True
            Whether weights that are missing, left over or of another shape are an error. If not,
            they are a warning, and weights without a match stay randomly initialized.
        **parameters : object
            Other parameters of :class:`TransformerFusionClassifier`. `long` is "truncate" by
            default, as the authors' networks were trained.

        Returns
        -------
        TransformerFusionClassifier
            A fitted classifier, which can be explained as ``FrozenEstimator(classifier)``.

        Raises
        ------
        OSError
            There is no such file, or no such model.
        ValueError
            The file contains something else than a state dict of such a network; the number of
            `classes` is not that of its outputs; or, with `strict`, weights are missing, left over
            or of another shape, which the message lists.
        """
        _torch.load("torch", cls.__name__)
        state = read_state_dict(path)
        if "classifier.fc.weight" not in state:
            raise ValueError(
                f"{str(path)!r} has no classifier.fc.weight, so it is no network of this kind; it "
                f"has {len(state)} weights: {', '.join(sorted(state)[:5])}..."
            )
        n_classes = len(state["classifier.fc.weight"])
        names = np.arange(n_classes) if classes is None else np.asarray(classes)
        if len(names) != n_classes:
            raise ValueError(f"{len(names)} class names for {n_classes} classes")
        classifier = cls(audio_model, lyrics_model, **({"long": "truncate"} | parameters))
        classifier._check_parameters()
        classifier._assemble(audio_model, lyrics_model, names, state=state, strict=strict)
        classifier.history_, classifier.n_iter_, classifier.n_features_in_ = [], 0, 2
        return classifier

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

    @property
    def _halves(self) -> tuple[str, ...]:
        return MODALITIES[self.modality]

    def _check_parameters(self) -> None:
        check_modality(self.modality)
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

    def _extractor(self, source: Any) -> FeatureExtractionMixin:
        if self.feature_extractor is not None:
            return self.feature_extractor
        auto = _torch.load("transformers", "TransformerFusionClassifier").AutoFeatureExtractor
        return auto.from_pretrained(came_from(source, "feature_extractor"))

    def _assemble(
        self,
        audio_model: Any,
        lyrics_model: Any,
        classes: np.ndarray,
        *,
        state: dict[str, Any] | None = None,
        strict: bool = True,
    ) -> list[str]:
        """Build the network from its encoders, with the weights of a state dict if there is one.

        Returns messages about weights of the encoders that do not fit.
        """
        from transformers import AutoTokenizer

        from sklearn_musiclime.fusion.network import FusionNetwork

        models, findings = {}, []
        self.feature_extractor_ = self.tokenizer_ = None
        for half, source in (("audio", audio_model), ("lyrics", lyrics_model)):
            if half in self._halves:
                models[half], found = load_encoder(source, half, state)
                findings += found
        if "audio" in models:
            self.feature_extractor_ = self._extractor(audio_model)
            if hasattr(models["audio"].config, "apply_spec_augment"):
                models["audio"].config.apply_spec_augment = False
        if "lyrics" in models:
            self.tokenizer_ = self.tokenizer or AutoTokenizer.from_pretrained(
                came_from(lyrics_model, "tokenizer")
            )
        self.classes_ = classes
        self.network_ = FusionNetwork(models.get("audio"), models.get("lyrics"))
        self.network_.add_head(self.fusion, self._sizes(), len(classes))
        if state is not None:
            load_head(self.network_, state, findings, strict=strict)
        self.network_.to(_torch.pick_device(self.device)).eval()
        return findings

    def _sizes(self) -> list[int]:
        """Lengths of the encoders' vectors, found by encoding silence and an empty text."""
        nothing = {"audio": [np.zeros(1, dtype=np.float32)], "lyrics": [""]}
        sizes = []
        with _torch.inference():
            self.network_.eval()
            for half, branch in zip(self._halves, self._branches(), strict=True):
                songs = branch.prepare(nothing[half])
                sizes.append(branch.features(songs, sequences=not _is_factored(self))[0].shape[-1])
        return sizes

    def _branches(self) -> list[AudioBranch | LyricsBranch]:
        """The branches that are used, in the order of the arguments of the head."""
        network = self.network_
        branches = {}
        if network.audio_model is not None:
            encoder = AudioEncoder(network.audio_model, self.feature_extractor_, long=self.long)
            branches["audio"] = AudioBranch(encoder)
        if network.text_model is not None:
            branches["lyrics"] = LyricsBranch(network.text_model, self.tokenizer_, self.long)
        return [branches[half] for half in self._halves]

    def _train(
        self,
        columns: list[list[Any]],
        targets: np.ndarray,
        weights: np.ndarray,
        rng: np.random.RandomState,
    ) -> list[dict[str, float]]:
        import torch

        from sklearn_musiclime.fusion.network import collate

        network, branches = self.network_, self._branches()
        for model in network.encoders:
            model.requires_grad_(not self.freeze)
        if self.freeze:
            known = [
                self._frozen_features(branch, column)
                for branch, column in zip(branches, columns, strict=True)
            ]

            def features(rows: np.ndarray) -> tuple:
                some = ([half[row] for row in rows] for half in known)
                return tuple(collate([f.to(network.device) for f in half]) for half in some)
        else:
            songs = [b.prepare(column) for b, column in zip(branches, columns, strict=True)]

            def features(rows: np.ndarray) -> tuple:
                return self._features([[half[row] for row in rows] for half in songs])

        # Songs of weight 0 are left out: the loss of a batch of them would be 0 / 0.
        rows, held_out = np.flatnonzero(weights), np.arange(0)
        if self.early_stopping:
            rows, held_out = train_test_split(
                rows, test_size=self.validation_fraction, stratify=targets[rows], random_state=rng
            )
        on_gpu = network.device.type == "cuda" and torch.cuda.is_bf16_supported()
        training = Training(
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            head_learning_rate=self.head_learning_rate,
            weight_decay=self.weight_decay,
            patience=self.n_iter_no_change if self.early_stopping else None,
            mixed_precision=on_gpu if self.mixed_precision is None else self.mixed_precision,
            verbose=self.verbose > 0,
        )
        history = training.run(network, features, targets, weights, rows, held_out, rng)
        network.requires_grad_(True)
        return history

    def _features(self, prepared: Sequence[list]) -> tuple:
        """Inputs of the head for songs that the branches have prepared."""
        from sklearn_musiclime.fusion.network import collate

        return tuple(
            collate(branch.features(half, sequences=not _is_factored(self)))
            for branch, half in zip(self._branches(), prepared, strict=True)
        )

    def _frozen_features(self, branch: AudioBranch | LyricsBranch, column: list) -> list[Any]:
        """Input of the head for each song from a frozen encoder."""
        import torch

        if _is_factored(self):
            return list(torch.from_numpy(branch.encode(column, self.batch_size)))

        def sequences(some: list) -> list:
            with _torch.inference():
                found = branch.features(branch.prepare(some), sequences=True)
            return [sequence.float().cpu().clone() for sequence in found]

        return [f for batch in in_batches(sequences, column, self.batch_size) for f in batch]

    def _encode(self, half: str, column: Any) -> np.ndarray:
        check_is_fitted(self)
        if half not in self._halves:
            return np.empty((len(column), 0), dtype=np.float32)
        branch = self._branches()[self._halves.index(half)]
        return branch.encode(column, self.batch_size)

    def _classify(self, encoded: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities (n_songs, n_classes) of encoded songs."""
        import torch

        network = self.network_

        def classify(rows: range) -> np.ndarray:
            some = slice(rows.start, rows.stop)
            with _torch.inference():
                halves = [torch.from_numpy(half[some]).to(network.device) for half in encoded]
                return network.classifier(*halves).double().softmax(dim=1).cpu().numpy()

        return np.concatenate(list(in_batches(classify, range(len(encoded[0])), HEAD_BATCH)))

    def _attend(self, columns: Sequence[list]) -> np.ndarray:
        """Probabilities (n_songs, n_classes) of songs by cross-attention."""
        with _torch.inference():
            prepared = [b.prepare(c) for b, c in zip(self._branches(), columns, strict=True)]
            logits = self.network_.classifier(*self._features(prepared))
            return logits.double().softmax(dim=1).cpu().numpy()
