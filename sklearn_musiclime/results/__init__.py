"""Results: the data, tables and files of explanations, without plots and pages.

- :mod:`~sklearn_musiclime.results.local`: data and tables of one song;
- :mod:`~sklearn_musiclime.results.summaries`: a song's contribution to a global explanation, and
  which components of two songs are the same;
- :mod:`~sklearn_musiclime.results.aggregation`: sums of such contributions over songs;
- :mod:`~sklearn_musiclime.results.importance`: importances of components for a class;
  :mod:`~sklearn_musiclime.results.intervals`: their confidence intervals;
- :mod:`~sklearn_musiclime.results.global_data` and :mod:`~sklearn_musiclime.results.global_tables`:
  data and tables of many songs, with :mod:`~sklearn_musiclime.results.ordering` (of labels and
  components), :mod:`~sklearn_musiclime.results.joining` (components to groups),
  :mod:`~sklearn_musiclime.results.pairs` (tests of interactions) and
  :mod:`~sklearn_musiclime.results.picking` (a choice of representative songs);
- :mod:`~sklearn_musiclime.results.sets`: sets of parts of a song that are enough for a label, or
  without which it changes; :mod:`~sklearn_musiclime.results.sonification`: what is heard of them;
- :mod:`~sklearn_musiclime.results.exports`: results as objects of shap and shapiq;
- :mod:`~sklearn_musiclime.results.dataframes`: helpers for the tables of one song and of many;
- :mod:`~sklearn_musiclime.results.record`: parquet files of many songs, written as a run goes on;
  :mod:`~sklearn_musiclime.results.precision`: how many songs and masks a global explanation needs;
- :mod:`~sklearn_musiclime.results.schemas`: JSON schemas of saved explanations;
- :mod:`~sklearn_musiclime.results.local_files` and
  :mod:`~sklearn_musiclime.results.global_files`: saving and loading, with
  :mod:`~sklearn_musiclime.results.documents` (the file format) and
  :mod:`~sklearn_musiclime.results.reading` (checks of files that may come from anyone).

:class:`~sklearn_musiclime.LocalExplanation` and :class:`~sklearn_musiclime.GlobalExplanation` are
subclasses of these results that add plots, pages and files as methods.
"""
