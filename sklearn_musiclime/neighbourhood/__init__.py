"""The neighbourhood of a song: masks, the perturbed songs they make, and the model's scores."""

from sklearn_musiclime.neighbourhood.designs import (
    DESIGNS,
    Neighbourhood,
    check_design,
    draw_masks,
    draw_neighbourhood,
)
from sklearn_musiclime.neighbourhood.factored import find_factored, score_factored
from sklearn_musiclime.neighbourhood.models import (
    ScoreFunction,
    check_n_labels,
    find_sampling_rate,
    is_same_answer,
    select_labels,
)
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
from sklearn_musiclime.neighbourhood.sequential import n_more_samples

__all__ = [
    "DESIGNS",
    "AudioNeighbourhood",
    "MaskFunction",
    "Neighbourhood",
    "NeighbourhoodScorer",
    "PerturbedAudio",
    "PerturbedLyrics",
    "ScoreFunction",
    "automatic_batch_size",
    "check_design",
    "check_n_labels",
    "compose_audio",
    "compose_lyrics",
    "draw_masks",
    "draw_neighbourhood",
    "find_factored",
    "find_sampling_rate",
    "is_same_answer",
    "n_more_samples",
    "perturbed_songs",
    "score_factored",
    "score_masks",
    "select_labels",
]
