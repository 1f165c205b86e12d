"""What the model hub's client knows without fetching: what is cached here, what the hub offers.

`fetch` is the one function that brings files here.
"""

# Tested by tests/unit/cmsearch/models/test_choices.py

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cmsearch.errors import ModelError, UnknownModelError

_asking = threading.RLock()
"""Held while something is fetched, and while nothing may be."""
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def is_cached(repository: str, file: str | None = None) -> bool:
    """Whether the weights of an open_clip model are in the hub's cache on this machine.

    They are in `file`, or in one of the names that open_clip looks for.
    """
    from huggingface_hub import try_to_load_from_cache

    names = WEIGHTS if file is None else (file,)
    return any(isinstance(try_to_load_from_cache(repository, name), str) for name in names)


def cached_folder(repository: str, file: str) -> Path | None:
    """The folder of a repository in the hub's cache on this machine, if `file` is in it."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, file)
    return Path(found).parent if isinstance(found, str) else None


def fetch(repository: str, files: Sequence[str], one_of: Sequence[str] = ()) -> Path:
    """The folder with the files of a repository that match the patterns, fetched if need be.

    Of the names in `one_of` it gets the first that there is. Raises `LicenceError`,
    `UnknownModelError`, `ModelUnavailableError`, and what the hub's client raises.
    """
    from cmsearch.models import downloads, licences, offers

    with _asking:
        offer = offers.offered(repository, (*files, *one_of))
        licences.check(repository, offer.licence)
        there = {file.name for file in offer.files}
        left = [name for name in one_of if name in there][1:]
        kept = tuple(file for file in offer.files if file.name not in left)
        return downloads.bring(replace(offer, files=kept))


@contextmanager
def nothing_asked() -> Iterator[None]:
    """The hub's client and what uses it see what is here alone, for a while."""
    from huggingface_hub import constants

    with _asking:
        before = constants.HF_HUB_OFFLINE
        constants.HF_HUB_OFFLINE = True
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE = before


def megabytes(repository: str, seconds: float, file: str | None = None) -> int | None:
    """The size of the weights, 0 if the hub doesn't tell, None if it doesn't answer in `seconds`.

    Honours `HF_HUB_OFFLINE` and `HF_ENDPOINT`.
    """
    from huggingface_hub import get_hf_file_metadata
    from huggingface_hub.errors import HfHubHTTPError

    from cmsearch.models.offers import url_of

    def ask() -> int:
        for name in WEIGHTS if file is None else (file,):
            try:
                size = get_hf_file_metadata(url_of(repository, "main", name), timeout=seconds).size
            except HfHubHTTPError:  # an answer: the file isn't there, or isn't for everybody
                continue
            return size or 0
        return 0

    return _answer(ask, seconds)


def megabytes_matching(repository: str, files: Sequence[str], seconds: float) -> int | None:
    """The size of the files that match the patterns, or 0 or None like `megabytes`."""
    from cmsearch.models import offers, receiving

    def ask() -> int:
        try:
            return offers.offered(repository, files, seconds).size
        except (ModelError, receiving.HubRefusalError):  # an answer, if not a good one
            return 0

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
