"""The command `doctor`."""

# Tested by tests/e2e/test_store_commands.py

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from cmsearch.commands.bars import stage_bars
from cmsearch.commands.options import format_option, store_option
from cmsearch.common.text import printable
from cmsearch.errors import StoreError
from cmsearch.store.catalog import marks, notes
from cmsearch.store.object_places import address_of
from cmsearch.store.store import Store, open_at
from indexer.commands.index import print_skipped
from indexer.commands.options import device_option
from indexer.doctor import SAMPLES, encode_missing, examine, repair
from indexer.recall import measure
from indexer.samples import Finding

_MOST_NOTES = 10_000


@click.command()
@store_option
@click.option("--repair", "mend", is_flag=True, help="Make anew what is damaged.")
@click.option(
    "--samples",
    type=click.IntRange(0),
    default=SAMPLES,
    show_default=True,
    metavar="N",
    help="Encode so many files again and compare; 0 needs neither the model nor the files.",
)
@click.option(
    "--recall",
    "only_recall",
    is_flag=True,
    help="Only measure what share of the true nearest is found, and how fast.",
)
@device_option
@format_option
def doctor(
    store: Path | None,
    mend: bool,
    samples: int,
    only_recall: bool,
    device: str | None,
    style: str,
) -> int:
    """Prove that catalog, vectors and derived files of an index agree.

    Ends with the exit code 1 if something is wrong and was not mended. Notes of pictures that
    couldn't be read are named, too; they are for the programs that wrote them to mend.

    \b
    Example:
      cmsearch doctor
      cmsearch doctor --repair
      cmsearch doctor --recall
    """
    with open_at(store or Path()) as opened:
        if only_recall:
            _print_recall(opened, style)
            return 0
        findings = _examined(opened, samples, device)
        if samples and not opened.has_own_media:
            click.echo(
                "No file is encoded again: this index only says that it is of "
                f"{printable(address_of(opened.root))}. If you trust who made it, run the command "
                "again with --trust, which is remembered.",
                err=True,
            )
        _print_unread(opened)
        _print_missing_marks(opened)
        if not (findings and mend):
            _print(findings, style)
            if findings:
                click.echo("`cmsearch doctor --repair` makes anew what is damaged.", err=True)
            elif style == "table":
                click.echo("Everything agrees.")
            return 1 if findings else 0
        repair(opened, findings)
        if any(one.embeddings or one.again or one.check == "items" for one in findings):
            encode_missing(opened, device)
        left = _examined(opened, samples, device)
    _print([one for one in findings if one not in left], style, mended=True)
    _print(left, style)
    return 1 if left else 0


def _examined(store: Store, samples: int, device: str | None) -> list[Finding]:
    with stage_bars() as show:
        return examine(
            store,
            samples=samples,
            device=device,
            tell=lambda now: show(now.stage, now.done, now.total),
        )


def _print_unread(store: Store) -> None:
    """Name what couldn't be read of notes in files and beside them, unless nothing can be asked."""
    try:
        unread = notes.unread(store.catalog, _MOST_NOTES)
    except StoreError:
        return  # it is one of the findings
    if unread:
        click.echo("Not all notes of pictures could be read:", err=True)
        print_skipped(unread)


def _print_missing_marks(store: Store) -> None:
    """Say how many marks are of what isn't there any more, unless nothing can be asked: it may come
    back, so that nothing is wrong.
    """
    try:
        missing = sum(not one.items for one in marks.located(store.catalog))
    except StoreError:
        return  # it is one of the findings
    if missing:
        what = (
            "1 mark is of something that isn't"
            if missing == 1
            else (f"{missing} marks are of things that aren't")
        )
        click.echo(
            f"{what} in the index any more; `cmsearch marks --forget-missing` deletes such marks.",
            err=True,
        )


def _print_recall(store: Store, style: str) -> None:
    for one in measure(store):
        if style == "json":
            click.echo(json.dumps(asdict(one)))
            continue
        shares = " and ".join(f"{part:.1%} of the nearest {k}" for k, part in one.recall.items())
        click.echo(
            f"{one.modality}: {shares} are found among {one.vectors} vectors by {one.queries} "
            f"texts, in {one.p50} ms (p50) and {one.p99} ms (p99); {one.bytes / 1e6:.1f} MB"
        )


def _print(findings: Sequence[Finding], style: str, *, mended: bool = False) -> None:
    for one in findings:
        if style == "json":
            fields = {"check": one.check, "what": one.what, "embeddings": len(one.embeddings)}
            click.echo(json.dumps({**fields, "mended": mended}))
        else:
            click.echo(f"{'mended' if mended else 'wrong'}: {one.check}: {printable(one.what)}")
