"""Lines as a person types them: a prompt, editing, completion, and a history that is kept."""

# Tested by tests/unit/cmsearch/commands/test_shell.py

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from cmsearch.commands import history
from cmsearch.common.files import replace_file
from cmsearch.common.text import printable

PROMPT = "cmsearch> "
_MOST = 1000  # lines of history that are kept
_NAME = "shell-history"


def is_interactive() -> bool:
    """Whether a person types the lines and reads what is printed."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def lines(complete: Callable[[str], list[str]]) -> Iterator[str]:
    """The lines of stdin up to its end; with a prompt and editing if a person types them.

    Ctrl-C clears the line then. `complete` gives the whole lines that the beginning of one can
    become.
    """
    if sys.stdin is None:
        return
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # names of files can be any bytes
    if not is_interactive():
        yield from (line.rstrip("\r\n") for line in sys.stdin)
        return
    with _editing(complete):
        while True:
            try:
                line = input(PROMPT)
            except KeyboardInterrupt:
                click.echo()
                continue
            except EOFError:
                click.echo()
                return
            yield line


def files(given: str) -> list[str]:
    """The paths that begin as `given` does, folders with a slash; hidden ones only if meant."""
    folder, stem = os.path.split(given)
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:  # noqa: PTH111
            found = [entry.name + "/" * entry.is_dir() for entry in entries]
    except (OSError, ValueError):
        return []
    return [
        os.path.join(folder, name)  # noqa: PTH118 - Path would take the slash away
        for name in sorted(found)
        if name.startswith(stem)
        and name.startswith(".") <= stem.startswith(".")
        and printable(name) == name
    ]


@contextmanager
def _editing(complete: Callable[[str], list[str]]) -> Iterator[None]:
    """Editing by readline; without it, as on Windows, the terminal's own has to do."""
    try:
        import readline
    except ImportError:
        yield
        return
    found: list[str] = []

    def completed(_: str, state: int) -> str | None:
        if state == 0:
            line = readline.get_line_buffer()[: readline.get_endidx()]
            found[:] = [one[readline.get_begidx() :] for one in complete(line)]
        return found[state] if state < len(found) else None

    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
    readline.set_completer_delims(" ")
    readline.set_completer(completed)
    readline.set_history_length(_MOST)
    place = history.folder() / _NAME
    with suppress(OSError):
        readline.read_history_file(place)
    try:
        yield
    finally:
        with suppress(OSError):  # as in a read-only home
            place.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix="cmsearch-shell-") as own:  # it follows links
                readline.write_history_file(Path(own, _NAME))
                replace_file(place, Path(own, _NAME).read_bytes(), history.PRIVATE)
