"""The commands of the command line: ``demo``, ``explain``, ``global`` and ``compare``."""

from __future__ import annotations

import argparse
import tempfile
import webbrowser
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd
import skops.io
from joblib import parallel_config
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import Pipeline

from sklearn_musiclime import _api
from sklearn_musiclime._runtime.files import replacing, write_text, write_waveform
from sklearn_musiclime.components import HPSSSeparator, StemSeparator, TorchSeparator
from sklearn_musiclime.components.separation import Separator
from sklearn_musiclime.datasets import (
    PlantedRule,
    load_jamendo_lyrics,
    load_songs,
    make_songs,
    read_lyrics_file,
    save_songs,
)
from sklearn_musiclime.difference import explain_difference
from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.explanation import GlobalExplanation, LocalExplanation
from sklearn_musiclime.fusion import TransformerFusionClassifier, make_fusion_pipeline
from sklearn_musiclime.neighbourhood import Contrast, ScoreFunction
from sklearn_musiclime.report.sound import playable
from sklearn_musiclime.report.terminal import print_differences, print_global, print_local
from sklearn_musiclime.results.record.place import Place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_DEMO_SONGS = 160
DEMO_SECONDS = 6.0
N_SONIFIED = 5
LOCAL, GLOBAL, DIFFERENCE = "explanation.json", "global.json", "difference.json"
"""Names of the files that hold what a command found."""
MAX_KEPT = 200
"""Largest number of songs that a comparison keeps with their sound, for pages."""


class CommandError(ValueError):
    """An error in the arguments or files of a command, which the user can correct."""


def demo(arguments: argparse.Namespace) -> None:
    """Train a model on audio and lyrics, and explain its prediction for a song held out.

    Parameters
    ----------
    arguments : Namespace
        ``songs``, ``open`` and the options of all commands.
    """
    _make_folder(arguments, LOCAL)
    if arguments.songs is None:
        print(f"Making {N_DEMO_SONGS} songs ...")
        songs, classes, stems, truth = make_songs(
            N_DEMO_SONGS, duration=DEMO_SECONDS, random_state=arguments.random_state
        )
        groups = np.arange(len(songs))
        held_out = int(np.argmax(truth.decision_function(songs)))  # the song of the highest score
        separator: Separator = StemSeparator(sources=tuple(stems[held_out]))
        rule = {**truth.main, **{" & ".join(pair): w for pair, w in truth.interactions.items()}}
        print("The planted rule: " + ", ".join(f"{name} {w:+g}" for name, w in rule.items()))
    else:
        print(f"Reading {arguments.songs} ...")
        songs = _with_two_songs(load_jamendo_lyrics(arguments.songs))
        classes, groups = songs["genre"].to_numpy(), songs["song"].to_numpy()
        # The middle window of the first song.
        held_out = int(np.median(np.flatnonzero(groups == groups[0])))
        separator = HPSSSeparator()

    model = demo_model()
    print(
        f"Training on {len(songs)} clips of {len(set(groups))} songs, {len(set(classes))} classes"
    )
    accuracy = _cross_validated_accuracy(model, songs, classes, groups)
    chance = pd.Series(classes).value_counts(normalize=True).max()
    print(
        f"Cross-validated accuracy {accuracy:.2f}, chance {chance:.2f} (the most frequent class); "
        "no song was on both sides of a split"
    )

    others = groups != groups[held_out]
    model.fit(songs[others], classes[others])
    song = songs.iloc[[held_out]]
    if arguments.songs is None:
        song = save_songs(song, [stems[held_out]], arguments.out)
    print(f"\nExplaining a held-out clip; its class is {classes[held_out]}")
    explanation = _explain(model, song, arguments, separator=separator)
    if arguments.songs is not None:
        title = f"{groups[held_out]}, from {songs['start'][held_out]:.0f} s"
        explanation = replace(explanation, title=title)
    _finish(explanation, arguments.out, show=arguments.open)
    if arguments.songs is None:
        print(f"planted: {_ticked_off(explanation, truth, song)}")


