"""Explain many songs on a Dask cluster, and resume a run that was interrupted.

Needs ``pip install sklearn-musiclime[distributed]``.

What one learns: the explainer runs in parallel by joblib, so the joblib backend decides where:
in processes of this machine, or on many machines. ``memory`` stores the explanation of each
finished song in a folder that all workers share, so that an interrupted run can be resumed. With
``on_error="warn"``, a file that can't be read does not end the run.

What to expect: one of the twelve files is not audio. It is listed with the reason, and the other
eleven songs are explained. The second run loads their explanations from the folder. Takes fifteen
seconds, mostly to start the workers: ``python -m sklearn_musiclime.examples.corpus_on_dask``.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from joblib import parallel_config
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import GlobalExplanation, MusicLimeExplainer, make_fusion_pipeline
from sklearn_musiclime.datasets import make_songs, save_songs


def main() -> tuple[GlobalExplanation, GlobalExplanation]:
    """Explain a folder of songs twice, and return both global explanations."""
    from dask.distributed import Client  # an extra

    songs, moods, stems, _ = make_songs(12, duration=1.0, random_state=0)
    model = FrozenEstimator(make_fusion_pipeline().fit(songs, moods))
    with (
        TemporaryDirectory() as folder,
        # On a cluster: Client("tcp://scheduler:8786"), and a folder that all machines share.
        Client(n_workers=2, threads_per_worker=1, dashboard_address=None),
    ):
        songs = save_songs(songs, stems, folder)
        Path(songs.loc[3, "audio"]).write_text("not audio")
        explainer = MusicLimeExplainer(
            model, n_samples=200, n_jobs=-1, memory=f"{folder}/cache", random_state=0
        ).fit(songs)

        runs = []
        for number in ("first", "second"):
            start = perf_counter()
            with parallel_config(backend="dask"):
                runs.append(explainer.explain_global(songs, on_error="warn"))
            print(f"{number} run: {perf_counter() - start:.1f} s")
    print(runs[0].failures, "\n")
    print(runs[0].top(5, "calm")[["component", "importance", "low", "high"]])
    first, second = runs
    return first, second


if __name__ == "__main__":
    main()
