"""What a model is fed in training: pictures as bytes or as features of a frozen tower, and ids."""

# Tested by tests/unit/cmsearch/learning/training/test_train.py

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmsearch.learning.metrics import Gold
from cmsearch.models.encoders.dual_file import Recipe, Tokens
from cmsearch.models.encoders.dual_model import DualModel, unit
from cmsearch.types import FloatArray

ENCODED_AT_ONCE = 32
Tell = Callable[[str, int, int], object]
"""Is told how far a stage is: its name, what is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Pictures and captions by number, with the numbers of each pair.

    `pictures` are bytes `(m, height, width, 3)`, or features `(m, f)` where the tower is frozen;
    `captions` ids and masks `(k, context)`, or one array of features likewise.
    """

    pictures: NDArray[Any]
    captions: tuple[NDArray[Any], ...]
    picture_numbers: dict[str, int]
    caption_numbers: dict[str, int]

    def numbers(self, pairs: Sequence[Gold]) -> tuple[list[int], list[int]]:
        """The pictures and the captions of pairs."""
        return (
            [self.picture_numbers[pair.image] for pair in pairs],
            [self.caption_numbers[pair.caption] for pair in pairs],
        )

    def picture_batch(self, numbers: Sequence[int], device: torch.device) -> Tensor:
        """The pictures of these numbers, on the device."""
        return torch.from_numpy(self.pictures[list(numbers)]).to(device)

    def caption_batch(self, numbers: Sequence[int], device: torch.device) -> tuple[Tensor, ...]:
        """The captions, without the columns in which all are padded."""
        rows = [one[list(numbers)] for one in self.captions]
        if len(rows) == 2:
            length = max(1, int(rows[1].sum(1).max()))
            rows = [one[:, :length] for one in rows]
        return tuple(torch.from_numpy(np.ascontiguousarray(one)).to(device) for one in rows)


def inputs(
    model: DualModel,
    recipe: Recipe,
    pairs: Sequence[Gold],
    pictures: tuple[Sequence[str], NDArray[np.uint8]],
    freeze: frozenset[str],
    tell: Tell,
) -> Inputs:
    """The inputs of `pairs`, whose `pictures` are names and bytes in the same order.

    What a frozen tower gives is computed once, here.
    """
    names, pixels = pictures
    captions = sorted({pair.caption for pair in pairs})
    tokens = Tokens(recipe)
    rows = [tokens.row(caption) for caption in captions]
    plain = Inputs(
        pixels,
        tuple(np.stack(column) for column in zip(*rows, strict=True)),
        {name: number for number, name in enumerate(names)},
        {caption: number for number, caption in enumerate(captions)},
    )
    device = next(model.parameters()).device
    found: NDArray[Any] = pixels
    if "image" in freeze:
        found = _each(
            len(names),
            lambda some: model.image_features(plain.picture_batch(some, device)),
            lambda done: tell("see", done, len(names)),
        )
    read: tuple[NDArray[Any], ...] = plain.captions
    if "text" in freeze:
        read = (
            _each(
                len(captions),
                lambda some: model.text(*plain.caption_batch(some, device)),
                lambda done: tell("read", done, len(captions)),
            ),
        )
    return Inputs(found, read, plain.picture_numbers, plain.caption_numbers)


def see(model: DualModel, pictures: Tensor) -> Tensor:
    """Unit vectors `(n, dim)` of pictures, or of their features."""
    features = pictures if pictures.ndim == 2 else model.image_features(pictures)
    return unit(model.image_head(features))


def read(model: DualModel, captions: Sequence[Tensor]) -> Tensor:
    """Unit vectors `(n, dim)` of captions, or of their features."""
    features = model.text(*captions) if len(captions) == 2 else captions[0]
    return unit(model.text_head(features))


def vectors(
    model: DualModel, data: Inputs, pairs: Sequence[Gold]
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """The unit vectors of all pictures and of all captions of pairs."""
    device = next(model.parameters()).device
    images, texts = sorted({pair.image for pair in pairs}), sorted({pair.caption for pair in pairs})
    seen = _each(
        len(images),
        lambda some: see(
            model,
            data.picture_batch([data.picture_numbers[images[one]] for one in some], device),
        ),
    )
    understood = _each(
        len(texts),
        lambda some: read(
            model,
            data.caption_batch([data.caption_numbers[texts[one]] for one in some], device),
        ),
    )
    return dict(zip(images, seen, strict=True)), dict(zip(texts, understood, strict=True))


@torch.no_grad()
def _each(
    count: int, run: Callable[[Sequence[int]], Tensor], tell: Callable[[int], object] = int
) -> FloatArray:
    """What `run` gives `(n, f)` of the numbers up to `count`, a batch at a time."""
    found = []
    for start in range(0, count, ENCODED_AT_ONCE):
        some = range(start, min(start + ENCODED_AT_ONCE, count))
        found.append(run(some).float().cpu().numpy())
        tell(some.stop)
    return np.concatenate(found)
