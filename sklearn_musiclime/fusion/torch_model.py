"""A model of one's own in torch, two encoders and a head, as an estimator that is factored.

How its parts are run and their outputs joined is in :mod:`~sklearn_musiclime.fusion.parts`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime._runtime.memory import in_batches
from sklearn_musiclime._runtime.polars import as_pandas
from sklearn_musiclime.featurizers.columns import audio_cells, lyrics_cells
from sklearn_musiclime.featurizers.texts import TextWindow, padded_tokens, token_counter
from sklearn_musiclime.fusion import parts as _parts
from sklearn_musiclime.fusion._columns import read_columns
from sklearn_musiclime.neighbourhood.encodings import map_leaves
from sklearn_musiclime.songs import read_audio

if TYPE_CHECKING:
    import torch

KINDS = ("classifier", "multilabel", "regressor")
PARTS = ("audio_encoder", "lyrics_encoder", "head")
SONGS = 64
"""Songs that an encoder gets at a time with ``batch_size="auto"``, at most."""
AUDIO_BYTES = 2**26
"""Waveforms that are read at a time: 64 MiB."""
HEAD_BYTES = 2**24
"""Encodings that the head gets at a time with ``batch_size="auto"``: 16 MiB."""
HEAD_ROWS = 1024
"""Combinations that the head gets at a time with ``batch_size="auto"``, at most."""


def _is_of(*kinds: str) -> Callable[[Any], bool]:
    return lambda model: model.kind in kinds


def _reads_columns(model: Any) -> bool:
    return bool(model._beside())


class TorchModel(BaseEstimator):
    """A trained model in torch, two encoders and a head, as an estimator that fits nothing.

    It is factored (:mod:`sklearn_musiclime.neighbourhood.factored`): explanations encode each
    distinct perturbed audio and each distinct perturbed lyrics once, and only the head sees their
    combinations. Whole songs go through the same code. Needs
    ``pip install sklearn-musiclime[deep]``.

    The parts may be modules, methods of a module, or any functions of tensors. Modules are in
    evaluation mode while they run, and in the mode that they were in afterwards. They are moved to
    the device and stay there. Clones share them.

    Parameters
    ----------
    audio_encoder : torch.nn.Module or callable
        Encodes waveforms, a tensor (n_songs, n_samples), dtype float32 or that of the module's own
        weights, on the device. Songs of a batch are equally long: nothing is padded. It returns an
        *encoding*: a tensor with one row for each song, or tuples or dictionaries of such tensors.
        A sequence, (n_songs, n_steps, n_dimensions), needs a mask beside it if batches may differ
        in their number of steps: a bool or int tensor (n_songs, n_steps), True or 1 where there is
        something. Batches are joined by padding sequences with zeros and masks with False.
    lyrics_encoder : torch.nn.Module or callable
        Encodes what `tokenizer` returns: a dictionary as keyword arguments, anything else as its
        only argument. It returns an encoding. What the head needs of the tokens, such as their
        mask, has to be in it.
    head : torch.nn.Module or callable
        Takes an encoding of the audio and one of the lyrics, in the form that the encoders return
        (mappings as dictionaries) and with as many rows; with `columns`, also their values, a
        tensor (n_songs, n_columns). Returns a tensor (n_songs, n_outputs), or (n_songs,), see
        `kind`.
    tokenizer : tokenizer of transformers or callable, default=None
        A tokenizer of transformers: it pads the texts of a batch to one length and drops the end of
        those that are longer than its ``model_max_length``, with a warning; `lyrics_encoder` gets
        ``input_ids`` and ``attention_mask``. Or a function from a list of texts to tensors or a
        dictionary of them; ``list`` for encoders that take texts. None: a `lyrics_encoder` that is
        a plain function gets the list of texts, and for a module there is an error.
    sampling_rate : int
        Sampling rate, in Hz, that audio is read at.
    classes : array-like of labels, or None, default=None
        Names of the classes, in the order of the outputs. None: classes have numbers, and a
        regressor's outputs always do (``output_names`` of the explainer names them).
    kind : {"classifier", "multilabel", "regressor"}, default="classifier"
        What the outputs of `head` are. "classifier": logits of classes that exclude each other,
        whose softmax are the probabilities; a single output is the logit of the second of two
        classes. "multilabel": logits of independent labels, whose sigmoids are the probabilities.
        "regressor": the predictions.
    columns : sequence of label, or None, default=None
        Further columns of X that the head reads, with numbers in them, such as ``["year"]``;
        their positions, if X is an array. In explanations they are the song's, unless they are
        explained themselves, which makes the model a black box. None: there are none.
    device : str or torch.device, default="auto"
        Device as torch names it. "auto": the GPU that a part is on already, else a GPU if there is
        one, else the processor.
    autocast : {"bfloat16", "float16"}, torch.dtype or None, default=None
        Type that :class:`torch.autocast` computes in. None: modules compute in the type of their
        weights.
    batch_size : int or "auto", default="auto"
        Number of songs in a call of an encoder, and of combinations in a call of the head; halved
        while a batch does not fit into memory. "auto": 64 songs, and up to 1024 combinations with
        at most 16 MiB of encodings.
    audio_column, lyrics_column : str, default="audio", "lyrics"
        Names of the columns, if X is a DataFrame.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        `classes`, if they are given.

    See Also
    --------
    TransformerFusionClassifier : A model that is trained here.
    AudioEmbedder, LyricsEmbedder : Encoders of transformers as steps of a pipeline.

    Notes
    -----
    With ``memory=``, explanations are kept by the content of the parts, weights included.

    Examples
    --------
    >>> import torch
    >>> from sklearn_musiclime import MusicLimeExplainer, TorchModel
    >>> from sklearn_musiclime.datasets import make_songs
    >>> def loudness(waveforms):
    ...     return waveforms.square().mean(dim=1, keepdim=True).sqrt()
    >>> def count(texts):
    ...     return torch.tensor([[text.split().count("dream")] for text in texts])
    >>> def head(loudness, n_dreams):
    ...     return torch.cat([loudness, 10 * loudness * n_dreams], dim=1)
    >>> model = TorchModel(loudness, count, head, sampling_rate=22050, classes=["calm", "wild"])
    >>> songs, *_ = make_songs(4, duration=1.0, random_state=0)
    >>> model.predict_proba(songs).shape
    (4, 2)
    >>> explanation = MusicLimeExplainer(model, random_state=0).fit(songs).explain(songs[:1])[0]
    >>> explanation.settings["model"]
    'factored'
    """

    def __init__(
        self,
        audio_encoder: torch.nn.Module | Callable[..., Any],
        lyrics_encoder: torch.nn.Module | Callable[..., Any],
        head: torch.nn.Module | Callable[..., Any],
        *,
        tokenizer: Any = None,
        sampling_rate: int,
        classes: Sequence[Hashable] | np.ndarray | None = None,
        kind: Literal["classifier", "multilabel", "regressor"] = "classifier",
        columns: Sequence[Hashable] | None = None,
        device: str | torch.device = "auto",
        autocast: str | torch.dtype | None = None,
        batch_size: int | Literal["auto"] = "auto",
        audio_column: str = "audio",
        lyrics_column: str = "lyrics",
    ):
        self.audio_encoder = audio_encoder
        self.lyrics_encoder = lyrics_encoder
        self.head = head
        self.tokenizer = tokenizer
        self.sampling_rate = sampling_rate
        self.classes = classes
        self.kind = kind
        self.columns = columns
        self.device = device
        self.autocast = autocast
        self.batch_size = batch_size
        self.audio_column = audio_column
        self.lyrics_column = lyrics_column

    @property
    def classes_(self) -> np.ndarray:
        """The names of the classes."""
        if self.classes is None or self.kind == "regressor":
            raise AttributeError("classes have no names: classes=None")
        return np.asarray(self.classes)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Do nothing but check the parameters: the parts are trained.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            Ignored.
        y : None
            Ignored.

        Returns
        -------
        TorchModel
            The estimator itself.

        Raises
        ------
        ImportError
            torch is not installed.
        ValueError, TypeError
            A parameter is out of its range, or the device is not there.
        """
        self._ready()
        return self

    def encode_audio(self, column: Any) -> Any:
        """Encode the audio of songs.

        Parameters
        ----------
        column : audio column of n_songs cells
            The audio, see :mod:`sklearn_musiclime.songs`.

        Returns
        -------
        encoding
            Tensors with n_songs rows, on the device, in the form that `audio_encoder` returns.

        Raises
        ------
        InvalidSongError
            A cell is no audio; the message names its row.
        ValueError
            The encoder returned something else than one row for each song, NaN, or sequences of
            different lengths without a mask.
        """
        return self._encode_audio(audio_cells(column)[0])

    def encode_lyrics(self, column: Any) -> Any:
        """Encode the lyrics of songs.

        Parameters
        ----------
        column : lyrics column of n_songs cells
            The lyrics.

        Returns
        -------
        encoding
            Tensors with n_songs rows, on the device, in the form that `lyrics_encoder` returns.

        Raises
        ------
        InvalidSongError
            A cell is no text; the message names its row.
        ValueError
            As :meth:`encode_audio`.

        Warns
        -----
        UserWarning
            Lyrics are longer than the tokenizer's model reads, and were truncated.
        """
        return self._encode_lyrics(lyrics_cells(column))

    @available_if(_reads_columns)
    def encode_columns(self, X: Any) -> torch.Tensor:
        """Read the further columns that the head takes.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, n_columns)
            The songs.

        Returns
        -------
        Tensor of shape (n_songs, n_columns), dtype float32

        Raises
        ------
        ValueError
            X lacks a column, or it holds something else than finite numbers; the message names the
            row.
        """
        import torch

        frame = pd.DataFrame(as_pandas(X))
        names = self._beside()
        missing = [name for name in names if name not in frame]
        if missing:
            raise ValueError(f"X has no column {missing[0]!r}; its columns are {list(frame)}")
        values = np.empty((len(frame), len(names)), dtype=np.float32)
        for at, name in enumerate(names):
            numbers = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
            bad = np.flatnonzero(~np.isfinite(numbers))
            if len(bad):
                raise ValueError(
                    f"row {bad[0]}: column {name!r} is {frame[name].iloc[bad[0]]!r}, where a "
                    "finite number should be"
                )
            values[:, at] = numbers
        return torch.from_numpy(values)

    def predict_encoded(self, audio: Any, lyrics: Any, columns: Any = None) -> np.ndarray:
        """Score encoded songs by the head.

        Parameters
        ----------
        audio : encoding
            Result of :meth:`encode_audio`, n_songs rows.
        lyrics : encoding
            Result of :meth:`encode_lyrics`, n_songs rows.
        columns : Tensor of shape (n_songs, n_columns), or None, default=None
            Result of :meth:`encode_columns`, if the head takes `columns`.

        Returns
        -------
        ndarray of shape (n_songs, n_outputs), dtype float64
            Probabilities; predictions of a regressor.

        Raises
        ------
        ValueError
            The head returned something else than one finite row for each song, or a number of
            outputs that is not that of the classes.
        """
        return self._answer(self._outputs(audio, lyrics, columns))

    @available_if(_is_of("classifier", "multilabel"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes, or of the labels.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.

        Returns
        -------
        ndarray of shape (n_songs, n_classes), dtype float64

        Raises
        ------
        InvalidSongError
            A cell of X is invalid; the message names its row.
        ValueError
            As :meth:`encode_audio` and :meth:`predict_encoded`.
        """
        return self._answer(self._outputs_of_songs(X))

    @available_if(_is_of("classifier", "multilabel"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the outputs of the head: logits.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.

        Returns
        -------
        ndarray of shape (n_songs, n_outputs) or (n_songs,), dtype float64
            Of a classifier of two classes, the log-odds of the second.
        """
        outputs = self._outputs_of_songs(X)
        if self.kind == "classifier" and outputs.shape[1] <= 2:
            return outputs[:, -1] - (outputs[:, 0] if outputs.shape[1] == 2 else 0.0)
        return outputs

    def predict(self, X: Any) -> np.ndarray:
        """Predict classes, labels or numbers.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.

        Returns
        -------
        ndarray of shape (n_songs,) or (n_songs, n_outputs)
            The most probable class of each song; of "multilabel" 1 for labels with a probability
            of more than 0.5, else 0; the outputs of a regressor, (n_songs,) if there is one.
        """
        answer = self._answer(self._outputs_of_songs(X))
        if self.kind == "regressor":
            return answer[:, 0] if answer.shape[1] == 1 else answer
        if self.kind == "multilabel":
            return (answer > 0.5).astype(int)
        best = answer.argmax(axis=1)
        return best if self.classes is None else self.classes_[best]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on songs, or R^2 of a regressor.

        Parameters
        ----------
        X : DataFrame or object array of shape (n_songs, 2) or more
            The songs.
        y : array-like of shape (n_songs,) or (n_songs, n_outputs)
            What is true of them.
        sample_weight : array-like of shape (n_songs,), or None, default=None
            Weight of each song.

        Returns
        -------
        float
        """
        measure = r2_score if self.kind == "regressor" else accuracy_score
        return float(measure(y, self.predict(X), sample_weight=sample_weight))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        # The parts are not changed by anything here, and copying weights would double them.
        return type(self)(**self.get_params(deep=False))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor" if self.kind == "regressor" else "classifier"
        if self.kind == "regressor":
            tags.regressor_tags = RegressorTags()
        else:
            tags.classifier_tags = ClassifierTags(multi_label=self.kind == "multilabel")
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True
        tags.requires_fit = False
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {**state, **_parts.on_processor({name: state[name] for name in PARTS})}

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        # Their classes stand for the parts: the repr of a network fills pages.
        shown: Any = copy.copy(self)
        for name in (*PARTS, "tokenizer"):
            part = getattr(self, name)
            setattr(shown, name, part and getattr(part, "__name__", type(part).__name__))
        return super(TorchModel, shown).__repr__(N_CHAR_MAX)

    def _beside(self) -> list[Hashable]:
        """Further columns of X that the head reads."""
        return [] if self.columns is None else list(self.columns)

    def _ready(self) -> tuple[torch.device, torch.dtype | None]:
        """Check the parameters; return the device and the type for autocast."""
        _torch.load("torch", type(self).__name__)
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {self.kind!r}")
        for name in PARTS:
            if not callable(getattr(self, name)):
                raise TypeError(f"{name} must be callable, got {getattr(self, name)!r}")
        if self.tokenizer is not None and not callable(self.tokenizer):
            raise TypeError(
                f"tokenizer must be callable, a list of texts at a time, got {self.tokenizer!r:.80}"
            )
        if self.tokenizer is None and _parts.network_of(self.lyrics_encoder) is not None:
            raise ValueError(
                f"lyrics_encoder is a module, {type(self.lyrics_encoder).__name__}, and needs a "
                "tokenizer; tokenizer=list hands it the texts"
            )
        is_number = isinstance(self.batch_size, Integral) and self.batch_size >= 1
        if self.batch_size != "auto" and not is_number:
            raise ValueError(f"batch_size must be 'auto' or at least 1, got {self.batch_size!r}")
        if not self.sampling_rate > 0:
            raise ValueError(f"sampling_rate must be above 0, got {self.sampling_rate!r}")
        if self.classes is not None and self.kind == "regressor":
            raise ValueError("a regressor has no classes; output_names= of the explainer names its "
                             "outputs")  # fmt: skip
        device = _parts.device_for(self.device, [getattr(self, name) for name in PARTS])
        return device, _parts.autocast_type(self.autocast)

    def _outputs_of_songs(self, X: Any) -> np.ndarray:
        """Outputs of the head for whole songs, a few of which are in memory at a time."""
        self._ready()
        columns = read_columns(X, "both", audio=self.audio_column, lyrics=self.lyrics_column)
        beside = self.encode_columns(X) if _reads_columns(self) else None
        audio, lyrics = audio_cells(columns["audio"])[0], lyrics_cells(columns["lyrics"])
        size = self._n_songs()
        outputs = []
        for first in range(0, len(lyrics), size):
            some = slice(first, first + size)
            outputs.append(
                self._outputs(
                    self._encode_audio(audio[some], first),
                    self._encode_lyrics(lyrics[some], first),
                    None if beside is None else beside[some],
                )
            )
        return np.concatenate(outputs)

    def _n_songs(self) -> int:
        return SONGS if self.batch_size == "auto" else int(self.batch_size)

    def _encode_audio(self, cells: Sequence[Any], first: int = 0) -> Any:
        """Encode audio cells, the first of which is row `first` of X."""
        device, autocast = self._ready()
        encoded: list[Any] = []
        order: list[int] = []
        for rows, waveforms in self._read(cells, first):
            lengths = np.array([len(waveform) for waveform in waveforms])
            for length in np.unique(lengths):
                alike = np.flatnonzero(lengths == length)
                run = partial(self._run_audio, waveforms, rows, device)
                with _parts.at_work([self.audio_encoder], device, autocast):
                    encoded += in_batches(run, alike, self._n_songs())
                order += [rows[i] for i in alike]
        return _joined(encoded, "audio_encoder", order)

    def _read(self, cells: Sequence[Any], first: int) -> Iterator[tuple[list[int], list]]:
        """Read audio, as many songs at a time as fit in a batch and in 64 MiB, with their rows."""
        rows: list[int] = []
        waveforms: list[np.ndarray] = []
        n_bytes = 0
        for row, cell in enumerate(cells, first):
            waveform = read_audio(cell, self.sampling_rate, row=row)
            if waveforms and (
                len(rows) == self._n_songs() or n_bytes + waveform.nbytes > AUDIO_BYTES
            ):
                yield rows, waveforms
                rows, waveforms, n_bytes = [], [], 0
            rows.append(row)
            waveforms.append(waveform)
            n_bytes += waveform.nbytes
        yield rows, waveforms

    def _run_audio(
        self, waveforms: list[np.ndarray], rows: list[int], device: torch.device, some: np.ndarray
    ) -> Any:
        import torch

        batch = torch.from_numpy(np.stack([waveforms[i] for i in some]).astype(np.float32))
        encoded = self.audio_encoder(_parts.as_inputs(batch, self.audio_encoder, device))
        return _parts.checked(encoded, "audio_encoder", [rows[i] for i in some])

    def _encode_lyrics(self, texts: list[str], first: int = 0) -> Any:
        """Encode texts, the first of which is in row `first` of X."""
        device, autocast = self._ready()
        run = partial(self._run_lyrics, texts, device, first)
        with _parts.at_work([self.lyrics_encoder], device, autocast):
            # The longest come first, so that what memory allows is soon known.
            order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
            encoded = list(in_batches(run, order, self._n_songs()))
        return _joined(encoded, "lyrics_encoder", order)

    def _run_lyrics(
        self, texts: list[str], device: torch.device, first: int, some: Sequence[int]
    ) -> Any:
        tokens = _parts.as_inputs(
            self._tokens([texts[i] for i in some]), self.lyrics_encoder, device
        )
        encode = self.lyrics_encoder
        encoded = encode(**tokens) if isinstance(tokens, dict) else encode(tokens)
        return _parts.checked(encoded, "lyrics_encoder", [first + i for i in some])

    def _tokens(self, texts: list[str]) -> Any:
        """What the lyrics encoder gets for texts."""
        if self.tokenizer is None:
            return texts
        if not hasattr(self.tokenizer, "model_max_length"):
            tokens = self.tokenizer(texts)
            return dict(tokens) if isinstance(tokens, Mapping) else tokens
        padded = padded_tokens(self.tokenizer, texts)
        n_most = self.tokenizer.model_max_length
        if padded["input_ids"].shape[1] >= n_most:
            n_marks = self.tokenizer.num_special_tokens_to_add()
            window = TextWindow(token_counter(self.tokenizer), n_most - n_marks, "truncate")
            window.warn_of_long(window.count(texts))
        return padded

    def _outputs(self, audio: Any, lyrics: Any, columns: Any = None) -> np.ndarray:
        """Outputs of the head for encoded songs, (n_songs, n_outputs), dtype float64."""
        device, autocast = self._ready()
        if _reads_columns(self) and columns is None:
            raise ValueError(f"the head reads columns={self._beside()}, and got none")
        encoded = (audio, lyrics) if columns is None else (audio, lyrics, columns)
        n_songs, n_bytes = _size_of(encoded)
        size = self.batch_size
        if size == "auto":
            size = int(np.clip(HEAD_BYTES * n_songs // max(n_bytes, 1), 1, HEAD_ROWS))
        run = partial(self._run_head, encoded, device)
        with _parts.at_work([self.head], device, autocast):
            outputs = np.concatenate(list(in_batches(run, range(n_songs), size)))
        n_classes = None if self.classes is None else len(self.classes)
        if self.kind == "classifier" and outputs.shape[1] == 1 and n_classes in (None, 2):
            return outputs
        if n_classes not in (None, outputs.shape[1]):
            raise ValueError(
                f"the head returned {outputs.shape[1]} outputs for {n_classes} classes, "
                f"{self.classes_.tolist()}"
            )
        return outputs

    def _run_head(self, encoded: tuple, device: torch.device, rows: range) -> np.ndarray:
        import torch

        some = slice(rows.start, rows.stop)
        inputs = map_leaves(lambda leaf: torch.as_tensor(leaf)[some], encoded)
        outputs = torch.as_tensor(self.head(*_parts.as_inputs(inputs, self.head, device)))
        if outputs.dim() not in (1, 2) or len(outputs) != len(rows):
            raise ValueError(
                f"the head returned a tensor of shape {tuple(outputs.shape)} for {len(rows)} "
                "songs, where (n_songs, n_outputs) should be"
            )
        answer = outputs.detach().cpu().double().reshape(len(rows), -1).numpy()
        bad = np.flatnonzero(~np.isfinite(answer).all(axis=1))
        if len(bad):
            raise ValueError(
                f"the head returned NaN or infinite values for {len(bad)} of {len(rows)} songs"
            )
        return answer

    def _answer(self, outputs: np.ndarray) -> np.ndarray:
        """Probabilities or predictions of outputs, (n_songs, n_outputs)."""
        if self.kind == "regressor":
            return outputs
        if self.kind == "multilabel":
            return expit(outputs)
        if outputs.shape[1] == 1:
            return np.hstack([expit(-outputs), expit(outputs)])
        return softmax(outputs, axis=1)


def _joined(encoded: list, name: str, order: Sequence[int]) -> Any:
    """Join the encodings of batches, whose rows are those of `order`, in the order of X."""
    place = np.argsort(order)
    is_sorted = bool((place == np.arange(len(place))).all())
    return _parts.join(encoded, name, None if is_sorted else place)


def _size_of(encoded: tuple) -> tuple[int, int]:
    """Number of rows and of bytes of encodings."""
    leaves: list[Any] = []
    map_leaves(leaves.append, encoded)
    numbers = {len(leaf) for leaf in leaves}
    if len(numbers) > 1:
        raise ValueError(f"encodings of {sorted(numbers)} songs, which should be as many")
    return (numbers.pop() if numbers else 0), sum(leaf.nbytes for leaf in leaves)
