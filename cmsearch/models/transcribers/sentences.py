"""Words with their times as sentences: what is found, and shown, of a recording."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cmsearch.types import Segment

FEW = 5
"""Words: a sentence with fewer says little, and goes with its neighbour."""
NEAR = 1.5
"""Seconds: a neighbour is no further away."""
MOST = 30.0
"""Seconds of a segment, unless one word is longer."""
LONG = 10.0
"""Seconds after which a sentence is parted where the speaker pauses after a comma."""
BREATH = 0.4
"""Seconds of such a pause."""
_END = re.compile(r".*[.!?…。！？][\"'”’)\]]*", re.DOTALL)
_PAUSE = re.compile(r".*[,;:—–、，；：][\"'”’)\]]*", re.DOTALL)


class Word(NamedTuple):
    """A word with its punctuation, and the white space before it, as it was heard."""

    start: float
    end: float
    text: str


def segments(words: Iterable[Word]) -> Iterator[Segment]:
    """Whole sentences, short ones together with what is next to them, long ones in parts."""
    waiting: list[Word] = []
    for sentence in _sentences(words):
        if waiting and not _go_together(waiting, sentence):
            yield _segment(waiting)
            waiting = []
        waiting = [*waiting, *sentence]
    if waiting:
        yield _segment(waiting)


def _go_together(one: Sequence[Word], other: Sequence[Word]) -> bool:
    is_short = min(len(one), len(other)) < FEW
    is_near = other[0].start - one[-1].end <= NEAR
    return is_short and is_near and other[-1].end - one[0].start <= MOST


def _sentences(words: Iterable[Word]) -> Iterator[list[Word]]:
    sentence: list[Word] = []
    for word in words:
        if sentence and word.start - sentence[-1].end > NEAR:
            yield from _parts(sentence)
            sentence = []
        sentence.append(word)
        if _END.fullmatch(word.text):
            yield from _parts(sentence)
            sentence = []
    yield from _parts(sentence)


def _parts(sentence: list[Word]) -> Iterator[list[Word]]:
    """The sentence, or where it is long what lies between the speaker's breaths."""
    if sentence and sentence[-1].end - sentence[0].start > LONG:
        part: list[Word] = []
        for place, word in enumerate(sentence, 1):
            part.append(word)
            if _PAUSE.fullmatch(word.text) and _pause(sentence, place) >= BREATH:
                yield from _short(part)
                part = []
        sentence = part
    yield from _short(sentence)


def _short(sentence: list[Word]) -> Iterator[list[Word]]:
    """The sentence, or where it is too long its parts: up to a comma, or the longest pause."""
    while sentence and sentence[-1].end - sentence[0].start > MOST and len(sentence) > 1:
        cut = _cut(sentence)
        yield sentence[:cut]
        sentence = sentence[cut:]
    if sentence:
        yield sentence


def _cut(sentence: list[Word]) -> int:
    """How many words go into the first part: as many as end with a comma, if that is a half."""
    fits = max(1, sum(word.end - sentence[0].start <= MOST for word in sentence))
    for count in range(fits, fits // 2, -1):
        if _PAUSE.fullmatch(sentence[count - 1].text):
            return count
    half = range(max(1, fits // 2), fits + 1)
    return max(half, key=lambda count: _pause(sentence, count))


def _pause(sentence: list[Word], count: int) -> float:
    """The silence after so many words."""
    return sentence[count].start - sentence[count - 1].end if count < len(sentence) else 0.0


def _segment(words: Sequence[Word]) -> Segment:
    text = " ".join("".join(word.text for word in words).split())
    return Segment(words[0].start, words[-1].end, text)
