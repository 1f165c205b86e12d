"""Cutting text into sentences, passages and pieces that fit a model; making it safe to show."""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from operator import itemgetter
from typing import Any

MAX_SENTENCE = 10_000
"""Characters after which a sentence is cut: what goes on for so long is no prose."""
PASSAGE_WORDS = 80
"""Words after which a passage ends with its sentence: a few sentences, one thought."""

_BYTES = range(0x80, 0x100)  # those that can be no UTF-8
_TO_PRIVATE = {0xDC00 + byte: 0x10FF00 + byte for byte in _BYTES}
_TO_SURROGATE = {private: surrogate for surrogate, private in _TO_PRIVATE.items()}
_TO_QUESTION = dict.fromkeys([*_TO_PRIVATE, *_TO_SURROGATE], "\ufffd")
_NOT_STORABLE = re.compile("[\ud800-\udc7f\udd00-\udfff\U0010ff80-\U0010ffff]")

_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_LONG = re.compile(rf"\S.{{0,{MAX_SENTENCE - 2}}}\S(?!\S)|\S.{{0,{MAX_SENTENCE - 1}}}", re.DOTALL)
_JOINERS = "\u200c\u200d"  # neither shows, moves or turns anything by itself

_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s)|[。！？]")


def sentences(text: str) -> list[str]:
    """The sentences of `text`, in order, without surrounding white space."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    parts = (text[start:end].strip() for start, end in pairwise([0, *ends, len(text)]))
    return [part for part in parts if part]


def passages(lines: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    """Passages of whole sentences with their first and last line, counted from 1.

    A passage stays within a paragraph (lines up to an empty one) and ends with the sentence that
    brings it to `PASSAGE_WORDS` words.
    """
    paragraph: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            paragraph.append((number, line.strip()))
        elif paragraph:
            yield from _passages(paragraph)
            paragraph = []
    if paragraph:
        yield from _passages(paragraph)


def _passages(paragraph: list[tuple[int, str]]) -> Iterator[tuple[int, int, str]]:
    text = " ".join(line for _, line in paragraph)
    starts = _line_starts(paragraph)
    found: list[str] = []
    words, begin, cursor = 0, 0, 0
    for sentence in _short(sentences(text)):
        at = text.index(sentence, cursor)
        if not found:
            begin = at
        cursor = at + len(sentence)
        found.append(sentence)
        words += len(sentence.split())
        if words >= PASSAGE_WORDS or cursor - begin >= MAX_SENTENCE:
            yield _line_at(starts, begin), _line_at(starts, cursor - 1), " ".join(found)
            found, words = [], 0
    if found:
        yield _line_at(starts, begin), _line_at(starts, cursor - 1), " ".join(found)


def _short(found: Iterable[str]) -> Iterator[str]:
    """Sentences, those that are too long in pieces: between words, where there are any."""
    for sentence in found:
        if len(sentence) <= MAX_SENTENCE:
            yield sentence
        else:
            yield from (piece[0] for piece in _LONG.finditer(sentence))


def _line_starts(paragraph: list[tuple[int, str]]) -> list[tuple[int, int]]:
    starts, offset = [], 0
    for number, line in paragraph:
        starts.append((offset, number))
        offset += len(line) + 1
    return starts


def _line_at(starts: list[tuple[int, int]], offset: int) -> int:
    return starts[bisect_right(starts, offset, key=itemgetter(0)) - 1][1]


def pieces(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Cut `text` so that each piece fits: between sentences where possible, else words.

    A single word that doesn't fit is cut in halves. Joined by spaces, the pieces have every
    character of the text but white space.
    """
    if fits(text):
        return [text]
    for units in (sentences(text), text.split()):
        if len(units) > 1:
            return [piece for run in _runs(units, fits) for piece in pieces(run, fits)]
    word = text.strip()
    if len(word) < 2 or fits(word):
        return [word]
    middle = len(word) // 2
    return pieces(word[:middle], fits) + pieces(word[middle:], fits)


def _runs(units: list[str], fits: Callable[[str], bool]) -> Iterator[str]:
    """The longest runs of units that fit, and units that don't fit by themselves."""
    start = 0
    while start < len(units):
        low, step = start + 1, 1
        while low + step <= len(units) and fits(" ".join(units[start : low + step])):
            low, step = low + step, 2 * step
        high = min(low + step - 1, len(units))
        while low < high:  # the most units that fit, by bisection
            middle = (low + high + 1) // 2
            if fits(" ".join(units[start:middle])):
                low = middle
            else:
                high = middle - 1
        yield " ".join(units[start:low])
        start = low


def printable(text: str) -> str:
    """`text` on one line and without control characters, which could steer a terminal.

    Joiners stay, which letters and 👨‍👩‍👧 are written with: a name that is copied has to be whole.
    Bytes of a name that are no UTF-8, in either of their two forms, are shown as �.
    """
    return "".join(
        " " if char.isspace() else char
        for char in text.translate(_TO_QUESTION)
        if char.isspace() or char in _JOINERS or unicodedata.category(char)[0] != "C"
    )


def json_line(value: Any) -> str:
    """`value` as JSON on one line, that any encoding of Unicode and any terminal takes.

    Escaped are control characters, those that only steer how others are shown, such as U+202E,
    line separators, and halves of surrogate pairs; all others are themselves.
    """
    line = json.dumps(value, ensure_ascii=False)
    if line.isprintable():
        return line
    return "".join(
        json.dumps(char)[1:-1] if unicodedata.category(char) in _ESCAPED else char for char in line
    )


def storable(name: str) -> str:
    """A file's name as Unicode that databases, tokenizers and JSON take.

    Bytes that are no UTF-8 become private characters, U+10FF80 to U+10FFFF, where Python has
    halves of surrogate pairs (PEP 383). `native` is the way back. Raises `ValueError` for a name
    that has such private characters itself, or another half of a surrogate pair.
    """
    if _NOT_STORABLE.search(name):
        raise ValueError("its name has characters that can't be told from other names; rename it")
    return name.translate(_TO_PRIVATE)


def native(name: str) -> str:
    """The name by which the operating system opens what `storable` gave."""
    return name.translate(_TO_SURROGATE)


def caseless(name: str) -> str:
    """The form in which names are equal that differ in case, or in how accents are written.

    As Windows writes a name in capitals, and macOS an accent as a character of its own.
    """
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFC", folded)
