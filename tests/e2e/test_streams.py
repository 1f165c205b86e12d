"""Where nothing can be printed a command says so and ends with 1; what it holds open stays safe."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from indexer import Indexer
from tests.builders import write_picture
from tests.processes import command, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it has /dev/full and a shell")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("streams") / "photos"
    write_picture(place / "red.png", "red")
    with pytest.MonkeyPatch.context() as patch:
        from cmsearch.models.plugins import encoders

        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(place, model="fake:colours").run()
    return place


def in_shell(arguments: list[str], redirection: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    line = ["sh", "-c", f'"$@" {redirection}', "sh", *command(*arguments)]
    env = environment()
    env.pop("PYTHONUNBUFFERED", None)  # what is printed waits for its flush, as on any machine
    return subprocess.run(
        line, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["search", "red", "--format", "json"], ["info"]], ids=str
)
@pytest.mark.parametrize(
    ("redirection", "said"), [("> /dev/full", "No space left"), (">&-", "closed")]
)
def test_what_cannot_be_printed_is_one_message(
    folder: Path, arguments: list[str], redirection: str, said: str
) -> None:
    done = in_shell(arguments, redirection, folder)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ") and said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_shell_that_cannot_print_ends(folder: Path) -> None:
    done = in_shell(["shell"], "> /dev/full << END\nred\ngreen\nEND\n", folder)
    assert done.returncode == 1
    assert done.stderr.count("No space left") == 1


def test_a_reader_that_left_ends_it_quietly(folder: Path) -> None:
    done = in_shell(["search", "red"], "| true", folder)
    assert done.stderr == ""


def test_without_a_place_for_errors_it_goes_on(folder: Path) -> None:
    """Nor does a file of the store get the number of what is closed."""
    write_picture(folder / "green.png", "green")
    done = in_shell(["index", ".", "--model", "fake:colours"], "2>&- <&-", folder)
    assert done.returncode == 0
    assert "1 added" in done.stdout
    assert in_shell(["search", "none"], "2> /dev/full", folder.parent).returncode == 1
    assert in_shell(["doctor"], "", folder).returncode == 0
