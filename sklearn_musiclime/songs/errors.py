"""The error that names the song and the cell that is wrong."""

from __future__ import annotations

from collections.abc import Hashable


class InvalidSongError(ValueError):
    """A cell of X that can't be read as what it should be.

    Parameters
    ----------
    row : int
        Position of the song in X, from 0.
    column : str
        What the cell should have been: "audio", "lyrics" or "word_times".
    reason : str
        What is wrong with it.
    track_id : label or None, default=None
        The song's label in the index of X, where that is not its position.
    """

    def __init__(self, row: int, column: str, reason: str, track_id: Hashable = None):
        super().__init__(row, column, reason, track_id)
        self.row = row
        self.column = column
        self.reason = reason
        self.track_id = track_id

    def __str__(self) -> str:
        return f"{row_name(self.row, self.track_id)}: {self.column}: {self.reason}"


def row_name(row: int, track_id: Hashable = None) -> str:
    """Return what messages call a song.

    Parameters
    ----------
    row : int
        Its position in X.
    track_id : label or None, default=None
        Its label in the index of X.

    Returns
    -------
    str
        Its position, and its label where that is another.

    Examples
    --------
    >>> from sklearn_musiclime.songs import row_name
    >>> row_name(3, 3), row_name(3, "TRAXLZU")
    ('row 3', "row 3 ('TRAXLZU')")
    """
    return f"row {row}" if is_position(track_id, row) else f"row {row} ({track_id!r:.60})"


def is_position(track_id: Hashable, row: int) -> bool:
    """Check whether a song's label in the index of X says no more than its position.

    Parameters
    ----------
    track_id : label or None
        The label; None if X has no index.
    row : int
        The position.

    Returns
    -------
    bool
    """
    return track_id is None or (type(track_id) is int and track_id == row)
