"""What is asked for: the options that say so, and the search that they make."""

# Tested by tests/unit/cmsearch/commands/test_search.py

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cmsearch.commands.applied import LITERALLY, in_words
from cmsearch.commands.filters import FILTERS
from cmsearch.commands.finding import Found, by_daemon, found_by, hits_of
from cmsearch.commands.hints import path_hint
from cmsearch.commands.options import Seconds, stores_option
from cmsearch.commands.showing import Showing, check, show
from cmsearch.common import locators
from cmsearch.common.kinds import PICTURES, TARGETS
from cmsearch.common.text import printable
from cmsearch.types import Hit, Modality, Query, QueryPart
from cmsearch.types import Place as PictureAt

if TYPE_CHECKING:
    from cmsearch.search.engine import Engine

MATCHES = ("all", "picture", "caption", "words", "fused")
FUSIONS = ("auto", "sum")
SUMMED = (
    "Picture and text are joined by their weighted sum; `cmsearch fit --fusion` learns to do it "
    "better, if the captions here teach it."
)
DOUBT = "Probably nothing here is about that; these come nearest."
Command = TypeVar("Command", bound=Callable[..., Any])
_OPTIONS = (
    click.option(
        "--for",
        "target",
        type=click.Choice(TARGETS),
        default="any",
        show_default=True,
        help="What to find: text is captions, passages, subtitles and text in pictures; audio is "
        "what is said and what sounds, sound the latter alone; video is the shots of films.",
    ),
    click.option(
        "-k",
        "--top",
        "k",
        type=click.IntRange(1),
        default=10,
        show_default=True,
        metavar="N",
        help="How many hits.",
    ),
    stores_option,
    *FILTERS,
    click.option(
        "--rerank",
        metavar="NAME",
        default="auto",
        show_default=True,
        help="A second look at the best: auto (what is measured to help), attention, learned or "
        "learned:FILE, itm or itm:MODEL, st:MODEL, none.",
    ),
    click.option(
        "--rerank-depth",
        "depth",
        type=click.IntRange(1),
        metavar="N",
        help="How many it looks at; by default 100, and 32 with itm.",
    ),
    click.option(
        "--correct/--no-correct",
        default=True,
        help="Correct hubness where that is measured to help; on by default.",
    ),
    click.option(
        "--match",
        type=click.Choice(MATCHES),
        default="all",
        show_default=True,
        help="By what TEXT finds pictures: what they show, their captions, exact words, or with "
        "fused one vector of a picture and its nearest caption.",
    ),
    click.option(
        "--fusion",
        type=click.Choice(FUSIONS),
        default="auto",
        show_default=True,
        help="How a picture and a text are joined: by what `cmsearch fit --fusion` has learned, if "
        "it has, or by their weighted sum.",
    ),
    click.option(
        "--min-relevance",
        type=click.FloatRange(0, 1),
        metavar="P",
        help="Leave out what is less likely to be about the query, from 0 to 1.",
    ),
    click.option(
        "--cutoff",
        type=click.Choice(["none", "auto"]),
        default="none",
        show_default=True,
        help="auto leaves out what is probably not about the query.",
    ),
    click.option(
        "--budget",
        type=Seconds(),
        metavar="TIME",
        help="As 300ms or 2s: a second look that would take longer is left out.",
    ),
    click.option(
        "--literal",
        is_flag=True,
        help="Take no words as days or places: last summer is searched for, not filtered by.",
    ),
    click.option("--expand", is_flag=True, help="Show near-duplicates each for itself."),
    click.option("--diverse", is_flag=True, help="Spread the hits: fewer that are alike."),
    click.option(
        "--per-modality",
        "apart",
        is_flag=True,
        help="The hits of each modality apart, N of each.",
    ),
)


