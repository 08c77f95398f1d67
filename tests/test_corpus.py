"""Many songs: killed and resumed runs, kept results, failing songs, other machines.

Over 400 lines since all of it is one long run, disturbed in one way after the other.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from corpus_run import N_SONGS
from joblib import parallel_config
from sklearn.base import BaseEstimator

from sklearn_musiclime import HPSSSeparator, InvalidSongError, MusicLimeExplainer
from sklearn_musiclime._runtime.cache import ResultCache
from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime.datasets import save_songs
from sklearn_musiclime.metrics import deletion_auc

SCRIPT = Path(__file__).with_name("corpus_run.py")


def length_of_lyrics(songs):
    return np.array([[len(words), 1.0] for words in songs["lyrics"]])


class Counting(BaseEstimator):
    """A separator that counts in a file how often it is called, in whatever process.

    It is told the file's folder, since a file that it names by a path is a part of it.
    """

    def __init__(self, folder, gain=0.5):
        self.folder = folder
        self.gain = gain

    @property
    def source_names(self):
        return ("a", "b")

    def separate(self, waveform, sampling_rate):
        with open(Path(self.folder) / "log", "a") as file:
            file.write("x")
        return ("a", "b"), np.stack([self.gain * waveform, (1 - self.gain) * waveform])


def count(log):
    return len(log.read_text()) if log.exists() else 0


@pytest.fixture
def songs(made_songs):
    return made_songs[0].iloc[:5].drop(columns="word_times")


def explainer(model=length_of_lyrics, **parameters):
    """Without a proxy, which takes nine tenths of the time, unless the test is of workers."""
    defaults = {"separator": None, "n_samples": 40, "random_state": 0, "proxy": None}
    return MusicLimeExplainer(model, **(defaults | parameters))


# What is kept.


def entries(folder):
    return sorted(Path(folder).rglob("output.pkl"))


def test_nothing_is_done_twice(songs, tmp_path):
    log = tmp_path / "log"
    ours = explainer(separator=Counting(tmp_path), memory=str(tmp_path / "cache")).fit(songs)
    first = ours.explain(songs)
    assert count(log) == 5
    again = ours.explain(songs.iloc[::-1])[::-1]
    assert count(log) == 5
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.weights, b.weights)
        np.testing.assert_array_equal(a.components.audio.sources, b.components.audio.sources)
        np.testing.assert_array_equal(a.components.audio.mix, b.components.audio.mix)
        assert (a.row, b.row) == (a.row, 4 - a.row)
    np.testing.assert_array_equal(first[0].sonify(), again[0].sonify())
    deletion_auc(ours, songs)  # asks for the sources twice
    ours.set_params(n_samples=60).explain(songs)  # other explanations of the same sources
    assert count(log) == 5


def test_each_part_of_the_key_counts(songs, tmp_path):
    def n_new(run_songs=songs, labels=None, **parameters):
        before = len(entries(tmp_path))
        ours = explainer(memory=str(tmp_path), **parameters)
        ours.fit(run_songs).explain_global(run_songs, labels)
        return len(entries(tmp_path)) - before

    assert n_new() == 5
    assert n_new() == 0
    assert n_new(n_jobs=2) == 0
    assert n_new(batch_size=3) == 0
    assert n_new(n_samples=50) == 5
    assert n_new(random_state=1) == 5
    assert n_new(proxy="auto") == 5
    assert n_new(kernel_width=0.5) == 5
    assert n_new(labels=[1]) == 5
    assert n_new(run_songs=songs.assign(lyrics="other words")) == 5
    assert n_new(run_songs=songs.assign(artist=range(5))) == 5  # a model may read it
    changed = songs.copy()
    waveform = changed["audio"].iloc[2]["array"].copy()
    waveform[100] += 1e-3
    changed.at[changed.index[2], "audio"] = {"array": waveform, "sampling_rate": 22050}
    assert n_new(run_songs=changed) == 1
    assert n_new(random_state=None) == 0  # the seed won't come again


def test_models_are_told_apart_by_what_they_are(songs, tmp_path):
    def n_new(model):
        before = len(entries(tmp_path))
        explainer(model, memory=str(tmp_path)).fit(songs).explain_global(songs)
        return len(entries(tmp_path)) - before

    def times(factor):
        return lambda X: factor * length_of_lyrics(X)

    assert [n_new(times(2)), n_new(times(2)), n_new(times(3))] == [5, 0, 5]
    namespace = {"np": np, "length_of_lyrics": length_of_lyrics, "factor": 2.0}
    exec("def model(X):\n    return factor * length_of_lyrics(X)", namespace)
    assert [n_new(namespace["model"]), n_new(namespace["model"])] == [5, 0]
    namespace["factor"] = 3.0  # a variable that the function reads
    assert n_new(namespace["model"]) == 5
    exec("def model(X):\n    return factor * length_of_lyrics(X) + 1", namespace)
    assert n_new(namespace["model"]) == 5


def test_classes_are_told_apart_by_their_methods():
    def made(body, base="object"):
        names = {"__name__": __name__}
        exec(f"class Base:\n def double(self, n): return {base} * n\n", names)
        exec(f"class Model(Base):\n def predict(self, X):\n  return {body}", names)
        return names["Model"]()

    same = fingerprint(made("self.double(len(X))", "2"))
    assert fingerprint(made("self.double(len(X))", "2")) == same
    assert fingerprint(made("self.double(len(X)) + 1", "2")) != same
    assert fingerprint(made("self.double(len(X))", "3")) != same  # of a method that it inherits
    one, two = made("len(X)"), made("len(X)")
    two.weight = 1.0
    assert fingerprint(one) != fingerprint(two)
    assert fingerprint([one, one]) == fingerprint([made("len(X)")] * 2)


def test_files_are_told_apart_by_their_content(made_songs, tmp_path):
    X, _, stems, _ = made_songs
    there = save_songs(X.iloc[:2], stems[:2], tmp_path / "a")
    # Copied, not made again: WAV files of floats say when they were made.
    shutil.copytree(tmp_path / "a", tmp_path / "b" / "c")
    paths = [str(tmp_path / "b" / "c" / Path(path).name) for path in there["audio"]]
    moved = there.assign(audio=paths)
    ours = explainer(memory=str(tmp_path / "cache")).fit(there)
    ours.explain_global(there)
    found = ours.explain_global(moved)
    assert len(entries(tmp_path / "cache")) == 2
    assert found.songs["title"].tolist() == ["song_0.wav", "song_1.wav"]
    part = [{"path": path, "start": 0.0, "end": 1.0} for path in there["audio"]]
    ours.explain_global(there.assign(audio=part))
    assert len(entries(tmp_path / "cache")) == 4


@pytest.mark.slow
def test_fingerprints_hold_in_other_processes(tmp_path):
    script = tmp_path / "print.py"
    script.write_text(
        "from sklearn_musiclime._runtime.fingerprint import fingerprint\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "names = {'a', 'bb', 'ccc', 'dddd'}\n"
        "def model(X):\n    return [len(names & {'a', 'z'}) for _ in X]\n"
        "print(fingerprint(model, LogisticRegression().fit([[0.0], [1.0]], ['x', 'y']), names))\n"
    )
    prints = {
        subprocess.run(
            [sys.executable, str(script)], env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True, check=True, text=True,
        ).stdout
        for seed in range(2)
    }  # fmt: skip
    assert len(prints) == 1


def test_what_cannot_be_hashed_is_said(songs, tmp_path):
    generator = (i for i in range(3))
    with pytest.raises(ValueError, match=r"model.*generator.*cache_version="):
        explainer(lambda X: [next(generator) for _ in range(len(X))], memory=str(tmp_path)).fit(
            songs
        ).explain(songs)


@pytest.mark.parametrize("damage", ["cut short", "zeros", "empty", "no pickle"])
def test_damaged_entries_are_made_anew(damage, songs, tmp_path):
    log = tmp_path / "log"
    ours = explainer(separator=Counting(tmp_path), memory=str(tmp_path / "cache")).fit(songs)
    expected = ours.explain_global(songs)
    for path in entries(tmp_path / "cache"):
        data = path.read_bytes()
        half = len(data) // 2
        path.write_bytes({
            "cut short": data[:half], "zeros": data[:half] + bytes(len(data) - half), "empty": b"",
            "no pickle": b"half of something else",
        }[damage])  # fmt: skip
    found = ours.explain_global(songs)
    np.testing.assert_array_equal(found.sums, expected.sums)
    assert count(log) == 10
    ours.explain_global(songs)
    assert count(log) == 10  # and kept


def test_a_result_that_is_whole_but_wrong_is_not_believed(tmp_path):
    cache = ResultCache(str(tmp_path))
    assert cache.fetch("kind", "key", lambda: "right") == "right"
    (path,) = entries(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"right", b"wrong"))
    assert cache.fetch("kind", "key", lambda: "right") == "right"
    assert cache.fetch("kind", "key", lambda: "not called") == "right"


def run_script(folder, name, *places, cache="cache", n_jobs=1, wait=True):
    """Start a run; wait for what it made, or for what it printed where it was killed."""
    command = [sys.executable, str(SCRIPT)]
    command += [str(folder / cache), str(folder / "log"), str(folder / name), str(n_jobs), *places]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    if not wait:
        return process
    printed, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return printed.split() if places else np.load(folder / f"{name}.npz")


@pytest.mark.long
@pytest.mark.parametrize(
    ("n_jobs", "places"),
    [
        (1, ["song:1", "song:2", "song:4", "batch:1", "batch:3", "entry:1", "entry:2"]),
        (2, ["batch:5", "entry:3"]),
    ],
)
def test_a_run_killed_at_many_places_goes_on(n_jobs, places, undisturbed, tmp_path):
    assert run_script(tmp_path, "killed", *places, n_jobs=n_jobs) == places
    kept = len(entries(tmp_path / "cache" / "joblib" / "sklearn_musiclime" / "explanation"))
    assert 0 < kept < N_SONGS
    assert len(list(tmp_path.rglob(".*.tmp"))) >= sum("entry" in place for place in places)
    found = run_script(tmp_path, "finished", n_jobs=n_jobs)
    assert found["masks"].tolist() == undisturbed["masks"].tolist()
    np.testing.assert_allclose(found["weights"], undisturbed["weights"], rtol=1e-10)
    np.testing.assert_allclose(found["sums"], undisturbed["sums"], rtol=1e-10)
    # By process and song: beyond one of each those in flight.
    n_explained = len(set((tmp_path / "log").read_text().splitlines()))
    assert N_SONGS < n_explained <= N_SONGS + len(places) * n_jobs


@pytest.mark.long
def test_two_processes_share_a_cache(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setenv("SECONDS_A_BATCH", "0.05")  # for as long as both are there
    processes = [run_script(tmp_path, f"run{i}", wait=False) for i in range(2)]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    monkeypatch.delenv("SECONDS_A_BATCH")
    for i in range(2):
        found = np.load(tmp_path / f"run{i}.npz")
        np.testing.assert_allclose(found["weights"], undisturbed["weights"], rtol=1e-10)
    before = len((tmp_path / "log").read_text().splitlines())
    again = run_script(tmp_path, "again")
    np.testing.assert_array_equal(again["weights"], found["weights"])
    assert len((tmp_path / "log").read_text().splitlines()) == before  # all entries are good


# Songs that fail.


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_failing_songs_are_reported_and_the_rest_is_kept(n_jobs, made_songs, tmp_path):
    X, _, stems, _ = made_songs
    songs = save_songs(X.iloc[:6], stems[:6], tmp_path)
    songs.loc[2, "audio"] = str(tmp_path / "gone.wav")  # shows at once
    (tmp_path / "bad.wav").write_bytes(b"RIFF but no sound")
    songs.loc[4, "audio"] = str(tmp_path / "bad.wav")  # shows when it is decoded
    ours = explainer(n_jobs=n_jobs).fit(songs)
    with pytest.warns(
        UserWarning, match=r"2 of 6 songs.*\n.*row 2 .*not exist.*\n.*row 4 .*decoded"
    ):
        found = ours.explain_global(songs, on_error="warn")
    assert found.songs["row"].tolist() == [0, 1, 3, 5]
    assert found.failures["row"].tolist() == [2, 4]
    assert found.failures["title"].tolist() == ["gone.wav", "bad.wav"]
    with pytest.warns(UserWarning, match="2 of 6"):
        assert [e.row for e in ours.explain(songs, on_error="warn")] == [0, 1, 3, 5]
    with pytest.raises(InvalidSongError, match="row 2") as caught:
        ours.explain_global(songs)
    assert caught.value.row == 2
    with pytest.raises(InvalidSongError, match=r"row 4: audio: .*decoded"):
        ours.explain(
            songs.assign(audio=[*songs["audio"][:2], songs["audio"][0], *songs["audio"][3:]])
        )
    with pytest.raises(ValueError, match="on_error"):
        ours.explain(songs, on_error="ignore")


@pytest.mark.long
@pytest.mark.parametrize(("n_jobs", "n_songs"), [(1, 5), (2, 5), (3, 2)])
def test_a_model_that_fails_on_a_song(n_jobs, n_songs, songs):
    bad = n_songs - 2

    def scores(X):
        if X["artist"].iloc[0] == bad:
            raise RuntimeError("no such artist")
        return length_of_lyrics(X)

    songs = songs.iloc[:n_songs].assign(artist=range(n_songs))
    ours = explainer(scores, n_jobs=n_jobs).fit(songs)
    with pytest.raises(RuntimeError, match="no such artist") as caught:
        ours.explain(songs)
    assert f"while explaining row {bad}" in caught.value.__notes__
    with pytest.warns(UserWarning, match=f"row {bad} .*RuntimeError: no such artist"):
        found = [e.row for e in ours.explain(songs, on_error="warn")]
    assert found == [row for row in range(n_songs) if row != bad]


class Unportable(Exception):
    def __init__(self, one, two):
        super().__init__(one)


@pytest.mark.slow
def test_errors_that_cannot_be_sent(songs):
    def scores(X):
        raise Unportable("a cause", "and another")

    ours = explainer(scores, n_jobs=2).fit(songs)
    with pytest.raises(RuntimeError, match="Unportable: a cause"):
        ours.explain(songs)
    with (
        pytest.warns(UserWarning, match="5 of 5"),
        pytest.raises(ValueError, match="no song could be explained"),
    ):
        ours.explain_global(songs, on_error="warn")


# Workers.


def scores_once_killed(mark, X):
    """Kill the first process that gets here."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return length_of_lyrics(X)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_that_dies_costs_time_alone(songs, tmp_path):
    expected = explainer().fit(songs).explain_global(songs)
    ours = explainer(partial(scores_once_killed, str(tmp_path / "mark")), n_jobs=2).fit(songs)
    with pytest.warns(RuntimeWarning, match="done again"):
        found = ours.explain_global(songs)
    np.testing.assert_array_equal(found.sums, expected.sums)


