"""Milvus's own server, as its package `milvus` brings it, in an environment of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

_NEEDED = (
    "milvus==2.3.5", "pymilvus==2.3.7", "marshmallow<4", "numpy<2", "protobuf<5", "pandas<3",
    "setuptools<80",
)  # fmt: skip
_PROGRAM = """
import sys
from milvus import MilvusServer

server = MilvusServer()
server.set_base_dir(sys.argv[1])
server.listen_port = int(sys.argv[2])
server.start()
print("ready", flush=True)
sys.stdin.read()
server.stop()
"""


@contextmanager
def standalone(folder: Path) -> Iterator[int]:
    """The port of a server that keeps all in a folder, and ends with the block.

    There is one at a time on a machine: a port of the etcd in it is always the same. A server that
    is started again in a folder has another port, since the package takes the next one of its own
    accord while an old connection holds one. It answers half a minute later, when its etcd has
    forgotten the former one, which the package kills.
    """
    port = _free_port()
    command = [str(_python()), "-c", _PROGRAM, str(folder), str(port)]
    with (
        FileLock(Path(tempfile.gettempdir()) / "cmsearch-milvus-server.lock"),
        subprocess.Popen(
            *(command, -1),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert any(line == "ready\n" for line in process.stdout), "it did not start"
            yield port
        finally:
            process.communicate(timeout=60)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _python() -> Path:
    """The Python of an environment with the server, which is made when it is first needed."""
    place = Path(sys.prefix) / "milvus-server"
    with FileLock(f"{place}.lock"):
        python = Path(os.environ.get("CMSEARCH_MILVUS_PYTHON") or place / "bin/python")
        if not python.exists():
            venv.create(place, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *_NEEDED], check=True)
    return python
