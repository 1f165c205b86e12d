"""Options and types that several commands share."""

# Tested by tests/unit/cmsearch/commands/test_search.py

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
TRUST = "cmsearch.store.trust"
DAEMON = "cmsearch.server.daemon"
"""What is noted of the options `--trust` and `--daemon`, in the context of the command."""
ON_SERVER = "cmsearch.store.remote"
"""The same of an index on a server: a daemon may know another password, or none."""


def trust_option(command: Command) -> Callable[..., Any]:
    """Give a command the option that trusts the index which it opens, from then on."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        if not click.get_current_context().meta.get(TRUST):
            return command(*arguments, **options)
        from cmsearch.store import trust

        with trust.remembering():
            return command(*arguments, **options)

    return click.option(
        "--trust",
        is_flag=True,
        expose_value=False,
        callback=_note,
        help="Use an index of another user as one's own; remembered for the next time.",
    )(run)


def _note(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta[TRUST] = value


class StorePath(click.Path):
    """The place of an index: a folder, or the URL of a server of PostgreSQL."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give a folder, which for a URL is one in the cache that stands for it."""
        from cmsearch.store.remote import is_url, place_of

        if is_url(value):
            if ctx is not None:
                ctx.meta[ON_SERVER] = True
            return place_of(value)
        return super().convert(value, param, ctx)

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Give the one index that a variable names: colons are of its URL."""
        return [rv]


STORE = "CMSEARCH_STORE"
"""The variable that names the index where no option does."""


def option_of_store(told: str, **more: Any) -> Callable[[Command], Callable[..., Any]]:
    """The option `--store`, told so, with that which trusts the index, as a decorator."""

    def given(command: Command) -> Callable[..., Any]:
        return click.option(
            "--store",
            type=StorePath(),
            envvar=STORE,
            show_envvar=True,
            metavar="DIR|URL",
            help=told,
            **more,
        )(trust_option(command))

    return given


def _one_or_several(
    _: click.Context, __: click.Parameter, value: tuple[Path, ...]
) -> Path | list[Path] | None:
    return list(value) if len(value) > 1 else next(iter(value), None)


_INDEX = (
    "The index, also postgresql+psycopg://USER@HOST/DATABASE; by default the one in this folder or "
    "the nearest above it."
)
store_option = option_of_store(_INDEX)
"""Which index a command is about, and whether it is trusted."""
stores_option = option_of_store(
    f"{_INDEX} Given again, several are one.", multiple=True, callback=_one_or_several
)
"""The same for a command that takes several indexes as one: `store` is a list of them then."""


def daemon_option(command: Command) -> Callable[..., Any]:
    """Give a command the option that says whether a daemon is asked, or started to be."""
    return click.option(
        "--daemon/--no-daemon",
        default=None,
        envvar="CMSEARCH_DAEMON",
        expose_value=False,
        callback=_note_daemon,
        help="Start a daemon that keeps models and index loaded and ends after 15 minutes without "
        "a search, or never ask one; by default one is asked that runs.",
    )(command)


def _note_daemon(ctx: click.Context, _: click.Parameter, value: bool | None) -> None:
    ctx.meta[DAEMON] = value


format_option = click.option(
    "--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True
)


class Day(click.ParamType[datetime]):
    """A day, or the first or the `last` day of a month or a year, as midnight."""

    name = "day"

    def __init__(self, *, last: bool = False) -> None:
        self._last = last

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Give the first or the last day of the span that a value names."""
        from cmsearch.search.query.written import day

        if isinstance(value, datetime):
            return value
        try:
            return datetime.combine(day(str(value), last=self._last), time())
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Seconds(click.ParamType[float]):
    """A time as `300ms`, `2s` or `2`, in seconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Give the seconds that a value such as `300ms`, `2s` or `2` names."""
        number, thousandth, _ = str(value).strip().partition("ms")
        try:
            seconds = float(number) / 1000 if thousandth else float(number.removesuffix("s"))
        except ValueError:
            self.fail(f"{value!r} is no time, such as 300ms or 2s.", param, ctx)
        if not seconds > 0:
            self.fail(f"{value!r} is not above zero.", param, ctx)
        return seconds


class Stars(click.ParamType[tuple[int, int]]):
    """A number of stars as `4`, or from one to another: `4..`, `..2`, `3..5`."""

    name = "stars"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Give the fewest and the most stars."""
        from cmsearch.search.query.written import stars

        if isinstance(value, tuple):
            return value
        try:
            return stars(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Place(click.ParamType[tuple[float, float, float] | tuple[str, str]]):
    """Degrees north, degrees east and kilometres, separated by commas; or a town, or a country."""

    name = "place"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float] | tuple[str, str]:
        """Give degrees north, degrees east, and kilometres; or the codes of a country."""
        from cmsearch.search.query.written import place

        try:
            return place(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
