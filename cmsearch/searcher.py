"""The query engine: encodes what is asked, searches each modality, and merges what is found."""

from __future__ import annotations

import operator
import re
import threading
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from cmsearch import store as stores
from cmsearch.catalog import content_digest
from cmsearch.errors import CmsearchError, MediaError, QueryError, StoreError, StoreMismatchError
from cmsearch.registry import canonical_name, load_encoder, model_name
from cmsearch.types import (
    Encoder,
    Filter,
    FloatArray,
    Hit,
    IdArray,
    Item,
    Modality,
    Role,
    Space,
    VectorIndex,
)
from cmsearch.vectors import Background

if TYPE_CHECKING:
    import PIL.Image

    Picture = str | Path | bytes | PIL.Image.Image

TARGETS = ("any", "image", "text", "caption", "passage")
_DECIMALS = 6  # scores are told apart at this many, so that equal vectors tie
EVERYTHING = Filter()
_KINDS = {"caption": "text", "passage": "text"}
_NUMBER = re.compile(r"\d+")


class Answer(NamedTuple):
    """An item with the cosine of its best embedding, and the score that orders it."""

    item: Item
    cosine: float
    score: float


@dataclass(frozen=True, slots=True)
class EncodedQueries:
    """Queries of one modality as vectors `(n, dim)`, and for each the assets it is itself."""

    modality: Modality
    vectors: FloatArray
    own: Sequence[frozenset[str]]


