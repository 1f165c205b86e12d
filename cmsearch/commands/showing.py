"""How hits are shown: the options that say so, and the printing."""

# Tested by tests/e2e/test_cli.py

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from cmsearch.commands.paths import shown
from cmsearch.common.locators import clock
from cmsearch.common.text import printable
from cmsearch.search.wire import as_json
from cmsearch.store.locating import DIRECTORY
from cmsearch.store.object_places import address_of
from cmsearch.types import Hit, Modality

TEXT_WIDTH = 60
HEADINGS = {
    Modality.TEXT: "Texts",
    Modality.IMAGE: "Pictures",
    Modality.SPEECH: "Speech",
    Modality.VIDEO: "Films",
    Modality.SOUND: "Sounds",
}
"""Of the hits of each modality where they are shown apart."""
Command = TypeVar("Command", bound=Callable[..., Any])
_OPTIONS = (
    click.option(
        "--format",
        "style",
        type=click.Choice(["table", "json", "paths", "paths0"]),
        default="table",
        show_default=True,
        help="json is one object a line, paths one path a line, paths0 ends each with a NUL.",
    ),
    click.option(
        "--sort",
        type=click.Choice(["score", "date"]),
        default="score",
        show_default=True,
        help="date puts the hits in the order of their days, the newest first.",
    ),
    click.option("--preview", is_flag=True, help="Show the pictures in the terminal."),
    click.option(
        "--html",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the hits as a page with their pictures, too.",
    ),
    click.option("--open", "opened", is_flag=True, help="Open the first hit in the viewer."),
    click.option("--speak", "aloud", is_flag=True, help="Read the first hits aloud."),
    click.option(
        "--speak-to",
        "recording",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE.wav",
        help="Write that as a recording.",
    ),
    click.option(
        "--clip",
        "clips",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Cut the hits out of films and recordings, into this folder.",
    ),
)
SHOWN = ("style", "sort", "preview", "html", "opened", "aloud", "recording", "clips")
"""The names of these options."""


@dataclass(frozen=True, slots=True)
class Showing:
    """What the options say."""

    style: str = "table"
    sort: str = "score"
    preview: bool = False
    html: Path | None = None
    opened: bool = False
    aloud: bool = False
    recording: Path | None = None
    clips: Path | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Showing:
        """What the options of a command say."""
        return cls(*(options[name] for name in SHOWN))


def show_options(command: Command) -> Command:
    """Give a command the options of `Showing`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check(showing: Showing) -> None:
    """Raise what can be known before searching, for a place that can't be written."""
    if showing.html is not None:
        from cmsearch.show.html_pages import check_place

        check_place(showing.html)
    if showing.preview and showing.style != "table":
        raise click.UsageError("--preview shows pictures in the table: leave --format out.")
    if showing.clips is not None:
        from cmsearch.show.clips import check_clips

        check_clips()
    if showing.aloud or showing.recording is not None:
        from cmsearch.commands.speak import check_speech

        check_speech(showing.aloud, showing.recording)


def show(hits: Sequence[Hit], title: str, showing: Showing, *, apart: bool = False) -> None:
    """Print hits, and show them in the other ways that are wanted.

    Those of each modality stay together, under a heading, where they are wanted `apart`.
    """
    if showing.sort == "date":
        hits = sorted(hits, key=lambda hit: hit.taken or datetime.min, reverse=True)
    if apart:
        hits = sorted(hits, key=lambda hit: list(HEADINGS).index(hit.modality))
    for line in _lines(hits, showing, apart):
        # What is in a preview is colour; names and captions have no control characters left.
        click.echo(line, nl=showing.style != "paths0", color=showing.preview or None)
    if showing.html is not None:
        from cmsearch.show.contact_sheet import write_sheet

        write_sheet(showing.html, title, hits)
        click.echo(f"Written to {printable(str(showing.html))}.", err=True)
    if showing.clips is not None:
        _cut_out(hits, showing.clips)
    if showing.opened and hits:
        from cmsearch.show.viewer import open_in_viewer

        open_in_viewer(hits[0].path)


