"""The neighbourhood of a song: masks, the perturbed songs they make, and the model's scores.

Designs. The default, ``design="auto"``, chooses

- "crossed" for a *factored* model, which has an encoder for each modality
  (:mod:`~sklearn_musiclime.neighbourhood.factored`). Encodings are what costs, so masks of the
  audio and of the lyrics are drawn separately, encoded once and combined. The error of 5,000
  independent masks is reached with 2,582 encodings of each modality
  (``benchmarks/results/speed.json``);
- "paired" for a *black box*: each mask comes with its complement, and a proxy makes the most of few
  calls (:mod:`sklearn_musiclime.proxy`). Without one (``proxy=None``), pairs are better than
  "independent" with several times as many samples as components: the error of 5,000 independent
  masks is reached with 4,464 calls. With about as many samples as components they are worse: with
  about 75 components the error is 0.55 against 0.44 at 125 samples, and 0.16 against 0.18 at 500
  (``benchmarks/results/planted.json``);
- an enumeration of all masks, if there are at most `n_samples` of them. There is no sampling error
  then, and standard errors are 0. The crossed design decides this for each modality.

Masks of up to 20 components are drawn without replacement, and standard errors take this into
account.

Number of samples. By default there are many masks where they cost little, and few where they are
dear (:mod:`~sklearn_musiclime.neighbourhood.amounts`). Errors fall with the square root of
`n_samples`: four times the samples give half the error. In ``planted.json``, without a proxy, all
planted components are ranked first from 250 samples on, where the error of the weights is 0.28;
with 1,000 it is 0.10. For a song of your own it is shown by the standard errors, and ``tol=0.1``
draws more masks until none is above a tenth of the largest weight. Two numbers give the cheaper
modality more samples: ``n_samples=(2000, 150)`` for audio features that come from a table of frames
and lyrics that a sentence encoder reads.

Costs. For a song of S sources and an `n_samples` of n, or (n, m):

- a black box scores n + 5 songs: the song itself, n masks, and the corners, which are the song once
  more, its audio alone, its lyrics alone, and neither. For modality shares it scores n / 10 more
  (at least 24, at most 100): perturbed songs with the lyrics of others;
- a factored model encodes n audios and m texts, and scores the whole song once more to check its
  encoders and head. The head scores about 8 max(n, m) combinations, with `interactions` up to
  40,000 more, without them 2,500 more;
- :class:`~sklearn_musiclime.SpectralStatistics` in a factored model computes features of frames
  instead of songs: at most 2^S times the frames of the song, and 4^S times the few frames that
  reach over the boundary of two segments, whatever n is. Only the time for pooling grows with n;
- :class:`~sklearn_musiclime.AudioEmbedder` in a factored model embeds windows instead of songs: a
  window that touches k segments at most min(n, 2^(S k)) times.

The time is that of one encoding times their number. A black box also has to wait for songs to be
composed, which takes 0.3 ms for a clip of 15 s and 3.8 ms for a song of 148 s; `n_jobs` workers
share both. For example (``speed.json``; the last one ``encoders.json``, without a GPU):

- 15 s, spectral statistics and TF-IDF, masks (2400, 240): 0.20 s;
- the same as a black box, 1000 masks: 12.5 s;
- 148 s, spectral statistics and TF-IDF, masks (1200, 600): 0.73 s;
- 15 s, spectral statistics and MiniLM, masks (2000, 150): 1.1 s;
- 166 s, AST and RoBERTa, masks (5000, 500): 366 s, for 193 windows and 501 texts. An AST takes this
  song in 17 windows, so 5,000 composed songs would have 85,000.

Memory holds the sources, with 4 bytes a sample; n and m rows of encodings; and one batch of
composed songs for each worker, of `batch_size` songs, by default 64 MiB at most. A song of 148 s
took 226 MB with 5,000 masks and 466 MB with 50,000, besides its sources (``speed.json``).

The number of calls of a design can be computed without a model:

>>> import numpy as np
>>> from sklearn_musiclime.neighbourhood import draw_neighbourhood
>>> rng = np.random.default_rng(0)
>>> paired = draw_neighbourhood("paired", 20, 60, 1000, rng, with_shares=True)
>>> 1 + len(paired.with_corners().all_pairs)  # songs that a black box scores
1105
>>> crossed = draw_neighbourhood("crossed", 20, 60, (2000, 150), rng, with_grid=True)
>>> crossed.n_masks  # audios and texts that a factored model encodes
(2000, 150)
>>> len(crossed.pairs), len(crossed.grid_pairs)  # what its head scores
(15985, 39960)
"""

