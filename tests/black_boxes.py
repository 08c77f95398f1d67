"""A factored model, held to the same model as a black box."""

from functools import partial

import numpy as np
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter

# Without proxies, which take most of the time; that they are the same is tested in test_proxy.py.
DEFAULTS = {"n_samples": 80, "random_state": 0, "segmenter": UniformSegmenter(4), "proxy": None}


def explained(model, X, y=None, **parameters):
    return MusicLimeExplainer(model, **(DEFAULTS | parameters)).fit(X, y).explain(X[:1])[0]


def assert_as_black_box(model, X, n_samples=80, **parameters):
    """The weights are those of the same model in a function, on the same masks."""
    method = next(m for m in ("predict_proba", "decision_function", "predict") if hasattr(model, m))
    as_function = partial(call, model, method)
    for design in ("paired", "independent"):
        options = {"design": design, "n_samples": n_samples, **parameters}
        ours = explained(FrozenEstimator(model), X, **options)
        theirs = explained(as_function, X, **options)
        assert ours.settings["model"] == "factored"
        assert theirs.settings["model"] == "black box: a function"
        column = list(ours.prediction).index(ours.labels[0])
        if len(theirs.labels) == len(ours.labels) == 1 and theirs.labels != [column]:
            theirs = explained_label(as_function, X, column, **options)
        scale = max(np.abs(theirs.weights).max(), 1e-9)
        np.testing.assert_allclose(ours.weights[0], theirs.weights[0], atol=1e-6 * scale)
    crossed = explained(FrozenEstimator(model), X, n_samples=n_samples, **parameters)
    assert crossed.settings["design"] == "crossed"
    assert np.isfinite(crossed.weights).all()


def explained_label(model, X, column, **parameters):
    return (
        MusicLimeExplainer(model, **(DEFAULTS | parameters))
        .fit(X)
        .explain(X[:1], [column] if isinstance(column, int) else column)[0]
    )


def call(model, method, X):
    response = getattr(model, method)(X)
    if isinstance(response, list):
        return np.hstack(response)
    if method == "decision_function" and np.ndim(response) == 1:
        return np.column_stack([-response, response])
    return response
