"""Identities of many objects in a process of its own: ``python identities.py FOLDER``.

Prints JSON: by name the keys of objects that must differ, and of objects that must be equal. FOLDER
is for files, and the same for all processes that are compared.

Over 400 lines since it is two lists, of what must count and what must not.
"""

import copy
import functools
import importlib
import importlib.util
import io
import json
import pickle
import sys
import threading
import warnings
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from sklearn_musiclime._runtime.fingerprint import fingerprint

# A module written twice in a second, with as many bytes, would be loaded from the first's cache.
sys.dont_write_bytecode = True
DIFFERENT, EQUAL = {}, {}
FOLDER = Path(sys.argv[1])
TEXTS = ["la la lo", "love is all", "metal and fire", "all you need is fire"]
CLASSES = ["pop", "pop", "metal", "metal"]


def different(make):
    """A function that returns a list of objects, no two of which are equal."""
    DIFFERENT[make.__name__] = make
    return make


def equal(make):
    """A function that returns a list of objects that are all equal."""
    EQUAL[make.__name__] = make
    return make


def made(source, name="f", **around):
    """A function or class made by source code, with variables around it."""
    namespace = {"__name__": "__main__", "np": np, "functools": functools, **around}
    exec(compile(source, "<made>", "exec"), namespace)
    return namespace[name]


def copies(value):
    """The object, and copies of it by pickle, joblib and deepcopy."""
    file = io.BytesIO()
    joblib.dump(value, file)
    file.seek(0)
    return [value, pickle.loads(pickle.dumps(value)), joblib.load(file), copy.deepcopy(value)]


class Plain:
    """An object with whatever attributes it is given."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def predict(self, X):
        return [len(x) for x in X]


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


class Words(TransformerMixin, BaseEstimator):
    """A user's estimator, whose methods scikit-learn wraps."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, X, y=None):
        self.n_ = len(X)
        return self

    def transform(self, X):
        return np.array([[self.scale * len(x)] for x in X])


class Mood(Enum):
    CALM = 1
    WILD = 2


@dataclass
class Config:
    width: int = 3
    name: str = "a"


Point = namedtuple("Point", "x y")


# What must count.


@different
def numbers():
    return [1, 1.0, True, "1", b"1", 2, -1, 0, 0.0, -0.0, 1j, None, np.float64(1), np.int64(1),
            np.float32(1), float("nan"), 2**70, -(2**70), 255, 256]  # fmt: skip


@different
def containers():
    return [[1, 2], (1, 2), {1, 2}, frozenset({1, 2}), [2, 1], {1: 2}, {2: 1}, [[1], 2], [[1, 2]],
            range(1, 3), slice(1, 3), [], (), {}, ["a", "b"], ["ab"], [b"a", "b"],
            OrderedDict({1: 2}), Counter({1: 2})]  # fmt: skip


@different
def order_of_a_dict():
    return [{"a": 1, "b": 2}, {"b": 2, "a": 1}]


@different
def arrays():
    a = np.arange(6)
    return [a, a.astype(float), a.reshape(2, 3), a.reshape(3, 2), a[::-1], a.astype(object),
            a.astype("M8[D]"), a.astype("M8[s]"), a.tolist(), a.astype(">i8"), a.astype(str),
            np.ma.array(a, mask=a > 3), np.array([["a", None]], dtype=object)]  # fmt: skip


@different
def tables():
    X = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    return [X, X.rename(columns={"a": "c"}), X.set_index("a"), X[["b", "a"]], X.astype(str),
            X.assign(a=[1, 3]), X.astype({"b": "category"}), X["a"], X.a.to_numpy(),
            X.astype({"a": "Int64"})]  # fmt: skip


@different
def sparse_matrices():
    a = np.eye(3)
    return [scipy.sparse.csr_matrix(a), scipy.sparse.csc_matrix(a), scipy.sparse.csr_array(a),
            scipy.sparse.csr_matrix(2 * a), scipy.sparse.coo_array(a), a]  # fmt: skip


@different
def generators_of_random_numbers():
    later = np.random.default_rng(0)
    later.normal()
    return [np.random.default_rng(0), later, np.random.default_rng(1), np.random.RandomState(0)]


@different
def objects():
    return [Plain(a=1), Plain(a=2), Plain(b=1), Plain(), Slotted(1, 2), Slotted(2, 1), Words(1.0),
            Words(2.0), Mood.CALM, Mood.WILD, Config(), Config(4), Config(name="b"), Point(1, 2),
            Point(2, 1), date(2000, 1, 2), date(2000, 1, 3), Path("a"), Path("b")]  # fmt: skip


