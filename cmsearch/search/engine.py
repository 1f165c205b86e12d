"""The query engine: encodes what is asked, searches each modality, and merges what is found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from cmsearch.common.arguments import (
    check_filter,
    check_target,
    checked_k,
    checked_path,
    checked_query,
)
from cmsearch.common.kinds import KINDS, wants
from cmsearch.errors import CmsearchError, QueryError, StoreError, StoreMismatchError
from cmsearch.models.fusion_network import Fused
from cmsearch.models.loading import resolved
from cmsearch.models.spaces import model_name
from cmsearch.protocols import Encoder
from cmsearch.search.explain import Among, Explanation, explain
from cmsearch.search.facets import Counting
from cmsearch.search.listing import MOST as MOST_LISTED
from cmsearch.search.listing import Part, listed, picked
from cmsearch.search.marking import Marking
from cmsearch.search.merge.relevance import DOUBTFUL
from cmsearch.search.own_models import Models
from cmsearch.search.pipeline import Search, check_ranking, deadline
from cmsearch.search.query.compose import scales, toward
from cmsearch.search.query.encode import encode_queries
from cmsearch.search.query.understanding import Shown, Understood, understood
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.search.shared_space import Caches, Member, Request
from cmsearch.search.suggest import MOST, Suggesting
from cmsearch.store import filtering
from cmsearch.store import store as stores
from cmsearch.store.catalog import files, items
from cmsearch.store.catalog.filters import rooted
from cmsearch.store.view import View
from cmsearch.types import (
    TOWER,
    ComposedQuery,
    Facets,
    Filter,
    FloatArray,
    Hit,
    Listing,
    Mark,
    Modality,
    Query,
    QueryPart,
    Space,
    Suggestion,
)

if TYPE_CHECKING:
    from cmsearch.search.query.encode import Picture, Recording


EVERYTHING = Filter()
DEFAULT = Ranking()


@dataclass(frozen=True, slots=True)
class Encoded:
    """A query as vectors of a space: what `Engine.encode` gives and `Engine.search` takes."""

    query: Query
    """What was encoded."""
    space: Space
    """The space of the vectors; where another one serves meanwhile, it is encoded again."""
    composed: ComposedQuery
    """The vectors."""


class Engine:
    """Answers queries over a store.

    Threads may share it. `close` it, or use it in a `with` block.
    """

    def __init__(self, store: stores.Store, *, device: str | None = None) -> None:
        if store.space is None:
            raise StoreError(
                f"Nothing is indexed in {store.path} yet. Run `cmsearch index FOLDER`."
            )
        self.store = store
        self._models = Models(store, device)
        self._caches = Caches.of(store)
        self._counting = Counting(store)
        self._marking = Marking(store)
        self._suggesting = Suggesting(store, self._counting)

    def close(self) -> None:
        """Release the store."""
        self.store.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def stores(self) -> tuple[Path, ...]:
        """Where the store is; `FederatedEngine` has several."""
        return (self.store.path,)

    @property
    def space(self) -> Space:
        """The space that the store serves now."""
        return self.store.view().space

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that the store has items of: what a search can be for."""
        return tuple(self.sizes)

    @property
    def sizes(self) -> dict[Modality, int]:
        """How many items of each modality there are, of those of which there are any."""
        view = self.store.view()
        sounds = view.sounds.indexes if view.sounds else {}
        indexes = {**view.indexes, **sounds}
        counts = {one: len(indexes[one]) for one in TOWER if one in indexes}
        return {modality: count for modality, count in counts.items() if count}

    @property
    def encoder(self) -> Encoder:
        """The encoder of the store's space, loaded at its first use."""
        return self._models.encoder(self.space)

    @property
    def fuses(self) -> bool:
        """Whether a picture and a text of a query are joined by a network, not by their sum."""
        return bool(self._models.fuser(self.space).tensors)

    @property
    def reranks(self) -> frozenset[tuple[Modality, Modality]]:
        """The directions, as modalities of query and target, of the reranker that was learned from
        the index itself; none where it has none. Raises `StoreError` where that is damaged.
        """
        own = self._models.learned_reranker(self.store.view())
        return own.directions if own else frozenset()

    @overload
    def search(  # type: ignore[overload-overlap]  # a str is a sequence of str; this one wins
        self,
        query: str | Query | Encoded | None = None,
        *,
        image: Picture | None = None,
        audio: Recording | None = None,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
        ranking: Ranking = DEFAULT,
    ) -> list[Hit]: ...
    @overload
    def search(
        self,
        query: Sequence[str | Query],
        *,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
        ranking: Ranking = DEFAULT,
    ) -> list[list[Hit]]: ...
    @overload
    def search(
        self,
        *,
        image: Sequence[Picture],
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
        ranking: Ranking = DEFAULT,
    ) -> list[list[Hit]]: ...
    @overload
    def search(
        self,
        *,
        audio: Sequence[Recording],
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
        ranking: Ranking = DEFAULT,
    ) -> list[list[Hit]]: ...

    def search(
        self,
        query: Any = None,
        *,
        image: Any = None,
        audio: Any = None,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
        ranking: Ranking = DEFAULT,
    ) -> Any:
        """Give the `k` best hits for a text, a picture, or what is said in a recording.

        >>> with cmsearch.open("sample_data") as engine:
        ...     hits = engine.search("a cat", target="image", k=2)
        >>> [hit.path.name for hit in hits]
        ['calico_kitten.jpg', 'tabby_cat.jpg']

        `query` is literal text, a `Query` such as `cmsearch.parse` gives, or one of `encode`;
        `image` is a path, the bytes of a file, or a `PIL.Image.Image`; `audio` is a path or bytes.
        A list of any of these gives a list of lists of hits. `target` is one of `TARGETS`: `any`,
        a modality, or a kind of items. `where` says which items may be hits, `ranking` what orders
        them after the first stage. A picture never finds its own content as an image. Raises
        `QueryError`, and `MediaError` for a picture or a recording that can't be read.
        """
        where = self._checked(target, where)
        check_ranking(ranking)
        wanted = Request(target, checked_k(k), ranking, deadline(ranking.budget))
        with self._asked(query, image, audio) as (view, asked, is_list):
            hits = Search([[self.member(view, where)]], wanted).hits([asked])
        return hits if is_list else hits[0]

    def member(self, view: View, where: Filter) -> Member:
        """The store as it is searched at one moment, by a filter as it knows its paths."""
        return Member(self.store, self._models, self._caches, view, where)

    def understand(self, query: str | Query, where: Filter = EVERYTHING) -> Understood:
        """Take the days and places that a query names out of it, as a filter: `beach last summer`.

        >>> with cmsearch.open("sample_data") as engine:
        ...     asked = engine.understand("a cat in May 2019")
        ...     hits = engine.search(asked.query, where=asked.where)
        >>> asked.query.parts[0].content, asked.applied[0].words
        ('a cat', 'in May 2019')

        English and German; places need the extra `places`. `applied` says which words they are;
        words that may be others are left. What is found joins the filter `where`. Raises
        `QueryError`.
        """
        check_filter(where)
        catalog = self.store.catalog
        shown = Shown(
            partial(files.first_year, catalog),
            partial(files.is_south, catalog),
            lambda wanted: filtering.is_any(catalog, self.store.view(), wanted),
        )
        return understood(checked_query(query), where, date.today(), shown)

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

    def encode(self, queries: Sequence[str | Query]) -> list[Encoded]:
        """Give queries as vectors to search with; several at once cost less than one by one.

        >>> with cmsearch.open("sample_data") as engine:
        ...     asked = engine.encode(["a cat", "a dog"])
        ...     hits = [engine.search(one, target="image", k=1) for one in asked]
        >>> [own[0].path.name for own in hits]
        ['tabby_cat.jpg', 'sleeping_dog.jpg']

        Raises `QueryError`, and `MediaError` for a picture or a recording that can't be read.
        """
        space = self.space
        whole = [checked_query(query) for query in queries]
        rows, _ = encode_queries(self._models.encoder(space), whole, None)
        return [Encoded(query, space, row) for query, row in zip(whole, rows, strict=True)]

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
        if not isinstance(offset, int) or not 0 <= offset < 2**31:
            raise QueryError(f"A list begins at 0 or later, not at {offset!r}.")
        part = Part(newest, offset, min(checked_k(limit), MOST_LISTED))
        with self.store.reading() as view:
            return listed(self.store, self._counting, view, where, target, part)

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

    def embed(self, query: Any = None, *, image: Any = None, audio: Any = None) -> FloatArray:
        """Give unit vectors `(n, dim)` of texts, pictures or what is said in recordings, in the
        store's space.

        >>> with cmsearch.open("sample_data") as engine:
        ...     engine.embed(["a cat", "a dog"]).shape
        (2, 384)

        It takes what `search` takes, and gives one vector for each.
        """
        with self._asked(query, image, audio) as (view, asked, _):
            rows = [toward(one, {}, Modality.IMAGE).vector for one in asked]
        return np.array(rows, np.float32).reshape(-1, view.space.dim)

    def transform(self, *, image: Picture, text: str) -> Fused:
        """Give a picture and a text as one vector of the store's space, as a search for pictures
        by both takes them, and what each attends to in the other.

        >>> with cmsearch.open("sample_data") as engine:
        ...     fused = engine.transform(image="sample_data/photos/tabby_cat.jpg", text="in snow")
        >>> fused.vector.shape
        (384,)

        The network that `cmsearch fit --fusion` has learned makes it; without one it is their
        weighted sum. Raises `QueryError`, and `MediaError` for a picture that can't be read.
        """
        query = Query((QueryPart(image, Modality.IMAGE), QueryPart(text)))
        with self._asked(query) as (view, asked, _):
            weights = scales(asked[0], view.background, Modality.IMAGE)
            return self._models.fuser(view.space)(asked[0].parts, weights)

    def explain(
        self,
        query: str | Query,
        path: str | Path | None = None,
        *,
        item: int | None = None,
        where: Filter = EVERYTHING,
        ranking: Ranking = DEFAULT,
        depth: int | None = None,
    ) -> Explanation:
        """Say why a picture of the store ranks as it does for a text, or for a `Query` of one
        picture and one text; or another `item`, as `Hit.item` numbers them.

        >>> with cmsearch.open("sample_data") as engine:
        ...     why = engine.explain("a tabby cat", "sample_data/photos/tabby_cat.jpg")
        >>> why.rank, [word.text for word in why.words]
        (1, ['tabby', 'cat'])

        `where` and `ranking` are those of the search in which it was found. Its rank and stages are
        looked for among the best `depth` hits, by default among all. Raises `QueryError`, also for
        a path that is no picture of the store, and `MediaError` for a film that can't be read.
        """
        among = Among(
            self._checked("image", where), ranking, None if depth is None else checked_k(depth)
        )
        check_ranking(ranking)
        if (path is None) == (item is None):
            raise QueryError("Give the path of a picture to explain, or the number of an item.")
        if item is not None:
            return explain(self, query, item, among)
        return explain(self, query, checked_path(path, "The picture to explain"), among)

    def _checked(self, target: Any, where: Any) -> Filter:
        """The filter as the store knows its path; raises `QueryError` for what is none, and for
        what is no target.
        """
        check_target(target)
        check_filter(where)
        return rooted(where, self.store.root)

    @contextmanager
    def _asked(
        self, query: Any, image: Any = None, audio: Any = None
    ) -> Iterator[tuple[View, list[ComposedQuery], bool]]:
        """The view of one state, which is read within, what is asked in its space, and whether that
        is a list.

        It is encoded before: to load a model takes seconds, for which no state needs to be kept.
        """
        space = self.space
        if isinstance(query, Encoded):
            space, asked, is_list = query.space, [query.composed], False
            query = query.query
        else:
            asked, is_list = encode_queries(self._models.encoder(space), query, image, audio)
        with self.store.reading() as view:
            if view.space != space:  # another generation has begun to serve
                asked, is_list = encode_queries(
                    self._models.encoder(view.space), query, image, audio
                )
            yield view, asked, is_list


def open(
    path: str | Path = ".",
    *,
    model: str | None = None,
    device: str | None = None,
    trust: bool = False,
) -> Engine:
    """Open the store that is at, in, or above `path`, and give the engine that searches it.

    >>> engine = cmsearch.open("sample_data")
    >>> [str(modality) for modality in engine.modalities]
    ['text', 'image']
    >>> engine.close()

    `model`, if given, has to be the one that the store was made with. With `trust` the store of
    another user is opened as one's own. Raises `StoreNotFoundError` and `StoreMismatchError`.
    """
    if not isinstance(model, str | None):
        raise QueryError(f"model is the name of one, not {type(model).__name__}.")
    store = stores.open_at(checked_path(path, "The place of an index"), trusted=trust)
    try:
        engine = Engine(store, device=device)
    except CmsearchError:
        store.close()
        raise
    own = model_name(engine.space)
    if model not in (None, "auto") and resolved(str(model)) != own:
        engine.close()
        raise StoreMismatchError(
            f"The index was made with {own}, not with {model}. Search it without naming a model, "
            f"or let it have both: `cmsearch index FOLDER --model {model}`."
        )
    return engine
