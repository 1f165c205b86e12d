"""The command `compact`."""

# Tested by tests/e2e/test_compact.py

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from cmsearch.commands.options import format_option, store_option
from cmsearch.store.compaction import compact as merge
from cmsearch.store.store import open_at
from indexer.commands.options import progress


@click.command()
@store_option
@format_option
def compact(store: Path | None, style: str) -> None:
    """Merge what was indexed bit by bit, and free the room of what was deleted.

    An index works without: what is new or deleted is seen at once, and what is apart is merged in
    time. Searches go on meanwhile.

    \b
    Example:
      cmsearch compact
      cmsearch compact --format json
    """
    with open_at(store or Path()) as opened, progress() as show:
        done = merge(opened, show)
    if style == "json":
        click.echo(json.dumps(asdict(done)))
        return
    news = []
    if done.segments_before > done.segments_after:
        news.append(f"segments merged: {done.segments_before} into {done.segments_after}")
    if done.added:
        news.append(f"new vectors laid out: {done.added}")
    if done.freed:
        news.append(f"deleted ones freed: {done.freed}")
    size = f"{done.bytes_after / 1e6:.1f} MB"
    if done.bytes_after != done.bytes_before:
        size = f"{done.bytes_before / 1e6:.1f} MB before, {size} now"
    click.echo("; ".join([*(news or ["nothing lies apart"]), size]))
