"""Interactions of all pairs together, from tens of thousands of scores: those of a proxy.

Least squares on the products of all pairs of columns takes each other's effects out of their
errors, which one product at a time does not. The products are never written out: with masks Z,
coded -1/2 and 1/2, and interactions in a triangular matrix B, they add up to the sums over the rows
of ``(Z B) * Z``, and LSMR needs no more than that (Fong, Saunders 2011).

Of more products than half the samples (over 100 components, with 20,000 paired masks) a joint fit
would be dominated by noise or, of least norm, shrink all interactions. Then one product at a time
is fitted, which has no bias: the others are noise that the standard error tells.

References
----------
Fong, Saunders, "LSMR: an iterative algorithm for sparse least-squares problems", SIAM Journal on
Scientific Computing 33, 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse.linalg import LinearOperator, lsmr

MOST_STEPS = 15
"""Steps of LSMR: products are so nearly orthogonal that more change nothing."""


@dataclass(frozen=True, eq=False)
class AllPairs:
    """Interactions of all pairs of components.

    Attributes
    ----------
    weights : ndarray of shape (n_labels, n_components, n_components)
        Symmetric, with zeros on the diagonals.
    variance : ndarray of shape (n_labels,)
        Squared standard error of each of them.
    """

    weights: np.ndarray
    variance: np.ndarray

    @classmethod
    def none(cls, n_labels: int, n_components: int) -> Self:
        """Return interactions that are 0 and known to be.

        Parameters
        ----------
        n_labels, n_components : int
            How many labels and components there are.

        Returns
        -------
        AllPairs
        """
        weights = np.broadcast_to(0.0, (n_labels, n_components, n_components))
        return cls(weights, np.zeros(n_labels))

    @classmethod
    def fit(cls, masks: np.ndarray, scores: np.ndarray, *, design: str) -> Self:
        """Fit the interactions of all pairs, together where samples are enough.

        Parameters
        ----------
        masks : ndarray of shape (n_samples, n_components), dtype bool
            The masks. In the paired design rows ``2 * i`` and ``2 * i + 1`` are complements.
        scores : ndarray of shape (n_samples, n_labels)
            Their scores.
        design : {"paired", "independent", "exhaustive"}
            How the masks were drawn.

        Returns
        -------
        AllPairs

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_musiclime.surrogate.interactions.all_pairs import AllPairs
        >>> masks = np.random.default_rng(0).integers(0, 2, (500, 4)).astype(bool)
        >>> scores = 1.0 * masks[:, [0]] + 3.0 * (masks[:, [1]] & masks[:, [2]])
        >>> found = AllPairs.fit(masks, scores, design="independent")
        >>> found.weights[0].round(3)[1] + 0.0
        array([0., 0., 3., 0.])
        """
        coded, response, basis = folded(masks, scores, design)
        n, p = coded.shape
        pairs = np.triu_indices(p, 1)
        n_pairs = len(pairs[0])

        def added(weights: np.ndarray) -> np.ndarray:
            matrix = np.zeros((p, p))
            matrix[pairs] = weights.ravel()
            values = ((coded @ matrix) * coded).sum(axis=1)
            return values - basis @ (basis.T @ values)

        def products(values: np.ndarray) -> np.ndarray:
            values = values.ravel()
            values = values - basis @ (basis.T @ values)
            return (coded.T @ (coded * values[:, np.newaxis]))[pairs]

        operator = LinearOperator((n, n_pairs), matvec=added, rmatvec=products, dtype=float)
        weights, variance = np.zeros((response.shape[1], p, p)), np.zeros(response.shape[1])
        for label, values in enumerate(response.T if n_pairs else ()):
            if n_pairs <= n // 2:
                fitted = lsmr(operator, values, maxiter=MOST_STEPS)[0]
                n_taken, rest = n_pairs, values - added(fitted)
            else:
                fitted = 16 / (n - basis.shape[1]) * products(values)
                n_taken, rest = 0, values
            weights[label][pairs] = fitted
            weights[label] += weights[label].T
            variance[label] = 16 * (rest @ rest) / (n - n_taken) ** 2
        return cls(weights, variance)


def folded(
    masks: np.ndarray, scores: np.ndarray, design: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take effects of single components out of scores.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        The masks. In the paired design rows ``2 * i`` and ``2 * i + 1`` are complements.
    scores : ndarray of shape (n_samples, n_labels)
        Their scores.
    design : {"paired", "independent", "exhaustive"}
        How the masks were drawn. In the mean of a mask and its complement, effects of single
        components cancel; of other masks they are regressed out.

    Returns
    -------
    coded : ndarray of shape (n_units, n_components)
        Masks as -1/2 and 1/2, the first of each couple of complements.
    response : ndarray of shape (n_units, n_labels)
        Scores without the mean and the effects of single components.
    basis : ndarray of shape (n_units, n_taken)
        Orthonormal columns that were regressed out.
    """
    if design == "paired":
        coded = masks[::2] - 0.5
        response = (scores[::2] + scores[1::2]) / 2
        main = np.ones((len(coded), 1))
    else:
        coded = masks - 0.5
        response = scores
        main = np.column_stack([np.ones(len(coded)), coded])
    basis = np.linalg.qr(main)[0]
    return coded, response - basis @ (basis.T @ response), basis
