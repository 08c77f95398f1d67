"""Reading songs: every kind of good cell is read right, every kind of bad one gives one error.

Over 400 lines since it is a list of cells, good ones and bad ones.
"""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import song_array

from sklearn_musiclime import (
    InvalidSongError,
    MusicLimeExplainer,
    SpectralStatistics,
)
from sklearn_musiclime.songs import (
    Song,
    SongTable,
    decoding,
    read_audio,
    read_lyrics,
    read_word_times,
)

RATE = 22050


def tone(rate, seconds=1.0, frequency=440.0):
    return np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)


def loudest_frequency(waveform, rate=RATE):
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return np.fft.rfftfreq(len(waveform), 1 / rate)[np.argmax(spectrum)]


# Good cells.


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
@pytest.mark.parametrize("kind", ["mapping", "path", "str"])
def test_any_rate_is_resampled(rate, kind, tmp_path):
    cell = {"array": tone(rate), "sampling_rate": rate}
    if kind != "mapping":
        path = tmp_path / "tone.wav"
        soundfile.write(path, tone(rate), rate, subtype="FLOAT")
        cell = str(path) if kind == "str" else path
    waveform = read_audio(cell, RATE)
    assert waveform.dtype == np.float32
    assert waveform.shape == (RATE,)
    assert loudest_frequency(waveform) == pytest.approx(440, abs=1)
    inner = slice(1000, -1000)
    np.testing.assert_allclose(waveform[inner], tone(RATE)[inner], atol=2e-3)


