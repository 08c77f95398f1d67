"""Checks of estimators on songs, in every container that holds some, and what says which apply."""

from __future__ import annotations

import copy
import html
import pickle
import unittest
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
from contract_songs import saved_stems, why_no_polars
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_html_repr

import sklearn_musiclime
from sklearn_musiclime import Donors, LyricLineSegmenter, StemSeparator
from sklearn_musiclime._runtime.fingerprint import fingerprint

METHODS = ("transform", "predict_proba", "predict")
HOSTILE = "<script>alert('&')</script>"
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
    return type_name.startswith(("sklearn_musiclime.", "contract_songs."))


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
    if isinstance(estimator, Donors):
        donors = estimator.read(sklearn_musiclime.songs.SongTable(estimator.songs), 22050, None)
        return [donor.waveform for donor in donors.donors]
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
READY = (
    check_fit_changes_neither_parameters_nor_songs,
    check_fit_again_and_clone_give_the_same,
    check_answers_change_no_state,
    check_pickles_answer_the_same,
    check_columns_are_found_by_name,
    check_rows_answer_for_themselves,
    check_containers_hold_the_same,
    check_polars_holds_the_same,
    check_read_only_songs,
    check_html,
    check_threads_give_the_same,
)
"""Of classifiers that are ready as made and whose fit looks at nothing."""
WITHOUT_FIT = (
    check_the_same_is_said_again,
    check_skops_says_the_same,
    check_threads_say_the_same,
    check_html,
)
