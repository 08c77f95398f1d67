"""What a word is, which times it has, and words that a function finds."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sklearn_musiclime import InvalidSongError, LyricLineSegmenter, MusicLimeExplainer
from sklearn_musiclime.components import split_lyrics, word_spans
from sklearn_musiclime.components.lyrics import word_times_cell
from sklearn_musiclime.songs import TimedWords, read_word_times


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I ❤️ you 👩🏽‍💻!", ["I", "❤️", "you", "👩🏽‍💻"]),
        ("love❤️love👍🏿", ["love", "❤️", "love", "👍🏿"]),
        ("👨‍👩‍👧‍👦🏳️‍🌈 ☺️", ["👨‍👩‍👧‍👦", "🏳️‍🌈", "☺️"]),
        ("🇩🇪🇫🇷 1️⃣2️⃣", ["🇩🇪", "🇫🇷", "1️⃣", "2️⃣"]),
        ("♪ la 🎵 ♫ 🎶", ["la"]),
        ("___ a_b – … *** ' ’", ["a_b"]),
        ("\u200d \ufe0f \u0301 x", ["x"]),
        ("ジョン・レノン ﾊ･ﾊ", list("ジョンレノンﾊﾊ")),
        ("2nd 24 don't e\u0301te\u0301", ["2nd", "24", "don't", "e\u0301te\u0301"]),
        ("हिन्दी की", ["हिन्दी", "की"]),
    ],
)
def test_a_word_has_a_letter_or_a_digit_or_is_an_emoji(text, words):
    assert [text[slice(*span)] for span in word_spans(text)] == words


def times_of(text, cell, units="word_positions"):
    parts = split_lyrics(text, units, word_times=read_word_times(cell))
    return dict(zip(parts.texts(), parts.times, strict=True))


def test_words_with_times_are_found_by_their_text():
    text = "♪ Silver rivers, run 24 well-known times ♪"
    triples = [
        ("Silver", 1.0, 2.0), ("rivers", 2.0, 3.0), ("run", 3.0, 4.0), ("24", None, None),
        ("well-known", 5.0, 6.0), ("times", 6.0, 7.0),
    ]  # fmt: skip
    expected = {"Silver": (1.0, 2.0), "rivers": (2.0, 3.0), "run": (3.0, 4.0), "24": None,
                "well": (5.0, 6.0), "known": (5.0, 6.0), "times": (6.0, 7.0)}  # fmt: skip
    assert times_of(text, triples) == expected
    whisperx = [
        {"word": word, "score": 0.9} | ({} if start is None else {"start": start, "end": end})
        for word, start, end in triples
    ]
    assert times_of(text, whisperx) == expected
    assert times_of(text, np.array(whisperx)) == expected
    assert times_of(text, pd.DataFrame(triples).to_numpy()) == expected
    assert times_of(text.upper(), triples).keys() == {word.upper() for word in expected}


def test_words_in_pieces_and_in_other_cuts():
    assert times_of("Holding on", [("Hold", 1, 2), ("ing", 2, 3), ("on", 4, 5)]) == {
        "Holding": (1.0, 3.0), "on": (4.0, 5.0)
    }  # fmt: skip
    assert times_of("愛してる", [("愛", 1, 2), ("してる", 2, 3)]) == {
        "愛": (1.0, 2.0), "し": (2.0, 3.0), "て": (2.0, 3.0), "る": (2.0, 3.0)
    }  # fmt: skip


def test_words_that_the_lyrics_or_the_times_lack():
    heard = [("Silver", 1, 2), ("ah", 2, 3), ("run", 3, 4)]
    found = times_of("Silver rivers run", heard)
    assert found == {"Silver": (1.0, 2.0), "rivers": None, "run": (3.0, 4.0)}
    with pytest.raises(InvalidSongError, match="row 0: word_times: only 1 of 3 words"):
        times_of("over stone run", heard)


def test_counts_that_agree_by_chance_are_not_taken():
    text = "♪ well-known song"  # three words, and three pieces between blanks
    pairs = [(1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]
    with pytest.raises(InvalidSongError, match=r"3 times .* \(word, start, end\)"):
        times_of(text, pairs)
    assert times_of(text, pairs[:2]) == {
        "well": (1.0, 2.0), "known": (1.0, 2.0), "song": (2.0, 3.0)
    }  # fmt: skip
    assert times_of("♪ Over stone ♪", pairs[:2]) == {"Over": (1.0, 2.0), "stone": (2.0, 3.0)}
    cell = word_times_cell(text, list(zip(["well", "known", "song"], pairs, strict=True)))
    assert list(times_of(text, cell).values()) == pairs
    assert word_times_cell("la land", [("la", pairs[0]), ("land", pairs[1])]) == pairs[:2]


@pytest.mark.parametrize(
    ("cell", "match"),
    [
        ([("la", 1, None)], "a start or an end, not both"),
        ([{"word": "la", "end": 2.0}], "a start or an end, not both"),
        ([("la", 2, 1)], r"word 0 \('la'\) ends before it starts"),
        ([("la", 1, np.inf)], "no numbers"),
        ([("la", "1", "2")], "no numbers"),
        ([("la", 1, 2), (1, 2, "la")], "word 1: .* where"),
        ([("la", 1)], "not numbers"),
        ([{"start": 1, "end": 2}], "where"),
        ([{"word": "la", "start": 10**400, "end": 10**400}], "no numbers"),
    ],
)
def test_words_with_times_that_are_none(cell, match):
    with pytest.raises(InvalidSongError, match=f"row 3: word_times: .*{match}"):
        read_word_times(cell, row=3)


def test_named_words_through_an_explanation():
    """Words without times are explained, and belong to no segment."""
    words = [{"word": "la", "start": 0.5, "end": 1.0}, {"word": "24"}]
    words += [{"word": "land", "start": 3.0, "end": 3.5}]
    noise = np.random.default_rng(0).normal(0, 0.1, 22050 * 5).astype(np.float32)
    X = pd.DataFrame({"audio": [noise], "lyrics": ["la 24\nland"], "word_times": [words]})
    explainer = MusicLimeExplainer(
        lambda X: np.array([len(text) for text in X["lyrics"]]),
        separator=None, segmenter=LyricLineSegmenter(min_gap=1.0), n_samples=40, random_state=0,
    )  # fmt: skip
    (explanation,) = explainer.fit(X).explain(X)
    starts = explanation.to_frame().set_index("component")["start"]
    assert starts["la"] == 0.5
    assert np.isnan(starts["24"])
    np.testing.assert_allclose(
        explanation.components.audio.times, [0, 1.0, 3.0, 3.5, 5.0], atol=1e-4
    )


def test_the_words_of_a_function():
    text = "我们相爱, 相爱 吧"

    def cut(text):  # as jieba.cut
        yield from ("我们", "相爱", ",", " ", "相爱", " ", "吧")

    parts = split_lyrics(text, cut)
    assert parts.names == ("我们", "相爱", "吧")
    assert parts.spans[1] == ((2, 4), (6, 8))
    assert "".join(off if component == 1 else on for component, on, off in parts.chunks) == (
        "我们, 吧"
    )
    nodes = lambda text: [SimpleNamespace(surface=word) for word in cut(text)]  # noqa: E731
    assert split_lyrics(text, nodes) == parts  # as fugashi.Tagger()
    # Times of its words, of those of word_spans, and of named ones.
    of_words = np.arange(8.0).reshape(4, 2)
    of_letters = np.arange(14.0).reshape(7, 2)
    named = TimedWords(("我们", "相爱", "相爱", "吧"), of_words)
    for times, first, last in ((of_words, (0, 1), (6, 7)), (of_letters, (0, 3), (12, 13)),
                               (named, (0, 1), (6, 7))):  # fmt: skip
        found = split_lyrics(text, cut, word_times=times).times
        assert (found[0], found[2]) == (first, last)


@pytest.mark.parametrize(
    ("cut", "match"),
    [(lambda text: ["not", "there"], "'not', which is not there"), (lambda text: [3], "3 where")],
)
def test_functions_that_find_no_words(cut, match):
    with pytest.raises(InvalidSongError, match=f"row 2: lyrics: lyric_units returned {match}"):
        split_lyrics("la la", cut, row=2)


def test_an_explanation_by_the_words_of_a_function(tmp_path):
    X = pd.DataFrame({"audio": [np.ones(22050, np.float32)], "lyrics": ["ฉันรักเธอ"]})
    explainer = MusicLimeExplainer(
        lambda X: np.array([float("รัก" in text) for text in X["lyrics"]]),
        separator=None, lyric_units=thai_words, n_samples=60, random_state=0, modality="lyrics",
    )  # fmt: skip
    explainer.fit(X)
    assert explainer.vocabulary_ == ("ฉัน", "รัก", "เธอ")
    (explanation,) = explainer.explain(X)
    weights = explanation.to_frame().set_index("component")["weight"]
    assert weights.idxmax() == "รัก"
    assert weights["รัก"] == pytest.approx(1.0, abs=1e-6)
    assert explanation.settings["lyric_units"] == "thai_words"
    explanation.save(tmp_path / "why.json")
    assert type(explanation).load(tmp_path / "why.json").components.lyrics.names == (
        "ฉัน", "รัก", "เธอ"
    )  # fmt: skip


def thai_words(text):
    return [word for word in ("ฉัน", "รัก", "เธอ") if word in text]
