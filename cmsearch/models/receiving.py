"""Receiving from the model hub over HTTP: bounded, patient, and resumed where it was broken off.

A hub is not trusted further than its word goes: nothing is longer than it said, and the way
to where it sends us is no less safe than the way to itself, and is gone without the user's token.
"""

# Tested by tests/unit/cmsearch/models/test_downloads.py

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from cmsearch.common.files import sync
from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError, brief

SECONDS = 10.0
"""How long the hub may be silent."""
STALL_SECONDS = 30.0
SLOWEST = 1000
"""Bytes a second, on average over `STALL_SECONDS`: what comes slower has stopped."""
PAUSES = (1.0, 3.0)
"""Seconds before something is asked for again, after the hub or the way to it failed."""
ENDPOINT = "Look at what HF_ENDPOINT names, or try again later."
MOST_TRIES = 20
_REDIRECTS = 5
_REDIRECTING = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429)
"""Refusals that another try may not meet, beside those of a broken server."""


class HubRefusalError(OSError):
    """The hub's answer that it doesn't give what was asked for."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the model hub answers with the code {status}")
        self.passes = status >= 500 or status in _PASSING


class StalledError(OSError):
    """What comes is too slow to wait for."""

    passes = False


@contextmanager
def opened(
    url: str, headers: dict[str, str] | None = None, seconds: float = SECONDS
) -> Iterator[Any]:
    """An answer of the hub, or of where it sends us.

    Raises `HubRefusalError`, `UnknownModelError` where there is no such repository or it isn't for
    everybody, `ModelUnavailableError` for a way that isn't taken, and what the hub's client raises.
    """
    from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]

    own = urlsplit(url)
    sent = {**build_hf_headers(), "Accept-Encoding": "identity", **(headers or {})}
    for _ in range(_REDIRECTS + 1):
        with get_session().stream(
            "GET", url, headers=sent, timeout=seconds, follow_redirects=False
        ) as response:
            if response.status_code not in _REDIRECTING:
                _check(response)
                yield response
                return
            url = urljoin(url, response.headers.get("Location", ""))
        then = urlsplit(url)
        if then.scheme not in ("https", own.scheme) or then.scheme not in ("http", "https"):
            raise ModelUnavailableError(
                f"The model hub sends us to {then.scheme}://{then.netloc}, which isn't as safe as "
                f"the hub itself. {ENDPOINT}"
            )
        if then.netloc != own.netloc:
            sent = {key: one for key, one in sent.items() if key.lower() != "authorization"}
    raise ModelUnavailableError(f"The model hub sends us round and round. {ENDPOINT}")


def _check(response: Any) -> None:
    status, code = response.status_code, response.headers.get("X-Error-Code", "")
    if status in (401, 403) or code in ("RepoNotFound", "GatedRepo"):
        raise UnknownModelError("The model hub has no such model, or it isn't for everybody.")
    if status >= 400:
        raise HubRefusalError(status)


def chunks(response: Any) -> Iterator[bytes]:
    """What comes, as it comes; raises `StalledError` where nearly nothing does."""
    since, came = time.monotonic(), 0
    for chunk in response.iter_raw():
        yield chunk
        came += len(chunk)
        if (passed := time.monotonic() - since) >= STALL_SECONDS:
            if came < SLOWEST * passed:
                raise StalledError(f"less than {SLOWEST} bytes a second come")
            since, came = time.monotonic(), 0


def patiently(ask: Callable[[], None], progress: Callable[[], int]) -> None:
    """Ask, and again after pauses where the hub or the way to it fails; `progress` counts up.

    A try that brought something makes all pauses be there again, but not for ever. Raises what the
    last one raised.
    """
    pauses = list(PAUSES)
    for number in count(1):
        before = progress()
        try:
            return ask()
        except ModelError:
            raise
        except Exception as error:  # of the hub's client, and of the network beneath it
            if progress() > before:
                pauses = list(PAUSES)
            if number >= MOST_TRIES or not pauses or not getattr(error, "passes", True):
                raise
        time.sleep(pauses.pop(0))


def receive(url: str, part: Path, size: int, told: Callable[[int], object]) -> None:
    """Receive a file of `size` bytes, or what is missing of the `part` that is here.

    Raises `ModelUnavailableError` where the hub can't be had, or sends more; what came is kept.
    """
    told(size_of(part))
    try:
        patiently(lambda: _receive(url, part, size, told), lambda: size_of(part))
    except ModelError:
        raise
    except Exception as error:
        raise ModelUnavailableError(
            f"{url.rpartition('/')[2]} can't be fetched: {brief(error)} "
            f"{size_of(part) / 1e6:,.1f} of {size / 1e6:,.1f} MB are here, and the next try goes "
            "on from there."
        ) from error


def _receive(url: str, part: Path, size: int, told: Callable[[int], object]) -> None:
    have = size_of(part)
    if have == size and have:
        return
    with opened(url, {"Range": f"bytes={have}-"} if have else {}) as response:
        begins = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if have and not (response.status_code == 206 and begins):
            told(-have)  # it sends the whole
            have = 0
        with part.open("ab" if have else "wb") as kept:
            for chunk in chunks(response):
                have += len(chunk)
                if have > size:
                    break
                kept.write(chunk)
                told(len(chunk))
            sync(kept)
    if have > size:
        part.unlink()
        raise ModelUnavailableError(
            f"{url.rpartition('/')[2]} is longer than the {size} bytes that the model hub "
            f"announced. Nothing of it was kept. {ENDPOINT}"
        )
    if have < size:
        raise OSError(f"it ended after {have} of {size} bytes")


def size_of(part: Path) -> int:
    """The bytes that are here of a file; 0 if it isn't."""
    return part.stat().st_size if part.is_file() else 0


def is_whole(part: Path, size: int, digest: str) -> bool:
    """Whether a file has the digest that was announced: SHA-256, or Git's SHA-1."""
    found = hashlib.sha256()
    if len(digest) == 40:
        found = hashlib.sha1(usedforsecurity=False)
        found.update(f"blob {size}\0".encode())
    with part.open("rb") as kept:
        return hashlib.file_digest(kept, lambda: found).hexdigest() == digest
