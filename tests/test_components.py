"""Components partition the song (P2), whatever the separator, the segmenter and the lyrics.

Over 400 lines since audio and lyrics are held to the same partition.
"""

from itertools import pairwise
from types import SimpleNamespace

import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sklearn_musiclime import (
    BeatSegmenter,
    HPSSSeparator,
    InvalidSongError,
    LyricLineSegmenter,
    StemSeparator,
    StructureSegmenter,
    UniformSegmenter,
)
from sklearn_musiclime._runtime.cache import ResultCache
from sklearn_musiclime.components import (
    decompose,
    segment_audio,
    separate_sources,
    split_lyrics,
    word_spans,
)
from sklearn_musiclime.components.decomposition import link_components
from sklearn_musiclime.components.lyrics import LYRIC_UNITS
from sklearn_musiclime.components.separation import RecallingSeparator, hpss, read_beside
from sklearn_musiclime.datasets import read_lrc
from sklearn_musiclime.neighbourhood import compose_audio, compose_lyrics
from sklearn_musiclime.songs import read_audio

RATE = 22050


class Lossy:
    """Two sources that hold half of the mix between them."""

    def separate(self, waveform, sampling_rate):
        return ("left", "right"), np.stack([0.3 * waveform, 0.2 * waveform])


def song(waveform, lyrics="la la\nlo", word_times=None, path=None):
    return SimpleNamespace(
        row=4,
        waveform=waveform,
        lyrics=lyrics,
        word_times=word_times,
        path=path,
        span=None,
        sampling_rate=RATE,
    )


def words_of(text):
    return [text[start:end] for start, end in word_spans(text)]


def without(text, units, *off, mask_token=None):
    lyrics = split_lyrics(text, units, mask_token=mask_token)
    mask = np.ones(len(lyrics), dtype=bool)
    mask[list(off)] = False
    return compose_lyrics(lyrics, mask)


# Audio.

SEPARATORS = [None, HPSSSeparator(), HPSSSeparator(margin=3.0), Lossy()]
SEGMENTERS = [
    UniformSegmenter(),
    UniformSegmenter(seconds=0.1),
    BeatSegmenter(beats=1),
    StructureSegmenter(n_segments=3, hop_length=512),
    LyricLineSegmenter(min_gap=0.1),
]
LENGTHS = st.one_of(st.integers(1, 40), st.integers(1, 9000))


@pytest.mark.parametrize("segmenter", SEGMENTERS, ids=repr)
@pytest.mark.parametrize("separator", SEPARATORS, ids=lambda s: type(s).__name__)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(n_samples=LENGTHS, seed=st.integers(0, 99), scale=st.sampled_from([0.0, 1e-4, 0.3]))
def test_all_on_audio_is_the_input_to_the_last_sample(separator, segmenter, n_samples, seed, scale):
    waveform = np.random.default_rng(seed).normal(0, scale, n_samples).astype(np.float32)
    times = np.linspace(0, n_samples / RATE, 4)
    times = np.stack([times[:-1], times[1:]], axis=1)
    audio = decompose(
        song(waveform, word_times=times), separator=separator, segmenter=segmenter
    ).audio
    assert audio.borders[0] == 0
    assert audio.borders[-1] == n_samples
    assert (np.diff(audio.borders) > 0).all()
    on = np.ones(len(audio), dtype=bool)
    np.testing.assert_array_equal(compose_audio(audio, on), waveform)
    assert not compose_audio(audio, ~on).any()
    # Every component alone: together they are the input to float32 rounding.
    alone = sum(compose_audio(audio, row) for row in np.eye(len(audio), dtype=bool))
    np.testing.assert_allclose(alone, waveform, rtol=0, atol=2e-6 * (np.abs(waveform).max() or 1))


@pytest.mark.slow
def test_real_song_with_every_separator_and_segmenter(real_clips):
    clip = real_clips.iloc[3]
    waveform = clip.audio["array"]
    for separator in SEPARATORS:
        for segmenter in SEGMENTERS:
            audio = decompose(
                song(waveform, clip.lyrics, np.array(clip.word_times)),
                separator=separator,
                segmenter=segmenter,
            ).audio
            np.testing.assert_allclose(
                audio.sources.sum(axis=0), waveform, atol=1e-6, err_msg=f"{separator} {segmenter}"
            )


