"""What takes the place of what is left out: recall, and likeness to songs, with each fill.

Songs of one class have a short motif, and most of them also have gaps and are softer, so that a
model goes by all of these. Explained are songs of this class that have the motif and no gap. With
silence in the place of what is left out, every segment seems to speak against the class.

- recall: songs in which the segment of the motif has the largest weight, by its absolute value;
- others: root mean square of the weights of the other segments, as a part of the motif's;
- told apart: cross-validated area under the ROC curve of a classifier that tells perturbed songs
  from songs by the features that the model reads (0.5: it can't);
- covered, large: weights, and large weights (at least 0.3 of the largest), whose 95 % interval
  covers the weight of all masks and donors: of a regression on the same features, with 200 masks
  of one song and 40 seeds.

    python benchmarks/fills.py
"""

import time

import numpy as np
import pandas as pd
from _results import write_results
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_musiclime import Donors, MusicLimeExplainer
from sklearn_musiclime.neighbourhood import compose_audio, draw_masks
from sklearn_musiclime.surrogate import kernel_weights

RATE, N_SEGMENTS = 22050, 10
SEGMENT, FRAME = RATE // 2, 1024
BAND = (2200, 2800)
"""Frequencies of the motif, in Hz."""
N_TRAIN, N_TEST, N_DONORS = 300, 300, 8
N_CORPORA, N_SEEDS = 3, 40
FILLS = ("silence", "noise", "mean", "donors", "matched donors")


def make_song(rng, has_motif, n_gaps, level):
    """A waveform of a chord, noise and beats, and the segment of its motif, -1 if it has none."""
    n_samples = N_SEGMENTS * SEGMENT
    seconds = np.arange(n_samples) / RATE
    frequencies = np.fft.rfftfreq(n_samples)
    spectrum = rng.normal(size=(2, len(frequencies))) / np.sqrt(np.maximum(frequencies, 1e-3))
    noise = np.fft.irfft(spectrum[0] + 1j * spectrum[1], n_samples)
    tone, beats = rng.uniform(110, 330), rng.uniform(80, 150) / 60
    chord = sum(
        np.sin(2 * np.pi * tone * k * seconds + rng.uniform(0, 2 * np.pi)) / k for k in range(1, 6)
    )
    hits = rng.normal(size=n_samples) * np.exp(-6 * ((seconds * beats) % 1) / beats)
    waveform = 0.6 * noise / noise.std() + 0.6 * chord + 0.7 * hits
    where = -1
    if has_motif:
        where = int(rng.integers(N_SEGMENTS))
        own = slice(where * SEGMENT, (where + 1) * SEGMENT)
        wobble = 12.5 * np.sin(2 * np.pi * 8 * seconds[own])
        trill = np.sin(2 * np.pi * 2500 * seconds[own] + wobble)
        waveform[own] += 0.25 * trill * np.sin(np.pi * np.arange(SEGMENT) / SEGMENT)
    for gap in rng.choice(N_SEGMENTS, n_gaps, replace=False):
        waveform[gap * SEGMENT : (gap + 1) * SEGMENT] = 0
    waveform *= 0.1 * level * 10 ** (rng.normal(0, 3) / 20)
    return waveform.astype(np.float32), where


def make_corpus(n_songs, seed):
    rng, rows = np.random.default_rng(seed), []
    for number in range(n_songs):
        has_motif = number % 2 == 0
        is_usual = rng.random() < 0.8
        is_soft = has_motif == is_usual
        n_gaps = int(rng.integers(1, 4)) if is_soft else 0
        waveform, where = make_song(rng, has_motif, n_gaps, 0.5 if is_soft else 1.0)
        rows.append((waveform, has_motif, where, n_gaps))
    return pd.DataFrame(rows, columns=["audio", "has_motif", "where", "n_gaps"])


