"""Drawing masks over the components of one song, first and then more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_musiclime.neighbourhood.designs import draw_neighbourhood
from sklearn_musiclime.neighbourhood.samples import Neighbourhood


@dataclass(frozen=True, eq=False)
class Drawing:
    """Draws masks over the components of a song.

    Attributes
    ----------
    design : str
        How masks are drawn.
    n_columns : (int, int)
        Columns of a mask that belong to the audio, and to the lyrics.
    rng : numpy.random.Generator
        The song's own generator.
    kernel : str
        The kernel of the surrogate, which some designs draw for.
    with_interactions : bool
        Whether interactions are to be estimated.
    """

    design: str
    n_columns: tuple[int, int]
    rng: np.random.Generator
    kernel: str
    with_interactions: bool

    def first(
        self, n_samples: int | tuple[int, int], *, replacement: bool = False
    ) -> Neighbourhood:
        """Draw the first masks, with those that interactions and shares need.

        Parameters
        ----------
        n_samples : int or (int, int)
            How many.
        replacement : bool, default=False
            Whether a mask may be drawn twice.

        Returns
        -------
        Neighbourhood
        """
        return draw_neighbourhood(
            self.design, *self.n_columns, n_samples, self.rng, kernel=self.kernel,
            with_grid=self.with_interactions, with_shares=True, replacement=replacement,
        )  # fmt: skip

    def more(self, n_samples: int | tuple[int, int], drawn: Neighbourhood) -> Neighbourhood:
        """Draw masks beside those that were drawn.

        Parameters
        ----------
        n_samples : int or (int, int)
            How many.
        drawn : Neighbourhood
            What was drawn. Of a model that answers by chance its masks may be drawn again.

        Returns
        -------
        Neighbourhood
        """
        return draw_neighbourhood(
            self.design, *self.n_columns, n_samples, self.rng, kernel=self.kernel,
            with_grid=False, with_shares=False, replacement=drawn.is_noisy,
            besides=None if drawn.is_noisy else drawn,
        )  # fmt: skip
