"""SpectralStatistics against librosa's own features."""

import warnings

import librosa
import numpy as np
import pandas as pd
import pytest
from conftest import song_array
from sklearn.compose import make_column_transformer

from sklearn_musiclime import SpectralStatistics
from sklearn_musiclime.components.decomposition import AudioComponents
from sklearn_musiclime.featurizers.audio import FEATURES, STATISTICS
from sklearn_musiclime.neighbourhood import compose_audio, draw_masks
from sklearn_musiclime.neighbourhood.audio_column import PerturbedAudio
from sklearn_musiclime.neighbourhood.perturbed import AudioNeighbourhood

RATE, N_FFT, HOP = 22050, 2048, 512


def librosa_feature(name, y):
    """The feature by librosa's public function, on a clip of less range than it clips to."""
    framing = {"n_fft": N_FFT, "hop_length": HOP}
    mel = librosa.feature.melspectrogram(y=y, sr=RATE, n_mels=64, **framing)
    log_mel = librosa.power_to_db(mel, ref=1.0)
    frames = {"frame_length": N_FFT, "hop_length": HOP}
    return {
        "mel": lambda: log_mel,
        "mfcc": lambda: librosa.feature.mfcc(S=log_mel, n_mfcc=20),
        "chroma": lambda: librosa.feature.chroma_stft(y=y, sr=RATE, tuning=0.0, **framing),
        "contrast": lambda: librosa.feature.spectral_contrast(y=y, sr=RATE, **framing),
        "centroid": lambda: librosa.feature.spectral_centroid(y=y, sr=RATE, **framing),
        "bandwidth": lambda: librosa.feature.spectral_bandwidth(y=y, sr=RATE, **framing),
        "rolloff": lambda: librosa.feature.spectral_rolloff(y=y, sr=RATE, **framing),
        "flatness": lambda: librosa.feature.spectral_flatness(y=y, **framing),
        "rms": lambda: librosa.feature.rms(y=y, **frames),
        "zero_crossing_rate": lambda: librosa.feature.zero_crossing_rate(
            np.pad(y, N_FFT // 2), center=False, **frames
        ),
    }[name]()


@pytest.mark.parametrize("name", FEATURES)
def test_features_are_librosas(name, noise):
    expected = librosa_feature(name, noise)
    ours = SpectralStatistics(features=(name,), statistics=("mean", "std", "min", "max"))
    pooled = np.concatenate([f(expected, axis=1) for f in (np.mean, np.std, np.min, np.max)])
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours.fit_transform([noise])[0], pooled, atol=2e-5 * scale)


