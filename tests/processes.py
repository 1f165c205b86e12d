"""The command line with the fake models, within this process or apart; runs that can be killed.

python -m tests.processes ARGUMENTS is `cmsearch ARGUMENTS` with the encoder `fake`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cmsearch.models.plugins import encoders

ROOT = Path(__file__).parents[1]


def faked(
    *arguments: object, cwd: Path | None = None, status: int | None = 0
) -> subprocess.CompletedProcess[bytes]:
    """`cmsearch ARGUMENTS` with the fake models within this process, which costs no second.

    A traceback is a failure of any test.
    """
    import pytest  # only here: processes that this module starts are to be ready soon

    from tests.commands import captured

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        given, *shown = captured(*arguments, cwd=cwd)
    return _checked(subprocess.CompletedProcess(list(arguments), given, *shown), status)


def faked_apart(
    *arguments: object, cwd: Path | None = None, status: int | None = 0
) -> subprocess.CompletedProcess[bytes]:
    """Likewise, in a process of its own."""
    done = subprocess.run(
        command(*arguments), cwd=cwd, env=environment(), capture_output=True, timeout=600,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return _checked(done, status)


def _checked(
    done: subprocess.CompletedProcess[bytes], status: int | None
) -> subprocess.CompletedProcess[bytes]:
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    assert b"CMSEARCH_DEBUG" not in done.stderr, done.stderr.decode()
    assert status in (None, done.returncode), (done.returncode, done.stderr.decode())
    return done


class Process(subprocess.Popen[Any]):
    """A process that is started in a `with`, and never outlives it, also where a test fails.

    One that is left to the collector of garbage would be a warning in any other test.
    """

    def __exit__(self, *error: Any) -> None:
        self.kill()
        super().__exit__(*error)


def started(*arguments: object, **options: Any) -> Process:
    """`cmsearch ARGUMENTS` with the fake models, at work; its output can be read as text."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return Process(command(*arguments), env=environment(), **{**pipes, **options})


def script(code: str, *arguments: object, **options: Any) -> Process:
    """A Python script at work that can import the tests and knows the fake models."""
    setup = "from tests.processes import know_fake; know_fake()\n"
    line = [sys.executable, "-W", "error", "-c", setup + code, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return Process(line, env=environment(), text=True, **{**pipes, **options})


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "tests.processes", *map(str, arguments)]


def environment() -> dict[str, str]:
    """The environment of this process, with the tests found wherever a process is started, and
    text in pictures read only where that is asked for, by benches too.
    """
    return {"CMSEARCH_OCR": "none", **os.environ, "PYTHONPATH": str(ROOT)}


def know_fake() -> None:
    """Let this process know the encoder `fake`."""
    encoders._rows["fake"] = "tests.fakes:load"  # type: ignore[index]


def json_lines(done: subprocess.CompletedProcess[bytes]) -> list[Any]:
    return [json.loads(line) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    from cmsearch.cli import main

    know_fake()
    main()
