"""Checkpoints of a training: all that the next step depends on, in one file that is whole."""

# Tested by tests/unit/cmsearch/learning/training/test_train.py

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cmsearch.common.files import replacing
from cmsearch.errors import ModelError, brief

_SHARE = 20
"""Writing takes at most a part of this many of the time."""


@dataclass(slots=True)
class State:
    """Where a training is. What is random is drawn anew from the seed and the step.

    `losses` has that of each step; `recalls` the held-out mean recall after each epoch.
    """

    step: int = 0
    losses: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def best_epoch(self) -> int:
        """The epoch, from 1, after which the recall was highest; 0 before the first."""
        return self.recalls.index(max(self.recalls)) + 1 if self.recalls else 0


class Checkpoints:
    """The checkpoint in a folder, written no more often than every so many `seconds`.

    `identity` says of what training it is.
    """

    def __init__(self, folder: Path, identity: str, seconds: float) -> None:
        self.path = folder / "checkpoint.pt"
        self._identity = identity
        self._seconds = seconds
        self._last = time.monotonic()
        self._took = 0.0

    def is_due(self) -> bool:
        """Whether enough time has passed since the last checkpoint."""
        waited = time.monotonic() - self._last
        return waited >= max(self._seconds, _SHARE * self._took * bool(self._seconds))

    def save(self, state: State, weights: dict[str, Tensor], optimiser: dict[str, Any]) -> None:
        """Write the checkpoint beside its place, sync and rename it; raises `ModelError`."""
        start = time.monotonic()
        whole = {
            "identity": self._identity,
            "step": state.step,
            "losses": state.losses,
            "recalls": state.recalls,
            "best": state.best,
            "weights": weights,
            "optimiser": optimiser,
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path) as file:
                torch.save(whole, file)
        except (OSError, RuntimeError) as error:  # torch's own for a full disk
            raise ModelError(f"{self.path} can't be written: {brief(error)}") from error
        self._last = time.monotonic()
        self._took = self._last - start

    def load(self) -> tuple[State, dict[str, Tensor], dict[str, Any]] | None:
        """The state, weights and optimiser of the checkpoint, if there is one.

        Raises `ModelError` where it is of another training, or damaged.
        """
        if not self.path.exists():
            return None
        try:
            whole = torch.load(self.path, map_location="cpu", weights_only=True)
            state = State(whole["step"], whole["losses"], whole["recalls"], whole["best"])
            found = state, whole["weights"], whole["optimiser"]
            identity = whole["identity"]
        except Exception as error:  # torch raises many kinds
            raise ModelError(
                f"The checkpoint {self.path} can't be read: {brief(error)} Begin anew with "
                "--overwrite."
            ) from error
        if identity != self._identity:
            raise ModelError(
                f"The checkpoint {self.path} is of another training: of other settings, pairs, "
                "weights or versions. Give the same to resume it, or begin anew with --overwrite."
            )
        return found
