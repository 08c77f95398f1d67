"""Drawing masks over the components of one song, first and then more."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.neighbourhood.designs import draw_neighbourhood
from sklearn_musiclime.neighbourhood.samples import Neighbourhood
from sklearn_musiclime.songs import Song


@dataclass(frozen=True, eq=False)
class Drawing:
    """Draws masks over the components of a song.

    Attributes
    ----------
    design : str
        How masks are drawn.
    sizes : tuple of int
        Number of components of the audio, of the lyrics and, if any are explained, of columns.
    n_samples : int or (int, int)
        How many masks are drawn first.
    rng : numpy.random.Generator
        The song's own generator, see :func:`song_generator`.
    kernel : str
        The kernel of the surrogate, which some designs draw for.
    with_interactions : bool
        Whether interactions are to be estimated.
    n_fills : tuple of int, default=(1, 1)
        Number of fills of each of them.
    n_combinations : int or None, default=None
        Largest number of combinations of the crossed design in all draws together, corners
        included. None: no bound.
    """

    design: str
    sizes: tuple[int, ...]
    n_samples: int | tuple[int, int]
    rng: np.random.Generator
    kernel: str
    with_interactions: bool
    n_fills: tuple[int, ...] = (1, 1)
    n_combinations: int | None = None

    def n_left(self, drawn: Neighbourhood | None = None) -> int | None:
        """Count the combinations that may be drawn, beside those of the corners.

        Parameters
        ----------
        drawn : Neighbourhood or None, default=None
            What was drawn. None: nothing.

        Returns
        -------
        int or None
            None: there is no bound.
        """
        if self.n_combinations is None:
            return None
        corners = n_corners(self.n_fills)
        n_drawn = 0 if drawn is None else len(drawn.pairs) + len(drawn.grid_pairs)
        return self.n_combinations - corners - n_drawn

    def first(self, *, replacement: bool = False) -> Neighbourhood:
        """Draw the first masks, with those that interactions and shares need.

        Parameters
        ----------
        replacement : bool, default=False
            Whether a mask may be drawn twice.

        Returns
        -------
        Neighbourhood
        """
        return self._draw(
            self.n_samples, self.rng,
            with_grid=self.with_interactions, with_shares=True, replacement=replacement,
            n_combinations=self.n_left(),
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
        n_left = self.n_left(drawn)
        return self._draw(
            n_samples, self.rng, replacement=drawn.is_noisy,
            besides=None if drawn.is_noisy else drawn,
            n_combinations=None if n_left is None else n_left + 1,  # the song was scored before
        )  # fmt: skip

    def free(self, n_samples: int) -> Neighbourhood:
        """Draw masks by the same design that no model will score, by a generator of their own.

        Parameters
        ----------
        n_samples : int
            How many.

        Returns
        -------
        Neighbourhood
        """
        return self._draw(n_samples, self.rng.spawn(1)[0])

    def _draw(
        self, n_samples: int | tuple[int, int], rng: np.random.Generator, **how: Any
    ) -> Neighbourhood:
        n_audio, n_lyrics, *n_columns = self.sizes
        return draw_neighbourhood(
            self.design, n_audio, n_lyrics, n_samples, rng, kernel=self.kernel,
            n_columns=n_columns[0] if n_columns else None, n_fills=self.n_fills, **how,
        )  # fmt: skip


def n_corners(n_fills: tuple[int, ...]) -> int:
    """Count the corners of a crossed design: of audio and lyrics, all of it or nothing with a fill.

    Parameters
    ----------
    n_fills : tuple of int
        Number of fills of the audio and of the lyrics.

    Returns
    -------
    int
    """
    return prod(1 + n for n in n_fills)


def song_generator(seed: int, song: Song, components: Decomposition) -> np.random.Generator:
    """Make the random number generator of a song, which is the same wherever it stands in X.

    Parameters
    ----------
    seed : int
        Seed of all songs.
    song : Song
        The song. Its lyrics and its length are part of the seed.
    components : Decomposition
        Its components, whose names are part of the seed.

    Returns
    -------
    numpy.random.Generator
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in (song.lyrics or "", *components.names):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    length = 0 if song.waveform is None else len(song.waveform)
    digest.update(length.to_bytes(8, "little"))
    return np.random.default_rng([seed, int.from_bytes(digest.digest(), "little")])