def test_stereo_is_mixed_to_the_mean_of_its_channels(tmp_path):
    left, right = tone(RATE, frequency=440), 0.5 * tone(RATE, frequency=880)
    stereo = np.stack([left, right])
    expected = ((left + right) / 2).astype(np.float32)
    np.testing.assert_allclose(read_audio(stereo, RATE), expected, atol=1e-7)
    soundfile.write(tmp_path / "stereo.wav", stereo.T, RATE, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(tmp_path / "stereo.wav", RATE), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("dtype", "full_scale", "offset"),
    [("int16", 2**15, 0), ("int32", 2**31, 0), ("uint8", 128, 128)],
)
def test_pcm_is_scaled_to_one(dtype, full_scale, offset):
    half = np.array([offset, offset + full_scale // 2, offset - full_scale // 2]).astype(dtype)
    np.testing.assert_allclose(read_audio(half, RATE), [0, 0.5, -0.5])


def test_pcm_scale_is_that_of_the_file_reader(tmp_path, noise):
    soundfile.write(tmp_path / "noise.wav", noise, RATE, subtype="PCM_16")
    pcm, _ = soundfile.read(tmp_path / "noise.wav", dtype="int16")
    np.testing.assert_array_equal(read_audio(pcm, RATE), read_audio(tmp_path / "noise.wav", RATE))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_are_taken_as_they_are(dtype):
    np.testing.assert_array_equal(
        read_audio(np.array([0.5, -2.0, 0.25], dtype=dtype), RATE), np.float32([0.5, -2.0, 0.25])
    )


def test_a_list_of_samples_is_audio():
    np.testing.assert_array_equal(read_audio([0.5, -0.25], RATE), np.float32([0.5, -0.25]))


def test_mp3_decodes_as_libsndfile_does(real_path):
    path = sorted((real_path / "mp3").glob("*.mp3"))[0]
    samples, rate = soundfile.read(path, always_2d=True)
    waveform = read_audio(path, rate)
    np.testing.assert_allclose(waveform, samples.mean(axis=1), atol=1e-6)


def test_ffmpeg_decodes_what_libsndfile_does_not(tmp_path, noise, monkeypatch):
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise, RATE, subtype="PCM_16")
    expected = read_audio(path, RATE)
    monkeypatch.setattr(soundfile, "SoundFile", fail_with_libsndfile)
    np.testing.assert_allclose(read_audio(path, RATE), expected, atol=1e-6)


def test_a_file_is_what_it_holds_not_what_it_is_called(tmp_path, noise):
    soundfile.write(tmp_path / "noise.wav", noise, RATE, subtype="PCM_16")
    expected = read_audio(tmp_path / "noise.wav", RATE)
    for name in ("noise.raw", "noise.mp3", "noise"):
        path = (tmp_path / "noise.wav").rename(tmp_path / name)
        np.testing.assert_allclose(read_audio(path, RATE), expected, atol=1e-6)
        path.rename(tmp_path / "noise.wav")


def test_a_file_in_blocks_is_the_same(tmp_path, noise, monkeypatch):
    stereo = np.stack([noise, noise[::-1]], axis=1)
    for name in ("noise.wav", "noise.flac", "noise.ogg"):
        soundfile.write(tmp_path / name, stereo, RATE)
        whole = read_audio(tmp_path / name, RATE)
        part = {"path": tmp_path / name, "start": 0.1, "end": 0.4}
        expected = read_audio(part, RATE)
        with monkeypatch.context() as patch:
            patch.setattr(decoding, "BLOCK_SAMPLES", 1000)
            np.testing.assert_array_equal(read_audio(tmp_path / name, RATE), whole)
            np.testing.assert_array_equal(read_audio(part, RATE), expected)


class Stream:
    """A file as FFmpegFile has it, and how often it was read."""

    def __init__(self, n_samples, samplerate=RATE):
        self.samplerate, self.n_left, self.n_given, self.duration = samplerate, n_samples, 0, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read(self, n_samples):
        n_samples = min(n_samples, self.n_left)
        self.n_left -= n_samples
        self.n_given += n_samples
        return np.zeros((n_samples, 1), dtype=np.float32)


def fail_with_libsndfile(*args, **kwargs):
    raise soundfile.LibsndfileError(1)


@pytest.mark.parametrize("n_block", [700, 10**6])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_ffmpeg_in_blocks_is_the_same(subtype, n_block, tmp_path, monkeypatch):
    pcm = np.random.default_rng(0).normal(0, 0.1, (10_000, 3))
    soundfile.write(tmp_path / "noise.wav", pcm, RATE, subtype=subtype)
    expected = soundfile.read(tmp_path / "noise.wav")[0].mean(axis=1)
    monkeypatch.setattr(soundfile, "SoundFile", fail_with_libsndfile)
    monkeypatch.setattr(decoding, "BLOCK_SAMPLES", n_block)
    np.testing.assert_allclose(read_audio(tmp_path / "noise.wav", RATE), expected, atol=1e-7)
    for start, end in ((1000, 8000), (1000, 15_000), (9900, None)):
        part = {
            "path": tmp_path / "noise.wav", "start": start / RATE, "end": end and end / RATE,
        }  # fmt: skip
        np.testing.assert_allclose(read_audio(part, RATE), expected[start:end], atol=1e-7)


def test_what_is_too_long_is_not_decoded_to_its_end(monkeypatch):
    stream = Stream(10**6)
    monkeypatch.setattr(soundfile, "SoundFile", fail_with_libsndfile)
    monkeypatch.setattr(decoding, "FFmpegFile", lambda source: stream)
    monkeypatch.setattr(decoding, "BLOCK_SAMPLES", 1000)
    monkeypatch.setattr(decoding, "MAX_SAMPLES", 50_000)
    with pytest.raises(InvalidSongError, match=r"row 3: audio: .* more than the 50000"):
        read_audio(__file__, RATE, row=3)
    assert stream.n_given == 51_000


@pytest.mark.parametrize("rate", [0, 2**31 - 1])
def test_rates_of_files_that_nobody_can_mean(rate, tmp_path, noise, monkeypatch):
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise, RATE)
    content = path.read_bytes()
    path.write_bytes(content.replace(RATE.to_bytes(4, "little"), rate.to_bytes(4, "little")))
    cause = f"row 3: audio: sampling_rate is {rate}, no rate"
    if rate:  # libsndfile opens no file of rate 0
        with pytest.raises(InvalidSongError, match=cause):
            read_audio(path, RATE, row=3)
    monkeypatch.setattr(soundfile, "SoundFile", fail_with_libsndfile)
    monkeypatch.setattr(decoding, "FFmpegFile", lambda source: Stream(100, rate))
    with pytest.raises(InvalidSongError, match=cause):
        read_audio(path, RATE, row=3)


