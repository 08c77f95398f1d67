"""The fitted surrogate: weights with their standard errors, and how far they can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats

from sklearn_musiclime.surrogate.confidence import CONFIDENCE_LEVEL, margin

LARGE = 0.3
"""Weights of at least this fraction of the largest are large: the ones that people read."""


@dataclass(frozen=True)
class Surrogate:
    """A fitted surrogate.

    Attributes
    ----------
    weights : ndarray of shape (n_labels, n_components)
        Weight of each component in the score of each label; 0 where it was not selected.
    intercept : ndarray of shape (n_labels,)
        The surrogate's score with all components off.
    score : ndarray of shape (n_labels,)
        Weighted R^2 on the masks of the fit, as reported by LIME.
    fidelity : ndarray of shape (n_labels,)
        Weighted R^2 estimated for all masks, drawn or not: the fraction that was not drawn is taken
        to have leave-one-cluster-out residuals. It may be negative.
    local_prediction : ndarray of shape (n_labels,)
        The surrogate's score with all components on, to be compared with the model's.
    std_err : ndarray of shape (n_labels, n_components)
        Standard errors of `weights`: how much they vary from one draw of the masks to another. NaN
        where a component was not selected.
    dof : ndarray of shape (n_labels, n_components)
        Degrees of freedom of `std_err`; below 1 where no interval is known.
    penalty : ndarray of shape (n_labels,)
        Penalty that was chosen for the ridge, the larger one of the two sides; 0 if the fit was
        least squares or another `regressor`.
    is_sufficient : bool
        Whether there were at least 1.5 clusters of masks per component on each side.
    weight : ndarray of shape (n_samples,)
        Weights of the samples in the fit.
    left_out : ndarray of shape (n_samples, n_labels)
        Scores less those of a surrogate that is fitted without the sample's cluster.
    proxy_factor : ndarray of shape (n_labels,), or None
        Fraction of the proxy's predictions that was used, see :mod:`sklearn_musiclime.proxy`; None
        without a proxy.
    """

    weights: np.ndarray
    intercept: np.ndarray
    score: np.ndarray
    fidelity: np.ndarray
    local_prediction: np.ndarray
    std_err: np.ndarray
    dof: np.ndarray
    penalty: np.ndarray
    is_sufficient: bool = True
    weight: np.ndarray = field(default_factory=lambda: np.empty(0))
    left_out: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    proxy_factor: np.ndarray | None = None

    @property
    def low(self) -> np.ndarray:
        """Lower ends of the 95 % intervals of `weights`."""
        return self.bounds()[0]

    @property
    def high(self) -> np.ndarray:
        """Upper ends of the 95 % intervals of `weights`."""
        return self.bounds()[1]

    def bounds(self, interval: float = CONFIDENCE_LEVEL) -> tuple[np.ndarray, np.ndarray]:
        """Compute confidence intervals of the weights.

        Parameters
        ----------
        interval : float, default=0.95
            Probability with which an interval contains the weight that all masks would give.

        Returns
        -------
        low, high : ndarray of shape (n_labels, n_components)
            Ends of the intervals; NaN where no interval is known.
        """
        reach = margin(self.std_err, self.dof, interval)
        return self.weights - reach, self.weights + reach

    @property
    def relative_error(self) -> np.ndarray:
        """Error of each label's weights, relative to the largest weight, shape (n_labels,)."""
        # The largest standard error, or, if it is larger, the upper 95 % confidence bound of the
        # root mean square error of the large weights, by the F distribution.
        size, std_err = np.abs(self.weights), np.nan_to_num(self.std_err)
        largest = size.max(axis=1, initial=0.0)
        worst = std_err.max(axis=1, initial=0.0)
        for label, is_large in enumerate(self._is_large):
            if (std_err[label, is_large] > 0).any():
                dof = max(float(self.dof[label, is_large].min()), 1.0)
                square = np.mean(np.square(std_err[label, is_large]))
                square *= stats.f.ppf(CONFIDENCE_LEVEL, np.count_nonzero(is_large), dof)
                worst[label] = max(worst[label], np.sqrt(square))
        return np.divide(worst, largest, out=np.zeros_like(worst), where=largest > 0)

    @property
    def _is_large(self) -> np.ndarray:
        """Which weights are at least 0.3 of the label's largest, (n_labels, n_components)."""
        size = np.abs(self.weights)
        return (size >= LARGE * size.max(axis=1, keepdims=True, initial=0.0)) & (size > 0)

    def fewest_dof(self) -> float:
        """Return the fewest degrees of freedom of any large weight that has a standard error.

        Returns
        -------
        float
            Infinite where the large weights are exact.
        """
        largest = np.abs(self.weights).max(axis=1, keepdims=True, initial=0.0)
        counts = self._is_large & (self.std_err > 1e-6 * largest)
        return float(self.dof.min(initial=np.inf, where=counts))

    def scaled(self, exponent: np.ndarray) -> Surrogate:
        """Multiply the surrogate of each label by a power of two.

        Parameters
        ----------
        exponent : ndarray of shape (n_labels,) of int
            Exponent of each label.

        Returns
        -------
        Surrogate
            The surrogate of scores that are ``2 ** exponent`` times as large.
        """
        by_component = exponent[:, np.newaxis]
        return replace(
            self,
            weights=np.ldexp(self.weights, by_component),
            intercept=np.ldexp(self.intercept, exponent),
            local_prediction=np.ldexp(self.local_prediction, exponent),
            std_err=np.ldexp(self.std_err, by_component),
        )

    def spread(self, units: np.ndarray) -> Surrogate:
        """Spread the weights of linked units evenly over their components.

        Parameters
        ----------
        units : ndarray of shape (n_components,) of int
            Linked unit (components that are switched on and off together) of each component.

        Returns
        -------
        Surrogate
            Weights of the components; those of a unit are equal and add up to the unit's weight.
        """
        size = np.bincount(units)[units]
        return replace(
            self,
            weights=self.weights[:, units] / size,
            std_err=self.std_err[:, units] / size,
            dof=self.dof[:, units],
        )
