"""The command `shell`: searches one after the other, by an engine that stays loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from cmsearch.commands import editing
from cmsearch.commands.asking import find, search_options
from cmsearch.commands.lines import Lines, completions
from cmsearch.commands.marking import judged
from cmsearch.commands.nothing import why_none
from cmsearch.commands.printing import is_of_printing
from cmsearch.common.text import printable
from cmsearch.errors import CmsearchError


@click.command()
@search_options
@click.option("--preview", is_flag=True, help="Show the pictures in the terminal.")
def shell(preview: bool, **options: Any) -> int:
    """Search again and again, with the model loaded once: refine, mark, and export the marked.

    A line is a query as TEXT of `cmsearch search` is; one that begins with a colon is a command,
    and :help lists them. Lines may come through a pipe. The options hold for every search.

    \b
    Examples:
      cmsearch shell
      cmsearch shell --for image --since 2024-01-01
      printf 'a cat\\n:mark 1-3\\n:export cats.html\\n' | cmsearch shell
    """
    from cmsearch.commands.session import Session
    from cmsearch.search import engine as searcher

    with searcher.open(options.get("store") or ".") as engine:
        engine.embed("a photo")  # loads the model, and says so here if it can't be
        session = Session(partial(find, engine), options)
        judging = partial(judged, engine)
        lines = Lines(session, preview=preview, why_none=partial(why_none, engine), judged=judging)
        if editing.is_interactive():
            click.echo("Type what to search for; :help lists the commands.", err=True)
        failed = _run(lines, partial(completions, start=engine.store.path))
    return int(failed and not editing.is_interactive())


def _run(lines: Lines, complete: Callable[[str], list[str]]) -> bool:
    """Do what each line says; returns whether one couldn't be done."""
    failed = False
    for line in editing.lines(complete):
        try:
            if not lines.run(line):
                break
        except KeyboardInterrupt:
            if not editing.is_interactive():
                raise
            click.echo("Interrupted.", err=True)
        except Exception as error:
            if is_of_printing(error) or "CMSEARCH_DEBUG" in os.environ:
                raise
            failed = True
            click.echo(f"Error: {printable(_message(error))}", err=True)
    return failed


def _message(error: Exception) -> str:
    if isinstance(error, CmsearchError):
        return str(error)
    return f"{type(error).__name__}: {error}. Set CMSEARCH_DEBUG=1 to see where."
