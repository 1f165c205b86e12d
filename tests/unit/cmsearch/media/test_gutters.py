"""Columns are read one after the other, tables row by row, however they were written."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap

import pytest

from cmsearch.media.gutters import MAX_RUNS, Run, in_columns
from cmsearch.media.pdf import PdfReader
from cmsearch.types import Modality, Part, Reading
from tests.documents import lines, pdf

pytestmark = pytest.mark.skipif(PdfReader().missing is not None, reason="the extra isn't installed")
HARBOUR = (
    "The harbour lies to the north of the town and has been used by fishermen for many centuries. "
    "In winter the ice reaches far into the bay, and only small boats can leave it before noon. "
    "People say that the bell of the old chapel is heard under water when the wind comes from the "
    "west, but nobody who was asked had ever heard it. The museum beside the pier keeps nets, "
    "lamps and the diary of a captain who sailed around the world twice without losing one man."
)
MARMALADE = (
    "Marmalade keeps for about two years if the jars are clean and closed while it is still hot. "
    "Oranges from Seville are bitter and have much pectin, which is why they set so well without "
    "any help. Cut the peel into thin strips and leave it in water overnight, then boil it until "
    "it is soft enough to be crushed between two fingers. Sugar is added only after, since the "
    "peel would stay hard otherwise, and the whole pot is boiled until a drop wrinkles on a plate."
)
BRÜCKE = (
    "Die alte Brücke wurde im Winter gesperrt, weil das Eis zwei Pfeiler beschädigt hatte und die "
    "Stadt erst im Frühjahr das Geld für die Arbeiten fand. Seitdem fahren die Wagen über die neue "
    "Straße am Wehr, was den Weg zum Markt um fast eine Stunde verlängert. Die Händler beklagen "
    "sich darüber seit Jahren, doch der Rat will warten, bis die Bahn ihre eigene Brücke baut und "
    "sich an den Kosten beteiligt, wie es der Minister vor der Wahl versprochen hatte."
)
HEADING = "A heading that goes across all of the columns of this page"
Columns = Sequence[tuple[float, list[str]]]


def by_rows(columns: Columns, y: float = 700, step: float = 14, shift: float = 0) -> bytes:
    """Columns, each at its place, written row by row; each `shift` lower than the one before."""
    written = b""
    for number, row in enumerate(zip_longest(*(text for _, text in columns), fillvalue="")):
        for place, ((x, _), line) in enumerate(zip(columns, row, strict=True)):
            if line:
                written += lines(line, x=x, y=y - number * step - place * shift)
    return written


def read(folder: Path, *pages: bytes) -> str:
    """What a PDF says, as one text."""
    path = folder / "a.pdf"
    path.write_bytes(pdf(*pages))
    parts = PdfReader().read(path, Reading(16))
    found = [one for one in parts if isinstance(one, Part) and one.modality is Modality.TEXT]
    return " ".join(str(one.content) for one in found)


def words(text: str) -> str:
    return " ".join(text.split())


TWO = [(60.0, wrap(HARBOUR, 42)), (310.0, wrap(MARMALADE, 42))]
THREE = [(40.0, wrap(HARBOUR, 28)), (220.0, wrap(MARMALADE, 28)), (400.0, wrap(BRÜCKE, 28))]


@pytest.mark.parametrize("shift", [0, 5], ids=["one line", "beside"])
@pytest.mark.parametrize(
    ("columns", "whole"),
    [(TWO, [HARBOUR, MARMALADE]), (THREE, [HARBOUR, MARMALADE, BRÜCKE])],
    ids=["two", "three"],
)
@pytest.mark.parametrize("heading", ["", HEADING])
def test_columns_that_were_written_row_by_row_are_read_one_after_the_other(
    tmp_path: Path, columns: Columns, whole: list[str], shift: float, heading: str
) -> None:
    above = lines(heading, x=60, y=760, size=16)
    text = read(tmp_path, above + by_rows(columns, shift=shift))
    assert text == words(" ".join([heading, *whole]))


def test_columns_of_other_widths_are_read_so_too(tmp_path: Path) -> None:
    columns = [(40.0, wrap(HARBOUR, 24)), (190.0, wrap(MARMALADE, 60))]
    assert read(tmp_path, by_rows(columns)) == f"{HARBOUR} {MARMALADE}"


def test_words_that_the_ends_of_lines_cut_are_whole_in_columns(tmp_path: Path) -> None:
    left, right = wrap(HARBOUR, 42), wrap(MARMALADE, 42)
    left[1:3] = ["and has been used by fisher-", "men for many centuries. In winter the ice"]
    text = read(tmp_path, by_rows([(60.0, left), (310.0, right)]))
    assert "used by fishermen for many" in text


def test_headings_across_part_columns(tmp_path: Path) -> None:
    """What is above one is read to its end first."""
    upper = [(x, text[:5]) for x, text in TWO]
    lower = [(x, text[5:]) for x, text in TWO]
    middle = lines(HEADING, x=60, y=600, size=16)
    found = read(tmp_path, by_rows(upper) + middle + by_rows(lower, y=570))
    parts = [*upper[0][1], *upper[1][1], HEADING, *lower[0][1], *lower[1][1]]
    assert found == words(" ".join(parts))


def test_paragraphs_and_headings_within_a_column_are_no_rows_of_a_table(tmp_path: Path) -> None:
    left, right = wrap(HARBOUR, 42), wrap(MARMALADE, 42)
    left[4:4], right[7:7] = ["", "In winter", ""], [""]
    text = read(tmp_path, by_rows([(60.0, left), (310.0, right)]))
    assert text == words(" ".join([*left, *right]))


def test_what_stands_at_the_top_and_the_bottom_of_a_page_is_in_no_column(tmp_path: Path) -> None:
    edge = lines("Journal of Harbours", x=60, y=760) + lines("Volume seven", x=310, y=760)
    foot = lines("Printed in the town", x=60, y=40) + lines("All rights kept", x=310, y=40)
    text = read(tmp_path, edge + by_rows(TWO) + foot)
    top, bottom = "Journal of Harbours Volume seven", "Printed in the town All rights kept"
    assert text == f"{top} {HARBOUR} {MARMALADE} {bottom}"


TABLE = [
    ("Name of the boat", "Built in", "Harbour"), ("Anna Maria", "1921", "Kiel"),
    ("Seagull", "1934", "Lübeck"), ("Old Thomas", "1911", "Wismar"), ("Petrel", "1956", "Kiel"),
]  # fmt: skip


def test_a_table_is_read_row_by_row(tmp_path: Path) -> None:
    rows = b"".join(
        lines(cell, x=60 + 180 * place, y=700 - 18 * number)
        for number, row in enumerate(TABLE)
        for place, cell in enumerate(row)
    )
    assert read(tmp_path, rows) == " ".join(cell for row in TABLE for cell in row)


def test_a_table_of_sentences_is_read_row_by_row(tmp_path: Path) -> None:
    """Cells of several lines, which begin at one height in each row; pdfium gives them as written,
    cell by cell.
    """
    left, right = wrap(HARBOUR, 42), wrap(MARMALADE, 42)
    written, expected, y = b"", [], 700.0
    for start in range(0, 9, 3):
        for x, text in ((60.0, left), (310.0, right)):
            cell = text[start : start + 3]
            written += lines(*cell, x=x, y=y)
            expected += cell
        y -= 70
    assert read(tmp_path, written) == words(" ".join(expected))


def test_a_list_of_addresses_is_read_row_by_row(tmp_path: Path) -> None:
    rows = [(f"{name} of the {place} house", f"{number} {street} Street, North {place}")
            for number, (name, place, street) in enumerate([
                ("Anna", "Red", "Garden"), ("Benedict", "Old", "Wide"), ("Cleo", "High", "Short"),
                ("Dorothea", "New", "Mill"), ("Emil", "Low", "Sand"), ("Frida", "Long", "Rope"),
            ], 11)]  # fmt: skip
    columns = [(60.0, [row[0] for row in rows]), (310.0, [row[1] for row in rows])]
    assert read(tmp_path, by_rows(columns)) == " ".join(cell for row in rows for cell in row)


def test_terms_stay_with_what_explains_them(tmp_path: Path) -> None:
    said = wrap(HARBOUR, 60)
    terms = ["harbour", "", "ice", "", "bell", "", "museum", ""]
    text = read(tmp_path, by_rows([(60.0, terms), (160.0, said)]))
    assert text.startswith(f"harbour {said[0]} {said[1]} ice {said[2]}")


def test_a_table_below_columns_is_read_row_by_row(tmp_path: Path) -> None:
    table = [(60.0, [row[0] for row in TABLE]), (310.0, [row[1] for row in TABLE])]
    title = lines("The boats of the harbour, and when each of them was built", x=60, y=460, size=12)
    text = read(tmp_path, by_rows(TWO) + title + by_rows(table, y=430))
    cells = " ".join(cell for row in TABLE for cell in row[:2])
    assert text.startswith(f"{HARBOUR} {MARMALADE} The boats")
    assert text.endswith(cells)


@pytest.mark.parametrize("jump", [1, 2])
def test_columns_that_are_one_piece_of_text_a_row_are_read_so_too(
    tmp_path: Path, jump: int
) -> None:
    """As programs write them that only know lines: with a jump, or with blanks, between both."""
    written, y = b"", 700
    for left, right in zip(TWO[0][1], TWO[1][1], strict=False):
        size = b"/F1 9 Tf"
        if jump == 1:
            shown = b"[(%s) %d (%s)] TJ" % (
                left.encode(),
                -30_000 + 500 * len(left),
                right.encode(),
            )
        else:
            size = b"/F3 9 Tf"
            shown = b"(%s) Tj" % f"{left:48}{right}".encode()
        written += b"BT %s 30 %d Td %s ET\n" % (size, y, shown)
        y -= 12
    data = pdf(written).replace(b"/F1 3 0 R", b"/F1 3 0 R /F3 << /Type /Font /Subtype /Type1"
                                b" /BaseFont /Courier /Encoding /WinAnsiEncoding >>")  # fmt: skip
    (tmp_path / "a.pdf").write_bytes(data)
    found = PdfReader().read(tmp_path / "a.pdf", Reading(16))
    parts = [str(one.content) for one in found if isinstance(one, Part) and one.kind == "passage"]
    count = min(len(TWO[0][1]), len(TWO[1][1]))
    assert " ".join(parts) == words(" ".join([*TWO[0][1][:count], *TWO[1][1][:count]]))


# --- of runs alone ---


def runs(columns: Columns, *, width: float = 200) -> list[Run]:
    """Runs row by row, as wide as their characters are many."""
    return [
        Run(line, x, x + width * len(line) / 42, 700.0 - 14 * number, 711.0 - 14 * number)
        for number, row in enumerate(zip_longest(*(text for _, text in columns), fillvalue=""))
        for (x, _), line in zip(columns, row, strict=True)
        if line
    ]


def test_what_is_written_by_columns_is_left_as_it_is() -> None:
    found = sorted(runs(TWO), key=lambda one: (one.left, -one.top))
    assert in_columns(found) is None
    assert in_columns(runs([(60.0, wrap(HARBOUR, 90))])) is None


def test_scripts_from_right_to_left_have_their_first_column_at_the_right() -> None:
    hebrew = [[f"שלום עולם טוב מאוד {number}א" for number in range(9)] for _ in range(2)]
    found = in_columns(runs([(60.0, hebrew[0]), (310.0, [f"ב {one}" for one in hebrew[1]])]))
    assert found == [*(f"ב {one}" for one in hebrew[1]), *hebrew[0]]


def test_scripts_without_blanks_have_columns_too() -> None:
    chinese = ["港口在城镇的北边渔民已经使用了许多世纪冬天的冰"] * 8
    other = ["只有小船才能在中午之前离开博物馆里有渔网和灯具"] * 8
    assert in_columns(runs([(60.0, chinese), (400.0, other)])) == [*chinese, *other]


def test_any_places_are_ordered_soon_and_nothing_is_lost() -> None:
    chance = random.Random(5)
    for _ in range(300):
        some = []
        for number in range(chance.randrange(60)):
            left, bottom = chance.uniform(-50, 600), chance.choice([chance.uniform(0, 800), 100])
            size = chance.choice([0.0, 10, 300, -5])
            text = f"word{number} goes on here"
            some.append(Run(text, left, left + size, bottom, bottom + chance.choice([0, 9, 30])))
        found = in_columns(some)
        if found is not None:
            assert sorted(" ".join(found).split()) == sorted(
                " ".join(one.text for one in some).split()
            )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e300])
def test_places_that_are_none_change_nothing(value: float) -> None:
    assert in_columns([*runs(TWO), Run("lost here", value, value, value, value)] * 2) is None


def test_a_page_of_very_many_pieces_is_left_as_it_is() -> None:
    assert in_columns(runs(TWO) * (MAX_RUNS // 20)) is None