# Bad cells.


def corrupt_mp3(folder):
    path = folder / "corrupt.mp3"
    path.write_bytes(np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8).tobytes())
    return path


def text_named_mp3(folder):
    path = folder / "text.mp3"
    path.write_text("These are the lyrics, not the song.\n" * 50)
    return path


def empty_file(folder):
    path = folder / "empty.wav"
    path.touch()
    return path


def no_frames(folder):
    path = folder / "none.wav"
    soundfile.write(path, np.empty(0), RATE)
    return path


def noise_file(folder):
    path = folder / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 1000), RATE)
    return path


BAD_AUDIO = {
    "corrupt mp3": (corrupt_mp3, "can't be decoded"),
    "text named mp3": (text_named_mp3, "can't be decoded"),
    "empty file": (empty_file, "can't be decoded"),
    "file without samples": (no_frames, "no samples"),
    "missing file": (lambda folder: folder / "gone.wav", "does not exist"),
    "missing file as str": (lambda folder: str(folder / "gone.wav"), "does not exist"),
    "folder": (lambda folder: folder, "is not a file"),
    "NaN": (lambda _: np.array([0.0, np.nan]), "NaN or infinite"),
    "infinite": (lambda _: np.array([0.0, np.inf]), "NaN or infinite"),
    "beyond float32": (lambda _: np.array([0.0, 1e300]), "NaN or infinite"),
    "zero length": (lambda _: np.empty(0), "no samples"),
    "zero length stereo": (lambda _: np.empty((2, 0)), "no samples"),
    "None": (lambda _: None, "missing"),
    "nan": (lambda _: float("nan"), "missing"),
    "pandas NA": (lambda _: pd.NA, "missing"),
    "integer": (lambda _: 7, "7 where"),
    "float": (lambda _: 0.5, "0.5 where"),
    "array of one number": (lambda _: np.array(0.5), "where a path"),
    "bytes": (lambda _: b"RIFF", "bytes"),
    "no name of a file": (lambda _: "a" * 5000 + ".wav", "name too long"),
    "ragged": (lambda _: [[0.5, 0.5], [0.5]], "not an array of numbers"),
    "masked": (lambda _: np.ma.masked_array([0.5, 0.5], [True, False]), "masked"),
    "beyond floats": (lambda _: np.array([0.5, 10**400], dtype=object), "too large"),
    "text among numbers": (lambda _: np.array([0.5, "1"], dtype=object), "text among them"),
    "start beyond floats": (
        lambda folder: {"path": noise_file(folder), "start": 1e308},
        "no samples",
    ),
    "rate that takes for ever": (
        lambda _: {"array": np.zeros(5), "sampling_rate": 1e18},
        "no rate",
    ),
    "rate that takes all memory": (
        lambda _: {"array": np.zeros(100_000), "sampling_rate": 1},
        "more than the",
    ),
    "overshoot": (
        lambda _: {"array": 3.4e38 * np.sign(np.sin(np.arange(999))), "sampling_rate": 8000},
        "NaN or infinite",
    ),
    "3-D": (lambda _: np.zeros((1, 2, 3)), "shape"),
    "samples x channels": (lambda _: np.zeros((RATE, 2)), "Transpose"),
    "int64": (lambda _: np.arange(5), "int64"),
    "bool": (lambda _: np.array([True, False]), "bool"),
    "complex": (lambda _: np.array([1j]), "complex"),
    "words": (lambda _: ["la", "la"], "samples; floats"),
    "mapping without array": (lambda _: {"sampling_rate": RATE}, "no array"),
    "mapping without rate": (lambda _: {"array": np.zeros(5)}, "no sampling_rate"),
    "mapping of bytes of no file": (lambda _: {"bytes": b"x", "path": None}, "can't be decoded"),
    "part of no file": (lambda _: {"path": "x.wav", "start": 1.0}, "does not exist"),
    "mapping with rate 0": (lambda _: {"array": np.zeros(5), "sampling_rate": 0}, "no rate"),
    "mapping with rate NaN": (
        lambda _: {"array": np.zeros(5), "sampling_rate": float("nan")},
        "no rate",
    ),
    "mapping with bad array": (
        lambda _: {"array": np.array([np.nan]), "sampling_rate": RATE},
        "NaN or infinite",
    ),
}


