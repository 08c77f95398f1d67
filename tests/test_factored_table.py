"""Perturbed columns, the table and the crossed design give what the long way gives."""

import numpy as np
import pandas as pd
import pytest
from conftest import RATE, rng, song_array
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sklearn_musiclime import (
    BeatSegmenter,
    HPSSSeparator,
    LyricLineSegmenter,
    MusicLimeExplainer,
    SpectralStatistics,
    StructureSegmenter,
    UniformSegmenter,
)
from sklearn_musiclime.components import AudioComponents, decompose
from sklearn_musiclime.featurizers.audio import FEATURES, STATISTICS, table
from sklearn_musiclime.featurizers.audio.table import drawn_cases, frame_groups
from sklearn_musiclime.neighbourhood import (
    AudioNeighbourhood,
    PerturbedAudio,
    PerturbedLyrics,
    compose_audio,
    compose_lyrics,
    draw_masks,
    draw_neighbourhood,
)
from sklearn_musiclime.neighbourhood.designs import PAIRS_A_MASK
from sklearn_musiclime.neighbourhood.masks import distinct_rows
from sklearn_musiclime.songs import SongTable
from sklearn_musiclime.surrogate import fit_crossed_surrogate, fit_surrogate

EVERYTHING = {"features": tuple(FEATURES), "statistics": tuple(STATISTICS)}


def neighbourhood_of(waveform, n_sources=2, n_segments=5, n_masks=120, seed=0, borders=None):
    """Random sources of a waveform, and masks."""
    share = rng(seed).dirichlet(np.ones(n_sources), size=len(waveform)).T
    sources = (share * waveform).astype(np.float32)
    if borders is None:
        borders = UniformSegmenter(n_segments).segment(waveform, RATE)
    names = tuple(f"s{i}" for i in range(n_sources))
    audio = AudioComponents(waveform, names, sources, np.asarray(borders), RATE)
    masks = draw_masks("paired", len(audio), n_masks, rng(seed), replacement=True)
    return AudioNeighbourhood(audio, masks)


def assert_table_equals_composed(featurizer, neighbourhood, rows):
    table = featurizer.fit_transform(pd.Series(PerturbedAudio(neighbourhood)))[rows]
    assert neighbourhood.composed == []
    composed = featurizer.transform(list(PerturbedAudio(neighbourhood, np.asarray(rows))))
    # Relative to the size of the feature: centroids are kilohertz, flatness a millionth.
    n_statistics = len(featurizer.statistics)
    scale = np.abs(composed).max(axis=0).reshape(n_statistics, -1)
    scale = np.tile(scale.max(axis=0), n_statistics)
    assert np.abs((table - composed) / np.maximum(scale, 1e-9)).max() < 1e-4


# Perturbed columns.


def test_perturbed_audio_is_a_column(noise):
    neighbourhood = neighbourhood_of(noise)
    column = pd.Series(PerturbedAudio(neighbourhood))
    expected = [compose_audio(neighbourhood.audio, mask) for mask in neighbourhood.masks]
    assert len(column) == 120
    np.testing.assert_array_equal(column[3], expected[3])
    np.testing.assert_array_equal(column.iloc[-1], expected[-1])
    for i, cell in enumerate(column[10:13]):
        np.testing.assert_array_equal(cell, expected[10 + i])
    np.testing.assert_array_equal(column[[5, 2]].tolist(), [expected[5], expected[2]])
    np.testing.assert_array_equal(column[np.arange(120) == 7].to_numpy()[0], expected[7])
    np.testing.assert_allclose(column.head(4).apply(np.std), [y.std() for y in expected[:4]])
    frame = pd.DataFrame({"audio": column}).iloc[[1, 0]].reset_index(drop=True)
    np.testing.assert_array_equal(frame["audio"][0], expected[1])
    both = pd.concat([column[:2], column[4:5]], ignore_index=True)
    np.testing.assert_array_equal(both[2], expected[4])
    assert not column.isna().any()
    assert (column == column[::-1].reset_index(drop=True)).sum() == 0  # of 120, none is the middle
    np.testing.assert_array_equal(
        column == pd.Series(column.array.take([3] * 120)), column.index == 3
    )
    assert not (column == pd.Series(PerturbedAudio(neighbourhood_of(noise)))).any()
    assert not (column == 3).any()
    assert column.dtype == object


