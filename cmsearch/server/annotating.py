"""The routes that propose labels and captions for pictures, and write those that are accepted."""

# Tested by tests/e2e/server/test_annotating.py

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cmsearch.annotate.annotation import Annotation, Described, Labelled, describe, label
from cmsearch.annotate.sidecars import Sidecars
from cmsearch.common import locators
from cmsearch.common.kinds import PICTURES
from cmsearch.errors import MediaError, QueryError, StoreReadOnlyError
from cmsearch.media.readers import kind_at
from cmsearch.server import context
from cmsearch.server.errors import NotThereError
from cmsearch.server.located import Folder, file_of, files_of, item_of
from cmsearch.server.requests import Number
from cmsearch.server.stores import Served

router = APIRouter(prefix="/v1", tags=["annotate"])
MOST = 100
"""Pictures, and labels, of one request."""
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Caption = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class ProposeBody(BaseModel):
    """The pictures that something is to be said about, and the labels that it may be."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"items": [12, 30], "labels": ["cat", "dog"]}]},
    )
    store: str | None = Field(None, max_length=255)
    items: list[Number] = Field(min_length=1, max_length=MOST)
    labels: list[Label] = Field(
        [], max_length=MOST, description="Without any, captions of other pictures are proposed."
    )
    least: float | None = Field(None, ge=0, le=1, description="How likely each has to be.")


class Proposal(BaseModel):
    """A label, or a caption of another picture, and how likely it is about this one."""

    text: str
    confidence: float | None


class Proposed(BaseModel):
    """What is proposed for a picture."""

    item: int
    labels: list[Proposal]
    captions: list[Proposal]


class Proposals(BaseModel):
    """Of each picture what is proposed, in the order asked for; what is none is missing."""

    store: str
    proposals: list[Proposed]


class AcceptBody(BaseModel):
    """What is to be written about a picture."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"item": 12, "labels": ["cat"]}]}
    )
    store: str | None = Field(None, max_length=255)
    item: Number
    source: str | None = Field(
        None, max_length=10_000, description="Its `source`: an item that isn't it is refused."
    )
    labels: list[Label] = Field([], max_length=MOST)
    caption: Caption | None = None


class Accepted(BaseModel):
    """What came of it."""

    store: str
    path: str = Field(description="The file beside the picture.")
    outcome: str = Field(
        examples=["written"],
        description="`written`, `changed`, or `kept` where it had all, or another description.",
    )


@router.post(
    "/annotations",
    summary="Propose labels or captions for pictures",
    responses={200: {"model": Proposals}},
)
async def propose(request: Request, body: ProposeBody) -> dict[str, Any]:
    """What `cmsearch annotate` says of them; nothing is written."""
    own = context.of(request)
    served = own.stores.get(body.store)
    return await own.work.run(request, lambda check: _proposed(served, body, check))


@router.post(
    "/sidecars",
    summary="Write labels and a caption beside a picture",
    responses={200: {"model": Accepted}},
)
async def accept(request: Request, body: AcceptBody) -> dict[str, Any]:
    """Keywords and a description in `NAME.jpg.xmp`, as `cmsearch annotate --xmp` writes them: what
    is there stays. They are found once the index is brought up to date.
    """
    own = context.of(request)
    served = own.stores.get(body.store)
    return await own.work.run(request, lambda _: _accepted(served, body))


def _proposed(served: Served, body: ProposeBody, check: Callable[[], None]) -> dict[str, Any]:
    found_at = files_of(served, body.items)
    files = {item.id: path for item, path in found_at if kind_at(path) in PICTURES}
    check()
    limits: dict[str, Any] = {} if body.least is None else {"least": body.least}
    pictures = list(dict.fromkeys(files.values()))
    if not pictures:
        raise NotThereError("None of these is a picture that is there. Search again.")
    if body.labels:
        labels = list({one.casefold(): one for one in body.labels}.values())
        found = label(served.engine, labels, pictures=pictures, **limits)
    else:
        found = describe(served.engine, pictures=pictures, **limits)
    said = {one.path: one for one in found}
    proposals = [
        {
            "item": number,
            "labels": [{"text": one.name, "confidence": one.confidence} for one in own.labels],
            "captions": [{"text": one.text, "confidence": one.confidence} for one in own.captions],
        }
        for number, own in ((number, said.get(path)) for number, path in files.items())
        if own is not None
    ]
    return {"store": served.name, "proposals": proposals}


def _accepted(served: Served, body: AcceptBody) -> dict[str, Any]:
    if not body.labels and body.caption is None:
        raise QueryError("Give `labels` or a `caption` to write.")
    if served.engine.store.read_only:
        told = f"{served.name} is only read here: nothing is written beside its pictures."
        raise StoreReadOnlyError(served.root, told)
    item = item_of(served, body.item)
    if body.source not in (None, locators.source(item.path, item.locator)):
        raise NotThereError(
            f"Item {item.id} isn't {body.source} any more: the index has changed. Search again."
        )
    path = file_of(served, item)
    if kind_at(path) not in PICTURES:
        raise QueryError(f"{path.name} is no picture; labels are written beside pictures alone.")
    writer = Sidecars("xmp")
    target = writer.target(path)
    if not Folder(served).holds(target.parent):
        raise MediaError(f"{path.name} lies outside of the folder {served.root}.")
    outcome = writer.write(_annotation(path, body))
    if outcome == "failed":
        raise MediaError(f"{target.name} can't be written: {writer.failed[0].reason}.")
    return {"store": served.name, "path": os.fsdecode(target), "outcome": outcome}


def _annotation(path: Path, body: AcceptBody) -> Annotation:
    caption = () if body.caption is None else (Described(body.caption, None, 0.0, "", path),)
    return Annotation(path, tuple(Labelled(one, 1.0) for one in body.labels), caption)
