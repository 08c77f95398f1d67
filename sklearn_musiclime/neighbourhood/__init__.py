"""The neighbourhood of a song: masks, the perturbed songs they make, and the model's scores.

**Which design.** Leave ``design="auto"``, unless:

- a *factored* model, with one branch a modality (:mod:`~sklearn_musiclime.neighbourhood.factored`),
  gets "crossed": masks of the audio and of the lyrics are drawn apart and combined, since encoding
  is what costs. To come as near as 5,000 independent masks do, it took 2,582 encodings of each
  modality (``benchmarks/results/speed.json``);
- a *black box* gets "paired": a mask and its complement. Where samples are several times the
  components that is better than "independent", by a little for a model full of interactions (4,464
  calls for what 5,000 independent ones do), and where there are as few samples as components it is
  worse (``benchmarks/results/planted.json``, about 75 components: with 125 samples an error of 0.55
  against 0.44, with 500 of 0.16 against 0.18). Then take "independent";
- songs of so few components that all masks are no more than `n_samples` are enumerated: no sampling
  error is left, and standard errors are 0.

**How many samples.** Errors fall with the root of `n_samples`: four times the samples, half the
error. The made songs of ``planted.json`` had all their planted components in front from 250 samples
on, at an error of 0.28 of the weights; 1,000, the default, had 0.10. The standard errors say what a
song's own are, and ``tol=0.1`` draws until none is above a tenth of the largest weight. A pair of
numbers spends where it is cheap: ``n_samples=(2000, 150)`` for audio whose features come from a
table and lyrics that go through a sentence encoder.

**What it costs**, for a song of S sources and T segments, ``n_samples`` of n or of (n, m):

=====================  =====================================================================
model                  asked about
=====================  =====================================================================
black box              n + 5 perturbed songs: the song itself, n masks, and the song, its
                       audio alone, its lyrics alone, and neither
factored               n audios and m texts, each encoded once, and the head about 8 times the
                       larger of n and m combinations, with `interactions` up to 40,000 more
`SpectralStatistics`   frames instead of audios: at most 2^S times those of the song, and at a
                       border of two segments 4^S times the few that lie across it; n matters
                       only when they are pooled
`AudioEmbedder`        windows instead of audios: a window that k segments touch at most
                       min(n, 2^(S k)) times
=====================  =====================================================================

So the time is the number of encodings times what one takes. For a black box composing a perturbed
song comes on top: 0.28 ms for a clip of 15 s, 3.8 ms for a song of 148 s; `n_jobs` divides both.
Measured on two cores (``speed.json``, ``encoders.json``):

====================================  ====================  =========
song and model                        encodings             seconds
====================================  ====================  =========
15 s, spectral statistics, TF-IDF     2400 and 240 masks    0.20
the same as a black box               600 songs             7.5
148 s, spectral statistics, TF-IDF    1200 and 600 masks    0.73
15 s, statistics and MiniLM           2000 and 150 masks    1.1
166 s, AST and RoBERTa, processor     193 windows, 501      366
                                      texts
====================================  ====================  =========

An example of the last kind: an AST hears that song in 17 windows, so 5,000 masks are 85,000
windows, one by one, and 193 where each distinct one is encoded once.

*Memory* is that of the sources, 4 bytes a sample and source; of the encoded halves, 8 bytes a
number that the branches put out, n + m times; and of one batch a worker, ``batch_size`` whole songs
or 64 MiB. A song of 148 s took 226 MB with 5,000 masks and 466 MB with 50,000, sources not counted.

The numbers of a design, without any model:

>>> import numpy as np
>>> from sklearn_musiclime.neighbourhood import draw_neighbourhood
>>> rng = np.random.default_rng(0)
>>> paired = draw_neighbourhood("paired", n_audio=20, n_lyrics=60, n_samples=1000, rng=rng)
>>> len(paired.with_corners().all_pairs) + 1  # calls of a black box
1005
>>> crossed = draw_neighbourhood("crossed", 20, 60, (2000, 150), rng, with_grid=True)
>>> crossed.n_halves  # encodings
(2000, 150)
>>> len(crossed.pairs), len(crossed.grid_pairs)  # calls of the head
(15773, 39960)
"""

from sklearn_musiclime.neighbourhood.designs import (
    Neighbourhood,
    check_design,
    draw_masks,
    draw_neighbourhood,
)
from sklearn_musiclime.neighbourhood.factored import find_factored, score_factored
from sklearn_musiclime.neighbourhood.models import ScoreFunction, select_labels
from sklearn_musiclime.neighbourhood.perturbed import (
    AudioNeighbourhood,
    PerturbedAudio,
    PerturbedLyrics,
    compose_audio,
    compose_lyrics,
    perturbed_songs,
)
from sklearn_musiclime.neighbourhood.scorer import MaskFunction, NeighbourhoodScorer
from sklearn_musiclime.neighbourhood.scoring import automatic_batch_size, score_masks

__all__ = [
    "AudioNeighbourhood",
    "MaskFunction",
    "Neighbourhood",
    "NeighbourhoodScorer",
    "PerturbedAudio",
    "PerturbedLyrics",
    "ScoreFunction",
    "automatic_batch_size",
    "check_design",
    "compose_audio",
    "compose_lyrics",
    "draw_masks",
    "draw_neighbourhood",
    "find_factored",
    "perturbed_songs",
    "score_factored",
    "score_masks",
    "select_labels",
]
