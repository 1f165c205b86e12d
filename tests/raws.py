"""Raw pictures as cameras write them, in Adobe's DNG."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
TAKEN = "2021:07:08 09:10:11"

# Columns of the matrix from CIE XYZ to linear sRGB: a sensor that sees in sRGB.
_COLOURS = [3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570]
_WHITE = 16383  # of 14 bits
_HEAD = b"II*\0\x08\0\0\0"
_KINDS = {"B": 1, "c": 2, "H": 3, "I": 4}
_RATIONAL = {50721: 10, 50728: 5}  # tags whose values are fractions, with sign and without

Tag = tuple[int, str, list[Any]]


def quarters(height: int = 32, width: int = 48) -> np.ndarray:
    """A picture of four quarters: red and green above blue and white."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = WHITE
    return pixels


def dng(pixels: np.ndarray, orientation: int = 1, preview: Any = None) -> bytes:
    """A DNG of pixels `(height, width, 3)` under a Bayer filter, stored as they are.

    `preview` is another picture, or the bytes of a JPEG with its height and width.
    """
    tags = _tags(orientation)
    if preview is None:
        return _HEAD + _directory(len(_HEAD), [*tags, *_mosaic_tags(pixels)], _mosaic(pixels))
    if isinstance(preview, np.ndarray):
        data, (height, width), kind = preview.tobytes(), preview.shape[:2], (1, 2)
    else:
        data, height, width = preview
        kind = (7, 6)  # JPEG, YCbCr
    tags += [*_shape_tags(height, width, *kind), (254, "I", [1]), (258, "H", [8] * 3)]
    tags += [(277, "H", [3]), (330, "I", [0])]
    inner = len(_HEAD) + len(_directory(len(_HEAD), tags, data))
    tags[-1] = (330, "I", [inner])
    first = _directory(len(_HEAD), tags, data)
    return _HEAD + first + _directory(inner, _mosaic_tags(pixels), _mosaic(pixels))


def _directory(start: int, tags: list[Tag], data: bytes) -> bytes:
    """A directory of TIFF that begins at `start`, with its values and one strip of data."""
    tags = sorted([*tags, (273, "I", [0]), (279, "I", [len(data)])])
    place = start + 2 + 12 * len(tags) + 4
    packed = [struct.pack(f"<{len(values)}{code}", *values) for _, code, values in tags]
    strip = place + sum(len(value) + len(value) % 2 for value in packed if len(value) > 4)
    entries, rest = [], b""
    for (tag, code, values), value in zip(tags, packed, strict=True):
        if tag == 273:
            value = struct.pack("<I", strip)
        if len(value) > 4:
            offset = place + len(rest)
            rest += value + bytes(len(value) % 2)
            value = struct.pack("<I", offset)
        kind = _RATIONAL.get(tag) or _KINDS[code]
        count = len(values) // 2 if tag in _RATIONAL else len(values)
        entries.append(struct.pack("<HHI4s", tag, kind, count, value))
    return (
        struct.pack("<H", len(tags))
        + b"".join(entries)
        + bytes(4)
        + rest
        + data
        + b"\0"[: len(data) % 2]
    )


def _mosaic(pixels: np.ndarray) -> bytes:
    mosaic = np.empty(pixels.shape[:2], "<u2")
    for row, column, colour in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        values = pixels[row::2, column::2, colour].astype(np.uint32)
        mosaic[row::2, column::2] = values * _WHITE // 255
    return mosaic.tobytes()


def _mosaic_tags(pixels: np.ndarray) -> list[Tag]:
    shape = _shape_tags(*pixels.shape[:2], 1, 32803)
    filters: list[Tag] = [(33421, "H", [2, 2]), (33422, "B", [0, 1, 1, 2])]
    levels: list[Tag] = [(50714, "H", [0]), (50717, "H", [_WHITE])]
    return [*shape, *filters, *levels, (254, "I", [0]), (258, "H", [16]), (277, "H", [1])]


def _shape_tags(height: int, width: int, compression: int, photometric: int) -> list[Tag]:
    return [
        (256, "I", [width]), (257, "I", [height]), (278, "I", [height]),
        (259, "H", [compression]), (262, "H", [photometric]),
    ]  # fmt: skip


def _tags(orientation: int) -> list[Tag]:
    """What DNG wants in the first directory: its version, the camera, its colours, its white."""
    matrix = [part for value in _COLOURS for part in (round(value * 10_000), 10_000)]
    texts = {271: "Maker", 272: "One", 306: TAKEN, 50708: "Maker One"}
    return [
        *(
            (tag, "c", [bytes([byte]) for byte in f"{text}\0".encode()])
            for tag, text in texts.items()
        ),
        (274, "H", [orientation]),
        (50706, "B", [1, 4, 0, 0]),
        (50721, "i", matrix),
        (50728, "I", [1, 1] * 3),
        (50778, "H", [21]),
    ]
