"""Reading weights, and saying what is wrong with them."""

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
"""What the keys of each encoder's weights begin with."""
WRAPPERS = ("state_dict", "model_state_dict")
"""Under which training scripts keep a state dict among other things."""
CODE = (".py", ".pkl", ".pickle", ".bin", ".pt", ".pth", ".ckpt", ".joblib")
"""What files are called that can hold code."""
MAX_LISTED = 10
"""Weights of a kind that a report names."""


def read_state_dict(path: str | PathLike[str]) -> dict[str, torch.Tensor]:
    """Read a file of weights, and nothing but weights.

    Parameters
    ----------
    path : path-like
        A file that ``torch.save`` wrote, or safetensors.

    Returns
    -------
    dict of str to Tensor
        On the CPU, the keys without the ``module.`` that parallel training puts before them.

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        It holds something else, or can't be read.
    """
    import torch
    from safetensors.torch import load_file

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    # The readers raise of a broken file whatever they meet: KeyError, TypeError, struct.error...
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
    """Read what ``classifier.json`` says of a saved classifier.

    Parameters
    ----------
    folder : Path
        Where it is.
    version : int
        The format that it must be of.

    Returns
    -------
    dict

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        It is no JSON object of this format.
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
    """Return the classes that a description lists.

    Parameters
    ----------
    names : list of str, numbers or booleans
        The classes.
    dtype : str
        What numpy called their type. Texts get the length that they have, whatever it says.

    Returns
    -------
    ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        They are no such list, or one is there twice.
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
    """Raise if a saved classifier brings code, or asks for more layers than it has weights for.

    Parameters
    ----------
    folder : Path
        Where the classifier is.

    Raises
    ------
    ValueError
        A file may hold code or asks for code, or an encoder's configuration is none of its weights.
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
        except Exception as error:  # safetensors has its own
            raise ValueError(f"{str(path.parent)!r} is no saved encoder: {error}") from error
        # Each has weights; a network of millions of layers would be set up for hours.
        n_layers = max(_sizes_called("layers", settings), default=0)
        if n_layers > n_weights:
            raise ValueError(f"{str(config)!r} has {n_layers:.3g} layers for {n_weights} weights")


def _sizes_called(ending: str, settings: Any) -> Iterator[float]:
    """The numbers in a configuration whose names end like this."""
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if isinstance(value, dict):
            yield from _sizes_called(ending, value)
        elif name.endswith(ending) and isinstance(value, (int, float)):
            yield value


def load_encoder(
    source: Any, half: str, state: dict[str, torch.Tensor] | None
) -> tuple[PreTrainedModel, list[str]]:
    """Load an encoder, with its own weights or with those of a state dict.

    Parameters
    ----------
    source : str, Path or PreTrainedModel
        Name or folder of a model, or a model, which is copied.
    half : {"audio", "lyrics"}
        Which encoder it is.
    state : dict of str to Tensor, or None
        Weights of the whole network. None: the model's own.

    Returns
    -------
    model : PreTrainedModel
        The encoder.
    findings : list of str
        What is wrong with the weights.
    """
    from transformers import AutoConfig, AutoModel

    if not isinstance(source, (str, PathLike)):
        return copy.deepcopy(source), []
    if state is None:
        model, report = AutoModel.from_pretrained(source, output_loading_info=True)
        # Of RoBERTa's pooler, which a head of the first token never looks at, there may be none.
        missing = sorted(k for k in report["missing_keys"] if not k.startswith("pooler."))
        return model, [f"missing: {PREFIXES[half]}{name}" for name in missing]
    prefix = PREFIXES[half]
    config = AutoConfig.from_pretrained(source)
    part = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    # transformers' own loader knows what weights were called in its earlier releases.
    model, report = type(AutoModel.from_config(config)).from_pretrained(
        None,
        config=config,
        state_dict=part,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    missing = set(report["missing_keys"])
    if half == "lyrics" and not any(name.startswith("pooler.") for name in part):
        model.pooler = None  # what a head of the first token never looks at
        missing = {name for name in missing if not name.startswith("pooler.")}
    return model, [
        *(f"missing: {prefix}{name}" for name in sorted(missing)),
        *(
            f"left over: {prefix}{name}"
            for name in sorted(report["unexpected_keys"])
            if not name.endswith("position_ids")  # once saved, though no weights
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
    """Load the weights of a network's classifier, and report what was wrong with all weights.

    Parameters
    ----------
    network : FusionNetwork
        The network.
    state : dict of str to Tensor
        Weights of the network; those of the encoders are not looked at.
    findings : sequence of str, default=()
        What was wrong with those of the encoders.
    strict : bool, default=True
        Whether what is wrong is an error, or a warning.

    Raises
    ------
    ValueError
        Weights are missing, left over or of another shape.
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
    """The findings, a line each, of every kind the first few."""
    kinds: dict[str, list[str]] = {}
    for finding in findings:
        kinds.setdefault(finding.split()[0], []).append(finding)
    lines = []
    for kind in kinds.values():
        lines += kind[:MAX_LISTED]
        if len(kind) > MAX_LISTED:
            lines.append(f"and {len(kind) - MAX_LISTED} more of these")
    return "\n".join(f"  {line}" for line in lines)
