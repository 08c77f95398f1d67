"""Tracks of mirdata: its own classes, on files made here."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from sklearn_musiclime import MusicLimeExplainer
from sklearn_musiclime.datasets import load_mirdata

pytest.importorskip("mirdata", reason="needs mirdata")
from mirdata.annotations import LyricData
from mirdata.datasets import gtzan_genre, ikala, vocadito

RATE = 22050


class DataSet:
    """Tracks of one of mirdata's classes, from an index as its data sets have."""

    def __init__(self, module, name, folder, files):
        index = {
            "tracks": {track: {k: [p, ""] for k, p in own.items()} for track, own in files.items()}
        }
        make = module.Track
        self.tracks = {track: make(track, str(folder), name, index, dict) for track in files}

    def load_tracks(self):
        return self.tracks


def noise(path):
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 2 * RATE), RATE)


def test_words_with_times_are_those_of_the_track(tmp_path):
    noise(tmp_path / "a.wav")
    (tmp_path / "a.lab").write_text("500 900 silver sil\n1000 1500 rivers riv\n")
    files = {"a_chorus": {"audio": "a.wav", "lyrics": "a.lab", "pitch": None, "notes_pyin": None}}
    songs = load_mirdata(DataSet(ikala, "ikala", tmp_path, files), columns=["section"])
    assert songs.index.tolist() == ["a_chorus"]
    assert songs.loc["a_chorus"].to_dict() == {
        "audio": str(tmp_path / "a.wav"), "lyrics": "silver rivers",
        "word_times": [("silver", 0.5, 0.9), ("rivers", 1.0, 1.5)], "section": "chorus",
    }  # fmt: skip
    explainer = MusicLimeExplainer(
        lambda X: [float("rivers" in text) for text in X["lyrics"]], separator=None, n_samples=100
    )
    frame = explainer.fit(songs).explain(songs)[0].to_frame().set_index("component")
    assert frame.loc["rivers", ["start", "end"]].tolist() == [1.0, 1.5]
    assert frame["weight"].idxmax() == "rivers"


def test_genres_and_tracks_without_their_files(tmp_path):
    noise(tmp_path / "b.wav")
    files = {
        f"{name}.00000": {"audio": f"{name[0]}.wav", "beats": None, "tempo": None}
        for name in ("blues", "hiphop")
    }
    with pytest.warns(UserWarning, match=r"left out: hiphop\.00000$"):
        songs = load_mirdata(
            DataSet(gtzan_genre, "gtzan_genre", tmp_path, files), columns=["genre"]
        )
    pd.testing.assert_frame_equal(
        songs,
        pd.DataFrame(
            {"audio": [str(tmp_path / "b.wav")], "lyrics": [""], "genre": ["blues"]},
            index=["blues.00000"],
        ),
    )
    (tmp_path / "b.wav").unlink()
    data = DataSet(gtzan_genre, "gtzan_genre", tmp_path, files)
    with pytest.raises(ValueError, match="none of 2 tracks has its audio file"):
        load_mirdata(data)
    with pytest.raises(AttributeError, match="mix_path"):
        load_mirdata(data, audio="mix_path")


def test_lines_with_and_without_times(tmp_path):
    noise(tmp_path / "a.wav")
    (tmp_path / "a.csv").write_text("silver rivers\nrun\n")
    names = {"f0": None, "notesA1": None, "notesA2": None}
    files = {"1": {"audio": "a.wav", "lyrics": "a.csv"} | names}
    data = DataSet(vocadito, "vocadito", tmp_path, files)
    songs = load_mirdata(data)
    assert songs.loc["1", "lyrics"] == "silver rivers\nrun"
    assert "word_times" not in songs
    times = np.array([[0.0, 0.5], [0.5, 1.0], [1.0, 1.5]])
    track = data.tracks["1"]  # as DALI's tracks are
    track.words = LyricData(times, "s", ["silver", "rivers", "run"], "words")
    track.lines = LyricData(times[[0, 2]], "s", ["silver rivers", "run"], "words")
    songs = load_mirdata(data)
    assert songs.loc["1", "lyrics"] == "silver rivers\nrun"
    assert songs.loc["1", "word_times"][2] == ("run", 1.0, 1.5)
    track.words = LyricData(times, "ms", ["silver", "rivers", "run"], "words")
    with pytest.raises(ValueError, match="'ms' where seconds"):
        load_mirdata(data)
