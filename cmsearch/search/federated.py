"""Several stores searched as one."""

# Tested by tests/unit/cmsearch/search/test_federated.py

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from cmsearch.common.arguments import check_filter, check_target, checked_k, checked_query
from cmsearch.errors import QueryError
from cmsearch.protocols import Encoder
from cmsearch.search import engine as engines
from cmsearch.search.engine import DEFAULT, EVERYTHING, Encoded, Engine
from cmsearch.search.pipeline import Search, check_ranking, deadline
from cmsearch.search.query.encode import encode_queries
from cmsearch.search.query.understanding import Shown, Understood, understood
from cmsearch.search.rank.pooling import Backgrounds
from cmsearch.search.rank.request import Pool
from cmsearch.search.rank.second_stage import Ranking, wants_own
from cmsearch.search.shared_space import Member, Request
from cmsearch.store import filtering
from cmsearch.store.catalog import files
from cmsearch.store.catalog.filters import rooted
from cmsearch.store.catalog.word_counts import WordCounts
from cmsearch.types import TOWER, ComposedQuery, Filter, Hit, Mark, Modality, Query, Space

if TYPE_CHECKING:
    from cmsearch.search.explain import Explanation

_Asked = tuple[list[ComposedQuery], bool]
LOCAL = (
    "The numbers of items are those of one store, and several are searched: leave `left_out` and "
    "`given` of the query out."
)