def test_perturbed_audio_may_be_mappings(noise):
    neighbourhood = neighbourhood_of(noise)
    mapped = AudioNeighbourhood(neighbourhood.audio, neighbourhood.masks, form="mapping")
    cell = PerturbedAudio(mapped)[1]
    assert cell["sampling_rate"] == RATE
    np.testing.assert_array_equal(cell["array"], PerturbedAudio(neighbourhood)[1])


def test_perturbed_lyrics_are_a_sequence(noise):
    song = SongTable(song_array((noise, "la lo lu"))).read(0, RATE)
    lyrics = decompose(song, separator=None, segmenter=UniformSegmenter()).lyrics
    column = PerturbedLyrics(lyrics, np.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]], dtype=bool))
    assert list(column) == ["la lo lu", "lo ", "lu"]
    assert list(column[1:]) == ["lo ", "lu"]
    masks = rng().integers(0, 2, (600, 3)).astype(bool)  # several blocks
    assert list(PerturbedLyrics(lyrics, masks)) == [compose_lyrics(lyrics, m) for m in masks]


def test_lyrics_are_encoded_in_the_order_of_length():
    """Texts of like length in a batch save padding; the answers keep their places."""
    lengths = []

    def model(X):
        lengths.extend(len(lyrics.split()) for _, lyrics in X)
        return [float("lo" in lyrics) + np.std(audio) for audio, lyrics in X]

    X = song_array((np.sin(np.arange(4000.0)), "la lo lu li le ly"))
    explanation = MusicLimeExplainer(model, n_samples=200, batch_size=20, random_state=0)
    explanation = explanation.fit(X).explain(X)[0]
    # The song itself, as it was given, the masks, those with the lyrics of another, the corners.
    assert len(lengths) == 2 + 200 + 2 * 12 + 4
    assert lengths[2:] == sorted(lengths[2:], reverse=True)
    assert max(lengths) - min(lengths) > 3
    assert explanation.to_frame().set_index("component")["weight"]["lo"] > 0.9


# The table.


@pytest.mark.long
@pytest.mark.parametrize("segmenter", [
    UniformSegmenter(20), UniformSegmenter(seconds=0.07), BeatSegmenter(2), StructureSegmenter(6),
    LyricLineSegmenter(),
], ids=repr)  # fmt: skip
@pytest.mark.parametrize("separator", [None, HPSSSeparator(), HPSSSeparator(margin=3.0)], ids=repr)
def test_table_equals_composed_on_real_songs(separator, segmenter, real_clips):
    clip = real_clips.iloc[[17]]
    song = SongTable(clip).read(0, RATE)
    audio = decompose(song, separator=separator, segmenter=segmenter).audio
    masks = draw_masks("paired", len(audio), 600, rng(), replacement=True)
    featurizer = SpectralStatistics(**EVERYTHING)
    assert_table_equals_composed(featurizer, AudioNeighbourhood(audio, masks), [0, 1, 2, 3, 301])


@settings(max_examples=40, deadline=None)
@given(
    n_samples=st.one_of(st.integers(1, 60), st.integers(1, 20_000)),
    n_sources=st.integers(1, 3),
    cuts=st.lists(st.floats(0, 1), max_size=5),
    hop=st.sampled_from([64, 256, 512]),
    n_fft=st.sampled_from([256, 1024, 2048]),
    seed=st.integers(0, 99),
    features=st.sampled_from([tuple(FEATURES), ("mel", "mfcc")]),
)
def test_table_equals_composed_for_any_segments(
    n_samples, n_sources, cuts, hop, n_fft, seed, features
):
    waveform = rng(seed).normal(0, 0.1, n_samples).astype(np.float32)
    inner = np.unique((np.array(cuts) * n_samples).astype(int))
    borders = [0, *inner[(inner > 0) & (inner < n_samples)], n_samples]
    neighbourhood = neighbourhood_of(waveform, n_sources, seed=seed, borders=borders, n_masks=1000)
    featurizer = SpectralStatistics(
        features, tuple(STATISTICS), hop_length=hop, n_fft=n_fft, n_mels=20, n_mfcc=5
    )
    assume(featurizer._pooled_masks(neighbourhood) is not None)  # if there are fewer cases
    assert_table_equals_composed(featurizer, neighbourhood, [0, 1, 2, 3])


