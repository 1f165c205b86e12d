"""Folders in the form of transformers' save_pretrained: on this machine, or from the model hub."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError, brief
from cmsearch.models import hub

HUB_SECONDS = 10.0
_TOKENIZERS = ("tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "tokenizer.model")
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_FILES = (
    *("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("merges.txt", *_TOKENIZERS, *_PROCESSORS),
    *("model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors"),
)
"""No code, and no weights in formats that may hold code."""
_FOLDERS = "A folder is named by a path that begins with /, ./ or ~/."
_SHARDS = "model.safetensors.index.json"

log = logging.getLogger("cmsearch")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What to do where a `{model}` can't be had, which depends on what it is for."""

    absent: str
    """Where it isn't on this machine and mustn't be fetched; sentences."""
    offline: str
    """Where the model hub can't be reached; follows "Try again with a network, or"."""
    sees: bool = True
    """Whether it has to have a processor of pictures, or of sounds."""
    processor: str = "image processor"


ENCODER = Purpose(
    "The index was made with {model}, whose weights are not on this machine. Fetch them by "
    "indexing: `cmsearch index FOLDER`.",
    "take --model lite, which needs none",
)


def checkpoint(
    model: str, types: Collection[str], *, download: bool, purpose: Purpose = ENCODER
) -> Path:
    """The folder of a `model` of one of the `types`, by its path or its name on the hub.

    Raises `UnknownModelError`, `ModelUnavailableError` where it isn't here and can't or mustn't be
    fetched, and `ModelError` for another type.
    """
    if Path(model).is_absolute():
        folder = Path(model)
        if not (folder / "config.json").is_file():
            raise ModelUnavailableError(
                f"There is no model in {model}: config.json is not found there. It has to be a "
                "folder that save_pretrained of transformers wrote."
            )
    else:
        cached = cached_folder(model, "config.json")
        if cached is None or _lacking(cached, purpose):
            return _fetched(model, types, download, purpose)
        folder = cached
    _check_type(model, folder, types)
    return _complete(model, folder, purpose)


def model_type(folder: Path) -> str:
    """The type of a model, as its config.json says; raises `ModelUnavailableError`."""
    try:
        config = json.loads((folder / "config.json").read_text())
        return str(config["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailableError(
            f"{folder / 'config.json'} doesn't say of what type the model is ({error!r})."
        ) from error


def cached_folder(model: str, *files: str) -> Path | None:
    """The folder of a model of the hub in its cache here, if one of the `files` is in it.

    Raises `UnknownModelError` for what can't be a name there.
    """
    from huggingface_hub.errors import HFValidationError

    try:
        return next(filter(None, (hub.cached_folder(model, file) for file in files)), None)
    except HFValidationError as error:
        raise UnknownModelError(
            f"{model!r} can't be a name on the model hub: {str(error).rstrip('.')}. {_FOLDERS}"
        ) from error


def _fetched(model: str, types: Collection[str], download: bool, purpose: Purpose) -> Path:
    size = size_to_fetch(
        model, download, lambda: hub.megabytes_matching(model, _FILES, HUB_SECONDS), purpose
    )
    _check_type(model, fetch_files(model, ("config.json",)), types)
    announce(model, size)
    return _complete(model, fetch_files(model, _FILES), purpose)


def size_to_fetch(
    model: str, download: bool, ask: Callable[[], int | None], purpose: Purpose = ENCODER
) -> int:
    """The megabytes that `ask` is told by the hub for a model that isn't here.

    Raises `ModelUnavailableError` where it mustn't be fetched, or the hub doesn't answer.
    """
    if not download:
        raise ModelUnavailableError(purpose.absent.format(model=model))
    size = ask()
    if size is None:
        raise ModelUnavailableError(
            f"The weights of {model} are not on this machine, and the model hub can't be reached. "
            f"Try again with a network, or {purpose.offline}."
        )
    return size


def announce(model: str, size: int) -> None:
    """Say that a model is being fetched, and how large it is."""
    told = f"{size} MB" if size else "of a size that the hub doesn't tell"
    log.info("Fetching the weights of %s, %s.", model, told)


def fetch_files(model: str, files: Sequence[str], one_of: Sequence[str] = ()) -> Path:
    """The folder with the files of a model of the hub that match the patterns, fetched if need be.

    Of the names in `one_of` it gets the first that there is. Raises `UnknownModelError`,
    `LicenceError`, `ModelUnavailableError`.
    """
    try:
        return hub.fetch(model, files, one_of)
    except UnknownModelError as error:
        raise UnknownModelError(
            f"The model hub has no model {model!r}, or it isn't for everybody: then accept its "
            f"terms on its page and set HF_TOKEN. {_FOLDERS}"
        ) from error
    except ModelError:
        raise
    except Exception as error:  # the hub's client raises many kinds
        raise ModelUnavailableError(
            f"The model {model} can't be fetched: {brief(error)}"
        ) from error


def _check_type(model: str, folder: Path, types: Collection[str]) -> None:
    found = model_type(folder)
    if found not in types:
        raise ModelError(
            f"{model} is a model of type {found!r}. Of transformers' models only these types can "
            f"be taken here: {', '.join(types)}."
        )


def _complete(model: str, folder: Path, purpose: Purpose) -> Path:
    if lacking := _lacking(folder, purpose):
        raise ModelUnavailableError(f"{model} has no {lacking}.")
    return folder


def _lacking(folder: Path, purpose: Purpose) -> str | None:
    """What a model lacks that transformers would make up, or read from files that may hold code."""
    if not _has_weights(folder):
        return (
            "weights in model.safetensors, the only format of weights that is read; "
            "save_pretrained of transformers writes it"
        )
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        return f"tokenizer: none of {', '.join(_TOKENIZERS)} is there"
    if purpose.sees and not any((folder / name).is_file() for name in _PROCESSORS):
        return f"{purpose.processor}: neither {' nor '.join(_PROCESSORS)} is there"
    return None


def _has_weights(folder: Path) -> bool:
    """Whether the weights are here in full, in one file or in shards."""
    try:
        index = json.loads((folder / _SHARDS).read_text())
        shards = set(index["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError):
        return (folder / "model.safetensors").is_file()
    return all((folder / Path(shard).name).is_file() for shard in shards)
