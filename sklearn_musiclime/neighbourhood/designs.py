"""Designs: which masks of a song's audio and lyrics are drawn, and how they are combined.

In a joint design ("independent", "paired", "exhaustive") each mask is drawn over all components. In
the crossed design masks of the audio and masks of the lyrics are drawn separately, and each audio
mask is combined with several lyric masks: for a factored model, which encodes each modality by
itself, combinations are nearly free.
"""

from __future__ import annotations

from dataclasses import replace
from math import isqrt

import numpy as np

from sklearn_musiclime.neighbourhood.masks import MAX_EXHAUSTIVE, check_design, draw_masks
from sklearn_musiclime.neighbourhood.samples import Neighbourhood

PAIRS_A_MASK = 8
"""Masks of the other modality that each mask is combined with in the crossed design."""
GRID_SAMPLES = 40_000
"""Largest number of combinations in a complete grid of masks, such as 200 x 200."""
SHARES_GRID = 2_500
"""Largest number of combinations in a grid that is only for modality shares, such as 50 x 50."""
LEAST_GRID = 16
"""Fewest combinations in a grid."""
SWAP_EVERY, MIN_SWAPS, MAX_SWAPS = 20, 12, 50
"""A joint design of n masks has n / 20 swaps, but at least 12 and at most 50."""


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
    n_columns: int | None = None,
    n_fills: tuple[int, ...] = (1, 1),
    n_combinations: int | None = None,
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
        `n_samples`, at least 12 and at most 50; with three modalities half as many, but 12.
    replacement : bool, default=False
        Whether to draw masks with replacement and enumerate none, for models whose scores are
        noisy.
    besides : Neighbourhood or None, default=None
        An earlier draw, whose masks are not drawn again. A modality that it enumerates keeps its
        masks.
    n_columns : int or None, default=None
        Number of columns of X that are components, in joint designs. None: there are none.
    n_fills : tuple of int, default=(1, 1)
        Number of fills of the audio, of the lyrics and, if any, of columns. If there are several,
        each mask, or mask with its complement, has one of each that are drawn by chance,
        independently of each other, and masks are drawn with replacement.
    n_combinations : int or None, default=None
        Largest number of combinations in the crossed design, those of the grid included. Masks are
        combined with fewer masks of the other modality, but at least 2, and the grid is smaller;
        either has half of the bound, or what the other does not need. None: no bound but those
        above.

    Returns
    -------
    Neighbourhood
        The masks, without corners.

    Raises
    ------
    ValueError
        All masks are to be enumerated and there are several fills; or `n_combinations` are fewer
        than 2 for each mask and 16 for the grid. See :func:`check_design` and, for joint designs,
        :func:`draw_masks`.
    """
    check_design(design, n_samples)
    if max(n_fills) > 1:
        if design == "exhaustive":
            what = "donors" if max(n_fills[:2]) > 1 else "other values of columns"
            raise ValueError(
                f"design='exhaustive' has no sampling error, and {what} are drawn by chance; use "
                "design='paired'"
            )
        drawn = draw_neighbourhood(
            design, n_audio, n_lyrics, n_samples, rng, kernel=kernel, with_grid=with_grid,
            with_shares=with_shares, replacement=True, n_columns=n_columns,
            n_combinations=n_combinations,
        )  # fmt: skip
        return _with_fills(drawn, n_fills, rng)
    if design == "crossed":
        size = GRID_SAMPLES if with_grid else SHARES_GRID if with_shares else 0
        counts = np.broadcast_to(n_samples, 2)
        return _crossed(
            (n_audio, n_lyrics), counts, rng, size, replacement, besides, n_combinations
        )
    assert not isinstance(n_samples, tuple)  # two numbers are for the crossed design alone
    p = n_audio + n_lyrics + (n_columns or 0)
    if besides is None and not replacement and _are_few(p, n_samples):
        design = "exhaustive"
    masks = draw_masks(
        design, p, n_samples, rng, kernel=kernel, replacement=replacement,
        besides=None if besides is None else besides.drawn_masks(),
    )  # fmt: skip
    drawn = Neighbourhood.joint(
        design, masks, n_audio, n_columns,
        kernel=kernel, is_noisy=replacement, n_samples=n_samples,
    )  # fmt: skip
    wants_swaps = with_shares and kernel == "exponential" and len(drawn.swap_sides) > 1
    return replace(drawn, swaps=_swaps(drawn)) if wants_swaps else drawn


def _with_fills(
    drawn: Neighbourhood, n_fills: tuple[int, ...], rng: np.random.Generator
) -> Neighbourhood:
    """Draw a fill for each mask, the same for a mask and its complement."""
    together = 1 if drawn.design == "independent" else 2

    def draw(side: int) -> np.ndarray:
        n_masks = len(drawn.sides[side])
        fills = rng.integers(n_fills[side], size=-(-n_masks // together)).repeat(together)
        fills[: drawn.known[side]] = 0  # those of any two draws are alike
        return fills[:n_masks]

    return replace(drawn, fills=tuple(map(draw, range(len(n_fills)))), n_fills=n_fills)


def _swaps(drawn: Neighbourhood) -> np.ndarray:
    """Couples of samples whose lyrics are exchanged, from consecutive clusters, (n_swaps, 2)."""
    if drawn.design == "exhaustive":
        return np.empty((0, 2), dtype=np.intp)
    together = 2 if drawn.design == "paired" else 1
    n_wanted = int(np.clip(drawn.n_samples // SWAP_EVERY, MIN_SWAPS, MAX_SWAPS)) // together
    if len(drawn.swap_sides) > 2:  # each couple is scored six times more instead of twice
        n_wanted = max(n_wanted // 2, MIN_SWAPS // together)
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
    n_combinations: int | None,
) -> Neighbourhood:
    """Draw a crossed design; parameters are as in :func:`draw_neighbourhood`.

    `grid_size` is the largest number of combinations in the grid; 0: no grid.
    """
    both_masks, n_known, usual = [], [], []
    for side, (p, n) in enumerate(zip(n_components, n_samples.tolist(), strict=True)):
        if besides is not None and besides.sampling.sides[side].is_complete:
            n_known.append(besides.known[side])
            both_masks.append(besides.sides[side])
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
        both_masks.append(masks)
        # The song itself and silence come first and are no part of the draw.
        n_known.append(2 if is_sampled else 0)
        usual.append(np.arange(n_known[-1], len(masks)))
    has_grid = grid_size > 0 and min(n_components) > 0
    grid = _grid(usual, grid_size) if has_grid else None
    if not any(n_known) and len(both_masks[0]) * len(both_masks[1]) <= GRID_SAMPLES:
        pairs = np.stack(np.meshgrid(*usual, indexing="ij"), axis=-1).reshape(-1, 2)
    else:
        pairs = _circle(usual)
    n_pairs = len(pairs) + any(n_known)
    n_in_grid = len(grid[0]) * len(grid[1]) if grid is not None else 0
    if n_combinations is not None and n_pairs + n_in_grid > n_combinations:
        most = max(n_combinations - n_in_grid, n_combinations // 2)
        if n_pairs > most:
            least = _least_pairs(usual, n_combinations - LEAST_GRID * has_grid)
            pairs = _circle(usual, max(most, least) - 1, rng)
            # Of two complete sides the song itself would be drawn always, and others by chance.
            n_known = n_known if any(n_known) else [1, 1]
        if grid is not None:
            around = [np.roll(rows, 2 * rng.integers(len(rows) // 2)) for rows in usual]
            grid = _grid(around, min(grid_size, n_combinations - len(pairs) - 1))
    if any(n_known):  # the song itself first, as in every draw
        pairs = np.vstack([[[0, 0]], pairs])
    return Neighbourhood(
        "crossed",
        both_masks[0],
        both_masks[1],
        pairs,
        known=(n_known[0], n_known[1]),
        is_noisy=replacement,
        n_samples=int(n_samples.max()),
        grid=grid,
    )


def _least_pairs(usual: list[np.ndarray], n_combinations: int) -> int:
    """Fewest pairs, the song itself included; raise if there are less than these."""
    n_masks = max(map(len, usual))
    if n_combinations < 2 * n_masks + 1:
        raise ValueError(
            f"n_combinations leaves {n_combinations} for {n_masks} masks of a modality, beside "
            "those for interactions and shares, and each mask needs 2; give more, or a smaller "
            "n_samples"
        )
    return 2 * n_masks + 1


def _grid(usual: list[np.ndarray], n_combinations: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the grid's audio masks and lyric masks: as square as their numbers allow."""
    sizes = [min(len(masks), isqrt(n_combinations)) for masks in usual]
    for i in (0, 1):
        sizes[i] = min(len(usual[i]), n_combinations // sizes[1 - i])
    sizes = [size - size % 2 for size in sizes]
    return usual[0][: sizes[0]], usual[1][: sizes[1]]


def _circle(
    usual: list[np.ndarray], n_pairs: int | None = None, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Pairs of a balanced incomplete grid: each mask with a few of the other modality, (n, 2).

    There are at most `n_pairs`, which have to be two for each mask of the modality that has more;
    `rng` then chooses where the circle begins.
    """
    # Pairs of audio masks and pairs of lyric masks are combined in blocks by cyclic shifts, so that
    # all masks of a modality are in equally many blocks, as nearly as their numbers allow. A
    # modality without components has a single mask.
    sizes = [min(len(masks), 2) for masks in usual]
    n_blocks = [len(masks) // size for masks, size in zip(usual, sizes, strict=True)]
    large, small = int(np.argmax(n_blocks)), int(np.argmin(n_blocks))
    if large == small:
        large, small = 0, 1
    n_shifts = min(PAIRS_A_MASK // 2, n_blocks[small])
    n_wanted, starts = n_shifts * n_blocks[large], [0, 0]
    if n_pairs is not None and rng is not None:
        n_wanted = min(n_wanted, n_pairs // (sizes[0] * sizes[1]))
        n_shifts = -(-n_wanted // n_blocks[large])
        starts = [int(rng.integers(n)) for n in n_blocks]
    shifts = np.arange(n_shifts) * n_blocks[small] // n_shifts
    blocks = np.empty((n_shifts, n_blocks[large], 2), dtype=np.intp)
    around = np.arange(n_blocks[large])
    blocks[:, :, large] = (around + starts[large]) % n_blocks[large]
    blocks[:, :, small] = (around + shifts[:, np.newaxis] + starts[small]) % n_blocks[small]
    blocks = blocks.reshape(-1, 1, 2)[:n_wanted]
    within = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(-1, 2)
    pairs = (blocks * sizes + within).reshape(-1, 2)
    return np.stack([rows[side] for rows, side in zip(usual, pairs.T, strict=True)], axis=1)
