"""Texts as the tokenizers of transformers prepare them, and those tokenizers written out."""

# Tested by tests/unit/cmsearch/models/encoders/test_transformers.py

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from torch import Tensor

from cmsearch.common.files import create_file
from cmsearch.models.encoders.towers_export import PROBES
from cmsearch.models.encoders.unigram import unigram


class Texts:
    """The inputs of a text tower, each of `length` tokens, by a tokenizer of transformers."""

    def __init__(self, tokenizer: Any, length: int) -> None:
        self.length = length
        self._tokenizer = tokenizer
        self._lower = self._has_to_lower()
        self._has_mask = "attention_mask" in tokenizer.model_input_names

    def fits(self, text: str) -> bool:
        """Whether the model takes the whole text."""
        ids: list[int] = self._tokenizer(self._cased(text), verbose=False)["input_ids"]
        return len(ids) <= self.length

    def prepare(self, text: str) -> tuple[Tensor, ...]:
        """Give the ids, and the mask where the model takes one."""
        found = self._tokenizer(
            self._cased(text),
            padding="max_length",
            truncation=True,
            max_length=self.length,
            return_tensors="pt",
        )
        names = ("input_ids", "attention_mask") if self._has_mask else ("input_ids",)
        return tuple(found[name][0] for name in names)

    def recipe(self) -> str:
        """What they are prepared by, in a few letters."""
        tokens = [[one.tolist() for one in self.prepare(text)] for text in PROBES]
        return f"text{self.length}-{short_digest(tokens)}"

    def spec(self, folder: Path) -> dict[str, Any]:
        """Write the tokenizer as one of the `tokenizers` library, and say how it is used."""
        own = self._tokenizer
        backend = getattr(own, "backend_tokenizer", None)
        how = "lowercase" if self._lower else ""
        if backend is None:
            backend, how = unigram(own), "siglip"
        create_file(folder / "tokenizer.json", backend.to_str().encode())
        return {
            "clean": how,
            "context_length": self.length,
            "pad": own.pad_token_id,
            "pad_left": own.padding_side == "left",
            "mask": self._has_mask,
            "special": True,
            "before": [],
            "after": [],
            "zeroed": None,
        }

    def _has_to_lower(self) -> bool:
        """Whether text has to be lowered before the tokenizer, which ought to do it and doesn't.

        SigLIP 2 was trained on lower case. Its tokenizer is Gemma's, which in transformers keeps
        the case, whatever `do_lower_case` of its configuration says.
        """
        own = self._tokenizer
        declared = own.init_kwargs.get("do_lower_case", type(own).__name__.startswith("Gemma"))
        return bool(declared) and own("A Cat")["input_ids"] != own("a cat")["input_ids"]

    def _cased(self, text: str) -> str:
        return text.lower() if self._lower else text


def short_digest(value: Any) -> str:
    """Eight letters for a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]
