"""Fit of a neighbourhood's surrogate, by the method that its design and the kernel call for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_musiclime.surrogate.crossed import fit_crossed_surrogate
from sklearn_musiclime.surrogate.estimate import Surrogate
from sklearn_musiclime.surrogate.linear import fit_surrogate
from sklearn_musiclime.surrogate.links import apply_link
from sklearn_musiclime.surrogate.shapley import fit_shapley

if TYPE_CHECKING:
    from sklearn_musiclime.neighbourhood import Neighbourhood

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
    columns : list of int
        The columns that are explained.
    exponents : ndarray of shape (n_explained,) of int
        Powers of two that scores are divided by, so that their squares can be computed.
    """

    link: str
    columns: list[int]
    exponents: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, columns: list[int], link: str) -> Self:
        """Choose the powers of two by the first scores.

        Parameters
        ----------
        scores : ndarray of shape (n_songs, n_columns)
            Scores of the model.
        columns : list of int
            The columns that are explained.
        link : str
            The scale.

        Returns
        -------
        LinkedScores
        """
        return cls(link, columns, safe_exponents(apply_link(link, scores[:, columns])))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Return the scores that are explained, linked and scaled.

        Parameters
        ----------
        scores : ndarray of shape (n_songs, n_columns)
            Scores of the model.

        Returns
        -------
        ndarray of shape (n_songs, n_explained)
        """
        return np.ldexp(apply_link(self.link, scores[:, self.columns]), -self.exponents)
