"""The commands `again`, `more` and `similar`, which go on from what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from cmsearch.commands import history
from cmsearch.commands.asking import answer, composed, search_options
from cmsearch.commands.options import daemon_option
from cmsearch.commands.showing import SHOWN, Showing, show_options
from cmsearch.errors import QueryError
from cmsearch.search.query.feedback import refined

_NAMED = ("ranks", "wrong")


@click.command()
@search_options
@daemon_option
@show_options
@click.pass_context
def again(ctx: click.Context, /, **options: Any) -> None:
    """Search for the same once more; what is given here replaces what was given then.

    \b
    Examples:
      cmsearch again -k 50 --html found.html
      cmsearch again --for caption
    """
    last = history.last()
    answer(last.query, _options(ctx, last), Showing.of(options), seen=last.seen)


@click.command()
@click.argument("ranks", type=click.IntRange(1), nargs=-1)
@click.option(
    "--not",
    "wrong",
    type=click.IntRange(1),
    multiple=True,
    metavar="RANK",
    help="A hit that is wrong; may be given again.",
)
@search_options
@daemon_option
@show_options
@click.pass_context
def more(ctx: click.Context, /, ranks: Sequence[int], wrong: Sequence[int], **options: Any) -> None:
    """Find more like the hits at RANKS of the last search, and less like wrong ones.

    The hits that are named are not shown again, nor their copies. What comes is the last search
    then: so it can be refined step by step.

    \b
    Examples:
      cmsearch more 3 7
      cmsearch more 3 7 --not 5
    """
    if not ranks and not wrong:
        raise click.UsageError("Name the hits to find more of by their ranks: cmsearch more 3 7.")
    if set(ranks) & set(wrong):
        raise click.UsageError("A hit is right or wrong, not both.")
    last = history.last()
    liked, disliked = ([last.at(rank) for rank in dict.fromkeys(some)] for some in (ranks, wrong))
    query = refined(last.query, liked, disliked)
    seen = [*last.seen, *liked, *disliked]
    answer(query, _options(ctx, last), Showing.of(options), seen=seen)


@click.command()
@click.argument("file")
@search_options
@daemon_option
@show_options
@click.pass_context
def similar(ctx: click.Context, /, file: str, **options: Any) -> None:
    """Find the pictures that are like the picture FILE, which needn't be in the index.

    \b
    Example:
      cmsearch similar ~/Desktop/cat.jpg
    """
    given = {name: value for name, value in options.items() if name not in SHOWN}
    if ctx.get_parameter_source("target") is ParameterSource.DEFAULT:
        given["target"] = "image"
    answer(composed(None, [file], ()), given, Showing.of(options))


def _options(ctx: click.Context, last: history.LastSearch) -> dict[str, Any]:
    """The options of the last search, and over them those that are given now.

    The kept ones are read as if they were given: a file that was changed can say anything.
    """
    given = {
        name: value
        for name, value in ctx.params.items()
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
        and name not in (*SHOWN, *_NAMED)
    }
    try:
        kept = {
            option.name: option.type_cast_value(ctx, last.options[option.name])
            for option in ctx.command.params
            if option.name in last.options and option.name not in (*SHOWN, *_NAMED, "store")
        }
    except (click.UsageError, TypeError, ValueError) as error:
        raise QueryError(history.NONE) from error
    return {"store": last.store, **kept, **given}