def always_killed(X):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_workers_that_always_die_end_the_run(songs):
    with pytest.warns(RuntimeWarning), pytest.raises(Exception, match=r"worker|terminated"):
        explainer(always_killed, n_jobs=2).fit(songs).explain_global(songs)


def check_backend(songs, tmp_path, proxy=None, **config):
    """The same result as without workers, although one is killed in the middle."""

    def explained(model, **parameters):
        ours = explainer(model, separator=HPSSSeparator(), proxy=proxy, **parameters).fit(songs)
        return ours.explain_global(songs, keep_explanations=True)

    expected = explained(length_of_lyrics)
    killing = partial(scores_once_killed, str(tmp_path / "mark"))
    with parallel_config(**config):
        found = explained(killing, n_jobs=2)
    assert (tmp_path / "mark").exists()
    for a, b in zip(found.explanations, expected.explanations, strict=True):
        assert a.settings["masks"] == b.settings["masks"]
        np.testing.assert_allclose(a.weights, b.weights, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.sums, expected.sums, rtol=1e-10)


@pytest.fixture
def local_cluster(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster):
        yield


@pytest.mark.long
def test_dask_local_cluster(local_cluster, songs, tmp_path):
    check_backend(songs, tmp_path, proxy="auto", backend="dask")


@pytest.mark.slow
def test_dask_workers_that_always_die_end_the_run(local_cluster, songs):
    with (
        parallel_config(backend="dask"),
        pytest.warns(RuntimeWarning, match="done again"),
        pytest.raises(Exception, match=r"[Cc]ancelled|died|Killed"),
    ):
        explainer(always_killed).fit(songs[:2]).explain_global(songs[:2])