def explain(arguments: argparse.Namespace) -> None:
    """Explain one song with a saved model.

    Parameters
    ----------
    arguments : Namespace
        ``audio``, ``lyrics``, ``encoding``, ``label``, ``rather_than``, ``open``, ``model``,
        ``trust``, ``separator`` and the options of all commands.
    """
    if arguments.rather_than is not None and arguments.label is None:
        raise CommandError("--rather-than needs the class that is explained: --label")
    model = load_model(arguments.model, trust=arguments.trust)
    lyrics = read_lyrics_file(arguments.lyrics, encoding=arguments.encoding)
    song = pd.DataFrame({"audio": [str(arguments.audio)], "lyrics": [lyrics.text]})
    if lyrics.word_times is not None:
        song["word_times"] = pd.Series([lyrics.cell()], dtype=object)
    separator = _separator(arguments.separator)
    _make_folder(arguments, LOCAL)
    explanation = _explain(
        model, song, arguments, separator=separator,
        label=arguments.label, rather_than=arguments.rather_than,
    )  # fmt: skip
    _finish(explanation, arguments.out, show=arguments.open)


def explain_global(arguments: argparse.Namespace) -> None:
    """Explain a table of songs with a saved model, and aggregate the explanations by class.

    Parameters
    ----------
    arguments : Namespace
        ``songs``, the names of the table's columns (``audio_column`` and so on), ``encoding``,
        ``min_count``, ``pages``, ``record``, ``backend``, ``scheduler``, ``model``, ``trust``,
        ``separator``, ``open`` and the options of all commands.
    """
    model = load_model(arguments.model, trust=arguments.trust)
    songs, groups = _read_table(arguments)
    separator = _separator(arguments.separator)
    _make_folder(arguments, GLOBAL)
    explainer = MusicLimeExplainer(
        FrozenEstimator(model),
        separator=separator,
        n_samples=arguments.n_samples,
        n_jobs=arguments.n_jobs,
        random_state=arguments.random_state,
        memory=str(arguments.out / "cache"),
        verbose=1,
    ).fit(songs)
    record = arguments.out / "explanations.parquet" if arguments.record else None
    print(f"Explaining {len(songs)} songs; if this is cut short, the same command goes on")
    with workers(arguments.backend, arguments.scheduler):
        explanation = explainer.explain_global(songs, groups=groups, on_error="warn", out=record)
    try:
        explanation.save(arguments.out / GLOBAL)
    finally:  # printed even if saving fails
        print_global(explanation, arguments.min_count)
    print(f"\n{explanation.run}")
    print(f"Saved {arguments.out / 'global.json'}")
    if record is not None:
        print(f"Recorded the songs in {record}; the report is {Place.of(record).report.name}")
    if arguments.pages > 0:
        explanation = _with_sound(explanation, explainer, songs, arguments.pages)
    page = _write_global(explanation, arguments.out, arguments.min_count, arguments.pages)
    if arguments.open:
        webbrowser.open(page.absolute().as_uri())


