"""The command line. Only this module and the commands it names print, and only they exit."""

# Tested by tests/e2e/test_cli.py

from __future__ import annotations

import logging
import os
import sys
import threading
from contextlib import suppress
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from cmsearch.commands.agreeing import agreed_to
from cmsearch.commands.printing import is_of_printing
from cmsearch.commands.table import COMMANDS, GIVING_WAY, SUMMARIES
from cmsearch.common.interruption import MESSAGE, attended, end_if_busy
from cmsearch.common.version import __version__
from cmsearch.errors import CmsearchError

_ASKED = "_CMSEARCH_COMPLETE"
"""The environment variable in which a shell asks for what completes a line."""
_LONGEST = 200
"""Characters of a name in a message."""


class LazyGroup(click.Group):
    """Imports a command when it is run, so that `--help` loads no library."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names of the commands in order, importing none of them."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command of a name; None if there is none."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with the help that is written here, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(SUMMARIES.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, without importing them, and the group's own options."""
        found = [name for name in sorted(COMMANDS) if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=SUMMARIES[name]) for name in found]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="cmsearch")
def cli() -> None:
    """Search pictures, films, recordings and documents by a sentence, a picture or your voice.

    \b
    Example:
      cmsearch index ~/Pictures
      cd ~/Pictures && cmsearch search "a dog on the beach"
    """


def main() -> None:
    """Run the command line in a process of its own, and end it."""
    _check_streams()
    if GIVING_WAY & set(sys.argv[1:2]):
        from cmsearch.common.processors import give_way

        give_way()
    before = set(threading.enumerate())
    with attended():
        status = run()
    _flush()
    end_if_busy(status, before)
    sys.exit(status)


def run() -> int:
    """The exit code of the command that the arguments name; every error is one message."""
    _log_to_stderr()
    if _ASKED in os.environ:
        from cmsearch.commands import shells

        shells.register()
    try:
        status = agreed_to(lambda: cli(standalone_mode=False))
    except CmsearchError as error:
        return _failed(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _failed(MESSAGE)
    except OSError as error:
        if not is_of_printing(error):
            return _failed(_of_file(error) or _unforeseen(error))
        reason = error.strerror or str(error)
        return _failed(f"Nothing can be printed: {reason}. Make room, or let it lead elsewhere.")
    except Exception as error:  # a mistake of ours, or something that no code foresaw
        return _failed(_unforeseen(error))
    return status if isinstance(status, int) else 0


def _flush() -> None:
    """Print what is left; where nothing can be printed, which was said, it goes nowhere."""
    for number, stream in enumerate((sys.stdout, sys.stderr), 1):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def _check_streams() -> None:
    """Give the numbers of closed streams to nothing: a file that got one would be printed into."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w")
    if sys.stdout is None:
        _failed("Standard output is closed, so nothing can be printed. Let it lead somewhere.")
        sys.exit(1)


def _of_file(error: OSError) -> str:
    """What is wrong with a file that was named, such as a name that is too long; else nothing."""
    if not isinstance(error.filename, str | bytes) or error.strerror is None:
        return ""
    name = os.fsdecode(error.filename)
    shown = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
    return f"{shown} can't be used: {error.strerror}."


def _unforeseen(error: Exception) -> str:
    if "CMSEARCH_DEBUG" in os.environ:
        raise error
    return f"{type(error).__name__}: {error}. Set CMSEARCH_DEBUG=1 to see where."


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("cmsearch")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # libraries put handlers of their own on the root
    # It would show where an interruption came upon it, as that of whoever closes a connection.
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())


def _failed(message: str, status: int = 1) -> int:
    """Say what went wrong; gives the exit code."""
    from cmsearch.common.text import printable  # messages quote names from stores and folders

    with suppress(OSError):  # a full disk has no room for it either
        click.echo(f"Error: {printable(message)}", err=True)
    return status


if __name__ == "__main__":
    main()