def test_components_without_waveforms_are_the_same_components(noise):
    whole = decompose(song(noise), separator=Lossy(), segmenter=UniformSegmenter(5))
    bare = whole.without_waveforms()
    assert bare.audio.mix is None
    assert bare.audio.sources is None
    assert bare.names == whole.names
    np.testing.assert_array_equal(bare.audio.times, whole.audio.times)
    assert whole.audio.mix is noise
    lyrics = decompose(song(noise), separator=None, segmenter=None, modality="lyrics")
    assert lyrics.without_waveforms() == lyrics


def test_a_component_sounds_in_its_source_and_segment_alone(noise):
    audio = decompose(song(noise), separator=Lossy(), segmenter=UniformSegmenter(5)).audio
    assert audio.source_names == ("left", "right", "residual")
    mask = np.zeros(len(audio), dtype=bool)
    mask[audio.names.index("right@3")] = True
    expected = np.zeros_like(noise)
    start, stop = audio.borders[3:5]
    expected[start:stop] = 0.2 * noise[start:stop]
    np.testing.assert_allclose(compose_audio(audio, mask), expected, atol=1e-8)


@pytest.mark.slow
def test_hpss_is_librosas(noise):
    noise[5000:5100] += 1
    noise = np.tile(noise, 40)  # several blocks of frames
    for kernel_size in (31, (8, 17)):
        separator = HPSSSeparator(kernel_size=kernel_size)
        names, sources = separate_sources(separator, noise, RATE)
        assert names == ("harmonic", "percussive")
        expected = librosa.effects.hpss(noise, kernel_size=kernel_size)
        np.testing.assert_allclose(sources, expected, atol=1e-6)
        _, by_two = HPSSSeparator(kernel_size=kernel_size, n_jobs=2).separate(noise, RATE)
        np.testing.assert_array_equal(by_two, separator.separate(noise, RATE)[1])
    for options in (
        {"margin": (1.0, 5.0)},
        {"power": 1.0},
        {"n_fft": 1024, "hop_length": 300},
    ):
        _, sources = HPSSSeparator(**options).separate(noise[:50_000], RATE)
        expected = librosa.effects.hpss(noise[:50_000], **options)
        np.testing.assert_allclose(sources, expected, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"margin": 2.0}, {"hop_length": 700}])
@pytest.mark.parametrize("n_frames", [1, 7, 32])
def test_hpss_of_a_long_song_is_that_of_its_stretches(n_frames, options, noise, monkeypatch):
    _, whole = HPSSSeparator(**options).separate(noise, RATE)
    monkeypatch.setattr(hpss, "STRETCH_FRAMES", n_frames)
    _, stretches = HPSSSeparator(**options).separate(noise, RATE)
    np.testing.assert_allclose(stretches, whole, atol=1e-6)


@pytest.mark.parametrize("kernel_size", [31, (17, 5), 8, (8, 31)])
@pytest.mark.parametrize(
    ("margin", "power"), [(1.0, 2.0), (1.0, 1.0), (3.0, 4.0), ((1.0, 5.0), 2.0)]
)
def test_hpss_masks_are_librosas(kernel_size, margin, power, noise):
    noise[5000:5100] += 1
    for waveform in (noise, noise[:3000], np.zeros(5000, dtype=np.float32)):
        spectrum = librosa.stft(waveform)
        expected = librosa.decompose.hpss(
            spectrum, kernel_size=kernel_size, margin=margin, power=power, mask=True
        )
        separator = HPSSSeparator(kernel_size=kernel_size, margin=margin, power=power)
        np.testing.assert_allclose(
            list(separator._soft_masks(np.abs(spectrum))), expected, atol=1e-6
        )


def test_an_inaudible_residual_goes_to_the_loudest_source(noise):
    noise = noise - np.float32(0.05)  # the loudest has the most energy, not the highest sum
    hiss = 1e-4 * np.random.default_rng(1).normal(0, 0.1, len(noise)).astype(np.float32)
    separator = SimpleNamespace(
        separate=lambda y, rate: (("quiet", "loud"), np.stack([0.1 * (y - hiss), 0.9 * (y - hiss)]))
    )
    names, sources = separate_sources(separator, noise, RATE)
    assert names == ("quiet", "loud")
    np.testing.assert_allclose(sources[0], 0.1 * (noise - hiss), atol=1e-8)
    np.testing.assert_allclose(sources.sum(axis=0), noise, atol=1e-7)


