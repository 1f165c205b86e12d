"""Move a store to PostgreSQL and back, and compare the catalogs.

    python -m scripts.bench.moving_stores STORE [--url URL]

STORE is the folder of an index, as `scripts.bench.scale_store` makes them; it is only read. Without
a URL a server of its own is started, as in tests. Prints what each step takes, and ends with 1 if
the catalogs differ. `scripts.bench.random_filters` asks both the same filters.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from cmsearch.store.catalog import moving, schema
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.store import CATALOG, Store
from tests import postgres

Result = TypeVar("Result")
_WORDS = sa.table("words", sa.column("rowid"), sa.column("text"))
_OF_PLACES = ("snapshots",)


def timed(what: str, call: Callable[[], Result]) -> Result:
    """Do something and say how long it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    print(
        f"{what}: {time.perf_counter() - wall:.1f} s, of which {time.process_time() - cpu:.1f} s "
        "of this process",
        flush=True,
    )
    return result


def digest(catalog: Catalog) -> dict[str, tuple[int, str]]:
    """Of each table the number of its rows, and a digest of all that is in them."""
    found = {}
    with catalog.reading():
        for table in (*schema.meta.sorted_tables, _WORDS):
            key, after, count = next(iter(table.c)), None, 0
            made = hashlib.sha256()
            query = sa.select(*table.c).order_by(key).limit(5_000)
            while rows := catalog.rows(query if after is None else query.where(key > after)):
                after = rows[-1][0]
                for row in rows:
                    if table is not schema.settings or row[0] not in _OF_PLACES:
                        made.update(repr(tuple(row)).encode())
                        count += 1
            found[table.name] = count, made.hexdigest()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--url")
    options = parser.parse_args()
    with Store(options.store) as store, tempfile.TemporaryDirectory() as place:
        first, path = store.catalog, Path(place) / CATALOG
        there = Catalog(path, url=sa.make_url(options.url or postgres.empty()))
        timed("to PostgreSQL", lambda: moving.move(first, there))
        timed("back", lambda: moving.copy(there, path))
        back = Catalog(path)
        wanted, *others = (
            timed("digest", lambda one=one: digest(one)) for one in (first, there, back)
        )
        same = all(other == wanted for other in others)
        print(f"{wanted['items'][0]} items; catalogs are {'equal' if same else 'DIFFERENT'}")
        size = there.stamp()[0]
        print(f"{first.stamp()[0] / 1e6:.0f} MB in SQLite, {size / 1e6:.0f} MB in PostgreSQL")
        back.close(), there.close()
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
