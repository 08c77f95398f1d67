"""The report of a run over many songs: what is done, what failed, what it cost, how long it takes.

While the run goes on the report is written to a JSON file again and again, each time as a whole, so
that a dashboard can read it at any moment. A run that was killed leaves ``"state": "running"`` and
an ``updated`` that grows old.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import PathLike
from typing import Any

from sklearn_musiclime._runtime.files import write_text
from sklearn_musiclime.songs.corpus import Failure

NEW, CACHED, RECORDED = "new", "cached", "recorded"
"""Where the explanation of a song came from: made now, found in `memory`, or in the record."""
SECONDS_A_REPORT = 1.0
"""Shortest time between two writings of the file."""


@dataclass(eq=False)
class RunReport:
    """What a run over many songs did, up to now.

    Attributes
    ----------
    n_songs : int
        Songs of the run.
    n_new, n_cached, n_recorded : int
        Songs that were explained, found in `memory`, and found in the record.
    failures : dict of str to int
        Songs that could not be explained, by kind: "audio" or "lyrics" for an invalid cell of that
        column, else the type of the error.
    n_calls : int
        Calls that the new songs took: perturbed songs that were scored, or in the crossed design
        audio and lyric masks that were encoded.
    song_seconds : float
        Sum of the seconds that the new songs took, each in its worker.
    seconds : float
        Seconds since the run began.
    state : {"running", "finished", "stopped"}
        Whether it came to its end; "stopped" by an error or interrupt.
    started, updated : str
        When it began, and when this was last changed, in UTC (ISO 8601).
    notes : dict of str to object
        What else the run has to say, such as what `precision` saved.
    path : path-like or None, default=None
        JSON file that the report is written to as it changes. None: none is.

    Examples
    --------
    >>> from sklearn_musiclime.songs.run import RunReport
    >>> report = RunReport(n_songs=3)
    >>> report.add("recorded")
    >>> report.add("new", seconds=2.0, n_calls=300)
    >>> report.n_left, report.seconds_a_song, report.calls_a_song
    (1, 2.0, 300.0)
    """

    n_songs: int
    n_new: int = 0
    n_cached: int = 0
    n_recorded: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    n_calls: int = 0
    song_seconds: float = 0.0
    seconds: float = 0.0
    state: str = "running"
    started: str = field(default_factory=lambda: _now())
    updated: str = field(default_factory=lambda: _now())
    notes: dict[str, Any] = field(default_factory=dict)
    path: str | PathLike[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._begin = self._last = time.monotonic()
        self._written = -SECONDS_A_REPORT
        self._busy = 0.0

    @property
    def n_failed(self) -> int:
        """Songs that could not be explained."""
        return sum(self.failures.values())

    @property
    def n_left(self) -> int:
        """Songs that are not done."""
        return self.n_songs - self.n_new - self.n_cached - self.n_recorded - self.n_failed

    @property
    def seconds_a_song(self) -> float | None:
        """Mean seconds that a new song took in its worker. None: there is no new song."""
        return self.song_seconds / self.n_new if self.n_new else None

    @property
    def calls_a_song(self) -> float | None:
        """Mean calls that a new song took. None: there is no new song."""
        return self.n_calls / self.n_new if self.n_new else None

    @property
    def songs_a_second(self) -> float | None:
        """New songs a second of all workers together, while there were any. None: none yet."""
        return self.n_new / self._busy if self.n_new and self._busy > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the songs that are left will take at this rate. None: that is unknown."""
        if self.n_left <= 0 or self.state == "finished":
            return 0.0
        rate = self.songs_a_second
        return None if rate is None else self.n_left / rate

    def add(self, came: str, *, seconds: float = 0.0, n_calls: int = 0) -> None:
        """Count a song that is explained.

        Parameters
        ----------
        came : {"new", "cached", "recorded"}
            Where its explanation came from.
        seconds : float, default=0.0
            What it took in its worker; counted if it is new.
        n_calls : int, default=0
            Calls that it took; counted if it is new.
        """
        setattr(self, f"n_{came}", getattr(self, f"n_{came}") + 1)
        if came == NEW:
            self.n_calls += n_calls
            self.song_seconds += seconds
        self._tick(is_work=came == NEW)

    def fail(self, failure: Failure) -> None:
        """Count a song that could not be explained."""
        self.failures[failure.kind] += 1
        self._tick(is_work=True)

    def end(self, state: str) -> None:
        """Note how the run ended, and write the file a last time."""
        self.state = state
        self._written = -SECONDS_A_REPORT
        self._tick(is_work=False)

    def _tick(self, *, is_work: bool) -> None:
        now = time.monotonic()
        if is_work:
            self._busy += now - self._last
        self._last, self.seconds, self.updated = now, now - self._begin, _now()
        if self.path is not None and now - self._written >= SECONDS_A_REPORT:
            self._written = now
            write_text(self.path, json.dumps(self.to_dict(), indent=1) + "\n")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as values that JSON knows.

        Returns
        -------
        dict
            The attributes, ``n_failed``, ``n_left``, ``seconds_a_song``, ``calls_a_song``,
            ``songs_a_second`` and ``seconds_left``.
        """
        names = (
            "state", "n_songs", "n_new", "n_cached", "n_recorded", "n_failed", "n_left", "n_calls",
            "calls_a_song", "seconds_a_song", "songs_a_second", "seconds", "seconds_left",
            "started", "updated", "notes",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names} | {"failures": dict(self.failures)}

    def __str__(self) -> str:
        origins = [(self.n_new, "new"), (self.n_cached, "from memory")]
        origins += [(self.n_recorded, "recorded before"), (self.n_failed, "failed")]
        parts = [", ".join(f"{n} {what}" for n, what in origins if n) or "none done"]
        if self.n_new:
            parts.append(f"{self.calls_a_song:.0f} calls and {self.seconds_a_song:.2f} s a song")
            parts.append(f"{self.songs_a_second or 0:.2f} songs a second")
        if self.failures:
            kinds = (f"{kind} {n}" for kind, n in self.failures.most_common())
            parts.append("failures: " + ", ".join(kinds))
        left = self.seconds_left
        if self.n_left > 0:
            parts.append(f"{self.n_left} left" + (f", {left:.0f} s" if left is not None else ""))
        parts += [f"{name}: {value}" for name, value in self.notes.items()]
        songs = f"{self.n_songs} song{'' if self.n_songs == 1 else 's'}"
        return f"{songs} in {self.seconds:.0f} s: " + "; ".join(parts)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
