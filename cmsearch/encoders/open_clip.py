"""`open_clip`: every model of open_clip, through ONNX Runtime on the CPU, torch on a GPU.

This module imports neither torch nor open_clip: a model that was exported is run without them.
`open_clip_export` is the reference, and makes the export.
"""

from __future__ import annotations

import html
import json
import logging
import string
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cmsearch.encoders.onnx import Sessions, cpu_count, export_key, exported, published
from cmsearch.errors import ModelError, StoreMismatchError
from cmsearch.text import pieces
from cmsearch.types import Capabilities, Encoding, FloatArray, Modality, Role, Space

if TYPE_CHECKING:
    import tokenizers

_PUNCTUATION = str.maketrans("", "", string.punctuation)

log = logging.getLogger("cmsearch")


class Runtime(Protocol):
    """What runs the towers: prepares content, and encodes it into unit vectors `(n, dim)`."""

    @property
    def capabilities(self) -> Capabilities: ...
    def fits(self, text: str) -> bool: ...
    def prepare(self, content: Any, modality: Modality) -> Any: ...
    def encode(self, batch: Sequence[Any], modality: Modality) -> FloatArray: ...


class OpenClipEncoder:
    """Text and images in a model's joint space; vectors equal open_clip's own."""

    def __init__(self, space: Space, runtime: Runtime) -> None:
        self.space = space
        self.capabilities = runtime.capabilities
        self._runtime = runtime

    def split(self, text: str) -> list[str]:
        return pieces(text, self._runtime.fits)

    def prepare(self, content: Any, modality: Modality) -> Any:
        return self._runtime.prepare(content, modality)

    def encode(self, batch: Sequence[Any], modality: Modality, role: Role) -> Encoding:
        return Encoding(self._runtime.encode(batch, modality))


class OnnxRuntime:
    """The exported towers of a folder, with open_clip's preprocessing written out."""

    def __init__(self, folder: Path) -> None:
        self._sessions = Sessions(folder)
        self._folder = folder
        spec = json.loads((folder / "preprocessing.json").read_text())
        self._image, self._text = spec["image"], spec["text"]
        self._lock = threading.Lock()
        self.capabilities = Capabilities(
            modalities=frozenset({Modality.TEXT, Modality.IMAGE}),
            image_size=max(self._image["size"]),
            batch_size=8,
            workers=cpu_count(),
        )

    @cached_property
    def _tokenizer(self) -> tokenizers.Tokenizer:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def fits(self, text: str) -> bool:
        return len(self._ids(text)) <= int(self._text["context_length"])

    def prepare(self, content: Any, modality: Modality) -> Any:
        if modality is Modality.IMAGE:
            return prepare_image(content, self._image)
        length = self._text["context_length"]
        row = np.full(length, self._text["pad"], np.int64)
        ids = self._ids(content)[:length]
        row[: len(ids)] = ids
        return row

    def encode(self, batch: Sequence[Any], modality: Modality) -> FloatArray:
        vectors: FloatArray = self._sessions.run(modality.value, np.stack(batch))[0]
        return vectors

    def _ids(self, text: str) -> list[int]:
        spec = self._text
        with self._lock:
            tokenizer = self._tokenizer
        ids = tokenizer.encode(clean(text, spec["clean"]), add_special_tokens=spec["special"]).ids
        ids = [0 if number == spec["zeroed"] else number for number in ids]
        return [*spec["before"], *ids, *spec["after"]]


def load(
    model: str, *, device: str | None = None, space: Space | None = None, download: bool = False
) -> OpenClipEncoder:
    """The encoder of `ARCHITECTURE/WEIGHTS`, `hf-hub:…` or `local-dir:…`.

    `device` is torch's name of one; None takes a GPU to index with where there is one. Where a
    store's `space` was exported before, neither torch nor the weights are needed.
    """
    if space is not None and device in (None, "cpu") and not (download and _has_gpu()):
        folder = exported(_folder_name(space))
        if folder is not None:
            return OpenClipEncoder(space, OnnxRuntime(folder))
    from cmsearch.encoders.open_clip_export import Reference, TorchRuntime

    reference = Reference(model, download=download)
    if space is not None and space != reference.space:
        raise StoreMismatchError(
            f"The weights of {model} are not those that the index was made with. Index the folder "
            "again into a new store (--store DIR)."
        )
    device = device or reference.best_device()
    if device != "cpu":
        return OpenClipEncoder(reference.space, TorchRuntime(reference, device))
    try:
        folder = published(_folder_name(reference.space), reference.export)
    except ModelError as error:
        log.warning("%s It runs in torch, which is slower.", error)
        return OpenClipEncoder(reference.space, TorchRuntime(reference, device))
    return OpenClipEncoder(reference.space, OnnxRuntime(folder))


def prepare_image(image: Any, spec: dict[str, Any]) -> NDArray[np.uint8]:
    """The picture resized and cropped as open_clip does, as bytes `(height, width, 3)`."""
    from PIL.Image import Resampling

    height, width = spec["size"]
    size = (width, height)
    if spec["resize"] == "shortest":  # the short side to the square's, then the middle of it
        short, long = sorted(image.size)
        long = int(height * long / short)
        size = (height, long) if image.width <= image.height else (long, height)
    resample = Resampling.BILINEAR if spec["interpolation"] == "bilinear" else Resampling.BICUBIC
    image = image.resize(size, resample)
    left, top = (round((have - want) / 2) for have, want in zip(size, (width, height), strict=True))
    return np.asarray(image.crop((left, top, left + width, top + height)))


def clean(text: str, how: str) -> str:
    """Text as open_clip's tokenizers clean it: `lower`, `whitespace` or `canonicalize`."""
    import ftfy

    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    if how == "canonicalize":
        text = text.replace("_", " ").translate(_PUNCTUATION)
    text = " ".join(text.split())
    return text if how == "whitespace" else text.lower()


def _folder_name(space: Space) -> str:
    return f"open_clip-{export_key(space.weights, space.recipe)}"


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()