@pytest.mark.parametrize(("level", "is_heard"), [(-59, True), (-61, False)])
def test_a_residual_is_heard_above_minus_60_db(level, is_heard, noise):
    rest = np.random.default_rng(1).normal(size=len(noise)) * 10 ** (level / 20) * noise.std()
    separator = SimpleNamespace(separate=lambda y, rate: (("main",), (y - rest)[np.newaxis]))
    names, sources = separate_sources(separator, noise, RATE)
    assert names == (("main", "residual") if is_heard else ("main",))
    np.testing.assert_allclose(sources.sum(axis=0), noise, atol=1e-7)


class Halves:
    """Two halves of the mix; counts how often it is asked."""

    n_calls = 0

    def separate(self, waveform, sampling_rate):
        self.n_calls += 1
        return ("one", "two"), np.stack([waveform / 2, waveform / 2])


class CountedStems(StemSeparator):
    n_calls = 0

    def separate(self, *args, **options):
        self.n_calls += 1
        return super().separate(*args, **options)


def test_sources_are_recalled_unless_what_they_depend_on_has_changed(tmp_path, noise):
    cache = ResultCache(str(tmp_path / "cache"))
    separator = Halves()

    def recall(waveform=noise, rate=RATE, path=None, span=None, key="halves"):
        recalling = RecallingSeparator(separator, cache, key)
        return separate_sources(recalling, waveform, rate, path=path, span=span)

    names, sources = recall()
    assert names == ("one", "two")
    for same in ({}, {"waveform": noise.copy()}, {"path": tmp_path / "song.wav"}):
        np.testing.assert_array_equal(recall(**same)[1], sources)
    assert separator.n_calls == 1
    others = ({"waveform": noise[:-1]}, {"rate": 16000}, {"span": (0.0, 1.0)}, {"key": "thirds"})
    for n_calls, other in enumerate(others, start=2):
        recall(**other)
        assert separator.n_calls == n_calls


def test_stems_are_read_again_when_they_have_changed(tmp_path, noise):
    path = write_stems(tmp_path, {"vocals": 0.3 * noise, "other": 0.7 * noise})
    cache, separator = (
        ResultCache(str(tmp_path / "cache")),
        CountedStems(sources=("vocals", "other")),
    )

    def vocals():
        recalling = RecallingSeparator(separator, cache, "stems")
        return separate_sources(recalling, noise, RATE, path=path)[1][0]

    np.testing.assert_allclose(vocals(), 0.3 * noise, atol=1e-7)
    vocals()
    assert separator.n_calls == 1
    soundfile.write(tmp_path / "song" / "vocals.wav", 0.2 * noise, RATE, subtype="FLOAT")
    np.testing.assert_allclose(vocals(), 0.2 * noise, atol=1e-7)
    assert separator.n_calls == 2


def test_what_is_read_beside_a_song(tmp_path, noise):
    path = write_stems(tmp_path, {"vocals": noise})
    assert list(read_beside(StemSeparator(), path)) == ["vocals"]  # those that are there
    assert read_beside(StemSeparator(), None) is None
    assert read_beside(None, path) is None
    assert read_beside(Halves(), path) is None
    by_path = SimpleNamespace(separate=lambda waveform, sampling_rate, path: None)
    assert read_beside(by_path, path) == str(path)


def test_a_residual_joins_one_that_the_separator_has(noise):
    separator = SimpleNamespace(
        separate=lambda y, rate: (("main", "residual"), np.stack([0.5 * y, 0.1 * y]))
    )
    names, sources = separate_sources(separator, noise, RATE)
    assert names == ("main", "residual")
    np.testing.assert_allclose(sources[1], 0.5 * noise, atol=1e-7)


@pytest.mark.parametrize(
    ("result", "cause"),
    [
        (lambda y: (("a",), np.zeros((2, len(y)))), "1 names and sources of shape"),
        (lambda y: (("a",), np.zeros((1, len(y) - 1))), "expected"),
        (lambda y: (("a", "a"), np.zeros((2, len(y)))), "not unique"),
        (lambda y: (("a",), np.full((1, len(y)), np.nan)), "NaN"),
        (lambda y: ((), np.zeros((0, len(y)))), "0 names"),
    ],
)
def test_a_separator_that_errs_is_found_out(result, cause, noise):
    separator = SimpleNamespace(separate=lambda y, rate: result(y))
    with pytest.raises(InvalidSongError, match=cause) as caught:
        decompose(song(noise), separator=separator, segmenter=UniformSegmenter())
    assert caught.value.row == 4


