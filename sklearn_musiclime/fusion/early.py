"""Early fusion: one classifier of the concatenated features of audio and lyrics."""

from __future__ import annotations

from typing import Any

from joblib import Memory
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime.featurizers import SpectralStatistics
from sklearn_musiclime.fusion._columns import modalities_of


def default_featurizer(modality: str) -> BaseEstimator:
    """Return the default transformer of a column into features.

    Parameters
    ----------
    modality : {"audio", "lyrics"}
        The modality of the column.

    Returns
    -------
    transformer
        Standardised spectral statistics of audio, or TF-IDF of lyrics.
    """
    if modality == "audio":
        return make_pipeline(SpectralStatistics(), StandardScaler())
    return TfidfVectorizer(sublinear_tf=True)


def make_fusion_pipeline(
    audio: BaseEstimator | None = None,
    lyrics: BaseEstimator | None = None,
    classifier: BaseEstimator | None = None,
    *,
    modality: str = "both",
    weights: tuple[float, float] = (0.1, 1.0),
    audio_column: str | int = "audio",
    lyrics_column: str | int = "lyrics",
    memory: str | Memory | None = None,
    verbose: bool = False,
) -> Pipeline:
    """Make a pipeline that concatenates the features of audio and lyrics for one classifier.

    The pipeline has one branch per modality, so that
    :class:`~sklearn_musiclime.MusicLimeExplainer` encodes each distinct perturbed audio and each
    distinct perturbed lyrics once.

    Parameters
    ----------
    audio : transformer or None, default=None
        Transformer of the audio column. None: :class:`~sklearn_musiclime.SpectralStatistics`,
        standardised.
    lyrics : transformer or None, default=None
        Transformer of the lyrics column. None: ``TfidfVectorizer(sublinear_tf=True)``.
    classifier : classifier, regressor or None, default=None
        Estimator on the concatenated features. None:
        ``LogisticRegression(C=10.0, max_iter=2000)``.
    modality : {"both", "audio", "lyrics"}, default="both"
        Modalities that the pipeline reads. With a single one it has one branch, and X needs the
        column of that modality only.
    weights : (float, float), default=(0.1, 1.0)
        Factors of the features of audio and of lyrics. TF-IDF and many sentence embeddings have
        length 1, a hundred standardised columns of audio about 10: by default both get similar
        lengths.
    audio_column, lyrics_column : str or int, default="audio", "lyrics"
        Names of the columns; their positions, if X is an array.
    memory : str, joblib.Memory or None, default=None
        Cache of fitted transformers, see :class:`~sklearn.pipeline.Pipeline`.
    verbose : bool, default=False
        Whether each step of a fit prints the time that it took.

    Returns
    -------
    Pipeline
        A pipeline of "features", a :class:`~sklearn.compose.ColumnTransformer` with the branches
        "audio" and "lyrics", and "classifier". Its parameters have names such as
        ``features__lyrics__min_df`` and ``classifier__C``.

    Raises
    ------
    ValueError
        `modality` is unknown.

    See Also
    --------
    LateFusionClassifier : Combine the probabilities of one classifier per modality.
    compare_modalities : Cross-validate a model of lyrics, of audio and of both.

    References
    ----------
    Sotirou, Lyberatos, Menis Mastromichalakis, Stamou, "MusicLIME: Explainable Multimodal Music
    Understanding", arXiv 2409.10496.

    Examples
    --------
    >>> from sklearn_musiclime import make_fusion_pipeline
    >>> from sklearn_musiclime.datasets import make_songs
    >>> songs, classes, stems, truth = make_songs(12, duration=1.0, random_state=0)
    >>> model = make_fusion_pipeline().set_params(features__lyrics__min_df=2)
    >>> model.fit(songs, classes).predict_proba(songs).shape
    (12, 2)
    """
    branches = {
        "audio": (default_featurizer("audio") if audio is None else audio, audio_column),
        "lyrics": (default_featurizer("lyrics") if lyrics is None else lyrics, lyrics_column),
    }
    features = ColumnTransformer(
        [(name, *branches[name]) for name in modalities_of(modality)],
        transformer_weights=dict(zip(branches, weights, strict=True)),
    )
    if classifier is None:
        classifier = LogisticRegression(C=10.0, max_iter=2000)
    steps: list[tuple[str, Any]] = [("features", features), ("classifier", classifier)]
    return Pipeline(steps, memory=memory, verbose=verbose)
