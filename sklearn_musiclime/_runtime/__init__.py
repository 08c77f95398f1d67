"""The machinery beneath the package: workers, memory, files. Users need not import from it.

- :mod:`~sklearn_musiclime._runtime.parallel`: joblib's results as a stream, on any backend;
- :mod:`~sklearn_musiclime._runtime.memory`: batches as large as memory allows;
- :mod:`~sklearn_musiclime._runtime.cache`: results that are kept on disk, so that a run that was
  stopped goes on;
- :mod:`~sklearn_musiclime._runtime.fingerprint`: the hash of a model or song, by which they are
  kept;
- :mod:`~sklearn_musiclime._runtime.files`: files that are written whole or not at all;
- :mod:`~sklearn_musiclime._runtime.torch` and :mod:`~sklearn_musiclime._runtime.polars`: libraries
  that are imported only where somebody uses them.
"""
