"""What a training is asked for, and its learning rate at each step."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cmsearch.errors import QueryError


@dataclass(frozen=True, slots=True)
class Settings:
    """How a dual encoder is trained; what is named here decides every step.

    `random` and `freeze` name towers, `image` or `text`. `micro` is the part of a batch that is
    encoded at once. `tower_rate` is the towers' learning rate; None is `rate` for towers with
    random weights and a twentieth of it for others.
    """

    image: str
    text: str
    random: frozenset[str] = frozenset()
    freeze: frozenset[str] = frozenset()
    dim: int = 512
    size: int | None = None
    context: int = 64
    loss: Literal["clip", "siglip"] = "clip"
    epochs: int = 30
    batch: int = 64
    micro: int | None = None
    rate: float = 1e-3
    tower_rate: float | None = None
    decay: float = 0.05
    warm_up: float = 0.1
    patience: int = 5
    held_out: float = 0.1
    seed: int = 0

    def check(self) -> None:
        """Raise `QueryError` for what makes no sense."""
        given = [one for one in (self.micro, self.size) if one is not None]
        whole = (self.dim, self.epochs, self.batch, self.patience, *given)
        if min(whole) < 1 or self.batch < 2:
            raise QueryError("Dimension, epochs, patience and sizes have to be above 0, batch 1.")
        if not 8 <= self.context <= 8192 or (self.size or 224) > 4096 or self.dim > 16_384:
            raise QueryError(
                "A context has 8 to 8,192 tokens, a picture at most 4,096 pixels, a space at most "
                "16,384 dimensions."
            )
        rates = (self.rate, 1.0 if self.tower_rate is None else self.tower_rate)
        if not (all(0 < one < 10 for one in rates) and 0 <= self.decay < 10):
            raise QueryError("Learning rates have to lie between 0 and 10, and so has the decay.")
        if not (0 < self.held_out < 0.5 and 0 <= self.warm_up <= 1):
            raise QueryError("The share that is held out has to lie between 0 and 0.5.")
        if self.random & self.freeze:
            raise QueryError("A tower with random weights has to learn: don't freeze it.")

    def rate_of(self, tower: str) -> float:
        """The highest learning rate of a tower."""
        if self.tower_rate is not None:
            return self.tower_rate
        return self.rate if tower in self.random else self.rate / 20

    def fingerprint(self) -> dict[str, Any]:
        """The settings as JSON has them."""
        sets = {name: sorted(getattr(self, name)) for name in ("random", "freeze")}
        return {**asdict(self), **sets}


def share_of_rate(step: int, steps: int, warm_up: float) -> float:
    """The share of the highest rate at a step: up in a line, then down in a cosine to 0."""
    rising = max(1, round(warm_up * steps))
    if step < rising:
        return (step + 1) / rising
    return (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising))) / 2
