"""Sound as people have it: formats, files that are joined or cut, and what cells look like.

The right reading is that of the signal that was written, or of a second decoder.
"""

import io
import os
import re
import unicodedata
import wave
from pathlib import Path
from types import SimpleNamespace

import av
import lameenc
import numpy as np
import pandas as pd
import pytest
import soundfile

from sklearn_musiclime import (
    HPSSSeparator,
    MusicLimeExplainer,
    StemSeparator,
    UniformSegmenter,
)
from sklearn_musiclime.songs import InvalidSongError, SongTable, read_audio
from sklearn_musiclime.songs import ffmpeg as ffmpeg_module

RATE = 22050


def melody(seconds=3.0, rate=RATE, seed=0):
    """Tones of a sixth of a second, each of another pitch and loudness: no part is another."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    n = int(seconds * 6) + 1
    pitch, loudness = rng.uniform(200, 2000, n), rng.uniform(0.1, 0.5, n)
    note = (t * 6).astype(int)
    return (loudness[note] * np.sin(2 * np.pi * pitch[note] * t)).astype(np.float32)


def by_soundfile(format, subtype=None):
    def write(path, x):
        soundfile.write(path, np.stack([x, x], axis=1), RATE, format=format, subtype=subtype)

    return write


def by_ffmpeg(codec, format, sample_format, rate=RATE, bit_rate=None):
    def write(path, x):
        # The table of samples comes first, as for the web, so that a part can be read.
        options = {"movflags": "faststart"} if format == "mp4" else {}
        with av.open(str(path), "w", format=format, options=options) as out:
            stream = out.add_stream(codec, rate=rate, layout="stereo")
            stream.format = sample_format
            if bit_rate:
                stream.bit_rate = bit_rate
            resampler = av.AudioResampler(sample_format, "stereo", rate, stream.frame_size or 1024)
            frame = av.AudioFrame.from_ndarray(np.stack([x, x]), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = RATE, 0
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(stream.encode(piece))
            out.mux(stream.encode(None))

    return write


# What writes it; the largest error relative to the signal; the most that it may lag, in samples.
FORMATS = {
    "wav of 8 bits": (by_soundfile("WAV", "PCM_U8"), 0.05, 0),
    "wav of 16 bits": (by_soundfile("WAV", "PCM_16"), 1e-3, 0),
    "wav of 24 bits": (by_soundfile("WAV", "PCM_24"), 1e-5, 0),
    "wav of 32 bits": (by_soundfile("WAV", "PCM_32"), 1e-6, 0),
    "wav of floats": (by_soundfile("WAV", "FLOAT"), 1e-6, 0),
    "wav of doubles": (by_soundfile("WAV", "DOUBLE"), 1e-6, 0),
    "wav, mu-law": (by_soundfile("WAV", "ULAW"), 0.05, 0),
    "wav, a-law": (by_soundfile("WAV", "ALAW"), 0.05, 0),
    "wav, extensible": (by_soundfile("WAVEX", "PCM_16"), 1e-3, 0),
    "rf64": (by_soundfile("RF64", "PCM_16"), 1e-3, 0),
    "w64": (by_soundfile("W64", "PCM_16"), 1e-3, 0),
    "aiff": (by_soundfile("AIFF", "PCM_16"), 1e-3, 0),
    "au": (by_soundfile("AU", "PCM_16"), 1e-3, 0),
    "caf": (by_soundfile("CAF", "PCM_16"), 1e-3, 0),
    "flac": (by_soundfile("FLAC", "PCM_16"), 1e-3, 0),
    "flac of 24 bits": (by_soundfile("FLAC", "PCM_24"), 1e-5, 0),
    "ogg vorbis": (by_soundfile("OGG", "VORBIS"), 0.2, 0),
    "mp3": (by_soundfile("MP3"), 0.2, 0),
    "m4a, aac": (by_ffmpeg("aac", "mp4", "fltp", bit_rate=128_000), 0.2, 0),
    "m4a, alac": (by_ffmpeg("alac", "mp4", "s16p"), 1e-3, 0),
    "aac, adts": (by_ffmpeg("aac", "adts", "fltp", bit_rate=128_000), 0.2, 1024),
    "mka, aac": (by_ffmpeg("aac", "matroska", "fltp", bit_rate=128_000), 0.2, 1024),
    "webm, opus": (by_ffmpeg("libopus", "webm", "flt", 48_000, 128_000), 0.2, 0),
    "opus": (by_ffmpeg("libopus", "ogg", "flt", 48_000, 128_000), 0.2, 0),
    "wma": (by_ffmpeg("wmav2", "asf", "fltp", bit_rate=128_000), 0.2, 2048),
    "mov, pcm": (by_ffmpeg("pcm_s16be", "mov", "s16"), 1e-3, 0),
    "mkv, flac": (by_ffmpeg("flac", "matroska", "s16"), 1e-3, 0),
    "mp2": (by_ffmpeg("mp2", "mp2", "s16", bit_rate=160_000), 0.2, 512),
    "avi, pcm": (by_ffmpeg("pcm_s16le", "avi", "s16"), 1e-3, 0),
    "ac3": (by_ffmpeg("ac3", "ac3", "fltp", 44_100, 192_000), 0.3, 512),
    "wavpack": (by_ffmpeg("wavpack", "wv", "s16p"), 1e-3, 0),
    "true audio": (by_ffmpeg("tta", "tta", "s16"), 1e-3, 0),
}


def lag_and_error(found, expected):
    """How many samples later `found` is, by correlation, and how much else it differs."""
    n = 2 ** int(np.ceil(np.log2(len(found) + len(expected))))
    product = np.fft.irfft(np.fft.rfft(found, n) * np.conj(np.fft.rfft(expected, n)), n)
    lag = int(np.argmax(product))
    lag = lag - n if lag > n // 2 else lag
    moved, expected = found[max(lag, 0) :], expected[max(-lag, 0) :]
    m = min(len(moved), len(expected)) - 2000  # encoders end as they like
    error = np.sqrt(np.mean((moved[:m] - expected[:m]) ** 2) / np.mean(expected[:m] ** 2))
    return lag, error


@pytest.mark.parametrize("how", ["path", "bytes"])
@pytest.mark.parametrize("kind", FORMATS)
def test_formats(kind, how, tmp_path):
    write, tolerance, most = FORMATS[kind]
    x = melody()
    write(tmp_path / "song", x)
    cell = tmp_path / "song"
    if how == "bytes":
        cell = {"bytes": cell.read_bytes(), "path": None}
    found = read_audio(cell, RATE)
    lag, error = lag_and_error(found, x)
    assert abs(lag) <= most
    assert error < tolerance
    assert len(x) - 1024 <= len(found) <= len(x) + 4096


def mp3_of(x, rate=RATE, bit_rate=64, header=True):
    """An mp3 of one channel, of constant bit rate; LAME's header is its first frame."""
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_in_sample_rate(rate)
    encoder.set_channels(1)
    encoder.set_bit_rate(bit_rate)
    data = bytes(encoder.encode((x * 32767).astype(np.int16).tobytes()) + encoder.flush())
    return data if header else without_header(data)


