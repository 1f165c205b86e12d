"""What is noted of a picture, as one line."""

# Tested by tests/unit/cmsearch/show/test_contact_sheet.py

from __future__ import annotations

from cmsearch.types import Notes

MOST = 8
"""Keywords, people and places that are told of each."""


def noted(notes: Notes) -> str:
    """Stars, labels, people, keywords with their levels, and places, as far as there are any."""
    stars = "" if notes.rating is None else "rejected" if notes.rating < 0 else "★" * notes.rating
    keywords = [" › ".join(one.split("|")) for one in notes.keywords]
    lists = (list(notes.labels), list(notes.people), keywords, list(notes.places))
    return " · ".join(filter(None, [stars, *map(_listed, lists)]))


def _listed(values: list[str]) -> str:
    return ", ".join(values[:MOST]) + ("…" if len(values) > MOST else "")
