"""What happened to a folder since the catalog saw it."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from cmsearch.common.digest import content_digest
from cmsearch.store.catalog.skipped_lines import noted
from cmsearch.types import Asset, Skipped
from indexer.changes import Changes, compare, find_moved
from indexer.scan import Found
from indexer.sources import Folder
from tests.builders import asset


def found(path: str, kind: str = "image", size: int = 1, mtime_ns: int = 2) -> Found:
    return Found(path, kind, size, mtime_ns)


def assets(*known: Asset) -> list[tuple[Any, ...]]:
    """What the catalog's `rows` gives of these."""
    rows = [(one.path, one.kind, one.size, one.mtime_ns, one.about, one.error) for one in known]
    return sorted(rows, key=lambda row: row[0])


def test_nothing_happened() -> None:
    changes = compare([found("a.jpg"), found("b.jpg")], assets(asset("a.jpg"), asset("b.jpg")))
    assert changes == Changes([], [], 2, [], [])


def test_what_has_no_hash_is_unchanged_and_read_once_more() -> None:
    files = [found("a.jpg"), found("b.jpg"), found("c.jpg", size=9), found("d.jpg")]
    known = assets(asset("a.jpg"), asset("b.jpg"), asset("c.jpg"), asset("d.jpg", error="damaged"))
    changes = compare(files, known, unhashed={"b.jpg", "c.jpg", "d.jpg"})
    assert (changes.unchanged, changes.unhashed) == (2, (files[1],))
    assert (changes.changed, changes.skipped) == ([files[2]], [Skipped("d.jpg", "damaged")])


def test_everything_is_new() -> None:
    files = [found("b.jpg"), found("a.jpg")]
    assert compare(files, []) == Changes(files, [], 0, [], [])


def test_files_may_come_in_any_order() -> None:
    """As those do that links lead to."""
    paths = ["a/1.jpg", "a/2.jpg", "b.jpg", "c/3.jpg", "d.jpg"]
    for order in permutations(paths):
        changes = compare(map(found, order), assets(*map(asset, [*paths, "0", "b", "e"])))
        assert changes == Changes([], [], 5, ["0", "b", "e"], [])
        assert compare(map(found, order), assets(asset("b.jpg"))).unchanged == 1


def test_files_of_an_outdated_kind_have_changed() -> None:
    files = [found("a.wav", "audio"), found("b.jpg"), found("c.wav", "audio")]
    known = assets(asset("a.wav", "audio"), asset("b.jpg"))
    changes = compare(files, known, outdated={"audio"})
    assert changes == Changes([files[2]], [files[0]], 1, [], [])


def test_what_is_gone_is_named_in_order() -> None:
    changes = compare([], assets(asset("b.jpg"), asset("a.jpg")))
    assert changes == Changes([], [], 0, ["a.jpg", "b.jpg"], [])


@pytest.mark.parametrize(
    "before",
    [{"size": 2}, {"mtime_ns": 3}, {"mtime_ns": 1}, {"mtime_ns": None}, {"kind": "document"}],
)
def test_a_file_has_changed(before: dict[str, Any]) -> None:
    file = found("a.txt", "sidecar")
    changes = compare([file], assets(replace(asset("a.txt", "sidecar"), **before)))
    assert changes == Changes([], [file], 0, [], [])


def test_a_file_that_could_not_be_read_is_skipped_again() -> None:
    changes = compare([found("a.jpg")], assets(asset("a.jpg", error="damaged")))
    assert changes == Changes([], [], 0, [], [Skipped("a.jpg", "damaged")])


def test_a_file_that_could_not_be_read_and_has_changed_is_read_again() -> None:
    file = found("a.jpg", size=9)
    changes = compare([file], assets(asset("a.jpg", error="damaged")))
    assert changes == Changes([], [file], 0, [], [])


def test_another_time_with_an_older_date_is_a_change() -> None:
    """Files that are copied back from a backup are older than what they replace."""
    file = found("a.jpg", mtime_ns=1)
    assert compare([file], assets(asset("a.jpg", mtime_ns=2))).changed == [file]


def test_what_could_not_be_looked_at_is_not_gone() -> None:
    known = assets(asset("a/1.jpg"), asset("a/b/2.jpg"), asset("ab.jpg"), asset("c.jpg"))
    unread = [Skipped("a/", "the folder can't be read"), Skipped("c.jpg", "can't be read")]
    assert compare([], known, unread).removed == ["ab.jpg"]


def test_what_a_link_led_to_is_not_gone_while_it_leads_nowhere() -> None:
    """A link may have led to a file or to a folder; its drive may not be mounted."""
    known = assets(asset("a.jpg"), asset("drive/b/2.jpg"), asset("drive.jpg"))
    unread = [Skipped("a.jpg", "a link to nothing"), Skipped("drive", "a link to nothing")]
    assert compare([], known, unread).removed == ["drive.jpg"]


def test_lines_that_were_left_out_are_named_again() -> None:
    lines = [Skipped("a.csv", "no caption", "2"), Skipped("a.csv", "no image", "5")]
    known = assets(asset("a.csv", "captions", error=noted(lines)), asset("b.csv", "captions"))
    files = [found("a.csv", "captions"), found("b.csv", "captions")]
    assert compare(files, known) == Changes([], [], 2, [], lines)
    assert compare(files, known, lacking={"a.csv"}) == Changes(
        [], [], 1, [], [], lacking=(files[0],)
    )


def test_a_file_whose_lines_were_left_out_is_known_again_when_it_moved(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_bytes(b"x")
    moved = found("new.csv", "captions")
    error = noted([Skipped("old.csv", "no caption", "2")])
    old = asset("old.csv", "captions", error=error, digest=content_digest(b"x"))
    changes = compare([moved], assets(old))
    assert find_moved(Folder(tmp_path), changes, {"old.csv": old}) == {"old.csv": moved}
