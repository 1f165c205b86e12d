"""Pages are closed to the network, escape what they are given, and replace only their own kind."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path

import pytest

from cmsearch.errors import CmsearchError
from cmsearch.show.html_pages import check_place, data_uri, link, render, write_page
from tests.limits import limited_files

PAGE = render("sheet", title="none", cards=[], pictures=0)
NAMES = ["a.jpg", "a b#?%.jpg", "c:d.jpg", "javascript:alert(1)", "ü.jpg", "\udcff.jpg", "'\"<.jpg"]


def test_the_policy_names_the_digests_of_the_style_and_the_script() -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', PAGE)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;; img-src data:; ")
    for name in ("style", "script"):
        found = re.search(f"<{name}>(.*?)</{name}>", PAGE, re.DOTALL)
        assert found is not None
        digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
        assert f"{name}-src &#39;sha256-{digest}&#39;" in policy[1].replace("&#43;", "+")


def test_what_it_is_given_is_escaped() -> None:
    page = render("sheet", title="</title><script>alert(1)</script>", cards=[], pictures=0)
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert page.count("<title>") == page.count("</title>") == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_link_below_the_page_is_relative_and_leads_to_the_file(name: str) -> None:
    from urllib.parse import unquote_to_bytes, urljoin, urlsplit

    address = link(Path("/pictures", "sub", name), Path("/pictures"))
    assert address.startswith("./sub/")
    whole = urlsplit(urljoin("file:///pictures/page.html", address))
    assert (whole.scheme, whole.query, whole.fragment) == ("file", "", "")
    assert unquote_to_bytes(whole.path) == os.fsencode(f"/pictures/sub/{name}")


def test_a_link_elsewhere_is_a_whole_address() -> None:
    assert link(Path("/pictures/a b.jpg"), Path("/pages")) == "file:///pictures/a%20b.jpg"


def test_bytes_become_an_address() -> None:
    assert data_uri(b"\xff\xff", "image/png") == "data:image/png;base64,//8="


def test_a_page_of_ones_own_is_replaced(tmp_path: Path) -> None:
    place = tmp_path / "a.html"
    for page in (PAGE, PAGE + "<!-- again -->"):
        write_page(place, page)
        assert place.read_text() == page
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


@pytest.mark.parametrize("content", [b"", b"<!doctype html>my own", b"\xff\xd8\xff"])
def test_no_other_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "a.html"
    place.write_bytes(content)
    with pytest.raises(CmsearchError, match="no page of cmsearch"):
        write_page(place, PAGE)
    assert place.read_bytes() == content


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("none/a.html", "No such file"),
        ("folder.html", "not a regular file"),
        ("pipe.html", "not a regular file"),
        ("a.jpg", "ends with .html"),
    ],
)
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, place: str, said: str) -> None:
    (tmp_path / "folder.html").mkdir()
    os.mkfifo(tmp_path / "pipe.html")
    for act in (check_place, lambda path: write_page(path, PAGE)):
        with pytest.raises(CmsearchError, match=said):
            act(tmp_path / place)
    assert {path.name for path in tmp_path.iterdir()} == {"folder.html", "pipe.html"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(CmsearchError, match="Permission denied"):
        check_place(tmp_path / "a.html")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "a.html"
    write_page(place, PAGE)
    with limited_files(1000), pytest.raises(CmsearchError, match="File too large"):
        write_page(place, PAGE + "again" * 1000)
    assert place.read_text() == PAGE
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


def test_a_link_is_neither_replaced_nor_written_through(tmp_path: Path) -> None:
    write_page(tmp_path / "a.html", PAGE)
    (tmp_path / "own.html").symlink_to("a.html")
    (tmp_path / "nowhere.html").symlink_to("gone.html")
    for name in ("own.html", "nowhere.html"):
        for act in (check_place, lambda path: write_page(path, PAGE + "again")):
            with pytest.raises(CmsearchError, match="it is a link"):
                act(tmp_path / name)
    assert (tmp_path / "a.html").read_text() == PAGE
    assert not (tmp_path / "gone.html").exists()