def compare(arguments: argparse.Namespace) -> None:
    """Explain what differs between two versions of a model on a table of songs.

    Parameters
    ----------
    arguments : Namespace
        ``old``, ``new``, ``songs``, the names of the table's columns (``audio_column`` and so on),
        ``encoding``, ``label``, ``min_groups``, ``pages``, ``link``, ``backend``, ``scheduler``,
        ``trust``, ``separator``, ``open`` and the options of all commands.
    """
    old, new = (load_model(p, trust=arguments.trust) for p in (arguments.old, arguments.new))
    songs, groups = _read_table(arguments)
    separator = _separator(arguments.separator)
    labels = None
    if arguments.label is not None:
        columns = ScoreFunction(new).columns
        known = columns.known_labels or columns.classes or []
        labels = [{str(name): name for name in known}.get(arguments.label, arguments.label)]
    _make_folder(arguments, DIFFERENCE)
    settings = MusicLimeExplainer(
        new,
        separator=separator,
        link=arguments.link,
        n_samples=arguments.n_samples,
        n_jobs=arguments.n_jobs,
        random_state=arguments.random_state,
        memory=str(arguments.out / "cache"),
        verbose=1,
    )
    print(f"Comparing on {len(songs)} songs; if this is cut short, the same command goes on")
    with workers(arguments.backend, arguments.scheduler):
        found = explain_difference(
            old, new, songs, labels, explainer=settings, groups=groups, on_error="warn",
            keep_explanations=arguments.pages > 0 and len(songs) <= MAX_KEPT,
        )  # fmt: skip
    try:
        found.save(arguments.out / DIFFERENCE)
    finally:  # printed even if saving fails
        print_differences([(n, found.to_frame(n, min_groups=arguments.min_groups))
                           for n in found.labels])  # fmt: skip
    print(f"\nSaved {arguments.out / 'difference.json'}")
    figure = found.plot(min_groups=arguments.min_groups)
    _write_plot(figure, arguments.out / "difference.png", dpi=100)
    frame = found.to_frame(min_groups=arguments.min_groups)
    for name, table in (("difference.csv", frame), ("failures.csv", found.failures)):
        text = table.to_csv(index=False)
        write_text(arguments.out / name, text, errors="backslashreplace")
    page = found.to_html(
        arguments.out / "difference.html", n_songs=arguments.pages,
        min_groups=arguments.min_groups,
    )  # fmt: skip
    print(
        "Wrote difference.png, difference.csv and failures.csv "
        f"({len(found.failures)} songs) to {arguments.out}\nLook: {page}"
    )
    if arguments.open:
        webbrowser.open(page.absolute().as_uri())


def _read_table(arguments: argparse.Namespace) -> tuple[pd.DataFrame, Any]:
    """Read the table of songs, and their groups."""
    songs = load_songs(
        arguments.songs,
        audio=arguments.audio_column,
        lyrics=arguments.lyrics_column,
        start=arguments.start_column,
        end=arguments.end_column,
        encoding=arguments.encoding,
        check_audio=False,  # one that is missing is a failure of that song
    )
    groups = None
    if arguments.group_column is not None:
        if arguments.group_column not in songs:
            raise CommandError(f"the table has no column {arguments.group_column!r}")
        groups = songs[arguments.group_column].to_numpy()
    return songs, groups


@contextmanager
def workers(backend: str | None, scheduler: str | None) -> Iterator[None]:
    """Run joblib's parallel calls within the context on the workers of a backend.

    Parameters
    ----------
    backend : {"loky", "threading", "dask", "ray"} or None
        The backend. None: joblib's default.
    scheduler : str or None
        Address of the Dask scheduler or Ray cluster. None: one is started on this machine.

    Raises
    ------
    CommandError
        The backend is not installed, or `scheduler` is given for a backend without one.
    """
    if scheduler is not None and backend not in ("dask", "ray"):
        raise CommandError("--scheduler is for --backend dask or ray")
    with ExitStack() as stack:
        try:
            if backend == "dask":
                import distributed

                stack.enter_context(distributed.Client(scheduler))
            elif backend == "ray":
                import ray
                from ray.util.joblib import register_ray

                stack.enter_context(ray.init(address=scheduler))
                register_ray()
        except ImportError as error:
            raise CommandError(
                f"--backend {backend}: {error}. pip install 'sklearn-musiclime[distributed]'"
            ) from error
        if backend is not None:
            stack.enter_context(parallel_config(backend=backend))
        yield


def demo_model() -> Pipeline:
    """Return the model of the demo: a logistic regression of spectral statistics and TF-IDF.

    Returns
    -------
    Pipeline
        An unfitted classifier of DataFrames with columns ``audio`` and ``lyrics``.
    """
    return make_fusion_pipeline()


