"""The file of a dual encoder: weights as safetensors, and all else as JSON in its metadata."""

# Tested by tests/unit/cmsearch/models/encoders/test_dual.py

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.files import check_no_link, replace_file
from cmsearch.errors import ModelUnavailableError, brief

if TYPE_CHECKING:
    pass

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

FORMAT = "cmsearch-dual 1"
_LARGEST = 4_000_000
"""The largest whole number in a description; a vocabulary is the largest thing that is counted."""
_DEEPEST = 256
_PARTS = ("image", "text", "heads", "card")


@dataclass(frozen=True, slots=True)
class Recipe:
    """All of a dual encoder but its weights.

    `image` is a library, a name and options, with the size, interpolation, mean and deviation of
    pictures; `text` a configuration of transformers, with the context's length and the id of
    padding; `heads` the dimension; `tokenizer` one of the `tokenizers` library as JSON; `card` what
    the model was trained on and what it reached.
    """

    image: Mapping[str, Any]
    text: Mapping[str, Any]
    heads: Mapping[str, Any]
    tokenizer: str
    card: Mapping[str, Any] = field(default_factory=dict)


class Tokens:
    """Texts as the ids that a text tower takes; not to be called from several threads."""

    def __init__(self, recipe: Recipe) -> None:
        self._length = int(recipe.text["context_length"])
        self._pad = int(recipe.text["pad"])
        self.tokenizer = _tokenizer(recipe.tokenizer)

    def count(self, text: str) -> int:
        """The length of a text in tokens."""
        return len(self.tokenizer.encode(text).ids)

    def row(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids `(context,)` and the mask of what is not padding; what is too long is cut."""
        ids = self.tokenizer.encode(text).ids[: self._length]
        row, mask = np.full(self._length, self._pad, np.int64), np.zeros(self._length, np.int64)
        row[: len(ids)], mask[: len(ids)] = ids, 1
        return row, mask


def write(path: Path, recipe: Recipe, weights: Mapping[str, Tensor]) -> None:
    """Write the file beside its place, sync and rename it: it is whole or as it was before.

    The same weights and recipe give the same bytes. Raises `ModelUnavailableError`.
    """
    from safetensors.torch import save

    parts = {name: json.dumps(getattr(recipe, name), sort_keys=True) for name in _PARTS}
    # One entry, since safetensors writes several in an order that changes from run to run.
    whole = json.dumps({**parts, "tokenizer": recipe.tokenizer}, sort_keys=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    written(path, save(tensors, metadata={FORMAT: whole}))


def written(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; raises `ModelUnavailableError`."""
    try:
        check_no_link(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
    except OSError as error:
        raise ModelUnavailableError(f"{path} can't be written ({error.strerror}).") from error


def read_recipe(path: Path) -> Recipe:
    """The recipe of a file, without its weights; raises `ModelUnavailableError`."""
    from safetensors import safe_open

    try:
        with safe_open(str(path), framework="np") as file:
            metadata = file.metadata() or {}
        parts = json.loads(metadata[FORMAT])
        recipe = Recipe(
            image=dict(json.loads(parts["image"])),
            text=dict(json.loads(parts["text"])),
            heads=dict(json.loads(parts["heads"])),
            tokenizer=str(parts["tokenizer"]),
            card=dict(json.loads(parts["card"])),
        )
        _check(recipe)
    except KeyError as error:
        raise ModelUnavailableError(
            f"{path} is not a dual encoder that this version of cmsearch can read: {error} is "
            "missing in its metadata. `cmsearch train` writes one."
        ) from error
    except Exception as error:  # safetensors raises its own kind, and JSON three
        raise ModelUnavailableError(f"{path} is not a dual encoder: {brief(error)}") from error
    return recipe


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name; raises `ModelUnavailableError`."""
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:  # safetensors' own kind, and the system's
        raise ModelUnavailableError(f"{path} can't be read: {brief(error)}") from error


def _check(recipe: Recipe) -> None:
    """Raise `ValueError` or `KeyError` for what no training writes: a file may come from anywhere.

    Sizes are bounded, so that building the model doesn't take the machine's memory by itself.
    """
    image, text = recipe.image, recipe.text
    sizes = [*image["size"], text["context_length"], recipe.heads["dim"]]
    if len(sizes) != 4 or not all(type(one) is int and 1 <= one <= 16_384 for one in sizes):
        raise ValueError("a size is none")
    if not all(len(image[key]) == 3 for key in ("mean", "std")) or not all(
        map(float, image["std"])
    ):
        raise ValueError("mean or deviation are not those of three colours")
    if image["interpolation"] not in ("bilinear", "bicubic", "lanczos", "nearest"):
        raise ValueError(f"the interpolation {image['interpolation']!r} is unknown")
    if not re.fullmatch(r"[\w.-]+", image["name"], re.ASCII):
        raise ValueError(f"the image tower {image['name']!r} is no name")
    for key, value in dict(text["config"]).items():
        if isinstance(value, int) and abs(value) > (_DEEPEST if "layers" in key else _LARGEST):
            raise ValueError(f"{key} is {value}")
    if not 0 <= int(text["pad"]) <= _LARGEST:
        raise ValueError("the id of padding is none")


def _tokenizer(data: str) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str(data)
    except Exception as error:  # the library raises plain exceptions
        raise ModelUnavailableError(f"The tokenizer can't be read: {brief(error)}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


FILE = "model.safetensors"


def place(model: str) -> Path:
    """The file of a model that is named by its path or its folder's.

    Raises `ModelUnavailableError`.
    """
    path = Path(model)
    if not path.is_absolute():
        raise ModelUnavailableError(
            f"dual:{model} names two towers, which have to be trained before they are a model: "
            f"`cmsearch train FOLDER --model dual:{model} --out model.safetensors`, and then "
            "--model dual:model.safetensors."
        )
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise ModelUnavailableError(
            f"There is no file {path}. A model of two towers is what `cmsearch train` writes."
        )
    return path
