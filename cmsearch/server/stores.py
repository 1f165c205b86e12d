"""The stores that a service answers for, by name."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmsearch.errors import QueryError
from cmsearch.search import engine as engines
from cmsearch.search.engine import Engine
from cmsearch.search.wire import hit_as_json
from cmsearch.server.batching import Batching
from cmsearch.server.errors import NotThereError, NotTrustedError
from cmsearch.store.object_places import address_of
from cmsearch.types import Hit


@dataclass(frozen=True, slots=True)
class Served:
    """A store under its name, with its engine and what encodes for it."""

    name: str
    engine: Engine
    batching: Batching
    has_own_media: bool = True
    """Whether its files may be read, as the user said when it was opened."""

    @property
    def root(self) -> Path:
        """The folder that the store is of."""
        return self.engine.store.root

    def check_trusted(self) -> None:
        """Raise `NotTrustedError` for a store that only says which folder it is of."""
        if not self.has_own_media:
            raise NotTrustedError(
                f"No file is read for {self.name}: this index only says that it is of "
                f"{address_of(self.root)}. If you trust who made it, start this again with "
                "--trust, which is remembered."
            )


def hit_in(served: Served, hit: Hit) -> dict[str, Any]:
    """A hit in JSON's types, with the name of its store."""
    return {**hit_as_json(hit), "store": served.name}


class Stores:
    """Open stores by name. `close` them, or use it in a `with` block."""

    def __init__(self, served: Mapping[str, Served]) -> None:
        self._served = dict(served)

    def __enter__(self) -> Stores:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release all stores."""
        for one in self._served.values():
            one.engine.close()

    @property
    def all(self) -> tuple[Served, ...]:
        """All stores, in the order in which they were given."""
        return tuple(self._served.values())

    def get(self, name: str | None) -> Served:
        """The store of a name; without a name the only one. Raises `NotThereError`, and
        `QueryError` where it has to be named.
        """
        names = ", ".join(self._served)
        if name is None:
            if len(self._served) > 1:
                raise QueryError(f"Say which store is meant, as `store`: {names}.")
            return next(iter(self._served.values()))
        if name not in self._served:
            raise NotThereError(f"There is no store {name!r} here; there is {names}.")
        return self._served[name]

    def of(self, engine: Engine) -> Served:
        """The store of an engine."""
        return next(one for one in self._served.values() if one.engine is engine)


def open_stores(places: Sequence[Path], device: str | None = None) -> Stores:
    """Open the stores at, in, or above `places`, named as their folders are; a second one of a name
    gets a number. Raises `StoreError` where one can't be opened.
    """
    served: dict[str, Served] = {}
    try:
        for place in places:
            engine = engines.open(place, device=device)
            name = _free(engine.store.root.name or "root", served)
            served[name] = Served(name, engine, Batching(engine.encode), engine.store.has_own_media)
    except BaseException:
        Stores(served).close()
        raise
    return Stores(served)


def _free(name: str, taken: Mapping[str, object]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found
