"""Hostile folders: tables, data sets and stems; and songs that are explained, saved and loaded."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import soundfile
from hostile import LEGAL, REFUSED, Kind
from hostile_sounds import sound_files
from hypothesis import strategies as st
from odd import RATE, TEXT, folder, mutated, random

from sklearn_musiclime import (
    GlobalExplanation,
    InvalidSongError,
    LocalExplanation,
    MusicLimeExplainer,
    StemSeparator,
    UniformSegmenter,
)
from sklearn_musiclime.components.lyrics import LYRIC_UNITS
from sklearn_musiclime.components.separation import separate_sources
from sklearn_musiclime.datasets import load_jamendo_lyrics, load_music4all, load_songs
from sklearn_musiclime.neighbourhood.perturbed import compose_audio
from sklearn_musiclime.songs import names_file

# Tables.


def tables(data: st.DataObject) -> str:
    """Tables that were written come back, cell for cell; with anything broken they are refused."""
    rows = data.draw(
        st.lists(st.tuples(st.sampled_from(["a.wav", "NA", "1", "é.mp3"]), TEXT), max_size=5)
    )
    rows = [(audio, text) for audio, text in rows if "\ud800" <= "z" and not _is_lone(text)]
    rows = [(audio, text.replace("\0", "").replace("\r", "")) for audio, text in rows]
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("audio", "lyrics"), *rows])
    path = folder() / "songs.csv"
    path.write_text(file.getvalue(), encoding="utf-8")
    if data.draw(st.booleans(), label="whole"):
        if any(names_file(text) for _, text in rows):
            return REFUSED
        songs = load_songs(path, check_audio=False)
        assert songs["lyrics"].tolist() == [text for _, text in rows]
        assert songs["audio"].tolist() == [str(folder() / audio) for audio, _ in rows]
        return LEGAL
    content = mutated(data, file.getvalue().encode())
    content += data.draw(st.sampled_from([b"", b",x,y\n", b'"', b"\xff", b"a.wav,b.lrc\n"]))
    return check_table(content)


def check_table(content: bytes) -> str:
    """All that must hold of what is read of bytes as a table."""
    path = folder() / "table.csv"
    path.write_bytes(content)
    try:
        songs = load_songs(path, check_audio=False)
    except InvalidSongError as error:
        assert error.row >= 0
        return REFUSED
    except ValueError as error:
        assert str(path) in str(error)
        return REFUSED
    assert list(songs)[:2] == ["audio", "lyrics"]
    assert all(isinstance(text, str) for text in songs["lyrics"])
    assert all(cell is None or isinstance(cell, str) for cell in songs["audio"])
    return LEGAL


def _is_lone(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def music4all(data: st.DataObject) -> str:
    """The folder of Music4All with a table that is broken."""
    base = folder() / "music4all"
    texts = {
        "information": "id\tartist\tsong\talbum_name\n1a\tNA\tOne\tFirst\n2b\tBo\t2\tSecond\n",
        "genres": "id\tgenres\n1a\tjazz, rap,pop\n2b\tpop\n",
        "lang": "id\tlang\n1a\ten\n2b\tpt\n",
        "metadata": "id\tenergy\tvalence\ttempo\n1a\t0.9\t0.1\t100\n2b\t0.5\t0.65\t90\n",
    }
    for kind in ("audios", "lyrics"):
        (base / kind).mkdir(parents=True, exist_ok=True)
    for song in ("1a", "2b"):
        (base / "audios" / f"{song}.mp3").write_bytes(b"")
        (base / "lyrics" / f"{song}.txt").write_text(f"words of {song}")
    broken = data.draw(st.sampled_from(["none", *texts]))
    for name, text in texts.items():
        content = text.encode()
        (base / f"id_{name}.csv").write_bytes(
            mutated(data, content, 60) if name == broken else content
        )
    try:
        songs = load_music4all(base)
    except (ValueError, FileNotFoundError) as error:
        assert broken != "none"
        assert str(base) in str(error) or "id_metadata.csv" in str(error)
        return REFUSED
    assert songs["id"].is_unique
    assert set(songs["id"]) <= {"1a", "2b"}
    for song in songs.itertuples():
        assert song.lyrics == f"words of {song.id}"
    return LEGAL


def jamendo(data: st.DataObject) -> str:
    """The folder of JamendoLyrics with a file that is broken."""
    base = folder() / "jamendo"
    for name in ("mp3", "lyrics", "annotations/words"):
        (base / name).mkdir(parents=True, exist_ok=True)
    words = "la love\nall\n"
    files = {
        "JamendoLyrics.csv": b"Filepath,Artist,Title,Genre,Language\na.mp3,A,T,Pop,English\n",
        "lyrics/a.txt": words.encode(),
        "annotations/words/a.csv": b"word_start,word_end\n0.01,0.02\n0.03,0.04\n0.05,0.06\n",
        "mp3/a.mp3": sound_files()["wav"],
    }
    broken = data.draw(st.sampled_from(["none", *files]))
    for name, content in files.items():
        (base / name).write_bytes(mutated(data, content, 60) if name == broken else content)
    try:
        songs = load_jamendo_lyrics(base, window=None, min_words=0, sampling_rate=RATE)
    except (ValueError, FileNotFoundError):
        assert broken != "none"
        return REFUSED
    if broken == "none":
        assert songs["lyrics"].tolist() == [words.strip()]
    for text, times in zip(songs["lyrics"], songs["word_times"], strict=True):
        assert len(text.split()) == len(times)
    return LEGAL


# Stems.


def stems(data: st.DataObject) -> str:
    """Stems that are broken, missing or too short: sources that add up to the song, or refused."""
    base = folder() / "stems"
    base.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    mix = rng.normal(0, 0.1, 2000).astype(np.float32)
    soundfile.write(base / "song.wav", mix, RATE, subtype="FLOAT")
    (base / "song").mkdir(exist_ok=True)
    broken = data.draw(st.sampled_from(["none", "bytes", "length", "missing", "pattern"]))
    file = io.BytesIO()
    length = data.draw(st.integers(1, 4000)) if broken == "length" else len(mix)
    part = np.resize(mix, length) * 0.5
    soundfile.write(file, part, RATE, format="WAV", subtype="FLOAT")
    content = file.getvalue()
    for name in ("a", "b"):
        (base / "song" / f"{name}.wav").write_bytes(content)
    if broken == "bytes":
        (base / "song" / "b.wav").write_bytes(mutated(data, content))
    sources = ("a", "b")
    if broken == "missing":
        sources = data.draw(st.sampled_from([("a", "b"), ("a", "gone"), ()]), label="sources")
    pattern = "{parent}/{stem}/{source}.wav"
    if broken == "pattern":
        pattern = data.draw(st.sampled_from(["{x}", "{}", "{", "{parent.x}", "{stem[a]}", "\0"]))
    separator = StemSeparator(pattern, sources)
    try:
        names, found = separate_sources(separator, mix, RATE, path=base / "song.wav")
    except ValueError as error:
        assert broken != "none"
        assert not isinstance(error, InvalidSongError)
        return REFUSED
    assert broken in ("none", "bytes", "length", "missing")
    assert names[:2] == sources
    np.testing.assert_allclose(found.sum(axis=0), mix, atol=1e-5 * np.abs(found).max())
    return LEGAL


# Songs, explained, saved and loaded.


def songs(data: st.DataObject) -> str:
    """A legal song, however odd, is explained; the model hears it whole; files bring it back."""
    rng = random(data)
    n = data.draw(st.sampled_from([1, 2, 3, 7, 100, 1000]), label="samples")
    scale = np.float32(data.draw(st.sampled_from([0.0, 1e-40, 1e-20, 0.1, 1e4, 1e18])))
    waveform = (rng.normal(size=n) * scale).astype(np.float32)
    text = data.draw(TEXT, label="lyrics")
    X = np.empty((1, 2), dtype=object)
    X[0] = [waveform, text]
    heard = []

    def model(batch):
        heard.extend((y, words) for y, words in batch)
        return np.array([[len(words), float(len(y)), 0.5 * ("la" in words)] for y, words in batch])

    explainer = MusicLimeExplainer(
        model,
        separator=None,
        segmenter=UniformSegmenter(data.draw(st.sampled_from([1, 3, 10]), label="segments")),
        lyric_units=data.draw(st.sampled_from(LYRIC_UNITS), label="units"),
        mask_token=data.draw(st.sampled_from([None, "[MASK]"])),
        n_samples=data.draw(st.sampled_from([2, 8, 40]), label="n_samples"),
        interactions=data.draw(st.sampled_from([None, "all"]), label="interactions"),
        sampling_rate=data.draw(st.sampled_from([8000, 22050]), label="rate"),
        random_state=0,
    )
    explanation = explainer.fit(X).explain(X, labels=[0, 2])[0]
    np.testing.assert_allclose(heard[0][0], waveform, rtol=1e-6)
    assert heard[0][1] == text
    parts = explanation.components
    on = np.ones((1, parts.n_audio), dtype=bool)
    np.testing.assert_allclose(compose_audio(parts.audio, on[0]), waveform, rtol=1e-6)
    path = folder() / "explained.json"
    explanation.save(path)
    loaded = LocalExplanation.load(path)
    pd.testing.assert_frame_equal(loaded.to_frame(2), explanation.to_frame(2))
    assert loaded.components.lyrics == parts.lyrics
    assert dict(loaded.prediction) == dict(explanation.prediction)
    np.testing.assert_array_equal(loaded.components.audio.mix, waveform)
    if explanation.interaction_terms is not None:
        pd.testing.assert_frame_equal(
            loaded.interactions(0, fdr=None), explanation.interactions(0, fdr=None)
        )
    loaded._repr_html_()
    loaded.plot()
    loaded.sonify()
    loaded.to_html(folder() / "page.html")
    overall = GlobalExplanation.from_local([loaded])
    overall.save(folder() / "overall.json")
    again = GlobalExplanation.load(folder() / "overall.json")
    pd.testing.assert_frame_equal(again.to_frame(), overall.to_frame())
    return LEGAL


KINDS = {
    "tables": Kind(tables, 0.5),
    "Music4All folders": Kind(music4all, 0.3),
    "JamendoLyrics folders": Kind(jamendo, 0.3),
    "stems": Kind(stems, 0.5),
    "songs, explained and saved": Kind(songs, 0.1),
}
