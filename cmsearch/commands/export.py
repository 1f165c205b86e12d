"""The command `export`."""

# Tested by tests/unit/cmsearch/store/test_vector_files.py

from __future__ import annotations

import json
from pathlib import Path

import click

from cmsearch.commands.bars import stage_bars
from cmsearch.commands.options import StorePath, format_option, trust_option
from cmsearch.commands.places import unwritable
from cmsearch.common.text import printable

MODALITIES = ("image", "text", "audio", "video", "sound")


@click.command()
@click.argument("store", type=StorePath())
@click.argument("to", type=click.Path(path_type=Path))
@click.option(
    "--for",
    "target",
    type=click.Choice(MODALITIES),
    multiple=True,
    help="Only vectors of these; may be repeated. By default all. With one the rows of the table "
    "are those of the array, as clip-retrieval has them.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float16", "float32"]),
    default="float16",
    show_default=True,
    help="Of the arrays; float16 is what the index keeps.",
)
@click.option(
    "--metadata",
    type=click.Choice(["parquet", "jsonl"]),
    default="parquet",
    show_default=True,
    help="The form of the table. parquet needs `pip install 'cmsearch[parquet]'`.",
)
@trust_option
@format_option
def export(
    store: Path, to: Path, target: tuple[str, ...], dtype: str, metadata: str, style: str
) -> None:
    """Write the vectors of STORE, an index or its folder, with their paths into a new folder TO.

    It has the layout of clip-retrieval: img_emb/img_emb_0.npy, text_emb/text_emb_0.npy, and
    metadata/metadata_0.parquet with image_path, caption, file, locator, kind, modality, and the
    array and row of each vector; images come first. TO must not be there yet, and is there once
    all is written. To write hits, see `search --html` and the `export` of `shell`.

    \b
    Examples:
      cmsearch export ~/Pictures vectors
      cmsearch export ~/Pictures vectors --for image --dtype float32
      cmsearch export ~/Pictures /tmp/vectors --metadata jsonl
    """
    from cmsearch.store.store import open_at
    from cmsearch.store.vector_files import Form, export
    from cmsearch.types import Modality

    form = Form(dtype, metadata, tuple(map(Modality, target)))
    with open_at(store) as opened, stage_bars() as show:
        try:
            found = export(opened, to, form, show)
        except (OSError, ValueError) as error:
            raise unwritable(to, error) from error
    if style == "json":
        shapes = {name: list(shape) for name, shape in found.arrays.items()}
        click.echo(json.dumps({"folder": str(to), "model": found.model, "arrays": shapes}))
        return
    for name, (rows, dim) in found.arrays.items():
        click.echo(f"{name:9} {rows} vectors of {dim} dimensions")
    click.echo(f"Written to {printable(str(to))}, of {printable(found.model)}.")
