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
from typing import Any

import pytest
from compose_spec import PyCompose

from cmsearch.commands.serve import serve
from cmsearch.server.guard import OPEN
from indexer.commands.index import index

DEPLOY = Path(__file__).parents[2] / "scripts" / "deploy"
UNIT = DEPLOY / "cmsearch.service"
DOCKERFILE = DEPLOY / "Dockerfile"
COMPOSE = DEPLOY / "compose.yaml"
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
    start = f'ExecStart="{sys.executable}"'
    own.write_text(re.sub(r"(?m)^ExecStart=\S+", lambda _: start, UNIT.read_text()))
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


VARIABLE = r"\$\{(\w+)(?::(-|\?)([^}]*))?\}"
"""A variable of a compose file, with what stands in its place, or is said where it isn't set."""


def composed() -> str:
    """The compose file with what has to be set, and the usual values of all else."""
    given = {
        "PGPASSWORD": "secret", "CMSEARCH_MEDIA": "/srv/media",
        "CMSEARCH_TOKEN_FILE": "/etc/cmsearch/token",
    }  # fmt: skip
    text = COMPOSE.read_text()
    needed = {name for name, kind, _ in re.findall(VARIABLE, text) if kind == "?"}
    assert needed == set(given)

    def value(found: re.Match[str]) -> str:
        return given[found[1]] if found[2] == "?" else found[3]

    return re.sub(VARIABLE, value, text)


def service(name: str) -> dict[str, Any]:
    """A service of the compose file."""
    found: dict[str, Any] = PyCompose.from_yaml(composed()).to_dict()["services"][name]
    return found


def test_the_compose_file_is_one_by_its_specification() -> None:
    compose = PyCompose.from_yaml(composed())
    compose.validate()
    assert set(compose.services) == {"cmsearch", "index", "postgres"}


def test_a_mistake_in_it_would_be_seen() -> None:
    with pytest.raises(ValueError, match="restarts"):
        PyCompose.from_yaml(composed().replace("    restart:", "    restarts:"))
    with pytest.raises(ValueError, match="state"):
        PyCompose.from_yaml(composed().replace("  state:\n", "")).validate()


def test_it_starts_the_commands_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path))  # a folder there stands for the database
    context = serve.make_context("serve", list(service("cmsearch")["command"]))
    assert context.params["port"] == 7433
    program, command = service("index")["entrypoint"]
    assert (program, command) == ("cmsearch", "index")
    folder, name, store = service("index")["command"]
    assert name in {option for one in index.params for option in one.opts}
    assert (folder, store) == ("/media", service("cmsearch")["command"][0])


def test_it_waits_until_the_service_can_answer() -> None:
    test = service("cmsearch")["healthcheck"]["test"]
    (path,) = re.findall(r"http://127\.0\.0\.1:7433(/\w+)", " ".join(test))
    assert path == "/readyz" and path in OPEN


@pytest.mark.parametrize("name", ["cmsearch", "index"])
def test_what_reads_media_may_do_little(name: str) -> None:
    own = service(name)
    assert own["read_only"] is True and own["cap_drop"] == ["ALL"]
    assert own["security_opt"] == ["no-new-privileges:true"]
    (user, _) = str(own["user"]).split(":")
    assert user == "10001"


def test_each_variable_is_explained() -> None:
    page = (DEPLOY.parents[1] / "docs" / "deploying.md").read_text()
    names = {name for name, _, _ in re.findall(VARIABLE, COMPOSE.read_text())}
    assert names <= set(re.findall(r"`([A-Z_]+)`", page))
