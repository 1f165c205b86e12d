"""Opening files, and nothing that only looks like one: a pipe or a device may never end.

Every file that cmsearch writes is made by `new_file`, so that no name that somebody left somewhere
is followed or written to.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

LEFT_OVER = re.compile(r"\.cmsearch-[0-9a-f]{16}\.new(?:-\w+)?")
"""Names of files that were being written when a process was killed, and of a catalog's journals."""


def open_file(path: Path, *, follow: bool = True) -> BufferedReader:
    """Open a regular file for reading. Raises `OSError`, also for what is no file.

    Opening a pipe would wait for whoever writes into it, so the kind is asked for without waiting,
    and of what was opened: a scan may be minutes old. A link is one to a file, or where links
    aren't to `follow` no file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    try:
        mode = (path.stat() if follow else path.lstat()).st_mode
    except ValueError as error:  # a zero byte in the name, or half a surrogate pair
        raise OSError(errno.EINVAL, "no name of a file") from error
    if not stat.S_ISREG(mode):  # opening a device may already do something
        raise OSError(errno.EINVAL, "not a regular file")
    number = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def read_file(path: Path, most: int, *, follow: bool = True) -> bytes:
    """The bytes of a regular file of at most `most` bytes; raises `OSError`."""
    with open_file(path, follow=follow) as file:
        size = os.fstat(file.fileno()).st_size
        data = b"" if size > most else file.read(size + 1)
        if len(data) > size:  # it is growing, or the system doesn't know its size
            data += file.read(most + 1 - len(data))
    if max(size, len(data)) > most:
        raise OSError(errno.EFBIG, larger_than(most))
    return data


def larger_than(most: int) -> str:
    """That something has more than `most` bytes, in the units that people use."""
    unit, name = (2**30, "GiB") if most >= 2**30 else (2**20, "MiB")
    return f"larger than {most / unit:.3g} {name}"


def unused(folder: Path) -> Path:
    """A name that nobody has foreseen, for a file that is written in `folder` and then renamed."""
    return folder / f".cmsearch-{os.urandom(8).hex()}.new"


def new_file(path: Path, mode: int = 0o666) -> BinaryIO:
    """A file that wasn't there, open to be written and read; raises `FileExistsError`, `OSError`.

    A link has the name too, wherever it leads. `mode` is what the user's mask leaves of it.
    """

    def opened(name: str, flags: int) -> int:  # of "x": create, and only what isn't there
        return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0), mode)

    return open(path, "xb+", opener=opened)


@contextmanager
def creating(path: Path) -> Iterator[BinaryIO]:
    """A `new_file` at `path`, which goes again if it can't be written whole."""
    with new_file(path) as file:
        try:
            yield file
            file.flush()
        except BaseException:
            with suppress(OSError):
                file.close()
            path.unlink(missing_ok=True)
            raise


def create_file(path: Path, data: bytes) -> None:
    """Write a file that isn't there yet, whole or not at all; raises `OSError`."""
    with creating(path) as file:
        file.write(data)


@contextmanager
def creating_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that gets the name `path`, which nothing has yet, when it is whole.

    It is filled beside its place, by a random name, and goes again if it can't be. Raises
    `FileExistsError`, `OSError`.
    """
    _check_free(path)
    with folder_beside(path) as beside:
        yield beside
        give_name(beside, path)


@contextmanager
def folder_beside(path: Path, mode: int = 0o777) -> Iterator[Path]:
    """A folder to fill beside a place, by a random name, which goes again unless it is renamed.

    It is locked meanwhile. Those beside it that nobody has locked were left by processes that were
    killed, and are deleted.
    """
    _sweep(path.parent)
    while True:
        folder = unused(path.parent)
        folder.mkdir(mode)
        held = _locked(folder, wait=True)
        if held is None or folder.is_dir():
            break
        os.close(held)  # another process swept it away before it was locked
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def _sweep(place: Path) -> None:
    """Delete the user's own folders that were being filled when a process was killed."""
    with suppress(OSError), os.scandir(place) as entries:
        left = [entry for entry in entries if LEFT_OVER.fullmatch(entry.name)]
        for entry in left:
            held = _locked(Path(entry.path)) if entry.is_dir(follow_symlinks=False) else None
            if held is not None:
                if os.fstat(held).st_uid == os.geteuid():
                    shutil.rmtree(entry.path, ignore_errors=True)
                os.close(held)


def _locked(folder: Path, *, wait: bool = False) -> int | None:
    """A descriptor that holds the lock of a folder while it is open, or its process lives; None
    where another has it, unless it is waited for, or where there are no such locks, as on Windows
    and some network drives.
    """
    try:
        import fcntl

        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(number)
        return None
    return number


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when it is written: whole or not at all.

    It is written beside it by a random name that nothing has, synced and renamed, with the
    permissions of the file that it replaces, or else with `mode`. A link at `path` is replaced
    itself; what it leads to stays as it is. Raises `OSError`.
    """
    beside = unused(path.parent)
    kept = _permissions(path)
    with new_file(beside, mode if kept is None else 0o600) as file:
        try:
            yield file
            if kept is not None and hasattr(os, "fchmod"):  # Windows has it from Python 3.13 on
                os.fchmod(file.fileno(), kept)
            sync(file)
            file.close()  # before it is renamed, which Windows asks for
            beside.replace(path)
        except BaseException:
            with suppress(OSError):
                file.close()
            beside.unlink(missing_ok=True)
            raise


def sync(file: BinaryIO) -> None:
    """Bring what was written to a file to the disk."""
    file.flush()
    os.fsync(file.fileno())


def replace_file(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write a file beside its place, synced, and rename it, as `replacing` does."""
    with replacing(path, mode) as file:
        file.write(data)


def give_name(made: Path, place: Path) -> None:
    """Give a file or a folder that was made by an unused name that of its place, where nothing is.

    Raises `FileExistsError` where something is, and `OSError`.
    """
    _check_free(place)
    if not made.is_dir():
        try:
            os.link(made, place)  # unlike a rename it replaces nothing that came this moment
        except FileExistsError:
            raise
        except OSError:  # some file systems have no second names
            made.rename(place)
        else:
            made.unlink()
        return
    made.rename(place)  # it takes the place of an empty folder at most


def _check_free(path: Path) -> None:
    try:
        path.lstat()
    except FileNotFoundError:
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path))


def check_no_link(path: Path) -> None:
    """Raise `OSError` for a place that a person named and that is a link.

    To write through it would change a file that wasn't named, to replace it would lose the link.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link")


def _permissions(path: Path) -> int | None:
    """The permissions of the file at `path`, if there is one."""
    try:
        found = path.lstat().st_mode
    except (OSError, ValueError):
        return None
    return stat.S_IMODE(found) & 0o777 if stat.S_ISREG(found) else None


def drop_oldest(files: Iterable[tuple[float, int, Path]], most: int) -> None:
    """Delete files, of which each is told when it was used last, its bytes and where it is, until
    the others have `most` bytes; the one that was used longest ago goes first.
    """
    kept = sorted(files, key=lambda one: one[0])
    over = sum(size for _, size, _ in kept) - most
    for _, size, path in kept:
        if over <= 0:
            break
        with suppress(OSError):  # another process was faster
            path.unlink()
        over -= size
