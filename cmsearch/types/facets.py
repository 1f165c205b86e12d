"""What there is to choose from: values of filters with how many files have each."""

# Tested by tests/meta/test_docstrings.py

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Count:
    """A value, and how many files have it."""

    value: str
    """The value, as a filter takes it: a day as `2024-05-31`, a month as `2024-05`, a year, the
    name of a camera, a folder as `2024/alps`, a country, a town, a kind of items, a keyword, a
    name, a number of stars, or a label.
    """
    count: int
    """How many files have it."""
    area: tuple[str, str] | None = None
    """Of a country what `Filter.area` takes for it."""
    near: tuple[float, float, float] | None = None
    """Of a town what `Filter.near` takes for it: its middle, and how far it goes in kilometres."""


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of one kind, each with its count."""

    counts: tuple[Count, ...] = ()
    """The values: days, months, years and stars in their order, all others the most frequent
    first.
    """
    left_out: int = 0
    """How many values there are beyond these."""


@dataclass(frozen=True, slots=True)
class Facets:
    """How many of the files that pass a filter have which values.

    Each facet is counted among what passes all of the filter but the condition on itself, so that
    its other values can be chosen in place of the one that is asked for.
    """

    total: int
    """How many files pass the whole filter, and with a query are relevant."""
    among: int | None = None
    """With a query, the number of best hits that were looked at, at most; None for all files."""
    years: Facet = Facet()
    """The years in which pictures were taken, or else files changed."""
    months: Facet = Facet()
    """The months likewise."""
    days: Facet = Facet()
    """The days likewise."""
    cameras: Facet = Facet()
    """The names of cameras."""
    folders: Facet = Facet()
    """The folders, each with all that is below it; a folder comes after those that it is in."""
    countries: Facet = Facet()
    """The countries of the nearest towns; empty without the extra `places`."""
    towns: Facet = Facet()
    """The nearest towns; empty without the extra `places`."""
    kinds: Facet = Facet()
    """The kinds of items that a file has, or is described by, such as `photo` and `caption`."""
    keywords: Facet = Facet()
    """The keywords, with the levels of those that have some."""
    people: Facet = Facet()
    """The names of people."""
    ratings: Facet = Facet()
    """The stars, from -1 to 5, where any file has some; files without count as 0."""
    labels: Facet = Facet()
    """The colours and other labels."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something that what was typed may go on as."""

    text: str
    """The whole value."""
    kind: str
    """What it is: `keyword`, `person`, `place`, `camera`, `folder`, `file` or `word`."""
    count: int
    """How many files have it; of a word, in how many texts and names it is."""
    start: int = 0
    """Where in what was typed the part begins that this goes on from, and may be put in place of.
    """
