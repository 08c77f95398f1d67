"""Sets that are enough for a label or change it: how small, how sure, how many calls.

Games of up to 14 parts, all of whose sets are known, tell how often the set found is the smallest
one, and how often the certified bound holds. Real windows tell what sets look like, and what they
cost; their bounds are checked on 2,000 more masks.

    python benchmarks/sets.py [FOLDER OF THE REAL SONGS]
"""

import sys
import warnings
from pathlib import Path

import numpy as np
from _results import write_results
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import MusicLimeExplainer
from sklearn_musiclime.commands import demo_model
from sklearn_musiclime.datasets import load_jamendo_lyrics

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from set_games import crossed_game, linear_game, rule_game

N_CASES, N_WINDOWS, TARGET = 200, 10, 0.9
GAMES = {"sums": linear_game, "rules": rule_game, "sums and products": crossed_game}


def games():
    rows = []
    for name, make in GAMES.items():
        for n in (10, 14):
            more, holds, calls, known, lost = [], [], [], [], []
            for seed in range(N_CASES):
                game = make(seed, n)
                explanation = game.explanation()
                found = explanation.sufficient(mask_function=game, random_state=seed)
                calls.append(found.n_calls)
                if found.found:
                    more.append(found.n_parts - game.smallest_sufficient(TARGET))
                    holds.append(game.probability_of(found) >= found.low - 1e-12)
                without = explanation.counterfactual(mask_function=game, random_state=seed)
                smallest = game.smallest_counterfactual()
                if smallest is not None:
                    lost.append(without.found and without.n_parts == smallest)
                    known.append(without.is_smallest)
            rows.append({
                "games": name,
                "parts": n,
                "cases": N_CASES,
                "enough: found": len(more),
                "smallest": np.mean(np.array(more) <= 0),
                "at most one more": np.mean(np.array(more) <= 1),
                "bound holds": np.mean(holds),
                "calls": int(np.median(calls)),
                "changes it: cases": len(lost),
                "changes it: smallest": np.mean(lost),
                "known to be": np.mean(known),
            })  # fmt: skip
    return rows


def windows(folder):
    clips = load_jamendo_lyrics(folder)
    model = FrozenEstimator(demo_model().fit(clips, clips["genre"]))
    rows = np.linspace(0, len(clips) - 1, N_WINDOWS).astype(int)
    songs = clips.iloc[rows]
    explainer = MusicLimeExplainer(model, random_state=0, proxy=None).fit(songs)
    found = []
    for explanation in explainer.explain(songs):
        ask = explanation.mask_function()
        enough = explanation.sufficient(mask_function=ask)
        without = explanation.counterfactual(mask_function=ask, max_calls=2000)
        kept = np.nan
        if enough.found:
            rng = np.random.default_rng(1)
            masks = rng.random((2000, len(explanation.components))) < 0.5
            masks[:, list(enough.positions)] = True
            label = list(explanation.prediction).index(explanation.labels[0])
            kept = (ask(masks).argmax(axis=1) == label).mean()
        found.append({
            "window": explanation.row,
            "label": explanation.labels[0],
            "components": len(explanation.components),
            "enough": enough.n_parts if enough.found else "none",
            "at least": enough.low,
            "on 2,000 more masks": kept,
            "calls": enough.n_calls,
            "changes it": without.n_parts if without.found else "none",
        })  # fmt: skip
    return found


def main():
    warnings.simplefilter("ignore")
    write_results("sets", games(), target=TARGET)
    folder = sys.argv[1:] or [Path(__file__).parents[2] / "shared" / "data" / "jamendolyrics"]
    write_results("sets_songs", windows(Path(folder[0])), target=TARGET)


if __name__ == "__main__":
    main()
