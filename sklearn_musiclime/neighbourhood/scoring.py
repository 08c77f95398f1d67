"""Scoring a neighbourhood: its perturbed songs, batch by batch, through the model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from joblib import delayed

from sklearn_musiclime._runtime.memory import in_batches, keep_freed_memory
from sklearn_musiclime._runtime.parallel import StreamingParallel
from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.neighbourhood.models import ScoreFunction, check_n_labels
from sklearn_musiclime.neighbourhood.perturbed import perturbed_songs
from sklearn_musiclime.songs import Song

BATCH_BYTES = 2**26
"""Audio that a batch of ``batch_size="auto"`` holds at most: 64 MiB."""
MAX_AUTO_BATCH = 64


def automatic_batch_size(song: Song) -> int:
    """Say how many perturbed songs a model gets at a time.

    Parameters
    ----------
    song : Song
        The song.

    Returns
    -------
    int
        64, or as many as have 64 MiB of audio.
    """
    n_bytes = 4 if song.waveform is None else song.waveform.nbytes
    return int(np.clip(BATCH_BYTES // n_bytes, 1, MAX_AUTO_BATCH))


def score_masks(
    score: ScoreFunction,
    song: Song,
    components: Decomposition,
    masks: np.ndarray,
    *,
    batch_size: int,
    parallel: StreamingParallel,
    progress: Callable[[int], object] = lambda n_done: None,
) -> np.ndarray:
    """Score the perturbed songs of some masks.

    No more of them exist at a time than one batch a worker.

    Parameters
    ----------
    score : ScoreFunction
        The model.
    song : Song
        The song.
    components : Decomposition
        Its components.
    masks : ndarray of shape (n_masks, n_components), dtype bool
        The components that are kept.
    batch_size : int
        Perturbed songs a call of the model; fewer where memory does not hold them. It does not
        depend on the number of workers, so results don't either.
    parallel : StreamingParallel
        Runs the batches.
    progress : callable, default: does nothing
        Called with the number of masks of each batch that is done.

    Returns
    -------
    ndarray of shape (n_masks, n_labels)
        Scores.

    Raises
    ------
    ValueError
        The model returned something other than scores, or not of the same labels in each batch. To
        whatever the model raises a note is added that says in which batch it was.
    """
    order = by_length(masks[:, components.n_audio :])
    batches = [masks[order[i : i + batch_size]] for i in range(0, len(masks), batch_size)]
    results = []
    for scores in parallel(
        delayed(_score_batch)(score, song, components, batch, f"batch {i} of {len(batches)}")
        for i, batch in enumerate(batches, 1)
    ):
        results.append(scores)
        check_n_labels(scores, results[0].shape[1])
        progress(len(scores))
    return np.concatenate(results)[np.argsort(order)]


def by_length(lyric_masks: np.ndarray) -> np.ndarray:
    """Order masks by how many lyric components they keep.

    Texts of like length in a batch save an encoder the padding.

    Parameters
    ----------
    lyric_masks : ndarray of shape (n_masks, n_components), dtype bool
        The components that are kept.

    Returns
    -------
    ndarray of shape (n_masks,) of int
        Their order, long texts first, so that a batch that is too large for memory shows at once.
    """
    return np.argsort(-lyric_masks.sum(axis=1), kind="stable")


def _score_batch(
    score: ScoreFunction, song: Song, components: Decomposition, masks: np.ndarray, which: str
) -> np.ndarray:
    keep_freed_memory()
    try:
        parts = list(
            in_batches(
                lambda some: score(perturbed_songs(song, components, some)), masks, len(masks)
            )
        )
    except Exception as error:
        error.add_note(f"in {which} ({len(masks)} perturbed songs)")
        raise
    for part in parts:
        check_n_labels(part, parts[0].shape[1])
    return np.concatenate(parts)
