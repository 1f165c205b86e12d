"""What is asked of a store, checked and as vectors of its space."""

# Tested by tests/unit/cmsearch/search/test_engine.py

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from cmsearch.common.arguments import check_filter, check_target, checked_query
from cmsearch.errors import StoreError
from cmsearch.models.fusion_network import Fused
from cmsearch.protocols import Encoder
from cmsearch.search.own_models import Models
from cmsearch.search.query.compose import scales, toward
from cmsearch.search.query.encode import encode_queries
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.search.shared_space import Caches, Member
from cmsearch.store import store as stores
from cmsearch.store.catalog.filters import rooted
from cmsearch.store.view import View
from cmsearch.types import (
    TOWER,
    ComposedQuery,
    Filter,
    FloatArray,
    Modality,
    Query,
    QueryPart,
    Space,
)

if TYPE_CHECKING:
    from cmsearch.search.query.encode import Picture

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


class Asking:
    """The part of an engine that knows what can be asked, and makes vectors of it."""

    def __init__(self, store: stores.Store, *, device: str | None = None) -> None:
        if store.space is None:
            raise StoreError(
                f"Nothing is indexed in {store.name} yet. Run `cmsearch index FOLDER`."
            )
        self.store = store
        self._models = Models(store, device)
        self._caches = Caches.of(store)

    def close(self) -> None:
        """Release the store."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def stores(self) -> tuple[Path, ...]:
        """Where the store is; `FederatedEngine` has several."""
        return (self.store.path,)

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The space of what is seen and read; none of an empty store."""
        space = self.store.space
        return () if space is None else (space,)

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
        """Whether a picture and a text of a query are joined by a network, or are one input of the
        model, and not only summed.
        """
        return self._models.fuser(self.space).joins

    @property
    def reranks(self) -> frozenset[tuple[Modality, Modality]]:
        """The directions, as modalities of query and target, of the reranker that was learned from
        the index itself; none where it has none. Raises `StoreError` where that is damaged.
        """
        own = self._models.learned_reranker(self.store.view())
        return own.directions if own else frozenset()

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

    def member(self, view: View, where: Filter) -> Member:
        """The store as it is searched at one moment, by a filter as it knows its paths."""
        return Member(self.store, self._models, self._caches, view, where)

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