def _cut_out(hits: Sequence[Hit], folder: Path) -> None:
    """Write a clip of each hit that has times in a film or a recording, and say so."""
    from cmsearch.errors import MediaError
    from cmsearch.show.clips import cut_out, is_cuttable

    timed = [hit for hit in hits if hit.start is not None and is_cuttable(hit.path)]
    if not timed:
        click.echo("No hit is a part of a film or a recording: nothing is cut out.", err=True)
    for hit in timed:
        assert hit.start is not None, "only hits with times are cut out"
        source = printable(f"{hit.path}@{clock(hit.start)}")
        try:
            written = cut_out(
                hit.path, hit.start, hit.start if hit.end is None else hit.end, folder
            )
            click.echo(f"Cut out: {printable(str(written))}", err=True)
        except MediaError as error:
            click.echo(f"{source} is not cut out: {printable(str(error))}.", err=True)


def _lines(hits: Sequence[Hit], showing: Showing, apart: bool) -> Iterator[str | bytes]:
    if showing.style in ("paths", "paths0"):
        end = b"\0" if showing.style == "paths0" else b""
        for path in dict.fromkeys(os.fsencode(address_of(hit.path)) for hit in hits):
            yield path + end
    elif showing.style == "json":
        yield from map(as_json, hits)
    else:
        last = None
        for hit, picture in zip(hits, _previews(hits, showing), strict=True):
            if apart and hit.modality is not last:
                yield HEADINGS[hit.modality] if last is None else f"\n{HEADINGS[hit.modality]}"
                last = hit.modality
            if picture:
                yield picture
            yield row(hit, dated=showing.sort == "date")


def _previews(hits: Sequence[Hit], showing: Showing) -> Iterator[str]:
    """The picture of each hit as the terminal shows it; nothing where it has none."""
    if not showing.preview:
        return iter([""] * len(hits))
    from cmsearch.media.thumbnails import place
    from cmsearch.show.terminal import Protocol, cell_size, previews, protocol

    kind = protocol(os.environ, is_terminal=sys.stdout.isatty(), encoding=sys.stdout.encoding)
    if kind is Protocol.NONE:
        click.echo("No pictures are shown: this is no terminal that can.", err=True)
    lines = [hit.lines for hit in hits]
    return previews(map(place, hits), kind, cell=cell_size(1), lines=lines)


def row(hit: Hit, *, dated: bool = False) -> str:
    """A hit as a line of the table, with the time of its picture or file if `dated`."""
    taken = f"{hit.taken:%Y-%m-%d %H:%M}" if hit.taken else " " * 16
    day = f"{taken}  " if dated else ""
    line = f"{hit.rank:>3}  {hit.relevance:4.0%}  {day}{hit.kind:10} {shown(hit.path)}"
    if hit.text is None:
        line += _place(hit) + (f"  {printable(hit.town)}" if hit.town else "")
    if hit.copies and hit.modality in (Modality.IMAGE, Modality.VIDEO):
        line += f"  (+{len(hit.copies)} nearly the same)"
    if hit.text is None:
        return line + _store(hit)
    text = printable(hit.text)
    text = text if len(text) <= TEXT_WIDTH else text[: TEXT_WIDTH - 1] + "…"
    return f"{line}  {text}  ({printable(hit.source)}){_store(hit)}"


def _store(hit: Hit) -> str:
    """Which index a hit is of, by its folder, where several were searched as one."""
    if hit.store is None:
        return ""
    is_beside = hit.store.name == DIRECTORY
    return f"  in {shown(hit.store.parent if is_beside else hit.store)}"


def _place(hit: Hit) -> str:
    """Where in its file a hit without a text is: its page or its times; nothing of a whole file."""
    if hit.page is not None:
        return f"  page {hit.page}"
    if hit.start is None or hit.end is None:
        return ""
    return f"  {clock(hit.start)}–{clock(hit.end)}"
