"""Words of pages with their boxes: upright, turned, cut, and of pages that are no good."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.errors import MediaError
from cmsearch.media import pdf as module
from tests.documents import A4, bomb, lines, numbered, pdf, stream


def read(data: bytes, folder: Path, page: int = 1) -> tuple[int, dict[str, tuple[float, ...]]]:
    """How many pages there are, and by the words of one left, top, right and bottom of each."""
    path = folder / "a.pdf"
    path.write_bytes(data)
    pages, words = module.words(path, page)
    assert all(one.page == page and len(one.box) == 8 for one in words)
    return pages, {one.text: (*one.box[:2], *one.box[4:6]) for one in words}


def turned(page: bytes, entries: bytes) -> bytes:
    """A PDF of one page with entries of its own."""
    font = b"<< /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
    return numbered(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>",
            b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font %s >> %s >>"
            % (font, entries),
            stream(page),
        ]
    )


def test_words_have_boxes_in_shares_of_the_page(tmp_path: Path) -> None:
    pages, found = read(pdf(lines("one"), lines("Roses, in June", "bloom")), tmp_path, 2)
    assert pages == 2
    assert list(found) == ["Roses,", "in", "June", "bloom"]
    width, height = A4
    left, top, right, bottom = found["Roses,"]
    assert left == pytest.approx(72 / width, abs=0.002)
    assert top < 1 - 770 / height < bottom and bottom - top < 20 / height
    assert right < found["in"][0] < found["June"][0]
    assert found["bloom"][0] == pytest.approx(left, abs=0.002) and found["bloom"][1] > top


def test_a_page_that_is_turned_or_cut_is_told_as_it_is_drawn(tmp_path: Path) -> None:
    page = lines("Roses", x=72, y=770)
    _, found = read(turned(page, b"/Rotate 90"), tmp_path)
    left, top, right, bottom = found["Roses"]
    assert left < 770 / 842 < right and top == pytest.approx(72 / 595, abs=0.003)
    assert bottom - top > right - left  # it is read downwards
    _, found = read(turned(page, b"/CropBox [50 700 350 800]"), tmp_path)
    left, top, right, bottom = found["Roses"]
    assert left == pytest.approx((72 - 50) / 300, abs=0.005)
    assert top < (800 - 770) / 100 < bottom


def test_what_has_no_words_says_why(tmp_path: Path) -> None:
    assert read(pdf(b""), tmp_path) == (1, {})
    with pytest.raises(MediaError, match="no page 2"):
        read(pdf(lines("one")), tmp_path, 2)
    with pytest.raises(MediaError, match="not a PDF"):
        read(b"words", tmp_path)


def test_a_page_is_looked_at_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = lines(*[f"word{number}" for number in range(4000)])
    _, found = read(pdf(long), tmp_path)
    assert 3000 < len(found) <= 4000  # thirty thousand characters


def test_a_page_that_takes_too_long_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmsearch.media.pdfium.PAGE_SECONDS", 0.5)
    with pytest.raises(MediaError, match="page 1"):
        read(bomb(40), tmp_path)
