"""MusicLimeExplainer: from songs to explanations.

Long, because half of it is the description and the assignment of parameters, which scikit-learn
wants in one class. What is done to songs is in :mod:`~sklearn_musiclime._explain_all` (many songs),
:mod:`~sklearn_musiclime._explain_corpus` (what is made of them),
:mod:`~sklearn_musiclime._explain_kept` (their cache) and :mod:`~sklearn_musiclime._explain_one`
(one song).
"""

from __future__ import annotations

import copy
import reprlib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from joblib import Memory
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from sklearn_musiclime._explain_all import SongRun
from sklearn_musiclime._explain_corpus import Corpus, Target
from sklearn_musiclime._explain_kept import NOT_DECISIVE, KeptExplanations, identify, result_key
from sklearn_musiclime._explain_one import SongExplainer
from sklearn_musiclime._parameters import CONSTRAINTS, check_parameters
from sklearn_musiclime._runtime.cache import ResultCache
from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime._runtime.parallel import StreamingParallel
from sklearn_musiclime._runtime.progress import tqdm
from sklearn_musiclime._version import __version__
from sklearn_musiclime.components.columns import MAX_BACKGROUND
from sklearn_musiclime.components.fills import Donors, Fill
from sklearn_musiclime.components.lyrics import LyricUnits, split_lyrics
from sklearn_musiclime.components.segmentation import Segmenter, UniformSegmenter
from sklearn_musiclime.components.separation import HPSSSeparator, RecallingSeparator, Separator
from sklearn_musiclime.explanation import Explanations, GlobalExplanation, LocalExplanation
from sklearn_musiclime.neighbourhood import (
    MaskFunction,
    ScoreFunction,
    ask_about_row,
    check_labels,
    find_sampling_rate,
    score_function,
)
from sklearn_musiclime.results.matrix import MatrixColumns
from sklearn_musiclime.results.precision import SONG_COST
from sklearn_musiclime.results.record.columns import pyarrow
from sklearn_musiclime.results.record.writing import RecordWriter
from sklearn_musiclime.results.summaries import (
    DEFAULT_N_SEGMENTS,
    Renaming,
    renamer,
    summarise,
)
from sklearn_musiclime.songs import InvalidSongError, SongTable, lyrics_doubts
from sklearn_musiclime.songs.corpus import Failure, Notes, failure_frame

_DEFAULT_SEPARATOR = HPSSSeparator()
_DEFAULT_SEGMENTER = UniformSegmenter()


