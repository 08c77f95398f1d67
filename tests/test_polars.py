"""Songs in polars' frames are those in pandas': read, perturbed, and given back as polars."""

import numpy as np
import pandas as pd
import pytest
from contract_songs import why_no_polars
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime import (
    InvalidSongError,
    LyricLineSegmenter,
    MusicLimeExplainer,
    SpectralStatistics,
    UniformSegmenter,
)
from sklearn_musiclime.datasets import make_songs, save_songs
from sklearn_musiclime.metrics import SCORERS
from sklearn_musiclime.songs import SongTable

pl = pytest.importorskip("polars")
if why_no_polars():
    pytest.skip(why_no_polars(), allow_module_level=True)

RATE = 22050


@pytest.fixture(scope="module")
def songs():
    """Songs as pandas has them, and their classes."""
    X, y, _, _ = make_songs(8, duration=0.5, random_state=0)
    return X.assign(year=np.arange(8) + 2000), y


def polars_of(X, audio=None):
    columns = [pl.Series(n, X[n].tolist(), dtype=audio if n == "audio" else None) for n in X]
    frame = pl.DataFrame(columns)
    return frame if audio in (None, pl.Object) else frame.cast({"audio": audio})


def waveforms(X):
    return X.assign(audio=[cell["array"] for cell in X["audio"]])


KINDS = {
    "structs": lambda X: (X, polars_of(X)),
    "objects": lambda X: (X, polars_of(X, pl.Object)),
    "lists": lambda X: (waveforms(X), polars_of(waveforms(X), pl.List(pl.Float32))),
    "arrays": lambda X: (waveforms(X), polars_of(waveforms(X), pl.Array(pl.Float32, 11025))),
}


def explainer(model, **parameters):
    defaults = {
        "separator": None, "segmenter": UniformSegmenter(3), "n_samples": 20, "random_state": 0,
    }  # fmt: skip
    return MusicLimeExplainer(model, **(defaults | parameters))


@pytest.mark.parametrize("kind", KINDS)
def test_cells_are_those_of_pandas(kind, songs):
    X, frame = KINDS[kind](songs[0])
    ours, theirs = SongTable(frame), SongTable(X)
    for row in range(len(X)):
        found, expected = ours.read(row, 16_000), theirs.read(row, 16_000)
        np.testing.assert_array_equal(found.waveform, expected.waveform)
        assert found.lyrics == expected.lyrics
        np.testing.assert_array_equal(found.word_times, expected.word_times)
        assert found.audio_form == expected.audio_form
    if kind == "lists":  # not copied
        series = frame["audio"][3].to_numpy()
        assert np.shares_memory(ours.cell(3, "audio"), series)


@pytest.mark.parametrize("kind", KINDS)
def test_a_black_box_gets_polars(kind, songs):
    X, frame = KINDS[kind](songs[0])
    seen = []

    def loudness(cells):
        cells = [cell["array"] if isinstance(cell, dict) else cell for cell in cells]
        return [float(np.square(np.asarray(cell, dtype=float)).mean()) for cell in cells]

    def model(X):
        if isinstance(X, pl.DataFrame):
            seen.append(X)
        words = [text.count(" ") for text in X["lyrics"]]
        return np.array(loudness(X["audio"])) + 0.01 * np.array(words)

    ours = explainer(model).fit(frame)
    explanation = ours.explain(frame[2:3])[0]
    expected = explainer(model).fit(X).explain(X[2:3])[0]
    np.testing.assert_allclose(explanation.weights, expected.weights, rtol=1e-9, atol=1e-12)
    of_one_run = ("model_digest", "song_digest", "time")
    for name, value in expected.settings.items():
        assert explanation.settings[name] == value or name in of_one_run
    assert list(explanation.settings) == list(expected.settings)
    assert len(seen) > 1
    others = ["word_times", "year"]
    audio = {"structs": pl.Struct, "objects": pl.Object}.get(kind, pl.List)
    for perturbed in seen:
        assert perturbed.columns == frame.columns
        is_given = perturbed.schema == frame.schema  # the row itself
        assert isinstance(perturbed.schema["audio"], audio) or (is_given and len(perturbed) == 1)
        assert perturbed[others].schema == frame[others].schema
        assert perturbed[others].rows() == frame[2:3][others].rows() * len(perturbed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["structs", "objects"])
