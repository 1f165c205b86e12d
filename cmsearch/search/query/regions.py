"""Lakes, islands, mountains and parks by their names in English and German, as circles.

GeoNames has them too, but not the package that towns are taken from; these are those that are
asked for most.
"""

# Tested by tests/unit/cmsearch/search/query/test_places.py

from __future__ import annotations

import re
from functools import cache

from cmsearch.common.text import caseless

Circle = tuple[float, float, float]
"""Degrees north and east, and kilometres around."""
_REGIONS: dict[str, Circle] = {
    "Lake Garda|Gardasee": (45.65, 10.68, 30),
    "Lake Como|Comer See": (46.02, 9.26, 30),
    "Lago Maggiore|Lake Maggiore": (45.97, 8.65, 35),
    "Bodensee|Lake Constance": (47.63, 9.37, 35),
    "Chiemsee": (47.88, 12.45, 12),
    "Starnberger See": (47.9, 11.31, 14),
    "Königssee": (47.55, 12.98, 8),
    "Wolfgangsee": (47.74, 13.4, 10),
    "Wörthersee": (46.63, 14.14, 12),
    "Lake Geneva|Genfersee|Genfer See": (46.45, 6.55, 40),
    "Lake Tahoe": (39.1, -120.03, 25),
    "Lake Michigan": (44.0, -87.0, 280),
    "Lake Superior": (47.7, -87.5, 320),
    "Loch Ness": (57.32, -4.42, 20),
    "Lake District": (54.5, -3.09, 30),
    "Mallorca|Majorca": (39.6, 2.98, 55),
    "Ibiza": (38.98, 1.43, 25),
    "Menorca": (39.97, 4.08, 30),
    "Tenerife|Teneriffa": (28.29, -16.6, 45),
    "Gran Canaria": (27.96, -15.6, 30),
    "Lanzarote": (29.04, -13.63, 35),
    "Fuerteventura": (28.4, -14.0, 55),
    "La Palma": (28.68, -17.86, 25),
    "Madeira": (32.75, -17.0, 35),
    "Azores|Azoren": (38.3, -28.0, 330),
    "Crete|Kreta": (35.24, 24.9, 135),
    "Rhodes|Rhodos": (36.17, 27.93, 45),
    "Corfu|Korfu": (39.6, 19.8, 40),
    "Santorini": (36.4, 25.43, 12),
    "Mykonos": (37.45, 25.37, 10),
    "Corsica|Korsika": (42.15, 9.1, 100),
    "Elba": (42.78, 10.25, 20),
    "Capri": (40.55, 14.24, 5),
    "Sylt": (54.9, 8.35, 22),
    "Rügen": (54.42, 13.43, 30),
    "Usedom": (53.95, 14.1, 25),
    "Fehmarn": (54.46, 11.13, 12),
    "Norderney": (53.71, 7.22, 9),
    "Helgoland": (54.18, 7.89, 4),
    "Bornholm": (55.13, 14.92, 25),
    "Gotland": (57.5, 18.5, 75),
    "Isle of Skye": (57.3, -6.25, 40),
    "Isle of Wight": (50.69, -1.3, 22),
    "Bali": (-8.4, 115.1, 75),
    "Lombok": (-8.6, 116.3, 50),
    "Phuket": (7.95, 98.34, 30),
    "Maui": (20.8, -156.33, 45),
    "Oahu": (21.47, -157.98, 40),
    "Kauai": (22.07, -159.53, 30),
    "Long Island": (40.8, -73.0, 95),
    "Martha's Vineyard": (41.39, -70.63, 20),
    "Cape Cod": (41.75, -70.2, 45),
    "Florida Keys": (24.75, -81.1, 95),
    "Black Forest|Schwarzwald": (48.1, 8.2, 85),
    "Harz": (51.75, 10.63, 50),
    "Eifel": (50.3, 6.75, 50),
    "Spreewald": (51.85, 14.0, 25),
    "Allgäu": (47.6, 10.25, 45),
    "Zugspitze": (47.42, 10.98, 5),
    "Bavarian Forest|Bayerischer Wald": (48.95, 13.2, 50),
    "Lüneburger Heide": (53.1, 9.95, 40),
    "Dolomites|Dolomiten": (46.45, 11.85, 55),
    "South Tyrol|Südtirol": (46.65, 11.4, 65),
    "Matterhorn": (45.98, 7.66, 8),
    "Mont Blanc": (45.83, 6.87, 12),
    "Alsace|Elsass": (48.3, 7.45, 80),
    "Cornwall": (50.4, -4.9, 75),
    "Cotswolds": (51.85, -1.85, 45),
    "Scottish Highlands": (57.4, -4.7, 130),
    "Snowdonia": (52.95, -3.9, 30),
    "Yellowstone National Park|Yellowstone": (44.6, -110.5, 60),
    "Yosemite National Park|Yosemite": (37.85, -119.55, 45),
    "Grand Canyon": (36.2, -112.3, 90),
    "Zion National Park": (37.3, -113.03, 20),
    "Joshua Tree National Park": (33.88, -115.9, 45),
    "Death Valley": (36.5, -117.0, 85),
    "Monument Valley": (37.0, -110.1, 20),
    "Niagara Falls|Niagarafälle": (43.08, -79.07, 6),
    "Everglades": (25.6, -80.9, 65),
    "Big Sur": (36.2, -121.7, 50),
    "Napa Valley": (38.45, -122.35, 30),
    "Mount Fuji": (35.36, 138.73, 20),
    "Mount Everest": (27.99, 86.93, 20),
    "Kilimanjaro|Kilimandscharo": (-3.07, 37.36, 30),
    "Serengeti": (-2.4, 34.8, 110),
    "Kruger National Park": (-24.0, 31.5, 150),
    "Uluru|Ayers Rock": (-25.34, 131.03, 8),
    "Great Barrier Reef": (-18.3, 147.7, 750),
    "Machu Picchu": (-13.16, -72.54, 5),
    "Stonehenge": (51.18, -1.83, 2),
    "Angkor Wat": (13.41, 103.87, 6),
}
_ALSO = frozenset({"capri", "harz", "ibiza", "rhodes"})
"""Names of other things too, which need a preposition."""
_BEFORE = (
    r"(?:in|at|on|off|near|around|from|across|through|am|an|auf|aus|bei|beim|durch|im|rund um|um|"
    r"vom?|zum) (?:the |der |die |das |dem |den )?"
)


@cache
def region_names() -> dict[str, tuple[str, Circle]]:
    """By each name without case the first name of a region, and where that is."""
    return {
        caseless(name): (names.partition("|")[0], circle)
        for names, circle in _REGIONS.items()
        for name in names.split("|")
    }


@cache
def region_pattern() -> re.Pattern[str]:
    """A region after a preposition, or at the end of a text after another word."""
    every = sorted(region_names(), key=len, reverse=True)
    names, bare = (
        "|".join(map(re.escape, own))
        for own in (every, [name for name in every if name not in _ALSO])
    )
    return re.compile(
        rf"(?<![\w'-])(?:{_BEFORE}(?P<name>{names})(?![\w'-])|(?<=\w )(?P<last>{bare})\s*$)",
        re.IGNORECASE,
    )
