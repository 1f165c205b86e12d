"""The command `annotate`."""

# Tested by tests/e2e/test_annotate.py

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.commands.options import store_option
from cmsearch.commands.paths import shown
from cmsearch.common.text import json_line, printable

if TYPE_CHECKING:
    from cmsearch.annotate.annotation import Annotation
    from cmsearch.annotate.sidecars import Sidecars
    from cmsearch.search.engine import Engine

SHOWN = 20


@click.command()
@click.argument("pictures", nargs=-1, metavar="[FILE_OR_FOLDER]...")
@store_option
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Give labels in place of captions: those of FILE, one a line.",
)
@click.option("--path", metavar="GLOB", help="Only pictures that lie there: 2024, *.png, IMG_1*.")
@click.option("--has-caption/--no-caption", default=None, help="Only with, or without, captions.")
@click.option(
    "-k",
    "--top",
    type=click.IntRange(1),
    metavar="N",
    help="How many; by default 5 labels or 3 captions.",
)
@click.option(
    "--min-confidence",
    "least",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Only what is at least so likely; by default 0.5 for labels and 0.15 for captions.",
)
@click.option(
    "--own/--others",
    default=False,
    help="Whether a picture's own captions count too; by default only those of others.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["json", "table"]),
    default="json",
    show_default=True,
    help="json is one object a line.",
)
@click.option("--sidecars", is_flag=True, help="Write NAME.txt beside each picture.")
@click.option("--xmp", is_flag=True, help="Write or complete NAME.jpg.xmp beside each picture.")
@click.option(
    "--xmp-name",
    type=click.Choice(["full", "stem"]),
    default="full",
    show_default=True,
    help="full is NAME.jpg.xmp (darktable, digiKam), stem is NAME.xmp (Adobe).",
)
@click.option(
    "--overwrite", is_flag=True, help="Replace a NAME.txt, or a description in XMP, that is there."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
def annotate(
    pictures: tuple[str, ...],
    store: Path | None,
    labels: Path | None,
    path: str | None,
    has_caption: bool | None,
    top: int | None,
    least: float | None,
    own: bool,
    style: str,
    **written: Any,
) -> int:
    """Say what is in pictures: the captions of the index that fit them best, or labels.

    All pictures of the index are annotated, or the files and folders that are named. Nothing is
    written but with --sidecars or --xmp, and then no text is replaced but with --overwrite. Ends
    with the exit code 3 if some files could not be written.

    \b
    Examples:
      cmsearch annotate --format table
      cmsearch annotate 2024/trip --labels labels.txt --min-confidence 0.7
      cmsearch annotate --no-caption --labels labels.txt --xmp --dry-run
    """
    from cmsearch.search import engine as searcher
    from cmsearch.search.wire import where

    writers = _writers(**written)
    if own and labels is not None:
        raise click.UsageError("--own is about captions; with --labels there are none.")
    limits = {"top": top, "least": least}
    options: dict[str, Any] = {name: one for name, one in limits.items() if one is not None}
    options |= {"pictures": pictures, "where": where({"path": path, "has_caption": has_caption})}
    with searcher.open(store or ".") as engine:
        found, silent = False, 0
        for one in _annotations(engine, labels, own, options):
            found = True
            if style == "json":
                click.echo(_json(one))
            elif one.labels or one.captions:
                click.echo(_table(one))
            else:
                silent += 1
            _write(writers, one)
        is_filtered = path is not None or has_caption is not None or bool(pictures)
        _say_silent(silent) if found else _say_none(is_filtered)
        folder = engine.store.root
    for form, writer in writers.items():
        _say(form, writer, folder, written["dry_run"])
    return 3 if any(writer.failed for writer in writers.values()) else 0


def _writers(
    *, sidecars: bool, xmp: bool, xmp_name: str, overwrite: bool, dry_run: bool
) -> dict[str, Sidecars]:
    """What writes files beside pictures, by the forms that are wanted."""
    from cmsearch.annotate.sidecars import Sidecars

    forms = [form for form, chosen in (("text", sidecars), ("xmp", xmp)) if chosen]
    if (overwrite or dry_run) and not forms:
        raise click.UsageError("--overwrite and --dry-run go with --sidecars or --xmp.")
    own = {"stem": xmp_name == "stem", "overwrite": overwrite, "dry": dry_run}
    return {form: Sidecars(form, **own) for form in forms}


def _write(writers: Mapping[str, Sidecars], one: Annotation) -> None:
    for writer in writers.values():
        writer.write(one)


def _say_none(is_filtered: bool) -> None:
    which = " that passes the filters" if is_filtered else ""
    click.echo(f"No picture{which} is in this index.", err=True)


def _say_silent(count: int) -> None:
    """Write to stderr how many pictures a table doesn't show."""
    if count:
        pictures_are = "picture has" if count == 1 else "pictures have"
        click.echo(
            f"{count} more {pictures_are} nothing that is likely enough; --min-confidence 0 "
            "gives what comes nearest.",
            err=True,
        )


def _annotations(
    engine: Engine, labels: Path | None, own: bool, options: dict[str, Any]
) -> Iterator[Annotation]:
    from cmsearch.annotate import annotation
    from cmsearch.annotate.label_files import read_labels

    if labels is None:
        return annotation.describe(engine, own=own, **options)
    return annotation.label(engine, read_labels(labels), **options)


def _json(one: Annotation) -> bytes:
    """One line in UTF-8; bytes of a name that aren't are escaped as JSON escapes surrogates."""
    fields: dict[str, Any] = {
        "path": str(one.path),
        "labels": [{"label": each.name, "confidence": each.confidence} for each in one.labels],
        "captions": [
            {
                "caption": each.text,
                "confidence": each.confidence,
                "score": each.score,
                "source": each.source,
                "about": str(each.about),
            }
            for each in one.captions
        ],
    }
    return json_line(fields).encode()


def _table(one: Annotation) -> str:
    said: Iterable[tuple[float | None, str]] = [
        *((each.confidence, each.name) for each in one.labels),
        *((each.confidence, each.text) for each in one.captions),
    ]
    rows = [
        f"  {'   –' if likely is None else f'{likely:4.0%}':>4}  {printable(text)}"
        for likely, text in said
    ]
    return "\n".join([shown(one.path), *rows])


def _say(form: str, writer: Sidecars, folder: Path, dry: bool) -> None:
    """Write to stderr what came of the files of one form, and which could not be written."""
    found = writer.outcomes
    name = "text" if form == "text" else "XMP"
    parts = [
        (found["written"], "written" if not dry else "would be written"),
        (found["changed"], "changed" if not dry else "would be changed"),
        (found["kept"], "left as they are"),
        (found["shared"], "in that of the raw picture or its JPEG"),
        (found["nothing"], "without anything to say"),
        (found["failed"], "failed"),
    ]
    counts = ", ".join(f"{count} {verb}" for count, verb in parts if count) or "none"
    click.echo(f"{name} files in {printable(str(folder))}: {counts}", err=True)
    for what, ones in (("failed", writer.failed), ("shared", writer.shared)):
        for one in ones[:SHOWN]:
            click.echo(f"{what} {printable(one.path)}: {printable(one.reason)}", err=True)
        if len(ones) > SHOWN:
            click.echo(f"… and {len(ones) - SHOWN} more", err=True)
