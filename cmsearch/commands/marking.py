"""The commands `mark` and `marks`: what is right or wrong for a query, said of hits and listed."""

# Tested by tests/unit/cmsearch/commands/test_marking.py

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.commands.options import format_option, store_option, trust_option
from cmsearch.common.kinds import TARGETS
from cmsearch.common.text import json_line, printable

if TYPE_CHECKING:
    from cmsearch.search.engine import Engine
    from cmsearch.search.federated import FederatedEngine
    from cmsearch.types import Hit, Mark, Query

_VERDICTS = {"right": True, "wrong": False, "clear": None}


@click.command()
@click.argument("ranks", type=click.IntRange(1), nargs=-1, required=True)
@click.option("--right", "verdict", flag_value="right", help="They are right for the query.")
@click.option("--wrong", "verdict", flag_value="wrong", help="They are wrong for it.")
@click.option("--clear", "verdict", flag_value="clear", help="Take back what was said of them.")
@trust_option
def mark(ranks: Sequence[int], verdict: str | None) -> None:
    """Say whether the hits at RANKS of the last search are right or wrong for its query.

    The index keeps it, under whatever names the files will have: `cmsearch marks` lists it,
    `cmsearch eval --marks` measures by it, and `cmsearch fit` learns from it.

    \b
    Examples:
      cmsearch search "a tabby cat" && cmsearch mark 1 3 --right && cmsearch mark 2 --wrong
      cmsearch mark 3 --clear
    """
    from cmsearch.commands import history
    from cmsearch.search import federated

    if verdict is None:
        raise click.UsageError("Say what they are: --right, --wrong or --clear.")
    last = history.last()
    hits = [last.at(rank) for rank in dict.fromkeys(ranks)]
    with federated.open(last.store) as engine:
        said = judged(engine, last.query, last.options, hits, _VERDICTS[verdict])
    click.echo(said, err=True)


@click.command()
@click.option("--query", metavar="TEXT", help="Only those for this query.")
@click.option("--for", "target", type=click.Choice(TARGETS), help="Only those for such a search.")
@click.option(
    "--forget-missing", is_flag=True, help="Delete the marks of what isn't in the index any more."
)
@store_option
@format_option
def marks(
    query: str | None, target: str | None, forget_missing: bool, store: Path | None, style: str
) -> None:
    """List what was said to be right or wrong for queries.

    \b
    Examples:
      cmsearch marks
      cmsearch marks --query "a tabby cat" --format json
    """
    from cmsearch.search import engine as searcher
    from cmsearch.search.query.grammar import parse

    with searcher.open(store or ".") as engine:
        if forget_missing:
            click.echo(f"{engine.forget_missing_marks()} marks were deleted.", err=True)
        asked = None if query is None else parse(query)
        found = engine.marks(asked, target=target)
    if style == "json":
        _print_json(found)
    elif found:
        _print_table(found)
    else:
        click.echo("Nothing is marked.", err=True)


def judged(
    engine: Engine | FederatedEngine,
    query: Query,
    options: Mapping[str, Any],
    hits: Sequence[Hit],
    right: bool | None,
) -> str:
    """Mark hits of a query that was asked with a command's options; what to say of that.

    Days and places that were understood as a filter are no part of the query.
    """
    asked = query if options.get("literal") else engine.understand(query).query
    for hit in hits:
        engine.mark(asked, hit, right, target=options.get("target", "any"))
    count = f"{len(hits)} hit{'s' * (len(hits) != 1)}"
    if right is None:
        return f"{count} marked neither right nor wrong."
    return f"{count} marked {'right' if right else 'wrong'}."


def _print_json(found: Sequence[Mark]) -> None:
    from cmsearch.search.wire import mark_as_json

    for one in found:
        click.echo(json_line(mark_as_json(one)).encode())


def _print_table(found: Sequence[Mark]) -> None:
    width = min(40, max(len(one.query) for one in found))
    click.echo(f"DAY         MARK   FOR         {'QUERY':{width}}  FILE")
    for one in found:
        gone = "" if one.items else "  (not in the index now)"
        click.echo(
            f"{one.day}  {'right' if one.right else 'wrong'}  {one.target:10}  "
            f"{printable(one.query):{width}}  {printable(one.source)}{gone}"
        )
