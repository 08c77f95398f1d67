"""Columns of X beside audio and lyrics: a year, an artist."""

from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from conftest import rng

from sklearn_musiclime import (
    MusicLimeExplainer,
    UniformSegmenter,
)
from sklearn_musiclime.neighbourhood import draw_neighbourhood
from sklearn_musiclime.neighbourhood.masks import MOST_COMBINATIONS, fill_combinations

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