def search_options(command: Command) -> Command:
    """Give a command the options of a search."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def composed(
    text: str | None, images: Sequence[str], without: Sequence[str], said: str | None = None
) -> Query:
    """The query that TEXT, the pictures of --image and those of --not make together.

    What was `said` is a part as it stands: no word of it is a sign.
    """
    from cmsearch.search.query.grammar import parse

    if images.count("-") > 1:
        raise click.UsageError("Standard input has one picture: give - once.")
    parts = parse(text).parts if text is not None else ()
    spoken = () if said is None else (QueryPart(said),)
    pictures = (_picture(image) for image in images)
    return Query((*parts, *spoken, *pictures), tuple(part_of(one) for one in without))


def answer(
    query: Query, options: Mapping[str, Any], showing: Showing, *, seen: Sequence[Hit] = ()
) -> None:
    """Search, show what is found, and keep it for `again` and `more`.

    A daemon searches where one runs for that. `seen` are hits that were named before, and aren't
    shown once more.
    """
    check(showing)
    found = by_daemon(query, options, seen) or _here(query, options, seen)
    _keep(found, query, options, seen)
    tell(found.hits, query, options, showing, found.why)
    if found.advice:
        click.echo(printable(found.advice), err=True)
    if len(query.parts) == 1 and (hint := path_hint(query.parts[0].content)):
        click.echo(hint, err=True)
    if found.is_summed:
        click.echo(SUMMED, err=True)


def _here(query: Query, options: Mapping[str, Any], seen: Sequence[Hit]) -> Found:
    from cmsearch.search import federated

    with federated.open(options.get("store") or ".") as engine:
        return found_by(engine, query, options, seen)


def find(
    engine: Engine, query: Query, options: Mapping[str, Any], seen: Sequence[Hit] = ()
) -> list[Hit]:
    """The hits of a query with a command's options, without those `seen`; kept as the last search.

    What was folded into one of these isn't found either.
    """
    hits = hits_of(engine, query, options, seen)
    _keep(Found(engine.stores, hits), query, options, seen)
    return hits


def _keep(found: Found, query: Query, options: Mapping[str, Any], seen: Sequence[Hit]) -> None:
    from cmsearch.commands import history

    history.keep(history.LastSearch(found.stores, query, _plain(options), found.hits, seen))


def tell(
    hits: Sequence[Hit],
    query: Query,
    options: Mapping[str, Any],
    showing: Showing,
    why: str = "Nothing was found.",
) -> None:
    """Show what was found, with a word about hits that are none or doubtful; speak it if wanted.

    `why` is what `why_none` says where there are none.
    """
    doubt = doubt_about(hits)
    if hits and hits[0].applied:
        click.echo(f"Only {printable(in_words(hits[0].applied))}. {LITERALLY}", err=True)
    if not hits:
        click.echo(printable(why), err=True)
    elif doubt:
        click.echo(DOUBT, err=True)
    show(hits, title(query), showing, apart=options.get("apart", False))
    if showing.aloud or showing.recording is not None:
        from cmsearch.commands.speak import speak_hits

        speak_hits(hits, doubt, aloud=showing.aloud, target=showing.recording)


def doubt_about(hits: Sequence[Hit]) -> str:
    """A word about hits of which probably none is about what was asked for; else nothing."""
    from cmsearch.search.merge.relevance import DOUBTFUL

    doubtful = (hit.relevance < DOUBTFUL for hit in hits)
    return DOUBT if hits and all(doubtful) else ""


def title(query: Query) -> str:
    """A query as a heading."""
    said = ""
    for part in query.parts:
        sign = " − " if part.weight < 0 else " + " if said else ""
        said += f"{sign}{_name(part)}"
    return said + "".join(f", not {_name(part)}" for part in query.without)


def _name(part: QueryPart) -> str:
    if part.modality is Modality.TEXT:
        return f"“{part.content}”"
    if isinstance(part.content, PictureAt):
        return locators.source(part.content.path.name, part.content.locator)
    return Path(part.content).name if isinstance(part.content, str | Path) else "a picture"


def _picture(image: str) -> QueryPart:
    """The picture of a path, or - for standard input, which may be closed."""
    if image != "-":
        return QueryPart(Path(image), Modality.IMAGE)
    from cmsearch.media.images import MAX_BYTES

    data = sys.stdin.buffer.read(MAX_BYTES + 1) if sys.stdin else b""  # it may never end
    return QueryPart(data, Modality.IMAGE)


def part_of(given: str) -> QueryPart:
    """What --not names: a picture if it ends as the names of pictures do, else a text."""
    from cmsearch.media.readers import kind_at

    if kind_at(given) in PICTURES:
        return QueryPart(Path(given), Modality.IMAGE)
    return QueryPart(given)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they are written on a command line; the store is kept beside them."""
    plain = {name: value for name, value in options.items() if name != "store"}
    plain |= {name: f"{plain[name]:%Y-%m-%d}" for name in ("since", "until") if plain.get(name)}
    if plain.get("near"):
        plain["near"] = _plain_place(plain["near"])
    if plain.get("rating"):
        plain["rating"] = "..".join(map(str, plain["rating"]))
    return plain


def _plain_place(place: Sequence[Any]) -> str:
    if len(place) == 3:
        return ",".join(map(repr, place))
    from cmsearch.models.areas import area_names

    return area_names()[(place[0], place[1])]