@pytest.mark.parametrize("borders", [[0, 10], [5, 22050], [0, 7, 7, 22050], [0.0, 22050.0], [0]])
def test_a_segmenter_that_errs_is_found_out(borders, noise):
    segmenter = SimpleNamespace(segment=lambda y, rate: np.array(borders))
    with pytest.raises(InvalidSongError, match="boundaries"):
        decompose(song(noise), separator=None, segmenter=segmenter)


def write_stems(folder, stems, rate=RATE):
    (folder / "song").mkdir()
    for name, stem in stems.items():
        soundfile.write(folder / "song" / f"{name}.wav", stem, rate, subtype="FLOAT")
    return folder / "song.wav"


def test_stems_are_read_from_beside_the_song(tmp_path, noise):
    voice = np.sin(np.arange(len(noise), dtype=np.float32) / 10)
    mix = voice + noise
    path = write_stems(tmp_path, {"vocals": voice[:-7], "other": noise})  # an encoder lost a few
    separator = StemSeparator(sources=("vocals", "other"))
    names, sources = separate_sources(separator, mix, RATE, path=path)
    assert names[:2] == ("vocals", "other")
    np.testing.assert_array_equal(sources[0][:-7], voice[:-7])
    np.testing.assert_allclose(sources.sum(axis=0), mix, atol=1e-6)
    assert separator.source_names == ("vocals", "other", "residual")


def test_stems_lie_where_the_pattern_says(tmp_path, noise):
    """As Demucs writes them: folders by song, away from the songs."""
    songs = tmp_path / "songs"
    for folder in (songs, tmp_path / "separated" / "song"):
        folder.mkdir(parents=True)
    for name, gain in (("vocals", 0.25), ("other", 0.75)):
        path = tmp_path / "separated" / "song" / f"{name}.flac"
        soundfile.write(path, gain * noise, RATE, subtype="PCM_24")
    separator = StemSeparator(
        pattern=f"{tmp_path.as_posix()}/separated/{{stem}}/{{source}}.flac",
        sources=("vocals", "other"),
    )
    _, sources = separate_sources(separator, noise, RATE, path=songs / "song.mp3")
    np.testing.assert_allclose(sources[0], 0.25 * noise, atol=1e-6)
    with pytest.raises(ValueError, match=r"separated/another/vocals\.flac"):
        separate_sources(separator, noise, RATE, path=songs / "another.mp3")


