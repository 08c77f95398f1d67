"""scikit-learn's contract: what is checked of every public estimator, what does not apply and why.

``python tests/contract.py`` runs the checks and prints them, estimator by estimator;
``test_contract.py`` runs the same ones as tests. There are three kinds:

- scikit-learn's own. They fit to numbers. Estimators that take songs get them told as songs: a
  row's numbers are the samples of a song, and what they are when rounded is its words. What then
  checks numbers themselves (that NaN and sparse matrices are refused) checks the telling alone, and
  is left to the tests of :mod:`sklearn_musiclime.songs`.
- What scikit-learn's own tests ask of its transformers beyond these.
- The same and more on songs, in every container that holds some.
"""

from __future__ import annotations

import copy
import html
import os
import pickle
import sys
import tempfile
import unittest
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks, estimator_html_repr
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted, validate_data

import sklearn_musiclime
from sklearn_musiclime import (
    AudioEmbedder,
    BeatSegmenter,
    HPSSSeparator,
    LateFusionClassifier,
    LyricLineSegmenter,
    LyricsEmbedder,
    MusicLimeExplainer,
    SpectralStatistics,
    StemSeparator,
    StructureSegmenter,
    TorchSeparator,
    TransformerFusionClassifier,
    UniformSegmenter,
    make_fusion_pipeline,
)
from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime.datasets import make_songs, save_songs

METHODS = ("transform", "predict_proba", "predict")
ANY_LENGTH = "songs need not be as long as those of the fit"
HOSTILE = "<script>alert('&')</script>"


# Numbers told as songs.


def songs_of(X: np.ndarray) -> np.ndarray:
    """A song a row: its samples are the row's numbers, its words the same when rounded."""
    songs = np.empty((len(X), 2), dtype=object)
    for row, values in enumerate(X):
        songs[row, 0] = values.astype(float)
        words = (f"x{column}is{value:.0f}" for column, value in enumerate(values))
        songs[row, 1] = " ".join(words).replace("-", "minus")
    return songs


def samples(column: Any) -> np.ndarray:
    """The waveforms of a column, a row each."""
    return np.stack([np.asarray(cell, dtype=float) for cell in column])


class OnNumbers:
    """Has an estimator of songs fit to numbers, which it checks as scikit-learn's own do."""

    def fit(self, X, y=None, **parameters):
        if hasattr(self, "predict"):
            numbers, y = validate_data(self, X, y)
        else:
            numbers = validate_data(self, X)
        super().fit(self._told(numbers), y, **parameters)
        validate_data(self, X, skip_check_array=True)  # columns of numbers, not of songs
        return self

    def _told(self, numbers):
        return songs_of(numbers)

    def _tell(self, X):
        check_is_fitted(self)
        told = self._told(validate_data(self, X, reset=False))
        if not isinstance(X, pd.DataFrame):
            return told
        if told.ndim == 1:
            return pd.Series(told, X.index)
        return pd.DataFrame(told, X.index, ["audio", "lyrics"])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.string = False
        tags.no_validation = False
        return tags


class Transforms(OnNumbers):
    def transform(self, X):
        return super().transform(self._tell(X))


class Classifies(OnNumbers):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y, sample_weight=sample_weight)

    def predict_proba(self, X):
        return super().predict_proba(self._tell(X))


class ExplainerOnNumbers(Transforms, MusicLimeExplainer):
    def score(self, X, y=None):
        return super().score(self._tell(X))


class LyricsEmbedderOnNumbers(Transforms, LyricsEmbedder):
    def _told(self, numbers):
        return songs_of(numbers)[:, 1]


class LateFusionOnNumbers(Classifies, LateFusionClassifier):
    pass


class TransformerFusionOnNumbers(Classifies, TransformerFusionClassifier):
    pass


# The estimators.


@cache
def models() -> Mapping[str, Path]:
    """Folders of transformers of next to no size."""
    import tiny_models
    from transformers.utils import logging

    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.disable_progress_bar()
    folder = Path(tempfile.mkdtemp(prefix="contract"))
    made = {name: folder / name for name in ("ast", "roberta")}
    for path in made.values():
        path.mkdir()
    tiny_models.ast(made["ast"], 16, 16, num_hidden_layers=1)
    tiny_models.roberta(made["roberta"])
    return made


