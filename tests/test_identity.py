"""What counts for the key of a kept result, and what does not, in whatever process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from itertools import combinations, count
from pathlib import Path

import numpy as np
import pytest
import quickstart_run
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_musiclime import MusicLimeExplainer
from sklearn_musiclime._runtime.fingerprint import fingerprint

TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Keys of two processes that hash text differently."""
    folder = tmp_path_factory.mktemp("files")
    outputs = [
        subprocess.run(
            [sys.executable, str(TESTS / "identities.py"), str(folder)],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True, check=True, text=True,
        ).stdout
        for seed in range(2)
    ]  # fmt: skip
    return [json.loads(output) for output in outputs]


@pytest.mark.long
def test_what_differs_has_different_keys(found):
    keys = found[0]["different"]
    alike = [
        (name, i, j)
        for name, group in keys.items()
        for (i, one), (j, two) in combinations(enumerate(group), 2)
        if one == two
    ]
    assert alike == []
    assert sum(len(group) - 1 for group in keys.values()) >= 25


def test_what_is_equal_has_one_key(found):
    unlike = [
        (name, at)
        for name, groups in found[0]["equal"].items()
        for at, group in enumerate(groups)
        if len(set(group)) != 1
    ]
    assert unlike == []
    assert sum(len(groups) for groups in found[0]["equal"].values()) >= 15


@pytest.mark.parametrize("kind", ["different", "equal"])
def test_keys_hold_in_other_processes(found, kind):
    one, two = (keys[kind] for keys in found)
    assert one.keys() == two.keys()
    unlike = [
        (name, at)
        for name in one
        for at, (a, b) in enumerate(zip(one[name], two[name], strict=True))
        if a != b
    ]
    assert unlike == []


# What can't be identified.


class Holder:
    def __init__(self, handle):
        self.handle = handle

    def predict(self, X):
        return self.handle(X)


def without_identity():
    numbers = (n for n in range(3))
    yield "generator", numbers, r"model \(a generator\)"
    yield "attribute", Holder(numbers), r"model\.handle \(a generator\)"
    yield (
        "in a pipeline",
        make_pipeline(FunctionTransformer(Holder(numbers).predict), LogisticRegression()),
        r"model\.steps\[0\]\[1\]\.func\.__self__\.handle \(a generator\)",
    )
    yield "closure", lambda X: next(numbers), r"model\.__closure__\['numbers'\] \(a generator\)"
    names = {}
    exec("def read(X):\n return file.read()", names)
    names["file"] = open(__file__)  # noqa: SIM115
    yield "global", names["read"], r"model\.__globals__\['file'\] \(a TextIOWrapper\)"
    yield "socket", Holder([socket.socket()]), r"model\.handle\[0\] \(a socket\)"
    yield "process", Holder(subprocess.Popen(["true"])), r"model\.handle \(a Popen\)"
    yield "memory", Holder(memoryview(b"a")), r"model\.handle \(a memoryview\)"


@pytest.mark.parametrize(
    ("model", "where"), [pytest.param(*rest, id=name) for name, *rest in without_identity()]
)
def test_what_cannot_be_identified_is_refused(model, where):
    with pytest.raises(ValueError, match=rf"and {where} can't be identified: .* cache_version="):
        fingerprint(model=model)
    one, two = (fingerprint(model=model, version=version) for version in (1, 2))
    assert one == fingerprint(model=model, version=1) != two


def test_a_version_stands_in_for_the_content_of_files(tmp_path):
    path = tmp_path / "weights.bin"
    keys = []
    for content in ("one", "two"):
        path.write_text(content)
        values = (path, Holder(str(path)), Holder(path))
        keys.append([fingerprint(value, version="v1") for value in values])
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 3
    other = tmp_path / "other.bin"
    assert fingerprint(Holder(other), version="v1") != keys[0][2]


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "weights.bin"
    path.write_text("one")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ValueError, match=r"model\.handle .*the file can't be read: Permission"):
        fingerprint(model=Holder(str(path)))


def test_the_explainer_takes_a_version(made_songs, tmp_path):
    songs = made_songs[0].iloc[:2]
    numbers = (n for n in range(100))
    asked = count()

    def model(X):
        next(asked)
        next(numbers, None)
        return np.array([[len(words), 1.0] for words in X["lyrics"]])

    def n_asked(**parameters):
        before = next(asked)
        explainer = MusicLimeExplainer(
            model, separator=None, n_samples=40, random_state=0, memory=str(tmp_path), **parameters
        )
        explainer.fit(songs).explain(songs)
        return next(asked) - before - 1

    with pytest.raises(ValueError, match=r"model\.__closure__\['numbers'\].*cache_version="):
        n_asked()
    assert n_asked(cache_version=1) > 0
    with pytest.raises(InvalidParameterError, match="cache_version"):
        n_asked(cache_version=[1])


# What it costs.


def test_large_arrays_are_hashed_where_they_lie():
    import tracemalloc

    values = {f"layer{i}": np.full(2**20, float(i)) for i in range(12)}  # 100 MB
    tracemalloc.start()
    start = time.perf_counter()
    fingerprint(values)
    took = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 2**20
    assert took < 10  # 0.2 s on an idle machine


def test_deep_and_linked_objects_are_walked():
    deep = []
    for _ in range(20_000):
        deep = [deep]
    ring = Holder(None)
    last = ring
    for _ in range(200):
        last.handle = last = Holder(None)
    last.handle = ring
    assert fingerprint(deep) != fingerprint([deep])
    assert fingerprint(ring) == fingerprint(ring.handle)  # a ring looks the same from everywhere


# A script that is run again.


def run_quickstart(folder, out, seed, wait=True):
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "quickstart_run.py"), str(folder), str(folder / out)],
        env=os.environ | {"PYTHONHASHSEED": str(seed)},
        stderr=subprocess.DEVNULL,
    )
    if wait:
        assert process.wait(timeout=300) == 0
    return process


def n_calls(folder):
    calls = folder / "calls"
    return len(calls.read_text().splitlines()) if calls.exists() else 0


@pytest.mark.long
def test_a_script_that_trains_and_explains_goes_on_and_then_does_nothing(tmp_path):
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    folder.mkdir()
    quickstart_run.main(undisturbed, undisturbed / "out")
    calls_a_song, rest = divmod(n_calls(undisturbed), quickstart_run.N_SONGS)
    assert calls_a_song > 0 == rest

    def kept():
        return list((folder / "cache").rglob("explanation/*/output.pkl"))

    process = run_quickstart(folder, "killed", seed=0, wait=False)
    while process.poll() is None and len(kept()) < 2:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 2 <= len(kept()) < quickstart_run.N_SONGS

    n_missing, before = quickstart_run.N_SONGS - len(kept()), n_calls(folder)
    run_quickstart(folder, "resumed", seed=1)
    assert n_calls(folder) - before == calls_a_song * n_missing
    assert len(kept()) == quickstart_run.N_SONGS
    expected = np.load(undisturbed / "out.npy")
    np.testing.assert_allclose(np.load(folder / "resumed.npy"), expected, rtol=1e-10, atol=1e-12)

    before = n_calls(folder)
    run_quickstart(folder, "again", seed=2)
    assert n_calls(folder) == before
    np.testing.assert_array_equal(np.load(folder / "again.npy"), np.load(folder / "resumed.npy"))
