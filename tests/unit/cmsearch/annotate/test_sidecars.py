"""Files beside pictures: what is written, what is left alone, and what is counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cmsearch.annotate import xmp
from cmsearch.annotate.annotation import Annotation, Described, Labelled
from cmsearch.annotate.sidecars import Sidecars
from tests.builders import write_files, write_picture


def labelled(path: Path, *names: str) -> Annotation:
    return Annotation(path, labels=tuple(Labelled(name, 0.9) for name in names))


def described(path: Path, *texts: str) -> Annotation:
    captions = (Described(text, 0.9, 1.0, "captions.csv:2", path) for text in texts)
    return Annotation(path, captions=tuple(captions))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return write_picture(tmp_path / "a.b.png")


def test_labels_are_one_line_and_captions_one_each(picture: Path) -> None:
    assert Sidecars("text").write(labelled(picture, "dog", "beach")) == "written"
    assert picture.with_name("a.b.txt").read_text() == "dog, beach\n"
    sidecars = Sidecars("text", overwrite=True)
    assert sidecars.write(described(picture, "A dog.", "A\tbeach\x1b[2J.")) == "changed"
    assert picture.with_name("a.b.txt").read_text() == "A dog.\nA beach[2J.\n"
    assert sorted(one.name for one in picture.parent.iterdir()) == ["a.b.png", "a.b.txt"]


def test_a_text_that_is_there_is_kept_and_overwritten_only_if_told_to(picture: Path) -> None:
    mine = write_files(picture.parent, {"a.b.txt": "mine"}) / "a.b.txt"
    sidecars = Sidecars("text")
    assert sidecars.write(labelled(picture, "dog")) == "kept"
    assert mine.read_text() == "mine"
    assert sidecars.outcomes == {"kept": 1}
    mine.chmod(0o640)
    assert Sidecars("text", overwrite=True).write(labelled(picture, "dog")) == "changed"
    assert mine.read_text() == "dog\n"
    assert mine.stat().st_mode & 0o777 == 0o640


def test_a_name_that_differs_only_in_case_counts_as_there(picture: Path) -> None:
    write_files(picture.parent, {"A.B.TXT": "mine"})
    for overwrite in (False, True):
        assert Sidecars("text", overwrite=overwrite).write(labelled(picture, "dog")) == "kept"
    assert not (picture.parent / "a.b.txt").exists()


FORMS = [("text", False, "IMG_1.txt"), ("xmp", True, "IMG_1.xmp")]


@pytest.mark.parametrize(("form", "stem", "name"), FORMS)
@pytest.mark.parametrize("dry", [False, True])
@pytest.mark.parametrize("order", [1, -1])
def test_of_two_pictures_of_one_name_the_second_is_named(
    tmp_path: Path, form: str, stem: bool, name: str, dry: bool, order: int
) -> None:
    one, other = (write_picture(tmp_path / f"IMG_1.{end}") for end in ("jpg", "png"))
    sidecars = Sidecars(form, stem=stem, overwrite=True, dry=dry)
    outcomes = {path: sidecars.write(labelled(path, "dog")) for path in (one, other)[::order]}
    assert outcomes == {one: "written", other: "failed"}
    (failed,) = sidecars.failed
    assert failed.path == str(other)
    assert f"{name} is about IMG_1.jpg" in failed.reason
    assert "rename one of the two" in failed.reason
    assert (tmp_path / name).exists() is not dry


@pytest.mark.parametrize(("form", "stem", "owner"), [("text", False, "jpg"), ("xmp", True, "NEF")])
@pytest.mark.parametrize("there", [False, True])
def test_a_raw_picture_and_its_jpeg_share_their_file(
    tmp_path: Path, form: str, stem: bool, owner: str, there: bool
) -> None:
    pair = [write_files(tmp_path, {f"IMG_1.{end}": ""}) / f"IMG_1.{end}" for end in ("NEF", "jpg")]
    if there:
        assert Sidecars(form, stem=stem).write(labelled(tmp_path / f"IMG_1.{owner}", "dog"))
    sidecars = Sidecars(form, stem=stem)
    found = {path.suffix[1:]: sidecars.write(labelled(path, "dog")) for path in pair}
    other = {"jpg": "NEF", "NEF": "jpg"}[owner]
    assert found == {owner: "kept" if there else "written", other: "shared"}
    assert [Path(one.path).suffix for one in sidecars.shared] == [f".{other}"]
    assert sidecars.failed == []


def test_a_second_jpeg_shares_nothing_with_the_raw_picture(tmp_path: Path) -> None:
    paths = [write_files(tmp_path, {f"a.{end}": ""}) / f"a.{end}" for end in ("dng", "jpg", "png")]
    sidecars = Sidecars("xmp", stem=True)
    assert [sidecars.write(labelled(one, "dog")) for one in paths] == [
        "written",
        "failed",
        "failed",
    ]


def test_full_names_of_xmp_are_shared_by_none(tmp_path: Path) -> None:
    paths = [write_picture(tmp_path / name) for name in ("a.jpg", "a.png", "a.jpeg")]
    sidecars = Sidecars("xmp")
    assert [sidecars.write(labelled(one, "dog")) for one in paths] == ["written"] * 3


def test_names_that_differ_in_case_are_not_both_written(tmp_path: Path) -> None:
    paths = [write_picture(tmp_path / name) for name in ("A.jpg", "a.png")]
    sidecars = Sidecars("text", overwrite=True)
    assert [sidecars.write(labelled(one, one.name)) for one in paths] == ["written", "failed"]
    assert "a.txt but for its case" in sidecars.failed[0].reason
    assert (tmp_path / "A.txt").read_text() == "A.jpg\n"


@pytest.mark.parametrize("form", ["text", "xmp"])
def test_a_dry_run_says_the_same_and_writes_nothing(picture: Path, form: str) -> None:
    for expected in ("written", "changed"):
        said = {}
        for dry in (True, False):
            before = {one: one.read_bytes() for one in picture.parent.iterdir()}
            said[dry] = Sidecars(form, overwrite=True, dry=dry).write(labelled(picture, expected))
            after = {one: one.read_bytes() for one in picture.parent.iterdir()}
            assert (before == after) is dry
        assert said == {True: expected, False: expected}


@pytest.mark.parametrize("form", ["text", "xmp"])
def test_nothing_is_written_for_a_picture_about_which_nothing_is_said(
    picture: Path, form: str
) -> None:
    assert Sidecars(form).write(Annotation(picture)) == "nothing"
    assert list(picture.parent.iterdir()) == [picture]


@pytest.mark.parametrize(("stem", "name"), [(False, "a.b.png.xmp"), (True, "a.b.xmp")])
def test_xmp_lies_where_other_programs_look_for_it(picture: Path, stem: bool, name: str) -> None:
    sidecars = Sidecars("xmp", stem=stem)
    assert sidecars.target(picture).name == name
    assert sidecars.write(labelled(picture, "dog")) == "written"
    assert xmp.read((picture.parent / name).read_bytes()) == (["dog"], False)


def test_xmp_that_is_there_is_completed(picture: Path) -> None:
    place = picture.with_name("a.b.png.xmp")
    place.write_bytes(xmp.merged(None, ["mine"], "My text"))
    before = place.read_bytes()
    assert Sidecars("xmp").write(labelled(picture, "dog")) == "changed"
    assert place.read_bytes() == xmp.merged(before, ["dog"])
    assert Sidecars("xmp").write(labelled(picture, "dog")) == "kept"
    assert Sidecars("xmp").write(described(picture, "Theirs")) == "kept"
    assert Sidecars("xmp", overwrite=True).write(described(picture, "Theirs")) == "changed"
    assert b"Theirs" in place.read_bytes()
    assert xmp.read(place.read_bytes()) == (["mine", "dog"], True)


@pytest.mark.parametrize(
    "content", [b"", b"mine", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\xff\xfe<\0"]
)
def test_xmp_that_isn_t_understood_is_left_alone(picture: Path, content: bytes) -> None:
    place = picture.with_name("a.b.png.xmp")
    place.write_bytes(content)
    sidecars = Sidecars("xmp", overwrite=True)
    assert sidecars.write(labelled(picture, "dog")) == "failed"
    assert place.read_bytes() == content
    (failed,) = sidecars.failed
    assert failed.path == str(picture)
    assert "a.b.png.xmp is left alone" in failed.reason


@pytest.mark.parametrize("form", ["text", "xmp"])
def test_a_link_is_not_written_through(picture: Path, form: str) -> None:
    other = write_files(picture.parent, {"other": "mine"}) / "other"
    sidecars = Sidecars(form, overwrite=True)
    for target in (other, picture.parent / "nowhere"):
        sidecars.target(picture).symlink_to(target)
        assert sidecars.write(labelled(picture, "dog")) == "failed"
        sidecars.target(picture).unlink()
    assert other.read_text() == "mine"
    assert not (picture.parent / "nowhere").exists()
    assert all("link" in one.reason for one in sidecars.failed)


def test_nothing_is_written_beside_a_picture_that_is_gone(picture: Path) -> None:
    picture.unlink()
    sidecars = Sidecars("text")
    assert sidecars.write(labelled(picture, "dog")) == "failed"
    assert not list(picture.parent.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_can_t_be_written_fails_and_stops_nothing(picture: Path) -> None:
    picture.parent.chmod(0o500)
    sidecars = Sidecars("text")
    assert sidecars.write(labelled(picture, "dog")) == "failed"
    picture.parent.chmod(0o700)
    assert sidecars.write(labelled(picture, "dog")) == "written"


def test_a_pipe_or_folder_in_the_place_is_left_alone(picture: Path) -> None:
    sidecars = Sidecars("text", overwrite=True)
    os.mkfifo(sidecars.target(picture))
    assert sidecars.write(labelled(picture, "dog")) == "failed"
    xmps = Sidecars("xmp")
    xmps.target(picture).mkdir()
    assert xmps.write(labelled(picture, "dog")) == "failed"
