"""Collections of vectors in PostgreSQL with pgvector, by psycopg: a table each.

The mark of whose a collection is is the comment of its table. Vectors are float16 there, as they
are in the catalog. A graph (HNSW) is made when the first rows are written, after them, and is
looked through further where a filter leaves too few (`hnsw.iterative_scan`). The user, the database
and the password are those of libpq: PGUSER, PGDATABASE, PGPASSWORD, a service or a file of these.
"""

# Tested by tests/contract/test_vector_index.py

from __future__ import annotations

import os
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import psycopg
from psycopg import errors, sql

from cmsearch.errors import StoreError
from cmsearch.protocols import Numbers, ServerAwayError, VectorCollection
from cmsearch.store.catalog.postgres_types import BinaryCursor, Half, adapt
from cmsearch.store.index.address import Address
from cmsearch.store.index.answers import brief, padded
from cmsearch.types import FloatArray, IdArray

_CONNECTING = 5  # seconds
_SECONDS = 10.0
"""How long one request may take."""
_FOR_A_GRAPH = 86_400.0
_MOST_DIM = 4_000  # of a graph of float16
_GRAPH = "m = 24, ef_construction = 128"
_LEAST_EF, _MOST_EF = 400, 1_000
_MOST_SCANNED = 200_000


class PgvectorServer:
    """A connection to PostgreSQL, on a host or by the folder of its socket."""

    def __init__(self, address: Address) -> None:
        self.place = address.place
        host, _, port = address.server.partition(":")
        self._where = {"host": address.path or host, "port": port or None}
        self._lock = threading.RLock()
        self._driver: psycopg.Connection[Any] | None = None
        with self.asking() as driver:
            driver.execute("CREATE EXTENSION IF NOT EXISTS vector")
            adapt(driver)

    def collection(self, name: str) -> VectorCollection:
        """The collection of a name, which need not be there."""
        return PgvectorCollection(self, name)

    @contextmanager
    def asking(self, seconds: float = _SECONDS) -> Iterator[psycopg.Connection[Any]]:
        """The connection in a transaction of its own, made anew if it was lost."""
        with self._lock, self._understood():
            driver = self._driver
            if driver is None or driver.closed:
                driver = self._driver = psycopg.connect(
                    **self._where,  # type: ignore[arg-type]
                    autocommit=True,
                    connect_timeout=_CONNECTING,
                    cursor_factory=BinaryCursor,
                )
                weakref.finalize(self, driver.close)
                adapt(driver)
            with _bounded(driver, seconds), driver.transaction():
                yield driver

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except (errors.DiskFull, errors.OutOfMemory, errors.QueryCanceled) as error:
            raise self._refused(error) from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if "authentication" in str(error) or "does not exist" in str(error):
                raise self._refused(error) from error
            raise ServerAwayError(brief(error)) from error
        except (psycopg.Error, ValueError) as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> StoreError:
        return StoreError(
            f"The server of vectors {self.place} refuses what it is asked: {brief(error)}. Its "
            "user, database and password are those of PGUSER, PGDATABASE and PGPASSWORD."
        )