@cache
def songs() -> tuple[pd.DataFrame, np.ndarray]:
    """A few short songs; a row is called by another name than its number."""
    X, y, _, _ = make_songs(8, duration=0.5, random_state=0)
    return X.set_axis(np.arange(8) * 10 + 3), y


@cache
def saved_stems() -> pd.DataFrame:
    """Songs as files, their stems beside them."""
    X, _, stems, _ = make_songs(2, duration=0.5, random_state=0)
    return save_songs(X, stems, tempfile.mkdtemp(prefix="contract"))


def loudness(X: Any) -> np.ndarray:
    """A model: how loud a song is, and how often it says "river", or has 0 among its words."""
    audio, lyrics = (X[:, 0], X[:, 1]) if isinstance(X, np.ndarray) else (X["audio"], X["lyrics"])
    cells = [np.asarray(cell["array"] if isinstance(cell, dict) else cell) for cell in audio]
    words = [text.count("river") + text.count("is0") for text in lyrics]
    return np.array([float(np.square(cell).mean()) for cell in cells]) + words


class Configured(TransformerMixin, BaseEstimator):
    """Can't do without a configuration that is not the default."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        assert sklearn.get_config()["assume_finite"]
        return np.array([[float(len(text))] for text in X])


def exact() -> LogisticRegression:
    return LogisticRegression(solver="newton-cholesky", tol=1e-10)


class Powers(TransformerMixin, BaseEstimator):
    """How loud each tenth of a song is."""

    def fit(self, X, y=None):
        self.n_parts_ = 10
        return self

    def transform(self, X):
        parts = (np.array_split(cell["array"], self.n_parts_) for cell in X)
        return np.log([[float(np.square(part).mean()) + 1e-9 for part in song] for song in parts])

    def get_feature_names_out(self, input_features=None):
        return np.array([f"part{i}" for i in range(self.n_parts_)], dtype=object)


class Halves:
    """A network that takes a mix apart by halves."""

    sources = ("one", "other")

    def __call__(self, mix):
        import torch

        return torch.stack([mix / 2, mix / 2], dim=1)


@cache
def why_no_polars() -> str:
    """Why there is nothing to check of polars; nothing, if there is."""
    if not find_spec("polars"):
        return "polars is not installed"
    import polars

    try:
        ColumnTransformer([("a", "passthrough", ["a"])]).fit(polars.DataFrame({"a": [1.0]}))
    except ValueError:
        return f"scikit-learn {sklearn.__version__} does not take polars {polars.__version__}"
    return ""


# Checks on songs. An entry's `X` is what its estimator takes: songs, or a column of them.


def answers(estimator: BaseEstimator, X: Any) -> dict[str, np.ndarray]:
    """What a fitted estimator says of songs, by method."""
    found = {m: getattr(estimator, m)(X) for m in METHODS if hasattr(estimator, m)}
    return {
        method: value.toarray() if hasattr(value, "toarray") else np.asarray(value)
        for method, value in found.items()
    }


def assert_same(found: dict, expected: dict, rows: Any = slice(None), tolerance: float = 0) -> None:
    assert list(found) == list(expected)
    for method, value in found.items():
        wanted = expected[method]
        if value.dtype.kind == "f":
            atol = tolerance * np.abs(wanted).max()
            np.testing.assert_allclose(value, wanted[rows], rtol=tolerance, atol=atol)
        else:
            np.testing.assert_array_equal(value, wanted[rows])


def containers(entry: Entry) -> Iterator[Any]:
    """The songs of an entry in all that may hold them."""
    X = entry.X
    yield X.set_axis(np.zeros(len(X), dtype=int))
    if isinstance(X, pd.Series):
        yield from (X.to_frame(), X.tolist(), X.to_frame().to_numpy())
    if entry.takes_arrays:
        yield X.to_numpy(dtype=object)


def fitted(entry: Entry) -> BaseEstimator:
    return clone(entry.estimator).fit(entry.X, entry.y)


def check_fit_changes_neither_parameters_nor_songs(entry):
    estimator, X = clone(entry.estimator), copy.deepcopy(entry.X)
    before = fingerprint(estimator.get_params()), fingerprint(X)
    names = set(vars(estimator))
    assert estimator.fit(X, entry.y) is estimator
    answers(estimator, X)
    assert (fingerprint(estimator.get_params()), fingerprint(X)) == before
    learnt = set(vars(estimator)) - names
    assert all(name.endswith("_") or name.startswith("_") for name in learnt), learnt


def check_fit_again_and_clone_give_the_same(entry):
    estimator = fitted(entry)
    expected = answers(estimator, entry.X)
    assert_same(answers(estimator, entry.X), expected)
    assert_same(answers(estimator.fit(entry.X, entry.y), entry.X), expected)
    again = clone(estimator)
    assert not [name for name in vars(again) if name.endswith("_") and name[:1] != "_"]
    assert_same(answers(again.fit(entry.X, entry.y), entry.X), expected)


def check_answers_change_no_state(entry):
    estimator = fitted(entry)
    before = fingerprint(vars(estimator))
    answers(estimator, entry.X)
    assert fingerprint(vars(estimator)) == before


def check_pickles_answer_the_same(entry):
    estimator = fitted(entry)
    expected = answers(estimator, entry.X)
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        assert_same(answers(pickle.loads(pickle.dumps(estimator, protocol)), entry.X), expected)


def check_skops_answers_the_same(entry):
    estimator = fitted(entry)
    data = skops.io.dumps(estimator)
    trusted = skops.io.get_untrusted_types(data=data)
    assert all(is_ours(name) or name in TRUSTED for name in trusted), trusted
    loaded = skops.io.loads(data, trusted=trusted)
    assert_same(answers(loaded, entry.X), answers(estimator, entry.X))


def is_ours(type_name: str) -> bool:
    return type_name.startswith(("sklearn_musiclime.", f"{__name__}."))


def check_not_fitted(entry):
    methods = [m for m in (*METHODS, "explain", "score") if hasattr(entry.estimator, m)]
    assert methods
    for method in methods:
        y = [entry.y] if method == "score" else []
        with pytest.raises(NotFittedError):
            getattr(clone(entry.estimator), method)(entry.X, *y)


def check_columns_are_remembered(entry):
    frame = entry.X.to_frame() if isinstance(entry.X, pd.Series) else entry.X
    estimator = clone(entry.estimator).fit(frame, entry.y)
    assert estimator.n_features_in_ == frame.shape[1]
    assert list(estimator.feature_names_in_) == list(frame)
    array = frame.to_numpy(dtype=object)
    if entry.takes_arrays:
        estimator.fit(array, entry.y)
        assert estimator.n_features_in_ == frame.shape[1]
        assert not hasattr(estimator, "feature_names_in_")


def check_columns_are_found_by_name(entry):
    estimator = fitted(entry)
    expected = answers(estimator, entry.X)
    other = entry.X[list(entry.X)[::-1]].assign(year=1999)
    assert_same(answers(estimator, other), expected)
    assert_same(answers(clone(estimator).fit(other, entry.y), entry.X), expected)


def check_columns_that_lack_are_named(entry):
    estimator = fitted(entry)
    for name in ("audio", "lyrics"):
        for act in (clone(entry.estimator).fit, lambda X, y: answers(estimator, X)):
            # The latter is what a ColumnTransformer of scikit-learn 1.6 says.
            with pytest.raises(ValueError, match=f"{name}|A given column is not a column"):
                act(entry.X.drop(columns=name), entry.y)


def check_one_column_is_asked_for(entry):
    estimator = fitted(entry)
    two = pd.concat([entry.X, entry.X], axis=1, keys=["a", "b"])
    for act in (clone(entry.estimator).fit, estimator.transform):
        with pytest.raises((TypeError, ValueError), match="one column"):
            act(two)


def check_rows_answer_for_themselves(entry):
    estimator = fitted(entry)
    expected = answers(estimator, entry.X)
    order = np.random.default_rng(0).permutation(len(entry.X))
    mixed = answers(estimator, entry.X.iloc[order])
    assert_same(mixed, expected, order, entry.tolerance)
    for row in (0, len(entry.X) - 1):
        alone = answers(estimator, entry.X.iloc[[row]])
        assert_same(alone, expected, [row], entry.tolerance)


def check_containers_hold_the_same(entry):
    expected = answers(fitted(entry), entry.X)
    for X in containers(entry):
        estimator = clone(entry.estimator).fit(X, entry.y)
        assert_same(answers(estimator, X), expected, tolerance=entry.tolerance)


def check_polars_holds_the_same(entry):
    if why_no_polars():
        raise unittest.SkipTest(why_no_polars())
    import polars

    expected = answers(fitted(entry), entry.X)
    frame = entry.X.to_frame() if isinstance(entry.X, pd.Series) else entry.X
    kinds = [{}, {"audio": polars.Object}] if "audio" in frame else [{}]
    for kind in kinds:
        columns = [polars.Series(n, frame[n].tolist(), dtype=kind.get(n)) for n in frame]
        X = polars.DataFrame(columns)
        for held in [X[frame.columns[0]], X] if isinstance(entry.X, pd.Series) else [X]:
            estimator = clone(entry.estimator).fit(held, polars.Series(entry.y))
            assert_same(answers(estimator, held), expected, tolerance=entry.tolerance)


def check_read_only_songs(entry):
    X = entry.X.copy(deep=True)
    cells = X if isinstance(X, pd.Series) else X["audio"]
    for cell in cells:
        if isinstance(cell, dict):
            cell["array"].setflags(write=False)
    expected = answers(fitted(entry), entry.X)
    assert_same(answers(clone(entry.estimator).fit(X, entry.y), X), expected)


def check_y_of_another_length(entry):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(entry.estimator).fit(entry.X, entry.y[1:])


def check_output_is_set(entry):
    X = entry.X.to_frame() if isinstance(entry.X, pd.Series) else entry.X
    estimator = clone(entry.estimator).fit(X, entry.y)
    expected = answers(estimator, X)["transform"]
    names = list(estimator.get_feature_names_out())
    assert len(names) == expected.shape[1]
    assert all(type(name) is str for name in names)
    assert estimator.get_feature_names_out().dtype == object

    def check(out: Any) -> None:
        assert type(out).__module__.startswith(kind), type(out)
        assert list(out.columns) == names
        # A small weight has the rounding of the large ones.
        largest = np.abs(expected).max(initial=0.0)
        np.testing.assert_allclose(out.to_numpy(), expected, atol=entry.tolerance * largest)

    kinds = ["pandas"] if why_no_polars() else ["pandas", "polars"]
    for kind in kinds:
        out = clone(estimator).set_output(transform=kind).fit(X, entry.y).transform(X)
        check(out)
        if kind == "pandas":
            assert list(out.index) == list(X.index)
        with sklearn.config_context(transform_output=kind):
            check(estimator.transform(X))
            check(clone(entry.estimator).fit_transform(X, entry.y))
        default = clone(estimator).set_output(transform=kind).set_output(transform="default")
        assert isinstance(default.fit(X, entry.y).transform(X), np.ndarray)


def check_output_of_steps_is_set_for_all(entry):
    estimator, expected = fitted(entry), answers(fitted(entry), entry.X)
    kinds = ["pandas"] if why_no_polars() else ["pandas", "polars"]
    for kind in kinds:
        with sklearn.config_context(transform_output=kind), warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*feature names")
            refitted = clone(estimator).fit(entry.X, entry.y)
            assert_same(answers(refitted, entry.X), expected, tolerance=1e-9)


def check_html(entry):
    estimator = clone(entry.estimator)
    name = next(iter(estimator.get_params(deep=False)))
    for shown in (estimator, clone(estimator).set_params(**{name: HOSTILE})):
        page = estimator_html_repr(shown)
        assert type(shown).__name__ in page
        assert "<script>alert" not in page
        assert page == estimator_html_repr(shown) or "sk-container-id" in page
        assert type(shown).__name__ in shown._repr_html_()
    assert html.escape("<script>") in page


def check_parallel_gives_the_same(entry):
    expected = answers(fitted(entry), entry.X)
    estimator = clone(entry.estimator).set_params(n_jobs=2)
    for backend in ("loky", "threading"):
        with joblib.parallel_config(backend=backend):
            found = answers(estimator.fit(entry.X, entry.y), entry.X)
            assert_same(found, expected, tolerance=1e-10)


def check_threads_give_the_same(entry):
    estimator = fitted(entry)
    expected = answers(estimator, entry.X)
    tasks = [joblib.delayed(answers)(estimator, entry.X)] * 4
    for found in joblib.Parallel(2, backend="threading")(tasks):
        assert_same(found, expected, tolerance=entry.tolerance)


def check_fits_to_numbers(entry):
    assert entry.on_numbers is not None


# Of separators and segmenters, which have no fit: what they say of a waveform.


def said(estimator: BaseEstimator) -> list[np.ndarray]:
    X = saved_stems()
    path = Path(X["audio"][0])
    waveform = sklearn_musiclime.songs.read_audio(path, 22050)
    waveform.setflags(write=False)
    if hasattr(estimator, "separate"):
        more = {"path": path} if isinstance(estimator, StemSeparator) else {}
        return [estimator.separate(waveform, 22050, **more)[1]]
    more = {}
    if isinstance(estimator, LyricLineSegmenter):
        more = {"lyrics": "la\nlo", "word_times": np.array([[0.0, 0.1], [0.2, 0.3]])}
    return [estimator.segment(waveform, 22050, **more)]


def check_the_same_is_said_again(entry):
    before = fingerprint(vars(entry.estimator))
    expected = said(entry.estimator)
    assert np.size(expected[0]) > 1
    for other in (
        entry.estimator,
        clone(entry.estimator),
        copy.deepcopy(entry.estimator),
        pickle.loads(pickle.dumps(entry.estimator)),
    ):
        np.testing.assert_array_equal(said(other), expected)
    assert fingerprint(vars(entry.estimator)) == before


def check_skops_says_the_same(entry):
    data = skops.io.dumps(entry.estimator)
    trusted = skops.io.get_untrusted_types(data=data)
    assert all(map(is_ours, trusted)), trusted
    loaded = skops.io.loads(data, trusted=trusted)
    np.testing.assert_array_equal(said(loaded), said(entry.estimator))


def check_threads_say_the_same(entry):
    expected = said(entry.estimator)
    tasks = [joblib.delayed(said)(entry.estimator)] * 4
    for found in joblib.Parallel(2, backend="threading")(tasks):
        np.testing.assert_array_equal(found, expected)


OF_ALL = (
    check_fit_changes_neither_parameters_nor_songs,
    check_fit_again_and_clone_give_the_same,
    check_answers_change_no_state,
    check_pickles_answer_the_same,
    check_skops_answers_the_same,
    check_not_fitted,
    check_columns_are_remembered,
    check_rows_answer_for_themselves,
    check_containers_hold_the_same,
    check_polars_holds_the_same,
    check_html,
    check_threads_give_the_same,
)
OF_COLUMNS = (*OF_ALL, check_one_column_is_asked_for, check_output_is_set)
OF_SONGS = (
    *OF_ALL,
    check_columns_are_found_by_name,
    check_columns_that_lack_are_named,
    check_read_only_songs,
    check_output_of_steps_is_set_for_all,
)
OF_CLASSIFIERS = (*OF_SONGS, check_y_of_another_length)
WITHOUT_FIT = (
    check_the_same_is_said_again,
    check_skops_says_the_same,
    check_threads_say_the_same,
    check_html,
)
BEYOND = (
    "check_get_feature_names_out_error",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_global_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
)
"""Of transformers, what scikit-learn's own tests add to ``check_estimator``."""
NEED_NO_DATA = (
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
)
"""What scikit-learn checks of an estimator without calling ``fit``."""
TRUSTED = {
    "sklearn.compose._column_transformer._RemainderColsList",  # of scikit-learn 1.6
}
"""Types of others that a fitted estimator is made of and that skops does not know."""


