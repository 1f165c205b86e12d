"""Running the command line as its users do: in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


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


def python(code: str, env: dict[str, str] | None = None) -> str:
    """What a script prints in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
