"""What fails late: full disks, caches that can't be written, interrupts, closed pipes.

Over 400 lines since each fault is a few lines, and their helpers are shared.
"""

import ctypes
import errno
import io
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import corpus_run
import numpy as np
import psutil
import pytest
import skops.io
from sklearn.base import BaseEstimator

from sklearn_musiclime import (
    GlobalExplanation,
    InvalidSongError,
    LocalExplanation,
    MusicLimeExplainer,
)
from sklearn_musiclime._runtime.cache import ResultCache
from sklearn_musiclime._runtime.files import _copy_rights, replacing, write_text, write_waveform
from sklearn_musiclime._runtime.memory import keep_freed_memory
from sklearn_musiclime.cli import main
from sklearn_musiclime.commands import demo_model
from sklearn_musiclime.datasets import save_songs
from sklearn_musiclime.report.fonts import _warn_of

TESTS = Path(__file__).parent
N_FILES = 12


def scores(songs):
    return np.array([[len(words), 1.0] for words in songs["lyrics"]])


class Halves(BaseEstimator):
    """A separator that says in a file that it was called, then does `first` once.

    It is told folder and name, since a file that it names by a path is a part of it.
    """

    source_names = ("a", "b")

    def __init__(self, folder, name, first=None):
        self.folder = folder
        self.name = name
        self.first = first

    def separate(self, waveform, sampling_rate):
        log = os.path.join(self.folder, self.name)
        is_first = not os.path.exists(log)
        with open(log, "a") as file:
            file.write("x")
        if is_first and self.first is not None:
            self.first()
        return ("a", "b"), np.stack([waveform / 2, waveform / 2])


def n_calls(log):
    return len(log.read_text())


@pytest.fixture(scope="module")
def songs(made_songs):
    return made_songs[0].iloc[:5].drop(columns="word_times")


@pytest.fixture(scope="module")
def found(made_songs, made_model):
    """The global explanation of three songs, and with it their own."""
    X = made_songs[0].iloc[:3]
    ours = MusicLimeExplainer(made_model, n_samples=200, random_state=0).fit(X)
    return ours.explain_global(X, keep_explanations=True)


def explainer(log, **parameters):
    first = parameters.pop("first", None)
    separator = Halves(str(log.parent), log.name, first)
    return MusicLimeExplainer(
        scores, separator=separator, n_samples=200, random_state=0, proxy=None, **parameters
    )


