"""The parts of a model in torch, an encoder or a head: how they are run, and joining what they say.

A part is a module, a method of one, or any function of tensors. Modules get floating-point inputs
of the type of their own weights. What encoders return is one row a song, in tensors, tuples or
dicts of them; batches of different lengths are padded with zeros, which a mask has to tell.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime.neighbourhood.encodings import map_leaves

if TYPE_CHECKING:
    import torch

AUTOCAST = ("bfloat16", "float16")
"""Types that autocast may compute in."""


def network_of(part: Callable) -> torch.nn.Module | None:
    """Return the module behind a part.

    Parameters
    ----------
    part : torch.nn.Module or callable
        The part.

    Returns
    -------
    torch.nn.Module or None
        The module itself, or the one that the part is a method of. None for other functions.
    """
    torch = sys.modules.get("torch")
    if torch is None:  # so no part is a module of it
        return None
    owner = part if isinstance(part, torch.nn.Module) else getattr(part, "__self__", None)
    return owner if isinstance(owner, torch.nn.Module) else None


def device_for(device: str | torch.device, parts: Sequence[Callable]) -> torch.device:
    """Find the device that parts run on, and check that it is there.

    Parameters
    ----------
    device : str or torch.device
        The device as torch names it. "auto": the GPU that a part is on already, else any GPU that
        there is, else the processor.
    parts : sequence of callable
        The parts.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        torch knows or finds no such device.
    """
    import torch

    if device == "auto":
        tensors = chain.from_iterable(map(_tensors_of, parts))
        used = (tensor.device for tensor in tensors if tensor.device.type != "cpu")
        return next(used, None) or _torch.pick_device(None)
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"device={device!r} can't be used here ({reason}); device='auto' takes a GPU if there "
            "is one, and otherwise the processor"
        ) from error
    return found


def autocast_type(autocast: Any) -> torch.dtype | None:
    """Find the type that autocast computes in.

    Parameters
    ----------
    autocast : {"bfloat16", "float16"}, torch.dtype or None
        The parameter of the model.

    Returns
    -------
    torch.dtype or None

    Raises
    ------
    ValueError
        It is none of these types.
    """
    import torch

    if autocast is None:
        return None
    name = str(autocast).removeprefix("torch.")
    if name not in AUTOCAST:
        raise ValueError(f"autocast must be one of {AUTOCAST} or None, got {autocast!r}")
    return getattr(torch, name)


@contextmanager
def at_work(
    parts: Sequence[Callable], device: torch.device, autocast: torch.dtype | None
) -> Iterator[None]:
    """Run parts for inference: on the device, in evaluation mode, by one thread at a time.

    Afterwards modules are in the modes that they were in, and stay on the device.

    Parameters
    ----------
    parts : sequence of callable
        The parts.
    device : torch.device
        The device.
    autocast : torch.dtype or None
        Type for autocast. None: there is none.
    """
    import torch

    networks = {id(network): network for network in map(network_of, parts)}
    with _torch.inference(), ExitStack() as stack:
        for network in networks.values():
            stack.enter_context(_torch.at_work(network, device, stays=True))
        cast = nullcontext() if autocast is None else torch.autocast(device.type, dtype=autocast)
        with cast:
            yield


def as_inputs(values: Any, part: Callable, device: torch.device) -> Any:
    """Move the inputs of a part to its device, and give floating-point ones its type.

    Parameters
    ----------
    values : encoding
        Tensors, or tuples, lists and dicts of them.
    part : callable
        The part.
    device : torch.device
        The device.

    Returns
    -------
    encoding
        Inputs of modules are of the type of the first of their weights; other functions get what
        is there.
    """
    floats = (t.dtype for t in _tensors_of(part) if t.is_floating_point())
    dtype = next(floats, None)

    def convert(leaf: Any) -> Any:
        if not hasattr(leaf, "is_floating_point"):  # no tensor: what a tokenizer of one's own says
            return leaf
        return leaf.to(device, dtype if leaf.is_floating_point() else None)

    return map_leaves(convert, values)


def checked(encoded: Any, name: str, rows: Sequence[int]) -> Any:
    """Check what an encoder returned for a batch, and copy it as tensors.

    Parameters
    ----------
    encoded : encoding
        The output: tensors or arrays, or tuples, lists and mappings of these.
    name : str
        Name of the encoder, for errors.
    rows : sequence of int
        Rows of the songs in X, for errors.

    Returns
    -------
    encoding
        Mappings are dicts.

    Raises
    ------
    ValueError
        It is no tensor, has another number of rows, or has NaN in it.
    """
    import torch

    def own(leaf: Any) -> torch.Tensor:
        try:
            leaf = torch.as_tensor(leaf).detach().clone()
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"{name} returned a {type(leaf).__name__}, where tensors, tuples or dictionaries "
                "of tensors should be"
            ) from error
        if not leaf.dim() or len(leaf) != len(rows):
            raise ValueError(
                f"{name} returned a tensor of shape {tuple(leaf.shape)} for {len(rows)} songs, "
                "where a row each should be"
            )
        if leaf.is_floating_point() and (bad := leaf.isnan().flatten(1).any(dim=1)).any():
            raise ValueError(f"{name} returned NaN for row {rows[int(bad.nonzero()[0])]}")
        return leaf

    if isinstance(encoded, Mapping):  # such as the outputs of transformers
        encoded = dict(encoded)
    return map_leaves(own, encoded, n_songs=len(rows))


def join(batches: Sequence[Any], name: str, order: np.ndarray | None = None) -> Any:
    """Join the encodings of batches, padding sequences of different lengths.

    Parameters
    ----------
    batches : sequence of encodings
        What :func:`checked` returned, at least one, all of the same form.
    name : str
        Name of the encoder, for errors.
    order : ndarray of shape (n_songs,) of int, or None, default=None
        Position of each song among the rows of all batches. None: as they are.

    Returns
    -------
    encoding
        Tensors (n_songs, n_steps, ...) have the steps of the longest batch; what is added is 0, and
        False in masks.

    Raises
    ------
    ValueError
        Batches differ in more than the number of steps, or in this without a mask: a bool or int
        tensor (n_songs, n_steps) of True and False, or 1 and 0.
    """
    import torch

    if len(batches) == 1 and order is None:
        return batches[0]
    has_mask: list[bool] = []
    is_padded: list[bool] = []

    def joined(*leaves: torch.Tensor) -> torch.Tensor:
        first = leaves[0]
        if any(leaf.shape[2:] != first.shape[2:] or leaf.dim() != first.dim() for leaf in leaves):
            shapes = sorted({tuple(leaf.shape[1:]) for leaf in leaves})
            raise ValueError(f"{name} returned rows of different shapes, {shapes}")
        if first.dim() > 1:
            steps = [leaf.shape[1] for leaf in leaves]
            most = max(steps)
            if min(steps) < most:
                is_padded.append(True)
                has_mask.append(all(map(_is_mask, leaves)))
                beyond = [0, 0] * (first.dim() - 2)
                leaves = tuple(
                    torch.nn.functional.pad(leaf, (*beyond, 0, most - leaf.shape[1]))
                    for leaf in leaves
                )
        whole = torch.cat(leaves)
        return whole if order is None else whole[torch.as_tensor(order, device=whole.device)]

    try:
        result = map_leaves(joined, *batches)
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{name} returned encodings of different forms") from error
    if is_padded and not any(has_mask):
        raise ValueError(
            f"{name} returned sequences of different lengths without a mask: return (sequence, "
            "mask), a mask being True of shape (n_songs, n_steps) where there is something, or "
            "vectors"
        )
    return result


def _is_mask(leaf: torch.Tensor) -> bool:
    """Whether a tensor is (n_songs, n_steps) and has nothing but True and False, or 1 and 0."""
    is_plain = leaf.dim() == 2 and not leaf.is_floating_point()
    return is_plain and bool(((leaf == 0) | (leaf == 1)).all())


def on_processor(parts: Mapping[str, Callable]) -> dict[str, Callable]:
    """Copy those parts whose weights are on a GPU to the processor, so that they load anywhere.

    Parameters
    ----------
    parts : mapping of str to callable
        The parts by their names.

    Returns
    -------
    dict of str to callable
        Copies share a module if the parts did. Other parts are the same objects.
    """
    away = {
        name: part
        for name, part in parts.items()
        if any(tensor.device.type != "cpu" for tensor in _tensors_of(part))
    }
    copies = copy.deepcopy(away)
    for part in copies.values():
        network = network_of(part)
        if network is not None:
            network.to("cpu")
    return {**parts, **copies}


def _tensors_of(part: Callable) -> Iterator[torch.Tensor]:
    """Weights and buffers of the module behind a part."""
    network = network_of(part)
    if network is not None:
        yield from chain(network.parameters(), network.buffers())
