"""Made songs follow their rule; JamendoLyrics is cut as it is annotated."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from sklearn_musiclime import StemSeparator
from sklearn_musiclime.components import separate_sources, word_spans
from sklearn_musiclime.datasets import load_jamendo_lyrics, make_songs, save_songs
from sklearn_musiclime.datasets.jamendo import _windows
from sklearn_musiclime.datasets.sounds import BANDS
from sklearn_musiclime.songs import read_audio


def test_the_seed_decides():
    first, second, other = (make_songs(3, duration=1.0, random_state=s) for s in (0, 0, 1))
    for a, b in zip(first[0]["audio"], second[0]["audio"], strict=True):
        np.testing.assert_array_equal(a["array"], b["array"])
    assert list(first[0]["lyrics"]) == list(second[0]["lyrics"])
    assert first[3] == second[3]
    assert first[3] != other[3]


def test_files_tell_no_time(made_songs, tmp_path):
    X, _, stems, _ = made_songs
    save_songs(X.iloc[:1], stems[:1], tmp_path)
    for path in tmp_path.rglob("*.wav"):
        data = path.read_bytes()
        assert b"PEAK" not in data  # the chunk that holds the time of day
        assert data[:4] == b"RIFF"


def test_stems_sum_to_the_song_and_keep_to_their_bands(made_songs):
    X, _, stems, _ = made_songs
    for cell, song_stems in zip(X["audio"], stems, strict=True):
        np.testing.assert_allclose(
            sum(song_stems.values()), cell["array"], atol=1e-6 * len(song_stems)
        )
        for source, stem in song_stems.items():
            power = np.abs(np.fft.rfft(stem)) ** 2
            frequency = np.fft.rfftfreq(len(stem), 1 / 22050)
            low, high = BANDS[source]
            inside = (frequency > 0.9 * low) & (frequency < 1.1 * high)
            assert power[inside].sum() >= 0.99 * power.sum()


def test_classes_follow_the_rule_told_by_the_stems(made_songs):
    """The rule worked out from stems and words, not from the mix as the oracle does."""
    X, y, stems, truth = made_songs

    def there(name, row):
        source, at, span = name.partition("@")
        if not at:
            return name in X["lyrics"][row].split()
        stem = stems[row][source]
        edges = np.rint(np.arange(11) * len(stem) / 10).astype(int)
        return bool(stem[edges[int(span)] : edges[int(span) + 1]].any())

    for row, said in enumerate(y):
        z = sum(w * there(name, row) for name, w in truth.main.items())
        z += sum(w * there(a, row) * there(b, row) for (a, b), w in truth.interactions.items())
        assert said == ("wild" if z > truth.threshold else "calm")
    assert set(y) == {"calm", "wild"}


def test_the_rule_scores_songs_in_any_form(made_songs):
    X, y, _, truth = made_songs
    plain = X.assign(audio=[cell["array"] for cell in X["audio"]])
    expected = truth.predict_proba(X)
    np.testing.assert_array_equal(truth.predict_proba(plain), expected)
    np.testing.assert_array_equal(truth.predict_proba(plain.to_numpy()), expected)
    np.testing.assert_array_equal(truth.classes_[expected.argmax(axis=1)], y)
    np.testing.assert_allclose(expected.sum(axis=1), 1)
    logit = np.log(expected[:, 1] / expected[:, 0])
    np.testing.assert_allclose(logit, truth.slope * truth.decision_function(X))


def test_words_have_times_while_the_song_lasts(made_songs):
    for song in made_songs[0].itertuples():
        times = np.array(song.word_times)
        assert len(times) == len(word_spans(song.lyrics)) == len(song.lyrics.split())
        assert (times[:, 0] < times[:, 1]).all()
        assert (np.diff(times[:, 0]) > 0).all()
        assert times[0, 0] >= 0
        assert times[-1, 1] <= 2.0 + 1e-9


def test_saved_songs_are_the_same_songs(made_songs, tmp_path):
    X, _, stems, _ = made_songs
    saved = save_songs(X.iloc[4:6], stems[4:6], tmp_path)
    assert [p.rpartition("/")[2] for p in saved["audio"]] == ["song_4.wav", "song_5.wav"]
    np.testing.assert_array_equal(read_audio(saved["audio"][5], 22050), X["audio"][5]["array"])
    separator = StemSeparator(sources=tuple(stems[5]))
    names, sources = separate_sources(
        separator, X["audio"][5]["array"], 22050, path=saved["audio"][5]
    )
    assert names == tuple(stems[5])
    np.testing.assert_allclose(sources, list(stems[5].values()), atol=1e-6)


def test_too_short_songs():
    with pytest.raises(ValueError, match="too few"):
        make_songs(1, duration=0.1)


# JamendoLyrics.


@pytest.fixture(scope="module")
def small_jamendo(tmp_path_factory):
    """A folder of one song of 4 s (and one without audio) with nine words."""
    path = tmp_path_factory.mktemp("jamendo")
    for folder in ("mp3", "lyrics", "annotations/words"):
        (path / folder).mkdir(parents=True)
    (path / "JamendoLyrics.csv").write_text(
        "URL,Filepath,Artist,Title,Genre,LicenseType,Language\n"
        "x,a.mp3,Someone,One,Pop,BY,English\nx,b.mp3,Someone,Two,Pop,BY,English\n"
    )
    soundfile.write(path / "mp3" / "a.mp3", np.random.default_rng(0).normal(0, 0.1, 88200), 22050)
    (path / "lyrics" / "a.txt").write_text("one two\nthree\n\n\n\nfour five six\nseven eight nine")
    starts = np.array([0.1, 0.2, 0.5, 1.1, 1.2, 2.0, 2.1, 3.5, 3.9])
    table = pd.DataFrame({"word_start": starts, "word_end": starts + 0.15, "line_end": np.nan})
    table.to_csv(path / "annotations" / "words" / "a.csv", index=False)
    return path


def test_windows_have_the_words_that_begin_in_them(small_jamendo):
    songs = load_jamendo_lyrics(small_jamendo, window=1.0, min_words=2)
    assert list(songs["lyrics"]) == ["one two\nthree", "four five", "six\nseven", "eight nine"]
    assert list(songs["start"]) == [0, 1, 2, 3]
    assert songs["word_times"][1][0] == pytest.approx((0.1, 0.25))
    assert songs["word_times"][3][-1] == pytest.approx((0.9, 1.0))
    assert {len(cell["array"]) for cell in songs["audio"]} == {22050}
    assert set(songs["song"]) == {"Someone - One"}


def test_a_word_on_the_border_of_windows_begins_in_the_later_one():
    """Also where 0.2 + 0.1 is more than 0.3."""
    words = [(f"w{i}", 0) for i in range(40)]
    starts = np.arange(40) / 10
    times = np.stack([starts, starts + 0.1], axis=1)
    windows = list(_windows(np.zeros(88200), words, times, 0.1, 22050))
    assert [lyrics for _, _, lyrics, _ in windows] == [word for word, _ in words]
    np.testing.assert_allclose([t[0] for *_, t in windows], [(0, 0.1)] * 40, atol=1e-12)


def test_whole_songs(small_jamendo):
    songs = load_jamendo_lyrics(small_jamendo, window=None)
    assert songs["lyrics"][0] == "one two\nthree\n\nfour five six\nseven eight nine"
    assert len(songs["word_times"][0]) == 9
    audio = songs["audio"][0]
    np.testing.assert_array_equal(audio["array"], read_audio(audio["path"], 22050))


def test_folders_that_are_not_jamendo_lyrics(small_jamendo, tmp_path):
    with pytest.raises(FileNotFoundError, match="is this a JamendoLyrics folder"):
        load_jamendo_lyrics(tmp_path)
    with pytest.raises(FileNotFoundError, match="at least 10 words"):
        load_jamendo_lyrics(small_jamendo, window=None, min_words=10)
    with pytest.raises(ValueError, match="window"):
        load_jamendo_lyrics(small_jamendo, window=0)


@pytest.mark.slow
def test_real_songs(real_clips, real_path):
    assert len(real_clips) >= 50
    assert set(real_clips["genre"]) == {"Hip-Hop", "Pop", "Folk", "Metal", "Reggae"}
    assert real_clips["song"].nunique() == 7
    for clip in real_clips.itertuples():
        assert len(clip.audio["array"]) == 15 * 22050
        assert len(clip.lyrics.split()) == len(clip.word_times) >= 8
    whole = load_jamendo_lyrics(real_path, window=None)
    for song in whole.itertuples():
        name = song.audio["path"].rpartition("/")[2].removesuffix(".mp3")
        words = (real_path / "lyrics" / f"{name}.words.txt").read_text().split("\n")
        assert song.lyrics.split() == [word for word in words if word]
