"""Pages of full songs: how large they are and how long it takes to write them.

The full songs of JamendoLyrics (a made one, where it is not found) are explained in two sources
(HPSS) and in four (bands of the spectrum), and each explanation is written as a page.

    python benchmarks/pages.py
"""

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

from _cases import RATE, SONGS, load_songs
from _reference import bands, waveform_of
from _results import write_results
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import HPSSSeparator, MusicLimeExplainer
from sklearn_musiclime.commands import demo_model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    folder = options.songs if options.songs.is_dir() else None
    X, y, full = load_songs(folder)
    model = FrozenEstimator(demo_model().fit(X[["audio", "lyrics"]], y))
    rows = []
    for n_sources in (2, 4):
        for number in range(len(full)):
            song = full.iloc[[number]]
            waveform = waveform_of(song)
            separator = HPSSSeparator() if n_sources == 2 else bands(waveform, n_sources)
            explainer = MusicLimeExplainer(model, separator=separator, random_state=0)
            explanation = explainer.fit(song).explain(song)[0]
            with tempfile.TemporaryDirectory() as place:
                begin = perf_counter()
                page = explanation.to_html(Path(place, "page.html"))
                seconds = perf_counter() - begin
                size = page.stat().st_size / 1e6
            rows.append(
                {
                    "song": number + 1,
                    "seconds": len(waveform) / RATE,
                    "sources": n_sources,
                    "words": explanation.components.n_lyrics,
                    "s to write": seconds,
                    "MB": size,
                }
            )
    write_results("pages", rows, songs="JamendoLyrics" if folder else "made")


if __name__ == "__main__":
    main()
