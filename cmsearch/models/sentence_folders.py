"""Folders of models of the library sentence-transformers: here, or fetched; what of them is read.

Nothing but plain data is read of them: JSON, texts, and weights in safetensors. Both is checked
before the library sees the folder, which would import what a configuration names, and read weights
in formats that may hold code.
"""

# Tested by tests/unit/cmsearch/models/encoders/test_st.py

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cmsearch.common.digest import file_digest
from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError
from cmsearch.models import hub
from cmsearch.models.checkpoints import (
    HUB_SECONDS,
    Purpose,
    announce,
    cached_folder,
    fetch_files,
    size_to_fetch,
)
from cmsearch.models.spaces import MAX_DIM

_CONFIGURATIONS = (
    *("added_tokens.json", "chat_template.jinja", "chat_template.json", "config.json"),
    *(
        "config_sentence_transformers.json",
        "merges.txt",
        "modules.json",
        "preprocessor_config.json",
    ),
    *("processor_config.json", "router_config.json", "sentence_bert_config.json"),
    *("special_tokens_map.json", "spiece.model", "tokenizer.json", "tokenizer.model"),
    *("tokenizer_config.json", "video_preprocessor_config.json", "vocab.json", "vocab.txt"),
)
"""What decides how contents become vectors, besides the weights."""
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors")
_BESIDE = tuple(f"{place}{name}" for place in ("", "*/", "*/*/") for name in _CONFIGURATIONS)
_MODULES = frozenset(
    {
        *("CLIPModel", "Dense", "Dropout", "LayerNorm", "LogitScore", "Normalize", "Pooling"),
        *("Router", "StaticEmbedding", "Transformer", "WeightedLayerPooling"),
    }
)
"""The library's modules that read nothing but such files."""
_OTHERS = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
_LIBRARY = "sentence_transformers."
_MOST_BYTES = 2**26


def with_dim(model: str) -> tuple[str, int | None]:
    """A model's name without `@256` at its end, and that number, if there is one.

    Raises `UnknownModelError` for a number that is no dimension.
    """
    place, at, number = model.strip().rpartition("@")
    if not at or not number.isascii() or not number.isdecimal():
        return model.strip(), None
    if not 1 <= len(number) <= 5 or not 1 <= int(number) <= MAX_DIM:
        raise UnknownModelError(
            f"{number} is no dimension of vectors. Name one such as {place}@256."
        )
    return place, int(number)


def folder_of(model: str, *, download: bool, purpose: Purpose) -> Path:
    """The folder of a `model` by its path or its name on the hub, checked.

    Raises `UnknownModelError`, `ModelUnavailableError` where it isn't here whole and can't or
    mustn't be fetched, and `ModelError` for one that would have to run code of its own.
    """
    if Path(model).is_absolute():
        place = Path(model)
        if not (place / "config.json").is_file() and not (place / "modules.json").is_file():
            raise ModelUnavailableError(
                f"There is no model in {model}: neither modules.json nor config.json is there. It "
                "has to be a folder that save_pretrained of sentence-transformers or of "
                "transformers wrote."
            )
        _check(model, place)
        return place
    folder = cached_folder(model, "modules.json", "config.json")
    if folder is None or not _has_weights(folder):
        size = size_to_fetch(
            model,
            download,
            lambda: hub.megabytes_matching(model, (*_BESIDE, *_WEIGHTS), HUB_SECONDS),
            purpose,
        )
        beside = fetch_files(model, _BESIDE)
        _check_code(model, beside)  # before any weights
        announce(model, size)
        folder = fetch_files(model, (*_BESIDE, *wanted_weights(beside)))
    _check(model, folder)
    return folder


def _check(model: str, folder: Path) -> None:
    """Raise `ModelError` for a folder whose model needs code of its own, and
    `ModelUnavailableError` where weights are in other formats than safetensors, or missing.
    """
    _check_code(model, folder)
    for place in _places(folder):
        others = [one.name for kind in _OTHERS for one in place.glob(kind)]
        if others and not any((place / name).is_file() for name in _WEIGHTS[:2]):
            raise ModelUnavailableError(
                f"The weights of {model} are in {others[0]}, a format that may hold code. Only "
                "model.safetensors is read; save_pretrained of sentence-transformers writes it."
            )
    if not _has_weights(folder):
        raise ModelUnavailableError(
            f"{model} has no weights in model.safetensors, the only format that is read, or not "
            "all of them."
        )


def wanted_weights(folder: Path) -> tuple[str, ...]:
    """The patterns of the weights of a model and its modules, whose configurations are in a folder;
    what else a repository holds isn't fetched.
    """
    places = (place.relative_to(folder).as_posix() for place in _places(folder))
    return tuple(
        name if place == "." else f"{place}/{name}" for place in places for name in _WEIGHTS
    )


