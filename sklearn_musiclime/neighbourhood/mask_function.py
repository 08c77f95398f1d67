"""The scores of one song's masks as a public function, which calls a :class:`Scorer`."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from dataclasses import replace

import numpy as np

from sklearn_musiclime.neighbourhood.containers import NotApartError
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

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Score the perturbed songs of masks. With donors: their mean scores.

        Parameters
        ----------
        masks : array-like of shape (n_masks, n_components), bool
            True where a component is kept.

        Returns
        -------
        ndarray of shape (n_masks, n_labels)
            The model's scores.
        """
        masks, n_fills = np.asarray(masks, dtype=bool), self.components.n_fills
        n_each = n_fills[0] * n_fills[1]
        n_songs = n_each * len(masks)
        self.n_calls += n_songs
        drawn = Neighbourhood.joint(
            "independent", np.tile(masks, (n_each, 1)), self.components.n_audio
        )
        if n_each > 1:
            audio, lyrics = np.divmod(np.arange(n_each).repeat(len(masks)), n_fills[1])
            drawn = replace(drawn, fills=(audio, lyrics), n_fills=n_fills)
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
