"""Draws of masks, the rows of 0 and 1 that say which components of a perturbed song are kept.

A mask is a row of a boolean array (n_samples, n_components), True where a component is kept. Row 0
of every draw keeps all components: it is the song itself.

Masks of up to 20 components are drawn without replacement, so that the model scores none twice.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb, prod

import numpy as np
import scipy.special

MAX_EXHAUSTIVE = 20
"""Largest number of components that are enumerated: they have 2 ** 20 masks, about a million."""
MOST_COMBINATIONS = 256
"""Largest number of combinations of fills whose scores are averaged; of more, as many are drawn."""


def draw_masks(
    design: str,
    n_components: int,
    n_samples: int,
    rng: np.random.Generator,
    *,
    kernel: str = "exponential",
    besides: np.ndarray | None = None,
    replacement: bool = False,
) -> np.ndarray:
    """Draw the masks of a neighbourhood.

    Parameters
    ----------
    design : {"independent", "paired", "exhaustive"}
        "independent": a fair coin for every component of every mask, as in MusicLIME and audioLIME.
        "paired": every mask comes with its complement. Effects of even order in the masks, such as
        interactions of two components, then cancel out of the linear weights, which reduces their
        sampling error. "exhaustive": each of the ``2 ** n_components`` masks once; there is no
        sampling error.
    n_components : int
        Number of components.
    n_samples : int
        Number of masks, at least 2, including the one that keeps everything. "paired" rounds an odd
        number down; "exhaustive" ignores it. The draw is smaller where there are fewer masks.
    rng : numpy.random.Generator
        Random number generator.
    kernel : {"exponential", "shapley"}, default="exponential"
        Kernel of the surrogate that the masks are for. "exponential": masks by fair coins.
        "shapley": the same number of masks of each size (number of components kept; for "paired"
        the smaller of the numbers kept and left out), as the leverage scores of the regression for
        Shapley values have it (Musco and Witter 2024), and all masks of the sizes that have fewer;
        row 1 keeps nothing.
    besides : ndarray of shape (n_masks, n_components), dtype bool, or None, default=None
        Masks of an earlier draw, which are not drawn again.
    replacement : bool, default=False
        Whether masks are drawn with replacement, for models whose scores are noisy.

    Returns
    -------
    ndarray of shape (n_masks, n_components), dtype bool
        Row 0 is all True. In "paired" rows ``2 * i`` and ``2 * i + 1`` are complements.

    Raises
    ------
    ValueError
        The design is unknown or "crossed", the kernel is unknown, `n_samples` is not a whole number
        of at least 2, `n_components` is negative, or "exhaustive" has over 20 components.

    References
    ----------
    Musco, Witter, "Provably accurate Shapley value estimation via leverage score sampling",
    arXiv 2410.01917.

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
        raise ValueError("design='crossed' draws masks of each modality: see draw_neighbourhood")
    if kernel not in KERNEL_DRAWS:
        raise ValueError(f"kernel must be one of {tuple(KERNEL_DRAWS)}, got {kernel!r}")
    if n_components < 0:
        raise ValueError(f"n_components must be at least 0, got {n_components}")
    if design == "exhaustive":
        return _exhaustive(n_components)
    is_paired = design == "paired"
    n_known = 2 if is_paired or kernel == "shapley" else 1
    n_drawn = max(n_samples - n_known, 0) // (2 if is_paired else 1)
    seen = None
    if not replacement:
        seen = np.empty((0, n_components), dtype=bool) if besides is None else besides
    drawn = KERNEL_DRAWS[kernel](n_components, n_drawn, is_paired, seen, rng)
    known = np.array([[True], [False]])[:n_known].repeat(n_components, axis=1)
    if is_paired:
        drawn = np.stack([drawn, ~drawn], axis=1).reshape(2 * len(drawn), n_components)
    return np.vstack([known, drawn])[:n_samples]


def n_known_masks(design: str, kernel: str = "exponential") -> int:
    """Count the fixed masks that a draw begins with: the song itself, and silence in some designs.

    Parameters
    ----------
    design : str
        Name of a design.
    kernel : {"exponential", "shapley"}, default="exponential"
        Kernel of the surrogate that the masks are for.

    Returns
    -------
    int
        0 for "exhaustive", 2 for "paired" and for Shapley values, else 1.
    """
    if design == "exhaustive":
        return 0
    return 2 if design == "paired" or kernel == "shapley" else 1


