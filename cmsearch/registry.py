"""Plug points by name: built-in ones are rows of import strings, others come by entry points."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from cmsearch.errors import ModelError, UnknownModelError
from cmsearch.protocols import Encoder, Reader, Reranker, Transcriber
from cmsearch.types import Space


class Registry:
    """Import strings `module:attribute` by name, the built-in ones first.

    A package adds its own through the entry point group of the same name; a built-in name can't be
    replaced.
    """

    def __init__(self, group: str, rows: Mapping[str, str]) -> None:
        self.group = group
        self._rows = rows

    def rows(self) -> dict[str, str]:
        """All names and their import strings."""
        found = {point.name: point.value for point in entry_points(group=self.group)}
        return {**found, **self._rows}

    def load(self, name: str) -> Any:
        """What `name` stands for; raises `KeyError` for a name that isn't there."""
        row = self._rows.get(name) or self.rows()[name]
        module, _, attribute = row.partition(":")
        return getattr(import_module(module), attribute)


encoders = Registry(
    "cmsearch.encoders",
    {
        "adapter": "cmsearch.models.encoders.adapted:load",
        "dual": "cmsearch.models.encoders.dual:load",
        "lite": "cmsearch.models.encoders.lite:load",
        "open_clip": "cmsearch.models.encoders.open_clip:load",
        "transformers": "cmsearch.models.encoders.transformers:load",
    },
)
"""Functions `load(model, *, device, space, download) -> Encoder`."""

indexes = Registry(
    "cmsearch.indexes",
    {
        "exact": "cmsearch.indexes:ExactIndex",
        "faiss": "cmsearch.indexes:FaissIndex",
    },
)
"""Classes made as `Index(dim)`."""

readers = Registry(
    "cmsearch.readers",
    {
        "audio": "cmsearch.media.audio:AudioReader",
        "image": "cmsearch.media.images:ImageReader",
        "raw": "cmsearch.media.raw:RawReader",
        "sidecar": "cmsearch.media.texts:SidecarReader",
        "captions": "cmsearch.media.captions:CaptionsReader",
        "document": "cmsearch.media.texts:DocumentReader",
        "docx": "cmsearch.media.docx:DocxReader",
        "html": "cmsearch.media.html:HtmlReader",
        "pdf": "cmsearch.media.pdf:PdfReader",
        "subtitles": "cmsearch.media.subtitles:SubtitlesReader",
        "video": "cmsearch.media.video:VideoReader",
    },
)
"""Classes made without arguments, by the kind of file that they read."""

rerankers = Registry(
    "cmsearch.rerankers",
    {
        "itm": "cmsearch.models.rerankers.itm:load",
        "learned": "cmsearch.models.rerankers.learned:load",
    },
)
"""Functions `load(model, *, device, download) -> Reranker`; for an empty `model` their own."""

transcribers = Registry(
    "cmsearch.transcribers", {"faster-whisper": "cmsearch.models.transcribers.faster_whisper:load"}
)
"""Functions `load(model, *, device, download) -> Transcriber`; for an empty `model` their own."""

SHORT_NAMES = {
    "clip": "open_clip:ViT-B-32-256/datacomp_s34b_b86k",
    "best": "open_clip:ViT-B-16-SigLIP2/webli",
}
_SCHEMES = ("hf-hub:", "local-dir:")
_ADAPTED = re.compile(r"(?s:(.+))\+([0-9a-f]{12})")
_FILE = re.compile(r"(?s:(?:[/~.].*|[^/:]*)\.safetensors)")


def canonical_name(name: str) -> str:
    """The one form in which a model's name is stored: `lite`, or `encoder:model`.

    Accepts the ways in which the ecosystem writes it: `ViT-B-32/laion2b_s34b_b79k`,
    `open_clip/ViT-B-32/…`, `ViT-B-32__laion2b-s34b-b79k`, `ViT-B-32::…`, `hf-hub:org/repo`,
    `local-dir:/path`; `transformers:org/name` or `transformers:/path`; `dual:/path`; and for an
    adapter the path of its file, or the name of its model with `+` and 12 digits, as stores name
    their own. Raises
    `UnknownModelError`.
    """
    name = name.strip()
    name = SHORT_NAMES.get(name, name)
    if match := _ADAPTED.fullmatch(name):
        return f"{canonical_name(match[1])}+{match[2]}"
    if _FILE.fullmatch(name) or name.startswith("adapter:"):
        return f"adapter:{_absolute(name.removeprefix('adapter:').strip())}"
    if name.startswith(_SCHEMES):
        name = f"open_clip:{name}"
    encoder, colon, model = name.partition(":")
    if encoder == "open_clip" and colon:
        return f"open_clip:{_open_clip_model(model)}"
    if encoder == "transformers":
        return f"transformers:{hub_name(encoder, model)}"
    if encoder == "dual":
        return f"dual:{_dual_model(model)}"
    if encoder != "open_clip" and encoder in encoders.rows():
        return name if model else encoder
    return f"open_clip:{_open_clip_model(name.removeprefix('open_clip/'))}"


