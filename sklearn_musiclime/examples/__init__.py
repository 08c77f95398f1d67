"""Examples to run and to copy, each a small script on songs that it makes itself.

Run one as ``python -m sklearn_musiclime.examples.own_pipeline``; its docstring says what one learns
from it and what to expect, and its ``main`` returns what it found.

- :mod:`~sklearn_musiclime.examples.own_pipeline`: a scikit-learn pipeline of your own;
- :mod:`~sklearn_musiclime.examples.black_box`: a function, such as a web service;
- :mod:`~sklearn_musiclime.examples.hugging_face`: transformers for both modalities (needs
  ``deep``);
- :mod:`~sklearn_musiclime.examples.corpus_on_dask`: many songs on a cluster (needs
  ``distributed``);
- :mod:`~sklearn_musiclime.examples.search_settings`: a grid search over settings of the explainer;
- :mod:`~sklearn_musiclime.examples.bias_audit`: a model that scores well for the wrong reason.
"""