@pytest.mark.parametrize(("n_samples", "n_fft", "hop"), [(9001, 2048, 512), (5001, 1001, 300)])
@pytest.mark.parametrize("n_masks", [10, 400])
def test_mel_power_of_six_sources_equals_the_composed(n_samples, n_fft, hop, n_masks, noise):
    """One source is silent, two cancel each other, and segments are shorter than a frame.

    With few masks frames have more pairs of parts than cases, and their samples are composed.
    """
    neighbourhood = neighbourhood_of(np.resize(noise, n_samples), 6, n_masks=n_masks)
    sources = neighbourhood.audio.sources
    sources[2], sources[4] = 0, -sources[3]
    neighbourhood.audio.mix[:] = sources.sum(axis=0)
    neighbourhood.masks[1] = False
    featurizer = SpectralStatistics(
        statistics=tuple(STATISTICS), n_fft=n_fft, hop_length=hop, n_mels=30
    )
    assert_table_equals_composed(featurizer, neighbourhood, np.arange(10))


def test_memory_does_not_grow_with_the_cases(noise, monkeypatch):
    """No more of the table is kept at a time than the cases of one group, or a fixed number."""
    neighbourhood = neighbourhood_of(noise, 4, n_masks=300)
    column = pd.Series(PerturbedAudio(neighbourhood))
    at_once = SpectralStatistics(statistics=tuple(STATISTICS)).transform(column)
    cases, _ = drawn_cases(neighbourhood, frame_groups(neighbourhood.audio, 2048, 512))
    n_cases = [len(of_group) for of_group in cases]
    kept, add = [], table._sum

    def counted(values, entry):
        kept.append(len(values))
        return add(values, entry)

    monkeypatch.setattr(table, "_sum", counted)
    monkeypatch.setattr(table, "PIECE_ENTRIES", 20)
    monkeypatch.setattr(table, "BLOCK_FRAMES", 3)
    monkeypatch.setattr(table, "BLOCK_MASKS", 7)
    in_pieces = SpectralStatistics(statistics=tuple(STATISTICS))
    again = in_pieces.transform(
        pd.Series(PerturbedAudio(AudioNeighbourhood(neighbourhood.audio, neighbourhood.masks)))
    )
    np.testing.assert_allclose(again, at_once, rtol=1e-9, atol=1e-9)
    assert max(kept) <= max(20, *n_cases) < sum(n_cases)


