"""Running any separator, such that its sources sum to the mix.

A separator is an estimator with one method, ``separate(waveform, sampling_rate)``, that returns the
names of the sources and an array (n_sources, n_samples). The method may accept two more arguments:
``path``, the file of the song, and ``span``, the start and end of the song in that file in seconds.
:func:`separate_sources` adds what the sources lack of the mix, so a separator need not be exact.
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
"""Level relative to the mix above which the residual becomes a source of its own."""

Sources = tuple[Sequence[str], np.ndarray]
"""Names of sources, and their waveforms, an array of shape (n_sources, n_samples)."""


class Separator(Protocol):
    """Interface of a separator.

    A separator may also have a property ``source_names``, the names of all sources that it can
    yield, from which ``MusicLimeExplainer.transform`` makes its columns.
    """

    def separate(self, waveform: np.ndarray, sampling_rate: float) -> Sources:
        """Separate a waveform into sources.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,), dtype float32
            The mix.
        sampling_rate : float
            Its sampling rate in Hz.

        Returns
        -------
        names : sequence of str
            Names of the sources.
        sources : ndarray of shape (n_sources, n_samples)
            Waveforms of the sources. They need not sum to the mix.
        """


def separate_sources(
    separator: Separator | None,
    waveform: np.ndarray,
    sampling_rate: float,
    *,
    path: Path | None = None,
    span: tuple[float, float] | None = None,
) -> tuple[tuple[str, ...], np.ndarray]:
    """Separate a song into sources that sum to it.

    The residual, which is the mix minus the sum of the separator's sources, becomes a source
    "residual". If its level is at most -60 dB relative to the mix, it is inaudible and is added to
    the loudest source instead.

    Parameters
    ----------
    separator : estimator with ``separate``, or None
        The separator. None: the whole mix is the only source, called "mix".
    waveform : ndarray of shape (n_samples,)
        The mix.
    sampling_rate : float
        Its sampling rate in Hz.
    path : Path or None, default=None
        File of the song.
    span : (float, float) or None, default=None
        Start and end in seconds, if the song is a part of that file.

    Returns
    -------
    names : tuple of str
        Names of the sources.
    sources : ndarray of shape (n_sources, n_samples), dtype float32
        Waveforms of the sources; they sum to `waveform`.

    Raises
    ------
    ValueError
        The separator returned something else than names and sources, a wrong shape, names that are
        not unique, or samples that are NaN, infinite or too large to sum to the mix.
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
        Cache of sources.
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
    """Return a hashable account of the files that a separator may read beside the waveform.

    It is a part of the cache key of the sources, so that a changed stem is separated anew.

    Parameters
    ----------
    separator : estimator with ``separate``, or None
        The separator.
    path : Path or None
        File of the song.

    Returns
    -------
    object
        The digests of the stem files by source, if the separator has ``stem_paths``; the path, if
        ``separate`` accepts one; else None.
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
    with np.errstate(over="ignore"):  # overflow to infinity is reported below
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
