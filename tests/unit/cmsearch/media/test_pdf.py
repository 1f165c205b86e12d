"""PDF files: passages of pages, pages as pictures, and files that are no good."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest

from cmsearch.errors import MediaError
from cmsearch.media import pdf as module
from cmsearch.media import pdfium
from cmsearch.media.pdf import PdfReader, cleaned
from cmsearch.types import Modality, Part, Reading, Skipped
from tests.documents import A4, bomb, filled, lines, numbered, pdf, stream

LONG = "Roses are pruned in spring, before the buds begin to swell on the canes."
SHORT = "They bloom in June."


def read(data: bytes, folder: Path, size: int = 32) -> list[Part | Skipped]:
    path = folder / "a.pdf"
    path.write_bytes(data)
    return list(PdfReader().read(path, Reading(size)))


def texts(found: list[Part | Skipped]) -> list[tuple[str, str]]:
    parts = [one for one in found if isinstance(one, Part) and one.modality is Modality.TEXT]
    return [(one.locator, one.content) for one in parts]


def pictures(found: list[Part | Skipped]) -> list[Part]:
    return [one for one in found if isinstance(one, Part) and one.kind == "page"]


def notes(found: list[Part | Skipped]) -> list[tuple[str, str]]:
    return [(one.locator, one.reason) for one in found if isinstance(one, Skipped)]


def test_passages_have_their_pages(tmp_path: Path) -> None:
    found = read(pdf(lines(LONG, SHORT), lines("Lilies follow.")), tmp_path)
    assert texts(found) == [("p1:1", f"{LONG} {SHORT}"), ("p2:1", "Lilies follow.")]
    assert [part.locator for part in pictures(found)] == ["p1", "p2"]
    assert notes(found) == []


def test_a_short_line_ends_its_paragraph(tmp_path: Path) -> None:
    found = read(pdf(lines("Pruning", LONG, LONG, LONG, SHORT, LONG, LONG)), tmp_path)
    assert texts(found) == [
        ("p1:1", f"Pruning {LONG} {LONG} {LONG} {SHORT}"),
        ("p1:2", f"{LONG} {LONG}"),
    ]


def test_words_that_a_line_cuts_are_whole(tmp_path: Path) -> None:
    page = lines(
        "The infor-", "mation of a well-", "known gardener, who is well-known, and of Jean-", "Paul"
    )
    assert texts(read(pdf(page), tmp_path)) == [
        ("p1:1", "The information of a well-known gardener, who is well-known, and of Jean-Paul")
    ]


def test_hyphens_that_pdfium_leaves_are_undone_too() -> None:
    assert cleaned({1: "infor-\r\nmation\r\n"}) == {1: ["information"]}
    assert cleaned({1: "pages 3-\n4"})[1][:2] == ["pages 3-", "4"]


def test_lines_that_pages_repeat_at_their_edges_stand_once() -> None:
    topics = ["Roses", "Lilies", "Ferns", "Mosses"]
    pages = {
        number: f"Report 7\n{topic} grow.\nReport 7\nThey were {number}2 then.\nPage {number} of 4"
        for number, topic in enumerate(topics, 1)
    }
    own = [[line for line in lines if line] for lines in cleaned(pages).values()]
    assert own == [
        ["Report 7", "Roses grow.", "Report 7", "They were 12 then."],
        ["Lilies grow.", "Report 7", "They were 22 then."],
        ["Ferns grow.", "Report 7", "They were 32 then."],
        ["Mosses grow.", "Report 7", "They were 42 then."],
    ]


def test_short_pages_are_not_looked_at_twice() -> None:
    pages = {number: f"Same\n{number}\nOwn {number * number}" for number in range(1, 5)}
    assert [[line for line in lines if line] for lines in cleaned(pages).values()] == [
        ["Same", "Own 1"], ["Own 4"], ["Own 9"], ["Own 16"],
    ]  # fmt: skip


def test_pages_of_nothing_but_such_lines_keep_them() -> None:
    pages = {number: f"Plate {number}" for number in range(1, 5)}
    assert [lines[0] for lines in cleaned(pages).values()] == list(pages.values())


def test_what_two_pages_share_stays() -> None:
    pages = {1: f"Roses\n{LONG}", 2: f"Roses\n{LONG}"}
    assert cleaned(pages)[1][0] == "Roses"


def test_control_characters_are_no_text() -> None:
    assert cleaned({1: "a\x00b\x1b[31m \ue000c\ud800\t\u00a0d"}) == {1: ["ab[31m c d"]}


@pytest.mark.parametrize(
    ("size", "expected"),
    [(A4, (64, 91)), ((842, 595), (91, 64)), ((14400, 14400), (64, 64)), ((3, 3), (64, 64))],
)
def test_pages_are_rendered_as_large_as_the_model_takes(
    size: tuple[float, float], expected: tuple[int, int], tmp_path: Path
) -> None:
    (page,) = pictures(read(pdf(b"1 0 0 rg 0 0 9 9 re f", size=size), tmp_path))
    assert page.content.mode == "RGB"
    assert page.content.size == pytest.approx(expected, abs=1)


def test_a_strip_is_no_larger_than_eight_squares(tmp_path: Path) -> None:
    (page,) = pictures(read(pdf(b"1 0 0 rg 0 0 9 9 re f", size=(10, 10_000)), tmp_path))
    assert page.content.size == (1, 512)


def test_a_page_without_text_has_a_picture(tmp_path: Path) -> None:
    found = read(pdf(filled(0, 0, 1)), tmp_path)
    assert texts(found) == []
    (page,) = pictures(found)
    assert page.content.getpixel((30, 30)) == (0, 0, 255)


def test_what_is_filled_into_a_form_is_drawn(tmp_path: Path) -> None:
    field = b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Ann) /Rect [0 0 99 99] /F 4"
    data = numbered(
        [
            b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [5 0 R] >> >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 99 99] >>",
            b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Annots [5 0 R] >>",
            stream(b""),
            field + b" /AP << /N 6 0 R >> >>",
            stream(b"1 0 0 rg 0 0 99 99 re f", b"/Type /XObject /Subtype /Form /BBox [0 0 99 99]"),
        ]
    )
    (page,) = pictures(read(data, tmp_path))
    assert page.content.getpixel((30, 30)) == (255, 0, 0)


def test_an_empty_page_has_none(tmp_path: Path) -> None:
    found = read(pdf(b"", lines(SHORT)), tmp_path)
    assert [part.locator for part in pictures(found)] == ["p2"]


def test_one_page_is_rendered_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf(filled(1, 0, 0), filled(0, 1, 0)))
    reader = PdfReader()
    assert reader.picture(path, 50, "p2").getpixel((9, 9)) == (0, 255, 0)
    assert reader.picture(path, 50, "p2:7").size == pytest.approx((50, 71), abs=1)
    assert reader.picture(path, 50, "").getpixel((9, 9)) == (255, 0, 0)
    with pytest.raises(MediaError, match="there is no page 3"):
        reader.picture(path, 50, "p3")


def test_of_long_files_the_first_pages_are_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PICTURES", 2)
    found = read(pdf(*[lines(f"Chapter {word}") for word in ("one", "two", "three")]), tmp_path)
    assert [part.locator for part in pictures(found)] == ["p1", "p2"]
    assert len(texts(found)) == 3
    assert notes(found) == [("p3", "only 2 of its 3 pages are indexed as pictures")]


@pytest.mark.parametrize("bound", ["MAX_PAGES", "MAX_TEXT"])
def test_what_is_too_much_text_is_left_out_and_said(
    bound: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, bound, 2 if bound == "MAX_PAGES" else 8)
    found = read(pdf(*[lines(text) for text in ("First", "Second", "Third", "Fourth")]), tmp_path)
    assert [text for _, text in texts(found)] == ["First", "Second"]
    assert notes(found) == [("p3", "the text of only 2 of its 4 pages is read")]


def encrypted() -> bytes:
    """A file that opens with a password only."""
    keys = b"/Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s>" % (b"00" * 32, b"00" * 32)
    whole = pdf(lines(SHORT))
    return whole.replace(b"/Root 1 0 R", b"/ID [<00> <00>] /Encrypt << %s >> /Root 1 0 R" % keys)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"Dear all,", "not a PDF file"),
        (b"%PDF-1.7\n", "damaged"),
        (b"%PDF-1.7\n" + bytes(5000), "damaged"),
        (pdf(lines(SHORT))[:300], "damaged"),
        (pdf(), "damaged"),
        (encrypted(), "opens with a password only"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error(data: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=reason):
        read(data, tmp_path)


def test_a_file_without_its_table_is_read_all_the_same(tmp_path: Path) -> None:
    whole = pdf(lines(SHORT))
    damaged = whole.replace(b"startxref\n", b"startxref\n9")
    assert texts(read(damaged, tmp_path)) == [("p1:1", SHORT)]


def test_a_page_that_never_ends_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forms in forms: ten to the power of nine of them are drawn."""
    answers = pdfium._answers

    def hurried(request: dict[str, Any]) -> Any:  # the other page may take what it takes
        return answers({**request, "seconds": 0.7 if request["first"] == 1 else 60.0})

    monkeypatch.setattr(pdfium, "_answers", hurried)
    found = read(bomb(9), tmp_path)
    assert notes(found) == [("p1", "takes too long")]
    assert texts(found) == [("p2:1", "after")]
    assert [part.locator for part in pictures(found)] == ["p2"]


