"""Files of XMP and JSON find what they are about by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.media.takeout_names import original_stem
from indexer.beside import subjects_beside
from indexer.scan import scan
from tests.builders import write_files

KINDS = {".jpg": "image", ".JPG": "image", ".png": "image", ".dng": "raw", ".mp4": "video",
         ".xmp": "xmp", ".XMP": "xmp", ".json": "captions", ".HEIC": "image",
         ".m4a": "audio"}  # fmt: skip


def subject(name: str, *others: str) -> str | None:
    files = [(one, KINDS[Path(one).suffix]) for one in (name, *others)]
    return subjects_beside(files).get(name)


@pytest.mark.parametrize(
    ("name", "others", "about"),
    [
        ("a/1.jpg.xmp", ["a/1.jpg", "b/1.jpg"], "a/1.jpg"),
        ("1.JPG.XMP", ["1.jpg"], "1.jpg"),
        ("1.xmp", ["1.jpg"], "1.jpg"),
        ("1.xmp", ["1.jpg", "1.dng", "1.mp4"], "1.dng"),
        ("1.xmp", ["1.mp4", "1.jpg"], "1.jpg"),
        ("1.xmp", ["1.mp4"], "1.mp4"),
        ("1.xmp", ["1.m4a"], "1.m4a"),
        ("IMG.xmp", ["img.jpg"], "img.jpg"),
        ("1_01.dng.xmp", ["1.dng"], "1.dng"),
        ("1_01.dng.xmp", ["1.dng", "1_01.dng"], "1_01.dng"),
        ("1.xmp", ["b/1.jpg"], None),
        ("1.xmp", [], None),
        ("1.jpg.xmp", ["1.png"], None),
        ("1.jpg.json", ["1.jpg"], "1.jpg"),
        ("1.jpg.supplemental-metadata.json", ["1.jpg"], "1.jpg"),
        ("1.jpg.supplemental-meta.json", ["1.jpg"], "1.jpg"),
        ("1.jpg.s.json", ["1.jpg"], "1.jpg"),
        ("1.jpg..json", ["1.jpg"], "1.jpg"),
        ("1.jpg.other.json", ["1.jpg"], None),
        ("1.jpg(1).json", ["1.jpg", "1(1).jpg"], "1(1).jpg"),
        ("1.jpg.supplemental-metadata(2).json", ["1.jpg", "1(2).jpg"], "1(2).jpg"),
        ("1.jpg(1).json", ["1.jpg"], None),
        ("1(1).jpg.json", ["1(1).jpg"], "1(1).jpg"),
        ("1.mp4.json", ["1.mp4"], "1.mp4"),
        ("1.json", ["1.jpg"], None),
        (f"{'x' * 46}.json", [f"{'x' * 47}.jpg"], f"{'x' * 47}.jpg"),
        (f"{'x' * 40}.jpg.sup.json", [f"{'x' * 40}.jpg"], f"{'x' * 40}.jpg"),
        (f"{'x' * 46}.json", [f"{'x' * 47}.jpg", f"{'x' * 47}.png"], None),
        (f"{'x' * 46}.json", [f"{'x' * 47}.jpg", f"{'x' * 47}(1).jpg"], f"{'x' * 47}.jpg"),
        (f"{'x' * 46}(1).json", [f"{'x' * 47}.jpg", f"{'x' * 47}(1).jpg"], f"{'x' * 47}(1).jpg"),
        (f"{'x' * 40}.jpg.sup(1).json", [f"{'x' * 40}(1).jpg"], f"{'x' * 40}(1).jpg"),
        ("1.supplemental-metadata.json", ["1.jpg"], "1.jpg"),
        ("1.supplemental-metadata(1).json", ["1.jpg", "1(1).jpg"], "1(1).jpg"),
        ("1.supplemental-metadata.json", ["1.jpg", "1.png"], None),
        ("1.jpg.suppl.json", ["1-edited.jpg"], "1-edited.jpg"),  # the original isn't here
        ("1.HEIC.suppl(2).json", ["1-bearbeitet(2).jpg", "1-edited.jpg"], "1-bearbeitet(2).jpg"),
        ("1.jpg.suppl.json", ["1-edited.jpg", "1-mix.jpg"], None),
        ("1.jpg.json", ["1-edited.jpg"], None),  # it may be somebody's caption
        ("1.jpg.suppl.json", ["1.jpg", "1-edited.jpg"], "1.jpg"),
        ("metadata.json", ["1.jpg"], None),
    ],
)
def test_what_a_file_is_about(name: str, others: list[str], about: str | None) -> None:
    assert subject(name, *others) == about


@pytest.mark.parametrize(
    ("stem", "original"),
    [
        ("IMG_1-edited", "IMG_1"),
        ("IMG_1-EDITED", "IMG_1"),
        ("IMG_1-bearbeitet(2)", "IMG_1(2)"),
        ("IMG-20240531-WA0001-modifié", "IMG-20240531-WA0001"),
        ("IMG_1-ha editado", "IMG_1"),
        ("IMG_1-編集済み", "IMG_1"),
        ("IMG_1-संपादित", "IMG_1"),
        ("IMG_1-e", "IMG_1"),  # where a name was cut
        ("IMG_1", None),
        ("IMG-20240531-WA0001", None),
        ("IMG_1-2", None),
        ("-edited", None),
        ("IMG_1-", None),
    ],
)
def test_what_is_called_like_an_edited_copy(stem: str, original: str | None) -> None:
    assert original_stem(stem) == original


def test_a_scan_takes_xmp_only_with_what_it_is_about(tmp_path: Path) -> None:
    names = ("a.jpg", "a.jpg.xmp", "b.xmp", "a.jpg.json", "c.json", "a.txt")
    write_files(tmp_path, dict.fromkeys(names, "x"))
    found = scan(tmp_path)
    assert {file.path: (file.kind, file.about) for file in found.files} == {
        "a.jpg": ("image", None),
        "a.jpg.xmp": ("xmp", "a.jpg"),
        "a.jpg.json": ("notes", "a.jpg"),
        "c.json": ("captions", None),
        "a.txt": ("sidecar", "a.jpg"),
    }
    assert (found.skipped, found.unread) == ([], {})
