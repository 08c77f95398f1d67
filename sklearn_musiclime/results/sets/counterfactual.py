"""Search for a small set of parts without which the model changes its label."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import combinations
from math import comb

import numpy as np

from sklearn_musiclime.results.sets.certificate import lower_bound, n_kept_needed, n_masks_needed
from sklearn_musiclime.results.sets.questions import BudgetSpent, Questions
from sklearn_musiclime.results.sets.sufficient import Tested

N_AT_ONCE = 256
"""Largest number of sets that are asked about at once."""
N_SEARCH_FILLS = 16
"""Combinations of fills that the search judges a set by."""


class CounterfactualSearch:
    """Search for a set without which the label changes, with everything else on.

    Parameters
    ----------
    questions : Questions
        The model.
    order : ndarray of shape (n_parts,) of int
        The parts, the most promising first.
    target : float
        Probability over fills with which the label must change. With one fill it changes or not.
    precision, chance : float
        Precision and chance of an error of the test, if there are many fills.
    seeds : SeedSequence
        Seeds of the search and, apart from it, of the test.
    """

    def __init__(
        self,
        questions: Questions,
        order: np.ndarray,
        target: float,
        precision: float,
        chance: float,
        seeds: np.random.SeedSequence,
    ):
        of_search, of_test = seeds.spawn(2)
        self._test_rng = np.random.default_rng(of_test)
        self._questions, self._order, self._target = questions, order, target
        self._precision, self._chance = precision, chance
        n_fills = questions.n_combinations
        self._fills = np.random.default_rng(of_search).permutation(n_fills)[:N_SEARCH_FILLS]
        self._found: list[np.ndarray] = []
        self.is_smallest = False

    def run(self) -> Tested | None:
        """Search and test.

        Returns
        -------
        Tested or None
            `kept` of it is what remains on; `probability` that the label changes, over fills. None:
            no set was found within the budget. ``is_smallest`` tells whether all smaller sets
            (None: all sets) were tried, and do not change it.
        """
        budget, n_fills = self._questions.budget, self._questions.n_combinations
        n_test = min(n_fills, n_masks_needed(self._precision, self._chance / 2))
        self._questions.budget -= min(2 * n_test, budget)
        with suppress(BudgetSpent):  # then with what was found until then
            self._search()
        self._questions.budget = budget
        if len(self._fills) < n_fills:
            self.is_smallest = False  # smaller sets were tried with some of the fills alone
        try:
            return self._test()
        except BudgetSpent:
            return None

    def _search(self) -> None:
        n_parts = self._questions.n_parts
        self._one_by_one()
        self._greedily()
        # All sets of 1 part, then of 2, as far as calls go; then those of the first parts.
        for size in range(1, n_parts + 1):
            if self._found and size >= self._found[-1].sum():
                self.is_smallest = True
                return
            n_sets = self._questions.n_left // len(self._fills)
            if comb(n_parts, size) > n_sets:
                self._among_the_first(size, n_sets)
                return
            if self._any_of(combinations(self._order, size)):
                self.is_smallest = True
                return
        self.is_smallest = not self._found

    def _among_the_first(self, size: int, n_sets: int) -> None:
        """Try those sets of a size that are made of the first parts, as many as calls go for."""
        n_first = max(
            (n for n in range(size, len(self._order)) if comb(n, size) <= n_sets), default=0
        )
        self._any_of(combinations(self._order[:n_first], size))

    def _any_of(self, sets: Iterable[tuple[int, ...]]) -> bool:
        """Take the first of some sets of one size that changes the label, if one does."""
        pending: list[tuple[int, ...]] = []
        for parts in sets:
            pending.append(parts)
            if len(pending) == N_AT_ONCE:
                if self._first_of(pending):
                    return True
                pending = []
        return bool(pending) and self._first_of(pending)

    def _first_of(self, sets: list[tuple[int, ...]]) -> bool:
        removed = np.zeros((len(sets), self._questions.n_parts), dtype=bool)
        for row, parts in enumerate(sets):
            removed[row, list(parts)] = True
        changes = np.flatnonzero(self._ask(removed)[0])
        if len(changes):
            self._found.append(removed[changes[0]])
        return bool(len(changes))

    def _ask(self, removed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tell which sets change the label when removed, and the mean lead of the label then."""
        masks = np.repeat(~removed, len(self._fills), axis=0)
        leads = self._questions.leads(masks, np.tile(self._fills, len(removed)))
        leads = leads.reshape(len(removed), -1)
        return (leads < 0).mean(axis=1) >= self._target, leads.mean(axis=1)

    def _one_by_one(self) -> None:
        """Remove parts in their order until the label changes, then put back what need not be."""
        removed = np.zeros((len(self._order),) * 2, dtype=bool)
        removed[:, self._order] = np.tri(len(self._order), dtype=bool)
        for start in range(0, len(removed), 16):
            some = removed[start : start + 16]
            changes = np.flatnonzero(self._ask(some)[0])
            if len(changes):
                self._take(some[changes[0]])
                return

    def _greedily(self) -> None:
        """Remove, again and again, the part without which the label leads least."""
        n_parts = self._questions.n_parts
        removed = np.zeros(n_parts, dtype=bool)
        most = self._found[-1].sum() - 1 if self._found else n_parts
        while removed.sum() < most:
            rest = self._order[~removed[self._order]]
            further = np.tile(removed, (len(rest), 1))
            further[np.arange(len(rest)), rest] = True
            changes, leads = self._ask(further)
            best = int(np.argmin(np.where(changes, -np.inf, leads)))
            removed = further[best]
            if changes[best]:
                self._take(removed)
                return

    def _take(self, removed: np.ndarray) -> None:
        """Take a set, without the parts that need not be removed."""
        for part in self._order[::-1]:
            fewer = removed.copy()
            fewer[part] = False
            if removed[part] and fewer.any() and self._ask(fewer[np.newaxis])[0][0]:
                removed = fewer
        if not self._found or removed.sum() < self._found[-1].sum():
            self._found.append(removed)

    def _test(self) -> Tested | None:
        """Test the sets with all fills, or fresh ones if they are many, the smallest first."""
        questions = self._questions
        for n_tries, removed in enumerate(self._found[::-1], 1):
            chance = self._chance / 2**n_tries
            n = n_masks_needed(self._precision, chance)
            is_exact = questions.n_combinations <= n
            if is_exact:
                fills, needed = np.arange(questions.n_combinations), 0
            else:
                fills = self._test_rng.integers(questions.n_combinations, size=n)
                needed = n_kept_needed(self._target, n, chance)
            changes = ~questions.keeps(np.tile(~removed, (len(fills), 1)), fills)
            probability = float(changes.mean())
            if changes.sum() >= needed and probability >= self._target:
                low = probability
                if not is_exact:
                    low = lower_bound(int(changes.sum()), n, chance)
                return Tested(~removed, probability, low, len(fills), n_tries, is_exact)
            self.is_smallest = False
        return None
