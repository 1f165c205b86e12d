"""The words of texts and of paths, in the form in which they are looked up."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

LONGEST = 100
"""Characters of a word that count."""
LEAST = -(2**63)
"""Before the numbers of all rows that have words."""

_SUFFIX = re.compile(r"(?<=[^/])\.[^./]+$")
_ASCII_WORD = re.compile("[a-z0-9]+")
_UNSPACED = "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\U00020000-\U0003ffff"
_RUN = re.compile(f"([{_UNSPACED}]+)|[^\\s{_UNSPACED}]+")
# Within words and without width: soft hyphens, joiners, marks of direction, variants of emoji.
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200C, 0x2010), 0x2060, 0xFEFF, *range(0xFE00, 0xFE10)])


def terms(text: str) -> list[str]:
    """The words of a text, in order: letters and digits with the marks that belong to them.

    Case, accents, and the forms of a character such as full-width ones are folded. Of Chinese and
    Japanese, which put no spaces, each character is a word, and each pair of neighbours.
    """
    if text.isascii():
        words = _ASCII_WORD.findall(text.lower())
    else:
        runs = _RUN.finditer(_spaced(_folded(text)))
        words = [word for run in runs for word in _words(run[0], unspaced=run[1] is not None)]
    return [word[:LONGEST] for word in words]


def forms(word: str) -> list[str]:
    """A word with its plural, or its singular, as English mostly makes them."""
    found = [word, f"{word}s", f"{word}es"]
    if word.endswith("y"):
        found.append(f"{word[:-1]}ies")
    for ending, singular in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            found.append(word.removesuffix(ending) + singular)
    return found


def path_terms(path: str) -> list[str]:
    """The words of a relative POSIX path without its suffix.

    A name that its capitals or digits show to be several words, as `BirthdayParty` or `DSC0042`,
    gives itself and each of them. Up to two letters after a digit belong to it, as in `80th`.
    """
    stem = _SUFFIX.sub("", path)
    found = []
    for name in _spaced(unicodedata.normalize("NFC", stem)).split():
        whole = terms(name)
        parts = [word for piece in _pieces(name) for word in terms(piece)]
        found += [*whole, *(word for word in parts if word not in whole)]
    return found


def plain(text: str) -> str:
    """The words of a text as `terms` folds them, with a space between two, and Chinese and
    Japanese as it is written: what a text has to begin with for another to be a beginning of it.
    """
    if text.isascii():
        return " ".join(_ASCII_WORD.findall(text.lower()))
    return " ".join(_spaced(_folded(text)).split())


def is_unspaced(char: str) -> bool:
    """Whether a character is of a script that puts no spaces between words."""
    run = _RUN.match(char)
    return run is not None and run[1] is not None


def _folded(text: str) -> str:
    caseless = unicodedata.normalize("NFKC", text).casefold().translate(_INVISIBLE)
    apart = unicodedata.normalize("NFKD", caseless)
    return unicodedata.normalize("NFC", "".join(char for char in apart if not _is_accent(char)))


def _is_accent(char: str) -> bool:
    """Whether a mark may be left out: accents, and vowels of Hebrew and Arabic.

    By its combining class; those of Indian scripts, of kana and of Thai have others.
    """
    place = unicodedata.combining(char)
    return place >= 200 or 10 <= place <= 36


def _spaced(text: str) -> str:
    """`text` with a space in place of all but letters, marks and numbers."""
    return "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in text)


def _words(run: str, *, unspaced: bool) -> list[str]:
    if unspaced:
        pairs = [one + other for one, other in pairwise(run)]
        return [*run, *pairs]
    return [run] if any(char.isalnum() for char in run) else []


def _pieces(name: str) -> list[str]:
    borders = [at for at in range(1, len(name)) if _is_border(name, at)]
    return [name[start:end] for start, end in pairwise([0, *borders, len(name)])]


def _is_border(name: str, at: int) -> bool:
    before, char, after = name[at - 1], name[at], name[at + 1 : at + 2]
    if before.isdigit():
        letters = name[at : at + 3]
        return len(letters) == 3 and letters.isalpha()
    if char.isdigit():
        return True
    return char.isupper() and (before.islower() or after.islower())


def text_words(text: str) -> str:
    """The words of a text with spaces between them; SQL's `text_words()`."""
    return " ".join(terms(text))


def path_words(path: str) -> str:
    """The words of a path with spaces between them; SQL's `path_words()`."""
    return " ".join(path_terms(path))
