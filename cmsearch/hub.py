"""What the model hub's client knows without fetching: what is cached here, what the hub offers."""

from __future__ import annotations

import threading

_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def is_cached(repository: str, file: str | None = None) -> bool:
    """Whether the weights of an open_clip model are in the hub's cache on this machine.

    They are in `file`, or in one of the names that open_clip looks for.
    """
    from huggingface_hub import try_to_load_from_cache

    names = _WEIGHTS if file is None else (file,)
    return any(isinstance(try_to_load_from_cache(repository, name), str) for name in names)


def megabytes(repository: str, seconds: float, file: str | None = None) -> int | None:
    """The size of the weights, 0 if the hub doesn't tell, None if it doesn't answer in `seconds`.

    Honours `HF_HUB_OFFLINE` and `HF_ENDPOINT`.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    if constants.HF_HUB_OFFLINE:
        return None
    sizes: list[int] = []

    def ask() -> None:
        for name in _WEIGHTS if file is None else (file,):
            try:
                size = get_hf_file_metadata(hf_hub_url(repository, name), timeout=seconds).size
            except HfHubHTTPError:  # an answer: the file isn't there, or isn't for everybody
                sizes.append(0)
            except Exception:  # whatever a network can do
                return
            else:
                sizes.append(size or 0)
                return

    thread = threading.Thread(target=ask, daemon=True)  # a name look-up has no time-out of its own
    thread.start()
    thread.join(seconds)
    return round(max(sizes) / 1e6) if sizes else None
