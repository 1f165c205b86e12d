"""Which files of a folder are indexed, and as what."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from cmsearch.common.text import native
from cmsearch.errors import StoreNotFoundError
from cmsearch.media.images import ImageReader
from indexer.scan import Found, Scan, in_turn, scan
from indexer.walk import ALWAYS_IGNORED, IGNORE_FILE
from tests.builders import write_files

NFC, NFD = "é\u00e5", "e\u0301a\u030a"


def made(folder: Path, *paths: str, ignore: str | None = None) -> Path:
    """Empty files, and the folder's ignore file."""
    write_files(folder, dict.fromkeys(paths, ""))
    if ignore is not None:
        (folder / IGNORE_FILE).write_text(ignore)
    return folder


def paths(folder: Path) -> list[str]:
    files, skipped, _ = scan(folder)
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
    ((found,), _, _) = scan(tmp_path)
    assert found == Found("a.jpg", "image", 5, 1_700_000_000_123_456_789)


def test_pictures_come_first_and_each_kind_by_path(tmp_path: Path) -> None:
    made(tmp_path, "z.jpg", "a.txt", "b/c.jpg", "b.jpg", "b/a.md", "B.png")
    assert paths(tmp_path) == ["B.png", "b.jpg", "b/c.jpg", "z.jpg", "a.txt", "b/a.md"]


def test_an_empty_folder(tmp_path: Path) -> None:
    assert scan(tmp_path)[:2] == ([], [])


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


def test_a_scan_gives_the_files_in_the_order_of_their_paths(tmp_path: Path) -> None:
    """As a catalog has them, so that both are compared without a list of either."""
    made(tmp_path, "a/b.jpg", "a-b/c.jpg", "a.jpg", "a/b/c.jpg", "a/b-c.jpg", "a/a/z.jpg", "a0.jpg",
         "z/a.jpg", "zz.jpg", "z.jpg", "é/a.jpg", "é.jpg", "\U0001f600.jpg", "a/z.jpg")  # fmt: skip
    found = Scan(tmp_path)
    listed = [file.path for file in found]
    assert listed == sorted(listed, key=str.encode) and len(listed) == found.count == 14
    assert found.kinds == {"image"}


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
        ("*.jpg\n!b", ["b/d.png"]),
        ("*.jpg\n!b/", ["b/d.png"]),
        ("*.jpg\n!b/c/*", ["b/c/d.jpg", "b/d.png"]),
        ("**/c\nb**/a.jpg", ["a.jpg", "b/d.png"]),
        ("A.JPG", ["a.jpg", "b/a.jpg", "b/c/d.jpg", "b/d.png"]),
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


@pytest.mark.parametrize("rule", ["!", "/", "//", "[", "a\\", "[[:odd:]]", "[z-a]", "   "])
def test_a_rule_that_means_nothing_hides_nothing(tmp_path: Path, rule: str) -> None:
    made(tmp_path, "a.jpg", ignore=f"{rule}\n")
    assert paths(tmp_path) == ["a.jpg"]


def test_a_folder_with_too_many_rules_is_reported(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg", "b/c.jpg")
    (tmp_path / "b" / IGNORE_FILE).write_text("x\n" * 10_001)
    assert reasons(tmp_path) == {
        "b/": f"can't be read: more than 10,000 rules ({IGNORE_FILE} in it)"
    }


# --- texts whose names are alike but for case or accents ---


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        ("img_1.jpg", "IMG_1.TXT"),
        ("IMG_1.JPG", "img_1.txt"),
        (NFC + ".jpg", NFD + ".txt"),
        (NFD + ".jpg", NFC.upper() + ".txt"),
        ("straße.jpg", "STRASSE.txt"),
    ],
)
def test_a_sidecar_may_be_written_otherwise(tmp_path: Path, picture: str, text: str) -> None:
    made(tmp_path, f"b/{picture}", f"b/{text}", f"c/{text}")
    found = kinds(tmp_path)
    assert found[f"b/{text}"] == ("sidecar", f"b/{picture}")
    assert found[f"c/{text}"] == ("document", None)


