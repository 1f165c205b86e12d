"""The paragraphs of marked-up documents as passages, under the headings that they stand below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cmsearch import locators
from cmsearch.text import passages
from cmsearch.types import Modality, Part, Skipped

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
    """The passages of each paragraph, with its number in the document as their locator.

    Paragraphs are counted with the headings, after those that were `before`; none is empty. A
    passage begins with the heading that it stands below, if there is one. Headings with nothing
    below them are passages.
    """
    heading: str | None = None
    waiting: tuple[int, str] | None = None
    taken = 0
    for number, block in enumerate(blocks, before + 1):
        text = " ".join(block.text.split())
        taken += len(text)
        if taken > MAX_TEXT:
            reason = f"what comes after {MAX_TEXT:,} characters is left out"
            yield Skipped("", reason, locators.paragraphs(number))
            break
        if not block.is_heading:
            waiting = None
            for _, _, passage in passages([text]):
                yield _part(f"{heading}: {passage}" if heading else passage, number)
            continue
        if waiting:
            yield _part(waiting[1], waiting[0])
        heading, waiting = text.rstrip(":")[:MAX_HEADING], (number, text)
    if waiting:
        yield _part(waiting[1], waiting[0])


def _part(text: str, number: int) -> Part:
    return Part(Modality.TEXT, "passage", text, locator=locators.paragraphs(number))
