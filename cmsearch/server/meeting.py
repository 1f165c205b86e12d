"""Where the command line meets a daemon: a socket that only its user reaches, and what it is said.

The socket's name is made of all that an answer depends on besides the store: who asks, with which
program and packages, in which environment. So a client never meets a daemon that would answer
otherwise than it would itself.
"""

# Tested by tests/unit/cmsearch/server/test_daemon.py

from __future__ import annotations

import json
import os
import stat
import struct
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from cmsearch.common.version import __version__
from cmsearch.errors import CmsearchError

if TYPE_CHECKING:
    from socket import socket

LONGEST = 2**30
"""Bytes of a message at most."""
_ENDING = ".sock"
_LONGEST_PATH = 100
"""Bytes of a socket's path that every system takes."""
_MATTERS = (
    *("CMSEARCH_", "HF_", "HUGGINGFACE", "TRANSFORMERS_", "TORCH", "CUDA", "HIP_", "ROCR_", "ORT_"),
    *("OMP_", "MKL_", "OPENBLAS_", "PYTHON", "HOME", "LANG", "LC_", "TZ", "SUDO_UID", "TMPDIR"),
    *("LD_", "DYLD_", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"),
)
"""Beginnings of the variables that an answer may depend on."""
_OF_CLIENTS = {"CMSEARCH_DAEMON", "CMSEARCH_PREVIEW", "CMSEARCH_DEBUG"}
_LENGTH = struct.Struct(">Q")


def folder() -> Path:
    """Where the sockets of this user are: in the system's place for them, or beside the state."""
    state = os.environ.get("CMSEARCH_STATE")
    if not state and hasattr(os, "geteuid"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the system has no such place
            place = Path(platformdirs.user_runtime_dir("cmsearch"))
        if _is_private(place.parent):
            return place
    return Path(state or platformdirs.user_state_dir("cmsearch"), "run").absolute()


def is_safe(place: Path | None = None) -> bool:
    """Whether the folder is there, and nobody but the user can have put anything into it."""
    return hasattr(os, "geteuid") and _is_private(place or folder())


def made() -> Path:
    """The folder, made if it isn't there. Raises `CmsearchError` where it isn't safe."""
    place = folder()
    with suppress(OSError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_safe(place):
        raise CmsearchError(
            f"{place} is no folder that only you can use, so no daemon listens there. Delete it, "
            "or name another folder in the environment variable CMSEARCH_STATE."
        )
    return place


def socket_path() -> Path:
    """The socket of the daemon whose answers are those of this process."""
    return folder() / f"{_fingerprint()}{_ENDING}"


def fits(place: Path) -> bool:
    """Whether a socket can be there: systems take short paths only."""
    return len(os.fsencode(place)) <= _LONGEST_PATH


def sockets() -> list[Path]:
    """The sockets of all daemons of this user, also of other versions; some may be dead."""
    place = folder()
    return sorted(place.glob(f"*{_ENDING}")) if is_safe(place) else []


def is_own(place: Path) -> bool:
    """Whether there is a socket that only this user reaches."""
    try:
        found = place.lstat()
    except OSError:
        return False
    own = found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return stat.S_ISSOCK(found.st_mode) and own


def is_of_user(connection: socket) -> bool:
    """Whether the other end belongs to this user, or the system doesn't tell."""
    import socket as sockets

    if not hasattr(sockets, "SO_PEERCRED"):
        return True
    size = struct.calcsize("3i")
    found = connection.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, size)
    return bool(struct.unpack("3i", found)[1] == os.geteuid())


def send(connection: socket, message: Any) -> None:
    """Send a message in JSON's types."""
    data = json.dumps(message).encode("ascii")  # whatever the names are
    connection.sendall(_LENGTH.pack(len(data)) + data)


def receive(connection: socket) -> Any:
    """The next message. Raises `EOFError` where none comes, `ValueError` for what is none."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > LONGEST:
        raise ValueError("the message is too long")
    return json.loads(_exactly(connection, length))


def _exactly(connection: socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(min(size - len(data), 2**20))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)


def _is_private(place: Path) -> bool:
    try:
        found = place.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and not stat.S_IMODE(found.st_mode) & 0o077
    )


def _fingerprint() -> str:
    """What an answer depends on besides the store and the request, as one short word."""
    from hashlib import sha256

    told = "\0".join(map(ascii, _circumstances()))
    return sha256(told.encode("ascii")).hexdigest()[:24]


def _circumstances() -> Iterator[object]:
    yield __version__, sys.version, sys.executable, sys.flags.dev_mode
    yield os.geteuid(), os.getegid(), sorted(os.getgroups())
    yield sorted(
        (name, value)
        for name, value in os.environ.items()
        if name.startswith(_MATTERS) and name not in _OF_CLIENTS
    )
    with suppress(OSError):  # in a container the same path is another place
        yield os.readlink("/proc/self/ns/mnt")  # noqa: PTH115 - of no file
    yield _changed(str(Path(__file__).parents[1]))
    for place in sys.path:
        if place.endswith("-packages"):
            yield _changed(place)


def _changed(place: str) -> object:
    """When a folder was last changed: an upgrade, or a plug-in more, makes another program."""
    with suppress(OSError):
        found = Path(place).stat()
        return place, found.st_dev, found.st_ino, found.st_mtime_ns
    return place