def weights_digest(folder: Path) -> str:
    """A digest of all weights of a model."""
    return _digest(folder, ("*.safetensors",))


def recipe_digest(folder: Path) -> str:
    """A digest of all that decides how contents become vectors, besides the weights."""
    return _digest(folder, _CONFIGURATIONS)[:12]


def _settings(folder: Path, name: str) -> Any:
    """The content of a JSON file of a model; an empty dictionary where there is none.

    Raises `ModelUnavailableError` for one that is none.
    """
    path = folder / name
    try:
        if not path.is_file():
            return {}
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES} bytes")
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelUnavailableError(f"{path} can't be read: {error}.") from error


def _check_code(model: str, folder: Path) -> None:
    """Raise `ModelError` for what names code that is neither the library's nor transformers'."""
    for name in _named_modules(folder):
        kind = name.rpartition(".")[2]
        if not name.startswith(_LIBRARY):
            raise ModelError(_REMOTE.format(model=model, code=name))
        if kind not in _MODULES:
            raise ModelError(
                f"{model} has a module {kind}, which isn't taken here. Take a model that consists "
                f"of {', '.join(sorted(_MODULES))}."
            )
    for place in _places(folder):
        config = _settings(place, "config.json")
        if isinstance(config, dict) and config.get("auto_map"):
            _check_native(model, str(config.get("model_type")), config["auto_map"])


def _check_native(model: str, kind: str, code: Any) -> None:
    """Raise `ModelError` for a model with code of its own, unless transformers knows its type."""
    from transformers import CONFIG_MAPPING

    if kind not in CONFIG_MAPPING:
        first = next(iter(code.values()), code) if isinstance(code, dict) else code
        raise ModelError(_REMOTE.format(model=model, code=first))


_REMOTE = (
    "{model} needs code that its repository brings ({code}), and code from elsewhere is never run "
    "here. Take a model that the library knows by itself; `cmsearch models` lists some."
)


def _named_modules(folder: Path) -> Iterator[str]:
    """The classes that a model's configuration names as its parts."""
    listed = _settings(folder, "modules.json") or []
    router = [
        name
        for place in _places(folder)
        for name in dict(_settings(place, "router_config.json").get("types", {})).values()
    ]
    try:
        yield from (str(module["type"]) for module in listed)
        yield from map(str, router)
    except (TypeError, KeyError) as error:
        raise ModelUnavailableError(f"{folder / 'modules.json'} lists no modules.") from error


def _places(folder: Path) -> list[Path]:
    """The folder of a model and those of its modules, in order; none outside of it."""
    listed = _settings(folder, "modules.json") or []
    found = {folder: None}
    for module in listed if isinstance(listed, list) else []:
        place = str(module.get("path", "")) if isinstance(module, dict) else ""
        inner = folder / place
        if Path(place).is_absolute() or ".." in Path(place).parts:
            raise ModelUnavailableError(f"{folder} names a module at {place!r}, outside of it.")
        found[inner] = None
        router = _settings(inner, "router_config.json")
        for name in dict(router.get("types", {})) if isinstance(router, dict) else {}:
            if ".." in Path(str(name)).parts or Path(str(name)).is_absolute():
                raise ModelUnavailableError(f"{folder} names a module at {name!r}, outside of it.")
            found[inner / str(name)] = None
    return list(found)


def _has_weights(folder: Path) -> bool:
    """Whether there are weights, and of those in parts all."""
    index = _settings(folder, "model.safetensors.index.json")
    if not index:
        return any(any(place.glob("*.safetensors")) for place in _places(folder))
    parts = set(dict(index.get("weight_map", {})).values())
    return bool(parts) and all((folder / Path(str(part)).name).is_file() for part in parts)


def _digest(folder: Path, names: tuple[str, ...]) -> str:
    """A digest of the files of a model that have one of these names, with their places."""
    found = hashlib.sha256()
    files = {
        path.relative_to(folder).as_posix(): path
        for place in _places(folder)
        for name in names
        for path in place.glob(name)
        if path.is_file()
    }
    for name in sorted(files):
        try:
            found.update(f"{name} {_file_digest(files[name])}\n".encode())
        except OSError as error:
            raise ModelUnavailableError(f"{files[name]} can't be read: {error}.") from error
    return found.hexdigest()[:32]


def _file_digest(path: Path) -> str:
    """The SHA-256 of a file. In the hub's cache a large one is called by it."""
    name = path.resolve().name
    is_digest = path.is_symlink() and len(name) == 64 and not set(name) - set("0123456789abcdef")
    return name if is_digest else file_digest(path)
