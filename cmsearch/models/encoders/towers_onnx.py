"""The towers of an exported model in ONNX Runtime."""

# Tested by tests/unit/cmsearch/models/encoders/test_transformers.py

from __future__ import annotations

import html
import json
import string
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cmsearch.models.encoders.exports import Export, export_key
from cmsearch.models.encoders.forms import Form
from cmsearch.models.encoders.onnx import Sessions, cpu_count
from cmsearch.models.encoders.pixels import prepare_image
from cmsearch.models.encoders.probes import PICTURES, TEXTS, Batches, pictures, stacked
from cmsearch.types import Capabilities, FloatArray, Modality, Space

if TYPE_CHECKING:
    import tokenizers


_PUNCTUATION = str.maketrans("", "", string.punctuation)
_FORMAT = "3"
"""Of the exported folder; raise it when what is read here changes."""


class Runtime(Protocol):
    """What runs the towers: prepares content, and encodes it into unit vectors `(n, dim)`.

    Where it `has_tokens`, it gives those of images too, `(n, 10, dim)`. `image_spec` says how
    `prepare_image` would prepare pictures; it raises `ModelError` where that is left to a library.
    """

    @property
    def capabilities(self) -> Capabilities:
        """The modalities that it encodes, and how it likes to be fed."""
        ...

    @property
    def has_tokens(self) -> bool:
        """Whether `encode` gives tokens `(n, 10, dim)` of pictures too."""
        ...

    def image_spec(self) -> dict[str, Any]:
        """How `prepare_image` prepares pictures; raises `ModelError` where a library does it."""
        ...

    def fits(self, text: str) -> bool:
        """Whether the model takes the whole text."""
        ...

    def prepare(self, content: Any, modality: Modality) -> Any:
        """Bring one content into the model's form."""
        ...

    def encode(self, batch: Sequence[Any], modality: Modality) -> tuple[FloatArray, ...]:
        """Give the vectors of n prepared contents."""
        ...


class OnnxRuntime:
    """The exported towers of a folder, with the library's preprocessing written out.

    `file` gives the path of a file in it by its name; `form` says how they run, if not on the
    processor in floats.
    """

    def __init__(self, file: Callable[[str], Path], form: Form | None = None) -> None:
        self._sessions = Sessions(file, form and form.opened)
        self._file = file
        spec = json.loads(file("preprocessing.json").read_text())
        self._image: dict[str, Any] = spec["image"]
        self._text: dict[str, Any] = spec["text"]
        self.has_tokens = bool(spec["tokens"])
        self._lock = threading.Lock()
        self.capabilities = Capabilities(
            modalities=frozenset({Modality.TEXT, Modality.IMAGE}),
            image_size=max(self._image["size"]),
            batch_size=form.batch_size(8) if form else 8,
            workers=form.workers if form else cpu_count(),
            runtime=form.runtime if form else "onnxruntime",
        )

    @cached_property
    def _tokenizer(self) -> tokenizers.Tokenizer:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._file("tokenizer.json")))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def image_spec(self) -> dict[str, Any]:
        """How `prepare_image` prepares pictures."""
        return self._image

    def fits(self, text: str) -> bool:
        """Whether the model takes the whole text."""
        return len(self._ids(text)) <= int(self._text["context_length"])

    def prepare(self, content: Any, modality: Modality) -> tuple[NDArray[Any], ...]:
        """Bring one content into the model's form."""
        if modality is Modality.IMAGE:
            return prepare_image(content, self._image)
        length = self._text["context_length"]
        ids = self._ids(content)[:length]
        place = slice(length - len(ids), None) if self._text["pad_left"] else slice(len(ids))
        row, mask = np.full(length, self._text["pad"], np.int64), np.zeros(length, np.int64)
        row[place], mask[place] = ids, 1
        return (row, mask) if self._text["mask"] else (row,)

    def encode(self, batch: Sequence[Any], modality: Modality) -> tuple[FloatArray, ...]:
        """Give the vectors of n prepared contents."""
        inputs = [np.stack(column) for column in zip(*batch, strict=True)]
        return tuple(self._sessions.run(modality.value, *inputs))

    def _ids(self, text: str) -> list[int]:
        spec = self._text
        with self._lock:
            tokenizer = self._tokenizer
        ids = tokenizer.encode(clean(text, spec["clean"]), add_special_tokens=spec["special"]).ids
        ids = [0 if number == spec["zeroed"] else number for number in ids]
        return [*spec["before"], *ids, *spec["after"]]


def clean(text: str, how: str) -> str:
    """Text as a library cleans it before its tokenizer.

    `lower`, `whitespace` and `canonicalize` are open_clip's. `lowercase` only lowers, and `siglip`
    is what transformers does for SigLIP's own vocabulary. An empty `how` leaves the text.
    """
    if how in ("", "lowercase"):
        return text.lower() if how else text
    if how == "siglip":
        return " ".join(text.lower().translate(_PUNCTUATION).split())
    import ftfy

    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    if how == "canonicalize":
        text = text.replace("_", " ").translate(_PUNCTUATION)
    text = " ".join(text.split())
    return text if how == "whitespace" else text.lower()


def folder_name(space: Space) -> str:
    """The name of the cached folder for a space."""
    return f"{space.encoder}-{export_key(space.model, space.weights, space.recipe, _FORMAT)}"


def batches(export: Export) -> Batches:
    """What exported towers are tried with."""
    runtime = OnnxRuntime(export.file)
    contents: dict[Modality, Iterable[Any]] = {
        Modality.IMAGE: pictures(PICTURES),
        Modality.TEXT: TEXTS,
    }
    return {
        modality.value: stacked([runtime.prepare(one, modality) for one in some])
        for modality, some in contents.items()
        if f"{modality}.onnx" in export.names
    }
