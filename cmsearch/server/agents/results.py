"""What agents are answered: each result with its fields, every text of a collection plain.

Texts of a collection are data: characters that don't show, with which one could hide words from
people, are left out, and long ones are cut.
"""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, model_serializer

from cmsearch.common import locators
from cmsearch.common.text import native, printable
from cmsearch.server.stores import Served
from cmsearch.store.catalog import file_items, notes
from cmsearch.store.catalog.notes import Described
from cmsearch.store.object_places import address_of
from cmsearch.types import Applied, Hit, Item, Notes, TextLine

LONGEST = 600
"""Characters of a text beside others; alone an item has more."""
_BESIDE = 300
"""Characters of what is said of an item besides its own text."""
MOST = 5
"""Captions, lines and names that are told of one item beside others."""
CUT = "…"


class Candidate(BaseModel):
    """One of several that a name may mean."""

    value: str | int = Field(description="What to give in place of the name.")
    name: str = Field(description="What it is.")


class Choice(BaseModel):
    """A name that may mean several."""

    argument: str = Field(description="The argument that it was given for, or is to be given for.")
    given: str = Field(description="The name.")
    candidates: list[Candidate] = Field(description="What it may mean.")


class Result(BaseModel):
    """What every answer has."""

    choose: Choice | None = Field(
        None,
        description="A name was ambiguous, and nothing was done: call again with a candidate.",
    )


