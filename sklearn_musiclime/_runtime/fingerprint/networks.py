"""Networks and tokenizers, which are only there if somebody has imported their package."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from sklearn_musiclime._runtime.fingerprint.arrays import bytes_digest
from sklearn_musiclime._runtime.fingerprint.code import attributes
from sklearn_musiclime._runtime.fingerprint.graph import Parts, Unidentified
from sklearn_musiclime._runtime.torch import memory_of

# Hooks that no score depends on; the others are kept by numbers that are given out in a process.
UNUSED_HOOKS = frozenset({
    "_backward_hooks", "_backward_pre_hooks", "_is_full_backward_hook", "_state_dict_hooks",
    "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
})  # fmt: skip
HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def describe_module(module: Any) -> Parts:
    """Return what a network is.

    Parameters
    ----------
    module : torch.nn.Module
        The network.

    Returns
    -------
    Parts
        Its class and all attributes, private ones too: modules, weights, buffers, settings, forward
        hooks, whether it is in training mode.
    """
    return Parts("network", [("", type(module)), *attributes(_state(module))], is_owned=True)


def _state(module: Any) -> Mapping[str, Any]:
    from torch.nn.utils import parametrize

    # Of parametrized modules the attributes: they refuse to be pickled.
    state = vars(module) if parametrize.is_parametrized(module) else module.__getstate__()
    if not isinstance(state, Mapping):
        return {"__getstate__": state}
    state = {name: value for name, value in state.items() if name not in UNUSED_HOOKS}
    for name in HOOKS:
        hooks = state.pop(name, None) or {}
        flags = {k: v for k, v in state.items() if k.startswith(f"{name}_")}
        state = {k: v for k, v in state.items() if k not in flags}
        state[name] = [
            (hook, sorted(flag for flag, numbers in flags.items() if number in numbers))
            for number, hook in hooks.items()
        ]
    return state


def describe_compiled(module: Any) -> Parts:
    """Return what ``torch.compile`` was given.

    Parameters
    ----------
    module : torch._dynamo.OptimizedModule
        The compiled network.

    Returns
    -------
    Parts
    """
    return Parts("compiled", [("._orig_mod", module._orig_mod)])


def describe_script(module: Any) -> Parts:
    """Return what a network is that ``torch.jit`` has compiled.

    Parameters
    ----------
    module : torch.jit.ScriptModule
        The network.

    Returns
    -------
    Parts
        Code, constants and weights that are saved of it once it was saved and loaded, which then
        stay the same.
    """
    import torch

    def saved(network: Any) -> io.BytesIO:
        file = io.BytesIO()
        torch.jit.save(network, file)
        file.seek(0)
        return file

    try:
        again = saved(torch.jit.load(saved(module), map_location="cpu"))
    except RuntimeError as error:
        raise Unidentified(f"it can't be saved: {error}") from error
    with zipfile.ZipFile(again) as archive:
        members = {
            name: archive.read(name) for name in archive.namelist()
            if not name.endswith((".debug_pkl", "serialization_id"))
        }  # fmt: skip
    for name, data in members.items():
        if name.endswith(".py"):
            members[name] = _DECLARATIONS.sub(_in_order, data)
    return Parts("script", attributes(members))


_DECLARATIONS = re.compile(rb"(?:^  \w+ : [^\n]*\n)+", re.MULTILINE)


def _in_order(declarations: re.Match[bytes]) -> bytes:
    """Attributes of a class, which are written in the order of a set."""
    return b"".join(sorted(declarations[0].splitlines(keepends=True)))


def describe_tensor(tensor: Any) -> Parts:
    """Return what a tensor holds.

    Parameters
    ----------
    tensor : torch.Tensor
        The tensor, on whatever device.

    Returns
    -------
    Parts
        Class, shape, type and values, and the attributes that were set on it.

    Raises
    ------
    Unidentified
        It has no values of its own in memory.
    """
    try:
        children = list(_values(tensor.detach()))
    except (RuntimeError, NotImplementedError, TypeError) as error:
        raise Unidentified(f"its values can't be read: {error}") from error
    return Parts(
        f"tensor {tuple(tensor.shape)} {tensor.dtype}",
        [("", type(tensor)), *children, *attributes(vars(tensor))],
    )


def _values(tensor: Any) -> Iterator[tuple[str, Any]]:
    import torch

    if tensor.layout is not torch.strided:
        tensor = tensor.to_sparse_coo().coalesce()
        yield from (("", tensor.indices()), ("", tensor.values()))
        return
    if tensor.is_quantized:
        yield "", str(tensor.qscheme())
        if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
            yield from (("", tensor.q_scale()), ("", tensor.q_zero_point()))
        else:
            yield "", tensor.q_per_channel_scales()
            yield from (("", tensor.q_per_channel_zero_points()), ("", tensor.q_per_channel_axis()))
        tensor = tensor.int_repr()
    yield "", bytes_digest(memory_of(tensor))


def describe_tokenizer(tokenizer: Any) -> Parts:
    """Return what a tokenizer of transformers does.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        The tokenizer.

    Returns
    -------
    Parts
        Not how long the texts of its last call were, which it remembers.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    names = ("special_tokens_map", "model_max_length", "padding_side", "truncation_side")
    settings = {name: getattr(tokenizer, name, None) for name in names}
    words = sorted(tokenizer.get_vocab().items()) if backend is None else backend
    return Parts(
        "tokenizer",
        [("", type(tokenizer)), ("", words), *attributes(settings)],
    )


def describe_backend(tokenizer: Any) -> Parts:
    """Return what a tokenizer of tokenizers does.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        The tokenizer.

    Returns
    -------
    Parts
    """
    document = json.loads(tokenizer.to_str())
    kept = {name: document[name] for name in document if name not in ("truncation", "padding")}
    return Parts("tokenizer", [("", json.dumps(kept, sort_keys=True))])
