"""What kind of file system a place is on."""

from __future__ import annotations

from pathlib import Path

REMOTE = (
    *("9p", "afp", "afs", "ceph", "cifs", "davfs", "fuse.glusterfs", "fuse.rclone", "fuse.sshfs"),
    *("glusterfs", "lustre", "ncpfs", "nfs", "smb", "webdav"),
)
"""How the names of file systems that are reached over a network begin."""


def is_remote(path: Path) -> bool:
    """Whether a directory is on a network file system, as far as the system tells."""
    import psutil

    place = path.resolve()
    if str(place).startswith("\\\\"):  # Windows's name of another machine
        return True
    mounts = [
        one for one in psutil.disk_partitions(all=True) if place.is_relative_to(one.mountpoint)
    ]
    if not mounts:
        return False
    # Of several at one place the last one hides the others.
    innermost = max(reversed(mounts), key=lambda one: len(one.mountpoint))
    return innermost.fstype.lower().startswith(REMOTE) or "remote" in innermost.opts.split(",")