def check_design(design: str, n_samples: int | tuple[int, int]) -> None:
    """Check a design and a number of samples.

    Parameters
    ----------
    design : str
        Name of a design.
    n_samples : int or (int, int)
        Number of masks; in the crossed design also the numbers of audio and of lyric masks.

    Raises
    ------
    ValueError
        The design is unknown, a number is not a whole number of at least 2, or there are two
        numbers for a joint design.
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


def fraction_of_all(n_masks: int, n_components: int) -> float:
    """Compute the sampling fraction of a number of distinct masks.

    Parameters
    ----------
    n_masks : int
        Number of distinct masks.
    n_components : int
        Number of components.

    Returns
    -------
    float
        ``n_masks / 2 ** n_components``; 0 for more than 20 components, whose masks are drawn with
        replacement.
    """
    return n_masks / 2**n_components if n_components <= MAX_EXHAUSTIVE else 0.0


def distinct_rows(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the distinct rows of a boolean array.

    Parameters
    ----------
    masks : ndarray of shape (n, n_components), dtype bool
        The rows.

    Returns
    -------
    rows : ndarray of shape (n_distinct, n_components), dtype bool
        The distinct rows.
    which : ndarray of shape (n,) of int
        For each row of `masks`, its position in `rows`.
    """
    if masks.shape[1] == 0:
        return masks[:1], np.zeros(len(masks), dtype=np.intp)
    packed = np.ascontiguousarray(np.packbits(masks, axis=1))
    if packed.shape[1] <= 2:  # no need to sort: one place for each code that there may be
        numbers = packed.astype(np.intp) @ 256 ** np.arange(packed.shape[1])[::-1]
        row = np.full(256 ** packed.shape[1], -1)
        row[numbers] = np.arange(len(masks))
        occurs = row >= 0
        return masks[row[occurs]], (np.cumsum(occurs) - 1)[numbers]
    codes = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    return masks[first], which


def distinct_masks(
    masks: np.ndarray, fills: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Find the distinct masks, with their fills.

    Parameters
    ----------
    masks : ndarray of shape (n_masks, n_components), dtype bool
        The masks.
    fills : ndarray of shape (n_masks,) of int, or None
        Number of the fill of each mask. None: they have no fills.

    Returns
    -------
    masks : ndarray of shape (n_distinct, n_components), dtype bool
        The distinct masks.
    fills : ndarray of shape (n_distinct,) of int, or None
        Their fills.
    which : ndarray of shape (n_masks,) of int
        Position of each mask among the distinct ones.
    """
    if fills is None or masks.shape[1] == 0:
        distinct, which = distinct_rows(masks)
        return distinct, None, which
    states, which = distinct_rows(with_fills(masks, fills))
    distinct, digits = np.split(states, [masks.shape[1]], axis=1)
    return distinct, digits @ (1 << np.arange(digits.shape[1])), which


def with_fills(masks: np.ndarray, fills: np.ndarray) -> np.ndarray:
    """Append to masks the binary digits of their fills, so that rows differ if perturbed songs do.

    Parameters
    ----------
    masks : ndarray of shape (n_masks, n_components), dtype bool
        The masks.
    fills : ndarray of shape (n_masks,) of int
        Number of the fill of each mask.

    Returns
    -------
    ndarray of shape (n_masks, n_components or more), dtype bool
    """
    return np.hstack([masks, _masks_of(fills, int(fills.max(initial=0)).bit_length())])


def fill_combinations(n_fills: tuple[int, ...]) -> np.ndarray:
    """List the combinations of fills whose scores are averaged.

    Parameters
    ----------
    n_fills : tuple of int
        Number of fills of each modality.

    Returns
    -------
    ndarray of shape (n_combinations, n_modalities) of int
        All combinations. With columns, of more than `MOST_COMBINATIONS` as many that are drawn by
        chance: a background is larger than the few donors of a song.

    Examples
    --------
    >>> from sklearn_musiclime.neighbourhood.masks import fill_combinations
    >>> fill_combinations((2, 1, 2)).tolist()
    [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 1]]
    """
    numbers = np.arange(prod(n_fills))
    if len(n_fills) > 2 and len(numbers) > MOST_COMBINATIONS:
        numbers = np.random.default_rng(0).permutation(len(numbers))[:MOST_COMBINATIONS]
    return np.stack(np.unravel_index(numbers, n_fills), axis=1)


def _exhaustive(n_components: int) -> np.ndarray:
    if n_components > MAX_EXHAUSTIVE:
        raise ValueError(
            f"an exhaustive design of {n_components} components has 2**{n_components} masks; "
            f"it takes at most {MAX_EXHAUSTIVE} components"
        )
    return ~_masks_of(np.arange(2**n_components), n_components)


def _masks_of(codes: np.ndarray, n_components: int) -> np.ndarray:
    """Masks that are the binary digits of whole numbers, lowest first, (n, n_components)."""
    return (codes[:, np.newaxis] >> np.arange(n_components)) & 1 == 1


def _fair(
    p: int, n: int, is_paired: bool, seen: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Draw n masks (one of each pair) by fair coins, none of `seen`; None: with replacement.

    With over 20 components draws are with replacement.
    """
    if seen is None or p > MAX_EXHAUSTIVE:
        return rng.integers(0, 2, size=(n, p), dtype=np.uint8).astype(bool)
    # The code of a pair is that of the one of its two masks that lacks the last component.
    n_codes = 2 ** max(p - 1, 0) if is_paired else 2**p
    codes = seen @ (1 << np.arange(p))
    codes = np.minimum(codes, 2**p - 1 - codes) if is_paired else codes
    if len(codes):
        free = np.setdiff1d(np.arange(n_codes), codes)
        drawn = free[rng.permutation(len(free))[:n]]
    else:
        drawn = rng.choice(n_codes, size=min(n, n_codes), replace=False)
    masks = _masks_of(drawn, p)
    return masks ^ (rng.random((len(masks), 1)) < 0.5) if is_paired else masks


