"""How many songs, and how many masks a song, a global importance of a given precision needs.

A global importance is a mean over songs of positive parts of weights, and each weight is known from
a sample of masks. So there are two levels of sampling, and two variances: that between songs, s^2,
and that within a song, v / n for n masks. The mean over N songs has the variance

    (s^2 + v / n) / N,

and if a song costs as much as c masks before its first mask (decoding, separation), N songs of n
masks cost N (c + n). For a given cost the variance is least with

    n = sqrt(c v / s^2)

masks a song, whatever N is (two-stage sampling, Cochran 1977, section 10.6, where the allocation is
Neyman's): few masks where songs differ much, many where they are alike. Two things bound n from
below. Positive parts of noise do not cancel: where a weight is 0, their mean is 0.4 standard errors
of a song, however many songs there are. So n is such that 0.4 sqrt(v / n) is at most the precision.
And the surrogate needs more masks than components: at least three for each.

s^2 and v are estimated from a pilot, the first 24 songs of a random order, which are explained with
the explainer's own ``n_samples``, the most that any song gets; they count too. v is n_samples times
the squared standard errors of those weights that are positive, and s^2 the variance of the positive
parts less what the masks explain of it. Both are summed over components of all classes that occur
in at least a tenth of the songs of the class, and at least in 8. Then songs are taken in rounds,
each a half more than before, until for each class the standard error of every such component's
importance is at most the precision times the class's largest importance, with songs of a group
taken as one; or until all songs are explained. A class with fewer than 8 songs is never precise.

References
----------
Cochran, "Sampling Techniques", 3rd edition, 1977.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from sklearn_musiclime.results.aggregation import Aggregate
from sklearn_musiclime.results.summaries import Component, SongSummary

PILOT_SONGS = 24
"""Songs whose variances decide on the masks of the others."""
GROWTH = 0.5
"""Songs of a round, as a part of those before it."""
MIN_SONGS = 8
"""Fewest songs of a class that must have a component, for it to count."""
MIN_PART = 0.1
"""Smallest part of a class's songs that must have it."""
MASKS_A_COMPONENT = 3
POSITIVE_NOISE = 1 / np.sqrt(2 * np.pi)
"""Mean of the positive part of a standard normal variable."""
SONG_COST = 25.0
"""Cost of a song before its first mask, in masks, if none is given."""


@dataclass(frozen=True)
class Precision:
    """How precise global importances are.

    Attributes
    ----------
    relative_error : float
        Largest standard error of an importance, relative to the largest importance of its class.
        Infinite if a class has too few songs.
    largest : float
        Largest importance of any class.
    """

    relative_error: float
    largest: float


@dataclass(frozen=True)
class Plan:
    """Masks a song, as a pilot's variances suggest.

    Attributes
    ----------
    n_samples : int or (int, int)
        Perturbed songs, or in the crossed design audio and lyric masks.
    between, within : float
        Variance between songs, and within a song times the number of its masks; sums over
        components.
    """

    n_samples: int | tuple[int, int]
    between: float
    within: float


def measure_precision(aggregate: Aggregate) -> Precision:
    """Compute the standard errors of the importances of an aggregate.

    Parameters
    ----------
    aggregate : Aggregate
        The songs up to now.

    Returns
    -------
    Precision
    """
    number = aggregate.about[:, 1].astype(int)
    group = np.unique(aggregate.groups, return_inverse=True)[1]
    worst, largest = 0.0, 0.0
    for label in range(len(aggregate.labels)):
        own = np.flatnonzero(number == label)
        means, errors = _mean_errors(aggregate.weights[own], group[own])
        if not len(means) or not means.max() > 0:
            return Precision(np.inf, largest)
        largest = max(largest, float(means.max()))
        worst = max(worst, float(errors.max() / means.max()))
    return Precision(worst, largest)