@different
def cycles():
    one, two, long = Plain(a=1), Plain(a=2), Plain(a=1)
    one.next, two.next, long.next = one, two, Plain(a=1, next=None)
    other = Plain(a=2, next=Plain(a=1))
    other.next.next = other
    return [one, two, long, other]


@different
def partials_and_bound_methods():
    power, base = made("def f(x, n=2):\n return x ** n"), Plain(a=1)
    return [power, functools.partial(power, n=2), functools.partial(power, n=3),
            functools.partial(power, 3), base.predict, Plain(a=2).predict, "abc".upper,
            "abd".upper, "abc".lower, str.lower, np.log, np.exp, len, sum, np.sum]  # fmt: skip


@different
def instructions():
    return [made(f"def f(X, Y=None):\n return {body}") for body in (
        "X + 1", "X - 1", "X + 2", "X", "Y", "[x for x in X]", "[y for y in Y]", "X.a", "X.b",
        "(lambda z: z + X)(1)", "(lambda z: z - X)(1)", "X + 1.0", "X + True", "len(X)", "sum(X)",
        "'a' in {'a', 'b'}", "'a' in {'a', 'c'}",
    )]  # fmt: skip


@different
def defaults():
    return [made(f"def f(X, *, k={k}, n=1):\n return X") for k in (1, 2, "[1]")] + [
        made("def f(X, k=1, n=1):\n return X"), made("def f(X, k=1, n=2):\n return X"),
    ]  # fmt: skip


@different
def defaults_of_a_method():
    return [made(f"class f:\n def predict(self, X, k={k}):\n  return X")() for k in (1, 2)]


@different
def closures():
    return [made(f"def g(n):\n return lambda x: x + n\nf = g({n})") for n in (1, 2)]


@different
def variables_that_a_function_reads():
    source = "def f(X):\n return [limit for x in X]"
    return [made(source, limit=1), made(source, limit=2), made(source), made(source, limit=[1]),
            made(source, limit=np.ones(2)), made(source, limit=np.zeros(2))]  # fmt: skip


@different
def variables_that_methods_read():
    source = "class f:\n def predict(self, X):\n  return limit"
    return [made(source, limit=1)(), made(source, limit=2)()]


@different
def functions_that_a_function_calls():
    source = "def g(x):\n return h(x)\ndef h(x):\n return x + {}\ndef f(X):\n return g(X)"
    return [made(source.format(1)), made(source.format(2))]


@different
def functions_that_call_each_other():
    source = (
        "def g(x):\n return x and f(x - {})\ndef f(x):\n return x and g(x - {}) and h(x)\n"
        "def h(x):\n return f(x)"
    )
    return [made(source.format(1, 1)), made(source.format(1, 2)), made(source.format(2, 1))]


@different
def classes_that_a_function_makes():
    source = "class A:\n size = {}\ndef f(X):\n return A().size"
    return [made(source.format(1)), made(source.format(2))]


@different
def cached_helpers():
    source = "@functools.lru_cache\ndef g(x):\n return x + {}\ndef f(X):\n return g(X)"
    return [made(source.format(1)), made(source.format(2))]


@different
def decorated_functions():
    source = (
        "def twice(function):\n @functools.wraps(function)\n def wrapper(*args):\n"
        "  return {} * function(*args)\n return wrapper\n"
        "class f:\n @twice\n def predict(self, X):\n  return len(X) + {}"
    )
    return [made(source.format(*numbers))() for numbers in ((2, 1), (2, 2), (3, 1))]


@different
def decorated_by_an_installed_package():
    source = (
        "import contextlib\n@contextlib.contextmanager\ndef g(x):\n yield x + {}\n"
        "def f(X):\n with g(X) as x:\n  return x"
    )
    return [made(source.format(1)), made(source.format(2))]


@different
def dispatched_functions():
    source = (
        "@functools.singledispatch\ndef f(x):\n return 1\n@f.register\ndef _(x: int):\n return {}"
    )
    return [made(source.format(1)), made(source.format(2))]


@different
def methods_of_every_kind():
    bodies = [
        "@property\n def a(self):\n  return {}", "@staticmethod\n def a():\n  return {}",
        "@classmethod\n def a(cls):\n  return {}", "@functools.cached_property\n def a(self):\n"
        "  return {}", "a = {}", "a = functools.partialmethod(print, {})",
        "@functools.lru_cache\n def a(self):\n  return {}", "b = {}",
    ]  # fmt: skip
    return [made(f"class f:\n {body.format(n)}")() for body in bodies for n in (1, 2)]


