"""Which words of a query name days, and which days."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.search.query.spans import EVER, Calendar, Spans
from cmsearch.search.query.temporal import expressions, named, shared, united

TODAY = Calendar(date(2026, 11, 29), since=2020)
WORDS = [
    *("in", "last", "2019", "may", "the", "summer", "of", "und", "vor", "drei", "years", "ago"),
    *("-", ".", "since", "christmas", "31", "90s", "bis", "on", "friday", "before", "'14"),
]


def said(text: str, calendar: Calendar = TODAY) -> dict[str, str]:
    """The days of each expression of a text, as one string."""
    return {text[one.start : one.end]: written(one.spans) for one in expressions(text, calendar)}


def written(spans: Spans) -> str:
    """Spans as a string, with open ends."""
    ends = {EVER[0]: "", EVER[1]: ""}
    return " ".join(f"{ends.get(a, str(a))}..{ends.get(b, str(b))}" for a, b in spans)


@pytest.mark.parametrize(
    ("text", "words", "days"),
    [
        ("beach last summer", "last summer", "2026-06-01..2026-08-31"),
        ("snow in December 2023", "in December 2023", "2023-12-01..2023-12-31"),
        ("birthday yesterday", "yesterday", "2026-11-28..2026-11-28"),
        ("Dog at Christmas 2020, sleeping", "at Christmas 2020", "2020-12-24..2020-12-26"),
        ("christmas 2018 and 2020", "christmas 2018 and 2020",
         "2018-12-24..2018-12-26 2020-12-24..2020-12-26"),
        ("on the beach in the summer of last year", "in the summer of last year",
         "2025-06-01..2025-08-31"),
        ("skiing winter 2015/16", "winter 2015/16", "2015-12-01..2016-02-29"),
        ("winter 2020", "winter 2020", "2020-01-01..2020-02-29 2020-12-01..2021-02-28"),
        ("summer of '69", "summer of '69", "1969-06-01..1969-08-31"),
        ("concert on 12 May 2022", "on 12 May 2022", "2022-05-12..2022-05-12"),
        ("concert on May 12th, 2022", "on May 12th, 2022", "2022-05-12..2022-05-12"),
        ("Sunday, 12 May 2019", "Sunday, 12 May 2019", "2019-05-12..2019-05-12"),
        ("concert 12.5.2022", "12.5.2022", "2022-05-12..2022-05-12"),
        ("concert 13/05/2022", "13/05/2022", "2022-05-13..2022-05-13"),
        ("2020-05-17 hike", "2020-05-17", "2020-05-17..2020-05-17"),
        ("sailing aug 12-19 2017", "aug 12-19 2017", "2017-08-12..2017-08-19"),
        ("segeln vom 3. bis 10. August 2019", "vom 3. bis 10. August 2019",
         "2019-08-03..2019-08-10"),
        ("beach 2019", "2019", "2019-01-01..2019-12-31"),
        ("marathon 2014 or 2016", "2014 or 2016",
         "2014-01-01..2014-12-31 2016-01-01..2016-12-31"),
        ("in 2019 with the kids", "in 2019", "2019-01-01..2019-12-31"),
        ("paris 2015-2017", "2015-2017", "2015-01-01..2017-12-31"),
        ("between May and July 2023", "between May and July 2023", "2023-05-01..2023-07-31"),
        ("skiing dec 28 2018 to jan 3 2019", "dec 28 2018 to jan 3 2019",
         "2018-12-28..2019-01-03"),
        ("since 2020", "since 2020", "2020-01-01.."),
        ("from 2022 onwards", "from 2022 onwards", "2022-01-01.."),
        ("before 2015", "before 2015", "..2014-12-31"),
        ("until May 2015", "until May 2015", "..2015-05-31"),
        ("after May 2020", "after May 2020", "2020-06-01.."),
        ("since May", "since May", "2026-05-01.."),
        ("in the 90s", "in the 90s", "1990-01-01..1999-12-31"),
        ("family 1980s", "1980s", "1980-01-01..1989-12-31"),
        ("two years ago", "two years ago", "2024-01-01..2024-12-31"),
        ("one year ago today", "one year ago today", "2025-11-29..2025-11-29"),
        ("three days ago", "three days ago", "2026-11-26..2026-11-26"),
        ("last week", "last week", "2026-11-22..2026-11-28"),
        ("last weekend", "last weekend", "2026-11-21..2026-11-22"),
        ("last month", "last month", "2026-10-01..2026-10-31"),
        ("last Monday", "last Monday", "2026-11-23..2026-11-23"),
        ("the last 30 days", "the last 30 days", "2026-10-31..2026-11-29"),
        ("the day before yesterday", "the day before yesterday", "2026-11-27..2026-11-27"),
        ("a mullet from the nineties", "from the nineties", "1990-01-01..1999-12-31"),
        ("sailing this past summer", "this past summer", "2026-06-01..2026-08-31"),
        ("the year before last", "the year before last", "2024-01-01..2024-12-31"),
        ("whiteboard on tuesday", "on tuesday", "2026-11-24..2026-11-24"),
        ("trip aug 3 to aug 17 2019", "aug 3 to aug 17 2019", "2019-08-03..2019-08-17"),
        ("easter 2021", "easter 2021", "2021-04-02..2021-04-05"),
        ("thanksgiving 2022", "thanksgiving 2022", "2022-11-24..2022-11-24"),
        ("labor day weekend 2018", "labor day weekend 2018", "2018-09-01..2018-09-03"),
        ("Strand letzten Sommer", "letzten Sommer", "2026-06-01..2026-08-31"),
        ("vor drei Wochen im Zoo", "vor drei Wochen", "2026-11-02..2026-11-08"),
        ("im Mai 2023", "im Mai 2023", "2023-05-01..2023-05-31"),
        ("seit März 2022", "seit März 2022", "2022-03-01.."),
        ("zwischen 2010 und 2012", "zwischen 2010 und 2012", "2010-01-01..2012-12-31"),
        ("Weihnachten letztes Jahr", "Weihnachten letztes Jahr", "2025-12-24..2025-12-26"),
    ],
)  # fmt: skip
def test_words_of_time(text: str, words: str, days: str) -> None:
    assert said(text) == {words: days}


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("in May", "2020-05-01..2020-05-31"),
        ("flowers in spring", "2020-03-01..2020-05-31"),
        ("snow december", "2020-12-01..2020-12-31"),
        ("at Christmas", "2020-12-24..2020-12-26"),
        ("Halloween", "2020-10-31..2020-10-31"),
        ("am 1. Mai", "2020-05-01..2020-05-01"),
        ("Schnee im Winter", "2020-01-01..2020-02-29"),
    ],
)
def test_what_comes_every_year_is_meant_each_time(text: str, first: str) -> None:
    (days,) = said(text).values()
    assert days.startswith(first) and len(days.split()) in (7, 8)


@pytest.mark.parametrize(
    "text",
    [
        *("may I", "a nice view", "march of the penguins", "friday the 13th", "fall leaves"),
        *("spring water", "in summer clothes", "the last supper", "in 2000 pieces", "room 2012"),
        *("2001: a space odyssey", "blade runner 2049", "today show", "christmas tree", "$2000"),
        *("bathing in the spring", "sunday dinner", "a 1960s car", "after sunset", "IMG_2019"),
        *("bmw 2002", "concert on 12/05/2022", "before christmas", "winter tires", "Mai tai"),
        *("in 2031", "a woman named April", "im Herbst der Patriarchen"),
    ],
)
def test_words_that_only_look_like_times(text: str) -> None:
    assert said(text) == {}


def test_feasts_are_those_of_the_country_and_seasons_those_of_the_hemisphere() -> None:
    canada = Calendar(TODAY.today, "CA")
    assert said("thanksgiving 2022", canada) == {"thanksgiving 2022": "2022-10-10..2022-10-10"}
    south = Calendar(TODAY.today, is_south=True)
    assert written(named("winter 2021", south)) == "2021-06-01..2021-08-31"
    assert written(named("last week", Calendar(TODAY.today, "DE"))) == "2026-11-16..2026-11-22"


def test_spans_are_joined_and_cut() -> None:
    year, summer = named("2021", TODAY), named("summer", TODAY)
    assert written(shared(year, summer)) == "2021-06-01..2021-08-31"
    assert united(named("2021", TODAY), named("2022", TODAY)) == (
        (date(2021, 1, 1), date(2022, 12, 31)),
    )


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_can_be_read(text: str) -> None:
    found = expressions(text, TODAY)
    assert all(one.start < one.end <= len(text) for one in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    for one in found:
        assert one.spans == tuple(sorted(one.spans))
        assert all(first <= last for first, last in one.spans)
