"""Devices that torch computes on: the best there is, and moving a model there."""

# Tested by tests/unit/cmsearch/models/encoders/test_open_clip.py

from __future__ import annotations

import torch
from torch import nn

from cmsearch.errors import ModelError, brief


def best_device() -> str:
    """The fastest kind of device of this machine."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def move_to(model: nn.Module, device: str) -> torch.device:
    """Move a model to a device as torch names them, and give it; raises `ModelError`."""
    try:
        found = torch.device(device)
        model.to(found)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"The device {device!r} can't be used: {brief(error)}") from error
    return found
