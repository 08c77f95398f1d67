"""What an explanation says, shows, sounds like, and is after a round trip through files.

Over 400 lines since one explanation is shown, heard, saved and broken.
"""

import json
import re
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import song_array
from matplotlib import pyplot

from sklearn_musiclime import LocalExplanation, MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.components.readable import named
from sklearn_musiclime.report.lyrics_grid import lyrics_lines

RATE = 22050
HOSTILE = "<script>alert(1)</script> $\\frac{ &amp; {{ 7*7 }} \u202e \x07 \ud800 'x' \"y\" 愛してる"


class TwoBands:
    """Below and above 2 kHz."""

    source_names = ("low", "high")

    def separate(self, waveform, sampling_rate):
        spectrum = np.fft.rfft(waveform)
        low = np.fft.rfftfreq(len(waveform), 1 / sampling_rate) < 2000
        sources = [np.fft.irfft(spectrum * band, len(waveform)) for band in (low, ~low)]
        return self.source_names, np.stack(sources)


def energy(y):
    return float(np.square(y).mean())


def model(X):
    """Two classes: the first goes for early lows and love, the second for late highs."""
    X = X.to_numpy() if isinstance(X, pd.DataFrame) else X
    scores = []
    for y, text, *_ in X:
        spectrum = np.abs(np.fft.rfft(y[: RATE // 5]))
        early_low = spectrum[: int(2000 * 0.2)].sum() / 1e3
        late_high = np.abs(np.fft.rfft(y[-RATE // 5 :]))[int(2000 * 0.2) :].sum() / 1e3
        scores.append([early_low + 0.1 * ("love" in text), late_high - 0.1 * ("love" in text)])
    return np.array(scores)


@pytest.fixture(scope="module")
def explanation():
    time = np.arange(RATE) / RATE
    waveform = 0.1 * np.sin(2 * np.pi * 440 * time) + 0.1 * np.sin(2 * np.pi * 5000 * time)
    times = [(0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9)]
    X = song_array((waveform, "love is all\nlove", times))
    explainer = MusicLimeExplainer(
        model,
        separator=TwoBands(),
        segmenter=UniformSegmenter(5),
        n_samples=600,
        random_state=0,
    )
    return explainer.fit(X).explain(X, labels=[0, 1])[0]


def test_frame(explanation):
    frame = explanation.to_frame()
    assert list(frame["component"]) == list(explanation.components.names)
    assert list(frame["modality"]) == ["audio"] * 10 + ["lyrics"] * 3
    row = frame.set_index("component").loc["high@2"]
    assert (row["source"], row["segment"]) == ("high", 2)
    assert (row["start"], row["end"]) == pytest.approx((0.4, 0.6), abs=1e-4)
    love = frame.set_index("component").loc["love"]
    assert love["text"] == "love"
    assert (love["start"], love["end"]) == (0.1, 0.3)
    assert pd.isna(love["segment"])
    np.testing.assert_array_equal(frame["weight"], explanation.weights[0])
    np.testing.assert_array_equal(explanation.to_frame(1)["weight"], explanation.weights[1])


def test_top(explanation):
    top = explanation.top(4)
    weights = explanation.weights[0]
    np.testing.assert_array_equal(top["weight"].abs(), np.sort(np.abs(weights))[::-1][:4])
    assert top["component"][0] == "low@0"
    assert list(top.index) == [0, 1, 2, 3]
    assert set(explanation.top(99, modality="lyrics")["component"]) == {"love", "is", "all"}
    assert len(explanation.top(99)) == 13
    assert explanation.top(1, 1)["component"][0] == "high@4"
    with pytest.raises(ValueError, match="modality"):
        explanation.top(modality="video")


def test_audio_map(explanation):
    audio_map = explanation.audio_map(1)
    assert list(audio_map.index) == ["low", "high"]
    assert list(audio_map.columns) == [0, 1, 2, 3, 4]
    by_name = explanation.to_frame(1).set_index("component")["weight"]
    for source in audio_map.index:
        for segment in audio_map.columns:
            assert audio_map.loc[source, segment] == by_name[f"{source}@{segment}"]


def test_an_unexplained_label(explanation):
    for call in (explanation.to_frame, explanation.audio_map, explanation.plot):
        with pytest.raises(ValueError, match=r"2 was not explained; \[0, 1\] were"):
            call(2)
    with pytest.raises(ValueError, match="was not explained"):
        explanation.sonify(label=2)


def test_sonify_plays_its_components_and_no_others(explanation):
    audio = explanation.components.audio
    waveform = explanation.sonify(1)
    assert waveform.shape == audio.mix.shape
    assert waveform.dtype == np.float32
    stop = audio.borders[1]
    fade = int(0.005 * RATE)
    np.testing.assert_array_equal(waveform[: stop - fade], audio.sources[0][: stop - fade])
    assert not waveform[stop:].any()
    ending = waveform[stop - fade : stop] / audio.sources[0][stop - fade : stop]
    assert (np.diff(ending) < 0).all()
    assert 0 <= ending.min() < 0.01
    late = explanation.sonify(1, label=1)
    assert energy(late[: audio.borders[4]]) == 0
    assert energy(late[audio.borders[4] + fade :]) == pytest.approx(0.1**2 / 2, rel=0.01)


def test_sonify_for_and_against_are_told_apart_by_sign(explanation):
    weights = explanation.audio_map().to_numpy()
    audio = explanation.components.audio
    for direction, sign in (("for", 1), ("against", -1)):
        played = explanation.sonify(99, direction=direction)
        middles = (audio.borders[:-1] + audio.borders[1:]) // 2
        for segment, middle in enumerate(middles):
            part = slice(middle - 500, middle + 500)
            kept = (sign * weights[:, segment] > 0)[:, np.newaxis]
            expected = (audio.sources[:, part] * kept).sum(axis=0)
            np.testing.assert_allclose(played[part], expected, atol=1e-7)
    with pytest.raises(ValueError, match="direction"):
        explanation.sonify(direction="up")


def test_sonify_without_audio(noise):
    X = song_array((noise, "la lo"))
    explainer = MusicLimeExplainer(lambda X: np.zeros(len(X)), modality="lyrics", n_samples=4)
    explanation = explainer.fit(X).explain(X)[0]
    with pytest.raises(ValueError, match="audio was not explained"):
        explanation.sonify()
    assert explanation.audio_map().empty
    assert explanation.plot().axes


def same(a, b):
    pd.testing.assert_frame_equal(a.to_frame(), b.to_frame())
    np.testing.assert_array_equal(a.weights, b.weights)
    for name in ("title", "row", "prediction", "labels", "settings"):
        assert getattr(a, name) == getattr(b, name), name
    for name in ("intercept", "fidelity", "local_prediction"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    np.testing.assert_array_equal(a.sonify(3), b.sonify(3))
    assert a.components.lyrics == b.components.lyrics
    assert a._repr_html_() == b._repr_html_()


def test_save_and_load(explanation, tmp_path):
    explanation.save(tmp_path / "one.json")
    assert {p.name for p in tmp_path.iterdir()} == {"one.json", "one.npz"}
    same(explanation, LocalExplanation.load(tmp_path / "one.json"))
    with zipfile.ZipFile(tmp_path / "one.npz") as arrays:
        assert arrays.namelist() == ["mix.npy", "sources.npy"]
    document = json.loads((tmp_path / "one.json").read_text())
    assert document["components"] == list(explanation.components.names)


def test_labels_of_every_type_come_back(explanation, tmp_path, noise):
    labels = [(0, "a"), (1, 2), np.str_("pop"), np.int64(3), 0.5, True]
    changed = LocalExplanation(
        **{
            **explanation.__dict__,
            "labels": labels[:2],
            "prediction": dict(zip(labels, np.arange(6.0), strict=True)),
        }
    )
    changed.save(tmp_path / "labels.json")
    loaded = LocalExplanation.load(str(tmp_path / "labels.json"))
    assert loaded.labels == [(0, "a"), (1, 2)]
    assert list(loaded.prediction) == [(0, "a"), (1, 2), "pop", 3, 0.5, True]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("la la la", "is not JSON"),
        ("[1, 2]", "not a saved LocalExplanation"),
        ('{"format": "other"}', "not a saved LocalExplanation"),
        ('{"format": "sklearn_musiclime.LocalExplanation", "version": 99}', "version 99"),
    ],
)
def test_files_that_are_no_explanation(content, cause, tmp_path):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ValueError, match=cause):
        LocalExplanation.load(tmp_path / "x.json")


def test_files_that_do_not_belong_together(explanation, tmp_path):
    explanation.save(tmp_path / "one.json")
    np.savez(tmp_path / "one.npz", mix=np.zeros(5), sources=np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"one\.npz.*where floats of shape \(22050\)"):
        LocalExplanation.load(tmp_path / "one.json")
    explanation.save(tmp_path / "two.json")
    document = json.loads((tmp_path / "two.json").read_text())
    document["weights"] = [row[1:] for row in document["weights"]]
    (tmp_path / "two.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"two\.json.*weights: not of shape \(2, 13\)"):
        LocalExplanation.load(tmp_path / "two.json")
    with pytest.raises(ValueError, match="give the JSON file"):
        explanation.save(tmp_path / "one.npz")


def of_other_sound(explanation):
    """The same explanation with other waveforms of the same shapes."""
    audio = explanation.components.audio
    audio = replace(audio, mix=audio.mix[::-1], sources=audio.sources[:, ::-1])
    components = replace(explanation.components, audio=audio)
    return LocalExplanation(**(explanation.__dict__ | {"components": components}))


def test_arrays_have_the_whole_name_of_their_explanation(explanation, tmp_path):
    other = of_other_sound(explanation)
    explanation.save(tmp_path / "run.1")
    other.save(tmp_path / "run.2")
    explanation.save(tmp_path / "run.json")
    assert {p.name for p in tmp_path.iterdir()} == {
        "run.1", "run.1.npz", "run.2", "run.2.npz", "run.json", "run.npz",
    }  # fmt: skip
    same(explanation, LocalExplanation.load(tmp_path / "run.1"))
    same(other, LocalExplanation.load(tmp_path / "run.2"))


@pytest.mark.parametrize("change", ["saved over", "another's", "a sample", "an order"])
def test_arrays_of_another_explanation_are_refused(change, explanation, tmp_path):
    first, arrays = tmp_path / "a", tmp_path / "a.npz"
    explanation.save(first)
    if change == "saved over":
        of_other_sound(explanation).save(tmp_path / "a.json")
    elif change == "another's":
        of_other_sound(explanation).save(tmp_path / "b.json")
        (tmp_path / "b.npz").replace(arrays)
    else:
        found = dict(np.load(arrays))
        if change == "a sample":
            found["mix"][100] += 1e-4
        else:
            found["sources"] = found["sources"][::-1]
        np.savez(arrays, **found)
    with pytest.raises(ValueError, match=r"'.*/a' and '.*/a\.npz' were not saved together"):
        LocalExplanation.load(first)


def test_files_of_version_2_have_no_digest(explanation, tmp_path):
    explanation.save(tmp_path / "run.1")
    document = json.loads((tmp_path / "run.1").read_text())
    del document["audio"]["digest"]
    (tmp_path / "run.1").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"audio\.digest: missing"):
        LocalExplanation.load(tmp_path / "run.1")
    (tmp_path / "run.1").write_text(json.dumps(document | {"version": 2}))
    (tmp_path / "run.1.npz").rename(tmp_path / "run.npz")
    same(explanation, LocalExplanation.load(tmp_path / "run.1"))


def test_a_pickle_is_not_loaded(explanation, tmp_path):
    explanation.save(tmp_path / "one.json")
    np.savez(tmp_path / "one.npz", mix=np.array([{}], dtype=object), sources=np.zeros(1))
    with pytest.raises(ValueError, match=r"mix\.npy is no array of numbers"):
        LocalExplanation.load(tmp_path / "one.json")


def bombs(folder, name):
    """Files that ask for far more memory than they have bytes, or have no end."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n"
    npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    document, arrays = folder / "one.json", folder / "one.npz"
    if name == "declared":
        with zipfile.ZipFile(arrays, "w") as archive:
            archive.writestr("mix.npy", npy)
            archive.writestr("sources.npy", npy)
    elif name == "compressed":
        with zipfile.ZipFile(arrays, "w", zipfile.ZIP_DEFLATED) as archive:
            for member in ("mix.npy", "sources.npy"):
                archive.writestr(member, npy + bytes(10**8))
    elif name == "long name":
        with zipfile.ZipFile(arrays, "w") as archive:
            archive.writestr("x" * 60_000, b"")
    elif name == "nested":
        document.write_text("[" * 100_000 + "]" * 100_000)
    elif name == "nested object":
        document.write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    elif name == "sparse":
        with document.open("wb") as file:
            file.truncate(10**12)
    elif name == "endless":
        document.unlink()
        document.symlink_to("/dev/zero")
    elif name == "many names":
        content = json.loads(document.read_text())
        content["audio"]["source_names"] = [f"s{i}" for i in range(50_000)]
        content["audio"]["borders"] = list(range(50_000))
        content["audio"]["arrays"] = None
        document.write_text(json.dumps(content))
    elif name == "long song":
        content = json.loads(document.read_text())
        content["audio"]["borders"][-1] = 10**12
        document.write_text(json.dumps(content))
    elif name == "huge number":
        document.write_text(document.read_text().replace('"row": 0', f'"row": {"9" * 100_000}'))
    elif name == "twice":
        document.write_text(document.read_text().replace('"row": 0', '"row": 0, "row": 1'))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("declared", r"one\.npz.* of shape \(1000000000000,\)"),
        ("compressed", r"one\.npz.*compressed"),
        ("long name", r"one\.npz.*holds other arrays.*xxx"),
        ("nested", r"one\.json.*not JSON"),
        ("nested object", r"one\.json.*not JSON"),
        ("sparse", r"one\.json.*too large"),
        ("endless", r"one\.json.*no regular file"),
        ("many names", r"one\.json.*components: not those"),
        ("long song", r"one\.json.*borders: 1000000000000"),
        ("huge number", r"one\.json.*not JSON"),
        ("twice", r"one\.json.*'row' is there twice"),
    ],
)
def test_bombs_take_no_memory(name, cause, explanation, tmp_path):
    explanation.save(tmp_path / "one.json")
    bombs(tmp_path, name)
    size = sum(
        path.stat().st_size for path in tmp_path.iterdir() if name not in ("sparse", "endless")
    )
    tracemalloc.start()
    with pytest.raises(ValueError, match=cause) as caught:
        LocalExplanation.load(tmp_path / "one.json")
    assert len(str(caught.value)) < 1000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6 + 30 * size


def test_only_the_file_beside_is_read(explanation, tmp_path):
    explanation.save(tmp_path / "one.json")
    document = json.loads((tmp_path / "one.json").read_text())
    document["audio"]["arrays"] = "../../etc/passwd"
    (tmp_path / "one.json").write_text(json.dumps(document))
    same(explanation, LocalExplanation.load(tmp_path / "one.json"))


def test_without_waveforms(explanation, tmp_path):
    parts = explanation.components.without_waveforms()
    silent = LocalExplanation(**(explanation.__dict__ | {"components": parts}))
    silent.save(tmp_path / "silent.json")
    assert [path.name for path in tmp_path.iterdir()] == ["silent.json"]  # no pickle of None
    loaded = LocalExplanation.load(tmp_path / "silent.json")
    pd.testing.assert_frame_equal(loaded.to_frame(), explanation.to_frame())
    assert loaded.components.audio.mix is None
    assert loaded.plot().axes
    without_waves = re.sub(r"\n<polygon.*?/>", "\n", explanation._repr_html_())
    assert loaded._repr_html_().replace("\n\n", "\n") == without_waves.replace("\n\n", "\n")
    with pytest.raises(ValueError, match="no waveforms"):
        loaded.sonify()


def test_plot_shows_what_the_tables_say(explanation):
    figure = explanation.plot(1, n=5)
    lanes, audio, lyrics, text = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    (tiles,) = lanes.collections[:1]
    np.testing.assert_allclose(tiles.get_array(), explanation.audio_map(1).to_numpy())
    assert [t.get_text() for t in lanes.get_yticklabels()] == ["low", "high"]
    for ax, modality in ((audio, "audio"), (lyrics, "lyrics")):
        top = explanation.top(5, 1, modality=modality)
        assert [bar.get_width() for bar in ax.patches] == list(top["weight"])
        shown = named(explanation.components)
        assert [t.get_text() for t in ax.get_yticklabels()] == [shown[c] for c in top["component"]]
    assert [t.get_text() for t in text.texts] == ["love", "is", "all", "love"]
    assert pyplot.get_fignums() == []
    figure.canvas.draw()


def test_lyrics_are_laid_out_line_by_line(explanation):
    lines = lyrics_lines(explanation.components.lyrics, 100)
    assert lines == [[(0, "love", 0), (5, "is", 1), (8, "all", 2)], [(0, "love", 0)]]


@pytest.mark.slow
@pytest.mark.parametrize("units", ["words", "lines"])
def test_long_lyrics_and_long_words_are_cut_to_the_page(units, noise, tmp_path):
    text = "\n".join(["word " * 60, "x" * 10_000, *["line"] * 50])
    X = song_array((noise, text))
    explainer = MusicLimeExplainer(lambda X: np.zeros(len(X)), lyric_units=units, n_samples=4)
    figure = explainer.fit(X).explain(X)[0].plot()
    figure.savefig(tmp_path / "long.png")
    assert figure.get_size_inches()[1] < 16


def test_what_a_user_wrote_is_text(noise, tmp_path):
    """P5: in the summary nothing of it is markup, in the picture nothing is mathematics."""
    X = song_array((noise, HOSTILE))
    explainer = MusicLimeExplainer(lambda X: np.zeros(len(X)), n_samples=40).fit(X)
    hostile = {HOSTILE: 0.5}
    explanation = LocalExplanation(
        **{
            **explainer.explain(X)[0].__dict__,
            "title": HOSTILE,
            "labels": [HOSTILE],
            "prediction": hostile,
        }
    )
    html = explanation._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ 7*7 }}" in html
    explanation.plot().savefig(tmp_path / "hostile.png")
    explanation.save(tmp_path / "hostile.json")
    assert LocalExplanation.load(tmp_path / "hostile.json").title == HOSTILE


def test_summary_colours_the_lyrics_and_keeps_them(explanation):
    html = explanation._repr_html_()
    assert html.count(">love</span>") == 2
    assert "low, 0:00.00–0:00.20: " in html
    assert html.count("<polygon") == 2
    assert html.count(
        'dir="auto" style="white-space'
    ) == 1 + explanation.components.lyrics.text.count("\n")
    assert f"{explanation.top(1)['weight'][0]:+.3g}" in html
    assert "<script" not in html
    repr_ = repr(explanation)
    assert "10 audio and 3 lyric components" in repr_
