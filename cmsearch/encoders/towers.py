"""Models of two towers, for text and for images, whose vectors meet in one space.

This module imports no torch. An exported model is a folder with `text.onnx`, `image.onnx`,
`tokenizer.json` and `preprocessing.json`; `towers_export` writes it from a reference in torch.
"""

from __future__ import annotations

import html
import json
import logging
import string
import threading
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.text import pieces
from cmsearch.encoders.exports import export_key, exported, published
from cmsearch.encoders.onnx import Sessions, cpu_count
from cmsearch.encoders.pixels import centre_crop, prepare_image
from cmsearch.encoders.words import PROMPT, WordTokens, content_words, heaviest
from cmsearch.errors import ModelError, StoreMismatchError
from cmsearch.types import Capabilities, Encoding, FloatArray, Modality, Role, Space

if TYPE_CHECKING:
    import tokenizers

    from cmsearch.encoders.towers_export import Reference

STORED_WORDS = 10
"""The words of a text that become tokens: each that is new costs a run of the text tower."""
_KNOWN_WEIGHTS = 10_000
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_FORMAT = "3"
"""Of the exported folder; raise it when what is read here changes."""

log = logging.getLogger("cmsearch")


class Runtime(Protocol):
    """What runs the towers: prepares content, and encodes it into unit vectors `(n, dim)`.

    Where it `has_tokens`, it gives those of images too, `(n, 10, dim)`. `image_spec` says how
    `prepare_image` would prepare pictures; it raises `ModelError` where that is left to a library.
    """

    @property
    def capabilities(self) -> Capabilities: ...
    @property
    def has_tokens(self) -> bool: ...
    def image_spec(self) -> dict[str, Any]: ...
    def fits(self, text: str) -> bool: ...
    def prepare(self, content: Any, modality: Modality) -> Any: ...
    def encode(self, batch: Sequence[Any], modality: Modality) -> tuple[FloatArray, ...]: ...


class Text(NamedTuple):
    """A prepared text: what its tower takes, and its words with their weights."""

    inputs: Any
    words: list[tuple[str, float]]


class TowersEncoder:
    """Text and images in a model's joint space; vectors equal those of the model's own library.

    Tokens are a picture's 3 x 3 cells and the whole of it, and a text's words, each encoded by
    itself in a prompt. Texts have them where pictures do; queries don't, since each word costs as
    much as the whole text, and a reranker that wants them encodes the query as a document.
    """

    def __init__(self, space: Space, runtime: Runtime) -> None:
        self.space = space
        self.capabilities = runtime.capabilities
        self._runtime = runtime
        self._words = WordTokens(self._prompted, space.dim)
        self._weight = lru_cache(_KNOWN_WEIGHTS)(self._weight_of)

    def split(self, text: str) -> list[str]:
        return pieces(text, self._runtime.fits)

    def prepare(self, content: Any, modality: Modality) -> Any:
        inputs = self._runtime.prepare(content, modality)
        if modality is Modality.IMAGE:
            return inputs
        words = content_words(content) if self._runtime.has_tokens else []
        return Text(inputs, [(word, self._weight(word)) for word in words])

    def encode(self, batch: Sequence[Any], modality: Modality, role: Role) -> Encoding:
        if modality is Modality.IMAGE:
            vectors, *cells = self._runtime.encode(batch, modality)
            tokens = cells[0] if cells else None
            weights = np.ones(tokens.shape[:2], np.float32) if tokens is not None else None
            return Encoding(vectors, tokens, weights)
        vectors = self._runtime.encode([text.inputs for text in batch], modality)[0]
        if role is Role.QUERY or not self._runtime.has_tokens:
            return Encoding(vectors)
        return Encoding(vectors, *self._words.of([text.words for text in batch], STORED_WORDS))

    def words(self, batch: Sequence[Text], role: Role) -> list[list[str]]:
        """The word that each token of n prepared texts stands for; queries have none."""
        most = STORED_WORDS if role is Role.DOCUMENT else 0
        return [[word for word, _ in heaviest(text.words, most)] for text in batch]

    def crop(self) -> tuple[float, float] | None:
        """Width and height of the part in the middle that the cells cover, in short sides of the
        picture; None for the whole. Raises `ModelError` where only the library knows.
        """
        return centre_crop(self._runtime.image_spec())

    def _prompted(self, words: Sequence[str]) -> FloatArray:
        """The vectors `(n, dim)` of words, each in the prompt."""
        inputs = [self._runtime.prepare(f"{PROMPT} {word}", Modality.TEXT) for word in words]
        size = self.capabilities.batch_size
        batches = [inputs[start : start + size] for start in range(0, len(inputs), size)]
        return np.concatenate([self._runtime.encode(one, Modality.TEXT)[0] for one in batches])

    def _weight_of(self, word: str) -> float:
        """The square of a word's inverse document frequency by Zipf's law.

        A vocabulary lists its pieces from the most frequent on, more or less, and a word is as
        rare as the rarest of its pieces. One that the model doesn't take whole weighs nothing.
        """
        prompt = f"{PROMPT} {word}"
        if not self._runtime.fits(prompt):
            return 0.0
        with_it, without = (
            np.asarray(self._runtime.prepare(text, Modality.TEXT)[0]) for text in (prompt, PROMPT)
        )
        pieces = np.setdiff1d(with_it, without)
        return float(np.log1p(pieces.max(initial=0)) ** 2)