def without_header(data):
    """Drop the first frame, which holds nothing but the header, if it does."""
    head = data[:200]
    if b"Xing" not in head and b"Info" not in head:
        return data
    second = re.compile(re.escape(data[:2])).search(data, 100)
    return data[second.start() :]


def test_a_vbr_mp3_without_its_header_is_read_whole(tmp_path):
    # Silence first, from which libsndfile guesses that all of it takes few bits.
    x = np.concatenate([0.001 * melody(1.0), melody(8.0, seed=1)])
    x[RATE:] += np.random.default_rng(0).normal(0, 0.1, len(x) - RATE)
    soundfile.write(tmp_path / "with.mp3", x, RATE, bitrate_mode="VARIABLE", compression_level=0.5)
    data = (tmp_path / "with.mp3").read_bytes()
    (tmp_path / "without.mp3").write_bytes(without_header(data))
    with soundfile.SoundFile(tmp_path / "without.mp3") as file:
        assert abs(file.frames - len(x)) > RATE  # else this is no test
    found = read_audio(tmp_path / "without.mp3", RATE)
    expected = soundfile.read(tmp_path / "with.mp3")[0]
    lag, error = lag_and_error(found, expected)
    assert error < 1e-2
    assert len(expected) <= len(found) <= len(expected) + 4096
    # 1,105 samples of the encoder and decoder, which the header would have said to drop.
    assert lag == 1105
    part = {"path": tmp_path / "without.mp3", "start": 5.0, "end": 8.5}
    np.testing.assert_allclose(read_audio(part, RATE), found[5 * RATE : int(8.5 * RATE)], atol=1e-6)


