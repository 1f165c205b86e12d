"""A proxy before a server of this machine, which can be cut as a network is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Listens on a port of its own; while it `is_cut` no connection lives."""

    def __init__(self, port: int) -> None:
        self.leads_to = port
        self._ends = set[socket.socket]()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.is_cut = False
        self.cut_after: int | None = None
        """Bytes to the server after which it is cut; None for no such end."""
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End all connections, and each that comes."""
        self.is_cut = True
        for end in list(self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        self.is_cut, self.cut_after = False, None

    def close(self) -> None:
        """Stop listening."""
        self.cut()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(60)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.leads_to))
            except OSError:
                near.close()
                continue
            self._ends |= {near, far}
            if self.is_cut:  # since it was accepted
                self.cut()
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(*pair, far), daemon=True).start()

    def _copy(self, source: socket.socket, to: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(2**16):
                if to is server and self.cut_after is not None:
                    self.cut_after -= len(data)
                    if self.cut_after < 0:
                        self.cut()
                to.sendall(data)
        for end in (source, to):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._ends.discard(end)


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """A proxy before a port."""
    made = Proxy(port)
    try:
        yield made
    finally:
        made.close()