@dataclass(frozen=True)
class Entry:
    """An estimator, what it is checked on, and what of scikit-learn's checks does not apply.

    Attributes
    ----------
    estimator : estimator
        Of songs.
    checks : tuple of callable
        Those on songs.
    on_numbers : estimator or None
        Of numbers, for scikit-learn's checks. None: those that need no data, and of `estimator`.
    X, y : object
        The songs.
    tolerance : float
        Relative to the largest answer: how much those of rows in another company may differ.
    takes_arrays : bool
        Whether X may be an array of objects.
    reasons : dict of str to str
        Why a check does not apply.
    other_checks : str
        Why those of scikit-learn's checks do not that need data, without `on_numbers`.
    """

    estimator: BaseEstimator
    checks: tuple[Callable[[Entry], None], ...]
    on_numbers: BaseEstimator | None = None
    X: Any = None
    y: Any = None
    tolerance: float = 1e-12
    takes_arrays: bool = True
    reasons: dict[str, str] = field(default_factory=dict)
    other_checks: str = "it has no fit: the explainer calls separate or segment"


@dataclass(frozen=True)
class Check:
    """A check of an estimator.

    Attributes
    ----------
    name : str
        Of the check.
    run : callable
        Raises if the estimator fails it.
    reason : str or None
        Why it does not apply, if it doesn't. It fails then.
    """

    name: str
    run: Callable[[], None]
    reason: str | None = None