def explain(songs, log, **parameters):
    """Weights of all songs in one array, and the messages of all warnings.

    But for the one that the model does not hear the audio, which it does not.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explanations = explainer(log, **parameters).fit(songs).explain(songs)
    weights = np.concatenate([e.weights.ravel() for e in explanations])
    messages = [str(w.message) for w in caught]
    return weights, [message for message in messages if "count for nothing" not in message]


@pytest.fixture(scope="module")
def expected(songs, tmp_path_factory):
    return explain(songs, tmp_path_factory.mktemp("expected") / "undisturbed")[0]


@contextmanager
def files_of_at_most(n_bytes):
    """Have each file that grows beyond this raise, as it would on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("needs mount")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount a disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def content(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def entries(folder):
    return sorted(folder.rglob("output.pkl"))


# Files.


@pytest.mark.parametrize("n_bytes", [0, 3000, 30_000])
@pytest.mark.parametrize(
    "write",
    [
        lambda found, folder: found.explanations[0].save(folder / "a.json"),
        lambda found, folder: found.explanations[0].to_html(folder / "a.html"),
        lambda found, folder: found.to_html(folder / "a.html"),
        lambda found, folder: write_waveform(folder / "a.wav", np.zeros(22050), 22050),
    ],
    ids=["save", "to_html", "global to_html", "waveform"],
)
def test_a_full_disk_leaves_what_was_there(write, n_bytes, found, tmp_path):
    write(found, tmp_path)
    before = content(tmp_path)
    with files_of_at_most(n_bytes), pytest.raises(OSError, match="File too large") as caught:
        write(found, tmp_path)
    assert caught.value.errno == errno.EFBIG
    assert Path(caught.value.filename) in [tmp_path / name for name in before]
    assert content(tmp_path) == before
    assert {p.name for p in tmp_path.iterdir()} == {str(name) for name in before}


def test_arrays_and_json_are_replaced_together(found, tmp_path):
    """The arrays fit on the disk and the JSON file does not, or the other way round."""
    for explanation in (found, found.explanations[0]):
        explanation.save(tmp_path / "a.json")
        before = content(tmp_path)
        sizes = sorted(map(len, before.values()))
        with files_of_at_most(sizes[0] + 1), pytest.raises(OSError, match=r"too large.*/a\.\w+'"):
            explanation.save(tmp_path / "a.json")
        assert content(tmp_path) == before
    assert len(LocalExplanation.load(tmp_path / "a.json").components) > 0


def test_an_error_names_the_file_and_not_a_temporary_one(tmp_path, found):
    missing = tmp_path / "no folder" / "a.html"
    with pytest.raises(FileNotFoundError) as caught:
        found.explanations[0].to_html(missing)
    assert caught.value.filename == str(missing)
    with pytest.raises(IsADirectoryError) as caught:
        found.explanations[0].to_html(tmp_path)
    assert caught.value.filename == str(tmp_path)
    with pytest.raises(OSError, match=r"No space left.*'/dev/full'"):
        found.explanations[0].to_html("/dev/full")
    assert Path("/dev/full").is_char_device()  # written to, not replaced


def test_links_stay_links_and_modes_are_the_usual(found, tmp_path):
    (tmp_path / "real.html").write_text("earlier")
    (tmp_path / "link.html").symlink_to("real.html")
    found.to_html(tmp_path / "link.html")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real.html").read_text().startswith("<!DOCTYPE html>")
    found.to_html(tmp_path / "new.html")
    (tmp_path / "plain").touch()
    assert (tmp_path / "new.html").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604, 0o664, 0o755, 0o444])
def test_a_file_that_is_written_again_keeps_its_mode(mode, found, tmp_path):
    path = tmp_path / "a.json"
    files = [path, path.with_suffix(".npz")]
    found.save(path)
    for file in files:
        file.chmod(mode)
    found.save(path)
    assert [oct(stat.S_IMODE(file.stat().st_mode)) for file in files] == 2 * [oct(mode)]


