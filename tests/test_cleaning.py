"""Scraped pages of lyrics: invented ones, and what of them is sung."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_musiclime import MusicLimeExplainer
from sklearn_musiclime.components import word_spans
from sklearn_musiclime.datasets import clean_lyrics, cleaning, page_text

PAGES = {
    "header on the line of a mark": (
        "2 ContributorsRivers Lyrics[Verse 1]\nSilver rivers run",
        "Silver rivers run", ["header", "section mark"],
    ),
    "header glued to the first words": (
        "1 ContributorRivers LyricsSilver rivers run\nOver stone",
        "Silver rivers run\nOver stone", ["header"],
    ),
    "header on a line of its own": (
        "31 ContributorsTranslationsDeutschMy Lyrics Lyrics\n\nSilver rivers",
        "\nSilver rivers", ["header"],
    ),
    "header without contributors": (
        "Rivers Lyrics[Intro]\nla", "la", ["header", "section mark"],
    ),
    "footer glued to the last word": ("run, run34Embed", "run, run", ["footer"]),
    "footer in thousands": ("run, run1.2KEmbed", "run, run", ["footer"]),
    "footer on a line of its own": ("run\nrun\n\nEmbed\n", "run\nrun", ["footer"]),
    "old footer": ("runEmbedShare URLCopyEmbedCopy", "run", ["footer"]),
    "advertisement glued to the next line": (
        "la\nYou might also likeOver stone\nlo", "la\nOver stone\nlo", ["advertisement"],
    ),
    "advertisement before a mark": (
        "la\nYou might also like[Bridge]\nlo", "la\nlo", ["advertisement", "section mark"],
    ),
    "tickets": (
        "la\nSee The Stones LiveGet tickets as low as $53You might also like\nlo",
        "la\nlo", ["tickets", "advertisement"],
    ),
    "marks": (
        "[Intro]\n[Verse 2: Ann & Bob]\nla\n[Pre-Chorus]\n[Chorus - both] lo\n[Guitar Solo]\n"
        "[Final Chorus]\n[Part II]\n[Produced by Ann B.]\n[Verse One]\nli",
        "la\n lo\nli", ["section mark"] * 9,
    ),
    "marks of other languages": (
        "[Refrain]\n[Strophe 1]\n[Estribillo]\n[Refrão]\n[Ritornello]\n[Zwrotka 2]\n"
        "[Припев]\n[副歌]\nla",
        "la", ["section mark"] * 8,
    ),
    "marks without brackets": ("Verse 2:\nla\nCHORUS:\nlo", "la\nlo", ["section mark"] * 2),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_pages(name):
    page, lyrics, kinds = PAGES[name]
    with pytest.warns(UserWarning, match=r"^taken out of the lyrics of 1 song"):
        assert clean_lyrics(page) == lyrics
    assert [piece.kind for piece in page_text(page)] == kinds


SUNG = (
    "You might also like to dance", "I Embed", "we Embed it all", "verse two is mine",
    "(x2)", "[oh yeah]", "[Break my heart]", "[Part of me]", "[drop it]", "Chorus of angels: sing",
    "12 contributors came", "I wrote these Lyrics", "the lyrics [all of them]", "See the live show",
    "", "24", "Embedded in stone", "[00:12.34] la", "Verse", "one [Chorus] more",
)  # fmt: skip


def test_what_may_be_sung_is_kept():
    lyrics = "\n".join(SUNG)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert clean_lyrics(lyrics) == lyrics
    assert page_text(lyrics) == []


PIECES = [*SUNG, *(page for page, _, _ in PAGES.values()), "\n", "[Hook]", "Embed", " "]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from(["", "\n", " "]))
def test_clean_lyrics_are_clean(pieces, between):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        once = clean_lyrics(between.join(pieces))
        assert clean_lyrics(once) == once
    assert page_text(once) == []


def test_songs_and_their_word_times():
    page = "2 ContributorsBlue Rivers Lyrics\n[Chorus]\nsilver rivers\nrun3Embed"
    times = [(float(i), i + 0.5) for i in range(8)]
    X = pd.DataFrame({"audio": ["a.wav", "b.wav"], "text": [page, "la la"], "genre": [1, 2]},
                     index=["x", "y"])  # fmt: skip
    X["word_times"] = [times, None]
    before = X.copy(deep=True)
    with pytest.warns(UserWarning, match=r"1 song\(s\): 1 header.* row 0: '2 Contributors.*1 sec"):
        found = clean_lyrics(X, lyrics_column="text")
    assert found["text"].tolist() == ["silver rivers\nrun", "la la"]
    assert found["word_times"].tolist() == [times[5:], None]  # "run3Embed" was one word
    assert found.drop(columns=["text", "word_times"]).equals(X.drop(columns=["text", "word_times"]))
    pd.testing.assert_frame_equal(X, before)
    array = X[["audio", "text", "word_times"]].to_numpy()
    with pytest.warns(UserWarning, match="taken out"):
        again = clean_lyrics(array)
    assert again[:, 1:].tolist() == found[["text", "word_times"]].to_numpy().tolist()
    assert array[0, 1] == page
    with pytest.raises(ValueError, match="no column 'lyrics'"):
        clean_lyrics(X)


def test_tables_of_polars_and_columns_of_other_types():
    polars = pytest.importorskip("polars", reason="needs polars")
    times = [[(0.0, 0.5), (0.5, 1.0), (1.0, 1.5)]]
    X = polars.DataFrame({"audio": ["a.wav"], "lyrics": ["[Chorus]\nla la"], "word_times": times})
    with pytest.warns(UserWarning, match=r"1 section mark\(s\)"):
        found = clean_lyrics(X)
    assert found.schema == X.schema
    assert found["lyrics"].to_list() == ["la la"]
    assert found["word_times"].to_list() == [[[0.5, 1.0], [1.0, 1.5]]]
    for dtype in ("category", "string", object):
        X = pd.DataFrame({"lyrics": pd.Series(["[Chorus]\nla", "lo"], dtype=dtype)})
        with pytest.warns(UserWarning, match="1 song"):
            assert clean_lyrics(X)["lyrics"].tolist() == ["la", "lo"]
    assert len(clean_lyrics(X.iloc[:0])) == 0


@pytest.mark.parametrize("X", [pd.Series(["la"]), [["a.wav", "la"]]])
def test_what_is_no_table_of_songs(X):
    with pytest.raises(TypeError, match="X must be a pandas or polars DataFrame"):
        clean_lyrics(X)


def test_many_marks_are_one_search(monkeypatch):
    """Lyrics are cut into words once a kind of piece, however many pieces there are."""
    cut = []
    monkeypatch.setattr(cleaning, "word_spans", lambda text: cut.append(text) or word_spans(text))
    page = "\n".join(["1 ContributorX Lyrics", *["[Chorus]\nla la"] * 300, "lo5Embed"])
    times = [(float(i), i + 0.5) for i in range(len(word_spans(page)))]
    X = pd.DataFrame({"lyrics": [page]})
    X["word_times"] = [times]
    with pytest.warns(UserWarning, match=r"300 section mark\(s\)"):
        found = clean_lyrics(X)
    assert len(cut) == 3
    assert found["lyrics"][0] == "\n".join(["la la"] * 300 + ["lo"])
    assert len(found["word_times"][0]) == 601


def test_words_that_carry_their_times_are_found_after_cleaning(noise):
    X = pd.DataFrame({"audio": pd.Series([noise]), "lyrics": ["[Chorus]\nsilver rivers"]})
    X["word_times"] = [[("silver", 0.0, 0.2), ("rivers", 0.2, 0.4)]]
    with pytest.warns(UserWarning, match="taken out"):
        cleaned = clean_lyrics(X)
    explainer = MusicLimeExplainer(
        lambda X: [float("silver" in text) for text in X["lyrics"]], modality="lyrics"
    )
    explanation = explainer.fit(cleaned).explain(cleaned)[0]
    frame = explanation.to_frame()
    assert frame["component"].tolist() == ["silver", "rivers"]


def test_a_pipeline_may_begin_with_it():
    """One that was trained on pages reads them clean, whatever is left of a page."""
    model = make_pipeline(
        FunctionTransformer(clean_lyrics),
        FunctionTransformer(lambda X: np.array([[len(text)] for text in X[:, 1]])),
    )
    X = np.array([[np.zeros(3), "[Chorus]\nla"], [np.zeros(3), "la la"]], dtype=object)
    with pytest.warns(UserWarning, match="1 song"):
        assert model.fit_transform(X).ravel().tolist() == [2, 5]
