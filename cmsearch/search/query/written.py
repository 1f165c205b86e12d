"""The values of filters as people write them: days, stars, places."""

# Tested by tests/unit/cmsearch/commands/test_search.py

from __future__ import annotations

from datetime import date

from cmsearch.search.query.written_days import span


def day(text: str, *, last: bool = False) -> date:
    """The first, or the `last`, day of the span that a text names: `2024-05`, `last summer`.

    Raises `ValueError` with what is wrong with it, in a sentence.
    """
    return span(text, date.today())[1 if last else 0]


def stars(text: str) -> tuple[int, int]:
    """The fewest and the most stars of `4`, `4..`, `..2` or `3..5`.

    Raises `ValueError` with what is wrong with it, in a sentence.
    """
    first, dots, last = text.strip().partition("..")
    try:
        least = int(first) if first or not dots else -1
        most = int(last or 5) if dots else least
    except ValueError as error:
        raise ValueError(f"{text!r} is no number of stars, such as 4, 4.., ..2 or 3..5.") from error
    if not -1 <= least <= most <= 5:
        raise ValueError(f"{text!r} is not from -1, which is rejected, to 5.")
    return least, most


def place(text: str) -> tuple[float, float, float] | tuple[str, str]:
    """Degrees north and east, and kilometres; or the codes of a country or a part of one.

    `48.86,2.35,10`, and with the extra `places` also `Lisbon`, `Lisbon,20` or `Portugal`. Raises
    `ValueError` with what is wrong with it, in a sentence.
    """
    try:
        north, east, kilometres = (float(part) for part in text.split(","))
    except ValueError:
        return _named(text)
    if not (abs(north) <= 90 and abs(east) <= 180 and kilometres >= 0):
        raise ValueError(f"{text!r} is nowhere on Earth.")
    return north, east, kilometres


def _named(text: str) -> tuple[float, float, float] | tuple[str, str]:
    from cmsearch.models.gazetteer import EXTRA, gazetteer
    from cmsearch.search.query.places import placed

    towns = gazetteer()
    if towns is None:
        raise ValueError(
            f"{text!r} is not LAT,LON,KM, such as 48.86,2.35,10. Names of places need {EXTRA}: "
            f"pip install '{EXTRA}'."
        )
    found = placed(text, towns)
    if found is None:
        raise ValueError(
            f"{text!r} is not LAT,LON,KM, such as 48.86,2.35,10, and no town or country that is "
            "known, such as Lisbon or Lisbon,20."
        )
    named = found.near or found.area
    assert named is not None, "a place is a circle or a country"
    return named
