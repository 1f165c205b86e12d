"""Files become the items that the catalog is to have."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from cmsearch.common.digest import content_digest
from cmsearch.common.kinds import PICTURES
from cmsearch.errors import MediaError
from cmsearch.media.phash import correlations, phash, unpack
from cmsearch.store.catalog.skipped_lines import noted
from cmsearch.types import Modality
from indexer.read import MAX_REASON, Loaded, Loader
from indexer.scan import Found, of_kinds, scan
from tests.builders import scene, write_files, write_picture, write_scene
from tests.fakes import CELLS, DIM, FakeEncoder


def loaded(folder: Path, path: str, known: frozenset[str] = frozenset()) -> Loaded:
    """One file of a folder, as the indexer would load it."""
    files = scan(folder).files
    pictures = frozenset(file.path for file in of_kinds(files, *PICTURES))
    (file,) = [file for file in files if file.path == path]
    return Loader(folder, FakeEncoder(), pictures).load(file, known)


def pairs(found: Loaded) -> list[tuple[str, str | None]]:
    return [(item.part.content, item.about) for item in found.new]


def lines(*captions: tuple[str, str]) -> str:
    return "".join(
        json.dumps({"image": image, "caption": caption}) + "\n" for image, caption in captions
    )


def coco(*captions: tuple[str, str]) -> str:
    images = [{"id": number, "file_name": name} for number, (name, _) in enumerate(captions)]
    annotations = [
        {"image_id": number, "caption": text} for number, (_, text) in enumerate(captions)
    ]
    return json.dumps({"images": images, "annotations": annotations})


def test_a_picture_is_prepared_by_the_encoder(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", "red")
    found = loaded(tmp_path, "a.png")
    (item,) = found.new
    assert (item.part.modality, item.part.kind, item.about) == (Modality.IMAGE, "photo", None)
    (cells,) = item.inputs()
    np.testing.assert_allclose(cells, np.tile(np.eye(DIM)[0], (CELLS * CELLS, 1)))
    assert item.part.content is None
    assert found.digest == content_digest((tmp_path / "a.png").read_bytes())
    assert (found.error, found.skipped, found.final) == (None, [], True)
    assert found.locators == {item.digest: ""}


def test_a_picture_is_hashed_whether_it_is_known_or_not(tmp_path: Path) -> None:
    write_scene(tmp_path / "a.png", 1)
    write_files(tmp_path, {"a.txt": "a caption\n"})
    found = loaded(tmp_path, "a.png")
    (item,) = found.new
    rows = unpack([found.hashes[item.digest], phash(scene(1))])
    assert correlations(rows[:1], rows[1:])[0] > 0.9, "the reader has made it smaller"
    assert loaded(tmp_path, "a.png", frozenset({item.digest})).hashes == found.hashes
    assert loaded(tmp_path, "a.txt").hashes == {}


def test_what_is_known_is_not_prepared_again_but_kept(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    first = loaded(tmp_path, "a.png")
    again = loaded(tmp_path, "a.png", frozenset(first.locators))
    assert again.new == []
    assert again.locators == first.locators


def test_a_changed_line_is_the_only_new_item(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    write_files(tmp_path, {"a.txt": "One.\nTwo.\nThree.\n"})
    known = frozenset(loaded(tmp_path, "a.txt").locators)
    write_files(tmp_path, {"a.txt": "Zero.\nOne.\n2.\nThree.\n"})
    again = loaded(tmp_path, "a.txt", known)
    assert pairs(again) == [("Zero.", "a.png"), ("2.", "a.png")]
    assert sorted(again.locators.values()) == ["1", "2", "3", "4"]


def test_equal_pictures_are_two_items_with_one_digest_of_content(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / name)
    first, second = loaded(tmp_path, "a.png"), loaded(tmp_path, "b.png")
    assert first.digest == second.digest
    assert len(first.new) == len(second.new) == 1


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_a_bad_picture_has_an_error_and_is_final(tmp_path: Path, content: bytes) -> None:
    write_files(tmp_path, {"a.jpg": content})
    found = loaded(tmp_path, "a.jpg")
    assert found.error
    assert (found.new, found.locators, found.final) == ([], {}, True)
    assert found.digest == content_digest(content)


def test_a_file_that_went_away_is_read_again_by_the_next_run(tmp_path: Path) -> None:
    loader = Loader(tmp_path, FakeEncoder(), frozenset())
    found = loader.load(Found("gone.jpg", "image", 1, 1), frozenset())
    assert found.error == "can't be read: No such file or directory"
    assert (found.digest, found.final) == (None, False)


def test_captions_belong_to_their_pictures(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    write_picture(tmp_path / "sub/b.png")
    captions = lines(("a.png", "of a"), ("sub/b.png", "of b"), ("./sub/../a.png", "of a too"))
    write_files(
        tmp_path, {"captions.jsonl": captions, "sub/back.csv": "image,caption\n..\\a.png,up\n"}
    )
    found = loaded(tmp_path, "captions.jsonl")
    assert pairs(found) == [("of a", "a.png"), ("of b", "sub/b.png"), ("of a too", "a.png")]
    assert pairs(loaded(tmp_path, "sub/back.csv")) == [("up", "a.png")]


def test_tables_name_pictures_as_people_do(tmp_path: Path) -> None:
    write_picture(tmp_path / "sub/IMG_1.PNG")
    whole = tmp_path.resolve() / "sub" / "IMG_1.PNG"
    rows = ["sub\\IMG_1.PNG", "SUB/img_1.png", str(whole), "./sub/IMG_1.PNG"]
    table = "Picture;Text\n" + "".join(f"{row};{place}\n" for place, row in enumerate(rows))
    write_files(tmp_path, {"t.csv": "\ufeff" + table, "a.txt": "IMG_1.PNG#0\tA dog\n"})
    found = loaded(tmp_path, "t.csv")
    assert pairs(found) == [(str(place), "sub/IMG_1.PNG") for place in range(len(rows))]
    assert (found.skipped, found.final) == ([], True)


def test_a_picture_may_be_named_without_its_ending(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "b.dng", "c.jpg", "c.png", "d.v2.png"):
        write_files(tmp_path, {name: ""})
    rows = "".join(f"{name},{name}\n" for name in ("a", "B", "c", "d.v2", "d"))
    write_files(tmp_path, {"t.csv": f"image,caption\n{rows}", "a.json": '{"caption": "A"}'})
    found = loaded(tmp_path, "t.csv")
    assert pairs(found) == [("a", "a.jpg"), ("B", "b.jpg"), ("d.v2", "d.v2.png")]
    assert [one.locator for one in found.skipped] == ["4", "6"]
    assert pairs(loaded(tmp_path, "a.json")) == [("A", "a.jpg")]


def test_a_text_beside_pictures_may_be_a_table(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    write_files(tmp_path, {"captions.txt": "image,caption\na.png,A dog\nb.png,B\n"})
    found = loaded(tmp_path, "captions.txt")
    assert pairs(found) == [("A dog", "a.png")]
    assert [one.locator for one in found.skipped] == ["3"]


@pytest.mark.parametrize(
    ("name", "content", "is_told"),
    [
        ("captions.json", '[{"picture_file": "a.png", "size": 5}]', True),
        ("shop.csv", "image,title\na.png,A dog\n", False),
        ("metadata.jsonl", '{"file_name": "a.png", "text": "A dog"}\n', True),
    ],
)
def test_a_table_is_read_again_when_its_pictures_may_have_come(
    tmp_path: Path, name: str, content: str, is_told: bool
) -> None:
    write_picture(tmp_path / "b.png")
    write_files(tmp_path, {name: content})
    before = loaded(tmp_path, name)
    assert (before.new, before.final) == ([], False)
    assert bool(before.error or before.skipped) is is_told
    write_picture(tmp_path / "a.png")
    after = loaded(tmp_path, name)
    assert bool(after.new) is ("size" not in content)
    assert after.final


def test_a_sidecar_belongs_to_its_picture(tmp_path: Path) -> None:
    write_picture(tmp_path / "sub/b.png")
    write_files(tmp_path, {"sub/b.txt": "of b\n"})
    assert pairs(loaded(tmp_path, "sub/b.txt")) == [("of b", "sub/b.png")]


def test_a_document_belongs_to_nothing(tmp_path: Path) -> None:
    write_files(tmp_path, {"walk.md": "# A walk\n\nIt rained.\n"})
    found = loaded(tmp_path, "walk.md")
    assert pairs(found) == [("A walk", None), ("It rained.", None)]
    assert list(found.locators.values()) == ["1", "3"]


@pytest.mark.parametrize("image", ["b.png", "../a.png", "/a.png", "sub/a.png", "a.png/b"])
def test_a_caption_of_a_missing_picture_is_skipped_and_waited_for(
    tmp_path: Path, image: str
) -> None:
    write_picture(tmp_path / "a.png")
    write_files(tmp_path, {"captions.jsonl": lines(("a.png", "here"), (image, "missing"))})
    found = loaded(tmp_path, "captions.jsonl")
    assert pairs(found) == [("here", "a.png")]
    ((path, reason, locator),) = [(one.path, one.reason, one.locator) for one in found.skipped]
    assert (path, locator) == ("captions.jsonl", "2")
    assert image in reason
    assert (found.final, found.error) == (False, None)


def test_the_picture_came(tmp_path: Path) -> None:
    write_files(tmp_path, {"captions.jsonl": lines(("a.png", "of a"))})
    assert not loaded(tmp_path, "captions.jsonl").final
    write_picture(tmp_path / "a.png")
    found = loaded(tmp_path, "captions.jsonl")
    assert found.final
    assert pairs(found) == [("of a", "a.png")]


def test_bad_lines_are_skipped_under_the_path_of_the_file(tmp_path: Path) -> None:
    write_picture(tmp_path / "sub/a.png")
    write_files(tmp_path, {"sub/captions.jsonl": lines(("a.png", "of a")) + "no JSON\n"})
    found = loaded(tmp_path, "sub/captions.jsonl")
    assert [(one.path, one.locator) for one in found.skipped] == [("sub/captions.jsonl", "2")]
    assert found.final  # it stays bad until the file changes


def test_coco_names_pictures_in_other_folders_by_their_name(tmp_path: Path) -> None:
    for path in ("train/1.png", "val/2.png", "train/3.png", "val/3.png"):
        write_picture(tmp_path / path)
    captions = coco(
        ("1.png", "of 1"), ("2.png", "of 2"), ("3.png", "of which?"), ("4.png", "of none")
    )
    write_files(tmp_path, {"annotations/captions.json": captions})
    found = loaded(tmp_path, "annotations/captions.json")
    assert pairs(found) == [("of 1", "train/1.png"), ("of 2", "val/2.png")]
    assert [one.locator for one in found.skipped] == ["3", "4"]
    assert not found.final


def test_coco_prefers_the_picture_at_the_very_path(tmp_path: Path) -> None:
    for path in ("annotations/1.png", "train/1.png"):
        write_picture(tmp_path / path)
    write_files(tmp_path, {"annotations/captions.json": coco(("1.png", "of 1"))})
    assert pairs(loaded(tmp_path, "annotations/captions.json")) == [("of 1", "annotations/1.png")]


def test_only_coco_looks_in_other_folders(tmp_path: Path) -> None:
    write_picture(tmp_path / "train/1.png")
    write_files(tmp_path, {"captions.jsonl": lines(("1.png", "of 1"))})
    assert loaded(tmp_path, "captions.jsonl").new == []


def test_a_caption_that_stands_there_twice_is_one_item(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / name)
    captions = lines(("a.png", "same"), ("b.png", "same"), ("a.png", "same"))
    write_files(tmp_path, {"captions.jsonl": captions})
    found = loaded(tmp_path, "captions.jsonl")
    assert pairs(found) == [("same", "a.png"), ("same", "b.png")]
    assert list(found.locators.values()) == ["1", "2"]


def test_a_damaged_caption_file_has_an_error(tmp_path: Path) -> None:
    write_files(tmp_path, {"captions.json": coco(("a.png", "of a"))[:-3]})
    found = loaded(tmp_path, "captions.json")
    assert "not COCO's captions" in str(found.error)
    assert found.final


def test_long_text_is_one_item_and_cut_later(tmp_path: Path) -> None:
    text = " ".join(["word"] * 30)
    write_files(tmp_path, {"a.txt": text})
    assert pairs(loaded(tmp_path, "a.txt")) == [(text, None)]


# --- names that are written otherwise ---

NFC, NFD = "Stra\u00dfe \u00e9", "Stra\u00dfe e\u0301"


@pytest.mark.parametrize(
    ("picture", "named"),
    [
        ("a.png", "A.PNG"),
        ("sub/A.png", "Sub/a.png"),
        (f"{NFC}.png", f"{NFD}.png"),
        (f"{NFD}.png", f"{NFC}.png"),
        (f"{NFD}.png", "STRASSE \u00c9.PNG"),
    ],
)
def test_a_caption_may_name_its_picture_in_another_case_or_form(
    tmp_path: Path, picture: str, named: str
) -> None:
    write_picture(tmp_path / picture)
    write_files(tmp_path, {"captions.jsonl": lines((named, "of it"))})
    assert pairs(loaded(tmp_path, "captions.jsonl")) == [("of it", picture)]


def test_the_very_name_counts_first_and_nothing_is_guessed(tmp_path: Path) -> None:
    for name in ("a.png", "A.png", "b.png"):
        write_picture(tmp_path / name)
    captions = lines(("A.png", "exact"), ("a.PNG", "which?"), ("B.png", "b"))
    write_files(tmp_path, {"captions.jsonl": captions})
    found = loaded(tmp_path, "captions.jsonl")
    assert pairs(found) == [("exact", "A.png"), ("b", "b.png")]
    assert [one.locator for one in found.skipped] == ["2"]


def test_coco_may_write_a_name_in_another_folder_otherwise(tmp_path: Path) -> None:
    for path in ("train/A.png", "train/B.png", "val/b.png", "val/c.png"):
        write_picture(tmp_path / path)
    captions = coco(("a.png", "of a"), ("b.png", "exact"), ("B.PNG", "which?"))
    write_files(tmp_path, {"annotations/captions.json": captions})
    found = loaded(tmp_path, "annotations/captions.json")
    assert pairs(found) == [("of a", "train/A.png"), ("exact", "val/b.png")]


def test_a_caption_may_name_a_link_to_its_picture(tmp_path: Path) -> None:
    write_picture(tmp_path / "all/a.png")
    (tmp_path / "train").mkdir()
    (tmp_path / "train/b.png").symlink_to("../all/a.png")
    (tmp_path / "test").symlink_to("all")
    (tmp_path / "loop.png").symlink_to("loop.png")
    captions = lines(("train/b.png", "one"), ("test/a.png", "two"), ("loop.png", "none"))
    write_files(tmp_path, {"captions.jsonl": captions})
    found = loaded(tmp_path, "captions.jsonl")
    assert pairs(found) == [("one", "all/a.png"), ("two", "all/a.png")]


def test_a_file_whose_name_is_no_unicode_is_opened(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    found = loaded(tmp_path, "\U0010ffff.png")
    assert (found.error, len(found.new)) == (None, 1)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    """As where it was put there after the scan."""
    os.mkfifo(tmp_path / "a.png")
    file = Found("a.png", "image", 1, 1)
    found = Loader(tmp_path, FakeEncoder(), frozenset()).load(file, frozenset())
    assert found.error == "can't be read: not a regular file"
    assert not found.final


def test_what_a_library_says_is_cut_and_made_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(self: object, path: Path, size: int) -> None:
        raise MediaError("\ud800" + "x" * 1000)

    monkeypatch.setattr("cmsearch.media.images.ImageReader.read", read)
    write_files(tmp_path, {"a.jpg": "x"})
    assert loaded(tmp_path, "a.jpg").error == "?" + "x" * (MAX_REASON - 1) + "…"


def test_what_was_left_out_is_noted(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    write_files(
        tmp_path,
        {
            "bad.jpg": "",
            "lines.jsonl": lines(("a.png", "A")) + "no JSON\n",
            "waits.jsonl": lines(("b.png", "B")) + "no JSON\n",
        },
    )
    assert loaded(tmp_path, "a.png").noted is None
    assert loaded(tmp_path, "bad.jpg").noted == "the file is empty"
    of_lines = loaded(tmp_path, "lines.jsonl")
    assert of_lines.noted == noted(of_lines.skipped) is not None
    assert loaded(tmp_path, "waits.jsonl").noted is None  # it is read again
