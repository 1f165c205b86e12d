"""The engines of a service, lent to its user's commands, which are warm where a service runs."""

# Tested by tests/unit/cmsearch/server/test_lending.py

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cmsearch.errors import CmsearchError
from cmsearch.server.daemon import Answer, Daemon
from cmsearch.server.engines import Engines

LOG = "cmsearch.server"
"""The logger of what a service says of itself, which no command would say."""

log = logging.getLogger(LOG)


@contextmanager
def lending() -> Iterator[Engines]:
    """Engines to lend to, as long as nothing is said within that a command would have to say too:
    an engine says it once, and whoever borrows it later wouldn't.
    """
    engines = Engines()
    said = _Said(engines)
    logger = logging.getLogger("cmsearch")
    logger.addHandler(said)
    try:
        yield engines
    finally:
        logger.removeHandler(said)
        engines.close()


@contextmanager
def answering(place: Path, engines: Engines, answer: Answer) -> Iterator[None]:
    """Answer commands at a socket from here on and within, unless a daemon does."""
    daemon = Daemon(engines, answer, idle=None)

    def serve() -> None:
        try:
            if not daemon.serve(place):
                log.info("A daemon answers commands already, and goes on with it.")
        except CmsearchError as error:
            log.warning("%s", error)
        finally:
            daemon.listens.set()

    thread = threading.Thread(target=serve, name="cmsearch-commands")
    thread.start()
    daemon.listens.wait()
    try:
        yield
    finally:
        daemon.stop()
        thread.join()


class _Said(logging.Handler):
    """Takes engines back once something is said."""

    def __init__(self, engines: Engines) -> None:
        super().__init__()
        self._engines = engines

    def emit(self, record: logging.LogRecord) -> None:
        """Take them back, unless the service spoke of itself."""
        if record.name != LOG:
            self._engines.take_back()
