"""Networks that are left in training mode are noticed, and the message says what to do."""

import warnings
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from conftest import song_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import MusicLimeExplainer, TorchSeparator, UniformSegmenter

torch = pytest.importorskip("torch", reason="the extra 'deep' is not installed")
nn = torch.nn


def network(*layers):
    """Two outputs of the level of a song and of how many words it has."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), *layers, nn.Linear(8, 2)).train()


def wrapped(module, mode=None):
    return FrozenEstimator(Wrapped(module, mode).fit(None, ["folk", "metal"]))


def features(songs):
    rows = [[np.abs(y).mean(), len(words.split())] for y, words in songs]
    return torch.tensor(rows, dtype=torch.float32)


class Wrapped(ClassifierMixin, BaseEstimator):
    """An estimator around a module, as skorch's; `mode` is what it sets before it predicts."""

    def __init__(self, module=None, mode=None):
        self.module = module
        self.mode = mode

    def fit(self, X, y):
        self.module_, self.classes_ = self.module, np.unique(y)
        return self

    def predict_proba(self, songs):
        if self.mode is not None:
            self.module_.train(self.mode)
        return self.module_(features(songs)).softmax(dim=1).detach().numpy()

    def predict(self, songs):
        return self.classes_[self.predict_proba(songs).argmax(axis=1)]


class Encoder:
    """Encodes text as sentence-transformers does, but leaves the mode as it is."""

    def __init__(self, module):
        self.module = module

    def encode(self, songs):
        return self.module(features(songs)).detach().numpy()


class Halving(nn.Module):
    """Two sources, by a network that has a layer of dropout."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, mix):
        return torch.stack([self.dropout(mix) / 2, mix / 2], dim=1)


class Separator:
    """A separator of one's own."""

    source_names = ("a", "b")

    def __init__(self, module):
        self.module = module

    def separate(self, waveform, sampling_rate):
        with torch.no_grad():
            mix = torch.from_numpy(waveform)[None, None]
            return self.source_names, self.module(mix)[0, :, 0].numpy()


class Segmenter:
    """A segmenter of one's own."""

    def __init__(self, module):
        self.module = module

    def segment(self, waveform, sampling_rate):
        self.module(torch.ones(1, 2))
        return np.array([0, len(waveform) // 2, len(waveform)])


def warned(model, **parameters):
    """The warnings about training mode of an explanation."""
    X = song_array((np.random.default_rng(0).normal(0, 0.1, 2000), "la love la"))
    parameters = {"separator": None, "segmenter": UniformSegmenter(2)} | parameters
    explainer = MusicLimeExplainer(model, n_samples=20, interactions=None, **parameters)
    with warnings.catch_warnings(record=True) as caught, suppress(ValueError):
        warnings.simplefilter("always")
        explainer.fit(X).explain(X)  # batch normalisation can't be trained by one song
    return [str(w.message) for w in caught if "training mode, where" in str(w.message)]


def steady(songs):
    return np.array([[len(words), 1.0] for _, words in songs], dtype=float)


@pytest.mark.parametrize(
    "layers",
    [[nn.Dropout(0.5)], [nn.BatchNorm1d(8)], [nn.Sequential(nn.ReLU(), nn.AlphaDropout(0.1))]],
    ids=["dropout", "batch norm", "inside"],
)
@pytest.mark.parametrize(
    "wrap",
    [
        wrapped,
        lambda module: lambda songs: module(features(songs)),
        lambda module: partial(lambda net, songs: net(features(songs)), module),
        lambda module: Encoder(module).encode,
        lambda module: wrapped(module).predict_proba,
    ],
    ids=["estimator", "closure", "partial", "encoder", "bound method"],
)
def test_a_model_in_training_mode_is_told_of(wrap, layers):
    (message,) = warned(wrap(network(*layers)))
    assert message.startswith("the model runs a Sequential in training mode")
    assert "call .eval() on it" in message
    assert not warned(wrap(network(*layers).eval()))


def test_a_network_that_is_the_same_in_either_mode_is_not_told_of():
    assert not warned(wrapped(network(nn.ReLU(), nn.Dropout(0.0), nn.LayerNorm(8))))


def test_who_sets_the_mode_for_each_call_is_not_told_of():
    assert not warned(wrapped(network(nn.Dropout(0.5)), mode=False))
    assert warned(wrapped(network(nn.Dropout(0.5)).eval(), mode=True))


def test_separators_and_segmenters_are_told_of():
    (message,) = warned(steady, separator=Separator(Halving()))
    assert message.startswith("the Separator runs a Halving in training mode, where its Dropout")
    assert not warned(steady, separator=Separator(Halving().eval()))
    assert not warned(steady, separator=TorchSeparator(Halving(), sources=("a", "b")))
    (message,) = warned(steady, segmenter=Segmenter(network(nn.Dropout(0.5))))
    assert message.startswith("the Segmenter runs a Sequential in training mode")


def test_nothing_is_left_behind():
    hooks = torch.nn.modules.module._global_forward_pre_hooks
    module = network(nn.Dropout(0.5))
    assert warned(wrapped(module))
    assert not hooks
    assert module.training


@pytest.mark.slow
def test_compiled_networks_stay_whole():
    compiled = torch.compile(network(nn.Dropout(0.5)), backend="eager", fullgraph=True)
    (message,) = warned(wrapped(compiled))
    assert "call .eval()" in message
