"""The grammar of model names: the forms that people write, and the one that is stored."""

# Tested by tests/unit/cmsearch/models/test_choices.py

from __future__ import annotations

import re

from cmsearch.errors import UnknownModelError
from cmsearch.models.hub import absolute, hub_name
from cmsearch.models.plugins import encoders, transcribers
from cmsearch.models.sentence_folders import with_dim

SHORT_NAMES = {
    "clip": "open_clip:ViT-B-16-SigLIP/webli",
    "best": "open_clip:ViT-B-16-SigLIP2/webli",
}
FORMER_NAMES = {"clip": ("open_clip:ViT-B-32-256/datacomp_s34b_b86k",)}
"""What short names meant once: an index that was made so is kept current so."""
_SCHEMES = ("hf-hub:", "local-dir:")
ADAPTED = re.compile(r"(?s:(.+))\+([0-9a-f]{12})")
_FILE = re.compile(r"(?s:(?:[/~.].*|[^/:]*)\.safetensors)")


def canonical_name(name: str) -> str:
    """The one form in which a model's name is stored: `lite`, or `encoder:model`.

    Accepts the ways in which the ecosystem writes it: `ViT-B-32/laion2b_s34b_b79k`,
    `open_clip/ViT-B-32/…`, `ViT-B-32__laion2b-s34b-b79k`, `ViT-B-32::…`, `hf-hub:org/repo`,
    `local-dir:/path`; `transformers:org/name` or `transformers:/path`, and likewise
    `sentence-transformers:`, with `@256` for a shorter vector; `dual:/path`; and for an
    adapter the path of its file, or the name of its model with `+` and 12 digits, as stores name
    their own. Raises
    `UnknownModelError`.
    """
    name = name.strip()
    name = SHORT_NAMES.get(name, name)
    if match := ADAPTED.fullmatch(name):
        return f"{canonical_name(match[1])}+{match[2]}"
    if _FILE.fullmatch(name) or name.startswith("adapter:"):
        return f"adapter:{absolute(name.removeprefix('adapter:').strip())}"
    if name.startswith(_SCHEMES):
        name = f"open_clip:{name}"
    encoder, colon, model = name.partition(":")
    if encoder == "open_clip" and colon:
        return f"open_clip:{_open_clip_model(model)}"
    if encoder == "transformers":
        return f"transformers:{hub_name(encoder, model)}"
    if encoder == "sentence-transformers":
        place, dim = with_dim(model)
        return f"{encoder}:{hub_name(encoder, place)}{'' if dim is None else f'@{dim}'}"
    if encoder == "dual":
        return f"dual:{_dual_model(model)}"
    if encoder != "open_clip" and encoder in encoders:
        return name if model else encoder
    return f"open_clip:{_open_clip_model(name.removeprefix('open_clip/'))}"


def at_dim(model: str | None, dim: int | None) -> str | None:
    """The name of a model with the first `dim` numbers of its vectors; the name itself for None.

    Raises `UnknownModelError` for a model whose vectors can't be cut.
    """
    if dim is None:
        return model
    canonical = "" if model in (None, "auto") else canonical_name(str(model))
    if not canonical.startswith("sentence-transformers:"):
        raise UnknownModelError(
            "--dim is for Matryoshka models of sentence-transformers: name one with it, as --model "
            "sentence-transformers:google/embeddinggemma-2 --dim 256."
        )
    place, known = with_dim(canonical)
    if known not in (None, dim):
        raise UnknownModelError(f"{model} names the dimension {known}, and --dim {dim}. Give one.")
    return canonical_name(f"{place}@{dim}")


def transcriber_name(name: str) -> str:
    """The one form in which a transcriber's name is stored: `faster-whisper:tiny.en`.

    Accepts a size of Whisper (`small`), `org/name` as on the model hub, or a path, each with
    `faster-whisper:` before it or without; other transcribers by their own name. Raises
    `UnknownModelError`.
    """
    kind, colon, model = name.strip().partition(":")
    if kind not in transcribers:
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


def _open_clip_model(model: str) -> str:
    if model.startswith(_SCHEMES):
        scheme, _, place = model.partition(":")
        if place.strip() and scheme == "local-dir":
            return f"{scheme}:{absolute(place.strip())}"
        if place.strip():
            return f"{scheme}:{place.strip()}"
        raise UnknownModelError(f"The name {model!r} ends after {scheme}:. Give a place after it.")
    architecture, *rest = re.split(r"::|__|/", model, maxsplit=1)
    if architecture and rest and rest[0]:
        (weights,) = rest
        if any(mark in weights for mark in "/\\."):
            return f"{architecture}/{absolute(weights)}"
        return f"{architecture}/{weights.lower().replace('-', '_')}"
    raise UnknownModelError(
        f"There is no model {model!r}. Names look like ViT-B-32/laion2b_s34b_b79k, hf-hub:org/repo "
        "or local-dir:/path; `cmsearch models` lists some worth choosing."
    )


def _dual_model(model: str) -> str:
    """The absolute path of a trained model, or two towers' names with a plus between them."""
    model = model.strip()
    if model.startswith(("/", "~", ".")) or model.endswith(".safetensors"):
        return absolute(model)
    if re.fullmatch(r"[\w./:-]+\+[\w./:-]+", model, re.ASCII):
        return model
    raise UnknownModelError(
        f"There is no model dual:{model}. A trained one is named by its file or folder, as "
        "dual:model.safetensors, dual:./folder or dual:/path; and for `cmsearch train` two towers, "
        "as dual:resnet18+bert-base-uncased."
    )
