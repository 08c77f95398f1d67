"""Explain many songs on a Dask cluster, and go on where a run was stopped.

Needs ``pip install sklearn-musiclime[distributed]``.

What one learns: the explainer asks joblib for workers, so the backend decides where they are: a
process of this machine, or a thousand machines. ``memory`` keeps each finished song in a folder
that all workers see, so a run that was stopped goes on there. A file that can't be read ends
nothing.

What to expect: one song of twelve is no audio file. It is named, with the reason, and the eleven
others are explained. The second run finds them done. Takes fifteen seconds, most of them to start
the workers: ``python -m sklearn_musiclime.examples.corpus_on_dask``.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from joblib import parallel_config
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import GlobalExplanation, MusicLimeExplainer, make_fusion_pipeline
from sklearn_musiclime.datasets import make_songs, save_songs


def main() -> tuple[GlobalExplanation, GlobalExplanation]:
    """Explain a folder of songs twice, and return what was found each time."""
    from dask.distributed import Client  # an extra

    songs, moods, stems, _ = make_songs(12, duration=1.0, random_state=0)
    model = FrozenEstimator(make_fusion_pipeline().fit(songs, moods))
    with (
        TemporaryDirectory() as folder,
        # On a cluster: Client("tcp://scheduler:8786"), and a folder that all machines see.
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
    return tuple(runs)


if __name__ == "__main__":
    main()
