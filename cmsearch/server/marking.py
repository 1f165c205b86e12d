"""The routes of marks: what is right or wrong for a query, said and listed."""

# Tested by tests/e2e/server/test_marking.py

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from cmsearch.common import locators
from cmsearch.search.query.grammar import parse
from cmsearch.search.wire import mark_as_json
from cmsearch.server import context
from cmsearch.server.bodies import described, sent
from cmsearch.server.errors import NotThereError
from cmsearch.server.located import item_of
from cmsearch.server.requests import LONGEST, Files, Number, Part, SearchBody
from cmsearch.server.searching import understood
from cmsearch.server.stores import Served

router = APIRouter(prefix="/v1", tags=["marks"])
MOST = 1000
"""Marks of one answer."""
_TARGET = ["any", "image", "text", "video"]


class MarkBody(BaseModel):
    """An item that is right or wrong for a query, which is written as that of a search."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"query": "a tabby cat", "target": "image", "item": 7, "right": True}]
        },
    )
    store: str | None = Field(None, max_length=255)
    query: str | None = Field(None, max_length=LONGEST)
    parts: list[Part] = Field([], max_length=16)
    without: list[Part] = Field([], max_length=16)
    literal: bool = Field(False, description="No words are taken as days or places.")
    target: str = Field("any", max_length=50, examples=_TARGET)
    item: Number
    source: str | None = Field(
        None, max_length=10_000, description="Its `source`: an item that isn't it is refused."
    )
    right: StrictBool | None = Field(description="Right or wrong; null takes back what was said.")


class MarkFields(BaseModel):
    """What was said; docs/scripting.md says more of each field."""

    query: str = Field(examples=["a tabby cat"])
    target: str = Field(examples=_TARGET)
    right: bool
    path: str
    source: str
    kind: str
    locator: str
    day: str = Field(examples=["2024-05-31"])
    item: int | None = Field(description="Its number; null where it isn't in the index now.")


class Marked(BaseModel):
    """What is kept of an item now."""

    store: str
    mark: MarkFields | None


class MarkList(BaseModel):
    """Marks, the oldest first."""

    store: str
    total: int
    offset: int
    marks: list[MarkFields]


@router.post(
    "/marks",
    summary="Say that an item is right or wrong for a query",
    responses={200: {"model": Marked}},
    openapi_extra={"requestBody": described(MarkBody, "image", "audio")},
)
async def mark(request: Request) -> dict[str, Any]:
    """The index keeps it in place of what was said before of the same item for the same query."""
    body, files = await sent(request, MarkBody)
    own = context.of(request)
    served = own.stores.get(body.store)
    return await own.work.run(request, lambda _: _marked(served, body, files))


@router.get(
    "/marks",
    summary="What was said to be right or wrong",
    responses={200: {"model": MarkList}},
)
async def marks(
    request: Request,
    q: Annotated[str | None, Query(max_length=LONGEST, examples=["a tabby cat"])] = None,
    store: Annotated[str | None, Query(max_length=255)] = None,
    target: Annotated[str | None, Query(max_length=50)] = None,
    offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> dict[str, Any]:
    """All marks, or those for a text or a target, the oldest first, part by part."""
    own = context.of(request)
    served = own.stores.get(store)

    def found(_: Any) -> dict[str, Any]:
        asked = None if q is None else parse(q)
        shown = served.engine.marks(asked, target=target, offset=offset, limit=limit)
        return {
            "store": served.name,
            "total": served.engine.count_marks(asked, target=target),
            "offset": offset,
            "marks": [mark_as_json(one) for one in shown],
        }

    return await own.work.run(request, found)


def _marked(served: Served, body: MarkBody, files: Files) -> dict[str, Any]:
    asked = SearchBody(
        query=body.query, parts=body.parts, without=body.without, literal=body.literal
    )
    query = understood(served, asked, files).query
    item = item_of(served, body.item)
    if body.source not in (None, locators.source(item.path, item.locator)):
        raise NotThereError(
            f"Item {item.id} isn't {body.source} any more: the index has changed. Search again."
        )
    made = served.engine.mark(query, item.id, body.right, target=body.target)
    return {"store": served.name, "mark": made and mark_as_json(made)}
