"""What agents' tools take: each argument with its bounds, and what it is for."""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cmsearch.server.requests import LONGEST, Filters

MOST_HITS = 50
"""Hits of one answer: a model reads all of them."""
MOST_SHOWN = 36
"""Pictures of one contact sheet."""
MOST_LABELS = 200
SIZES = (64, 1536)
"""The shortest and the longest side of a picture in pixels."""
_NUMBER = 2**63 - 1

Text = Annotated[
    str,
    Field(
        max_length=LONGEST,
        description="What to look for, in words: 'a dog on the beach'. Days and places in it count "
        "('beach in May 2023', 'tram in Lisbon'). ' - ' takes away ('a cat - window'), ' + ' adds, "
        '"quotes" keep words as they are.',
    ),
]
Target = Annotated[
    str,
    Field(
        max_length=50,
        description="What hits are: any, image, video, audio (speech), sound, text, caption, "
        "passage, page, ocr, subtitle, transcript.",
    ),
]
Count = Annotated[int, Field(ge=1, le=MOST_HITS, description="How many hits.")]
Shown = Annotated[int, Field(ge=1, le=MOST_SHOWN, description="How many pictures.")]
Where = Annotated[
    Filters,
    Field(
        description="What hits have to be: path '2024/*', since '2024-05', until 'last summer', "
        "near 'Lisbon' or '48.86,2.35,10' (degrees and km), camera, keywords, people, rating "
        "'4..', labels, has_caption. list_facets says what there is."
    ),
]
Store = Annotated[
    str,
    Field(
        max_length=255, description="Which collection, if there are several; index_status has them."
    ),
]
Cursor = Annotated[
    str,
    Field(
        max_length=100,
        description="The `cursor` of an answer, for its next page; all else is as it was then.",
    ),
]
Literally = Annotated[bool, Field(description="No word of the query is taken as a day or a place.")]
OneItem = Annotated[
    Annotated[int, Field(ge=1, le=_NUMBER)] | Annotated[str, Field(max_length=4096)],
    Field(description="The `item` of a hit, or the name of a file: 1234, 'beach.jpg'."),
]
Items = Annotated[
    list[Annotated[int, Field(ge=1, le=_NUMBER)]],
    Field(max_length=MOST_SHOWN, description="Items to show in place of a search."),
]
Pixels = Annotated[int, Field(ge=SIZES[0], le=SIZES[1], description="Its longer side, in pixels.")]
Labels = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=200)]],
    Field(
        max_length=MOST_LABELS,
        description="Labels to judge the picture by: ['dog', 'cat', 'beach']. Without any the "
        "captions of other pictures that fit it are given.",
    ),
]
Top = Annotated[int, Field(ge=1, le=50, description="How many labels or captions.")]
Least = Annotated[
    float | None,
    Field(
        ge=0,
        le=1,
        description="Only what is so likely; by default 0.5 (labels), 0.15 (captions).",
    ),
]
FacetName = Annotated[
    Literal[
        "", "years", "months", "days", "cameras", "folders", "countries", "towns", "kinds",
        "keywords", "people", "ratings", "labels",
    ],
    Field(description="One of them alone, with more of its values."),
]  # fmt: skip
