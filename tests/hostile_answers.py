"""Hostile answers: what models return, and estimators that say which classes they have."""

from __future__ import annotations

import warnings
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import scipy.sparse
import torch
from hostile import LEGAL, REFUSED, Kind
from hypothesis import strategies as st
from oracle import assert_linear, assert_sound, draw_world, quiet_is_right, refused
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator

# What models return.


def _masked(scores):
    return np.ma.array(scores)


class Buffer:
    """A model that writes every answer into the same array."""

    def __init__(self):
        self.array = np.zeros((4096, 64))

    def __call__(self, scores):
        view = self.array[: len(scores), : scores.shape[1]]
        view[:] = scores
        return view


def read_only(scores):
    scores = np.asfortranarray(scores)
    scores.flags.writeable = False
    return scores


LEGAL_FORMS = {
    "array": lambda s: s,
    "list": lambda s: s.tolist(),
    "tuple": lambda s: tuple(map(tuple, s.tolist())),
    "list of rows": list,
    "frame": lambda s: pd.DataFrame(s, columns=[*"abc"][: s.shape[1]], index=[7] * len(s)),
    "nullable frame": lambda s: pd.DataFrame(s).convert_dtypes(),
    "tensor": torch.tensor,
    "tensor with gradient": lambda s: torch.tensor(s, requires_grad=True),
    "bfloat16": lambda s: torch.tensor(s, dtype=torch.bfloat16),
    "sparse": scipy.sparse.csr_array,
    "sparse matrix": scipy.sparse.coo_matrix,
    "float16": lambda s: s.astype(np.float16),
    "float32": lambda s: s.astype(np.float32),
    "long double": lambda s: s.astype(np.longdouble),
    "integers": lambda s: (s * 8).astype(np.int8),
    "objects": lambda s: s.astype(object),
    "fractions": lambda s: np.vectorize(Fraction, otypes=[object])(s),
    "masked without mask": _masked,
    "read only": read_only,
    "strided": lambda s: np.repeat(s, 2, axis=0)[::2],
}  # fmt: skip


def _broken(value):
    def change(scores, rng):
        scores = scores.copy()
        scores[rng.integers(len(scores)), rng.integers(scores.shape[1])] = value
        return scores

    return change


def _column(value):
    def change(scores, rng):
        scores = scores.copy()
        scores[:, rng.integers(scores.shape[1])] = value
        return scores

    return change


ILLEGAL_FORMS = {
    "NaN": lambda s, rng: np.full_like(s, np.nan),
    "one NaN": _broken(np.nan),
    "one inf": _broken(np.inf),
    "a column of NaN": _column(np.nan),
    "a column of -inf": _column(-np.inf),
    "0-d": lambda s, rng: np.float64(0.5),
    "a number": lambda s, rng: 0.5,
    "3-D": lambda s, rng: s[:, :, np.newaxis],
    "a row too few": lambda s, rng: s[1:],
    "a row too many": lambda s, rng: np.vstack([s, s[:1]]),
    "transposed": lambda s, rng: np.vstack([s, s, s]).T,
    "no columns": lambda s, rng: s[:, :0],
    "empty": lambda s, rng: [],
    "None": lambda s, rng: None,
    "Nones": lambda s, rng: [None] * len(s),
    "a None": lambda s, rng: [[None, *row[1:]] for row in s.tolist()],
    "strings": lambda s, rng: s.astype(str),
    "string objects": lambda s, rng: s.astype(str).astype(object),
    "a string": lambda s, rng: "0.5",
    "bytes": lambda s, rng: b"0.5",
    "complex": lambda s, rng: s.astype(complex),
    "complex tensor": lambda s, rng: torch.tensor(s, dtype=torch.complex64),
    "ragged": lambda s, rng: [[0.5], *([0.5, 0.5] for _ in s)],
    "dict": lambda s, rng: {"scores": s},
    "set": lambda s, rng: {0.5},
    "generator": lambda s, rng: (row for row in s),
    "dates": lambda s, rng: s.astype("datetime64[s]"),
    "records": lambda s, rng: np.zeros(len(s), dtype=[("a", float)]),
    "masked": lambda s, rng: np.ma.masked_less(s, np.inf),
    "nullable": lambda s, rng: pd.array([None] * len(s), dtype="Float64"),
    "too large": lambda s, rng: np.full(s.shape, 10**400, dtype=object),
    "long doubles": lambda s, rng: np.full(s.shape, np.longdouble("1e1000")),
    "a class": lambda s, rng: list,
    "3-D tensor": lambda s, rng: torch.zeros((len(s), 1, 1, 1)),
}  # fmt: skip


