"""The routes that say why an item was found: in numbers, and as heat over its picture."""

# Tested by tests/e2e/server/test_explain.py

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from cmsearch.search.explain import Explanation
from cmsearch.search.query.understanding import Understood
from cmsearch.search.wire import applied_as_json, explanation_as_json
from cmsearch.server import context
from cmsearch.server.answers import Explained
from cmsearch.server.bodies import sent
from cmsearch.server.explanations import drawn, explained
from cmsearch.server.items import Own
from cmsearch.server.requests import LONGEST, Files, FilteredLink, SearchBody, ranking_of
from cmsearch.server.searching import SEARCH_BODY, understood
from cmsearch.server.stores import Served
from cmsearch.show import heatmap

router = APIRouter(prefix="/v1/items", tags=["items"])
PNG = "image/png"
_HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Accept"}
_WORD = "The one of the `words` to show, or its number from 0."
Word = Annotated[str | None, Query(max_length=LONGEST, description=_WORD, examples=["cat"])]


class ExplainedLink(FilteredLink):
    """A search for a text as a link; its `target` doesn't count."""

    q: str = Field(max_length=LONGEST, examples=["a sleeping cat"])
    word: str | None = Field(None, max_length=LONGEST, description=_WORD, examples=["cat"])


Link = Annotated[ExplainedLink, Query()]
_EXAMPLE = {
    "store": "photos",
    "item": 12,
    "query": "a sleeping cat",
    "path": "/home/me/photos/cat.jpg",
    "locator": "",
    "pictures": 25,
    "rank": 1,
    "score": 3.1,
    "relevance": 0.96,
    "stages": {"picture": 9.2, "attention": 1.4, "words": 1.7, "prior": -9.2},
    "caption": None,
    "lines": [],
    "matched": ["cat"],
    "words": [
        {"word": "cat", "weight": 0.6, "similarity": 0.41, "attention": {"centre": 0.7}},
    ],
    "crop": None,
    "joined": None,
    "drawn": "/v1/items/12/explain.png?q=a+sleeping+cat",
    "taken_source": "file",
    "keywords": ["pets|cats"],
    "people": [],
    "places": [],
    "rating": 4,
    "labels": [],
    "creators": [],
    "applied": [],
}
_BOTH: dict[int | str, dict[str, Any]] = {
    200: {
        "model": Explained,
        "description": "The numbers; or, where `Accept` prefers it, the drawing.",
        "content": {
            "application/json": {"example": _EXAMPLE},
            PNG: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_DRAWING: dict[int | str, dict[str, Any]] = {
    200: {"content": {PNG: {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("/{number}/explain", summary="Why an item was found by a text", responses=_BOTH)
async def explain(request: Request, response: Response, number: Own, link: Link) -> Any:
    """The evidence of each way, and what each word of the text looks at in the picture.

    Items that are about a picture, such as its captions and the text in it, are explained by it, a
    shot of a film by the frame in its middle. What has no picture has numbers alone.
    """
    response.headers["Vary"] = "Accept"
    if _prefers_picture(request.headers.get("accept", "")):
        return await _drawing(request, number, link.body, (), link.word)
    fields = await _numbers(request, number, link.body, (), link.word)
    if fields["words"]:
        asked = urlencode(link.model_dump(exclude_defaults=True, exclude={"target"}), doseq=True)
        fields["drawn"] = f"/v1/items/{number}/explain.png?{asked}"
    return fields


@router.get(
    "/{number}/explain.png",
    summary="What a text looks at in the picture of an item, as a drawing",
    response_class=Response,
    responses=_DRAWING,
)
async def explain_drawn(request: Request, number: Own, link: Link) -> Response:
    """The picture under the attention of all words, beside the heaviest; or under that of one."""
    return await _drawing(request, number, link.body, (), link.word)


@router.post(
    "/{number}/explain",
    summary="Why an item was found by a search",
    responses=_BOTH,
    openapi_extra={"requestBody": SEARCH_BODY},
)
async def explain_search(
    request: Request, response: Response, number: Own, word: Word = None
) -> Any:
    """The same for the body of a search of one text, or of one text and one picture.

    Its filters and its ranking count; `target` and `k` don't.
    """
    body, files = await sent(request, SearchBody)
    response.headers["Vary"] = "Accept"
    if _prefers_picture(request.headers.get("accept", "")):
        return await _drawing(request, number, body, files, word)
    return await _numbers(request, number, body, files, word)


async def _numbers(
    request: Request, number: int, body: SearchBody, files: Files, word: str | None
) -> dict[str, Any]:
    own = context.of(request)
    served = own.stores.get(body.store)

    def told(_: object) -> dict[str, Any]:
        meant = understood(served, body, files)
        found = _explained(served, number, meant, body, word)
        return {
            "store": served.name,
            "item": number,
            **explanation_as_json(found),
            "applied": [applied_as_json(one) for one in meant.applied],
        }

    return await own.work.run(request, told)


async def _drawing(
    request: Request, number: int, body: SearchBody, files: Files, word: str | None
) -> Response:
    own = context.of(request)
    served = own.stores.get(body.store)

    def made(check: Any) -> bytes:
        found = _explained(served, number, understood(served, body, files), body, word)
        check()
        return drawn(served, number, found)

    data = await own.work.run(request, made)
    return Response(data, media_type=PNG, headers=_HEADERS)


def _explained(
    served: Served, number: int, meant: Understood, body: SearchBody, word: str | None
) -> Explanation:
    found = explained(served, number, meant, ranking_of(body.ranking))
    return found if word is None else heatmap.of_word(found, word)


def _prefers_picture(accept: str) -> bool:
    """Whether a request names PNG, and likes it more than JSON."""
    liked = {}
    for one in accept.split(","):
        kind, *settings = (part.strip().lower() for part in one.split(";"))
        told = next((part[2:] for part in settings if part.startswith("q=")), "1")
        try:
            liked[kind] = float(told)
        except ValueError:
            liked[kind] = 0.0
    return liked.get(PNG, 0.0) > liked.get("application/json", 0.0)
