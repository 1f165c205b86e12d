"""What keeps a service running is as its tools want it, and starts the command that there is."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cmsearch.commands.serve import serve
from cmsearch.server.guard import OPEN

DEPLOY = Path(__file__).parents[2] / "scripts" / "deploy"
UNIT = DEPLOY / "cmsearch.service"
DOCKERFILE = DEPLOY / "Dockerfile"
MOST_EXPOSED = 15
"""Tenths of what `systemd-analyze security` gives; a service without any protection has 96."""


def tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} isn't installed")
    return found


def ran(*line: object) -> None:
    done = subprocess.run([*map(str, line)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there."""
    own = tmp_path / UNIT.name
    own.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text()))
    return own


def test_the_unit_is_understood(unit: Path) -> None:
    ran(tool("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", unit)


def test_the_unit_exposes_little(unit: Path) -> None:
    least = f"--threshold={MOST_EXPOSED}"
    ran(tool("systemd-analyze"), "security", "--offline=yes", "--no-pager", least, unit)


def test_the_dockerfile_is_as_its_linter_wants_it() -> None:
    ran(tool("hadolint"), DOCKERFILE)


def test_nobody_is_root_in_the_container() -> None:
    users = re.findall(r"(?m)^USER (.*)$", DOCKERFILE.read_text())
    assert users == ["10001:10001"]


@pytest.mark.parametrize("line", ["unit", "container"])
def test_both_start_the_command_that_there_is(line: str) -> None:
    given = of_unit() if line == "unit" else of_container()
    context = serve.make_context("serve", list(given))
    assert context.params["port"] == 7433
    assert context.params["token_file"] is not None


def of_unit() -> Sequence[str]:
    (line,) = re.findall(r"(?m)^ExecStart=(.*)$", UNIT.read_text())
    program, command, *given = shlex.split(line)
    assert (Path(program).name, command) == ("cmsearch", "serve")
    return given


def of_container() -> Sequence[str]:
    text = DOCKERFILE.read_text()
    (entry,) = re.findall(r"(?m)^ENTRYPOINT (.*)$", text)
    assert json.loads(entry) == ["cmsearch", "serve"]
    (given,) = re.findall(r"(?m)^CMD (\[.*\])$", text)
    return [str(one) for one in json.loads(given)]


def test_its_health_is_asked_without_a_token() -> None:
    (path,) = re.findall(r"http://127\.0\.0\.1:7433(/\w+)", DOCKERFILE.read_text())
    assert path in OPEN
