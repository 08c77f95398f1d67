"""Fit of a neighbourhood's surrogate, by the method that its design and the kernel call for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_musiclime.neighbourhood.labels import (
    Column,
    Contrast,
    columns_read,
    explained_columns,
    label_of,
)
from sklearn_musiclime.surrogate.crossed import fit_crossed_surrogate
from sklearn_musiclime.surrogate.estimate import Surrogate
from sklearn_musiclime.surrogate.linear import fit_surrogate
from sklearn_musiclime.surrogate.links import apply_link, invert_link
from sklearn_musiclime.surrogate.shapley import fit_shapley

if TYPE_CHECKING:
    from sklearn_musiclime.neighbourhood import Neighbourhood, Scores

KERNELS = ("exponential", "shapley")
SAFE_EXPONENT = 300
"""Scores between 2 ** -300 and 2 ** 300 need no scaling: their squares fit double precision."""


def safe_exponents(scores: np.ndarray) -> np.ndarray:
    """Choose the powers of two to divide scores by, so that their squares stay in floating range.

    A naive Bayes classifier, for one, gives unlikely classes probabilities of 1e-300.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_labels)
        The scores.

    Returns
    -------
    ndarray of shape (n_labels,) of int
        Exponents; 0 for labels whose scores need no scaling.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import safe_exponents
    >>> safe_exponents(np.array([[0.25, 1e-300], [0.75, 3e-300]])).tolist()
    [0, -994]
    """
    _, exponents = np.frexp(np.abs(scores).max(axis=0, initial=0.0))
    return np.where(np.abs(exponents) > SAFE_EXPONENT, exponents, 0)


def fit_neighbourhood(
    neighbourhood: Neighbourhood,
    scores: np.ndarray,
    *,
    kernel: str = "exponential",
    kernel_width: float = 0.25,
    feature_selection: str = "none",
    n_features: int | None = None,
    regressor: BaseEstimator | None = None,
) -> Surrogate:
    """Fit the surrogate of a neighbourhood.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        The masks.
    scores : ndarray of shape (n_samples, n_labels)
        The model's scores of its perturbed songs, in the order of ``neighbourhood.pairs``.
    kernel : {"exponential", "shapley"}, default="exponential"
        "exponential": see :func:`~sklearn_musiclime.surrogate.kernel_weights`. A crossed design
        takes :func:`~sklearn_musiclime.surrogate.fit_crossed_surrogate`, unless there is a
        `regressor` or a feature selection; everything else takes
        :func:`~sklearn_musiclime.surrogate.fit_surrogate`.
        "shapley": see :func:`~sklearn_musiclime.surrogate.fit_shapley`; the other parameters are
        not used.
    kernel_width : float, default=0.25
        Width of the exponential kernel, in cosine distance.
    feature_selection : str, default="none"
        See :func:`~sklearn_musiclime.surrogate.fit_surrogate`.
    n_features : int or None, default=None
        Number of components that are selected for each label, unless `feature_selection` is "none".
    regressor : estimator or None, default=None
        Regressor of the surrogate. None: least squares, see
        :func:`~sklearn_musiclime.surrogate.fit_surrogate`.

    Returns
    -------
    Surrogate
        Its standard errors are 0 where the neighbourhood is exhaustive.
    """
    sampling = neighbourhood.sampling
    if kernel == "shapley":
        return fit_shapley(neighbourhood.masks, scores, sampling=sampling)
    if neighbourhood.design == "crossed" and regressor is None and feature_selection == "none":
        return fit_crossed_surrogate(
            neighbourhood.audio_masks,
            neighbourhood.lyric_masks,
            neighbourhood.pairs,
            scores,
            kernel_width=kernel_width,
            sampling=sampling,
        )
    return fit_surrogate(
        neighbourhood.masks,
        scores,
        kernel_width=kernel_width,
        feature_selection=feature_selection,
        n_features=n_features,
        regressor=regressor,
        # An enumerated mask weighs as much as the requested samples that it stands for, so that the
        # penalty of a ridge has the same effect as with that number of samples.
        sample_weight=np.full(len(neighbourhood), neighbourhood.repeats),
        sampling=sampling,
    )


@dataclass(frozen=True, eq=False)
class LinkedScores:
    """Scores of the labels that are explained, on the scale on which they are explained.

    Attributes
    ----------
    link : str
        The scale, see :mod:`sklearn_musiclime.surrogate.links`.
    columns : list of int or Contrast
        The columns that are explained, and contrasts of two columns.
    exponents : ndarray of shape (n_explained,) of int
        Powers of two that scores are divided by, so that their squares can be computed.
    """

    link: str
    columns: list[Column]
    exponents: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, columns: list[Column], link: str) -> Self:
        """Choose the powers of two by the first scores.

        Parameters
        ----------
        scores : ndarray of shape (n_songs, n_columns)
            Scores of the model.
        columns : list of int or Contrast
            The columns that are explained, and contrasts of two columns.
        link : str
            The scale.

        Returns
        -------
        LinkedScores
        """
        unscaled = cls(link, columns, np.zeros(len(columns), dtype=int))
        return replace(unscaled, exponents=safe_exponents(unscaled(scores)))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Return the scores that are explained, linked and scaled.

        Parameters
        ----------
        scores : ndarray of shape (n_songs, n_columns)
            Scores of the model.

        Returns
        -------
        ndarray of shape (n_songs, n_explained)
            Of contrasts, the differences of linked scores.
        """
        read = columns_read(self.columns)  # other columns may have no log-odds
        linked = apply_link(self.link, scores[:, read])
        if read != self.columns:
            places = {column: place for place, column in enumerate(read)}
            linked = explained_columns(linked, [label_of(c, places) for c in self.columns])
        return np.ldexp(linked, -self.exponents)

    def shown(self, scores: np.ndarray) -> np.ndarray:
        """Return the scores that are explained as the model returns them.

        Parameters
        ----------
        scores : ndarray of shape (n_songs, n_columns)
            Scores of the model.

        Returns
        -------
        ndarray of shape (n_songs, n_explained)
            Of contrasts, the differences of linked scores.
        """
        picked = explained_columns(scores, self.columns)
        if self.link != "identity" and self._are_contrasts.any():
            linked = np.ldexp(self(scores), self.exponents)
            picked[:, self._are_contrasts] = linked[:, self._are_contrasts]
        return picked

    def paired(self, answers: Scores) -> tuple[LinkedScores, Scores]:
        """Subtract the scores of every two labels that are explained, none of them a contrast.

        Parameters
        ----------
        answers : Scores
            The scores that are explained, linked and scaled.

        Returns
        -------
        linked : LinkedScores
            The contrasts as columns.
        answers : Scores
            Their scores, linked and scaled.
        """
        places = [Contrast(*pair) for pair in combinations(range(len(self.columns)), 2)]

        def subtract(values: np.ndarray) -> np.ndarray:
            return explained_columns(np.ldexp(values, self.exponents), places)

        exponents = safe_exponents(subtract(answers.pairs))
        columns = [label_of(place, self.columns) for place in places]
        return LinkedScores(self.link, columns, exponents), answers.mapped(
            lambda values: np.ldexp(subtract(values), -exponents)
        )

    def unlinked(self, values: np.ndarray) -> np.ndarray:
        """Transform predictions of the surrogate back to the scale of :meth:`shown`.

        Parameters
        ----------
        values : ndarray of shape (n_explained,)
            Predictions, not scaled.

        Returns
        -------
        ndarray of shape (n_explained,)
        """
        return np.where(self._are_contrasts, values, invert_link(self.link, values))

    @property
    def _are_contrasts(self) -> np.ndarray:
        return np.array([isinstance(column, Contrast) for column in self.columns], dtype=bool)
