"""Interactions as data: pairs of components, weights, standard errors and q-values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklearn_musiclime.surrogate.confidence import MOST_DOF

DERIVED: Any = None
"""Default of a field that ``__post_init__`` derives from the other fields unless it is given."""


@dataclass(frozen=True)
class Interactions:
    """Interactions of pairs of components.

    Attributes
    ----------
    pairs : ndarray of shape (n_pairs, 2) of int
        Positions of the two components, those of the audio counted first.
    weights : ndarray of shape (n_labels, n_pairs)
        Interaction of the two: their effect together less the sum of their effects.
    std_err : ndarray of shape (n_labels, n_pairs)
        Standard errors of the interactions.
    q_values : ndarray of shape (n_labels, n_pairs)
        Benjamini-Hochberg q-values: the false-discovery rate at which each is significant.
    dof : ndarray of shape (n_labels, n_pairs), or None, default=None
        Degrees of freedom of `std_err`. None: 1e6, that is, a normal error.
    """

    pairs: np.ndarray
    weights: np.ndarray
    std_err: np.ndarray
    q_values: np.ndarray
    dof: np.ndarray = DERIVED

    def __post_init__(self) -> None:
        if self.dof is None:
            object.__setattr__(self, "dof", np.full(np.shape(self.std_err), MOST_DOF))

    def scaled(self, exponent: np.ndarray) -> Interactions:
        """Multiply the interactions of each label by a power of two.

        Parameters
        ----------
        exponent : ndarray of shape (n_labels,) of int
            Exponent of each label.

        Returns
        -------
        Interactions
            The interactions of scores that are ``2 ** exponent`` times as large.
        """
        exponent = exponent[:, np.newaxis]
        return replace(
            self,
            weights=np.ldexp(self.weights, exponent),
            std_err=np.ldexp(self.std_err, exponent),
        )

    def of_labels(self, rows: list[int]) -> Interactions:
        """Pick the interactions of some labels.

        Parameters
        ----------
        rows : list of int
            Positions of the labels.

        Returns
        -------
        Interactions
        """
        names = ("weights", "std_err", "q_values", "dof")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    @classmethod
    def concatenate(cls, parts: list[Interactions]) -> Interactions:
        """Concatenate interactions of different pairs.

        Parameters
        ----------
        parts : list of Interactions
            Interactions for the same labels.

        Returns
        -------
        Interactions
            All pairs, in the order of `parts`.
        """
        return cls(
            np.concatenate([part.pairs for part in parts]),
            *(
                np.hstack([getattr(part, name) for part in parts])
                for name in ("weights", "std_err", "q_values", "dof")
            ),
        )


def exact_interactions(pairs: np.ndarray, weights: np.ndarray) -> Interactions:
    """Exact interactions: standard errors of 0, q-values of 0 or 1."""
    exact = np.zeros_like(weights)
    return Interactions(pairs, weights, exact, np.where(weights == 0, 1.0, 0.0), exact + MOST_DOF)


def without_rounding(values: np.ndarray, floor: float | np.ndarray) -> np.ndarray:
    """Values of which those of at most this size are 0: they are rounding errors."""
    return np.where(np.abs(values) <= floor, 0.0, values)
