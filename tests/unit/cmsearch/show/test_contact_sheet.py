"""The contact sheet has every hit, shows what can be shown, and says what can't."""

from __future__ import annotations

import html
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cmsearch.errors import CmsearchError
from cmsearch.show.contact_sheet import LEAST, _size, contact_sheet, write_sheet
from cmsearch.types import Hit, Modality
from tests.builders import write_picture

EVIL = "</script><img src=x onerror=alert(1)>\x1b[2J"


def hit(path: Path, **changes: Any) -> Hit:
    fields: dict[str, Any] = {
        "rank": 1, "score": 0.5, "path": path, "source": path.name, "modality": Modality.IMAGE,
        "kind": "photo", "text": None, "taken": datetime(2024, 5, 6, 7, 8), "relevance": 0.25,
    }  # fmt: skip
    return Hit(**fields | changes)


def cards(page: str) -> list[str]:
    return re.findall("<article.*?</article>", page, re.DOTALL)


def test_a_picture_has_its_thumbnail_its_link_and_its_relevance(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "sub" / "a b.png", size=(30, 20))
    (card,) = cards(contact_sheet("red", [hit(picture)], folder=tmp_path))
    assert 'src="data:image/webp;base64,' in card
    assert 'width="30" height="20"' in card
    assert 'href="./sub/a%20b.png"' in card
    assert "25 %" in card and 'width="25.00"' in card
    assert "2024-05-06 07:08" in card


def test_a_caption_shows_its_picture_and_a_passage_its_text(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.png")
    caption = hit(picture, modality=Modality.TEXT, kind="caption", text="a & b", source="c.jsonl:1")
    passage = hit(
        tmp_path / "n.md", modality=Modality.TEXT, kind="passage", text="Once.", source="n.md:3",
        relevance=0.0,
    )  # fmt: skip
    first, second = cards(contact_sheet("x", [caption, passage], folder=tmp_path))
    assert "data:image" in first and "a &amp; b" in first
    assert "data:image" not in second and "Once." in second and "n.md:3" in second
    assert "0 %" in second and 'width="0.00"' in second


def test_a_picture_that_is_gone_leaves_a_frame_that_says_why(tmp_path: Path) -> None:
    hits = [hit(tmp_path / "gone.png"), hit(write_picture(tmp_path / "a.png"), rank=2)]
    gone, there = cards(contact_sheet("x", hits, folder=tmp_path))
    assert "No such file or directory" in gone and "<img" not in gone
    assert "<img" in there


def test_nothing_of_a_store_becomes_markup(tmp_path: Path) -> None:
    write_picture(tmp_path / "<" / "a.png").rename(tmp_path / "<" / "script><img src=x>.png")
    path = tmp_path / "<" / "script><img src=x>.png"
    page = contact_sheet(EVIL, [hit(path, text=EVIL, source=EVIL, kind=EVIL)], folder=tmp_path)
    assert page.count("<script>") == page.count("</script>") == 1
    assert "<img src=x" not in page
    assert "\x1b" not in page
    assert html.escape("</script><img src=x onerror=alert(1)>") in page


def test_names_that_are_no_unicode_are_linked_by_their_bytes(tmp_path: Path) -> None:
    page = contact_sheet("x", [hit(tmp_path / "\udcff.png")], folder=tmp_path)
    assert 'href="./%FF.png"' in page
    assert "�.png" in page
    page.encode()


def test_without_hits_it_says_so(tmp_path: Path) -> None:
    assert "Nothing was found." in contact_sheet("x", [], folder=tmp_path)


def test_thumbnails_are_the_smaller_the_more_there_are() -> None:
    sizes = [_size(count) for count in (1, 60, 61, 300, 301, 1000, 1001, 4000, 4001, 10**6)]
    assert sizes == [960, 960, 640, 640, 400, 400, 240, 240, LEAST, LEAST]


def test_it_is_written_and_a_bad_place_is_told_before_any_work(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.png")
    write_sheet(tmp_path / "sheet.html", "red", [hit(picture)])
    assert 'href="./a.png"' in (tmp_path / "sheet.html").read_text()
    with pytest.raises(CmsearchError, match="no page of cmsearch"):
        (tmp_path / "mine.html").write_text("mine")
        write_sheet(tmp_path / "mine.html", "red", [hit(picture)])


def test_a_relative_place_links_relatively(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = write_picture(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    write_sheet(Path("sheet.html"), "red", [hit(picture)])
    assert 'href="./a.png"' in Path("sheet.html").read_text()
