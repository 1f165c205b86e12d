"""The commands for the life of a store, in both forms, with its mistakes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import flip_byte, write_files, write_picture
from tests.processes import faked, json_lines

GOLDEN = Path(__file__).parent / "golden"
MODEL, OTHER = "fake:colours", "fake:shades"
COMMANDS = ("completion", "doctor", "generations", "info", "prune", "rollback", "watch")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "photos"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures with captions and a note, with two generations, of which the second serves."""
    folder = tmp_path_factory.mktemp("commands") / "photos"
    for colour in ("red", "green", "blue"):
        path = write_picture(folder / f"{colour}.png", colour)
        os.utime(path, (1.6e9, 1.6e9))
    write_files(folder, {"red.txt": "a red thing\n", "notes.md": "Green is a colour."})
    for model in (MODEL, OTHER):
        faked("index", folder, "--model", model)
    return folder


def shown(folder: Path, *arguments: object, status: int = 0) -> str:
    """What a command prints, without what differs from run to run."""
    done = faked(*arguments, cwd=folder, status=status)
    text = done.stdout.decode() + done.stderr.decode()
    text = text.replace(str(folder.resolve()), "FOLDER")
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]?(\d\d:\d\d(:\d\d)?(\+00:00)?)?", "TIME", text)
    text = re.sub(r"\d+\.\d MB", "SIZE", text)
    return re.sub(r'("(?:catalog_bytes|derived_bytes|seconds)": )(\d+|\{[^}]*\})', r"\1N", text)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("info", ["info"]),
        ("info-json", ["info", "--format", "json"]),
        ("generations", ["generations"]),
        ("generations-json", ["generations", "--format", "json"]),
        ("doctor", ["doctor"]),
        ("doctor-json", ["doctor", "--format", "json"]),
        ("rollback", ["rollback"]),
        ("prune", ["prune", "--yes"]),
        ("dry-run", ["index", "--dry-run"]),
        ("dry-run-json", ["index", "--dry-run", "--format", "json"]),
    ],
)
def test_each_command_gives_its_golden_output(
    folder: Path, request: pytest.FixtureRequest, name: str, arguments: list[str]
) -> None:
    if "dry-run" in name:
        write_picture(folder / "cyan.png", "cyan")
        (folder / "notes.md").unlink()
        (folder / "blue.png").rename(folder / "bleu.png")
    found = shown(folder, *arguments)
    path = GOLDEN / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        path.write_text(found)
    assert found == path.read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example(name: str) -> None:
    text = faked(name, "--help").stdout.decode()
    assert "Example" in text and f"cmsearch {name}" in text


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["rollback", "99"], 2, "no generation 99"),
        (["prune", "99", "--yes"], 2, "no generation 99"),
        (["prune", "2", "--yes"], 2, "serves"),
        (["prune"], 2, "--yes"),
        (["completion", "csh"], 2, "csh"),
        (["rollback", "first"], 2, "first"),
    ],
)
def test_mistakes_are_one_message_and_an_exit_code(
    folder: Path, arguments: list[str], status: int, said: str
) -> None:
    assert said in faked(*arguments, cwd=folder, status=status).stderr.decode()
    rows = json_lines(faked("generations", "--format", "json", cwd=folder))
    assert [row["state"] for row in rows] == ["served before", "serves"]


def test_generations_are_switched_and_deleted(folder: Path) -> None:
    faked("rollback", cwd=folder)
    (info,) = json_lines(faked("info", "--format", "json", cwd=folder))
    assert (info["model"], info["generation"]) == (MODEL, 1)
    faked("prune", "2", "--yes", cwd=folder)
    assert b"only one" in faked("rollback", cwd=folder, status=2).stderr
    assert b"nothing to delete" in faked("prune", cwd=folder).stdout
    assert b"red.png" in faked("search", "red", "--for", "image", cwd=folder).stdout


def test_the_doctor_ends_with_1_if_something_is_wrong_and_0_if_it_was_mended(folder: Path) -> None:
    (vectors,) = (folder / ".cmsearch").glob("vectors-2-image-*")
    flip_byte(vectors)
    wrong = faked("doctor", cwd=folder, status=1)
    assert vectors.name.encode() in wrong.stdout and b"--repair" in wrong.stderr
    (finding,) = json_lines(faked("doctor", "--format", "json", cwd=folder, status=1))
    assert (finding["check"], finding["mended"]) == ("files", False)
    assert b"mended" in faked("doctor", "--repair", cwd=folder).stdout
    assert b"Everything agrees" in faked("doctor", cwd=folder).stdout


def test_the_doctor_names_notes_that_could_not_be_read(folder: Path) -> None:
    write_files(folder, {"red.png.xmp": "no XMP"})
    faked("index", cwd=folder, status=3)
    for style in ("table", "json"):
        done = faked("doctor", "--format", style, cwd=folder)
        assert b"skipped red.png.xmp: it is no XMP, or damaged; let the program" in done.stderr
        assert done.stdout == (b"Everything agrees.\n" if style == "table" else b"")


def test_commands_of_an_empty_folder(tmp_path: Path) -> None:
    for name in ("info", "generations", "doctor", "rollback", "prune"):
        assert b"cmsearch index" in faked(name, cwd=tmp_path, status=1).stderr
    faked("index", tmp_path, "--model", MODEL)
    (info,) = json_lines(faked("info", "--format", "json", cwd=tmp_path))
    assert (info["files"], info["items"], info["model"]) == ({}, {}, None)
    assert b"none" in faked("info", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("cmsearch se", "search"),
        ("cmsearch ro", "rollback"),
        ("cmsearch search --fo", "--format"),
        ("cmsearch doctor --re", "--repair"),
        ("cmsearch search --format pa", "paths0"),
        ("cmsearch completion z", "zsh"),
    ],
)
def test_completion(tmp_path: Path, words: str, wanted: str) -> None:
    place = str(len(words.split()) - 1)
    env = {"COMP_WORDS": words, "COMP_CWORD": place, "_CMSEARCH_COMPLETE": "bash_complete"}
    command = Path(sys.executable).with_name("cmsearch")
    done = subprocess.run(
        [command],
        cwd=tmp_path,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"plain,{wanted}" in done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_the_completion_script_asks_for_what_the_command_understands(shell: str) -> None:
    text = faked("completion", shell).stdout.decode()
    assert f"_CMSEARCH_COMPLETE={shell}_complete" in text and "cmsearch" in text


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_paths0_gives_any_name(tmp_path: Path) -> None:
    names = [b"two\nlines.png", b"no-utf8-\xff\xfe.png", "é東京.png".encode()]
    for number, name in enumerate(names):
        write_picture(tmp_path / os.fsdecode(name), "red", (8, 8 + number))
    faked("index", tmp_path, "--model", MODEL)
    found = faked("search", "red", "--format", "paths0", cwd=tmp_path).stdout
    assert found.endswith(b"\0")
    assert {os.fsencode(Path(os.fsdecode(path)).name) for path in found[:-1].split(b"\0")} == set(
        names
    )
    rows = [json.loads(line) for line in faked(
        "search", "red", "--format", "json", cwd=tmp_path).stdout.splitlines()]  # fmt: skip
    assert len(rows) == 3
