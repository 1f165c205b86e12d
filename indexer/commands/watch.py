"""The command `watch`."""

# Tested by tests/e2e/test_watch.py

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cmsearch.commands.options import format_option
from cmsearch.errors import CmsearchError
from cmsearch.store.object_places import url_of
from cmsearch.types import Skipped
from indexer.commands.index import counted, print_json, print_skipped
from indexer.commands.options import (
    asr_option,
    device_option,
    model_option,
    ocr_option,
    place_option,
    progress,
    sound_option,
    watched_argument,
)
from indexer.indexer import Indexer
from indexer.report import Report
from indexer.watch import follow


@click.command()
@watched_argument
@model_option
@device_option
@asr_option
@sound_option
@ocr_option
@place_option
@click.option(
    "--rescan",
    type=click.FloatRange(1),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="Look at all files so often, even where nothing tells of a change.",
)
@click.option("--poll", is_flag=True, help="For folders, as on some networks, without events.")
@format_option
def watch(folder: Path, rescan: float, poll: bool, style: str, **asked: Any) -> None:
    """Index a folder and keep its index current until it is interrupted.

    Prints a line, or with --format json the report, for each run that changed something.

    \b
    Example:
      cmsearch watch ~/Pictures
    """
    if (url := url_of(folder)) is not None:
        raise click.UsageError(
            f"{url} tells nobody of its changes. Run `cmsearch index {url} --store DIR` from time "
            "to time: what is as it was isn't read again."
        )
    indexer = Indexer(folder, **asked)
    known: set[Skipped] = set()
    try:
        with progress() as show:
            for done in follow(indexer, rescan=rescan, poll=poll, progress=show):
                if isinstance(done, CmsearchError):
                    click.echo(f"{_now()}  {done}", err=True)
                    continue
                _print(done, known, style)
                known = {*done.skipped, *(() if done.is_whole else known)}
    except KeyboardInterrupt:
        click.echo("Stopped. The index is as of the last line.", err=True)


def _print(report: Report, known: set[Skipped], style: str) -> None:
    news = counted(report, ("added", "changed", "reencoded", "moved", "removed"))
    if style == "json" and (news or set(report.skipped) - known):
        print_json(report)
        return
    if news:
        click.echo(f"{_now()}  {news}")
    print_skipped([one for one in report.skipped if one not in known])


def _now() -> str:
    return datetime.now().strftime("%Y-%m-%d %H:%M:%S")
