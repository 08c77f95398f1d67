"""Designs: which components are on in which perturbed song.

A mask is a row of a boolean array (n_samples, n_components), True where a component is kept. Row 0
of every design keeps them all: it is the song itself.

In a joint design ("independent", "paired", "exhaustive") a mask is drawn over all components. In
the crossed design masks of the audio and masks of the lyrics are drawn apart and put together in
many combinations: for a model that encodes the two apart, combinations are nearly free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MAX_EXHAUSTIVE = 20
"""More components than this have too many subsets (over a million) to score them all."""


PAIRS_A_HALF = 8
"""Masks of the other modality that each mask is combined with in the crossed design."""


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
    """

    design: str
    audio_masks: np.ndarray
    lyric_masks: np.ndarray
    pairs: np.ndarray
    repeats: float = 1.0

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def masks(self) -> np.ndarray:
        """Masks over all components, shape (n_samples, n_components)."""
        return np.hstack([self.audio_masks[self.pairs[:, 0]], self.lyric_masks[self.pairs[:, 1]]])


def draw_neighbourhood(
    design: str,
    n_audio: int,
    n_lyrics: int,
    n_samples: int | tuple[int, int],
    rng: np.random.Generator,
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
        return _crossed(n_audio, n_lyrics, np.broadcast_to(n_samples, 2), rng)
    few = _are_few(n_audio + n_lyrics, n_samples)
    design = "exhaustive" if few else design
    masks = draw_masks(design, n_audio + n_lyrics, n_samples, rng)
    repeats = max(n_samples / len(masks), 1.0) if design == "exhaustive" else 1.0
    pairs = np.repeat(np.arange(len(masks))[:, np.newaxis], 2, axis=1)
    return Neighbourhood(design, masks[:, :n_audio], masks[:, n_audio:], pairs, repeats)


def draw_masks(
    design: str, n_components: int, n_samples: int, rng: np.random.Generator
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

    Returns
    -------
    ndarray of shape (n_masks, n_components), dtype bool
        Row 0 is all True. In "paired" rows ``2 * i`` and ``2 * i + 1`` are complements.

    Raises
    ------
    ValueError
        The design is unknown, `n_samples` is below 2, or "exhaustive" has over 20 components.

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
    return _DESIGNS[design](n_components, n_samples, rng)


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
        The design is unknown, a number is below 2, or two are given for a joint design.
    """
    if design not in (*_DESIGNS, "crossed"):
        raise ValueError(f"design must be one of {(*_DESIGNS, 'crossed')}, got {design!r}")
    if np.ndim(n_samples) > 0 and (design != "crossed" or np.shape(n_samples) != (2,)):
        raise ValueError(
            f"n_samples must be one number, or two with design='crossed', got {n_samples}"
        )
    if np.min(n_samples) < 2:
        raise ValueError(f"n_samples must be at least 2, got {n_samples}")


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
    n_audio: int, n_lyrics: int, n_samples: np.ndarray, rng: np.random.Generator
) -> Neighbourhood:
    halves, sampled = [], []
    for p, n in zip((n_audio, n_lyrics), n_samples.tolist(), strict=True):
        sampled.append(not _are_few(p, n))
        masks = draw_masks("paired" if sampled[-1] else "exhaustive", p, n, rng)
        if len(masks) == 2**p > 1:  # a mask and its complement next to one another
            half = len(masks) // 2
            masks = np.stack([masks[:half], masks[: half - 1 : -1]], axis=1).reshape(-1, p)
        halves.append(masks)
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
    # Where masks are sampled, those that keep all or nothing lie far from the rest: a song without
    # any lyrics, or silence with all of them, would outweigh hundreds of others. Only the song
    # itself stays.
    extreme = ((pairs < 2) & sampled).any(axis=1)
    if not extreme.all():
        extreme[0] = False
        pairs = pairs[~extreme]
    repeats = max(float(n_samples.max()) / len(pairs), 1.0)
    return Neighbourhood("crossed", *halves, pairs, repeats)


def _independent(n_components: int, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    masks = rng.integers(0, 2, size=(n_samples, n_components), dtype=np.uint8).astype(bool)
    masks[0] = True
    return masks


def _paired(n_components: int, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    half = _independent(n_components, n_samples // 2, rng)
    return np.stack([half, ~half], axis=1).reshape(2 * len(half), n_components)


def _exhaustive(n_components: int, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    if n_components > MAX_EXHAUSTIVE:
        raise ValueError(
            f"an exhaustive design of {n_components} components has 2**{n_components} masks; "
            f"it takes at most {MAX_EXHAUSTIVE} components"
        )
    subsets = np.arange(2**n_components)[:, np.newaxis]
    return (subsets >> np.arange(n_components)) & 1 == 0


_DESIGNS: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    "independent": _independent,
    "paired": _paired,
    "exhaustive": _exhaustive,
}