def load_encoder(
    name: str,
    *,
    device: str | None = None,
    space: Space | None = None,
    download: bool = False,
) -> Encoder:
    """The encoder for a model's name, on a `device` as torch names them or the best there is.

    `space` is the one it must have, where a store has it. Weights that aren't here are fetched
    only if `download` is true. Raises `ModelError`, `StoreMismatchError`.
    """
    canonical = canonical_name(name)
    if _ADAPTED.fullmatch(canonical):
        raise UnknownModelError(
            f"{name} is an adapter that another index has. Name its file, which `cmsearch fit "
            "--export FILE` writes there."
        )
    encoder, _, model = canonical.partition(":")
    load = encoders.load(encoder)
    loaded: Encoder = load(model, device=device, space=space, download=download)
    if encoder != "adapter" and model_name(loaded.space) != canonical:
        raise ModelError(
            f"The encoder of {name} names its space {model_name(loaded.space)}; the two have to "
            "be the same."
        )
    return loaded


def load_reranker(name: str, *, device: str | None = None, download: bool = False) -> Reranker:
    """The reranker `itm` with its own model, or `itm:ORG/NAME` or `itm:PATH` with another one, or
    `learned:FILE`, which `cmsearch fit --reranker --export FILE` wrote.

    It runs on a `device` as torch names them or the best there is. Weights that aren't here are
    fetched only if `download` is true. Raises `ModelError`.
    """
    kind, _, model = name.strip().partition(":")
    if kind not in rerankers.rows():
        known = ", ".join(sorted(rerankers.rows()))
        raise UnknownModelError(f"No model reranks by the name {name!r}; there is {known}.")
    loaded: Reranker = rerankers.load(kind)(model.strip(), device=device, download=download)
    return loaded


def transcriber_name(name: str) -> str:
    """The one form in which a transcriber's name is stored: `faster-whisper:tiny.en`.

    Accepts a size of Whisper (`small`), `org/name` as on the model hub, or a path, each with
    `faster-whisper:` before it or without; other transcribers by their own name. Raises
    `UnknownModelError`.
    """
    kind, colon, model = name.strip().partition(":")
    if kind not in transcribers.rows():
        kind, colon, model = "faster-whisper", ":", name.strip()
    if kind != "faster-whisper":
        return f"{kind}{colon}{model}"
    return f"{kind}:{hub_name(kind, model) if colon else 'tiny.en'}"


def sound_name(name: str) -> str:
    """The canonical name of a model of sounds: `transformers:org/name` or `transformers:/path`.

    Accepts `org/name` and a path alone too; other encoders by their own name. Raises
    `UnknownModelError`.
    """
    name = name.strip()
    return canonical_name(name if ":" in name else f"transformers:{name}")


def load_transcriber(
    name: str, *, device: str | None = None, download: bool = False
) -> Transcriber:
    """The transcriber of a name, on the CPU unless `device` names another.

    Weights that aren't here are fetched only if `download` is true. Raises `ModelError`.
    """
    canonical = transcriber_name(name)
    kind, _, model = canonical.partition(":")
    load = transcribers.load(kind)
    loaded: Transcriber = load(model, device=device, download=download)
    if loaded.name != canonical:
        raise ModelError(
            f"The transcriber of {name} calls itself {loaded.name}, not {canonical}; the two have "
            "to be the same."
        )
    return loaded


def model_name(space: Space) -> str:
    """The canonical name of the model that a space is of."""
    name = f"{space.encoder}:{space.model}" if space.model else space.encoder
    return name if space.adapter is None else f"{name}+{space.adapter[:12]}"


def make_reader(kind: str) -> Reader:
    """A reader for one kind of file."""
    reader: Reader = readers.load(kind)()
    return reader


def _open_clip_model(model: str) -> str:
    if model.startswith(_SCHEMES):
        scheme, _, place = model.partition(":")
        if place.strip() and scheme == "local-dir":
            return f"{scheme}:{_absolute(place.strip())}"
        if place.strip():
            return f"{scheme}:{place.strip()}"
        raise UnknownModelError(f"The name {model!r} ends after {scheme}:. Give a place after it.")
    architecture, *rest = re.split(r"::|__|/", model, maxsplit=1)
    if architecture and rest and rest[0]:
        (weights,) = rest
        if any(mark in weights for mark in "/\\."):
            return f"{architecture}/{_absolute(weights)}"
        return f"{architecture}/{weights.lower().replace('-', '_')}"
    raise UnknownModelError(
        f"There is no model {model!r}. Names look like ViT-B-32/laion2b_s34b_b79k, hf-hub:org/repo "
        "or local-dir:/path; `cmsearch models` lists some worth choosing."
    )


def _dual_model(model: str) -> str:
    """The absolute path of a trained model, or two towers' names with a plus between them."""
    model = model.strip()
    if model.startswith(("/", "~", ".")) or model.endswith(".safetensors"):
        return _absolute(model)
    if re.fullmatch(r"[\w./:-]+\+[\w./:-]+", model, re.ASCII):
        return model
    raise UnknownModelError(
        f"There is no model dual:{model}. A trained one is named by its file or folder, as "
        "dual:model.safetensors, dual:./folder or dual:/path; and for `cmsearch train` two towers, "
        "as dual:resnet18+bert-base-uncased."
    )


def hub_name(prefix: str, model: str) -> str:
    """A model's name on the model hub, or the absolute path of its folder, as written after a
    `prefix` and a colon. Raises `UnknownModelError`.
    """
    model = model.strip()
    if model.startswith(("/", "~", ".")):
        return _absolute(model)
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", model, re.ASCII):
        return model
    raise UnknownModelError(
        f"There is no model {prefix}:{model}. Names look like {prefix}:org/name, as on the model "
        f"hub, or {prefix}:/path, ./path or ~/path of a folder."
    )


def _absolute(path: str) -> str:
    try:
        return str(Path(path).expanduser().resolve())
    except RuntimeError as error:
        raise UnknownModelError(f"The home directory in {path!r} is unknown.") from error
