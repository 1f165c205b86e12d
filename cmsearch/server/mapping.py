"""The route that gives the map of a collection: its pictures, laid out by likeness."""

# Tested by tests/e2e/server/test_mapping.py

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from cmsearch.server import context
from cmsearch.server.errors import NotThereError
from cmsearch.server.items import SIZES, Store
from cmsearch.server.located import Folder
from cmsearch.server.stores import Served
from cmsearch.show.html_pages import policy_of
from cmsearch.show.map_layout import check_extra
from cmsearch.show.map_page import Collection, chart, gather

router = APIRouter(prefix="/v1", tags=["items"])
_SANDBOX = "sandbox allow-scripts allow-popups allow-popups-to-escape-sandbox"
MOST = 5000
"""Pictures of a map, which is made while somebody waits."""


@router.get(
    "/map",
    summary="The pictures, laid out by likeness, as a page to zoom into",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}},
)
async def whole(
    request: Request,
    store: Store = None,
    limit: Annotated[
        int, Query(ge=1, le=MOST, description="Of more pictures, an even sample of so many.")
    ] = 2000,
) -> Response:
    """A page with everything in it, as `cmsearch map` writes one; it needs the extra `map`. It is
    made anew each time, runs only its own script, and has no access to the service.
    """
    own = context.of(request)
    served = own.stores.get(store)
    page = await own.work.run(request, lambda _: _made(served, limit))
    headers = {
        "Content-Security-Policy": f"{policy_of('map')}; {_SANDBOX}",
        "Cross-Origin-Opener-Policy": "unsafe-none",  # browsers refuse others with a sandbox
    }
    return Response(page, media_type="text/html", headers=headers)


def _made(served: Served, limit: int) -> str:
    check_extra()
    served.check_trusted()
    found = _within(served, gather(served.engine.store, limit))
    return chart(
        found, folder=served.root, addresses=[_address(served, one) for one in found.items]
    )


def _within(served: Served, found: Collection) -> Collection:
    """A collection without the pictures that lie outside the store's folder. Raises `NotThereError`
    where these are all.
    """
    folder = Folder(served)
    rows = [row for row, path in enumerate(found.paths) if folder.holds(found.root / path)]
    if not rows:
        raise NotThereError(f"No picture of {served.name} lies in its folder.")
    return replace(
        found,
        paths=[found.paths[row] for row in rows],
        vectors=found.vectors[rows],
        captions=[found.captions[row] for row in rows],
        items=[found.items[row] for row in rows],
    )


def _address(served: Served, item: int) -> str:
    """The address of a picture, as browsers show it beside a map that is in a sandbox."""
    return f"items/{item}/thumbnail?{urlencode({'store': served.name, 'size': SIZES[-1]})}"
