"""Tables of songs, timed lyrics, and the Music4All folder."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from sklearn_musiclime import InvalidSongError, LyricLineSegmenter, MusicLimeExplainer
from sklearn_musiclime.components import split_lyrics
from sklearn_musiclime.datasets import emotion, load_music4all, load_songs, read_lrc

# LRC.

SONG = """\ufeff[ti:A song]
[ar:Somebody]
[offset:+500]
[00:10.50]First line, two
[00:12.5]

[01:02.500][00:14.500]A chorus
[00:20.50]Last
nothing with a time
"""


def test_an_lrc_file_gives_text_and_times():
    lyrics = read_lrc(SONG)
    assert lyrics.text == "First line, two\n\nA chorus\nLast\nA chorus"
    assert lyrics.word_times[:3] == [(10.0, 12.0)] * 3  # half a second earlier
    assert lyrics.word_times[3:6] == [(14.0, 20.0), (14.0, 20.0), (20.0, 62.0)]
    # Lines last 2, 2, 6 and 42 s: the last one 4.
    assert lyrics.word_times[6:] == [(62.0, 66.0), (62.0, 66.0)]
    split_lyrics(lyrics.text, word_times=np.array(lyrics.word_times))  # one a word


def test_words_with_times_of_their_own():
    lyrics = read_lrc(
        "[00:01.00]<00:01.00>All <00:01.50>you <00:02.00>ne<00:02.25>ed, <00:02.50>\n"
        "[00:03.00]is <00:04.00>love\n[00:05.00]"
    )
    assert lyrics.text == "All you need,\nis love"
    assert lyrics.word_times == [
        (1.0, 1.5), (1.5, 2.0), (2.0, 2.5), (3.0, 4.0), (4.0, 5.0),
    ]  # fmt: skip


def test_a_part_of_timed_lyrics():
    lyrics = read_lrc(SONG, start=11.0, end=30.0)
    assert lyrics.text == "A chorus\nLast"
    assert lyrics.word_times == [(3.0, 9.0), (3.0, 9.0), (9.0, 19.0)]
    words = read_lrc("[00:01.00]<00:01.00>All <00:01.50>you <00:02.00>need", start=1.5, end=9.0)
    assert words.text == "you need"


@pytest.mark.parametrize("text", ["", "no times", "[ti:only a title]"])
def test_no_lrc(text):
    with pytest.raises(ValueError, match="no line has a time"):
        read_lrc(text)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[offset:soon]\n[00:01]la", "'soon' is no number of milliseconds"),
        ("[offset:nan]\n[00:01]la", "'nan' is no number"),
        ("[" + "9" * 400 + ":00]la", "no time of a song"),
        ("[00:01]" * 3000 + "la " * 3000, "more than 4194304 characters"),
    ],
)
def test_lrc_that_no_song_has(text, match):
    with pytest.raises(ValueError, match=match):
        read_lrc(text)


def test_many_words_with_times_are_read_in_one_go():
    n = 20_000  # a way that looks at all times for each word takes minutes
    lyrics = read_lrc("[00:01]" + "".join(f"<00:{1 + i / n:.3f}>la " for i in range(n)))
    starts, ends = np.array(lyrics.word_times).T
    assert len(starts) == n
    np.testing.assert_array_equal(starts[1:], ends[:-1])


# Tables.


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "songs").mkdir()
    soundfile.write(tmp_path / "songs" / "a.wav", rng.normal(0, 0.1, 22050 * 30), 22050)
    (tmp_path / "songs" / "a.lrc").write_text(SONG, encoding="utf-8")
    (tmp_path / "songs" / "a.txt").write_text("text of\na file", encoding="utf-8")
    return tmp_path


def write(folder, text):
    (folder / "songs.csv").write_text(text, encoding="utf-8")
    return folder / "songs.csv"


def test_a_table(folder):
    table = write(
        folder,
        "audio,lyrics,genre,year\nsongs/a.wav,songs/a.txt,pop,1999\n"
        'songs/a.wav,"NA\nby the way",rock,\nsongs/a.wav,,folk,2001\n',
    )
    songs = load_songs(table)
    assert list(songs) == ["audio", "lyrics", "genre", "year"]
    assert songs["audio"][0] == str(folder / "songs" / "a.wav")
    assert songs["lyrics"].tolist() == ["text of\na file", "NA\nby the way", ""]
    assert songs["genre"].tolist() == ["pop", "rock", "folk"]
    assert np.isnan(songs["year"][1])


@pytest.mark.parametrize(("name", "sep", "given"), [("t.csv", ";", ";"), ("t.tsv", "\t", None)])
def test_what_separates_columns(name, sep, given, folder):
    rows = [["audio", "lyrics", "genre"], ["songs/a.wav", "la, la", "pop"]]
    (folder / name).write_text("\n".join(sep.join(row) for row in rows), encoding="utf-8")
    songs = load_songs(folder / name, sep=given)
    assert songs["lyrics"].tolist() == ["la, la"]
    assert songs["genre"].tolist() == ["pop"]


def test_ids_and_names_stay_text(folder):
    table = write(
        folder,
        "audio,id,artist,label,year,rate\n"
        "songs/a.wav,001,NA,NA,1999,NA\nsongs/a.wav,002,50,None,,0.5\nsongs/a.wav,010,,,0,0.25\n",
    )
    songs = load_songs(table, lyrics=None)
    assert songs["id"].tolist() == ["001", "002", "010"]
    assert songs["label"].tolist()[:2] == ["NA", "None"]
    assert songs["label"].isna().tolist() == [False, False, True]
    np.testing.assert_array_equal(songs["year"], [1999, np.nan, 0])
    np.testing.assert_array_equal(songs["rate"], [np.nan, 0.5, 0.25])


QUOTES = {
    "mere text": ('a.wav\t"Heroes\t1\na.wav\tThe "B" Side\t2\na.wav\tTwo"\t3\n',
                  ['"Heroes', 'The "B" Side', 'Two"']),
    "around cells": ('a.wav\t"la ""la"""\t1\n"a.wav"\tlo\t2\n', ['la "la"', "lo"]),
    "around lines": ('a.wav\t"la la\nlo\tlo"\t1\na.wav\tlo\t2\n', ["la la\nlo\tlo", "lo"]),
    "text that looks closed": ('a.wav\t"a\t1\na.wav\tb"\t2\n', ['"a', 'b"']),
}  # fmt: skip