def legal_forms(data):
    world = draw_world(data)
    name = data.draw(st.sampled_from([*LEGAL_FORMS, "buffer", "flat", "series", "booleans"]))
    form = Buffer() if name == "buffer" else LEGAL_FORMS.get(name)
    if name in ("flat", "series", "booleans"):
        world = replace(world, coefficients=world.coefficients[:1], base=world.base[:1])
        form = {"flat": np.ravel, "series": lambda s: pd.Series(s[:, 0], index=[3] * len(s))}.get(
            name
        )
    if name == "booleans":  # the first component alone decides
        world.coefficients[:] = 0
        world.coefficients[:, :1], world.base[:] = 1, 0
        form = lambda s: s[:, 0] > 0.5  # noqa: E731
    X = world.songs()
    batch_size = data.draw(st.sampled_from([1, 7, "auto"]))
    known = [*"abc"][: world.n_labels] if name == "frame" else list(range(world.n_labels))
    label = data.draw(st.sampled_from([None, known, "all", len(known)]))
    with quiet_is_right():
        ours = world.explainer(lambda X: form(world.scores(X)), batch_size=batch_size)
        explanation = ours.fit(X).explain(X, labels=label)[0]
    assert list(explanation.prediction) == known
    factor = 8 if name == "integers" else 1
    world = replace(world, coefficients=world.coefficients * factor, base=world.base * factor)
    assert_sound(explanation, None if name == "bfloat16" else world.scores(X))
    columns = [known.index(label) for label in explanation.labels]
    assert_linear(explanation, world, columns, rtol=0.05 if name == "bfloat16" else 1e-4)
    return LEGAL


def illegal_forms(data):
    """Something that is no array of scores, from the first call, or from some call on."""
    world = draw_world(data)
    form = ILLEGAL_FORMS[data.draw(st.sampled_from(list(ILLEGAL_FORMS)))]
    late = data.draw(st.sampled_from([0, 1, 2, 4]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))

    def model(X):
        scores = world.scores(X)
        return scores if len(world.calls) <= late else form(scores, rng)

    X = world.songs()
    ours = world.explainer(model, batch_size=data.draw(st.sampled_from([2, 9]))).fit(X)
    assert not world.calls
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            explanation = ours.explain(X)[0]
        except (ValueError, TypeError) as error:
            told = str(error), "".join(error.__notes__)
            explanation = None
    if explanation is None:
        assert len(told[0]) > 10
        assert "row 0" in told[1]
        return REFUSED
    assert len(world.calls) <= late  # it was right as long as it was asked
    assert_linear(explanation, world)
    return LEGAL


def changing_columns(data):
    """More or fewer labels in some batch than in the others."""
    world = draw_world(data, n_segments=4, n_words=4)
    change = data.draw(st.sampled_from([-1, 1, 5]))
    world = replace(
        world, coefficients=np.vstack([world.coefficients] * 2), base=np.tile(world.base, 2)
    )
    when = data.draw(st.integers(1, 6))
    tol = data.draw(st.sampled_from([None, 1e-9]))

    def model(X):
        scores = world.scores(X)
        if len(world.calls) - 1 != when:
            return scores
        return scores[:, :change] if change < 0 else np.hstack([scores, scores[:, [0] * change]])

    X = world.songs()
    ours = world.explainer(
        model, batch_size=data.draw(st.sampled_from([9, 1000])) if when < 2 else 9, tol=tol
    )
    labels = data.draw(st.sampled_from([None, [0], [0, 1], 1, "all"]))
    return refused(lambda: ours.fit(X).explain(X, labels), match="label(s)", row=0)


# Estimators.


class Estimator(ClassifierMixin, BaseEstimator):
    def __init__(self, world=None, method="predict_proba", response=None, classes=None):
        self.world = world
        self.method = method
        self.response = response
        self.classes = classes

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y=None):
        return self

    def __getattr__(self, name):
        if name == "classes_" and self.__dict__.get("classes") is not None:
            return self.classes
        if name in ("predict_proba", "decision_function", "predict") and name == self.__dict__.get(
            "method"
        ):
            return lambda X: self.response(self.world.scores(X))
        raise AttributeError(name)


NAMES = {
    "strings": lambda n: np.array([f"class {i}" for i in range(n)]),
    "integers": lambda n: np.arange(n) * 7 - 3,
    "booleans": lambda n: np.array([False, True])[:n],
    "objects": lambda n: np.array([f"c{i}" if i % 2 else i for i in range(n)], dtype=object),
    "floats": lambda n: np.arange(n) + 0.5,
    "list": lambda n: [f"c{i}" for i in range(n)],
}


