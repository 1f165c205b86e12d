"""The command `import`."""

# Tested by tests/e2e/test_import.py

from __future__ import annotations

import json
from pathlib import Path

import click

from cmsearch.commands.options import format_option
from cmsearch.common.text import printable
from cmsearch.store.remote import name_of
from cmsearch.types import Modality
from indexer.commands.index import SHOWN
from indexer.commands.options import (
    device_option,
    folder_argument,
    place_option,
    progress,
    yes_option,
)
from indexer.importing.importer import Imported, Importer, Wanted, as_json
from indexer.importing.sources import MODALITIES


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@folder_argument
@click.option(
    "--model",
    metavar="NAME",
    help="The model that the vectors are of, as `cmsearch models` lists them; an export and rclip "
    "say it themselves.",
)
@yes_option
@device_option
@click.option(
    "--was",
    metavar="DIR",
    help="Where FOLDER was, or how its paths begin, when the pictures were encoded.",
)
@click.option(
    "--for",
    "target",
    type=click.Choice([str(one) for one in MODALITIES]),
    multiple=True,
    help="Only vectors of these; may be repeated. By default all.",
)
@click.option(
    "--unchecked",
    is_flag=True,
    help="Take over what no file is here to check with, as when its drive is away.",
)
@place_option
@format_option
def import_(
    source: Path,
    folder: Path,
    model: str | None,
    device: str | None,
    was: str | None,
    target: tuple[str, ...],
    unchecked: bool,
    store: Path | None,
    style: str,
) -> int:
    """Take the vectors in SOURCE over into the index of FOLDER, in which their pictures lie.

    SOURCE is the output folder of clip-retrieval, a folder that `export` wrote, rclip's db.sqlite3,
    an array (vectors.npy) beside paths.txt, paths.jsonl or paths.parquet, or a file of Parquet with
    paths and vectors. Some of its pictures and captions are encoded again, and if the vectors
    aren't those of the model, nothing is imported. Files are read by the next `cmsearch index`,
    which encodes none of them again unless it changed. Ends with the exit code 3 if some rows had
    to be passed over.

    \b
    Examples:
      cmsearch import embeddings ~/Pictures --model ViT-B-32/laion2b_s34b_b79k --was pictures
      cmsearch import ~/.local/share/rclip/db.sqlite3 ~/Pictures
      cmsearch import vectors.npy ~/Pictures --model clip
      cmsearch import exported /media/archive --unchecked
    """
    wanted = Wanted(model, device, was, unchecked, tuple(map(Modality, target)))
    with progress() as show:
        done = Importer(source, folder, store=store, wanted=wanted).run(show)
    if style == "json":
        click.echo(json.dumps(as_json(done)))
    else:
        print_imported(done)
    return 3 if done.passed else 0


def print_imported(done: Imported) -> None:
    """Write what an import did to stdout, and what it passed over to stderr."""
    for what, own in done.checked.items():
        if own.compared:
            click.echo(
                f"checked: {own.compared} {what} encoded again have a median cosine of "
                f"{own.median:.3f} with their vectors, {own.lowest:.3f} at the lowest"
            )
        else:
            click.echo(f"not checked: none of the {what} could be encoded again", err=True)
    known = f", {done.known} known before" if done.known else ""
    others = f", which has {done.elsewhere} of other folders" if done.elsewhere else ""
    click.echo(f"imported: {done.added} from {done.source}{known}{others}")
    if done.away:
        click.echo(
            f"{done.away} of them are of files that aren't there. They can be found until "
            "`cmsearch index` misses their files."
        )
    items = ", ".join(
        f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in sorted(done.items.items())
    )
    place = printable(name_of(done.store))
    click.echo(f"index: {items or 'empty'}, with {printable(done.model)}, in {place}")
    if not done.serves:
        click.echo(
            f"{printable(done.model)} does not serve yet: other files here have no vectors of it. "
            f"`cmsearch index --model {printable(done.model)}` encodes them.",
            err=True,
        )
    for sentence in done.left_out:
        click.echo(sentence, err=True)
    _print_passed(done)


def _print_passed(done: Imported) -> None:
    for one in done.skipped[:SHOWN]:
        click.echo(f"passed over {printable(one.path) or 'a row'}: it {one.reason}", err=True)
    if sum(done.passed.values()) > SHOWN:
        for reason, count in done.passed.items():
            click.echo(f"{count} rows passed over in all, each of which {reason}", err=True)
