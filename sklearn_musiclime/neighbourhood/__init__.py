"""The neighbourhood of a song: masks, the perturbed songs they make, and the model's scores.

Which design. Leave ``design="auto"``, which is

- "crossed" for a *factored* model, with one branch a modality
  (:mod:`~sklearn_musiclime.neighbourhood.factored`): masks of the audio and of the lyrics are drawn
  apart and combined, since it is the encoding that costs. To come as near as 5,000 independent
  masks do, it takes 2,582 encodings of each modality (``benchmarks/results/speed.json``);
- "paired" for a *black box*: each mask comes with its complement. Where samples are several times
  the components that is better than "independent" (4,464 calls for what 5,000 do, in
  ``speed.json``), where they are about as many it is worse: with about 75 components the error is
  0.55 against 0.44 at 125 samples, and 0.16 against 0.18 at 500
  (``benchmarks/results/planted.json``). So say "independent" where calls are that dear;
- all masks, once each, for a song of so few components that there are no more than `n_samples`.
  Then nothing is left to chance, and standard errors are 0. In the crossed design this holds for
  each half by itself. Of up to 20 components no mask is drawn twice, and errors shrink as masks run
  out.

How many samples. Errors fall with the root of `n_samples`: four times the samples, half the error.
In ``planted.json`` all planted components come first from 250 samples on, where the error of the
weights is 0.28; with 1,000, the default, it is 0.10. Standard errors tell what it is for a song of
your own, and ``tol=0.1`` draws until none is above a tenth of the largest weight. Two numbers spend
where it is cheap: ``n_samples=(2000, 150)`` for audio whose features come from a table and lyrics
that a sentence encoder reads.

What it costs. Let a song have S sources, and `n_samples` be n, or n and m. Then

- a black box scores n + 5 songs: the song itself, n masks, and the song again with its audio alone,
  its lyrics alone, and neither; and n / 10 more (24 at least, 100 at most), for modality shares:
  perturbed songs with the lyrics of another;
- a factored model encodes n audios and m texts, and the song once more to be sure that its parts
  are the whole; its head scores about 8 max(n, m) combinations, with `interactions` up to 40,000
  more, without them 2,500;
- :class:`~sklearn_musiclime.SpectralStatistics` in a factored model hears frames instead of audios:
  at most 2^S times those of the song, and 4^S times the few across a border of two segments,
  whatever n is; only pooling them grows with it;
- :class:`~sklearn_musiclime.AudioEmbedder` in a factored model hears windows instead of audios:
  each at most min(n, 2^(S k)) times, if it touches k segments.

Time is the number of encodings times what one takes. A black box also waits for each song to be
composed, 0.3 ms for a clip of 15 s and 3.8 ms for a song of 148 s, and `n_jobs` workers share both.
For example (``speed.json``; the last one ``encoders.json``, without a GPU):

- 15 s, spectral statistics and TF-IDF, masks (2400, 240): 0.20 s;
- the same as a black box, 1000 masks: 12.5 s;
- 148 s, spectral statistics and TF-IDF, masks (1200, 600): 0.73 s;
- 15 s, spectral statistics and MiniLM, masks (2000, 150): 1.1 s;
- 166 s, AST and RoBERTa, masks (5000, 500): 366 s, for 193 windows and 501 texts. An AST hears this
  song in 17 windows, so one by one they would be 85,000.

Memory is that of the sources, 4 bytes a sample of each; of n and m rows of what the branches put
out; and of one batch of composed songs a worker, `batch_size` of them, 64 MiB by default. A song of
148 s took 226 MB with 5,000 masks and 466 MB with 50,000, its sources not counted (``speed.json``).

The numbers of a design can be had without a model:

>>> import numpy as np
>>> from sklearn_musiclime.neighbourhood import draw_neighbourhood
>>> rng = np.random.default_rng(0)
>>> paired = draw_neighbourhood("paired", 20, 60, 1000, rng, with_shares=True)
>>> 1 + len(paired.with_corners().all_pairs)  # songs that a black box scores
1105
>>> crossed = draw_neighbourhood("crossed", 20, 60, (2000, 150), rng, with_grid=True)
>>> crossed.n_halves  # audios and texts that a factored model encodes
(2000, 150)
>>> len(crossed.pairs), len(crossed.grid_pairs)  # what its head scores
(15985, 39960)
"""

from sklearn_musiclime.neighbourhood.apart import NotApartError
from sklearn_musiclime.neighbourhood.designs import Neighbourhood, Scores, draw_neighbourhood
from sklearn_musiclime.neighbourhood.drawing import Drawing
from sklearn_musiclime.neighbourhood.factored import find_factored, score_factored
from sklearn_musiclime.neighbourhood.given import GivenAnswer, ask_about_row
from sklearn_musiclime.neighbourhood.labels import check_labels, select_labels
from sklearn_musiclime.neighbourhood.masks import DESIGNS, check_design, draw_masks
from sklearn_musiclime.neighbourhood.models import (
    Answer,
    ScoreFunction,
    check_n_labels,
    is_same_answer,
)
from sklearn_musiclime.neighbourhood.perturbed import (
    AudioNeighbourhood,
    PerturbedAudio,
    PerturbedLyrics,
    compose_audio,
    compose_lyrics,
    perturbed_songs,
)
from sklearn_musiclime.neighbourhood.rates import find_sampling_rate
from sklearn_musiclime.neighbourhood.sampling import Sampling, Side
from sklearn_musiclime.neighbourhood.scorer import (
    MaskFunction,
    NeighbourhoodScorer,
    blind_spots,
    fallback_message,
)
from sklearn_musiclime.neighbourhood.scoring import automatic_batch_size, score_masks
from sklearn_musiclime.neighbourhood.sequential import n_more_samples

__all__ = [
    "DESIGNS",
    "Answer",
    "AudioNeighbourhood",
    "Drawing",
    "GivenAnswer",
    "MaskFunction",
    "Neighbourhood",
    "NeighbourhoodScorer",
    "NotApartError",
    "PerturbedAudio",
    "PerturbedLyrics",
    "Sampling",
    "ScoreFunction",
    "Scores",
    "Side",
    "ask_about_row",
    "automatic_batch_size",
    "blind_spots",
    "check_design",
    "check_labels",
    "check_n_labels",
    "compose_audio",
    "compose_lyrics",
    "draw_masks",
    "draw_neighbourhood",
    "fallback_message",
    "find_factored",
    "find_sampling_rate",
    "is_same_answer",
    "n_more_samples",
    "perturbed_songs",
    "score_factored",
    "score_masks",
    "select_labels",
]
