"""Loading models by their names."""

# Tested by tests/unit/cmsearch/models/test_adapters.py

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path

from cmsearch.errors import (
    ModelError,
    StoreMismatchError,
    UnknownModelError,
)
from cmsearch.models import adapters
from cmsearch.models.adapters import Adapter
from cmsearch.models.encoders.adapted import Adapted, adapted
from cmsearch.models.encoders.providers import for_torch
from cmsearch.models.names import ADAPTED, canonical_name, transcriber_name
from cmsearch.models.plugins import encoders, rerankers, transcribers
from cmsearch.models.precision import AUTO, FP32, precision_of
from cmsearch.models.spaces import model_name
from cmsearch.protocols import Encoder, Reranker, Transcriber
from cmsearch.types import Space


def load_encoder(
    name: str,
    *,
    device: str | None = None,
    space: Space | None = None,
    download: bool = False,
    precision: str | None = None,
) -> Encoder:
    """The encoder for a model's name, on a `device` as torch names them, on that of a provider of
    ONNX Runtime, or on the best there is.

    `space` is the one it must have, where a store has it; without it the `precision` is fp32, int8
    or auto; an adapter has that in which it was learned, and no other. Weights that aren't here are
    fetched only if `download` is true. Raises `ModelError`, `StoreMismatchError`.
    """
    canonical = canonical_name(name)
    if ADAPTED.fullmatch(canonical):
        raise UnknownModelError(
            f"{name} is an adapter that another index has. Name its file, which `cmsearch fit "
            "--export FILE` writes there."
        )
    encoder, _, model = canonical.partition(":")
    if encoder == "adapter":
        adapter = _read_adapter(Path(model), space, precision)
        return on_top(adapter, device=device, download=download)
    load = encoders.load(encoder)
    loaded: Encoder = load(
        model, device=device, space=space, download=download, **_in(precision, canonical, load)
    )
    if model_name(loaded.space) != canonical:
        raise ModelError(
            f"The encoder of {name} names its space {model_name(loaded.space)}; the two have to "
            "be the same."
        )
    return loaded


def load_reranker(name: str, *, device: str | None = None, download: bool = False) -> Reranker:
    """The reranker `itm` with its own model, or `itm:ORG/NAME` or `itm:PATH` with another one,
    `st:ORG/NAME` or `st:PATH` of a CrossEncoder, or `learned:FILE`, which `cmsearch fit --reranker
    --export FILE` wrote.

    It runs on a `device` as torch names them or the best there is. Weights that aren't here are
    fetched only if `download` is true. Raises `ModelError`.
    """
    kind, _, model = name.strip().partition(":")
    if kind not in rerankers:
        known = ", ".join(sorted(rerankers.rows()))
        raise UnknownModelError(f"No model reranks by the name {name!r}; there is {known}.")
    load = rerankers.load(kind)
    loaded: Reranker = load(model.strip(), device=for_torch(device), download=download)
    return loaded


def load_transcriber(
    name: str, *, device: str | None = None, download: bool = False
) -> Transcriber:
    """The transcriber of a name, on the CPU unless `device` names another.

    Weights that aren't here are fetched only if `download` is true. Raises `ModelError`.
    """
    canonical = transcriber_name(name)
    kind, _, model = canonical.partition(":")
    load = transcribers.load(kind)
    loaded: Transcriber = load(model, device=for_torch(device), download=download)
    if loaded.name != canonical:
        raise ModelError(
            f"The transcriber of {name} calls itself {loaded.name}, not {canonical}; the two have "
            "to be the same."
        )
    return loaded


def _in(precision: str | None, name: str, load: Callable[..., Encoder]) -> dict[str, str]:
    """The argument that says a precision; none where it is fp32, which every encoder has."""
    if precision in (None, FP32):
        return {}
    if "precision" not in signature(load).parameters:
        if precision == AUTO:
            return {}
        raise ModelError(f"{name} can't be had in {precision}: its encoder has no precisions.")
    return {"precision": str(precision)}


def on_top(adapter: Adapter, *, device: str | None = None, download: bool = False) -> Adapted:
    """The encoder that an adapter is for, with it on top. Raises `ModelError` and
    `StoreMismatchError`.
    """
    name, base = model_name(adapter.base), adapter.base
    return adapted(load_encoder(name, device=device, space=base, download=download), adapter)


def _read_adapter(path: Path, space: Space | None, precision: str | None) -> Adapter:
    """The adapter in a file; its space is `space`, if that is given, and else of the `precision`.

    Raises `ModelError` and `StoreMismatchError`.
    """
    adapter = adapters.read(path)
    if space not in (None, adapter.space):
        raise StoreMismatchError(f"{path} is another adapter than the one that was asked for.")
    learned = precision_of(adapter.space)
    if space is None and precision not in (None, AUTO, learned):
        raise ModelError(
            f"The adapter {path} was learned in {learned}, not in {precision}. Leave out "
            f"--precision, or take --model {model_name(adapter.base)} --precision {precision} and "
            "learn it again with `cmsearch fit`."
        )
    return adapter


def resolved(name: str) -> str:
    """The name by which stores know a model: of an adapter's file, that of the adapter in it.

    Raises `ModelError`.
    """
    canonical = canonical_name(name)
    kind, _, path = canonical.partition(":")
    return model_name(adapters.read(Path(path)).space) if kind == "adapter" else canonical