@pytest.mark.parametrize("kind", BAD_AUDIO)
def test_bad_audio_gives_one_error_that_names_row_and_cause(kind, tmp_path, noise):
    make, cause = BAD_AUDIO[kind]
    X = song_array((noise, "one"), (noise, "two"), (make(tmp_path), "three"))
    explainer = MusicLimeExplainer(lambda X: np.zeros(len(X)), n_samples=2)
    for call in (
        lambda: explainer.fit(X[:2]).explain(X),
        lambda: SpectralStatistics().fit_transform(X[:, 0]),
    ):
        with pytest.raises(InvalidSongError, match=cause) as caught:
            call()
        assert str(caught.value).startswith("row 2: audio: ")
        assert caught.value.row == 2


def test_bad_audio_is_named_by_workers_too(noise):
    with pytest.raises(InvalidSongError, match="row 1: audio: missing"):
        SpectralStatistics(n_jobs=2).fit_transform([noise, None])


@pytest.mark.parametrize(
    ("cell", "cause"),
    [
        (None, "missing"),
        (float("nan"), "missing"),
        (3.5, "3.5 where text should be"),
        (7, "7 where text should be"),
        (b"la la", "bytes"),
        (["la", "la"], "where text should be"),
    ],
)
def test_bad_lyrics_are_found_before_the_long_work(cell, cause, noise):
    X = song_array((noise, "one"), (noise, cell))
    calls = []

    def model(X):
        calls.append(len(X))
        return np.zeros(len(X))

    explainer = MusicLimeExplainer(model, n_samples=2).fit(X[:1])
    for call in (explainer.fit, explainer.explain):
        with pytest.raises(InvalidSongError, match=cause) as caught:
            call(X)
        assert str(caught.value).startswith("row 1: lyrics: ")
    assert calls == []


@pytest.mark.parametrize(
    ("times", "cause"),
    [
        ([(0, 1)], "1 times for lyrics of 2 words"),
        ([(0, 1), (1, 2), (2, 3)], "3 times for lyrics of 2 words"),
        ([(0, 1), (2, 1)], "word 1 ends before it starts"),
        ([(0, 1), (1, np.nan)], "NaN"),
        ([0, 1], "shape"),
        ("ab", "not numbers"),
        ([("0", "1"), ("1", "2")], "not numbers"),
        ([(0, 1), (1, 10**400)], "too large"),
        (np.array(5.0), "shape"),
        (np.array([["2020", "2021"]] * 2, dtype="M8[s]"), "not numbers"),
    ],
)
def test_bad_word_times(times, cause, noise):
    X = song_array((noise, "one", [(0, 1)]), (noise, "two words", times))
    explainer = MusicLimeExplainer(lambda X: np.zeros(len(X)), n_samples=2)
    with pytest.raises(InvalidSongError, match=cause) as caught:
        explainer.fit(X[:1]).explain(X)
    assert caught.value.row == 1


