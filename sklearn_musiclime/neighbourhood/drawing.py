"""Drawing masks over the components of one song, first and then more."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

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
    n_columns : (int, int)
        Columns of a mask that belong to the audio, and to the lyrics.
    n_samples : int or (int, int)
        How many masks are drawn first.
    rng : numpy.random.Generator
        The song's own generator, see :func:`song_generator`.
    kernel : str
        The kernel of the surrogate, which some designs draw for.
    with_interactions : bool
        Whether interactions are to be estimated.
    n_fills : (int, int), default=(1, 1)
        Number of fills of the audio and of the lyrics.
    """

    design: str
    n_columns: tuple[int, int]
    n_samples: int | tuple[int, int]
    rng: np.random.Generator
    kernel: str
    with_interactions: bool
    n_fills: tuple[int, int] = (1, 1)

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
        return draw_neighbourhood(
            self.design, *self.n_columns, self.n_samples, self.rng, kernel=self.kernel,
            with_grid=self.with_interactions, with_shares=True, replacement=replacement,
            n_fills=self.n_fills,
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
            besides=None if drawn.is_noisy else drawn, n_fills=self.n_fills,
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
        return draw_neighbourhood(
            self.design, *self.n_columns, n_samples, self.rng.spawn(1)[0], kernel=self.kernel,
            n_fills=self.n_fills,
        )  # fmt: skip


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