@cache
def entries() -> tuple[Entry, ...]:
    """Every public estimator."""
    X, y = songs()
    of_songs = {"X": X, "y": y}
    sounds = {"X": X["audio"], "y": y}
    late = LateFusionClassifier(
        make_pipeline(Powers(), LogisticRegression()),
        make_pipeline(TfidfVectorizer(), LogisticRegression()),
    )
    quick = {"separator": None, "segmenter": UniformSegmenter(2), "n_samples": 8, "random_state": 0}
    spectra = {
        "check_n_features_in_after_fitting": ANY_LENGTH,
        "check_get_feature_names_out_error": "it has nothing to learn and works without fit",
        "check_not_fitted": "it has nothing to learn and works without fit",
    }
    explained = {
        "check_parameters_default_constructible": (
            "separator and segmenter default to instances, so that segmenter__n_segments can be "
            "searched as it stands"
        )
    }
    return (
        Entry(
            SpectralStatistics(n_mels=20, n_mfcc=5),
            (*OF_COLUMNS, check_parallel_gives_the_same),
            SpectralStatistics(n_mels=20, n_mfcc=5),
            reasons=spectra,
            **sounds,
        ),
        Entry(
            SpectralStatistics(features=("rms", "chroma")),
            OF_COLUMNS,
            SpectralStatistics(features=("rms", "chroma")),
            reasons=spectra,
            **sounds,
        ),
        Entry(
            make_fusion_pipeline(),
            OF_CLASSIFIERS,
            takes_arrays=False,
            other_checks="it is a Pipeline of scikit-learn",
            reasons={
                "check_fit_changes_neither_parameters_nor_songs": "a Pipeline fits its own steps",
            },
            **of_songs,
        ),
        Entry(
            late,
            (*OF_CLASSIFIERS, check_parallel_gives_the_same),
            LateFusionOnNumbers(
                make_pipeline(FunctionTransformer(samples), exact()),
                make_pipeline(CountVectorizer(), exact()),
            ),
            **of_songs,
        ),
        Entry(
            MusicLimeExplainer(late, **quick),
            (*OF_SONGS, check_output_is_set, check_parallel_gives_the_same),
            ExplainerOnNumbers(loudness, **quick),
            tolerance=1e-9,
            reasons=explained,
            **of_songs,
        ),
        Entry(
            MusicLimeExplainer(loudness, **quick),
            (*OF_SONGS, check_output_is_set, check_parallel_gives_the_same),
            tolerance=1e-9,
            reasons=explained,
            other_checks="they are run above, with the same model",
            **of_songs,
        ),
        Entry(HPSSSeparator(), WITHOUT_FIT),
        Entry(StemSeparator(sources=("drums",)), WITHOUT_FIT),
        Entry(UniformSegmenter(), WITHOUT_FIT),
        Entry(BeatSegmenter(beats=1), WITHOUT_FIT),
        Entry(StructureSegmenter(n_segments=3), WITHOUT_FIT),
        Entry(LyricLineSegmenter(), WITHOUT_FIT),
        *deep_entries(),
    )


