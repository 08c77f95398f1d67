"""Designs: which masks of a song's audio and lyrics are drawn, and how they are combined.

In a joint design ("independent", "paired", "exhaustive") each mask is drawn over all components. In
the crossed design masks of the audio and masks of the lyrics are drawn separately, and each audio
mask is combined with several lyric masks: for a factored model, which encodes each modality by
itself, combinations are nearly free.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isqrt

import numpy as np

from sklearn_musiclime.neighbourhood.masks import (
    MAX_EXHAUSTIVE,
    check_design,
    draw_masks,
    fraction_of_all,
    n_known_masks,
    n_of_size,
    shapley_strata,
    shapley_weights,
)
from sklearn_musiclime.neighbourhood.sampling import Sampling, Side

PAIRS_A_HALF = 8
"""Masks of the other modality that each mask is combined with in the crossed design."""
GRID_SAMPLES = 40_000
"""Largest number of combinations in a complete grid of masks, such as 200 x 200."""
SHARES_GRID = 2_500
"""Largest number of combinations in a grid that is only for modality shares, such as 50 x 50."""
SWAP_EVERY, MIN_SWAPS, MAX_SWAPS = 20, 12, 50
"""A joint design of n masks has n / 20 swaps, but at least 12 and at most 50."""


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The masks of a song's audio and of its lyrics, and how they are combined.

    Attributes
    ----------
    design : {"crossed", "independent", "paired", "exhaustive"}
        The design that the masks were drawn by.
    audio_masks : ndarray of shape (n_audio_masks, n_audio_components), dtype bool
        Masks of the audio: True where a component is kept.
    lyric_masks : ndarray of shape (n_lyric_masks, n_lyric_components), dtype bool
        Masks of the lyrics: True where a component is kept.
    pairs : ndarray of shape (n_samples, 2), dtype int
        The audio mask and the lyric mask of each perturbed song. Song 0 keeps everything.
    kernel : {"exponential", "shapley"}
        Kernel of the surrogate that the masks are for.
    known : (int, int)
        Number of fixed masks of the audio and of the lyrics, which come first and are no part of
        the draw: the song itself and, in some designs, silence. 0 for an enumeration.
    is_noisy : bool
        Whether the model's scores are noisy, so that even an enumeration has a sampling error.
    n_samples : int
        Number of samples that was requested; an enumeration may have fewer.
    grid : (ndarray of int, ndarray of int) or None
        Positions of the audio masks and of the lyric masks of a complete grid: all of their
        combinations are scored, for interactions and shares. Each mask is followed by its
        complement.
    swaps : ndarray of shape (n_swaps, 2) of int
        In a joint design, couples of samples that are scored a second time with their lyrics
        exchanged, for shares. In the paired design the samples of couple ``2 * i + 1`` are the
        complements of those of couple ``2 * i``.
    corner_pairs : ndarray of shape (4, 2) of int, or (0, 2)
        Pairs of the song itself, its audio alone, its lyrics alone, and neither, if they were added
        by :meth:`with_corners`.
    """

    design: str
    audio_masks: np.ndarray
    lyric_masks: np.ndarray
    pairs: np.ndarray
    kernel: str = "exponential"
    known: tuple[int, int] = (0, 0)
    is_noisy: bool = False
    n_samples: int = 0
    grid: tuple[np.ndarray, np.ndarray] | None = None
    swaps: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.intp))
    corner_pairs: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.intp))

    @classmethod
    def joint(
        cls,
        design: str,
        masks: np.ndarray,
        n_audio: int,
        *,
        kernel: str = "exponential",
        is_noisy: bool = False,
        n_samples: int = 0,
    ) -> Neighbourhood:
        """Make the neighbourhood of a joint design.

        Parameters
        ----------
        design : {"independent", "paired", "exhaustive"}
            The design that the masks were drawn by.
        masks : ndarray of shape (n_samples, n_components), dtype bool
            Masks over all components, those of the audio first.
        n_audio : int
            Number of audio components.
        kernel, is_noisy, n_samples
            Attributes of the class.

        Returns
        -------
        Neighbourhood
            Sample i has audio mask i and lyric mask i.
        """
        pairs = np.repeat(np.arange(len(masks))[:, np.newaxis], 2, axis=1)
        known = n_known_masks(design, kernel)
        return cls(
            design,
            masks[:, :n_audio],
            masks[:, n_audio:],
            pairs,
            kernel=kernel,
            known=(known, known),
            is_noisy=is_noisy,
            n_samples=n_samples,
        )

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def masks(self) -> np.ndarray:
        """Masks over all components, shape (n_samples, n_components)."""
        return np.hstack([self.audio_masks[self.pairs[:, 0]], self.lyric_masks[self.pairs[:, 1]]])

    def digest(self) -> str:
        """Hash the masks and pairs: neighbourhoods that are equal to the bit have equal digests.

        Returns
        -------
        str
            32 hexadecimal digits.
        """
        digest = hashlib.blake2b(digest_size=16)
        for masks in (self.audio_masks, self.lyric_masks):
            digest.update(repr(masks.shape).encode())
            digest.update(np.packbits(masks).tobytes())
        digest.update(self.pairs.astype("<i8").tobytes())
        return digest.hexdigest()

    @property
    def n_halves(self) -> tuple[int, int]:
        """Number of audio masks and of lyric masks, without those of the corners."""
        n_corners = 2 if len(self.corner_pairs) else 0
        return len(self.audio_masks) - n_corners, len(self.lyric_masks) - n_corners

    @property
    def repeats(self) -> float:
        """Number of requested samples that each mask of an enumeration stands for; else 1."""
        return max(self.n_samples / len(self), 1.0) if self.sampling.is_complete else 1.0

    @property
    def is_exhaustive(self) -> bool:
        """Whether the pairs are an enumeration of all masks, without sampling error."""
        return self.sampling.is_complete

    @property
    def n_known(self) -> int:
        """Number of fixed pairs, such as the song itself, that come first and were not drawn."""
        return int(any(self.known)) if self.design == "crossed" else self.known[0]

    @property
    def _n_components(self) -> tuple[int, int]:
        return self.audio_masks.shape[1], self.lyric_masks.shape[1]

    @cached_property
    def sampling(self) -> Sampling:
        """The sampling design, from which weights, errors, interactions and shares are computed."""
        is_drawn = np.arange(len(self)) >= self.n_known
        if self.design != "crossed":
            sampling = self._joint_sampling(is_drawn)
        else:
            halves = slice(None, self._n_components[0]), slice(self._n_components[0], None)
            drawn = [np.unique(rows) for rows in self.pairs[is_drawn].T]
            sides = tuple(
                Side(columns, rows // 2, fraction_of_all(len(own), p))
                for columns, rows, own, p in zip(
                    halves, self.pairs.T, drawn, self._n_components, strict=True
                )
            )
            density = int(is_drawn.sum()) / max(len(drawn[0]) * len(drawn[1]), 1)
            sampling = Sampling(sides, is_drawn.astype(float), density, self._grid_fractions)
        return sampling.of_noisy_scores() if self.is_noisy else sampling

    @property
    def _grid_fractions(self) -> tuple[float, float]:
        """Sampling fractions of the audio masks and the lyric masks of the grid."""
        if self.grid is None:
            return 0.0, 0.0
        return tuple(
            fraction_of_all(len(rows), p)
            for rows, p in zip(self.grid, self._n_components, strict=True)
        )

    def _joint_sampling(self, is_drawn: np.ndarray) -> Sampling:
        """The sampling of a joint design, which has one side."""
        clusters = np.arange(len(self)) // (2 if self.design == "paired" else 1)
        if self.kernel == "shapley" and self.design != "exhaustive":
            return self._shapley_sampling(clusters, is_drawn)
        fraction = fraction_of_all(int(is_drawn.sum()), sum(self._n_components))
        if self.kernel == "shapley":
            weight = shapley_weights(self.masks)
        else:
            weight = is_drawn.astype(float) if is_drawn.any() else np.ones(len(self))
        return Sampling((Side(slice(None), clusters, fraction),), weight)

    def _shapley_sampling(self, clusters: np.ndarray, is_drawn: np.ndarray) -> Sampling:
        """The sampling of masks for Shapley values, stratified by size (components kept).

        Each drawn mask represents all masks of its stratum: those of its size, or of its size and
        neighbouring ones.
        """
        masks, is_paired = self.masks, self.design == "paired"
        p, kept = masks.shape[1], masks.sum(axis=1)
        inside = (kept > 0) & (kept < p) & is_drawn
        side = Side(slice(None), clusters)
        if not inside.any():
            return Sampling((side,), np.ones(len(masks)))
        first = np.unique(clusters, return_index=True)[1]
        strata = shapley_strata(p, int(inside[first].sum()), is_paired)
        stratum = np.where(inside, strata[kept], -1)
        n_sizes = np.bincount(strata[1 : (p // 2 if is_paired else p - 1) + 1])
        n_drawn = np.bincount(stratum[first][inside[first]], minlength=len(n_sizes))
        n_all = n_of_size(p, is_paired)[kept]  # number of masks, or pairs, of each one's size
        # The total Shapley weight of a size. Both masks of a pair of size p / 2 are of that size,
        # so each of them gets half of it.
        of_size = (p - 1) / np.maximum(kept * (p - kept), 1)
        of_size = np.where(is_paired & (2 * kept == p), of_size / 2, of_size)
        weight = np.where(inside, of_size * (n_sizes / np.maximum(n_drawn, 1))[stratum], 0.0)
        fractions = np.where(inside & (n_sizes[stratum] == 1), n_drawn[stratum] / n_all, 0.0)[first]
        is_complete = (n_drawn > 0).all() and (fractions[inside[first]] == 1).all()
        side = replace(
            side, fraction=float(is_complete), strata=stratum[first], fractions=fractions
        )
        return Sampling((side,), weight)

    @property
    def grid_pairs(self) -> np.ndarray:
        """Pairs of the grid, audio mask by audio mask, (n_audio_masks * n_lyric_masks, 2)."""
        if self.grid is None:
            return np.empty((0, 2), dtype=np.intp)
        return np.stack(np.meshgrid(*self.grid, indexing="ij"), axis=-1).reshape(-1, 2)

    @property
    def swap_pairs(self) -> np.ndarray:
        """Pairs of the swaps: a couple's first audio with its second lyrics, then the reverse."""
        return np.stack([self.swaps, self.swaps[:, ::-1]], axis=1).reshape(-1, 2)

    @property
    def all_pairs(self) -> np.ndarray:
        """All pairs that the model scores: `pairs`, `grid_pairs`, `swap_pairs`, `corner_pairs`."""
        return np.vstack([self.pairs, self.grid_pairs, self.swap_pairs, self.corner_pairs])

    def split(self, scores: np.ndarray) -> Scores:
        """Split the scores of `all_pairs` into those of pairs, grid, swaps and corners.

        Parameters
        ----------
        scores : ndarray of shape (n_all_pairs, n_labels)
            The model's scores, in the order of `all_pairs`.

        Returns
        -------
        Scores
            The same scores, by their purpose.
        """
        sizes = [len(self.pairs), len(self.grid_pairs), len(self.swap_pairs)]
        of_pairs, grid, swapped, corners = np.split(scores, np.cumsum(sizes))
        grid = None if self.grid is None else grid.reshape(*map(len, self.grid), -1)
        return Scores(of_pairs, grid, swapped.reshape(-1, 2, scores.shape[1]), corners)

    def with_corners(self) -> Neighbourhood:
        """Add the corners: the song itself, its audio alone, its lyrics alone, and neither.

        Returns
        -------
        Neighbourhood
            The same neighbourhood with `corner_pairs` in this order, and with two further masks of
            each modality that they refer to.
        """
        halves = (self.audio_masks, self.lyric_masks)
        n, m = map(len, halves)
        audio, lyrics = (
            np.vstack([half, np.ones_like(half[:1]), np.zeros_like(half[:1])]) for half in halves
        )
        corners = np.array([[n, m], [n, m + 1], [n + 1, m], [n + 1, m + 1]])
        return replace(self, audio_masks=audio, lyric_masks=lyrics, corner_pairs=corners)

    def extended(self, other: Neighbourhood) -> Neighbourhood:
        """Add the masks of a second draw, without its fixed ones.

        Parameters
        ----------
        other : Neighbourhood
            A draw by the same design `besides` this one, see :func:`draw_neighbourhood`; without
            corners, as this one.

        Returns
        -------
        Neighbourhood
            The pairs of this neighbourhood, then those of the other; grid and swaps of this one.
        """
        pairs, halves = other.pairs[other.n_known :].copy(), []
        own = (self.audio_masks, self.lyric_masks)
        new = (other.audio_masks, other.lyric_masks)
        for side, (before, after) in enumerate(zip(own, new, strict=True)):
            if self.design == "crossed" and self.sampling.sides[side].is_complete:
                halves.append(before)  # both draws enumerate the same masks
                continue
            pairs[:, side] += len(before) - other.known[side]
            halves.append(np.vstack([before, after[other.known[side] :]]))
        return replace(
            self, audio_masks=halves[0], lyric_masks=halves[1], pairs=np.vstack([self.pairs, pairs])
        )

    def drawn_masks(self, side: int | None = None) -> np.ndarray:
        """Return the masks that were drawn, without the fixed ones.

        Parameters
        ----------
        side : {0, 1} or None, default=None
            Masks of the audio (0) or of the lyrics (1), each once, for the crossed design. None:
            masks over all components.

        Returns
        -------
        ndarray of shape (n_drawn, n_components), dtype bool
            The masks.
        """
        if side is None:
            return self.masks[self.n_known :]
        half = (self.audio_masks, self.lyric_masks)[side]
        return half[np.unique(self.pairs[self.n_known :, side])]


@dataclass(frozen=True)
class Scores:
    """A model's scores of the perturbed songs of a neighbourhood.

    Attributes
    ----------
    pairs : ndarray of shape (n_samples, n_labels)
        Scores of the pairs.
    grid : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels), or None
        Scores of the grid. None: there is no grid.
    swapped : ndarray of shape (n_swaps, 2, n_labels)
        Scores of the swaps: audio of the first sample with lyrics of the second, and audio of the
        second with lyrics of the first.
    corners : ndarray of shape (n_corners, n_labels)
        Scores of the corners.
    """

    pairs: np.ndarray
    grid: np.ndarray | None
    swapped: np.ndarray
    corners: np.ndarray


def draw_neighbourhood(
    design: str,
    n_audio: int,
    n_lyrics: int,
    n_samples: int | tuple[int, int],
    rng: np.random.Generator,
    *,
    kernel: str = "exponential",
    with_grid: bool = False,
    with_shares: bool = False,
    replacement: bool = False,
    besides: Neighbourhood | None = None,
) -> Neighbourhood:
    """Draw the neighbourhood of a song.

    Parameters
    ----------
    design : {"crossed", "independent", "paired", "exhaustive"}
        "crossed": masks of the audio and of the lyrics are each drawn by a paired design, and each
        mask is combined with 8 masks of the other modality (with all, if there are fewer); two
        masks are always combined together with their complements, in all four ways. The other
        designs are joint, see :func:`draw_masks`.
    n_audio, n_lyrics : int
        Number of audio and of lyric components.
    n_samples : int or (int, int)
        Number of perturbed songs in joint designs. In the crossed design, number of masks of each
        modality, or of the audio and of the lyrics. All masks are enumerated, once each, where
        there are no more of them (of up to 19 components).
    rng : numpy.random.Generator
        Random number generator.
    kernel : {"exponential", "shapley"}, default="exponential"
        Kernel of the surrogate, see :func:`draw_masks`; "shapley" is for joint designs.
    with_grid : bool, default=False
        Whether to add a complete grid, of up to 200 x 200 of the masks, in the crossed design.
    with_shares : bool, default=False
        Whether to add what modality shares are estimated from: in the crossed design a grid of
        50 x 50, unless `with_grid` adds a larger one; in joint designs swaps, a twentieth of
        `n_samples`, at least 12 and at most 50.
    replacement : bool, default=False
        Whether to draw masks with replacement and enumerate none, for models whose scores are
        noisy.
    besides : Neighbourhood or None, default=None
        An earlier draw, whose masks are not drawn again. A modality that it enumerates keeps its
        masks.

    Returns
    -------
    Neighbourhood
        The masks, without corners.

    Raises
    ------
    ValueError
        See :func:`check_design` and, for joint designs, :func:`draw_masks`.
    """
    check_design(design, n_samples)
    if design == "crossed":
        size = GRID_SAMPLES if with_grid else SHARES_GRID if with_shares else 0
        counts = np.broadcast_to(n_samples, 2)
        return _crossed((n_audio, n_lyrics), counts, rng, size, replacement, besides)
    p = n_audio + n_lyrics
    if besides is None and not replacement and _are_few(p, n_samples):
        design = "exhaustive"
    masks = draw_masks(
        design, p, n_samples, rng, kernel=kernel, replacement=replacement,
        besides=None if besides is None else besides.drawn_masks(),
    )  # fmt: skip
    drawn = Neighbourhood.joint(
        design, masks, n_audio, kernel=kernel, is_noisy=replacement, n_samples=n_samples
    )
    wants_swaps = with_shares and kernel == "exponential" and min(n_audio, n_lyrics) > 0
    return replace(drawn, swaps=_swaps(drawn)) if wants_swaps else drawn


def _swaps(drawn: Neighbourhood) -> np.ndarray:
    """Couples of samples whose lyrics are exchanged, from consecutive clusters, (n_swaps, 2)."""
    if drawn.design == "exhaustive":
        return np.empty((0, 2), dtype=np.intp)
    together = 2 if drawn.design == "paired" else 1
    n_wanted = int(np.clip(drawn.n_samples // SWAP_EVERY, MIN_SWAPS, MAX_SWAPS)) // together
    first = np.arange(drawn.n_known, len(drawn) - 2 * together + 1, 2 * together)[:n_wanted]
    return np.concatenate(
        [np.stack([first + k, first + together + k], axis=1) for k in range(together)], axis=1
    ).reshape(-1, 2)


def _are_few(n_components: int, n_samples: int) -> bool:
    """Whether there are at most `n_samples` masks, so that they are enumerated."""
    return n_components < MAX_EXHAUSTIVE and 2**n_components <= n_samples


def _crossed(
    n_components: tuple[int, int],
    n_samples: np.ndarray,
    rng: np.random.Generator,
    grid_size: int,
    replacement: bool,
    besides: Neighbourhood | None,
) -> Neighbourhood:
    """Draw a crossed design; parameters are as in :func:`draw_neighbourhood`.

    `grid_size` is the largest number of combinations in the grid; 0: no grid.
    """
    halves, n_known, usual = [], [], []
    for side, (p, n) in enumerate(zip(n_components, n_samples.tolist(), strict=True)):
        if besides is not None and besides.sampling.sides[side].is_complete:
            n_known.append(besides.known[side])
            halves.append((besides.audio_masks, besides.lyric_masks)[side])
            usual.append(np.unique(besides.pairs[besides.n_known :, side]))
            continue
        is_sampled = p > 0 and (replacement or besides is not None or not _are_few(p, n))
        seen = None if besides is None else besides.drawn_masks(side)
        design, n = ("paired", max(n, 4)) if is_sampled else ("exhaustive", n)
        masks = draw_masks(design, p, n, rng, besides=seen, replacement=replacement)
        if not is_sampled and p > 0:  # each mask is followed by its complement
            half = len(masks) // 2
            masks = np.stack([masks[:half], masks[: half - 1 : -1]], axis=1)
            # Shuffled, since a grid takes the first masks only.
            masks = masks[[0, *(1 + rng.permutation(half - 1))]].reshape(-1, p)
        halves.append(masks)
        # The song itself and silence come first and are no part of the draw.
        n_known.append(2 if is_sampled else 0)
        usual.append(np.arange(n_known[-1], len(masks)))
    grid = _grid(usual, grid_size) if grid_size and min(n_components) > 0 else None
    if not any(n_known) and len(halves[0]) * len(halves[1]) <= GRID_SAMPLES:
        pairs = np.stack(np.meshgrid(*usual, indexing="ij"), axis=-1).reshape(-1, 2)
    else:
        pairs = _circle(usual)
    if any(n_known) and not (pairs[0] == 0).all():  # the song itself first, as in every draw
        pairs = np.vstack([[[0, 0]], pairs])
    return Neighbourhood(
        "crossed",
        *halves,
        pairs,
        known=tuple(n_known),
        is_noisy=replacement,
        n_samples=int(n_samples.max()),
        grid=grid,
    )


def _grid(usual: list[np.ndarray], n_combinations: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the grid's audio masks and lyric masks: as square as their numbers allow."""
    sizes = [min(len(masks), isqrt(n_combinations)) for masks in usual]
    sizes = [min(len(usual[i]), n_combinations // sizes[1 - i]) for i in (0, 1)]
    sizes = [size - size % 2 for size in sizes]
    return usual[0][: sizes[0]], usual[1][: sizes[1]]


def _circle(usual: list[np.ndarray]) -> np.ndarray:
    """Pairs of a balanced incomplete grid: each mask with a few of the other modality, (n, 2)."""
    # Pairs of audio masks and pairs of lyric masks are combined in blocks by cyclic shifts, so that
    # all masks of a modality are in equally many blocks, as nearly as their numbers allow. A
    # modality without components has a single mask.
    sizes = [min(len(masks), 2) for masks in usual]
    n_blocks = [len(masks) // size for masks, size in zip(usual, sizes, strict=True)]
    large, small = int(np.argmax(n_blocks)), int(np.argmin(n_blocks))
    if large == small:
        large, small = 0, 1
    n_shifts = min(PAIRS_A_HALF // 2, n_blocks[small])
    shifts = np.arange(n_shifts) * n_blocks[small] // n_shifts
    blocks = np.empty((n_shifts, n_blocks[large], 2), dtype=np.intp)
    blocks[:, :, large] = np.arange(n_blocks[large])
    blocks[:, :, small] = (blocks[:, :, large] + shifts[:, np.newaxis]) % n_blocks[small]
    within = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(-1, 2)
    pairs = (blocks.reshape(-1, 1, 2) * sizes + within).reshape(-1, 2)
    return np.stack([rows[of_half] for rows, of_half in zip(usual, pairs.T, strict=True)], axis=1)
