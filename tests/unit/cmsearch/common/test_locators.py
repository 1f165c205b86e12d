"""Places in files, written and read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cmsearch.common import locators


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_times_are_read_as_they_were_written(start: float, end: float) -> None:
    found = locators.span(locators.times(start, end))
    assert found is not None
    assert abs(found[0] - start) <= 5e-4 and abs(found[1] - end) <= 5e-4
    assert locators.page(locators.times(start, end)) is None


@given(st.integers(1, 10**6), st.none() | st.integers(1, 10**3))
def test_pages_are_read_as_they_were_written(number: int, passage: int | None) -> None:
    assert locators.page(locators.pages(number, passage)) == number
    assert locators.span(locators.pages(number, passage)) is None


def test_lines_are_no_times_and_no_pages() -> None:
    for locator in ("", "3", "3-5", "frame 2", "p", "1.5-2.5"):
        assert locators.span(locator) is locators.page(locator) is None


def test_places_are_shown_as_people_write_them() -> None:
    assert locators.clock(3 * 3600 + 62.9) == "03:01:02"
    assert locators.source("a/film.mp4", "83.200-91.000") == "a/film.mp4@00:01:23–00:01:31"
    assert locators.source("notes.md", "3-5") == "notes.md:3-5"
    assert locators.source("report.pdf", "p3:2") == "report.pdf:p3"
    assert locators.source("page.html", locators.paragraphs(7)) == "page.html:¶7"
    assert locators.source("page.html", locators.paragraphs(7, 9)) == "page.html:¶7-9"
    assert locators.source("cat.jpg", "") == "cat.jpg"
