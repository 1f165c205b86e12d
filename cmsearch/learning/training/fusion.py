"""The multimodal network in torch, and its training on pictures with captions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu, normalize

from cmsearch.learning.training.one_thread import one_thread
from cmsearch.models.fusion_network import EPSILON, HEADS, WIDTH, Parts
from cmsearch.types import FloatArray, IdArray

STEPS = 200
BATCH = 64
RATE = 1e-3
DECAY = 0.05
DROPOUT = 0.25
NEAR = 32
"""Pictures nearest to another, for which it must not be taken."""
UNLIKE = 8
"""Those of them that a caption of it is least near to, to ask with instead of it."""
SCALE = 20.0
"""What cosines are multiplied by at first; it is learned, up to `MOST_SCALE`."""
MOST_SCALE = 25.0


@dataclass(frozen=True)
class Material:
    """What fusing is learned from: n pictures, t texts, and which text is of which picture.

    `links (l, 2)` are pairs of a picture's row and a text's. Pictures of one of the `groups (n,)`
    share texts, and are never told apart. `priors (2, 2)` are the shares of picture and text in the
    weighted sum, among pictures and among texts.
    """

    pictures: Parts
    texts: Parts
    links: IdArray
    groups: IdArray
    priors: FloatArray

    def has(self, pictures: IdArray, texts: IdArray) -> NDArray[np.bool_]:
        """Whether each of n pictures has each of m texts `(n, m)`."""
        count = len(self.texts.vectors)
        known = self.links[:, 0] * count + self.links[:, 1]
        return np.isin(pictures[:, None] * count + texts[None], known)


class Side(nn.Module):
    """What a network has for one of the two modalities."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.into = nn.Linear(dim, width)
        self.query, self.key, self.value, self.found = (nn.Linear(width, width) for _ in range(4))
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.norm, self.last = (nn.LayerNorm(width, eps=EPSILON) for _ in range(2))
        self.dropout = nn.Dropout(DROPOUT)

    def attended(self, own: Tensor, other: Tensor, present: Tensor) -> Tensor:
        """The states `(n, s, width)` after attending to the other's `(n, t, width)`."""
        query, key, value = (
            layer(rows).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for layer, rows in ((self.query, own), (self.key, other), (self.value, other))
        )
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
        attention = scores.masked_fill(~present[:, None, None], -torch.inf).softmax(3)
        found = (self.dropout(attention) @ value).transpose(1, 2).flatten(2)
        states = own + self.dropout(self.found(found))
        wide = gelu(self.wide(self.last(states)), approximate="tanh")
        changed: Tensor = states + self.dropout(self.narrow(wide))
        return changed


class MultiModalNet(nn.Module):
    """Fuses the tokens of a picture and of a text of one space into one vector of that space.

    Untrained it gives the weighted sum that it replaces. `cmsearch.models.fusion_network.Network`
    computes the same from its `state_dict`, and says what it attends to.
    """

    def __init__(self, dim: int, width: int = WIDTH) -> None:
        super().__init__()
        self.image, self.text = Side(dim, width), Side(dim, width)
        self.own_image, self.own_text = nn.Linear(dim, width), nn.Linear(dim, width)
        self.gates = nn.Linear(2 * width, 2 * width)
        self.shares, self.out = nn.Linear(2 * width, 2), nn.Linear(2 * width, dim)
        self.dropout = nn.Dropout(DROPOUT)
        for layer in (self.shares, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, image: tuple[Tensor, ...], text: tuple[Tensor, ...], priors: Tensor
    ) -> Tensor:
        """Unit vectors `(n, dim)` of n pairs; each side is as `Parts`, `priors (n, 2)` as there."""
        rows, present = zip(*(_whole(one) for one in (image, text)), strict=True)
        seen, read = (
            side.norm(side.into(own)) for side, own in zip(self._sides(), rows, strict=True)
        )
        first = self.image.attended(seen, read, present[1])[:, 0]
        second = self.text.attended(read, seen, present[0])[:, 0]
        both = self.dropout(torch.cat([first, second], 1))
        shares = (priors.log() + self.shares(both)).softmax(1)
        own = torch.cat([self.own_image(image[0]), self.own_text(text[0])], 1)
        added = self.out(self.dropout(torch.sigmoid(self.gates(both)) * own))
        total = shares[:, :1] * image[0] + shares[:, 1:] * text[0]
        return normalize(total + added, dim=1, eps=1e-6)

    def _sides(self) -> tuple[Side, Side]:
        return self.image, self.text

    def tensors(self) -> dict[str, FloatArray]:
        """The weights as `cmsearch.models.fusion_network` takes them."""
        return {name: one.detach().cpu().numpy().copy() for name, one in self.state_dict().items()}


