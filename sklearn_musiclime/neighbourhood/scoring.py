"""The scores of one song's masks, in one of two ways: by the whole model or by its parts.

:mod:`~sklearn_musiclime.neighbourhood.black_box` composes songs for the whole model, and
:mod:`~sklearn_musiclime.neighbourhood.factored` gives each distinct mask to an encoder and the
combinations to the head. :class:`Scorer` chooses, and counts and checks what they return.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime._runtime.memory import is_out_of_memory
from sklearn_musiclime._runtime.parallel import StreamingParallel
from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.neighbourhood.black_box import score_black_box
from sklearn_musiclime.neighbourhood.containers import NotApartError
from sklearn_musiclime.neighbourhood.factored import FactoredModel, most_telling, score_factored
from sklearn_musiclime.neighbourhood.models import ScoreFunction
from sklearn_musiclime.neighbourhood.perturbed import perturbed_songs
from sklearn_musiclime.neighbourhood.responses import Answer, is_same_answer
from sklearn_musiclime.neighbourhood.samples import Neighbourhood
from sklearn_musiclime.songs import Song


@dataclass(frozen=True)
class Scorer:
    """Scores of the perturbed songs of one song by a model.

    Attributes
    ----------
    score : ScoreFunction
        The whole model.
    factored : FactoredModel or None
        The model as encoders and head. None: it is a black box.
    song : Song
        The song.
    components : Decomposition
        Components of the song.
    links : ndarray of shape (n_components,) of int, or None
        Link of each component, if the columns of masks are links, which keep or leave out all of
        their components. None: the columns are components.
    batch_size : int
        Number of perturbed songs that are composed at a time.
    parallel : StreamingParallel
        Runs the batches of a black box.
    progress : tqdm
        Progress bar, which counts perturbed songs.
    reason : str, default=""
        Why the model is a black box, in a few words.
    """

    score: ScoreFunction
    factored: FactoredModel | None
    song: Song
    components: Decomposition
    links: np.ndarray | None
    batch_size: int
    parallel: StreamingParallel
    progress: tqdm
    reason: str = ""

    @property
    def parts(self) -> FactoredModel | None:
        """Encoders and head to score masks by. None: it is a black box, or masks are of links."""
        return self.factored if self.links is None else None

    @property
    def way(self) -> str:
        """How the model is scored: "factored", or "black box" with the reason."""
        if self.parts is not None:
            return "factored"
        reason = self.reason if self.links is None else "linked components are of both modalities"
        return f"black box: {reason}" if reason else "black box"

    @property
    def unread(self) -> tuple[str, ...]:
        """Modalities with components that no encoder of a factored model reads."""
        if self.factored is None:
            return ()
        explained = {"audio": self.components.n_audio, "lyrics": self.components.n_lyrics}
        return tuple(
            modality
            for modality, n in explained.items()
            if n and modality not in self.factored.modalities
        )

    def whole(self, reason: str) -> Scorer:
        """Make a scorer of the same song that treats the model as a black box.

        Parameters
        ----------
        reason : str
            Why it does, in a few words.

        Returns
        -------
        Scorer
            The scorer.
        """
        return replace(self, factored=None, reason=reason)

    def score_song(self) -> Answer:
        """Score the song with all components on, by the whole model.

        Returns
        -------
        Answer
            Scores of the song, one row, and the names of their columns.

        Warns
        -----
        UserWarning
            The model runs a torch module in training mode.
        """
        self.progress.total = (self.progress.total or 0) + 1
        answer = self._of_song(self.score.answer)
        self.progress.update(1)
        return answer

    def predict_song(self) -> np.ndarray | None:
        """Call the model's ``predict`` on the song with all components on.

        Returns
        -------
        ndarray of shape (1,) or (1, n_outputs), or None
            The prediction, see :meth:`ScoreFunction.predict
            <sklearn_musiclime.neighbourhood.ScoreFunction.predict>`.
        """
        return self._of_song(self.score.predict)

    def _of_song(self, ask: Callable[[Any], Any]) -> Any:
        everything = np.ones((1, len(self.components)), dtype=bool)
        try:
            with _torch.training_noticed("the model"):
                return ask(perturbed_songs(self.song, self.components, everything))
        except Exception as error:
            error.add_note("in the scoring of the song itself")
            raise

    def score_masks(self, masks: np.ndarray, fills: np.ndarray | None = None) -> np.ndarray:
        """Score the perturbed songs of masks by the whole model.

        Parameters
        ----------
        masks : ndarray of shape (n_masks, n_components), dtype bool
            True where a component is kept.
        fills : ndarray of shape (n_masks, n_modalities) of int, or None, default=None
            Number of the fill of each modality of each mask. None: the first.

        Returns
        -------
        ndarray of shape (n_masks, n_labels)
            The model's scores.
        """
        self.progress.total = (self.progress.total or 0) + len(masks)
        return score_black_box(
            self.score,
            self.song,
            self.components,
            masks,
            fills,
            batch_size=self.batch_size,
            parallel=self.parallel,
            progress=self.progress.update,
        )

    def score_pairs(self, neighbourhood: Neighbourhood, pairs: np.ndarray) -> np.ndarray:
        """Score combinations of a neighbourhood's audio masks and lyric masks.

        A factored model encodes each mask once; a black box scores each combination as a song.

        Parameters
        ----------
        neighbourhood : Neighbourhood
            The masks.
        pairs : ndarray of shape (n_pairs, 2) of int
            Audio mask and lyric mask of each combination.

        Returns
        -------
        ndarray of shape (n_pairs, n_labels)
            The model's scores.

        Raises
        ------
        NotApartError
            An encoder or the head of a factored model raised an error, other than for lack of
            memory.
        """
        drawn = replace(neighbourhood, pairs=pairs)
        parts = self.parts
        if parts is None:
            masks = drawn.masks
            masks = masks if self.links is None else masks[:, self.links]
            return self.score_masks(masks, drawn.pair_fills)
        self.progress.total = (self.progress.total or 0) + len(pairs)
        try:
            return score_factored(
                parts,
                self.components,
                drawn,
                batch_size=self.batch_size,
                progress=self.progress.update,
            )
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise NotApartError(f"its parts failed, {type(error).__name__}: {error}") from error

    def check_parts(
        self, neighbourhood: Neighbourhood, scores: np.ndarray, own_scores: np.ndarray
    ) -> None:
        """Check that encoders and head of a factored model score songs as the whole model does.

        The song itself and a perturbed song are compared; for a black box nothing is checked.

        Parameters
        ----------
        neighbourhood : Neighbourhood
            The masks, that of the song itself first.
        scores : ndarray of shape (n_pairs or more, n_labels)
            Scores of its pairs, by encoders and head.
        own_scores : ndarray of shape (n_labels,)
            Scores of the song itself, by the whole model.

        Raises
        ------
        NotApartError
            Scores differ by more than a thousandth of their range over the neighbourhood.
        """
        if self.parts is None:
            return
        # The score of the song itself may be saturated near 1, where differences don't show.
        middle = most_telling(scores[: len(neighbourhood)])
        for row in (0, middle):
            one = replace(neighbourhood, pairs=neighbourhood.pairs[[row]])
            whole = own_scores if row == 0 else self.score_masks(one.masks, one.pair_fills)[0]
            if not is_same_answer(scores[row], whole, scores):
                raise NotApartError(
                    f"the whole model scores {_rounded(whole)} where its parts put together score "
                    f"{_rounded(scores[row])}"
                )


def fallback_message(reason: str, n_songs: int) -> str:
    """Write the warning that a model is scored as a black box, with the number of songs.

    Parameters
    ----------
    reason : str
        Why it is.
    n_songs : int
        Number of perturbed songs that the whole model scores.

    Returns
    -------
    str
        The message.
    """
    return (
        f"the model is scored as a black box, {n_songs} perturbed songs by the whole of it, since "
        f"it can't be taken apart: {reason}"
    )


def _rounded(scores: np.ndarray) -> str:
    return np.array2string(np.asarray(scores), precision=6, threshold=10)
