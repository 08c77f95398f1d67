"""Synthetic songs whose classes follow a known rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sklearn_musiclime._runtime.files import write_waveform
from sklearn_musiclime.datasets.sounds import LEVEL, N_SPANS, SOURCES, band_power, play_source
from sklearn_musiclime.songs import read_audio

if TYPE_CHECKING:
    from sklearn_musiclime.results.local import LocalResult

CLASSES = ("calm", "wild")
_CUES = ("fire", "night", "tears", "river", "dance", "stone", "dream", "storm")
# fmt: off
_FILLERS = [
    "and", "the", "a", "we", "I", "you", "my", "our", "in", "on", "over", "under", "through",
    "with", "all", "every", "never", "always", "when", "while", "walking", "talking", "waiting",
    "turning", "falling", "rising", "calling", "sky", "sea", "road", "window", "morning",
    "evening", "summer", "winter", "silver", "golden", "heart", "hand", "eyes", "voice", "time",
    "world", "light", "shadow", "wind", "rain", "home", "door", "long", "slow", "far", "near",
    "again", "away", "tonight", "somewhere", "nobody", "everybody",
]
# fmt: on


@dataclass(frozen=True)
class PlantedRule:
    """The rule that gives a synthetic song its class; also a model with ``predict_proba``.

    A component is a source in a tenth of the song, or a word. With ``x[c] = 1`` if the song
    contains component c and 0 if not,
    ``z = sum(main[c] * x[c]) + sum(w * x[a] * x[b] for a, b in interactions)``, and the
    probability of "wild" is ``1 / (1 + exp(-slope * (z - threshold)))``.

    Attributes
    ----------
    main : mapping of str to float
        Effects of single components by name, as in explanations: ``drums@7``, or the word.
    interactions : mapping of (str, str) to float
        Effects of pairs of an audio component and a word.
    slope, threshold : float
        Slope and threshold of the logistic function.
    sampling_rate : int
        Sampling rate in Hz of the arrays that are scored; other audio is resampled to it.
    """

    main: Mapping[str, float]
    interactions: Mapping[tuple[str, str], float]
    slope: float = 3.0
    threshold: float = 0.5
    sampling_rate: int = 22050

    def presence(self, X: Any) -> pd.DataFrame:
        """Detect which of the rule's components each song contains.

        Parameters
        ----------
        X : DataFrame with audio and lyrics columns, or object array of shape (n_songs, 2) or more
            The songs.

        Returns
        -------
        DataFrame of bool, shape (n_songs, n_components)
            Presence of each component of `main` and `interactions`. A source is present in a tenth
            of the song if the power in its frequency band exceeds a twentieth of the power that the
            source has when it plays. A word is present if it is a whitespace-separated token of the
            lyrics, regardless of case.
        """
        if isinstance(X, pd.DataFrame):
            X = X[["audio", "lyrics"]].to_numpy()
        names = dict.fromkeys([*self.main, *(c for pair in self.interactions for c in pair)])
        rows = []
        for row, (audio, lyrics) in enumerate(zip(X[:, 0], X[:, 1], strict=True)):
            waveform = read_audio(audio, self.sampling_rate, row=row)
            words = set(lyrics.lower().split())
            rows.append([self._present(name, waveform, words) for name in names])
        return pd.DataFrame(rows, columns=list(names))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the score of each song on the scale of the effects.

        Parameters
        ----------
        X : DataFrame or object array
            The songs.

        Returns
        -------
        ndarray of shape (n_songs,)
            ``z - threshold``.
        """
        x = self.presence(X).astype(float)
        z = sum(effect * x[name] for name, effect in self.main.items())
        z = z + sum(w * x[a] * x[b] for (a, b), w in self.interactions.items())
        return np.asarray(z - self.threshold)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : DataFrame or object array
            The songs.

        Returns
        -------
        ndarray of shape (n_songs, 2)
            Probabilities of "calm" and of "wild".
        """
        wild = 1 / (1 + np.exp(-self.slope * self.decision_function(X)))
        return np.column_stack([1 - wild, wild])

    def predict(self, X: Any) -> np.ndarray:
        """Return the classes.

        Parameters
        ----------
        X : DataFrame or object array
            The songs.

        Returns
        -------
        ndarray of str, shape (n_songs,)
            "calm" or "wild".
        """
        return self.classes_[(self.decision_function(X) > 0).astype(int)]

    def recall(self, explanation: LocalResult) -> float:
        """Return the fraction of a song's planted components that an explanation ranks highest.

        Parameters
        ----------
        explanation : LocalExplanation
            Explanation of a synthetic song by its true sources and ten segments of equal length.

        Returns
        -------
        float
            The fraction of the k components of `main` that the song contains which are among the k
            components of largest ``|weight|``; 1.0 if k is 0.

        Raises
        ------
        ValueError
            The explanation is not of both modalities, or has no waveforms.
        """
        audio, lyrics = explanation.components.audio, explanation.components.lyrics
        if audio is None or audio.mix is None or lyrics is None:
            raise ValueError("recall needs an explanation of both modalities, with its waveforms")
        words = set(lyrics.names)
        planted = {name for name in self.main if self._present(name, audio.mix, words)}
        found = planted & set(explanation.top(len(planted))["component"])
        return len(found) / len(planted) if planted else 1.0

    @property
    def classes_(self) -> np.ndarray:
        """The classes."""
        return np.array(CLASSES)

    def _present(self, name: str, waveform: np.ndarray, words: set[str]) -> bool:
        source, at, span = name.partition("@")
        if not at:
            return name in words
        start, stop = np.rint(np.arange(2) + int(span)) * len(waveform) / N_SPANS
        power = band_power(waveform[int(start) : int(stop)], source, self.sampling_rate)
        return bool(power > LEVEL**2 / 20)


def make_songs(
    n_songs: int = 60,
    *,
    duration: float = 10.0,
    sampling_rate: int = 22050,
    n_words: int = 40,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[pd.DataFrame, np.ndarray, list[dict[str, np.ndarray]], PlantedRule]:
    """Make synthetic songs whose class follows a planted rule.

    Drums, bass, chords and a synthetic voice each play in some tenths of the song; the lyrics are
    drawn from a list of words. The class depends on two sources at certain times and on two words,
    one of each in favour of "wild" and one against, and on a third source at a certain time
    *together with* a third word. A song contains each of these six components with probability 1/2,
    independently of the others.

    Parameters
    ----------
    n_songs : int, default=60
        Number of songs.
    duration : float, default=10.0
        Duration of a song in seconds.
    sampling_rate : int, default=22050
        Sampling rate in Hz.
    n_words : int, default=40
        Number of words in a song, to which the words of the rule are added.
    random_state : int, RandomState instance or None, default=None
        Seed of the rule and of the songs.

    Returns
    -------
    X : DataFrame of shape (n_songs, 3)
        Columns ``audio`` (a mapping with "array" and "sampling_rate"), ``lyrics``, and
        ``word_times`` (start and end of each word in seconds).
    y : ndarray of str, shape (n_songs,)
        Class of each song, "calm" or "wild".
    stems : list of dict of str to ndarray of shape (n_samples,)
        Waveforms of the sources of each song: "drums", "bass", "chords", "voice". They sum to the
        song.
    truth : PlantedRule
        The rule, which is also a model of any songs: ``truth.predict_proba(X)``.

    Raises
    ------
    ValueError
        A song has fewer than 10,000 samples.

    Examples
    --------
    >>> from sklearn_musiclime.datasets import make_songs
    >>> X, y, stems, truth = make_songs(4, duration=5.0, random_state=0)
    >>> sorted(stems[0])
    ['bass', 'chords', 'drums', 'voice']
    >>> bool((truth.predict(X) == y).all())
    True
    """
    rng = check_random_state(random_state)
    truth = _draw_rule(rng, sampling_rate)
    n_samples = round(duration * sampling_rate)
    if n_samples < 1000 * N_SPANS:
        raise ValueError(
            f"{n_samples} samples are too few: each tenth of a song needs 1000, {1000 * N_SPANS} "
            "in all, to be told apart"
        )
    rows, stems = [], []
    for _ in range(n_songs):
        arrangement, cues = _draw_arrangement(truth, rng)
        song_stems = {
            source: play_source(source, arrangement[source], n_samples, sampling_rate, rng)
            for source in SOURCES
        }
        lyrics, times = _write_lyrics(cues, arrangement["voice"], n_words, duration, rng)
        mix = np.sum(list(song_stems.values()), axis=0)
        rows.append({"audio": mix, "lyrics": lyrics, "word_times": times})
        stems.append(song_stems)
    X = pd.DataFrame(rows, columns=["audio", "lyrics", "word_times"])
    y = truth.predict(X)
    X["audio"] = [{"array": mix, "sampling_rate": sampling_rate} for mix in X["audio"]]
    return X, y, stems, truth


def save_songs(
    X: pd.DataFrame, stems: Sequence[Mapping[str, np.ndarray]], folder: str | PathLike[str]
) -> pd.DataFrame:
    """Write synthetic songs and their stems to WAV files.

    Parameters
    ----------
    X : DataFrame
        Songs of :func:`make_songs`, or some rows of them.
    stems : sequence of dict of str to ndarray of shape (n_samples,)
        The stems of each row of `X`.
    folder : path-like
        Folder to write to. It gets ``song_0.wav`` and so on, numbered by the index of `X`, and
        stems such as ``song_0/drums.wav``, where :class:`~sklearn_musiclime.StemSeparator` finds
        them by default. Samples are 32-bit floats, without loss, and equal songs give equal files,
        byte for byte.

    Returns
    -------
    DataFrame
        `X` with the paths of the song files in the column ``audio``.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_musiclime.datasets import make_songs, save_songs
    >>> X, y, stems, truth = make_songs(2, duration=1.0, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved = save_songs(X, stems, folder)
    ...     bool((truth.predict(saved) == y).all())
    True
    """
    paths = []
    for name, cell, song_stems in zip(X.index, X["audio"], stems, strict=True):
        beside = Path(folder) / f"song_{name}"
        beside.mkdir(parents=True, exist_ok=True)
        path = beside.with_suffix(".wav")
        files = {path: cell["array"]} | {beside / f"{s}.wav": y for s, y in song_stems.items()}
        for file, waveform in files.items():
            write_waveform(file, waveform, cell["sampling_rate"], exact=True)
        paths.append(str(path))
    return X.assign(audio=paths)


def _draw_rule(rng: np.random.RandomState, sampling_rate: int) -> PlantedRule:
    """Draw three sources at three times and three words: in favour, against, and an interaction."""
    sources = rng.choice(SOURCES, 3, replace=False)
    spans = rng.choice(N_SPANS, 3, replace=False)
    words = [str(word) for word in rng.choice(_CUES, 3, replace=False)]
    audio = [f"{source}@{span}" for source, span in zip(sources, spans, strict=True)]
    main = {audio[0]: 1.0, audio[1]: -1.0, words[0]: 1.0, words[1]: -1.0}
    return PlantedRule(main, {(audio[2], words[2]): 1.0}, sampling_rate=sampling_rate)


def _draw_arrangement(
    truth: PlantedRule, rng: np.random.RandomState
) -> tuple[dict[str, np.ndarray], set[str]]:
    """Draw the tenths in which each source plays, and the words of the rule that the song has.

    A source of the rule plays in four tenths around the rule's if the song has this component, and
    rarely elsewhere. So a model of averages over the song can learn the rule in part, and a model
    that takes time into account can learn it well.
    """
    arrangement = {source: rng.random_sample(N_SPANS) < 0.6 for source in SOURCES}
    cues = set()
    for name in [*truth.main, *(part for pair in truth.interactions for part in pair)]:
        source, at, span = name.partition("@")
        there = rng.random_sample() < 0.5
        if at:
            plays = rng.random_sample(N_SPANS) < 0.1
            first = np.clip(int(span) - rng.randint(4), 0, N_SPANS - 4)
            plays[first : first + 4] |= there
            plays[int(span)] = there
            arrangement[source] = plays
        elif there:
            cues.add(name)
    return arrangement, cues


def _write_lyrics(
    cues: set[str], sings: np.ndarray, n_words: int, duration: float, rng: np.random.RandomState
) -> tuple[str, list[tuple[float, float]]]:
    """Draw lyrics in lines of five words and sections of four lines, and their word times.

    The words are spread over the tenths in which the voice sings, or over the whole song if these
    are fewer than four.
    """
    words = [str(word) for word in rng.choice(_FILLERS, n_words)]
    for word in sorted(cues) * 2:
        words.insert(rng.randint(len(words) + 1), word)
    lines = [words[i : i + 5] for i in range(0, len(words), 5)]
    sections = [lines[i : i + 4] for i in range(0, len(lines), 4)]
    text = "\n\n".join("\n".join(" ".join(line) for line in section) for section in sections)
    spans = np.flatnonzero(sings) if sings.sum() >= 4 else np.arange(N_SPANS)
    # Word i of n begins at the fraction i / n of the time that is sung.
    sung = np.linspace(0, len(spans), len(words) + 1)
    at = np.minimum(sung[:-1].astype(int), len(spans) - 1)
    starts = (spans[at] + sung[:-1] - at) * duration / N_SPANS
    length = duration / N_SPANS * len(spans) / len(words)
    ends = np.minimum(starts + length, (spans[at] + 1) * duration / N_SPANS)
    return text, [(float(start), float(end)) for start, end in zip(starts, ends, strict=True)]
