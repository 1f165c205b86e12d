"""Days, months and years are understood as people write them."""

from __future__ import annotations

from datetime import date

import pytest

from cmsearch.search.query.written_days import FORMS, span

TODAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024-07-13", "2024-07-13", "2024-07-13"),
        ("2024-7-3", "2024-07-03", "2024-07-03"),
        ("2024/07/13", "2024-07-13", "2024-07-13"),
        ("20240713", "2024-07-13", "2024-07-13"),
        ("2024-07-13T10:20:30Z", "2024-07-13", "2024-07-13"),
        ("2024-07", "2024-07-01", "2024-07-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2023.02", "2023-02-01", "2023-02-28"),
        ("2024", "2024-01-01", "2024-12-31"),
        ("13.07.2024", "2024-07-13", "2024-07-13"),
        ("3. 7. 2024", "2024-07-03", "2024-07-03"),
        ("07/13/2024", "2024-07-13", "2024-07-13"),
        ("13/07/2024", "2024-07-13", "2024-07-13"),
        ("13-07-2024", "2024-07-13", "2024-07-13"),
        ("07/07/2024", "2024-07-07", "2024-07-07"),
        ("07/2024", "2024-07-01", "2024-07-31"),
        ("7.2024", "2024-07-01", "2024-07-31"),
        ("July 2024", "2024-07-01", "2024-07-31"),
        ("jul. 2024", "2024-07-01", "2024-07-31"),
        ("Sept 2024", "2024-09-01", "2024-09-30"),
        ("13 July 2024", "2024-07-13", "2024-07-13"),
        ("  July  13th,  2024 ", "2024-07-13", "2024-07-13"),
        ("2024 July", "2024-07-01", "2024-07-31"),
        ("today", "2026-03-01", "2026-03-01"),
        ("Yesterday", "2026-02-28", "2026-02-28"),
        ("last summer", "2025-06-01", "2025-08-31"),
        ("letzten Sommer", "2025-06-01", "2025-08-31"),
        ("July", "2025-07-01", "2025-07-31"),
        ("Christmas", "2025-12-24", "2025-12-26"),
        ("three days ago", "2026-02-26", "2026-02-26"),
    ],
)
def test_what_is_meant(text: str, first: str, last: str) -> None:
    assert span(text, TODAY) == (date.fromisoformat(first), date.fromisoformat(last))


def test_a_day_with_two_readings_names_both() -> None:
    with pytest.raises(ValueError, match="'03/04/2024' may be 2024-04-03 or 2024-03-04"):
        span("03/04/2024", TODAY)


@pytest.mark.parametrize(
    "text",
    [
        *("2024-13", "2024-02-30", "31.06.2024", "13/13/2024", "0000", "2024-00-10", "soon", ""),
        *("Julember 2024", "12", "99999", "2024-07-13-01", "%Y", "-", "24:07:13"),
    ],
)
def test_what_is_none_is_answered_with_what_is(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        span(text, TODAY)
    assert FORMS in str(caught.value)
    assert "%" not in str(caught.value).replace(text or "\0", "")
