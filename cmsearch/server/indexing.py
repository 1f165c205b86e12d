"""The routes of jobs that bring an index up to date."""

# Tested by tests/e2e/server/test_indexing.py

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Body, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError

from cmsearch.server import context
from cmsearch.server.errors import BusyError
from cmsearch.server.jobs import RUNNING, Job, RunningError
from cmsearch.server.problems import MEDIA_TYPE, problem

router = APIRouter(prefix="/v1/index", tags=["index"])
HEARTBEAT = 10
"""Seconds after which a stream without events says that it is still there."""
MOST_STREAMS = 32
"""Streams of events that are open at once."""
_UNREAD = 30.0
"""Seconds after which a client that doesn't read its stream is left."""
_ENDING = 4.0
"""Seconds within which a stream tells the end of its job where the service ends."""
_EXAMPLE: dict[str, Any] = {
    "job": "5f0c6a1e9d27b384",
    "address": "/v1/index/5f0c6a1e9d27b384",
    "store": "photos",
    "state": "done",
    "ocr": None,
    "started": "2026-05-31T12:34:56.789+00:00",
    "ended": "2026-05-31T12:35:01.234+00:00",
    "progress": {"stage": "publish", "done": 1, "total": 1, "note": ""},
    "model": "lite",
    "counts": {
        "added": 3, "changed": 0, "reencoded": 0, "unchanged": 120, "moved": 1, "removed": 0,
        "skipped": 1,
    },
    "items": {"caption": 80, "photo": 123},
    "waiting": 0,
    "skipped": [{"path": "broken.jpg", "reason": "it is cut off", "locator": ""}],
    "reason": None,
}  # fmt: skip
_RUNNING = {
    "type": "about:blank",
    "title": "Conflict",
    "status": 409,
    "detail": "photos is being indexed already. See how far that is, or stop it, at "
    "/v1/index/5f0c6a1e9d27b384.",
    "job": "/v1/index/5f0c6a1e9d27b384",
}
_STREAM = (
    "id: 7\nevent: progress\n"
    'data: {"stage":"index","done":40,"total":120,"note":""}\n\n'
    "id: 8\nevent: done\n"
    'data: {"state":"done","counts":{"added":120},"items":{"photo":120},"reason":null}\n\n'
)
_ONE: dict[str, Any] = {"content": {"application/json": {"example": _EXAMPLE}}}
_NONE: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no such job.", "content": {MEDIA_TYPE: {}}}
}
Number = Annotated[str, Path(max_length=64, description="The `job` of a job.")]


class IndexBody(BaseModel):
    """What to bring up to date."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"store": "photos", "ocr": False}]}
    )
    store: str | None = Field(None, max_length=255, description="Needed where there are several.")
    ocr: bool | None = Field(
        None, description="Whether to read text in pictures that seem to have some; as before."
    )


@router.post(
    "",
    status_code=202,
    summary="Bring an index up to date with its folder",
    responses={
        202: {"description": "It has begun.", **_ONE},
        409: {
            "description": "A job of this store runs already, `job`; or another process indexes, "
            "or the index can only be read.",
            "content": {MEDIA_TYPE: {"example": _RUNNING}},
        },
    },
)
async def start(
    request: Request, response: Response, body: Annotated[IndexBody | None, Body()] = None
) -> Any:
    """Start a job that does what `cmsearch index` does; one runs at a time for each store.

    Searches go on meanwhile, and find what is new as soon as it is written.
    """
    own, asked = context.of(request), body or IndexBody(store=None, ocr=None)
    try:
        job = await own.jobs.start(own.stores.get(asked.store), asked.ocr)
    except RunningError as error:
        address = error.job.address
        return problem(409, str(error), {"Location": address}, job=address)
    response.headers["Location"] = job.address
    return job.as_json()


@router.get(
    "",
    summary="The jobs, the newest first",
    responses={200: {"content": {"application/json": {"example": {"jobs": [_EXAMPLE]}}}}},
)
async def jobs(
    request: Request, store: Annotated[str | None, Query(max_length=255)] = None
) -> dict[str, Any]:
    """Those that run and the last hundred that ended, of a store or of all."""
    own = context.of(request)
    name = None if store is None else own.stores.get(store).name
    return {"jobs": [one.as_json() for one in own.jobs.all if name in (None, one.store)]}


@router.get("/{job}", summary="How far a job is", responses={200: _ONE, **_NONE})
async def told(request: Request, job: Number) -> dict[str, Any]:
    """Its `state`: `running`, `done`, `failed` for a `reason`, or `stopped`; what it did, and up to
    a thousand files that it skipped.
    """
    return context.of(request).jobs.get(job).as_json()


@router.delete("/{job}", summary="Stop a job", responses={200: _ONE, **_NONE})
async def stop(request: Request, job: Number) -> dict[str, Any]:
    """Stop a job and tell how it ended. What it has indexed is kept, and the next one goes on; one
    that has ended stays as it is.
    """
    found = context.of(request).jobs.get(job)
    await found.stop()
    return found.as_json()


@router.get(
    "/{job}/events",
    summary="The progress of a job, as server-sent events",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": _STREAM}}},
        204: {"description": "The job has ended, and all of its events have been sent."},
        **_NONE,
    },
)
async def events(
    request: Request,
    job: Number,
    last: Annotated[
        str | None,
        Header(alias="Last-Event-ID", max_length=64, description="What has come already."),
    ] = None,
) -> Response:
    """Events `progress`, and at last one of the name of the job's `state`, which ends the stream.

    A client that comes back with `Last-Event-ID` gets what it hasn't got.
    """
    found = context.of(request).jobs.get(job)
    number = int(last) if last and last.isascii() and last.isdecimal() else 0
    if found.state != RUNNING and number >= found.last:
        return Response(status_code=204)
    streams = context.of(request).jobs.streams
    if len(streams) >= MOST_STREAMS:
        raise BusyError("Too many follow jobs at once. Ask for the job itself, or again later.")
    ends = anyio.Event()

    async def stop_with_the_service() -> None:
        await ends.wait()
        await found.stop()

    return _Stream(
        _sent(found, number, streams),
        ping=HEARTBEAT,
        sep="\n",
        send_timeout=_UNREAD,
        data_sender_callable=stop_with_the_service,
        shutdown_event=ends,
        shutdown_grace_period=_ENDING,
    )


class _Stream(EventSourceResponse):
    """A stream that ends quietly where its client doesn't read it."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with suppress(SendTimeoutError):
            await super().__call__(scope, receive, send)


async def _sent(job: Job, number: int, streams: set[object]) -> AsyncIterator[ServerSentEvent]:
    own = object()
    streams.add(own)
    try:
        async for event in job.after(number):
            data = json.dumps(event.data, separators=(",", ":"))
            yield ServerSentEvent(data, event=event.name, id=str(event.number), sep="\n")
    finally:
        streams.discard(own)
