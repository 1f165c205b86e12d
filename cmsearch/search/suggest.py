"""What may be typed on: names, notes, places and words of a store that go on from a beginning."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import zip_longest

from cmsearch.common.function_words import FUNCTION_WORDS
from cmsearch.models.areas import area_names, name_of
from cmsearch.search.facets import Counting
from cmsearch.store.catalog import databases, sqlite_notes
from cmsearch.store.catalog.noting import KEYWORD, LEVEL, PERSON, PLACE
from cmsearch.store.catalog.terms import is_unspaced, path_words, plain, terms
from cmsearch.store.store import Store
from cmsearch.store.things import Things
from cmsearch.store.view import View
from cmsearch.types import Suggestion

MOST = 100
"""Suggestions at most."""
_LONGEST = 200
"""Characters of what was typed that count, the last ones."""
_TAILS = 4
"""Words at its end of which the suggestion may be of one, two and more."""
_FEWEST = 2
"""Letters from which on names of files are looked for."""
_NOTED = {"person": (PERSON,), "keyword": (KEYWORD, LEVEL)}
_Named = tuple[str, str, int]
"""A value, the words by which it is found, and how many files have it."""


class Suggesting:
    """Suggests what a store shows. Safe from threads."""

    def __init__(self, store: Store, counting: Counting) -> None:
        self._catalog = store.catalog
        self._counting = counting
        self._newest: tuple[View, dict[str, _Values]] | None = None

    def suggestions(self, view: View, typed: str, limit: int) -> list[Suggestion]:
        """What goes on from as much of the end of what was typed as it can; then from less of it.
        Of each kind the most frequent, one kind after the other.
        """
        found: dict[str, Suggestion] = {}
        for start, begun in _tails(typed):
            lists = [self._noted(kind, own.find(begun, limit)) for kind, own in self._values(view)]
            lists += [self._files(begun, limit), self._words(begun, limit)]
            for one in (one for row in zip_longest(*lists) for one in row if one is not None):
                found.setdefault(plain(one.text), replace(one, start=start))
            if len(found) >= limit:
                break
        return list(found.values())[:limit]

    def _values(self, view: View) -> Iterable[tuple[str, _Values]]:
        """The values of each kind but files and words, which are kept for one view."""
        newest = self._newest
        if newest is None or newest[0] is not view:
            known = {kind: _Values(kind, own) for kind, own in _known(self._counting.things(view))}
            newest = self._newest = view, known
        return newest[1].items()

    def _noted(self, kind: str, found: Sequence[Suggestion]) -> list[Suggestion]:
        """Suggestions as they are written: notes are looked up without case."""
        kinds = {**_NOTED, "place": (PLACE,)}.get(kind, ())
        spelled = sqlite_notes.spelled(self._catalog, kinds, [one.text for one in found])
        return [replace(one, text=spelled.get(one.text, one.text)) for one in found]

    def _words(self, begun: str, limit: int) -> list[Suggestion]:
        """Frequent words of texts and names; numbers aren't."""
        if " " in begun or begun.isdecimal():
            return []
        with self._catalog.connected() as connection:
            rows = databases.words(connection).starting(
                connection, begun, limit + len(FUNCTION_WORDS)
            )
        found = [
            Suggestion(word, "word", count)
            for word, count in rows
            if word not in FUNCTION_WORDS and not word.isdecimal()
        ]
        return found[:limit]

    def _files(self, begun: str, limit: int) -> list[Suggestion]:
        """Files whose name has a word that begins so."""
        words = terms(begun)
        if len(begun) < _FEWEST or not words:
            return []
        with self._catalog.connected() as connection:
            paths = databases.words(connection).named_with(connection, words)
        own = [(path, path_words(path.rpartition("/")[2]), 1) for path in paths]
        return _Values("file", own).find(begun, limit)


class _Values:
    """Values of a kind as one text, in which beginnings are found: the most frequent first."""

    def __init__(self, kind: str, named: Iterable[_Named]) -> None:
        self._kind = kind
        self._named = sorted((one for one in named if one[2]), key=lambda one: (-one[2], one[0]))
        self._starts, end = list[int](), 0
        for _, words, _ in self._named:
            self._starts.append(end)
            end += len(words) + 1
        self._text = "".join(f"\n{words}" for _, words, _ in self._named)

    def find(self, begun: str, most: int) -> list[Suggestion]:
        """Those that begin so, and then those of which a further word does."""
        inside = begun if is_unspaced(begun[0]) else f" {begun}"
        places = dict.fromkeys([*self._at(f"\n{begun}", most), *self._at(inside, most)])
        own = [self._named[place] for place in places][:most]
        return [Suggestion(text, self._kind, count) for text, _, count in own]

    def _at(self, wanted: str, most: int) -> Iterator[int]:
        """The places of the first values that have this in them."""
        at = self._text.find(wanted)
        while at >= 0 and most:
            place = bisect_right(self._starts, at) - 1
            yield place
            most -= 1
            end = self._starts[place + 1] if place + 1 < len(self._starts) else len(self._text)
            at = self._text.find(wanted, end)


def _known(things: Things) -> Iterator[tuple[str, Iterable[_Named]]]:
    """What there is of each kind."""
    every = things.of("any")

    def noted(kinds: Sequence[str]) -> list[_Named]:
        pairs = things.noted(kinds)
        counts = zip(pairs.values, pairs.counts(every), strict=True)
        return [(name, _plain(name), count) for name, count in counts]

    yield from ((kind, noted(kinds)) for kind, kinds in _NOTED.items())
    yield "place", _places(things, noted((PLACE,)))
    cameras = zip(things.cameras.values, things.cameras.counts(every), strict=True)
    yield "camera", [(name, _plain(name), count) for name, count in cameras]
    yield "folder", [(path, _last(path), count) for path, count in things.folders(every).items()]


def _places(things: Things, noted: Iterable[_Named]) -> list[_Named]:
    """Towns and countries where something was taken, and places that are noted."""
    towns = list(zip(things.towns.values, things.towns.counts(things.of("any")), strict=True))
    names = area_names() if towns else {}
    found: dict[str, int] = {}
    for town, count in towns:
        country = names.get((town.country, ""), town.country)
        found[name_of(town)] = found.get(name_of(town), 0) + count
        found[country] = found.get(country, 0) + count
    own = [(name, _plain(name), count) for name, count in found.items()]
    known = {words for _, words, _ in own}
    return [*own, *(one for one in noted if one[1] not in known)]


def _tails(typed: str) -> Iterator[tuple[int, str]]:
    """Ends of what was typed, the longest first: where each begins, and its words in plain form,
    with a space behind them if there is one.
    """
    skipped = max(0, len(typed) - _LONGEST)
    typed = typed[skipped:].encode(errors="replace").decode()
    for word in list(re.finditer(r"\S+", typed))[-_TAILS:]:
        start = next((at for at in range(*word.span()) if typed[at].isalnum()), None)
        if start is not None and (begun := plain(typed[start:])):
            yield skipped + start, begun + " " * typed[-1].isspace()


_cached: Callable[[Callable[[str], str]], Callable[[str], str]] = lru_cache(65_536)


@_cached
def _plain(name: str) -> str:
    return plain(name)


@_cached
def _last(path: str) -> str:
    """The words of the last name of a path of folders."""
    return path_words(f"{path.rpartition('/')[2]}/")
