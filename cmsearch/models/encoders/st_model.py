"""A model of sentence-transformers as an encoder: vectors equal those of the library itself."""

# Tested by tests/unit/cmsearch/models/encoders/test_st.py

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.common.text import pieces
from cmsearch.errors import ModelError, brief
from cmsearch.models import sentence_library
from cmsearch.models.devices import best_device
from cmsearch.models.encoders import st_inputs
from cmsearch.models.encoders.batches import Room, is_short, memory_of
from cmsearch.models.sentence_folders import recipe_digest, weights_digest
from cmsearch.types import Capabilities, Encoding, FloatArray, Modality, Role, Space

MOST_TOKENS = 8192
"""Of a piece of a text, whatever more a model claims to take: attention costs its square."""
_FEW, _MANY = 8, 64
_POOLER = "pooler."
"""Of the state of a first token, which no module of the library reads; often left out of files."""
_BOTH = ("image", "text")
_REFUSED = (IndexError, KeyError, RuntimeError, TypeError, ValueError)
"""What processors raise for contents that they don't take."""
_MOST_FAILED = 3
"""Batches of a modality that failed, after which its contents are encoded one by one."""


class SentenceEncoder:
    """Whatever the model says that it takes, in its one space; safe from threads.

    Queries and documents have the prompts that the model was trained with.
    """

    def __init__(self, name: str, folder: Path, *, dim: int | None, device: str | None) -> None:
        """Of the model in a folder that was checked; of its vectors the first `dim` numbers."""
        device = device or best_device()
        self._name, self._dim = name, dim
        self._model = sentence_library.load(
            "SentenceTransformer", name, folder, device, spare=_POOLER
        )
        self._lock = threading.Lock()  # the tokenizers' padding is a state that threads would share
        self._room = Room(_batch_size(device), memory_of(device))
        st_inputs.hear_windows(self._model)
        self._form = st_inputs.form(self._model)
        self._processing = st_inputs.processing(self._model)
        self._counting = copy.deepcopy(self._model.tokenizer)
        self._counts = threading.Lock()
        self._nested: set[Modality] = set()
        self._single: set[Modality] = set()
        self._failed: dict[Modality, int] = {}
        self.capabilities = self._able(device)
        recipe = f"prompts, {recipe_digest(folder)} v1"
        width = self._width(dim)
        self.space = Space("sentence-transformers", name, weights_digest(folder), recipe, width)
        self._left = self._room_for_text()

    @property
    def joins(self) -> bool:
        """Whether the model takes a picture and a text as one input."""
        return bool(self._model.supports(_BOTH))

    def split(self, text: str) -> list[str]:
        """Cut a text into pieces that the model takes whole."""
        return pieces(text, self._fits)

    def prepare(self, content: Any, modality: Modality) -> Any:
        """Bring one content into the library's form; a shot's pictures are one film."""
        if modality not in self.capabilities.modalities:
            taken = ", ".join(sorted(self.capabilities.modalities))
            raise ModelError(f"{self._name} takes {taken}, but no {modality}.")
        return self._form.given(content, modality)

    def encode(self, batch: Sequence[Any], modality: Modality, role: Role) -> Encoding:
        """Give the vectors of n prepared contents."""

        def compute(some: Sequence[Any]) -> list[FloatArray]:
            return list(self._vectors(some, modality, role))

        with self._lock:
            rows = self._room.run(modality, batch, compute)
        return Encoding(np.stack(rows))

    def joined(self, picture: Any, text: str) -> FloatArray:
        """The vector `(dim,)` of a picture and a text of a query as one input."""
        both = {
            name: self.prepare(content, modality)[name]
            for name, content, modality in (
                ("image", picture, Modality.IMAGE),
                ("text", text, Modality.TEXT),
            )
        }
        with self._lock:
            found: FloatArray = self._computed([both], Role.QUERY)[0]
        return found

    def _vectors(self, some: Sequence[Any], modality: Modality, role: Role) -> FloatArray:
        """The vectors `(n, dim)` of a batch; one by one where the library can't take it whole.

        Some processors take a list of pictures as those of one text, unless each is a list itself.
        """
        if len(some) == 1:
            return self._alone(some[0], role)
        if modality not in self._single:
            is_nested = modality in self._nested
            for nested in {is_nested: None, True: None}:
                try:
                    found = self._computed(_listed(some) if nested else some, role)
                except _REFUSED as error:
                    if is_short(error):
                        raise
                    continue
                if nested:
                    self._nested.add(modality)
                return found
            self._failed[modality] = self._failed.get(modality, 0) + 1
            if self._failed[modality] > _MOST_FAILED:
                self._single.add(modality)
        return np.concatenate([self._alone(one, role) for one in some])

    def _alone(self, one: Any, role: Role) -> FloatArray:
        """The vector `(1, dim)` of one content, or of what is nearest to it that the library takes:
        a picture as a square, a film with half as many pictures or its only one twice. Raises
        `ModelError`.
        """
        told: Exception | None = None
        for given in self._form.nearest(one):
            try:
                return self._computed([given], role)
            except _REFUSED as error:
                if is_short(error):
                    raise
                told = told or error
        raise ModelError(
            f"{self._name} could not encode something: {brief(told or ModelError())} Take another "
            "model; `cmsearch models` lists some."
        ) from told

    def _computed(self, some: Sequence[Any], role: Role) -> FloatArray:
        """The unit vectors that the library gives for inputs, cut to the dimension."""
        of = self._model.encode_query if role is Role.QUERY else self._model.encode_document
        with sentence_library.silent():
            found = of(
                list(some),
                batch_size=len(some),
                show_progress_bar=False,
                convert_to_tensor=True,
                processing_kwargs=self._processing,
            )
        rows: FloatArray = found.float().cpu().numpy()[:, : self._dim]
        if len(rows) != len(some):
            raise IndexError(f"{len(some)} inputs gave {len(rows)} vectors")
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: FloatArray = (rows / np.maximum(lengths, 1e-12)).astype(np.float32)
        return unit

    def _able(self, device: str) -> Capabilities:
        return Capabilities(
            modalities=frozenset(self._form.modalities),
            image_size=self._form.image_size,
            rate=self._form.rate,
            seconds=self._form.seconds,
            batch_size=_batch_size(device),
            workers=1,
            runtime=f"sentence-transformers torch {device}",
        )

    def _width(self, dim: int | None) -> int:
        """The dimension; raises `ModelError` for one that the model hasn't."""
        if Modality.TEXT not in self.capabilities.modalities:
            return dim or int(self._model.get_embedding_dimension() or 1)
        self._dim = None
        whole = self._computed([self._form.given("a", Modality.TEXT)], Role.DOCUMENT).shape[1]
        if dim is not None and dim > whole:
            raise ModelError(
                f"The vectors of {self._name} have {whole} numbers, so its dimension can't be "
                f"{dim}. Take --dim {whole} or less, as its page says."
            )
        self._dim = dim
        return dim or int(whole)

    def _fits(self, text: str) -> bool:
        """Whether the model takes the whole text."""
        if self._counting is None:
            return True
        with self._counts:
            return len(self._counting(text, add_special_tokens=False)["input_ids"]) <= self._left

    def _room_for_text(self) -> int:
        """The tokens of a text that are left beside the longer prompt and what stands around it."""
        if self._counting is None:
            return MOST_TOKENS
        most = min(st_inputs.positions(self._model), MOST_TOKENS)
        self._counting.model_max_length = 10**9  # it only counts
        own = len(self._counting("a", add_special_tokens=False)["input_ids"])
        around = 0
        names = {"query": "query", "document": "document", "passage": "document"}
        for name, task in names.items():
            with sentence_library.silent():
                found = self._model.preprocess(
                    [{"text": "a"}], prompt=self._model.prompts.get(name), task=task
                )
            around = max(around, int(found["input_ids"].shape[1]) - own)
        return max(most - around, 1)


def _batch_size(device: str) -> int:
    return _MANY if device.startswith("cuda") else _FEW


def _listed(some: Sequence[Any]) -> list[Any]:
    return [{name: [one] for name, one in each.items()} for each in some]