def load_model(path: Path, *, trust: bool = False) -> Any:
    """Load a model from a skops file, a folder or, with `trust`, a joblib file.

    Parameters
    ----------
    path : Path
        The file, or a folder that :meth:`TransformerFusionClassifier.save
        <sklearn_musiclime.TransformerFusionClassifier.save>` wrote.
    trust : bool, default=False
        Whether to load joblib files, and skops files with types that neither skops nor this package
        knows. Both can run any code.

    Returns
    -------
    estimator

    Raises
    ------
    CommandError
        There is no model at `path`, or loading it needs `trust`.
    """
    if (path / "classifier.json").is_file():
        return TransformerFusionClassifier.load(path)
    if not path.is_file():
        raise CommandError(f"there is no model at {str(path)!r}")
    if not zipfile.is_zipfile(path):
        if not trust:
            raise CommandError(
                f"{str(path)!r} is no skops file. A joblib file can run any code when it is "
                "loaded: if you made it or trust who did, say --trust"
            )
        return joblib.load(path)
    public = [getattr(_api, name) for name in _api.__all__]
    safe = {f"{c.__module__}.{c.__qualname__}" for c in public if isinstance(c, type)}
    # A list in the ColumnTransformer of scikit-learn 1.6 that skops does not know.
    safe.add("sklearn.compose._column_transformer._RemainderColsList")
    unknown = skops.io.get_untrusted_types(file=path)
    strange = sorted(set(unknown) - safe)
    if strange and not trust:
        raise CommandError(
            f"{str(path)!r} holds types that are not known to be safe: {', '.join(strange)}. "
            "If you trust them, say --trust"
        )
    return skops.io.load(path, trusted=unknown)


def _ticked_off(explanation: LocalExplanation, rule: PlantedRule, song: pd.DataFrame) -> str:
    """Say of each part of the planted rule whether it was found, missed, or is not in the song.

    It is found if its interval has the sign of its effect throughout.
    """
    present = rule.presence(song).iloc[0]
    sign = 1.0 if explanation.labels[0] == "wild" else -1.0
    found: dict[Any, tuple[int, float, float]] = {}
    n = len(explanation.components)
    for modality in ("audio", "lyrics"):
        for rank, row in enumerate(explanation.top(n, modality=modality).itertuples(), 1):
            found[row.component] = rank, row.low, row.high
    for rank, row in enumerate(explanation.interactions().itertuples(), 1):
        found[row.first, row.second] = rank, row.low, row.high
    said = []
    for part, effect in [*rule.main.items(), *rule.interactions.items()]:
        names = (part,) if isinstance(part, str) else part
        name = " x ".join(names)
        if not all(present[each] for each in names):
            said.append(f"{name} is not in this song")
            continue
        rank, low, high = found.get(part, (0, 0.0, 0.0))
        is_found = (low if sign * effect > 0 else -high) > 0
        said.append(f"{name} found (number {rank})" if is_found else f"{name} missed")
    return ", ".join(said)


def _with_two_songs(songs: pd.DataFrame) -> pd.DataFrame:
    """Return the clips of genres with at least two songs; print the genres that are left out."""
    n_songs = songs.groupby("genre")["song"].nunique()
    if (n_songs < 2).any():
        alone = ", ".join(n_songs.index[n_songs < 2])
        print(f"Left out for having one song, which no other could teach: {alone}")
    kept = songs[songs["genre"].isin(n_songs.index[n_songs >= 2])].reset_index(drop=True)
    if kept["genre"].nunique() < 2:
        raise CommandError("two genres of at least two songs each are needed to train a model")
    return kept


def _cross_validated_accuracy(
    model: Pipeline, songs: pd.DataFrame, classes: np.ndarray, groups: np.ndarray
) -> float:
    n_songs = pd.Series(groups).groupby(classes).nunique().min()
    splitter = StratifiedGroupKFold(n_splits=min(5, int(n_songs)))
    return float(cross_val_score(model, songs, classes, groups=groups, cv=splitter).mean())


def _separator(name: str) -> Separator | None:
    makers: dict[str, Callable[[], Separator | None]] = {
        "hpss": HPSSSeparator,
        "demucs": TorchSeparator.demucs,
        "open-unmix": TorchSeparator.open_unmix,
        "none": lambda: None,
    }
    return makers[name]()


