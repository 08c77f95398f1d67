"""Fonts of figures: matplotlib's own, and any installed one for letters that it lacks."""

from __future__ import annotations

import unicodedata
import warnings
from functools import cache

FALLBACKS = ("Noto Sans", "Noto Sans CJK JP", "Hiragino Sans", "Yu Gothic")
"""Fonts that are taken before others with the same letters."""
LAST_RESORT = ("Last Resort", "Color", "Emoji")
"""Parts of the names of fonts that show boxes for all letters, or pictures in colour."""


def fonts_for(text: str, first: str) -> tuple[list[str], set[str]]:
    """Find fonts for the letters of a text.

    Parameters
    ----------
    text : str
        The text.
    first : str
        Family of the font to take where it has the letter.

    Returns
    -------
    families : list of str
        Families of fonts, in the order in which a letter is looked up in them.
    missing : set of str
        Letters that no installed font has.
    """
    families = [first]
    missing = {c for c in text if ord(c) not in _letters(first) and not _is_unseen(c)}
    if missing:
        for family in _others():
            found = {c for c in missing if ord(c) in _letters(family)}
            if found:
                families.append(family)
                missing -= found
            if not missing:
                break
    return families, missing


def warn_of_missing(letters: set[str]) -> None:
    """Warn once of each script whose letters no installed font has.

    Parameters
    ----------
    letters : set of str
        The letters.
    """
    for script in sorted({_script(letter) for letter in letters}):
        _warn_of(script)


@cache
def _warn_of(script: str) -> None:
    warnings.warn(
        f"no installed font has the letters of {script}, which are drawn as boxes; install one "
        f"that has them, such as 'Noto Sans {script}'",
        UserWarning,
    )


def _script(letter: str) -> str:
    """Return the script of a letter as it is called in the name of a font."""
    name = unicodedata.name(letter, "symbols").split()[0].title()
    return {"Cjk": "CJK JP", "Hiragana": "CJK JP", "Katakana": "CJK JP", "Hangul": "CJK KR"}.get(
        name, name
    )


def _is_unseen(letter: str) -> bool:
    """Whether a character has no picture of its own: blanks, joiners, variation selectors."""
    return (
        letter.isspace() or unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f"
    )


@cache
def _paths() -> dict[str, str]:
    """Return the file of the regular font of each family."""
    from matplotlib import font_manager

    paths: dict[str, str] = {}
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.fname):
        is_regular = font.style == "normal" and str(font.weight) in ("400", "normal", "regular")
        if is_regular and not any(part in font.name for part in LAST_RESORT):
            paths.setdefault(font.name, font.fname)
    return paths


@cache
def _others() -> list[str]:
    known = _paths()
    preferred = [family for family in FALLBACKS if family in known]
    return [*preferred, *sorted(set(known) - set(preferred))]


@cache
def _letters(family: str) -> frozenset[int]:
    """Return the code points that the font of a family has."""
    from matplotlib.ft2font import FT2Font

    path = _paths().get(family)
    if path is None:
        return frozenset()
    try:
        return frozenset(FT2Font(path).get_charmap())
    except RuntimeError:  # a font file that FreeType can't read
        return frozenset()
