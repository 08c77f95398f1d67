"""A network as a separator: what it computes, whatever the chunks, the rate and the threads.

Over 400 lines since the toy networks of one test serve the others.
"""

import pickle
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace

import librosa
import numpy as np
import pandas as pd
import pytest
import scipy.signal
from sklearn.base import clone

from sklearn_musiclime import InvalidSongError, MusicLimeExplainer, TorchSeparator, UniformSegmenter
from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime.components import decompose, separate_sources

torch = pytest.importorskip("torch", reason="the extra 'deep' is not installed")

RATE = 8000
TAPS = scipy.signal.firwin(101, 1000, fs=RATE)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Networks this small only lose by more."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


class Bands(torch.nn.Module):
    """What a low-pass filter lets through, and what it does not."""

    sources = ("low", "high")
    samplerate = RATE

    def __init__(self, gain=1.0):
        super().__init__()
        self.register_buffer("taps", gain * torch.tensor(TAPS, dtype=torch.float32))

    def forward(self, mix):
        flat = mix.reshape(-1, 1, mix.shape[-1])
        low = torch.nn.functional.conv1d(flat, self.taps[None, None], padding="same")
        low = low.reshape(mix.shape)
        return torch.stack([low, mix - low], dim=1)


class Strided(torch.nn.Module):
    """A small U-net of stride 16 with biases and nonlinearities; sees 64 samples to each side."""

    def __init__(self):
        super().__init__()
        down, up = torch.nn.Conv1d, torch.nn.ConvTranspose1d
        self.layers = torch.nn.Sequential(
            down(2, 8, 8, 4, padding=2), torch.nn.GELU(), down(8, 8, 8, 4, padding=2),
            torch.nn.GELU(), up(8, 8, 8, 4, padding=2), torch.nn.GELU(), up(8, 6, 8, 4, padding=2),
        )  # fmt: skip

    def forward(self, mix):
        padded = torch.nn.functional.pad(mix, (0, -mix.shape[-1] % 16))
        return self.layers(padded)[..., : mix.shape[-1]].unflatten(1, (3, 2))


@pytest.fixture
def mix():
    return np.random.default_rng(0).normal(0.01, 0.1, 3 * RATE + 7).astype(np.float32)


@pytest.fixture
def strided():
    torch.manual_seed(0)
    return Strided()


def loudness_and_length(X):
    return np.array([[np.std(y), len(t)] for y, t in zip(X["audio"], X["lyrics"], strict=True)])


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


# What it computes.


@pytest.mark.parametrize("n_channels", [1, 2])
def test_planted_filter(n_channels, mix):
    separator = TorchSeparator(Bands(), n_channels=n_channels)
    names, sources = separator.separate(mix, RATE)
    low = np.convolve(mix, TAPS, mode="same")
    assert names == ("low", "high")
    assert sources.dtype == np.float32
    np.testing.assert_allclose(sources, [low, mix - low], atol=1e-6)
    assert separator.source_names == ("low", "high", "residual")


def test_songs_of_another_rate():
    song_rate = 22050
    time = np.arange(2 * song_rate + 5) / song_rate
    tones = np.float32([np.sin(2 * np.pi * 300 * time), np.sin(2 * np.pi * 2500 * time)])
    names, sources = separate_sources(TorchSeparator(Bands()), tones.sum(axis=0), song_rate)
    inner = slice(2000, -2000)  # resampling rings at the ends
    np.testing.assert_allclose(sources[:2, inner], tones[:, inner], atol=0.01)
    np.testing.assert_allclose(sources.sum(axis=0), tones.sum(axis=0), atol=1e-6)
    # What the model's rate does not hold is left over.
    hiss = np.random.default_rng(0).normal(0, 0.1, 2 * song_rate).astype(np.float32)
    names, sources = separate_sources(TorchSeparator(Bands()), hiss, song_rate)
    assert names == ("low", "high", "residual")
    spectrum = np.abs(np.fft.rfft(sources[2]))
    assert spectrum[2 * 5000 :].mean() > 100 * spectrum[: 2 * 3000].mean()
    np.testing.assert_allclose(sources.sum(axis=0), hiss, atol=1e-6)


