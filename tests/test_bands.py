"""Frequency bands as sources: of any song, and of stems."""

import numpy as np
import pytest
import soundfile
from conftest import song_array
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sklearn_musiclime import (
    BandSeparator,
    ChainSeparator,
    HPSSSeparator,
    MusicLimeExplainer,
    StemSeparator,
    UniformSegmenter,
)
from sklearn_musiclime.components import separate_sources

RATE = 22050


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, n).astype(np.float32)


@settings(deadline=None)
@given(
    st.integers(1, 3000),
    st.sampled_from([1.0, 50.0, 8000.0, 22050.0, 44100.0, 192_000.0]),
    st.lists(st.floats(0.5, 30_000), min_size=1, max_size=5, unique=True),
)
def test_bands_add_up_to_the_song(n, rate, edges):
    separator = BandSeparator(edges=sorted(edges))
    names, sources = separator.separate(noise(n), rate)
    assert names == separator.source_names
    assert len(set(names)) == len(edges) + 1
    assert sources.shape == (len(names), n)
    np.testing.assert_allclose(sources.sum(axis=0, dtype=float), noise(n), atol=1e-6)


@pytest.mark.parametrize("rate", [22050, 44100])
def test_each_band_has_its_frequencies(rate):
    """Tones in the middle of each band, told by the energy of their spectrum."""
    time = np.arange(2 * rate) / rate
    separator = BandSeparator()
    for at, frequency in enumerate((100.0, 500.0, 2000.0, 7000.0)):
        tone = np.sin(2 * np.pi * frequency * time)
        _, sources = separator.separate(tone, rate)
        inside = sources[:, rate // 2 : -rate // 2]
        energy = np.square(inside).sum(axis=1) / np.square(tone[rate // 2 : -rate // 2]).sum()
        assert energy[at] == pytest.approx(1, abs=1e-3)
        assert np.delete(energy, at).max() < 1e-4


def test_bands_are_linear_and_not_delayed():
    separator = BandSeparator()
    one, two = noise(9000), noise(9000, seed=1)
    found = [separator.separate(x, RATE)[1] for x in (one, two, 2 * one - two)]
    np.testing.assert_allclose(found[2], 2 * found[0] - found[1], atol=2e-6)
    click = np.zeros(9000, dtype=np.float32)
    click[4321] = 1
    _, sources = separator.separate(click, RATE)
    assert np.abs(sources).argmax(axis=1).tolist() == [4321] * 4
    np.testing.assert_allclose(sources[:, :4321], sources[:, :4321:-1][:, -4321:], atol=1e-6)


@pytest.mark.parametrize("edges", [(), (0.0,), (-1.0, 2.0), (500, 500), (900, 100), (np.nan,), 5.0])
def test_edges_that_are_none(edges):
    with pytest.raises(ValueError, match="edges must be"):
        BandSeparator(edges=edges).separate(noise(100), RATE)


def test_a_planted_band_comes_first():
    """A model that hears what lies between 250 and 1,000 Hz in the second half of a song."""

    def loudness(X):
        spectra = np.abs(np.fft.rfft(np.stack([x[RATE:] for x in X[:, 0]]))) ** 2
        frequency = np.fft.rfftfreq(RATE, 1 / RATE)
        return spectra[:, (frequency > 300) & (frequency < 900)].sum(axis=1)

    X = song_array((noise(2 * RATE), ""))
    explainer = MusicLimeExplainer(
        loudness, separator=BandSeparator(), segmenter=UniformSegmenter(2), modality="audio",
        n_samples=200, sampling_rate=RATE, random_state=0,
    )  # fmt: skip
    frame = explainer.fit(X).explain(X)[0].to_frame().set_index("component")
    assert frame["weight"].abs().idxmax() == "250-1000 Hz@1"
    assert explainer.transform(X).shape == (1, len(explainer.get_feature_names_out()))


def test_bands_of_stems(tmp_path):
    stems = {"vocals": noise(RATE), "drums": noise(RATE, seed=1)}
    soundfile.write(tmp_path / "song.wav", sum(stems.values()), RATE, subtype="FLOAT")
    (tmp_path / "song").mkdir()
    for name, stem in stems.items():
        soundfile.write(tmp_path / "song" / f"{name}.wav", stem, RATE, subtype="FLOAT")
    reader, bands = StemSeparator(sources=tuple(stems)), BandSeparator(edges=(1000,))
    chain = ChainSeparator(reader, bands)
    path = tmp_path / "song.wav"
    names, sources = separate_sources(chain, sum(stems.values()), RATE, path=path)
    assert names == (
        "vocals 0-1000 Hz", "vocals above 1000 Hz", "drums 0-1000 Hz", "drums above 1000 Hz",
    )  # fmt: skip
    assert set(names) <= set(chain.source_names)
    for at, stem in enumerate(stems.values()):
        expected = bands.separate(stem, RATE)[1]
        np.testing.assert_allclose(sources[2 * at : 2 * at + 2], expected, atol=1e-5)
    assert chain.stem_paths(path) == reader.stem_paths(path)
    assert not hasattr(ChainSeparator(HPSSSeparator(), bands), "stem_paths")
    deep = clone(chain).set_params(second__edges=(300, 600))
    assert len(deep.source_names) == 9  # three bands of two stems and of what they lack


def test_a_chain_adds_up_to_the_song():
    chain = ChainSeparator(HPSSSeparator(margin=3.0), BandSeparator(edges=(500, 2000)))
    x = noise(30_000)
    names, sources = separate_sources(chain, x, RATE)
    assert names == chain.source_names
    np.testing.assert_allclose(sources.sum(axis=0, dtype=float), x, atol=1e-6)
