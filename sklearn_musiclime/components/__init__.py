r"""Interpretable components of a song: sources, segments of time, units of lyrics.

A component is what can be left out: a source in a segment of time, such as ``vocals@3``, or a unit
of the lyrics. Together they are the song: with all of them on, the model gets the very song that
was given. What is fine enough to tell something and coarse enough to matter is your choice:

Sources: :mod:`~sklearn_musiclime.components.separation` says which separator.

Segments (:mod:`~sklearn_musiclime.components.segmentation`):

- :class:`~sklearn_musiclime.UniformSegmenter`, the default, ten of equal length: the same for every
  song, so songs can be compared and :meth:`transform
  <sklearn_musiclime.MusicLimeExplainer.transform>` has as many columns.
  ``UniformSegmenter(seconds=3.0)`` for songs of unlike lengths.
- :class:`~sklearn_musiclime.BeatSegmenter`: bars, for music with a beat.
- :class:`~sklearn_musiclime.StructureSegmenter`: parts that sound alike within, for whole songs.
- :class:`~sklearn_musiclime.LyricLineSegmenter`: a line that is sung, or a pause; needs word times,
  and goes with ``lyric_units="lines"``.

Units of lyrics (:mod:`~sklearn_musiclime.components.lyrics`):

- "words", the default: a word wherever it stands, as LIME has it. For models that count words.
- "word_positions": each occurrence on its own, for models that read in order.
- "lines", "sections": fewer and larger; single words of a long song may each do next to nothing.

``mask_token="[MASK]"`` puts a token where lyrics are left out, for models that have been trained
with one; None closes the gap, which keeps what is left a text for all others.

Components cost samples: where about 75 components get 60 of them, a quarter of what was planted is
missed (``benchmarks/results/planted.json``). So start coarse, and look closer where it matters;
:mod:`sklearn_musiclime.neighbourhood` says how many samples it takes.

>>> from sklearn_musiclime.components import split_lyrics
>>> lyrics = "we will we will rock you\nsing it"
>>> for units in ("words", "word_positions", "lines"):
...     print(split_lyrics(lyrics, units).names)
('we', 'will', 'rock', 'you', 'sing', 'it')
('word[0]', 'word[1]', 'word[2]', 'word[3]', 'word[4]', 'word[5]', 'word[6]', 'word[7]')
('line[0]', 'line[1]')
"""

from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition, decompose
from sklearn_musiclime.components.lyrics import LyricComponents, split_lyrics, word_spans
from sklearn_musiclime.components.segmentation import (
    BeatSegmenter,
    LyricLineSegmenter,
    StructureSegmenter,
    UniformSegmenter,
    segment_audio,
)
from sklearn_musiclime.components.separation import (
    HPSSSeparator,
    StemSeparator,
    TorchSeparator,
    separate_sources,
)

__all__ = [
    "AudioComponents",
    "BeatSegmenter",
    "Decomposition",
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
