"""Choose the settings of an explainer as those of any estimator: by a grid search.

What one learns: an explainer has a score, its fidelity, so ``GridSearchCV`` takes it as it stands,
and what is inside of it (``segmenter__n_segments``) can be searched too.
``metrics.SCORERS["fidelity"]`` is stricter: on masks that the weights were not fitted to.

What to expect: the model listens to tenths of a song, so ten segments explain it better than seven,
which cut across them, whatever the kernel. Takes five seconds:
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
        cv=2,  # nothing is learnt from the songs; the folds tell how much songs differ
    )
    search.fit(songs)

    columns = ["params", "mean_test_score", "std_test_score"]
    print(pd.DataFrame(search.cv_results_)[columns].round(3).to_string(index=False))
    print("best:", search.best_params_)
    return search


if __name__ == "__main__":
    main()