class Stranger:
    """A model that only this process can load."""

    def __call__(self, songs):
        return length_of_lyrics(songs)

    def __reduce__(self):
        return (load_in, (os.getpid(),))


def load_in(pid):
    if os.getpid() != pid:
        raise ModuleNotFoundError("No module named 'stranger'")
    return Stranger()


@pytest.mark.slow
def test_a_model_that_workers_cannot_load(local_cluster, songs):
    with parallel_config(backend="dask"), pytest.raises(ModuleNotFoundError, match="stranger"):
        explainer(Stranger()).fit(songs).explain_global(songs)


@pytest.fixture
def scheduler(tmp_path):
    """A Dask scheduler and two workers, started by hand, that speak TCP."""
    pytest.importorskip("distributed")
    tests = str(Path(__file__).parent)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])
    }
    file = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    processes = [
        subprocess.Popen(
            [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
             "--scheduler-file", str(file)],
            env=environment, **quiet,
        )
    ]  # fmt: skip
    processes += [
        subprocess.Popen(
            [*dask, "worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-dashboard",
             "--local-directory", str(tmp_path)],
            env=environment, **quiet,
        )
        for _ in range(2)
    ]  # fmt: skip
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline, "the scheduler did not start"
        time.sleep(0.1)
    yield file
    for process in reversed(processes):
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.long
def test_dask_scheduler_and_workers_started_by_hand(scheduler, songs, tmp_path):
    import distributed

    with distributed.Client(scheduler_file=str(scheduler)) as client:
        client.wait_for_workers(2, timeout=60)
        address = client.scheduler.address
        assert address.startswith("tcp://127.0.0.1")
        check_backend(songs, tmp_path, backend="dask")


