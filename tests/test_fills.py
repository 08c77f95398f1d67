"""What takes the place of what is left out: silence, noise, mean spectra, and other songs."""

import pickle
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from conftest import RATE, rng, song_array
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_musiclime import (
    BandSeparator,
    BeatSegmenter,
    Donors,
    HPSSSeparator,
    InvalidSongError,
    MusicLimeExplainer,
    SpectralStatistics,
    UniformSegmenter,
)
from sklearn_musiclime.components import decompose
from sklearn_musiclime.components.fills import FILLS
from sklearn_musiclime.components.readable import named
from sklearn_musiclime.featurizers.audio import FEATURES, STATISTICS
from sklearn_musiclime.neighbourhood import (
    AudioNeighbourhood,
    PerturbedAudio,
    PerturbedLyrics,
    compose_audio,
    compose_lyrics,
    draw_masks,
    draw_neighbourhood,
    perturbed_songs,
)
from sklearn_musiclime.proxy.features import N_FFT, N_MELS, hop_length, sound_features
from sklearn_musiclime.songs import SongTable

# A small song of three segments and three words, whose whole population can be enumerated.

N, LOW_RATE = 1500, 2000
WORDS = ("sun", "rain", "snow")
LYRICS = ("sun rain snow", "rain rain tin", "snow tin sun", "tin tin tin sun", "sun")


