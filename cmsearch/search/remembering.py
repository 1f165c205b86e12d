"""What people say of hits, kept in a store and told of it."""

# Tested by tests/unit/cmsearch/search/test_marking.py

from __future__ import annotations

from cmsearch.search.asking import Asking
from cmsearch.search.marking import Marking
from cmsearch.store import store as stores
from cmsearch.types import Hit, Mark, Query


class Remembering(Asking):
    """The part of an engine that keeps marks."""

    def __init__(self, store: stores.Store, *, device: str | None = None) -> None:
        super().__init__(store, device=device)
        self._marking = Marking(store)

    def mark(
        self, query: str | Query, hit: Hit | int, right: bool | None, *, target: str = "any"
    ) -> Mark | None:
        """Keep that a hit, or the item of a number, is right or wrong for a query; None takes back
        what was said of it. Gives the mark.

        >>> with cmsearch.open("sample_data") as engine:
        ...     hit = engine.search("a tabby cat", target="image", k=1)[0]
        ...     mark = engine.mark("a tabby cat", hit, right=True, target="image")
        ...     known = [one.source for one in engine.marks("a tabby cat")]
        ...     gone = engine.mark("a tabby cat", hit, right=None, target="image")
        >>> mark.query, mark.right, known
        ('a tabby cat', True, ['photos/tabby_cat.jpg'])

        What was said before of the same is replaced. It is one short transaction, which waits for
        another process's to end, and not for an indexer to be done. `cmsearch eval --marks`
        measures by marks, and `cmsearch fit` learns from them. Raises `QueryError`, `MediaError`,
        `StoreReadOnlyError`, and `StoreLockedError` where another process wrote for 10 seconds.
        """
        return self._marking.mark(query, hit, right, target)

    def marks(
        self,
        query: str | Query | None = None,
        *,
        target: str | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> list[Mark]:
        """Give what was marked, all or for a query or a target, the oldest first: after the first
        `offset` of them at most `limit`.

        >>> with cmsearch.open("sample_data") as engine:
        ...     engine.marks("what nobody asked")
        []

        Raises `QueryError`, and `MediaError` for a picture of the query that can't be read.
        """
        return self._marking.marks(query, target, offset, limit)

    def count_marks(self, query: str | Query | None = None, *, target: str | None = None) -> int:
        """Give how many there are, all or for a query or a target.

        >>> with cmsearch.open("sample_data") as engine:
        ...     engine.count_marks(target="video")
        0

        Raises as `marks` does.
        """
        return self._marking.count(query, target)

    def forget_missing_marks(self) -> int:
        """Take away the marks of what isn't in the index any more, and give how many these were.

        >>> with cmsearch.open("sample_data") as engine:
        ...     engine.forget_missing_marks()
        0

        Raises `StoreReadOnlyError` and `StoreLockedError`.
        """
        return self._marking.forget_missing()
