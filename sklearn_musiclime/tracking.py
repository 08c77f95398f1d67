"""Explanations in MLflow: settings, numbers and pages beside the run that they belong to.

>>> import mlflow  # doctest: +SKIP
>>> with mlflow.start_run():  # doctest: +SKIP
...     log_explanation(overall, explainer=explainer)

MLflow is no dependency of this package: ``pip install mlflow`` (``mlflow-skinny`` suffices).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from sklearn_musiclime.explanation import GlobalExplanation, LocalExplanation
from sklearn_musiclime.results.exports import needed

MOST_TEXT = 500
"""Longest value of a parameter that every version of MLflow takes."""


def log_explanation(
    explanation: LocalExplanation | GlobalExplanation,
    name: str | None = None,
    *,
    explainer: BaseEstimator | None = None,
    page: bool = True,
) -> None:
    """Log an explanation to the active run of MLflow.

    All keys begin with `name` and a slash, and artifacts are in a folder of that name, so that a
    run can hold several explanations. As with all functions of MLflow, a run is started if none is
    active. Characters that MLflow takes in no key become underscores.

    Of a song, parameters are the settings that the explanation was made with, its title and its
    labels; metrics are, label by label, the model's score, the fidelity and the modality shares.
    Artifacts are the page (``explanation.html``), the explanation itself as files that
    :meth:`LocalExplanation.load <sklearn_musiclime.LocalExplanation.load>` reads
    (``explanation.json`` and ``.npz``), and a table of the components of each label
    (``components.csv``).

    Of many songs, metrics are the numbers of songs explained and failed and, class by class, the
    number of explanations, the mean fidelity and the mean shares. Artifacts are the page, with the
    pages of picked songs that it links to, the files that :meth:`GlobalExplanation.load
    <sklearn_musiclime.GlobalExplanation.load>` reads, a table of importances
    (``components.csv``), and of failures (``failures.csv``), if there are any.

    Parameters
    ----------
    explanation : LocalExplanation or GlobalExplanation
        The explanation.
    name : str or None, default=None
        Name of the explanation within the run. None: "song-" and its row, or "global".
    explainer : MusicLimeExplainer or None, default=None
        Its parameters are logged as well, which a global explanation does not know.
    page : bool, default=True
        Whether to make the page. That of a song has its sound in it; one without waveforms has no
        page.

    Raises
    ------
    ImportError
        MLflow is not installed.
    TypeError
        `explanation` is neither of the two.
    """
    if not isinstance(explanation, (LocalExplanation, GlobalExplanation)):
        raise TypeError(
            f"a LocalExplanation or a GlobalExplanation can be logged, got "
            f"{type(explanation).__name__}; log several one by one"
        )
    mlflow = needed("mlflow")
    params: dict[str, Any] = {}
    if isinstance(explanation, LocalExplanation):
        name = f"song-{explanation.row}" if name is None else name
        params |= {**explanation.settings, "title": explanation.title, "labels": explanation.labels}
        metrics = _metrics_of_song(explanation)
    else:
        name = "global" if name is None else name
        params["labels"] = explanation.labels
        metrics = _metrics_of_songs(explanation)
    if explainer is not None:
        own = explainer.get_params(deep=False)
        params |= {f"explainer.{key}": value for key, value in own.items()}
    name = as_key(name)
    with tempfile.TemporaryDirectory() as folder:
        _write_files(explanation, Path(folder), page)
        mlflow.log_params({f"{name}/{as_key(k)}": _cut(str(value)) for k, value in params.items()})
        known = {key: float(value) for key, value in metrics.items() if np.isfinite(value)}
        mlflow.log_metrics({f"{name}/{key}": value for key, value in known.items()})
        mlflow.log_artifacts(folder, artifact_path=name)


def as_key(text: str) -> str:
    """Replace the characters that MLflow takes in no key.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        ASCII letters, digits, ``_``, ``-`` and ``.``, at most 100 of them. Not empty.

    Examples
    --------
    >>> from sklearn_musiclime.tracking import as_key
    >>> as_key("R&B / soul")
    'R_B_soul'
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)[:100].strip(".") or "_"


def _label_keys(labels: Iterable[Hashable]) -> list[str]:
    """Keys of labels, no two of them the same."""
    keys: list[str] = []
    for label in labels:
        key = as_key(str(label))
        # Upper case and lower case are the same on some file systems, on which MLflow keeps keys.
        taken = {known.casefold() for known in keys}
        n = 1
        while (unique := key if n == 1 else f"{key}-{n}").casefold() in taken:
            n += 1
        keys.append(unique)
    return keys


def _metrics_of_song(explanation: LocalExplanation) -> dict[str, float]:
    metrics: dict[str, float] = {"n_components": len(explanation.components)}
    keys = _label_keys(explanation.labels)
    for index, (key, label) in enumerate(zip(keys, explanation.labels, strict=True)):
        shares = explanation.modality_share(label)["share"]
        metrics |= {
            f"{key}/score": explanation.prediction[label],
            f"{key}/fidelity": explanation.fidelity[index],
            **{f"{key}/share.{modality}": share for modality, share in shares.items()},
        }
    return metrics


def _metrics_of_songs(explanation: GlobalExplanation) -> dict[str, float]:
    metrics: dict[str, float] = {
        "n_components": len(explanation.components),
        "n_failures": len(explanation.failures),
    }
    songs = explanation.songs
    if songs is None:
        return metrics
    metrics["n_explanations"] = len(songs)
    metrics["n_songs"] = songs["row"].nunique()
    shares = explanation.modality_share()
    for key, label in zip(_label_keys(explanation.labels), explanation.labels, strict=True):
        fidelity = songs["fidelity"][[own == label for own in songs["label"]]]
        row = shares.iloc[explanation.labels.index(label)]
        metrics |= {
            f"{key}/n_explanations": len(fidelity),
            f"{key}/fidelity": fidelity.mean(),
            **{f"{key}/share.{share}": row[share] for share in explanation.share_names},
        }
    return metrics


def _write_files(
    explanation: LocalExplanation | GlobalExplanation, folder: Path, page: bool
) -> None:
    explanation.save(folder / "explanation.json")
    tables = {}
    if isinstance(explanation, GlobalExplanation):
        has_page = True
        tables["components"] = explanation.to_frame()
        if len(explanation.failures):
            tables["failures"] = explanation.failures
    else:
        audio = explanation.components.audio
        has_page = audio is None or audio.sources is not None
        frames = [explanation.to_frame(label) for label in explanation.labels]
        for label, frame in zip(explanation.labels, frames, strict=True):
            frame.insert(0, "label", str(label))
        tables["components"] = pd.concat(frames, ignore_index=True)
    for table, frame in tables.items():
        # Half of a surrogate pair, which lyrics may contain, has no bytes.
        frame.to_csv(folder / f"{table}.csv", index=False, errors="backslashreplace")
    if page and has_page:
        explanation.to_html(folder / "explanation.html")


def _cut(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 3]}..."
