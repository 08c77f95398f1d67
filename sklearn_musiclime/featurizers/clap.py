"""Embeddings of texts by CLAP, in the space that it shares with audio."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime.featurizers.audio.embedder import AudioEmbedder
from sklearn_musiclime.featurizers.columns import remember_columns
from sklearn_musiclime.featurizers.embedder import TextEmbedder
from sklearn_musiclime.featurizers.texts import TextWindow, encode_texts, token_counter

if TYPE_CHECKING:
    from transformers import ClapModel, PreTrainedTokenizerBase


class ClapTextEmbedder(TextEmbedder):
    """Embed texts with the text tower of CLAP; :class:`AudioEmbedder` is its audio tower.

    Embeddings have length 1; those of texts in several chunks are shorter. Needs
    ``pip install sklearn-musiclime[deep]``.

    Parameters
    ----------
    model : str, Path or ClapModel
        Name or folder of a model, or a model instance, as of :class:`AudioEmbedder`, with which a
        model that is given by name is shared.
    tokenizer : PreTrainedTokenizerBase
        Tokenizer of the model.
    long : {"mean", "truncate"}, default="mean"
        How to embed texts with more tokens than the model reads, see
        :class:`~sklearn_musiclime.LyricsEmbedder`.
    batch_size : int, default=32
        Number of texts in a batch; halved while a batch does not fit into memory.
    device : str or None, default=None
        Device that the model runs on, see :class:`AudioEmbedder`.

    Attributes
    ----------
    n_dimensions_ : int
        Length of an embedding.
    model_digest_ : str
        Hash of the model's weights.

    References
    ----------
    Wu et al., "Large-scale contrastive language-audio pretraining" (CLAP), arXiv 2211.06687.
    """

    def __init__(
        self,
        model: str | PathLike[str] | ClapModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        long: str = "mean",
        batch_size: int = 32,
        device: str | None = None,
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.long = long
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Load the model; there is nothing to learn.

        Parameters
        ----------
        X : column of n_songs texts, or None, default=None
            Only its name is kept.
        y : None
            Ignored.

        Returns
        -------
        ClapTextEmbedder
            The estimator itself.

        Raises
        ------
        OSError
            There is no such model.
        ValueError
            A parameter is out of its range.
        """
        self._check_parameters()
        if X is not None:
            remember_columns(self, X, 1)
        model, self.model_digest_ = self._load()
        # A tokenizer stores settings of its first call; after this one, its hash no longer changes.
        self.n_dimensions_ = self._embed(model, [""]).shape[1]
        return self

    _load_named = staticmethod(AudioEmbedder._load_named)  # one instance for both towers

    def _embed(self, model: ClapModel, texts: list[str]) -> np.ndarray:
        network: Any = model  # torch declares the parts of a module as tensors

        # Positions of RoBERTa, CLAP's text model, are counted from its padding token's on.
        config = network.config.text_config
        most = config.max_position_embeddings - config.pad_token_id - 1
        most = int(min(most, self.tokenizer.model_max_length))

        def encode(batch: list[str]) -> np.ndarray:
            inputs = self.tokenizer(
                batch, padding=True, truncation=True, max_length=most, return_tensors="pt"
            )
            pooled = network.text_model(**inputs.to(network.device)).pooler_output
            projected = network.text_projection(pooled)
            unit = projected / projected.norm(dim=-1, keepdim=True)
            return unit.float().cpu().numpy()

        n_tokens = most - self.tokenizer.num_special_tokens_to_add()
        window = TextWindow(token_counter(self.tokenizer), n_tokens, self.long)
        with _torch.inference():
            return encode_texts(texts, encode, window, self.batch_size)
