"""Choose the settings of an explainer by a grid search, as for any estimator.

What one learns: the ``score`` of an explainer is its fidelity, so ``GridSearchCV`` can search its
parameters, nested ones (``segmenter__n_segments``) included. ``metrics.SCORERS["fidelity"]`` is a
stricter score: the fidelity on masks that the weights were not fitted to.

What to expect: the model depends on tenths of a song, so ten segments explain it better than seven,
whose boundaries lie within the tenths, for either kernel width. Takes five seconds:
``python -m sklearn_musiclime.examples.search_settings``.
"""

import pandas as pd
from sklearn.model_selection import GridSearchCV

from sklearn_musiclime import MusicLimeExplainer
from sklearn_musiclime.datasets import make_songs
from sklearn_musiclime.metrics import SCORERS


def main() -> GridSearchCV:
    """Search, print the table, and return the search."""
    songs, _, _, rule = make_songs(4, duration=1.0, random_state=0)
    explainer = MusicLimeExplainer(
        rule.decision_function,  # instead: FrozenEstimator(your_model)
        separator=None,
        n_samples=200,
        interactions=None,
        random_state=0,
    )
    search = GridSearchCV(
        explainer,
        {"segmenter__n_segments": [7, 10], "kernel_width": [0.25, 1.0]},
        scoring=SCORERS["fidelity"],
        cv=2,  # nothing is learnt from the songs; the folds show how much scores vary
    )
    search.fit(songs)

    columns = ["params", "mean_test_score", "std_test_score"]
    print(pd.DataFrame(search.cv_results_)[columns].round(3).to_string(index=False))
    print("best:", search.best_params_)
    return search


if __name__ == "__main__":
    main()
