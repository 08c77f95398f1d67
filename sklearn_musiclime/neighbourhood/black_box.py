"""Scores of one song's masks by the whole model, which gets composed songs batch by batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from joblib import delayed

from sklearn_musiclime._runtime.memory import in_batches, keep_freed_memory
from sklearn_musiclime._runtime.parallel import StreamingParallel
from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.neighbourhood.models import ScoreFunction
from sklearn_musiclime.neighbourhood.perturbed import by_length, perturbed_songs
from sklearn_musiclime.neighbourhood.responses import check_n_labels
from sklearn_musiclime.songs import Song

BATCH_BYTES = 2**26
"""Largest amount of audio in a batch of ``batch_size="auto"``: 64 MiB."""
MAX_AUTO_BATCH = 64
"""Largest number of songs in a batch of ``batch_size="auto"``."""


def automatic_batch_size(song: Song) -> int:
    """Choose the number of perturbed songs that a model gets in one call.

    Parameters
    ----------
    song : Song
        The song.

    Returns
    -------
    int
        64, or as many as 64 MiB of audio hold if that is fewer; at least 1.
    """
    n_bytes = 4 if song.waveform is None else song.waveform.nbytes
    return int(np.clip(BATCH_BYTES // n_bytes, 1, MAX_AUTO_BATCH))


def score_black_box(
    score: ScoreFunction,
    song: Song,
    components: Decomposition,
    masks: np.ndarray,
    fills: np.ndarray | None = None,
    *,
    batch_size: int,
    parallel: StreamingParallel,
    progress: Callable[[int], object] = lambda n_done: None,
) -> np.ndarray:
    """Score the perturbed songs of masks.

    Songs are composed batch by batch, so each worker holds one batch in memory.

    Parameters
    ----------
    score : ScoreFunction
        The model.
    song : Song
        The song.
    components : Decomposition
        Its components.
    masks : ndarray of shape (n_masks, n_components), dtype bool
        True where a component is kept.
    fills : ndarray of shape (n_masks, n_modalities) of int, or None, default=None
        Number of the fill of each modality of each mask. None: the first.
    batch_size : int
        Number of perturbed songs in one call of the model; halved when memory runs out. Batches are
        the same for any number of workers, and so are results.
    parallel : StreamingParallel
        Runs the batches.
    progress : callable, default: does nothing
        Called with the number of songs of each finished batch.

    Returns
    -------
    ndarray of shape (n_masks, n_labels)
        The model's scores.

    Raises
    ------
    ValueError
        The model returned something other than scores, or another number of labels than in the
        first batch. Errors that the model raises get a note that names the batch.
    """
    order = by_length(masks[:, components.place("lyrics")])
    if fills is None:
        fills = np.zeros((len(masks), len(components.n_fills)), dtype=int)
    batches = [order[i : i + batch_size] for i in range(0, len(masks), batch_size)]
    results = []
    for scores in parallel(
        delayed(_score_batch)(
            score, song, components, masks[rows], fills[rows], f"batch {i} of {len(batches)}"
        )
        for i, rows in enumerate(batches, 1)
    ):
        results.append(scores)
        check_n_labels(scores, results[0].shape[1])
        progress(len(scores))
    return np.concatenate(results)[np.argsort(order)]


def _score_batch(
    score: ScoreFunction,
    song: Song,
    components: Decomposition,
    masks: np.ndarray,
    fills: np.ndarray,
    which: str,
) -> np.ndarray:
    keep_freed_memory()

    def ask(rows: np.ndarray) -> np.ndarray:
        return score(perturbed_songs(song, components, masks[rows], fills[rows]))

    try:
        parts = list(in_batches(ask, np.arange(len(masks)), len(masks)))
    except Exception as error:
        error.add_note(f"in {which} ({len(masks)} perturbed songs)")
        raise
    for part in parts:
        check_n_labels(part, parts[0].shape[1])
    return np.concatenate(parts)
