"""Licences that forbid commerce, which somebody has to agree to before anything is fetched."""

# Tested by tests/unit/cmsearch/models/test_downloads.py

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from cmsearch.errors import LicenceError

_FORBIDDING = re.compile(r"(?:^|[-_ .])(?:nc|amlr|research|non-?commercial)(?:$|[-_ .])", re.I)
_KNOWN = {
    "metaclip": "cc-by-nc-4.0",
    "mobileclip": "apple-amlr",
    "/dfn": "apple-amlr",
    "nllb-clip": "cc-by-nc-4.0",
}
"""Licences by a part of a repository's name, for where the hub doesn't tell them."""
_lock = Lock()
_agreements = 0

log = logging.getLogger("cmsearch")


@contextmanager
def agreed() -> Iterator[None]:
    """For a while models may be fetched whose licences forbid commerce."""
    global _agreements
    with _lock:
        _agreements += 1
    try:
        yield
    finally:
        with _lock:
            _agreements -= 1


def check(repository: str, told: str) -> None:
    """Raise `LicenceError` if weights are not for commerce, and nobody agreed to that.

    `told` is what the hub says of a repository's licence.
    """
    licence = told
    if told.lower() in ("", "other"):
        known = (one for part, one in _KNOWN.items() if part in repository.lower())
        licence = next(known, told)
    if not forbids(licence):
        return
    error = LicenceError(repository, licence)
    if not _agreements:
        raise error
    log.warning("%s", error.statement)


def forbids(licence: str) -> bool:
    """Whether a licence forbids commercial use, by its name on the hub or in our table."""
    return _FORBIDDING.search(licence) is not None
