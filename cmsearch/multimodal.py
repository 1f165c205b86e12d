"""A multimodal network: the tokens of an image and of a text, each attending to the other."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


class Fused(NamedTuple):
    """What a `MultiModalNet` gives for n pairs of an image and a text.

    `vectors (n, dim)` have unit length; `gates (n, dim)` say how much of each dimension is the
    image's, from 0 to 1. `by_image (n, s, t)` is what each of the s tokens of the image attends to
    among the t of the text, `by_text (n, t, s)` the other way; rows add up to 1.
    """

    vectors: Tensor
    gates: Tensor
    by_image: Tensor
    by_text: Tensor


class CrossAttention(nn.Module):
    """A layer in which tokens attend to those of the other modality (Vaswani et al. 2017).

    Norms come first, as in ViLBERT's co-attention (Lu et al. 2019, arXiv 1908.02265) with the order
    of later transformers; then a residual network of two layers.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.own_norm, self.other_norm, self.norm = (nn.LayerNorm(dim) for _ in range(3))
        self.attention = nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
        self.network = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * dim, dim)
        )

    def forward(self, own: Tensor, other: Tensor, missing: Tensor) -> tuple[Tensor, Tensor]:
        """The tokens `(n, s, dim)` after attending to `other (n, t, dim)`, and the attention.

        `missing (n, t)` is true where there is no token of the other.
        """
        others = self.other_norm(other)
        found, weights = self.attention(
            self.own_norm(own), others, others, key_padding_mask=missing
        )
        attended = own + found
        return attended + self.network(self.norm(attended)), weights


class MultiModalNet(nn.Module):
    """Fuses the tokens of an image and of a text of one space into one vector of that space.

    In each of `layers` both modalities attend to each other at once; then the tokens of each are
    pooled by attention of their own, and a gate mixes the two, dimension by dimension (Arevalo et
    al. 2017, arXiv 1702.01992). The mix is added to the mean of the two parts' own vectors, and
    begins with nothing of its own: an untrained network gives the weighted sum that it replaces.
    """

    def __init__(self, dim: int, *, heads: int = 8, layers: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        self.by_image, self.by_text = (
            nn.ModuleList(CrossAttention(dim, heads, dropout) for _ in range(layers))
            for _ in range(2)
        )
        self.image_pool, self.text_pool = nn.Linear(dim, 1), nn.Linear(dim, 1)
        self.gate = nn.Linear(2 * dim, dim)
        self.out = nn.Linear(dim, dim)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, image: tuple[Tensor, Tensor, Tensor], text: tuple[Tensor, Tensor, Tensor]
    ) -> Fused:
        """Fuse n pairs; each part is its vectors `(n, dim)`, its tokens `(n, s, dim)` and their
        weights `(n, s)`, 0 where a row has fewer, as an `Encoding` has them.
        """
        (image_vectors, seen, image_weights), (text_vectors, read, text_weights) = image, text
        unseen, unread = _missing(image_weights), _missing(text_weights)
        looks, reads = torch.empty(0), torch.empty(0)
        for looking, reading in zip(self.by_image, self.by_text, strict=True):
            (seen, looks), (read, reads) = (
                looking(seen, read, unread),
                reading(read, seen, unseen),
            )
        of_image = _pooled(seen, self.image_pool(seen), unseen)
        of_text = _pooled(read, self.text_pool(read), unread)
        gates = torch.sigmoid(self.gate(torch.cat([of_image, of_text], 1)))
        mixed = self.out(gates * of_image + (1 - gates) * of_text)
        vectors = normalize((image_vectors + text_vectors) / 2 + mixed, dim=1)
        return Fused(vectors, gates, looks, reads)


def _missing(weights: Tensor) -> Tensor:
    """Where there is no token; a row without any keeps its first, which is zeros."""
    missing = weights <= 0
    missing[:, 0] &= ~missing.all(1)
    return missing


def _pooled(tokens: Tensor, scores: Tensor, missing: Tensor) -> Tensor:
    """The mean `(n, dim)` of tokens, weighted by the softmax of their scores `(n, s, 1)`."""
    shares = scores.masked_fill(missing[..., None], -torch.inf).softmax(1)
    return (tokens * shares).sum(1)
