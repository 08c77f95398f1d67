"""The neighbourhood of a song: masks, the perturbed songs they make, and the model's scores."""

from sklearn_musiclime.neighbourhood.designs import MAX_EXHAUSTIVE, check_design, draw_masks
from sklearn_musiclime.neighbourhood.models import ScoreFunction, select_labels
from sklearn_musiclime.neighbourhood.perturbed import (
    compose_audio,
    compose_lyrics,
    perturbed_songs,
)
from sklearn_musiclime.neighbourhood.scoring import score_masks

__all__ = [
    "MAX_EXHAUSTIVE",
    "ScoreFunction",
    "check_design",
    "compose_audio",
    "compose_lyrics",
    "draw_masks",
    "perturbed_songs",
    "score_masks",
    "select_labels",
]
