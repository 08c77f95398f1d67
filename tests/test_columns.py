"""Columns of X beside audio and lyrics: a year, an artist."""

import json
import re
from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from conftest import RATE, rng
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_musiclime import (
    Donors,
    GlobalExplanation,
    LocalExplanation,
    MusicLimeExplainer,
    SpectralStatistics,
    UniformSegmenter,
)
from sklearn_musiclime.components.columns import MAX_BACKGROUND, ColumnComponents
from sklearn_musiclime.metrics import deletion_auc, fidelity, insertion_auc, stability
from sklearn_musiclime.neighbourhood import draw_neighbourhood
from sklearn_musiclime.neighbourhood.masks import MOST_COMBINATIONS, fill_combinations
from sklearn_musiclime.report.terminal import print_global, print_local
from sklearn_musiclime.songs import SongTable

# A small song of two segments, two words and two columns, whose whole population can be enumerated.

N, LOW_RATE = 1000, 2000
YEARS, MOODS = [2.0, 0.5, 3.0, 1.0, 2.5], ["sad", "glad", "glad", "sad", "mad"]


def small_songs(n_songs=5):
    levels = rng(3).uniform(0.1, 1.0, (n_songs, 2))
    return pd.DataFrame({
        "audio": list(np.repeat(levels, N // 2, axis=1).astype(np.float32)),
        "lyrics": ["sun rain"] * n_songs,
        "year": YEARS[:n_songs],
        "mood": MOODS[:n_songs],
    })  # fmt: skip


def rule(levels, sun, rain, year, mood):
    """Products within each modality and across every two and all three."""
    glad = mood == "glad"
    return (
        levels[0] * levels[1]
        + 2 * levels[0] * sun
        + year * levels[1]
        + sun * (year - rain)
        + 1.5 * sun * levels[1] * glad
        - year * glad
    )


def black_box(X):
    return np.array([
        rule(audio[[N // 4, 3 * N // 4]], "sun" in lyrics, "rain" in lyrics, year, mood)
        for audio, lyrics, year, mood in X[["audio", "lyrics", "year", "mood"]].itertuples(
            index=False
        )
    ])  # fmt: skip


def value(song, mask, year, mood):
    """The score of a mask whose columns are of another song where they are off, by hand."""
    levels = song["audio"][[N // 4, 3 * N // 4]] * np.array(mask[:2])
    year = song["year"] if mask[4] else year
    mood = song["mood"] if mask[5] else mood
    return rule(levels, mask[2], mask[3], year, mood)


def population():
    """All masks, and the means over the background of their scores, by hand."""
    songs = small_songs()
    masks = np.array(list(product((0, 1), repeat=6)))
    means = [
        np.mean([value(songs.iloc[0], mask, *b) for b in zip(YEARS, MOODS, strict=True)])
        for mask in masks
    ]
    return masks, np.array(means)


def least_squares(kernel_width=np.inf):
    masks, means = population()
    distance = 1 - np.sqrt(masks.mean(axis=1))
    weight = np.sqrt(np.exp(-np.square(distance / kernel_width)))
    design = np.column_stack([np.ones(len(masks)), masks]) * np.sqrt(weight)[:, np.newaxis]
    return np.linalg.lstsq(design, means * np.sqrt(weight), rcond=None)[0][1:]


def small_explainer(model=black_box, songs=None, **parameters):
    songs = small_songs() if songs is None else songs
    explainer = MusicLimeExplainer(
        model, separator=None, segmenter=UniformSegmenter(2), sampling_rate=LOW_RATE,
        **{"columns": ["year", "mood"], "random_state": 0} | parameters,
    )  # fmt: skip
    return explainer.fit(songs)


def test_a_mask_scores_the_mean_over_the_background():
    (function,) = small_explainer().mask_functions(small_songs()[:1])
    masks, means = population()
    np.testing.assert_allclose(function(masks)[:, 0], means, atol=1e-6)
    assert function.n_calls == 5 * 64


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [
    {"design": "paired", "n_samples": 200, "proxy": None},
    {"design": "paired", "n_samples": 200},
    {"design": "independent", "n_samples": 300, "proxy": None},
    {"design": "paired", "n_samples": 300, "kernel_width": 0.5, "proxy": None},
], ids=["plain", "proxy", "independent", "kernel"])  # fmt: skip
def test_weights_are_those_of_the_mean_over_the_background(parameters):
    """No bias, and intervals that cover, as many as they should."""
    parameters = {"kernel_width": np.inf, "interactions": None, **parameters}
    truth = least_squares(parameters["kernel_width"])
    estimates, covered = [], []
    for seed in range(60):
        explainer = small_explainer(**parameters | {"random_state": seed})
        frame = explainer.explain(small_songs()[:1])[0].to_frame()
        estimates.append(frame["weight"].to_numpy())
        covered.append((frame["low"] <= truth) & (truth <= frame["high"]))
    error = np.std(estimates, axis=0, ddof=1) / np.sqrt(60)
    assert (np.abs(np.mean(estimates, axis=0) - truth) < 4 * error + 1e-6).all()
    by_component = np.mean(covered, axis=0)
    assert by_component.min() > 0.83  # 0.95 less four standard errors of a rate
    assert by_component.mean() > 0.9


@pytest.mark.parametrize("proxy", [None, "auto"])
def test_shapley_values_are_those_of_the_mean_over_the_background(proxy):
    masks, means = population()
    of = dict(zip(map(tuple, masks), means, strict=True))
    truth, orders = np.zeros(6), list(permutations(range(6)))
    for order in orders:
        mask = [0] * 6
        for component in order:
            before = of[tuple(mask)]
            mask[component] = 1
            truth[component] += (of[tuple(mask)] - before) / len(orders)
    explainer = small_explainer(kernel="shapley", n_samples=4000, proxy=proxy, interactions=None)
    frame = explainer.explain(small_songs()[:1])[0].to_frame()
    assert (np.abs(frame["weight"] - truth) < 4 * frame["std_err"] + 1e-6).all()
    assert frame["weight"].sum() == pytest.approx(means[-1] - means[0], abs=1e-6)


def test_one_song_of_background_is_enumerated():
    """Weights, interactions and shares are exact, of every two modalities and all three."""
    songs = small_songs()
    explainer = small_explainer(songs=songs[1:2], kernel_width=np.inf, interactions="all")
    explanation = explainer.explain(songs[:1])[0]
    masks = np.array(list(product((0, 1), repeat=6)))
    scores = np.array([value(songs.iloc[0], mask, YEARS[1], MOODS[1]) for mask in masks])
    coded = masks - 0.5
    np.testing.assert_allclose(explanation.weights[0], coded.T @ scores / 16, atol=1e-6)
    assert explanation.settings["design"] == "exhaustive"
    assert (explanation.std_err == 0).all()
    found = explanation.interactions(fdr=None)
    assert len(found) == 15
    names = list(explanation.components.names)
    for row in found.itertuples():
        pair = coded[:, names.index(row.first)] * coded[:, names.index(row.second)]
        assert row.weight == pytest.approx(pair @ scores / 4, abs=1e-6)
    grid = scores.reshape(4, 4, 4)
    first = [grid.mean(axis=axes).var() for axes in ((1, 2), (0, 2), (0, 1))]
    expected = [*first, grid.var() - sum(first)] / grid.var()
    np.testing.assert_allclose(explanation.modality_share()["share"], expected, atol=1e-6)


@pytest.mark.parametrize("columns", [["year", "mood"], None])
@pytest.mark.parametrize("kernel", ["exponential", "shapley"])
def test_shares_of_masks_that_were_all_drawn(kernel, columns):
    songs = small_songs()
    parameters = {"songs": songs[1:2], "columns": columns, "kernel": kernel, "proxy": None}
    drawn = small_explainer(n_samples=8, tol=1e-9, **parameters).explain(songs[:1])[0]
    exact = small_explainer(design="exhaustive", **parameters).explain(songs[:1])[0]
    assert drawn.settings["converged"]
    np.testing.assert_allclose(drawn.shares, exact.shares, atol=1e-9)


def shares_by_hand():
    """Sobol's indices of three modalities; columns have a mask and a song of the background."""
    songs = small_songs()
    halves = list(product((0, 1), repeat=2))
    states = [(*half, *b) for half in halves for b in zip(YEARS, MOODS, strict=True)]
    grid = np.array([
        [[value(songs.iloc[0], (*a, *w, *c[:2]), *c[2:]) for c in states] for w in halves]
        for a in halves
    ])  # fmt: skip
    first = [grid.mean(axis=axes).var() for axes in ((1, 2), (0, 2), (0, 1))]
    return np.array([*first, grid.var() - sum(first)]) / grid.var()


@pytest.mark.slow
@pytest.mark.parametrize("design", ["paired", "independent"])
def test_shares_of_three_modalities(design):
    truth = shares_by_hand()
    shares = [
        small_explainer(design=design, n_samples=1000, random_state=seed, proxy=None)
        .explain(small_songs()[:1])[0]
        .modality_share()
        for seed in range(40)
    ]
    values = np.array([share["share"] for share in shares])
    np.testing.assert_allclose(values.sum(axis=1), 1)
    assert list(shares[0].index) == ["audio", "lyrics", "columns", "interaction"]
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    np.testing.assert_array_less(np.abs(values.mean(axis=0) - truth), 4 * error + 0.01)
    covered = [(share["low"] <= truth) & (truth <= share["high"]) for share in shares]
    assert np.mean(covered) > 0.85


def test_interactions_across_every_two_modalities():
    explanation = small_explainer(n_samples=2000).explain(small_songs()[:1])[0]
    found = explanation.interactions(fdr=None)
    assert len(found) == 2 * 2 * 3
    assert set(found["modalities"]) == {"audio x lyrics", "audio x columns", "lyrics x columns"}
    masks, means = population()
    coded, names = masks - 0.5, list(explanation.components.names)
    for row in found.itertuples():
        truth = coded[:, names.index(row.first)] * coded[:, names.index(row.second)] @ means / 4
        assert abs(row.weight - truth) < 5 * row.std_err + 1e-6
    assert ["mix@1", "column[year]"] in found[["first", "second"]].to_numpy().tolist()


# Masks.


def test_each_pair_of_complements_has_its_own_song():
    drawn = draw_neighbourhood("paired", 3, 2, 400, rng(), n_columns=2, n_fills=(1, 1, 7))
    assert drawn.masks.shape == (400, 7)
    assert [masks.shape for masks in drawn.sides] == [(400, 3), (400, 2), (400, 2)]
    fills = drawn.pair_fills
    assert (fills[:, :2] == 0).all()
    np.testing.assert_array_equal(fills[2::2, 2], fills[3::2, 2])
    assert np.bincount(fills[2::2, 2], minlength=7).min() > 10
    assert len(np.unique(drawn.states, axis=0)) > 128
    more = drawn.extended(
        draw_neighbourhood("paired", 3, 2, 100, rng(1), n_columns=2, n_fills=(1, 1, 7))
    )
    assert more.masks.shape == (498, 7)
    assert len(more.fills[2]) == 498


def test_swaps_exchange_every_modality():
    drawn = draw_neighbourhood(
        "paired", 3, 2, 400, rng(), n_columns=2, n_fills=(1, 1, 7), with_shares=True
    )
    cells = drawn.swap_pairs.reshape(len(drawn.swaps), 6, 3)
    for couple, own in zip(drawn.swaps, cells, strict=True):
        every = {tuple(couple[list(which)]) for which in product((0, 1), repeat=3)}
        assert {tuple(pair) for pair in own} == every - {(couple[0],) * 3, (couple[1],) * 3}


def test_corners_leave_columns_out_last():
    drawn = draw_neighbourhood("paired", 2, 2, 20, rng(), n_columns=1, n_fills=(1, 1, 4))
    drawn = drawn.with_corners()
    kept = [
        np.hstack([side[at] for side, at in zip(drawn.sides, pair, strict=True)])
        for pair in drawn.corner_pairs
    ]
    assert len(kept) == 4 + 4
    assert np.array(kept)[:, 4].tolist() == [True] * 4 + [False] * 4
    assert drawn.n_masks == (20, 20, 20)
    scores = np.arange(len(drawn.all_pairs), dtype=float)[:, np.newaxis]
    assert drawn.split(scores).corners.ravel().tolist() == [20, 21, 22, 23, 25.5]


def test_fills_of_a_large_background_are_drawn():
    assert len(fill_combinations((2, 3, 5))) == 30
    many = fill_combinations((8, 8, 64))
    assert len(many) == MOST_COMBINATIONS == len(np.unique(many, axis=0))
    assert len(fill_combinations((20, 20))) == 400


# Columns.


def columns_of(X, background, **parameters):
    table = SongTable(X, modalities=(), beside=list(background))
    song = table.read(0, RATE)
    return song, ColumnComponents.of(song.template, song.beside, background)


@pytest.mark.parametrize("column", [
    pd.Series([3, 1, 2]),
    pd.Series([3, 1, 2], dtype="int8"),
    pd.Series([3, None, 2], dtype="Int64"),
    pd.Series([3.5, np.nan, 2]),
    pd.Series([True, False, True]),
    pd.Series(["a", None, "c"]),
    pd.Series(["a", "b", "c"], dtype="string"),
    pd.Series(["a", "b", None], dtype="category"),
    pd.Series(pd.to_datetime(["1999-12-31", None, "2001-02-03"])),
    pd.Series(pd.to_datetime(["1999-12-31", "2000-01-01", "2001-02-03"]).tz_localize("UTC")),
    pd.Series([[1, 2], None, {"a": 1}]),
], ids=lambda column: str(column.dtype))  # fmt: skip
def test_types_of_columns_stay(column):
    X = pd.DataFrame({"lyrics": "la", "new": column})
    song, columns = columns_of(X, X[["new"]])
    masks = np.array([[True], [False], [False], [False]])
    beside = columns.compose(masks, np.array([2, 0, 1, 2]))
    found = song.variants(None, None, beside)
    assert found.dtypes.tolist() == X.dtypes.tolist()
    expected = X["new"].iloc[[0, 0, 1, 2]].reset_index(drop=True)
    pd.testing.assert_series_equal(found["new"].reset_index(drop=True), expected)


def test_cells_that_can_be_changed_are_copies():
    X = pd.DataFrame({"lyrics": ["la"], "tags": [["pop"]]})
    _, columns = columns_of(X, X[["tags"]])
    (cells,) = columns.compose(np.ones((2, 1), dtype=bool), np.zeros(2, dtype=int)).values()
    cells.iat[0].append("rock")
    assert cells.iat[1] == X.at[0, "tags"] == ["pop"]


def test_a_song_of_another_type_than_the_background():
    """Categories and whole numbers stay if they hold the background's values."""
    whole = pd.DataFrame({"lyrics": ["la"], "year": [1990]})
    _, columns = columns_of(whole, pd.DataFrame({"year": [1991.0, 1992.0]}))
    assert columns.values[0].tolist() == [1990, 1991, 1992]
    assert columns.values[0].dtype == "int64"
    _, columns = columns_of(whole, pd.DataFrame({"year": [1991.5, np.nan]}))
    np.testing.assert_array_equal(columns.values[0], [1990, 1991.5, np.nan])
    few = pd.DataFrame({"lyrics": ["la"], "mood": pd.Categorical(["sad"])})
    _, columns = columns_of(few, pd.DataFrame({"mood": ["sad", "glad"]}))
    assert columns.values[0].tolist() == ["sad", "sad", "glad"]


def test_missing_values_are_values_like_others():
    songs = small_songs()
    songs["mood"] = [None, "glad", None, "sad", np.nan]

    def missing(X):
        return X["mood"].isna().to_numpy(dtype=float)

    explanation = small_explainer(missing, songs, columns=["mood"], n_samples=400).explain(
        songs[:1]
    )[0]
    frame = explanation.top(modality="columns")
    assert frame["text"].tolist() == [str(songs["mood"].iat[0])]
    assert frame["weight"].item() == pytest.approx(0.4, abs=4 * frame["std_err"].item())


def by_position(X):
    return black_box(pd.DataFrame(X[:, [0, 1, 3, 4]], columns=["audio", "lyrics", "year", "mood"]))


def test_arrays_and_polars_have_the_same_weights():
    songs = small_songs()
    weights = small_explainer().explain(songs[:1])[0].weights
    X = np.empty((5, 5), dtype=object)
    for at, name in [(0, "audio"), (1, "lyrics"), (3, "year"), (4, "mood")]:
        for row in range(5):
            X[row, at] = songs[name].iat[row]
    explainer = small_explainer(by_position, X, columns=[3, 4])
    explanation = explainer.explain(X[:1])[0]
    assert explanation.components.columns.names == ("column[3]", "column[4]")
    assert explanation.weights.shape == weights.shape
    truth = least_squares(0.25)
    assert (np.abs(explanation.weights - truth) < 5 * explanation.std_err + 1e-6).all()

    polars = pytest.importorskip("polars")
    theirs = polars.DataFrame({name: songs[name].tolist() for name in songs})

    def of_polars(X):
        assert isinstance(X, polars.DataFrame)
        assert X.schema["year"] == polars.Float64
        assert X.schema["mood"] == polars.String
        cells = {name: X[name].to_list() for name in X.columns}
        return black_box(pd.DataFrame(cells | {"audio": [np.array(a) for a in cells["audio"]]}))

    found = small_explainer(of_polars, theirs).explain(theirs[:1])[0]
    np.testing.assert_allclose(found.weights, weights, atol=1e-6)


def test_at_most_so_many_songs_of_the_fit_are_kept():
    songs = pd.concat([small_songs()] * 20)
    explainer = small_explainer(songs=songs)
    assert explainer.background_.shape == (MAX_BACKGROUND, 2)
    again = small_explainer(songs=songs, random_state=1)
    pd.testing.assert_frame_equal(explainer.background_, again.background_)
    assert small_explainer(columns=None).background_ is None


@pytest.mark.parametrize(("parameters", "message"), [
    ({"columns": ["key"]}, "X has no column 'key'; its columns are"),
    ({"columns": ["lyrics"]}, "columns has 'lyrics', which is the lyrics column of X"),
    ({"columns": ["audio", "year"]}, "columns has 'audio', which is the audio column of X"),
    ({"columns": ["year", "year"]}, "columns has 'year' twice"),
    ({"columns": "year"}, "The 'columns' parameter"),
    ({"columns": None, "modality": "columns"}, "modality='columns' needs columns"),
    ({"design": "crossed"}, "columns are neither; use design='paired'"),
])  # fmt: skip
def test_wrong_columns(parameters, message):
    with pytest.raises(ValueError, match=message):
        small_explainer(**parameters)


def test_wrong_columns_of_arrays_and_later_ones():
    X = small_songs().to_numpy(dtype=object)
    X[:, 2] = None
    for columns, message in (([7], "an array of 4 columns"), ([1], "which is the lyrics column")):
        with pytest.raises(ValueError, match=message):
            small_explainer(len, X, columns=columns)
    explainer = small_explainer(columns=["year"])
    with pytest.raises(ValueError, match="fit remembered no values of column 'mood'"):
        explainer.set_params(columns=["year", "mood"]).explain(small_songs()[:1])
    with pytest.raises(ValueError, match="X has no column 'mood'"):
        small_explainer().explain(small_songs()[["audio", "lyrics", "year"]])
    with pytest.raises(ValueError, match="other values of columns are drawn by chance"):
        small_explainer(design="exhaustive").explain(small_songs()[:1])


# Models.


@pytest.fixture(scope="module")
def catalogue(made_songs):
    """Songs with an artist and a year, and a pipeline that reads all of it."""
    X, y, _, _ = made_songs
    X = X.assign(
        artist=pd.Categorical(np.where(np.arange(len(X)) % 3, "Ann", "<script>alert(1)</script>")),
        year=np.where(np.asarray(y) == "wild", 1990, 1970) + np.arange(len(X)) % 7,
    )
    table = make_column_transformer(
        (SpectralStatistics(features=("mel",)), "audio"),
        (TfidfVectorizer(), "lyrics"),
        (OneHotEncoder(handle_unknown="ignore"), ["artist"]),
        (StandardScaler(), ["year"]),
    )
    return X, y, make_pipeline(table, StandardScaler(with_mean=False), LogisticRegression())


@pytest.fixture(scope="module")
def explained(catalogue):
    X, y, model = catalogue
    explainer = MusicLimeExplainer(
        model, separator=None, segmenter=UniformSegmenter(2), columns=["year", "artist"],
        n_samples=120, random_state=0,
    )  # fmt: skip
    return explainer.fit(X, y), X


def test_a_pipeline_of_audio_lyrics_artist_and_year(explained):
    explainer, X = explained
    first, second = explainer.explain(X[:2])
    frame = first.to_frame()
    assert frame["modality"].value_counts()["columns"] == 2
    assert frame["text"].tolist()[-2:] == [str(X["year"].iat[0]), str(X["artist"].iat[0])]
    assert frame["component"].tolist()[-2:] == ["column[year]", "column[artist]"]
    year = first.top(5)
    assert "column[year]" in set(year["component"])
    assert first.modality_share()["share"].sum() == pytest.approx(1)
    assert first.settings["model"].startswith("black box")
    assert first.settings["columns"] == ["year", "artist"]
    alone = explainer.explain(X[1:2])[0]
    np.testing.assert_allclose(alone.weights, second.weights, atol=1e-9)
    assert "2 columns" in repr(first)


@pytest.mark.slow
def test_workers_and_batches_change_nothing(explained):
    explainer, X = explained
    plain = [e.weights for e in explainer.explain(X[:2])]
    try:
        for parameters in ({"n_jobs": 2}, {"batch_size": 7}):
            found = explainer.set_params(**parameters).explain(X[:2])
            for own, other in zip(plain, found, strict=True):
                np.testing.assert_allclose(own, other.weights, atol=1e-9)
    finally:
        explainer.set_params(n_jobs=None, batch_size="auto")


@pytest.mark.parametrize("modality", ["columns", "lyrics", "audio"])
def test_songs_without_what_is_not_explained(modality):
    songs = small_songs().drop(columns={"lyrics": ["audio"], "audio": ["lyrics"]}.get(
        modality, ["audio", "lyrics"]
    ))  # fmt: skip

    def model(X):
        assert list(X) == list(songs)
        return X["year"].to_numpy() + (X["lyrics"].str.contains("sun") if "lyrics" in X else 0)

    explainer = small_explainer(model, songs, modality=modality, n_samples=100)
    explanation = explainer.explain(songs[:1])[0]
    weight = explanation.top(modality="columns").set_index("component")["weight"]
    frame = explanation.to_frame()
    assert set(frame["modality"]) == {modality, "columns"}
    error = frame.set_index("component")["std_err"]
    assert abs(weight["column[year]"] - (2 - 1.8)) < 5 * error["column[year]"] + 1e-6
    assert explanation.modality_share()["share"].sum() == pytest.approx(1)
    assert len(explainer.get_feature_names_out()) == explainer.transform(songs[:1]).shape[1]
    explanation.plot()
    assert "year" in explanation._repr_html_()


def test_a_model_that_does_not_see_the_columns():
    with pytest.warns(UserWarning, match="other values of the columns move no score"):
        small_explainer(lambda X: X["lyrics"].str.len()).explain(small_songs()[:1])


def test_metrics_of_explanations_with_columns():
    X = small_songs()[:1]
    explainer = small_explainer(n_samples=200)
    assert fidelity(explainer, X)[0] > 0.8
    assert insertion_auc(explainer, X) > deletion_auc(explainer, X)
    assert 0 < stability(explainer, X, n_runs=2)[0] <= 1


def test_sampling_goes_on_until_errors_are_small():
    explainer = small_explainer(n_samples=60, tol=0.1, max_samples=4000)
    explanation = explainer.explain(small_songs()[:1])[0]
    assert explanation.settings["converged"]
    assert explanation.settings["n_samples"] > 60


def test_columns_beside_donors():
    """Where all is left out, the scores of some combinations of donors and songs are averaged."""
    songs = small_songs()
    explainer = small_explainer(fill=Donors(songs[["audio", "lyrics"]], n_donors=3))
    (function,) = explainer.mask_functions(songs[:1])
    function(np.zeros((1, 6)))
    assert function.n_calls == 3 * 3 * 5
    shares = explainer.explain(songs[:1])[0].modality_share()["share"]
    assert shares.sum() == pytest.approx(1)


def test_linked_vocals_leave_columns_by_themselves():
    class Vocals:
        source_names = ("vocals",)

        def separate(self, waveform, sampling_rate):
            return self.source_names, waveform[np.newaxis]

    songs = small_songs().assign(word_times=[[(0.0, 0.2), (0.3, 0.5)]] * 5)
    explainer = MusicLimeExplainer(
        black_box, separator=Vocals(), segmenter=UniformSegmenter(2), sampling_rate=LOW_RATE,
        columns=["year", "mood"], linked=True, n_samples=200, random_state=0,
    )  # fmt: skip
    explanation = explainer.fit(songs).explain(songs[:1])[0]
    units = explanation.to_frame()["unit"].tolist()
    assert units == [0, 1, 0, 1, 2, 3]
    assert np.isnan(explanation.modality_share()["share"]).all()


def test_an_explanation_is_kept_for_its_background(tmp_path):
    songs = small_songs()

    def explain(fitted):
        explainer = small_explainer(songs=fitted, memory=str(tmp_path))
        weights = explainer.explain(songs[:1])[0].weights
        return weights, sum(path.is_file() for path in tmp_path.rglob("*"))

    first, n_files = explain(songs)
    again, n_again = explain(songs)
    np.testing.assert_array_equal(again, first)
    assert n_again == n_files
    other, n_more = explain(songs.assign(year=[5.0] * 5))
    assert n_more > n_files
    assert (other != first).any()


# Results.


def test_saved_and_loaded(explained, tmp_path):
    explainer, X = explained
    explanation = explainer.explain(X[:1])[0]
    explanation.save(tmp_path / "one.json")
    loaded = LocalExplanation.load(tmp_path / "one.json")
    pd.testing.assert_frame_equal(loaded.to_frame(), explanation.to_frame())
    pd.testing.assert_frame_equal(loaded.modality_share(), explanation.modality_share())
    pd.testing.assert_frame_equal(loaded.interactions(), explanation.interactions())
    loaded.to_html(tmp_path / "one.html")
    text = (tmp_path / "one.json").read_text()
    assert "1976" not in json.loads(text)["lyrics"]["text"]
    (tmp_path / "one.json").write_text(text.replace('"texts": [', '"texts": ["x", '))
    with pytest.raises(ValueError, match=r"columns\.labels"):
        LocalExplanation.load(tmp_path / "one.json")


@pytest.fixture(scope="module")
def overall(explained):
    explainer, X = explained
    return explainer.explain_global(X[:4], keep_explanations=True)


def test_a_global_explanation_has_columns(overall, tmp_path):
    names = [c.name for c in overall.components]
    assert names[-2:] == ["column[artist]", "column[year]"]
    assert [c.modality for c in overall.components][-1] == "columns"
    label = overall.labels[0]
    top = overall.top(5, label, modality="columns")
    assert set(top["component"]) == {"column[artist]", "column[year]"}
    shares = overall.modality_share()
    names = ["audio", "lyrics", "columns", "interaction"]
    np.testing.assert_allclose(shares[names].sum(axis=1), 1)
    assert {"columns_low", "columns_high"} <= set(shares)
    assert "2 columns" in repr(overall)
    grouped = overall.group(words="lower", n_segments=1)
    assert [c.name for c in grouped.components][-1] == "column[year]"
    overall.save(tmp_path / "all.json")
    loaded = GlobalExplanation.load(tmp_path / "all.json")
    pd.testing.assert_frame_equal(loaded.to_frame(), overall.to_frame())
    pd.testing.assert_frame_equal(loaded.modality_share(), shares)
    plain = small_explainer(columns=None).explain(small_songs()[:1])
    with pytest.raises(ValueError, match="columns of X are explained in one of them"):
        GlobalExplanation.from_local([*overall.explanations[:1], *plain], n_segments=2)


def test_columns_of_the_matrix(explained):
    explainer, X = explained
    names = explainer.get_feature_names_out().tolist()
    matrix = explainer.transform(X[:2])
    assert names[-2:] == ["column[year]", "column[artist]"]
    assert matrix.shape == (2, len(names))
    weights = [e.weights[0, -2:] for e in explainer.explain(X[:2])]
    np.testing.assert_allclose(matrix[:, -2:], weights, atol=1e-9)


def test_pages_and_plots_show_columns_as_text(explained, overall, tmp_path, capsys):
    explainer, X = explained
    assert X["artist"].iat[0].startswith("<script>")
    explanation = explainer.explain(X[:1])[0]
    page = explanation.to_html(tmp_path / "one.html").read_text()
    assert 'id="columns"' in page
    assert "<script>alert" not in page
    data = json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1)
    )
    n_first = len(explanation.components) - 2
    assert data["columns"] == [
        ["year", str(X["year"].iat[0]), n_first],
        ["artist", X["artist"].iat[0], n_first + 1],
    ]
    assert data["components"][-2] == f"year = {X['year'].iat[0]}"
    summary = explanation._repr_html_()
    assert f"year = {X['year'].iat[0]}" in summary
    assert "<script>" not in summary
    figure = explanation.plot()
    drawn = [text.get_text() for ax in figure.axes for text in ax.get_yticklabels()]
    assert f"year = {X['year'].iat[0]}" in drawn
    page = overall.to_html(tmp_path / "all.html").read_text()
    assert "column[year]" in page
    assert "<script>alert" not in page
    assert "column[year]" in overall._repr_html_()
    figure = overall.plot()
    drawn = [text.get_text() for ax in figure.axes for text in ax.get_yticklabels()]
    assert "column[year]" in drawn
    overall.plot_comparison(*overall.labels[:2])
    print_local(explanation)
    print_global(overall, 1)
    said = capsys.readouterr().out
    assert f"year = {X['year'].iat[0]}" in said
    assert "column[artist]" in said
