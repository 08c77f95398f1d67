"""Reading checkpoints and saved classifiers, with checks and reports of what does not fit."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from sklearn_musiclime.fusion.network import FusionNetwork

PREFIXES = {"audio": "audio_model.", "lyrics": "text_model."}
"""Prefixes of the keys of each encoder's weights."""
WRAPPERS = ("state_dict", "model_state_dict")
"""Keys under which training scripts store a state dict in a larger checkpoint."""
CODE = (".py", ".pkl", ".pickle", ".bin", ".pt", ".pth", ".ckpt", ".joblib")
"""Extensions of files that can contain code."""
MAX_LISTED = 10
"""Largest number of weights that a report lists for each kind of mismatch."""


def read_state_dict(path: str | PathLike[str]) -> dict[str, torch.Tensor]:
    """Read a state dict from a file, without running code that the file may contain.

    Parameters
    ----------
    path : path-like
        A file written by ``torch.save``, or a safetensors file.

    Returns
    -------
    dict of str to Tensor
        Weights on the CPU, by name. The prefix ``module.`` of parallel training is removed.

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        The file can't be read, or contains something else than weights.
    """
    import torch
    from safetensors.torch import load_file

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    try:
        if path.suffix == ".safetensors":
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    # On a broken file the readers raise errors of any type: KeyError, TypeError, struct.error...
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            f"{str(path)!r} is no file of weights alone, as torch.save(network.state_dict(), path) "
            f"writes it: {reason:.300}"
        ) from error
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in state.items()
    ):
        raise ValueError(
            f"{str(path)!r} holds a {type(state).__name__}, not weights by their names"
        )
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def read_description(folder: Path, version: int) -> dict[str, Any]:
    """Read ``classifier.json`` of a saved classifier.

    Parameters
    ----------
    folder : Path
        Folder of the classifier.
    version : int
        The file's expected format version.

    Returns
    -------
    dict
        The JSON document.

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        The file is not JSON, or of another format version.
    """
    path = folder / "classifier.json"
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is not JSON: {error}") from error
    found = document.get("format") if isinstance(document, dict) else None
    if found != version:
        raise ValueError(f"{str(folder)!r} is of format {found!r:.40}, not {version}")
    return document


def read_classes(names: Any, dtype: Any) -> np.ndarray:
    """Convert the classes in a JSON document to an array.

    Parameters
    ----------
    names : list of str, numbers or booleans
        The classes.
    dtype : str
        The numpy dtype of the array. For strings, its length is ignored: the array gets the length
        of the longest class name.

    Returns
    -------
    ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        `names` is not a list of distinct names or numbers of that dtype.
    """
    kind = np.dtype(dtype).kind
    if (
        not isinstance(names, list)
        or not all(isinstance(name, (str, int, float)) for name in names)
        or len(set(names)) != len(names)
    ):
        raise ValueError("the classes are not a list of different names or numbers")
    if kind == "O":
        return np.array(names, dtype=object)
    classes = np.array([str(name) for name in names]) if kind == "U" else np.array(names, dtype)
    if kind not in "biufU" or classes.tolist() != names:
        raise ValueError(f"the classes are none of dtype {dtype!r:.40}")
    return classes


def check_saved(folder: Path) -> None:
    """Check that a saved classifier is safe to load.

    Parameters
    ----------
    folder : Path
        Folder of the classifier.

    Raises
    ------
    ValueError
        A file may contain code or refers to code (``auto_map``), an encoder can't be read, or its
        configuration has more layers than there are weights.
    """
    from safetensors import safe_open

    for path in sorted(folder.rglob("*")):
        if path.suffix in CODE or (path.suffix == ".json" and b'"auto_map"' in path.read_bytes()):
            raise ValueError(f"{str(path)!r} is code or asks for it; nothing of it was read")
    for path in sorted(folder.glob("*/model.safetensors")):
        config = path.with_name("config.json")
        try:
            with safe_open(path, "pt") as weights:
                n_weights = len(weights.keys())
            settings = json.loads(config.read_bytes())
        except OSError:
            raise
        except Exception as error:  # safetensors raises an error type of its own
            raise ValueError(f"{str(path.parent)!r} is no saved encoder: {error}") from error
        # Each layer has weights. Without this check, building millions of layers takes hours.
        n_layers = max(_sizes_called("layers", settings), default=0)
        if n_layers > n_weights:
            raise ValueError(f"{str(config)!r} has {n_layers:.3g} layers for {n_weights} weights")


