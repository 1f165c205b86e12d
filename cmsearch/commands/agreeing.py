"""The question that is asked before weights are fetched whose licence forbids commerce."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import click

from cmsearch.errors import LicenceError

_Result = TypeVar("_Result")


def agreed_to(command: Callable[[], _Result]) -> _Result:
    """What a command gives; it is run again where a licence is agreed to that it would fetch under.

    Raises `LicenceError` where it isn't, or nobody is there to be asked, and what the command
    raises.
    """
    try:
        return command()
    except LicenceError as error:
        if not _agrees(error):
            raise
    from cmsearch.models.licences import agreed

    with agreed():
        return command()


def _agrees(error: LicenceError) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    click.echo(error.statement, err=True)
    return click.confirm("Fetch them, for use within it?", default=False, err=True)
