"""Sources: what sounds together in the mix, taken apart.

A separator is an estimator with one method, ``separate(waveform, sampling_rate)``, that returns the
names of the sources and an array (n_sources, n_samples). If it also takes ``path``, it is told the
file the song came from; if ``span``, the seconds of that file at which the song begins and ends.
:func:`separate_sources` calls it and sees to it that the sources add up to the mix, so a separator
need not be perfect to be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sklearn_musiclime._runtime.cache import ResultCache
from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime._runtime.fingerprint.files import file_digest
from sklearn_musiclime.components._protocol import call_with_known, takes

RESIDUAL = "residual"
INAUDIBLE_DB = -60.0
"""A rest of the mix that no source holds is a source of its own above this level, re the mix."""

Sources = tuple[Sequence[str], np.ndarray]
"""Names of sources, and their waveforms, an array of shape (n_sources, n_samples)."""


class Separator(Protocol):
    """What the explainer asks of a separator.

    ``source_names``, a property, is needed by ``MusicLimeExplainer.transform`` alone: it names the
    columns before a song has been heard.
    """

    def separate(self, waveform: np.ndarray, sampling_rate: float) -> Sources:
        """Take a waveform apart.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,), dtype float32
            The mix.
        sampling_rate : float
            Its rate in Hz.

        Returns
        -------
        names : sequence of str
            The sources' names.
        sources : ndarray of shape (n_sources, n_samples)
            Their waveforms. They need not add up to the mix.
        """


def separate_sources(
    separator: Separator | None,
    waveform: np.ndarray,
    sampling_rate: float,
    *,
    path: Path | None = None,
    span: tuple[float, float] | None = None,
) -> tuple[tuple[str, ...], np.ndarray]:
    """Take a song apart so that the parts add up to it.

    What the separator loses becomes the source "residual". A rest below -60 dB of the mix can't be
    heard and goes to the loudest source instead, so the sum is exact all the same.

    Parameters
    ----------
    separator : estimator with ``separate``, or None
        None: the whole mix is one source, "mix".
    waveform : ndarray of shape (n_samples,)
        The mix.
    sampling_rate : float
        Its rate in Hz.
    path : Path or None, default=None
        The file it came from.
    span : (float, float) or None, default=None
        Start and end in seconds, if it is a part of that file.

    Returns
    -------
    names : tuple of str
        Names of the sources.
    sources : ndarray of shape (n_sources, n_samples), dtype float32
        Their waveforms; they sum to `waveform`.

    Raises
    ------
    ValueError
        The separator returned no names and sources, the wrong shape, names that are not unique, or
        NaN.
    """
    if separator is None:
        return ("mix",), waveform[np.newaxis]
    if isinstance(separator, RecallingSeparator):
        return separator.separate(waveform, sampling_rate, path=path, span=span)
    # A copy, since a separator may change what it is given.
    separated = call_with_known(
        separator.separate, waveform.copy(), sampling_rate, path=path, span=span
    )
    names, sources = _check_sources(separator, separated, len(waveform))
    residual = waveform - sources.sum(axis=0, dtype=np.float64)
    level = 10 ** (INAUDIBLE_DB / 20) * np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    if np.sqrt(np.mean(np.square(residual))) <= level:
        holder = int(np.argmax(np.square(sources, dtype=np.float64).sum(axis=1)))
    elif RESIDUAL in names:
        holder = names.index(RESIDUAL)
    else:
        names, sources = (*names, RESIDUAL), np.vstack([sources, np.zeros_like(waveform)])
        holder = len(names) - 1
    with np.errstate(over="ignore"):
        sources[holder] = sources[holder] + residual
    if not np.isfinite(sources[holder]).all():
        raise ValueError(f"{type(separator).__name__}'s sources are too loud to add up to the mix")
    return names, sources


@dataclass(frozen=True, eq=False)
class RecallingSeparator:
    """A separator that keeps the sources that it found, and finds them again.

    Attributes
    ----------
    separator : estimator with ``separate``
        Makes the sources.
    cache : ResultCache
        Where sources are kept.
    key : str
        The separator's hash.
    """

    separator: Separator
    cache: ResultCache
    key: str

    def __repr__(self) -> str:
        return repr(self.separator)

    def separate(
        self,
        waveform: np.ndarray,
        sampling_rate: float,
        *,
        path: Path | None = None,
        span: tuple[float, float] | None = None,
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """Take a song apart as :func:`separate_sources`, unless that was done before.

        Parameters
        ----------
        waveform, sampling_rate, path, span
            As there.

        Returns
        -------
        names : tuple of str
            Names of the sources.
        sources : ndarray of shape (n_sources, n_samples), dtype float32
            Their waveforms; they sum to `waveform`.
        """
        beside = read_beside(self.separator, path)
        song = fingerprint(self.key, waveform, sampling_rate, beside, span)
        compute = partial(
            separate_sources, self.separator, waveform, sampling_rate, path=path, span=span
        )
        return self.cache.fetch("sources", song, compute)


def read_beside(separator: Separator | None, path: Path | None) -> Any:
    """Say what a separator may read of a song beside its waveform, for a hash.

    Parameters
    ----------
    separator : estimator with ``separate``, or None
        The separator.
    path : Path or None
        The song's file.

    Returns
    -------
    object
        The content of its stems, if it has ``stem_paths``; the path itself, if it takes that; else
        None.
    """
    if isinstance(separator, RecallingSeparator):
        separator = separator.separator
    if path is None or separator is None:
        return None
    if hasattr(separator, "stem_paths"):
        stems = separator.stem_paths(path)
        return {name: file_digest(p) for name, p in stems.items() if p.is_file()}
    return str(path) if takes(separator.separate, "path") else None


def _check_sources(
    separator: Any, separated: Any, n_samples: int
) -> tuple[tuple[str, ...], np.ndarray]:
    who = type(separator).__name__
    try:
        names, sources = separated
        names = (names,) if isinstance(names, str) else tuple(names)
        sources = np.asarray(sources)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{who} returned a {type(separated).__name__}; expected (names, array of sources): "
            f"{error}"
        ) from error
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"{who} returned names that are no text: {list(names)}")
    if sources.dtype.kind not in "biuf":
        raise ValueError(f"{who} returned {sources.dtype} values where samples should be")
    with np.errstate(over="ignore"):  # what single precision does not hold is infinite
        sources = np.array(sources, dtype=np.float32)  # a copy: the residual is added in place
    if sources.shape != (len(names), n_samples) or not names:
        raise ValueError(
            f"{who} returned {len(names)} names and sources of shape {sources.shape}; "
            f"expected ({len(names)}, {n_samples})"
        )
    if len(set(names)) != len(names):
        raise ValueError(f"{who} returned names that are not unique: {list(names)}")
    if not np.isfinite(sources).all():
        raise ValueError(f"{who} returned NaN or infinite samples")
    return names, sources
