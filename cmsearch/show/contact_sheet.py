"""The contact sheet: the hits of a search as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from cmsearch.common import locators
from cmsearch.common.text import printable
from cmsearch.errors import MediaError
from cmsearch.media.thumbnails import Thumbnail, each, place, read, webp
from cmsearch.show.html_pages import check_place, data_uri, link, render, write_page
from cmsearch.show.marks import marked
from cmsearch.show.noted import noted
from cmsearch.store.object_files import bring
from cmsearch.store.object_places import address_of, url_of
from cmsearch.types import Hit, Place, TextLine

SIZES = ((60, 960), (300, 640), (1000, 400), (4000, 240))
"""Up to how many different pictures a page has, and the pixels of their longer sides then."""
LEAST = 160


class _Shown(NamedTuple):
    """A picture, and the lines of text that are marked in it."""

    place: Place
    lines: tuple[TextLine, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A hit as the page shows it: every text printable, every address percent-encoded."""

    rank: int
    kind: str
    name: str
    path: str
    href: str
    source: str
    text: str | None
    taken: str | None
    score: str
    relevance: float
    is_picture: bool
    picture: str | None = None
    width: int = 0
    height: int = 0
    problem: str | None = None
    noted: str = ""


def write_sheet(path: Path, title: str, hits: Sequence[Hit]) -> None:
    """Write the contact sheet of hits to `path`, beside it first.

    Replaces another page of cmsearch, and no other file. Raises `CmsearchError` for a place that
    can't be written; pictures that can't be read are told of in the page.
    """
    check_place(path)
    write_page(path, contact_sheet(title, hits, folder=path.absolute().parent))


def contact_sheet(title: str, hits: Sequence[Hit], *, folder: Path) -> str:
    """The hits as one HTML page that loads nothing, for a place in `folder`.

    `title` is what was asked. Pictures are embedded, the smaller the more there are; a picture that
    can't be read any more leaves an empty frame that says why.
    """
    own = [_shown(hit) for hit in hits]
    places = [one for one in dict.fromkeys(own) if one is not None]
    size = _size(len(places))
    pictures = each(lambda one: _thumbnail(one, size), places)
    made = dict(zip(places, pictures, strict=True))
    cards = [
        _card(hit, None if one is None else made[one], folder.resolve())
        for hit, one in zip(hits, own, strict=True)
    ]
    return render("sheet", title=printable(title), cards=cards, pictures=len(places))


def _shown(hit: Hit) -> _Shown | None:
    found = place(hit)
    return None if found is None else _Shown(found, hit.lines)


def _thumbnail(shown: _Shown, size: int) -> Thumbnail:
    bring(shown.place.path)
    image = marked(read(shown.place.path, size, shown.place.locator), shown.lines)
    return Thumbnail(webp(image), image.width, image.height)


def _size(count: int) -> int:
    return next((size for most, size in SIZES if count <= most), LEAST)


def _card(hit: Hit, made: Thumbnail | MediaError | None, folder: Path) -> Card:
    shown = made if isinstance(made, Thumbnail) else None
    return Card(
        rank=hit.rank,
        kind=printable(hit.kind),
        name=printable(_name(hit)),
        path=printable(address_of(hit.path)),
        href=_address(hit.path, folder) + _fragment(hit),
        source=printable(hit.source),
        text=None if hit.text is None else printable(hit.text),
        taken=f"{hit.taken:%Y-%m-%d %H:%M}" if hit.taken else None,
        score=f"{hit.score:.3f}",
        relevance=hit.relevance,
        is_picture=made is not None,
        picture=data_uri(shown.data) if shown else None,
        width=shown.width if shown else 0,
        height=shown.height if shown else 0,
        problem=printable(str(made)) if isinstance(made, MediaError) else None,
        noted=printable(noted(hit.notes)),
    )


def _name(hit: Hit) -> str:
    """The name of a hit's file, with its page or its time."""
    if hit.page is not None:
        return f"{hit.path.name}, page {hit.page}"
    return hit.path.name if hit.start is None else f"{hit.path.name}, {locators.clock(hit.start)}"


def _address(path: Path, folder: Path) -> str:
    url = url_of(path)
    return link(path, folder) if url is None else quote(url, safe=":/")


def _fragment(hit: Hit) -> str:
    """What lets a browser open a document at the page, or a film at the time."""
    if hit.page is not None:
        return f"#page={hit.page}"
    return "" if hit.start is None else f"#t={hit.start:.1f}"
