"""What kind of file system a place is on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

REMOTE = (
    *("9p", "afp", "afs", "ceph", "cifs", "davfs", "fuse.glusterfs", "fuse.rclone", "fuse.sshfs"),
    *("glusterfs", "lustre", "ncpfs", "nfs", "smb", "webdav"),
)
"""How the names of file systems that are reached over a network begin."""

SYSTEM = frozenset(
    {
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devfs"),
        *("devpts", "devtmpfs", "efivarfs", "fdescfs", "fusectl", "fuse.lxcfs", "hugetlbfs"),
        *("mqueue", "nsfs", "proc", "procfs", "pstore", "rpc_pipefs", "securityfs", "selinuxfs"),
        *("sysfs", "tracefs"),
    }
)
"""File systems in which the system shows itself: what is in them are no files of anybody."""
_RUNNING = ("/dev", "/proc", "/run", "/sys")


def system_folders() -> frozenset[str]:
    """The folders in which the system shows itself, and those of what runs on it."""
    import psutil

    mounts = psutil.disk_partitions(all=True)
    return frozenset({one.mountpoint for one in mounts if one.fstype in SYSTEM} | {*_RUNNING})


def is_of_system(path: Path) -> bool:
    """Whether a folder is in a file system in which the system shows itself."""
    found = _mount(path.resolve())
    return found is not None and found.fstype in SYSTEM


def is_remote(path: Path) -> bool:
    """Whether a directory is on a network file system, as far as the system tells."""
    place = path.resolve()
    if str(place).startswith("\\\\"):  # Windows's name of another machine
        return True
    found = _mount(place)
    if found is None:
        return False
    return found.fstype.lower().startswith(REMOTE) or "remote" in found.opts.split(",")


def _mount(place: Path) -> Any:
    """The mount that a real path is on, if the system tells."""
    import psutil

    mounts = [
        one for one in psutil.disk_partitions(all=True) if place.is_relative_to(one.mountpoint)
    ]
    # Of several at one place the last one hides the others.
    return max(reversed(mounts), key=lambda one: len(one.mountpoint), default=None)
