"""Say what a search by text costs among N pictures with N captions: statements, and time by stage.

    python -m scripts.bench.search_cost [1000 100000] [--folder DIR] [--queries 60]
        [--rounds 1] [--filtered]

The pictures and perceptual hashes are made up; captions and queries are each the halves of two of
300 captions, encoded by `lite`. Prints the milliseconds of processor time of each stage, without
those of the stages within it: the median of the queries, and the mean, of one engine after its
first searches. With more rounds the least of them counts, as on a machine with nothing else to do.
With --folder the stores are kept there, and found again. For figures of one thread run it with
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from importlib import resources
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import sqlalchemy as sa

from cmsearch.media import phash
from cmsearch.models.loading import load_encoder
from cmsearch.store.catalog import schema, sqlite_words
from cmsearch.store.catalog.rows import NewItem, asset_row, embedding_blobs, item_row
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Encoding, Filter, FloatArray, Modality, Part, Role
from tests.builders import asset

STAGES = {
    "encode": ("cmsearch.search.query.encode", "encode_queries"),
    "state": ("cmsearch.store.view", "Views.reading"),
    "captions": ("cmsearch.search.hybrid.captions_and_words", "find_by_captions"),
    "words": ("cmsearch.search.hybrid.captions_and_words", "find_by_words"),
    "nearest": ("cmsearch.search.retrieve.nearest", "Retriever.search"),
    "others": ("cmsearch.search.retrieve.nearest", "Retriever.these"),
    "index": ("cmsearch.store.index.faiss_index", "FaissIndex.search"),
    "attention": ("cmsearch.search.rank.attention", "attention"),
    "contents": ("cmsearch.store.catalog.items", "contents"),
    "evidence": ("cmsearch.search.merge.evidence", "evidence"),
    "folding": ("cmsearch.search.merge.collapse", "NearDuplicates.folded"),
    "hits": ("cmsearch.search.hits", "Hits.best"),
}
"""By stage where its function is; each is wrapped before what calls it is imported."""
FIRST = ("encode", "nearest", "index")
"""What isn't counted as beyond the first stage, but for captions."""
_SENTENCES = 400
_TOKENS = 10
_BATCH = 2_000


