"""Decisions: whether a model says a label of a song, from the scores of all labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Decision:
    """Whether a label is said, as a function of scores.

    A label is said if its score is the highest of its rivals' or, with a threshold, if it is at
    least that.

    Attributes
    ----------
    column : int
        Column of the label's scores.
    rivals : tuple of int
        Columns of the labels of which one is predicted, `column` among them. Empty: the label is
        an output of its own.
    threshold : float or None, default=None
        Score from which on the label is said, whatever its rivals have. None: the rivals decide.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.neighbourhood.decisions import Decision
    >>> scores = np.array([[0.4, 0.3, 0.3], [0.4, 0.5, 0.1]])
    >>> Decision(0, (0, 1, 2)).is_said(scores)
    array([ True, False])
    >>> Decision(0, (), 0.3).is_said(scores)
    array([ True,  True])
    """

    column: int
    rivals: tuple[int, ...]
    threshold: float | None = None

    def at(self, threshold: float | None) -> Decision:
        """Return a copy with another threshold.

        Parameters
        ----------
        threshold : float or None
            The threshold. None: the decision as it is.

        Returns
        -------
        Decision
        """
        return self if threshold is None else replace(self, threshold=float(threshold))

    def is_said(self, scores: np.ndarray) -> np.ndarray:
        """Tell for which songs the label is said.

        Parameters
        ----------
        scores : ndarray of shape (n_songs, n_labels)
            The model's scores.

        Returns
        -------
        ndarray of shape (n_songs,), dtype bool
            Of equal scores the first counts as the highest, as in :func:`numpy.argmax`.

        Raises
        ------
        ValueError
            The label is an output of its own, and there is no threshold.
        """
        return self.lead(scores) >= 0

    def lead(self, scores: np.ndarray) -> np.ndarray:
        """Return by how much the label is ahead of what decides: 0 or more where it is said.

        Parameters
        ----------
        scores : ndarray of shape (n_songs, n_labels)
            The model's scores.

        Returns
        -------
        ndarray of shape (n_songs,)
            Score of the label minus the threshold, or minus the highest score of a rival.

        Raises
        ------
        ValueError
            The label is an output of its own, and there is no threshold.
        """
        own = scores[:, self.column]
        if self.threshold is not None:
            return own - self.threshold
        if not self.rivals:
            raise ValueError(
                "the label is an output of its own, not one of several classes: threshold= says "
                "on which side of which score it has to stay"
            )
        others = [column for column in self.rivals if column != self.column]
        lead = own - scores[:, others].max(axis=1, initial=-np.inf)
        is_said = np.take(self.rivals, scores[:, self.rivals].argmax(axis=1)) == self.column
        return np.where(is_said, lead, np.minimum(lead, -np.finfo(float).tiny))

    def winner(self, scores: np.ndarray) -> int | None:
        """Return the column of the label that is said of a song, if rivals decide.

        Parameters
        ----------
        scores : ndarray of shape (n_labels,)
            The model's scores of the song.

        Returns
        -------
        int or None
            None: a threshold decides.
        """
        if self.threshold is not None:
            return None
        return int(np.take(self.rivals, np.argmax(scores[list(self.rivals)])))
