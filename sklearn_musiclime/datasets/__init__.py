"""Synthetic songs with known rules, loaders of public data sets, and of tables of your own."""

from sklearn_musiclime.datasets.cleaning import PageText, clean_lyrics, page_text
from sklearn_musiclime.datasets.jamendo import load_jamendo_lyrics
from sklearn_musiclime.datasets.lrc import read_lrc
from sklearn_musiclime.datasets.lyric_files import read_lyrics_file
from sklearn_musiclime.datasets.mirdata import load_mirdata
from sklearn_musiclime.datasets.music4all import emotion, load_music4all
from sklearn_musiclime.datasets.synthetic import PlantedRule, make_songs, save_songs
from sklearn_musiclime.datasets.tables import load_songs
from sklearn_musiclime.datasets.timed import TimedLyrics

__all__ = [
    "PageText",
    "PlantedRule",
    "TimedLyrics",
    "clean_lyrics",
    "emotion",
    "load_jamendo_lyrics",
    "load_mirdata",
    "load_music4all",
    "load_songs",
    "make_songs",
    "page_text",
    "read_lrc",
    "read_lyrics_file",
    "save_songs",
]
