"""The samples of a neighbourhood: its masks, how they are combined, and the model's scores."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from sklearn_musiclime.neighbourhood.masks import (
    fill_combinations,
    fraction_of_all,
    n_known_masks,
    n_of_size,
    shapley_strata,
    shapley_weights,
    with_fills,
)
from sklearn_musiclime.neighbourhood.sampling import Sampling, Side


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The masks of a song's modalities, and how they are combined.

    There are two sides, the audio and the lyrics, and in joint designs a third one if columns of X
    are explained.

    Attributes
    ----------
    design : {"crossed", "independent", "paired", "exhaustive"}
        The design that the masks were drawn by.
    audio_masks : ndarray of shape (n_audio_masks, n_audio_components), dtype bool
        Masks of the audio: True where a component is kept.
    lyric_masks : ndarray of shape (n_lyric_masks, n_lyric_components), dtype bool
        Masks of the lyrics: True where a component is kept.
    pairs : ndarray of shape (n_samples, n_sides), dtype int
        The audio mask and the lyric mask (and the mask of columns) of each perturbed song. Song 0
        keeps everything.
    kernel : {"exponential", "shapley"}
        Kernel of the surrogate that the masks are for.
    known : tuple of int
        Number of fixed masks of each side, which come first and are no part of the draw: the song
        itself and, in some designs, silence. 0 for an enumeration.
    is_noisy : bool
        Whether the model's scores are noisy, so that even an enumeration has a sampling error.
    n_samples : int
        Number of samples that was requested; an enumeration may have fewer.
    grid : (ndarray of int, ndarray of int) or None
        Positions of the audio masks and of the lyric masks of a complete grid: all of their
        combinations are scored, for interactions and shares. Each mask is followed by its
        complement.
    swaps : ndarray of shape (n_swaps, 2) of int
        In a joint design, couples of samples that are scored again with their lyrics exchanged, and
        likewise with columns, for shares. In the paired design the samples of couple ``2 * i + 1``
        are the complements of those of couple ``2 * i``.
    corner_pairs : ndarray of shape (n_corners, n_sides) of int, or (0, n_sides)
        Pairs of the song itself, its audio alone, its lyrics alone, and neither, if they were added
        by :meth:`with_corners`, and with columns a fifth that lacks these, too: one of each or,
        with several fills, some with different fills of what is left out.
    fills : tuple of ndarray of shape (n_masks,) of int, or None
        Number of the fill of each mask of each side. None: there is one fill for all.
    n_fills : tuple of int
        Number of fills of each side that there are.
    column_masks : ndarray of shape (n_column_masks, n_columns), dtype bool, or None
        Masks of further columns of X: True where a column has the song's value. None: there are
        two sides.
    """

    design: str
    audio_masks: np.ndarray
    lyric_masks: np.ndarray
    pairs: np.ndarray
    kernel: str = "exponential"
    known: tuple[int, ...] = (0, 0)
    is_noisy: bool = False
    n_samples: int = 0
    grid: tuple[np.ndarray, np.ndarray] | None = None
    swaps: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.intp))
    corner_pairs: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.intp))
    fills: tuple[np.ndarray, ...] | None = None
    n_fills: tuple[int, ...] = (1, 1)
    column_masks: np.ndarray | None = None

    @classmethod
    def joint(
        cls,
        design: str,
        masks: np.ndarray,
        n_audio: int,
        n_columns: int | None = None,
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
        n_columns : int or None, default=None
            Number of columns of X, which come last. None: there are two sides.
        kernel, is_noisy, n_samples
            Attributes of the class.

        Returns
        -------
        Neighbourhood
            Sample i has mask i of each side.
        """
        end = masks.shape[1] - (n_columns or 0)
        n_sides = 2 if n_columns is None else 3
        return cls(
            design,
            masks[:, :n_audio],
            masks[:, n_audio:end],
            np.repeat(np.arange(len(masks))[:, np.newaxis], n_sides, axis=1),
            kernel=kernel,
            known=(n_known_masks(design, kernel),) * n_sides,
            is_noisy=is_noisy,
            n_samples=n_samples,
            n_fills=(1,) * n_sides,
            column_masks=None if n_columns is None else masks[:, end:],
        )

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def masks(self) -> np.ndarray:
        """Masks over all components, shape (n_samples, n_components)."""
        return np.hstack([own[at] for own, at in zip(self.sides, self.pairs.T, strict=True)])

    @property
    def pair_fills(self) -> np.ndarray | None:
        """Number of each side's fill of each pair, (n_samples, n_sides)."""
        if self.fills is None:
            return None
        return np.stack([own[at] for own, at in zip(self.fills, self.pairs.T, strict=True)], axis=1)

    @property
    def states(self) -> np.ndarray:
        """Masks over all components and fills: rows that differ where perturbed songs do."""
        fills = self.pair_fills
        if fills is None:
            return self.masks
        return with_fills(self.masks, np.ravel_multi_index(tuple(fills.T), self.n_fills))

    @property
    def sides(self) -> tuple[np.ndarray, ...]:
        """Masks of the audio, of the lyrics and, if any, of columns, which `pairs` combine."""
        both = self.audio_masks, self.lyric_masks
        return both if self.column_masks is None else (*both, self.column_masks)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of components of each side."""
        return tuple(masks.shape[1] for masks in self.sides)

    @property
    def grid_masks(self) -> tuple[np.ndarray, np.ndarray]:
        """Masks of the audio and masks of the lyrics of the grid, which has to be there."""
        assert self.grid is not None
        audio, lyrics = self.grid
        return self.audio_masks[audio], self.lyric_masks[lyrics]

    def digest(self) -> str:
        """Hash the masks and pairs: neighbourhoods that are equal to the bit have equal digests.

        Returns
        -------
        str
            32 hexadecimal digits.
        """
        digest = hashlib.blake2b(digest_size=16)
        for masks in self.sides:
            digest.update(repr(masks.shape).encode())
            digest.update(np.packbits(masks).tobytes())
        digest.update(self.pairs.astype("<i8").tobytes())
        for fills in self.fills or ():
            digest.update(fills.astype("<i8").tobytes())
        return digest.hexdigest()

    @property
    def n_masks(self) -> tuple[int, ...]:
        """Number of masks of each side, without those of the corners."""
        has_corners = len(self.corner_pairs) > 0
        return tuple(
            len(masks) - (1 + n) * has_corners
            for masks, n in zip(self.sides, self.n_fills, strict=True)
        )

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

    @cached_property
    def sampling(self) -> Sampling:
        """The sampling design, from which weights, errors, interactions and shares are computed."""
        is_drawn = np.arange(len(self)) >= self.n_known
        if self.design != "crossed":
            sampling = self._joint_sampling(is_drawn)
        else:
            n_audio = self.sizes[0]
            drawn = [np.unique(rows) for rows in self.pairs[is_drawn].T]
            sides = tuple(
                Side(columns, rows // 2, fraction_of_all(len(own), p))
                for columns, rows, own, p in zip(
                    (slice(n_audio), slice(n_audio, None)),
                    self.pairs.T,
                    drawn,
                    self.sizes,
                    strict=True,
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
        audio, lyrics = (
            fraction_of_all(len(rows), p) for rows, p in zip(self.grid, self.sizes, strict=True)
        )
        return audio, lyrics

    def _joint_sampling(self, is_drawn: np.ndarray) -> Sampling:
        """The sampling of a joint design, which has one side."""
        clusters = np.arange(len(self)) // (2 if self.design == "paired" else 1)
        if self.kernel == "shapley" and self.design != "exhaustive":
            return self._shapley_sampling(clusters, is_drawn)
        fraction = fraction_of_all(int(is_drawn.sum()), sum(self.sizes))
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
    def swap_sides(self) -> tuple[int, ...]:
        """Sides whose masks are exchanged in the swaps: those that have components."""
        return tuple(side for side, n in enumerate(self.sizes) if n)

    @property
    def swap_pairs(self) -> np.ndarray:
        """Pairs of the swaps: all combinations of each couple's masks but the two samples."""
        # Of two sides: a couple's first audio with its second lyrics, then the reverse.
        n_sides, exchanged = len(self.sides), self.swap_sides
        if not len(self.swaps):
            return np.empty((0, n_sides), dtype=np.intp)
        cells = list(product((0, 1), repeat=len(exchanged)))[1:-1]
        which = np.zeros((len(cells), n_sides), dtype=np.intp)  # of the couple, for each side
        which[:, exchanged] = cells
        return self.swaps[:, which].reshape(-1, n_sides)

    @property
    def all_pairs(self) -> np.ndarray:
        """All pairs that the model scores: `pairs`, `grid_pairs`, `swap_pairs`, `corner_pairs`."""
        further = [self.grid_pairs, self.swap_pairs, self.corner_pairs]
        return np.vstack([self.pairs, *[pairs for pairs in further if len(pairs)]])

    def split(self, scores: np.ndarray) -> Scores:
        """Split the scores of `all_pairs` into those of pairs, grid, swaps and corners.

        Parameters
        ----------
        scores : ndarray of shape (n_all_pairs, n_labels)
            The model's scores, in the order of `all_pairs`.

        Returns
        -------
        Scores
            The same scores, by their purpose. Those of the corners are means over fills.
        """
        n_labels = scores.shape[1]
        sizes = [len(self.pairs), len(self.grid_pairs), len(self.swap_pairs)]
        of_pairs, of_grid, swapped, corners = np.split(scores, np.cumsum(sizes))
        grid = None if self.grid is None else of_grid.reshape(*map(len, self.grid), -1)
        if len(corners):
            sizes = [len(self._fills_of(left_out)) for left_out in self._corners]
            by_corner = np.split(corners, np.cumsum(sizes)[:-1])
            corners = np.stack([some.mean(axis=0) for some in by_corner])
        if len(corners) and self.fills is not None and self.n_known == 2:
            # Shapley values add up to the difference from this mean.
            of_pairs = np.vstack([of_pairs[:1], corners[-1:], of_pairs[2:]])
        n_swapped = len(self.swap_pairs) // max(len(self.swaps), 1) or 2
        return Scores(of_pairs, grid, swapped.reshape(-1, n_swapped, n_labels), corners)

    @property
    def _corners(self) -> list[tuple[int, ...]]:
        """Sides that each corner leaves out."""
        corners: list[tuple[int, ...]] = [(), (1,), (0,), (0, 1)]
        return corners if self.column_masks is None else [*corners, (0, 1, 2)]

    def _fills_of(self, left_out: tuple[int, ...]) -> np.ndarray:
        """Combinations of fills of what a corner leaves out, (n_combinations, n_sides)."""
        n_fills = [n if side in left_out else 1 for side, n in enumerate(self.n_fills)]
        return fill_combinations(tuple(n_fills))

    def with_corners(self) -> Neighbourhood:
        """Add the corners: the song itself, its audio alone, its lyrics alone, and neither.

        Columns are the song's there; if there are any, they are left out as well in a fifth corner.

        Returns
        -------
        Neighbourhood
            The same neighbourhood with `corner_pairs` in this order, and with further masks of each
            side that they refer to: the whole of it, and nothing of it with each fill. Where fills
            have more than `MOST_COMBINATIONS`, as many of these are taken.
        """
        sides = [
            np.vstack([masks, np.ones_like(masks[:1]), *[np.zeros_like(masks[:1])] * n])
            for masks, n in zip(self.sides, self.n_fills, strict=True)
        ]
        whole = np.array([len(masks) for masks in self.sides])
        corners = []
        for left_out in self._corners:
            of_fills = self._fills_of(left_out)
            corners.append(whole + np.isin(np.arange(len(sides)), left_out) * (1 + of_fills))
        fills = self.fills
        if fills is not None:
            fills = tuple(
                np.concatenate([own, [0], np.arange(n)])
                for own, n in zip(fills, self.n_fills, strict=True)
            )
        return self._with_masks(sides, corner_pairs=np.vstack(corners), fills=fills)

    def _with_masks(self, sides: list[np.ndarray], **changes: Any) -> Neighbourhood:
        """Return a copy with other masks."""
        audio, lyrics, *columns = sides
        return replace(
            self, audio_masks=audio, lyric_masks=lyrics,
            column_masks=columns[0] if columns else None, **changes,
        )  # fmt: skip

    def extended(self, other: Neighbourhood) -> Neighbourhood:
        """Add the masks of a second draw, without its fixed ones.

        Parameters
        ----------
        other : Neighbourhood
            A draw by the same design `besides` this one, see
            :func:`~sklearn_musiclime.neighbourhood.draw_neighbourhood`; without corners, as this
            one.

        Returns
        -------
        Neighbourhood
            The pairs of this neighbourhood, then those of the other; grid and swaps of this one.
        """
        pairs, masks = other.pairs[other.n_known :].copy(), []
        fills: list[np.ndarray] = []
        for side, (before, after) in enumerate(zip(self.sides, other.sides, strict=True)):
            if self.design == "crossed" and self.sampling.sides[side].is_complete:
                masks.append(before)  # both draws enumerate the same masks
                continue
            pairs[:, side] += len(before) - other.known[side]
            masks.append(np.vstack([before, after[other.known[side] :]]))
            if self.fills is not None and other.fills is not None:
                new = other.fills[side][other.known[side] :]
                fills.append(np.concatenate([self.fills[side], new]))
        return self._with_masks(
            masks, pairs=np.vstack([self.pairs, pairs]), fills=tuple(fills) or None
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
        return self.sides[side][np.unique(self.pairs[self.n_known :, side])]


@dataclass(frozen=True)
class Scores:
    """A model's scores of the perturbed songs of a neighbourhood.

    Attributes
    ----------
    pairs : ndarray of shape (n_samples, n_labels)
        Scores of the pairs.
    grid : ndarray of shape (n_audio_masks, n_lyric_masks, n_labels), or None
        Scores of the grid. None: there is no grid.
    swapped : ndarray of shape (n_swaps, 2 or more, n_labels)
        Scores of the swaps: audio of the first sample with lyrics of the second, and audio of the
        second with lyrics of the first; of more than two sides all combinations of their masks, in
        the order of ``neighbourhood.swap_pairs``.
    corners : ndarray of shape (n_corners, n_labels)
        Scores of the corners.
    """

    pairs: np.ndarray
    grid: np.ndarray | None
    swapped: np.ndarray
    corners: np.ndarray

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Scores:
        """Transform all scores alike.

        Parameters
        ----------
        function : callable
            Takes an array of shape (..., n_labels) and returns one of shape (..., n_new_labels).

        Returns
        -------
        Scores
        """
        grid = None if self.grid is None else function(self.grid)
        parts = (self.pairs, self.swapped, self.corners)
        pairs, swapped, corners = (function(scores) for scores in parts)
        return Scores(pairs, grid, swapped, corners)
