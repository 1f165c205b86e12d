"""The form in which an exported model runs: its precision, and what it runs on."""

# Tested by tests/unit/cmsearch/models/encoders/test_providers.py

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cmsearch.common.processors import cpu_count
from cmsearch.errors import ModelError
from cmsearch.models.encoders import providers, quantised
from cmsearch.models.encoders.exports import Export, exported, published
from cmsearch.models.encoders.onnx import CPU
from cmsearch.models.encoders.providers import Machine
from cmsearch.models.precision import FP32, INT8, LEAST_COSINE, LEAST_GAIN, in_int8
from cmsearch.models.spaces import model_name
from cmsearch.types import Space

if TYPE_CHECKING:
    import onnxruntime

    from cmsearch.models.encoders.probes import Batches

_BATCH = 32
_PLURAL = {"image": "pictures", "text": "texts"}

log = logging.getLogger("cmsearch")


class Exports(NamedTuple):
    """How to get at the exports of a model, in whatever precision."""

    space: Space
    """Its space in fp32."""
    folder: Callable[[Space], str]
    """The name of the cached folder of its export for a space."""
    build: Callable[[Path], None]
    """Writes the export in fp32; raises `ModelError`."""
    batches: Callable[[Export], Batches]
    """What an export is tried with."""


class Form(NamedTuple):
    """An exported model as it is run."""

    space: Space
    """The space that it encodes into, in this precision."""
    file: Callable[[str], Path]
    """Gives the path of a file of the export by its name."""
    opened: Callable[[Path], onnxruntime.InferenceSession] | None = None
    """Opens a graph on a provider; None is the processor."""
    runtime: str = "onnxruntime"
    """What is told of it, as of `Capabilities.runtime`."""

    @property
    def workers(self) -> int:
        """How many calls at once it likes: a provider has threads of its own."""
        return cpu_count() if self.opened is None else 1

    def batch_size(self, usual: int) -> int:
        """How many contents it takes best at once, of which the processor takes the `usual`."""
        return usual if self.opened is None else _BATCH


def form(
    model: Exports, precision: str, device: str | None, machine: Machine | None = None
) -> Form:
    """A model in a precision (`auto` is int8 where that pays) on a device (None is the fastest).

    Its export is made if it isn't here. Raises `ModelError`.
    """
    space, runtime = model.space, "onnxruntime"
    if precision == INT8 or (precision != FP32 and _pays(model, machine)):
        export, space = _in_int8(model), in_int8(model.space)
        runtime = f"onnxruntime int8, cosine with fp32: {told(export)}"
    else:
        export = published(model.folder(space), model.build)
    if device == "cpu":
        return Form(space, export.file, runtime=runtime)
    machine = machine or providers.here()
    provider = providers.choose(device, export, partial(model.batches, export), machine)
    if provider == CPU:
        return Form(space, export.file, runtime=runtime)
    name = provider.removesuffix("ExecutionProvider")
    return Form(space, export.file, machine.opens(provider), f"{runtime} on {name}")


def told(export: Export) -> str:
    """How near an export in int8 comes to fp32, in words: the cosines of its graphs."""
    found = quantised.cosines(export)
    return ", ".join(f"{_PLURAL.get(name, name)} {one:.3f}" for name, one in found.items())


def _in_int8(model: Exports) -> Export:
    """The export in 8 bits, made of the one in floats; raises `ModelError`."""

    def build(folder: Path) -> None:
        plain = published(model.folder(model.space), model.build)
        quantised.write(plain, folder, model.batches(plain))

    name = model.folder(in_int8(model.space))
    if (found := exported(name, build)) is not None:
        return found
    own = model_name(model.space)
    found = published(name, build, what=f"{own} in int8")
    log.info("%s in int8: mean cosine with fp32: %s.", own, told(found))
    if min(quantised.cosines(found).values()) < LEAST_COSINE:
        log.warning("That is below %s: answers will differ from those in fp32.", LEAST_COSINE)
    return found


def _pays(model: Exports, machine: Machine | None) -> bool:
    """Whether int8 is near enough to fp32, and enough faster on the processor here."""
    plain = published(model.folder(model.space), model.build)
    try:
        small = _in_int8(model)
    except ModelError as error:
        log.warning("%s It stays in fp32.", error)
        return False
    near = min(quantised.cosines(small).values())
    gain = providers.gain(plain, small, partial(model.batches, plain), machine or providers.here())
    pays = near >= LEAST_COSINE and gain >= LEAST_GAIN
    log.info(
        "int8 is %.1f times as fast here, its least mean cosine with fp32 %.3f: %s.",
        gain, near, "int8 it is" if pays else "fp32 it is",
    )  # fmt: skip
    return pays
