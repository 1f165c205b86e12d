"""How many rows of one catalog, or of several that are searched as one, have each word."""

# Tested by tests/unit/cmsearch/search/test_federated.py

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.databases import words as words_of


def counted(catalog: Catalog, words: Iterable[str]) -> dict[str, int]:
    """How many rows of a catalog have each word; what is known of a state isn't counted again."""
    known, wanted = catalog.counts(), list(dict.fromkeys(words))
    if missing := [word for word in wanted if word not in known]:
        with catalog.connected() as connection:
            known |= words_of(connection).count_each(connection, missing)
    return {word: known[word] for word in wanted}


class WordCounts:
    """Counts the rows of some catalogs, each in the state that this thread reads."""

    def __init__(self, catalogs: Sequence[Catalog]) -> None:
        self.catalogs = catalogs

    def rows(self, words: Sequence[str]) -> dict[str, int]:
        """How many rows of all catalogs have each word."""
        every = [counted(catalog, words) for catalog in self.catalogs]
        return {word: sum(own[word] for own in every) for word in dict.fromkeys(words)}

    def sizes(self) -> tuple[int, int]:
        """How many rows there are, and how many words in all of them."""
        rows = words = 0
        for catalog in self.catalogs:
            with catalog.connected() as connection:
                own = words_of(connection).sizes(connection)
            rows, words = rows + own[0], words + own[1]
        return rows, words
