"""Models of two towers, for text and for images, whose vectors meet in one space.

This module imports no torch. An exported model is a folder with `text.onnx`, `image.onnx`,
`tokenizer.json` and `preprocessing.json`; `towers_export` writes it from a reference in torch.
"""

# Tested by tests/unit/cmsearch/models/encoders/test_open_clip.py

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cmsearch.common.text import pieces
from cmsearch.errors import ModelError, StoreMismatchError
from cmsearch.models.encoders.exports import exported, published
from cmsearch.models.encoders.forms import Exports, form
from cmsearch.models.encoders.pixels import centre_crop
from cmsearch.models.encoders.providers import DEVICES, for_onnx
from cmsearch.models.encoders.towers_onnx import OnnxRuntime, Runtime, batches, folder_name
from cmsearch.models.encoders.words import PROMPT, WordTokens, content_words, heaviest
from cmsearch.models.precision import INT8, in_fp32, wanted
from cmsearch.types import Encoding, FloatArray, Modality, Role, Space

if TYPE_CHECKING:
    from cmsearch.models.encoders.towers_export import Reference

STORED_WORDS = 10
"""The words of a text that become tokens: each that is new costs a run of the text tower."""
_KNOWN_WEIGHTS = 10_000

log = logging.getLogger("cmsearch")


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
        """Cut a text into pieces that the model takes whole."""
        return pieces(text, self._runtime.fits)

    def prepare(self, content: Any, modality: Modality) -> Any:
        """Bring one content into the model's form."""
        inputs = self._runtime.prepare(content, modality)
        if modality is Modality.IMAGE:
            return inputs
        words = content_words(content) if self._runtime.has_tokens else []
        return Text(inputs, [(word, self._weight(word)) for word in words])

    def encode(self, batch: Sequence[Any], modality: Modality, role: Role) -> Encoding:
        """Give the vectors of n prepared contents."""
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


def load_towers(
    open_reference: Callable[[str, bool], Reference],
    model: str,
    *,
    device: str | None,
    space: Space | None,
    download: bool,
    precision: str | None = None,
) -> TowersEncoder:
    """The encoder of a `model`, whose reference `open_reference(model, download)` opens.

    Where a store's `space` was exported before, the reference isn't opened, and torch not imported.
    """
    asked = wanted(precision, space)
    on_gpu = _names_gpu(device)
    if on_gpu and asked == INT8:
        raise ModelError(
            f"{model} in int8 can't run on {device}: only ONNX Runtime computes in int8. Leave "
            "--device away, or index with --precision fp32."
        )

    def build(folder: Path) -> None:
        open_reference(model, download).export(folder)

    is_here = space is not None and not on_gpu and exported(folder_name(space), build) is not None
    if space is not None and is_here and (device or not download or not _takes_gpu(asked)):
        exports = Exports(in_fp32(space), folder_name, build, batches)
        return _in_onnx(exports, asked, for_onnx(device, download))
    reference = open_reference(model, download)
    if space is not None and in_fp32(space) != reference.space:
        raise StoreMismatchError(
            f"The weights of {model}, or how it is used, are not those that the index was made "
            "with. Index the folder again into a new store (--store DIR)."
        )
    if on_gpu or (device is None and _takes_gpu(asked)):
        return _in_torch(reference, device)
    try:
        published(folder_name(reference.space), reference.export)
    except ModelError as error:
        if asked == INT8:
            raise
        log.warning("%s It runs in torch, which is slower.", error)
        return _in_torch(reference, "cpu")
    exports = Exports(reference.space, folder_name, reference.export, batches)
    return _in_onnx(exports, asked, for_onnx(device, download))


def _in_onnx(exports: Exports, precision: str, device: str | None) -> TowersEncoder:
    own = form(exports, precision, device)
    return TowersEncoder(own.space, OnnxRuntime(own.file, own))


def _in_torch(reference: Reference, device: str | None) -> TowersEncoder:
    from cmsearch.models.devices import best_device
    from cmsearch.models.encoders.towers_export import TorchRuntime

    return TowersEncoder(reference.space, TorchRuntime(reference, device or best_device()))


def _names_gpu(device: str | None) -> bool:
    """Whether a `--device` is one of torch: `cuda` is unless only ONNX Runtime has it."""
    if device == "cuda":
        return _has_gpu() or for_onnx(device, is_indexing=False) == "cpu"
    return device is not None and device not in DEVICES


def _takes_gpu(precision: str) -> bool:
    """Whether a GPU is taken where no device is named: there is one, and int8 isn't asked for."""
    return precision != INT8 and _has_gpu()


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()