class Timers:
    """Processor time by stage, without that of the stages within."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self._open: list[str] = []
        self._since = 0.0

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time noted."""

        @wraps(function)
        def timed(*args: Any, **named: Any) -> Any:
            with self.stage(name):
                return function(*args, **named)

        return timed

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Note the time within as that of a stage; captions have a first stage of their own."""
        if "captions" in self._open and name in ("nearest", "index"):
            name = f"captions: {name}"
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def _turn(self) -> None:
        now = time.process_time()
        if self._open:
            own = self._open[-1]
            self.times[own] = self.times.get(own, 0.0) + now - self._since
        self._since = now


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sizes", type=int, nargs="*", default=[1_000, 100_000])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--filtered", action="store_true", help="ask for one folder of ten")
    arguments = parser.parse_args()
    timers = Timers()
    _wrap(timers)
    with tempfile.TemporaryDirectory() as place:
        for size in arguments.sizes:
            folder = (arguments.folder or Path(place)) / str(size)
            if not (folder / DIRECTORY).exists():
                fill(folder, size)
            where = Filter(path="trip3*") if arguments.filtered else Filter()
            _measure(folder, arguments.queries, where, timers, arguments.rounds)
    return 0


def _wrap(timers: Timers) -> None:
    """Let each stage be timed; the functions of modules before they are imported elsewhere."""
    from importlib import import_module

    for name, (module, path) in STAGES.items():
        owner: Any = import_module(module)
        *kinds, function = path.split(".")
        for kind in kinds:
            owner = getattr(owner, kind)
        if name == "state":
            setattr(owner, function, _entered(timers, getattr(owner, function)))
        else:
            setattr(owner, function, timers.wrap(name, getattr(owner, function)))


def _entered(timers: Timers, function: Callable[..., Any]) -> Callable[..., Any]:
    """A context manager of which the beginning and the end are timed."""

    @contextmanager
    def timed(*args: Any) -> Iterator[Any]:
        context = function(*args)
        with timers.stage("state"):
            value = context.__enter__()
        try:
            yield value
        finally:
            with timers.stage("state"):
                context.__exit__(None, None, None)

    return timed


def _measure(folder: Path, count: int, where: Filter, timers: Timers, rounds: int) -> None:
    import cmsearch

    statements: list[str] = []
    sa.event.listen(
        sa.engine.Engine,
        "connect",
        lambda driver, _: driver.set_trace_callback(lambda text: statements.append(text)),
    )
    with cmsearch.open(folder) as engine:
        begun = time.process_time()
        engine.search("a first search", k=10, where=where)
        first = time.process_time() - begun
        statements.clear()
        engine.search(sentence(-1), k=10, where=where)
        told = sum(not text.startswith("--") for text in statements)  # those are FTS5's own
    _quiet()
    rows: list[dict[str, float]] = []
    for _ in range(rounds):
        again = list(_asked(folder, count, where, timers))
        rows = [
            {name: min(own.get(name, 0.0), other.get(name, 0.0)) for name in {**own, **other}}
            for own, other in zip(again, rows or again, strict=True)
        ]
    name = f"{int(folder.name):,} pictures with captions"
    print(f"\n{name}: {told} statements; first search {first:.2f} s")
    _tell(rows)


def _asked(folder: Path, count: int, where: Filter, timers: Timers) -> Iterator[dict[str, float]]:
    """The times of some queries by a new engine."""
    import cmsearch

    with cmsearch.open(folder) as engine:
        for number in range(3):
            engine.search(sentence(-10 - number), k=10, where=where)
        for number in range(count):
            timers.times.clear()
            begun = time.process_time()
            with timers.stage("rest"):
                engine.search(sentence(-100 - number), k=10, where=where)
            yield {**timers.times, "all": time.process_time() - begun}


def _quiet() -> None:
    """Let what is opened from now on run untraced."""
    sa.event.listen(sa.engine.Engine, "connect", lambda driver, _: driver.set_trace_callback(None))


def _tell(rows: list[dict[str, float]]) -> None:
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "all"]
    print(f"{'stage':<20}{'median':>8}{'mean':>8}  ms")
    for name in [*names, "all"]:
        values = [1000 * row.get(name, 0.0) for row in rows]
        print(f"{name:<20}{median(values):8.2f}{mean(values):8.2f}")
    later = [1000 * sum(row[one] for one in row if one not in (*FIRST, "all")) for row in rows]
    print(f"{'beyond the first':<20}{median(later):8.2f}{mean(later):8.2f}")


def sentence(number: int) -> str:
    """The beginning of a caption and the end of another one; negative numbers give others."""
    lines = _captions()
    first, last = np.random.default_rng([number % 2**32, 7]).integers(0, len(lines), 2)
    begin, end = lines[first].split(), lines[last].split()
    return " ".join([*begin[: len(begin) // 2], *end[len(end) // 2 :]])


@cache
def _captions() -> list[str]:
    place = resources.files("cmsearch.search.query").joinpath("background_captions.txt")
    return place.read_text(encoding="utf-8").splitlines()


def fill(folder: Path, size: int) -> None:
    """A store of `size` pictures with a caption each, published."""
    from cmsearch.search.query.background_captions import captions

    encoder = load_encoder("lite", download=False)
    known = _encoded(encoder, [sentence(number) for number in range(min(size, _SENTENCES))])
    bank = _encoded(encoder, captions()).vectors
    folder.mkdir(parents=True)
    with Store(folder / DIRECTORY, folder) as store:
        with store.catalog.writing() as writer:
            space = writer.put_space(encoder.space, "onnx")
            writer.put_bank(space, bank)
            writer.serve(space)
        with store.catalog.connected() as connection:
            for start in range(0, size, _BATCH):
                _add(connection, space, range(start, min(start + _BATCH, size)), known)
            connection.commit()
            sqlite_words.make(connection)
            connection.commit()
        store.publish()


def _encoded(encoder: Any, texts: list[str]) -> Encoding:
    batches = [
        encoder.encode(
            [encoder.prepare(text, Modality.TEXT) for text in texts[start : start + 32]],
            Modality.TEXT,
            Role.DOCUMENT,
        )
        for start in range(0, len(texts), 32)
    ]
    tokens, weights = (
        np.concatenate([np.pad(rows, [(0, 0), (0, _TOKENS - rows.shape[1]), *rest]) for rows in of])
        for of, rest in (
            ([one.tokens for one in batches], [(0, 0)]),
            ([one.weights for one in batches], []),
        )
    )
    return Encoding(np.concatenate([one.vectors for one in batches]), tokens, weights)


def _add(connection: sa.Connection, space: int, numbers: range, known: Encoding) -> None:
    """Pictures near their captions, with tokens of their own, and a caption of each."""
    random = np.random.default_rng(numbers.start)
    rows: dict[str, list[dict[str, Any]]] = {"assets": [], "items": [], "embeddings": []}
    assert known.tokens is not None and known.weights is not None
    cone = known.vectors.mean(0)
    for number in numbers:
        place, own = 2 * number + 1, number % len(known.vectors)
        path = f"trip{number // 100 % 10}/{number // 1000}/IMG_{number:06}.jpg"
        about = {"caption": path.replace(".jpg", ".txt")}
        says = _unit(known.vectors[own] + 0.6 * _noise(random))
        shows = _unit(0.4 * says + 0.6 * cone + 0.8 * _noise(random))
        cells = _unit(shows + _noise(random, _TOKENS))
        picture = Encoding(shows[None], cells[None], np.ones((1, _TOKENS), np.float32))
        text = Encoding(says[None], known.tokens[own][None], known.weights[own][None])
        rows["assets"] += [
            {"id": place, **asset_row(asset(path))},
            {"id": place + 1, **asset_row(asset(about["caption"], "captions"))},
        ]
        parts = (
            (place, Part(Modality.IMAGE, "photo", None), None, picture, _hash(random)),
            (
                place + 1,
                Part(Modality.TEXT, "caption", sentence(number), path, "1"),
                place,
                text,
                None,
            ),
        )
        for item, part, described, encoding, found in parts:
            new = NewItem(part, part.about, f"{item:064x}", encoding)
            row = item_row(item, described, new)
            rows["items"].append({"id": item, **row, "phash": found})
            common = {"item": item, "space": space, "modality": part.modality}
            rows["embeddings"] += [{**common, **blobs} for blobs in embedding_blobs(encoding)]
    for name, values in rows.items():
        connection.execute(sa.insert(schema.meta.tables[name]), values)


def _noise(random: np.random.Generator, count: int = 1) -> FloatArray:
    rows = random.normal(size=(count, 384)).astype(np.float32)
    return _unit(rows) if count > 1 else _unit(rows)[0]


def _unit(rows: FloatArray) -> FloatArray:
    unit: FloatArray = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return unit


def _hash(random: np.random.Generator) -> bytes:
    values = random.normal(size=phash.BYTES)
    values[0] = 0
    return bytes(np.round(values * (127 / np.abs(values).max())).astype(np.int8))


if __name__ == "__main__":
    sys.exit(main())