@pytest.mark.parametrize("tag", [b"", b"ID3\x03\0\0\0\0\x1f\x76" + bytes(4086)])
@pytest.mark.parametrize("header", [True, False])
def test_joined_mp3_files_are_read_to_the_end(header, tag):
    first, second = melody(2.0), melody(3.0, seed=1)
    data = mp3_of(first, header=header) + tag + mp3_of(second, bit_rate=128, header=header)
    found = read_audio({"bytes": tag + data}, RATE)
    assert len(found) == pytest.approx(5 * RATE, abs=6000)
    _, error = lag_and_error(found[: 2 * RATE], first)
    assert error < 0.2
    _, error = lag_and_error(found[-len(second) - 2000 :], second)
    assert error < 0.2


def test_joined_mp3_files_of_several_rates():
    first, second = melody(2.0), melody(3.0, 44_100, seed=1)
    data = mp3_of(first) + mp3_of(second, 44_100, 128) + mp3_of(first)
    found = read_audio({"bytes": data}, RATE)
    assert len(found) == pytest.approx(7 * RATE, abs=9000)
    _, error = lag_and_error(found[2 * RATE : 5 * RATE + 4000], melody(3.0, 44_100, seed=1)[::2])
    assert error < 0.2
    _, error = lag_and_error(found[-2 * RATE - 3000 :], first)
    assert error < 0.2


def test_cases():
    cases = Path(__file__).parents[2] / "shared" / "cases"
    if not cases.is_dir():
        pytest.skip("no ../shared/cases")
    for name, seconds in (("vbr_without_header.mp3", 30.06), ("joined.mp3", 12.07)):
        assert len(read_audio(cases / name, RATE)) / RATE == pytest.approx(seconds, abs=0.01)


CUT = [kind for kind in FORMATS if kind.startswith(("wav o", "aiff", "au", "flac", "mp3", "m4a"))]


