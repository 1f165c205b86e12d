"""Running the command line: as its users do, in a process of its own, or within this one."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from cmsearch.cli import run


def cmsearch(
    *arguments: object,
    cwd: Path | None = None,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `cmsearch ARGUMENTS`; a traceback is a failure whatever the test is about."""
    command = [sys.executable, "-m", "cmsearch", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, env=env, check=False)
    stdout, stderr = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in stderr, stderr
    return subprocess.CompletedProcess(command, done.returncode, stdout, stderr)


def called(
    *arguments: object, cwd: Path | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """`cmsearch ARGUMENTS` within this process, which knows the encoder of `fake_model`.

    It takes no second for starting. An error without a message of ours is a failure, as above.
    """
    status, *shown = captured(*arguments, cwd=cwd, stdin=stdin)
    stdout, stderr = (one.decode() for one in shown)
    assert "CMSEARCH_DEBUG" not in stderr, stderr
    return subprocess.CompletedProcess(list(arguments), status, stdout, stderr)


def captured(
    *arguments: object, cwd: Path | None = None, stdin: bytes = b""
) -> tuple[int, bytes, bytes]:
    """The exit code of `cmsearch ARGUMENTS` within this process, and what it prints."""
    with ExitStack() as stack:
        stack.enter_context(_logging_restored())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(sys, "argv", ["cmsearch", *map(str, arguments)])
        if cwd is not None:
            patch.chdir(cwd)
        stdout, stderr, _ = stack.enter_context(CliRunner().isolation(stdin))
        status = run()
        return status, stdout.getvalue(), stderr.getvalue()


@contextmanager
def _logging_restored() -> Iterator[None]:
    """As it was: a process of the command line lets cmsearch alone write its log."""
    logger = logging.getLogger("cmsearch")
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    try:
        yield
    finally:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def python(code: str, env: dict[str, str] | None = None) -> str:
    """What a script prints in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
