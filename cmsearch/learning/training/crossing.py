"""The network of a learned reranker in torch, as `cmsearch.models.rerankers.crossing` has it in
NumPy.
"""

# Tested by tests/unit/cmsearch/models/rerankers/test_crossing.py

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from cmsearch.models.rerankers.crossing import LIMIT, PLACES, SHARPNESS
from cmsearch.types import FloatArray

WIDTH, HEADS, LAYERS = 32, 4, 2
DROPOUT = 0.2


class Layer(nn.Module):
    """Words look at the tokens of a picture, and are compared with what they find."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.asking, self.shown = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.scale = nn.Parameter(torch.ones(heads))
        self.up = nn.Linear(3 * width + heads, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, read: Tensor, seen: Tensor, similar: Tensor, shut: Tensor) -> Tensor:
        """Give the states of one side after a look at the other side."""
        asking, shown = self.asking(read), self.shown(seen)
        heads = len(self.scale)
        query, key, value = (
            part(rows).unflatten(-1, (heads, -1)).transpose(-2, -3)
            for part, rows in ((self.query, asking), (self.key, shown), (self.value, shown))
        )
        near = SHARPNESS * similar[..., None, :, :]
        logits = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        attention = (logits + self.scale[:, None, None] * near + shut).softmax(-1)
        found = (attention @ value).transpose(-2, -3).flatten(-2)
        matched = (attention * near).sum(-1).transpose(-1, -2)
        wide = asking.expand_as(found)
        compared = torch.cat([wide, found, wide * found, matched], -1)
        added: Tensor = read + self.drop(self.down(self.drop(self.up(compared).relu())))
        return added


class Crossing(nn.Module):
    """Judges texts and pictures by their tokens. Untrained it says 0 of all."""

    def __init__(
        self,
        dim: int,
        *,
        width: int = WIDTH,
        heads: int = HEADS,
        layers: int = LAYERS,
        dropout: float = DROPOUT,
    ) -> None:
        super().__init__()
        self.words, self.cells = nn.Linear(dim, width), nn.Linear(dim, width)
        self.places = nn.Parameter(0.5 * torch.randn(PLACES, width))
        self.layers = nn.ModuleList(Layer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.drop = nn.Dropout(dropout)

    def forward(self, words: Tensor, weights: Tensor, cells: Tensor, present: Tensor) -> Tensor:
        """See `cmsearch.models.rerankers.crossing.judged`; here the dimensions before may be
        several.
        """
        similar = words @ cells.transpose(-1, -2)
        return self.compared(self.read(words), weights, self.seen(cells), present, similar)

    def read(self, words: Tensor) -> Tensor:
        """Words `(…, w, dim)` as the layers take them `(…, w, width)`."""
        found: Tensor = self.words(self.drop(words * words.shape[-1] ** 0.5))
        return found

    def seen(self, cells: Tensor) -> Tensor:
        """Tokens of pictures `(…, t, dim)` as the layers take them `(…, t, width)`."""
        found: Tensor = self.cells(self.drop(cells * cells.shape[-1] ** 0.5))
        return found + self.places[: cells.shape[-2]]

    def compared(
        self, read: Tensor, weights: Tensor, seen: Tensor, present: Tensor, similar: Tensor
    ) -> Tensor:
        """The judgements of texts and pictures as `read` and `seen` give them."""
        shut = torch.where(present > 0, 0.0, -1e9)[..., None, None, :]
        for layer in self.layers:
            read = layer(read, seen, similar, shut)
        total = weights.sum(-1, keepdim=True)
        told = self.out(self.norm(read))[..., 0]
        mean = (told * weights / total.clamp_min(1e-9)).sum(-1)
        known = (present > 0).any(-1) & (total[..., 0] > 0)
        return torch.where(known, LIMIT * torch.tanh(mean / LIMIT), 0.0)

    def numbers(self) -> dict[str, FloatArray]:
        """Its tensors by name, in float32, as they are now."""
        return {
            name: np.array(tensor.detach().cpu().numpy(), np.float32)
            for name, tensor in self.state_dict().items()
        }
