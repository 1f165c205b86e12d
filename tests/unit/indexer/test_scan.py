"""Which files of a folder are indexed, and as what."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cmsearch.errors import CmsearchError, StoreNotFoundError
from indexer.scan import ALWAYS_IGNORED, IGNORE_FILE, Found, scan
from tests.builders import write_files


def made(folder: Path, *paths: str, ignore: str | None = None) -> Path:
    """Empty files, and the folder's ignore file."""
    write_files(folder, dict.fromkeys(paths, ""))
    if ignore is not None:
        (folder / IGNORE_FILE).write_text(ignore)
    return folder


def paths(folder: Path) -> list[str]:
    files, skipped = scan(folder)
    assert skipped == []
    return [file.path for file in files]


def kinds(folder: Path) -> dict[str, tuple[str, str | None]]:
    return {file.path: (file.kind, file.about) for file in scan(folder)[0]}


def test_files_are_known_by_their_suffix(tmp_path: Path) -> None:
    made(tmp_path, "a.JPG", "b.png", "c.txt", "d.md", "e.jsonl", "f.csv", "g.json", "h.xyz", "i")
    assert kinds(tmp_path) == {
        "a.JPG": ("image", None),
        "b.png": ("image", None),
        "c.txt": ("document", None),
        "d.md": ("document", None),
        "e.jsonl": ("captions", None),
        "f.csv": ("captions", None),
        "g.json": ("captions", None),
    }


def test_a_file_has_its_size_and_its_time(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.jpg": b"12345"})
    os.utime(tmp_path / "a.jpg", ns=(1, 1_700_000_000_123_456_789))
    ((found,), _) = scan(tmp_path)
    assert found == Found("a.jpg", "image", 5, 1_700_000_000_123_456_789)


def test_pictures_come_first_and_each_kind_by_path(tmp_path: Path) -> None:
    made(tmp_path, "z.jpg", "a.txt", "b/c.jpg", "b.jpg", "b/a.md", "B.png")
    assert paths(tmp_path) == ["B.png", "b.jpg", "b/c.jpg", "z.jpg", "a.txt", "b/a.md"]


def test_an_empty_folder(tmp_path: Path) -> None:
    assert scan(tmp_path) == ([], [])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match="nowhere can't be read: No such file"):
        scan(tmp_path / "nowhere")


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    made(tmp_path, ".a.jpg", ".cmsearch/b.jpg", "c/.d/e.jpg", "c/.f.jpg", "g.jpg")
    assert paths(tmp_path) == ["g.jpg"]


@pytest.mark.parametrize("name", sorted(ALWAYS_IGNORED))
def test_some_folders_are_always_passed_over(tmp_path: Path, name: str) -> None:
    made(tmp_path, f"{name}/a.jpg", f"b/{name}/c.jpg", "d.jpg", f"{name} too/e.jpg")
    assert set(paths(tmp_path)) == {"d.jpg", f"{name} too/e.jpg"}


def test_ignored_folders_are_not_even_opened(tmp_path: Path) -> None:
    made(tmp_path, "a/b.jpg", "c.jpg", ignore="a/\n!a/b.jpg\n")
    (tmp_path / "a" / IGNORE_FILE).write_text("!b.jpg\n")
    assert paths(tmp_path) == ["c.jpg"]


# --- text beside pictures ---


def test_a_text_beside_a_picture_is_its_sidecar(tmp_path: Path) -> None:
    made(
        tmp_path,
        "a.jpg",
        "a.txt",
        "b/a.txt",
        "c.PNG",
        "c.TXT",
        "d.md",
        "d.jpg",
        "e.v2.jpg",
        "e.v2.txt",
    )
    found = kinds(tmp_path)
    assert found["a.txt"] == ("sidecar", "a.jpg")
    assert found["c.TXT"] == ("sidecar", "c.PNG")
    assert found["e.v2.txt"] == ("sidecar", "e.v2.jpg")
    assert found["b/a.txt"] == ("document", None)
    assert found["d.md"] == ("document", None)


