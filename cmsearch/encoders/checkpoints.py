"""Folders in the form of transformers' save_pretrained: on this machine, or from the model hub."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from pathlib import Path

from cmsearch import hub
from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError

HUB_SECONDS = 10.0
_FILES = (
    *("config.json", "preprocessor_config.json", "processor_config.json"),
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.json"),
    *("vocab.json", "merges.txt", "spiece.model", "tokenizer.model"),
    *("model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors"),
)
"""No code, and no weights in formats that may hold code."""
_SHARDS = "model.safetensors.index.json"

log = logging.getLogger("cmsearch")


def checkpoint(model: str, types: Collection[str], *, download: bool) -> Path:
    """The folder of a `model` of one of the `types`, by its path or its name on the hub.

    Raises `UnknownModelError`, `ModelUnavailableError` where it isn't here and can't or mustn't be
    fetched, and `ModelError` for another type.
    """
    folder: Path | None = Path(model)
    if not Path(model).is_absolute():
        folder = hub.cached_folder(model, "config.json")
        if folder is None or not _has_weights(folder):
            return _fetched(model, types, download)
    if folder is None or not (folder / "config.json").is_file():
        raise ModelUnavailableError(
            f"There is no model in {model}: config.json is not found there. It has to be a folder "
            "that save_pretrained of transformers wrote."
        )
    _check_type(model, folder, types)
    if not _has_weights(folder):
        raise ModelUnavailableError(_NO_WEIGHTS.format(model))
    return folder


_NO_WEIGHTS = (
    "{} has no weights in model.safetensors, the only format that is read since it can't hold "
    "code. save_pretrained of transformers writes it."
)


def model_type(folder: Path) -> str:
    """The type of a model, as its config.json says; raises `ModelUnavailableError`."""
    try:
        config = json.loads((folder / "config.json").read_text())
        return str(config["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailableError(
            f"{folder / 'config.json'} doesn't say of what type the model is ({error!r})."
        ) from error


def _fetched(model: str, types: Collection[str], download: bool) -> Path:
    if not download:
        raise ModelUnavailableError(
            f"The index was made with {model}, whose weights are not on this machine. Fetch them "
            "by indexing: `cmsearch index FOLDER`."
        )
    size = hub.megabytes_matching(model, _FILES, HUB_SECONDS)
    if size is None:
        raise ModelUnavailableError(
            f"The weights of {model} are not on this machine, and the model hub can't be reached. "
            "Try again with a network, or take --model lite, which needs none."
        )
    _check_type(model, _fetch(model, ("config.json",)), types)
    told = f"{size} MB" if size else "of a size that the hub doesn't tell"
    log.info("Fetching the weights of %s, %s.", model, told)
    folder = _fetch(model, _FILES)
    if not _has_weights(folder):
        raise ModelUnavailableError(_NO_WEIGHTS.format(model))
    return folder


def _fetch(model: str, files: tuple[str, ...]) -> Path:
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        return hub.fetch(model, files)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UnknownModelError(
            f"The model hub has no model {model!r}, or it isn't for everybody: then accept its "
            "terms on its page and set HF_TOKEN. A folder is named by a path that begins with "
            "/, ./ or ~/."
        ) from error
    except Exception as error:  # the hub's client raises many kinds
        reason = str(error).strip().split("\n")[0][:300].rstrip(".")
        raise ModelUnavailableError(f"The model {model} can't be fetched: {reason}.") from error


def _check_type(model: str, folder: Path, types: Collection[str]) -> None:
    found = model_type(folder)
    if found not in types:
        raise ModelError(
            f"{model} is a model of type {found!r}. Of transformers' models cmsearch runs those of "
            f"the types {', '.join(types)}."
        )


def _has_weights(folder: Path) -> bool:
    """Whether the weights are here in full, in one file or in shards."""
    try:
        index = json.loads((folder / _SHARDS).read_text())
        shards = set(index["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError):
        return (folder / "model.safetensors").is_file()
    return all((folder / Path(shard).name).is_file() for shard in shards)
