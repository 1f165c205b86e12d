"""The query engine: encodes what is asked, searches each modality, and merges what is found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from cmsearch.common.arguments import check_filter, checked_k, checked_path, checked_query
from cmsearch.errors import CmsearchError, QueryError, StoreMismatchError
from cmsearch.models.loading import resolved
from cmsearch.models.spaces import model_name
from cmsearch.search.asking import DEFAULT as DEFAULT
from cmsearch.search.asking import EVERYTHING as EVERYTHING
from cmsearch.search.asking import Encoded as Encoded
from cmsearch.search.browsing import Browsing
from cmsearch.search.explain import Among, Explanation, explain
from cmsearch.search.pipeline import Search, check_ranking, deadline
from cmsearch.search.query.understanding import Shown, Understood, understood
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.search.remembering import Remembering
from cmsearch.search.shared_space import Request
from cmsearch.store import filtering, remote
from cmsearch.store import store as stores
from cmsearch.store.catalog import files
from cmsearch.types import Filter, Hit, Query

if TYPE_CHECKING:
    from cmsearch.search.query.encode import Picture, Recording


class Engine(Browsing, Remembering):
    """Answers queries over a store.

    Threads may share it. `close` it, or use it in a `with` block.
    """

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

    `path` may be the URL of a server of PostgreSQL. `model`, if given, has to be the one that the
    store was made with. With `trust` the store of another user is opened as one's own. Raises
    `StoreNotFoundError` and `StoreMismatchError`.
    """
    if not isinstance(model, str | None):
        raise QueryError(f"model is the name of one, not {type(model).__name__}.")
    place = checked_path(remote.as_place(path), "The place of an index")
    store = stores.open_at(place, trusted=trust)
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
