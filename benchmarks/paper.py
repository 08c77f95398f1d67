"""Global explanations: those that the paper's authors published, and our own from raw songs.

From the sums that they published (``feature_weights_&_counts``), per class the components that each
of the three importances puts first, among those in at least 2 explanations. Then the same from raw
songs: all windows of JamendoLyrics are explained in one line, and aggregated; components count that
at least 2 windows have, intervals resample songs. Last made songs, whose rule is known: what was
planted should come first; their picture is written too.

    python benchmarks/paper.py
"""

import argparse
import json
import re
import tempfile
from pathlib import Path
from time import perf_counter

from _cases import SONGS
from _results import FOLDER, write_results
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import GlobalExplanation, MusicLimeExplainer, StemSeparator
from sklearn_musiclime.commands import demo_model
from sklearn_musiclime.datasets import load_jamendo_lyrics, make_songs, save_songs
from sklearn_musiclime.results.importance import METHODS

PUBLISHED = SONGS.parent / "musiclime_published"
N_SHOWN = 3


def printable(word):
    """A word, but for a slur that published lyrics hold."""
    return re.sub(r"(?i)^n.gg\w*", f"{word[0]}***", word)


def table(data, explanation, min_count, seconds=None):
    """A row a class: what each importance puts first."""
    rows = []
    for label in explanation.labels:
        row = {"data": data, "class": str(label)}
        for method in METHODS:
            for modality in ("audio", "lyrics"):
                top = explanation.top(
                    N_SHOWN, label, method=method, modality=modality, min_count=min_count
                )
                row[f"{modality}, {method}"] = ", ".join(
                    f"{printable(c)} {v:.2g}"
                    for c, v in zip(top["component"], top["importance"], strict=True)
                )
        if explanation.songs is not None:
            shares = explanation.modality_share().loc[label]
            row["audio share"] = f"{shares['audio']:.2f}"
            if shares[["audio_low", "audio_high"]].notna().all():  # from more than one recording
                row["audio share"] += f" ({shares['audio_low']:.2f}-{shares['audio_high']:.2f})"
            row["explanations"] = int(shares["n_explanations"])
        rows.append({"audio share": "", "explanations": ""} | row)
    if seconds is not None:
        print(f"{data}: {len(explanation.songs)} explanations in {seconds:.1f} s")
    return rows


def explain_all(model, songs, groups, **parameters):
    """One line, timed."""
    begin = perf_counter()
    explainer = MusicLimeExplainer(FrozenEstimator(model), random_state=0, n_jobs=2, **parameters)
    explanation = explainer.fit(songs).explain_global(songs, groups=groups)
    return explanation, perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    rows = []
    for path in sorted(PUBLISHED.glob("*.json")):
        explanation = GlobalExplanation.from_totals(json.loads(path.read_text()))
        rows += table(f"published, {path.stem.replace('_', ' ')}", explanation, min_count=2)

    if options.songs.is_dir():
        X = load_jamendo_lyrics(options.songs)
        model = demo_model().fit(X, X["genre"])
        explanation, seconds = explain_all(model, X, X["song"])
        rows += table("JamendoLyrics", explanation, 2, seconds)

    X, y, stems, rule = make_songs(160, duration=6.0, random_state=0)
    print("Planted in the made songs:", rule.main, rule.interactions)
    model = demo_model().fit(X, y)
    with tempfile.TemporaryDirectory() as folder:
        songs = save_songs(X, stems, folder)
        separator = StemSeparator(sources=tuple(stems[0]))
        explanation, seconds = explain_all(model, songs, None, separator=separator)
    rows += table("made songs", explanation, 10, seconds)
    explanation.plot(min_count=10).savefig(FOLDER / "global.png", dpi=90)
    print(explanation.interactions("wild").head(5).to_string())
    write_results("paper", rows, min_count={"published": 2, "JamendoLyrics": 2, "made songs": 10})


if __name__ == "__main__":
    main()