def test_stems_of_a_part_of_a_song(tmp_path, noise):
    stems = {"vocals": 0.3 * noise, "other": 0.7 * noise}
    (tmp_path / "song").mkdir()
    for name, stem in stems.items():
        soundfile.write(tmp_path / "song" / f"{name}.wav", stem, RATE, subtype="FLOAT")
    part = slice(RATE // 4, RATE // 2)
    names, sources = separate_sources(
        StemSeparator(sources=("vocals", "other")), noise[part], RATE,
        path=tmp_path / "song.wav", span=(0.25, 0.5),
    )  # fmt: skip
    assert names == ("vocals", "other")
    np.testing.assert_allclose(sources[0], stems["vocals"][part], atol=1e-6)


@pytest.mark.parametrize("late", [1105, -1105, 2257])
@pytest.mark.parametrize("span", [None, (0.5, 2.5)])
@pytest.mark.parametrize("rate", [44_100, 22_050, 16_000])
def test_late_stems_are_moved_back(late, span, rate, tmp_path):
    """As Demucs writes mp3: late by an odd number of samples at 44.1 kHz, whatever the rate."""
    rng = np.random.default_rng(0)
    sos = scipy.signal.butter(4, 2000, fs=44_100, output="sos")
    voice, other = scipy.signal.sosfilt(sos, rng.normal(0, 0.1, (2, 3 * 44_100))).astype("float32")
    ends = (late, 0) if late > 0 else (0, -late)
    stems = {
        name: np.pad(stem, ends)[max(-late, 0) :][: len(stem)]
        for name, stem in (("vocals", voice), ("other", other))
    }
    path = write_stems(tmp_path, stems, 44_100)
    soundfile.write(path, voice + other, 44_100, subtype="FLOAT")
    cell = path if span is None else {"path": path, "start": span[0], "end": span[1]}
    mix = read_audio(cell, rate)
    separator = StemSeparator(sources=("vocals", "other"))
    with pytest.warns(UserWarning, match=r"^stems come \d+\.\d ms (later|earlier) than"):
        _, sources = separator.separate(mix, rate, path=path, span=span)
    within = slice(rate // 10, -rate // 10)
    left = (mix - sources.sum(axis=0))[within]
    assert np.mean(left**2) < 1e-4 * np.mean(mix**2)


def test_stems_of_another_song_are_said_to_be(tmp_path, noise, recwarn):
    other = np.random.default_rng(9).normal(0, 0.1, len(noise)).astype(np.float32)
    path = write_stems(tmp_path, {"vocals": other})
    separator = StemSeparator(sources=("vocals",))
    with pytest.warns(UserWarning, match="are no parts of the song"):
        separator.separate(noise, RATE, path=path)
    recwarn.clear()
    separator.separate(noise + other, RATE, path=path)  # one of several
    separator.separate(np.zeros_like(noise) + other, RATE, path=path)
    soundfile.write(tmp_path / "song" / "vocals.wav", 0 * other, RATE)
    separator.separate(noise, RATE, path=path)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("stems", "path", "cause"),
    [
        ({"vocals": np.zeros(RATE)}, True, "no 'other' stem"),
        ({"vocals": np.zeros(RATE), "other": np.zeros(2 * RATE)}, True, "lasts 2.00 s"),
        ({}, False, "no path"),
    ],
)
def test_stems_that_are_not_the_songs(stems, path, cause, tmp_path, noise):
    path = write_stems(tmp_path, stems) if path else None
    with pytest.raises(InvalidSongError, match=cause):
        decompose(
            song(noise, path=path),
            separator=StemSeparator(sources=("vocals", "other")),
            segmenter=UniformSegmenter(),
        )


def test_broken_stems_are_named_once(tmp_path, noise):
    path = write_stems(tmp_path, {"vocals": noise, "other": noise})
    (tmp_path / "song" / "other.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"^the 'other' stem: file .* can't be decoded") as caught:
        separate_sources(StemSeparator(sources=("vocals", "other")), noise, RATE, path=path)
    assert not isinstance(caught.value, InvalidSongError)  # whose row would be none of X
    with pytest.raises(ValueError, match="other braces"):
        StemSeparator("{folder}/{source}.wav").stem_paths(path)
    with pytest.raises(ValueError, match="at least one source"):
        StemSeparator(sources=()).separate(noise, RATE, path=path)


def test_uniform_segments():
    assert UniformSegmenter(4).segment(np.zeros(8), RATE).tolist() == [0, 2, 4, 6, 8]
    assert UniformSegmenter(4).segment(np.zeros(3), RATE).tolist() == [0, 1, 2, 3]
    by_seconds = UniformSegmenter(seconds=2.0)
    assert by_seconds.segment(np.zeros(45), 10).tolist() == [0, 20, 45]  # a short tail joins
    assert by_seconds.segment(np.zeros(49), 10).tolist() == [0, 20, 49]
    assert by_seconds.segment(np.zeros(50), 10).tolist() == [0, 20, 40, 50]  # half stays
    assert by_seconds.segment(np.zeros(5), 10).tolist() == [0, 5]
    for bad in (UniformSegmenter(0), UniformSegmenter(seconds=0)):
        with pytest.raises(ValueError, match=r"n_segments|seconds"):
            bad.segment(np.zeros(5), 10)


@pytest.mark.parametrize("rate", [RATE, 11025])
def test_beats_lie_on_the_clicks(rate):
    clicks = np.zeros(10 * rate, dtype=np.float32)
    period = rate // 2
    clicks[::period] = 1
    borders = BeatSegmenter(beats=2).segment(clicks, rate)[1:-1]
    assert len(borders) >= 8
    off_beat = np.minimum(borders % period, -borders % period)
    assert off_beat.max() <= 1024
    np.testing.assert_allclose(np.diff(borders) / period, 2, atol=0.1)
    assert BeatSegmenter().segment(np.zeros(RATE, dtype=np.float32), RATE).tolist() == [0, RATE]


def test_structure_finds_where_the_sound_changes():
    time = np.arange(6 * RATE) / RATE
    pitch = np.select([time < 1.5, time < 4], [300.0, 2000.0], 700.0)
    waveform = np.sin(2 * np.pi * pitch * time).astype(np.float32)
    borders = StructureSegmenter(n_segments=3).segment(waveform, RATE) / RATE
    np.testing.assert_allclose(borders, [0, 1.5, 4, 6], atol=0.1)


def test_lyric_lines_follow_the_word_times():
    segmenter = LyricLineSegmenter(min_gap=2.0)
    lyrics = "one two\nthree\n\nfour"
    times = np.array([[1, 2], [2, 3], [3.5, 4], [8, 9]])
    borders = segmenter.segment(np.zeros(120), 10, lyrics=lyrics, word_times=times)
    # A short lead-in and a short gap belong to a line; the pauses at 4 s and 9 s don't.
    assert borders.tolist() == [0, 35, 40, 80, 90, 120]
    assert segmenter.segment(np.zeros(120), 10, lyrics="").tolist() == [0, 120]
    assert segment_audio(segmenter, np.zeros(120), 10).tolist() == [0, 120]  # no lyrics at all
    borders = segmenter.segment(
        np.zeros(120), 10, lyrics="one\n...\ntwo", word_times=np.array([[1, 2], [3, 10.5]])
    )
    assert borders.tolist() == [0, 30, 120]  # dots aren't sung
    times = np.array([[1, 2], [2, 9], [2.5, 3], [10, 11]])
    borders = segmenter.segment(np.zeros(120), 10, lyrics="o long\nshort\nend", word_times=times)
    assert borders.tolist() == [0, 25, 100, 120]  # the first line is sung on
    with pytest.raises(ValueError, match="needs word times"):
        segmenter.segment(np.zeros(120), 10, lyrics="la")


@pytest.mark.parametrize("rate", [10, 22050, 44100])
@pytest.mark.parametrize("first", [0.1, 0.7, 1.3, 2.3, 4.1, 9.7])
def test_a_pause_of_exactly_the_least_gap_is_a_segment(first, rate):
    """Whatever the difference of its seconds rounds to: 3.3 - 1.3 is less than 2."""
    times = np.array([[0.0, first], [round(first + 2, 1), round(first + 3, 1)]])
    length = round((first + 5) * rate)
    segmenter = LyricLineSegmenter(min_gap=2.0)
    borders = segmenter.segment(np.zeros(length), rate, lyrics="one\ntwo", word_times=times)
    expected = [0, *(round((first + pause) * rate) for pause in (0, 2, 3)), length]
    assert borders.tolist() == expected


# Lyrics.


@pytest.mark.slow
@pytest.mark.parametrize("mask_token", [None, "[MASK]"])
@pytest.mark.parametrize("units", LYRIC_UNITS)
@settings(max_examples=150, deadline=None)
@given(
    text=st.one_of(
        st.text(),
        st.text(
            alphabet=" \t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029'’-aé愛の\u05d0\u0627\u0301\u200d"
        ),
        st.text(alphabet="!?.,;-—…()[]{}"),
        st.lists(st.sampled_from(["la", "don't", "愛してる", "שלום", "مرحبا", "हिन्दी"])).map(
            " ".join
        ),
    ),
    seed=st.integers(0, 99),
)
def test_all_on_lyrics_are_the_input_and_the_rest_is_kept(units, mask_token, text, seed):
    lyrics = split_lyrics(text, units, mask_token=mask_token)
    assert compose_lyrics(lyrics, np.ones(len(lyrics), dtype=bool)) == text
    assert len(set(lyrics.names)) == len(lyrics)
    spans = lyrics.occurrences()
    assert all(start < end for start, end, _ in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    # Nothing but the units that are off, and white space, is lost.
    mask = np.random.default_rng(seed).random(len(lyrics)) < 0.5
    kept, at = "", 0
    for start, end, component in spans:
        off = "" if mask_token is None else mask_token
        kept += text[at:start] + (text[start:end] if mask[component] else off)
        at = end
    kept += text[at:]
    assert "".join(compose_lyrics(lyrics, mask).split()) == "".join(kept.split())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop", ["Don't", "stop"]),
        ("l'abandon, j’ai", ["l'abandon", "j’ai"]),
        ("'quoted' 'cause mach' rock-n-roll", ["quoted", "cause", "mach", "rock", "n", "roll"]),
        ("愛してる baby", ["愛", "し", "て", "る", "baby"]),
        ("사랑해 너를", ["사랑해", "너를"]),
        ("e\u0301te\u0301 हिन्दी", ["e\u0301te\u0301", "हिन्दी"]),
        ("אהבה حب 24h", ["אהבה", "حب", "24h"]),
        ("... !? —", []),
        ("", []),
    ],
)
def test_words(text, words):
    assert words_of(text) == words


def test_a_unique_word_goes_wherever_it_stands():
    assert without("Love me, love you, Love", "words", 0) == "me, love you, "
    assert without("Love me, love you, Love", "words", 0, mask_token="_") == "_ me, love you, _"


def test_units():
    text = "one two\ntwo three\n\n\r\n  four\n"
    assert split_lyrics(text, "words").names == ("one", "two", "three", "four")
    assert split_lyrics(text, "word_positions").texts() == ["one", "two", "two", "three", "four"]
    assert split_lyrics(text, "word_positions").names[2] == "word[2]"
    assert split_lyrics(text, "lines").texts() == ["one two", "two three", "four"]
    assert split_lyrics(text, "sections").texts() == ["one two\ntwo three", "four"]
    assert split_lyrics(text, "lines").names == ("line[0]", "line[1]", "line[2]")
    assert split_lyrics(text, "sections").names == ("section[0]", "section[1]")
    assert without(text, "word_positions", 1) == "one \ntwo three\n\n\r\n  four\n"
    assert without(text, "lines", 1) == "one two\n\n\r\n  four\n"
    assert without(text, "lines", 1, mask_token="_") == "one two\n_\n\n\r\n  four\n"
    assert without(text, "sections", 0) == "four\n"
    with pytest.raises(ValueError, match="lyric_units must be"):
        split_lyrics(text, "letters")


def test_pieces_are_the_text_and_whose_it_is():
    times = np.array([[0, 1], [1, 2], [3, 4], [5, 6]])
    lyrics = split_lyrics("¡la, lo\nla lu!", word_times=times)
    pieces = [piece for piece in lyrics.pieces() if piece[0]]
    assert pieces == [
        ("¡", None, None), ("la", 0, (0, 1)), (", ", None, None), ("lo", 1, (1, 2)),
        ("\n", None, None), ("la", 0, (3, 4)), (" ", None, None), ("lu", 2, (5, 6)),
        ("!", None, None),
    ]  # fmt: skip
    assert lyrics.owners().tolist() == [-1, 0, 0, -1, -1, 1, 1, -1, 0, 0, -1, 2, 2, -1]


def test_word_times_follow_their_words():
    times = np.array([[0, 1], [1, 2], [3, 4], [5, 6]])
    text = "la lo\nla lu"
    assert split_lyrics(text, word_times=times).times == ((0, 1), (1, 2), (5, 6))
    assert split_lyrics(text, "lines", word_times=times).times == ((0, 2), (3, 6))
    assert split_lyrics(text, "word_positions", word_times=times).times[2] == (3, 4)
    assert split_lyrics(text).times == (None, None, None)


def test_word_times_may_be_those_of_tokens_between_blanks():
    lyrics = split_lyrics("rock-n-roll baby !", word_times=np.array([[0, 1], [1, 2], [2, 3]]))
    assert lyrics.names == ("rock", "n", "roll", "baby")
    assert lyrics.times == ((0, 1), (0, 1), (0, 1), (1, 2))


@pytest.mark.parametrize("n_times", [2, 4, 5])
def test_times_of_other_words_are_refused(n_times, noise):
    times = np.arange(2.0 * n_times).reshape(-1, 2)
    with pytest.raises(InvalidSongError, match=f"{n_times} times for lyrics of 3 words") as caught:
        decompose(
            song(noise, "la la\nlo", times), separator=None, segmenter=None, modality="lyrics"
        )
    assert caught.value.row == 4


@pytest.mark.parametrize("units", LYRIC_UNITS)
@pytest.mark.parametrize("per_token", [False, True])
def test_words_are_linked_to_the_vocals_of_their_segments(units, per_token, noise):
    """Against what is reached from each component by way of words that sound in a segment."""
    stems = SimpleNamespace(
        separate=lambda y, rate: (("drums", "vocals"), np.stack([0.4 * y, 0.6 * y]))
    )
    lyrics = "rock-n-roll baby\n\nbaby oh\nno"
    tokens = [[0.05, 0.15], [0.15, 0.25], [0.6, 0.65], [0.7, 0.7], [0.9, 1.0]]
    times = np.array(tokens if per_token else [tokens[i] for i in (0, 0, 0, 1, 2, 3, 4)])
    sung = song(noise, lyrics, times)
    components = decompose(sung, separator=stems, segmenter=UniformSegmenter(10), lyric_units=units)
    owners = components.lyrics.owners()
    reached = {k: {k} for k in range(len(components))}
    for (at, _), token in zip(word_spans(lyrics), (0, 0, 0, 1, 2, 3, 4), strict=True):
        start, end = tokens[token]
        touched = [s for s in range(10) if start < (s + 1) / 10 - 1e-9 and end > s / 10 - 1e-4]
        together = set(reached[components.n_audio + owners[at]])
        together |= {k for s in touched for k in reached[10 + s]}
        for k in together:
            reached[k] = together
    links = link_components(components, sung)
    for k, together in reached.items():
        assert set(np.flatnonzero(links == links[k]).tolist()) == together
    assert len(reached[0]) == 1  # a drum is a unit of its own
    assert len(reached[11]) > 1


def sung_in(start, end, borders):
    """Segments of the samples of a word, one sample after the other."""
    first = round(start * RATE)
    samples = range(first, max(round(end * RATE), first + 1))
    inside = [k for k in samples if 0 <= k < borders[-1]]
    return {s for s in range(len(borders) - 1) for k in inside if borders[s] <= k < borders[s + 1]}


@settings(max_examples=200, deadline=None)
@given(
    times=st.lists(
        # Samples around a song of 60, whole ones or not, many on a border.
        st.tuples(st.integers(-8, 68), st.integers(0, 25), st.sampled_from([0.0, 0.3, -0.4])),
        min_size=1,
        max_size=5,
    ),
    cuts=st.lists(st.integers(1, 59), max_size=6),
)
def test_a_word_is_linked_to_the_segments_of_its_samples(times, cuts):
    borders = np.unique([0, *cuts, 60])
    times = [((at + off) / RATE, (at + off + length) / RATE) for at, length, off in times]
    lyrics = " ".join("abcde"[: len(times)])
    sung = song(np.ones(60, dtype=np.float32), lyrics, np.array(times))
    segmenter = SimpleNamespace(segment=lambda waveform, sampling_rate: borders)
    stems = SimpleNamespace(separate=lambda y, rate: (("vocals",), y[np.newaxis]))
    components = decompose(sung, separator=stems, segmenter=segmenter)
    links = link_components(components, sung)
    units = [{s} for s in range(len(borders) - 1)]
    for word, (start, end) in enumerate(times):
        heard = sung_in(start, end, borders)
        together = [unit for unit in units if unit & heard]
        units = [unit for unit in units if not unit & heard]
        units.append({len(borders) - 1 + word}.union(*together))
    found = [set(np.flatnonzero(links == unit).tolist()) for unit in range(links.max() + 1)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, units))


