"""Designs: which components are on in which perturbed song.

A mask is a row of a boolean array (n_samples, n_components), True where a component is kept. Row 0
of every design keeps them all: it is the song itself.

In a joint design ("independent", "paired", "exhaustive") a mask is drawn over all components. In
the crossed design masks of the audio and masks of the lyrics are drawn apart and put together in
many combinations: for a model that encodes the two apart, combinations are nearly free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import isqrt

import numpy as np

MAX_EXHAUSTIVE = 20
"""More components than this have too many subsets (over a million) to score them all."""


PAIRS_A_HALF = 8
"""Masks of the other modality that each mask is combined with in the crossed design."""
GRID_SAMPLES = 40_000
"""Combinations that a complete grid of masks has at most, such as 200 x 200."""


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The masks of a song's two halves and how they are put together.

    Attributes
    ----------
    design : str
        How they were drawn.
    audio_masks : ndarray of shape (n_audio_masks, n_audio_components), dtype bool
        Audio components that are kept.
    lyric_masks : ndarray of shape (n_lyric_masks, n_lyric_components), dtype bool
        Lyric components that are kept.
    pairs : ndarray of shape (n_samples, 2), dtype int
        The audio mask and the lyric mask of each perturbed song. Song 0 keeps everything.
    repeats : float
        How many samples each perturbed song stands for. Over 1 where all masks there are were
        enumerated, since a ridge weighs its penalty against the number of samples.
    grid : (ndarray of int, ndarray of int) or None
        Audio masks and lyric masks all of whose combinations are scored, for interactions; each
        mask is followed by its complement.
    corner_pairs : ndarray of shape (4, 2) of int, or (0, 2)
        The song, its audio alone, its lyrics alone, and neither.
    is_exhaustive : bool
        Whether the pairs are all that there can be, so that nothing was left to chance.
    """

    design: str
    audio_masks: np.ndarray
    lyric_masks: np.ndarray
    pairs: np.ndarray
    repeats: float = 1.0
    grid: tuple[np.ndarray, np.ndarray] | None = None
    corner_pairs: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.intp))
    is_exhaustive: bool = False

    @classmethod
    def joint(cls, design: str, masks: np.ndarray, n_audio: int) -> Neighbourhood:
        """Make a neighbourhood of masks over all components.

        Parameters
        ----------
        design : str
            How they were drawn.
        masks : ndarray of shape (n_samples, n_components), dtype bool
            The masks.
        n_audio : int
            How many of the components are of the audio.

        Returns
        -------
        Neighbourhood
            Sample i is row i of both halves.
        """
        pairs = np.repeat(np.arange(len(masks))[:, np.newaxis], 2, axis=1)
        return cls(design, masks[:, :n_audio], masks[:, n_audio:], pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def masks(self) -> np.ndarray:
        """Masks over all components, shape (n_samples, n_components)."""
        return np.hstack([self.audio_masks[self.pairs[:, 0]], self.lyric_masks[self.pairs[:, 1]]])

    def digest(self) -> str:
        """Hash the masks and how they are put together: equal for neighbourhoods equal to the bit.

        Returns
        -------
        str
        """
        digest = hashlib.blake2b(digest_size=16)
        for masks in (self.audio_masks, self.lyric_masks):
            digest.update(repr(masks.shape).encode())
            digest.update(np.packbits(masks).tobytes())
        digest.update(self.pairs.astype("<i8").tobytes())
        return digest.hexdigest()

    @property
    def n_halves(self) -> tuple[int, int]:
        """How many masks of the audio, and of the lyrics, were drawn."""
        n_corners = 2 if len(self.corner_pairs) else 0
        return len(self.audio_masks) - n_corners, len(self.lyric_masks) - n_corners

    @property
    def is_sufficient(self) -> bool:
        """Whether there are as many masks, a pair counting as one, as weights to be found."""
        if self.is_exhaustive:
            return True
        audio, lyrics = self.audio_masks.shape[1], self.lyric_masks.shape[1]
        if self.design == "crossed":
            return all(n // 2 >= p for n, p in zip(self.n_halves, (audio, lyrics), strict=True))
        return len(self) // (1 if self.design == "independent" else 2) >= audio + lyrics

    @property
    def units(self) -> list[tuple[slice, np.ndarray]]:
        """Columns of the masks, and which samples were drawn together as far as these go."""
        n_audio = self.audio_masks.shape[1]
        if self.design == "crossed":
            audio, lyrics = self.pairs.T // 2
            return [(slice(None, n_audio), audio), (slice(n_audio, None), lyrics)]
        together = 1 if self.design == "independent" else 2
        return [(slice(None), np.arange(len(self)) // together)]

    @property
    def grid_pairs(self) -> np.ndarray:
        """The combinations of the grid, shape (n_audio_masks * n_lyric_masks, 2)."""
        if self.grid is None:
            return np.empty((0, 2), dtype=np.intp)
        return np.stack(np.meshgrid(*self.grid, indexing="ij"), axis=-1).reshape(-1, 2)

    @property
    def all_pairs(self) -> np.ndarray:
        """What has to be scored: the pairs, those of the grid, the corners."""
        return np.vstack([self.pairs, self.grid_pairs, self.corner_pairs])

    def split(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Take the scores of `all_pairs` apart.

        Parameters
        ----------
        scores : ndarray of shape (n_all_pairs, n_labels)
            The scores.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_labels)
            Of the pairs.
        grid : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels), or None
            Of the grid, if there is one.
        corners : ndarray of shape (n_corners, n_labels)
            Of the corners.
        """
        scores, grid, corners = np.split(scores, np.cumsum([len(self.pairs), len(self.grid_pairs)]))
        if self.grid is None:
            return scores, None, corners
        return scores, grid.reshape(*map(len, self.grid), -1), corners

    def with_corners(self) -> Neighbourhood:
        """Add the song with its audio alone, with its lyrics alone, and with neither.

        Returns
        -------
        Neighbourhood
            With `corner_pairs` in this order, after the song as it is.
        """
        halves = (self.audio_masks, self.lyric_masks)
        n, m = map(len, halves)
        audio, lyrics = (
            np.vstack([half, np.ones_like(half[:1]), np.zeros_like(half[:1])]) for half in halves
        )
        corners = np.array([[n, m], [n, m + 1], [n + 1, m], [n + 1, m + 1]])
        return replace(self, audio_masks=audio, lyric_masks=lyrics, corner_pairs=corners)

    @property
    def n_known(self) -> int:
        """How many pairs every draw begins with."""
        return 1 if self.design in ("crossed", "independent") else 2

    def extended(self, other: Neighbourhood) -> Neighbourhood:
        """Add the masks of another draw, all but those that every draw begins with.

        Parameters
        ----------
        other : Neighbourhood
            Of the same design, without corners.

        Returns
        -------
        Neighbourhood
            This one's pairs and grid, then the other's pairs.
        """
        offset = [len(self.audio_masks), len(self.lyric_masks)]
        return replace(
            self,
            audio_masks=np.vstack([self.audio_masks, other.audio_masks]),
            lyric_masks=np.vstack([self.lyric_masks, other.lyric_masks]),
            pairs=np.vstack([self.pairs, other.pairs[other.n_known :] + offset]),
        )


def draw_neighbourhood(
    design: str,
    n_audio: int,
    n_lyrics: int,
    n_samples: int | tuple[int, int],
    rng: np.random.Generator,
    *,
    kernel: str = "exponential",
    with_grid: bool = False,
    enumerates: bool = True,
) -> Neighbourhood:
    """Draw the masks of a song.

    Parameters
    ----------
    design : {"crossed", "independent", "paired", "exhaustive"}
        "crossed": for each half a paired design of its own; each mask is combined with 8 of the
        other half, or all, if they are fewer; with a pair come all four combinations of the two
        masks and their complements. Masks that keep all or nothing of a sampled half are left out,
        but for the song itself. The others are joint, see :func:`draw_masks`.
    n_audio, n_lyrics : int
        Number of components.
    n_samples : int or (int, int)
        Number of perturbed songs; in the crossed design of masks of each half, or of audio and of
        lyrics. A half (or song) of so few components that all its masks are as many is enumerated.
    rng : numpy.random.Generator
        Where the coins come from.
    kernel : {"exponential", "shapley"}, default="exponential"
        See :func:`draw_masks`; "shapley" is for joint designs.
    with_grid : bool, default=False
        In the crossed design, whether a complete grid of up to 200 x 200 of the masks is added.
    enumerates : bool, default=True
        Whether a song of few components gets all its masks instead of a joint design. Not where
        masks are to be added to others, or are worth asking about more than once.

    Returns
    -------
    Neighbourhood

    Raises
    ------
    ValueError
        See :func:`check_design`.
    """
    check_design(design, n_samples)
    if design == "crossed":
        return _crossed(n_audio, n_lyrics, np.broadcast_to(n_samples, 2), rng, with_grid)
    few = enumerates and _are_few(n_audio + n_lyrics, n_samples)
    design = "exhaustive" if few else design
    masks = draw_masks(design, n_audio + n_lyrics, n_samples, rng, kernel=kernel)
    exhaustive = design == "exhaustive"
    repeats = max(n_samples / len(masks), 1.0) if exhaustive else 1.0
    drawn = Neighbourhood.joint(design, masks, n_audio)
    return replace(drawn, repeats=repeats, is_exhaustive=exhaustive)


def draw_masks(
    design: str,
    n_components: int,
    n_samples: int,
    rng: np.random.Generator,
    *,
    kernel: str = "exponential",
) -> np.ndarray:
    """Draw the masks of a neighbourhood.

    Parameters
    ----------
    design : {"independent", "paired", "exhaustive"}
        "independent": a fair coin for every component of every mask, as in MusicLIME and audioLIME.
        "paired": every mask comes with its complement. What is even in the masks (every interaction
        of two components) then cancels out of the linear weights, so they have less sampling error.
        "exhaustive": all ``2 ** n_components`` masks once; the result has no sampling error.
    n_components : int
        Number of components.
    n_samples : int
        Number of masks, the one with everything on among them. "paired" rounds an odd number down;
        "exhaustive" does not use it. At least 2.
    rng : numpy.random.Generator
        Where the coins come from.
    kernel : {"exponential", "shapley"}, default="exponential"
        "shapley": a mask's size is drawn first, s of p components in proportion to
        ``1 / (s * (p - s))``, so that masks come as often as Shapley's kernel weighs them; the mask
        of nothing is row 1. "exponential": coins, for weights to come afterwards.

    Returns
    -------
    ndarray of shape (n_masks, n_components), dtype bool
        Row 0 is all True. In "paired" rows ``2 * i`` and ``2 * i + 1`` are complements.

    Raises
    ------
    ValueError
        The design or the kernel is unknown or "crossed", `n_samples` is below 2 or no whole number,
        `n_components` is negative, or "exhaustive" has over 20 components.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.neighbourhood import draw_masks
    >>> draw_masks("exhaustive", 2, 100, np.random.default_rng(0)).astype(int)
    array([[1, 1],
           [0, 1],
           [1, 0],
           [0, 0]])
    """
    check_design(design, n_samples)
    if design == "crossed":
        raise ValueError("design='crossed' draws the masks of two halves: see draw_neighbourhood")
    if kernel not in _COINS:
        raise ValueError(f"kernel must be one of {tuple(_COINS)}, got {kernel!r}")
    if n_components < 0:
        raise ValueError(f"n_components must be at least 0, got {n_components}")
    coins = _COINS[kernel]
    masks = _DESIGNS[design](n_components, n_samples, partial(coins, rng))
    if kernel == "shapley" and design != "exhaustive":
        masks[1] = False
    return masks


def check_design(design: str, n_samples: int | tuple[int, int]) -> None:
    """Raise for a design or a number of samples that can't be.

    Parameters
    ----------
    design : str
        Name of a design.
    n_samples : int or (int, int)
        Number of masks, or those of audio and lyrics.

    Raises
    ------
    ValueError
        The design is unknown, a number is below 2 or not whole, or two are given for a joint
        design.
    """
    if design not in DESIGNS:
        raise ValueError(f"design must be one of {DESIGNS}, got {design!r}")
    if np.ndim(n_samples) > 0 and (design != "crossed" or np.shape(n_samples) != (2,)):
        raise ValueError(
            f"n_samples must be one number, or two with design='crossed', got {n_samples}"
        )
    numbers = np.asarray(n_samples)
    if numbers.dtype.kind not in "iu" or numbers.min() < 2:
        raise ValueError(f"n_samples must be whole numbers of at least 2, got {n_samples!r}")


def distinct_rows(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the distinct rows of a boolean array.

    Parameters
    ----------
    masks : ndarray of shape (n, n_components), dtype bool
        The rows.

    Returns
    -------
    rows : ndarray of shape (n_distinct, n_components), dtype bool
        Each once.
    which : ndarray of shape (n,) of int
        Which of them each row is.
    """
    if masks.shape[1] == 0:
        return masks[:1], np.zeros(len(masks), dtype=np.intp)
    packed = np.ascontiguousarray(np.packbits(masks, axis=1))
    codes = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    return masks[first], which


def _are_few(n_components: int, n_samples: int) -> bool:
    return n_components < MAX_EXHAUSTIVE and 2**n_components <= n_samples


def _crossed(
    n_audio: int,
    n_lyrics: int,
    n_samples: np.ndarray,
    rng: np.random.Generator,
    with_grid: bool,
) -> Neighbourhood:
    halves, sampled = [], []
    for p, n in zip((n_audio, n_lyrics), n_samples.tolist(), strict=True):
        sampled.append(not _are_few(p, n))
        masks = draw_masks("paired" if sampled[-1] else "exhaustive", p, n, rng)
        if len(masks) == 2**p > 1:  # a mask and its complement next to one another
            half = len(masks) // 2
            masks = np.stack([masks[:half], masks[: half - 1 : -1]], axis=1)
            # In no order, since a grid may have room for the first of them only.
            masks = masks[[0, *(1 + rng.permutation(half - 1))]].reshape(-1, p)
        halves.append(masks)
    # Where masks are sampled, those that keep all or nothing lie far from the rest: a song without
    # any lyrics, or silence with all of them, would outweigh hundreds of others. Only the song
    # itself stays.
    usual = [
        np.arange(2 if is_sampled and len(masks) > 2 else 0, len(masks))
        for masks, is_sampled in zip(halves, sampled, strict=True)
    ]
    is_exhaustive = not any(sampled) and len(halves[0]) * len(halves[1]) <= GRID_SAMPLES
    grid = _grid(usual) if with_grid and min(n_audio, n_lyrics) > 0 else None
    if is_exhaustive:
        pairs = np.stack(np.meshgrid(*usual, indexing="ij"), axis=-1).reshape(-1, 2)
    else:
        pairs = _circle(halves, usual)
    repeats = max(float(n_samples.max()) / len(pairs), 1.0)
    return Neighbourhood("crossed", *halves, pairs, repeats, grid=grid, is_exhaustive=is_exhaustive)


def _grid(usual: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """As many masks of each half as have all their combinations in a grid."""
    sizes = [min(len(masks), isqrt(GRID_SAMPLES)) for masks in usual]
    sizes = [min(len(usual[i]), GRID_SAMPLES // sizes[1 - i]) for i in (0, 1)]
    sizes = [size - size % 2 for size in sizes]
    return usual[0][: sizes[0]], usual[1][: sizes[1]]


def _circle(halves: list[np.ndarray], usual: list[np.ndarray]) -> np.ndarray:
    """Combine each mask with a few of the other half, all as often as each other."""
    # Blocks of a pair of audio masks and a pair of lyric masks, on a circle, so that every mask is
    # in as many blocks as every other of its half. A half without components is one mask.
    sizes = [min(len(masks), 2) for masks in halves]
    n_blocks = [len(masks) // size for masks, size in zip(halves, sizes, strict=True)]
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
    kept = (pairs >= [masks[0] for masks in usual]).all(axis=1)
    kept[0] = True  # the song itself
    return pairs[kept] if kept.sum() > 1 else pairs


def _coins(rng: np.random.Generator, n_samples: int, n_components: int) -> np.ndarray:
    masks = rng.integers(0, 2, size=(n_samples, n_components), dtype=np.uint8).astype(bool)
    masks[0] = True
    return masks


def _shapley_coins(rng: np.random.Generator, n_samples: int, n_components: int) -> np.ndarray:
    masks = np.zeros((n_samples, n_components), dtype=bool)
    masks[0] = True
    if n_components > 1:
        sizes = np.arange(1, n_components)
        chance = 1 / (sizes * (n_components - sizes))
        drawn = rng.choice(sizes, size=n_samples, p=chance / chance.sum())
        order = rng.random((n_samples, n_components)).argsort(axis=1).argsort(axis=1)
        masks[1:] = (order < drawn[:, np.newaxis])[1:]
    return masks


Coins = Callable[[int, int], np.ndarray]
_COINS = {"exponential": _coins, "shapley": _shapley_coins}


def _independent(n_components: int, n_samples: int, coins: Coins) -> np.ndarray:
    return coins(n_samples, n_components)


def _paired(n_components: int, n_samples: int, coins: Coins) -> np.ndarray:
    half = coins(n_samples // 2, n_components)
    return np.stack([half, ~half], axis=1).reshape(2 * len(half), n_components)


def _exhaustive(n_components: int, n_samples: int, coins: Coins) -> np.ndarray:
    if n_components > MAX_EXHAUSTIVE:
        raise ValueError(
            f"an exhaustive design of {n_components} components has 2**{n_components} masks; "
            f"it takes at most {MAX_EXHAUSTIVE} components"
        )
    subsets = np.arange(2**n_components)[:, np.newaxis]
    return (subsets >> np.arange(n_components)) & 1 == 0


_DESIGNS: dict[str, Callable[[int, int, Coins], np.ndarray]] = {
    "independent": _independent,
    "paired": _paired,
    "exhaustive": _exhaustive,
}
DESIGNS = (*_DESIGNS, "crossed")
