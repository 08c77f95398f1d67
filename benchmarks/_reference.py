"""The reference procedure, and what the benchmarks of speed measure with.

The procedure is written from the description of MusicLIME (Sotirou et al., arXiv 2409.10496), which
follows LIME and audioLIME: a fair coin for each component of each sample; the kept components added
up at the length of the song; the model asked about every perturbed song, features included; one
ridge regression a label. It is given the components, the model and the kernel of this package, so
that both estimate the same weights and only the way there differs.
"""

import gc
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.fft
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import cosine_distances

from sklearn_musiclime.neighbourhood import compose_lyrics

BATCH = 32
"""Perturbed songs that the reference shows to the model at a time."""


class ReferenceAudio:
    """Audio components as the reference keeps them.

    Parameters
    ----------
    audio : AudioComponents
        Sources and segments.
    full_length : bool, default=False
        Keep every component as an array of the song's length, silent but for its segment, and add
        up whole arrays: what audioLIME does. Of a full song these take over 500 MB, so by default
        only what sounds is kept and added into a silent song, which is faster than audioLIME.
    """

    def __init__(self, audio, *, full_length=False):
        self.full_length = full_length
        self.n_samples = len(audio.mix)
        self.blocks = [
            (start, stop, source[start:stop].copy())
            for source in audio.sources
            for start, stop in pairwise(audio.borders)
        ]
        if full_length:
            self.blocks = [(0, self.n_samples, self._add([block])) for block in self.blocks]

    def compose(self, mask):
        """Add up the components that a mask keeps."""
        kept = [self.blocks[component] for component in np.flatnonzero(mask)]
        if self.full_length and kept:
            return sum(block for _, _, block in kept)
        return self._add(kept)

    def _add(self, blocks):
        waveform = np.zeros(self.n_samples, dtype=np.float32)
        for start, stop, block in blocks:
            waveform[start:stop] += block
        return waveform


def reference_masks(n_samples, n_components, seed):
    """Fair coins; the first mask keeps everything."""
    masks = np.random.default_rng(seed).integers(0, 2, (n_samples, n_components)).astype(bool)
    masks[0] = True
    return masks


def reference_scores(predict, components, audio, masks):
    """Compose, featurize and predict each sample, batch by batch."""
    n_audio, scores = components.n_audio, []
    for first in range(0, len(masks), BATCH):
        batch = masks[first : first + BATCH]
        songs = {
            "audio": [audio.compose(mask[:n_audio]) for mask in batch],
            "lyrics": [compose_lyrics(components.lyrics, mask[n_audio:]) for mask in batch],
        }
        scores.append(predict(pd.DataFrame(songs)))
    return np.concatenate(scores)


def reference_weights(masks, scores, kernel_width):
    """One weighted ridge a label, (n_labels, n_components)."""
    distance = cosine_distances(masks.astype(float), np.ones((1, masks.shape[1])))[:, 0]
    weight = np.sqrt(np.exp(-(distance**2) / kernel_width**2))
    return np.stack(
        [Ridge(alpha=1.0).fit(masks, target, sample_weight=weight).coef_ for target in scores.T]
    )


class Precomputed:
    """A separator that knows the sources already, so that separation is not timed."""

    def __init__(self, names, sources):
        self.names = tuple(names)
        self.sources = sources

    def separate(self, waveform, sampling_rate):
        """Return the sources, whatever the waveform."""
        return self.names, self.sources

    def __repr__(self):
        return f"Precomputed({self.names})"


def bands(waveform, n_sources):
    """Split a waveform's spectrum into bands as wide as one another on a logarithmic scale."""
    spectrum = scipy.fft.rfft(waveform)
    edges = np.geomspace(len(spectrum) / 200, len(spectrum), n_sources + 1).astype(int)
    edges[0] = 0
    sources = []
    for low, high in pairwise(edges):
        part = np.zeros_like(spectrum)
        part[low:high] = spectrum[low:high]
        sources.append(scipy.fft.irfft(part, len(waveform)))
    names = [f"band{i}" for i in range(n_sources)]
    return Precomputed(names, np.stack(sources).astype(np.float32))


def waveform_of(song):
    """The waveform of a DataFrame of one song."""
    return song["audio"].iloc[0]["array"]


def cut(song, seconds):
    """The beginning of a song, with the words that are sung in it where their times are known."""
    cell, row = song["audio"].iloc[0], song.iloc[[0]].copy()
    rate = cell["sampling_rate"]
    short = {"array": cell["array"][: round(seconds * rate)], "sampling_rate": rate}
    row["audio"] = pd.Series([short], index=row.index, dtype=object)
    if "word_times" in row:
        words, times = row["lyrics"].iloc[0].split(), row["word_times"].iloc[0]
        n_words = max(sum(start < seconds for start, _ in times), 1)
        row["lyrics"] = " ".join(words[:n_words])
        row["word_times"] = pd.Series([times[:n_words]], index=row.index, dtype=object)
    return row


def timed(function):
    """Seconds that a call takes, and what it returns."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def seconds_of(function, repeats=5):
    """Median time of a few calls after one that warms caches up."""
    function()
    return float(np.median([timed(function)[0] for _ in range(repeats)]))


def agreement(weights, converged):
    """Error relative to converged weights, overlap of the ten largest, and rank correlation."""
    top = [set(np.argsort(-np.abs(w), kind="stable")[:10]) for w in (weights, converged)]
    return {
        "error": float(np.linalg.norm(weights - converged) / np.linalg.norm(converged)),
        "top-10": len(top[0] & top[1]) / len(top[1]),
        "rank": float(spearmanr(weights, converged).statistic),
    }


def peak_rss(function, warm_up, *arguments):
    """MB by which a call raises the memory of a fresh process, over that with its arguments loaded.

    Resident memory, so that what numba, the BLAS and the FFT take outside of Python is counted.
    `function` and `warm_up` are called with the arguments; the latter only loads what is imported
    late. None where the system is not Linux.
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_peak_rss, function, warm_up, arguments).result()


def _peak_rss(function, warm_up, arguments):
    warm_up(*arguments)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak there was
    before = _status("VmRSS")
    function(*arguments)
    return (_status("VmHWM") - before) / 1e6


def _status(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line for line in lines if line.startswith(field + ":")).split()[1]
    return int(kilobytes) * 1024