def shapley_strata(n_components: int, n_drawn: int, is_paired: bool) -> np.ndarray:
    """Group the sizes of masks into strata, few enough for two drawn masks a stratum on average.

    Parameters
    ----------
    n_components : int
        Number of components, p.
    n_drawn : int
        Number of masks drawn; number of pairs if they are paired.
    is_paired : bool
        Whether masks come with their complements, so that sizes s and p - s count as one.

    Returns
    -------
    ndarray of shape (n_components + 1,) of int
        Stratum of the masks that keep 0, 1, ..., p components; -1 for 0 and for p.
    """
    sizes = np.arange(n_components + 1)
    order = np.minimum(sizes, n_components - sizes) if is_paired else sizes
    n_sizes = n_components // 2 if is_paired else n_components - 1
    n_strata = min(n_sizes, max(n_drawn // 2, 1))
    strata = (order - 1) * n_strata // max(n_sizes, 1)
    strata[[0, -1]] = -1
    return strata


def shapley_weights(masks: np.ndarray) -> np.ndarray:
    """Compute KernelSHAP's weights of masks.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        Masks, each of them once.

    Returns
    -------
    ndarray of shape (n_samples,)
        ``(p - 1) / (C(p, s) * s * (p - s))`` where s of p components are kept; 0 for s = 0 and
        s = p, where the fit has constraints instead.
    """
    p, kept = masks.shape[1], masks.sum(axis=1)
    inside = (kept > 0) & (kept < p)
    s = np.where(inside, kept, 0)
    chance = np.where(inside, n_of_size(p, False)[s] * s * (p - s), 1)
    return np.where(inside, (p - 1) / chance, 0.0)


def n_of_size(n_components: int, is_paired: bool) -> np.ndarray:
    """Count the masks of each size.

    Parameters
    ----------
    n_components : int
        Number of components, p.
    is_paired : bool
        Whether a mask and its complement count as one.

    Returns
    -------
    ndarray of shape (n_components + 1,) of float
        Number of masks that keep 0, 1, ..., p components. If they are paired, of pairs with a mask
        of this size: entries s and p - s count the same pairs.
    """
    with np.errstate(over="ignore"):  # counts beyond the range of double precision are infinite
        counts = scipy.special.comb(n_components, np.arange(n_components + 1))
    counts = np.where(counts < 2**53, np.rint(counts), counts)
    if is_paired and n_components % 2 == 0:
        counts[n_components // 2] /= 2
    return counts


def _of_every_size(
    p: int, n: int, is_paired: bool, seen: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Draw n masks (one of each pair), equally many of each size as far as sizes have as many.

    Masks of `seen` are not drawn again and count for their sizes; None: with replacement.
    """
    if p < 2:
        return np.empty((0, p), dtype=bool)
    n_sizes = p // 2 if is_paired else p - 1
    room = n_of_size(p, is_paired)[1 : n_sizes + 1]
    known = set() if seen is None else {_key(mask, is_paired) for mask in seen}
    used = np.zeros(n_sizes)
    for key in known:
        n_kept = _size(key, p, is_paired)
        if 1 <= n_kept <= n_sizes:
            used[n_kept - 1] += 1
    wanted = _evenly(n, used, np.full(n_sizes, np.inf) if seen is None else room, rng)
    drawn = []
    for size, (count, n_all) in enumerate(zip(wanted, room, strict=True), 1):
        if seen is not None and n_all <= 4 * (count + used[size - 1]):  # enumerate
            free = [m for m in _all_of_size(p, size, is_paired) if _key(m, is_paired) not in known]
            drawn += [free[i] for i in rng.permutation(len(free))[:count]]
            continue
        n_left = count
        while n_left:
            mask = np.zeros(p, dtype=bool)
            mask[rng.choice(p, size, replace=False)] = True
            key = _key(mask, is_paired)
            if seen is None or key not in known:
                known.add(key)
                drawn.append(mask)
                n_left -= 1
    order = rng.permutation(len(drawn))
    masks = np.array(drawn, dtype=bool).reshape(-1, p)[order]
    return masks ^ (rng.random((len(masks), 1)) < 0.5) if is_paired else masks


def _key(mask: np.ndarray, is_paired: bool) -> bytes:
    """Hashable identity of a mask, or of a pair of complements: the bytes of one of the two."""
    kept = int(mask.sum())
    flip = is_paired and (kept > len(mask) - kept or (2 * kept == len(mask) and not mask[0]))
    return (~mask if flip else mask).tobytes()


def _size(key: bytes, p: int, is_paired: bool) -> int:
    kept = sum(key)
    return min(kept, p - kept) if is_paired else kept


def _all_of_size(p: int, size: int, is_paired: bool) -> np.ndarray:
    """All masks that keep `size` components (one of each pair), (n_masks, p)."""
    masks = np.zeros((comb(p, size), p), dtype=bool)
    for row, kept in enumerate(combinations(range(p), size)):
        masks[row, list(kept)] = True
    return masks[masks[:, 0]] if is_paired and 2 * size == p else masks


def _evenly(n: int, used: np.ndarray, room: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Distribute n draws over the sizes of masks, (n_sizes,).

    Together with the earlier draws, `used`, each size gets as equal a number as possible; `room` is
    the number of masks of each size.
    """
    n = int(min(n, (room - used).sum()))
    low, high = 0.0, float(used.max(initial=0.0) + n + 1)
    for _ in range(100):  # bisection for the common level
        level = (low + high) / 2
        filled = np.clip(np.minimum(level, room) - used, 0, None).sum()
        low, high = (level, high) if filled < n else (low, level)
    exact = np.clip(np.minimum(high, room) - used, 0, None)
    whole = np.floor(exact + 1e-9)
    rest = round(n - whole.sum())
    if rest > 0:  # systematic sampling: a size gets one more with the chance of its fraction
        places = np.cumsum(exact - whole)
        at = np.searchsorted(places, (np.arange(rest) + rng.random()) * places[-1] / rest)
        np.add.at(whole, np.minimum(at, len(whole) - 1), 1)
    return np.minimum(whole, room - used).astype(int)


KERNEL_DRAWS: dict[str, Callable[..., np.ndarray]] = {
    "exponential": _fair,
    "shapley": _of_every_size,
}
DESIGNS = ("independent", "paired", "exhaustive", "crossed")
