"""How the masks of a neighbourhood were drawn: what every estimate and its error start from.

Masks are drawn in *clusters*: a mask alone, or with its complement. Clusters are independent, or
drawn without replacement where there are few enough masks to run out of them. In the crossed design
there are two sides, the audio and the lyrics, each with clusters of its own. A side whose masks
were all drawn is *complete*: it is the population, and leaves nothing to chance.

Weights, standard errors, interactions and shares take these facts from one :class:`Sampling`, so
that they agree. What a sample stands for and how a variance shrinks as the population runs out are
those of survey sampling (Horvitz, Thompson 1952; Cochran 1977, chapters 2 and 5).

References
----------
Horvitz, Thompson, "A generalization of sampling without replacement from a finite universe",
Journal of the American Statistical Association 47, 1952.

Cochran, "Sampling Techniques", 3rd edition, Wiley, 1977.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Side:
    """Components whose masks were drawn together, and how.

    Attributes
    ----------
    columns : slice
        The components, as columns of the masks.
    clusters : ndarray of shape (n_samples,) of int
        The number of the cluster that each sample was drawn in.
    fraction : float
        The part of all the masks of these components that were drawn. 0: too many to count, or
        drawn with replacement; 1: all of them.
    strata : ndarray of shape (n_clusters,) of int, or None
        The stratum that each cluster was drawn from. None: there is one.
    fractions : ndarray of shape (n_clusters,), or None
        `fraction` of each cluster's stratum. None: the same for all.
    """

    columns: slice
    clusters: np.ndarray
    fraction: float = 0.0
    strata: np.ndarray | None = None
    fractions: np.ndarray | None = None

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left to chance."""
        return self.fraction == 1.0

    @property
    def left_to_chance(self) -> np.ndarray | float:
        """The part of each cluster's variance that is left, (n_clusters, 1), or of all of them."""
        if self.fractions is None or self.is_complete:
            return 1 - self.fraction
        return 1 - self.fractions[:, np.newaxis]


@dataclass(frozen=True, eq=False)
class Sampling:
    """How the masks of a neighbourhood were drawn.

    Attributes
    ----------
    sides : tuple of Side
        One for masks over all components; audio and lyrics for crossed ones.
    sample_weight : ndarray of shape (n_samples,)
        How many masks of the population each sample stands for, up to a factor. 0 for the song
        itself and whatever else was not drawn.
    density : float
        The part of the combinations of the sides' masks that were scored.
    grid_fractions : tuple of (float, float)
        `fraction` of each half of the grid, if there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.neighbourhood import draw_neighbourhood
    >>> rng = np.random.default_rng(0)
    >>> draw_neighbourhood("paired", 20, 30, 1000, rng).sampling.sides[0].fraction
    0.0
    >>> crossed = draw_neighbourhood("crossed", 20, 3, 1000, rng).sampling
    >>> [side.is_complete for side in crossed.sides]
    [False, True]
    """

    sides: tuple[Side, ...]
    sample_weight: np.ndarray
    density: float = 1.0
    grid_fractions: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def independent(cls, n_samples: int) -> Sampling:
        """Say that samples were drawn one by one, from more masks than can be counted.

        Parameters
        ----------
        n_samples : int
            How many.

        Returns
        -------
        Sampling
        """
        return cls((Side(slice(None), np.arange(n_samples)),), np.ones(n_samples))

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left to chance."""
        return self.density == 1.0 and all(side.is_complete for side in self.sides)

    def of_noisy_scores(self) -> Sampling:
        """Say that the model answers by chance, so that no number of masks leaves no error.

        Returns
        -------
        Sampling
        """
        sides = tuple(replace(side, fraction=0.0, fractions=None) for side in self.sides)
        return replace(self, sides=sides, density=0.0, grid_fractions=(0.0, 0.0))
