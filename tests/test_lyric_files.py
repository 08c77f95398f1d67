"""Files of lyrics as people have them: each with the right reading, told by hand."""

import builtins
import json
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_musiclime import InvalidSongError, MusicLimeExplainer
from sklearn_musiclime.components import split_lyrics, word_spans
from sklearn_musiclime.datasets import load_songs, read_lrc, read_lyrics_file
from sklearn_musiclime.songs import lyrics_doubts, read_word_times

APPLE = """<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata">
<head><metadata><ttm:agent type="person" xml:id="v1"/></metadata></head>
<body dur="1:10.000"><div begin="9.000" end="20.000">
  <p begin="10.500" end="12.900" ttm:agent="v1"><span begin="10.500" end="11.000">Hol</span><span
  begin="11.000" end="11.400">ding</span> <span begin="11.500" end="12.000">still</span><span
  ttm:role="x-bg"><span begin="12.100" end="12.900">(still)</span></span><span
  ttm:role="x-translation" xml:lang="de">Ganz ruhig</span></p>
</div></body></tt>"""

ROLLING = """WEBVTT
Kind: captions

00:00:01.000 --> 00:00:03.000 align:start position:0%

Silver<00:00:01.500><c> rivers</c>

00:00:03.000 --> 00:00:03.010
Silver rivers

00:00:03.010 --> 00:00:05.000
Silver rivers
run<00:00:04.000><c> over</c>
""".replace("%\n\nSilver", "%\n \nSilver")

WHISPERX = {
    "segments": [
        {
            "start": 2.0, "end": 4.0, "text": " Well-known 24 times, la",
            "words": [
                {"word": "Well-known", "start": 2.0, "end": 2.4}, {"word": "24"},
                {"word": "times,", "start": 3.0, "end": 3.4}, {"word": "la"},
            ],
        }
    ]
}  # fmt: skip
W, S = "Silver rivers", [(2.0, 4.0), (2.0, 4.0)]
CUE = "00:00:02,000 --> 00:00:04,000"

