"""Files of safetensors for what was learned: plain numbers, and one entry that says what they are.

Several entries of metadata would be written in an order of chance.
"""

# Tested by tests/unit/cmsearch/models/test_adapters.py

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.files import read_file
from cmsearch.errors import ModelUnavailableError

Tensors = Mapping[str, NDArray[np.float32]]


def pack(tensors: Tensors, form: str, about: Mapping[str, Any]) -> bytes:
    """The bytes of a file of the form `form`; the same content gives the same bytes."""
    from safetensors.numpy import save

    data: bytes = save(dict(tensors), metadata={form: json.dumps(about, sort_keys=True)})
    return data


def read(path: Path, most: int, called: str) -> bytes:
    """The bytes of a file of at most so many; raises `ModelUnavailableError`, which says what it
    is `called`.
    """
    try:
        return read_file(path, most)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise ModelUnavailableError(f"The {called} {path} can't be read: {error}.") from error


def unpack(data: bytes, form: str) -> tuple[dict[str, NDArray[Any]], Any]:
    """The tensors of `pack`, whatever their types, and what is said about them.

    Raises `ValueError`, `LookupError`, `TypeError` or `RecursionError` for other bytes.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return tensors, json.loads(header["__metadata__"][form])
