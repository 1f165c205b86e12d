"""The reference of a model of two towers, in torch: running it on a device, exporting it."""

# Tested by tests/unit/cmsearch/models/encoders/test_open_clip.py

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from cmsearch.common.files import create_file
from cmsearch.errors import ModelError
from cmsearch.models.devices import move_to
from cmsearch.models.encoders.onnx import export
from cmsearch.models.encoders.towers_onnx import OnnxRuntime
from cmsearch.types import Capabilities, FloatArray, Modality, Space

TOLERANCE = 1e-4
"""The largest difference in a component between what an exported model and its reference give."""
PROBES = (
    "a photo of a cat",
    "Two dogs, running — on a beach; it's 8:25!",
    "Grüße aus Köln & Ångström &amp; naïve café",
    "写真 の 犬 и кошка",
    "emoji 🐶🐱 #hashtag @someone 1234567890",
    "snake_case, (brackets) [and] {braces} \"quotes\" 'single'",
    "  white \t\n space  ",
    "don't we'll they've I'm he'd she's",
    "x" * 40,
)
_SIZES = ((301, 450), (640, 200), (97, 97))


class Reference(Protocol):
    """A model as its own library runs it, on the CPU until it is moved."""

    @property
    def model(self) -> nn.Module:
        """The module to export or to move to a device."""
        ...

    @property
    def space(self) -> Space:
        """The identity of its space."""
        ...

    @property
    def image_size(self) -> int:
        """Pixels of the longer side of the pictures that it takes; 0 for none."""
        ...

    def image_spec(self) -> dict[str, Any]:
        """How `prepare_image` prepares pictures as the library does; raises `ModelError` where it
        can't.
        """
        ...

    def fits(self, text: str) -> bool:
        """Whether the model takes the whole text."""
        ...

    def prepare(self, content: Any, modality: Modality) -> tuple[Tensor, ...]:
        """What the library makes of one content, without the axis of the batch."""
        ...

    @property
    def has_tokens(self) -> bool:
        """Whether the image tower gives vectors of the cells of a picture."""
        ...

    def features(self, inputs: Sequence[Tensor], modality: Modality) -> tuple[Tensor, ...]:
        """The vectors `(n, dim)`, of any length, of a batch of what `prepare` gives.

        With tokens, then those `(n, 9, dim)` of the 3 x 3 cells of each picture.
        """
        ...

    def export(self, folder: Path) -> None:
        """Write the towers; raises `ModelError` where that can't be done with equal results."""
        ...


class Tower(nn.Module):
    """One half of a model as it is exported: from what `OnnxRuntime.prepare` gives to `outputs`.

    `inputs` turns that into what the reference prepares, and `features` that into vectors.
    """

    def __init__(
        self, model: nn.Module, inputs: nn.Module, features: Callable[..., tuple[Tensor, ...]]
    ) -> None:
        super().__init__()
        self.model = model
        self.inputs = inputs
        self.features = features

    def forward(self, first: Tensor, second: Tensor | None = None) -> tuple[Tensor, ...]:
        """Give what `outputs` makes of a batch."""
        prepared = (first,) if second is None else (first, second)
        return outputs(self.features(self.inputs(*prepared)))


