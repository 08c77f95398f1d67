"""Models of CLAP's kind, which score how similar the audio of a song is to a text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.utils import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime.featurizers import AudioEmbedder
from sklearn_musiclime.featurizers.audio.embedder import came_from
from sklearn_musiclime.featurizers.clap import ClapTextEmbedder
from sklearn_musiclime.fusion._columns import read_columns
from sklearn_musiclime.fusion.towers import (
    Tokenizer,
    audio_vectors,
    check_tower,
    text_vectors,
    unit_length,
)
from sklearn_musiclime.neighbourhood.apart import is_cheap
from sklearn_musiclime.neighbourhood.rates import find_sampling_rate
from sklearn_musiclime.songs import SongTable

if TYPE_CHECKING:
    from transformers import ClapModel, ClapProcessor

OUTPUTS = ("similarity", "probability")


def _has_probabilities(model: SimilarityModel) -> bool:
    return model.output == "probability"


class SimilarityModel(BaseEstimator):
    """Score the similarity of audio and text by two towers that encode into one space.

    It is what retrieval and zero-shot tagging do: the score is the cosine of the angle between
    the vector of the song's audio and the vector of a text. The texts are

    - `prompts`, if any are given: a score for each, which explanations tell by their labels, as in
      ``explainer.explain(songs, labels=["sad folk guitar"])``;
    - else the text column of X, such as a query for each song or its lyrics: a single score.

    Towers are used as they are, nothing is trained. Each distinct perturbed audio and each distinct
    perturbed text is encoded once, and all interactions of audio components and words come from one
    crossed grid.

    Parameters
    ----------
    audio_encoder : transformer, torch.nn.Module or callable
        The audio tower. A fitted scikit-learn transformer gets the audio column (a pipeline that
        begins with :class:`~sklearn_musiclime.SpectralStatistics` keeps its fast path). A torch
        module gets a float tensor of shape (n_songs, n_samples), of songs of one length, on its
        device. A function gets a list of waveforms, float32 arrays of shape (n_samples,). Each
        returns an array or tensor of shape (n_songs, n_dimensions).
    text_encoder : transformer, torch.nn.Module or callable
        The text tower, for prompts and for the text column. A fitted scikit-learn transformer, such
        as :class:`~sklearn_musiclime.LyricsEmbedder`, gets a column of texts; a torch module or a
        function a list of texts, or what `tokenizer` makes of it.
    prompts : list of str, or None, default=None
        The texts that songs are compared with. None: each song is compared with its own text.
    output : {"similarity", "probability"}, default="similarity"
        What is scored with prompts. "similarity": the cosines, from -1 to 1, separate outputs with
        the prompts as names, all of which are explained by default. "probability": the softmax over
        the prompts of `logit_scale` times the cosines, as in zero-shot classification; the prompts
        are classes.
    logit_scale : float, default=1.0
        Factor of the cosines in the softmax: the exponential of CLAP's ``logit_scale_a``. With 1,
        probabilities are nearly equal.
    lyrics_weight : float, default=0.0
        Weight of the text column beside prompts, from 0 to below 1. Above 0, a song's vector is
        ``(1 - w) * audio + w * text``, both of length 1. With 0, the text column is not read.
    tokenizer : callable or None, default=None
        Converts a list of texts to what `text_encoder` gets in their place, if that is a module or
        a function: a mapping to keyword arguments, or a tensor. None: it gets the texts.
    sampling_rate : int or None, default=None
        Rate, in Hz, of the waveforms that modules and functions get. None: the rate that a tower
        states, else 22050.
    batch_size : int, default=32
        Largest number of songs or texts in a call of a module or a function; halved while a batch
        of it does not fit into memory.
    audio_column, lyrics_column : str, default="audio", "lyrics"
        Names of the columns of audio and of text, if X is a DataFrame.

    Attributes
    ----------
    prompts_ : list of str or None
        The prompts.
    prompt_vectors_ : ndarray of shape (n_prompts, n_dimensions), or None
        Vectors of the prompts, of length 1; None without prompts.
    classes_ : ndarray of shape (n_prompts,)
        The prompts; only with ``output="probability"``.
    n_features_in_ : int
        Number of columns of X, if `fit` got songs.
    feature_names_in_ : ndarray of str objects
        Names of the columns, if `fit` got songs and all are strings.

    See Also
    --------
    LocalExplanation.rather_than : Why one song rather than another.
    AudioEmbedder, LyricsEmbedder : Towers from pretrained models.

    Notes
    -----
    A vector of zeros has similarity 0 to everything. Whether silence or an empty text has one is
    the tower's affair.

    ``clone`` shares the towers, since they hold what was trained. A copy or a pickle has its own.

    References
    ----------
    Wu et al., "Large-scale contrastive language-audio pretraining" (CLAP), arXiv 2211.06687.

    Manco et al., "Contrastive audio-language learning for music" (MusCALL), arXiv 2208.12208.

    Examples
    --------
    Two towers into a space of two dimensions, loud and quiet:

    >>> import numpy as np
    >>> from sklearn_musiclime import MusicLimeExplainer, SimilarityModel, UniformSegmenter
    >>> def hear(waveforms):
    ...     levels = np.array([np.std(waveform) for waveform in waveforms])
    ...     return np.stack([levels, 1 - levels], axis=1)
    >>> def read(texts):
    ...     return np.array([["loud" in text, "quiet" in text] for text in texts], dtype=float)
    >>> songs = np.empty((2, 2), dtype=object)
    >>> songs[0] = [np.sin(np.arange(2000.0)), "a loud song"]
    >>> songs[1] = [np.sin(np.arange(2000.0)) / 20, "a loud song"]
    >>> SimilarityModel(hear, read).fit(songs).predict(songs).round(2)
    array([0.92, 0.04])
    >>> SimilarityModel(hear, read, prompts=["so loud", "so quiet"]).fit().predict(songs).round(2)
       so loud  so quiet
    0     0.92      0.38
    1     0.04      1.00

    What makes the first song a match most of all:

    >>> explainer = MusicLimeExplainer(
    ...     SimilarityModel(hear, read), separator=None, segmenter=UniformSegmenter(2)
    ... )
    >>> explanation = explainer.fit(songs).explain(songs)[0]
    >>> explanation.top(1)["component"].tolist()
    ['loud']
    """

    def __init__(
        self,
        audio_encoder: Any,
        text_encoder: Any,
        *,
        prompts: Sequence[str] | None = None,
        output: str = "similarity",
        logit_scale: float = 1.0,
        lyrics_weight: float = 0.0,
        tokenizer: Tokenizer | None = None,
        sampling_rate: int | None = None,
        batch_size: int = 32,
        audio_column: str = "audio",
        lyrics_column: str = "lyrics",
    ):
        self.audio_encoder = audio_encoder
        self.text_encoder = text_encoder
        self.prompts = prompts
        self.output = output
        self.logit_scale = logit_scale
        self.lyrics_weight = lyrics_weight
        self.tokenizer = tokenizer
        self.sampling_rate = sampling_rate
        self.batch_size = batch_size
        self.audio_column = audio_column
        self.lyrics_column = lyrics_column

    @classmethod
    def from_clap(
        cls,
        model: str | PathLike[str] | ClapModel,
        processor: ClapProcessor | None = None,
        *,
        long: str = "mean",
        device: str | None = None,
        **parameters: Any,
    ) -> Self:
        """Make a model from a CLAP model of the package transformers.

        Parameters
        ----------
        model : str, Path or ClapModel
            Name or folder of a model, such as "laion/larger_clap_music", or a model instance. A
            model given by name is loaded once per process and is not pickled.
        processor : ClapProcessor or None, default=None
            Its feature extractor and its tokenizer. None: those that were saved with the model.
        long : {"mean", "truncate"}, default="mean"
            How songs longer than the model's window (10 s), and texts longer than it reads, are
            encoded: the mean of the vectors of their parts, or without their end.
        device : str or None, default=None
            Device that the model runs on, as torch names it. None: that of a model instance; for
            a model given by name, a GPU if there is one.
        **parameters : object
            Parameters of the class, but for the towers. `logit_scale` is the model's, unless given.

        Returns
        -------
        SimilarityModel
            The towers are an :class:`~sklearn_musiclime.AudioEmbedder`, which encodes each distinct
            window once, and its counterpart for texts.

        Raises
        ------
        ImportError
            transformers or torch is not installed.
        OSError
            There is no such model.
        ValueError
            A model instance does not say where it came from, and `processor` is None.

        Examples
        --------
        >>> from sklearn_musiclime import SimilarityModel
        >>> model = SimilarityModel.from_clap(
        ...     "laion/larger_clap_music", prompts=["sad folk guitar", "techno"]
        ... )  # doctest: +SKIP
        """
        transformers = _torch.load("transformers", "SimilarityModel.from_clap")
        if processor is None:
            processor = transformers.ClapProcessor.from_pretrained(came_from(model, "processor"))
        both: Any = processor  # transformers declares its parts nowhere
        hear = AudioEmbedder(
            model, feature_extractor=both.feature_extractor, long=long, device=device
        ).fit(np.zeros((1, 1)))
        read = ClapTextEmbedder(model, both.tokenizer, long=long, device=device).fit()
        network: Any = hear._load_fitted()
        parameters.setdefault("logit_scale", math.exp(float(network.logit_scale_a.detach())))
        return cls(hear, read, **parameters)

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Encode the prompts; nothing is learnt, and no audio is decoded.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more, or None, default=None
            The songs, see :mod:`sklearn_musiclime.songs`. They are only checked.
        y : None
            Ignored.

        Returns
        -------
        SimilarityModel
            The model itself.

        Raises
        ------
        InvalidSongError
            A cell of X is invalid; the message names its row.
        TypeError
            A tower can't be used, or a prompt is not a text.
        NotFittedError
            A tower is a transformer that was not fitted.
        ValueError
            A parameter is out of its range, prompts are none or the same, or X lacks a column.
        """
        prompts = self.prompts_ = self._check_parameters()
        if X is not None:
            self._columns(X)
            validate_data(self, X, skip_check_array=True)  # n_features_in_, feature_names_in_
        self.prompt_vectors_ = None if prompts is None else self._read(pd.Series(prompts))
        if self.output == "probability":
            self.classes_ = np.array(prompts)
        return self

    def predict(self, X: Any) -> np.ndarray | pd.DataFrame:
        """Score songs.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.

        Returns
        -------
        ndarray of shape (n_songs,), or DataFrame of shape (n_songs, n_prompts)
            Without prompts, the similarity of each song to its text. With prompts, the similarity
            to each of them, or with ``output="probability"`` the most probable prompt.

        Raises
        ------
        InvalidSongError
            A cell of X is invalid; the message names its row.
        ValueError
            X lacks a column, or the towers encode into different spaces.
        """
        scores = self._score(X)
        if self.output == "probability":
            return self.classes_[np.asarray(scores).argmax(axis=1)]
        if isinstance(scores, pd.DataFrame) and isinstance(X, pd.DataFrame):
            scores.index = X.index
        return scores

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the prompts; only with ``output="probability"``.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.

        Returns
        -------
        ndarray of shape (n_songs, n_prompts)

        Raises
        ------
        InvalidSongError, ValueError
            As :meth:`predict`.
        """
        return np.asarray(self._score(X))

    def encode_audio(self, column: Any) -> np.ndarray:
        """Encode the audio of songs.

        Parameters
        ----------
        column : audio column of n_songs cells
            The audio.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float64
            Vectors of length 1, or of zeros.
        """
        check_is_fitted(self)
        rate = find_sampling_rate(self)
        return unit_length(audio_vectors(self.audio_encoder, column, rate, self.batch_size))

    def encode_lyrics(self, column: Any) -> np.ndarray:
        """Encode the texts of songs.

        Parameters
        ----------
        column : text column of n_songs cells
            The texts.

        Returns
        -------
        ndarray of shape (n_songs, n_dimensions), dtype float64
            Vectors of length 1, or of zeros; with 0 columns if texts are not used.
        """
        check_is_fitted(self)
        return self._read(column) if self._reads_lyrics else np.empty((len(column), 0))

    def predict_encoded(
        self, audio: np.ndarray, lyrics: np.ndarray | None
    ) -> np.ndarray | pd.DataFrame:
        """Score encoded songs.

        Parameters
        ----------
        audio : ndarray of shape (n_songs, n_dimensions)
            Result of :meth:`encode_audio`.
        lyrics : ndarray of shape (n_songs, n_dimensions), or None
            Result of :meth:`encode_lyrics`; ignored if texts are not used.

        Returns
        -------
        ndarray of shape (n_songs,) or (n_songs, n_prompts), or DataFrame
            Similarities, those to prompts as a DataFrame; or probabilities.

        Raises
        ------
        ValueError
            The towers encode into different spaces.
        """
        check_is_fitted(self)
        prompts = self.prompt_vectors_
        texts = lyrics if prompts is None else prompts
        if texts is None:
            raise ValueError(self._no_text)
        if audio.shape[1] != texts.shape[1]:
            raise ValueError(
                f"audio_encoder returns vectors of length {audio.shape[1]} and text_encoder of "
                f"length {texts.shape[1]}: both must encode into the same space"
            )
        if prompts is None:
            return np.einsum("ij,ij->i", audio, texts)
        if self._reads_lyrics:
            joined = (1 - self.lyrics_weight) * audio + self.lyrics_weight * np.asarray(lyrics)
            audio = unit_length(joined)
        similarities = audio @ prompts.T
        if self.output == "probability":
            return softmax(self.logit_scale * similarities, axis=1)
        return pd.DataFrame(similarities, columns=self.prompts_)

    @property
    def cheap_modalities(self) -> tuple[str, ...]:
        """Modalities of which thousands of songs are encoded in about a second."""
        reads = {"audio": is_cheap(self.audio_encoder)}
        reads["lyrics"] = not self._reads_lyrics or is_cheap(self.text_encoder)
        return tuple(modality for modality, are_cheap in reads.items() if are_cheap)

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params(deep=False))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "prompt_vectors_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.output == "probability":
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        else:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        tags.target_tags.required = False
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True
        return tags

    @property
    def _reads_lyrics(self) -> bool:
        return self.prompts is None or self.lyrics_weight > 0

    @property
    def _no_text(self) -> str:
        return (
            f"there is no text to compare songs with: give prompts, or X a column "
            f"{self.lyrics_column!r}"
        )

    def _read(self, column: Any) -> np.ndarray:
        vectors = text_vectors(self.text_encoder, column, self.tokenizer, self.batch_size)
        return unit_length(vectors)

    def _score(self, X: Any) -> np.ndarray | pd.DataFrame:
        check_is_fitted(self)
        columns = self._columns(X)
        lyrics = self.encode_lyrics(columns["lyrics"]) if "lyrics" in columns else None
        return self.predict_encoded(self.encode_audio(columns["audio"]), lyrics)

    def _columns(self, X: Any) -> dict[str, Any]:
        """The columns that are used, with their cells checked."""
        names = {"audio": self.audio_column, "lyrics": self.lyrics_column}
        if not self._reads_lyrics:
            return read_columns(X, "audio", **names)
        if not SongTable(X, **names, modalities=("audio",)).has("lyrics"):
            raise ValueError(self._no_text)
        return read_columns(X, "both", **names)

    def _check_parameters(self) -> list[str] | None:
        """Check the parameters and return the prompts."""
        check_tower(self.audio_encoder, "audio_encoder")
        check_tower(self.text_encoder, "text_encoder")
        if self.output not in OUTPUTS:
            raise ValueError(f"output must be one of {OUTPUTS}, got {self.output!r}")
        if not 0 <= self.lyrics_weight < 1:
            raise ValueError(f"lyrics_weight must be in [0, 1), got {self.lyrics_weight!r}")
        if not (math.isfinite(self.logit_scale) and self.logit_scale > 0):
            raise ValueError(f"logit_scale must be above 0, got {self.logit_scale!r}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size!r}")
        if self.prompts is None:
            if self.output == "probability":
                raise ValueError("output='probability' needs prompts, which share the probability")
            if self.lyrics_weight > 0:
                raise ValueError("lyrics_weight is for prompts, and there are none")
            return None
        if isinstance(self.prompts, str):
            raise ValueError(f"prompts is a text; put it in a list: [{self.prompts!r:.40}]")
        prompts: list[str] = []
        for number, prompt in enumerate(self.prompts):
            if not isinstance(prompt, str):
                raise TypeError(f"prompts must be texts, and number {number} is {prompt!r:.40}")
            if not prompt.strip():
                raise ValueError(f"prompt number {number} is empty")
            prompts.append(str(prompt))
        (most, count), *_ = Counter(prompts).most_common(1) or [("", 0)]
        if count > 1:
            raise ValueError(f"the prompt {most!r:.60} is there twice")
        n_least = 2 if self.output == "probability" else 1
        if len(prompts) < n_least:
            raise ValueError(
                f"output={self.output!r} needs at least {n_least} prompts, got {len(prompts)}"
            )
        return prompts
