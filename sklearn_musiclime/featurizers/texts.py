"""Encoding texts of any length with an encoder that reads a limited number of tokens.

Whatever the encoder, each distinct text is encoded once, in batches of texts of similar length, the
longest first; texts longer than the encoder's window are cut into chunks, or truncated.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_musiclime._runtime.memory import in_batches

if TYPE_CHECKING:
    import torch

LONG = ("mean", "truncate")
"""How inputs longer than a model's window are treated: averaged over windows, or truncated."""

CountTokens = Callable[[Sequence[str]], Sequence[int]]


@dataclass(frozen=True)
class TextWindow:
    """The window of a text encoder, and the treatment of longer texts.

    Attributes
    ----------
    count : callable
        Maps a sequence of texts to the number of tokens of each.
    n_tokens : int or None
        Largest number of tokens that the encoder reads. None: no limit.
    long : {"mean", "truncate"}
        Treatment of longer texts. "mean": they are read in chunks, whose vectors are averaged.
        "truncate": the end is dropped, with a warning.
    """

    count: CountTokens
    n_tokens: int | None
    long: str

    def chunks(self, text: str) -> list[str]:
        """Cut a text into chunks that the encoder can read.

        Parameters
        ----------
        text : str
            The text.

        Returns
        -------
        list of str
            Chunks of about equal length, as few as possible, which concatenate to the text. Cuts
            are between whitespace-separated words; a single word that is too long is cut between
            characters.
        """
        n_tokens = self.count([text])[0]
        if self.n_tokens is None or n_tokens <= self.n_tokens:
            return [text]
        pieces = re.split(r"(?<=\s)(?=\S)", text)
        pieces = pieces if len(pieces) > 1 else list(text)
        if len(pieces) == 1:
            return pieces
        n_chunks = min(-(-n_tokens // self.n_tokens), len(pieces))
        boundaries = np.rint(np.linspace(0, len(pieces), n_chunks + 1)).astype(int)
        parts = ["".join(pieces[a:b]) for a, b in pairwise(boundaries)]
        return [chunk for part in parts for chunk in self.chunks(part)]

    def warn_of_long(self, n_tokens: Sequence[int]) -> None:
        """Warn if texts are longer than the window and will be truncated.

        Parameters
        ----------
        n_tokens : sequence of int
            Number of tokens of each text.
        """
        n_long = 0 if self.n_tokens is None else sum(n > self.n_tokens for n in n_tokens)
        if n_long:
            warnings.warn(
                f"{n_long} of {len(n_tokens)} texts are longer than the {self.n_tokens} tokens "
                f"that the model reads (up to {max(n_tokens)}) and were truncated; long='mean' "
                "reads them whole"
            )


def encode_texts(
    texts: Sequence[str],
    encode: Callable[[list[str]], np.ndarray],
    window: TextWindow,
    batch_size: int,
) -> np.ndarray:
    """Encode texts, each distinct text once.

    Parameters
    ----------
    texts : sequence of str
        The texts, at least one.
    encode : callable
        Maps a list of texts to an array (n_texts, n_dimensions).
    window : TextWindow
        The encoder's window, and the treatment of longer texts.
    batch_size : int
        Number of texts in a call of `encode`; halved while a batch does not fit into memory.

    Returns
    -------
    ndarray of shape (n_texts, n_dimensions)
        The vector of a text in several chunks is the mean of theirs, weighted by their numbers of
        tokens.

    Warns
    -----
    UserWarning
        Texts were truncated; the message says how many, and the length of the longest.
    """
    distinct = list(dict.fromkeys(texts))
    row = {text: number for number, text in enumerate(distinct)}
    n_tokens = np.asarray(window.count(distinct))
    is_long = n_tokens > (np.inf if window.n_tokens is None else window.n_tokens)
    chunks, owners = distinct, np.arange(len(distinct))
    if window.long == "truncate":
        window.warn_of_long([n_tokens[row[text]] for text in texts])
    elif is_long.any():
        parts = [
            window.chunks(t) if long else [t] for t, long in zip(distinct, is_long, strict=True)
        ]
        owners = np.repeat(owners, [len(part) for part in parts])
        chunks = [chunk for part in parts for chunk in part]
        n_tokens = np.asarray(window.count(chunks))
    order = np.argsort(-n_tokens, kind="stable")
    vectors = np.concatenate(list(in_batches(encode, [chunks[i] for i in order], batch_size)))
    vectors = vectors[np.argsort(order)]
    if len(chunks) > len(distinct):
        weight = np.maximum(n_tokens, 1).astype(vectors.dtype)[:, np.newaxis]
        total, weights = (
            np.add.reduceat(values, np.searchsorted(owners, np.arange(len(distinct))))
            for values in (vectors * weight, weight)
        )
        vectors = total / weights
    return vectors[[row[text] for text in texts]]


def token_counter(tokenizer: Any) -> CountTokens:
    """Return a function that counts the tokens of texts.

    Parameters
    ----------
    tokenizer : tokenizer of transformers, or any object with ``tokenize(text)``
        The tokenizer.

    Returns
    -------
    callable
        Maps a sequence of texts to the number of tokens of each, without special tokens.
    """
    if not callable(tokenizer):
        return lambda texts: [len(tokenizer.tokenize(text)) for text in texts]

    def count(texts: Sequence[str]) -> list[int]:
        tokens = tokenizer(
            list(texts),
            add_special_tokens=False,
            return_attention_mask=False,
            verbose=False,  # no warnings of texts longer than the window
        )
        return [len(ids) for ids in tokens["input_ids"]]

    return count


def padded_tokens(
    tokenizer: Any, texts: Sequence[str], n_tokens: int | None = None
) -> dict[str, torch.Tensor]:
    """Turn texts into tokens, padded to one length.

    Parameters
    ----------
    tokenizer : tokenizer of transformers
        The tokenizer.
    texts : sequence of str
        The texts.
    n_tokens : int or None, default=None
        Longest number of tokens of a text, special tokens included, which the end of longer ones is
        dropped for. None: the tokenizer's own ``model_max_length``.

    Returns
    -------
    dict of str to Tensor of shape (n_texts, n_tokens), dtype int64
        ``"input_ids"`` and ``"attention_mask"``, 0 at padding and otherwise 1. If a text has no
        tokens, it has one that the mask keeps.
    """
    import torch

    tokens = tokenizer(
        list(texts), padding=True, truncation=True, max_length=n_tokens, return_tensors="pt"
    )
    ids, mask = (tokens[name].long() for name in ("input_ids", "attention_mask"))
    # Without special tokens, an empty text has no tokens: give it one of padding.
    if not mask.any(dim=1).all():
        ids = torch.nn.functional.pad(ids, (0, 1), value=tokenizer.pad_token_id)
        mask = torch.nn.functional.pad(mask, (0, 1))
        mask[~mask.any(dim=1), 0] = 1
    return {"input_ids": ids, "attention_mask": mask}