def test_a_song_without_word_times_is_a_song():
    assert read_word_times(None) is None
    assert read_word_times([]) is None
    assert read_word_times(float("nan")) is None
    np.testing.assert_array_equal(read_word_times([(0, 1)]), [[0.0, 1.0]])


def test_lyrics_are_returned_unchanged():
    assert read_lyrics("") == ""
    assert read_lyrics(np.str_(" la\r\n")) == " la\r\n"


# X.


@pytest.mark.parametrize(
    ("X", "error", "cause"),
    [
        ([("a.wav", "la")], TypeError, "DataFrame"),
        (np.zeros((3, 2)), TypeError, "float64 array of shape"),
        (np.array(["a.wav", "b.wav"], dtype=object), TypeError, "shape"),
        (np.array([["a.wav"]], dtype=object), ValueError, "column 0 is audio, 1 is lyrics"),
        (pd.DataFrame({"audio": ["a.wav"]}), ValueError, "no column 'lyrics'"),
        (pd.DataFrame({"audio": [], "lyrics": []}), ValueError, "no songs"),
        (pd.DataFrame([[1, 2, 3]], columns=["audio", "lyrics", "lyrics"]), ValueError, "more than"),
    ],
)
def test_bad_containers(X, error, cause):
    with pytest.raises(error, match=cause):
        MusicLimeExplainer(lambda X: np.zeros(len(X))).fit(X)


def variants(X, row=0, **columns) -> tuple[Song, object]:
    song = SongTable(X, **columns).read(row, RATE)
    return song, song.variants([song.waveform, 0 * song.waveform], [song.lyrics, "x"])


def test_variants_of_a_frame_keep_its_columns_and_types(noise):
    X = pd.DataFrame(
        {"year": [1999, 2001], "sound": [noise, noise[:100]], "words": ["la", "lo"]}, index=[5, 9]
    )
    _, songs = variants(X, row=1, audio="sound", lyrics="words")
    assert list(songs) == ["year", "sound", "words"]
    assert list(songs["year"]) == [2001, 2001]
    assert list(songs["words"]) == ["lo", "x"]
    assert (songs.dtypes == X.dtypes).all()
    assert songs.index.tolist() == [9, 9]  # a model may look things up by it
    np.testing.assert_array_equal(songs["sound"].iloc[0], noise[:100])
    assert not songs["sound"].iloc[1].any()


@pytest.mark.parametrize("dtype", ["object", "string", "str", "category"])
def test_lyrics_of_every_dtype(dtype, noise):
    X = pd.DataFrame({"audio": [noise, noise], "lyrics": pd.Series(["la", "lo"], dtype=dtype)})
    _, songs = variants(X, row=1)
    assert list(songs["lyrics"]) == ["lo", "x"]


def test_variants_of_an_array_keep_its_columns(noise):
    X = song_array((noise, "la", None, "extra"))
    _, songs = variants(X)
    assert songs.shape == (2, 4)
    assert list(songs[:, 1]) == ["la", "x"]
    assert list(songs[:, 3]) == ["extra", "extra"]
    np.testing.assert_array_equal(songs[0, 0], noise)


def test_variants_of_mappings_are_mappings(noise):
    cell = {"array": tone(8000), "sampling_rate": 8000, "path": "a/b.wav"}
    song, songs = variants(pd.DataFrame({"audio": [cell], "lyrics": ["la"]}))
    assert song.path.name == "b.wav"
    assert songs["audio"].iloc[0]["sampling_rate"] == RATE
    np.testing.assert_array_equal(songs["audio"].iloc[0]["array"], read_audio(cell, RATE))