@different
def bases():
    source = "class A:\n def g(self):\n  return {}\nclass f(A):\n pass"
    return [made(source.format(1))(), made(source.format(2))(),
            made("class f:\n def g(self):\n  return 1")()]  # fmt: skip


@different
def wrapped_by_scikit_learn():
    source = "class f(TransformerMixin, BaseEstimator):\n def transform(self, X):\n  return X * {}"
    around = {"TransformerMixin": TransformerMixin, "BaseEstimator": BaseEstimator}
    return [made(source.format(n), **around)() for n in (1, 2)]


@different
def attributes_of_a_function():
    def f(X):
        return f.scale

    def g(X):
        return f.scale

    f.scale = 1
    before = fingerprint(f)
    f.scale = 2
    return [before, f]


@different
def own_modules():
    return [module_of("def scale(x):\n return x * 2\nunused = 1", "one"),
            module_of("def scale(x):\n return x * 3\nunused = 1", "one")]  # fmt: skip


def module_of(text, name):
    """The key of a function that reads ``scale`` from a module with that text."""
    path = FOLDER / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    keys = [
        fingerprint(made("def f(X):\n return helpers.scale(X)", helpers=module)),
        fingerprint(made(f"def f(X):\n import {name}\n return {name}.scale(X)")),
        fingerprint(made(f"def f(X):\n from {name} import scale\n return scale(X)")),
    ]
    path.unlink()
    return keys


@different
def files():
    first, second = FOLDER / "weights.txt", FOLDER / "other.txt"
    found = []
    for content in ("one", "two"):
        first.write_text(content)
        second.write_text("one")
        found += [
            fingerprint(value)
            for value in (
                first, Plain(path=str(first)), Plain(paths=[str(first)]), Plain(path=first),
                made("def f(X):\n return open(path)", path=str(first)),
                functools.partial(made("def f(X, path):\n return open(path)"), path=str(first)),
            )
        ]  # fmt: skip
    return [*found, second, Plain(path=str(second))]


@different
def fits():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    return [
        LogisticRegression(), LogisticRegression().fit(X, y), LogisticRegression().fit(X + 0.1, y),
        LogisticRegression(C=2.0).fit(X, y), RandomForestClassifier(5, random_state=0).fit(X, y),
        RandomForestClassifier(5, random_state=1).fit(X, y), KNeighborsClassifier().fit(X, y),
        KNeighborsClassifier().fit(X + 0.1, y), TfidfVectorizer().fit(TEXTS),
        TfidfVectorizer().fit(TEXTS[:3]), CountVectorizer().fit(TEXTS),
    ]  # fmt: skip


# What must not count.


@equal
def copied_estimators():
    return [copies(value) for value in estimators()]


@equal
def fitted_again():
    return [list(pair) for pair in zip(estimators(), estimators(), strict=True)]


def estimators():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    songs = pd.DataFrame({"lyrics": TEXTS, "loudness": [0.1, 0.2, 0.3, 0.4]})
    columns = make_column_transformer((TfidfVectorizer(), "lyrics"), remainder="passthrough")
    return [
        make_pipeline(columns, LogisticRegression()).fit(songs, CLASSES),
        make_pipeline(Words(2.0), LogisticRegression()).fit(TEXTS, CLASSES),
        TfidfVectorizer(stop_words="english").fit(TEXTS),
        CountVectorizer(stop_words=["la"]).fit(TEXTS),
        *(
            estimator.fit(X, y)
            for estimator in (
                RandomForestClassifier(5, random_state=0),
                HistGradientBoostingClassifier(max_iter=5, random_state=0),
                SVC(), MLPClassifier((4,), max_iter=5, random_state=0), KNeighborsClassifier(),
                GaussianProcessClassifier(), LogisticRegression(),
                GridSearchCV(LogisticRegression(), {"C": [1.0, 2.0]}, cv=2),
                FunctionTransformer(np.log1p),
                *boosted(),
            )
        ),
    ]  # fmt: skip


def boosted():
    """Libraries that need not be there."""
    if importlib.util.find_spec("xgboost"):
        import xgboost

        yield xgboost.XGBClassifier(n_estimators=3, random_state=0, n_jobs=1)
    if importlib.util.find_spec("lightgbm"):
        import lightgbm

        yield lightgbm.LGBMClassifier(n_estimators=3, random_state=0, n_jobs=1, verbose=-1)


@equal
def after_use():
    found = []
    for estimator in estimators():
        before = fingerprint(estimator)
        if isinstance(estimator, ClassifierMixin) and hasattr(estimator, "n_features_in_"):
            estimator.predict(np.zeros((2, 3)) if estimator.n_features_in_ == 3 else SONG)
        elif isinstance(estimator, CountVectorizer):
            estimator.transform(TEXTS)
        found.append([before, estimator])
    return found


