"""The neighbourhood of a song: masks, the perturbed songs they make, and the model's scores."""

from sklearn_musiclime.neighbourhood.designs import (
    Neighbourhood,
    check_design,
    draw_masks,
    draw_neighbourhood,
)
from sklearn_musiclime.neighbourhood.factored import find_factored, score_factored
from sklearn_musiclime.neighbourhood.models import ScoreFunction, select_labels
from sklearn_musiclime.neighbourhood.perturbed import (
    AudioNeighbourhood,
    PerturbedAudio,
    PerturbedLyrics,
    compose_audio,
    compose_lyrics,
    perturbed_songs,
)
from sklearn_musiclime.neighbourhood.scorer import MaskFunction, NeighbourhoodScorer
from sklearn_musiclime.neighbourhood.scoring import automatic_batch_size, score_masks

__all__ = [
    "AudioNeighbourhood",
    "MaskFunction",
    "Neighbourhood",
    "NeighbourhoodScorer",
    "PerturbedAudio",
    "PerturbedLyrics",
    "ScoreFunction",
    "automatic_batch_size",
    "check_design",
    "compose_audio",
    "compose_lyrics",
    "draw_masks",
    "draw_neighbourhood",
    "find_factored",
    "perturbed_songs",
    "score_factored",
    "score_masks",
    "select_labels",
]