def _mean_errors(weights: scipy.sparse.csr_array, group: np.ndarray) -> tuple[np.ndarray, ...]:
    """Means of positive parts over the songs that have a component, and their standard errors."""
    counts = np.bincount(weights.indices, minlength=weights.shape[1])
    counted = counts >= max(MIN_SONGS, MIN_PART * weights.shape[0])
    positive, present = weights.copy(), weights.copy()
    positive.data, present.data = np.maximum(weights.data, 0.0), np.ones_like(weights.data)
    groups, of_group = np.unique(group, return_inverse=True)
    shape = (len(groups), len(group))
    at = of_group, np.arange(len(group))
    members = scipy.sparse.csr_array((np.ones(len(group)), at), shape)
    sums = (members @ positive)[:, counted].toarray()
    sizes = (members @ present)[:, counted].toarray()
    n = sizes.sum(axis=0)
    means = sums.sum(axis=0) / n
    n_groups = (sizes > 0).sum(axis=0)
    spread = np.square(sums - sizes * means).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.sqrt(spread * n_groups / (n_groups - 1)) / n
    return means, np.where(n_groups > 1, errors, np.inf)


def plan_masks(pilot: Sequence[SongSummary], precision: float, song_cost: float) -> Plan:
    """Choose the masks of a song from the variances of a pilot.

    Parameters
    ----------
    pilot : sequence of SongSummary
        The songs of the pilot.
    precision : float
        Standard error that is aimed at, relative to the largest importance of a class.
    song_cost : float
        What a song costs before its first mask, in masks.

    Returns
    -------
    Plan

    Examples
    --------
    Two songs of one component, the weights of which are known as exactly as they differ:

    >>> import numpy as np
    >>> from sklearn_musiclime.results.precision import plan_masks
    >>> from sklearn_musiclime.results.summaries import Component, SongSummary
    >>> one, none = np.ones((1, 1)), np.zeros((0, 2), dtype=int)
    >>> def summary(row):
    ...     return SongSummary(
    ...         str(row), row, row, ["pop"], one, one, one, [Component("love", "lyrics")],
    ...         one + 0.2 * (row % 2), none, np.zeros((1, 0)), 10, 0.1 * one, (400, 0),
    ...     )
    >>> plan_masks([summary(row) for row in range(20)], 0.2, song_cost=100.0).n_samples
    400
    """
    masks = np.mean([song.n_masks for song in pilot], axis=0)
    most = masks.sum()
    found: dict[tuple[object, Component], list[tuple[float, float]]] = {}
    n_songs: dict[object, int] = {}
    for song in pilot:
        for i, label in enumerate(song.labels):
            n_songs[label] = n_songs.get(label, 0) + 1
            for component, *values in zip(
                song.components, song.weights[i].tolist(), song.std_err[i].tolist(), strict=True
            ):
                weight, error = values
                noise = sum(song.n_masks) * error**2
                found.setdefault((label, component), []).append((weight, noise))
    between = within = 0.0
    largest: dict[object, float] = {}
    noisiest: dict[object, float] = {}
    for (label, _), values_of in found.items():
        if len(values_of) < max(min(MIN_SONGS, n_songs[label]), MIN_PART * n_songs[label]):
            continue
        weights, noise = np.array(values_of).T
        positive = np.maximum(weights, 0.0)
        v = float(np.where(weights > 0, noise, 0.0).mean())
        within += v
        if len(positive) > 1:
            between += max(float(positive.var(ddof=1)) - v / most, 0.0)
        largest[label] = max(largest.get(label, 0.0), float(positive.mean()))
        noisiest[label] = max(noisiest.get(label, 0.0), float(noise.mean()))
    n = np.sqrt(song_cost * within / between) if between > 0 else most
    for label, size in largest.items():
        if size > 0:
            n = max(n, noisiest[label] * (POSITIVE_NOISE / (precision * size)) ** 2)
    n_components = max(len(song.components) for song in pilot)
    n = min(max(n, MASKS_A_COMPONENT * n_components), most)
    if masks[1] == 0:
        n_samples: int | tuple[int, int] = _even(n)
    else:
        n_samples = _even(masks[0] * n / most), _even(masks[1] * n / most)
    return Plan(n_samples, between, within)


def _even(n: float) -> int:
    return max(2 * int(np.ceil(n / 2)), 2)
