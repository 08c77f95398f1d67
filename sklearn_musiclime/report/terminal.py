"""Explanations as text, which the commands of the command line print."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from sklearn_musiclime.components.decomposition import MODALITIES
from sklearn_musiclime.components.readable import named
from sklearn_musiclime.report.lettering import shorten
from sklearn_musiclime.results.global_tables import GlobalResult
from sklearn_musiclime.results.local import LocalResult

if TYPE_CHECKING:
    import pandas as pd


def print_local(explanation: LocalResult) -> None:
    """Print the largest weights, the interactions and the shares of the modalities.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation.
    """
    label = explanation.labels[0]
    scores = ", ".join(f"{name} {score:.3f}" for name, score in explanation.prediction.items())
    print(f"{explanation.title}: {scores}")
    print(
        f"Why {label} (surrogate {explanation.local_prediction[0]:.3f}, "
        f"fidelity {explanation.fidelity[0]:.3f}, {explanation.settings['n_samples']} samples)\n"
    )
    modalities = ["audio", "lyrics"]
    if explanation.components.columns is not None:
        modalities.append("columns")
    shown, plain = named(explanation.components), named(explanation.components, counted=False)
    for modality in modalities:
        top = explanation.top(8, modality=modality)
        print(f"{modality:<38} {'weight':>9} {'+- 95 %':>9}")
        for row in top.itertuples():
            name = shorten(shown[row.component], 38)
            print(f"{name:<38} {row.weight:>+9.4f} {row.high - row.weight:>9.4f}")
        print()
    pairs = explanation.interactions().head(5)
    print(f"Together, beyond what each adds: {'nothing that stands out' if pairs.empty else ''}")
    for row in pairs.itertuples():
        pair = shorten(f"{plain[row.first]} x {plain[row.second]}", 38)
        print(f"{pair:<38} {row.weight:>+9.4f} {row.high - row.weight:>9.4f}")
    shares = explanation.modality_share()["share"]
    print("What moves the score: " + ", ".join(f"{m} {x:.0%}" for m, x in shares.items()))
    alone = explanation.modality_scores()
    print(
        "The score of " + ", ".join(f"{kept} {score:.3f}" for kept, score in alone.items()) + "\n"
    )


def print_global(explanation: GlobalResult, min_count: int) -> None:
    """Print the shares of the modalities and the most important components of each class.

    Parameters
    ----------
    explanation : GlobalExplanation
        The explanation.
    min_count : int
        Smallest number of explanations that contain a component.
    """
    shares = explanation.modality_share()
    has_columns = any(c.modality == "columns" for c in explanation.components)
    modalities = MODALITIES if has_columns else MODALITIES[:2]
    tops = {m: explanation.tops(8, modality=m, min_count=min_count) for m in modalities}
    for index, label in enumerate(explanation.labels):
        share = shares.loc[label]
        print(
            f"\n{label}: {share['n_explanations']:.0f} songs, what moves the score: "
            + ", ".join(f"{name} {share[name]:.0%}" for name in explanation.share_names)
        )
        for modality, top in tops.items():
            found = [f"{r.component} {r.importance:.3g}" for r in top[index].itertuples()]
            print(f"  {modality:<6} {', '.join(found) or f'nothing that {min_count} songs have'}")


def print_differences(tables: Sequence[tuple[Hashable, pd.DataFrame]], n: int = 10) -> None:
    """Print the differences between two versions of a model over many songs.

    Parameters
    ----------
    tables : sequence of (label, DataFrame)
        Each class, and its table, see :meth:`GlobalDifference.to_frame
        <sklearn_musiclime.GlobalDifference.to_frame>`.
    n : int, default=10
        Largest number of components per class.
    """
    for label, frame in tables:
        found = frame[frame["significant"]]
        print(f"\n{label}: {len(found)} of {len(frame)} components differ")
        if not found.empty:
            print(f"{'':<24} {'old':>9} {'new':>9} {'new - old':>9} {'+- 95 %':>9} {'songs':>6}")
        for row in found.head(n).itertuples():
            print(
                f"{' '.join(row.component.split())[:24]:<24} {row.old:>+9.4f} {row.new:>+9.4f} "
                f"{row.difference:>+9.4f} {row.high - row.difference:>9.4f} {row.n_groups:>6}"
            )