SONG = pd.DataFrame({"lyrics": TEXTS[:1], "loudness": [0.1]})


@equal
def copied_objects():
    shared = Plain(a=1)
    ring = Plain(a=1)
    ring.next = Plain(a=2, next=ring)
    return [copies(value) for value in (
        Plain(a=[1.5, "x"], b=Path("a"), c={"k": (1, {2, 3})}), Slotted(1, 2), Words(3.0),
        Mood.WILD, Config(5), Point(1, 2), [shared, shared], ring, np.random.default_rng(3),
        np.random.RandomState(3), {"a", "bb", "ccc"}, defaultdict(list, a=[1]), Counter("abca"),
        pd.DataFrame({"a": [1.0, None], "b": ["x", "y"], "c": pd.Categorical(["u", "v"])}),
        scipy.sparse.random_array((5, 4), density=0.5, rng=0), np.ma.array([1, 2], mask=[0, 1]),
        functools.partial(sorted, reverse=True), Plain(a=1).predict, np.array([{"a": 1}, None]),
        pd.date_range("2000", periods=3, tz="UTC"), np.arange(3).astype("M8[s]"),
    )]  # fmt: skip


@equal
def sharing():
    part, text = [1, 2], "".join(["wo", "rd"])
    return [[part, part], [[1, 2], [1, 2]], copy.deepcopy([part, part])], [
        [text, text], ["word", "".join(["w", "ord"])],
    ]  # fmt: skip


@equal
def order_of_sets_and_attributes():
    words = [f"word{i}" for i in range(50)]
    return [set(words), set(reversed(words))], [Plain(a=1, b=2), Plain(b=2, a=1)]


@equal
def sets_in_code():
    source = "def f(X):\n return [x in {'a', 'bb', 'ccc', 'dddd'} for x in X]"
    other = "def f(X):\n return [x in {'dddd', 'a', 'ccc', 'bb'} for x in X]"
    return [[made(source), made(source), made(other)]]


@equal
def comments_docstrings_and_places():
    plain = "def f(X):\n y = X + 1\n return None if y else [y]"
    told = '\n\n# A comment\ndef f(X):\n "Says what."\n\n y = X + 1  # here\n\n'
    told += " return None if y else [y]"
    hinted = "def f(X: list) -> list:\n y = X + 1\n return None if y else [y]"
    one = "class f:\n a = 1\n def g(self):\n  return self.a"
    two = '\n\nclass f:\n "Says what."\n a: int = 1\n def g(self):\n  "Says it."\n  return self.a'
    inner = "def f(X):\n class A:\n  {}\n  a = X\n return A"
    return [
        [made(plain), made(told), made(hinted)],
        [made(one)(), made(two)()],
        [made(inner.format("'Says it.'")), made(inner.format("'Says what.'"))],
    ]


@equal
def after_many_calls():
    f = made("def f(x):\n return sum(i * i for i in range(x)) + len(str(x))")
    before = fingerprint(f)
    for _ in range(100):  # the interpreter rewrites what runs often
        f(10)
    cached = made("@functools.lru_cache\ndef f(x):\n return x")
    unused = fingerprint(cached)
    cached(1)
    return [before, f], [unused, cached]


@equal
def what_a_function_does_not_read():
    source = "def f(X):\n return [x.limit for x in X]"
    return [[made(source), made(source, limit=1), made(source, __file__="/a", __doc__="b")]]


@equal
def layouts():
    a = np.arange(12.0).reshape(3, 4)
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    joined = pd.DataFrame({"a": [1.0, 2.0]})
    joined["b"] = [3.0, 4.0]
    matrix = scipy.sparse.csr_array(a)
    checked = matrix.copy()
    assert checked.has_sorted_indices
    return [a, np.asfortranarray(a), np.repeat(a, 2, axis=1)[:, ::2]], [X, joined], [
        matrix, checked,
    ]  # fmt: skip


@equal
def padding_between_fields():
    kind = np.dtype([("a", "u1"), ("b", "f8")], align=True)
    one, two = (np.frombuffer(bytes([n]) * 32, dtype=kind).copy() for n in (0, 255))
    one["a"] = two["a"] = 1
    one["b"] = two["b"] = 2.0
    return [[one, two]]


@equal
def where_results_are_kept():
    f = made("def f(x):\n return x")
    return [[joblib.Memory(FOLDER / name, verbose=0) for name in "ab"],
            [joblib.Memory(FOLDER / name, verbose=0).cache(f) for name in "ab"]]  # fmt: skip


