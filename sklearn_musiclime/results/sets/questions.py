"""Questions to the model about sets of parts, counted and kept within a budget."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from sklearn_musiclime.neighbourhood.decisions import Decision


class BudgetSpent(Exception):
    """There are no calls left for a question."""


class Questions:
    """Whether a label is kept with parts on and off.

    Parts are what is on or off together: a component, or a group of linked ones.

    Parameters
    ----------
    score : callable
        Scores of masks, shape (n_masks, n_labels). Called with masks and, if there are several
        fills, with their numbers.
    parts : ndarray of shape (n_components,) of int
        Number of the part of each component.
    decision : Decision
        When the label is said.
    is_said : bool
        Whether it is said of the song. "Kept" means that this does not change.
    n_fills : tuple of int
        Number of fills of each modality.
    budget : int
        Largest number of calls.
    n_calls : int, default=0
        Number of calls that were made before.
    """

    def __init__(
        self,
        score: Callable[..., np.ndarray],
        parts: np.ndarray,
        decision: Decision,
        is_said: bool,
        n_fills: tuple[int, ...],
        budget: int,
        n_calls: int = 0,
    ):
        self.n_parts = int(parts.max(initial=-1)) + 1
        self.n_fills, self.n_calls = n_fills, n_calls
        self.decision = decision
        self.budget = budget
        self._score, self._parts = score, parts
        self._sign = 1.0 if is_said else -1.0

    @property
    def n_combinations(self) -> int:
        """Number of combinations of fills."""
        return prod(self.n_fills)

    @property
    def n_left(self) -> int:
        """Number of calls that may still be made."""
        return self.budget - self.n_calls

    def scores(self, masks: np.ndarray, fills: np.ndarray | None = None) -> np.ndarray:
        """Score masks of parts.

        Parameters
        ----------
        masks : ndarray of shape (n_masks, n_parts), dtype bool
            True where a part is on.
        fills : ndarray of shape (n_masks,) of int, or None, default=None
            Number of the combination of fills of each mask. None: the first.

        Returns
        -------
        ndarray of shape (n_masks, n_labels)

        Raises
        ------
        BudgetSpent
            There are fewer calls left.
        """
        if len(masks) > self.n_left:
            raise BudgetSpent
        self.n_calls += len(masks)
        columns = masks[:, self._parts]
        if self.n_combinations == 1:
            return self._score(columns)
        numbers = np.zeros(len(masks), dtype=int) if fills is None else fills
        return self._score(columns, np.stack(np.unravel_index(numbers, self.n_fills), axis=1))

    def leads(self, masks: np.ndarray, fills: np.ndarray | None = None) -> np.ndarray:
        """Return how far masks are from changing the label: below 0 where it is changed.

        Parameters
        ----------
        masks, fills
            See :meth:`scores`.

        Returns
        -------
        ndarray of shape (n_masks,)
        """
        lead = self.decision.lead(self.scores(masks, fills))
        if self._sign > 0:
            return lead
        return np.where(lead >= 0, np.minimum(-lead, -np.finfo(float).tiny), -lead)

    def keeps(self, masks: np.ndarray, fills: np.ndarray | None = None) -> np.ndarray:
        """Tell which masks keep the label.

        Parameters
        ----------
        masks, fills
            See :meth:`scores`.

        Returns
        -------
        ndarray of shape (n_masks,), dtype bool
        """
        return self.leads(masks, fills) >= 0

    def everything_else(self, kept: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray] | None:
        """List all masks that keep a set on, with all fills, unless there are too many.

        Parameters
        ----------
        kept : ndarray of shape (n_parts,), dtype bool
            The set.
        most : int
            Largest number of masks.

        Returns
        -------
        masks : ndarray of shape (n_masks, n_parts), dtype bool
            The masks.
        fills : ndarray of shape (n_masks,) of int
            Numbers of their combinations of fills.
        """
        rest = np.flatnonzero(~kept)
        if len(rest) > 30 or 2 ** len(rest) * self.n_combinations > most:
            return None
        codes = np.arange(2 ** len(rest))
        masks = np.tile(kept, (len(codes), 1))
        masks[:, rest] = (codes[:, np.newaxis] >> np.arange(len(rest))) & 1 == 1
        fills = np.repeat(np.arange(self.n_combinations), len(masks))
        return np.tile(masks, (self.n_combinations, 1)), fills

    def draw(
        self, kept: np.ndarray, n: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw masks that keep a set on, with each other part on or off by a fair coin.

        Parameters
        ----------
        kept : ndarray of shape (n_parts,), dtype bool
            The set.
        n : int
            Number of masks.
        rng : Generator
            Source of randomness.

        Returns
        -------
        masks : ndarray of shape (n, n_parts), dtype bool
            The masks.
        fills : ndarray of shape (n,) of int
            Numbers of their combinations of fills, drawn as well.
        """
        masks = kept | (rng.random((n, self.n_parts)) < 0.5)
        return masks, rng.integers(self.n_combinations, size=n)