def test_what_the_model_loses_is_the_residual(mix):
    names, sources = separate_sources(
        TorchSeparator(Bands(gain=0.5), sources=("a", "b")), mix, RATE
    )
    assert names == ("a", "b")  # its parts add up, whatever the filter
    half = TorchSeparator(lambda x: 0.25 * torch.stack([x, x], dim=1))
    names, sources = separate_sources(half, mix, RATE)
    assert names == ("source0", "source1", "residual")
    np.testing.assert_allclose(sources, np.stack([0.25 * mix, 0.25 * mix, 0.5 * mix]), atol=1e-7)
    np.testing.assert_allclose(sources.sum(axis=0), mix, atol=1e-7)
    assert not hasattr(half, "source_names")


def test_normalization_is_undone(mix):
    seen = []

    def model(x):
        seen.append(x)
        return torch.stack([x, 0 * x], dim=1)

    _, sources = TorchSeparator(model, normalize=True).separate(10 * mix, RATE)
    assert abs(seen[0].mean()) < 1e-6
    assert abs(seen[0].std() - 1) < 1e-4
    np.testing.assert_allclose(sources[0], 10 * mix, atol=1e-5)
    np.testing.assert_allclose(sources[1], 10 * mix.mean(), atol=1e-5)  # as Demucs, the mean to all


# Chunks.


@pytest.mark.parametrize("chunk_seconds", [0.31, 0.7, 1.25, 1.7, 2.999])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_chunks_change_nothing(chunk_seconds, batch_size, mix, strided):
    for model, n_samples in ((Bands(), len(mix)), (strided, len(mix)), (strided, 2 * RATE)):
        whole = TorchSeparator(model, chunk_seconds=None)
        chunked = clone(whole).set_params(
            chunk_seconds=chunk_seconds, overlap=0.5, batch_size=batch_size
        )
        if chunk_seconds < 1.02 and model is strided:  # hops below 4096 samples: on its own grid
            chunked.set_params(chunk_seconds=round(chunk_seconds * RATE / 32) * 32 / RATE)
        _, expected = whole.separate(mix[:n_samples], RATE)
        _, sources = chunked.separate(mix[:n_samples], RATE)
        assert relative(sources, expected) < 1e-5


@pytest.mark.parametrize("overlap", [0.0, 0.01, 0.25, 0.5])
def test_fades_sum_to_one(overlap, mix):
    lengths = []

    def model(x):
        lengths.append(x.shape[-1])
        return x[:, None]

    separator = TorchSeparator(model, chunk_seconds=0.4, overlap=overlap)
    _, sources = separator.separate(mix, RATE)
    np.testing.assert_allclose(sources[0], mix, atol=1e-7)
    assert len(set(lengths[:-1])) == 1
    assert overlap * 0.4 * RATE < lengths[-1] <= lengths[0] <= 0.4 * RATE


@pytest.mark.parametrize("n_samples", [1, 2, 100, RATE - 1])
@pytest.mark.parametrize("rate", [RATE, 11025, 44100])
def test_short_songs_and_silence(n_samples, rate, strided):
    model = torch.nn.Sequential(torch.nn.ReflectionPad1d((1000, -1000)), strided)  # as an STFT's
    for scale in (0.0, 0.3):
        waveform = scale * np.random.default_rng(0).normal(size=n_samples).astype(np.float32)
        for normalize in (False, True):
            separator = TorchSeparator(
                model, model_sampling_rate=RATE, normalize=normalize, n_channels=2
            )
            names, sources = separate_sources(separator, waveform, rate)
            assert sources.shape == (len(names), n_samples)
            np.testing.assert_allclose(sources.sum(axis=0), waveform, atol=1e-5)
    assert not TorchSeparator(Bands()).separate(np.zeros(n_samples, np.float32), rate)[1].any()


