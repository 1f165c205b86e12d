"""The catalog: assets, items and their embeddings in a database, the store's only truth."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cmsearch.common.files import new_file
from cmsearch.errors import StoreError, StoreReadOnlyError
from cmsearch.models.spaces import parsed
from cmsearch.store import filesystem
from cmsearch.store.catalog import databases, schema, settings, sqlite, sqlite_copy
from cmsearch.store.catalog.blobs import unpack
from cmsearch.store.catalog.constructs import At, IsBlob
from cmsearch.store.catalog.prepared import Prepared, given
from cmsearch.store.catalog.schema import understood
from cmsearch.store.catalog.writer import Writer
from cmsearch.types import FloatArray, Generation, Item, Space

log = logging.getLogger("cmsearch")
MOST_GENERATIONS = 1000
_MOST_KEPT = 10_000
_LONGEST_KEPT = 10_000  # characters of a setting
_LONGEST_SNAPSHOTS = 10_000  # characters of their tokens
_SETTING = Prepared(
    sa.select(schema.settings.c.value).where(schema.settings.c.name == given("name"))
)
_GENERATIONS = Prepared(
    sa.select(schema.generations.c.id, schema.generations.c.served, schema.generations.c.created)
    .add_columns(schema.spaces.c.id, schema.spaces.c.description, schema.spaces.c.runtime)
    .select_from(schema.generations)
    .join(schema.spaces, schema.spaces.c.id == At(schema.generations.c.spaces, 0))
    .order_by(schema.generations.c.id)
    .limit(MOST_GENERATIONS + 1)
)


class Catalog:
    """One SQLite file, or what a server has. Reading is safe from threads; one thread writes."""

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        make: bool = True,
        url: sa.URL | None = None,
    ) -> None:
        """Open the file, or the database at `url` that it stands for; `make` one where none is."""
        self.path, self.url = path, url
        self._read_only = read_only
        self._wrote = False
        self._database = databases.at(url)
        where = path if url is None else url
        self._translated = partial(self._database.translated, where)
        self._engine: sa.Engine = self._database.engine(where, read_only=read_only, make=make)
        try:
            with self._translated(), self._engine.begin() as connection:
                self.format: int = self._database.bring_up_to_date(
                    connection, where, read_only=read_only, make=make
                )
        except StoreError:
            self._engine.dispose()
            raise
        self._watch = self._engine.connect() if url is None else None
        self._watches = 0
        self._watching = threading.Lock()
        self._reading = threading.local()
        self._kept: dict[str, tuple[int, dict[Any, Any]]] = {}

    def close(self) -> None:
        """Release the file, its write-ahead log folded into it."""
        if self._watch is not None:
            self._watch.close()
        try:
            if self._wrote and self.url is None:  # a reader would wait for other readers here
                with self._translated(), self._engine.connect() as connection:
                    sqlite.fold_log(connection)
        finally:
            self._engine.dispose()

    # --- what is in it ---

    def version(self) -> int:
        """A number that changes whenever another connection has committed."""
        if self._watch is None:
            with self._translated(), self._engine.connect() as connection:
                return int(self._database.data_version(connection))
        with self._translated(), self._watching:
            found = sqlite.data_version(self._watch)
            return self._watches * 2**32 + found  # each connection counts anew

    @contextmanager
    def reading(self) -> Iterator[int]:
        """One state for all that this thread reads within; gives its version.

        Within another one it is the state of that.
        """
        pinned: int | None = getattr(self._reading, "version", None)
        if pinned is not None:
            yield pinned
            return
        with self._translated(), self._engine.connect() as connection:
            first = partial(_SETTING.rows, connection, name=settings.ROOT)
            before: int = self._database.pinned(connection, self.version, first)
            self._reading.connection, self._reading.version = connection, before
            try:
                yield before
            finally:
                self._reading.connection = self._reading.version = None
                connection.rollback()

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """The connection of `reading`, if this thread is in it, or one for now."""
        pinned: sa.Connection | None = getattr(self._reading, "connection", None)
        with self._translated():
            if pinned is not None:
                yield pinned
                return
            with self._engine.connect() as connection:
                yield connection

    def rows(self, query: sa.Executable) -> Sequence[Any]:
        """All rows of a query."""
        with self.connected() as connection:
            return connection.execute(query).fetchall()

    def run(self, statement: Prepared, **values: Any) -> list[Any]:
        """All rows of a statement that was compiled before, as tuples."""
        with self.connected() as connection:
            return statement.rows(connection, **values)

    def scalar(self, query: sa.Executable) -> Any:
        """The first value of the first row of a query; None without a row."""
        rows = self.rows(query)
        return rows[0][0] if rows else None

    def counts(self) -> dict[str, int]:
        """What was counted of the state that this thread reads, for others that read it to use and
        to add to; of no state in particular, nothing.
        """
        return self._remembered("counts")

    def known_items(self) -> dict[int, Item]:
        """The same of the items that were read, by their embeddings."""
        return self._remembered("items")

    def _remembered(self, what: str) -> dict[Any, Any]:
        version: int | None = getattr(self._reading, "version", None)
        if version is None:
            return {}
        known, kept = self._kept.get(what, (-1, {}))
        if known != version or len(kept) > _MOST_KEPT:
            kept = {}
            self._kept[what] = version, kept
        return kept

    def copy(
        self, path: Path, tell: Callable[[int, int], object] = lambda done, total: None
    ) -> None:
        """Write its newest state to a file that isn't there yet, while others may write; one of
        a server is copied by `moving.copy`.

        Says with `tell` how many pages are written, of how many. The file is its owner's alone.
        Raises `OSError` where it can't be written.
        """
        new_file(path, 0o600).close()
        with self._translated(), self._engine.connect() as connection:
            sqlite_copy.copy(connection, path, tell)

    def stamp(self) -> tuple[int, datetime]:
        """Its bytes, and the time of its last change."""
        if self.url is None:
            about = self.path.stat()
            return about.st_size, datetime.fromtimestamp(about.st_mtime, UTC)
        with self.connected() as connection:
            found: tuple[int, datetime] = self._database.stamp(connection)
            return found

    def root(self) -> str | None:
        """The folder that is indexed, as text that JSON can hold."""
        return self._setting(settings.ROOT)

    def snapshots(self) -> list[str]:
        """The tokens of the last publications, of which the last may not have come about."""
        return self._tokens(settings.SNAPSHOTS)

    def served_vectors(self) -> list[str]:
        """The store's name on a server of vectors, and the tokens of what it wrote there."""
        return self._tokens(settings.SERVED)

    def index(self) -> str | None:
        """The name of the index that was chosen for the vectors; None where none was."""
        return self._setting(settings.INDEX)

    def transcriber(self) -> str | None:
        """The name of what wrote speech down, `none` where it is passed over; None at first."""
        return self._setting(settings.TRANSCRIBER)

    def ocr(self) -> str | None:
        """Which pictures text is read in: `auto`, `none` or `all`; None where nobody said."""
        return self._setting(settings.OCR)

    def stages(self, space: int) -> str | None:
        """What was measured to help after the first stage in a space, as JSON."""
        return self._setting(settings.stages(space))

    def has_bank(self, space: int) -> bool:
        """Whether the captions that stand for any text are kept for a space."""
        return self._setting(settings.bank(space)) is not None

    def bank(self, space: int, dim: int) -> FloatArray:
        """The vectors `(n, dim)` of the captions that stand for any text; none where that of a
        space aren't kept, or are damaged.
        """
        return unpack(self._setting(settings.bank(space)) or "", dim)

    def space(self) -> tuple[int, Space] | None:
        """The space that searches use, with its number."""
        served = [one for one in self.generations() if one.served is not None]
        if not served:
            return None
        newest = max(served, key=lambda one: one.served or 0)
        return newest.space_id, newest.space

    def generations(self) -> list[Generation]:
        """Every generation, in the order in which they were made."""
        rows = self.run(_GENERATIONS)
        if len(rows) > MOST_GENERATIONS:
            raise StoreError(
                f"The catalog {self.path} lists more than {MOST_GENERATIONS} models, which none "
                "does that cmsearch made."
            )
        try:
            return [
                Generation(one, served, created, number, parsed(space), runtime)
                for one, served, created, number, space, runtime in rows
            ]
        except (TypeError, ValueError) as error:
            raise StoreError(f"The catalog {self.path} describes its model wrongly.") from error

    def passes_sound(self) -> bool:
        """Whether sound is passed over, though the model of the index hears."""
        return self._setting(settings.NO_SOUND) is not None

    def sound_space(self) -> tuple[int, Space] | None:
        """The space of the sounds, with its number; None where sound is passed over."""
        value = self._setting(settings.SOUND_SPACE)
        if value is None:
            return None
        with understood(self.path):
            number = int(value)
            query = sa.select(schema.spaces.c.description).where(schema.spaces.c.id == number)
            return number, parsed(self.scalar(query))

    def adapter(self, digest: str) -> bytes | None:
        """The file of an adapter that was learned here or brought here, by its digest."""
        table = schema.adapters.c
        query = sa.select(table.content).where(table.digest == digest)
        query = query.where(IsBlob(table.content))
        content: bytes | None = self.scalar(query)
        return content

    def reranker(self, space: int) -> tuple[str, bytes | None] | None:
        """The digest of the reranker that was learned in a space, and its file; None without one.

        The file is None where it is missing.
        """
        digest = self.reranker_digest(space)
        return None if digest is None else (digest, self.adapter(digest))

    def reranker_digest(self, space: int) -> str | None:
        """The digest of the reranker that was learned in a space; None without one."""
        return self._setting(settings.reranker(space))

    def _tokens(self, name: str) -> list[str]:
        try:
            tokens = json.loads((self._setting(name) or "[]")[:_LONGEST_SNAPSHOTS])
        except (ValueError, RecursionError):
            return []
        return tokens if isinstance(tokens, list) else []

    def _setting(self, name: str) -> str | None:
        known = self._remembered("settings")
        if name in known:
            kept: str | None = known[name]
            return kept
        rows = self.run(_SETTING, name=name)
        value = rows[0][0] if rows and isinstance(rows[0][0], str) else None
        if len(value or "") <= _LONGEST_KEPT:
            known[name] = value
        return value

    # --- changing it ---

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """One transaction: all that the writer does in it, or nothing."""
        if self._read_only:
            raise StoreReadOnlyError(self.path)
        if not self._wrote and self.url is None:
            self._settle_journal()
        self._wrote = True
        with self._translated(), self._engine.begin() as connection:
            writer = Writer(connection, self._database.take_turn(connection))
            yield writer
            writer.finish()

    def _settle_journal(self) -> None:
        """A write-ahead log, which readers go on beside; it doesn't work over a network.

        Only a connection that is alone can change it, so one's own are closed. While another
        process has the catalog open, it stays as it is.
        """
        mode = "delete" if filesystem.is_remote(self.path.parent) else "wal"
        with self._translated():
            with self._engine.connect() as connection:
                if sqlite.journal_mode(connection) == mode:
                    return
            with self._watching:
                assert self._watch is not None
                self._watch.close()
                self._engine.dispose()
                try:
                    with self._engine.connect() as connection:
                        is_set = sqlite.set_journal_mode(connection, mode)
                finally:
                    self._watch = self._engine.connect()
                    self._watches += 1
        if not is_set:
            log.warning(
                "%s is open elsewhere, so its journal can't be changed to %s, which its file "
                "system needs; the next run tries again.",
                self.path,
                mode,
            )
