"""Several stores as one, against one store of the same items.

    python -m scripts.bench.many_stores /tmp/many --rows 100000 --stores 8 --queries 200
    python -m scripts.bench.many_stores /tmp/many --of STORE --stores 8

The second splits a store of photographs by their paths; it is only read. Exact indexes are compared
as well as those that are searched by lists of codes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

import cmsearch
from cmsearch import Engine, FederatedEngine, Hit, Ranking
from cmsearch.store import publication
from cmsearch.store.catalog import schema, sqlite_words
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.store import DIRECTORY, Store
from scripts.bench import big_store
from scripts.bench.scale_store import WAYS, WorldEncoder

AT = 10
_PAGE = 5_000


def split(source: Path, folder: Path, number: int) -> list[Path]:
    """The photographs of a store in so many others, in the order of their paths, and all of them in
    one; the first of all is that.
    """
    with Store(source) as store, store.reading() as view:
        order = sa.select(schema.assets.c.id).order_by(schema.assets.c.path)
        ids = [row[0] for row in store.catalog.rows(order)]
        size = -(-len(ids) // number)
        parts = [ids[start : start + size] for start in range(0, len(ids), size)]
        names = ["whole", *(f"part {place}" for place in range(len(parts)))]
        for name, own in zip(names, (ids, *parts), strict=True):
            if not (folder / name).exists():
                _copied(store.catalog, view.space_id, own, folder / name)
    return [folder / name for name in names]


def _copied(catalog: Catalog, space: int, assets: Sequence[int], folder: Path) -> None:
    """A published store with some assets of a catalog and what is of them."""
    folder.mkdir(parents=True)
    served = catalog.space()
    assert served is not None
    with Store(folder / DIRECTORY, folder) as store:
        with store.catalog.writing() as writer:
            own = writer.put_space(served[1], "numpy")
            writer.put_bank(own, catalog.bank(space, served[1].dim))
        (made,) = store.catalog.generations()
        with store.catalog.writing() as writer:
            writer.serve(made.id)
        with store.catalog.connected() as connection:
            pages = iter(assets)
            while page := list(islice(pages, _PAGE)):
                _add(catalog, connection, (space, own), page)
            sqlite_words.make(connection)
            connection.commit()
        store.publish()


def _add(
    catalog: Catalog, connection: sa.Connection, spaces: tuple[int, int], page: Sequence[int]
) -> None:
    tables = schema.meta.tables
    held = tables["items"].c.asset.in_(page) | tables["items"].c.about.in_(page)
    items = sa.select(tables["items"].c.id).where(held)
    embeddings = tables["embeddings"].c
    inside = embeddings.item.in_(items) & (embeddings.space == spaces[0])
    for name, which in (
        ("assets", tables["assets"].c.id.in_(page)),
        ("items", held),
        ("embeddings", inside),
    ):
        rows = [dict(row._mapping) for row in catalog.rows(sa.select(tables[name]).where(which))]
        for row in rows:
            if name == "embeddings":
                row["space"] = spaces[1]
        connection.execute(sa.insert(tables[name]), rows)
    connection.commit()


def compared(
    one: Engine, many: FederatedEngine, queries: Sequence[str], ranking: Ranking
) -> dict[str, Any]:
    """How far the hits of several stores are those of one, and what a query takes of either."""
    firsts, overlaps, same = 0, 0.0, 0
    took: dict[str, list[float]] = {"one": [], "many": []}

    def asked(name: str, search: Callable[..., list[Hit]], query: str) -> list[str]:
        start = time.process_time()
        hits = search(query, target="image", k=AT, ranking=ranking)
        took[name].append(1e3 * (time.process_time() - start))
        return [hit.source for hit in hits]

    for query in queries:
        ours, theirs = asked("many", many.search, query), asked("one", one.search, query)
        firsts += ours[:1] == theirs[:1]
        same += ours == theirs
        overlaps += len({*ours} & {*theirs}) / max(len(theirs), 1)
    count = len(queries)
    return {
        "the same first hit": firsts / count,
        f"overlap@{AT}": round(overlaps / count, 4),
        "identical": same / count,
        **{f"CPU ms, {name}": round(float(np.median(own)), 1) for name, own in took.items()},
    }


def measured(whole: Path, parts: Sequence[Path], queries: Sequence[str]) -> dict[str, Any]:
    """Both ways of ranking, for the index that the stores have."""
    found: dict[str, Any] = {}
    with cmsearch.open(whole) as one, cmsearch.open(list(parts)) as many:
        for own in (one, *many.engines):
            if own.space.encoder == "bench":
                own._models._encoder = WorldEncoder(own.space)
        start = time.process_time()
        many.search("the first", target="image")
        found["the first search, CPU s"] = round(time.process_time() - start, 2)
        for name, ranking in WAYS.items():
            found[name] = compared(one, many, queries, ranking)
    return found


def _choose(folders: Sequence[Path], index: str) -> None:
    for folder in folders:
        with Store(folder / DIRECTORY) as store:
            if publication.index_name(store.catalog) != index:
                publication.choose_index(store.catalog, index)


def main() -> None:
    """Make the stores, unless they are there, and print what is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--of", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--stores", type=int, default=8)
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    source = options.of
    if source is None:
        source = options.folder / "source" / DIRECTORY
        if not source.exists():
            big_store.fill(source.parent, options.rows)
    whole, *parts = split(source, options.folder, options.stores)
    queries = [f"text {number}" for number in range(options.queries)]
    for index in ("exact", "faiss"):
        _choose([whole, *parts], index)
        print(json.dumps({"index": index, **measured(whole, parts, queries)}, indent=1))


if __name__ == "__main__":
    main()