def _explain(
    model: Any,
    song: pd.DataFrame,
    arguments: argparse.Namespace,
    *,
    separator: Separator | None,
    label: str | None = None,
    rather_than: str | None = None,
) -> LocalExplanation:
    explainer = MusicLimeExplainer(
        FrozenEstimator(model),
        separator=separator,
        n_samples=arguments.n_samples,
        n_jobs=arguments.n_jobs,
        random_state=arguments.random_state,
        verbose=1,
    ).fit(song)
    labels = None
    if label is not None:
        known = _labels(model, song)
        wanted = known.get(label, label)
        labels = [wanted]
        if rather_than is not None:
            labels = [Contrast(wanted, known.get(rather_than, rather_than))]
    return explainer.explain(song, labels)[0]


def _labels(model: Any, song: pd.DataFrame) -> dict[str, Any]:
    """The model's labels by their text, in which they are given, whatever their type."""
    score = ScoreFunction(model)
    answer = score.answer(song)
    names = score.columns.labels(answer.scores.shape[1], answer.names, score.predict(song))
    return {str(name): name for name in names}


def _make_folder(arguments: argparse.Namespace, result: str) -> None:
    """Create the folder of the results, and check that files may be written to it."""
    folder = arguments.out
    if (folder / result).exists() and not arguments.overwrite:
        raise CommandError(
            f"{str(folder / result)!r} is there already; --overwrite replaces it, or give another "
            "folder with --out"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CommandError(
            f"results can't be written to {str(folder)!r}: {error.strerror}"
        ) from error


def _with_sound(
    explanation: GlobalExplanation, explainer: MusicLimeExplainer, songs: pd.DataFrame, n: int
) -> GlobalExplanation:
    """Explain the picked songs once more, with their sound, for pages to listen to."""
    picked = explanation.pick(n)
    found = explainer.explain(songs.iloc[picked["row"]])
    placed = [replace(song, row=int(row)) for song, row in zip(found, picked["row"], strict=True)]
    return replace(explanation, explanations=placed)


def _write_global(
    explanation: GlobalExplanation, folder: Path, min_count: int, n_songs: int
) -> Path:
    _write_plot(explanation.plot(min_count=min_count), folder / "global.png", dpi=100)
    page = explanation.to_html(folder / "global.html", min_count=min_count, n_songs=max(n_songs, 1))
    for name, frame in (
        ("importance.csv", explanation.to_frame()),
        ("failures.csv", explanation.failures),
    ):
        write_text(folder / name, frame.to_csv(index=False), errors="backslashreplace")
    print(
        "Wrote global.png, importance.csv and failures.csv "
        f"({len(explanation.failures)} songs) to {folder}\nLook: {page}"
    )
    return page


def _write_plot(figure: Figure, path: Path, dpi: int) -> None:
    with replacing(path) as (file,):
        figure.savefig(file, format="png", dpi=dpi)


def _finish(explanation: LocalExplanation, folder: Path, *, show: bool) -> None:
    """Save, print and plot an explanation; it is saved first, since it took long to make."""
    try:
        explanation.save(folder / LOCAL)
    finally:  # printed even if saving fails
        print_local(explanation)
    print(f"Saved {folder / 'explanation.json'}")
    _write_plot(explanation.plot(), folder / "explanation.png", dpi=150)
    page = explanation.to_html(folder / "explanation.html")
    for direction in ("for", "against"):
        waveform = explanation.sonify(N_SONIFIED, direction=direction)
        waveform, rate = playable(waveform, explanation.settings["sampling_rate"])
        write_waveform(folder / f"{direction}.wav", np.clip(waveform, -1, 1), rate)
        if not waveform.any():
            print(f"{direction}.wav is silent: no audio component speaks {direction} it")
    print(f"Wrote explanation.png, for.wav and against.wav to {folder}")
    print(f"Look and listen: {page}")
    if show:
        webbrowser.open(page.absolute().as_uri())


COMMANDS = {"demo": demo, "explain": explain, "global": explain_global, "compare": compare}
