"""What the scores of a neighbourhood tell about modalities that the model does not use."""

from __future__ import annotations

import numpy as np

from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.neighbourhood.samples import Neighbourhood
from sklearn_musiclime.neighbourhood.scoring import Scorer


def blind_spots(scorer: Scorer, neighbourhood: Neighbourhood, scores: np.ndarray) -> dict[str, str]:
    """Find the modalities that are explained although the model does not seem to use them.

    Parameters
    ----------
    scorer : Scorer
        The model and the song.
    neighbourhood : Neighbourhood
        The masks. Without corners only the modalities that a factored model reads are checked.
    scores : ndarray of shape (n_all_pairs, n_labels)
        Scores of ``neighbourhood.all_pairs``.

    Returns
    -------
    dict of str to str
        Messages by kind: "no audio" and "no lyrics" for a modality that no encoder of a factored
        model reads; "unmoved audio" and so on for one without effect on any score.
    """
    found = {}
    for modality in scorer.unread:
        found[f"no {modality}"] = (
            f"no branch of the model reads the {modality}: weights of 0 there mean that it can't "
            "see them, not that they count for nothing"
        )
    unmoved = unmoved_modalities(neighbourhood, scores, scorer.components)
    for modality in unmoved:
        if modality == "columns":
            found["unmoved columns"] = (
                "other values of the columns move no score where audio and lyrics are left out: "
                "perhaps the model does not get to see them"
            )
        elif modality not in scorer.unread:
            found[f"unmoved {modality}"] = (
                f"taking out all of the {modality} moves no score: perhaps the model does not get "
                "to see them. Weights of 0 then do not say that they count for nothing"
            )
    return found


def unmoved_modalities(
    neighbourhood: Neighbourhood, scores: np.ndarray, components: Decomposition
) -> tuple[str, ...]:
    """Find the modalities of a song that change no score when they are left out altogether.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        The masks, with corners.
    scores : ndarray of shape (n_all_pairs, n_labels)
        Scores of ``neighbourhood.all_pairs``.
    components : Decomposition
        Components of the song.

    Returns
    -------
    tuple of str
        A subset of "audio", "lyrics" and "columns"; empty if the neighbourhood has no corners.
        Columns are left out without audio and lyrics alone.
    """
    corners = neighbourhood.split(scores).corners
    if not len(corners):
        return ()
    both, audio, lyrics, neither, *nothing = corners
    rounding = 32 * np.finfo(np.float32).eps * np.abs(scores).max(axis=0)

    def is_same(some: np.ndarray, others: np.ndarray) -> bool:
        return bool((np.abs(some - others) <= rounding).all())

    unmoved = {
        "audio": components.n_audio and is_same(both, lyrics) and is_same(audio, neither),
        "lyrics": components.n_lyrics and is_same(both, audio) and is_same(lyrics, neither),
        "columns": components.n_columns and is_same(neither, nothing[0]),
    }
    return tuple(modality for modality, is_unmoved in unmoved.items() if is_unmoved)
