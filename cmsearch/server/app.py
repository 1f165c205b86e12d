"""The service: engines of stores over HTTP."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request

from cmsearch.common.version import __version__
from cmsearch.models.spaces import model_name
from cmsearch.server import (
    annotating,
    choosing,
    classifying,
    documents,
    explaining,
    indexing,
    items,
    listing,
    login,
    mapping,
    marking,
    metrics,
    page,
    saving,
    searching,
    sizes,
    thumbnail_batches,
)
from cmsearch.server.agents.mounted import mount
from cmsearch.server.answers import Answer
from cmsearch.server.context import Context, of
from cmsearch.server.describing import describe, operation_name
from cmsearch.server.guard import Guard
from cmsearch.server.problems import add_handlers
from cmsearch.server.settings import Settings
from cmsearch.server.stores import Stores
from cmsearch.server.thumbnails import cached
from cmsearch.server.working import Work
from cmsearch.store.object_places import address_of

_PARTS: tuple[Any, ...] = (
    searching,
    choosing,
    page,
    listing,
    sizes,
    thumbnail_batches,
    saving,
    mapping,
    items,
    documents,
    indexing,
    explaining,
    classifying,
    annotating,
    marking,
    metrics,
    login,
)
"""The modules whose routes the service has; of two that fit a request the first answers."""


def make_app(stores: Stores, settings: Settings) -> Any:
    """The ASGI app that answers for stores, within its guard; it closes the stores at its end."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with stores:
            async with agents:
                yield
            await own.jobs.close()
            work.close()

    work = Work(settings.workers, settings.waiting, settings.work_seconds)
    app = FastAPI(
        title="cmsearch",
        version=__version__,
        summary="Find pictures, films, speech and text by a sentence, a picture or a recording.",
        lifespan=lifespan,
        default_response_class=Answer,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_name,
    )
    own = Context(stores, settings, work, cached(settings.thumbnails))
    app.state.context = own
    add_handlers(app)
    for part in _PARTS:
        app.include_router(part.router)
    app.get("/v1/stores", tags=["stores"], summary="The stores that are served")(_stores)
    app.get("/healthz", tags=["health"], summary="Whether the service runs")(_health)
    app.get("/readyz", tags=["health"], summary="Whether it can answer")(_ready)
    agents = mount(app, stores, work)
    app.state.metrics = metrics.Metrics(stores, work)
    describe(app)
    return metrics.Measuring(Guard(app, settings), app.state.metrics)


def _stores(request: Request) -> dict[str, Any]:
    """Each store with its model and the kinds of items that it has."""
    return {
        "stores": [
            {
                "name": one.name,
                "folder": address_of(one.root),
                "model": model_name(one.engine.space),
                "dimension": one.engine.space.dim,
                "modalities": list(one.engine.modalities),
                "read_only": one.engine.store.read_only,
            }
            for one in of(request).stores.all
        ]
    }


def _health() -> dict[str, str]:
    return {"status": "ok", "version": __version__}


def _ready(request: Request) -> dict[str, Any]:
    """Whether every store can be read. A store that can't is a problem with status 503."""
    return {
        "status": "ok",
        "items": {one.name: one.engine.count() for one in of(request).stores.all},
    }
