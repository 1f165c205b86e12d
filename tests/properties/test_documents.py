"""Documents with damage by chance: read as far as can be, or refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmsearch.errors import MediaError
from cmsearch.media.blocks import Block, passages_of
from cmsearch.media.pdf import cleaned
from cmsearch.registry import make_reader
from cmsearch.types import Modality, Part, Reading
from tests.documents import docx, filled, lines, paragraph, pdf

SEEDS = {
    "pdf": pdf(lines("A page about roses.", "It has two lines."), filled(0, 0, 1)),
    "html": b"<title>A page</title><nav>Home</nav><h1>Roses</h1><p>They <b>are</b> red.</p>",
    "docx": docx(paragraph("Roses are red.") + paragraph("So they are."), method=0),
}
CHANGES = st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=4)), max_size=8)


@pytest.mark.parametrize("kind", SEEDS)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, end=st.floats(0.05, 1))
def test_damaged_documents_give_parts_or_a_reason(
    kind: str, changes: list[tuple[int, bytes]], end: float, tmp_path: Path
) -> None:
    data = bytearray(SEEDS[kind])
    for place, bits in changes:
        start = place % len(data)
        data[start : start + len(bits)] = bits
    path = tmp_path / f"a.{kind}"
    path.write_bytes(data[: int(len(data) * end)])
    try:
        for one in make_reader(kind).read(path, Reading(16)):
            if isinstance(one, Part) and one.modality is Modality.TEXT:
                assert one.content == one.content.strip() != ""
                one.content.encode()
            elif isinstance(one, Part):
                assert one.content.mode == "RGB" and max(one.content.size) <= 16 * 2 * 8 + 1
            else:
                assert one.reason and one.locator
    except MediaError as error:
        assert str(error)


@given(st.dictionaries(st.integers(1, 50), st.text(max_size=200), max_size=8))
def test_cleaning_adds_no_words(texts: dict[int, str]) -> None:
    for number, found in cleaned(texts).items():
        whole = "".join(texts[number].split())
        for line in found:
            assert set("".join(line.split())) <= {*whole, "-"}


@given(st.lists(st.tuples(st.text(min_size=1, max_size=300), st.booleans()), max_size=10))
def test_every_paragraph_is_in_a_passage(rows: list[tuple[str, bool]]) -> None:
    blocks = [Block(text, is_heading) for text, is_heading in rows if text.strip()]
    found = [part for part in passages_of(blocks) if isinstance(part, Part)]
    for number, block in enumerate(blocks, 1):
        if not block.is_heading:
            own = "".join(part.content for part in found if part.locator == f"¶{number}")
            assert "".join(block.text.split()) in "".join(own.split()) or len(block.text) > 80
