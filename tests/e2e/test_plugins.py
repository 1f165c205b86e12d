"""What packages add by entry points alone is whole: the examples of the documents, installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders import write_files, write_picture
from tests.packages import ROOT, installed

ADDED = {
    "palette": ("encoders.md", "cmsearch.encoders", "load"),
    "toy": ("indexing.md", "cmsearch.readers", "ToyReader"),
    "named": ("reranking.md", "cmsearch.rerankers", "load"),
    "plain": ("store.md", "cmsearch.indexes", "PlainIndex"),
}
"""By the name of each plug-in the page that has it, and what its entry point says."""
JSON = ("--format", "json")
_CALLS = """
import json, sys
from tests.commands import called
for words in json.loads(sys.argv[1]):
    done = called(*words)
    print(json.dumps([done.returncode, done.stdout, done.stderr]))
"""


def example(page: str) -> str:
    """The module on a page: the block of Python that begins with a docstring."""
    text = (ROOT / "docs" / page).read_text()
    (found,) = re.findall(r"```python\n(\"\"\".*?)```", text, re.DOTALL)
    return str(found)


def toy(*colour: int) -> bytes:
    return b"toy 8 4\n" + bytes(colour) * 32


class Plugged:
    """The command line where the packages are installed."""

    def __init__(self, site: list[Path]) -> None:
        self._env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*site, ROOT]))}

    def __call__(self, *commands: list[str]) -> list[tuple[int, str, str]]:
        """The exit code, the output and the errors of each command, all in one process."""
        done = subprocess.run(
            [sys.executable, "-c", _CALLS, json.dumps(commands)],
            env=self._env,
            capture_output=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr.decode()
        return [
            (status, out, err) for status, out, err in map(json.loads, done.stdout.splitlines())
        ]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By the name of each plug-in where its package is installed."""
    found = {}
    for name, (page, group, attribute) in ADDED.items():
        folder = tmp_path_factory.mktemp(name)
        code = folder / f"{name}.py"
        code.write_text(example(page))
        found[name] = installed(folder, code, group, name, attribute)
    return found


@pytest.fixture(scope="module")
def plugged(sites: dict[str, Path]) -> Plugged:
    return Plugged(list(sites.values()))