@pytest.mark.parametrize("segmenter", [LyricLineSegmenter(), UniformSegmenter(10)], ids=repr)
def test_lines_that_touch_are_units_of_their_own(segmenter):
    """As an LRC file tells them: each line is sung until the next begins."""
    stamps = [2.0 * line for line in range(10)]
    lrc = "\n".join(f"[00:{at:05.2f}]line{line} w{line}" for line, at in enumerate(stamps))
    timed = read_lrc(lrc)
    sung = song(np.ones(20 * RATE, dtype=np.float32), timed.text, np.array(timed.word_times))
    stems = SimpleNamespace(separate=lambda y, rate: (("vocals",), y[np.newaxis]))
    components = decompose(sung, separator=stems, segmenter=segmenter, lyric_units="lines")
    links = link_components(components, sung)
    np.testing.assert_array_equal(links, np.tile(np.arange(10), 2))


def test_words_outside_the_song_are_not_sung_in_it(noise):
    times = np.array([[-1.0, 0.0], [-0.5, 0.1], [1.0, 1.0], [0.95, 3.0], [2.0, 3.0]])
    sung = song(noise, "before into end over after", times)  # a second of sound
    stems = SimpleNamespace(separate=lambda y, rate: (("vocals",), y[np.newaxis]))
    components = decompose(sung, separator=stems, segmenter=UniformSegmenter(5))
    links = link_components(components, sung)
    assert links[5:].tolist() == [5, links[0], 6, links[4], 7]


def test_real_lyrics_have_a_time_a_word(real_clips):
    for clip in real_clips.itertuples():
        assert len(word_spans(clip.lyrics)) == len(clip.word_times)
