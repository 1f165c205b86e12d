"""Small documents made byte by byte: PDF, and the XML of DOCX in its archive."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from io import BytesIO

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
A4 = (595, 842)


def pdf(
    *pages: bytes, size: tuple[float, float] = A4, image: bytes = b"", entries: bytes = b""
) -> bytes:
    """A PDF with a page for each stream of operators; its fonts are /F1 and the bold /F2.

    `image` is the data of the picture /I that all of them may draw, described by `entries`.
    """
    box = b"[0 0 %g %g]" % size
    shared = b"<< /Font << /F1 3 0 R /F2 4 0 R >> /XObject << /I %d 0 R >> >>" % (
        5 + 2 * len(pages)
    )
    kids = b" ".join(b"%d 0 R" % (5 + 2 * number) for number in range(len(pages)))
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d /MediaBox %s /Resources %s >>"
        % (kids, len(pages), box, shared),
        *(
            b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % name
            for name in (b"Helvetica", b"Helvetica-Bold")
        ),
    ]
    for number, page in enumerate(pages):
        bodies.append(b"<< /Type /Page /Parent 2 0 R /Contents %d 0 R >>" % (6 + 2 * number))
        bodies.append(stream(page))
    bodies.append(stream(image, b"/Type /XObject /Subtype /Image " + entries))
    return numbered(bodies)


def numbered(bodies: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of objects, counted from 1, of which the first is the catalog."""
    data, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(bodies, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start, size = len(data), len(bodies) + 1
    data += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    data += b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (size, trailer)
    return bytes(data + b"startxref\n%d\n%%%%EOF\n" % start)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def lines(*texts: str, x: float = 72, y: float = 770, size: float = 11, font: str = "F1") -> bytes:
    """Operators that write lines below one another."""
    written = [f"BT /{font} {size} Tf {size * 1.3:.1f} TL {x} {y} Td"]
    for text in texts:
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        written.append(f"({escaped}) Tj T*")
    return "\n".join([*written, "ET\n"]).encode("cp1252")


def filled(red: float, green: float, blue: float) -> bytes:
    """Operators that fill an A4 page with a colour."""
    return b"%g %g %g rg 0 0 %d %d re f\n" % (red, green, blue, *A4)


def docx(body: str, *, before: str = "", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The archive of a Word document with elements as its body, and nothing else.

    `before` stands before its root.
    """
    buffer = BytesIO()
    relation = f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="word/document.xml"/>'
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(
            "_rels/.rels", f'<Relationships xmlns="{PACKAGE}">{relation}</Relationships>'
        )
        text = f'{before}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
        archive.writestr("word/document.xml", text)
    return buffer.getvalue()


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def bomb(levels: int) -> bytes:
    """A PDF whose first page draws a form that draws another one ten times, and so on; and a second
    page.
    """
    box = b"/Type /XObject /Subtype /Form /BBox [0 0 99 99]"
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R 5 0 R] /Count 2 /MediaBox [0 0 99 99] >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /XObject << /X 7 0 R >> >> >>",
        stream(b"/X Do"),
        b"<< /Type /Page /Parent 2 0 R /Contents 6 0 R /Resources << /Font << /F1 << /Type /Font"
        b" /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        stream(lines("after", x=9, y=50)),
    ]
    for number in range(8, 8 + levels):
        inner = b" /Resources << /XObject << /X %d 0 R >> >>" % number
        bodies.append(stream(b"/X Do " * 10, box + inner))
    bodies.append(stream(b"0 0 9 9 re f", box))
    return numbered(bodies)
