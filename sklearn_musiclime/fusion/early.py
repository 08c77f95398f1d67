"""Early fusion: the features of audio and lyrics side by side, and one classifier of both."""

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
from sklearn_musiclime.fusion._columns import check_modality


def default_featurizer(half: str) -> BaseEstimator:
    """Return what makes features of a column by default.

    Parameters
    ----------
    half : {"audio", "lyrics"}
        Which column.

    Returns
    -------
    transformer
    """
    if half == "audio":
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
    """Make a pipeline that joins the features of audio and lyrics for one classifier.

    What it returns has one branch a modality, so that
    :class:`~sklearn_musiclime.MusicLimeExplainer` encodes each distinct half of a perturbed song
    once.

    Parameters
    ----------
    audio : transformer or None, default=None
        Takes the audio column. None: a :class:`~sklearn_musiclime.SpectralStatistics`,
        standardised.
    lyrics : transformer or None, default=None
        Takes the lyrics column. None: ``TfidfVectorizer(sublinear_tf=True)``.
    classifier : classifier, regressor or None, default=None
        Takes the features of both. None: ``LogisticRegression(C=10.0, max_iter=2000)``.
    modality : {"both", "audio", "lyrics"}, default="both"
        What the pipeline reads. Of one alone it has one branch, and X needs one column.
    weights : (float, float), default=(0.1, 1.0)
        What the features of audio and of lyrics are multiplied by. A hundred standardised columns
        of audio would drown lyrics of unit length, as TF-IDF and sentence vectors are: a tenth
        makes their lengths alike.
    audio_column, lyrics_column : str or int, default="audio", "lyrics"
        The columns' names; their positions, if X is an array.
    memory : str, joblib.Memory or None, default=None
        Keeps the features of the fit, see :class:`~sklearn.pipeline.Pipeline`.
    verbose : bool, default=False
        Whether each step of a fit prints how long it took.

    Returns
    -------
    Pipeline
        Of "features", a :class:`~sklearn.compose.ColumnTransformer` of the branches "audio" and
        "lyrics", and "classifier": parameters are called ``features__lyrics__min_df``,
        ``classifier__C`` and so on.

    Raises
    ------
    ValueError
        `modality` is none of the three.

    See Also
    --------
    LateFusionClassifier : One classifier a modality, their probabilities joined.
    compare_modalities : How well lyrics, audio and both do.

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
        [(half, *branches[half]) for half in check_modality(modality)],
        transformer_weights=dict(zip(branches, weights, strict=True)),
    )
    if classifier is None:
        classifier = LogisticRegression(C=10.0, max_iter=2000)
    steps: list[tuple[str, Any]] = [("features", features), ("classifier", classifier)]
    return Pipeline(steps, memory=memory, verbose=verbose)