@pytest.mark.parametrize("kind", [*CUT, "rf64", "w64"])
def test_a_file_that_was_cut_is_no_song(kind, tmp_path):
    FORMATS[kind][0](tmp_path / "song", melody(6.0))
    data = (tmp_path / "song").read_bytes()
    (tmp_path / "song").write_bytes(data[: len(data) // 3])
    with pytest.raises(InvalidSongError, match="was cut") as caught:
        read_audio(tmp_path / "song", RATE)
    there = float(re.search(r'"end": ([\d.]+)', str(caught.value))[1])
    assert there == pytest.approx(2.0, abs=0.3)
    part = {"path": tmp_path / "song", "start": 0, "end": there}
    assert len(read_audio(part, RATE)) / RATE == pytest.approx(there, abs=0.01)
    with pytest.raises(InvalidSongError, match="was cut"):
        read_audio(part | {"end": 5.0}, RATE)


@pytest.mark.parametrize("kind", ["ogg vorbis", "opus"])
@pytest.mark.parametrize("how", ["path", "bytes"])
def test_an_ogg_that_ends_within_a_page_was_cut(kind, how, tmp_path):
    """It does not say how long it lasts; what stands behind its last page is no loss."""
    path = tmp_path / "song"
    FORMATS[kind][0](path, melody(30.0))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    cell = {"path": str(path)} if how == "path" else {"bytes": path.read_bytes()}
    with pytest.raises(InvalidSongError, match=r"was cut .* last page is not whole") as caught:
        read_audio(cell, RATE)
    there = float(re.search(r'"end": ([\d.]+)', str(caught.value))[1])
    assert 10.0 < there < 20.0
    part = read_audio(cell | {"start": 0, "end": there}, RATE)
    assert len(part) / RATE == pytest.approx(there, abs=0.01)
    path.write_bytes(data + b"tags of somebody's own")
    assert len(read_audio(path, RATE)) / RATE == pytest.approx(30.0, abs=0.1)


@pytest.mark.parametrize("kind", ["ogg vorbis", "opus"])
@pytest.mark.parametrize("how", ["path", "bytes"])
def test_joined_ogg_files_are_read_to_the_end_of_the_last(kind, how, tmp_path):
    path, parts = tmp_path / "song", (melody(3.0), melody(4.0, seed=1))
    data = b""
    for part in parts:
        FORMATS[kind][0](path, part)
        data += path.read_bytes()

    def cell(content):
        path.write_bytes(content)
        return {"path": str(path)} if how == "path" else {"bytes": content}

    found = read_audio(cell(data), RATE)
    assert len(found) / RATE == pytest.approx(7.0, abs=0.05)
    lag, error = lag_and_error(found[-int(3.5 * RATE) :], parts[1][-int(3.5 * RATE) :])
    assert abs(lag) < 0.03 * RATE
    assert error < 0.2
    across = read_audio(cell(data) | {"start": 2.0, "end": 5.0}, RATE)
    inside = slice(100, -100)  # a part is resampled by itself, which its ends show
    np.testing.assert_allclose(across[inside], found[2 * RATE : 5 * RATE][inside], atol=0.02)
    with pytest.raises(InvalidSongError, match="its last page is not whole"):
        read_audio(cell(data[:-500]), RATE)


def test_a_wav_whose_writer_never_knew_its_length_is_read_whole(tmp_path):
    soundfile.write(tmp_path / "piped.wav", melody(), RATE, subtype="PCM_16")
    data = bytearray((tmp_path / "piped.wav").read_bytes())
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = b"\xff\xff\xff\xff"
    np.testing.assert_allclose(read_audio({"bytes": bytes(data)}, RATE), melody(), atol=1e-4)


@pytest.mark.parametrize(
    "text",
    ["#EXTM3U\n#EXTINF:3,song\nsong.wav\n", "ffconcat version 1.0\nfile song.wav\n"],
)
def test_a_playlist_is_no_song(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("song.wav", melody(), RATE)
    (tmp_path / "list.m3u8").write_text(text)
    with pytest.raises(InvalidSongError, match="can't be decoded"):
        read_audio("list.m3u8", RATE)


# What cells look like.


class Decoder:
    """As torchcodec's AudioDecoder; of some samples it is the one decoder that there is."""

    def __init__(self, x, rate):
        self._samples = SimpleNamespace(data=np.stack([x, x]), sample_rate=rate)

    def get_all_samples(self):
        return self._samples

    def __reduce__(self):
        raise TypeError("a decoder can't be pickled")


CELLS = {
    "array": lambda x: {"array": x, "sampling_rate": 44_100},
    "waveform": lambda x: {"waveform": np.stack([x, x]), "sample_rate": 44_100},
    "pair": lambda x: (x, 44_100),
    "pair in a list": lambda x: [np.stack([x, x]), 44_100.0],
    "decoder": lambda x: Decoder(x, 44_100),
}


@pytest.mark.parametrize("kind", CELLS)
def test_samples_with_a_rate_are_resampled(kind):
    found = read_audio(CELLS[kind](melody(rate=44_100)), RATE)
    assert len(found) == 3 * RATE
    assert lag_and_error(found, melody())[1] < 0.05


def test_samples_as_torch_has_them():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(melody())
    for cell in ({"waveform": x[None], "sample_rate": RATE}, (x[None], RATE), x):
        np.testing.assert_array_equal(read_audio(cell, RATE), melody())


def test_bytes_are_heard_not_another_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("song.wav", 0.1 * melody(seed=5), RATE, subtype="FLOAT")
    file = io.BytesIO()
    soundfile.write(file, melody(), RATE, format="WAV", subtype="FLOAT")
    cell = {"bytes": file.getvalue(), "path": "song.wav"}
    np.testing.assert_array_equal(read_audio(cell, RATE), melody())
    np.testing.assert_array_equal(read_audio(cell | {"bytes": None}, RATE), 0.1 * melody(seed=5))
    part = cell | {"start": 1.0, "end": 2.0}
    np.testing.assert_array_equal(read_audio(part, RATE), melody()[RATE : 2 * RATE])
    contents = [
        SongTable(pd.DataFrame({"audio": [c], "lyrics": [""]})).content(0)
        for c in (cell, cell | {"bytes": None}, part)
    ]
    assert len({repr(c) for c in contents}) == 3


def test_what_a_wav_is_by_the_standard_library(tmp_path):
    x = (melody() * 32767).astype("<i2")
    with wave.open(str(tmp_path / "song.wav"), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(x.tobytes())
    np.testing.assert_allclose(read_audio(tmp_path / "song.wav", RATE), x / 32768, atol=1e-7)


@pytest.mark.parametrize("kind", CELLS)
def test_a_model_gets_what_it_knows(kind):
    x = melody(rate=44_100)
    X = pd.DataFrame({"audio": pd.Series([CELLS[kind](x)] * 2, dtype=object), "lyrics": ["la"] * 2})

    def model(X):
        loud = []
        for cell in X["audio"]:
            if kind == "array":
                samples = cell["array"]
            elif kind == "waveform":
                samples = cell["waveform"][0]
            elif kind == "decoder" and not isinstance(cell, dict):
                samples = cell.get_all_samples().data[0]
            else:
                samples = cell["array"] if kind == "decoder" else cell[0]
            loud.append(np.mean(np.square(samples)))
        return np.array(loud)

    explainer = MusicLimeExplainer(
        model, separator=None, segmenter=UniformSegmenter(3), n_samples=20, random_state=0
    )
    weights = [explainer.set_params(n_jobs=n).fit(X).explain(X)[1].weights for n in (None, 2)]
    np.testing.assert_array_equal(*weights)
    assert np.abs(weights[0]).max() > 0


def data_set(tmp_path):
    datasets = pytest.importorskip("datasets")
    soundfile.write(tmp_path / "song.wav", melody(), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "other.wav", melody(seed=1), RATE, subtype="FLOAT")
    content = (tmp_path / "other.wav").read_bytes()
    cells = [
        {"bytes": None, "path": str(tmp_path / "song.wav")},
        {"bytes": content, "path": "song.wav"},
    ]
    features = datasets.Features({"audio": datasets.Audio(), "lyrics": datasets.Value("string")})
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"audio": cells, "lyrics": ["la lo", "li"]}, features.arrow_schema)
    return datasets.Dataset(table, info=datasets.DatasetInfo(features=features), fingerprint="0")


def test_a_data_set_of_hugging_face_is_X(tmp_path):
    songs = data_set(tmp_path)
    table = SongTable(songs)
    for row, seed in enumerate((0, 1)):
        np.testing.assert_array_equal(table.read(row, RATE).waveform, melody(seed=seed))
    explainer = MusicLimeExplainer(
        lambda X: (
            [np.square(cell["array"]).mean() for cell in X["audio"]]
            if "array" in X["audio"].iloc[0]
            else [np.square(read_audio(cell, RATE)).mean() for cell in X["audio"]]
        ),
        separator=None,
        segmenter=UniformSegmenter(3),
        n_samples=20,
        random_state=0,
    )
    found = explainer.fit(songs).explain(songs)
    expected = explainer.fit(songs.to_pandas()).explain(songs.to_pandas())
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)


def test_what_is_no_table_says_so(tmp_path):
    datasets = pytest.importorskip("datasets")
    songs = data_set(tmp_path)
    with pytest.raises(TypeError, match=r"take one of its splits: \['train'\]"):
        SongTable(datasets.DatasetDict({"train": songs}))
    with pytest.raises(TypeError, match="got <class"):
        SongTable(songs.to_iterable_dataset())
    with pytest.raises(TypeError, match="got <class"):
        SongTable(SimpleNamespace(shape=(1, 2)))


# What is odd but can be explained.


@pytest.mark.parametrize("kind", ["wav", "m4a", "array", "pair"])
def test_channels_that_cancel_are_said_to(kind, tmp_path, recwarn):
    x = melody()
    for right, cancels in ((-x, True), (0.9 * x, False), (0 * x, False)):
        channels = np.stack([x, right])
        cell = {"array": channels, "pair": (channels, RATE)}.get(kind)
        if cell is None:
            cell = tmp_path / "song.wav"
            soundfile.write(cell, channels.T, RATE, subtype="FLOAT")
            if kind == "m4a":
                with av.open(str(tmp_path / "song.m4a"), "w") as out:
                    stream = out.add_stream("alac", rate=RATE, layout="stereo")
                    stream.format = "s16p"
                    frame = av.AudioFrame.from_ndarray(
                        np.round(channels * 32767).astype(np.int16), "s16p", "stereo"
                    )
                    frame.sample_rate, frame.pts = RATE, 0
                    out.mux(stream.encode(frame))
                    out.mux(stream.encode(None))
                cell = tmp_path / "song.m4a"
        recwarn.clear()
        read_audio(cell, RATE, row=4)
        said = [str(w.message) for w in recwarn if "out of phase" in str(w.message)]
        assert bool(said) == cancels
        assert all(message.startswith("row 4: audio: ") for message in said)


def test_words_that_end_after_the_audio_are_said_to():
    times = [[(0.0, 1.0), (1.0, 3.05)], [(0.0, 1.0), (2900, 3000)], [(0.5, 1.0), (2.0, 3.5)]]
    X = pd.DataFrame(
        {"audio": pd.Series([melody()] * 3), "lyrics": ["la lo"] * 3, "word_times": times}
    )
    explainer = MusicLimeExplainer(
        lambda X: [
            np.square(x).mean() + len(t) for x, t in zip(X["audio"], X["lyrics"], strict=True)
        ],
        segmenter=UniformSegmenter(2),
        separator=None,
        n_samples=20,
    ).fit(X)
    with pytest.warns(UserWarning, match=r"^row 1, row 2: 1 of 2 words end after the audio"):
        explainer.explain(X)
    assert not SongTable(X).read(0, RATE).doubts()


@pytest.mark.parametrize(("end", "n_late"), [(1.5, 0), (9.0, 1)])
def test_words_without_times_end_nowhere(end, n_late):
    words = [{"word": "la", "start": 0.5, "end": end}, {"word": "1999"}]
    X = pd.DataFrame({"audio": pd.Series([melody()]), "lyrics": ["la 1999"]})
    X["word_times"] = [words]
    doubts = SongTable(X).read(0, RATE).doubts()
    assert len(doubts) == n_late
    assert all("1 of 2 words" in message and "at 9.00 s" in message for message in doubts.values())


# Messages that name the cure.


def test_a_file_that_is_not_there_says_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    composed = unicodedata.normalize("NFC", "Beyoncé.wav")
    soundfile.write(unicodedata.normalize("NFD", composed), melody(), RATE)
    causes = {
        "https://example.org/song.mp3": "it is an address; download the file",
        "s3://bucket/song.mp3": "it is an address",
        "~/song.mp3": "expanduser",
        "song.mp3": "it is relative to",
        " gone.wav": "does not exist",
    }
    if not os.path.exists(composed):  # on some systems both are one
        causes[composed] = "NFD"
    for name, cause in causes.items():
        with pytest.raises(InvalidSongError, match=cause):
            read_audio(name, RATE)
    soundfile.write("song.wav", melody(), RATE)
    with pytest.raises(InvalidSongError, match="without the spaces"):
        read_audio("song.wav ", RATE)


def test_the_silence_that_fills_up_an_mp4_is_no_sound(tmp_path):
    """31 ms of digital silence, which log-mel statistics hear well."""
    x = melody(3.3)
    FORMATS["m4a, aac"][0](tmp_path / "song", x)
    with av.open(str(tmp_path / "song")) as file:
        decoded = sum(frame.samples for frame in file.decode(audio=0))
    assert decoded > len(x)
    assert len(read_audio(tmp_path / "song", RATE)) == len(x)


@pytest.mark.parametrize("name", ["\x85", " ", "gone/ ", "\u3000.wav"])
def test_names_of_blanks_are_names(name):
    with pytest.raises(InvalidSongError, match=r"row 0: audio: file .* does not exist"):
        read_audio(name, RATE)


def test_what_libsndfile_takes_for_an_mp3_and_ffmpeg_does_not(tmp_path, monkeypatch):
    """libsndfile reads it; that its frames can't be counted is one clear error."""
    soundfile.write(tmp_path / "song.mp3", melody(), RATE)
    monkeypatch.setattr(ffmpeg_module.FFmpegFile, "__init__", refuse)
    with pytest.raises(InvalidSongError, match=r"by libsndfile \(FFmpeg finds no frames"):
        read_audio(tmp_path / "song.mp3", RATE)


def refuse(self, source):
    raise av.error.EOFError(541478725, "nothing there")


# Real songs in other formats, and their stems.

# Kinds, and how far weights may be from those of the song itself: where the rounding of samples is
# all that differs, and by the loss of each codec (noise in bands that are nearly silent counts).
SAME = {
    "wav of floats": 1e-6, "wav of 24 bits": 1e-5, "wav of 16 bits": 0.01, "aiff": 0.01,
    "flac": 0.01, "m4a, alac": 0.01, "mkv, flac": 0.01, "m4a, aac": 0.02, "opus": 0.1,
    "ogg vorbis": 0.3, "mp3": 0.3, "wav, mu-law": 0.5,
}  # fmt: skip


def explain_cell(cell, text, model, **parameters):
    X = pd.DataFrame({"audio": pd.Series([cell], dtype=object), "lyrics": [text]})
    explainer = MusicLimeExplainer(
        model, segmenter=UniformSegmenter(5), n_samples=60, proxy=None, design="paired",
        sampling_rate=RATE, random_state=0, link="logit", **{"separator": None} | parameters,
    )  # fmt: skip
    return explainer.fit(X).explain(X, labels=["Hip-Hop"])[0].weights[0]


def distance(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.fixture(params=range(7))
def ten_seconds(request, real_clips):
    """The middle of a real song, and its lyrics."""
    _, windows = list(real_clips.groupby("song", sort=False))[request.param]
    window = windows.iloc[[len(windows) // 2]]
    song = SongTable(window).read(0, RATE)
    x = song.waveform[: 10 * RATE]
    return 0.9 * x / np.abs(x).max(), song.lyrics


@pytest.mark.long
def test_a_real_song_in_any_format_has_the_same_explanation(ten_seconds, real_model, tmp_path):
    x, text = ten_seconds
    expected = explain_cell(x, text, real_model)
    far = {}
    for kind, most in SAME.items():
        FORMATS[kind][0](tmp_path / "song", x)
        found = distance(explain_cell(str(tmp_path / "song"), text, real_model), expected)
        if found > most:
            far[kind] = found
    assert not far


@pytest.mark.long
def test_stems_of_a_real_song_in_any_format_have_the_same_explanation(
    ten_seconds, real_model, tmp_path
):
    x, text = ten_seconds
    by_soundfile("WAV", "PCM_24")(tmp_path / "song.wav", x)
    expected = explain_cell(str(tmp_path / "song.wav"), text, real_model, separator=HPSSSeparator())
    names, sources = HPSSSeparator().separate(x, RATE)
    layouts = {"wav of 24 bits": 0.01, "flac": 0.05, "m4a, alac": 0.05}
    for number, (kind, most) in enumerate(layouts.items()):
        pattern = f"{{parent}}/{number}/{{source}}.stem"
        (tmp_path / str(number)).mkdir()
        for name, source in zip(names, sources, strict=True):
            FORMATS[kind][0](tmp_path / str(number) / f"{name}.stem", source)
        separator = StemSeparator(pattern, sources=names)
        found = explain_cell(str(tmp_path / "song.wav"), text, real_model, separator=separator)
        assert distance(found, expected) < most, kind