def deep_entries() -> tuple[Entry, ...]:
    """Those of the extra ``deep``."""
    modules = ("torch", "transformers", "sentence_transformers")
    if not all(map(find_spec, modules)):
        estimators = AudioEmbedder, LyricsEmbedder, TransformerFusionClassifier
        why = f"{', '.join(modules)} are not all installed"
        return tuple(
            Entry(estimator, (check_html,), other_checks=why)
            for estimator in (*(cls() for cls in estimators), TorchSeparator(Halves()))
        )
    X, y = songs()
    folders = models()
    extractor, ast = pretrained(folders["ast"])
    of_songs, sounds, words = ({"X": held, "y": y} for held in (X, X["audio"], X["lyrics"]))
    return (
        Entry(
            AudioEmbedder(str(folders["ast"])),
            OF_COLUMNS,
            AudioEmbedder(ast, feature_extractor=extractor),
            tolerance=1e-5,
            reasons={
                "check_n_features_in_after_fitting": ANY_LENGTH,
                "check_transformer_general": ANY_LENGTH,
                "check_estimators_overwrite_params": "joblib.hash tells a network from its copy",
            },
            **sounds,
        ),
        Entry(
            LyricsEmbedder(str(folders["roberta"])),
            OF_COLUMNS,
            LyricsEmbedderOnNumbers(str(folders["roberta"])),
            tolerance=1e-5,
            **words,
        ),
        Entry(
            TransformerFusionClassifier(
                str(folders["ast"]), str(folders["roberta"]), n_epochs=1, random_state=0
            ),
            OF_CLASSIFIERS,
            TransformerFusionOnNumbers(
                str(folders["ast"]), str(folders["roberta"]), n_epochs=1, freeze=True
            ),
            tolerance=1e-5,
            reasons={
                "check_sample_weight_equivalence_on_dense_data": (
                    "it learns from batches, and songs that are there twice make others"
                ),
                "check_classifiers_train": (
                    "encoders without training tell its clusters apart badly; what it learns is "
                    "tested in test_transformer.py"
                ),
                "check_skops_answers_the_same": (
                    "skops knows no networks; save and load write JSON and safetensors"
                ),
            },
            **of_songs,
        ),
        Entry(TorchSeparator(Halves()), WITHOUT_FIT),
    )