class Engine:
    """Answers queries over a store. Safe from threads; `close` it, or use it in a `with` block."""

    def __init__(self, store: stores.Store, *, device: str | None = None) -> None:
        space = store.space
        if space is None:
            raise StoreError(
                f"Nothing is indexed in {store.path} yet. Run `cmsearch index FOLDER`."
            )
        self.store = store
        self.space: Space = space
        self._device = device
        self._lock = threading.Lock()
        self._loaded: Encoder | None = None
        self._allowed: dict[tuple[Any, ...], IdArray] = {}

    def close(self) -> None:
        """Release the store."""
        self.store.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def encoder(self) -> Encoder:
        """The store's own encoder, loaded at its first use."""
        with self._lock:
            if self._loaded is None:
                self._loaded = load_encoder(
                    model_name(self.space), device=self._device, space=self.space
                )
            return self._loaded

    @overload
    def search(  # type: ignore[overload-overlap]  # a str is a sequence of str; this one wins
        self,
        query: str | None = None,
        *,
        image: Picture | None = None,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
    ) -> list[Hit]: ...
    @overload
    def search(
        self,
        query: Sequence[str],
        *,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
    ) -> list[list[Hit]]: ...
    @overload
    def search(
        self,
        *,
        image: Sequence[Picture],
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
    ) -> list[list[Hit]]: ...

    def search(
        self,
        query: Any = None,
        *,
        image: Any = None,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
    ) -> Any:
        """The `k` best hits for a text, or for a picture, among those that pass the filter
        `where`.

        `query` is literal text, or a list of texts; `image` is a path, the bytes of a file, a
        `PIL.Image.Image`, or a list of these. A list gives a list of lists of hits. `target` is
        one of `any`, `image`, `text`, `caption` and `passage`. A picture never finds its own
        content as an image. Raises `QueryError`, and `MediaError` for a picture that can't be read.
        """
        if target not in TARGETS:
            raise QueryError(f"There is no target {target!r}; it is one of {', '.join(TARGETS)}.")
        k = _number(k)
        _check_filter(where)
        queries, is_list = self._encoded(query, image)
        answers = self._answers(queries, target, k, where)
        return answers if is_list else answers[0]

    def embed(self, query: Any = None, *, image: Any = None) -> FloatArray:
        """Unit vectors `(n, dim)` of texts or pictures in the store's space, one for each.

        Takes what `search` takes.
        """
        return self._encoded(query, image)[0].vectors

    # --- encoding ---

    def _encoded(self, query: Any, image: Any) -> tuple[EncodedQueries, bool]:
        if (query is None) == (image is None):
            raise QueryError("Ask with a text or with a picture: one of the two.")
        content = query if image is None else image
        is_list = isinstance(content, Sequence) and not isinstance(content, str | bytes)
        contents = list(content) if is_list else [content]
        if image is None:
            return self._encoded_texts(contents), is_list
        return self._encoded_pictures(contents), is_list

    def _encoded_texts(self, texts: list[str]) -> EncodedQueries:
        for text in texts:
            _check_text(text)
        pieces = [self.encoder.split(text) for text in texts]
        vectors = self._encode([piece for found in pieces for piece in found], Modality.TEXT)
        ends = np.cumsum([len(found) for found in pieces])[:-1]
        means = [part.mean(0) for part in np.split(vectors, ends)] if texts else []
        unit = np.array([mean / max(float(np.linalg.norm(mean)), 1e-12) for mean in means])
        own: list[frozenset[str]] = [frozenset()] * len(texts)
        return EncodedQueries(Modality.TEXT, self._shaped(unit), own)

    def _encoded_pictures(self, pictures: list[Picture]) -> EncodedQueries:
        read = [self._read(picture) for picture in pictures]
        vectors = self._encode([image for image, _ in read], Modality.IMAGE)
        return EncodedQueries(Modality.IMAGE, vectors, [own for _, own in read])

    def _encode(self, contents: Sequence[Any], modality: Modality) -> FloatArray:
        size = self.encoder.capabilities.batch_size
        prepared = [self.encoder.prepare(content, modality) for content in contents]
        batches = [prepared[start : start + size] for start in range(0, len(prepared), size)]
        found = [self.encoder.encode(batch, modality, Role.QUERY).vectors for batch in batches]
        return self._shaped(np.concatenate(found) if found else np.empty(0))

    def _shaped(self, vectors: Any) -> FloatArray:
        return np.asarray(vectors, np.float32).reshape(-1, self.space.dim)

    def _read(self, picture: Picture) -> tuple[PIL.Image.Image, frozenset[str]]:
        """The decoded picture, and the assets of the store that have its content."""
        import PIL.Image

        from cmsearch.media.images import decode, flattened

        if isinstance(picture, PIL.Image.Image):
            return flattened(picture), frozenset()
        if not isinstance(picture, str | Path | bytes):
            kind = type(picture).__name__
            raise QueryError(f"A picture is a path, bytes, or a PIL.Image.Image, not {kind}.")
        data = picture if isinstance(picture, bytes) else _bytes(Path(picture))
        name = "The picture" if isinstance(picture, bytes) else str(picture)
        try:
            image = decode(data, self.encoder.capabilities.image_size)
        except MediaError as error:
            raise MediaError(f"{name} can't be searched with: {error}.") from error
        return image, frozenset(self.store.catalog.paths_with_digest(content_digest(data)))

    # --- searching ---

    def _answers(
        self, queries: EncodedQueries, target: str, k: int, wanted: Filter
    ) -> list[list[Hit]]:
        view = self.store.view()
        kind = target if target in _KINDS else None
        searched = [
            (modality, index)
            for modality, index in view.indexes.items()
            if _KINDS.get(target, target) in ("any", modality) and len(index)
        ]
        standards = _standards(view.background, queries.modality, [m for m, _ in searched])
        answers: list[list[Answer]] = [[] for _ in queries.vectors]
        for modality, index in searched:
            allow = self._allow(view.version, modality, kind, wanted)
            skip = queries.own if modality is Modality.IMAGE else None
            found = self._search(index, queries.vectors, k, allow, skip)
            for answer, hits in zip(answers, found, strict=True):
                answer += [_standardised(hit, standards.get(modality)) for hit in hits]
        return [
            [self._hit(rank, best) for rank, best in enumerate(sorted(answer, key=_order)[:k], 1)]
            for answer in answers
        ]

    def _allow(
        self, version: int, modality: Modality, kind: str | None, wanted: Filter
    ) -> IdArray | None:
        """The embeddings to search among, remembered for the next query; None for all."""
        if kind is None and wanted == EVERYTHING:
            return None
        key = (version, modality, kind, wanted)
        with self._lock:
            if key not in self._allowed:
                served = self.store.catalog.space()
                assert served is not None
                ids = self.store.catalog.embedding_ids(served[0], modality, kind, wanted)
                kept = {old: ids for old, ids in self._allowed.items() if old[0] == version}
                self._allowed = {**dict(list(kept.items())[-7:]), key: ids}
            return self._allowed[key]

    def _search(
        self,
        index: VectorIndex,
        vectors: FloatArray,
        k: int,
        allow: IdArray | None,
        own: Sequence[frozenset[str]] | None,
    ) -> list[list[Answer]]:
        """The k best items for each query; of an item with several embeddings the best counts.

        Searches deeper until k items are found and nothing beyond them ties with the last.
        """
        known: dict[int, Item] = {}
        total, depth = len(index), k + 8
        while True:
            scores, ids = index.search(vectors, depth, allow=allow)
            rounded = np.round(scores.astype(np.float64), _DECIMALS)
            missing = set(ids[ids >= 0].tolist()) - known.keys()
            known |= self.store.catalog.items(missing)
            found = [
                _collapsed(zip(row_scores, row_ids, strict=True), known, own[row] if own else ())
                for row, (row_scores, row_ids) in enumerate(
                    zip(rounded.tolist(), ids.tolist(), strict=True)
                )
            ]
            ends = rounded[:, -1] if rounded.shape[1] else np.full(len(rounded), -np.inf)
            if depth >= total or all(
                len(hits) >= k and hits[k - 1].cosine > end
                for hits, end in zip(found, ends, strict=True)
            ):
                return [hits[:k] for hits in found]
            depth = min(4 * depth, total)

    def _hit(self, rank: int, answer: Answer) -> Hit:
        item = answer.item
        return Hit(
            rank=rank,
            score=answer.score,
            path=self.store.absolute(item.about or item.path),
            source=f"{item.path}:{item.locator}" if item.locator else item.path,
            modality=item.modality,
            kind=item.kind,
            text=item.text,
            taken=item.taken,
            stages={"cosine": answer.cosine},
        )


