"""Records of corpus runs: explanations of many songs in parquet files, for SQL and data frames.

``explain_global(songs, out="explanations.parquet")`` writes a row a song, label and component while
the songs finish, and ``out="explanations"`` the same as a folder of parts, which Dask, ray and SQL
engines read as one table. A run that was killed goes on where it stopped: songs that are in the
record are not explained again. :meth:`GlobalExplanation.from_parquet
<sklearn_musiclime.GlobalExplanation.from_parquet>` reads it back, and so does anything else::

    duckdb.sql("SELECT component, avg(greatest(weight, 0)) FROM 'explanations.parquet' "
               "WHERE label = 'Pop' GROUP BY component ORDER BY 2 DESC")

One record is of one model, one release and one set of parameters; with others the run raises an
error. Songs are told apart by the index of X: one whose content changed is an error, and songs
beside those of earlier runs are added. A song without components has one row, whose component is
null. What is unknown or NaN is null. Of lone surrogates, which UTF-8 can't hold, U+FFFD remains.

The table of weights, whose columns carry their meaning in the file too (metadata of the fields):

{weights}

Interactions, if they are estimated, are a table of their own, beside the file as
``explanations.interactions.parquet`` or in the folder's ``_interactions``, which readers of the
folder pass over. It takes some 16 bytes a pair, and a song may have thousands of pairs; with
``interactions=None`` there is none.

{interactions}

The report of the run is ``explanations.run.json`` or the folder's ``_run.json``, see
:mod:`~sklearn_musiclime.songs.run`. A record holds no waveforms, no full lyrics and no local
prediction; ``memory=`` keeps whole explanations.

- :mod:`~sklearn_musiclime.results.record.columns`: the columns, and the schema;
- :mod:`~sklearn_musiclime.results.record.rows`: the rows of an explanation;
- :mod:`~sklearn_musiclime.results.record.place`: where the files lie;
- :mod:`~sklearn_musiclime.results.record.writing`: writing while songs finish;
- :mod:`~sklearn_musiclime.results.record.reading`: reading song by song.
"""

from sklearn_musiclime.results.record.columns import INTERACTIONS, WEIGHTS, describe

if __doc__ is not None:  # python -OO drops docstrings
    __doc__ = __doc__.format(weights=describe(WEIGHTS), interactions=describe(INTERACTIONS))