@pytest.mark.parametrize("kind", QUOTES)
def test_quotation_marks_between_tabs(kind, folder):
    text, expected = QUOTES[kind]
    table = folder / "songs" / "t.tsv"
    table.write_text("audio\tlyrics\tn\n" + text)
    songs = load_songs(table)
    assert songs["lyrics"].tolist() == expected
    assert songs["n"].tolist() == list(range(1, len(expected) + 1))


def test_the_table_of_the_cases():
    path = Path(__file__).parents[2] / "shared" / "cases" / "quotes.tsv"
    if not path.is_file():
        pytest.skip("no ../shared/cases")
    songs = load_songs(path, audio="id", lyrics="song", check_audio=False)
    assert songs["lyrics"].tolist() == ['"Heroes', "One", 'Two"', "Three"]
    assert songs["artist"].tolist() == ["NA", 'The "B" Side', "None", "Last"]
    assert [Path(cell).name for cell in songs["audio"]] == ["001", "002", "007", "008"]


def test_a_data_frame(folder, monkeypatch):
    content = (folder / "songs" / "a.wav").read_bytes()
    table = pd.DataFrame(
        {
            "clip": ["songs/a.wav", {"bytes": content, "path": "gone.wav"}, None],
            "words": ["songs/a.txt", "NA", None],
            "id": ["001", "NA", "3"],
        },
        index=[7, 8, 9],
    )
    songs = load_songs(table, audio="clip", lyrics="words", folder=folder)
    assert songs["audio"][0] == str(folder / "songs" / "a.wav")
    assert songs["audio"][1]["bytes"] == content
    assert songs["lyrics"].tolist() == ["text of\na file", "NA", ""]
    assert songs["id"].tolist() == ["001", "NA", "3"]
    monkeypatch.chdir(folder)
    again = load_songs(table[["clip", "words"]], audio="clip", lyrics="words")
    assert again["audio"][0] == songs["audio"][0]
    parts = load_songs(table.assign(at=5.0), audio="clip", lyrics=None, start="at", folder=folder)
    assert parts["audio"][1] == table["clip"][8] | {"start": 5.0, "end": np.inf}
    with pytest.raises(InvalidSongError, match=r"row 0: audio: .* does not exist"):
        load_songs(table, audio="clip", lyrics=None, folder=folder / "songs")
    with pytest.raises(ValueError, match="no column 'audio'"):
        load_songs(table)


