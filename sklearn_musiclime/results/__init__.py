"""What was found, as data, tables and files; what draws it stands above, in the report.

- :mod:`~sklearn_musiclime.results.local`: of one song;
- :mod:`~sklearn_musiclime.results.summaries`: what a global explanation needs of a song, and when
  components of two songs are the same one;
- :mod:`~sklearn_musiclime.results.aggregation`: summaries, added up;
- :mod:`~sklearn_musiclime.results.importance`: what counts for a class;
  :mod:`~sklearn_musiclime.results.intervals`: how far that would vary with other songs;
- :mod:`~sklearn_musiclime.results.global_data` and :mod:`~sklearn_musiclime.results.global_tables`:
  of many songs, with :mod:`~sklearn_musiclime.results.ordering`,
  :mod:`~sklearn_musiclime.results.joining` (components to groups),
  :mod:`~sklearn_musiclime.results.pairs` (tests of interactions) and
  :mod:`~sklearn_musiclime.results.picking` (songs to look at);
- :mod:`~sklearn_musiclime.results.frames`: tables that both kinds share;
- :mod:`~sklearn_musiclime.results.documents`: what the files of both kinds have in common;
  :mod:`~sklearn_musiclime.results.reading`: how they are read without believing them;
  :mod:`~sklearn_musiclime.results.local_files` and
  :mod:`~sklearn_musiclime.results.global_files`.

:class:`~sklearn_musiclime.LocalExplanation` and :class:`~sklearn_musiclime.GlobalExplanation` are
these results with the methods that plot them, write their pages and save them.
"""
