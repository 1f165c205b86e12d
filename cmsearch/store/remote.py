"""Stores whose catalog is on a server: their URLs, and what stands for each in the cache.

A folder there has what is derived for this machine, and a file in place of a catalog with the URL
but without its password. That of another place is refused: a store from elsewhere may name any
server.
"""

# Tested by tests/e2e/test_postgres.py

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmsearch.common.files import read_file, replace_file
from cmsearch.errors import QueryError, StoreError
from cmsearch.store.locating import CATALOG

if TYPE_CHECKING:
    import sqlalchemy as sa

ROOT = "CMSEARCH_ROOT"
"""The variable that says where the indexed folder is on this machine."""
_MARK = b"postgresql"
_PAGE = 4096  # no catalog is shorter, but for one of which nothing is written yet
_DRIVER = "postgresql+psycopg"
_passwords: dict[Path, str] = {}


def is_url(text: Any) -> bool:
    """Whether a text names a server and not a folder, if perhaps one that no index is on."""
    return isinstance(text, str) and text.startswith("postgres") and "://" in text


def place_of(text: str) -> Path:
    """The folder that stands for the store at a URL, made where it isn't there.

    A password in the URL is remembered by this process alone. Raises `QueryError`, `StoreError`.
    """
    url = _parsed(text)
    place = _place(shown(url))
    if url.password is not None:
        _passwords[place] = str(url.password)
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (place / CATALOG).exists():
            replace_file(place / CATALOG, f"{shown(url)}\n".encode())
    except OSError as error:
        raise StoreError(
            f"{place} can't be made for what is derived from {shown(url)}: {error.strerror}. Name "
            "another cache in the environment variable CMSEARCH_CACHE."
        ) from error
    return place


def as_place(path: str | Path) -> str | Path:
    """A path as it is, and for a URL the folder that stands for it."""
    return place_of(path) if isinstance(path, str) and is_url(path) else path


def url_at(catalog: Path) -> sa.URL | None:
    """The URL, with the password if this process has one, that stands in place of a catalog; None
    for a catalog. Raises `StoreError` for one outside of the cache.

    A catalog is never opened for that: where this process has it open, closing the file would end
    the locks of SQLite, and what other processes commit would be lost or not be seen
    (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        if not 0 < catalog.lstat().st_size < _PAGE:
            return None
        found = read_file(catalog, _PAGE, follow=False)
    except OSError:
        return None  # whoever opens it says so
    if not found.startswith(_MARK):
        return None
    place, text = catalog.parent.resolve(), found.decode("utf-8", "replace").strip()
    if place != _place(text):
        raise StoreError(
            f"{catalog} is no catalog: it names a server, {text[:200]!r}, which only --store does. "
            "If the index is to be on it, name that URL."
        )
    url = _parsed(text)
    password = _passwords.get(place)
    return url if password is None else url.set(password=password)


def shown(url: sa.URL) -> str:
    """A URL as it may be shown and kept: without its password."""
    import sqlalchemy as sa

    known = {name: value for name, value in url.query.items() if "password" not in name.lower()}
    return url._replace(
        drivername=_DRIVER, password=None, query=sa.util.immutabledict(known)
    ).render_as_string()


def name_of(place: Path) -> str:
    """How a store is called: by its URL where it is on a server, else by its folder."""
    url = url_at(place / CATALOG)
    return str(place) if url is None else shown(url)


def environment(place: Path) -> dict[str, str]:
    """What a command that is started needs to know to open the store as this process does."""
    password = _passwords.get(place.resolve())
    return dict(os.environ) | ({} if password is None else {"PGPASSWORD": password})


def own_root() -> Path | None:
    """Where the user says that the indexed folder is on this machine."""
    found = os.environ.get(ROOT)
    return Path(found) if found else None


def _parsed(text: str) -> sa.URL:
    import sqlalchemy as sa

    try:
        url = sa.make_url(text.replace("postgres://", "postgresql://", 1))
    except (sa.exc.ArgumentError, ValueError) as error:
        raise QueryError(
            "The URL of an index can't be read. It is as in "
            "postgresql+psycopg://USER@HOST:5432/DATABASE."
        ) from error
    if url.drivername not in ("postgresql", _DRIVER):
        raise QueryError(f"An index is on a server of PostgreSQL, not of {url.drivername}.")
    return url.set(drivername=_DRIVER)


def _place(text: str) -> Path:
    from cmsearch.models.encoders.exports import cache_dir

    digest = hashlib.sha256(text.encode()).hexdigest()[:24]
    return (cache_dir() / "servers" / digest).resolve()