def test_a_page_with_an_image_that_claims_a_terabyte_is_read(tmp_path: Path) -> None:
    pixels = zlib.compress(bytes(1000))
    entries = b"/Type /XObject /Subtype /Image /Width 1000000 /Height 1000000 /BitsPerComponent 8"
    image = stream(pixels, entries + b" /ColorSpace /DeviceRGB /Filter /FlateDecode")
    page = b"q 500 0 0 500 0 0 cm /I 5 0 R Do Q " + lines(SHORT)
    data = numbered(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>",
            b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /XObject << /I 5 0 R >>"
            b" /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
            stream(page),
            image,
        ]
    )
    assert texts(read(data, tmp_path)) == [("p1:1", SHORT)]


def test_many_pages_that_are_one_are_bounded(tmp_path: Path) -> None:
    """A tree of pages that says it has a billion."""
    data = pdf(lines(SHORT)).replace(b"/Count 1 ", b"/Count 999999999 ")
    found = read(data, tmp_path)
    assert texts(found) == [("p1:1", SHORT)]


def test_a_tree_of_pages_in_a_circle_ends(tmp_path: Path) -> None:
    data = numbered(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 4 /MediaBox [0 0 9 9] >>",
        ]
    )
    try:
        found = read(data, tmp_path)
    except MediaError:
        return
    assert texts(found) == [] and len(found) <= 8
