"""What the model hub's client knows without fetching: what is cached here, what the hub offers.

`fetch` is the one function that brings files here.
"""

# Tested by tests/unit/cmsearch/models/test_choices.py

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from cmsearch.errors import UnknownModelError

_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def is_cached(repository: str, file: str | None = None) -> bool:
    """Whether the weights of an open_clip model are in the hub's cache on this machine.

    They are in `file`, or in one of the names that open_clip looks for.
    """
    from huggingface_hub import try_to_load_from_cache

    names = _WEIGHTS if file is None else (file,)
    return any(isinstance(try_to_load_from_cache(repository, name), str) for name in names)


def cached_folder(repository: str, file: str) -> Path | None:
    """The folder of a repository in the hub's cache on this machine, if `file` is in it."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, file)
    return Path(found).parent if isinstance(found, str) else None


def fetch(repository: str, files: Sequence[str]) -> Path:
    """The folder with the files of a repository that match the patterns, fetched if need be.

    Raises what the hub's client raises.
    """
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(repository, allow_patterns=list(files)))


def megabytes(repository: str, seconds: float, file: str | None = None) -> int | None:
    """The size of the weights, 0 if the hub doesn't tell, None if it doesn't answer in `seconds`.

    Honours `HF_HUB_OFFLINE` and `HF_ENDPOINT`.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    def ask() -> int:
        for name in _WEIGHTS if file is None else (file,):
            try:
                size = get_hf_file_metadata(hf_hub_url(repository, name), timeout=seconds).size
            except HfHubHTTPError:  # an answer: the file isn't there, or isn't for everybody
                continue
            return size or 0
        return 0

    return _answer(ask, seconds)


def megabytes_matching(repository: str, files: Sequence[str], seconds: float) -> int | None:
    """The size of the files that match the patterns, or 0 or None like `megabytes`."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    def ask() -> int:
        try:
            info = HfApi().model_info(repository, timeout=seconds, files_metadata=True)
        except HfHubHTTPError:  # an answer: it isn't there, or isn't for everybody
            return 0
        return sum(
            one.size or 0
            for one in info.siblings or []
            if any(fnmatch(one.rfilename, pattern) for pattern in files)
        )

    return _answer(ask, seconds)


def is_offline() -> bool:
    """Whether `HF_HUB_OFFLINE` says that nothing is to be asked of the hub."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _answer(ask: Callable[[], int], seconds: float) -> int | None:
    """The megabytes of the bytes that `ask` finds, None if it raises or takes longer."""
    if is_offline():
        return None
    sizes: list[int] = []

    def answer() -> None:
        try:
            sizes.append(ask())
        except Exception:  # whatever a network can do
            return

    thread = threading.Thread(target=answer, daemon=True)  # a name look-up has no time-out
    thread.start()
    thread.join(seconds)
    return round(sizes[0] / 1e6) if sizes else None


def hub_name(prefix: str, model: str) -> str:
    """A model's name on the model hub, or the absolute path of its folder, as written after a
    `prefix` and a colon. Raises `UnknownModelError`.
    """
    model = model.strip()
    if model.startswith(("/", "~", ".")):
        return absolute(model)
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", model, re.ASCII):
        return model
    raise UnknownModelError(
        f"There is no model {prefix}:{model}. Names look like {prefix}:org/name, as on the model "
        f"hub, or {prefix}:/path, ./path or ~/path of a folder."
    )


def absolute(path: str) -> str:
    """A path without `~` and links; raises `UnknownModelError` if there is no home directory."""
    try:
        return str(Path(path).expanduser().resolve())
    except RuntimeError as error:
        raise UnknownModelError(f"The home directory in {path!r} is unknown.") from error
