"""The network of a :class:`~sklearn_musiclime.TransformerFusionClassifier`: made, trained, run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime._runtime.memory import in_batches
from sklearn_musiclime.featurizers.audio.embedder import came_from
from sklearn_musiclime.featurizers.audio.encoder import AudioEncoder
from sklearn_musiclime.fusion._columns import modalities_of
from sklearn_musiclime.fusion.branches import AudioBranch, Branch, LyricsBranch
from sklearn_musiclime.fusion.checkpoint import load_encoder, load_head
from sklearn_musiclime.fusion.training import Training

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, SequenceFeatureExtractor

HEAD_BATCH = 8192
"""Number of encoded songs in a batch of the head."""


def is_factored(self: NetworkMixin) -> bool:
    """Whether songs are encoded modality by modality, so that the head takes their encodings."""
    return self.fusion != "cross_attention" or self.modality != "both"


class NetworkMixin:
    """Mixin of a classifier that makes, trains and runs its network.

    It reads the parameters of the classifier and sets ``network_``, ``feature_extractor_``,
    ``tokenizer_`` and ``classes_``.
    """

    fusion: str
    modality: str
    freeze: bool
    long: str
    feature_extractor: SequenceFeatureExtractor | None
    tokenizer: PreTrainedTokenizerBase | None
    n_epochs: int
    batch_size: int
    learning_rate: float
    head_learning_rate: float
    weight_decay: float
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    mixed_precision: bool | None
    device: str | None
    verbose: int

    @property
    def _modalities(self) -> tuple[str, ...]:
        return modalities_of(self.modality)

    def _extractor(self, source: Any) -> SequenceFeatureExtractor:
        if self.feature_extractor is not None:
            return self.feature_extractor
        auto = _torch.load("transformers", "TransformerFusionClassifier").AutoFeatureExtractor
        return auto.from_pretrained(came_from(source, "feature_extractor"))

    def _assemble(
        self,
        audio_model: Any,
        lyrics_model: Any,
        classes: np.ndarray,
        *,
        state: dict[str, Any] | None = None,
        strict: bool = True,
    ) -> list[str]:
        """Build the network from its encoders, with the weights of a state dict if there is one.

        Returns messages about weights of the encoders that do not fit.
        """
        from transformers import AutoTokenizer

        from sklearn_musiclime.fusion.network import FusionNetwork

        models, findings = {}, []
        self.feature_extractor_ = self.tokenizer_ = None
        for modality, source in (("audio", audio_model), ("lyrics", lyrics_model)):
            if modality in self._modalities:
                models[modality], found = load_encoder(source, modality, state)
                findings += found
        if "audio" in models:
            self.feature_extractor_ = self._extractor(audio_model)
            if hasattr(models["audio"].config, "apply_spec_augment"):
                models["audio"].config.apply_spec_augment = False
        if "lyrics" in models:
            self.tokenizer_ = self.tokenizer or AutoTokenizer.from_pretrained(
                came_from(lyrics_model, "tokenizer")
            )
        self.classes_ = classes
        self.network_ = FusionNetwork(models.get("audio"), models.get("lyrics"))
        self.network_.add_head(self.fusion, self._sizes(), len(classes))
        if state is not None:
            load_head(self.network_, state, findings, strict=strict)
        self.network_.to(_torch.pick_device(self.device)).eval()
        return findings

    def _sizes(self) -> list[int]:
        """Lengths of the encoders' vectors, found by encoding silence and an empty text."""
        nothing: dict[str, list[Any]] = {"audio": [np.zeros(1, dtype=np.float32)], "lyrics": [""]}
        sizes = []
        with _torch.inference():
            self.network_.eval()
            for modality, branch in zip(self._modalities, self._branches(), strict=True):
                songs = branch.prepare(nothing[modality])
                sizes.append(branch.features(songs, sequences=not is_factored(self))[0].shape[-1])
        return sizes

    def _branches(self) -> list[Branch]:
        """The branches that are used, in the order of the arguments of the head."""
        network = self.network_
        branches: dict[str, Branch] = {}
        if self.feature_extractor_ is not None:
            encoder = AudioEncoder(network.audio_model, self.feature_extractor_, long=self.long)
            branches["audio"] = AudioBranch(encoder)
        if self.tokenizer_ is not None:
            branches["lyrics"] = LyricsBranch(network.text_model, self.tokenizer_, self.long)
        return [branches[modality] for modality in self._modalities]

    def _train(
        self,
        columns: list[list[Any]],
        targets: np.ndarray,
        weights: np.ndarray,
        rng: np.random.RandomState,
    ) -> list[dict[str, float]]:
        import torch

        from sklearn_musiclime.fusion.network import collate

        network, branches = self.network_, self._branches()
        for model in network.encoders:
            model.requires_grad_(not self.freeze)
        if self.freeze:
            known = [
                self._frozen_features(branch, column)
                for branch, column in zip(branches, columns, strict=True)
            ]

            def features(rows: np.ndarray) -> tuple:
                some = ([column[row] for row in rows] for column in known)
                return tuple(collate([f.to(network.device) for f in column]) for column in some)
        else:
            songs = [b.prepare(column) for b, column in zip(branches, columns, strict=True)]

            def features(rows: np.ndarray) -> tuple:
                return self._features([[column[row] for row in rows] for column in songs])

        # Songs of weight 0 are left out: the loss of a batch of them would be 0 / 0.
        rows, held_out = np.flatnonzero(weights), np.arange(0)
        if self.early_stopping:
            rows, held_out = train_test_split(
                rows, test_size=self.validation_fraction, stratify=targets[rows], random_state=rng
            )
        on_gpu = network.device.type == "cuda" and torch.cuda.is_bf16_supported()
        training = Training(
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            head_learning_rate=self.head_learning_rate,
            weight_decay=self.weight_decay,
            patience=self.n_iter_no_change if self.early_stopping else None,
            mixed_precision=on_gpu if self.mixed_precision is None else self.mixed_precision,
            verbose=self.verbose > 0,
        )
        history = training.run(network, features, targets, weights, rows, held_out, rng)
        network.requires_grad_(True)
        return history

    def _features(self, prepared: Sequence[list]) -> tuple:
        """Inputs of the head for songs that the branches have prepared."""
        from sklearn_musiclime.fusion.network import collate

        return tuple(
            collate(branch.features(songs, sequences=not is_factored(self)))
            for branch, songs in zip(self._branches(), prepared, strict=True)
        )

    def _frozen_features(self, branch: Branch, column: list) -> list[Any]:
        """Input of the head for each song from a frozen encoder."""
        import torch

        if is_factored(self):
            return list(torch.from_numpy(branch.encode(column, self.batch_size)))

        def sequences(some: list) -> list:
            with _torch.inference():
                found = branch.features(branch.prepare(some), sequences=True)
            return [sequence.float().cpu().clone() for sequence in found]

        return [f for batch in in_batches(sequences, column, self.batch_size) for f in batch]

    def _encode(self, modality: str, column: Any) -> np.ndarray:
        check_is_fitted(self)
        if modality not in self._modalities:
            return np.empty((len(column), 0), dtype=np.float32)
        branch = self._branches()[self._modalities.index(modality)]
        return branch.encode(column, self.batch_size)

    def _classify(self, encoded: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities (n_songs, n_classes) of encoded songs."""
        import torch

        network = self.network_

        def classify(rows: range) -> np.ndarray:
            some = slice(rows.start, rows.stop)
            with _torch.inference():
                vectors = [torch.from_numpy(v[some]).to(network.device) for v in encoded]
                return network.classifier(*vectors).double().softmax(dim=1).cpu().numpy()

        return np.concatenate(list(in_batches(classify, range(len(encoded[0])), HEAD_BATCH)))

    def _attend(self, columns: Sequence[list]) -> np.ndarray:
        """Probabilities (n_songs, n_classes) of songs by cross-attention."""
        with _torch.inference():
            prepared = [b.prepare(c) for b, c in zip(self._branches(), columns, strict=True)]
            logits = self.network_.classifier(*self._features(prepared))
            return logits.double().softmax(dim=1).cpu().numpy()