def _sizes_called(ending: str, settings: Any) -> Iterator[float]:
    """Yield the numbers of a nested configuration whose names have this ending."""
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if isinstance(value, dict):
            yield from _sizes_called(ending, value)
        elif name.endswith(ending) and isinstance(value, (int, float)):
            yield value


def load_encoder(
    source: Any, modality: str, state: dict[str, torch.Tensor] | None
) -> tuple[PreTrainedModel, list[str]]:
    """Load an encoder, with its own weights or with those of a state dict.

    Parameters
    ----------
    source : str, Path or PreTrainedModel
        Name or folder of a model, or a model instance, which is copied.
    modality : {"audio", "lyrics"}
        The encoder's modality.
    state : dict of str to Tensor, or None
        State dict of the whole network. None: the model's own weights are loaded.

    Returns
    -------
    model : PreTrainedModel
        The encoder.
    findings : list of str
        One message for each weight that is missing, left over or of another shape.
    """
    from transformers import AutoConfig, AutoModel

    if not isinstance(source, (str, PathLike)):
        return copy.deepcopy(source), []
    if state is None:
        model, report = AutoModel.from_pretrained(source, output_loading_info=True)
        # RoBERTa's pooler may be missing: the head uses the first token instead of its output.
        missing = sorted(k for k in report["missing_keys"] if not k.startswith("pooler."))
        return model, [f"missing: {PREFIXES[modality]}{name}" for name in missing]
    prefix = PREFIXES[modality]
    config = AutoConfig.from_pretrained(source)
    part = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    # The loader of transformers translates the names of weights from its earlier releases.
    model, report = type(AutoModel.from_config(config)).from_pretrained(
        None,
        config=config,
        state_dict=part,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    missing = sorted(report["missing_keys"])
    if modality == "lyrics" and not any(name.startswith("pooler.") for name in part):
        model.pooler = None  # unused: the head takes the first token
        missing = [name for name in missing if not name.startswith("pooler.")]
    return model, [
        *(f"missing: {prefix}{name}" for name in missing),
        *(
            f"left over: {prefix}{name}"
            for name in sorted(report["unexpected_keys"])
            if not name.endswith("position_ids")  # a constant that old releases saved
        ),
        *(
            f"of shape {tuple(theirs)} instead of {tuple(ours)}: {prefix}{name}"
            for name, theirs, ours in sorted(report["mismatched_keys"])
        ),
    ]


def load_head(
    network: FusionNetwork,
    state: dict[str, torch.Tensor],
    findings: Sequence[str] = (),
    *,
    strict: bool = True,
) -> None:
    """Load the weights of a network's head, and report mismatches of all weights.

    Parameters
    ----------
    network : FusionNetwork
        The network, whose encoders have been loaded.
    state : dict of str to Tensor
        State dict of the network. The weights of the encoders in it are ignored.
    findings : sequence of str, default=()
        Messages of :func:`load_encoder` about the weights of the encoders.
    strict : bool, default=True
        Whether mismatches raise an error. If not, they are a warning, and the weights that fit are
        loaded.

    Raises
    ------
    ValueError
        With `strict`: weights are missing, left over or of another shape.
    """
    head = "classifier."
    known = (*PREFIXES.values(), head)
    part = {k.removeprefix(head): v for k, v in state.items() if k.startswith(head)}
    expected = network.classifier.state_dict()
    found = list(findings)
    found += [f"missing: {head}{name}" for name in expected if name not in part]
    found += [f"left over: {head}{name}" for name in part if name not in expected]
    found += [f"left over: {name}" for name in state if not name.startswith(known)]
    fitting = {}
    for name, tensor in part.items():
        if name in expected and tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)} instead of {tuple(expected[name].shape)}"
            found.append(f"of shape {shapes}: {head}{name}")
        elif name in expected:
            fitting[name] = tensor
    if found:
        report = "the weights do not fit the network:\n" + _listed(found)
        if strict:
            raise ValueError(report)
        warnings.warn(report)
    network.classifier.load_state_dict(expected | fitting)


def _listed(findings: Sequence[str]) -> str:
    """Format findings, one per line, with the first few of each kind."""
    kinds: dict[str, list[str]] = {}
    for finding in findings:
        kinds.setdefault(finding.split()[0], []).append(finding)
    lines = []
    for kind in kinds.values():
        lines += kind[:MAX_LISTED]
        if len(kind) > MAX_LISTED:
            lines.append(f"and {len(kind) - MAX_LISTED} more of these")
    return "\n".join(f"  {line}" for line in lines)