from sklearn_musiclime.neighbourhood.amounts import automatic_n_samples
from sklearn_musiclime.neighbourhood.audio_column import PerturbedAudio
from sklearn_musiclime.neighbourhood.black_box import automatic_batch_size, score_black_box
from sklearn_musiclime.neighbourhood.blind_spots import blind_spots
from sklearn_musiclime.neighbourhood.containers import NotApartError
from sklearn_musiclime.neighbourhood.designs import draw_neighbourhood
from sklearn_musiclime.neighbourhood.drawing import Drawing, n_corners, song_generator
from sklearn_musiclime.neighbourhood.factored import find_factored, score_factored
from sklearn_musiclime.neighbourhood.given import GivenAnswer, ask_about_row
from sklearn_musiclime.neighbourhood.labels import (
    Column,
    Contrast,
    check_labels,
    columns_read,
    label_of,
    select_labels,
)
from sklearn_musiclime.neighbourhood.mask_function import MaskFunction
from sklearn_musiclime.neighbourhood.masks import DESIGNS, check_design, draw_masks
from sklearn_musiclime.neighbourhood.models import ScoreFunction
from sklearn_musiclime.neighbourhood.perturbed import (
    AudioNeighbourhood,
    PerturbedLyrics,
    compose_audio,
    compose_lyrics,
    perturbed_songs,
)
from sklearn_musiclime.neighbourhood.rates import find_sampling_rate
from sklearn_musiclime.neighbourhood.responses import Answer, check_n_labels, is_same_answer
from sklearn_musiclime.neighbourhood.samples import Neighbourhood, Scores
from sklearn_musiclime.neighbourhood.sampling import Sampling, Side
from sklearn_musiclime.neighbourhood.scoring import Scorer, fallback_message
from sklearn_musiclime.neighbourhood.sequential import n_more_samples
from sklearn_musiclime.neighbourhood.versions import (
    NEW,
    OLD,
    BothVersions,
    common_labels,
    difference_of,
    of_version,
    score_function,
    version_and_label,
)

__all__ = [
    "DESIGNS",
    "NEW",
    "OLD",
    "Answer",
    "AudioNeighbourhood",
    "BothVersions",
    "Column",
    "Contrast",
    "Drawing",
    "GivenAnswer",
    "MaskFunction",
    "Neighbourhood",
    "NotApartError",
    "PerturbedAudio",
    "PerturbedLyrics",
    "Sampling",
    "ScoreFunction",
    "Scorer",
    "Scores",
    "Side",
    "ask_about_row",
    "automatic_batch_size",
    "automatic_n_samples",
    "blind_spots",
    "check_design",
    "check_labels",
    "check_n_labels",
    "columns_read",
    "common_labels",
    "compose_audio",
    "compose_lyrics",
    "difference_of",
    "draw_masks",
    "draw_neighbourhood",
    "fallback_message",
    "find_factored",
    "find_sampling_rate",
    "is_same_answer",
    "label_of",
    "n_corners",
    "n_more_samples",
    "of_version",
    "perturbed_songs",
    "score_black_box",
    "score_factored",
    "score_function",
    "select_labels",
    "song_generator",
    "version_and_label",
]
