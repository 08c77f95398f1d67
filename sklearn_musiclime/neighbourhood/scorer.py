"""Scoring a neighbourhood, whichever kind of model it is for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from sklearn_musiclime import _torch
from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.neighbourhood.designs import Neighbourhood
from sklearn_musiclime.neighbourhood.factored import FactoredModel, score_factored
from sklearn_musiclime.neighbourhood.models import Answer, ScoreFunction
from sklearn_musiclime.neighbourhood.perturbed import perturbed_songs
from sklearn_musiclime.neighbourhood.scoring import score_masks
from sklearn_musiclime.songs import Song
from sklearn_musiclime.streaming import StreamingParallel


@dataclass(frozen=True)
class NeighbourhoodScorer:
    """A model asked about the perturbed songs of one song.

    Attributes
    ----------
    score : ScoreFunction
        The whole model.
    factored : FactoredPipeline, FactoredEstimator or None
        The model taken apart, if it can be.
    song : Song
        The song.
    components : Decomposition
        Its components.
    units : ndarray of shape (n_components,) of int, or None
        Which unit of a mask each component belongs to, if masks are over linked units.
    batch_size : int
        Perturbed songs that are composed at a time.
    parallel : StreamingParallel
        Runs the batches of a black box.
    progress : tqdm
        Is told of what will be and what has been scored.
    """

    score: ScoreFunction
    factored: FactoredModel | None
    song: Song
    components: Decomposition
    units: np.ndarray | None
    batch_size: int
    parallel: StreamingParallel
    progress: tqdm

    @property
    def is_factored(self) -> bool:
        """Whether halves are encoded apart."""
        return self.factored is not None and self.units is None

    def score_song(self) -> Answer:
        """Score the song composed of all its parts, by the whole model.

        Returns
        -------
        Answer

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
        """Return what the model's ``predict`` says of the song composed of all its parts.

        Returns
        -------
        ndarray of shape (1,) or (1, n_outputs), or None
            None of a model that has no such method.
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

    def score_masks(self, masks: np.ndarray) -> np.ndarray:
        """Score the perturbed songs of masks by the whole model.

        Parameters
        ----------
        masks : ndarray of shape (n_masks, n_components), dtype bool
            The components that are kept.

        Returns
        -------
        ndarray of shape (n_masks, n_labels)
        """
        self.progress.total = (self.progress.total or 0) + len(masks)
        return score_masks(
            self.score,
            self.song,
            self.components,
            masks,
            batch_size=self.batch_size,
            parallel=self.parallel,
            progress=self.progress.update,
        )

    def score_pairs(self, neighbourhood: Neighbourhood, pairs: np.ndarray) -> np.ndarray:
        """Score combinations of a neighbourhood's halves, each half once if the model allows.

        Parameters
        ----------
        neighbourhood : Neighbourhood
            The masks.
        pairs : ndarray of shape (n_pairs, 2) of int
            Audio mask and lyric mask of each combination.

        Returns
        -------
        ndarray of shape (n_pairs, n_labels)
        """
        drawn = replace(neighbourhood, pairs=pairs)
        if not self.is_factored:
            masks = drawn.masks
            return self.score_masks(masks if self.units is None else masks[:, self.units])
        self.progress.total = (self.progress.total or 0) + len(pairs)
        return score_factored(
            self.factored,
            self.song,
            self.components,
            drawn,
            batch_size=self.batch_size,
            progress=self.progress.update,
        )


class MaskFunction:
    """A model as a function of which components of a song are kept.

    Made by :meth:`MusicLimeExplainer.mask_functions
    <sklearn_musiclime.MusicLimeExplainer.mask_functions>`.

    Parameters
    ----------
    scorer : NeighbourhoodScorer
        The model and the song.

    Attributes
    ----------
    components : Decomposition
        What the columns of a mask stand for.
    n_calls : int
        How many masks have been scored.
    """

    def __init__(self, scorer: NeighbourhoodScorer):
        self.components = scorer.components
        self.n_calls = 0
        self._scorer = replace(scorer, units=None)

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Score what is left of the song.

        Parameters
        ----------
        masks : array-like of shape (n_masks, n_components), bool
            True where a component is kept.

        Returns
        -------
        ndarray of shape (n_masks, n_labels)
            The model's scores.
        """
        masks = np.asarray(masks, dtype=bool)
        self.n_calls += len(masks)
        n_audio = self.components.n_audio
        drawn = Neighbourhood.joint("independent", masks, n_audio)
        return self._scorer.score_pairs(drawn, drawn.pairs)

    def column(self, label: Hashable) -> int:
        """Return the column of a label's scores.

        Parameters
        ----------
        label : label
            As explanations name it.

        Returns
        -------
        int
        """
        score, answer = self._scorer.score, self._scorer.score_song()
        self.n_calls += 1
        n_labels = answer.scores.shape[1]
        said = None if score.has_a_column_each(n_labels) else self._scorer.predict_song()
        return score.labels(n_labels, answer.names, said).index(label)
