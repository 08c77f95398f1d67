"""Separation in overlapping chunks with crossfades, which bounds the memory for long songs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING

from sklearn_musiclime._runtime.memory import in_batches

if TYPE_CHECKING:
    import torch

GRID = 4096
"""Chunks begin at multiples of this number of samples, which is divisible by usual strides."""


def separate_in_chunks(
    model: Callable[[torch.Tensor], torch.Tensor],
    mix: torch.Tensor,
    *,
    n_chunk: int,
    overlap: float,
    batch_size: int,
    device: torch.device,
) -> torch.Tensor:
    """Separate a mix chunk by chunk.

    In the overlap of two chunks the outer quarters are discarded, and the middle half is a
    crossfade.

    Parameters
    ----------
    model : callable
        Maps mixes (batch, channels, samples) to sources (batch, sources, channels, samples).
    mix : Tensor of shape (n_channels, n_samples), dtype float32
        The mix, on the CPU.
    n_chunk : int
        Largest length of a chunk in samples.
    overlap : float
        Overlap of successive chunks as a fraction of their length, at most 0.5.
    batch_size : int
        Number of chunks in a batch; halved while a batch does not fit into memory.
    device : torch.device
        Device of the model.

    Returns
    -------
    Tensor of shape (n_sources, n_samples), dtype float32
        The sources, as the mean of their channels, on the CPU.

    Raises
    ------
    ValueError
        The model returned another shape.
    """
    import torch

    n_samples = mix.shape[1]
    shared = int(overlap * n_chunk)
    hop = n_chunk - shared
    hop -= hop % min(hop, GRID)
    n_chunk = hop + shared
    # The last chunk ends with the song and may be shorter, as the model may pad its own input.
    starts = range(0, max(n_samples - shared, 1), hop)
    margin = shared // 4
    fade_in = (torch.arange(shared) + 0.5 - margin) / max(shared - 2 * margin, 1)
    fade_in.clamp_(0, 1)

    def run(starts: range) -> torch.Tensor:
        batch = torch.stack([mix[:, start : start + n_chunk] for start in starts]).to(device)
        sources = model(batch)
        shape = tuple(getattr(sources, "shape", ()))
        if len(shape) != 4 or shape[::3] != batch.shape[::2]:
            raise ValueError(
                f"the model returned shape {shape} for {tuple(batch.shape)}; expected "
                f"({len(batch)}, n_sources, n_channels, {batch.shape[2]})"
            )
        return sources.mean(dim=2).cpu()

    alike = (starts[:-1], starts[-1:])  # only chunks of equal length fit into a batch
    batches = chain.from_iterable(in_batches(run, part, batch_size) for part in alike)
    total: torch.Tensor | None = None
    for start, sources in zip(starts, chain.from_iterable(batches), strict=True):
        if total is None:
            total = torch.zeros(len(sources), n_samples)
        if start != starts[0]:
            sources[:, :shared] *= fade_in
        if start != starts[-1]:
            sources[:, hop:] *= 1 - fade_in
        total[:, start : start + n_chunk] += sources
    assert total is not None  # there is a chunk
    return total
