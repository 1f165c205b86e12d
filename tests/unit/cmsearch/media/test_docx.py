"""Word's documents: what is text of them, and archives that are no good."""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO
from pathlib import Path

import docx as word
import pytest

from cmsearch.errors import MediaError
from cmsearch.media import docx as module
from cmsearch.media.docx import DocxReader
from cmsearch.types import Part, Reading, Skipped
from tests.documents import OFFICE, WORD, docx, paragraph


def read(data: bytes, folder: Path) -> list[Part | Skipped]:
    path = folder / "a.docx"
    path.write_bytes(data)
    return list(DocxReader().read(path, Reading(16)))


def texts(data: bytes, folder: Path) -> list[tuple[str, str]]:
    return [(one.locator, one.content) for one in read(data, folder) if isinstance(one, Part)]


def saved(document: word.document.Document) -> bytes:
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def test_paragraphs_tables_headers_and_lists_are_read(tmp_path: Path) -> None:
    document = word.Document()
    document.add_heading("The garden", 0)
    document.add_heading("Roses", 1)
    document.add_paragraph("They need ").add_run("sun.").bold = True
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ["Name", "Age", "Ann", "7"], strict=True):
        cell.text = text
    document.add_paragraph("Water them", style="List Bullet")
    document.sections[0].header.paragraphs[0].text = "Confidential"
    document.sections[0].footer.paragraphs[0].text = "Draft"
    assert texts(saved(document), tmp_path) == [
        ("¶1", "The garden"),
        ("¶3-6", "Roses: They need sun. Name Age Ann 7 Water them"),
        ("¶7-8", "Confidential Draft"),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", ["a b c"]),
        ("<w:p><w:del><w:r><w:delText>x</w:delText></w:r></w:del><w:r><w:t>a</w:t></w:r></w:p>",
         ["a"]),
        ("<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>", ["new"]),
        ("<w:p><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:t>7</w:t></w:r></w:p>", ["7"]),
        ("<w:p/>" + paragraph("after"), ["after"]),
        (paragraph("K&#246;ln &amp; &lt;b&gt;"), ["Köln & <b>"]),
        ('<w:p xmlns:mc="urn:x"><w:r><mc:AlternateContent><mc:Choice>'
         f"<w:txbxContent>{paragraph('box')}</w:txbxContent></mc:Choice>"
         f"<mc:Fallback><w:txbxContent>{paragraph('box')}</w:txbxContent></mc:Fallback>"
         "</mc:AlternateContent><w:t>around</w:t></w:r></w:p>", ["box around"]),
        (f"<w:tbl><w:tr><w:tc>{paragraph('a')}<w:tbl><w:tr><w:tc>{paragraph('b')}</w:tc></w:tr>"
         f"</w:tbl></w:tc><w:tc>{paragraph('c')}</w:tc></w:tr></w:tbl>", ["a b c"]),
    ],
)  # fmt: skip
def test_what_is_read_of_a_document(body: str, expected: list[str], tmp_path: Path) -> None:
    assert [text for _, text in texts(docx(body), tmp_path)] == expected


def test_headings_are_known_in_other_languages(tmp_path: Path) -> None:
    """A style's id is in the language of Word, its name isn't."""
    style = '<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
    relation = f'<Relationship Id="s" Type="{OFFICE}/styles" Target="styles.xml"/>'
    head = '<w:p><w:pPr><w:pStyle w:val="berschrift1"/></w:pPr><w:r><w:t>Rosen</w:t></w:r></w:p>'
    buffer = BytesIO(docx(head + paragraph("Sie sind rot.")))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("word/styles.xml", f'<w:styles xmlns:w="{WORD}">{style}</w:styles>')
        archive.writestr("word/_rels/document.xml.rels", f"<R xmlns='x'>{relation}</R>")
    assert texts(buffer.getvalue(), tmp_path) == [("¶2", "Rosen: Sie sind rot.")]


def test_a_document_that_is_cut_is_read_up_to_there(tmp_path: Path) -> None:
    whole = docx(paragraph("One.") + paragraph("Two."))
    with zipfile.ZipFile(BytesIO(whole)) as archive:
        text = archive.read("word/document.xml").decode()
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, zipfile.ZipFile(BytesIO(whole)) as old:
        archive.writestr("_rels/.rels", old.read("_rels/.rels"))
        archive.writestr("word/document.xml", text[: text.index("Two.")])
    first, note = read(buffer.getvalue(), tmp_path)
    assert isinstance(first, Part) and first.content == "One."
    assert isinstance(note, Skipped) and note.reason.startswith("damaged (")
    assert note.locator == "¶1"


def with_directory(length: int) -> bytes:
    """An archive that says its table of contents takes so many bytes."""
    whole = docx(paragraph("a"))
    place = whole.rindex(b"PK\5\6")
    return whole[: place + 12] + struct.pack("<L", length) + whole[place + 16 :]


ENTITIES = '<!DOCTYPE z [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE z [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"Dear all,", "not a Word document, or damaged"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "encrypted, or of a Word before 2007"),
        (docx(paragraph("a"))[:-30], "not a Word document, or damaged"),
        (docx(paragraph("a")).replace(b"PK\1\2", b"PK\1\3"), "damaged"),
        (with_directory(2**31), "too many entries"),
        (docx(paragraph("&b;"), before=ENTITIES), "declares entities"),
        (docx(paragraph("&a;"), before=OUTSIDE), "declares entities"),
        (docx("<w:p>" * 50_000), "damaged"),
        (docx("\1"), "damaged"),
    ],
    ids=["empty", "text", "old", "cut", "directory", "entries", "entities", "outside", "deep",
         "control"],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error(data: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=reason):
        read(data, tmp_path)


def test_what_unpacks_to_too_much_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PART", 2**20)
    with pytest.raises(MediaError, match="too large"):
        read(docx(paragraph("x" * 2**20)), tmp_path)


def test_what_unpacks_to_more_than_it_says_is_an_error(tmp_path: Path) -> None:
    whole = docx(paragraph("x" * 1000))
    with zipfile.ZipFile(BytesIO(whole)) as archive:
        size = archive.getinfo("word/document.xml").file_size
    lying = whole.replace(struct.pack("<L", size), struct.pack("<L", size - 900))
    with pytest.raises(MediaError, match="damaged"):
        read(lying, tmp_path)


def test_parts_outside_of_the_archive_are_not_there(tmp_path: Path) -> None:
    buffer = BytesIO()
    relation = f'<Relationship Id="r" Type="{OFFICE}/officeDocument" Target="../../etc/hostname"/>'
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("_rels/.rels", f"<R xmlns='x'>{relation}</R>")
    with pytest.raises(MediaError, match="there is no etc/hostname in it"):
        read(buffer.getvalue(), tmp_path)


def test_headers_are_read_once_and_not_too_many() -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"{number}.xml", bytes(module.MAX_PART // 3))
        same = [("/header", "0.xml")] * 1000
        assert list(module._beside(archive, same)) == ["0.xml"]
        others = [("/footer", f"{number}.xml") for number in range(5)]
        assert list(module._beside(archive, others)) == ["0.xml", "1.xml", "2.xml"]