def open(path: str | Path = ".", *, model: str | None = None, device: str | None = None) -> Engine:
    """The engine of the store that is at, in, or above `path`.

    `model`, if given, has to be the one that the store was made with. Raises `StoreNotFoundError`
    and `StoreMismatchError`.
    """
    store = stores.Store(stores.find(Path(path)))
    try:
        engine = Engine(store, device=device)
    except CmsearchError:
        store.close()
        raise
    own = model_name(engine.space)
    if model not in (None, "auto") and canonical_name(str(model)) != own:
        engine.close()
        raise StoreMismatchError(
            f"The index was made with {own}, not with {model}. Search it without naming a model, "
            f"or index again into another store with --store DIR --model {model}."
        )
    return engine


def _collapsed(
    pairs: Iterable[tuple[float, int]], known: Mapping[int, Item], own: Container[str]
) -> list[Answer]:
    """The best score of each item, in order, without the items of the assets in `own`."""
    best: dict[int, Answer] = {}
    for cosine, number in pairs:
        item = known.get(number)
        if item is None or item.path in own:
            continue
        if item.id not in best or cosine > best[item.id].cosine:
            best[item.id] = Answer(item, cosine, cosine)
    return sorted(best.values(), key=_order)


def _order(answer: Answer) -> tuple[Any, ...]:
    """The best first; ties by path and by the place in the file."""
    item = answer.item
    places = tuple(int(number) for number in _NUMBER.findall(item.locator))
    return (-answer.score, item.path, places, item.locator)


def _standards(
    background: Background, query: Modality, targets: Sequence[Modality]
) -> dict[Modality, tuple[float, float]]:
    """What to subtract from, and divide, each direction's cosines by; nothing for only one.

    A direction without a background of its own takes the mean of the others'.
    """
    if len(targets) < 2:
        return {}
    known = background.get(query, {})
    common = tuple(np.mean(list(known.values()), axis=0)) if known else (0.0, 1.0)
    return {target: known.get(target, common) for target in targets}


def _standardised(answer: Answer, standard: tuple[float, float] | None) -> Answer:
    if standard is None:
        return answer
    mean, deviation = standard
    return answer._replace(score=round((answer.cosine - mean) / deviation, _DECIMALS))


def _number(k: Any) -> int:
    try:
        number = operator.index(k)
    except TypeError:
        number = 0
    if number < 1:
        raise QueryError(f"k is the number of hits and at least 1, not {k!r}.")
    return number


def _check_text(text: Any) -> None:
    if not isinstance(text, str):
        kind = type(text).__name__
        raise QueryError(f"A query is a string or a list of strings, not {kind}.")
    if not text.strip():
        raise QueryError("The text to search for is empty.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QueryError("The text to search for is not valid Unicode.") from error


_FILTER_TYPES: dict[str, Any] = {
    "path": str, "since": date, "until": date, "camera": str, "near": tuple, "has_caption": bool,
}  # fmt: skip


def _check_filter(where: Any) -> None:
    if not isinstance(where, Filter):
        raise QueryError(f"where is a cmsearch.Filter, not {type(where).__name__}.")
    for name, kind in _FILTER_TYPES.items():
        value = getattr(where, name)
        if value is not None and not isinstance(value, kind):
            raise QueryError(f"The filter {name} is a {kind.__name__}, not {value!r}.")
    if where.near is not None and len(where.near) != 3:
        raise QueryError("The filter near is degrees north, degrees east, and kilometres.")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"The picture {path} can't be read: {reason}.") from error