def test_groups_are_all_frames_in_order(noise):
    audio = neighbourhood_of(noise, n_segments=4).audio
    groups = frame_groups(audio, 2048, 512)
    frames = [t for group in groups for t in range(group.frames.start, group.frames.stop)]
    assert frames == list(range(1 + len(noise) // 512))
    for group in groups:
        for frame in range(group.frames.start, group.frames.stop):
            start = max(frame * 512 - 1024, 0)
            stop = min(frame * 512 + 1024, len(noise))
            touched = [
                s for s in range(4) if audio.borders[s] < stop and audio.borders[s + 1] > start
            ]
            assert list(group.segments) == touched


def test_composes_where_a_table_would_not_be_smaller(noise):
    many_sources = neighbourhood_of(noise, n_sources=12, n_masks=100)
    few_masks = neighbourhood_of(noise, n_masks=4)
    for neighbourhood in (many_sources, few_masks):
        featurizer = SpectralStatistics(features=("mel", "centroid"))
        assert featurizer._pooled_masks(neighbourhood) is None
        column = PerturbedAudio(neighbourhood)
        expected = featurizer.transform(list(PerturbedAudio(neighbourhood)))
        np.testing.assert_array_equal(featurizer.transform(pd.Series(column)), expected)


def test_slices_share_the_table_and_another_rate_is_refused(noise):
    neighbourhood = neighbourhood_of(noise)
    featurizer = SpectralStatistics()
    column = pd.Series(PerturbedAudio(neighbourhood))
    whole = featurizer.transform(column)
    np.testing.assert_array_equal(featurizer.transform(column[40:50]), whole[40:50])
    assert featurizer._pooled_masks(neighbourhood) is featurizer._pooled_masks(neighbourhood)
    with pytest.raises(ValueError, match="22050 Hz where 16000 Hz"):
        SpectralStatistics(sampling_rate=16000).transform(column)


# The crossed design.


@pytest.mark.parametrize("n_samples", [2, 6, 50, 101, (200, 20), (20, 200), (31, 64)])
@pytest.mark.parametrize(("n_audio", "n_lyrics"), [(12, 30), (3, 30), (12, 2), (0, 9), (9, 0)])
def test_crossed_designs(n_samples, n_audio, n_lyrics):
    drawn = draw_neighbourhood("crossed", n_audio, n_lyrics, n_samples, rng())
    again = draw_neighbourhood("crossed", n_audio, n_lyrics, n_samples, rng())
    np.testing.assert_array_equal(drawn.masks, again.masks)
    assert drawn.pairs[0].tolist() == [0, 0]
    assert drawn.masks[0].all()
    assert len(np.unique(drawn.pairs, axis=0)) == len(drawn.pairs)
    for half, (p, n) in enumerate(
        zip((n_audio, n_lyrics), np.broadcast_to(n_samples, 2), strict=True)
    ):
        masks = (drawn.audio_masks, drawn.lyric_masks)[half]
        if p:
            np.testing.assert_array_equal(masks[0::2], ~masks[1::2])
            assert len(masks) == (2**p if 2**p <= n else max(n // 2 * 2, 4))
    # Every mask is paired with a mask and with its complement.
    if n_audio and n_lyrics:
        pairs = {tuple(pair) for pair in drawn.pairs.tolist() if pair != [0, 0]}
        assert all({(i ^ 1, j), (i, j ^ 1)} <= pairs | {(0, 0)} for i, j in pairs)


def test_pairs_are_as_many_as_the_budget():
    drawn = draw_neighbourhood("crossed", 30, 30, 400, rng())
    for half in (0, 1):
        uses = np.bincount(drawn.pairs[:, half])
        assert uses[:2].tolist() == [1, 0]  # nothing but the song itself keeps all, or nothing
        assert set(uses[2:]) == {PAIRS_A_MASK}
    small = draw_neighbourhood("crossed", 3, 2, 400, rng())
    assert len(small) == 8 * 4  # everything there is
    assert small.repeats == 400 / 32


def test_distinct_rows():
    masks = rng().random((500, 4)) < 0.5
    rows, which = distinct_rows(masks)
    assert len(rows) == 16
    np.testing.assert_array_equal(rows[which], masks)
    assert distinct_rows(np.empty((5, 0), dtype=bool))[0].shape == (1, 0)


@pytest.mark.parametrize("kernel_width", [0.25, np.inf])
@pytest.mark.parametrize("n_samples", [80, (60, 90)])
def test_crossed_surrogate_equals_the_written_out_one(n_samples, kernel_width):
    drawn = draw_neighbourhood("crossed", 12, 20, n_samples, rng())
    scores = np.tanh(drawn.masks @ rng(1).normal(size=(32, 3)))
    ours = fit_crossed_surrogate(
        drawn.audio_masks, drawn.lyric_masks, drawn.pairs, scores, kernel_width=kernel_width,
        sampling=drawn.sampling,
    )  # fmt: skip
    written_out = fit_surrogate(
        drawn.masks, scores, kernel_width=kernel_width, sampling=drawn.sampling
    )
    for name in ("weights", "intercept", "score", "local_prediction"):
        np.testing.assert_allclose(
            getattr(ours, name), getattr(written_out, name), rtol=1e-9, atol=1e-12
        )