class OnnxRuntime:
    """The exported towers of a folder, with the library's preprocessing written out.

    `file` gives the path of a file in it by its name.
    """

    def __init__(self, file: Callable[[str], Path]) -> None:
        self._sessions = Sessions(file)
        self._file = file
        spec = json.loads(file("preprocessing.json").read_text())
        self._image: dict[str, Any] = spec["image"]
        self._text: dict[str, Any] = spec["text"]
        self.has_tokens = bool(spec["tokens"])
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

        tokenizer = Tokenizer.from_file(str(self._file("tokenizer.json")))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def image_spec(self) -> dict[str, Any]:
        return self._image

    def fits(self, text: str) -> bool:
        return len(self._ids(text)) <= int(self._text["context_length"])

    def prepare(self, content: Any, modality: Modality) -> tuple[NDArray[Any], ...]:
        if modality is Modality.IMAGE:
            return prepare_image(content, self._image)
        length = self._text["context_length"]
        ids = self._ids(content)[:length]
        place = slice(length - len(ids), None) if self._text["pad_left"] else slice(len(ids))
        row, mask = np.full(length, self._text["pad"], np.int64), np.zeros(length, np.int64)
        row[place], mask[place] = ids, 1
        return (row, mask) if self._text["mask"] else (row,)

    def encode(self, batch: Sequence[Any], modality: Modality) -> tuple[FloatArray, ...]:
        inputs = [np.stack(column) for column in zip(*batch, strict=True)]
        return tuple(self._sessions.run(modality.value, *inputs))

    def _ids(self, text: str) -> list[int]:
        spec = self._text
        with self._lock:
            tokenizer = self._tokenizer
        ids = tokenizer.encode(clean(text, spec["clean"]), add_special_tokens=spec["special"]).ids
        ids = [0 if number == spec["zeroed"] else number for number in ids]
        return [*spec["before"], *ids, *spec["after"]]


def load_towers(
    open_reference: Callable[[str, bool], Reference],
    model: str,
    *,
    device: str | None,
    space: Space | None,
    download: bool,
) -> TowersEncoder:
    """The encoder of a `model`, whose reference `open_reference(model, download)` opens.

    Where a store's `space` was exported before, the reference isn't opened, and torch not imported.
    """
    if space is not None and device in (None, "cpu") and not (download and _has_gpu()):
        found = exported(folder_name(space), lambda to: open_reference(model, download).export(to))
        if found is not None:
            return TowersEncoder(space, OnnxRuntime(found.file))
    reference = open_reference(model, download)
    from cmsearch.devices import best_device
    from cmsearch.encoders.towers_export import TorchRuntime

    if space is not None and space != reference.space:
        raise StoreMismatchError(
            f"The weights of {model}, or how it is used, are not those that the index was made "
            "with. Index the folder again into a new store (--store DIR)."
        )
    device = device or best_device()
    if device != "cpu":
        return TowersEncoder(reference.space, TorchRuntime(reference, device))
    try:
        found = published(folder_name(reference.space), reference.export)
    except ModelError as error:
        log.warning("%s It runs in torch, which is slower.", error)
        return TowersEncoder(reference.space, TorchRuntime(reference, device))
    return TowersEncoder(reference.space, OnnxRuntime(found.file))


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


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()
