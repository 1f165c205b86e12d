"""The pictures of a training, decoded once and kept as bytes of the size that the tower takes."""

# Tested by tests/unit/cmsearch/learning/training/test_train.py

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.files import replace_file, replacing
from cmsearch.common.processors import threads
from cmsearch.errors import MediaError, ModelError
from cmsearch.learning.training.inputs import Tell
from cmsearch.models.encoders.pixels import prepare_image
from cmsearch.types import Skipped

if TYPE_CHECKING:
    from PIL.Image import Image

Read = Callable[[str, int], "Image"]
"""Gives the picture of a name, decoded for a side in pixels; raises `MediaError`."""
Pictures = tuple[list[str], NDArray[np.uint8]]
_AT_ONCE = 64


def kept(
    names: Sequence[str],
    read: Read,
    spec: Mapping[str, Any],
    folder: Path,
    *,
    resume: bool,
    tell: Tell,
) -> tuple[Pictures, list[Skipped]]:
    """The pictures that can be read: their names, and bytes `(n, height, width, 3)` in a file.

    `spec` is of `prepare_image`. Those of an interrupted training are taken as they were then, if
    it is to `resume`. Raises `ModelError` where `folder` can't be written.
    """
    data, table = folder / "pictures.u8", folder / "pictures.json"
    asked = {"names": list(names), "spec": dict(spec)}
    try:
        known = _known(table, asked) if resume else None
        if known is None:
            folder.mkdir(parents=True, exist_ok=True)
            table.unlink(missing_ok=True)
            failed = _write(names, read, spec, data, tell)
            replace_file(table, json.dumps({**asked, "failed": failed}).encode())
            known = failed
        good = [name for name in names if name not in known]
        shape = (len(good), *spec["size"], 3)
        pixels = np.memmap(data, np.uint8, "r", shape=shape) if good else np.empty(shape, np.uint8)
    except OSError as error:
        free = shutil.disk_usage(folder.parent).free // 2**20 if folder.parent.is_dir() else 0
        raise ModelError(
            f"The pictures can't be kept in {folder} ({error.strerror or error}); {free} MB are "
            "free there."
        ) from error
    return (good, pixels), [Skipped(name, reason) for name, reason in known.items()]


def _known(table: Path, asked: Mapping[str, Any]) -> dict[str, str] | None:
    """What failed when the same was asked for before; None if it wasn't, or wasn't finished."""
    try:
        found = json.loads(table.read_text())
        failed: dict[str, str] = found.pop("failed")
    except (OSError, ValueError, KeyError):
        return None
    return failed if found == json.loads(json.dumps(asked)) else None


def _write(
    names: Sequence[str], read: Read, spec: Mapping[str, Any], path: Path, tell: Tell
) -> dict[str, str]:
    """Write the pictures one after the other; gives why others couldn't be read, by name."""

    def prepared(name: str) -> bytes | str:
        try:
            return prepare_image(read(name, max(spec["size"])), dict(spec))[0].tobytes()
        except MediaError as error:
            return str(error)

    failed = {}
    with replacing(path) as file, threads() as pool:
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            for name, found in zip(some, pool.map(prepared, some), strict=True):
                if isinstance(found, str):
                    failed[name] = found
                else:
                    file.write(found)
            tell("decode", start + len(some), len(names))
    return failed
