"""The command `daemon`."""

# Tested by tests/unit/cmsearch/server/test_daemon.py

from __future__ import annotations

import signal
from typing import Any

import click

from cmsearch.commands.options import format_option
from cmsearch.common.text import json_line, printable

_NONE = "No daemon runs. `cmsearch daemon start` starts one, and so does --daemon with a search."


@click.command()
@click.argument("action", type=click.Choice(["status", "start", "stop", "run"]), default="status")
@format_option
def daemon(action: str, style: str) -> None:
    """Keep models and indexes loaded, so that commands that search answer at once.

    These are search, again, more, similar, explain and classify. The daemon is a process of your
    own that they ask over a socket that only you can use; their answers are the same with it and
    without. It ends after 15 minutes without a search. run is start without leaving the terminal,
    as for a service manager.

    \b
    Examples:
      cmsearch daemon start
      cmsearch search "a dog on the beach" --daemon
      cmsearch daemon stop
    """
    if action == "run":
        _run()
    elif action == "start":
        from cmsearch.server.asking import start

        click.echo("Started." if start() else "One runs already.", err=True)
    else:
        _tell(action, style)


def _run() -> None:
    import os

    from cmsearch.commands.answering import answered
    from cmsearch.server.daemon import Daemon
    from cmsearch.server.engines import Engines

    engines = Engines()
    one = Daemon(engines, answered)
    signal.signal(signal.SIGTERM, lambda *_: one.stop())
    os.chdir("/")  # it holds no folder that is to be unmounted
    try:
        if not one.serve():
            click.echo("One runs already.", err=True)
    finally:
        engines.close()


def _tell(action: str, style: str) -> None:
    """Ask each daemon of the user, whatever its version and environment, and print what it says."""
    from cmsearch.server import meeting
    from cmsearch.server.asking import ask_at

    asked = (ask_at(place, {"do": action}) for place in meeting.sockets())
    found = [one for one in asked if one is not None]
    if not found:
        click.echo(_NONE, err=True)
    for one in found:
        click.echo(json_line(one).encode() if style == "json" else _line(one, action))


def _line(one: dict[str, Any], action: str) -> str:
    serves = one["ends_after"] is None
    if action == "stop":
        does = "leaves commands to themselves, and serves on" if serves else "is told to end"
    else:
        does = "runs as `cmsearch serve`" if serves else "runs"
    stores = ", ".join(one["stores"]) or "none"
    line = f"Process {one['process']} (version {one['version']}) {does}: {one['answered']} searches"
    return printable(f"{line} answered, the last {one['idle']:.0f} s ago; stores open: {stores}.")