def outputs(features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Unit vectors `(n, dim)` and, of pictures with cells, the tokens `(n, 10, dim)`.

    The tokens are the unit vectors of the cells, and that of the whole.
    """
    vectors, *cells = (torch.nn.functional.normalize(one.float(), dim=-1) for one in features)
    return (vectors, *(torch.cat([one, vectors[:, None]], 1) for one in cells))


class AsIs(nn.Module):
    """The inputs of a tower that takes what was prepared."""

    def forward(self, *prepared: Tensor) -> tuple[Tensor, ...]:
        """Give the inputs back."""
        return prepared


class Pixels(nn.Module):
    """Scaled and normalised pictures `(n, 3, height, width)` of bytes `(n, height, width, 3)`."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], factor: float = 1 / 255
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(list(mean)).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(list(std)).view(1, 3, 1, 1))
        self.factor = factor

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Give the scaled and normalised pictures."""
        return ((pixels.permute(0, 3, 1, 2).float() * self.factor - self.mean) / self.std,)


class TorchRuntime:
    """A reference on a device, with autocast where it is CUDA."""

    def __init__(self, reference: Reference, device: str) -> None:
        self._reference = reference
        self._lock = threading.Lock()  # the tokenizers' padding is a state that threads would share
        self._device = move_to(reference.model, device)
        on_gpu = self._device.type != "cpu"
        self.has_tokens = reference.has_tokens
        self.capabilities = Capabilities(
            modalities=frozenset({Modality.TEXT, Modality.IMAGE}),
            image_size=reference.image_size,
            batch_size=64 if on_gpu else 8,
            workers=1,
            runtime=f"torch {self._device.type}",
        )

    def image_spec(self) -> dict[str, Any]:
        """How `prepare_image` prepares pictures."""
        return self._reference.image_spec()

    def fits(self, text: str) -> bool:
        """Whether the model takes the whole text."""
        with self._lock:
            return self._reference.fits(text)

    def prepare(self, content: Any, modality: Modality) -> tuple[Tensor, ...]:
        """Bring one content into the model's form."""
        if modality is Modality.IMAGE:
            return self._reference.prepare(content, modality)
        with self._lock:
            return self._reference.prepare(content, modality)

    def encode(self, batch: Sequence[Any], modality: Modality) -> tuple[FloatArray, ...]:
        """Give the vectors of n prepared contents."""
        inputs = [tensor.to(self._device) for tensor in stacked(batch)]
        gpu = self._device.type == "cuda"
        with torch.inference_mode(), torch.autocast(self._device.type, enabled=gpu):
            features = self._reference.features(inputs, modality)
            return tuple(one.cpu().numpy() for one in outputs(features))


@torch.no_grad()
def write(
    reference: Reference,
    towers: dict[Modality, Tower],
    spec: dict[str, Any],
    folder: Path,
) -> None:
    """Export the towers to a folder that has the tokenizer; raises `ModelError`.

    `spec` says how contents are prepared. What was written is compared with the reference before it
    is used: prepared pictures and texts, then vectors and tokens.
    """
    spec = {**spec, "tokens": reference.has_tokens}
    create_file(folder / "preprocessing.json", json.dumps(spec).encode())
    exported = OnnxRuntime(folder.joinpath)
    for modality, tower in towers.items():
        probes = [
            one for one in _probes(modality) if modality is Modality.IMAGE or exported.fits(one)
        ]
        own = [exported.prepare(one, modality) for one in probes]
        theirs = [reference.prepare(one, modality) for one in probes]
        prepared = stacked([tuple(map(torch.tensor, one)) for one in own])
        if not _equal(tower.inputs(*prepared), stacked(theirs)):
            raise ModelError(
                f"How {reference.space.model} prepares {_PLURAL[modality]} is left to its library."
            )
        expected = outputs(reference.features(stacked(theirs), modality))
        export(tower, tuple(tensor[:2] for tensor in prepared), folder / f"{modality}.onnx")
        difference = max(
            float(np.abs(found - one.numpy()).max())
            for found, one in zip(exported.encode(own, modality), expected, strict=True)
        )
        if not difference <= TOLERANCE:
            raise ModelError(
                f"The exported {modality} tower differs by {difference:.1g} from the model."
            )


_PLURAL = {Modality.TEXT: "texts", Modality.IMAGE: "pictures"}


def _probes(modality: Modality) -> list[Any]:
    if modality is Modality.TEXT:
        return list(PROBES)
    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)) for size in _SIZES]


def _equal(own: Sequence[Tensor], theirs: Sequence[Tensor]) -> bool:
    return len(own) == len(theirs) and all(
        one.shape == other.shape and torch.allclose(one.float(), other.float(), rtol=0, atol=1e-5)
        for one, other in zip(own, theirs, strict=True)
    )


def stacked(batch: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """A batch of prepared contents as the inputs of a tower."""
    return [torch.stack(column) for column in zip(*batch, strict=True)]


def digest(model: nn.Module) -> str:
    """A digest of all weights of a model, with their names and types."""
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()[:32]
