"""Texts as vectors, by an encoder that reads so many tokens and no more.

What is the same whichever the encoder: each distinct text is encoded once, texts of like length
together, the longest first, and what is too long for the encoder is cut.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sklearn_musiclime._runtime.memory import in_batches

LONG = ("mean", "truncate")
"""What can be done about what is longer than a model's window."""

CountTokens = Callable[[Sequence[str]], Sequence[int]]


@dataclass(frozen=True)
class TextWindow:
    """How much an encoder reads at a time, and what is done about longer texts.

    Attributes
    ----------
    count : callable
        Returns how many tokens each of some texts has.
    n_tokens : int or None
        Tokens that the encoder reads of a text. None: as many as there are.
    long : {"mean", "truncate"}
        Whether longer texts are read in chunks, whose vectors are averaged, or cut off, with a
        warning.
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
            As few as need be and of about the same length, cut between words; a word that is too
            long by itself, as where there are no spaces, between characters. Together they are the
            text.
        """
        n_tokens = self.count([text])[0]
        if self.n_tokens is None or n_tokens <= self.n_tokens:
            return [text]
        pieces = re.split(r"(?<=\s)(?=\S)", text)
        pieces = pieces if len(pieces) > 1 else list(text)
        if len(pieces) == 1:
            return pieces
        n_chunks = min(-(-n_tokens // self.n_tokens), len(pieces))
        borders = np.rint(np.linspace(0, len(pieces), n_chunks + 1)).astype(int)
        parts = ["".join(pieces[a:b]) for a, b in pairwise(borders)]
        return [chunk for part in parts for chunk in self.chunks(part)]

    def warn_of_long(self, n_tokens: Sequence[int]) -> None:
        """Warn of texts that are truncated.

        Parameters
        ----------
        n_tokens : sequence of int
            Tokens of texts.
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
    encode: Callable[[Sequence[str]], np.ndarray],
    window: TextWindow,
    batch_size: int,
) -> np.ndarray:
    """Encode texts, each distinct one once.

    Parameters
    ----------
    texts : sequence of str
        The texts, at least one.
    encode : callable
        Takes some texts and returns an array (n_texts, n_dimensions).
    window : TextWindow
        How long they may be.
    batch_size : int
        Texts a call of `encode`; fewer where memory does not hold them.

    Returns
    -------
    ndarray of shape (n_texts, n_dimensions)
        Of a text in several chunks the mean of their vectors, each counted by its tokens.

    Warns
    -----
    UserWarning
        Texts were truncated; how many, and by how much.
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
        From a list of texts to the number of tokens of each, those that mark its ends not counted.
    """
    if not callable(tokenizer):
        return lambda texts: [len(tokenizer.tokenize(text)) for text in texts]

    def count(texts: Sequence[str]) -> list[int]:
        tokens = tokenizer(
            list(texts),
            add_special_tokens=False,
            return_attention_mask=False,
            verbose=False,  # of texts longer than the window
        )
        return [len(ids) for ids in tokens["input_ids"]]

    return count
