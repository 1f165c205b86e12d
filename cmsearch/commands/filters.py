"""The options that say what hits have to be, besides relevant."""

# Tested by tests/unit/cmsearch/commands/test_search.py

from __future__ import annotations

import click

from cmsearch.commands.options import Day, Place, Stars
from cmsearch.commands.values import complete

FILTERS = (
    click.option(
        "--path",
        metavar="GLOB",
        help="Only what lies there: 2024, 2024/trip/*, *.png, IMG_1*, or an absolute path.",
    ),
    click.option(
        "--since",
        metavar="DAY",
        type=Day(),
        help='Only from this day, month or year on: 2024-05-31, 2024-05, 31.05.2024, "May 2024".',
    ),
    click.option(
        "--until", metavar="DAY", type=Day(last=True), help="Only up to this one, included."
    ),
    click.option(
        "--camera",
        metavar="NAME",
        shell_complete=complete("camera"),
        help="Only by this camera; a part of its name will do.",
    ),
    click.option(
        "--near",
        metavar="PLACE",
        type=Place(),
        shell_complete=complete("near"),
        help="Only there: LAT,LON,KM, or a town, or a country: Lisbon; Lisbon,20; Portugal.",
    ),
    click.option(
        "--keyword",
        "keywords",
        metavar="WORD",
        multiple=True,
        shell_complete=complete("keywords"),
        help="Only with this keyword, or one below it; may be given again: each is wanted.",
    ),
    click.option(
        "--person",
        "people",
        metavar="NAME",
        multiple=True,
        shell_complete=complete("people"),
        help="Only with this person, as other programs noted; may be given again.",
    ),
    click.option(
        "--rating",
        metavar="STARS",
        type=Stars(),
        help="Only with so many stars: 4, 4.., ..2 or 3..5.",
    ),
    click.option(
        "--label",
        "labels",
        metavar="COLOUR",
        multiple=True,
        shell_complete=complete("labels"),
        help="Only with this label, such as Red; given again, with one of them.",
    ),
    click.option(
        "--has-caption/--no-caption", default=None, help="Only with, or without, captions."
    ),
)
"""Each named as the field of `Filter` that it fills."""