def train(
    material: Material,
    rows: IdArray,
    *,
    seed: int = 0,
    steps: int = STEPS,
    tell: Callable[[int], object] = lambda done: None,
) -> dict[str, FloatArray]:
    """The tensors of a network learned from the pictures of these rows, with their texts.

    Two things are asked of it at once, both by cross-entropy: of a picture and a caption of one of
    its neighbours, that neighbour among all pictures, of which the first one and others near it are
    hard negatives; and of a picture and one of its captions, another of its captions among those of
    the batch, and the other way.
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        lesson = _Lesson(material, rows, seed)
        dim = material.pictures.vectors.shape[1]
        net = MultiModalNet(dim, WIDTH if dim >= WIDTH else WIDTH // 2)
        scale = nn.Parameter(torch.tensor(math.log(SCALE)))
        matrices = [one for one in net.parameters() if one.ndim > 1]
        others = [scale, *(one for one in net.parameters() if one.ndim == 1)]
        groups = [
            {"params": matrices, "weight_decay": DECAY},
            {"params": others, "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, RATE, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
        for step in range(steps):
            optimiser.zero_grad()
            loss = lesson.loss(net, scale.exp().clamp(max=MOST_SCALE))
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            tell(step + 1)
    return net.tensors()


class _Lesson:
    """Batches of the pictures to learn from."""

    def __init__(self, material: Material, rows: IdArray, seed: int) -> None:
        self._material = material
        self._rows = rows
        self._random = np.random.default_rng(seed)
        self._near = neighbours(material, rows)
        self._vectors = torch.from_numpy(material.pictures.vectors[rows].astype(np.float32))
        order = material.links[np.argsort(material.links[:, 0], kind="stable")]
        bounds = np.searchsorted(order[:, 0], [rows, rows + 1])
        self._texts = [order[low:high, 1] for low, high in bounds.T]

    def loss(self, net: MultiModalNet, scale: Tensor) -> Tensor:
        size = min(BATCH, len(self._rows))
        places = self._random.permutation(len(self._rows))[:size]
        chosen = [self._random.permutation(self._texts[one])[:2] for one in places.tolist()]
        texts = np.array([one[0] for one in chosen])
        shown = other(self._material, self._near[places], texts, self._random)
        targets = self._rows[places]
        told = np.array([row for row, one in enumerate(chosen) if len(one) > 1], np.int64)
        found = self._fused(
            net,
            np.concatenate([shown, targets[told]]),
            np.concatenate([texts, texts[told]]),
            np.repeat([0, 1], [size, len(told)]),
        )
        loss = self._to_pictures(found[:size], places, scale)
        if len(told) > 1:
            others = np.array([chosen[row][1] for row in told.tolist()])
            loss = loss + self._to_texts(found[size:], targets[told], others, scale)
        return loss

    def _fused(
        self, net: MultiModalNet, pictures: IdArray, texts: IdArray, target: IdArray
    ) -> Tensor:
        image, text = (
            tuple(torch.from_numpy(one[rows].astype(np.float32)) for one in parts)
            for parts, rows in (
                (self._material.pictures, pictures),
                (self._material.texts, texts),
            )
        )
        priors = torch.from_numpy(self._material.priors[target].astype(np.float32))
        found: Tensor = net(image, text, priors)
        return found

    def _to_pictures(self, found: Tensor, places: IdArray, scale: Tensor) -> Tensor:
        """Of n fused vectors the loss among all pictures; `places` are those that are right."""
        alike = torch.from_numpy(self._alike(self._rows[places], self._rows, places))
        scores = (scale * found @ self._vectors.T).masked_fill(alike, -torch.inf)
        return cross_entropy(scores, torch.from_numpy(places))

    def _to_texts(self, found: Tensor, targets: IdArray, texts: IdArray, scale: Tensor) -> Tensor:
        """The loss in both directions between n fused vectors and a text of each."""
        vectors = torch.from_numpy(self._material.texts.vectors[texts].astype(np.float32))
        every = np.arange(len(targets))
        alike = self._alike(targets, targets, every) | self._material.has(targets, texts)
        alike[every, every] = False
        scores = (scale * found @ vectors.T).masked_fill(torch.from_numpy(alike), -torch.inf)
        right = torch.from_numpy(every)
        return (cross_entropy(scores, right) + cross_entropy(scores.T, right)) / 2

    def _alike(self, targets: IdArray, every: IdArray, right: IdArray) -> NDArray[np.bool_]:
        """Where others than the `right` ones `(n,)` share a text with a target `(n, m)`."""
        groups = self._material.groups
        same: NDArray[np.bool_] = groups[targets][:, None] == groups[every][None]
        same[np.arange(len(targets)), right] = False
        return same


def _whole(side: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """The tokens with the vector as the first, and which are there, as `Network` takes them."""
    vectors, tokens, weights = side
    first = torch.ones(len(vectors), 1, dtype=torch.bool, device=vectors.device)
    return torch.cat([vectors[:, None], tokens], 1), torch.cat([first, weights > 0], 1)


def neighbours(material: Material, rows: IdArray) -> IdArray:
    """For each of the pictures of these rows those nearest to it of them `(m, NEAR)`, the nearest
    first, without those that share a text with it.
    """
    vectors, groups = material.pictures.vectors[rows].astype(np.float32), material.groups[rows]
    count = min(NEAR, len(rows) - int(np.bincount(groups).max()))
    found = np.empty((len(rows), count), np.int64)
    for start in range(0, len(rows), 1000):
        some = slice(start, start + 1000)
        scores = vectors[some] @ vectors.T
        scores[groups[some][:, None] == groups[None]] = -np.inf
        nearest = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        found[some] = rows[nearest]
    return found


def other(
    material: Material, near: IdArray, texts: IdArray, random: np.random.Generator
) -> IdArray:
    """For each of n texts, with the neighbours `(n, m)` of the picture that it is of, one of those
    that it says least of: "this picture, but …".
    """
    vectors = material.pictures.vectors[near].astype(np.float32)
    cosines = np.einsum("nmd,nd->nm", vectors, material.texts.vectors[texts].astype(np.float32))
    unlike = np.argsort(cosines, axis=1, kind="stable")[:, :UNLIKE]
    chosen = unlike[np.arange(len(near)), random.integers(unlike.shape[1], size=len(near))]
    found: IdArray = near[np.arange(len(near)), chosen]
    return found