@pytest.mark.long
def test_ray(songs, tmp_path):
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}},
    )  # fmt: skip
    try:
        register_ray()
        with pytest.warns(RuntimeWarning, match="done again"):
            check_backend(songs, tmp_path, backend="ray", n_jobs=2)
    finally:
        ray.shutdown()


# Scale.


@pytest.mark.long
def test_a_song_leaves_little_behind():
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(100)]

    def peak(n_songs):
        songs = np.empty((n_songs, 2), dtype=object)
        noise = rng.normal(0, 0.1, 20_000).astype(np.float32)
        for row in range(n_songs):
            songs[row] = [noise, " ".join(rng.choice(words, 10))]
        ours = explainer(
            lambda X: np.array([len(lyrics) for lyrics in X[:, 1]]), n_samples=20, proxy="auto"
        ).fit(songs)
        tracemalloc.start()
        ours.explain_global(songs)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak(10)
    few, many = peak(20), peak(80)
    assert (many - few) / 60 < 8000  # bytes a song; its waveform has 80,000


def test_progress_counts_songs(songs, capsys):
    ours = explainer(verbose=1).fit(songs)
    ours.explain_global(songs)
    assert "5/5" in capsys.readouterr().err


def test_groups_must_be_of_the_songs(songs):
    ours = explainer().fit(songs)
    with pytest.raises(ValueError, match="3 groups for 5 songs"):
        ours.explain_global(songs, groups=[0, 1, 2])
    found = ours.explain_global(songs, groups=list("aabbc"))
    assert found.songs["group"].tolist() == list("aabbc")


@pytest.mark.long
def test_real_songs_in_one_line(real_clips, real_model):
    real_clips = real_clips.iloc[::6]
    ours = MusicLimeExplainer(real_model, n_samples=100, random_state=0, n_jobs=2)
    found = ours.fit(real_clips).explain_global(real_clips)
    assert len(found.songs) == len(real_clips)
    predicted = real_model.predict(real_clips)
    assert found.songs["label"].tolist() == predicted.tolist()
    assert (found.modality_share()[["audio", "lyrics", "interaction"]] >= 0).all(axis=None)
