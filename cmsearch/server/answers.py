"""What is answered over HTTP, as its description shows it; and how it is written."""

# Tested by tests/e2e/server/test_pages.py

from __future__ import annotations

import json
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field


class Answer(JSONResponse):
    """JSON in UTF-8. Bytes of a name that aren't UTF-8 are escaped as JSON escapes surrogates."""

    def render(self, content: Any) -> bytes:
        """The bytes of an answer."""
        try:
            return super().render(content)
        except UnicodeEncodeError:
            return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AppliedWords(_Told):
    """Words of a query that were understood as a filter, and not searched for."""

    words: str = Field(examples=["last summer"])
    days: list[tuple[str, str]] = Field(description="First and last days that are meant.")
    place: str = Field(description="The name of the place, or empty.")
    near: tuple[float, float, float] | None = Field(
        description="Degrees north and east, and kilometres around."
    )
    area: tuple[str, str] | None = Field(description="The codes of a country and its part.")


class Line(_Told):
    """A line of text in a picture."""

    text: str
    score: float
    box: list[float] = Field(
        description="Its four corners, each as x and y in shares of the picture's width and height,"
        " from the upper left of the text on, clockwise."
    )
    page: int


class NotedFields(_Told):
    """What people and programs wrote about a picture, a film or a recording."""

    keywords: list[str]
    people: list[str]
    places: list[str]
    rating: int | None
    labels: list[str]
    creators: list[str]


class HitFields(NotedFields):
    """A hit; docs/scripting.md says more of each field."""

    store: str = Field(examples=["photos"])
    item: int = Field(
        examples=[12], description="Its number, by which its picture and its file are asked for."
    )
    rank: int = Field(examples=[1], description="The place among all hits, from 1.")
    score: float = Field(
        examples=[3.1], description="The log-odds that it is what was meant: the order."
    )
    relevance: float = Field(examples=[0.96], description="The same as a probability.")
    cosine: float = Field(examples=[0.31])
    path: str = Field(
        examples=["/home/me/photos/cat.jpg"],
        description="The file; of a caption that of its picture.",
    )
    source: str = Field(
        examples=["cat.jpg"], description="Where it stands, relative to the folder."
    )
    locator: str
    modality: str = Field(examples=["image"])
    kind: str = Field(examples=["photo", "caption", "shot"])
    text: str | None
    taken: str | None = Field(examples=["2024-05-31 12:34:56"])
    taken_source: str | None
    taken_zone: str | None
    start: float | None = Field(description="Seconds.")
    end: float | None
    page: int | None
    position: tuple[float, float] | None = Field(description="Degrees north and east.")
    town: str | None
    stages: dict[str, float] = Field(description="The evidence of each way, in log-odds.")
    copies: list[str] = Field(description="Near-duplicates that were folded into it.")
    copy_items: list[int]
    applied: list[AppliedWords]
    lines: list[Line]


class HitList(_Told):
    """Some hits, the best first."""

    store: str
    hits: list[HitFields]


class HitPage(HitList):
    """A page of the hits of a search."""

    applied: list[AppliedWords]
    advice: str = Field(
        examples=[""],
        description="That the query is in a language that the model wasn't made for, and which "
        "model was; else empty.",
    )
    doubtful: bool = Field(
        examples=[False], description="Whether no hit of the page is likely what was meant."
    )
    cursor: str | None = Field(
        examples=["tr7…"], description="What the next page is asked with; null at the last."
    )
    offset: int = Field(examples=[0], description="How many hits came on the pages before.")
    total: int | None = Field(
        examples=[None], description="How many there are; null until the last page."
    )
    seconds: float
    sizes: list[list[int] | None] | None = Field(
        None, description="With `shapes` those of the hits' pictures, as `/v1/sizes` has them."
    )
    previews: list[str | None] | None = Field(None, description="With `shapes`, likewise.")


class ExplainedWord(_Told):
    """A word of a query, and where it looks in a picture."""

    word: str
    weight: float = Field(description="Its share of the words of the query.")
    similarity: float
    attention: dict[str, float] = Field(description="By region of the picture its share of 1.")


class JoinedQuery(_Told):
    """How the picture and the text of a query became one."""

    trained: bool = Field(description="Whether by a network, and not by their weighted sum.")
    image: float = Field(description="The share of the picture.")
    text: float
    added: float
    words: list[str]
    by_text: list[list[float]]
    by_image: list[list[float]]


class Explained(NotedFields):
    """Why an item was found; docs/search.md says more of each field."""

    store: str
    item: int
    query: str = Field(description="The text that was searched for.")
    path: str = Field(description="The file that the item is of, or is about.")
    locator: str = Field(description="The page or the times in it; empty for all of it.")
    pictures: int = Field(description="How many there are, or pass the filters.")
    rank: int | None
    score: float | None
    relevance: float | None
    stages: dict[str, float] = Field(description="The evidence of each way, in log-odds.")
    caption: str | None
    lines: list[Line]
    matched: list[str] = Field(description="The words that stand there.")
    words: list[ExplainedWord]
    crop: tuple[float, float] | None = Field(
        description="The part in the middle that the model sees, in short sides of the picture."
    )
    joined: JoinedQuery | None
    drawn: str | None = Field(description="Where the drawing is.")
    taken_source: str | None
    applied: list[AppliedWords]


class QuestionAnswer(_Told):
    """The answer to a question about a picture."""

    question: str
    answer: str | None = Field(description="The choice that was taken; null for none of them.")
    confidence: float
    choices: dict[str, float] = Field(description="How likely each is, given that one is right.")
    none: float | None = Field(description="How likely none is; null if one had to be taken.")
    alone: dict[str, float] = Field(description="How likely each is by itself.")


class Classified(_Told):
    """The answers to the questions about a picture."""

    store: str
    item: int | None
    path: str | None = Field(description="The file of the item; null for a picture that was sent.")
    answers: list[QuestionAnswer]


class ValueCount(_Told):
    """A value of a facet, and how many files have it."""

    value: str = Field(examples=["2024-05-31"])
    count: int = Field(examples=[12])
    area: tuple[str, str] | None = Field(None, description="Of a country, its codes.")
    near: tuple[float, float, float] | None = Field(
        None, description="Of a town what the filter `near` takes: degrees and kilometres."
    )


class FacetValues(_Told):
    """The values of one facet."""

    counts: list[ValueCount]
    left_out: int = Field(description="How many values there are beyond these.")


class FacetCounts(_Told):
    """How many files have which values."""

    store: str
    total: int = Field(
        examples=[12], description="Files that pass all filters, and are relevant to the query."
    )
    among: int | None = Field(
        description="With a query, how many of its best hits were looked at, at most."
    )
    years: FacetValues
    months: FacetValues
    days: FacetValues
    cameras: FacetValues
    folders: FacetValues
    countries: FacetValues
    towns: FacetValues
    kinds: FacetValues
    keywords: FacetValues
    people: FacetValues
    ratings: FacetValues
    labels: FacetValues
    applied: list[AppliedWords]
    seconds: float


class Suggested(_Told):
    """Something that what was typed may go on as."""

    text: str = Field(examples=["Lisbon, Portugal"])
    kind: str = Field(examples=["person", "keyword", "place", "camera", "folder", "file", "word"])
    count: int = Field(examples=[12], description="How many files have it.")
    start: int = Field(
        examples=[8], description="Where in what was typed the part begins that it replaces."
    )


class Suggestions(_Told):
    """What may be typed on, the likeliest first."""

    store: str
    suggestions: list[Suggested]
