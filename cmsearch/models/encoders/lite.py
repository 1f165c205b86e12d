"""`lite`: the encoder whose weights come with the installation, with no network.

EfficientNet-Lite2 sees, all-MiniLM-L6-v2 reads, and a convex combination of semantic embeddings
(ConSE: Norouzi et al. 2013, arXiv 1312.5650) puts what is seen where it is read: an image becomes
the mean of the sentence vectors of the ImageNet classes, weighted by their probabilities. No pair
of an image and a text was used to align the two. This module runs the exported graphs and imports
no torch; `lite_export` is the reference, and makes them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.text import pieces
from cmsearch.errors import StoreMismatchError, UnknownModelError
from cmsearch.models.encoders.exports import Export, export_key
from cmsearch.models.encoders.forms import Exports, Form, form
from cmsearch.models.encoders.lite_recipe import DIM, FIRST_WORD, IMAGE_SIZE, SPACE
from cmsearch.models.encoders.onnx import Sessions, cpu_count
from cmsearch.models.encoders.probes import PICTURES, SIZE, TEXTS, Batches, pictures, stacked
from cmsearch.models.encoders.providers import for_onnx
from cmsearch.models.encoders.words import PROMPT, WordTokens, heaviest
from cmsearch.models.precision import in_fp32, wanted
from cmsearch.types import Capabilities, Encoding, FloatArray, Modality, Role, Space

if TYPE_CHECKING:
    import tokenizers

MAX_TOKENS = 256
"""Word pieces that all-MiniLM-L6-v2 was trained to read, [CLS] and [SEP] among them."""
STORED_WORDS = 10
GRAPHS = "3"
"""The form of the exported files."""
_PROMPTS = 32


class Words(NamedTuple):
    """A prepared text: its word pieces, and the pieces of each of its words, each word once."""

    ids: list[int]
    words: list[tuple[int, ...]]


class LiteEncoder:
    """Text and images in 384 dimensions, with tokens and features, through ONNX Runtime."""

    def __init__(self, form: Form) -> None:
        self._file = form.file
        self._sessions = Sessions(form.file, form.opened)
        self._lock = threading.Lock()
        self._tokenizer_: tokenizers.Tokenizer | None = None
        self._words = WordTokens(self._prompted, DIM)
        self.space = form.space
        self.capabilities = Capabilities(
            modalities=frozenset({Modality.TEXT, Modality.IMAGE}),
            image_size=IMAGE_SIZE,
            batch_size=form.batch_size(4),
            workers=form.workers,
            runtime=form.runtime,
        )

    def split(self, text: str) -> list[str]:
        """Cut a text into pieces that the model takes whole."""
        return pieces(text, lambda piece: len(self._tokenizer.encode(piece).ids) <= MAX_TOKENS)

    def prepare(self, content: Any, modality: Modality) -> Any:
        """Bring one content into the model's form."""
        if modality is Modality.IMAGE:
            return prepare_image(content)
        encoding = self._tokenizer.encode(content)
        words: dict[int, tuple[int, ...]] = {}
        for piece, word in zip(encoding.ids[:MAX_TOKENS], encoding.word_ids, strict=False):
            if word is not None:
                words[word] = (*words.get(word, ()), piece)
        return Words(encoding.ids[:MAX_TOKENS], list(dict.fromkeys(words.values())))

    def encode(self, batch: Sequence[Any], modality: Modality, role: Role) -> Encoding:
        """Give the vectors of n prepared contents."""
        if modality is Modality.IMAGE:
            vectors, tokens, features = self._sessions.run("image", np.stack(batch))
            return Encoding(vectors, tokens, np.ones(tokens.shape[:2], np.float32), features)
        rows, words = [text.ids for text in batch], [_weighed(text) for text in batch]
        # Many batches of documents are encoded at once as it is; and there may be nothing to share.
        if role is Role.DOCUMENT or self._words.knows(words, _most(role)):
            return Encoding(self._sentences(rows), *self._words.of(words, _most(role)))
        # Somebody waits for a query. Threads that stayed would keep the process from its end.
        with ThreadPoolExecutor(1 + cpu_count(), thread_name_prefix="cmsearch-lite") as pool:
            vectors = pool.submit(self._sentences, rows)
            prompted = partial(self._prompted_at_once, pool)
            tokens, weights = self._words.of(words, _most(role), prompted)
            return Encoding(vectors.result(), tokens, weights)

    def words(self, batch: Sequence[Words], role: Role) -> list[list[str]]:
        """The word that each token of n prepared texts stands for."""
        kept = [heaviest(_weighed(text), _most(role)) for text in batch]
        return [[self._tokenizer.decode(list(word)) for word, _ in words] for words in kept]

    def bank(self, modality: Modality) -> FloatArray:
        """The vectors of the ImageNet classes, in place of a picture of each."""
        if modality is not Modality.IMAGE:
            return np.empty((0, DIM), np.float32)
        return self._classes

    @cached_property
    def _classes(self) -> FloatArray:
        vectors: FloatArray = np.load(self._file("classes.npy"))
        return vectors

    def crop(self) -> None:
        """The cells cover the whole picture."""

    @property
    def _tokenizer(self) -> tokenizers.Tokenizer:
        with self._lock:
            if self._tokenizer_ is None:
                from tokenizers import Tokenizer

                tokenizer = Tokenizer.from_file(str(self._file("tokenizer.json")))
                tokenizer.no_padding()
                tokenizer.no_truncation()  # `split` sees to the length, and cuts nothing away
                self._tokenizer_ = tokenizer
            return self._tokenizer_

    def _sentences(self, rows: Sequence[Sequence[int]]) -> FloatArray:
        # Where a text is read by itself, its filling would be what is beside it.
        pages = [[row] for row in rows] if self._sessions.takes_one("text") else [rows]
        return np.concatenate([self._sessions.run("text", *pad(page))[0] for page in pages])

    def _prompted_at_once(
        self, pool: ThreadPoolExecutor, words: Sequence[tuple[int, ...]]
    ) -> FloatArray:
        """As `_prompted`, a share of the words on each processor."""
        size = min(_PROMPTS, -(-len(words) // cpu_count()))
        pages = [words[at : at + size] for at in range(0, len(words), size)]
        return np.concatenate(list(pool.map(self._prompted, pages)))

    def _prompted(self, words: Sequence[tuple[int, ...]]) -> FloatArray:
        """The vectors `(n, dim)` of words, given as their pieces, each in the prompt."""
        start, end = self._prompt
        rows = sorted(((*start, *word, *end) for word in words), key=len)
        found = {
            row: vector
            for at in range(0, len(rows), _PROMPTS)
            for row, vector in zip(
                rows[at : at + _PROMPTS], self._sentences(rows[at : at + _PROMPTS]), strict=True
            )
        }
        return np.stack([found[(*start, *word, *end)] for word in words])

    @cached_property
    def _prompt(self) -> tuple[list[int], list[int]]:
        """The word pieces before and after a word in the prompt."""
        ids = self._tokenizer.encode(PROMPT).ids
        return ids[:-1], ids[-1:]


def load(
    model: str,
    *,
    device: str | None = None,
    space: Space | None = None,
    download: bool = False,
    precision: str | None = None,
) -> LiteEncoder:
    """The encoder; `space`, if given, is the one that a store was made with.

    `device` is the name of a provider of ONNX Runtime; with that of a GPU of torch it runs on the
    processor, where ONNX Runtime has no provider for it.
    """
    if model:
        raise UnknownModelError(f"lite is one model and takes no name after it, such as {model!r}.")
    if space is not None and in_fp32(space) != SPACE:
        raise StoreMismatchError(
            "The store was made with another version of lite. Index the folder again into a new "
            "store (--store DIR), or use the version of cmsearch that made it."
        )
    exports = Exports(SPACE, _folder, _build, _batches)
    return LiteEncoder(form(exports, wanted(precision, space), for_onnx(device, download)))


def prepare_image(image: Any) -> NDArray[np.uint8]:
    """The picture squashed to a square `(260, 260, 3)`, so that nothing is cropped away."""
    from PIL.Image import Resampling

    return np.asarray(image.resize((IMAGE_SIZE, IMAGE_SIZE), Resampling.BICUBIC))


def pad(rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids `(n, t)` filled up with zeros, and the mask of what is not filling."""
    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for row, values in enumerate(rows):
        ids[row, : len(values)] = values
        mask[row, : len(values)] = 1
    return ids, mask


def _most(role: Role) -> int:
    """How many words of a text become tokens."""
    return STORED_WORDS if role is Role.DOCUMENT else MAX_TOKENS


def _weighed(text: Words) -> list[tuple[tuple[int, ...], float]]:
    return [(word, _weight(word)) for word in text.words]


def _weight(word: tuple[int, ...]) -> float:
    """The square of a word's inverse document frequency, as both sides of tf-idf would have it.

    By Zipf's law a word's frequency falls as 1 / its rank, which is its number in BERT's
    vocabulary; it is as rare as the rarest of its pieces.
    """
    return log(max(*word, FIRST_WORD) - FIRST_WORD + 1) ** 2


def _folder(space: Space) -> str:
    """The name of the cached folder of the export for a space."""
    return f"lite-{export_key(space.weights, space.recipe, GRAPHS)}"


def _batches(export: Export) -> Batches:
    """What an export is tried with."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(export.file("tokenizer.json")))
    tokenizer.no_padding()
    rows = [tokenizer.encode(text).ids for text in TEXTS]
    images = [(prepare_image(one),) for one in pictures(PICTURES)]
    texts = [pad(rows[at : at + SIZE]) for at in range(0, len(rows), SIZE)]
    return {"image": stacked(images), "text": texts}


def _build(folder: Path) -> None:
    from cmsearch.models.encoders import lite_export

    lite_export.build(folder)