def test_segments_of_files_with_their_lyrics(folder):
    table = write(
        folder,
        "clip,words,from,to\nsongs/a.wav,songs/a.lrc,9,16\nsongs/a.wav,all of it,16,22.5\n",
    )
    songs = load_songs(table, audio="clip", lyrics="words", start="from", end="to")
    assert list(songs) == ["audio", "lyrics", "word_times", "from", "to"]
    assert songs["lyrics"].tolist() == ["First line, two\n\nA chorus", "all of it"]
    assert songs["word_times"][0][0] == (1.0, 3.0)
    assert songs["word_times"][1] is None
    model = lambda X: np.array([len(a["array"]) for a in X["audio"]])  # noqa: E731
    explainer = MusicLimeExplainer(model, separator=None, n_samples=20, random_state=0)
    (second,) = explainer.fit(songs).explain(songs[1:])
    (first,) = explainer.set_params(segmenter=LyricLineSegmenter()).explain(songs[:1])
    assert len(first.components.audio.mix) == 7 * 22050
    assert len(second.components.audio.mix) == 6.5 * 22050
    assert first.to_frame().set_index("component").loc["chorus", "start"] == 5.0
    assert first.components.audio.times[1:-1].tolist() == pytest.approx([3.0, 5.0])


def test_no_lyrics_and_other_folders(folder, tmp_path_factory):
    table = tmp_path_factory.mktemp("elsewhere") / "songs.tsv"
    table.write_text("file\ttitle\na.wav\tone\n")
    songs = load_songs(table, audio="file", lyrics=None, folder=folder / "songs")
    assert songs.to_dict("records") == [
        {"audio": str(folder / "songs" / "a.wav"), "lyrics": "", "title": "one"}
    ]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("audio,lyrics\nsongs/a.wav,la\nsongs/a.wav,songs/gone.lrc", "row 1: lyrics: .*not exist"),
        ("audio,lyrics\nsongs/a.wav,songs/latin.txt", "row 0: lyrics: .*not UTF-8"),
        ("audio,lyrics\nsongs/a.wav,songs/empty.lrc", "row 0: lyrics: .*no line has a time"),
    ],
)
def test_lyrics_that_cannot_be_read(text, match, folder):
    (folder / "songs" / "latin.txt").write_bytes("café".encode("latin-1"))
    (folder / "songs" / "empty.lrc").write_text("[ti:nothing]")
    with pytest.raises(InvalidSongError, match=match):
        load_songs(write(folder, text))


def test_tables_that_are_none(folder):
    with pytest.raises(FileNotFoundError, match=r"gone\.csv"):
        load_songs(folder / "gone.csv")
    with pytest.raises(ValueError, match="no column 'lyrics'"):
        load_songs(write(folder, "audio,words\na.wav,la\n"))
    with pytest.raises(ValueError, match="more than one column 'lyrics'"):
        load_songs(write(folder, "audio,lyrics,lyrics\na.wav,la,lo\n"))
    for text in ("", "audio,lyrics\na.wav,la,\n", 'audio,lyrics\na.wav,"la\n'):
        with pytest.raises(ValueError, match=r"songs\.csv' can't be read as a table"):
            load_songs(write(folder, text))
    with pytest.raises(InvalidSongError, match=r"row 0: lyrics: .* name too long"):
        load_songs(write(folder, f"audio,lyrics\na.wav,{'la ' * 200}.txt\n"))
    with pytest.raises(InvalidSongError, match="row 1: audio: 'soon' is no number"):
        load_songs(write(folder, "audio,lyrics,at\nsongs/a.wav,la,0\nx.wav,la,soon\n"), start="at")
    with pytest.raises(InvalidSongError, match=r"row 1: audio: file .*x\.wav' does not exist"):
        load_songs(write(folder, "audio,lyrics\nsongs/a.wav,la\nx.wav,la\n"))
    songs = load_songs(write(folder, "audio,lyrics\nx.wav,la\n"), check_audio=False)
    assert songs["audio"][0] == str(folder / "x.wav")
    songs = load_songs(write(folder, "audio,lyrics,at\nsongs/a.wav,la,\n,la,0\n"), start="at")
    explainer = MusicLimeExplainer(lambda X: np.zeros(len(X)), separator=None).fit(songs)
    with pytest.raises(InvalidSongError, match="row 1: audio"):
        explainer.explain(songs)
    assert len(explainer.explain(songs[:1])[0].components.audio.mix) == 30 * 22050


