"""The sampling design of a neighbourhood: clusters, sampling fractions, strata, weights.

Masks are drawn in *clusters*: a mask alone, or a mask with its complement. Clusters are independent
of each other; where there are at most 20 components, they are drawn without replacement. A joint
design has one *side*, the crossed design two: the audio and the lyrics, each with clusters of its
own. A side is *complete* if all of its masks were drawn: it then adds no sampling error.

Weights, standard errors, interactions and shares are all computed from one :class:`Sampling`, so
that they agree. The weights of samples and the finite population corrections are those of survey
sampling (Horvitz, Thompson 1952; Cochran 1977, chapters 2 and 5).

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
    """The sampling of the masks of one set of components: all of them, or those of a modality.

    Attributes
    ----------
    columns : slice
        The components, as columns of the masks.
    clusters : ndarray of shape (n_samples,) of int
        Cluster number of each sample.
    fraction : float
        Sampling fraction: the number of masks drawn divided by the number that there are. 0 stands
        for draws with replacement, or from over 20 components; 1: all masks.
    strata : ndarray of shape (n_clusters,) of int, or None
        Stratum of each cluster; -1 for clusters that were not drawn. None: a single stratum.
    fractions : ndarray of shape (n_clusters,), or None
        Sampling fraction of each cluster's stratum. None: `fraction` for all.
    """

    columns: slice
    clusters: np.ndarray
    fraction: float = 0.0
    strata: np.ndarray | None = None
    fractions: np.ndarray | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all masks of these components were drawn."""
        return self.fraction == 1.0

    @property
    def left_to_chance(self) -> np.ndarray | float:
        """Finite population correction of each cluster's variance, (n_clusters, 1), or of all."""
        if self.fractions is None or self.is_complete:
            return 1 - self.fraction
        return 1 - self.fractions[:, np.newaxis]


@dataclass(frozen=True, eq=False)
class Sampling:
    """The sampling design of a neighbourhood.

    Attributes
    ----------
    sides : tuple of Side
        One side for joint designs; the audio and the lyrics for the crossed design.
    sample_weight : ndarray of shape (n_samples,)
        Design weights: the number of masks that each sample represents, up to a factor. 0 for
        masks that were not drawn, such as the song itself.
    density : float
        Fraction of the combinations of the two sides' masks that was scored; 1 for one side.
    grid_fractions : tuple of (float, float)
        Sampling fractions of the audio masks and the lyric masks of the grid; 0 without a grid.

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
        """Make the sampling of masks over all components that were drawn independently.

        Parameters
        ----------
        n_samples : int
            Number of masks.

        Returns
        -------
        Sampling
            One side, a cluster for each mask, all of the same weight, sampling fraction 0.
        """
        return cls((Side(slice(None), np.arange(n_samples)),), np.ones(n_samples))

    @property
    def is_complete(self) -> bool:
        """Whether all masks were drawn and all of their combinations scored."""
        return self.density == 1.0 and all(side.is_complete for side in self.sides)

    def of_noisy_scores(self) -> Sampling:
        """Make the sampling of the same masks for a model whose scores are noisy.

        Returns
        -------
        Sampling
            Without finite population corrections: even a complete side has an error.
        """
        sides = tuple(replace(side, fraction=0.0, fractions=None) for side in self.sides)
        return replace(self, sides=sides, density=0.0, grid_fractions=(0.0, 0.0))
