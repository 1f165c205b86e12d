"""The route that lists files by their days."""

# Tested by tests/e2e/server/test_listing.py

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from cmsearch.search.listing import MOST, MOST_HASHES
from cmsearch.server import context
from cmsearch.server.requests import Filters, Number, filter_of
from cmsearch.server.sizes import FREQUENCIES, lowest, shapes_of
from cmsearch.server.stores import hit_in

router = APIRouter(prefix="/v1", tags=["items"])


class Files(Filters):
    """Which files are wanted from which on; the filters are those of a search."""

    store: str | None = Field(None, max_length=255)
    target: str = Field("any", max_length=50, examples=["any", "image", "video"])
    order: Literal["newest", "oldest"] = "newest"
    offset: int = Field(0, ge=0, lt=2**31)

    @property
    def asked(self) -> dict[str, Any]:
        """What the engine is asked, but for the `limit`. Raises `QueryError`."""
        own = {"target": self.target, "newest": self.order == "newest", "offset": self.offset}
        return {"where": filter_of(self), **own}


class Part(Files):
    """Which part of a list is wanted."""

    limit: int = Field(100, ge=1, le=MOST)
    shapes: bool = Field(
        False, description="Whether `sizes` and `previews` are told too, as by `/v1/sizes`."
    )


class Previewed(Files):
    """Which part of a list is seen from afar."""

    limit: int = Field(MOST_HASHES, ge=1, le=MOST_HASHES)


class Previews(BaseModel):
    """What the files of a part of a list look like from afar."""

    store: str
    offset: int
    previews: str = Field(
        description=f"Of each file {FREQUENCIES**2} bytes as one of `/v1/sizes`, or zeros, one "
        "after the other, in base64."
    )


class Picked(BaseModel):
    """Items by their numbers."""

    model_config = ConfigDict(extra="forbid")
    store: str | None = Field(None, max_length=255)
    items: list[Number] = Field(max_length=MOST, examples=[[1, 2]])


@router.get("/items", summary="The files, by when they were taken")
async def listing(request: Request, part: Annotated[Part, Query()]) -> dict[str, Any]:
    """Files that pass filters, those without a time last; of each its first item, as hits have it,
    and the `total` of them.
    """
    own = context.of(request)
    served = own.stores.get(part.store)

    def found(_: Any) -> dict[str, Any]:
        listed = served.engine.listed(**part.asked, limit=part.limit)
        numbers = [hit.item for hit in listed.hits]
        return {
            **(shapes_of(served, numbers) if part.shapes else {}),
            "store": served.name,
            "total": listed.total,
            "offset": listed.offset,
            "hits": [hit_in(served, hit) for hit in listed.hits],
        }

    return await own.work.run(request, found)


@router.get(
    "/previews",
    summary="What the files look like, by when they were taken",
    response_model=Previews,
)
async def previews(request: Request, part: Annotated[Previewed, Query()]) -> dict[str, Any]:
    """Of the list of `/v1/items` what its pictures look like from afar, thousands in an answer, so
    that something can be drawn wherever somebody leaps to.
    """
    own = context.of(request)
    served = own.stores.get(part.store)

    def found(_: Any) -> dict[str, Any]:
        hashes = served.engine.hashes(**part.asked, limit=part.limit)
        packed = b64encode(b"".join(map(lowest, hashes))).decode()
        return {"store": served.name, "offset": part.offset, "previews": packed}

    return await own.work.run(request, found)


@router.post("/picked", summary="Items by their numbers, as hits")
async def of_numbers(request: Request, body: Picked) -> dict[str, Any]:
    """Hits without score and relevance, such as the copies that were folded into a hit of a search,
    in the order asked for; those that are gone are missing.
    """
    own = context.of(request)
    served = own.stores.get(body.store)

    def found(_: Any) -> dict[str, Any]:
        hits = served.engine.picked(body.items)
        return {"store": served.name, "hits": [hit_in(served, hit) for hit in hits]}

    return await own.work.run(request, found)
