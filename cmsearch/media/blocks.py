"""The paragraphs of marked-up documents as passages, under the headings that they stand below."""

# Tested by tests/unit/cmsearch/media/test_html.py

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cmsearch.common import locators
from cmsearch.common.text import passages
from cmsearch.types import Modality, Part, Skipped

LEAST_WORDS = 40
"""Paragraphs of fewer words stand together: alone they say little of what they are about."""
MAX_TEXT = 20_000_000
"""Characters of a document at most that are taken: the text of thirty long novels."""
MAX_HEADING = 100
"""Characters of a heading that stand before the passages below it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, an item of a list, a row of a table; or a heading of what follows."""

    text: str
    is_heading: bool = False


def passages_of(blocks: Iterable[Block], before: int = 0) -> Iterator[Part | Skipped]:
    """Passages of paragraphs, with their numbers in the document as their locator.

    Paragraphs are counted with the headings, after those that were `before`; none is empty. Short
    ones below one heading stand together, as the items of a list do. A passage begins with its
    heading, if there is one. Headings with nothing below them are passages.
    """
    heading = ""
    first, taken = before + 1, 0
    own: list[str] = []
    for number, block in enumerate(blocks, before + 1):
        text = " ".join(block.text.split())
        taken += len(text)
        if taken > MAX_TEXT:
            break
        if block.is_heading:
            yield from _section(heading, own, first)
            heading, own, first = text, [], number
            continue
        own.append(text)
    yield from _section(heading, own, first)
    if taken > MAX_TEXT:
        reason = f"what comes after {MAX_TEXT:,} characters is left out"
        yield Skipped("", reason, locators.paragraphs(number))


def _section(heading: str, paragraphs: Sequence[str], number: int) -> Iterator[Part]:
    """The passages below a heading, which is the paragraph `number` if it isn't empty."""
    if heading and not paragraphs:
        yield _part(heading, number, number)
    start = number + bool(heading)
    title = f"{heading.rstrip(':')[:MAX_HEADING]}: " if heading else ""
    for first, group in groups(paragraphs):
        for one, other, text in passages(group):
            before = start + first - 1
            yield _part(f"{title}{text}", before + one, before + other)


def groups(paragraphs: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Paragraphs that follow each other, with `LEAST_WORDS` words or more where there are as many,
    each time with the place of the first.
    """
    group, words = list[str](), 0
    for place, text in enumerate(paragraphs):
        group.append(text)
        words += len(text.split())
        if words >= LEAST_WORDS:
            yield place - len(group) + 1, group
            group, words = [], 0
    if group:
        yield len(paragraphs) - len(group), group


def _part(text: str, first: int, last: int) -> Part:
    return Part(Modality.TEXT, "passage", text, locator=locators.paragraphs(first, last))