def pretrained(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoFeatureExtractor, AutoModel

    return AutoFeatureExtractor.from_pretrained(folder), AutoModel.from_pretrained(folder)


def checks_of(entry: Entry) -> Iterator[Check]:
    """All checks of an entry, in the order in which they are run."""
    estimator = entry.on_numbers if entry.on_numbers is not None else entry.estimator
    name = type(estimator).__name__
    if entry.on_numbers is None:
        for check in NEED_NO_DATA:
            run = partial(getattr(estimator_checks, check), name, estimator)
            yield Check(check, run, entry.reasons.get(check))
        rest = partial(check_fits_to_numbers, entry)
        yield Check("all other checks of scikit-learn", rest, entry.other_checks)
    else:
        for _, check in estimator_checks_generator(estimator):
            run = partial(check, estimator)
            while hasattr(check, "func"):
                check = check.func
            yield Check(check.__name__, run, entry.reasons.get(check.__name__))
        for check in BEYOND if hasattr(estimator, "transform") else ():
            run = partial(getattr(estimator_checks, check), name, clone(estimator))
            yield Check(check, run, entry.reasons.get(check))
    for check in entry.checks:
        yield Check(check.__name__, partial(check, entry), entry.reasons.get(check.__name__))


def main() -> int:
    """Run and print all checks; return how many went wrong."""
    count = {"passed": 0, "not applicable": 0, "FAILED": 0}
    for entry in entries():
        print(f"\n{shown(entry)}")
        for check in checks_of(entry):
            outcome, reason = outcome_of(check)
            count[outcome] += 1
            print(f"  {outcome:<14}  {check.name}{reason and f': {reason}'}", flush=True)
    print(f"\nscikit-learn {sklearn.__version__}:", *(f"{n} {what}," for what, n in count.items()))
    return count["FAILED"]


def shown(entry: Entry) -> str:
    """An entry's estimator in a line."""
    text = " ".join(repr(entry.estimator).split())
    return text if len(text) < 90 else f"{text[:90]}..."


def outcome_of(check: Check) -> tuple[str, str]:
    """Whether a check was passed, and why not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check.run()
    except unittest.SkipTest as skipped:
        return "not applicable", str(skipped)
    except (Exception, pytest.fail.Exception) as error:
        if check.reason is not None:
            return "not applicable", check.reason
        return "FAILED", f"{type(error).__name__}: {error}"
    if check.reason is not None:
        return "FAILED", f"it passes, although it should not apply: {check.reason}"
    return "passed", ""


if __name__ == "__main__":
    sys.exit(main())