# Music4All.


@pytest.fixture
def music4all(tmp_path):
    """A folder as the data set has it, of four songs, one without audio."""
    tables = {
        "information": "id\tartist\tsong\talbum_name\n1a\tNA\tOne\tFirst\n2b\tBo\t2\tSecond\n"
        "3c\tCy\tThree\tThird\n4d\tDi\tFour\tFourth\n",
        "genres": "id\tgenres\n1a\tjazz, rap,pop\n2b\tpop\n3c\tmetal\n4d\tpop\n",
        "lang": "id\tlang\n1a\ten\n2b\tpt\n3c\ten\n4d\ten\n",
        "metadata": "id\tspotify_id\tenergy\tvalence\ttempo\n1a\tx\t0.9\t0.1\t100\n"
        "2b\ty\t0.5\t0.65\t90\n3c\tz\t0.1\t0.349\t80\n4d\tw\t0.5\t0.5\t70\n",
    }
    for name, text in tables.items():
        (tmp_path / f"id_{name}.csv").write_text(text, encoding="utf-8")
    for kind in ("audios", "lyrics"):
        (tmp_path / kind).mkdir()
    for song in ("1a", "2b", "3c", "4d"):
        (tmp_path / "lyrics" / f"{song}.txt").write_text(f"lyrics of {song}é", encoding="utf-8")
        if song != "4d":
            (tmp_path / "audios" / f"{song}.mp3").write_bytes(b"")
    return tmp_path


def test_music4all(music4all):
    songs = load_music4all(music4all)
    assert songs["id"].tolist() == ["1a", "2b", "3c"]
    assert songs["audio"].tolist() == [str(music4all / "audios" / f"{i}.mp3") for i in songs["id"]]
    assert songs["lyrics"][0] == "lyrics of 1aé"
    assert songs["artist"].tolist() == ["NA", "Bo", "Cy"]
    assert songs["title"].tolist() == ["One", "2", "Three"]
    assert songs["genres"][0] == ["jazz", "rap", "pop"]
    assert songs["genre"].tolist() == ["jazz", "pop", "metal"]
    assert songs["emotion"].tolist() == ["Angry", "Happy", "Depressed"]
    assert songs["tempo"].tolist() == [100, 90, 80]
    mapped = load_music4all(music4all, genre_map={"rap": "hip hop", "pop": "pop"}, languages=["en"])
    assert mapped["genre"].tolist() == ["hip hop", None]


def test_nine_emotions():
    low, middle, high = 0.1, 0.5, 0.9
    expected = {
        (low, high): "Angry", (middle, high): "Tense", (high, high): "Excited",
        (low, middle): "Sad", (middle, middle): "Neutral", (high, middle): "Happy",
        (low, low): "Depressed", (middle, low): "Calm", (high, low): "Relaxed",
    }  # fmt: skip
    valence, energy = np.array(list(expected)).T
    assert emotion(valence, energy).tolist() == list(expected.values())
    assert emotion([0.35, 0.65], [0.35, 0.65]).tolist() == ["Neutral", "Excited"]
    assert emotion([np.nan], [0.5]).tolist() == [None]


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("genres", "id\tgenres\n1a\tpop\n1a\trap\n", "id '1a' more than once"),
        ("genres", "id\tkinds\n1a\tpop\n", "no column 'genres'"),
        ("metadata", "id\tenergy\tvalence\n1a\t0.9\thigh\n", "'valence' holds what is no number"),
    ],
)
def test_tables_of_music4all_that_are_none(name, text, match, music4all):
    (music4all / f"id_{name}.csv").write_text(text)
    with pytest.raises(ValueError, match=match):
        load_music4all(music4all)


def test_folders_that_are_none(tmp_path, music4all):
    with pytest.raises(FileNotFoundError, match="id_information"):
        load_music4all(tmp_path / "gone")
    for path in (music4all / "audios").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="no song has both"):
        load_music4all(music4all)
