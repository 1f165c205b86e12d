"""Keeping a store current: indexing again whenever something in its folder has changed."""

# Tested by tests/e2e/test_watch.py

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

from watchfiles import watch

from cmsearch.common.text import storable
from cmsearch.errors import CmsearchError, StoreError
from cmsearch.store.compaction import apart, compact
from cmsearch.store.store import Store
from cmsearch.types import Progress
from indexer.indexer import Indexer
from indexer.report import Report
from indexer.walk import IGNORE_FILE

log = logging.getLogger("cmsearch")

_TICK_MS = 500
_LONGEST_WAIT = 30.0
_RETRY = 10.0
_TEXT_SECONDS = 10.0
"""So long text in pictures is read before changes are looked at again."""
_IDLE = 60.0
"""Seconds without a change after which the index is compacted."""
_APART = 20
"""It is when one of so many vectors lies apart from the first segments, or is dead."""


def follow(
    indexer: Indexer,
    *,
    rescan: float,
    poll: bool = False,
    stop: Event | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> Iterator[Report | CmsearchError]:
    """What each run did, or why it failed: one at once, then one after each change.

    A run waits until the folder has been quiet for a moment, at most for half a minute, and looks
    at what the events name. It looks at all files where that isn't enough, as `indexer.parts` says,
    after half a minute of events, when the system may drop some, after a run that failed, and every
    `rescan` seconds, for what no event tells of. With `poll` the files' times are looked at all the
    while, for folders without events. Text in pictures is read for some seconds a run, which
    further runs go on with while nothing changes. A minute after a run the index is compacted where
    much lies apart. Ends when `stop` is set. Raises what the first run raises, and `StoreError`
    where the folder can't be watched.
    """
    done: Report | CmsearchError = indexer.run(progress, text_seconds=_TEXT_SECONDS)
    yield done
    due = time.monotonic()  # once more, for what happened before the watch began
    first_change: float | None = None
    idle_from: float | None = due
    changed = set[str]()
    for changes in _events(indexer, poll, stop):
        now = time.monotonic()
        changed |= changes
        if changes:
            first_change = first_change or now
        waited = first_change is not None and now - first_change >= _LONGEST_WAIT
        settled = first_change is not None and not changes
        goes_on = not changes and isinstance(done, Report) and done.texts_waiting > 0
        if settled or waited or goes_on or now >= due:
            first_change = None
            done = _attempt(indexer, progress, None if waited or now >= due else changed)
            if not isinstance(done, Report):
                due = time.monotonic() + _RETRY
            elif done.is_whole:
                due = time.monotonic() + rescan
            changed.clear()
            idle_from = time.monotonic()
            yield done
        elif first_change is None and idle_from is not None and now - idle_from >= _IDLE:
            idle_from = None
            _compact(indexer.store)


def _attempt(
    indexer: Indexer, progress: Callable[[Progress], object] | None, changed: set[str] | None
) -> Report | CmsearchError:
    """One run; an error of it, such as a drive that is away, may be over at the next one."""
    try:
        return indexer.run(progress, changed, _TEXT_SECONDS)
    except CmsearchError as error:
        return error


def _compact(place: Path) -> None:
    """Merge what lies apart in a store, if that is much; the next run is the time to try again."""
    try:
        with Store(place) as store:
            found = apart(store)
            if _APART * (found.later + found.dead + found.new) >= max(found.rows, 1):
                compact(store)
    except CmsearchError as error:
        log.warning("The index isn't compacted for now: %s", error)


def _events(indexer: Indexer, poll: bool, stop: Event | None) -> Iterator[set[str]]:
    """The paths that changed in the folder, or none after each tick without one.

    They are sifted here: what the watch itself leaves out is no tick, and a store that is searched
    without pause would hold all runs up.
    """
    folder = indexer.folder
    places = _Places(folder, indexer.store)
    while stop is None or not stop.is_set():
        try:
            for changes in watch(
                folder,
                watch_filter=None,
                step=100,
                rust_timeout=_TICK_MS,
                yield_on_timeout=True,
                stop_event=stop,
                force_polling=poll or None,
            ):
                yield {path for _, place in changes if (path := places.path(place)) is not None}
            return
        except RuntimeError:  # watchfiles gives up at a name that is not UTF-8
            yield {""}
        except FileNotFoundError:  # the folder is gone; it may be mounted again
            time.sleep(_TICK_MS / 1000)
            yield set()
        except OSError as error:
            raise StoreError(
                f"The folder {folder} can't be watched: {error}. If the system's number of watches "
                "is exhausted, raise it (on Linux fs.inotify.max_user_watches), or watch with "
                "--poll."
            ) from error


class _Places:
    """Leaves out what is hidden, and the store wherever it is: each run writes in it."""

    def __init__(self, folder: Path, store: Path) -> None:
        # Some systems give the path that was asked for, some that of the links' target.
        self._folders = (folder.absolute(), folder.resolve())
        self._stores = {store.absolute(), store.resolve()}

    def path(self, place: str) -> str | None:
        """The path from the folder of a place that runs look at; "" is for all of them."""
        changed = Path(place)
        if self._stores & {changed, *changed.parents}:
            return None
        for folder in self._folders:
            if changed.is_relative_to(folder):
                own = changed.relative_to(folder)
                names = own.parts[:-1] if own.name == IGNORE_FILE else own.parts
                if any(name.startswith(".") for name in names):
                    return None
                with suppress(ValueError):  # a name that has no form in a catalog
                    return "" if own == Path() else storable(own.as_posix())
        return ""