def test_branches_of_a_pipeline(kind, songs):
    (X, frame), y = KINDS[kind](songs[0]), songs[1]
    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(SpectralStatistics(), StandardScaler()), "audio"),
            (TfidfVectorizer(), "lyrics"),
            (StandardScaler(), ["year"]),
        ),
        LogisticRegression(),
    )
    expected = explainer(model).fit(X, y).explain(X[:2])
    ours = explainer(model).fit(frame, pl.Series(y))
    np.testing.assert_array_equal(ours.feature_names_in_, frame.columns)
    ours.set_params(n_jobs=2 if kind == "objects" else 1)  # which polars itself can't pickle
    for explanation, other in zip(ours.explain(frame[:2]), expected, strict=True):
        assert explanation.settings["model"] == "factored"
        np.testing.assert_allclose(explanation.weights, other.weights, rtol=1e-8, atol=1e-10)


def test_files_and_word_times(songs, tmp_path):
    X, _, stems, _ = make_songs(4, duration=0.5, random_state=0)
    saved = save_songs(X, stems, tmp_path)
    frame = polars_of(saved)
    assert frame.schema["audio"] == pl.String
    options = {"segmenter": LyricLineSegmenter(min_gap=0.05)}

    def words(X):
        return np.array([float(len(text)) for text in X["lyrics"]])

    found, expected = (
        explainer(words, **options).fit(held).explain(held) for held in (frame, saved)
    )
    for explanation, other in zip(found, expected, strict=True):
        assert explanation.title == other.title
        np.testing.assert_array_equal(explanation.weights, other.weights)


@pytest.mark.slow
def test_all_that_an_explainer_does(songs, tmp_path):
    X, frame = KINDS["structs"](songs[0][:4])

    def words(X):
        return np.array([float(len(text)) for text in X["lyrics"]])

    ours, theirs = (explainer(words, memory=str(tmp_path)).fit(held) for held in (frame, X))
    groups = pl.Series([0, 0, 1, 1])
    for _ in range(2):  # the second time from the folder
        found = ours.explain_global(frame, groups=groups).importance()
        expected = theirs.explain_global(X, groups=groups.to_list()).importance()
        pd.testing.assert_frame_equal(found, expected)
    assert ours.score(frame) == theirs.score(X)
    for name, scorer in SCORERS.items():
        if name != "stability":
            assert scorer(ours, frame) == pytest.approx(scorer(theirs, X), rel=1e-9), name
    weights = ours.set_output(transform="polars").transform(frame)
    assert isinstance(weights, pl.DataFrame)
    np.testing.assert_array_equal(weights.to_numpy(), theirs.transform(X))


@pytest.mark.parametrize(
    ("column", "cell", "cause"),
    [
        ("audio", None, "row 1: audio: missing"),
        ("audio", {"array": [0.1, None], "sampling_rate": RATE}, "row 1: audio: NaN or infinite"),
        ("audio", {"array": [], "sampling_rate": RATE}, "row 1: audio: empty"),
        ("lyrics", None, "row 1: lyrics: missing"),
        ("word_times", [[0.5, 0.1]], "row 1: word_times: word 0 ends before it starts"),
    ],
)
def test_bad_cells_are_named(column, cell, cause, songs):
    frame = polars_of(songs[0][:3])
    values = frame[column].to_list()
    values[1] = cell
    bad = frame.with_columns(pl.Series(column, values, dtype=frame.schema[column]))

    def silent(X):
        return np.zeros(len(X))

    with pytest.raises(InvalidSongError, match=cause):
        explainer(silent).fit(frame).explain(bad)


def test_frames_that_are_no_songs(songs):
    frame = polars_of(songs[0][:3])
    for wrong, message in (
        (frame.drop("audio"), "X has no column 'audio'"),
        (frame[:0], "X has no songs"),
        (frame.lazy(), "pandas or polars DataFrame"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            SongTable(wrong)