# What: (suffix, content, lyrics, word times).
FILES = {
    "square stamps of words": (
        "lrc", "[00:02.00]Silver [00:02.50]rivers[00:04.00]", W, [(2.0, 2.5), (2.5, 4.0)]
    ),
    "square stamps, and one of the line": (
        "lrc", "[00:01.90][00:02.00]Silver [00:02.50]rivers[00:04.00]", W, [(2.0, 2.5), (2.5, 4.0)]
    ),
    "square ends of words": (
        "lrc", "[00:02.00]Silver[00:02.40] [00:02.50]rivers[00:04.00]", W, [(2.0, 2.4), (2.5, 4.0)]
    ),
    "end of a line": ("lrc", "[00:02.00]Silver rivers[00:04.00]\n[00:09.00]", W, S),
    "end of a line, pointed": ("lrc", "[00:02.00]Silver rivers<00:04.00>\n[00:09.00]", W, S),
    "end of a repeated line": (
        "lrc", "[00:02.00][00:12.00]la[00:04.00]", "la\nla", [(2.0, 4.0), (12.0, 14.0)]
    ),
    "a translation": (
        "lrc", "[00:02.00]Silver\n[00:02.00]Silber\n[00:04.00]", "Silver\nSilber", S
    ),
    "a translation, rounded": (
        "lrc", "[00:02.00]Silver\n[00:02.01]Silber\n[00:04.00]", "Silver\nSilber",
        [(2.0, 4.0), (2.01, 4.0)],
    ),
    "a duet": (
        "lrc",
        "[00:10.500]<00:10.500>Hold <00:11.078>on<00:12.042>\n"
        "[00:10.502]<00:11.517>Holding <00:11.924>still<00:12.469>\n[00:16.00]now[00:17]",
        "Hold on\nHolding still\nnow",
        [(10.5, 11.078), (11.078, 12.042), (11.517, 11.924), (11.924, 12.469), (16.0, 17.0)],
    ),
    "a voice within a line": (
        "lrc", "[00:10]<00:10>Hold <00:13>on\n[00:12]oh[00:12.5]\n[00:15]", "Hold on\noh",
        [(10.0, 13.0), (13.0, 15.0), (12.0, 12.5)],
    ),
    "a repeated line with words": (
        "lrc", "[00:10.00][01:10.00]<00:10.00>la <00:10.50>land<00:11.00>", "la land\nla land",
        [(10.0, 10.5), (10.5, 11.0), (70.0, 70.5), (70.5, 71.0)],
    ),
    "a repeated line, the later time first": (
        "lrc", "[01:10.00][00:10.00]<00:10.00>la <00:10.50>land<00:11.00>", "la land\nla land",
        [(10.0, 10.5), (10.5, 11.0), (70.0, 70.5), (70.5, 71.0)],
    ),
    "hours": ("lrc", "[1:00:02.00]Silver rivers[1:00:04.00]", W, [(3602.0, 3604.0)] * 2),
    "hours, some without a fraction": (
        "lrc", "[00:59:58]la\n[1:00:02.0]lo\n[1:00:04]", "la\nlo",
        [(3598.0, 3602.0), (3602.0, 3604.0)],
    ),
    "hundredths after a colon": ("lrc", "[00:02:00]Silver rivers\n[00:04:00]", W, S),
    "a comma": ("lrc", "[00:02,00]Silver rivers\n[00:04,0]", W, S),
    "six digits": ("lrc", "[00:02.000000]Silver rivers\n[00:04.000000]", W, S),
    "blanks in stamps": ("lrc", "[ 00:02.00 ] Silver rivers\n[00:04.00]", W, S),
    "singers": ("lrc", "[00:02.00]F: Silver\n[00:02.00]M:rivers\n[00:04.00]", "Silver\nrivers", S),
    "singers in Chinese": ("lrc", "[00:02.00]女：Silver rivers\n[00:04.00]", W, S),
    "voices of Apple Music": (
        "elrc",
        "[00:02.00]v1: <00:02.00>Silver <00:03.00>rivers<00:04.00>\n[bg: <00:04.50>oh<00:05.00>]",
        "Silver rivers\noh", [(2.0, 3.0), (3.0, 4.0), (4.5, 5.0)],
    ),
    "words alone have stamps": (
        "lrc", "<00:02.00>Silver <00:03.00>rivers <00:04.00>", W, [(2.0, 3.0), (3.0, 4.0)]
    ),
    "no stamps but a name with a colon": ("lrc", "[00:02]Fred: la\n[00:04]", "Fred: la", S),
    "SubRip": ("srt", f"1\n{CUE}\nSilver rivers\n", W, S),
    "SubRip, last line a number": ("srt", f"1\n{CUE}\nSilver\n24\n", "Silver\n24", S),
    "SubRip, no blank line between": (
        "srt", f"1\n{CUE}\nSilver\n2\n00:00:05,000 --> 00:00:06,000\nla", "Silver\nla",
        [(2.0, 4.0), (5.0, 6.0)],
    ),
    "SubRip, tags, signs and entities": (
        "srt", f"1\n{CUE}\n♪ <i>Silver</i> &amp; <b>rivers</b> ♪\n{{\\an8}}🎵\n",
        "Silver & rivers", S,
    ),
    "SubRip, less than": ("srt", f"1\n{CUE}\nI <3 you", "I <3 you", [(2.0, 4.0)] * 3),
    "SubRip, Windows": ("srt", f"\ufeff1\r\n{CUE}\r\nSilver rivers\r\n\r\n", W, S),
    "WebVTT": ("vtt", "WEBVTT\n\n00:02.000 --> 00:04.000\nSilver rivers\n", W, S),
    "WebVTT, words": (
        "vtt",
        "WEBVTT\n\n00:02.000 --> 00:04.000\n<00:02.000><c>Silver</c> <00:02.500><c>rivers</c>\n",
        W, [(2.0, 2.5), (2.5, 4.0)],
    ),
    "WebVTT, names, comments, styles and voices": (
        "vtt",
        "WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nfirst\n00:02.000 --> 00:04.000 line:0\n"
        "<v Mary>Silver rivers\n\nNOTE no words\n\nsecond\n00:05.000 --> 00:06.000\n♫\n",
        W, S,
    ),
    "WebVTT that rolls": (
        "vtt", ROLLING, "Silver rivers\nrun over",
        [(1.0, 1.5), (1.5, 3.0), (3.01, 4.0), (4.0, 5.0)],
    ),
    "TTML": (
        "ttml",
        '<?xml version="1.0" encoding="UTF-8"?><tt xmlns="http://www.w3.org/ns/ttml"><body><div>'
        '<p begin="00:00:02.000" end="00:00:04.000">Silver<br/>\n  rivers</p></div></body></tt>',
        "Silver\nrivers", S,
    ),
    "TTML of Apple Music": (
        "ttml", APPLE, "Holding still(still)", [(10.5, 11.4), (11.5, 12.0), (12.1, 12.9)]
    ),
    "TTML, times within others": (
        "ttml", '<tt><body begin="10s"><p begin="2s" dur="2s">Silver rivers</p></body></tt>',
        W, [(12.0, 14.0)] * 2,
    ),
    "TTML, ticks and frames": (
        "dfxp",
        '<tt xmlns:p="x" p:tickRate="9" p:frameRate="25"><p begin="18t" end="100f">la</p></tt>',
        "la", [(2.0, 4.0)],
    ),
    "WhisperX": (
        "json", json.dumps(WHISPERX), "Well-known 24 times, la",
        [(2.0, 2.4), (2.0, 2.4), None, (3.0, 3.4), None],
    ),
    "WhisperX, words alone": (
        "json", json.dumps({"word_segments": WHISPERX["segments"][0]["words"]}),
        "Well-known 24 times, la", [(2.0, 2.4), (2.0, 2.4), None, (3.0, 3.4), None],
    ),
    "Whisper without words": (
        "json", json.dumps({"segments": [{"start": 2, "end": 4, "text": " Silver rivers"}]}), W, S
    ),
    "Hugging Face": (
        "json", json.dumps({"chunks": [{"text": " Silver rivers", "timestamp": [2, 4]}]}),
        W, S,
    ),
    "LRCLIB": ("json", json.dumps({"syncedLyrics": "[00:02.00]Silver rivers\n[00:04.00]"}), W, S),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_lyrics(name, tmp_path):
    suffix, content, text, times = FILES[name]
    path = tmp_path / f"song.{suffix}"
    path.write_bytes(content.encode())
    found = read_lyrics_file(path)
    assert found.text == text
    assert [found.text[slice(*span)] for span in word_spans(found.text)]
    assert [t and pytest.approx(t) for t in times] == found.word_times
    # As a cell of X, the words get the same times, whatever stands between them.
    cell = read_word_times(found.cell())
    parts = split_lyrics(found.text, "word_positions", word_times=cell)
    assert list(parts.times) == found.word_times


BAD = {
    "gone": ("txt", None, "does not exist"),
    "not what it says": ("srt", "Silver rivers", "no cue has times"),
    "a time that is none": ("srt", "1\n00:00:02,000 --> soon\nla", "no times of a cue"),
    "backwards": ("vtt", "WEBVTT\n\n00:04.000 --> 00:02.000\nla", "ends before it begins"),
    "no JSON": ("json", "Silver", "no JSON"),
    "other JSON": ("json", '{"title": "la"}', "no segments"),
    "JSON without times": ("json", '[{"text": "la"}]', "no times"),
    "no XML": ("ttml", "<tt><p>", "no XML"),
    "XML without times": ("ttml", "<tt><p>la</p></tt>", "no times"),
    "an unknown suffix": ("docx", "Silver", "not from .docx"),
    "UTF-16 without a mark": ("txt", "S\0i\0l\0", "perhaps UTF-16"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_is_read_or_refused(name, tmp_path):
    suffix, content, match = BAD[name]
    if content is not None:
        (tmp_path / f"song.{suffix}").write_text(content)
    (tmp_path / "songs.csv").write_text(f"audio,lyrics\na.wav,song.{suffix}\n")
    with pytest.raises(InvalidSongError, match=f"row 0: lyrics: .*{match}"):
        load_songs(tmp_path / "songs.csv", check_audio=False)


def test_lines_that_are_left_out_are_told():
    with pytest.warns(UserWarning, match=r"1 line.s. have no time .*'by the way'"):
        lyrics = read_lrc("[ti:x]\n[00:01]la\nby the way\n\n[00:02]")
    assert lyrics.text == "la"


def test_a_part_keeps_the_words_without_times_beside_its_own(tmp_path):
    (tmp_path / "song.json").write_text(json.dumps(WHISPERX))
    part = read_lyrics_file(tmp_path / "song.json", start=2.5, end=9.0)
    assert part.text == "times la"
    assert part.word_times == [(0.5, pytest.approx(0.9)), None]


@pytest.mark.parametrize(
    ("encoding", "given"),
    [("utf-8-sig", "utf-8"), ("utf-16", "utf-8"), ("utf-32", "latin-1"), ("latin-1", "latin-1"),
     ("utf-16-le", "utf-16-le")],
)  # fmt: skip
def test_encodings(encoding, given, tmp_path):
    (tmp_path / "a.txt").write_bytes("café\r\nau lait".encode(encoding))
    (tmp_path / "songs.csv").write_text("audio,lyrics\na.wav,a.txt\n")
    assert (
        load_songs(tmp_path / "songs.csv", encoding=given, check_audio=False)["lyrics"][0]
        == "café\nau lait"
    )
    (tmp_path / "b.txt").write_text("la")
    with pytest.raises(ValueError, match="no encoding 'martian'"):
        read_lyrics_file(tmp_path / "b.txt", encoding="martian")


def test_a_name_is_never_lyrics(tmp_path, monkeypatch):
    (tmp_path / "001").write_text("la la")
    (tmp_path / "songs.csv").write_text("audio,lyrics\na.wav,001\nb.wav,002\n")
    assert load_songs(tmp_path / "songs.csv", check_audio=False)["lyrics"].tolist() == [
        "la la",
        "002",
    ]
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).normal(size=22050)
    explainer = MusicLimeExplainer(lambda X: np.zeros(len(X)), separator=None)
    for name in ("001", "gone.LRC", " lyrics/a.vtt\n"):
        X = pd.DataFrame({"audio": [noise, noise], "lyrics": ["la", name]})
        with pytest.raises(InvalidSongError, match=r"row 1: lyrics: .*load_songs"):
            explainer.fit(X)
    for text in ("la.txt la", "a.lrc\nb", "", ".", "002"):
        explainer.fit(pd.DataFrame({"audio": [noise], "lyrics": [text]}))


def test_subtitles_of_other_kinds_are_read_with_pysubs2(tmp_path, monkeypatch):
    path = tmp_path / "song.ass"
    path.write_text(
        "[Script Info]\nScriptType: v4.00+\n[V4+ Styles]\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, "
        "MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,no words\n"
        "Dialogue: 0,0:00:02.00,0:00:04.00,Default,,0,0,0,,{\\i1}♪ Silver\\Nrivers\n",
        encoding="utf-8",
    )
    with monkeypatch.context() as without:
        real = builtins.__import__

        def fail(name, *rest, **options):
            if name == "pysubs2":
                raise ImportError("no pysubs2")
            return real(name, *rest, **options)

        without.setattr(builtins, "__import__", fail)
        with pytest.raises(ImportError, match=r"pip install 'sklearn-musiclime\[subtitles\]'"):
            read_lyrics_file(path)
    pytest.importorskip("pysubs2")
    found = read_lyrics_file(path)
    assert (found.text, found.word_times) == ("Silver\nrivers", S)
    path.write_text("nothing")
    with pytest.raises(ValueError, match="pysubs2 can't read it"):
        read_lyrics_file(path)


@pytest.mark.parametrize(
    "line", ["♪ ♪ Silver rivers ♪ ♪", "♪♪\xa0Silver rivers🎵 🎶", "Silver rivers ♪ \ufe0f"]
)
@pytest.mark.parametrize("suffix", ["srt", "vtt"])
def test_all_music_signs_at_the_ends_of_a_line_are_left_out(line, suffix, tmp_path):
    head, point = ("WEBVTT\n\n", ".") if suffix == "vtt" else ("1\n", ",")
    text = f"{head}00:00:01{point}000 --> 00:00:02{point}000\n{line}\n"
    (tmp_path / f"song.{suffix}").write_text(text, encoding="utf-8")
    found = read_lyrics_file(tmp_path / f"song.{suffix}")
    assert found.text == "Silver rivers"
    assert found.word_times == [(1.0, 2.0)] * 2


PATHS = ("lyrics/001.docx", "https://example.org/song", "C:\\songs\\a.rtf", "001.pdf", " a/b/c ")
WORDS = ("la la", "and/or", "word", "3.14", "hey...", "U.S.A.", "go to https://example.org", "")


def test_lyrics_that_are_none_are_doubted_before_the_long_work(noise):
    asked = []

    def model(X):
        asked.append(len(X))
        return [float(len(text)) for text in X["lyrics"]]

    lyrics = [*PATHS[:2], *WORDS[:3], "[00:12.34] la\n[00:13.34] lo", PATHS[2]]
    X = pd.DataFrame({"audio": pd.Series([noise] * len(lyrics)), "lyrics": lyrics})
    explainer = MusicLimeExplainer(model, modality="lyrics", n_samples=10).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked.clear()
        with pytest.raises(UserWarning, match=r"^row 0, row 1, row 6: the lyrics 'lyrics/001"):
            explainer.explain(X)
        with pytest.raises(UserWarning, match=r"^row 3: .* such as \[00:12.34\].*read_lrc"):
            explainer.explain(X.iloc[2:6].reset_index(drop=True))
        assert not asked


@pytest.mark.parametrize("text", PATHS)
def test_what_looks_like_a_path(text):
    assert set(lyrics_doubts(text)) == {"path"}


@pytest.mark.parametrize("text", [*WORDS, "[Chorus]\nla", "[4:20 in the morning] la"])
def test_what_looks_like_words(text):
    assert lyrics_doubts(text) == {}
