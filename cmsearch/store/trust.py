"""Which stores are believed: whose they are, what lies beside the catalog, whom the user trusts.

A store is looked at here before SQLite opens it, since SQLite follows links, waits for pipes, and
plays back whatever journal it finds. Owners are asked for where the system has them; see
docs/security.md.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from cmsearch.errors import StoreError
from cmsearch.store import user_lists
from cmsearch.store.catalog.sqlite_journals import BESIDE, check_journal

_LIST = "trusted"
_KINDS = {
    stat.S_IFLNK: "a link", stat.S_IFIFO: "a named pipe", stat.S_IFDIR: "a folder",
    stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
_ELSEWHERE = "Name another folder for settings in the environment variable CMSEARCH_CONFIG."
_remembering: ContextVar[bool] = ContextVar("_remembering", default=False)


def admit(catalog: Path, *, trusted: bool = False, is_found: bool = False) -> str | None:
    """Look at a store by its catalog; returns why it is only to be read, or None if it isn't.

    A store is only read that is of another user, or that a walk `is_found` to lead to in a folder
    that others can write, unless it is `trusted`, here or in the user's list. Raises `StoreError`
    for one that can't be opened without touching what isn't its own.
    """
    about = regular(catalog)
    _check_link(catalog.parent, trusted)
    places = (Path(f"{catalog}{end}") for end in BESIDE)
    # A writer makes and deletes these while others open its catalog.
    beside = {path: found for path in places if (found := regular_or_none(path)) is not None}
    strange = _strange(catalog, about, is_found)
    for path, found in beside.items():
        _check_alone(path, found)
        if strange is None and not _is_own(found, {about.st_uid}):
            strange = f"{path} belongs to {owner(found.st_uid)}"
    if strange is not None and (trusted or is_trusted(catalog.parent)):
        strange = None
    if strange is not None and beside:
        raise StoreError(
            f"{strange}, so this index is only read; but {min(beside).name} lies beside its "
            "catalog, so it is being written, or a run was interrupted. Wait until that is done, "
            f"or let its owner run `cmsearch info` there. {HOW}"
        )
    for path in beside:
        if path.name.endswith("-journal"):
            check_journal(path, about.st_size)
    return strange and f"{strange}, so this index is only read. {HOW}"


def admit_place(place: Path, *, trusted: bool = False) -> None:
    """Raise `StoreError` for a directory in which no store may be made: another user's, or a link.

    A link that is the user's own counts where there is a store already.
    """
    try:
        found = place.lstat()
    except OSError:
        return
    if trusted or (_is_own(found) and not stat.S_ISLNK(found.st_mode)) or is_trusted(place):
        return
    what = f"belongs to {owner(found.st_uid)}"
    if stat.S_ISLNK(found.st_mode):
        what = f"is a link to {place.readlink()}, where there is none; name that with --store DIR"
    raise StoreError(f"No index is made in {place}: it {what}. {HOW}")


def regular(path: Path) -> os.stat_result:
    """The status of a file of a store; raises `StoreError` for what is no file, as a link is."""
    found = regular_or_none(path)
    if found is None:
        raise StoreError(f"{path} is not there any more.")
    return found


def regular_or_none(path: Path) -> os.stat_result | None:
    """The same; None where there is nothing."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror}.") from error
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no file")
        raise StoreError(
            f"{path} is {kind}, and in an index it is a file. If you don't know why, don't use "
            "this index; else put the file itself in its place, or delete it."
        )
    return found


def check_writable(path: Path) -> None:
    """Raise `StoreError` for a file that will be written, if it is there and not a store's own."""
    found = regular_or_none(path)
    if found is not None:
        _check_alone(path, found)


def owner(number: int) -> str:
    """Who has a user's number."""
    try:
        import pwd

        return f"{pwd.getpwuid(number).pw_name} (user {number})"
    except (ImportError, KeyError):
        return f"user {number}"


def is_trusted(place: Path) -> bool:
    """Whether the user's list has a store or its folder; one more if the user says so now."""
    real = place.resolve()
    for line in user_lists.lines(_LIST):
        if line == "*" or Path(line) in (real, real.parent):
            return True
        if line.endswith("/*") and real.is_relative_to(line[:-2]):
            return True
    if _remembering.get():
        user_lists.add(_LIST, str(real), _ELSEWHERE)
        return True
    return False


@contextmanager
def remembering() -> Iterator[None]:
    """Trust the stores of other users that are opened within, from now on."""
    token = _remembering.set(True)
    try:
        yield
    finally:
        _remembering.reset(token)


HOW = (
    "If you trust who made it, run the command again with --trust, which is remembered (in Python "
    "give trust=True)."
)


def _strange(catalog: Path, about: os.stat_result, is_found: bool) -> str | None:
    """What about a store isn't the user's own."""
    place = catalog.parent
    for path, found in ((place, place.stat()), (catalog, about)):
        if not _is_own(found):
            return f"{path} belongs to {owner(found.st_uid)}"
    if about.st_nlink > 1:
        return f"{catalog} is also another file (a hard link), which would be written with it"
    around = place.absolute().parent
    status = around.stat()
    if is_found and status.st_mode & stat.S_IWOTH and not _is_own(status):
        return f"{place} was found in {around}, a folder above that everybody can write"
    return None


def _check_link(place: Path, trusted: bool) -> None:
    found = place.lstat()
    if not stat.S_ISLNK(found.st_mode) or _is_own(found) or trusted or is_trusted(place):
        return
    raise StoreError(
        f"{place} is a link of {owner(found.st_uid)} to {place.readlink()}. Name that place if "
        f"you mean it. {HOW}"
    )


def _is_own(found: os.stat_result, others: frozenset[int] | set[int] = frozenset()) -> bool:
    """Whether something is the user's; of root in `sudo` also what is that of who called it."""
    if not hasattr(os, "geteuid"):
        return True
    user = os.geteuid()
    own = {user, *others}
    if user == 0 and os.environ.get("SUDO_UID", "").isdecimal():
        own.add(int(os.environ["SUDO_UID"]))
    return found.st_uid in own


def _check_alone(path: Path, found: os.stat_result) -> None:
    if found.st_nlink > 1:
        raise StoreError(
            f"{path} is also another file (a hard link), which would be written with it. Delete "
            f"{path.name} if you don't know why."
        )