@pytest.mark.parametrize("name", FEATURES)
def test_a_frame_depends_on_its_own_samples_alone(name, noise):
    """Frames away from a part that is made loud keep their values to the bit."""
    loud = noise.copy()
    loud[:N_FFT] *= 1e4
    settings = SpectralStatistics(features=(name,))
    before, after = (
        settings._frame_features(np.pad(y, N_FFT // 2)[np.newaxis])[0] for y in (noise, loud)
    )
    untouched = slice((N_FFT + N_FFT // 2) // HOP + 1, None)
    np.testing.assert_array_equal(after[:, untouched], before[:, untouched])
    if name in ("mel", "mfcc", "rms"):  # the others don't know how loud a frame is as a whole
        assert not np.array_equal(after[:, :2], before[:, :2])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:n_fft=.* is too large for input signal")
@pytest.mark.parametrize("n_samples", [1, 300, 1024, 5120, 9001])
@pytest.mark.parametrize("hop", [100, 256, 512, 2500])
@pytest.mark.parametrize("n_fft", [255, 256, 1001, 2047, 2048])
def test_the_table_holds_librosas_frames(n_fft, hop, n_samples):
    """Perturbed songs by the table and composed, against librosa on their samples."""
    rng = np.random.default_rng(n_samples)
    waveform = rng.normal(0, 0.1, n_samples).astype(np.float32)
    sources = np.stack([waveform * share for share in (np.float32(0.3), np.float32(0.7))])
    borders = np.unique([0, n_samples // 3, n_samples // 2 + 1, n_samples])
    audio = AudioComponents(waveform, ("a", "b"), sources, borders, RATE)
    masks = draw_masks("paired", len(audio), 300, rng, replacement=True)
    neighbourhood = AudioNeighbourhood(audio, masks)

    ours = SpectralStatistics(
        features=("mel", "centroid", "rms", "zero_crossing_rate"),
        statistics=tuple(STATISTICS),
        n_fft=n_fft, hop_length=hop, n_mels=8, n_mfcc=8,
    ).fit([waveform])  # fmt: skip
    from_table = ours.transform(pd.Series(PerturbedAudio(neighbourhood)))
    assert neighbourhood.composed == []

    spectrum = {"sr": RATE, "n_fft": n_fft, "hop_length": hop}
    frames = {"frame_length": n_fft, "hop_length": hop}
    for row in range(6):
        y = compose_audio(audio, masks[row])
        mel = librosa.feature.melspectrogram(y=y, n_mels=8, **spectrum)
        padded = np.pad(y, n_fft // 2)
        values = [
            librosa.power_to_db(mel, top_db=None),
            librosa.feature.spectral_centroid(y=y, **spectrum),
            librosa.feature.rms(y=y, **frames),
            librosa.feature.zero_crossing_rate(padded, center=False, **frames),
        ]
        pooled = [
            np.concatenate([f(v, axis=1) for v in values])
            for f in (np.mean, np.std, np.min, np.max)
        ]
        size = np.tile(np.abs(pooled).max(axis=0) + 1e-9, 4)  # of each feature
        for found in (from_table[row], ours.transform([y])[0]):
            np.testing.assert_allclose(found / size, np.concatenate(pooled) / size, atol=1e-4)


def test_names_match_columns(noise):
    ours = SpectralStatistics(features=tuple(FEATURES), statistics=tuple(STATISTICS))
    features = ours.fit_transform([noise])
    names = ours.get_feature_names_out()
    assert features.shape == (1, len(names)) == (1, len(set(names)))
    by_name = dict(zip(names, features[0], strict=True))
    rms = librosa_feature("rms", noise)
    assert by_name["rms_max"] == pytest.approx(rms.max(), rel=1e-5)
    assert by_name["mel3_min"] == pytest.approx(librosa_feature("mel", noise)[3].min(), rel=1e-4)


def test_columns_of_every_kind_read_alike(noise):
    cells = [noise, noise[: len(noise) // 2]]
    column = song_array((cells[0],), (cells[1],))
    expected = SpectralStatistics().fit_transform(cells)
    for X in (
        pd.Series(cells),
        pd.DataFrame({"audio": cells}),
        column,
        column[:, 0],
        [{"array": c, "sampling_rate": RATE} for c in cells],
    ):
        np.testing.assert_array_equal(SpectralStatistics().fit_transform(X), expected)
    np.testing.assert_array_equal(
        SpectralStatistics().fit_transform(noise[np.newaxis]), expected[:1]
    )


@pytest.mark.parametrize("selector", ["audio", ["audio"], 0, [0]])
def test_in_a_column_transformer(selector, noise):
    X = pd.DataFrame({"audio": [noise, -noise], "lyrics": ["a", "b"]})
    if selector in (0, [0]):
        X = X.to_numpy()
    transformer = make_column_transformer((SpectralStatistics(), selector))
    np.testing.assert_array_equal(
        transformer.fit_transform(X), SpectralStatistics().fit_transform([noise, -noise])
    )


def test_set_output(noise):
    frame = SpectralStatistics().set_output(transform="pandas").fit_transform([noise])
    assert list(frame) == list(SpectralStatistics().get_feature_names_out())


@pytest.mark.slow
def test_workers_change_nothing(noise):
    cells = [noise, noise[:5000], noise[::-1]]
    # Not to the bit: a BLAS sums in another order where it may use other numbers of threads.
    np.testing.assert_allclose(
        SpectralStatistics(n_jobs=2).fit_transform(cells),
        SpectralStatistics().fit_transform(cells),
        rtol=1e-12,
    )


@pytest.mark.parametrize("n_samples", [1, 2, 100, 511, 2047])
def test_songs_shorter_than_a_window_are_legal_and_silent_ones_too(n_samples):
    ours = SpectralStatistics(features=tuple(FEATURES), statistics=tuple(STATISTICS))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features = ours.fit_transform([np.full(n_samples, 0.1), np.zeros(n_samples)])
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    ("parameters", "cause"),
    [
        ({"features": ("mel", "loudness")}, "features must be"),
        ({"features": "mel"}, "features must be"),
        ({"features": ()}, "features must be"),
        ({"statistics": ("median",)}, "statistics must be"),
        ({"n_mfcc": 30, "n_mels": 20}, "n_mfcc"),
        ({"features": ("contrast",), "sampling_rate": 8000}, "contrast"),
    ],
)
def test_bad_parameters_are_found_in_fit(parameters, cause):
    with pytest.raises(ValueError, match=cause):
        SpectralStatistics(**parameters).fit([np.zeros(10)])
