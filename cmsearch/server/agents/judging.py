"""The tools by which agents judge: why a picture was found, and what it shows."""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

from collections.abc import Callable
from glob import escape
from typing import Annotated, Any

from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from cmsearch.annotate import annotation
from cmsearch.annotate.annotation import Annotation
from cmsearch.common.text import native
from cmsearch.errors import QueryError
from cmsearch.search.explain import Explanation
from cmsearch.search.looking import Word
from cmsearch.search.query.grammar import parse
from cmsearch.search.query.understanding import Understood as Asked
from cmsearch.search.regions import REGIONS
from cmsearch.server.agents.answers import answered
from cmsearch.server.agents.arguments import Labels, Least, Literally, OneItem, Store, Text, Top
from cmsearch.server.agents.names import item_named, store_of
from cmsearch.server.agents.results import Result, Understood, plain, understood
from cmsearch.server.explanations import explained
from cmsearch.server.located import file_of
from cmsearch.server.stores import Served, Stores
from cmsearch.show import heatmap
from cmsearch.types import Filter, Item

NO_LABELS: Labels = []
_PLACES = 4  # decimals of what is told


class LookedAt(BaseModel):
    """A word of the query, and where it looks in the picture."""

    word: str
    weight: float = Field(description="Its share of the query.")
    similarity: float
    region: str = Field(description="Where it looks most, such as 'top left'.")


class ExplainResult(Result):
    """Why a picture was found, or wasn't."""

    item: int = 0
    name: str = ""
    query: str = ""
    rank: int | None = Field(None, description="Among the pictures; none if it is very deep.")
    pictures: int = Field(0, description="How many pictures there are.")
    relevance: float | None = Field(None, description="How likely it is what was meant, 0 to 1.")
    evidence: dict[str, float] = Field(
        {}, description="What each way adds, in log-odds: above 0 speaks for it, below against."
    )
    caption: str | None = Field(None, description="The caption that speaks for it.")
    text_in_picture: list[str] = Field([], description="Lines in it that speak for it.")
    matched: list[str] = Field([], description="Words of the query that it has exactly.")
    words: list[LookedAt] = Field([])
    applied: list[Understood] = Field([])


class Likely(BaseModel):
    """A label or a caption that may be true of a picture."""

    text: str
    confidence: float | None = Field(description="How likely it is, 0 to 1.")
    source: str | None = Field(None, description="Where the caption stands.")


class AnnotateResult(Result):
    """What a picture may show; nothing of it is written anywhere."""

    item: int = 0
    name: str = ""
    labels: list[Likely] = Field([])
    captions: list[Likely] = Field([])


class Judging:
    """The tools that judge one picture."""

    def __init__(self, opened: Callable[[], Stores]) -> None:
        self._opened = opened

    def explain_hit(
        self, query: Text, item: OneItem, store: Store = "", literal: Literally = False
    ) -> Annotated[CallToolResult, ExplainResult]:
        """Say why an item ranks as it does for a query, with a heat map of what each word looks at
        in its picture, if it has one and the model can tell.

        Example: {"query": "a dog on the beach", "item": 1234}.
        """
        served = store_of(self._opened(), store)
        own, parsed = item_named(served, item), parse(query)
        asked = Asked(parsed, Filter(), ()) if literal else served.engine.understand(parsed)
        found = explained(served, own.id, asked)
        result = _explanation(own, found)
        result.applied = [understood(one) for one in asked.applied]
        if not found.words:
            return answered(result)
        return answered(
            result, heatmap.draw(found, heatmap.read(file_of(served, own), found.locator))
        )

    def annotate(
        self,
        item: OneItem,
        labels: Labels = NO_LABELS,
        top: Top = 5,
        min_confidence: Least = None,
        store: Store = "",
    ) -> Annotated[CallToolResult, AnnotateResult]:
        """Say which of given labels a picture shows, each judged alone; or, without labels, which
        captions of other pictures fit it. Nothing is written.

        Example: {"item": 1234, "labels": ["dog", "cat", "beach"], "min_confidence": 0}.
        """
        served = store_of(self._opened(), store)
        own = item_named(served, item)
        found = _annotated(served, own, labels, top, min_confidence)
        told = [Likely(text=plain(one.name), confidence=one.confidence) for one in found.labels]
        fitting = [
            Likely(text=plain(one.text), confidence=one.confidence, source=plain(one.source))
            for one in found.captions
        ]
        result = AnnotateResult(item=own.id, name=_name(own), labels=told, captions=fitting)
        return answered(result)


def _explanation(item: Item, found: Explanation) -> ExplainResult:
    return ExplainResult(
        item=item.id,
        name=_name(item),
        query=plain(found.query),
        rank=found.rank,
        pictures=found.pictures,
        relevance=None if found.relevance is None else round(found.relevance, _PLACES),
        evidence={name: round(value, _PLACES) for name, value in found.stages.items()},
        caption=None if found.caption is None else plain(found.caption),
        text_in_picture=[plain(line.text) for line in found.lines],
        matched=[plain(word) for word in found.matched],
        words=[_looked_at(word) for word in found.words],
    )


def _looked_at(word: Word) -> LookedAt:
    best = int(word.attention.argmax())
    return LookedAt(
        word=plain(word.text),
        weight=round(word.weight, _PLACES),
        similarity=round(word.similarity, _PLACES),
        region=REGIONS[best] if best < len(REGIONS) else f"token {best}",
    )


def _annotated(
    served: Served, item: Item, labels: Labels, top: int, least: float | None
) -> Annotation:
    """What is said of the picture that an item is, or is about. Raises `QueryError` for another."""
    path = native(item.about or item.path)
    options: dict[str, Any] = {"where": Filter(path=f"./{escape(path)}"), "top": top}
    options |= {} if least is None else {"least": least}
    if labels:
        found = annotation.label(served.engine, labels, **options)
    else:
        found = annotation.describe(served.engine, **options)
    own = next(found, None)
    if own is None:
        raise QueryError(
            f"Item {item.id} is no photograph that is indexed, but a {item.kind}; only these are "
            "given labels and captions."
        )
    return own


def _name(item: Item) -> str:
    return plain(native(item.about or item.path).rpartition("/")[2])
