"""The tools by which agents see what there is: values of filters, and the state of the indexes."""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from cmsearch.common.text import native
from cmsearch.search.query.grammar import parse
from cmsearch.server.agents.answers import answered
from cmsearch.server.agents.arguments import FacetName, Store, Target, Text, Where
from cmsearch.server.agents.names import store_of
from cmsearch.server.agents.results import Result, Understood, plain, understood
from cmsearch.server.agents.searching import EVERYTHING
from cmsearch.server.requests import filter_of
from cmsearch.server.stores import Served, Stores
from cmsearch.store.inventory import take_inventory
from cmsearch.types import Count, Facet, Facets

_FEW, _MANY = 15, 300
"""Values that are given of each facet, and of one alone."""
_NOT_SHOWN = ("total", "among", "days", "months")
"""What is no facet, and what has too many values to be shown beside others."""


class Value(BaseModel):
    """A value of a filter."""

    value: str = Field(description="As the filter takes it.")
    count: int = Field(description="How many files have it.")
    near: str | None = Field(None, description="Of a town, what `filters.near` takes for it.")


class Values(BaseModel):
    """The values of one filter, days and stars in their order, else the most frequent first."""

    values: list[Value]
    left_out: int = Field(0, description="How many more there are.")


class FacetsResult(Result):
    """What hits can be filtered by."""

    store: str = ""
    total: int = Field(0, description="How many files pass the filters, and fit the query.")
    facets: dict[str, Values] = Field({})
    applied: list[Understood] = Field([])


class StoreStatus(BaseModel):
    """What is in one collection."""

    store: str
    folder: str
    model: str | None
    files: dict[str, int] = Field(description="By kind.")
    items: dict[str, int] = Field(description="By kind.")
    vectors: dict[str, int] = Field(description="By modality; only these are found.")
    skipped: int = Field(description="Files that could not be read.")
    lacking: int = Field(description="Files that are still to be encoded.")
    first_day: str | None
    last_day: str | None
    years: dict[str, int]
    countries: dict[str, int]
    noted: dict[str, int] = Field(description="Keywords, people, places; rated, labelled files.")
    changed: str = Field(description="When the index was changed last, in UTC.")
    read_only: bool


class StatusResult(Result):
    """What is in each collection."""

    stores: list[StoreStatus] = Field([])


class Overview:
    """The tools that count."""

    def __init__(self, opened: Callable[[], Stores]) -> None:
        self._opened = opened

    def list_facets(
        self,
        query: Text = "",
        facet: FacetName = "",
        filters: Where = EVERYTHING,
        target: Target = "any",
        store: Store = "",
    ) -> Annotated[CallToolResult, FacetsResult]:
        """Count what there is by year, camera, folder, country, town, kind, keyword, person, stars
        and label: all of it, or what fits a query.

        Example: {"facet": "people"} or {"query": "beach", "filters": {"since": "2023"}}. Each is
        counted without its own filter, so that its other values show.
        """
        served = store_of(self._opened(), store)
        where, result = filter_of(filters), FacetsResult(store=served.name)
        if query.strip():
            asked = served.engine.understand(parse(query), where)
            result.applied = [understood(one) for one in asked.applied]
            found = served.engine.facets(asked.query, asked.where, target=target)
        else:
            found = served.engine.facets(where=where, target=target)
        result.total, result.facets = found.total, _facets(found, facet)
        return answered(result)

    def index_status(self, store: Store = "") -> Annotated[CallToolResult, StatusResult]:
        """Say which collections there are, and what is in each: files, items, days, places, and
        how fresh it is. Example: {}.
        """
        stores = self._opened()
        chosen = (store_of(stores, store),) if store else stores.all
        return answered(StatusResult(stores=[_status(own) for own in chosen]))


def _facets(found: Facets, name: str) -> dict[str, Values]:
    """All facets that have a value, but days, of which there are too many; or one."""
    if name:
        return {name: _values(getattr(found, name), _MANY)}
    names = [one for one in Facets.__dataclass_fields__ if one not in _NOT_SHOWN]
    told = {one: _values(getattr(found, one), _FEW) for one in names}
    return {one: values for one, values in told.items() if values.values}


def _values(facet: Facet, most: int) -> Values:
    shown = facet.counts[:most]
    left_out = facet.left_out + len(facet.counts) - len(shown)
    return Values(values=[_value(one) for one in shown], left_out=left_out)


def _value(one: Count) -> Value:
    near = None
    if one.near is not None:
        north, east, kilometres = one.near
        near = f"{north:.4f},{east:.4f},{kilometres:g}"
    return Value(value=plain(native(one.value)), count=one.count, near=near)


def _status(served: Served) -> StoreStatus:
    found = take_inventory(served.engine.store)
    return StoreStatus(
        store=served.name,
        folder=plain(str(found.folder), 4096),
        model=None if found.serving is None else plain(found.serving.model),
        files=_plain(found.files),
        items=_plain(found.items),
        vectors=_plain(found.vectors),
        skipped=found.skipped,
        lacking=0 if found.serving is None else found.serving.lacking,
        first_day=found.first_day,
        last_day=found.last_day,
        years=_plain(found.years),
        countries=_plain(found.countries),
        noted=_plain(found.notes),
        changed=found.changed,
        read_only=served.engine.store.read_only,
    )


def _plain(counts: Mapping[str, int]) -> dict[str, int]:
    return {plain(name): count for name, count in islice(counts.items(), _MANY)}
