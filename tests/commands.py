"""Running the command line: as its users do, in a process of its own, or within this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
from click.testing import CliRunner

from cmsearch.cli import cli
from cmsearch.errors import CmsearchError


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


def called(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    """`cmsearch ARGUMENTS` within this process, which knows the encoder of `fake_model`.

    An error that would be no message of ours is raised.
    """
    words = [str(argument) for argument in arguments]
    result = CliRunner().invoke(cli, words, input=stdin, standalone_mode=False)
    error, stderr = result.exception, result.stderr
    status = result.return_value if isinstance(result.return_value, int) else 0
    if isinstance(error, CmsearchError):
        status, stderr = error.exit_code, f"{stderr}Error: {error}\n"
    elif isinstance(error, click.ClickException):
        status, stderr = error.exit_code, f"{stderr}Error: {error.format_message()}\n"
    elif error is not None:
        raise error
    return subprocess.CompletedProcess(words, status, result.stdout, stderr)


def python(code: str, env: dict[str, str] | None = None) -> str:
    """What a script prints in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
