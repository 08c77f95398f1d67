r"""Fills: what a source is replaced by in the segments where it is left out.

A model's score of a song with a part left out depends on what is heard in its place, and silence is
something that few models have met. With everything kept, the perturbed song is the song itself
whatever the fill.

- "silence": nothing, the default. A model that goes by loudness or by gaps hears these.
- "noise": noise with the mean spectrum of the source, so that the loudness of the song stays.
- "mean": in each frequency band the source's mean magnitude over the song, with the phases of the
  moment, so that spectrum and loudness stay and what changes in time goes: for questions of *when*.
- :class:`Donors`: the same source, in the same place, of other songs; and their lyrics. What is
  left out is then unlike the song, but like music. Each mask has a donor that is drawn for it, so
  that weights are those of the scores averaged over donors.

In ``benchmarks/results/fills.json`` a model goes by a motif, and by gaps and level. The segments
without the motif get 28 % of its weight with silence, 12 % with donors, 7 % with donors of like
loudness, 2 % with noise and with the mean. A classifier on the model's features tells songs with
silence from songs (area under the ROC curve 0.99), less so with the mean (0.71), noise (0.66),
donors (0.58) and donors of like loudness (0.53).

Every filled part fades in at its first 5 ms and out at its last, so that it begins without a click.

References
----------
Mishra, Benetos, Sturm, Dixon, "Reliable local explanations for machine listening", arXiv
2005.07788: explanations depend on what parts are replaced by; the mean magnitude spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import librosa
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from sklearn_musiclime.components.separation import Separator, separate_sources
from sklearn_musiclime.songs import Song, SongTable

FILLS = ("silence", "noise", "mean")
"""Fills by name; the others are :class:`Donors`."""
FADE_SECONDS = 0.005
"""Duration of the fades of a filled part."""
N_FFT = 2048
"""Samples of a frame of the spectra of noise and mean."""


@dataclass(frozen=True, eq=False)
class Donor:
    """A song that fills come from.

    Attributes
    ----------
    waveform : ndarray of shape (n_samples,), dtype float32, or None
        Its audio. None: it has none.
    sources : dict of str to ndarray of shape (n_samples,)
        Its sources.
    lyrics : str or None
        Its lyrics. None: it has none.
    traits : ndarray of shape (n_traits,)
        What songs are matched by.
    """

    waveform: np.ndarray | None
    sources: dict[str, np.ndarray]
    lyrics: str | None
    traits: np.ndarray = field(default_factory=lambda: np.empty(0))

    def is_of(self, song: Song) -> bool:
        """Whether this is the song itself.

        Parameters
        ----------
        song : Song
            A song.

        Returns
        -------
        bool
        """
        if self.waveform is None or song.waveform is None:
            return self.lyrics == song.lyrics
        return np.array_equal(self.waveform, song.waveform)


@dataclass(frozen=True, eq=False)
class DonorSongs:
    """Donors that were read and separated.

    Attributes
    ----------
    donors : list of Donor
        The songs.
    n_donors : int
        How many of them a song takes.
    match : tuple of str
        What is to be alike in song and donor.
    name : str
        How the fill is called in the settings of an explanation.
    """

    donors: list[Donor]
    n_donors: int
    match: tuple[str, ...] = ()
    name: str = "Donors"

    def of(self, song: Song) -> list[Donor]:
        """Return the donors of a song, which are other songs.

        Parameters
        ----------
        song : Song
            The song.

        Returns
        -------
        list of Donor
            The first ones or, if they are to match, those that are most alike.

        Raises
        ------
        ValueError
            There is none.
        """
        others = [donor for donor in self.donors if not donor.is_of(song)]
        if not others:
            raise ValueError("its only donor is the song itself; give Donors more songs")
        if self.match:
            traits = np.array([donor.traits for donor in others])
            own = _traits(song.waveform, song.sampling_rate, self.match)
            scale = np.where(np.ptp(traits, axis=0) > 0, traits.std(axis=0), 1.0)
            distance = np.square((traits - own) / scale).sum(axis=1)
            others = [others[i] for i in np.argsort(distance, kind="stable")]
        return others[: self.n_donors]


Fill = Literal["silence", "noise", "mean"] | DonorSongs
"""The fill of an explainer, ready for use."""
SongFill = Literal["silence", "noise", "mean"] | list[Donor]
"""The fill of a song."""


class Donors(BaseEstimator):
    """Fill what is left out with the same place of other songs.

    The audio of a donor is separated as that of the song, cut to its length and repeated where it
    is shorter. A source that a donor lacks is silent. Units of lyrics that are left out are
    replaced by those of the donor's lyrics, the first by the first, unless the explainer has a
    `mask_token`.

    Parameters
    ----------
    songs : DataFrame or object array of shape (n_songs, 2) or more
        Songs that donors are drawn from, in the form of X: all kinds of music that the model
        meets.
    n_donors : int, default=8
        Number of donors of each song, fewer if there are not as many. Weights are those of the
        scores averaged over them.
    match : {"loudness", "tempo"} or sequence of these, or None, default=None
        What is to be alike: the donors of a song are those whose level in dB, or beats a minute by
        :func:`librosa.beat.beat_track`, are nearest; all songs are then read and separated. None:
        drawn by chance.
    random_state : int, default=0
        Seed of the draw.

    Raises
    ------
    ValueError
        When a song is explained: a parameter is out of its range, or the song has no donor but
        itself.
    InvalidSongError
        When a song is explained: a cell of `songs` is invalid; the message names its row.

    Examples
    --------
    >>> from sklearn_musiclime import Donors, MusicLimeExplainer
    >>> from sklearn_musiclime.commands import demo_model
    >>> from sklearn_musiclime.datasets import make_songs
    >>> songs, classes, stems, truth = make_songs(12, duration=2.0, random_state=0)
    >>> fill = Donors(songs, n_donors=4)
    >>> explainer = MusicLimeExplainer(demo_model(), fill=fill, n_samples=200, random_state=0)
    >>> explanation = explainer.fit(songs, classes).explain(songs[:1])[0]
    >>> explanation.settings["fill"]
    'Donors(12 songs, n_donors=4)'
    """

    def __init__(
        self,
        songs: Any,
        *,
        n_donors: int = 8,
        match: str | Sequence[str] | None = None,
        random_state: int = 0,
    ):
        self.songs = songs
        self.n_donors = n_donors
        self.match = match
        self.random_state = random_state

    def __repr__(self, **kwargs: Any) -> str:
        match = "" if self.match is None else f", match={self.match!r}"
        seed = "" if self.random_state == 0 else f", random_state={self.random_state}"
        return f"Donors({len(self.songs)} songs, n_donors={self.n_donors}{match}{seed})"

    def read(
        self, table: SongTable, sampling_rate: float, separator: Separator | None
    ) -> DonorSongs:
        """Read and separate the songs.

        Parameters
        ----------
        table : SongTable
            Table of `songs`.
        sampling_rate : float
            Rate, in Hz, of their sources.
        separator : estimator with ``separate``, or None
            The separator of the songs that are explained.

        Returns
        -------
        DonorSongs
        """
        match = self._check()
        rows = check_random_state(self.random_state).permutation(len(table))
        if not match:
            rows = rows[: self.n_donors + 1]  # one may be the song itself
        donors = []
        for row in rows.tolist():
            try:
                with table.naming(row):
                    song = table.read(row, sampling_rate)
                    donors.append(_read_donor(song, separator, match))
            except Exception as error:
                error.add_note("in the songs of Donors")
                raise
        return DonorSongs(donors, self.n_donors, match, repr(self))

    def _check(self) -> tuple[str, ...]:
        if not isinstance(self.n_donors, (int, np.integer)) or self.n_donors < 1:
            raise ValueError(f"n_donors must be a whole number of at least 1, got {self.n_donors}")
        match = (self.match,) if isinstance(self.match, str) else tuple(self.match or ())
        unknown = [name for name in match if name not in TRAITS]
        if unknown:
            raise ValueError(f"match must be of {tuple(TRAITS)}, got {unknown[0]!r}")
        return match


def _read_donor(song: Song, separator: Separator | None, match: tuple[str, ...]) -> Donor:
    waveform = song.waveform
    if waveform is None:
        return Donor(None, {}, song.lyrics)
    names, sources = separate_sources(
        separator, waveform, song.sampling_rate, path=song.path, span=song.span
    )
    traits = _traits(waveform, song.sampling_rate, match)
    return Donor(waveform, dict(zip(names, sources, strict=True)), song.lyrics, traits)


def _loudness(waveform: np.ndarray, sampling_rate: float) -> float:
    return float(10 * np.log10(max(np.mean(np.square(waveform, dtype=np.float64)), 1e-10)))


def _tempo(waveform: np.ndarray, sampling_rate: float) -> float:
    padded = librosa.util.fix_length(waveform, size=max(len(waveform), N_FFT))
    return float(np.ravel(librosa.beat.beat_track(y=padded, sr=sampling_rate)[0])[0])


TRAITS = {"loudness": _loudness, "tempo": _tempo}
"""What songs are matched by, in dB and in beats a minute."""


def _traits(
    waveform: np.ndarray | None, sampling_rate: float, match: tuple[str, ...]
) -> np.ndarray:
    if waveform is None:
        return np.zeros(len(match))
    return np.array([TRAITS[name](waveform, sampling_rate) for name in match])


def fill_audio(
    fill: SongFill,
    sampling_rate: float,
    names: Sequence[str],
    sources: np.ndarray,
    borders: np.ndarray,
) -> np.ndarray | None:
    """Make the fills of a song's sources.

    Parameters
    ----------
    fill : {"silence", "noise", "mean"} or list of Donor
        The kind of fill.
    sampling_rate : float
        Sampling rate in Hz.
    names : sequence of str
        Names of the sources.
    sources : ndarray of shape (n_sources, n_samples), dtype float32
        Their waveforms.
    borders : ndarray of shape (n_segments + 1,) of int
        Boundaries of the segments in samples.

    Returns
    -------
    ndarray of shape (n_fills, n_sources, n_samples), dtype float32, or None
        None: silence.

    Raises
    ------
    ValueError
        The donors have no audio.

    Examples
    --------
    Noise is as loud as the source:

    >>> import numpy as np
    >>> from sklearn_musiclime.components.fills import fill_audio
    >>> hum = np.sin(np.arange(22050) / 20).astype(np.float32)
    >>> noise = fill_audio("noise", 22050, ["mix"], hum[np.newaxis], np.array([0, 22050]))
    >>> noise.shape, round(float(noise.std() / hum.std()), 1)
    ((1, 1, 22050), 1.0)
    """
    if isinstance(fill, str):
        if fill == "silence":
            return None
        make = {"noise": _noise, "mean": _mean}[fill]
        fills = np.stack([make(source) for source in sources])[np.newaxis]
    else:
        n_samples = sources.shape[1]
        fills = np.zeros((len(fill), *sources.shape), dtype=np.float32)
        for own, donor in zip(fills, fill, strict=True):
            if donor.waveform is None:
                raise ValueError("the songs of Donors have no audio to fill it with")
            for number, name in enumerate(names):
                if name in donor.sources:
                    own[number] = np.resize(donor.sources[name], n_samples)
    fade = round(FADE_SECONDS * sampling_rate)
    for start, stop in pairwise(borders):
        ramp = min(fade, (stop - start) // 2)
        rise = np.square(np.sin(np.pi / 2 * (np.arange(ramp) + 0.5) / max(ramp, 1)))
        fills[..., start : start + ramp] *= rise
        fills[..., stop - ramp : stop] *= rise[::-1]
    return fills


def fill_lyrics(fill: SongFill) -> tuple[str, ...]:
    """Return the lyrics that units come from in the place of those that are left out.

    Parameters
    ----------
    fill : {"silence", "noise", "mean"} or list of Donor
        The kind of fill.

    Returns
    -------
    tuple of str
        Lyrics of the donors; none where there are no donors, or these have no lyrics.
    """
    if isinstance(fill, str):
        return ()
    return tuple(donor.lyrics for donor in fill if donor.lyrics is not None)


def _noise(source: np.ndarray) -> np.ndarray:
    """Noise with the mean power spectrum of a source, as loud as the source, (n_samples,)."""
    white = np.random.default_rng(0).normal(size=len(source)).astype(np.float32)
    gain = np.sqrt(np.square(np.abs(_stft(source))).mean(axis=1, keepdims=True))
    noise = librosa.istft(_stft(white) * gain, length=len(source))
    energy = np.square(noise, dtype=np.float64).sum()
    return noise * np.sqrt(np.square(source, dtype=np.float64).sum() / (energy or 1.0))


def _mean(source: np.ndarray) -> np.ndarray:
    """A source whose magnitude in each frequency band is its mean at all times, (n_samples,)."""
    spectrum = _stft(source)
    magnitude = np.abs(spectrum).mean(axis=1, keepdims=True)
    return librosa.istft(magnitude * np.exp(1j * np.angle(spectrum)), length=len(source))


def _stft(waveform: np.ndarray) -> np.ndarray:
    padded = librosa.util.fix_length(waveform, size=max(len(waveform), N_FFT))
    return librosa.stft(padded, n_fft=N_FFT)