def small_songs(n_donors=4):
    levels = rng(3).uniform(0.1, 1.0, (1 + n_donors, 3))
    waveforms = np.repeat(levels, N // 3, axis=1).astype(np.float32)
    return song_array(*zip(waveforms, LYRICS, strict=False))


def heard(waveforms):
    """Levels of the middles of the segments, where no fill fades."""
    return np.array([[wave[at] for at in (N // 6, N // 2, 5 * N // 6)] for wave in waveforms])


def said(texts):
    return np.array([[text.split().count(word) for word in WORDS] for text in texts], dtype=float)


def score(levels, counts):
    """Products within audio, within lyrics, and across."""
    return (
        levels[:, 0] * levels[:, 1]
        + 2 * levels[:, 2] * counts[:, 0]
        + 0.5 * counts[:, 1] * counts[:, 2]
        - levels[:, 1]
    )


def black_box(X):
    return score(heard(X[:, 0]), said(X[:, 1]))


class Head(RegressorMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return score(X[:, :3], X[:, 3:])


def factored():
    table = make_column_transformer((FunctionTransformer(heard), 0), (FunctionTransformer(said), 1))
    return FrozenEstimator(make_pipeline(table, Head()).fit(small_songs(), np.zeros(5)))


def population(kernel_width=np.inf):
    """Weights of the mean over donors of the scores of all masks, by hand."""
    songs = small_songs()
    levels, counts = heard(songs[:, 0]), np.array([[1.0, 1.0, 1.0]])
    masks = np.array(list(product((0.0, 1.0), repeat=6)))
    means = np.zeros(len(masks))
    for heard_of, said_of in product(range(1, len(songs)), repeat=2):
        other = (songs[said_of, 1].split() * 3)[:3]
        for row, mask in enumerate(masks):
            level = np.where(mask[:3], levels[0], levels[heard_of])
            words = [WORDS[i] if mask[3 + i] else other[i] for i in range(3)]
            counts = said([" ".join(words)])
            means[row] += score(level[np.newaxis], counts)[0] / (len(songs) - 1) ** 2
    distance = 1 - np.sqrt(masks.mean(axis=1))
    weight = np.sqrt(np.exp(-np.square(distance / kernel_width)))
    design = np.column_stack([np.ones(len(masks)), masks]) * np.sqrt(weight)[:, np.newaxis]
    return masks, means, np.linalg.lstsq(design, means * np.sqrt(weight), rcond=None)[0][1:]


def small_explainer(model, **parameters):
    songs = small_songs()
    explainer = MusicLimeExplainer(
        model, separator=None, segmenter=UniformSegmenter(3), sampling_rate=LOW_RATE,
        fill=Donors(songs, n_donors=4), interactions=None, **parameters,
    )  # fmt: skip
    return explainer.fit(songs), songs[:1]


def test_a_mask_scores_the_mean_over_donors():
    explainer, song = small_explainer(black_box)
    (function,) = explainer.mask_functions(song)
    masks, means, _ = population()
    np.testing.assert_allclose(function(masks)[:, 0], means, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "parameters"), [
    (black_box, {"design": "paired", "n_samples": 200, "proxy": None}),
    (black_box, {"design": "paired", "n_samples": 200}),
    (black_box, {"design": "independent", "n_samples": 300, "proxy": None}),
    (factored(), {"design": "crossed", "n_samples": 60}),
    (factored(), {"design": "crossed", "n_samples": (100, 40), "kernel_width": 0.5}),
    (factored(), {"design": "paired", "n_samples": 300, "kernel_width": 0.5, "proxy": None}),
], ids=["plain", "proxy", "independent", "crossed", "crossed-kernel", "paired-kernel"])  # fmt: skip
def test_weights_are_those_of_the_mean_over_donors(model, parameters):
    """No bias, and intervals that cover, though the masks of six components are few."""
    parameters = {"kernel_width": np.inf, **parameters}
    _, _, truth = population(parameters["kernel_width"])
    estimates, covered = [], []
    for seed in range(60):
        explainer, song = small_explainer(model, random_state=seed, **parameters)
        frame = explainer.explain(song)[0].to_frame()
        estimates.append(frame["weight"].to_numpy())
        covered.append((frame["low"] <= truth) & (truth <= frame["high"]))
    error = np.std(estimates, axis=0, ddof=1) / np.sqrt(60)
    assert (np.abs(np.mean(estimates, axis=0) - truth) < 4 * error + 1e-6).all()
    by_component = np.mean(covered, axis=0)
    assert by_component.min() > 0.83  # 0.95 less four standard errors of a rate
    assert by_component.mean() > 0.9


def test_shapley_values_are_those_of_the_mean_over_donors():
    masks, means, _ = population()
    value = {tuple(mask): mean for mask, mean in zip(masks, means, strict=True)}
    truth = np.zeros(6)
    orders = [rng(seed).permutation(6) for seed in range(20_000)]
    for order in orders:
        mask = np.zeros(6)
        for component in order:
            before = value[tuple(mask)]
            mask[component] = 1.0
            truth[component] += (value[tuple(mask)] - before) / len(orders)
    for proxy in (None, "auto"):
        explainer, song = small_explainer(
            black_box, kernel="shapley", n_samples=4000, proxy=proxy, random_state=0
        )
        frame = explainer.explain(song)[0].to_frame()
        assert (np.abs(frame["weight"] - truth) < 4 * frame["std_err"] + 0.02).all()
        assert frame["weight"].sum() == pytest.approx(truth.sum(), abs=1e-6)


# Every fill.


def every_fill(songs, n_donors=3):
    return [*FILLS, Donors(songs, n_donors=n_donors)]


@pytest.fixture(scope="module")
def songs(made_songs):
    return made_songs[0].iloc[:6]


@pytest.fixture(scope="module")
def decomposed(songs):
    """A song and its components with a fill."""

    def of(fill, separator=None, segmenter=None, **parameters):
        separator = HPSSSeparator() if separator is None else separator
        table = SongTable(songs)
        if isinstance(fill, Donors):
            fill = fill.read(table, RATE, separator)
        song = table.read(0, RATE)
        segmenter = UniformSegmenter(7) if segmenter is None else segmenter
        return song, decompose(
            song, separator=separator, segmenter=segmenter, fill=fill, **parameters
        )

    return of


@pytest.mark.parametrize("number", range(4), ids=[*FILLS, "donors"])
def test_the_whole_song_is_the_song(number, songs, decomposed):
    song, components = decomposed(every_fill(songs)[number])
    n_fills = components.n_fills[0]
    on = np.ones((n_fills, len(components)), dtype=bool)
    fills = np.arange(n_fills)
    both = perturbed_songs(song, components, on, np.stack([fills, fills], axis=1))
    assert len(both) == (3 if number == 3 else 1)
    for audio, lyrics in both[["audio", "lyrics"]].itertuples(index=False):
        np.testing.assert_array_equal(audio["array"], song.waveform)
        assert lyrics == song.lyrics


@pytest.mark.parametrize("number", range(1, 4), ids=[*FILLS[1:], "donors"])
def test_what_is_left_out_is_its_fill(number, songs, decomposed):
    """Sources that are kept are as they were; the others are their fills, which fade."""
    _, components = decomposed(every_fill(songs)[number])
    audio = components.audio
    mask = np.ones((2, 7), dtype=bool)
    mask[0, 2] = mask[1, 3] = mask[:, 5] = False
    for fill in range(components.n_fills[0]):
        waveform = compose_audio(audio, mask.ravel(), fill)
        kept = np.repeat(mask, np.diff(audio.borders), axis=1)
        expected = np.where(kept, audio.sources, audio.fills[fill]).sum(axis=0)
        np.testing.assert_allclose(waveform, expected, atol=1e-6)
        start, stop = audio.borders[5:7]
        assert np.abs(waveform[[start, stop - 1]]).max() < 0.01 * np.abs(waveform).max()
        assert np.abs(waveform[start + 200 : stop - 200]).mean() > 0


def test_noise_is_as_loud_and_as_bright_as_the_source(songs, decomposed):
    _, components = decomposed("noise")
    for source, noise in zip(components.audio.sources, components.audio.fills[0], strict=True):
        assert 0.8 < noise.std() / source.std() <= 1.01  # fades take some
        spectra = [np.square(np.abs(np.fft.rfft(x))) for x in (source, noise)]
        bands = [[part.sum() for part in np.array_split(power, 40)] for power in spectra]
        loud = np.array(bands[0]) > 1e-3 * np.max(bands[0])
        assert (np.array(bands[1]) / np.array(bands[0]))[loud].min() > 0.5
        assert (np.array(bands[1]) / np.array(bands[0]))[loud].max() < 2


def test_mean_keeps_the_spectrum_and_loses_the_time():
    """A tone that stops halfway sounds throughout, half as loud."""
    time = np.arange(RATE) / RATE
    tone = np.where(time < 0.5, np.sin(2 * np.pi * 1000 * time), 1e-3 * np.sin(8000 * time))
    song = SongTable(song_array((tone.astype(np.float32), "la"))).read(0, RATE)
    components = decompose(song, separator=None, segmenter=UniformSegmenter(4), fill="mean")
    filled = compose_audio(components.audio, np.zeros(4, dtype=bool))
    before = np.abs(np.fft.rfft(filled[: RATE // 4]))
    assert before.argmax() * 4 == 1000
    level = [filled[start : start + 2000].std() for start in (2000, 8000)]
    assert 0.3 < level[0] / tone[2000:4000].std() < 0.7
    assert level[1] / level[0] > 0.7


def test_donors_lyrics_take_the_place_of_words(songs):
    explainer, song = small_explainer(black_box)
    del explainer, song
    table = SongTable(small_songs())
    donors = Donors(small_songs(), n_donors=4).read(table, LOW_RATE, None)
    lyrics = decompose(
        table.read(0, LOW_RATE), separator=None, segmenter=UniformSegmenter(3), fill=donors
    ).lyrics
    none = np.zeros(3, dtype=bool)
    assert {compose_lyrics(lyrics, none, fill) for fill in range(4)} == {
        "rain rain tin", "snow tin sun", "tin tin tin", "sun sun sun",
    }  # fmt: skip
    masks = draw_masks("independent", 3, 8, rng())
    fills = rng().integers(4, size=len(masks))
    assert list(PerturbedLyrics(lyrics, masks, fills)) == [
        compose_lyrics(lyrics, mask, fill) for mask, fill in zip(masks, fills, strict=True)
    ]


def test_lines_take_lines_and_a_mask_token_stays():
    X = song_array(
        (np.ones(N, dtype=np.float32), "one line\nanother\n\nthird"),
        (np.ones(N, dtype=np.float32) / 2, "a b c\nd e"),
    )
    table = SongTable(X)
    donors = Donors(X).read(table, LOW_RATE, None)

    def lyrics(**parameters):
        song = table.read(0, LOW_RATE)
        parts = decompose(
            song, separator=None, segmenter=UniformSegmenter(2), fill=donors, **parameters
        )
        return compose_lyrics(parts.lyrics, np.array([True, False, False][: len(parts.lyrics)]))

    assert lyrics(lyric_units="lines") == "one line\nd e\n\na b c"
    assert lyrics(lyric_units="sections") == "one line\nanother\n\na b c\nd e"
    assert lyrics(lyric_units="lines", mask_token="_") == "one line\n_\n\n_"


# Donors.


def test_a_song_is_no_donor_of_its_own():
    songs = small_songs()
    donors = Donors(songs, n_donors=4).read(SongTable(songs), LOW_RATE, None)
    for row in range(len(songs)):
        song = SongTable(songs).read(row, LOW_RATE)
        own = donors.of(song)
        assert len(own) == 4
        assert not any(np.array_equal(donor.waveform, song.waveform) for donor in own)


def test_donors_are_drawn_by_their_seed():
    songs = song_array(*[(np.full(50, 0.01 * i, np.float32), "la") for i in range(1, 30)])
    table = SongTable(songs)

    def drawn(seed):
        donors = Donors(songs, n_donors=5, random_state=seed).read(table, LOW_RATE, None)
        return [float(donor.waveform[0]) for donor in donors.of(table.read(0, LOW_RATE))]

    assert drawn(0) == drawn(0) != drawn(1)
    assert len(set(drawn(0))) == 5


def test_matched_donors_are_the_nearest():
    levels = [0.1, 0.5, 0.11, 0.02, 0.09]
    songs = song_array(*[(np.full(50, level, np.float32), "la") for level in levels])
    table = SongTable(songs)
    donors = Donors(songs, n_donors=2, match="loudness").read(table, LOW_RATE, None)
    own = donors.of(table.read(0, LOW_RATE))
    assert sorted(float(donor.waveform[0]) for donor in own) == pytest.approx([0.09, 0.11])


def test_donors_of_other_tempos():
    def clicks(beats_a_minute):
        waveform = np.zeros(12 * RATE, dtype=np.float32)
        waveform[:: round(60 * RATE / beats_a_minute)] = 1
        return waveform

    songs = song_array(*[(clicks(bpm), "la") for bpm in (100, 140, 102, 80)])
    table = SongTable(songs)
    donors = Donors(songs, n_donors=1, match=("tempo",)).read(table, RATE, None)
    (nearest,) = donors.of(table.read(0, RATE))
    np.testing.assert_array_equal(nearest.waveform, songs[2, 0])


def test_a_short_donor_is_repeated_and_a_missing_source_silent():
    class Odd(BaseEstimator):
        def separate(self, waveform, sampling_rate):
            names = ("low", "high") if len(waveform) > 100 else ("low", "other")
            return names, [0.25 * waveform, 0.75 * waveform]

    songs = song_array((np.ones(120, np.float32), "la"), (np.full(50, 0.5, np.float32), "lo"))
    table = SongTable(songs)
    donors = Donors(songs).read(table, LOW_RATE, Odd())
    audio = decompose(
        table.read(0, LOW_RATE), separator=Odd(), segmenter=UniformSegmenter(1), fill=donors
    ).audio
    np.testing.assert_allclose(audio.fills[0, 0, 15:-15], 0.125)
    np.testing.assert_array_equal(audio.fills[0, 1], 0)


@pytest.mark.parametrize(("parameters", "message"), [
    ({"n_donors": 0}, "n_donors must be a whole number of at least 1, got 0"),
    ({"n_donors": 2.5}, "n_donors must be a whole number of at least 1, got 2.5"),
    ({"match": "key"}, r"match must be of \('loudness', 'tempo'\), got 'key'"),
])  # fmt: skip
def test_parameters_of_donors(parameters, message):
    songs = small_songs()
    explainer = MusicLimeExplainer(black_box, fill=Donors(songs, **parameters)).fit(songs)
    with pytest.raises(ValueError, match=message):
        explainer.explain(songs[:1])


def test_errors_of_donors():
    songs = small_songs()
    explainer = MusicLimeExplainer(black_box, fill="loud")
    with pytest.raises(ValueError, match="'fill' parameter of MusicLimeExplainer must be"):
        explainer.fit(songs)
    explainer = MusicLimeExplainer(black_box, fill=Donors(songs[:1]), separator=None).fit(songs)
    with pytest.raises(InvalidSongError, match="row 0: audio: its only donor is the song itself"):
        explainer.explain(songs[:1])
    broken = small_songs()
    broken[2, 0] = np.full(10, np.nan)
    explainer.set_params(fill=Donors(broken))
    with pytest.raises(InvalidSongError, match=r"row 2: audio: .*NaN") as caught:
        explainer.explain(songs[:1])
    assert "in the songs of Donors" in caught.value.__notes__
    explainer.set_params(fill=Donors(songs), design="exhaustive")
    with pytest.raises(ValueError, match="donors are drawn by chance; use design='paired'"):
        explainer.explain(songs[:1])


# The fast paths.

EVERYTHING = {"features": tuple(FEATURES), "statistics": tuple(STATISTICS)}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 4), ids=[*FILLS[1:], "donors"])
@pytest.mark.parametrize("parameters", [EVERYTHING, {}], ids=["everything", "mel"])
@pytest.mark.parametrize("separator", [HPSSSeparator(), BandSeparator()], ids=repr)
def test_table_equals_composed(number, parameters, separator, songs, decomposed):
    _, components = decomposed(every_fill(songs)[number], separator, BeatSegmenter(2))
    audio = components.audio
    masks = draw_masks("paired", len(audio), 400, rng(), replacement=True)
    fills = rng().integers(components.n_fills[0], size=len(masks))
    neighbourhood = AudioNeighbourhood(audio, masks, fills=fills)
    featurizer = SpectralStatistics(**parameters)
    column = pd.Series(PerturbedAudio(neighbourhood))
    table = featurizer.fit_transform(column)
    assert neighbourhood.composed == []
    rows = np.arange(0, 400, 17)
    composed = featurizer.transform(list(column[rows]))
    scale = np.abs(composed).max(axis=0).reshape(len(featurizer.statistics), -1)
    scale = np.tile(scale.max(axis=0), len(featurizer.statistics))
    assert np.abs((table[rows] - composed) / np.maximum(scale, 1e-9)).max() < 1e-4


def test_the_proxy_hears_the_fills(songs, decomposed):
    _, components = decomposed(Donors(songs, n_donors=3))
    audio = components.audio
    masks = draw_masks("paired", len(audio), 30, rng(), replacement=True)
    fills = rng().integers(3, size=len(masks))
    features = sound_features(components, masks, fills)
    slow = SpectralStatistics(
        ("mel",), ("mean", "std", "max"), n_mels=N_MELS, n_fft=N_FFT, hop_length=hop_length(audio)
    )
    waveforms = [compose_audio(audio, m, f) for m, f in zip(masks, fills, strict=True)]
    error = np.abs(features - slow.fit_transform(waveforms))
    assert np.median(error) < 1e-3
    assert error.max() < 0.5  # dB, of bands in which sources cancel: it computes in float32


@pytest.mark.parametrize("design", ["paired", "crossed", "independent"])
def test_a_design_draws_fills_of_either_modality(design):
    drawn = draw_neighbourhood(design, 4, 3, 400, rng(), n_fills=(5, 4))
    for own, n_fills in zip(drawn.fills, (5, 4), strict=True):
        if design != "independent":
            assert (own[::2] == own[1::2]).all()
        assert np.bincount(own, minlength=n_fills).min() > 40
    both = drawn.pair_fills
    assert len(np.unique(both, axis=0)) == 20
    assert not any(side.fraction for side in drawn.sampling.sides)
    corners = drawn.with_corners()
    scores = drawn.with_corners().split(np.arange(len(corners.all_pairs), dtype=float)[:, None])
    first = len(corners.all_pairs) - 30
    expected = [first, first + 1 + 1.5, first + 5 + 2, first + 10 + 9.5]
    np.testing.assert_allclose(scores.corners[:, 0], expected)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 4), ids=[*FILLS[1:], "donors"])
def test_workers_batches_and_order_change_nothing(number, songs, made_model, tmp_path):
    fill = every_fill(songs)[number]
    parameters = {"fill": fill, "n_samples": 60, "random_state": 0}
    X = songs.iloc[:3]
    explainer = MusicLimeExplainer(made_model, **parameters).fit(X)
    first = explainer.explain(X)
    explainer.set_params(n_jobs=2, batch_size=7, memory=tmp_path)
    again = explainer.explain(X.iloc[::-1])[::-1]
    kept = explainer.explain(X)
    for one, other, third in zip(first, again, kept, strict=True):
        np.testing.assert_allclose(other.weights, one.weights, rtol=1e-10, atol=1e-12)
        np.testing.assert_array_equal(third.weights, other.weights)
        assert one.settings["masks"] == other.settings["masks"]


def test_a_memory_tells_fills_apart(songs, made_model, tmp_path):
    X = songs.iloc[:1]
    weights = []
    for fill in (*every_fill(songs, 2), Donors(songs.iloc[:4], n_donors=2)):
        explainer = MusicLimeExplainer(
            made_model, fill=fill, n_samples=60, random_state=0, memory=tmp_path
        )
        weights.append(explainer.fit(X).explain(X)[0].weights)
    for i, one in enumerate(weights):
        assert not any(np.array_equal(one, other) for other in weights[:i])


def test_explanations_hold_no_fills(songs, made_model, tmp_path):
    """Donors are several times as large as a song, and many explanations are held at a time."""
    X, sizes = songs.iloc[:1], []
    for fill in ("silence", Donors(songs, n_donors=5)):
        explainer = MusicLimeExplainer(
            made_model, fill=fill, n_samples=60, random_state=0, memory=tmp_path
        ).fit(X)
        made, kept = explainer.explain(X)[0], explainer.explain(X)[0]
        assert made.components.lyrics.fills == kept.components.lyrics.fills == ()
        sizes.append([len(pickle.dumps(explanation)) for explanation in (made, kept)])
    assert np.max(sizes) < 1.1 * np.min(sizes)


# What stands whatever the fill.


def goes_by_loudness_and_love(X):
    return [float(np.std(audio) > 0.6) + ("love" in words) for audio, words in X]


@pytest.fixture(scope="module")
def by_fill():
    X = song_array((np.sin(np.arange(2000.0)), "all you need is love <b>"))
    explainer = MusicLimeExplainer(
        goes_by_loudness_and_love, separator=None, segmenter=UniformSegmenter(2),
        kernel_width=np.inf, output_names=["<i>"],
    )  # fmt: skip
    return {f: explainer.set_params(fill=f).fit(X).explain(X)[0] for f in FILLS}


def test_what_stands_whatever_the_fill(by_fill):
    table = by_fill["silence"].compare_fills(by_fill["noise"], by_fill["mean"])
    assert table.columns[-4:].tolist() == ["silence", "noise", "mean", "finding"]
    findings = table.set_index("component")["finding"].to_dict()
    assert findings.pop("love") == "stands"
    assert {findings.pop("mix@0"), findings.pop("mix@1")} == {"depends"}
    assert set(findings.values()) == {"none"}
    assert table["component"][0] == "love"
    for fill, explanation in by_fill.items():
        weights = explanation.to_frame().set_index("component")["weight"]
        assert (table.set_index("component")[fill] == weights[table["component"]]).all()


def test_a_sign_that_turns_depends(by_fill):
    one = by_fill["noise"]
    table = one.compare_fills(replace(by_fill["mean"], weights=-by_fill["mean"].weights))
    assert (table["finding"] != "stands").all()


@pytest.mark.parametrize(("others", "message"), [
    ((), "with another fill is needed"), (("silence",), "two explanations have silence"),
])  # fmt: skip
def test_fills_that_are_not_compared(others, message, by_fill):
    with pytest.raises(ValueError, match=message):
        by_fill["silence"].compare_fills(*(by_fill[name] for name in others))


def test_fills_of_other_songs_are_not_compared(by_fill):
    X = song_array((np.sin(np.arange(2000.0)), "other words"))
    explainer = MusicLimeExplainer(
        goes_by_loudness_and_love, separator=None, segmenter=UniformSegmenter(2), fill="noise"
    )
    with pytest.raises(ValueError, match="has other components than"):
        by_fill["silence"].compare_fills(explainer.fit(X).explain(X)[0])


def test_the_page_shows_what_stands(by_fill, tmp_path):
    page = by_fill["silence"].to_html(tmp_path / "page.html", fills=[by_fill["noise"]])
    text = page.read_text(encoding="utf-8")
    assert "<caption>&lt;i&gt;</caption>" in text
    rows = dict(zip(*[iter(["love", "stands", "mix@0", "depends"])] * 2, strict=True))
    for component, finding in rows.items():
        name = named(by_fill["silence"].components)[component]
        row = text[text.index(f"<bdi>{name}</bdi>") :].split("</tr>")[0]
        assert row.endswith(f"<td>{finding}</td>")
    plain = by_fill["silence"].to_html(tmp_path / "plain.html").read_text(encoding="utf-8")
    assert "Whatever takes its place" not in plain
