"""How many masks are drawn where nothing else is asked for: ``n_samples="auto"``.

Masks are many where they cost little, and few where each is dear. In the crossed design, audio
masks that come from a table of frames and lyrics that a vectorizer counts cost little. A network
that encodes each of them is dear; then there are as many masks as intervals need, 4 for each
component, and not many more. A black box is dear as well, but its proxy makes much of few calls.
"""

from __future__ import annotations

from sklearn_musiclime.neighbourhood.encodings import MODALITIES
from sklearn_musiclime.neighbourhood.factored import FactoredModel

CHEAP = (2400, 240)
"""Masks of the audio, and of the lyrics, where they are cheap."""
DEAR = (240, 160)
"""The same where they are dear."""
FOR_EACH = 4
"""Masks for each component, at least: two pairs of complements."""
EACH_TAKES = 4
"""Combinations for each mask, at least: two, and as many in the grid for interactions."""
JOINT_CHEAP, JOINT_DEAR = 1000, 300
"""Perturbed songs of joint masks where they are cheap or have no proxy, and where they are dear."""


def automatic_n_samples(
    design: str,
    sizes: tuple[int, ...],
    factored: FactoredModel | None,
    *,
    has_proxy: bool,
    n_fills: tuple[int, ...] = (1, 1),
    most: int | None = None,
    n_combinations: int | None = None,
) -> int | tuple[int, int]:
    """Choose the number of masks of a song.

    Parameters
    ----------
    design : str
        How masks are drawn; not "auto".
    sizes : tuple of int
        Number of components of each modality.
    factored : FactoredModel or None
        The model as encoders and head. None: a black box.
    has_proxy : bool
        Whether the scores have a proxy.
    n_fills : tuple of int, default=(1, 1)
        Number of fills of each modality. Scores that vary with the fill as well take
        more masks of lyrics.
    most : int or None, default=None
        Upper bound; in the crossed design, of audio masks and lyric masks together. None: no bound.
    n_combinations : int or None, default=None
        Upper bound of the combinations of the crossed design; a mask takes 4. None: no bound.

    Returns
    -------
    int or (int, int)
        Number of perturbed songs; in the crossed design, of audio masks and of lyric masks.

    Examples
    --------
    >>> from sklearn_musiclime.neighbourhood.amounts import automatic_n_samples
    >>> automatic_n_samples("paired", (20, 80), None, has_proxy=True)
    300
    """
    is_cheap = [factored is not None and factored.is_cheap(modality) for modality in MODALITIES]
    if design != "crossed":
        n_samples = JOINT_DEAR if has_proxy and not all(is_cheap) else JOINT_CHEAP
        return n_samples if most is None else min(n_samples, most)
    cheap_numbers = CHEAP if n_fills[1] == 1 else (CHEAP[0], CHEAP[0])
    n_audio, n_lyrics = (
        max(many if cheap else few, FOR_EACH * n)
        for cheap, many, few, n in zip(is_cheap, cheap_numbers, DEAR, sizes, strict=True)
    )
    if most is not None and n_audio + n_lyrics > most:
        n_audio = most * n_audio // (n_audio + n_lyrics)
        n_audio, n_lyrics = max(n_audio, 2), max(most - n_audio, 2)
    if n_combinations is not None:
        each = max(n_combinations // EACH_TAKES, 2)
        n_audio, n_lyrics = min(n_audio, each), min(n_lyrics, each)
    return n_audio, n_lyrics
