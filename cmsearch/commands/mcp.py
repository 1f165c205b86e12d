"""The command `mcp`."""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from cmsearch.commands.options import StorePath, trust_option
from cmsearch.errors import PluginError

MISSING = "Agents need cmsearch[mcp]: pip install 'cmsearch[mcp]'."


@click.command()
@click.argument("places", nargs=-1, type=StorePath(), metavar="[FOLDER|STORE ...]")
@click.option("--device", metavar="NAME", help="Where the model runs: cpu, cuda.")
@trust_option
def mcp(places: Sequence[Path], device: str | None) -> None:
    """Let an agent search, by the Model Context Protocol over stdin and stdout.

    A program such as Claude or VS Code starts it, for the index of this folder, or of each FOLDER;
    docs/agents.md says how. Everything is only read. `cmsearch serve` has the same at /mcp.

    \b
    Examples:
      cmsearch mcp ~/Pictures
      claude mcp add pictures -- cmsearch mcp ~/Pictures
    """
    try:
        from cmsearch.server.agents.server import Opening
        from cmsearch.server.agents.tools import make_agents
    except ImportError as error:
        raise PluginError(MISSING) from error
    from cmsearch.server.settings import Settings
    from cmsearch.server.stores import open_stores
    from cmsearch.server.working import Work
    from cmsearch.store import store as stores

    wanted = list(places) or [Path()]
    for place in wanted:
        stores.find(place)  # a folder without an index is told of now, not at the first call
    if sys.stdin.isatty():
        click.echo("Waiting for an agent at standard input; docs/agents.md says how.", err=True)
    opening, bounds = Opening(lambda: open_stores(wanted, device)), Settings()
    work = Work(max(2, os.cpu_count() or 1), bounds.waiting, bounds.work_seconds)
    try:
        with suppress(KeyboardInterrupt):  # that is how it ends where no program started it
            make_agents(opening, work).run("stdio")
    finally:
        work.close()
        opening.close()
