"""Late fusion: combining the probabilities of an audio classifier and a lyrics classifier."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Self

import numpy as np
from scipy.special import softmax
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from sklearn_musiclime._runtime.parallel import prepare_workers
from sklearn_musiclime.fusion._columns import modalities_of, read_columns
from sklearn_musiclime.fusion._folds import split
from sklearn_musiclime.fusion.early import default_featurizer

METHODS = ("average", "product", "stacking")
DEFAULT_C = {"audio": 0.1, "lyrics": 10.0}
"""Regularization that makes the default classifiers equal those of ``make_fusion_pipeline``.

There, the audio features are multiplied by 0.1 and ``C=10``, which amounts to ``C=0.1`` without the
factor.
"""


class LateFusionClassifier(ClassifierMixin, BaseEstimator):
    """Combine the class probabilities of an audio classifier and a lyrics classifier.

    Each classifier gets the column of its modality alone. So the model has one branch per modality,
    and :class:`~sklearn_musiclime.MusicLimeExplainer` runs each classifier once for each distinct
    perturbed audio or perturbed lyrics.

    Parameters
    ----------
    audio_classifier : classifier with ``predict_proba`` or None, default=None
        Classifier of the audio column. None: a logistic regression (``C=0.1``) on standardised
        :class:`~sklearn_musiclime.SpectralStatistics`.
    lyrics_classifier : classifier with ``predict_proba`` or None, default=None
        Classifier of the lyrics column. None: a logistic regression (``C=10.0``) on TF-IDF.
    method : {"average", "product", "stacking"}, default="average"
        How the probabilities are combined. "average": weighted mean. "product": weighted geometric
        mean, normalised, in which a class of probability 0 in one modality has probability 0. For
        two classes and equal weights, "average" and "product" predict the same class. "stacking":
        `final_estimator`, which is fitted to out-of-fold probabilities of the training songs.
    weights : (float, float) or None, default=None
        Weights of audio and lyrics in "average" and "product"; only their ratio matters. None:
        equal weights.
    final_estimator : classifier with ``predict_proba`` or None, default=None
        Classifier that "stacking" fits to the probabilities of both modalities; of two classes,
        only the probability of the second is used. None: ``LogisticRegression()``.
    cv : int, splitter, iterable of splits, or None, default=None
        The folds of "stacking". None: 5. A number of folds is stratified by class, and keeps the
        `groups` of :meth:`fit` together.
    modality : {"both", "audio", "lyrics"}, default="both"
        Modalities that are used. With a single one, only its classifier is fitted, whose
        probabilities are returned, and X needs no column of the other modality.
    audio_column, lyrics_column : str, default="audio", "lyrics"
        Names of the columns, if X is a DataFrame.
    n_jobs : int or None, default=None
        Number of classifiers, or of folds, that are fitted in parallel, see :term:`n_jobs`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    classifiers_ : dict of str to classifier
        The fitted classifiers of "audio" and "lyrics".
    final_estimator_ : classifier
        The fitted `final_estimator`, with "stacking" of both modalities.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str objects
        Names of the columns, if all are strings.

    See Also
    --------
    make_fusion_pipeline : Fit one classifier to the features of both modalities.
    sklearn.ensemble.VotingClassifier, sklearn.ensemble.StackingClassifier : Combine classifiers
        that all get the same X.

    References
    ----------
    Sotirou, Lyberatos, Menis Mastromichalakis, Stamou, "MusicLIME: Explainable Multimodal Music
    Understanding", arXiv 2409.10496.

    Examples
    --------
    >>> from sklearn_musiclime import LateFusionClassifier
    >>> from sklearn_musiclime.datasets import make_songs
    >>> songs, classes, stems, truth = make_songs(12, duration=1.0, random_state=0)
    >>> model = LateFusionClassifier(method="product", weights=(1, 2)).fit(songs, classes)
    >>> model.predict_proba(songs).shape
    (12, 2)
    >>> reader = LateFusionClassifier(modality="lyrics").fit(songs[["lyrics"]], classes)
    >>> sorted(reader.classifiers_)
    ['lyrics']
    """

    def __init__(
        self,
        audio_classifier: BaseEstimator | None = None,
        lyrics_classifier: BaseEstimator | None = None,
        *,
        method: str = "average",
        weights: tuple[float, float] | None = None,
        final_estimator: BaseEstimator | None = None,
        cv: Any = None,
        modality: str = "both",
        audio_column: str = "audio",
        lyrics_column: str = "lyrics",
        n_jobs: int | None = None,
    ):
        self.audio_classifier = audio_classifier
        self.lyrics_classifier = lyrics_classifier
        self.method = method
        self.weights = weights
        self.final_estimator = final_estimator
        self.cv = cv
        self.modality = modality
        self.audio_column = audio_column
        self.lyrics_column = lyrics_column
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        groups: Sequence[Hashable] | None = None,
    ) -> Self:
        """Fit the classifier of each modality and, for "stacking", the final estimator.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs, see :mod:`sklearn_musiclime.songs`.
        y : array-like of shape (n_songs,)
            Their classes.
        sample_weight : array-like of shape (n_songs,) or None, default=None
            Weight of each song. In a pipeline, every step whose ``fit`` accepts sample weights gets
            them; with metadata routing enabled, those steps that request them.
        groups : array-like of shape (n_songs,) or None, default=None
            Group of each song, such as the song that a clip is from; the folds of "stacking" keep
            groups together.

        Returns
        -------
        LateFusionClassifier
            The classifier itself.

        Raises
        ------
        InvalidSongError
            A cell of X is invalid; the message names its row.
        TypeError
            A classifier has no ``predict_proba``.
        ValueError
            A parameter is out of its range, a classifier does not support `sample_weight`, or a
            frozen classifier has other classes than `y`.
        """
        classifiers = self._check_parameters()
        columns = read_columns(X, self.modality, audio=self.audio_column, lyrics=self.lyrics_column)
        validate_data(self, X, skip_check_array=True)  # n_features_in_ and feature_names_in_
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(X, y, sample_weight, groups)
        self.classes_ = np.unique(y)
        weights = {modality: _weights(c, sample_weight) for modality, c in classifiers.items()}
        prepare_workers(self.n_jobs)
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(clone(classifier).fit)(columns[modality], y, **weights[modality])
            for modality, classifier in classifiers.items()
        )
        self.classifiers_ = dict(zip(classifiers, fitted, strict=True))
        for modality, classifier in self.classifiers_.items():
            if not np.array_equal(classifier.classes_, self.classes_):
                raise ValueError(
                    f"the {modality} classifier has the classes {list(classifier.classes_)}, y "
                    f"{list(self.classes_)}"
                )
        if self.method == "stacking" and self.modality == "both":
            folds = split(self.cv, y, groups)
            unseen = [
                cross_val_predict(
                    classifier,
                    columns[modality],
                    y,
                    cv=folds,
                    method="predict_proba",
                    params=weights[modality],
                    n_jobs=self.n_jobs,
                )
                for modality, classifier in classifiers.items()
            ]
            final = self._final_estimator()
            self.final_estimator_ = clone(final).fit(
                _stacked(*unseen), y, **_weights(final, sample_weight)
            )
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.

        Returns
        -------
        ndarray of shape (n_songs, n_classes)
            In the order of ``classes_``.

        Raises
        ------
        InvalidSongError
            A cell of X is invalid; the message names its row.
        """
        check_is_fitted(self)
        columns = read_columns(X, self.modality, audio=self.audio_column, lyrics=self.lyrics_column)
        encoded = {modality: self._encode(modality, column) for modality, column in columns.items()}
        return self.predict_encoded(encoded.get("audio"), encoded.get("lyrics"))

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

    def encode_audio(self, column: Any) -> np.ndarray:
        """Return the probabilities of the audio classifier.

        Parameters
        ----------
        column : Series or object array of shape (n_songs,)
            The audio column.

        Returns
        -------
        ndarray of shape (n_songs, n_classes)
            Probabilities, with 0 columns if the model uses lyrics only.
        """
        return self._encode("audio", column)

    def encode_lyrics(self, column: Any) -> np.ndarray:
        """Return the probabilities of the lyrics classifier.

        Parameters
        ----------
        column : Series or object array of shape (n_songs,)
            The lyrics column.

        Returns
        -------
        ndarray of shape (n_songs, n_classes)
            Probabilities, with 0 columns if the model uses audio only.
        """
        return self._encode("lyrics", column)

    def predict_encoded(self, audio: np.ndarray | None, lyrics: np.ndarray | None) -> np.ndarray:
        """Combine the probabilities of the two classifiers.

        Parameters
        ----------
        audio, lyrics : ndarray of shape (n_songs, n_classes), or None
            Results of :meth:`encode_audio` and :meth:`encode_lyrics`. That of a modality which the
            model does not use is ignored.

        Returns
        -------
        ndarray of shape (n_songs, n_classes)
            Combined probabilities.
        """
        check_is_fitted(self)
        given: dict[str, Any] = {"audio": audio, "lyrics": lyrics}
        encoded = [given[modality] for modality in modalities_of(self.modality)]
        if len(encoded) == 1:
            return encoded[0]
        if self.method == "stacking":
            return self.final_estimator_.predict_proba(_stacked(*encoded))
        both = np.stack(encoded).astype(np.float64)
        if self.method == "average":
            return np.average(both, axis=0, weights=self.weights)
        # The smallest float instead of 0: if every class has probability 0 in one modality, the
        # product is still defined.
        logs = np.log(np.maximum(both, np.finfo(np.float64).tiny))
        return softmax(np.average(logs, axis=0, weights=self.weights), axis=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True
        return tags

    def _check_parameters(self) -> dict[str, Any]:
        """Check the parameters, and return the classifiers to fit by modality."""
        modalities = modalities_of(self.modality)
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {METHODS}, got {self.method!r}")
        if self.weights is not None:
            weights = np.asarray(self.weights, dtype=float)
            if weights.shape != (2,) or not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
                raise ValueError(
                    "weights must be two numbers, of audio and lyrics, that are not negative and "
                    f"not both 0; got {self.weights!r}"
                )
        classifiers = {modality: getattr(self, f"{modality}_classifier") for modality in modalities}
        for modality, classifier in classifiers.items():
            if classifier is None:
                logistic = LogisticRegression(C=DEFAULT_C[modality], max_iter=2000)
                classifiers[modality] = make_pipeline(default_featurizer(modality), logistic)
                if get_config()["enable_metadata_routing"]:
                    _request_weights(classifiers[modality])
        asked = {
            f"{modality}_classifier": classifier for modality, classifier in classifiers.items()
        }
        if self.method == "stacking" and self.modality == "both":
            asked["final_estimator"] = self._final_estimator()
        for name, classifier in asked.items():
            if not hasattr(classifier, "predict_proba"):
                raise TypeError(
                    f"{name} must be a classifier with predict_proba, which {classifier!r} lacks; "
                    "CalibratedClassifierCV gives it to those without"
                )
        return classifiers

    def _final_estimator(self) -> BaseEstimator:
        return LogisticRegression() if self.final_estimator is None else self.final_estimator

    def _encode(self, modality: str, column: Any) -> np.ndarray:
        check_is_fitted(self)
        if modality not in modalities_of(self.modality):
            return np.empty((len(column), 0))
        return self.classifiers_[modality].predict_proba(column)


def _stacked(audio: np.ndarray, lyrics: np.ndarray) -> np.ndarray:
    """Concatenate the probabilities; of two classes, the second column alone, as they sum to 1."""
    return np.hstack([p[:, 1:] if p.shape[1] == 2 else p for p in (audio, lyrics)])


def _weights(estimator: BaseEstimator, sample_weight: Any) -> dict[str, Any]:
    """Keyword arguments that pass sample weights to the ``fit`` of an estimator."""
    if sample_weight is None:
        return {}
    if get_config()["enable_metadata_routing"]:  # a pipeline routes it to the steps that request it
        return {"sample_weight": sample_weight}
    final = estimator
    while isinstance(final, Pipeline):
        final = final.steps[-1][1]
    if not has_fit_parameter(final, "sample_weight"):
        raise ValueError(f"sample_weight was given, and {final!r} takes none")
    return dict.fromkeys(_weight_names(estimator), sample_weight)


def _request_weights(classifier: BaseEstimator) -> None:
    """Request sample weights in every step that accepts them, as without metadata routing."""
    for step in classifier.get_params().values():
        if has_fit_parameter(step, "sample_weight"):
            step.set_fit_request(sample_weight=True)


def _weight_names(estimator: Any) -> list[str]:
    if isinstance(estimator, Pipeline):
        return [f"{name}__{w}" for name, step in estimator.steps for w in _weight_names(step)]
    return ["sample_weight"] if has_fit_parameter(estimator, "sample_weight") else []
