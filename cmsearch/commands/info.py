"""The command `info`."""

# Tested by tests/e2e/test_store_commands.py

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.commands.options import format_option, stores_option
from cmsearch.common.text import printable

if TYPE_CHECKING:
    from cmsearch.store.inventory import Inventory


FILES = {
    "audio": "recording",
    "captions": "list of captions",
    "docx": "DOCX document",
    "html": "page of HTML",
    "notes": "file of notes",
    "pdf": "PDF document",
    "raw": "raw picture",
    "subtitles": "file of subtitles",
    "video": "film",
    "xmp": "file of XMP",
}
"""What people call files of a kind, where that isn't the kind's own name."""
_MOST = 10
"""Years, the last, and values of anything else, the most frequent, that are named."""
NOTES = {"person": "name of people", "rating": "rated file", "label": "labelled file"}
VECTORS = {"audio": "piece of speech"}


@click.command()
@stores_option
@format_option
def info(store: Path | list[Path] | None, style: str) -> None:
    """Say what is in an index: files, items, vectors, model, bytes and dates; of several, each.

    \b
    Example:
      cmsearch info
      cmsearch info --store ~/Pictures --format json
    """
    from cmsearch.store.inventory import take_inventory
    from cmsearch.store.store import open_at

    for place, own in enumerate(store if isinstance(store, list) else [store or Path()]):
        with open_at(own) as opened:
            found = take_inventory(opened)
        if style == "json":
            click.echo(json.dumps(_fields(found)))
            continue
        if place:
            click.echo()
        for name, value in _rows(found):
            click.echo(f"{name:9} {value}")


def _fields(found: Inventory) -> dict[str, Any]:
    from cmsearch.store.object_places import address_of
    from cmsearch.store.remote import name_of

    fields = asdict(found) | {"store": name_of(found.store), "folder": address_of(found.folder)}
    serving = fields.pop("serving")
    names = ("model", "dim", "runtime")
    own = {name: serving and serving[name] for name in names}
    return {**own, "generation": serving and serving["id"], **fields}


def _rows(found: Inventory) -> list[tuple[str, str]]:
    from cmsearch.store.object_places import address_of
    from cmsearch.store.remote import name_of

    serving = found.serving
    sizes = f"{_megabytes(found.catalog_bytes)} and {_megabytes(found.derived_bytes)} derived"
    model = "none yet"
    if serving is not None:
        model = f"{printable(serving.model)}, {serving.dim} dimensions, generation {serving.id}"
        model += f" of {found.generations}" if found.generations > 1 else ""
    store = f"{printable(name_of(found.store))}, {sizes}"
    skipped = f"; {found.skipped} skipped" if found.skipped else ""
    rows = [
        ("folder", printable(address_of(found.folder))),
        ("index", f"{store}, changed {found.changed[:16].replace('T', ' ')} UTC"),
        ("model", model),
        ("files", _counts(found.files, FILES) + skipped),
        ("items", _counts(found.items, {})),
        ("vectors", f"{_counts(found.vectors, VECTORS)}; searched with {printable(found.index)}"),
    ]
    if serving is not None and serving.runtime != "onnxruntime":
        rows.append(("runs in", printable(serving.runtime)))
    for modality, recall in found.recall.items():
        told = [f"{recall[k]:.1%} of the nearest {k}" for k in ("10", "100") if k in recall]
        if told:
            texts = f"measured with {recall.get('queries', 0):.0f} texts"
            rows.append(("recall", f"{modality}: {' and '.join(told)} are found, {texts}"))
    if found.sound is not None:
        rows.append(("sound", printable(found.sound)))
    if found.asr is not None:
        rows.append(("speech", printable(found.asr)))
    if found.first_day is not None:
        rows.append(("pictures", f"from {found.first_day} to {found.last_day}"))
    for name in ("years", "countries", "keywords", "people", "labels"):
        if counts := getattr(found, name):
            rows.append((name, _named(counts, last=name == "years")))
    if found.ratings:
        rows.append(("stars", ", ".join(_stars(*one) for one in found.ratings.items())))
    if found.notes:
        rows.append(("noted", _counts(found.notes, NOTES)))
    if found.taken:
        by = sorted(found.taken.items(), key=lambda one: (-one[1], one[0]))
        rows.append(("times", ", ".join(f"{count} by {name}" for name, count in by)))
    if serving is not None and serving.lacking:
        rows.append(("lacking", f"{serving.lacking} files; run `cmsearch index`"))
    return rows


def _named(counts: Mapping[str, int], *, last: bool) -> str:
    """The first values with their numbers, or the last."""
    told = [f"{printable(one)} {count}" for one, count in counts.items()]
    return ", ".join(told[-_MOST:] if last else told[:_MOST])


def _stars(stars: str, count: int) -> str:
    if stars == "-1":
        return f"rejected {count}"
    return f"{stars} star{'' if stars == '1' else 's'} {count}"


def _counts(numbers: dict[str, int], nouns: Mapping[str, str]) -> str:
    """Numbers with their nouns, in the plural for more than one."""
    parts = []
    for name, count in numbers.items():
        noun, of, rest = nouns.get(name, name).partition(" of ")
        parts.append(f"{count} {noun}{'' if count == 1 else 's'}{of}{rest}")
    return ", ".join(parts) or "none"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
