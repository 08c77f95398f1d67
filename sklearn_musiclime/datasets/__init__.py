"""Songs to try things on."""

from sklearn_musiclime.datasets.jamendo import load_jamendo_lyrics
from sklearn_musiclime.datasets.synthetic import PlantedRule, make_songs, save_songs

__all__ = ["PlantedRule", "load_jamendo_lyrics", "make_songs", "save_songs"]
