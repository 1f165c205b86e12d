"""Object storage of tests: a server that speaks S3, and what is in the memory of this process."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

KEY, SECRET = "AKIATESTSONLY", "a-secret-of-tests"
BUCKET = "bucket"


class Storage:
    """A bucket: `put` and `drop` objects by their names in it."""

    def __init__(self, files: Any, url: str) -> None:
        self.files = files
        self.url = url
        self._base = url.partition("://")[2]

    def put(self, name: str, data: bytes | Path) -> None:
        """Write an object, in place of one of its name."""
        content = data.read_bytes() if isinstance(data, Path) else data
        self.files.pipe_file(f"{self._base}/{name}", content)

    def put_all(self, folder: Path, below: str = "") -> None:
        """Write the files of a folder."""
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and not name.parts[0].startswith("."):
                self.put(f"{below}{name.as_posix()}", path)

    def drop(self, name: str) -> None:
        """Delete an object."""
        self.files.rm_file(f"{self._base}/{name}")


@contextmanager
def in_memory() -> Iterator[Storage]:
    """A bucket that this process alone knows."""
    import fsspec

    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    yield Storage(files, f"memory://{BUCKET}")
    files.store.clear()


@contextmanager
def serving() -> Iterator[None]:
    """A server that speaks S3 on loopback, which the environment names, with credentials."""
    server = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    served = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        _, port = served.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem.clear_instance_cache()
        yield
    s3fs.S3FileSystem.clear_instance_cache()
    served.stop()


def new_bucket() -> Storage:
    """An empty bucket on that server."""
    import s3fs

    files = s3fs.S3FileSystem(use_listings_cache=False)
    name = f"bucket-{secrets.token_hex(4)}"
    files.mkdir(name)
    return Storage(files, f"s3://{name}")
