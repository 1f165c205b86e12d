"""What a model of open_clip is loaded from: brought here first, so that loading asks nobody."""

# Tested by tests/unit/cmsearch/models/encoders/test_open_clip_files.py

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import open_clip
from transformers import dynamic_module_utils

from cmsearch.errors import ModelUnavailableError
from cmsearch.models import hub
from cmsearch.models.checkpoints import HUB_SECONDS, announce, fetch_files, size_to_fetch
from cmsearch.models.quiet import quiet

_CONFIG = "open_clip_config.json"
_HUB, _FOLDER = "hf-hub:", "local-dir:"
_TOKENIZERS = (
    *("tokenizer.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"),
    *("vocab.json", "vocab.txt"),
)
_BESIDE = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "merges.txt")
_HARMLESS = {"clean", "language", "reduction_mask", "strip_sep_token"}
"""What a configuration may say of a tokenizer. The rest is given to transformers as it stands, and
may ask it to run code of the repository.
"""


def bring(model: str, path: str, options: dict[str, Any], download: bool) -> None:
    """Fetch what open_clip loads a model from, as far as it isn't here.

    Raises `UnknownModelError`, `LicenceError`, and `ModelUnavailableError` where it can't be had or
    mustn't be fetched.
    """
    place = _place(path, options)
    if place is None:
        return
    repository, file = place
    weights = hub.WEIGHTS if file is None else (f"{Path(file).stem}.safetensors", file)
    if not any(hub.is_cached(repository, one) for one in weights):
        size = size_to_fetch(model, download, lambda: hub.megabytes(repository, HUB_SECONDS, file))
        announce(model, size)
        if path.startswith(_HUB):
            fetch_files(repository, (_CONFIG,))
            _check(path)
        fetch_files(repository, (_CONFIG,), weights)
    for other, names in _parts(path):
        if not _has(other, names):
            size_to_fetch(
                model, download, partial(hub.megabytes_matching, other, names, HUB_SECONDS)
            )
            fetch_files(other, names)


@contextmanager
def loading(path: str) -> Iterator[None]:
    """Silence, no questions, and nothing asked of the hub, while open_clip loads a model."""
    _check(path)
    before = dynamic_module_utils.TIME_OUT_REMOTE_CODE
    dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0  # else transformers asks whether to run code
    try:
        with quiet("", "huggingface_hub", "transformers"), hub.nothing_asked():
            yield
    finally:
        dynamic_module_utils.TIME_OUT_REMOTE_CODE = before


def _place(path: str, options: dict[str, Any]) -> tuple[str, str | None] | None:
    """The hub's repository with the weights, and their file in it if open_clip names one.

    None where they are files of this machine.
    """
    if path.startswith(_HUB):
        return path.removeprefix(_HUB), None
    config = open_clip.get_pretrained_cfg(path, options.get("pretrained", ""))
    owner, _, rest = str(config.get("hf_hub", "") if config else "").partition("/")
    name, _, file = rest.partition("/")
    return (f"{owner}/{name}", file or None) if name else None


def _parts(path: str) -> list[tuple[str, Sequence[str]]]:
    """Repositories of the text tower's configuration and of the tokenizer, with files of theirs."""
    config = _configuration(path) if path.startswith(_HUB) else open_clip.get_model_config(path)
    text = (config or {}).get("text_cfg", {})
    parts: list[tuple[str, Sequence[str]]] = []
    if model := text.get("hf_model_name"):
        parts.append((str(model), ("config.json",)))
    if tokenizer := text.get("hf_tokenizer_name"):
        parts.append((str(tokenizer), (*_TOKENIZERS, *_BESIDE)))
    return parts


def _has(repository: str, names: Sequence[str]) -> bool:
    """Whether the files are here: of a tokenizer, one that has its words."""
    needed = [name for name in names if name in _TOKENIZERS] or names
    return any(hub.cached_folder(repository, name) is not None for name in needed)


def _configuration(path: str) -> dict[str, Any]:
    """What `open_clip_config.json` says, as far as it is here."""
    folder: Path | None = None
    if path.startswith(_FOLDER):
        folder = Path(path.removeprefix(_FOLDER))
    elif path.startswith(_HUB):
        folder = hub.cached_folder(path.removeprefix(_HUB), _CONFIG)
    if folder is None:
        return {}
    try:
        found = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))["model_cfg"]
        return dict(found) if isinstance(found["text_cfg"], dict) else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}  # open_clip says what is wrong with it


def _check(path: str) -> None:
    """Refuse a configuration that gives transformers options of its own."""
    asked = _configuration(path).get("text_cfg", {}).get("tokenizer_kwargs") or {}
    if unknown := sorted(set(asked) - _HARMLESS):
        raise ModelUnavailableError(
            f"The configuration of {path} sets {', '.join(map(str, unknown))} of its tokenizer, by "
            "which code of the repository could be run. That is never done; nothing was loaded."
        )
