"""Files of a :class:`~sklearn_musiclime.TransformerFusionClassifier`, which contain no code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime.featurizers.audio.embedder import AST
from sklearn_musiclime.fusion.checkpoint import (
    check_saved,
    load_head,
    read_classes,
    read_description,
    read_state_dict,
)
from sklearn_musiclime.fusion.fine_tuned import NetworkMixin

PAPER_ROBERTA = "FacebookAI/roberta-large"
FORMAT = 1


class SavedNetwork(NetworkMixin, BaseEstimator):
    """Base of a classifier whose network is saved to files and loaded from them."""

    def save(self, folder: str | PathLike[str]) -> None:
        """Save the fitted classifier as JSON and safetensors, which contain no code.

        Parameters
        ----------
        folder : path-like
            Folder to write to. It gets the files ``classifier.json`` and
            ``classifier.safetensors``, and the folders ``audio`` and ``lyrics`` with the encoders
            as transformers saves them. ``audio`` can be given to
            :class:`~sklearn_musiclime.AudioEmbedder` as a model.

        Raises
        ------
        TypeError
            A parameter or a class name can't be written as JSON.
        """
        check_is_fitted(self)
        save_file = _torch.load("safetensors.torch", "TransformerFusionClassifier").save_file
        folder = Path(folder)
        parameters = self.get_params(deep=False)
        for name in ("audio_model", "lyrics_model"):
            model = parameters[name]
            parameters[name] = str(getattr(model, "name_or_path", model))
        for name in ("feature_extractor", "tokenizer"):
            del parameters[name]  # saved with the encoders
        if isinstance(parameters["class_weight"], Mapping):
            parameters["class_weight"] = list(parameters["class_weight"].items())
        document = {
            "format": FORMAT,
            "parameters": parameters,
            "classes": self.classes_.tolist(),
            "dtype": self.classes_.dtype.str,
            "n_features_in": self.n_features_in_,
            "feature_names_in": getattr(self, "feature_names_in_", np.array([])).tolist(),
            "history": self.history_,
        }
        text = json.dumps(document, indent=1)
        folder.mkdir(parents=True, exist_ok=True)
        for modality, model, companion in (
            ("audio", self.network_.audio_model, self.feature_extractor_),
            ("lyrics", self.network_.text_model, self.tokenizer_),
        ):
            if companion is not None:
                model.save_pretrained(folder / modality)
                companion.save_pretrained(folder / modality)
        state = self.network_.classifier.state_dict(prefix="classifier.")
        state = {name: tensor.cpu().contiguous() for name, tensor in state.items()}
        save_file(state, folder / "classifier.safetensors")
        (folder / "classifier.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: str | PathLike[str], *, device: str | None = None) -> Self:
        """Load a classifier that :meth:`save` wrote, without running any code from its files.

        Parameters
        ----------
        folder : path-like
            The folder.
        device : str or None, default=None
            Device of the network. None: a GPU if there is one, else the CPU.

        Returns
        -------
        TransformerFusionClassifier

        Raises
        ------
        OSError
            A file is missing.
        ValueError
            The files are of another format, may contain code, or do not fit together.
        """
        _torch.load("torch", cls.__name__)
        folder = Path(folder)
        document = read_description(folder, FORMAT)
        check_saved(folder)
        try:
            parameters = document["parameters"] | {"device": device}
            if isinstance(parameters["class_weight"], list):
                parameters["class_weight"] = dict(map(tuple, parameters["class_weight"]))
            classifier = cls(**parameters)
            classifier._check_parameters()
            classes = read_classes(document["classes"], document["dtype"])
            state = read_state_dict(folder / "classifier.safetensors")
            findings = classifier._assemble(folder / "audio", folder / "lyrics", classes)
            load_head(classifier.network_, state, findings)
            classifier.history_ = list(document["history"])
            classifier.n_iter_ = len(classifier.history_)
            classifier.n_features_in_ = int(document["n_features_in"])
            if document["feature_names_in"]:
                classifier.feature_names_in_ = np.array(document["feature_names_in"], dtype=object)
        except OSError:
            raise
        # transformers does not validate configurations: a wrong one raises errors of any type.
        except Exception as error:
            raise ValueError(
                f"what is in {str(folder)!r} does not fit together: {error!s:.500}"
            ) from error
        return classifier

    @classmethod
    def from_checkpoint(
        cls,
        path: str | PathLike[str],
        *,
        classes: Sequence[Any] | None = None,
        audio_model: str | PathLike[str] = AST,
        lyrics_model: str | PathLike[str] = PAPER_ROBERTA,
        strict: bool = True,
        **parameters: Any,
    ) -> Self:
        """Load a network of the MusicLIME authors from a checkpoint.

        Parameters
        ----------
        path : path-like
            State dict, written by ``torch.save(network.state_dict(), path)`` or as safetensors. Its
            keys begin with ``audio_model.``, ``text_model.``, ``classifier.layer_norm.`` and
            ``classifier.fc.``; a prefix ``module.`` is ignored.
        classes : sequence of n_classes class names, or None, default=None
            Classes in the order of the network's outputs. None: 0, 1, ...
        audio_model, lyrics_model : str or Path, \
                default="MIT/ast-finetuned-audioset-10-10-0.4593", "FacebookAI/roberta-large"
            Names or folders of the models that the network was made from. Their configurations,
            feature extractor and tokenizer are read, but no weights.
        strict : bool, default=True
            Whether weights that are missing, left over or of another shape are an error. If not,
            they are a warning, and weights without a match stay randomly initialized.
        **parameters : object
            Other parameters of :class:`~sklearn_musiclime.TransformerFusionClassifier`. `long` is
            "truncate" by default, as the authors' networks were trained.

        Returns
        -------
        TransformerFusionClassifier
            A fitted classifier, which can be explained as ``FrozenEstimator(classifier)``.

        Raises
        ------
        OSError
            There is no such file, or no such model.
        ValueError
            The file contains something else than a state dict of such a network; the number of
            `classes` is not that of its outputs; or, with `strict`, weights are missing, left over
            or of another shape, which the message lists.
        """
        _torch.load("torch", cls.__name__)
        state = read_state_dict(path)
        if "classifier.fc.weight" not in state:
            raise ValueError(
                f"{str(path)!r} has no classifier.fc.weight, so it is no network of this kind; it "
                f"has {len(state)} weights: {', '.join(sorted(state)[:5])}..."
            )
        n_classes = len(state["classifier.fc.weight"])
        names = np.arange(n_classes) if classes is None else np.asarray(classes)
        if len(names) != n_classes:
            raise ValueError(f"{len(names)} class names for {n_classes} classes")
        classifier = cls(audio_model, lyrics_model, **({"long": "truncate"} | parameters))
        classifier._check_parameters()
        classifier._assemble(audio_model, lyrics_model, names, state=state, strict=strict)
        classifier.history_, classifier.n_iter_, classifier.n_features_in_ = [], 0, 2
        return classifier
