"""The cells of a picture, from the patches of an image tower: its tokens for late interaction."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SIDE = 3


def cell_means(patches: Tensor, grids: Tensor) -> Tensor:
    """The means `(n, 9, size)` of 3 x 3 cells, row by row, of patches `(n, length, size)`.

    `grids`, `(n, 2)` or `(1, 2)`, are their rows and columns; what follows a grid's last patch
    counts for nothing. A patch counts for a cell by the area that the two share.
    """
    place = torch.arange(patches.shape[1], device=patches.device)
    rows, columns = grids[:, :1], grids[:, 1:]
    vertical = _shares(place // columns, rows)
    horizontal = _shares(place % columns, columns)
    shares = (vertical[:, :, None] * horizontal[:, None]).flatten(1, 2)
    return shares.to(patches.dtype) @ patches


def _shares(index: Tensor, count: Tensor) -> Tensor:
    """What the patches `index (n, length)`, of `count (n, 1)` in a line, are of each cell."""
    cell = torch.arange(SIDE, device=index.device)[:, None]
    begin = (index * SIDE / count)[:, None]
    end = ((index + 1) * SIDE / count)[:, None]
    return (torch.minimum(end, cell + 1) - torch.maximum(begin, cell)).clamp(min=0)


def keep_places(module: nn.Module, argument: str) -> None:
    """From now on each patch attends only to itself in `module`, an attention or a block with one.

    `argument` is the name of its mask, which is added. So the module gives for the patches what
    their own values become, as MaskCLIP does in the last layer (Zhou et al. 2022, arXiv
    2112.01071). The class token, which comes first, attends to all, and nothing is computed twice.
    """

    def with_mask(_: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        states = args[0] if args else kwargs["hidden_states"]
        return args, {**kwargs, argument: _mask(states)}

    module.register_forward_pre_hook(with_mask, with_kwargs=True)


def _mask(states: Tensor) -> Tensor:
    place = torch.arange(states.shape[1], device=states.device)
    seen = (place[:, None] == place) | (place[:, None] == 0)
    return torch.zeros_like(seen, dtype=states.dtype).masked_fill(~seen, -torch.inf)
