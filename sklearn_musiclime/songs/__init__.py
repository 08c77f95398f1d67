"""Songs: reading the audio and lyrics cells of X, and checking them.

X is what :class:`~sklearn.compose.ColumnTransformer` takes: a pandas or polars DataFrame with an
audio and a lyrics column, or an object array whose first two columns are audio and lyrics and whose
third, if there is one, holds word times. Everything downstream sees a :class:`Song`; everything
that can be wrong with a cell is found here and raised as an :class:`InvalidSongError` that names
the row.

Of polars, audio may be a column of lists, of structs (mappings), of paths or of objects. A black
box gets perturbed songs as polars too; what is handed a single column, such as a branch of a
pipeline that is scored apart, gets it as pandas has it.
"""

from sklearn_musiclime.songs.cells import (
    LYRICS_SUFFIXES,
    MAX_CHANNELS,
    as_cell,
    check_audio_cell,
    check_file,
    lyrics_doubts,
    names_file,
    read_audio,
    read_lyrics,
    read_text_file,
    read_word_times,
)
from sklearn_musiclime.songs.decoding import MAX_RATE, MAX_SAMPLES, MIN_RATE, PCM_SCALES
from sklearn_musiclime.songs.errors import InvalidSongError, row_name
from sklearn_musiclime.songs.song import Song
from sklearn_musiclime.songs.table import SongTable
from sklearn_musiclime.songs.timed_words import TimedWords

__all__ = [
    "LYRICS_SUFFIXES",
    "MAX_CHANNELS",
    "MAX_RATE",
    "MAX_SAMPLES",
    "MIN_RATE",
    "PCM_SCALES",
    "InvalidSongError",
    "Song",
    "SongTable",
    "TimedWords",
    "as_cell",
    "check_audio_cell",
    "check_file",
    "lyrics_doubts",
    "names_file",
    "read_audio",
    "read_lyrics",
    "read_text_file",
    "read_word_times",
    "row_name",
]