def test_batches_that_memory_does_not_hold_are_halved(mix):
    sizes = []

    def model(x):
        if len(x) > 2:
            raise RuntimeError("CUDA out of memory")
        sizes.append(len(x))
        return x[:, None]

    separator = TorchSeparator(model, chunk_seconds=0.2, batch_size=8)
    with pytest.warns(RuntimeWarning, match="going on with"):
        _, sources = separator.separate(mix, RATE)
    assert max(sizes) == 2
    np.testing.assert_allclose(sources[0], mix, atol=1e-7)


@pytest.mark.parametrize(
    ("parameters", "cause"),
    [
        ({"overlap": 0.6}, "overlap must be"),
        ({"chunk_seconds": 0}, "chunk_seconds must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"sources": ("a", "b", "c")}, "3 names"),
        ({"model": lambda x: x}, r"returned shape \(1, 2, 24007\)"),
        ({"model": lambda x: x[:, None, :, 1:]}, "expected"),
        ({"model": lambda x: torch.log(x[:, None])}, "NaN"),
    ],
)
def test_what_is_wrong_is_said_of_the_song(parameters, cause, mix):
    separator = TorchSeparator(Bands()).set_params(**parameters)
    song = SimpleNamespace(row=4, waveform=mix, sampling_rate=RATE, path=None, span=None)
    with pytest.raises(InvalidSongError, match=cause):
        decompose(song, separator=separator, segmenter=UniformSegmenter(), modality="audio")


# An estimator.


def test_the_model_is_left_as_it_was(mix, strided):
    strided.layers[1].eval()
    modes = [module.training for module in strided.modules()]
    separator = TorchSeparator(strided)
    _, expected = separator.separate(mix, RATE)
    assert [module.training for module in strided.modules()] == modes
    strided(torch.zeros(1, 2, 64)).sum().backward()  # and can be trained
    mix.flags.writeable = False
    for other in (clone(separator), pickle.loads(pickle.dumps(separator))):
        assert other.model is not strided
        np.testing.assert_array_equal(other.separate(mix, RATE)[1], expected)
    assert "layers" not in repr(separator)
    assert repr(separator) == "TorchSeparator(model='Strided')"


def test_two_threads_give_what_one_gives(mix):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Dropout(0.5), Strided())  # heard if not in evaluation mode
    separator = TorchSeparator(model, chunk_seconds=0.4)
    songs = [np.roll(mix, shift) for shift in range(8)]
    expected = [separator.separate(song, RATE)[1] for song in songs]
    found = [None] * len(songs)

    def work(first):
        for number in range(first, len(songs), 2):
            found[number] = separator.separate(songs[number], RATE)[1]

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_fingerprints_tell_weights_apart(mix, strided, tmp_path):
    separator = TorchSeparator(strided, sources=("a", "b", "c"))
    key = fingerprint(separator)
    separator.separate(mix, RATE)
    assert fingerprint(separator) == key
    assert fingerprint(clone(separator)) == key
    (tmp_path / "separator.pkl").write_bytes(pickle.dumps(separator))
    script = (
        "import pickle, pathlib, sys; sys.path.insert(0, sys.argv[2])\n"
        "from sklearn_musiclime._runtime.fingerprint import fingerprint\n"
        "print(fingerprint(pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "separator.pkl", Path(__file__).parent],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert run.stdout.strip() == key
    with torch.no_grad():
        strided.layers[0].weight[0, 0, 0] += 1e-4
    assert fingerprint(separator) != key
    # Nor need what decides be a weight.
    plain, other = torch.nn.Identity(), torch.nn.Identity()
    plain.filter, other.filter = torch.zeros(3), torch.ones(3)
    assert fingerprint(plain) != fingerprint(other)
    plain.filter = other.filter
    assert fingerprint(plain) == fingerprint(other)
    plain.weights, other.weights = [[1.0, 2.0]], [[2.0, 1.0]]
    assert fingerprint(plain) != fingerprint(other)


def test_memory_keeps_what_a_network_took_apart(mix, tmp_path):
    class Counted(Bands):
        def forward(self, x):
            with (tmp_path / "calls").open("a") as file:
                file.write(f"{len(x)}\n")
            return super().forward(x)

    X = pd.DataFrame({"audio": [mix], "lyrics": ["la la"]})
    for seed in range(2):
        explainer = MusicLimeExplainer(
            loudness_and_length, separator=TorchSeparator(Counted()), n_samples=20,
            sampling_rate=RATE, random_state=seed, memory=str(tmp_path),
        )  # fmt: skip
        explainer.fit(X).explain(X)
    assert (tmp_path / "calls").read_text() == "1\n"


# Demucs.

SOURCES = ["drums", "bass", "other", "vocals"]


@pytest.fixture(scope="module")
def demucs_models():
    """Small models of Demucs with random weights, and a bag of two of them."""
    demucs = pytest.importorskip("demucs.demucs", reason="the extra 'separation' is not installed")
    from demucs.apply import BagOfModels
    from demucs.htdemucs import HTDemucs

    torch.manual_seed(0)
    common = {"samplerate": RATE, "rescale": 0.3}
    recurrent = demucs.Demucs(SOURCES, channels=4, depth=5, segment=1, **common)
    convolutional = demucs.Demucs(SOURCES, channels=8, depth=3, segment=1, norm_starts=9, **common)
    hybrid = HTDemucs(
        SOURCES, channels=8, t_layers=2, t_heads=2, segment=Fraction(13, 10), **common
    )
    bag = BagOfModels([recurrent, convolutional], [[1, 2, 3, 4], [3, 2, 1, 1]])
    return {"recurrent": recurrent, "convolutional": convolutional, "hybrid": hybrid, "bag": bag}


def demucs_own(model, mix, **parameters):
    """What Demucs' own separator makes of a mono mix."""
    from demucs.api import Separator

    own = Separator.__new__(Separator)  # its constructor only loads by name
    own._model, own._samplerate, own._audio_channels = model, RATE, 2
    defaults = {
        "device": "cpu", "shifts": 0, "overlap": 0.25, "split": True, "segment": None, "jobs": 0,
        "progress": False, "callback": None, "callback_arg": None,
    }  # fmt: skip
    own.update_parameter(**(defaults | parameters))
    _, sources = own.separate_tensor(torch.tensor(mix).expand(2, -1))
    return {name: source.mean(dim=0).numpy() for name, source in sources.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["recurrent", "convolutional", "hybrid", "bag"])
@pytest.mark.parametrize(
    "parameters", [{}, {"chunk_seconds": 0.8, "overlap": 0.5}], ids=["default", "shorter"]
)
def test_demucs_is_as_demucs_runs_it(name, parameters, demucs_models, mix):
    model = demucs_models[name]
    names, sources = TorchSeparator(model, **parameters).separate(mix, RATE)
    own = dict(parameters)
    if "chunk_seconds" in own:
        own["segment"] = own.pop("chunk_seconds")
    expected = demucs_own(model, mix, **own)
    assert names == tuple(expected)
    assert relative(sources, np.stack(list(expected.values()))) < 1e-5
    assert sources.std() > 1e-4


@pytest.mark.parametrize("name", ["recurrent", "hybrid", "bag"])
@pytest.mark.parametrize("n_samples", [1, 50])
def test_demucs_takes_short_songs_and_silence(name, n_samples, demucs_models, mix):
    separator = TorchSeparator(demucs_models[name])
    for waveform in (mix[:n_samples], np.zeros(n_samples, dtype=np.float32)):
        for rate in (RATE, 22050):
            _, sources = separate_sources(separator, waveform, rate)
            np.testing.assert_allclose(sources.sum(axis=0), waveform, atol=1e-6)


@pytest.fixture(scope="module")
def demucs_folder(demucs_models, tmp_path_factory):
    """A folder of weights as Demucs keeps them."""
    from demucs.states import get_state, save_with_checksum

    folder = tmp_path_factory.mktemp("demucs")
    for name in ("recurrent", "convolutional", "hybrid"):
        model = demucs_models[name]
        args, kwargs = model._init_args_kwargs
        package = {"klass": type(model), "args": args, "kwargs": kwargs, "training_args": {}}
        save_with_checksum(package | {"state": get_state(model, None)}, folder / f"{name}.th")
    (folder / "bag.yaml").write_text(
        "models: ['recurrent', 'convolutional']\nweights: [[1, 2, 3, 4], [3, 2, 1, 1]]\n"
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["recurrent", "hybrid", "bag"])
def test_demucs_by_name(name, demucs_folder, demucs_models, mix):
    separator = TorchSeparator.demucs(name, repo=demucs_folder, overlap=0.1)
    expected = TorchSeparator(demucs_models[name], overlap=0.1)
    assert separator.source_names == (*SOURCES, "residual")
    np.testing.assert_allclose(
        separator.separate(mix, RATE)[1], expected.separate(mix, RATE)[1], atol=1e-7
    )
    assert fingerprint(separator) == fingerprint(TorchSeparator.demucs(
        name, repo=str(demucs_folder), overlap=0.1
    ))  # fmt: skip


def test_demucs_in_the_explainer(demucs_folder, mix):
    X = pd.DataFrame({"audio": [mix], "lyrics": ["la la lo"]})
    explainer = MusicLimeExplainer(
        loudness_and_length,
        separator=TorchSeparator.demucs("hybrid", repo=demucs_folder),
        segmenter=UniformSegmenter(2), n_samples=50, sampling_rate=RATE, random_state=0,
    ).fit(X)  # fmt: skip
    explanation = explainer.explain(X)[0]
    audio = explanation.components.audio
    assert audio.source_names == (*SOURCES, "residual")
    np.testing.assert_allclose(audio.sources.sum(axis=0), mix, atol=1e-6)
    assert explanation.settings["separator"] == "TorchSeparator(model='HTDemucs')"
    assert "drums@0" in set(explanation.to_frame()["component"])
    assert explainer.transform(X).shape[0] == 1


MEMORY_SCRIPT = """
import gc, sys
from pathlib import Path
import numpy as np, torch
from demucs.demucs import Demucs
from sklearn_musiclime import TorchSeparator

def status(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1000

torch.set_num_threads(1)
model = Demucs(["drums", "bass", "other", "vocals"], channels=4, depth=4, resample=False, segment=8)
separator = TorchSeparator(model, device="cpu")
if sys.argv[1] == "chunks":  # those of the separator, not of Demucs
    separator.set_params(model=model.eval().forward, model_sampling_rate=44100, chunk_seconds=8)
song = np.random.default_rng(0).normal(0, 0.1, 180 * 22050).astype(np.float32)
separator.separate(song[:22050], 22050)
gc.collect()
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS:")
_, sources = separator.separate(song, 22050)
assert sources.shape == (4, len(song)) and np.isfinite(sources).all()
print(status("VmHWM:") - before)
"""


@pytest.mark.long
@pytest.mark.parametrize("kind", ["demucs", "chunks"])
def test_three_minutes_stay_under_two_gigabytes(kind):
    pytest.importorskip("demucs", reason="the extra 'separation' is not installed")
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read as Linux tells it")
    run = subprocess.run(
        [sys.executable, "-c", MEMORY_SCRIPT, kind],
        capture_output=True, check=True, text=True, timeout=120,
    )  # fmt: skip
    assert float(run.stdout) < 2000


# What is missing.


def test_without_the_extras(monkeypatch, mix):
    monkeypatch.setitem(sys.modules, "demucs.api", None)
    with pytest.raises(ImportError, match=r"pip install sklearn-musiclime\[separation\]"):
        TorchSeparator.demucs()
    monkeypatch.setitem(sys.modules, "openunmix", None)
    with pytest.raises(ImportError, match="pip install openunmix"):
        TorchSeparator.open_unmix()
    monkeypatch.setitem(sys.modules, "torch", None)
    for call in (
        TorchSeparator.demucs,
        TorchSeparator.open_unmix,
        lambda: TorchSeparator(len).separate(mix, RATE),
    ):
        with pytest.raises(ImportError, match=r"pip install sklearn-musiclime\[deep\]"):
            call()


def test_models_that_are_not_there(demucs_folder, monkeypatch, tmp_path):
    with pytest.raises(OSError, match=r"'htdemucs' from .*'bag', 'convolutional', 'hybrid'.*repo="):
        TorchSeparator.demucs(repo=demucs_folder)
    with pytest.raises(OSError, match="there is no folder"):
        TorchSeparator.demucs(repo=tmp_path / "none")
    (tmp_path / "broken.th").write_bytes(b"no weights")
    with pytest.raises(OSError, match="can't load model 'broken'"):
        TorchSeparator.demucs("broken", repo=tmp_path)

    def offline(*args, **kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("demucs.hf.get_hf_model", offline)
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    with pytest.raises(
        OSError, match=r"'htdemucs': .*unreachable.*'htdemucs_ft'.*without a network"
    ):
        TorchSeparator.demucs()
    with pytest.raises(OSError, match=r"'nonsense'.*There are .*'htdemucs'"):
        TorchSeparator.demucs("nonsense")


def test_quantized_models_need_diffq(monkeypatch):
    pytest.importorskip("demucs", reason="the extra 'separation' is not installed")

    def leave(*args):
        raise SystemExit(1)

    monkeypatch.setattr("demucs.api.get_model", leave)
    with pytest.raises(ImportError, match="pip install diffq"):
        TorchSeparator.demucs("mdx_q")


@pytest.fixture
def openunmix(monkeypatch):
    """The package's loader, as far as it is called; its folders need no network."""
    asked = []

    def load_separator(model_str_or_path, targets):
        asked.append((model_str_or_path, targets))
        if "umx" in model_str_or_path:
            raise OSError("Network is unreachable")
        model = Bands()
        model.target_models = torch.nn.ModuleDict({name: Bands() for name in targets})
        model.complexnorm = SimpleNamespace(mono=True)
        model.register_buffer("sample_rate", torch.tensor(RATE))
        return model

    package, utils = ModuleType("openunmix"), ModuleType("openunmix.utils")
    utils.load_separator = load_separator
    package.utils = utils
    monkeypatch.setitem(sys.modules, "openunmix", package)
    monkeypatch.setitem(sys.modules, "openunmix.utils", utils)
    return asked


def test_open_unmix(openunmix, tmp_path, mix):
    for name in ("vocals", "drums", "separator"):
        (tmp_path / f"{name}.json").write_text("{}")
    separator = TorchSeparator.open_unmix(tmp_path, chunk_seconds=2.0)
    assert openunmix == [(str(tmp_path), ["drums", "vocals"])]
    assert separator.source_names == ("drums", "vocals", "residual")
    assert (separator.n_channels, separator.chunk_seconds) == (1, 2.0)
    low = np.convolve(mix, TAPS, mode="same")
    np.testing.assert_allclose(separator.separate(mix, RATE)[1], [low, mix - low], atol=1e-6)
    with pytest.raises(OSError, match=r"'umxhq': OSError: Network.*umxl"):
        TorchSeparator.open_unmix()


def test_rates_are_those_of_librosa(mix):
    """The way to the model's rate and back is librosa's."""
    separator = TorchSeparator(lambda x: x[:, None], model_sampling_rate=5000)
    expected = librosa.resample(
        librosa.resample(mix, orig_sr=RATE, target_sr=5000), orig_sr=5000, target_sr=RATE
    )
    _, sources = separator.separate(mix, RATE)
    np.testing.assert_allclose(
        sources[0], librosa.util.fix_length(expected, size=len(mix)), atol=1e-7
    )
