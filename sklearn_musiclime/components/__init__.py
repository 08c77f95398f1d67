r"""Interpretable components of a song: sources x segments of the audio, units of the lyrics.

A component is a part of the song that a mask keeps or leaves out: a source in a segment of time,
such as ``vocals@3``, or a unit of the lyrics, such as a word. The components partition the song:
with all of them on, the model gets the original song. Fine components tell more, coarse ones need
fewer samples. The choices are:

Sources: :mod:`~sklearn_musiclime.components.separation` compares the separators.

Segments (:mod:`~sklearn_musiclime.components.segmentation`):

- :class:`~sklearn_musiclime.UniformSegmenter`, the default: ten segments of equal length. Every
  song has the same number, so songs can be compared and :meth:`transform
  <sklearn_musiclime.MusicLimeExplainer.transform>` has a fixed number of columns. Use
  ``UniformSegmenter(seconds=3.0)`` where songs differ in length.
- :class:`~sklearn_musiclime.BeatSegmenter`: a number of beats each, for music with a steady beat.
- :class:`~sklearn_musiclime.StructureSegmenter`: sections of homogeneous sound, such as verse and
  chorus, for whole songs.
- :class:`~sklearn_musiclime.LyricLineSegmenter`: one segment for each sung line and each pause;
  needs word times, and goes well with ``lyric_units="lines"``.

Units of lyrics (:mod:`~sklearn_musiclime.components.lyrics`):

- "words", the default: all occurrences of a word together, as in LIME. For models that count words.
- "word_positions": each occurrence by itself, for models that read words in order.
- "lines", "sections": fewer and larger units, for long lyrics in which single words have little
  effect.

Further columns of X, such as an artist or a year: :mod:`~sklearn_musiclime.components.columns`.

Audio that is left out leaves silence; :mod:`~sklearn_musiclime.components.fills` has what else may
take its place. ``mask_token="[MASK]"`` puts that token in the place of lyrics that are left out,
for models that were trained with such a token. With None, the default, the gap is closed.

More components need more samples: with about 75 components and 60 samples, an explanation misses a
quarter of the planted effects (``benchmarks/results/planted.json``). So start with coarse
components, and refine them where it matters; :mod:`sklearn_musiclime.neighbourhood` says how many
samples to draw.

>>> from sklearn_musiclime.components import split_lyrics
>>> lyrics = "we will we will rock you\nsing it"
>>> for units in ("words", "word_positions", "lines"):
...     print(split_lyrics(lyrics, units).names)
('we', 'will', 'rock', 'you', 'sing', 'it')
('word[0]', 'word[1]', 'word[2]', 'word[3]', 'word[4]', 'word[5]', 'word[6]', 'word[7]')
('line[0]', 'line[1]')
"""

from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition, decompose
from sklearn_musiclime.components.fills import Donors
from sklearn_musiclime.components.lyrics import LyricComponents, split_lyrics, word_spans
from sklearn_musiclime.components.segmentation import (
    BeatSegmenter,
    LyricLineSegmenter,
    StructureSegmenter,
    UniformSegmenter,
    segment_audio,
)
from sklearn_musiclime.components.separation import (
    BandSeparator,
    ChainSeparator,
    HPSSSeparator,
    StemSeparator,
    TorchSeparator,
    separate_sources,
)

__all__ = [
    "AudioComponents",
    "BandSeparator",
    "BeatSegmenter",
    "ChainSeparator",
    "Decomposition",
    "Donors",
    "HPSSSeparator",
    "LyricComponents",
    "LyricLineSegmenter",
    "StemSeparator",
    "StructureSegmenter",
    "TorchSeparator",
    "UniformSegmenter",
    "decompose",
    "segment_audio",
    "separate_sources",
    "split_lyrics",
    "word_spans",
]
