"""The rules of an ignore file, with the meaning that git gives them.

As in git (`dir.c`, `wildmatch.c`) a rule is compared with the bytes of one path and says nothing of
what lies below it: who walks doesn't enter a folder that is ignored. A rule with wildcards becomes
a regular expression of bounded time: the first place where the text after a star is found is kept.
"""

# Tested by tests/properties/test_ignoring.py

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from cmsearch.common.text import native

MAX_RULES = 10_000
"""Rules of a file at most; nobody writes more by hand."""

_WILD = re.compile(rb"[*?[\\]")
_FOLDERS, _ALL, _STAR = b"(?:|.*?/)", b".*?", b"[^/]*?"
_NEVER = b"(?!)"
_CLASSES = {
    b"alnum": b"[0-9A-Za-z]",
    b"alpha": b"[A-Za-z]",
    b"blank": b"[ \t]",
    b"cntrl": b"[\0-\x1f\x7f]",
    b"digit": b"[0-9]",
    b"graph": b"[!-~]",
    b"lower": b"[a-z]",
    b"print": b"[ -~]",
    b"punct": b"[!-/:-@[-`{-~]",
    b"space": b"[ \t\n\r]",
    b"upper": b"[A-Z]",
    b"xdigit": b"[0-9A-Fa-f]",
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line: what it matches (a name, or else a path), and what follows of it."""

    place: int
    matches: Callable[[bytes], object] | None
    text: bytes
    is_kept: bool
    folders_only: bool
    of_path: bool


class Rules:
    """The rules of one ignore file, whose bytes are `data`. Raises `ValueError` for too many."""

    def __init__(self, data: bytes) -> None:
        lines = list(islice(_lines(data), MAX_RULES + 1))
        if len(lines) > MAX_RULES:
            raise ValueError(f"more than {MAX_RULES:,} rules")
        self._names: dict[bytes, list[_Rule]] = {}
        self._others: list[_Rule] = []
        for rule in reversed([_rule(place, line) for place, line in enumerate(lines)]):
            plain = rule.matches is None
            (self._names.setdefault(rule.text, []) if plain else self._others).append(rule)

    def verdict(self, path: bytes, is_folder: bool) -> bool | None:
        """Whether the file or folder at a path, from the folder of the rules, is ignored.

        None is said where no rule matches; of several the last one counts.
        """
        name = path[path.rfind(b"/") + 1 :]
        named = (rule for rule in self._names.get(name, ()) if is_folder or not rule.folders_only)
        last = next(named, None)
        for rule in self._others:
            if last is not None and rule.place < last.place:
                break
            if is_folder or not rule.folders_only:
                assert rule.matches is not None, "others are those that have to be compared"
                if rule.matches(path if rule.of_path else name):
                    last = rule
                    break
        return None if last is None else not last.is_kept


Ruled = tuple[tuple[Rules, bytes], ...]
"""The rules of a folder and those above, the innermost last, each with the path from its folder."""


def is_ignored(name: str, is_folder: bool, rules: Ruled) -> bool:
    """The innermost ignore file with something to say about a name in a folder decides."""
    own = _bytes(name) if rules else b""
    for rule, place in reversed(rules):
        verdict = rule.verdict(place + own, is_folder)
        if verdict is not None:
            return verdict
    return False


def within(rules: Ruled, name: str) -> Ruled:
    """The rules of a folder for the folder of this name in it."""
    return tuple((rule, place + _bytes(name) + b"/") for rule, place in rules)


def _bytes(name: str) -> bytes:
    """A name as the system has it, which is what rules are compared with."""
    return os.fsencode(native(name))


def _lines(data: bytes) -> Iterator[bytes]:
    """The lines that are rules, without the blanks at their ends."""
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if line and not line.startswith(b"#"):
            yield _trimmed(line.removesuffix(b"\r").partition(b"\0")[0])


def _trimmed(line: bytes) -> bytes:
    """A line without spaces at its end, but for those behind a backslash."""
    kept = line.rstrip(b" ")
    escapes = len(kept) - len(kept.rstrip(b"\\"))
    return line[: len(kept) + 1] if escapes % 2 else kept


def _rule(place: int, line: bytes) -> _Rule:
    is_kept = line.startswith(b"!")
    text = line[is_kept:]
    folders_only = text.endswith(b"/")
    text = text.removesuffix(b"/")
    of_path = b"/" in text
    matches = None
    if of_path or _WILD.search(text):
        text = text.removeprefix(b"/")
        wild = _WILD.search(text)
        plain = wild.start() if wild else len(text)  # git compares that first, and then the rest
        expression = re.escape(text[:plain]) + _expression(text[plain:], of_path)
        matches = re.compile(expression, re.DOTALL).fullmatch
    return _Rule(place, matches, text, is_kept, folders_only, of_path)


def _expression(pattern: bytes, of_path: bool) -> bytes:
    """The regular expression of a pattern; one that git can't read matches nothing."""
    tokens = list(_tokens(pattern, of_path))
    if _NEVER in tokens:
        return _NEVER
    found, groups = b"", _split(tokens, (_FOLDERS, _ALL))
    for place, (jump, block) in enumerate(groups):
        inner = b""
        runs = _split(block, (_STAR,))
        for number, (star, run) in enumerate(runs):
            one = star + b"".join(run)
            inner += b"(?>" + one + b")" if star and number < len(runs) - 1 else one
        found += b"(?>" + jump + inner + b")" if jump and place < len(groups) - 1 else jump + inner
    return found


def _split(tokens: Sequence[bytes], jumps: Sequence[bytes]) -> list[tuple[bytes, list[bytes]]]:
    """Tokens in groups, each behind the jump that leads to it; none leads to the first."""
    groups: list[tuple[bytes, list[bytes]]] = [(b"", [])]
    for token in tokens:
        if token in jumps:
            groups.append((token, []))
        else:
            groups[-1][1].append(token)
    return groups


def _tokens(pattern: bytes, of_path: bool) -> Iterator[bytes]:
    """The parts of a pattern as regular expressions."""
    at = 0
    while at < len(pattern):
        one = pattern[at : at + 1]
        if one == b"*":
            end = at + len(pattern[at:]) - len(pattern[at:].lstrip(b"*"))
            begins = at == 0 or pattern[at - 1 : at] == b"/"
            rest = pattern[end:]
            if not (of_path and end - at > 1 and begins and (not rest or _slash(rest))):
                yield _STAR
            elif rest.startswith(b"/"):
                yield _FOLDERS
                end += 1
            else:
                yield _ALL
            at = end
        elif one == b"[":
            members, at = _members(pattern, at + 1)
            yield members
        elif one == b"\\":
            yield re.escape(pattern[at + 1 : at + 2]) or _NEVER
            at += 2
        else:
            yield b"[^/]" if one == b"?" else re.escape(one)
            at += 1


def _slash(rest: bytes) -> bool:
    return rest.startswith((b"/", b"\\/"))


def _members(pattern: bytes, at: int) -> tuple[bytes, int]:
    """The class of characters that begins behind its bracket, and the place after it."""
    negated = pattern[at : at + 1] in (b"!", b"^")
    at += negated
    first, before, found = at, b"", set[int]()
    while at == first or pattern[at : at + 1] != b"]":
        one, at = pattern[at : at + 1], at + 1
        if one == b"-" and before and pattern[at : at + 1] not in (b"", b"]"):
            last, at = _literal(pattern, at)
            found |= set(range(before[0], last[0] + 1)) if last else set()
            before = b""
        elif one == b"[" and (name := re.compile(rb":([^]]*):\]").match(pattern, at)):
            if name[1] not in _CLASSES:
                return _NEVER, len(pattern)
            found |= {each for each in range(256) if re.match(_CLASSES[name[1]], bytes([each]))}
            before, at = b"", name.end()
        else:
            before, at = _literal(pattern, at - 1)
            found |= set(before)
        if at >= len(pattern):  # it is never closed
            return _NEVER, at
    chosen = (set(range(256)) - found if negated else found) - {ord("/")}
    listed = b"".join(b"\\x%02x" % each for each in sorted(chosen))
    return b"[" + listed + b"]" if listed else _NEVER, at + 1


def _literal(pattern: bytes, at: int) -> tuple[bytes, int]:
    """The character at a place, or the one that a backslash there stands before."""
    at += pattern[at : at + 1] == b"\\"
    return pattern[at : at + 1], at + 1