class MusicLimeExplainer(TransformerMixin, BaseEstimator):
    """Explain the predictions of a music model by sources, segments and words (MusicLIME).

    The audio of a song is split into components, one for each source and segment of time, and its
    lyrics into words. Masks leave random components out, the model scores each perturbed song, and
    a weighted linear model of the scores, the surrogate, estimates how much each component adds to
    the score. The model can be an estimator, a pipeline or a function.

    Parameters
    ----------
    model : estimator or callable
        A classifier or regressor that takes X, or a function from X to an array (n_songs,) or
        (n_songs, n_labels). `fit` fits a clone of an estimator; wrap a fitted one in
        :class:`~sklearn.frozen.FrozenEstimator` to use it as it is. A function is called as it is.
    separator : estimator with ``separate``, or None, default=HPSSSeparator()
        Separates the audio into sources. None: the whole mix is one source, "mix".
    segmenter : estimator with ``segment``, default=UniformSegmenter(n_segments=10)
        Divides the audio into segments of time.
    lyric_units : {"words", "word_positions", "lines", "sections"} or callable, default="words"
        Components of the lyrics: all occurrences of a word, a word at one position, a line or a
        section. A function from a text to its words, such as ``jieba.cut``: all occurrences of
        one of these. See :mod:`sklearn_musiclime.components.lyrics` for what a word is.
    mask_token : str or None, default=None
        Text that replaces lyrics that are left out, such as "[MASK]". None: they are removed.
    fill : {"silence", "noise", "mean"} or Donors, default="silence"
        What a source is replaced by where it is left out: silence; noise with its mean spectrum;
        its mean magnitudes; or the same place of other songs,
        :class:`~sklearn_musiclime.Donors`, whose words also replace lyrics if there is no
        `mask_token`. See :mod:`sklearn_musiclime.components.fills`
        for which to choose.
    modality : {"both", "audio", "lyrics", "columns"}, default="both"
        Modality whose components are explained, beside those of `columns`. The other modality is
        never perturbed. "columns": neither audio nor lyrics are, and X needs none.
    columns : sequence of label, or None, default=None
        Further columns of X that are explained, such as ``["year", "artist"]``; their positions, if
        X is an array. Each is a component: on, it has the song's value; off, that of another song,
        one of up to 64 songs of `fit`, which is drawn for each mask and the same for all columns
        that are off. Weights are those of the scores averaged over these songs. The design is
        joint: "auto" is "paired", and the model a black box. See
        :mod:`sklearn_musiclime.components.columns`. None: no further columns.
    design : {"auto", "crossed", "paired", "independent", "exhaustive"}, default="auto"
        How masks are drawn, see
        :func:`~sklearn_musiclime.neighbourhood.draw_neighbourhood`. "auto": "crossed" for a
        factored model, which has one branch per modality
        (see :mod:`sklearn_musiclime.neighbourhood.factored`), and "paired" for a black box. A
        factored model whose branches and head give other scores than the whole model is treated as
        a black box, with a warning that tells the number of songs that the model scored.
    n_samples : int, (int, int) or "auto", default="auto"
        Number of perturbed songs that the model scores for each song. In the crossed design it is
        both the number of audio masks and the number of lyric masks, each of which is encoded once;
        a pair gives the two numbers. "auto": in the crossed design 2400 audio masks and 240 lyric
        masks where they are cheap to encode, 240 and 160 where they are dear, and at least 4 for
        each component; in joint designs 300 where the model is dear and has a `proxy`, else 1000
        (:mod:`sklearn_musiclime.neighbourhood.amounts`).
    n_combinations : int or "auto", default="auto"
        Bound on the combinations of encoded audio and encoded lyrics that the head of a factored
        model scores for each song, in the crossed design; at least 100, and 4 for each mask. It is
        for heads that are dear, such as cross-attention: weights and interactions are estimated
        from fewer combinations, and standard errors say so. Encoders are called as often as
        without, but that ``n_samples="auto"`` draws at most a quarter as many masks of a modality.
        With `tol`, it bounds all draws together. Not counted are the few scores that check that
        the parts agree with the whole model. "auto": 8 combinations for each mask of the modality
        that has more, and up to 40,000 for interactions (2,500 for shares alone).
        ``explanation.settings["n_combinations"]`` tells how many there were.
    kernel : {"exponential", "shapley"}, default="exponential"
        Kernel of the surrogate. "exponential": perturbed songs near the song weigh more, as in
        LIME. "shapley": weights are Shapley values, as in KernelSHAP
        (:mod:`sklearn_musiclime.surrogate.shapley`). They add up to the score of the song minus the
        score with all components off. "shapley" needs a joint design and accepts no `kernel_width`,
        `regressor` or `feature_selection`.
    kernel_width : float, default=0.25
        Width of the exponential kernel: the smaller, the faster the weight of a perturbed song
        falls with the part that is left out, see
        :func:`~sklearn_musiclime.surrogate.kernel_weights`. With ``numpy.inf`` weights are Banzhaf
        values: the mean effect of a component over all masks of the others.
    link : {"identity", "logit"}, default="identity"
        Scale of the explained scores: the scores themselves, or the log-odds of probabilities
        (:mod:`sklearn_musiclime.surrogate.links`).
    regressor : estimator or None, default=None
        The surrogate: any linear regressor with ``coef_`` and ``sample_weight``. None: least
        squares, or ridge regression where there are too few masks for it. LIME uses
        ``Ridge(alpha=1.0)``.
    feature_selection : {"none", "highest_weights", "forward_selection", "lasso_path"}, \
            default="none"
        Method that selects `n_features` components for each label, see
        :func:`~sklearn_musiclime.surrogate.fit_surrogate`.
    n_features : int or None, default=None
        Number of components selected for each label by `feature_selection`.
    interactions : {"auto", "cross", "all"} or None, default="auto"
        Pairs of components whose interaction is estimated
        (:mod:`sklearn_musiclime.surrogate.interactions`): "cross" pairs components of different
        modalities, "all" takes all pairs, None takes none. In the crossed design the model's head
        scores up to 40,000 combinations for them, fewer with `n_combinations`; joint designs need
        no further calls, but estimate them less precisely. With ``kernel="shapley"`` interactions
        need all masks,
        ``design="exhaustive"``. "auto": "cross", where they can be estimated.
    linked : bool, default=False
        Whether a unit of lyrics and the "vocals" of the segments in which it is sung are left out
        together, so that no perturbed song sings words that its lyrics lack. Needs word times, a
        source "vocals" and a joint design. Units of lyrics that share a segment are joined to one
        linked unit, so "word_positions" or "lines" give finer weights than "words", which may be
        sung in many segments. The weight of a linked unit is divided equally among its components;
        interactions are not estimated.
    tol : float or None, default=None
        Relative error at which sampling stops. More perturbed songs are drawn until, for each
        label, every standard error is at most `tol` times the largest weight, and so is, with 95 %
        confidence, the root mean square error of the large weights (at least 0.3 of the largest);
        or until `max_samples` is reached. `n_samples` is then the number of the first draw.
    max_samples : int, default=100000
        Largest number of samples with `tol`. A :class:`~sklearn.exceptions.ConvergenceWarning`
        tells that it was reached first, and ``explanation.settings["converged"]`` is False. In the
        crossed design: number of audio and lyric masks together.
    proxy : "auto", estimator or None, default="auto"
        "auto": in the designs "paired" and "independent", and so for every black box, weights,
        interactions and shares are estimated with a proxy, a cheap model of how the perturbed songs
        sound (:mod:`sklearn_musiclime.proxy`), which may save nine of ten calls of the model.
        Standard errors include it. ``explanation.settings["proxy_factor"]`` tells how much of it
        was used for each label's weights, from 0 to 1. Estimator: a regressor of your own. It is
        fitted to log-mel statistics and masks, label by label, once to the scores and, if they are
        between 0 and 1, once to their log-odds; give it a scaler if it needs one, and a seed if it
        takes one. Other designs, a `regressor` and a `feature_selection` take no proxy. None: no
        proxy.
    sampling_rate : int or None, default=None
        Rate, in Hz, at which audio is perturbed and passed to the model. None: the attribute
        ``sampling_rate`` or ``required_sampling_rate`` of the fitted model or of a part of it, else
        22050.
    output_names : array-like of labels, or None, default=None
        Names of the columns of the model's scores. None: the model's classes, or the columns of the
        DataFrame that it returns, else column numbers.
    kind : {"classes", "outputs"} or None, default=None
        Meaning of the columns of the scores: classes, one of which is predicted, or separate
        outputs, such as valence and arousal, all of which are explained by default. None: taken
        from the estimator; "classes" for a function.
    audio_column, lyrics_column, word_times_column : str, \
            default="audio", "lyrics", "word_times"
        Names of the columns, if X is a DataFrame.
    batch_size : int or "auto", default="auto"
        Number of perturbed songs in a call of the model. "auto": 64, or fewer, so that a batch has
        at most 64 MiB of audio.
    memory : str, joblib.Memory or None, default=None
        Folder in which separated sources and finished explanations are cached, so that a run that
        was interrupted continues where it stopped. Explanations are cached if `random_state` is
        set. The key of an entry hashes everything that the result depends on: the song, the
        parameters, the model with its weights, the release of this package, the code of your own
        functions and classes and of those that they call, and the content of files that your
        objects name by a path
        (see :func:`~sklearn_musiclime._runtime.fingerprint.fingerprint`). A model that is loaded
        from a file, or fitted again in the same way, has the same key. Workers on other machines
        must have access to the folder.
    memory_keeps : {"all", "explanations", "sources"}, default="all"
        What `memory` keeps. Sources take four bytes a sample and source (a song of three minutes
        in two sources: 32 MB), explanations some ten kilobytes. With "explanations", a song
        whose settings change is separated anew; with "sources", it is explained anew.
    cache_version : str, int or None, default=None
        Version of those parts of the model, separator, segmenter or regressor that can't be hashed:
        a remote service, a handle without content, a directory of files. Change it whenever one of
        them changes. With a version, files are hashed by name, and objects that can't be hashed by
        type. None: files are hashed by content, and an object that can't be hashed is an error.
    n_jobs : int or None, default=None
        Number of songs explained in parallel, see :term:`n_jobs`. With fewer than half as many
        songs as workers, the batches of a black box are scored in parallel instead. Works with any
        joblib backend.
    random_state : int, RandomState instance or None, default=None
        Seed of the masks. With an int, the masks of a song depend only on the seed and on the
        lyrics, the length and the components of the song: not on `n_jobs`, `batch_size` or the
        other songs.
    verbose : int, default=0
        Above 0: show a progress bar, and tell whether the model is factored or why it is not.

    Attributes
    ----------
    model_ : estimator or callable
        The fitted model.
    classes_ : ndarray, or list of ndarray
        The classes of the model, if it has any.
    sampling_rate_ : int
        Sampling rate of the perturbed audio, in Hz.
    vocabulary_ : tuple of str
        Names of the lyric components of all songs seen during `fit`.
    background_ : DataFrame or None
        Values of songs seen during `fit` in the columns that are explained; None if none are.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str objects
        Names of the columns of X, if all are strings.

    See Also
    --------
    LocalExplanation : Explanation of one song, an item of what :meth:`explain` returns.

    References
    ----------
    Sotirou, Lyberatos, Menis Mastromichalakis, Stamou, "MusicLIME: Explainable Multimodal Music
    Understanding", arXiv 2409.10496.

    Examples
    --------
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_musiclime import MusicLimeExplainer, SpectralStatistics
    >>> from sklearn_musiclime.datasets import make_songs
    >>> songs, classes, stems, truth = make_songs(12, duration=2.0, random_state=0)
    >>> model = make_pipeline(
    ...     make_column_transformer(
    ...         (SpectralStatistics(), "audio"), (TfidfVectorizer(), "lyrics")
    ...     ),
    ...     LogisticRegression(max_iter=1000),
    ... )
    >>> explainer = MusicLimeExplainer(model, n_samples=100, random_state=0)
    >>> explanation = explainer.fit(songs, classes).explain(songs[:1])[0]
    >>> explanation.to_frame().columns.tolist()
    ['component', 'modality', 'source', 'segment', 'start', 'end', 'text', 'weight', 'std_err',
     'low', 'high']
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS

    def __init__(
        self,
        model: Any,
        *,
        separator: Separator | None = _DEFAULT_SEPARATOR,
        segmenter: Segmenter = _DEFAULT_SEGMENTER,
        lyric_units: LyricUnits = "words",
        mask_token: str | None = None,
        fill: Donors | Literal["silence", "noise", "mean"] = "silence",
        modality: str = "both",
        columns: Sequence[Hashable] | None = None,
        design: str = "auto",
        n_samples: int | tuple[int, int] | Literal["auto"] = "auto",
        n_combinations: int | Literal["auto"] = "auto",
        kernel: str = "exponential",
        kernel_width: float = 0.25,
        link: str = "identity",
        regressor: BaseEstimator | None = None,
        feature_selection: str = "none",
        n_features: int | None = None,
        interactions: str | None = "auto",
        linked: bool = False,
        tol: float | None = None,
        max_samples: int = 100_000,
        proxy: BaseEstimator | Literal["auto"] | None = "auto",
        sampling_rate: int | None = None,
        output_names: Sequence[Hashable] | None = None,
        kind: str | None = None,
        audio_column: str = "audio",
        lyrics_column: str = "lyrics",
        word_times_column: str = "word_times",
        batch_size: int | str = "auto",
        memory: str | Memory | None = None,
        memory_keeps: str = "all",
        cache_version: str | int | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ):
        self.model = model
        # The defaults are instances, so that a grid search can set "segmenter__n_segments"; each
        # explainer gets its own clone.
        self.separator = clone(separator) if separator is _DEFAULT_SEPARATOR else separator
        self.segmenter = clone(segmenter) if segmenter is _DEFAULT_SEGMENTER else segmenter
        self.lyric_units = lyric_units
        self.mask_token = mask_token
        self.fill = fill
        self.modality = modality
        self.columns = columns
        self.design = design
        self.n_samples = n_samples
        self.n_combinations = n_combinations
        self.kernel = kernel
        self.kernel_width = kernel_width
        self.link = link
        self.regressor = regressor
        self.feature_selection = feature_selection
        self.n_features = n_features
        self.interactions = interactions
        self.linked = linked
        self.tol = tol
        self.max_samples = max_samples
        self.proxy = proxy
        self.sampling_rate = sampling_rate
        self.output_names = output_names
        self.kind = kind
        self.audio_column = audio_column
        self.lyrics_column = lyrics_column
        self.word_times_column = word_times_column
        self.batch_size = batch_size
        self.memory = memory
        self.memory_keeps = memory_keeps
        self.cache_version = cache_version
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Self:
        """Fit a clone of the model and learn the names of the lyric components.

        No audio is decoded if the model is a :class:`~sklearn.frozen.FrozenEstimator` or a
        function.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs, see :mod:`sklearn_musiclime.songs`.
        y : array-like of shape (n_songs,) or (n_songs, n_outputs), or None, default=None
            Target values that the model is fitted to.
        **fit_params : object
            Passed to the model's ``fit``. With metadata routing enabled, only the parameters that
            the model requests.

        Returns
        -------
        MusicLimeExplainer
            The explainer itself.

        Raises
        ------
        InvalidParameterError, ValueError
            A parameter is out of its range, or `sampling_rate` differs from the model's.
        InvalidSongError
            A cell of X is invalid; the message names its row.
        """
        self._check_parameters()
        table = self._table(X)
        if hasattr(self.model, "fit") and not isinstance(self.model, FrozenEstimator):
            for row in range(len(table)):
                self._check_song(table, row)
        find_sampling_rate(self.model, self.sampling_rate)  # raises before the model is fitted
        if hasattr(self.model, "fit"):
            if get_config()["enable_metadata_routing"]:
                fit_params = process_routing(self, "fit", **fit_params).model.fit
            model = clone(self.model).fit(X, y, **fit_params)
        else:
            model = self.model
        score_function(model, self.output_names, self.kind)  # raises if it can't score
        sampling_rate = find_sampling_rate(model, self.sampling_rate)
        names = (split_lyrics(lyrics, self.lyric_units).names for lyrics in table.lyrics())
        self.vocabulary_ = tuple(dict.fromkeys(name for song in names for name in song))
        if self.lyric_units == "words" or callable(self.lyric_units):
            self.vocabulary_ = tuple(sorted(self.vocabulary_))
        self.background_ = table.background(MAX_BACKGROUND) if self._beside() else None
        if hasattr(model, "classes_"):
            self.classes_ = model.classes_
        self.model_ = model
        self.sampling_rate_ = sampling_rate
        validate_data(self, X, skip_check_array=True)  # n_features_in_ and feature_names_in_
        return self

    def explain(self, X: Any, labels: Any = None, *, on_error: str = "raise") -> Explanations:
        """Explain songs.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.
        labels : label, list or set of labels, int, "all" or None, default=None
            Labels to explain. A label is one of `output_names`, if they are given; otherwise a
            class of ``classes_``, ``(output, class)`` for classifiers of several outputs, the name
            of a column if the model returns a DataFrame, or else the number of an output, in a
            list: ``labels=[2]``. A :class:`~sklearn_musiclime.Contrast` of two of these tells why
            the one rather than the other. An int n: the n labels of the highest scores. "all":
            every label.
            None: the label that the model's ``predict`` returns for each song; for multi-label
            models every output that is on, or the one of the highest score if none is; for a
            regressor every output; for a function the label of the highest score.
        on_error : {"raise", "warn"}, default="raise"
            Whether a song that fails raises its error, or is left out. With "warn" one warning at
            the end, and the attribute ``failures`` of the result, list the rows that failed with
            their reasons.

        Returns
        -------
        Explanations
            A list of :class:`LocalExplanation`, one per song; ``explanation.row`` is the position
            of the song in X, ``explanation.track_id`` its label in the index of X.

        Raises
        ------
        InvalidSongError
            A cell of X is invalid; the message names its row. Everything that can be checked
            without decoding audio is checked for all songs before the first is explained.
        ValueError
            A label is unknown; the model returned NaN or a wrong shape; the model scores a row of X
            differently from the song composed of all its components; or all songs failed.
        """
        run = self._run(X, labels, on_error=on_error)
        found = list(run.results())
        # As it is now: parameters may be set anew before the model is asked again.
        as_it_is = copy.copy(self)
        for explanation in found:
            song = run.table.alone(explanation.row)
            explanation.ask_by(partial(_mask_function, as_it_is, song))
        return Explanations(found, failure_frame(run.failures), run.report)

    def explain_global(
        self,
        X: Any,
        labels: Any = None,
        *,
        groups: Sequence[Hashable] | None = None,
        n_segments: int | None = None,
        words: Renaming = None,
        sources: Renaming = None,
        on_error: str = "raise",
        keep_explanations: bool = False,
        out: str | PathLike[str] | None = None,
        precision: float | None = None,
        song_cost: float = SONG_COST,
    ) -> GlobalExplanation:
        """Explain songs and aggregate their explanations by class.

        Songs are explained one after the other, and of each explanation only a summary, without
        waveforms, stays in memory.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.
        labels : label, list of labels, or None, default=None
            Labels to explain, see :meth:`explain`. None: the predicted label of each song, as in
            the MusicLIME paper.
        groups : array-like of shape (n_songs,), or None, default=None
            Group of each song, for intervals and tests: songs of one group, such as clips of a
            recording or songs of an artist, are not independent. None: each song is a group.
        n_segments : int or None, default=None
            Number of relative segments, equal parts of a song's length to which its segments are
            mapped. None: the segmenter's number of segments, or 10 if that is not fixed.
        words, sources : mapping, callable, "lower" or None, default=None
            New names of words and sources; those with the same name are one component, see
            :meth:`GlobalExplanation.from_local <sklearn_musiclime.GlobalExplanation.from_local>`.
        on_error : {"raise", "warn"}, default="raise"
            Whether a song that fails raises its error, or is left out. With "warn" one warning at
            the end, and the attribute ``failures`` of the result, list the rows that failed with
            their reasons.
        keep_explanations : bool, default=False
            Whether to keep the local explanations, with their waveforms, in the attribute
            ``explanations`` of the result.
        out : path-like or None, default=None
            Record of the explanations, written while songs finish: one file if the name ends in
            ".parquet", else a folder of parts. Songs that it holds are not explained again, so that
            a run that was killed goes on where it stopped, without `memory` too. A record has one
            model and one set of parameters, and X needs an index that tells songs apart. Needs
            pyarrow. See :mod:`sklearn_musiclime.results.record`. None: no record.
        precision : float or None, default=None
            Standard error of the importances that is enough, relative to the largest importance of
            a class. Songs are explained in a random order until it is reached, each with as many
            masks as is best for that, at most `n_samples`, as the variances of the first songs
            tell: see :mod:`sklearn_musiclime.results.precision`. ``run.notes`` of the result tells
            what was done and saved. None: all songs, with `n_samples` masks each.
        song_cost : float, default=25.0
            With `precision`: what a song costs before its first mask, such as its separation, in
            the time of as many masks. The dearer a song, the more masks it gets.

        Returns
        -------
        GlobalExplanation
            Its attribute ``run`` is the report of the run
            (:class:`~sklearn_musiclime.songs.run.RunReport`).

        Raises
        ------
        ImportError
            With `out`: pyarrow is not installed.
        InvalidSongError
            As :meth:`explain`.
        OSError
            With `out`: it can't be written to, or another run does.
        ValueError
            As :meth:`explain`; or the record at `out` is of other settings, or of other songs with
            the same labels.
        """
        for names in (words, sources):
            renamer(names)  # raises for what can't rename, before the long work
        if n_segments is not None and n_segments < 1:
            raise ValueError(f"n_segments must be at least 1, got {n_segments!r}")
        if groups is not None and len(groups) != len(X):
            raise ValueError(f"{len(groups)} groups for {len(X)} songs")
        if precision is not None and not (0 < precision < 1 and song_cost > 0):
            raise ValueError(
                "precision must be between 0 and 1 and song_cost above 0, got "
                f"{precision!r} and {song_cost!r}"
            )
        if precision is not None and self.tol is not None:
            raise ValueError("precision chooses the masks of each song, and so does tol; give one")
        if out is not None and keep_explanations:
            raise ValueError(
                "out= does not explain songs again that it holds, so that keep_explanations=True "
                "can't be had with it; memory= keeps explanations"
            )
        if out is not None:
            pyarrow()  # raises if it is not installed
        run = self._run(
            X,
            labels,
            needs_waveforms=keep_explanations,
            on_error=on_error,
            is_recorded=out is not None,
        )
        reduce = partial(
            summarise,
            n_segments=n_segments or self._n_segment_columns(),
            words=words,
            sources=sources,
        )
        target = None
        if precision is not None:
            target = Target(
                precision=precision,
                song_cost=song_cost,
                seed=run.task.explainer.seed,
                with_masks=self._with_masks,
            )
        corpus = Corpus(run=run, summarise=reduce, groups=groups, target=target)
        if out is None:
            return corpus.explain(keep=keep_explanations)
        digest, settings = self._record_settings(run, precision, song_cost)
        return corpus.record(RecordWriter(out, settings_digest=digest, settings=settings))

    def transform(self, X: Any) -> np.ndarray:
        """Explain songs and return the weights of their predicted labels in a matrix.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.

        Returns
        -------
        ndarray of shape (n_songs, n_components)
            One row per song. Columns are sources x segments, the vocabulary, and `columns`, see
            :meth:`get_feature_names_out`. Components that a song lacks have weight 0; words that
            `fit` has not seen are left out. If several labels of a song are explained, the weights
            are those of the first.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_musiclime import MusicLimeExplainer
        >>> songs = np.empty((2, 2), dtype=object)
        >>> songs[:] = [[np.ones(10), "love is all"], [np.ones(10), "all you need"]]
        >>> explainer = MusicLimeExplainer(
        ...     lambda X: [1.0 * ("love" in words) for _, words in X], modality="lyrics"
        ... )
        >>> weights = explainer.fit_transform(songs)
        >>> explainer.get_feature_names_out().tolist()
        ['all', 'is', 'love', 'need', 'you']
        >>> weights.round(6) + 0.0
        array([[0., 0., 1., 0., 0.],
               [0., 0., 0., 0., 0.]])
        """
        check_is_fitted(self)
        columns = self._matrix_columns()
        matrix = np.zeros((len(X), len(columns.names)))
        for row, explanation in enumerate(self._explanations(X)):
            matrix[row] = columns.matrix_row(explanation)
        return matrix

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns of :meth:`transform`.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Only checked to be the column names seen during `fit`.

        Returns
        -------
        ndarray of str objects
            ``source@segment``, source by source, the vocabulary, and ``column[name]`` for each of
            `columns`. With a segmenter whose number of segments is not fixed, each source has 10
            columns, each for a tenth of the segments.

        Raises
        ------
        ValueError
            The separator has no ``source_names``.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features, generate_names=False)
        return np.array(self._matrix_columns().names, dtype=object)

    def mask_functions(self, X: Any) -> Iterator[MaskFunction]:
        """Return, for each song, the model's scores as a function of masks.

        The functions serve the metrics (:mod:`sklearn_musiclime.metrics`) and other explainers.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.

        Returns
        -------
        iterator of MaskFunction
            One function per song. It takes masks of shape (n_masks, n_components) and returns
            scores of shape (n_masks, n_labels).

        Raises
        ------
        InvalidSongError
            A cell of X is invalid; the message names its row.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_musiclime import MusicLimeExplainer
        >>> songs = np.empty((1, 2), dtype=object)
        >>> songs[0] = [np.ones(10), "love is all"]
        >>> explainer = MusicLimeExplainer(lambda X: [1.0 * len(words) for _, words in X])
        >>> explainer = explainer.set_params(modality="lyrics").fit(songs)
        >>> (function,) = explainer.mask_functions(songs)
        >>> function.components.names
        ('love', 'is', 'all')
        >>> function([[1, 1, 1], [1, 0, 0]])
        array([[11.],
               [ 5.]])
        """
        check_is_fitted(self)
        return self._mask_functions(self._table(X))

    def _mask_functions(self, table: SongTable) -> Iterator[MaskFunction]:
        for row in range(len(table)):
            self._check_song(table, row)
        quiet = tqdm(disable=True)
        parallel = StreamingParallel(self.n_jobs)
        cache = ResultCache(self.memory)
        explainer = self._song_explainer(cache)

        def mask_function(row: int) -> MaskFunction:
            one = table.take(row)
            scorer = explainer.scorer(one, parallel, quiet)
            cache.warn_once(cache.trouble)
            composed = scorer.score_song().scores[0]
            nothing = scorer.score_masks(np.zeros((1, len(scorer.components)), dtype=bool))
            among = np.vstack([composed, nothing])
            ask_about_row(scorer.score, one.given(0), scorer.song, composed, among)
            return MaskFunction(scorer)

        return map(mask_function, range(len(table)))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean fidelity of the explanations of songs.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.
        y : None
            Ignored.

        Returns
        -------
        float
            Mean of the fidelity over songs and labels. Fidelity is the surrogate's weighted R^2 on
            masks that it was not fitted to: at most 1, and negative where the surrogate predicts
            worse than the mean score.
        """
        return float(np.mean([e.fidelity.mean() for e in self._explanations(X)]))

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the metadata routing: metadata of `fit` goes to the model's ``fit``.

        Returns
        -------
        MetadataRouter
            Routing information, see the
            :ref:`user guide of scikit-learn <metadata_routing>`.
        """
        mapping = MethodMapping()
        for caller in ("fit", "fit_transform"):
            mapping.add(caller=caller, callee="fit")
        return MetadataRouter(owner=self).add(model=self.model, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True
        return tags

    def _check_parameters(self) -> None:
        self._validate_params()
        check_parameters(self)

    def _beside(self) -> tuple[Hashable, ...]:
        """Columns of X that are explained beside audio and lyrics."""
        return () if self.columns is None else tuple(self.columns)

    def _modalities(self) -> tuple[str, ...]:
        """Those of audio and lyrics that are explained."""
        both = ("audio", "lyrics")
        return both if self.modality == "both" else tuple({self.modality}.intersection(both))

    def _table(self, X: Any, *, beside: Sequence[Hashable] | None = None) -> SongTable:
        return SongTable(
            X,
            audio=self.audio_column,
            lyrics=self.lyrics_column,
            word_times=self.word_times_column,
            modalities=self._modalities(),
            beside=self._beside() if beside is None else beside,
        )

    def _explanations(self, X: Any) -> Iterator[LocalExplanation]:
        """Yield the explanation of each song, without waveforms."""
        return self._run(X, needs_waveforms=False).results()

    def _run(
        self,
        X: Any,
        labels: Any = None,
        *,
        needs_waveforms: bool = True,
        on_error: str = "raise",
        is_recorded: bool = False,
    ) -> SongRun:
        """Check the songs of X, and return a run that explains them."""
        check_is_fitted(self)
        self._check_parameters()
        if on_error not in ("raise", "warn"):
            raise ValueError(f"on_error must be 'raise' or 'warn', got {on_error!r}")
        known = self._score_function().columns.known_labels
        if known is not None:
            check_labels(labels, known)
        table = self._table(X)
        failures: list[Failure] = []
        rows, notes = [], Notes()
        for row in range(len(table)):
            try:
                lyrics = self._check_song(table, row)
                rows.append(row)
                notes.add(table.name(row), lyrics_doubts(lyrics or ""))
            except InvalidSongError as error:
                if on_error == "raise":
                    raise
                failures.append(Failure(row, table.track_id(row), table.title(row), error))
        notes.warn()
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        cache = ResultCache(self.memory)
        is_kept = cache.is_kept and self.memory_keeps != "sources" and self.random_state is not None
        model_digest = identify(is_kept or is_recorded, self.cache_version, model=self.model_)
        key = None
        if is_kept:
            key = self._result_key(model_digest, labels, seed)
        task = KeptExplanations(
            explainer=self._song_explainer(cache, labels, seed),
            cache=cache,
            key=key,
            version=self.cache_version,
            provenance={"version": __version__, "model_digest": model_digest},
            needs_waveforms=needs_waveforms,
        )
        return SongRun(
            task, table, rows, failures,
            on_error=on_error, n_jobs=self.n_jobs, verbose=self.verbose,
        )  # fmt: skip

    def _result_key(
        self, model_digest: str | None, labels: Any, seed: int | None, **others: Any
    ) -> str:
        """Hash what results depend on, with `others` in the place of parameters."""
        return result_key(
            self.get_params(deep=False) | others, model_digest, labels, seed, self.sampling_rate_,
            self._background(),
        )  # fmt: skip

    def _with_masks(
        self, task: KeptExplanations, n_samples: int | tuple[int, int]
    ) -> KeptExplanations:
        """Return a task with another number of masks."""
        one, key = task.explainer, task.key
        if key is not None:
            digest = task.provenance["model_digest"]
            key = self._result_key(digest, one.labels, one.seed, n_samples=n_samples)
        return replace(task, explainer=replace(one, n_samples=n_samples), key=key)

    def _record_settings(
        self, run: SongRun, precision: float | None, song_cost: float
    ) -> tuple[str, dict[str, str]]:
        """Return the hash of what a record depends on, and its parts as text."""
        one, digest = run.task.explainer, run.task.provenance["model_digest"]
        # Without a random_state any seed will do, so that such a run can go on, too.
        seed = None if self.random_state is None else one.seed
        key = self._result_key(digest, one.labels, seed)
        parts = {"release": __version__, "model": digest, "labels": one.labels, "seed": seed}
        if precision is not None:
            key = fingerprint(key, precision, song_cost)
            parts |= {"precision": precision, "song_cost": song_cost}
        names = [name for name in self.get_params(deep=False) if name not in NOT_DECISIVE]
        parts |= {name: getattr(self, name) for name in names}
        parts["sampling_rate"] = self.sampling_rate_
        return key, {name: reprlib.repr(value) for name, value in parts.items()}

    def _score_function(self) -> ScoreFunction:
        return score_function(self.model_, self.output_names, self.kind)

    def _song_explainer(
        self, cache: ResultCache, labels: Any = None, seed: int = 0
    ) -> SongExplainer:
        """Return a SongExplainer with the fitted model and the parameters of this explainer."""
        separator = self.separator
        if separator is not None and cache.is_kept and self.memory_keeps != "explanations":
            # A separator may hold a network, so it is hashed once instead of once per song.
            key = fingerprint(version=self.cache_version, separator=separator)
            separator = RecallingSeparator(separator, cache, key)
        fill: Fill
        if isinstance(self.fill, Donors):
            donors = self._table(self.fill.songs, beside=())
            fill = self.fill.read(donors, self.sampling_rate_, separator)
        else:
            fill = self.fill
        return SongExplainer.of(
            self, score=self._score_function(), model=self.model_, labels=labels, seed=seed,
            sampling_rate=self.sampling_rate_, separator=separator, fill=fill,
            background=self._background(),
        )  # fmt: skip

    def _background(self) -> pd.DataFrame | None:
        """Values of songs of the fit in the columns that are explained; None if none are."""
        beside, known = list(self._beside()), self.background_
        if not beside:
            return None
        unknown = [label for label in beside if known is None or label not in known]
        if known is None or unknown:
            raise ValueError(
                f"fit remembered no values of column {unknown[0]!r}, which replace a song's where "
                "it is left out; call fit again after setting columns"
            )
        return known[beside]

    def _check_song(self, table: SongTable, row: int) -> str | None:
        """Check those parts of a song that need no decoding of audio, and return its lyrics."""
        lyrics, word_times = table.check(row)
        if lyrics is not None and word_times is not None:
            with table.naming(row):
                split_lyrics(lyrics, self.lyric_units, word_times=word_times, row=row)
        return lyrics

    def _matrix_columns(self) -> MatrixColumns:
        return MatrixColumns(
            source_names=self._source_names() if "audio" in self._modalities() else (),
            n_segments=self._n_segment_columns(),
            vocabulary=self.vocabulary_ if "lyrics" in self._modalities() else (),
            beside=tuple(str(label) for label in self._beside()),
        )

    def _source_names(self) -> tuple[str, ...]:
        if self.separator is None:
            return ("mix",)
        names = getattr(self.separator, "source_names", None)
        if names is None:
            raise ValueError(
                f"{type(self.separator).__name__} has no source_names, which name the columns of "
                "transform; explain does without"
            )
        return tuple(names)

    def _n_segment_columns(self) -> int:
        return getattr(self.segmenter, "fixed_n_segments", None) or DEFAULT_N_SEGMENTS


def _mask_function(explainer: MusicLimeExplainer, song: SongTable) -> MaskFunction:
    return next(explainer._mask_functions(song))