def hear(waveforms):
    """Share of quiet frames, level in dB, and the largest share of the motif's band in a frame."""
    rows = []
    for waveform in waveforms:
        frames = np.asarray(waveform)[: len(waveform) // FRAME * FRAME].reshape(-1, FRAME)
        power = np.square(np.abs(np.fft.rfft(frames)))
        energy = power.sum(axis=1)
        low, high = (round(frequency * FRAME / RATE) for frequency in BAND)
        level = 10 * np.log10(energy.mean() + 1e-9)
        sounds = energy > 0.01 * energy.max()
        share = power[sounds, low:high].sum(axis=1) / (energy[sounds] + 1e-9)
        rows.append([1 - sounds.mean(), level, share.max(initial=0.0)])
    return np.array(rows)


def trained(corpus, head):
    model = make_pipeline(
        make_column_transformer((FunctionTransformer(hear), "audio")), StandardScaler(), head
    )
    return model.fit(corpus[["audio"]], corpus["has_motif"])


def make_fill(name, corpus):
    if "donors" not in name:
        return name
    songs = corpus[["audio"]].sample(60, random_state=0)
    return Donors(songs, n_donors=N_DONORS, match="loudness" if name == "matched donors" else None)


def explainer_of(model, fill, songs, **parameters):
    explainer = MusicLimeExplainer(
        FrozenEstimator(model), separator=None, modality="audio", interactions=None, fill=fill,
        **parameters,
    )  # fmt: skip
    return explainer.fit(songs)


def told_apart(explainer, model, songs, seed):
    """How well songs and their perturbed songs are told apart by the model's features."""
    rng, perturbed = np.random.default_rng(seed), []
    for function in explainer.mask_functions(songs):
        audio = function.components.audio
        (mask,) = draw_masks("independent", len(audio), 2, rng)[1:]
        n_fills, _ = function.components.n_fills
        perturbed.append(compose_audio(audio, mask, int(rng.integers(n_fills))))
    both = pd.DataFrame({"audio": [*songs["audio"], *perturbed]})
    is_perturbed = np.repeat([False, True], len(songs))
    groups = np.tile(np.arange(len(songs)) % 5, 2)
    folds = [(np.flatnonzero(groups != g), np.flatnonzero(groups == g)) for g in range(5)]
    judge = LogisticRegression(C=0.1, max_iter=2000)
    chance = cross_val_predict(
        judge, model[:-1].transform(both), is_perturbed, cv=folds, method="predict_proba"
    )
    return roc_auc_score(is_perturbed, chance[:, 1])


def coverage(model, fill, song):
    """Which intervals of several seeds cover the weight of all masks and donors, and large ones."""
    explainer = explainer_of(model, fill, song, n_samples=200, random_state=0)
    (function,) = explainer.mask_functions(song)
    masks = draw_masks("exhaustive", N_SEGMENTS, 2, np.random.default_rng(0))
    scores, weight = function(masks)[:, 0], kernel_weights(masks, explainer.kernel_width)
    design = np.column_stack([np.ones(len(masks)), masks]) * np.sqrt(weight)[:, np.newaxis]
    truth = np.linalg.lstsq(design, scores * np.sqrt(weight), rcond=None)[0][1:]
    covered = []
    for seed in range(N_SEEDS):
        explainer.set_params(random_state=seed)
        frame = explainer.explain(song)[0].to_frame()
        covered.append((frame["low"] <= truth) & (truth <= frame["high"]))
    return np.mean(covered, axis=0), np.abs(truth) >= 0.3 * np.abs(truth).max()


def main():
    rows = {fill: {"recall": [], "others": [], "auc": [], "seconds": []} for fill in FILLS}
    covered = {}
    for seed in range(N_CORPORA):
        corpus, songs = make_corpus(N_TRAIN, 2 * seed), make_corpus(N_TEST, 2 * seed + 1)
        model = trained(corpus, LogisticRegression())
        songs = songs[songs["has_motif"] & (songs["n_gaps"] == 0)].reset_index(drop=True)
        X = songs[["audio"]]
        for name in FILLS:
            fill = make_fill(name, corpus)
            explainer = explainer_of(model, fill, X, link="logit", n_samples=300, random_state=0)
            start = time.perf_counter()
            found = explainer.explain(X, labels=[True])
            rows[name]["seconds"].append((time.perf_counter() - start) / len(X))
            for explanation, where in zip(found, songs["where"], strict=True):
                weights = np.abs(explanation.weights[0])
                others = np.delete(weights, where)
                rows[name]["recall"].append(weights.argmax() == where)
                rows[name]["others"].append(np.sqrt(np.mean(np.square(others))) / weights[where])
            rows[name]["auc"].append(told_apart(explainer, model, corpus[["audio"]][:100], seed))
            if seed == 0:
                regression = trained(corpus, Ridge())
                covered[name] = coverage(regression, fill, X[:1])
    table = [
        {
            "fill": name,
            "songs": len(own["recall"]),
            "recall": np.mean(own["recall"]),
            "others": np.median(own["others"]),
            "told apart": np.mean(own["auc"]),
            "covered": covered[name][0].mean(),
            "large": covered[name][0][covered[name][1]].mean(),
            "seconds a song": np.mean(own["seconds"]),
        }
        for name, own in rows.items()
    ]
    write_results("fills", table, corpora=N_CORPORA, donors=N_DONORS, seeds=N_SEEDS)


if __name__ == "__main__":
    main()
