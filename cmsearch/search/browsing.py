"""What there is in a store, counted, listed and suggested."""

# Tested by tests/unit/cmsearch/search/test_engine.py

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cmsearch.common.arguments import checked_k
from cmsearch.common.kinds import KINDS, wants
from cmsearch.errors import QueryError
from cmsearch.search.asking import DEFAULT, EVERYTHING, Asking, Encoded
from cmsearch.search.facets import Counting
from cmsearch.search.listing import MOST as MOST_LISTED
from cmsearch.search.listing import MOST_HASHES, Part, hashes, listed, picked
from cmsearch.search.merge.relevance import DOUBTFUL
from cmsearch.search.pipeline import Search, check_ranking
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.search.shared_space import Request
from cmsearch.search.suggest import MOST, Suggesting
from cmsearch.store import store as stores
from cmsearch.store.catalog import items
from cmsearch.types import TOWER, Facets, Filter, Hit, Listing, Modality, Query, Suggestion


class Browsing(Asking):
    """The part of an engine that tells what there is."""

    def __init__(self, store: stores.Store, *, device: str | None = None) -> None:
        super().__init__(store, device=device)
        self._counting = Counting(store)
        self._suggesting = Suggesting(store, self._counting)

    def count(self, target: str = "any", where: Filter = EVERYTHING) -> int:
        """Give the number of items of a target that pass a filter: what a search could find.

        >>> with cmsearch.open("sample_data") as engine:
        ...     engine.count("image", cmsearch.Filter(path="photos/*cat*"))
        1

        Each piece of a long text counts. Raises `QueryError`.
        """
        where, catalog = self._checked(target, where), self.store.catalog
        kind = target if target in KINDS else None
        wanted = [one for one in TOWER if wants(target, one)]
        with self.store.reading() as view:
            spaces = dict.fromkeys(TOWER, view.space_id)
            if view.sounds is not None:
                spaces[Modality.SOUND] = view.sounds.space_id
            return sum(
                len(items.embedding_ids(catalog, spaces[one], one, kind, where)) for one in wanted
            )

    def facets(
        self,
        query: str | Query | Encoded | None = None,
        where: Filter = EVERYTHING,
        *,
        target: str = "any",
        ranking: Ranking = DEFAULT,
    ) -> Facets:
        """Count the files that pass a filter by what else they could be filtered by.

        >>> with cmsearch.open("sample_data") as engine:
        ...     found = engine.facets(where=cmsearch.Filter(path="photos/*cat*"))
        >>> found.total, [(one.value, one.count) for one in found.folders.counts]
        (1, [('photos', 23), ('notes', 3)])

        Each facet is counted without what the filter asks of itself. With a query, those are
        counted of which at least a hit among the best 1,000 of a `ranking` is relevant: not below
        `DOUBTFUL`. Raises `QueryError`.
        """
        where = self._checked(target, where)
        check_ranking(ranking)
        if query is None:
            with self.store.reading() as view:
                return self._counting.facets(view, where, target)
        with self._asked(query) as (view, asked, is_list):
            if is_list:
                raise QueryError("Facets are counted for one query.")
            least = max(DOUBTFUL, ranking.min_relevance)
            own = replace(ranking, min_relevance=least, diverse=False, budget=None)

            def found(k: int, wanted: Filter, of: str) -> list[Hit]:
                search = Search([[self.member(view, wanted)]], Request(of, k, own))
                return search.hits([asked])[0]

            return self._counting.facets(view, where, target, found)

    def listed(
        self,
        where: Filter = EVERYTHING,
        *,
        target: str = "any",
        newest: bool = True,
        offset: int = 0,
        limit: int = 100,
    ) -> Listing:
        """Give the files that pass a filter by when they were taken, those without a time last.

        >>> with cmsearch.open("sample_data") as engine:
        ...     engine.listed(cmsearch.Filter(path="photos/*cat*")).hits[0].path.name
        'tabby_cat.jpg'

        Raises `QueryError`.
        """
        where = self._checked(target, where)
        part = Part(newest, _checked_offset(offset), min(checked_k(limit), MOST_LISTED))
        with self.store.reading() as view:
            return listed(self.store, self._counting, view, where, target, part)

    def hashes(
        self,
        where: Filter = EVERYTHING,
        *,
        target: str = "any",
        newest: bool = True,
        offset: int = 0,
        limit: int = MOST_HASHES,
    ) -> list[bytes]:
        """Give the perceptual hashes of the files of the same list; empty for one without."""
        where = self._checked(target, where)
        part = Part(newest, _checked_offset(offset), min(checked_k(limit), MOST_HASHES))
        with self.store.reading() as view:
            return hashes(self.store, self._counting, view, where, target, part)

    def picked(self, items: Sequence[int]) -> list[Hit]:
        """Give items by their numbers, as `Hit.item` has them, as hits without score and relevance;
        those that are gone are missing.
        """
        with self.store.reading():
            return picked(self.store, items)

    def suggest(self, prefix: str, limit: int = 10) -> list[Suggestion]:
        """Suggest what a beginning may go on as: what is noted, places, cameras, folders, files and
        frequent words that begin so, or of which a word does.

        >>> with cmsearch.open("sample_data") as engine:
        ...     found = engine.suggest("a ca")
        >>> [(one.text, one.kind, one.start) for one in found if one.kind == "word"][0]
        ('camera', 'word', 2)

        Neither case nor accents count. Raises `QueryError`.
        """
        if not isinstance(prefix, str):
            raise QueryError(f"What was typed is a text, not {type(prefix).__name__}.")
        most = min(checked_k(limit), MOST)
        with self.store.reading() as view:
            return self._suggesting.suggestions(view, prefix, most)


def _checked_offset(offset: int) -> int:
    if not isinstance(offset, int) or not 0 <= offset < 2**31:
        raise QueryError(f"A list begins at 0 or later, not at {offset!r}.")
    return offset