CHANGES = {
    "tuples": ([(0.0, 1.0), (1.0, 2.0)], lambda cell: cell.pop()),
    "lists": ([[0.0, 1.0], [1.0, 2.0]], lambda cell: cell[0].append(3)),
    "mappings": ([{"start": 0.0}, {"start": 1.0}], lambda cell: cell[1].update(end=2)),
    "lists in tuples": ([([0.0], 1.0), ([1.0], 2.0)], lambda cell: cell[0][0].append(3)),
    "lists in mappings": ([{"at": [0.0, 1.0]}], lambda cell: cell[0]["at"].append(3)),
    "a mapping": ({"at": [0.0, 1.0]}, lambda cell: cell["at"].append(3)),
    "an array": (np.zeros((2, 2)), lambda cell: cell.fill(9)),
}


@pytest.mark.parametrize("as_frame", [True, False])
@pytest.mark.parametrize("kind", CHANGES)
def test_what_a_model_changes_in_a_song_stays_there(kind, as_frame, noise):
    cell, change = CHANGES[kind]
    X = np.empty((1, 3), dtype=object)
    X[0] = [noise, "la la", copy.deepcopy(cell)]
    if as_frame:
        X = pd.DataFrame(X, columns=["audio", "lyrics", "more"])
    song = replace(SongTable(song_array((noise, "la la"))).read(0, RATE), template=X)
    first, second = np.asarray(song.variants(None, ["la", "lo"]))[:, 2]
    change(first)
    assert repr(first) != repr(cell)
    assert repr(second) == repr(cell)
    assert repr(np.asarray(X)[0, 2]) == repr(cell)


def test_an_array_of_strings_holds_paths_and_lyrics(tmp_path, noise):
    soundfile.write(tmp_path / "a.wav", noise, RATE)
    X = np.array([[str(tmp_path / "a.wav"), "la la"]])
    song, songs = variants(X)
    assert song.path == tmp_path / "a.wav"
    assert songs[1, 1] == "x"


# Parts of files.


@pytest.fixture
def ramp(tmp_path):
    """A file of 2 s whose sample i is i / 44100."""
    path = tmp_path / "ramp.wav"
    soundfile.write(path, np.arange(44100) / 44100, RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ({"start": 0.5, "end": 1.0}, slice(11025, 22050)),
        ({"start": 1.5}, slice(33075, None)),
        ({"end": 0.1}, slice(0, 2205)),
        ({"start": 1.5, "end": 9.0}, slice(33075, None)),
        ({"start": None, "end": float("nan")}, slice(None)),
    ],
)
def test_a_part_of_a_file_is_that_part(span, expected, ramp):
    found = read_audio({"path": str(ramp), **span}, RATE)
    np.testing.assert_array_equal(found, read_audio(ramp, RATE)[expected])


@pytest.mark.parametrize(
    ("span", "cause"),
    [
        ({"start": 1.0, "end": 1.0}, "start < end"),
        ({"start": -1.0, "end": 1.0}, "start < end"),
        ({"start": "one", "end": 2.0}, "from nan"),
        ({"start": 2.5, "end": 3.0}, "no samples"),
    ],
)
def test_parts_that_are_none(span, cause, ramp):
    with pytest.raises(InvalidSongError, match=cause) as caught:
        read_audio({"path": str(ramp), **span}, RATE, row=3)
    assert caught.value.row == 3


def test_a_song_that_is_a_part_is_explained(ramp):
    X = pd.DataFrame({"audio": [{"path": str(ramp), "start": 0.5, "end": 1.0}], "lyrics": ["la"]})
    seen = []

    def model(songs):
        seen.extend(songs["audio"])
        return np.array([float(np.sum(a["array"])) for a in songs["audio"]])

    explainer = MusicLimeExplainer(model, separator=None, random_state=0, n_samples=20)
    explanation = explainer.fit(X).explain(X)[0]
    expected = read_audio(ramp, RATE)[11025:22050]
    np.testing.assert_array_equal(explanation.components.audio.mix, expected)
    np.testing.assert_array_equal(seen[0]["array"], expected)
    assert explanation.title == "ramp.wav"