@pytest.mark.parametrize(
    "names",
    [
        ("a.jpg", "A.jpg", "ä.jpg", "Ä.TXT", "ä.txt"),  # the picture has its own
        ("é1.jpg", "É1.jpg", "e\u03011.txt"),  # two pictures
        ("a.jpg", "A.txt", "A.TXT"),  # two texts
    ],
)
def test_nothing_is_guessed_of_names_that_are_alike(tmp_path: Path, names: tuple[str, ...]) -> None:
    made(tmp_path, *names)
    (odd,) = {path for path, (kind, _) in kinds(tmp_path).items() if kind == "document"} & {
        "Ä.TXT", "e\u03011.txt", "A.txt",
    }  # fmt: skip
    assert kinds(tmp_path)[odd] == ("document", None)


# --- odd names ---


def test_a_name_that_is_no_unicode_has_a_form_that_is(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg")
    folder = os.fsencode(tmp_path) + b"/\xff"
    Path(os.fsdecode(folder)).mkdir()
    Path(os.fsdecode(folder + b"/caf\xe9.jpg")).touch()
    found = paths(tmp_path)
    assert found == ["a.jpg", "\U0010ffff/caf\U0010ffe9.jpg"]
    assert (tmp_path / native(found[1])).is_file()


def test_a_name_that_looks_like_such_a_form_is_skipped(tmp_path: Path) -> None:
    made(tmp_path, "caf\U0010ffe9.jpg", "\U0010ff80/a.jpg", "\U0010ff80.xyz", "\U0010ff7f.jpg")
    files, skipped, _ = scan(tmp_path)
    assert [file.path for file in files] == ["\U0010ff7f.jpg"]
    assert [one.path for one in skipped] == ["caf\U0010ffe9.jpg", "\U0010ff80"]
    assert all("rename it" in one.reason for one in skipped)


def test_other_files_with_such_names_are_none_of_ours(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.xyz")).touch()
    assert scan(tmp_path)[:2] == ([], [])


@pytest.mark.parametrize(
    "name",
    ["東京.jpg", "a b.jpg", "a\nb.jpg", "a'\"\\b.jpg", "#a.jpg", "!a.jpg", "-a.jpg", "a .jpg"],
)
def test_odd_names_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    made(tmp_path, name, ignore="*.png\n")
    assert paths(tmp_path) == [name]


def test_folders_may_be_deep(tmp_path: Path) -> None:
    """Deeper than functions may call themselves."""
    depth = 1500
    folders = [tmp_path / ("d/" * level) for level in range(1, depth + 1)]
    for folder in folders:
        folder.mkdir()
    (folders[-1] / "a.jpg").touch()
    assert paths(tmp_path) == ["d/" * depth + "a.jpg"]
    (folders[-1] / "a.jpg").unlink()
    for folder in reversed(folders):  # pytest's own clearing away calls itself
        folder.rmdir()


# --- links ---


def links(folder: Path, **targets: str | Path) -> None:
    for name, target in targets.items():
        (folder / name.replace("_", ".")).symlink_to(target)


def reasons(folder: Path) -> dict[str, str]:
    return {one.path: one.reason for one in scan(folder)[1]}


def test_linked_files_and_folders_are_read(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    made(outside, "a.jpg", "b/c.jpg", "b/d.txt", "b/d.jpg")
    made(folder, "x.jpg")
    links(folder, link_jpg=outside / "a.jpg", link=outside / "b")
    assert paths(folder) == ["link.jpg", "link/c.jpg", "link/d.jpg", "x.jpg", "link/d.txt"]
    assert kinds(folder)["link/d.txt"] == ("sidecar", "link/d.jpg")


def test_real_places_come_before_linked_ones(tmp_path: Path) -> None:
    folder = made(tmp_path / "folder", "z/a.jpg", "z/b/c.jpg")
    links(folder, a=folder / "z", b=folder / "z" / "b", c_jpg=folder / "z" / "a.jpg")
    assert paths(folder) == ["z/a.jpg", "z/b/c.jpg"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    made(outside, "o.jpg")
    made(folder, "a.jpg", "sub/b.jpg")
    links(folder, self=folder, up=tmp_path, root=".")
    links(folder / "sub", back="..", away=outside)
    links(outside, home=folder, self=outside)
    assert paths(folder) == ["a.jpg", "sub/b.jpg", "up/outside/o.jpg"]


def test_two_links_to_one_place_count_once(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", made(tmp_path / "folder")
    folder.mkdir()
    made(outside, "a.jpg", "b/c.jpg")
    links(folder, one_jpg=outside / "a.jpg", two_jpg=outside / "a.jpg")
    links(folder, three=outside / "b", four=outside / "b")
    assert paths(folder) == ["four/c.jpg", "one.jpg"]


def test_of_two_links_to_one_place_the_higher_one_counts(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", made(tmp_path / "folder", "a/b/x.jpg", "c/y.jpg")
    made(outside, "o.jpg", "p/q.jpg")
    links(folder / "a" / "b", one=outside / "p", one_jpg=outside / "o.jpg")
    links(folder / "c", two=outside / "p", two_jpg=outside / "o.jpg")
    assert paths(folder) == ["a/b/x.jpg", "c/two.jpg", "c/two/q.jpg", "c/y.jpg"]


def test_a_link_to_what_is_not_read_itself_is_read(tmp_path: Path) -> None:
    """As to a file that is hidden, is ignored, or has no name of a picture."""
    made(tmp_path, "b/.hidden.jpg", "b/c.png", "b/d.tmp", "b/e.jpg", "node_modules/f.jpg",
         ignore="*.png\n")  # fmt: skip
    links(tmp_path, h_jpg="b/.hidden.jpg", c_jpg="b/c.png", d_jpg="b/d.tmp", e_jpg="b/e.jpg",
          f_jpg="node_modules/f.jpg")  # fmt: skip
    assert paths(tmp_path) == ["b/e.jpg", "c.jpg", "d.jpg", "f.jpg", "h.jpg"]


def test_a_text_beside_a_link_is_the_sidecar_of_the_picture(tmp_path: Path) -> None:
    made(tmp_path, "all/a.jpg", "train/a.txt")
    links(tmp_path / "train", a_jpg="../all/a.jpg")
    assert kinds(tmp_path)["train/a.txt"] == ("sidecar", "all/a.jpg")


def test_rules_count_for_links_too(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    made(outside, "a.jpg", "b.png", "drafts/c.jpg", ignore="b.*\n")
    made(folder, "x.png", ignore="drafts/\n/gone\n")
    links(folder, link=outside, drafts=outside / "drafts", gone="nowhere", _hidden_jpg="x.png")
    assert paths(folder) == ["link/a.jpg", "x.png"]


def test_a_link_into_a_store_is_passed_over(tmp_path: Path) -> None:
    made(tmp_path / "store", "catalog.db", "writer.lock", "a.jpg")
    made(tmp_path / "folder", "x.jpg")
    links(tmp_path / "folder", index=tmp_path / "store")
    assert paths(tmp_path / "folder") == ["x.jpg"]


def test_links_that_lead_nowhere_are_reported(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg", "b.png")
    links(tmp_path, gone_jpg="nothing", gone="/mnt/drive", loop_jpg="loop.jpg", odd_jpg="a.jpg/b")
    assert paths_and_reasons(tmp_path) == (
        ["a.jpg", "b.png"],
        {
            "gone": "a link to /mnt/drive, which is not there",
            "gone.jpg": "a link to nothing, which is not there",
            "loop.jpg": "can't be read: Too many levels of symbolic links",
            "odd.jpg": "can't be read: Not a directory",
        },
    )


def paths_and_reasons(folder: Path) -> tuple[list[str], dict[str, str]]:
    return [file.path for file in scan(folder)[0]], reasons(folder)


def test_what_is_no_file_is_reported_and_not_opened(tmp_path: Path) -> None:
    made(tmp_path, "folder.jpg/a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(tmp_path):
        server.bind("socket.txt")
    links(tmp_path, zero_jpg="/dev/zero", link_png="pipe.jpg", null="/dev/null")
    assert paths_and_reasons(tmp_path) == (
        ["folder.jpg/a.jpg"],
        {
            "link.png": "not a file but a named pipe",
            "pipe.jpg": "not a file but a named pipe",
            "socket.txt": "not a file but a socket",
            "zero.jpg": "not a file but a device",
        },
    )


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_an_ignore_file_that_is_none_hides_its_folder(tmp_path: Path, kind: str) -> None:
    """What it was to hide is not known."""
    made(tmp_path, "a.jpg", "b/c.jpg")
    place = tmp_path / "b" / IGNORE_FILE
    os.mkfifo(place) if kind == "pipe" else place.mkdir()
    found, why = paths_and_reasons(tmp_path)
    assert found == ["a.jpg"]
    assert why == {"b/": f"can't be read: not a regular file ({IGNORE_FILE} in it)"}


# --- extras ---


class Missing(ImageReader):
    """A reader that lacks what it needs."""

    suffixes = frozenset({".dng"})
    missing = "raw"


def test_files_that_need_an_extra_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmsearch.media.raw.RawReader", Missing)
    made(tmp_path, "a.jpg", "b.DNG")
    assert paths_and_reasons(tmp_path) == (
        ["a.jpg"],
        {"b.DNG": "needs cmsearch[raw]: pip install 'cmsearch[raw]'"},
    )


def test_a_sidecar_of_a_raw_picture_and_its_jpeg_belongs_to_the_jpeg(tmp_path: Path) -> None:
    made(tmp_path, "a.dng", "a.jpg", "a.txt", "b.dng", "b.txt")
    found = kinds(tmp_path)
    assert (found["a.txt"], found["b.txt"]) == (("sidecar", "a.jpg"), ("sidecar", "b.dng"))
    assert [file.path for file in scan(tmp_path)[0]][:3] == ["a.dng", "a.jpg", "b.dng"]


# --- what is beside films and recordings ---


def test_subtitles_are_of_the_film_of_their_name(tmp_path: Path) -> None:
    made(tmp_path, "a.mp4", "a.srt", "a.en.srt", "a.pt-BR.forced.vtt", "b.srt", "c.mp3", "c.vtt")
    assert kinds(tmp_path) == {
        "a.mp4": ("video", None),
        "a.srt": ("subtitles", "a.mp4"),
        "a.en.srt": ("subtitles", "a.mp4"),
        "a.pt-BR.forced.vtt": ("subtitles", "a.mp4"),
        "b.srt": ("subtitles", None),
        "c.mp3": ("audio", None),
        "c.vtt": ("subtitles", "c.mp3"),
    }


@pytest.mark.parametrize("name", ["a.part2.srt", "a.en.sdh.cc.srt", "aen.srt", "x/a.srt"])
def test_subtitles_of_other_names_stand_alone(tmp_path: Path, name: str) -> None:
    made(tmp_path, "a.mp4", name)
    assert kinds(tmp_path)[name] == ("subtitles", None)


def test_subtitles_are_of_a_film_rather_than_of_its_sound(tmp_path: Path) -> None:
    made(tmp_path, "a.mp3", "a.mp4", "a.srt")
    assert kinds(tmp_path)["a.srt"] == ("subtitles", "a.mp4")


def test_subtitles_whose_name_differs_in_case_find_their_film(tmp_path: Path) -> None:
    made(tmp_path, "Film.MP4", "film.srt")
    assert kinds(tmp_path)["film.srt"] == ("subtitles", "Film.MP4")


def test_a_text_beside_a_film_is_its_captions(tmp_path: Path) -> None:
    made(tmp_path, "a.mp4", "a.txt", "b.mp3", "b.txt")
    assert kinds(tmp_path)["a.txt"] == ("sidecar", "a.mp4")
    assert kinds(tmp_path)["b.txt"] == ("document", None)


def test_a_text_is_a_pictures_before_it_is_a_films(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg", "a.mp4", "a.txt", "B.jpg", "b.mp4", "b.TXT")
    assert kinds(tmp_path)["a.txt"] == ("sidecar", "a.jpg")
    assert kinds(tmp_path)["b.TXT"] == ("sidecar", "B.jpg")


def test_what_may_be_about_a_film_is_read_after_it(tmp_path: Path) -> None:
    made(tmp_path, "a.mp4", "a.srt", "b.jpg", "b.txt", "c.jsonl", "d.md", "e.srt", "f.txt")
    turns = [([file.path for file in files], long) for files, long in in_turn(scan(tmp_path)[0])]
    assert turns == [
        (["b.jpg", "b.txt", "d.md", "e.srt"], False),
        (["a.mp4"], True),
        (["a.srt", "c.jsonl", "f.txt"], False),
    ]


def test_without_films_nothing_waits(tmp_path: Path) -> None:
    made(tmp_path, "b.jpg", "c.jsonl")
    turns = [[file.path for file in files] for files, _ in in_turn(scan(tmp_path)[0])]
    assert turns == [["b.jpg", "c.jsonl"], [], []]