def classifiers(data):
    kind = data.draw(st.sampled_from(list(NAMES)))
    n = data.draw(st.integers(1, 2 if kind == "booleans" else 4))
    if kind == "strings" and data.draw(st.integers(0, 300)) == 137:
        n = 3000
    world = draw_world(data, n_labels=n)
    classes = NAMES[kind](n)
    method = data.draw(st.sampled_from(["predict_proba", "decision_function", "predict"]))
    if method == "predict":
        X = world.songs()
        response = lambda s: np.asarray(classes)[np.argmax(s, axis=1)]  # noqa: E731
        own = np.eye(n)[np.argmax(world.scores(X)[0])]
    elif method == "decision_function" and n == 2:
        response = lambda s: s[:, 0]  # noqa: E731
        world.coefficients[1], world.base[1] = -world.coefficients[0], -world.base[0]
        world = replace(world, coefficients=-world.coefficients, base=-world.base)
        response = lambda s: s[:, 1]  # noqa: E731
        X = world.songs()
        own = world.scores(X)[0]
    else:  # logits are explained as they are
        response = lambda s: s  # noqa: E731
        X = world.songs()
        own = world.scores(X)[0]
    model = FrozenEstimator(Estimator(world, method, response, classes))
    names = classes if isinstance(classes, list) else classes.tolist()
    # A number alone is a number of labels.
    last = [names[-1]] if type(names[-1]) is int else names[-1]
    asked = data.draw(st.sampled_from([None, last, names[:2], set(names[:1])]))
    with quiet_is_right():
        warnings.filterwarnings("ignore", ".* masks decide")  # of a steep curve they may
        explanation = world.explainer(model).fit(X).explain(X, asked)[0]
    assert_sound(explanation, own)
    assert list(explanation.prediction) == names
    assert [type(label) for label in explanation.prediction] == [type(name) for name in names]
    if asked is None:
        assert explanation.labels == [names[int(np.argmax(own))]]
    else:
        assert explanation.labels == (list(asked) if isinstance(asked, (list, set)) else [asked])
    if method != "predict":
        assert_linear(explanation, world, [names.index(label) for label in explanation.labels])
    return LEGAL


def bad_classifiers(data):
    n = data.draw(st.integers(2, 3))
    world = draw_world(data, n_labels=n)
    classes = NAMES[data.draw(st.sampled_from(["strings", "integers", "objects"]))](n)
    X = world.songs()
    what = data.draw(
        st.sampled_from(
            [
                "stranger",
                "NaN label",
                "number",
                "too many",
                "twice",
                "outputs",
                "no model",
                "label",
                "None",
            ]
        )
    )
    method, response, labels = "predict", lambda s: np.asarray(classes)[np.argmax(s, axis=1)], None
    if what == "stranger":
        response = lambda s: np.array(["nobody"] * len(s))  # noqa: E731
    elif what == "NaN label":
        response = lambda s: np.full(len(s), np.nan)  # noqa: E731
    elif what == "number":
        response = lambda s: 3  # noqa: E731
    elif what == "None":
        response = lambda s: None  # noqa: E731
    elif what == "outputs":
        classes = [np.array(["a", "b"]), np.array([0, 1, 2])]
        response = lambda s: np.array([["a"]] * len(s), dtype=object)  # noqa: E731
    elif what == "too many":
        method, response = "predict_proba", lambda s: np.hstack([s, s])
    elif what == "twice":
        method, response = "predict_proba", lambda s: s
        classes = np.array(["same"] * n)
    elif what == "label":
        labels = data.draw(st.sampled_from(["nobody", [], [classes[0], "nobody"], {}, np.nan]))
    elif what == "no model":
        method = "score"
        ours = world.explainer(FrozenEstimator(Estimator(world, method, response, classes)))
        return refused(lambda: ours.fit(X), TypeError)
    ours = world.explainer(FrozenEstimator(Estimator(world, method, response, classes))).fit(X)
    return refused(lambda: ours.explain(X, labels), row=0)


def several_outputs(data):
    """Multi-output classifiers and regressors."""
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    world = draw_world(data, n_labels=sum(sizes))
    names = [NAMES[data.draw(st.sampled_from(["strings", "integers"]))](n) for n in sizes]
    borders = np.cumsum(sizes)[:-1]
    X = world.songs()
    method = data.draw(st.sampled_from(["predict_proba", "predict"]))
    if method == "predict":  # a regressor
        model = Estimator(world, method, lambda s: s, None)
        expected, explained = list(range(sum(sizes))), list(range(sum(sizes)))
    else:
        model = Estimator(world, method, lambda s: np.split(s, borders, axis=1), names)
        expected = [(k, name) for k, classes in enumerate(names) for name in classes.tolist()]
        parts = np.split(world.scores(X)[0], borders)
        starts = [0, *borders.tolist()]
        explained = [
            start + int(np.argmax(part)) for start, part in zip(starts, parts, strict=True)
        ]
    with quiet_is_right():
        explanation = world.explainer(FrozenEstimator(model)).fit(X).explain(X)[0]
    assert_sound(explanation, world.scores(X))
    assert list(explanation.prediction) == expected
    assert explanation.labels == [expected[column] for column in explained]
    assert_linear(explanation, world, explained)
    return LEGAL


KINDS = {
    "model: legal forms": Kind(legal_forms, 1.2),
    "model: illegal forms": Kind(illegal_forms, 1.6),
    "model: changing columns": Kind(changing_columns, 0.5),
    "model: classifiers": Kind(classifiers, 0.8),
    "model: bad classifiers": Kind(bad_classifiers, 0.8),
    "model: several outputs": Kind(several_outputs, 0.4),
}