def test_a_sidecar_of_two_pictures_belongs_to_the_first(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg", "a.png", "a.txt")
    assert kinds(tmp_path)["a.txt"] == ("sidecar", "a.jpg")


def test_an_ignored_picture_has_no_sidecar(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg", "a.txt", ignore="*.jpg\n")
    assert kinds(tmp_path) == {"a.txt": ("document", None)}


# --- ignore files ---


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("", ["a.jpg", "b/a.jpg", "b/c/d.jpg", "b/d.png"]),
        ("# a comment\n\n*.png\n", ["a.jpg", "b/a.jpg", "b/c/d.jpg"]),
        ("a.jpg", ["b/c/d.jpg", "b/d.png"]),
        ("/a.jpg", ["b/a.jpg", "b/c/d.jpg", "b/d.png"]),
        ("b/", ["a.jpg"]),
        ("b", ["a.jpg"]),
        ("c/", ["a.jpg", "b/a.jpg", "b/d.png"]),
        ("a.jpg/", ["a.jpg", "b/a.jpg", "b/c/d.jpg", "b/d.png"]),
        ("b/*", ["a.jpg"]),
        ("b/*.jpg", ["a.jpg", "b/c/d.jpg", "b/d.png"]),
        ("b/**/d.*", ["a.jpg", "b/a.jpg"]),
        ("*.jpg\n!a.jpg", ["a.jpg", "b/a.jpg", "b/d.png"]),
        ("*.jpg\n!/a.jpg", ["a.jpg", "b/d.png"]),
        ("!a.jpg\n*.jpg", ["b/d.png"]),
        ("b/*\n!b/c/", ["a.jpg", "b/c/d.jpg"]),
        ("b/\n!b/a.jpg", ["a.jpg"]),
        ("[ac].jpg", ["b/c/d.jpg", "b/d.png"]),
        ("?.png  ", ["a.jpg", "b/a.jpg", "b/c/d.jpg"]),
    ],
)
def test_ignore_rules_are_those_of_git(tmp_path: Path, rules: str, expected: list[str]) -> None:
    made(tmp_path, "a.jpg", "b/a.jpg", "b/c/d.jpg", "b/d.png", ignore=rules)
    assert paths(tmp_path) == expected


def test_an_ignore_file_counts_for_its_folder_and_below(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg", "b/a.jpg", "b/c/a.jpg", "b/c/d.jpg")
    (tmp_path / "b" / IGNORE_FILE).write_text("a.jpg\n/c/d.jpg\n")
    assert paths(tmp_path) == ["a.jpg"]


def test_the_inner_ignore_file_has_the_last_word(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg", "b/a.jpg", "b/c.png", "d/a.jpg", ignore="*.jpg\n")
    (tmp_path / "b" / IGNORE_FILE).write_text("!a.jpg\n*.png\n")
    assert paths(tmp_path) == ["b/a.jpg"]


@pytest.mark.parametrize("rules", [b"\xef\xbb\xbf*.png\n", b"*.png\r\n", b"caf\xe9\n*.png\n"])
def test_ignore_files_of_other_editors(tmp_path: Path, rules: bytes) -> None:
    made(tmp_path, "a.jpg", "b.png")
    (tmp_path / IGNORE_FILE).write_bytes(rules)
    assert paths(tmp_path) == ["a.jpg"]


def test_a_rule_that_cannot_be_read(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg", ignore="!\n")
    with pytest.raises(CmsearchError, match=f"{IGNORE_FILE} has a rule that can't be read"):
        scan(tmp_path)


# --- odd names and links ---


def test_a_name_that_is_no_unicode_is_skipped(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).touch()
    files, skipped = scan(tmp_path)
    assert [file.path for file in files] == ["a.jpg"]
    assert [(one.path, one.reason) for one in skipped] == [
        ("caf?.jpg", "its name is not valid Unicode; rename it")
    ]


def test_other_files_with_such_names_are_none_of_ours(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.xyz")).touch()
    assert scan(tmp_path) == ([], [])


@pytest.mark.parametrize(
    "name", ["東京.jpg", "a b.jpg", "a\nb.jpg", "a'\"\\b.jpg", "#a.jpg", "!a.jpg"]
)
def test_odd_names_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    made(tmp_path, name, ignore="*.png\n")
    assert paths(tmp_path) == [name]


def test_links_to_files_are_followed_and_links_to_folders_are_not(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    made(outside, "a.jpg")
    made(folder, "b.jpg")
    (folder / "link.jpg").symlink_to(outside / "a.jpg")
    (folder / "link").symlink_to(outside)
    (folder / "self").symlink_to(folder)
    assert paths(folder) == ["b.jpg", "link.jpg"]


def test_a_link_to_nothing_is_passed_over(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    assert paths(tmp_path) == ["a.jpg"]


def test_a_link_to_itself_stops_nothing(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    assert [file.path for file in scan(tmp_path)[0]] == ["a.jpg"]


def test_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    made(tmp_path, "folder.jpg/a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert paths(tmp_path) == ["folder.jpg/a.jpg"]