@pytest.fixture(scope="module")
def folder(plugged: Plugged, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of a foreign format, one with a caption in a table and one with a sidecar."""
    made = tmp_path_factory.mktemp("pictures")
    write_picture(made / "red.png", "red")
    rows = [("sea.toy", "the blue sea"), ("red.png", "a red wall")]
    lines = (json.dumps({"image": image, "caption": text}) for image, text in rows)
    files: dict[str, str | bytes] = {
        "sea.toy": toy(0, 0, 255),
        "moss.toy": toy(0, 255, 0),
        "moss.txt": "green moss\n",
        "torn.toy": toy(1, 2, 3)[:20],
        "captions.jsonl": "\n".join(lines),
    }
    write_files(made, files)
    ((status, out, _),) = plugged(["index", str(made), "--model", "palette:rgb", *JSON])
    report = json.loads(out)
    assert status == 3 and report["unread"] == {} and report["model"] == "palette:rgb"
    assert report["items"] == {"photo": 3, "caption": 3}
    (torn,) = report["skipped"]
    assert torn["path"] == "torn.toy" and "its reader failed (ValueError" in torn["reason"]
    return made


def sources(out: str) -> list[str]:
    return [json.loads(line)["source"] for line in out.splitlines()]


def test_what_packages_add_is_listed(plugged: Plugged) -> None:
    listed, as_json = plugged(["models"], ["models", *JSON])
    assert "  palette  added by palette 1.0; its models are palette:MODEL\n" in listed[1]
    rows: list[dict[str, Any]] = [json.loads(line) for line in as_json[1].splitlines()]
    assert rows[-1] == {"name": "palette", "package": "palette 1.0"}


def test_a_foreign_encoder_and_reader_are_searched_with(plugged: Plugged, folder: Path) -> None:
    at = ("--store", str(folder), *JSON)
    photos = ("--for", "image", "--match", "picture", *at)
    text, image, without, captions, attended, sheet = plugged(
        ["search", "blue", *photos],
        ["search", "--image", str(folder / "moss.toy"), "--for", "caption", *at],
        ["search", "red", "--not", str(folder / "moss.toy"), *photos],
        ["search", "green moss", *photos[:2], *at],
        ["search", "blue", "--rerank", "attention", *photos],
        ["search", "blue", "--html", str(folder / "sheet.html"), *photos],
    )
    assert sources(text[1])[0] == sources(attended[1])[0] == "sea.toy"
    assert sources(image[1])[0] == "moss.txt:1"
    assert sources(without[1])[0] == "red.png" and "moss.toy" not in sources(without[1])
    assert sources(captions[1])[0] == "moss.toy"
    assert sheet[0] == 0 and (folder / "sheet.html").read_text().count("data:image/webp") == 3


def test_a_foreign_reader_gives_no_picture_its_own_file(plugged: Plugged, folder: Path) -> None:
    asked = ["search", "--image", str(folder / "sea.toy"), "--for", "image"]
    own, torn = plugged(
        [*asked, "--store", str(folder), *JSON],
        ["search", "--image", str(folder / "torn.toy"), "--store", str(folder)],
    )
    assert "sea.toy" not in sources(own[1])
    assert torn[0] == 1 and "torn.toy can't be searched with: its reader failed" in torn[2]


def test_a_foreign_reranker_has_its_say(plugged: Plugged, folder: Path) -> None:
    at = ("--for", "image", "--match", "picture", "--store", str(folder), *JSON)
    named, none = plugged(
        ["search", "sea", "--rerank", "named", *at], ["search", "sea", "--rerank", "odd", *at]
    )
    first = json.loads(named[1].splitlines()[0])
    assert first["source"] == "sea.toy" and first["stages"]["named"] > 0
    assert none[0] == 2 and "attention, none, itm, learned, named, st." in none[2]


def test_commands_know_a_foreign_encoder(plugged: Plugged, folder: Path) -> None:
    at = ("--store", str(folder))
    info, generations, doctor, measured, second = plugged(
        ["info", *at, *JSON],
        ["generations", *at],
        ["doctor", *at],
        ["eval", str(folder), *JSON],
        ["index", str(folder), *JSON],
    )
    assert json.loads(info[1])["model"] == "palette:rgb"
    assert json.loads(info[1])["files"] == {"image": 1, "captions": 1, "sidecar": 1, "toy": 2}
    assert "palette:rgb" in generations[1] and doctor[0] == 0, doctor[1:]
    assert {json.loads(line)["model"] for line in measured[1].splitlines()} == {"palette:rgb"}
    assert json.loads(second[1])["unchanged"] == 5


def test_a_foreign_index_is_chosen_kept_and_searched_with(plugged: Plugged, tmp_path: Path) -> None:
    for name in ("red", "green", "blue"):
        write_picture(tmp_path / f"{name}.png", name)
    at = ("--store", str(tmp_path), *JSON)
    photos = ("--for", "image", "--match", "picture", *at)
    odd, made, text, filtered, info, shown = plugged(
        ["index", str(tmp_path), "--model", "palette:rgb", "--vectors", "odd"],
        ["index", str(tmp_path), "--model", "palette:rgb", "--vectors", "plain", *JSON],
        ["search", "blue", *photos],
        ["search", "blue", "--path", "r*", *photos],
        ["info", *at],
        ["info", *at[:2]],
    )
    assert (
        odd[0] == 2
        and "There is no index 'odd'" in odd[2]
        and "exact, faiss, plain, or an address." in odd[2]
    )
    assert made[0] == 0, made
    assert sources(text[1])[0] == "blue.png" and len(sources(text[1])) == 3
    assert sources(filtered[1]) == ["red.png"]
    assert json.loads(info[1])["index"] == "plain" and "searched with plain" in shown[1]
    assert sorted(path.name.split("-")[0] for path in (tmp_path / ".cmsearch").glob("*-*")) == [
        *("assets", "ids", "manifest", "rows", "vectors"),
    ]
    (tmp_path / "blue.png").unlink()
    write_picture(tmp_path / "violet.png", "blueviolet")
    again, after = plugged(["index", str(tmp_path), *JSON], ["search", "blue", *photos])
    assert again[0] == 0, again
    assert sorted(sources(after[1])) == ["green.png", "red.png", "violet.png"]


def test_an_index_that_is_not_installed_can_be_left(
    plugged: Plugged, sites: dict[str, Path], tmp_path: Path
) -> None:
    write_picture(tmp_path / "red.png", "red")
    ((status, _, _),) = plugged(
        ["index", str(tmp_path), "--model", "palette:rgb", "--vectors", "plain"]
    )
    assert status == 0
    without = Plugged([site for name, site in sites.items() if name != "plain"])
    at = ("--store", str(tmp_path), *JSON)
    search, index, info, left, found = without(
        ["search", "red", *at],
        ["index", str(tmp_path)],
        ["info", *at],
        ["index", str(tmp_path), "--vectors", "faiss"],
        ["search", "red", *at],
    )
    for status, _, err in (search, index):
        assert status == 1 and "searched with 'plain', which isn't installed here" in err
        assert "--vectors faiss" in err
    assert info[0] == 0 and json.loads(info[1])["index"] == "plain"
    assert left[0] == 0, left
    assert sources(found[1]) == ["red.png"]
