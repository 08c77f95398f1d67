"""What several tests need: songs, made and real, and the models that explain them."""

import os
from pathlib import Path

# Workers of pytest share the processors: with a thread for each in each of them, they wait for one
# another. Before numpy and torch are imported, which read it once.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime._runtime.compilation import compile_librosa
from sklearn_musiclime.commands import demo_model
from sklearn_musiclime.datasets import load_jamendo_lyrics, make_songs

collect_ignore = ["identities.py"]  # a script that takes its folder from the command line

RATE = 22050
REAL_SONGS = Path(__file__).parents[2] / "shared" / "data" / "jamendolyrics"


def pytest_configure(config):
    """Compile before workers of pytest would do so at the same time."""
    if getattr(config.option, "numprocesses", None):
        compile_librosa()


def pytest_itemcollected(item):
    """What is long is slow."""
    if item.get_closest_marker("long"):
        item.add_marker("slow")


def pytest_collection_modifyitems(items):
    """Long tests first, so that workers end together."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def real_path() -> Path:
    if not REAL_SONGS.is_dir():
        pytest.skip(f"needs the real songs of {REAL_SONGS}")
    return REAL_SONGS


@pytest.fixture(scope="session")
def real_clips(real_path):
    """The windows of the real songs, a row a window."""
    return load_jamendo_lyrics(real_path)


@pytest.fixture(scope="session")
def real_model(real_clips):
    """A classifier of Hip-Hop against the rest, fitted on all windows, frozen."""
    classes = np.where(real_clips["genre"] == "Hip-Hop", "Hip-Hop", "other")
    return FrozenEstimator(demo_model().fit(real_clips, classes))


@pytest.fixture(scope="session")
def made_songs():
    """X, y, stems and truth of a few short made songs."""
    return make_songs(24, duration=2.0, random_state=0)


@pytest.fixture(scope="session")
def made_model(made_songs):
    X, y, _, _ = made_songs
    return FrozenEstimator(demo_model().fit(X, y))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """What a run of ``corpus_run.py`` makes if nothing disturbs it, in this process."""
    import corpus_run

    folder = tmp_path_factory.mktemp("undisturbed")
    corpus_run.main(None, folder / "log", folder / "out")
    return np.load(folder / "out.npz")


@pytest.fixture
def noise():
    """A second of noise at 22050 Hz."""
    return np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)


@pytest.fixture
def X(noise):
    """Three songs: one of much love, one that is short, one without words."""
    return song_array(
        (noise, "all you need is love love"), (noise[:9000], "here comes the sun"), (noise, "")
    )


def rng(seed=0):
    return np.random.default_rng(seed)


class VocalsAndRest:
    """A separator: the first quarter of a waveform's level is sung."""

    source_names = ("vocals", "rest")

    def separate(self, waveform, sampling_rate):
        return self.source_names, np.stack([0.25 * waveform, 0.75 * waveform])


def song_array(*songs):
    """Songs as an object array, a tuple of cells a row."""
    X = np.empty((len(songs), len(songs[0])), dtype=object)
    for row, cells in enumerate(songs):
        for column, cell in enumerate(cells):
            X[row, column] = cell
    return X