class FederatedEngine:
    """Answers queries over several stores, as if they were one.

    Stores of one space are merged exactly: what chance does, how common words and kinds are, and
    what hubness is measured with is taken of all of them. Those of another model are searched by
    that, and the relevance of their hits is what they are compared by. `Hit.store` says which store
    a hit is of, and `Hit.item` is its number there. Hits that tie come in the order of the stores.
    Threads may share it. `close` it, or use it in a `with` block.
    """

    def __init__(self, members: Sequence[Engine]) -> None:
        paths = [own.store.path.resolve() for own in members]
        for place, path in enumerate(paths):
            if path in paths[:place]:
                raise QueryError(f"The index {path} is named twice. Name each once.")
        self.engines = tuple(members)
        """The engine of each store, for all that is asked of one alone."""
        self._backgrounds = Backgrounds()

    def close(self) -> None:
        """Release the stores."""
        for own in self.engines:
            own.close()

    def __enter__(self) -> FederatedEngine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def stores(self) -> tuple[Path, ...]:
        """Where the stores are."""
        return tuple(own.store.path for own in self.engines)

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The spaces of what is seen and read."""
        return tuple(space for own in self.engines for space in own.spaces)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that the stores have items of."""
        return tuple(self.sizes)

    @property
    def sizes(self) -> dict[Modality, int]:
        """How many items of each modality there are, of those of which there are any."""
        every = [own.sizes for own in self.engines]
        counts = {one: sum(own.get(one, 0) for own in every) for one in TOWER}
        return {modality: count for modality, count in counts.items() if count}

    @property
    def fuses(self) -> bool:
        """Whether every store joins a picture and a text of a query by a network."""
        return all(own.fuses for own in self.engines)

    @overload
    def search(  # type: ignore[overload-overlap]  # a str is a sequence of str; this one wins
        self,
        query: str | Query | Encoded | None = None,
        *,
        image: Any = None,
        audio: Any = None,
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
        """Give the `k` best hits of all stores, as `Engine.search` gives those of one.

        >>> with cmsearch.open(["sample_data"]) as engine:
        ...     engine.search("a cat", target="image", k=1)[0].path.name
        'calico_kitten.jpg'

        A filter's path goes on from the folder of each store; one that begins at `/` is of the
        store that it lies in. Raises `QueryError`, also for a query with numbers of items, which
        are those of one store.
        """
        check_target(target)
        check_filter(where)
        check_ranking(ranking)
        wanted = Request(target, checked_k(k), ranking, deadline(ranking.budget))
        with self._asked(where, (query, image, audio), wanted) as (spaces, asked, is_list):
            hits = Search(spaces, wanted).hits(asked)
        return hits if is_list else hits[0]

    def understand(self, query: str | Query, where: Filter = EVERYTHING) -> Understood:
        """Take the days and places that a query names out of it, as `Engine.understand` does."""
        check_filter(where)
        catalogs = [own.store.catalog for own in self.engines]
        shown = Shown(
            lambda: min(map(files.first_year, catalogs)),
            lambda: next((one for one in map(files.is_south, catalogs) if one is not None), None),
            lambda wanted: any(
                filtering.is_any(own.store.catalog, own.store.view(), wanted)
                for own in self.engines
            ),
        )
        return understood(checked_query(query), where, date.today(), shown)

    def count(self, target: str = "any", where: Filter = EVERYTHING) -> int:
        """Give the number of items of a target that pass a filter, in all stores."""
        check_filter(where)
        return sum(own.count(target, wanted) for own, wanted in self._rooted(where))

    def explain(self, query: str | Query, path: str | Path | Hit, **options: Any) -> Explanation:
        """Say why a picture ranks as it does, in its own store alone: `Engine.explain` there.

        Raises `QueryError` where none of the stores has it.
        """
        if isinstance(path, Hit):
            return self._of(path).explain(query, item=path.item, **options)
        own = [one for one in self.engines if one.store.names_of(path)]
        if not own:
            raise QueryError(f"{path} lies in the folder of none of the stores.")
        return own[0].explain(query, path, **options)

    def mark(
        self, query: str | Query, hit: Hit, right: bool | None, *, target: str = "any"
    ) -> Mark | None:
        """Keep in its own store that a hit is right or wrong for a query, as `Engine.mark` does."""
        return self._of(hit).mark(query, hit, right, target=target)

    def _of(self, hit: Hit) -> Engine:
        if not isinstance(hit, Hit):
            raise QueryError(f"Name a hit: {hit!r} doesn't say which store it is of.")
        for own in self.engines:
            if own.store.path == hit.store:
                return own
        raise QueryError(f"The hit is of {hit.store}, which isn't among the stores here.")

    def _rooted(self, where: Filter) -> list[tuple[Engine, Filter]]:
        """The stores with the filter as each knows its path, without those that it leads out of;
        raises `QueryError` where these are all.
        """
        found, told = [], None
        for own in self.engines:
            try:
                found.append((own, rooted(where, own.store.root)))
            except QueryError as error:
                told = error
        if told is not None and not found:
            raise told
        return found

    @contextmanager
    def _asked(
        self, where: Filter, content: tuple[Any, Any, Any], wanted: Request
    ) -> Iterator[tuple[list[list[Member]], list[list[ComposedQuery]], bool]]:
        """The stores by their spaces, each at one moment that is read within; for each space what
        is asked; and whether that is a list.
        """
        chosen, known = self._rooted(where), dict[Space, _Asked]()
        for own, _ in chosen:  # a model is loaded, and its queries encoded, before a state is kept
            if own.space not in known:
                known[own.space] = _encoded(own.encoder, own.space, content)
        with ExitStack() as stack:
            members = [
                replace(own.member(stack.enter_context(own.store.reading()), to), place=place)
                for place, (own, to) in enumerate(chosen)
            ]
            spaces = self._pooled(members, wanted)
            for first in (each[0] for each in spaces):
                space = first.view.space
                if space not in known:  # another generation has begun to serve
                    known[space] = _encoded(first.models.encoder(space), space, content)
            asked = [known[each[0].view.space] for each in spaces]
            yield spaces, [own for own, _ in asked], asked[0][1]

    def _pooled(self, members: Sequence[Member], wanted: Request) -> list[list[Member]]:
        """The members by their spaces, with what is counted over all of them."""
        sizes: Counter[Modality] = Counter()
        for own in members:
            for view in (own.view, own.view.sounds):
                for modality, index in view.indexes.items() if view else ():
                    sizes[modality] += len(index)
        words = WordCounts([own.store.catalog for own in members])
        spaces = []
        for group in _by_space(members, wanted):
            views = self._backgrounds.pooled([(own.store, own.view) for own in group])
            shown = [replace(own, view=view) for own, view in zip(group, views, strict=True)]
            pool = Pool(sizes, words, [(own.caches.banks, own.view) for own in shown])
            spaces.append([replace(own, pool=pool) for own in shown])
        return spaces


def _by_space(members: Sequence[Member], wanted: Request) -> list[list[Member]]:
    """Members that share a space, the space of their sounds, and what was learned in them."""
    groups: list[list[Member]] = []
    for member in members:
        own = _learned(member, wanted)
        for group in groups:
            if _learned(group[0], wanted) == own and _sounds_agree(member, group):
                group.append(member)
                break
        else:
            groups.append([member])
    return groups


def _learned(member: Member, wanted: Request) -> tuple[object, ...]:
    catalog, view = member.store.catalog, member.view
    is_own = wants_own(wanted.ranking)
    digest = catalog.reranker_digest(view.space_id) if is_own else None
    return view.space, catalog.stages(view.space_id), digest


def _sounds_agree(member: Member, group: Sequence[Member]) -> bool:
    """Whether sounds are in one space; that of the stores themselves, where their model hears."""
    spaces = {own.view.sounds.space for own in (member, *group) if own.view.sounds}
    hearing = {own.view.space for own in (member, *group) if Modality.SOUND in own.view.indexes}
    return len(spaces | hearing) <= 1


def _encoded(encoder: Encoder, space: Space, content: tuple[Any, Any, Any]) -> _Asked:
    """What is asked as vectors of a space, and whether it is a list."""
    query, *others = content
    if isinstance(query, Encoded):
        if query.space == space:
            return _checked([query.composed]), False
        query = query.query
    asked, is_list = encode_queries(encoder, query, *others)
    return _checked(asked), is_list


def _checked(queries: list[ComposedQuery]) -> list[ComposedQuery]:
    if any(one.left_out or one.given for one in queries):
        raise QueryError(LOCAL)
    return queries


@overload
def open(  # type: ignore[overload-overlap]  # as in `search`
    path: str | Path = ".",
    *,
    model: str | None = None,
    device: str | None = None,
    trust: bool = False,
) -> Engine: ...
@overload
def open(
    path: Sequence[str | Path],
    *,
    model: str | None = None,
    device: str | None = None,
    trust: bool = False,
) -> FederatedEngine: ...


def open(
    path: str | Path | Sequence[str | Path] = ".",
    *,
    model: str | None = None,
    device: str | None = None,
    trust: bool = False,
) -> Engine | FederatedEngine:
    """Open the store that is at, in, or above `path`, and give the engine that searches it; for a
    list of such paths one that searches them as one.

    >>> engine = cmsearch.open("sample_data")
    >>> [str(modality) for modality in engine.modalities]
    ['text', 'image']
    >>> engine.close()

    `model`, if given, has to be the one that the store was made with. With `trust` the store of
    another user is opened as one's own. Raises `StoreNotFoundError` and `StoreMismatchError`.
    """
    if isinstance(path, str | Path) or not isinstance(path, Sequence):
        return engines.open(path, model=model, device=device, trust=trust)
    if not path:
        raise QueryError("Name at least one index to open.")
    with ExitStack() as stack:
        opened = [
            stack.enter_context(engines.open(one, model=model, device=device, trust=trust))
            for one in path
        ]
        federated = FederatedEngine(opened)
        stack.pop_all()
        return federated