class PgvectorCollection:
    """A table of vectors, as `VectorCollection` has it."""

    def __init__(self, server: PgvectorServer, name: str) -> None:
        self._server, self._name = server, name
        self._table, self._graph = sql.Identifier(name), sql.Identifier(f"{name}_graph"[-63:])

    def mark(self) -> str | None:
        """What the comment of the table says."""
        with self._server.asking() as driver:
            ((place, mark),) = driver.execute(
                "SELECT to_regclass(%s)::text, obj_description(to_regclass(%s), 'pg_class')",
                [self._quoted, self._quoted],
            ).fetchall()
            if place is None or (mark is None and not self._has_rows(driver)):
                return None
        return mark or ""

    def begin(self, dim: int) -> None:
        """Make an empty table."""
        with self._server.asking() as driver:
            self._run(driver, "DROP TABLE IF EXISTS {table}")
            made = f"CREATE TABLE {{table}} (id bigint PRIMARY KEY, vector halfvec({int(dim)}))"
            self._run(driver, made)
            self._run(driver, "ALTER TABLE {table} ALTER COLUMN vector SET STORAGE EXTERNAL")

    def write(
        self, ids: IdArray, vectors: FloatArray, gone: IdArray, mark: str | None = None
    ) -> None:
        """Upsert rows, delete others, and put the mark, in one transaction."""
        with self._server.asking() as driver:
            if len(ids):
                rows = vectors.astype("<f2")
                with driver.cursor() as cursor:
                    cursor.executemany(
                        self._said(
                            "INSERT INTO {table} VALUES (%s, %s)"
                            " ON CONFLICT (id) DO UPDATE SET vector = excluded.vector"
                        ),
                        [
                            (one, Half(row.tobytes()))
                            for one, row in zip(ids.tolist(), rows, strict=True)
                        ],
                    )
            if len(gone):
                self._run(driver, "DELETE FROM {table} WHERE id = ANY(%s)", [gone.tolist()])
            if mark is not None:
                self._run(driver, "COMMENT ON TABLE {table} IS {mark}", mark=mark)

    def settle(self) -> int:
        """Make the graph if there is none: at once for all rows takes half as long."""
        with self._server.asking(_FOR_A_GRAPH) as driver:
            if self._has_rows(driver):
                self._make_graph(driver)
        return 0

    def count(self) -> int:
        """All rows of the table."""
        with self._server.asking() as driver:
            ((found,),) = self._run(driver, "SELECT count(*) FROM {table}").fetchall()
        return int(found)

    def ids(self, start: int, end: int) -> IdArray:
        """The ids from `start` up to `end`."""
        query = "SELECT id FROM {table} WHERE id >= %s AND id < %s ORDER BY id"
        with self._server.asking() as driver:
            rows = self._run(driver, query, [start, end]).fetchall()
        return np.array([row[0] for row in rows], np.int64)

    def search(self, queries: FloatArray, k: int, among: Numbers | None = None) -> IdArray:
        """The nearest by the graph, or by the filter's rows where these are fewer."""
        wanted, values = _condition(among)
        query = f"SELECT id FROM {{table}} WHERE {wanted} ORDER BY vector <#> %s LIMIT %s"
        found: list[list[int]] = []
        with self._server.asking() as driver:
            depth = min(max(2 * k, _LEAST_EF), _MOST_EF)
            driver.execute(f"SET LOCAL hnsw.ef_search = {depth}")
            driver.execute("SET LOCAL hnsw.iterative_scan = relaxed_order")
            driver.execute(f"SET LOCAL hnsw.max_scan_tuples = {_MOST_SCANNED}")
            for row in queries.astype("<f2"):
                asked = [*values, Half(row.tobytes()), k]
                found.append([hit[0] for hit in self._run(driver, query, asked)])
        return padded(found)

    def drop(self) -> None:
        """Delete the table, if it is there."""
        with self._server.asking() as driver:
            self._run(driver, "DROP TABLE IF EXISTS {table}")

    @property
    def _quoted(self) -> str:
        return self._table.as_string(None)

    def _has_rows(self, driver: psycopg.Connection[Any]) -> bool:
        return self._run(driver, "SELECT 1 FROM {table} LIMIT 1").fetchone() is not None

    def _make_graph(self, driver: psycopg.Connection[Any]) -> None:
        ((dim,),) = self._run(
            driver,
            "SELECT atttypmod FROM pg_attribute"
            " WHERE attrelid = {name}::regclass AND attname = 'vector'",
        ).fetchall()
        if dim <= _MOST_DIM:
            driver.execute("SET LOCAL maintenance_work_mem = '512MB'")
            made = "CREATE INDEX IF NOT EXISTS {graph} ON {table} USING hnsw"
            self._run(driver, f"{made} (vector halfvec_ip_ops) WITH ({_GRAPH})")

    def _run(
        self, driver: psycopg.Connection[Any], query: str, values: Any = None, mark: str = ""
    ) -> psycopg.Cursor[Any]:
        return driver.execute(self._said(query, mark), values)

    def _said(self, query: str, mark: str = "") -> sql.Composed:
        made = sql.SQL(query)
        return made.format(
            table=self._table,
            graph=self._graph,
            mark=sql.Literal(mark),
            name=sql.Literal(self._quoted),
        )


@contextmanager
def _bounded(driver: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Hang up on a server that takes so long: libpq itself waits for ever."""
    is_late = threading.Event()

    def hang_up() -> None:
        is_late.set()
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(driver.fileno())) as one:
            one.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg.OperationalError as error:
        if is_late.is_set():
            raise ServerAwayError(f"a request took {seconds:g} s") from error
        raise
    finally:
        timer.cancel()


def _condition(among: Numbers | None) -> tuple[str, list[Any]]:
    """What a filter lets pass, as a condition and its values."""
    if among is None:
        return "true", []
    if among.kind == "ranges":
        first, last = among.ids[:, 0].tolist(), among.ids[:, 1].tolist()
        within = "id BETWEEN own.first AND own.last"
        rows = "unnest(%s::bigint[], %s::bigint[]) AS own(first, last)"
        return f"EXISTS (SELECT 1 FROM {rows} WHERE {within})", [first, last]
    test = "id = ANY(%s::bigint[])" if among.kind == "in" else "id <> ALL(%s::bigint[])"
    return test, [among.ids.tolist()]
