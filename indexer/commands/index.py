"""The command `index`."""

# Tested by tests/e2e/test_cli.py

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from cmsearch.commands.options import format_option
from cmsearch.common.text import printable
from cmsearch.models.names import at_dim
from cmsearch.store.remote import name_of
from cmsearch.types import Skipped
from indexer.cluster import Cluster, hush
from indexer.commands.options import (
    asr_option,
    cluster_option,
    device_option,
    dim_option,
    model_option,
    ocr_option,
    place_option,
    precision_option,
    progress,
    progress_option,
    sound_option,
    source_argument,
    vectors_option,
    workers_option,
)
from indexer.indexer import Indexer
from indexer.report import Plan, Report
from indexer.text_estimates import Expected

SHOWN = 20
KINDS = 5
_NOUNS = {"ocr": "text block"}
_LONGEST = {
    "scan": "looking at the files takes longest",
    "load the model": "loading the model takes longest",
    "read": "reading the files takes longest",
    "encode": "encoding takes longest",
    "write": "writing takes longest",
    "publish": "publishing takes longest",
}


@click.command()
@source_argument
@model_option
@dim_option
@device_option
@precision_option
@asr_option
@sound_option
@ocr_option
@vectors_option
@cluster_option
@workers_option
@place_option
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--complete",
    is_flag=True,
    help="Encode what was imported again too, for what reranking and `fit` read beside vectors.",
)
@progress_option
@format_option
def index(folder: Path, dry_run: bool, complete: bool, shown: str, style: str, **asked: Any) -> int:
    """Index a folder of pictures, films, recordings and documents, or bring its index up to date.

    A folder may be one of object storage (extra `objects`), whose index is kept where --store says.
    A model that the index wasn't made with encodes everything anew beside what there is, which
    serves until that is done. With another --asr or --sound recordings and films are heard again.
    Ends with the exit code 3 if some files had to be skipped.

    \b
    Examples:
      cmsearch index ~/Pictures
      cmsearch index ~/Pictures --dry-run
      cmsearch index ~/Pictures --model clip
      cmsearch index ~/Pictures --model sentence-transformers:google/embeddinggemma-2 --dim 256
      cmsearch index ~/Pictures --precision auto
      cmsearch index ~/Pictures --ocr auto
      cmsearch index ~/Recordings --asr small
      cmsearch index /mnt/photos --cluster ray://head:10001
      cmsearch index s3://bucket/photos --store ~/photos-index
      cmsearch index ~/Recordings --sound transformers:laion/clap-htsat-unfused
    """
    indexer = _indexer(folder, **asked)
    if dry_run:
        plan = indexer.plan()
        print_plan(plan) if style == "table" else print_json(plan)
        return 0
    with progress(shown) as show:
        report = indexer.run(show)
        if complete:
            from indexer.completing import forget_bare

            for _ in forget_bare(indexer.store, asked["device"]):
                report = _with(report, indexer.run(show))
    print_report(report) if style == "table" else print_json(report)
    return 3 if report.skipped else 0


def _indexer(
    folder: Path,
    *,
    model: str | None,
    dim: int | None,
    cluster: str | None,
    workers: int | None,
    **asked: Any,
) -> Indexer:
    """What was asked for; the rest of it is as `Indexer` takes it."""
    if workers is not None and cluster is None:
        raise click.UsageError("--workers are those of a cluster: name one with --cluster.")
    machines = None
    if cluster is not None:
        hush()
        machines = Cluster(cluster, workers)
    return Indexer(folder, model=at_dim(model, dim), cluster=machines, **asked)


def _with(report: Report, later: Report) -> Report:
    """A report with what a later run encoded again."""
    count = report.reencoded + later.reencoded
    return replace(report, reencoded=count, skipped=later.skipped, items=later.items)


def print_json(done: Report | Plan) -> None:
    """Write a report as one JSON object on one line."""
    click.echo(json.dumps({**asdict(done), "store": name_of(done.store)}))


def print_report(report: Report) -> None:
    """Write what a run did to stdout, and what it skipped to stderr."""
    names = ("added", "changed", "reencoded", "unchanged", "moved", "removed", "skipped")
    items = ", ".join(
        f"{count} {_NOUNS.get(kind, kind)}{'' if count == 1 else 's'}"
        for kind, count in sorted(report.items.items())
    )
    click.echo(f"files: {counted(report, names) or 'none'}")
    print_unread(report.unread)
    click.echo(
        f"index: {items or 'empty'}, with {report.model}, in {printable(name_of(report.store))}"
    )
    print_rates(report)
    if report.waiting:
        click.echo(
            f"{report.model} does not serve yet: {report.waiting} files could not be read. The "
            "former model serves until they are, or are gone; then index again.",
            err=True,
        )
    if not report.items:
        click.echo("There is nothing here that can be indexed.", err=True)
    print_skipped(report.skipped)


def print_rates(report: Report) -> None:
    """Write how much each stage can do a second, if anything was written."""
    verbs = {"scan": "scanned", "read": "read", "encode": "encoded", "write": "written"}
    found = [
        f"{report.rates[one]:,.0f} {verb}" for one, verb in verbs.items() if one in report.rates
    ]
    if "write" in report.rates:
        click.echo(f"a second: {', '.join(found)}; {_LONGEST.get(report.bound, report.bound)}")


def print_plan(plan: Plan) -> None:
    """Write what a run would do: the counts, and the first paths of each kind."""
    paths = {
        "add": plan.added,
        "encode again": plan.changed,
        f"encode with {plan.model}": plan.reencoded,
        "move": [f"{old} → {new}" for old, new in plan.moved],
        "forget": plan.removed,
    }
    for verb, found in paths.items():
        for path in found[:SHOWN]:
            click.echo(f"would {verb}: {printable(path)}")
        if len(found) > SHOWN:
            click.echo(f"… and {len(found) - SHOWN} more; --format json has them all")
    counts = {f"to {verb}": len(found) for verb, found in paths.items()}
    counts["unchanged"] = plan.unchanged
    click.echo(f"files: {_listed(counts) or 'none'}")
    if plan.texts:
        texts = Expected(plan.texts, plan.text_pages, plan.text_seconds)
        click.echo(f"text would be looked for in {texts.told()}")
    print_unread(plan.unread)
    print_skipped(plan.skipped)


def print_unread(unread: Mapping[str, int]) -> None:
    """Write how many files nothing here reads, by the ends of their names: a few of these."""
    kinds = [f"{count} {suffix or 'without a suffix'}" for suffix, count in unread.items()]
    more = len(kinds) - KINDS
    if more > 0:
        kinds[KINDS:] = [f"and {more} more kind{'' if more == 1 else 's'}"]
    if kinds:
        click.echo(f"{', '.join(kinds)}: not read")


def counted(report: Report, names: Sequence[str]) -> str:
    """The numbers of a report that aren't 0, as `3 added, 1 skipped`."""
    found = {name: getattr(report, name) for name in names}
    return _listed({name: one if isinstance(one, int) else len(one) for name, one in found.items()})


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def print_skipped(skipped: Sequence[Skipped]) -> None:
    """Write to stderr what was left out and why."""
    for one in skipped[:SHOWN]:
        place = f"{one.path}:{one.locator}" if one.locator else one.path
        click.echo(f"skipped {printable(place)}: {printable(one.reason)}", err=True)
    if len(skipped) > SHOWN:
        more = len(skipped) - SHOWN
        click.echo(f"… and {more} more; `cmsearch index --format json` has them all", err=True)
