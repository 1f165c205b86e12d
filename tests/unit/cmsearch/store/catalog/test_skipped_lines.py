"""Lines that were left out, kept as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cmsearch.store.catalog.skipped_lines import MAX_LINES, is_of_lines, named, noted
from cmsearch.types import Skipped

words = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(words, words), min_size=1))
def test_lines_come_back_as_they_were(rows: list[tuple[str, str]]) -> None:
    skipped = [Skipped("a.csv", reason, locator) for locator, reason in rows]
    text = noted(skipped)
    assert text is not None and is_of_lines(text)
    assert named("a.csv", text) == skipped


def test_no_lines_are_nothing() -> None:
    assert noted([]) is None
    assert named("a.csv", None) == []


def test_the_reason_of_a_whole_file_is_not_taken_for_lines() -> None:
    assert named("a.csv", "not CSV: [[") == [Skipped("a.csv", "not CSV: [[")]


def test_not_every_line_of_a_file_of_mistakes_is_kept() -> None:
    skipped = [Skipped("a.csv", "no caption", str(line)) for line in range(5 * MAX_LINES)]
    found = named("a.csv", noted(skipped))
    assert found[:-1] == skipped[:MAX_LINES]
    assert found[-1] == Skipped("a.csv", "and 4,000 lines from here", str(MAX_LINES))
