"""Components in words that people read: ``percussive, 1:43–1:58`` in place of ``percussive@7``."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition

MAX_DECIMALS = 2


def clock_times(seconds: list[float]) -> list[str]:
    """Write points of time, increasing, with as few digits as tell neighbours apart.

    Parameters
    ----------
    seconds : list of float
        Points of time, in seconds.

    Returns
    -------
    list of str
        Minutes and seconds; tenths or hundredths only where points are nearer to one another.

    Examples
    --------
    >>> from sklearn_musiclime.components.readable import clock_times
    >>> clock_times([0.0, 14.8, 103.2])
    ['0:00', '0:15', '1:43']
    >>> clock_times([0.0, 0.25, 0.5])
    ['0:00.00', '0:00.25', '0:00.50']
    """
    shortest = min((b - a for a, b in pairwise(seconds)), default=1.0)
    decimals = 0 if shortest >= 1 else 1 if shortest >= 0.3 else MAX_DECIMALS
    width = 2 if decimals == 0 else 3 + decimals
    texts = []
    for second in seconds:
        rounded = math.floor(second * 10**decimals + 0.5) / 10**decimals
        minutes, rest = divmod(rounded, 60)
        texts.append(f"{minutes:.0f}:{rest:0{width}.{decimals}f}")
    return texts


def segment_times(audio: AudioComponents) -> list[str]:
    """Write the times of a song's segments.

    Parameters
    ----------
    audio : AudioComponents
        The components of the audio.

    Returns
    -------
    list of str
        ``1:43–1:58`` for each segment.
    """
    times = clock_times(audio.times.tolist())
    return [f"{start}–{end}" for start, end in pairwise(times)]


def readable_names(components: Decomposition, *, counted: bool = True) -> list[str]:
    """Return a name of each component that people read.

    Parameters
    ----------
    components : Decomposition
        The components of a song.
    counted : bool, default=True
        Whether lyrics have the number of their occurrences behind them.

    Returns
    -------
    list of str
        Source and time of the audio, the text of lyrics, ``year = 1994`` of a column.
    """
    audio = components.audio
    names: list[str] = []
    if audio is not None:
        times = segment_times(audio)
        names = [f"{source}, {time}" for source in audio.source_names for time in times]
    if components.lyrics is not None:
        for text, spans in zip(components.lyrics.texts(), components.lyrics.spans, strict=True):
            repeated = f" ({len(spans)} times)" if counted and len(spans) > 1 else ""
            names.append(f"“{' '.join(text.split())}”{repeated}")
    if components.columns is not None:
        names += components.columns.shown
    return names


def named(components: Decomposition, *, counted: bool = True) -> dict[str, str]:
    """Return the readable name of each component by its name.

    Parameters
    ----------
    components : Decomposition
        The components of a song.
    counted : bool, default=True
        See :func:`readable_names`.

    Returns
    -------
    dict of str to str
    """
    return dict(zip(components.names, readable_names(components, counted=counted), strict=True))
