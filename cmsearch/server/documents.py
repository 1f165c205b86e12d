"""The route that tells where words stand on a page of a document."""

# Tested by tests/e2e/server/test_documents.py

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from cmsearch.common import locators
from cmsearch.common.function_words import FUNCTION_WORDS
from cmsearch.errors import MediaError
from cmsearch.media import pdf
from cmsearch.server import context
from cmsearch.server.items import Own, Store
from cmsearch.server.located import file_of, item_of
from cmsearch.server.stores import Served
from cmsearch.store.catalog.terms import forms, terms

router = APIRouter(prefix="/v1/items", tags=["items"])
MOST = 1000
"""Words of a page that are told."""
_PAGE = Query(ge=1, le=pdf.MAX_PAGES, description="Another page of its document than its own.")


@router.get("/{number}/words", summary="Where words stand on a page of a PDF file")
async def words(
    request: Request,
    number: Own,
    store: Store = None,
    q: Annotated[str, Query(max_length=10_000, description="The words that are sought.")] = "",
    page: Annotated[int | None, _PAGE] = None,
) -> dict[str, Any]:
    """How many `pages` there are, and the `words` of one that are among those sought, in singular
    or plural, each with the corners of its `box` as a `Line` has them. Function words aren't
    sought.
    """
    own = context.of(request)
    served = own.stores.get(store)
    return await own.work.run(request, lambda _: _told(served, number, page, q))


def _told(served: Served, number: int, page: int | None, query: str) -> dict[str, Any]:
    item = item_of(served, number)
    place = page or locators.page(item.locator)
    if locators.page(item.locator) is None or place is None:
        raise MediaError(f"Item {number} has no pages: it is a {item.kind}.")
    pages, written = pdf.words(file_of(served, item), place)
    sought = {form for word in terms(query) if word not in FUNCTION_WORDS for form in forms(word)}
    found = [one for one in written if sought and not sought.isdisjoint(terms(one.text))]
    return {
        "store": served.name,
        "item": number,
        "page": place,
        "pages": pages,
        "words": [{"text": one.text, "box": list(one.box)} for one in found[:MOST]],
    }
