"""An encoder with an adapter on top: pictures are moved, texts stay as they are."""

# Tested by tests/unit/cmsearch/models/test_adapters.py

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cmsearch.errors import ModelError, StoreMismatchError
from cmsearch.models import adapters
from cmsearch.models.adapters import Adapter
from cmsearch.models.spaces import model_name
from cmsearch.protocols import Banked, Encoder
from cmsearch.types import Encoding, FloatArray, Modality, Role


class Adapted:
    """Whatever `base` encodes, with the vectors of pictures moved by `adapter`.

    The features of a picture are all that the adapter reads, so that a store can learn again.
    """

    def __init__(self, base: Encoder, adapter: Adapter) -> None:
        self.base = base
        self.adapter = adapter
        self.space = adapter.space
        self.capabilities = base.capabilities

    def split(self, text: str) -> list[str]:
        """Cut a text into pieces that the model takes whole."""
        return self.base.split(text)

    def prepare(self, content: Any, modality: Modality) -> Any:
        """Bring one content into the model's form."""
        return self.base.prepare(content, modality)

    def encode(self, batch: Sequence[Any], modality: Modality, role: Role) -> Encoding:
        """Encode with the base, and map the vectors of pictures by the adapter."""
        found = self.base.encode(batch, modality, role)
        if modality not in (Modality.IMAGE, Modality.VIDEO):
            return found
        read = len(self.adapter.weight)
        with_features = read > self.space.dim
        inputs = adapters.inputs(found.vectors, found.features if with_features else None)
        if inputs.shape[1] != read:
            raise ModelError(
                f"The adapter {self.adapter.digest[:12]} reads {read} numbers of a picture, and "
                f"{model_name(self.base.space)} gives {inputs.shape[1]}."
            )
        return replace(found, vectors=self.adapter.apply(inputs), features=inputs)

    def bank(self, modality: Modality) -> FloatArray:
        """The base's; what it has in place of pictures has no features, and isn't moved."""
        if isinstance(self.base, Banked):
            return self.base.bank(modality)
        return np.empty((0, self.space.dim), np.float32)


class RegionalAdapted(Adapted):
    """Of an encoder whose tokens can be shown."""

    def words(self, batch: Sequence[Any], role: Role) -> list[list[str]]:
        """The word that each token of n prepared texts stands for."""
        found: list[list[str]] = self.base.words(batch, role)  # type: ignore[attr-defined]
        return found

    def crop(self) -> tuple[float, float] | None:
        """The part of the picture that its cells cover."""
        found: tuple[float, float] | None = self.base.crop()  # type: ignore[attr-defined]
        return found


def adapted(base: Encoder, adapter: Adapter) -> Adapted:
    """The encoder with the adapter on top; raises `StoreMismatchError` for that of another one."""
    if base.space != adapter.base:
        raise StoreMismatchError(
            f"The adapter {adapter.digest[:12]} is for {model_name(adapter.base)} with other "
            "weights than those here. Learn it again with `cmsearch fit`."
        )
    is_regional = hasattr(base, "words") and hasattr(base, "crop")
    return (RegionalAdapted if is_regional else Adapted)(base, adapter)
