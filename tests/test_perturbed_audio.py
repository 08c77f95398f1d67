"""A column of perturbed audio is used as the column of objects that it stands for."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import _safe_indexing

from sklearn_musiclime import SpectralStatistics
from sklearn_musiclime.components import AudioComponents
from sklearn_musiclime.featurizers.columns import perturbed_audio
from sklearn_musiclime.neighbourhood import AudioNeighbourhood, PerturbedAudio, compose_audio

PANDAS = tuple(map(int, pd.__version__.split(".")[:2]))
N_MASKS = 6


def perturbed(seed=0, n_samples=40, n_masks=N_MASKS):
    """Two sources in two segments, and masks of which no two are the same."""
    rng = np.random.default_rng(seed)
    sources = rng.normal(size=(2, n_samples)).astype(np.float32)
    audio = AudioComponents(
        sources.sum(axis=0), ("a", "b"), sources, np.array([0, n_samples // 2, n_samples]), 4000
    )
    numbers = np.arange(1, n_masks + 1)
    return AudioNeighbourhood(audio, (numbers[:, np.newaxis] >> np.arange(4)) % 2 == 1)


def composed(neighbourhood):
    """The plain column."""
    cells = np.empty(len(neighbourhood.masks), dtype=object)
    for i, mask in enumerate(neighbourhood.masks):
        cells[i] = compose_audio(neighbourhood.audio, mask)
    return pd.Series(cells, dtype=object, name="audio")


@pytest.fixture
def neighbourhood():
    return perturbed()


def assert_same(ours, theirs):
    """Two results have the same cells, names and index; arrays in them are compared too."""
    if isinstance(theirs, pd.DataFrame):
        assert list(ours.columns) == list(theirs.columns)
        assert list(ours.index) == list(theirs.index)
        for name in theirs.columns:
            assert_same(ours[name], theirs[name])
    elif isinstance(theirs, pd.Series):
        assert list(ours.index) == list(theirs.index)
        assert ours.name == theirs.name
        assert ours.dtype == theirs.dtype
        assert_same(list(ours), list(theirs))
    elif isinstance(theirs, np.ndarray) and theirs.dtype == object:
        assert isinstance(ours, np.ndarray)
        assert ours.shape == theirs.shape
        assert_same(ours.ravel().tolist(), theirs.ravel().tolist())
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for our, their in zip(ours, theirs, strict=True):
            assert_same(our, their)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        assert_same(list(ours.values()), list(theirs.values()))
    else:
        np.testing.assert_array_equal(ours, theirs)
        assert np.asarray(ours).dtype == np.asarray(theirs).dtype


def assigned(column, at, value):
    frame = pd.DataFrame({"audio": column}).copy()
    frame.at[at, "audio"] = value
    return frame["audio"]


def replaced(column, function):
    frame = pd.DataFrame({"audio": column, "year": 1.0}).copy()
    frame["audio"] = function(frame["audio"])
    return frame


def by_loc(column, value):
    frame = pd.DataFrame({"audio": column}).copy()
    frame.loc[frame.index > 3, "audio"] = value
    return frame


def iterated(column):
    return [(row.Index, row.audio) for row in pd.DataFrame({"audio": column}).itertuples()]


def masked(column):
    keep = np.arange(len(column)) % 2 == 0
    return column[keep], column[pd.Series(keep)], column.loc[keep], column[~keep].reset_index()


def missing_filled(column):
    holes = column.reindex([0, 7, 2])
    return holes.isna(), holes.fillna(0.0).tolist(), holes.dropna()


LENGTHS = [3, 1, 4, 1, 5, 9]

IDIOMS = {
    "values.reshape": lambda s: s.values.reshape(-1, 1),
    "values[:, None]": lambda s: s.values[:, np.newaxis],
    "values.ravel": lambda s: np.asarray(s.values.ravel()),
    "values.flatten": lambda s: s.values.flatten(),
    "values.tolist": lambda s: s.values.tolist(),
    "values.astype(object)": lambda s: np.asarray(s.values.astype(object)),
    "to_numpy": lambda s: s.to_numpy(),
    "to_numpy(object)": lambda s: s.to_numpy(dtype=object),
    "np.asarray(object)": lambda s: np.asarray(s, dtype=object),
    "np.stack": lambda s: np.stack(s),
    "np.stack(values)": lambda s: np.stack(s.values),
    "np.vstack(tolist)": lambda s: np.vstack(s.tolist()),
    "np.concatenate(to_list)": lambda s: np.concatenate(s.to_list()),
    "np.array(list)": lambda s: np.array(list(s)),
    "map": lambda s: s.map(np.std),
    "map to arrays": lambda s: s.map(np.abs),
    "map to text": lambda s: s.map(lambda y: f"{y.mean():.3f}"),
    "apply": lambda s: s.apply(lambda y: float(np.abs(y).max())),
    "apply to columns": lambda s: s.apply(lambda y: pd.Series({"std": y.std(), "max": y.max()})),
    "transform": lambda s: s.transform(lambda y: y * 2),
    "frame apply": lambda s: s.to_frame().apply(lambda row: float(row["audio"].std()), axis=1),
    "frame apply, two columns": lambda s: s.to_frame().assign(lyrics="la").apply(
        lambda row: float(row["audio"].std()) + len(row["lyrics"]), axis=1
    ),
    "str.len": lambda s: s.str.len(),
    "str[0]": lambda s: s.str[0],
    "explode": lambda s: s.explode(),
    "frame explode": lambda s: s.to_frame().assign(year=1.0).explode("audio"),
    "select_dtypes(include)": lambda s: s.to_frame().assign(y=1.0).select_dtypes(include=object),
    "select_dtypes(exclude)": lambda s: s.to_frame().assign(y=1.0).select_dtypes(exclude=object),
    "select_dtypes(number)": lambda s: s.to_frame().assign(y=1.0).select_dtypes("number"),
    "dtype": lambda s: (s.dtype == object, s.dtype == "object", s.dtype == float, s.dtype != "O"),
    "object == dtype": lambda s: object == s.dtype,
    "dtype of numpy": lambda s: (s.dtype == np.dtype("O"), np.dtype("O") == s.dtype),
    "dtype's kind and name": lambda s: (s.dtype.kind, s.dtype.name, str(s.dtype)),
    "dtypes": lambda s: s.to_frame().dtypes.eq(object).tolist(),
    "is_object_dtype": lambda s: pd.api.types.is_object_dtype(s),
    "concat": lambda s: pd.concat([s[:2], s[4:]]),
    "concat with objects": lambda s: pd.concat([s[:2], pd.Series(["x", None])], ignore_index=True),
    "concat after objects": lambda s: pd.concat([pd.Series(["x", None]), s[:2]]),
    "concat of columns": lambda s: pd.concat([s, s.map(np.std).rename("std")], axis=1),
    "fillna": lambda s: s.fillna(0.0),
    "where": lambda s: s.where(np.arange(len(s)) > 2, other=0.5),
    "mask": lambda s: s.mask(np.arange(len(s)) > 2),
    "isna": lambda s: (s.isna(), s.notna().all(), s.hasnans),
    "dropna": lambda s: s.dropna(),
    "missing cells": missing_filled,
    "iteration": lambda s: [y.sum() for y in s],
    "enumerate": lambda s: [(i, y) for i, y in enumerate(s)],
    "items": lambda s: list(s.items()),
    "itertuples": iterated,
    "iterrows": lambda s: [row["audio"] for _, row in s.to_frame().iterrows()],
    "zip": lambda s: [y[:n] for y, n in zip(s, LENGTHS, strict=True)],
    "boolean masks": masked,
    "iloc": lambda s: (s.iloc[2], s.iloc[-1], s.iloc[[3, 1]], s.iloc[1:3]),
    "loc": lambda s: (s.loc[2], s.loc[[3, 1]], s.loc[1:3]),
    "at and iat": lambda s: (s.at[2], s.iat[-2]),
    "head, tail": lambda s: (s.head(2), s.tail(1)),
    "sort by key": lambda s: s.iloc[np.argsort([y.std() for y in s])],
    "reset_index": lambda s: s[::-1].reset_index(drop=True),
    "tolist": lambda s: s.tolist(),
    "to_dict": lambda s: s.to_dict(),
    "to_frame().values": lambda s: s.to_frame().values,
    "frame to_numpy": lambda s: s.to_frame().assign(year=1.0).to_numpy(),
    "frame iloc": lambda s: s.to_frame().iloc[:, 0],
    "squeeze": lambda s: s.to_frame().squeeze(axis=1),
    "ravel of a frame": lambda s: np.ravel(s.to_frame()),
    "astype(object)": lambda s: s.astype(object),
    "frame fillna": lambda s: s.to_frame().assign(year=[1.0, np.nan] * 3).fillna(0.0),
    "frame replace": lambda s: s.to_frame().assign(year=1.0).replace({"year": {1.0: 2.0}}),
    "arithmetic": lambda s: s * 0.5,
    "reflected arithmetic": lambda s: 1 - s,
    "a ufunc": lambda s: np.abs(s),
    "assign": lambda s: s.to_frame().assign(std=lambda X: X["audio"].map(np.std)),
    "assignment of a column": lambda s: replaced(s, lambda y: y.map(np.std)),
    "assignment of arrays": lambda s: replaced(s, lambda y: [cell[::2] for cell in y]),
    "assignment of itself": lambda s: replaced(s, lambda y: y),
    "assignment of a cell": lambda s: assigned(s, 3, "silence"),
    "assignment by loc": lambda s: by_loc(s, None),
    "groupby": lambda s: [g["audio"].map(len).sum() for _, g in s.to_frame().groupby(LENGTHS)],
    "merge": lambda s: s.to_frame().merge(pd.DataFrame({"y": LENGTHS}), left_index=True,
                                          right_index=True),
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda s: pickle.loads(pickle.dumps(s)),
    "_safe_indexing": lambda s: _safe_indexing(s.to_frame(), [4, 0]),
    "FunctionTransformer": lambda s: FunctionTransformer(
        lambda X: np.array([[y.std()] for y in X.iloc[:, 0]])
    ).fit_transform(s.to_frame()),
    "ColumnTransformer": lambda s: ColumnTransformer(
        [("a", FunctionTransformer(lambda X: np.stack(X.to_numpy())), "audio")]
    ).fit_transform(s.to_frame()),
}  # fmt: skip
NEEDS = {"frame explode": (2, 1)}
"""Idioms of columns of pandas' own types that an older pandas doesn't leave to the type."""


@pytest.mark.parametrize("idiom", IDIOMS)
def test_idioms_of_a_column_of_objects(idiom, neighbourhood):
    function, plain = IDIOMS[idiom], composed(neighbourhood)
    theirs = function(plain)
    if NEEDS.get(idiom, (0,)) > PANDAS:
        pytest.skip(f"needs pandas {NEEDS[idiom]}")
    ours = function(pd.Series(PerturbedAudio(neighbourhood), name="audio"))
    assert_same(ours, theirs)


def test_there_are_enough_idioms():
    assert len(IDIOMS) >= 38


def test_nothing_is_composed_that_is_not_read(neighbourhood):
    column = pd.Series(PerturbedAudio(neighbourhood), name="audio")
    frame = pd.DataFrame({"audio": column, "year": 1.0}).copy()
    for some in (column[2:4], column.iloc[[1, 0]], frame.iloc[1:]["audio"], column[[True] * 6]):
        assert perturbed_audio(some).neighbourhood is neighbourhood
    both = pd.concat([frame[:2], frame[4:]], ignore_index=True)
    assert perturbed_audio(both["audio"]).rows.tolist() == [0, 1, 4, 5]
    assert perturbed_audio(_safe_indexing(frame, ["audio"], axis=1)) is not None
    assert not frame.isna().any().any()
    assert frame.select_dtypes(include=object).columns.tolist() == ["audio"]
    assert neighbourhood.composed == []
    column.iloc[3:5].map(len)
    assert neighbourhood.composed == [3, 4]


def test_columns_of_different_songs_are_joined_composed():
    one, another = perturbed(0), perturbed(1)
    joined = pd.concat([pd.Series(PerturbedAudio(one)), pd.Series(PerturbedAudio(another))])
    assert_same(list(joined), [*composed(one), *composed(another)])
    assert perturbed_audio(joined) is None


def test_a_changed_copy_leaves_the_column_as_it_is(neighbourhood):
    column = pd.Series(PerturbedAudio(neighbourhood), name="audio")
    changed = column.copy()
    changed.iloc[2] = np.zeros(3)
    assert_same(list(column), list(composed(neighbourhood)))
    assert perturbed_audio(column) is not None
    assert perturbed_audio(changed) is None


def test_a_featurizer_hears_what_was_assigned():
    """Half of the songs made silent, in a copy: features are those of the plain column's copy."""
    neighbourhood = perturbed(n_samples=2000)
    featurizer = SpectralStatistics(
        sampling_rate=4000, n_fft=256, n_mels=20, n_mfcc=5, statistics=("mean",)
    )

    def features(column):
        frame = pd.DataFrame({"audio": column}).copy()
        for row in (1, 3):
            frame.at[row, "audio"] = np.zeros(2000, dtype=np.float32)
        return clone(featurizer).fit_transform(frame["audio"])

    ours = features(pd.Series(PerturbedAudio(neighbourhood)))
    np.testing.assert_allclose(ours, features(composed(neighbourhood)), rtol=1e-6)
