"""Documents with damage by chance: read as far as can be, or refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmsearch.errors import MediaError
from cmsearch.media.blocks import LEAST_WORDS, Block, groups, passages_of
from cmsearch.media.pdf import cleaned
from cmsearch.media.readers import make_reader
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
def test_passages_have_every_paragraph_in_order(rows: list[tuple[str, bool]]) -> None:
    blocks = [Block(text, is_heading) for text, is_heading in rows if text.strip()]
    found = iter("".join("".join(part.content.split()) for part in passages_of(blocks)))
    for block in blocks:
        if not block.is_heading:
            assert all(char in found for char in "".join(block.text.split()))


@given(st.lists(st.integers(0, 60), max_size=12))
def test_groups_are_runs_of_enough_words(lengths: list[int]) -> None:
    paragraphs = ["word " * length for length in lengths]
    found = list(groups(paragraphs))
    assert [text for _, group in found for text in group] == paragraphs
    assert [place for place, _ in found] == [
        sum(len(group) for _, group in found[:number]) for number in range(len(found))
    ]
    for _, group in found[:-1]:
        assert len(" ".join(group).split()) >= LEAST_WORDS > len(" ".join(group[:-1]).split())
