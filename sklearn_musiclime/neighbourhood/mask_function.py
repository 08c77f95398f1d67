"""The scores of one song's masks as a public function, which calls a :class:`Scorer`."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from dataclasses import replace

import numpy as np

from sklearn_musiclime.neighbourhood.containers import NotApartError
from sklearn_musiclime.neighbourhood.decisions import Decision
from sklearn_musiclime.neighbourhood.masks import fill_combinations
from sklearn_musiclime.neighbourhood.samples import Neighbourhood
from sklearn_musiclime.neighbourhood.scoring import Scorer, fallback_message


class MaskFunction:
    """A model's scores of a song as a function of masks.

    Made by :meth:`MusicLimeExplainer.mask_functions
    <sklearn_musiclime.MusicLimeExplainer.mask_functions>`.

    Parameters
    ----------
    scorer : Scorer
        The model and the song.

    Attributes
    ----------
    components : Decomposition
        Components of the song, the columns of a mask.
    n_calls : int
        Number of perturbed songs that have been scored.
    """

    def __init__(self, scorer: Scorer):
        self.components = scorer.components
        self.n_calls = 0
        self._scorer = replace(scorer, links=None)

    def __call__(self, masks: np.ndarray, fills: np.ndarray | None = None) -> np.ndarray:
        """Score the perturbed songs of masks.

        Parameters
        ----------
        masks : array-like of shape (n_masks, n_components), bool
            True where a component is kept.
        fills : ndarray of shape (n_masks, n_modalities) of int, or None, default=None
            Number of the fill of each modality of each mask, below ``components.n_fills``. None:
            what is left out has the mean score of its fills, of the donors and of the songs that
            columns have their values from, or of 256 combinations of these if there are more.

        Returns
        -------
        ndarray of shape (n_masks, n_labels)
            The model's scores.
        """
        masks, components = np.asarray(masks, dtype=bool), self.components
        if fills is None:
            of_fills = fill_combinations(components.n_fills)
            n_each = len(of_fills)
            numbers = of_fills.repeat(len(masks), axis=0)
        else:
            n_each, numbers = 1, np.asarray(fills)
        n_songs = n_each * len(masks)
        self.n_calls += n_songs
        drawn = Neighbourhood.joint(
            "independent", np.tile(masks, (n_each, 1)), components.n_audio,
            None if components.columns is None else components.n_columns,
        )  # fmt: skip
        if numbers.any():
            drawn = replace(drawn, fills=tuple(numbers.T), n_fills=components.n_fills)
        try:
            scores = self._scorer.score_pairs(drawn, drawn.pairs)
        except NotApartError as error:
            self._scorer = self._scorer.whole(str(error))
            warnings.warn(fallback_message(str(error), n_songs), UserWarning)
            scores = self._scorer.score_pairs(drawn, drawn.pairs)
        return scores.reshape(n_each, len(masks), -1).mean(axis=0)

    def column(self, label: Hashable) -> int:
        """Return the column of a label's scores. The unperturbed song is scored for it.

        Parameters
        ----------
        label : label
            A label, as in ``explanation.labels``.

        Returns
        -------
        int
            Position of the column.
        """
        answer = self._scorer.score_song()
        self.n_calls += 1
        columns, n_labels = self._scorer.score.columns, answer.scores.shape[1]
        said = None if columns.has_a_column_each(n_labels) else self._scorer.predict_song()
        return columns.labels(n_labels, answer.names, said).index(label)

    def decision(self, label: Hashable) -> Decision:
        """Return how the model decides whether it says a label. The song is scored for it.

        Parameters
        ----------
        label : label
            A label, as in ``explanation.labels``.

        Returns
        -------
        Decision
            The class of the highest score is said; a label of a multilabel model from a probability
            of 0.5, or a decision function of 0, on. It has no threshold for other outputs.
        """
        answer, said = self._scorer.score_song(), self._scorer.predict_song()
        self.n_calls += 1
        score, n_labels = self._scorer.score, answer.scores.shape[1]
        column = score.columns.labels(n_labels, answer.names, said).index(label)
        rivals = score.columns.rivals(column, n_labels, said)
        threshold = None
        if not rivals and not score.columns.are_outputs:
            threshold = {"predict_proba": 0.5, "decision_function": 0.0}.get(score.method or "")
        return Decision(column, rivals, threshold)
