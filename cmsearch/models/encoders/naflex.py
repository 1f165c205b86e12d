"""The part of SigLIP 2's NaFlex that torch can't export as transformers writes it."""

# Tested by tests/unit/cmsearch/models/encoders/test_transformers.py

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Patches(nn.Module):
    """Scaled and normalised patches, their mask, and the grid, of what `prepare_image` gives.

    Bytes `(n, patches, size)`, whose channels are interleaved, and rows and columns `(n, 2)`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], factor: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(list(mean)))
        self.register_buffer("std", torch.tensor(list(std)))
        self.factor = factor

    def forward(self, patches: Tensor, grid: Tensor) -> tuple[Tensor, ...]:
        """Give normalised patches, their mask, and their grid."""
        pixels = patches.reshape(*patches.shape[:2], -1, 3).float() * self.factor
        values = ((pixels - self.mean) / self.std).flatten(-2)
        place = torch.arange(patches.shape[1], device=patches.device)
        mask = place < grid.prod(-1, keepdim=True)
        return values * mask[..., None], mask.int(), grid


def grid_positions(
    embeddings: Any,
    run: Callable[[Sequence[Tensor]], tuple[Tensor, ...]],
    inputs: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    """What `run` gives with the position embeddings of all grids computed at once.

    transformers resizes them picture by picture, in a loop over the batch that a graph can't have.
    """
    embeddings.resize_positional_embeddings = resized
    try:
        return run(inputs)
    finally:
        del embeddings.resize_positional_embeddings


def resized(positions: Tensor, grids: Tensor, max_length: int) -> Tensor:
    """Position embeddings `(rows, columns, dim)` resized to each grid `(n, 2)`: `(n, length, dim)`.

    Bilinear with antialiasing, as torch's `interpolate`: a triangle over the distance to the
    centre of each patch. What follows a grid's last patch is masked by the model.
    """
    rows, columns = grids[:, :1], grids[:, 1:]
    place = torch.arange(max_length, device=grids.device)
    row = torch.minimum(place // columns, rows - 1)
    vertical = _triangle(row, rows, positions.shape[0])
    horizontal = _triangle(place % columns, columns, positions.shape[1])
    weights = vertical[..., :, None] * horizontal[..., None, :]
    return weights.flatten(-2).to(positions.dtype) @ positions.flatten(0, 1)


def _triangle(index: Tensor, count: Tensor, source: int) -> Tensor:
    """Weights `(n, length, source)` of the source's cells for the cells `index` of `count`."""
    scale = source / count.float()
    centre = (scale * (index + 0.5))[..., None]
    cells = torch.arange(source, device=index.device) + 0.5
    weights = (1 - (cells - centre).abs() / scale.clamp(min=1)[..., None]).clamp(min=0)
    return weights / weights.sum(-1, keepdim=True)