@equal
def locks():
    return [[Plain(lock=threading.Lock()), Plain(lock=threading.Lock())],
            [Plain(lock=threading.RLock()), Plain(lock=threading.RLock())]]  # fmt: skip


@equal
def text_of_a_package_that_happens_to_name_a_file():
    (FOLDER / "stop.txt").write_text("one")
    before = fingerprint(TfidfVectorizer(stop_words=str(FOLDER / "stop.txt")))
    (FOLDER / "stop.txt").write_text("two")
    return [[before, TfidfVectorizer(stop_words=str(FOLDER / "stop.txt"))]]


def networks():
    """Identities of networks, if there is torch."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Net(nn.Module):
        def __init__(self, **attributes):
            super().__init__()
            torch.manual_seed(0)
            self.layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
            self.register_buffer("mean", torch.zeros(3))
            for name, value in attributes.items():
                setattr(self, name, value)

        def forward(self, x):
            return self.layers(x - self.mean)

    def hooked(factor, times=1):
        net = Net()
        for _ in range(times):
            net.register_forward_hook(lambda module, x, y: y * factor)
        return net

    def changed(change):
        net = Net()
        with torch.no_grad():
            change(net)
        return net

    def switched():
        net = Net()
        net.layers[0], net.layers[2] = net.layers[2], net.layers[0]
        return net

    def early(factor):
        net = Net()
        net.register_forward_pre_hook(lambda module, x: (x[0] * factor,))
        return net

    @different
    def networks_of_torch():
        return [
            Net(), Net().eval(), Net(_private=1), Net(_private=2), Net(config={"a": 1}),
            Net(config={"a": 2}), Net(config=Config(1)), Net(config=Config(2)),
            Net(filter=np.zeros(3)), Net(filter=np.ones(3)), Net(activation=functional.relu),
            Net(activation=functional.gelu), Net(activation=torch.tanh), hooked(1), hooked(2),
            hooked(1, times=2), early(1), early(2), Net(taps=torch.zeros(2)),
            Net(taps=torch.ones(2)), Net(taps=torch.ones(2, dtype=torch.float64)), switched(),
            changed(lambda net: net.mean.add_(1)), changed(lambda net: net.layers[0].eval()),
            changed(lambda net: net.layers[2].weight[0, 0].add_(1e-4)), Net().half(),
            changed(lambda net: net.layers.insert(1, nn.Dropout(0.5))),
            changed(lambda net: net.layers.insert(1, nn.Dropout(0.1))),
        ]  # fmt: skip

    @equal
    def hooks_by_whatever_number():
        first = hooked(2)
        hooked(1, times=5)  # hooks are numbered as they are made
        return [[first, hooked(2)], [early(2), early(2)]]

    @equal
    def networks_after_use():
        net = Net().eval()
        before = fingerprint(net)
        net(torch.zeros(2, 3)).sum().backward()
        return [[before, net], [nn.LSTM(2, 2, dtype=float).eval().zero_grad(), None][:1]]

    @equal
    def copied_networks():
        torch.manual_seed(0)
        found = []
        for net in (nn.LSTM(2, 3), nn.MultiheadAttention(4, 2), nn.Conv1d(1, 2, 3), nn.GELU()):
            file = io.BytesIO()
            torch.save(net, file)
            file.seek(0)
            found.append([*copies(net), torch.load(file, weights_only=False)])
        net = Net(config={"a": 1})
        again = Net(config={"a": 1})
        again.load_state_dict(net.state_dict())
        return [*found, [net, copy.deepcopy(net), again]]

    @equal
    def scripts():
        net = torch.jit.script(nn.Sequential(nn.Linear(2, 2), nn.ReLU()).eval())
        file = io.BytesIO()
        torch.jit.save(net, file)
        file.seek(0)
        return [[net, torch.jit.load(file)]]


def key(value):
    """A key that was made before stays as it is."""
    return value if isinstance(value, str) and len(value) == 32 else fingerprint(value)


def main():
    warnings.simplefilter("ignore")
    if importlib.util.find_spec("torch"):
        networks()
    found = {"different": {}, "equal": {}}
    for name, make in DIFFERENT.items():
        found["different"][name] = [json.dumps(k) for k in map(key_or_keys, make())]
    for name, make in EQUAL.items():
        found["equal"][name] = [[key(value) for value in group] for group in make()]
    json.dump(found, sys.stdout)


def key_or_keys(value):
    is_keys = isinstance(value, list) and value and all(isinstance(k, str) and len(k) == 32
                                                        for k in value)  # fmt: skip
    return value if is_keys else key(value)


if __name__ == "__main__":
    main()
