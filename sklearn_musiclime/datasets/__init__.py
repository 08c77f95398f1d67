"""Synthetic songs with known rules, loaders of public data sets, and of tables of your own."""

from sklearn_musiclime.datasets.jamendo import load_jamendo_lyrics
from sklearn_musiclime.datasets.lrc import TimedLyrics, read_lrc
from sklearn_musiclime.datasets.music4all import emotion, load_music4all
from sklearn_musiclime.datasets.synthetic import PlantedRule, make_songs, save_songs
from sklearn_musiclime.datasets.tables import load_songs

__all__ = [
    "PlantedRule",
    "TimedLyrics",
    "emotion",
    "load_jamendo_lyrics",
    "load_music4all",
    "load_songs",
    "make_songs",
    "read_lrc",
    "save_songs",
]
