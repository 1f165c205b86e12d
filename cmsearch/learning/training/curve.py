"""The loss and the held-out recall of a training, as a picture."""

# Tested by tests/unit/cmsearch/learning/training/test_train.py

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cmsearch.learning.training.saving import State
from cmsearch.models.encoders.dual_file import written

WIDTH, HEIGHT = 800, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 730, 40, 380
_LOSS, _RECALL, _GREY = (31, 90, 150), (200, 80, 20), (120, 120, 120)
_LINES = 5


def draw(state: State, path: Path) -> None:
    """Write a PNG: the loss of each step on the left axis, recall after each epoch on the right.

    Raises `ModelUnavailableError` where it can't be written.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    losses = np.array(state.losses) if state.losses else np.zeros(1)
    top = float(losses.max()) * 1.05 or 1.0
    _axes(pen, top, len(state.losses))
    _line(pen, np.arange(1, len(losses) + 1) / len(losses), losses / top, _LOSS)
    if state.recalls:
        per_epoch = len(losses) // len(state.recalls)
        ends = np.arange(1, len(state.recalls) + 1) * per_epoch / len(losses)
        _line(pen, ends, np.array(state.recalls), _RECALL, dots=True)
    data = BytesIO()
    image.save(data, "PNG")
    written(path, data.getvalue())


def _axes(pen: ImageDraw.ImageDraw, top: float, steps: int) -> None:
    font = ImageFont.load_default(14)
    for share in np.linspace(0, 1, _LINES + 1):
        y = _y(share)
        pen.line([(_LEFT, y), (_RIGHT, y)], (225, 225, 225))
        pen.text((_LEFT - 8, y), f"{share * top:.2f}", _LOSS, font, "rm")
        pen.text((_RIGHT + 8, y), f"{share:.0%}", _RECALL, font, "lm")
    pen.text((_LEFT, _TOP - 14), "loss", _LOSS, font, "lm")
    pen.text((_RIGHT, _TOP - 14), "held-out mean recall", _RECALL, font, "rm")
    pen.text((_RIGHT, _BOTTOM + 24), f"{steps} steps", _GREY, font, "rm")


def _line(
    pen: ImageDraw.ImageDraw,
    across: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]],
    up: np.ndarray[tuple[int], np.dtype[np.float64]],
    colour: tuple[int, int, int],
    *,
    dots: bool = False,
) -> None:
    points = [
        (_LEFT + x * (_RIGHT - _LEFT), _y(y)) for x, y in zip(across, up.tolist(), strict=True)
    ]
    if len(points) > 1:
        pen.line(points, colour, 2)
    for x, y in points if dots or len(points) == 1 else []:
        pen.ellipse([x - 3, y - 3, x + 3, y + 3], colour)


def _y(share: float) -> float:
    return _BOTTOM - min(share, 1.0) * (_BOTTOM - _TOP)
