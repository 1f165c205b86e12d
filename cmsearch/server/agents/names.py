"""What names of agents mean, of stores and of items. One that may mean several is answered with
these, so that the agent, or who it asks for, can choose.
"""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

from cmsearch.common import locators
from cmsearch.common.text import caseless, native
from cmsearch.errors import QueryError
from cmsearch.server.agents.results import Candidate, Choice, plain
from cmsearch.server.errors import NotThereError
from cmsearch.server.located import item_of
from cmsearch.server.stores import Served, Stores
from cmsearch.store.catalog import file_items, files
from cmsearch.store.object_places import address_of
from cmsearch.types import Item, Modality

MOST = 20
"""Candidates that are given."""


class AmbiguousError(Exception):
    """A name may mean several: `choice` has them. It never leaves the tools."""

    def __init__(self, choice: Choice) -> None:
        super().__init__(choice.given)
        self.choice = choice


def store_of(stores: Stores, name: str) -> Served:
    """The store that is meant: the only one, that of a name, or the only one with it in its name.

    Raises `AmbiguousError`, and `NotThereError` where none has it.
    """
    wanted, known = caseless(name.strip()), stores.all
    exact = [one for one in known if one.name == name]
    found = exact or [one for one in known if caseless(one.name) == wanted]
    found = found or [one for one in known if wanted in caseless(one.name)]
    if len(found) == 1:
        return found[0]
    if not found:
        return stores.get(name)  # which says what there is
    told = [Candidate(value=one.name, name=plain(address_of(one.root))) for one in found[:MOST]]
    raise AmbiguousError(Choice(argument="store", given=name, candidates=told))


def item_named(served: Served, given: int | str) -> Item:
    """The item of a number, or of the name of a file, or of a part of that.

    Raises `AmbiguousError`, and `NotThereError`.
    """
    if isinstance(given, int) or given.strip().isdecimal():
        number = int(str(given)[:20])
        return item_of(served, min(number, 2**63 - 1))
    found = _named(served, given.strip())
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotThereError(
            f"No file of {served.name} is called {plain(given, 200)!r}. Search for it, and give "
            "the `item` of a hit."
        )
    sources = [locators.source(native(one.path), one.locator) for one in found[:MOST]]
    told = [
        Candidate(value=one.id, name=plain(f"{source}, {one.kind}"))
        for one, source in zip(found, sources, strict=False)
    ]
    raise AmbiguousError(Choice(argument="item", given=plain(given, 200), candidates=told))


def _named(served: Served, given: str) -> list[Item]:
    """The items of the files that a name is of: a picture stands for all that is about it."""
    if not given:
        raise QueryError("Say which item: its number, as a hit has it, or the name of its file.")
    catalog, wanted = served.engine.store.catalog, caseless(given)
    paths = files.paths_with(catalog, given)
    same = [path for path in paths if caseless(path) == wanted]
    ends = [path for path in paths if caseless(path).endswith(f"/{wanted}")]
    holds = [path for path in paths if wanted in caseless(path)]
    chosen = same or ends or holds
    items = file_items.in_files(catalog, sorted(chosen)[: MOST + 1])
    pictures = [one for one in items if one.modality is Modality.IMAGE]
    whole = {one.path for one in pictures if not one.locator}
    others = [one for one in items if one.path not in whole]
    return sorted(
        [one for one in pictures if one.path in whole] + others, key=lambda one: (one.path, one.id)
    )