class Entry(BaseModel):
    """Something of a collection: a hit, or an item by itself."""

    item: int = Field(description="Its number, which other tools take.")
    store: str
    name: str = Field(description="The name of the file.")
    source: str = Field(description="The file in its folder, with the page, time or line.")
    path: str = Field(description="The absolute path of the file, or of the picture described.")
    kind: str = Field(description="photo, caption, page, passage, shot, transcript, sound, ...")
    rank: int | None = Field(None, description="The place among the hits, from 1.")
    relevance: float | None = Field(None, description="How likely it is what was meant, 0 to 1.")
    text: str | None = Field(None, description="The text, if it is one.")
    captions: list[str] = Field([], description="What captions say of the picture.")
    text_in_picture: list[str] = Field([], description="Lines that can be read in it.")
    taken: str | None = Field(None, description="The local time, or that of the file.")
    place: str | None = Field(None, description="The town nearest to where it was taken.")
    position: tuple[float, float] | None = Field(None, description="Degrees north and east.")
    people: list[str] = []
    keywords: list[str] = []
    rating: int | None = Field(None, description="Stars; -1 is rejected.")
    page: int | None = None
    start: float | None = Field(None, description="Where it begins in a recording, in seconds.")
    end: float | None = None
    copies: int | None = Field(None, description="Near-duplicates that are folded into it.")

    @model_serializer(mode="wrap")
    def _short(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what it doesn't have: a model reads all of it."""
        return {name: value for name, value in whole(self).items() if value not in (None, [])}


class Understood(BaseModel):
    """Words of a query, or of a filter, and what they were taken as."""

    words: str
    days: list[tuple[str, str]] = Field(
        [], description="First and last days; 0001-01-01, 9999-12-31: open ends."
    )
    place: str | None = None


class SearchResult(Result):
    """Hits of a search, the best first."""

    store: str = ""
    hits: list[Entry] = []
    applied: list[Understood] = Field(
        [], description="Words that were taken as days or a place, and not searched for."
    )
    could_mean: list[Choice] = Field(
        [], description="Words that may be places where something was taken, with what to give."
    )
    advice: str = Field("", description="The query is in a language the model wasn't made for.")
    doubtful: bool = Field(False, description="No hit is likely what was meant.")
    offset: int = Field(0, description="How many hits came on the pages before.")
    files: int | None = Field(None, description="How many files of the target pass the filters.")
    total: int | None = Field(None, description="How many hits there are, on the last page.")
    cursor: str | None = Field(None, description="For the next page; none on the last.")


class ItemResult(Result):
    """An item, with all that is known of it."""

    entry: Entry | None = None
    folder: str | None = Field(None, description="The folder that the index is of.")
    width: int | None = Field(None, description="Of the picture as given here, in pixels.")
    height: int | None = None
    note: str | None = Field(None, description="Why there is no picture.")


def plain(text: str, longest: int = LONGEST) -> str:
    """A text of a collection on one line, without what doesn't show, cut where it is long."""
    shown = printable(text[: 4 * longest])
    return shown if len(shown) <= longest else shown[:longest] + CUT


def understood(one: Applied) -> Understood:
    """What was understood, as agents are told."""
    days = [(str(first), str(last)) for first, last in one.days]
    return Understood(words=plain(one.words), days=days, place=one.place or None)


def entries(served: Served, hits: list[Hit]) -> list[Entry]:
    """Hits as agents are told of them, with the captions of their pictures."""
    own = {hit.item: _name(served, hit.path) for hit in hits}
    captions = file_items.captions_about(served.engine.store.catalog, own.values())
    return [_of_hit(served, hit, captions.get(own[hit.item], [])) for hit in hits]


def entry(served: Served, item: Item, longest: int = LONGEST, most: int = MOST) -> Entry:
    """An item by itself, with what is known of its file."""
    path, catalog = item.about or item.path, served.engine.store.catalog
    noted = notes.of_files(catalog, [path]).get(path, notes.NOTHING)
    captions = file_items.captions_about(catalog, [path]).get(path, [])
    span = locators.span(item.locator) or (None, None)
    return Entry(
        item=item.id,
        store=served.name,
        name=plain(native(path).rpartition("/")[2]),
        source=plain(locators.source(native(item.path), item.locator)),
        path=_shown(served.engine.store.absolute(path)),
        kind=plain(item.kind),
        text=None if item.text is None else plain(item.text, longest),
        captions=_others(captions, item.text, max(_BESIDE, longest // 10), most),
        taken=item.taken and item.taken.isoformat(" ", "minutes"),
        position=noted.place,
        place=_town(noted),
        page=locators.page(item.locator),
        start=span[0],
        end=span[1],
        **_noted(noted.notes, most),
    )


def _of_hit(served: Served, hit: Hit, captions: list[str]) -> Entry:
    return Entry(
        item=hit.item,
        store=served.name,
        name=plain(os.fsdecode(hit.path.name)),
        source=plain(hit.source),
        path=_shown(hit.path),
        kind=plain(hit.kind),
        rank=hit.rank,
        relevance=round(hit.relevance, 4),
        text=None if hit.text is None else plain(hit.text),
        captions=_others(captions, hit.text),
        text_in_picture=_lines(hit.lines),
        taken=hit.taken and hit.taken.isoformat(" ", "minutes"),
        place=hit.town and plain(hit.town),
        position=hit.position,
        page=hit.page,
        start=hit.start,
        end=hit.end,
        copies=len(hit.copies) or None,
        **_noted(hit.notes),
    )


def _noted(own: Notes, most: int = MOST) -> Mapping[str, object]:
    return {
        "people": [plain(one) for one in own.people[:most]],
        "keywords": [plain(one) for one in own.keywords[:most]],
        "rating": own.rating,
    }


def _others(
    captions: list[str], text: str | None, longest: int = _BESIDE, most: int = MOST
) -> list[str]:
    """Captions, each once, without the text of the item itself."""
    return [plain(one, longest) for one in dict.fromkeys(captions) if one != text][:most]


def _lines(lines: tuple[TextLine, ...]) -> list[str]:
    return [plain(line.text, _BESIDE) for line in lines[:MOST]]


def _town(noted: Described) -> str | None:
    from cmsearch.models.areas import town_at

    town = None if noted.place is None else town_at(*noted.place)
    return town and plain(town)


def _shown(path: Path) -> str:
    return plain(address_of(path), 4096)


def _name(served: Served, path: Path) -> str:
    """What the catalog calls the file at an absolute path that it gave."""
    from cmsearch.common.text import storable

    return storable(path.relative_to(served.root).as_posix())
