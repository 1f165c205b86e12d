"""What an index passes over is counted by the ends of names; the system's own folders are not."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from cmsearch.errors import StoreNotFoundError
from indexer.commands.index import print_unread
from indexer.scan import scan
from indexer.walk import IGNORE_FILE
from tests.builders import write_files
from tests.films import film
from tests.unit.cmsearch.store.test_filesystem import ROOT, Mount


def unread(folder: Path, *paths: str, ignore: str = "") -> dict[str, int]:
    write_files(folder, dict.fromkeys(paths, "x") | ({IGNORE_FILE: ignore} if ignore else {}))
    return scan(folder).unread


def test_files_that_nothing_reads_are_counted_the_most_frequent_first(tmp_path: Path) -> None:
    found = unread(tmp_path, "a.jpg", "a.psd", "b/b.PSD", "b/c/c.psd", "x.zip", "y.zip", "d.7z",
                   "README", "b/Makefile", "e.tar.gz")  # fmt: skip
    assert list(found.items()) == [(".psd", 3), ("", 2), (".zip", 2), (".7z", 1), (".gz", 1)]


def test_names_that_end_oddly_have_no_suffix(tmp_path: Path) -> None:
    found = unread(tmp_path, "letter. Dear all", "a.", "Mr. Smith", "b.averylongendingofaname",
                   "c.\x1b[31m", "d.ünder", "e.txt~")  # fmt: skip
    assert found == {"": 6, ".txt~": 1}


def test_what_is_hidden_left_out_or_about_others_is_not_counted(tmp_path: Path) -> None:
    found = unread(
        tmp_path, "a.jpg", ".b.psd", ".c/d.psd", "drafts/e.psd", "f.tmp", "node_modules/g.psd",
        "a.xmp", "a.jpg.xmp", "a.AAE", "Thumbs.db", "desktop.ini", "keep.tmp", "a.txt",
        ignore="drafts/\n*.tmp\n!keep.tmp\n",
    )  # fmt: skip
    assert found == {".tmp": 1}
    write_files(tmp_path, {"s/catalog.db": "", "s/writer.lock": "", "s/vectors-1.f16": ""})
    (tmp_path / "link.psd").symlink_to(tmp_path / ".b.psd")
    assert scan(tmp_path).unread == {".tmp": 1}


def test_typescript_is_no_film(tmp_path: Path) -> None:
    stream = film(["red"], style="mpegts")
    write_files(tmp_path, {
        "index.ts": "Go = 1;\n" * 100, "empty.ts": "", "g.ts": "G" * 100,
        "recorded.ts": stream, "CAPTURE.TS": b"\0\0\0\0" + stream[:188] + b"\0\0\0\0"
        + stream[188:376] + b"\0\0\0\0" + stream[376:564],
    })  # fmt: skip
    found = scan(tmp_path)
    assert [file.path for file in found.files] == ["CAPTURE.TS", "recorded.ts"]
    assert found.unread == {".ts": 3}


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({}, ""),
        ({".3gp": 40, ".mts": 12}, "40 .3gp, 12 .mts: not read\n"),
        ({"": 3, ".x": 1}, "3 without a suffix, 1 .x: not read\n"),
        ({f".{end}": 9 for end in "abcde"}, "9 .a, 9 .b, 9 .c, 9 .d, 9 .e: not read\n"),
        ({f".{end}": 9 for end in "abcdef"},
         "9 .a, 9 .b, 9 .c, 9 .d, 9 .e, and 1 more kind: not read\n"),
        ({f".{end}": 9 for end in "abcdefgh"},
         "9 .a, 9 .b, 9 .c, 9 .d, 9 .e, and 3 more kinds: not read\n"),
    ],
)  # fmt: skip
def test_a_line_says_what_was_passed_over(
    counts: dict[str, int], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_unread(counts)
    assert capsys.readouterr().out == line


def test_folders_in_which_the_system_shows_itself_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of another system's disk that is mounted with them."""
    mounts = [ROOT, Mount("proc", str(tmp_path / "disk/proc"), "proc"),
              Mount("sysfs", str(tmp_path / "disk/sys"), "sysfs"),
              Mount("tmpfs", str(tmp_path / "disk/tmp"), "tmpfs")]  # fmt: skip
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)
    write_files(tmp_path, {"disk/proc/1/a.jpg": "", "disk/sys/b.jpg": "", "disk/tmp/c.jpg": ""})
    (tmp_path / "link").symlink_to(tmp_path / "disk/proc/1")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "disk/sys/b.jpg")
    found = scan(tmp_path)
    assert [file.path for file in found.files] == ["disk/tmp/c.jpg"]
    assert found.skipped == []
    for folder in ("disk/proc", "disk/proc/1"):
        with pytest.raises(StoreNotFoundError, match="the system shows itself"):
            scan(tmp_path / folder)
    assert len(scan(tmp_path / "disk/tmp").files) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's")
@pytest.mark.parametrize("folder", ["/proc", "/proc/self", "/sys/class"])
def test_a_folder_of_the_system_is_no_folder_of_files(folder: str) -> None:
    with pytest.raises(StoreNotFoundError, match="the system shows itself"):
        scan(Path(folder))
