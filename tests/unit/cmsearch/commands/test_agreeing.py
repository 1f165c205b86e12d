"""Whoever sits at a terminal is asked about a licence; elsewhere nobody agrees to anything."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click
import pytest
from click.testing import CliRunner

from cmsearch.commands.agreeing import agreed_to
from cmsearch.errors import LicenceError
from cmsearch.models import licences
from indexer.commands.options import model_option


def fetch() -> str:
    """What fetches weights that aren't for commerce."""
    licences.check("org/model", "cc-by-nc-4.0")
    return "fetched"


@contextmanager
def terminal(answer: bytes) -> Iterator[int]:
    """A terminal that the standard streams lead to, where somebody has answered; its other end."""
    ours, theirs = pty.openpty()
    before = sys.stdin, sys.stdout, sys.stderr
    with ExitStack() as stack:
        opened = [stack.enter_context(os.fdopen(os.dup(theirs), mode)) for mode in ("r", "w", "w")]
        sys.stdin, sys.stdout, sys.stderr = opened
        os.write(ours, answer)
        try:
            yield ours
        finally:
            sys.stdin, sys.stdout, sys.stderr = before
            os.close(theirs)
            os.close(ours)


def test_yes_at_the_terminal_goes_on() -> None:
    with terminal(b"y\n") as other:
        assert agreed_to(fetch) == "fetched"
        shown = b""
        while b"forbids commercial use" not in shown:  # what was typed may be shown before
            shown += os.read(other, 4096)
    with pytest.raises(LicenceError):
        fetch()


@pytest.mark.parametrize("answer", [b"n\n", b"\n"])
def test_anything_else_fetches_nothing(answer: bytes) -> None:
    with terminal(answer), pytest.raises(LicenceError, match="--yes"):
        agreed_to(fetch)


def test_without_a_terminal_nobody_is_asked() -> None:
    with pytest.raises(LicenceError, match="Nothing was fetched"):
        agreed_to(fetch)


def test_the_option_yes_agrees_while_the_command_runs() -> None:
    @click.command()
    @model_option
    def command(model: str | None) -> None:
        click.echo(fetch())

    assert isinstance(CliRunner().invoke(command).exception, LicenceError)
    assert CliRunner().invoke(command, ["--yes"]).output == "fetched\n"
    assert isinstance(CliRunner().invoke(command).exception, LicenceError)