def test_nobody_else_reads_a_private_file_while_it_is_written(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("earlier")
    path.chmod(0o600)
    with replacing(path) as (file,):
        file.write(b"later")
        modes = {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert modes == {0o600}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root gives files away")
def test_a_file_that_is_written_again_keeps_its_owner(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("earlier")
    os.chown(path, 1234, 4321)
    path.chmod(0o4750)  # a change of owner takes the first of these away
    write_text(path, "later")
    found = path.stat()
    assert (found.st_uid, found.st_gid, oct(found.st_mode)) == (1234, 4321, "0o104750")


def test_rights_of_a_group_are_not_for_another(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("earlier")
    path.chmod(0o664)

    def refuse(descriptor, owner, group):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    there = os.stat(path)
    other = os.stat_result([*there[:5], there.st_gid + 1, *there[6:]])
    monkeypatch.setattr("sklearn_musiclime._runtime.files.os.fchown", refuse)
    with path.open("r+") as file:
        _copy_rights(other, file.fileno())
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


# The cache.


def check_cache_on_a_full_disk(folder, songs, expected, tmp_path, reason, full, n_jobs):
    log = tmp_path / "log"
    with full:
        weights, messages = explain(songs, log, memory=str(folder / "cache"), n_jobs=n_jobs)
        np.testing.assert_array_equal(weights, expected)
        assert [m for m in messages if "memory can't keep" in m] == messages
        assert len(messages) == 1  # for ten entries and all workers
        assert reason in messages[0]
        assert str(folder / "cache") in messages[0]
    assert not list(folder.rglob("*.tmp"))
    kept = entries(folder)
    assert all(path.parts[-3] == "explanation" for path in kept)  # small enough, and whole
    return kept


def test_the_cache_on_a_full_disk(songs, expected, tmp_path):
    full = files_of_at_most(100_000)
    kept = check_cache_on_a_full_disk(tmp_path, songs, expected, tmp_path, "too large", full, 1)
    assert len(kept) == 5
    log = tmp_path / "log"
    assert n_calls(log) == 5
    weights, messages = explain(songs, log, memory=str(tmp_path / "cache"))  # there is room now
    np.testing.assert_array_equal(weights, expected)
    assert messages == []
    assert len(entries(tmp_path)) == 10


@pytest.mark.slow
def test_the_cache_on_a_disk_that_is_really_full(songs, expected, small_disk, tmp_path):
    (small_disk / "other").write_bytes(bytes(900_000))
    n_jobs = 2
    kept = check_cache_on_a_full_disk(
        small_disk, songs, expected, tmp_path, "No space left", warnings.catch_warnings(), n_jobs
    )
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "rest").write_bytes(bytes(2**20))
    weights, messages = explain(songs, tmp_path / "log", memory=str(small_disk / "cache"))
    np.testing.assert_array_equal(weights, expected)
    assert len(messages) == 1
    assert entries(small_disk) == kept


def test_a_read_only_cache_is_read(songs, expected, small_disk, tmp_path):
    log, cache = tmp_path / "log", str(small_disk / "cache")
    few = songs.iloc[:2]
    explain(few, log, memory=cache)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    weights, messages = explain(few, log, memory=cache)
    np.testing.assert_array_equal(weights, expected[: len(weights)])
    assert n_calls(log) == 2
    assert messages == []
    weights, messages = explain(songs, log, memory=cache)
    np.testing.assert_array_equal(weights, expected)
    assert n_calls(log) == 5
    assert len(messages) == 1
    assert "Read-only file system" in messages[0]
    with pytest.raises(OSError, match="can't be made a folder: Read-only"):
        explain(songs, log, memory=str(small_disk / "other"))


def test_a_cache_that_can_be_neither_read_nor_written(songs, expected, tmp_path):
    log, cache = tmp_path / "log", tmp_path / "cache"
    explain(songs, log, memory=str(cache))
    for kind in (cache / "joblib" / "sklearn_musiclime").iterdir():
        shutil.rmtree(kind)
        kind.touch()  # which root can't write to either, as if it were a folder
    weights, messages = explain(songs, log, memory=str(cache))
    np.testing.assert_array_equal(weights, expected)
    assert len(messages) == 1
    assert n_calls(log) == 10
    metric = explainer(log, memory=str(cache)).fit(songs)
    with pytest.warns(RuntimeWarning, match="memory can't keep") as caught:
        assert len(list(metric.mask_functions(songs))) == 5
    assert len(caught) == 1


def test_a_cache_that_cannot_be_made_is_said_before_the_work(songs, tmp_path):
    (tmp_path / "file").touch()
    log = tmp_path / "log"
    for memory in (tmp_path / "file", tmp_path / "file" / "cache"):
        with pytest.raises(OSError, match=r"memory='.*file.*' can't be made a folder"):
            explain(songs, log, memory=str(memory))
    assert not log.exists()


def test_a_cache_that_is_deleted_in_the_middle(songs, expected, tmp_path):
    cache = tmp_path / "cache"
    weights, messages = explain(
        songs, tmp_path / "log", memory=str(cache), first=lambda: shutil.rmtree(cache)
    )
    np.testing.assert_array_equal(weights, expected)
    assert messages == []
    assert len(entries(cache)) == 10


@pytest.mark.parametrize("year", [1975, 2100])
def test_no_entry_is_too_old_or_too_new(year, songs, tmp_path):
    log, cache = tmp_path / "log", tmp_path / "cache"
    explain(songs, log, memory=str(cache))
    for path in entries(cache):
        os.utime(path, ((year - 1970) * 31_556_952,) * 2)
    explain(songs, log, memory=str(cache))
    assert n_calls(log) == 5


def test_an_interrupt_while_an_entry_is_written(songs, expected, tmp_path, monkeypatch):
    log, cache = tmp_path / "log", tmp_path / "cache"
    moved = []

    def replace(source, target):
        moved.append(target)
        if len(moved) == 4:  # the second song's explanation
            raise KeyboardInterrupt
        os.rename(source, target)

    monkeypatch.setattr("sklearn_musiclime._runtime.files.os.replace", replace)
    with pytest.raises(KeyboardInterrupt):
        explain(songs, log, memory=str(cache))
    assert [path.parts[-3] for path in entries(cache)] == ["explanation", "sources", "sources"]
    assert not list(cache.rglob("*.tmp"))
    weights, _ = explain(songs, log, memory=str(cache))
    np.testing.assert_array_equal(weights, expected)
    assert n_calls(log) == 5


def test_what_computing_raises_is_no_trouble_of_the_cache(tmp_path):
    cache = ResultCache(str(tmp_path))
    with pytest.raises(FileNotFoundError, match="a song"):
        cache.fetch("kind", "key", Path("no such folder/a song").read_bytes)
    assert cache.trouble is None


# Interrupts and workers.


def kill_itself():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_killed_while_it_separates(songs, expected, tmp_path):
    weights, messages = explain(songs, tmp_path / "log", first=kill_itself, n_jobs=2)
    np.testing.assert_array_equal(weights, expected)
    assert [m for m in messages if "are done again" in m] == messages
    assert len(messages) == 1


def wait_until(is_so, process=None):
    while not is_so():
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def signalled(command, signum, is_time, env=None):
    """Start a process, signal it when it is time; return its status and what it said.

    All processes that it began must end.
    """
    process = subprocess.Popen(
        command, env=os.environ | (env or {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(is_time, process)
        begun = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signum)
        said = process.communicate(timeout=120)
        is_over = [lambda p=p: not p.is_running() or p.status() == "zombie" for p in begun]
        deadline = time.monotonic() + 60  # far less than idle workers would stay
        while not all(f() for f in is_over):
            assert time.monotonic() < deadline, begun
            time.sleep(0.05)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, *said


@pytest.mark.long
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_ctrl_c_in_a_parallel_run(backend, undisturbed, tmp_path):
    log, cache = tmp_path / "log", tmp_path / "cache"
    script = (
        "import sys, corpus_run\nfrom joblib import parallel_config\n"
        f"with parallel_config(backend='{backend}'):\n    corpus_run.main(*sys.argv[1:])"
    )
    command = [sys.executable, "-c", script, str(cache), str(log), str(tmp_path / "out"), "2"]
    status, _, error = signalled(
        command, signal.SIGINT, lambda: len(list(cache.rglob("explanation/*/output.pkl"))) >= 4,
        env={
            "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
            "SECONDS_A_BATCH": "0.1",
        },
    )  # fmt: skip
    assert status == -signal.SIGINT
    assert error.rstrip().count("\nKeyboardInterrupt") == 1
    kept = len(list(cache.rglob("explanation/*/output.pkl")))
    assert 4 <= kept < corpus_run.N_SONGS
    assert not (tmp_path / "out.npz").exists()
    before = set(log.read_text().splitlines())  # by process and song
    corpus_run.main(str(cache), str(log), tmp_path / "out")
    result = np.load(tmp_path / "out.npz")
    np.testing.assert_allclose(result["weights"], undisturbed["weights"], rtol=1e-10)
    np.testing.assert_allclose(result["sums"], undisturbed["sums"], rtol=1e-10)
    assert len(set(log.read_text().splitlines()) - before) == corpus_run.N_SONGS - kept


# The command line.


@pytest.fixture(scope="module")
def files(made_songs, tmp_path_factory):
    """A folder with a model, songs, and lyrics that not every terminal can show."""
    folder = tmp_path_factory.mktemp("files")
    X, y, stems, _ = made_songs
    skops.io.dump(demo_model().fit(X, y), folder / "model.skops")
    songs = save_songs(X[:N_FILES], stems[:N_FILES], folder)
    songs[["audio", "lyrics"]].to_csv(folder / "songs.csv", index=False)
    (folder / "lyrics.txt").write_text("夢 dream " * 3, encoding="utf-8")
    return folder


def one_song(files, out, *options):
    return [
        "explain", "--model", str(files / "model.skops"), "--audio", str(files / "song_0.wav"),
        "--lyrics", str(files / "lyrics.txt"), "--out", str(out), "--n-samples", "60", *options,
    ]  # fmt: skip


def many_songs(files, out, *options):
    return [
        "global", "--model", str(files / "model.skops"), "--songs", str(files / "songs.csv"),
        "--out", str(out), "--n-samples", "60", *options,
    ]  # fmt: skip


def last_line(capfd):
    """The last line of the errors, which has to be the only one beside the progress bar's."""
    lines = [line for line in capfd.readouterr().err.splitlines() if "explaining: " not in line]
    lines = [line for line in lines if line]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.long
def test_a_run_that_is_told_to_stop_goes_on_later(files, tmp_path):
    """By Ctrl-C, then as a scheduler does it."""

    def n_kept():
        return len(list((tmp_path / "cache").rglob("explanation/*/output.pkl")))

    for signum, backend, status, line in (
        (signal.SIGINT, "threading", 130, "sklearn-musiclime: interrupted"),
        (signal.SIGTERM, "loky", 143, None),
    ):
        before = n_kept()
        options = ["--n-jobs", "2", "--backend", backend, "--n-samples", "500"]
        command = [sys.executable, "-m", "sklearn_musiclime", *many_songs(files, tmp_path)]
        found = signalled(command + options, signum, lambda before=before: n_kept() >= before + 2)
        assert found[0] == status
        assert "Traceback" not in found[2]
        assert line is None or line in found[2].splitlines()
        assert not (tmp_path / "global.json").exists()
    before = n_kept()
    assert 4 <= before < N_FILES
    assert main(many_songs(files, tmp_path, "--n-samples", "500")) == 0
    songs = GlobalExplanation.load(tmp_path / "global.json").songs
    assert songs["row"].tolist() == list(range(N_FILES))
    assert n_kept() == N_FILES


@pytest.mark.parametrize("arguments", [one_song, many_songs])
def test_folders_that_cannot_be_written_are_said_before_the_work(
    arguments, files, tmp_path, capfd, monkeypatch
):
    (tmp_path / "file").touch()
    for out, cause in ((tmp_path / "file", "File exists"), (tmp_path / "file" / "x", "Not a dir")):
        assert main(arguments(files, out)) == 1
        error = capfd.readouterr().err
        assert len(error.splitlines()) == 1  # no progress bar: nothing was explained
        assert f"results can't be written to '{out}': {cause}" in error

    def refuse(dir):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)  # what root is never refused
    assert main(arguments(files, tmp_path)) == 1
    error = capfd.readouterr().err
    assert error == (
        f"sklearn-musiclime: error: results can't be written to '{tmp_path}': Permission denied\n"
    )


def test_a_disk_that_is_full_in_the_end(files, tmp_path, capfd):
    """What can't be saved is shown, and what was there stays."""
    assert main(one_song(files, tmp_path)) == 0
    before = content(tmp_path)
    capfd.readouterr()
    with files_of_at_most(20_000):
        assert main(one_song(files, tmp_path, "--label", "calm", "--overwrite")) == 1
    printed = capfd.readouterr()
    assert "Why calm" in printed.out
    assert str(tmp_path / "explanation.npz") in printed.err.splitlines()[-1]
    assert content(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "fails", "kind", "name"),
    [
        (one_song, "local_page", LocalExplanation, "explanation.json"),
        (many_songs, "global_page", GlobalExplanation, "global.json"),
    ],
)
def test_a_report_that_fails_loses_no_explanation(
    arguments, fails, kind, name, files, tmp_path, capfd, monkeypatch
):
    def fail(*args, **kwargs):
        raise ValueError("no page today")

    monkeypatch.setattr(f"sklearn_musiclime.report.{fails}.{fails}", fail)
    assert main(arguments(files, tmp_path)) == 1
    printed = capfd.readouterr()
    assert printed.err.splitlines()[-1] == "sklearn-musiclime: error: no page today"
    assert f"Saved {tmp_path / name}" in printed.out
    assert kind.load(tmp_path / name).labels


def closed_pipe():
    read, write = os.pipe()
    os.close(read)
    return os.fdopen(write, "w", encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("arguments", [one_song, many_songs])
def test_nobody_need_read_what_is_printed(arguments, stream, files, tmp_path, monkeypatch):
    with closed_pipe() as pipe:
        monkeypatch.setattr(sys, stream, pipe)
        assert main(arguments(files, tmp_path)) == 0
        assert getattr(sys, stream) is pipe
    assert {"explanation.html", "global.html"} & {path.name for path in tmp_path.iterdir()}


def test_a_terminal_that_knows_ascii_alone(files, tmp_path, monkeypatch):
    printed = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", printed)
    _warn_of.cache_clear()
    with pytest.warns(UserWarning, match="no installed font has the letters of CJK JP"):
        assert main(one_song(files, tmp_path)) == 0
    assert rb"\u5922" in printed.buffer.getvalue()
    assert LocalExplanation.load(tmp_path / "explanation.json").components.lyrics.text[0] == "夢"


def test_output_to_a_full_disk_is_an_error_in_one_line(files, tmp_path, monkeypatch, capfd):
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(one_song(files, tmp_path)) == 1
    assert "No space left" in capfd.readouterr().err.splitlines()[-1]
    assert LocalExplanation.load(tmp_path / "explanation.json").labels


def test_output_that_was_closed(files, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(one_song(files, tmp_path)) == 0


# Songs.


@pytest.mark.parametrize("memory", [None, "cache"])
def test_a_song_that_is_deleted_in_the_middle(memory, made_songs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, _, stems, _ = made_songs
    songs = save_songs(X.iloc[:4], stems[:4], tmp_path).drop(columns="word_times")
    log = tmp_path / "log"
    ours = explainer(log, first=(tmp_path / "song_2.wav").unlink, memory=memory).fit(songs)
    with pytest.raises(InvalidSongError, match=r"row 2: audio: .*song_2.wav' does not exist"):
        ours.explain(songs)
    log.unlink()
    save_songs(X.iloc[:4], stems[:4], tmp_path)
    shutil.rmtree("cache", ignore_errors=True)
    with pytest.warns(UserWarning, match=r"1 of 4 songs.*\n.*row 2 .*does not exist"):
        assert [e.row for e in ours.explain(songs, on_error="warn")] == [0, 1, 3]


# Other systems.


@pytest.mark.parametrize("system", ["win32", "darwin", "linux with musl"])
def test_memory_is_left_alone_where_there_is_no_glibc(system, monkeypatch):
    def no_library(name):
        raise TypeError("argument of type 'NoneType' is not iterable")

    monkeypatch.setattr(sys, "platform", system.split()[0])
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", no_library)
    keep_freed_memory.__wrapped__()
