"""What a store takes on a server of PostgreSQL, whose vectors pgvector searches there.

The copy is made as `cmsearch copy` makes it, on a server that is started for it, and given a graph
by `--vectors pgvector:…`. Times of the server are the processor times of all its processes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from cmsearch.store import copying, publication, remote
from cmsearch.store.store import Store, open_at
from cmsearch.types import Filter
from scripts.bench import random_filters
from tests import postgres

NAME = "PostgreSQL, halfvec and HNSW"
TEXTS = 200
_SIZES = sa.text(
    "SELECT sum(pg_table_size(oid)), sum(pg_indexes_size(oid)), (SELECT sum(pg_relation_size(oid))"
    " FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE '%graph')"
    " FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
)
"""Of the vectors, which alone lie there: the catalog is in a schema of its own."""

Search = Callable[[Path, Callable[[], float]], dict[str, Any]]


def measured(place: Path, search: Search) -> dict[str, Any]:
    """What the items of a local store take there: bytes, and times of searches by `search`."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name in ("CACHE", "CONFIG"):
            patch.setenv(f"CMSEARCH_{name}", f"{folder}/{name}")
        patch.setenv("PGUSER", os.environ.get("PGUSER", "postgres"))
        there = remote.place_of(postgres.empty())
        with open_at(place) as store:
            copying.copy_to_server(store, there)
        with Store(there) as store:
            publication.choose_index(store.catalog, f"pgvector:{postgres.socket_folder()}")
            store.publish()
            found = random_filters.searched(store, [(None, Filter())] * TEXTS)
            with store.catalog.connected() as connection:
                rows, indexes, graph = connection.execute(_SIZES).one()
        return {
            **search(there, server_seconds),
            "recall": round(found.recall, 4),
            "vectors bytes": int(rows + indexes),
            "graph bytes": int(graph),
        }


def server_seconds() -> float:
    """Seconds of a processor that the processes of the server took, those that ended too."""
    own = psutil.Process(postgres.server().get_pid())
    times = [one.cpu_times() for one in (own, *own.children())]
    ended = own.cpu_times()
    done = ended.children_user + ended.children_system
    return float(sum(one.user + one.system for one in times) + done)


def add(data: dict[str, Any], own: dict[str, Any]) -> None:
    """Put what was measured in place of what was with as many items, the largest into the row."""
    rest = [old for old in data.get("postgres", ()) if old["items"] != own["items"]]
    data["postgres"] = rows = sorted([*rest, own], key=lambda one: one["items"])
    largest = rows[-1]
    disk = sum(largest[f"{name} bytes"] for name in ("catalog", "vectors", "derived"))
    data["backends"][NAME] = {
        "disk bytes": round(disk / largest["items"]),
        "memory bytes": round(largest["graph bytes"] / largest["items"]),
        "search": f"CPU {_search(largest)}; {largest['recall']:.3f}",
        "at": f"{largest['items']:,} items",
    }


def _search(own: dict[str, Any]) -> str:
    ways = (
        f"{own[f'{name} ms']:.1f} + {own[f'{name} ms there']:.1f} {name}"
        for name in ("plain", "default")
    )
    return ", ".join(ways)


def table(data: dict[str, Any]) -> str:
    """A line for each number of items."""
    lines = [
        "| items in PostgreSQL | search, CPU ms here + on the server | recall@10 | catalog, bytes "
        "an item | vectors with HNSW | of these the graph | derived here |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for own in data.get("postgres", ()):
        sizes = ("catalog bytes", "vectors bytes", "graph bytes", "derived bytes")
        each = " | ".join(f"{own[name] / own['items']:,.0f}" for name in sizes)
        lines.append(f"| {own['items']:,} | {_search(own)} | {own['recall']:.4f} | {each} |")
    return "\n".join(lines) if len(lines) > 2 else ""
