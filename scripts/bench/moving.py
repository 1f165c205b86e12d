"""Import vectors of tiny pictures in each form, export them, and import the export.

    python -m scripts.bench.moving [--rows 100000] [--folder DIR]

Each form has a process of its own, whose processor time and memory are told. The vectors are made
up, and the pictures of one colour each, from which an encoder of this module knows its vector.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cmsearch.models.plugins import encoders
from cmsearch.store.catalog import items
from cmsearch.store.store import Store
from cmsearch.store.vector_files import export
from cmsearch.types import Capabilities, Encoding, FloatArray, Modality, Progress, Role, Space
from indexer.importing.importer import Importer, Wanted

DIM = 512
MODEL = "bench:moving"
_A_FOLDER = 1000


class ColourEncoder:
    """Gives each colour the vector of its number."""

    space = Space("bench", "moving", "0", "made up", DIM)
    capabilities = Capabilities(frozenset({Modality.TEXT, Modality.IMAGE}), 16, runtime="numpy")

    def split(self, text: str) -> list[str]:
        return [text]

    def prepare(self, content: Any, modality: Modality) -> int:
        if modality is Modality.TEXT:
            return len(content)
        red, green, blue = content.getpixel((0, 0))
        return int(red << 16 | green << 8 | blue)

    def encode(self, batch: Sequence[int], modality: Modality, role: Role) -> Encoding:
        return Encoding(np.stack([vector(number) for number in batch]))


def load(model: str, **_: Any) -> ColourEncoder:
    """What a row `bench` of the registry names."""
    return ColourEncoder()


def know_bench() -> None:
    encoders._rows["bench"] = "scripts.bench.moving:load"  # type: ignore[index]


def vector(number: int) -> FloatArray:
    """Always the same one, as float16 keeps it."""
    row = np.random.default_rng(number).standard_normal(DIM)
    return (row / np.linalg.norm(row)).astype(np.float16).astype(np.float32)


def name_of(number: int) -> str:
    return f"{number // _A_FOLDER}/{number}.png"


def write_folder(folder: Path, rows: int) -> None:
    for number in range(rows):
        path = folder / name_of(number)
        if number % _A_FOLDER == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        colour = (number >> 16, number >> 8 & 255, number & 255)
        Image.new("RGB", (2, 2), colour).save(path)


def of_clip_retrieval(place: Path, folder: Path, vectors: FloatArray) -> Path:
    """Ten partitions, as `clip-retrieval inference` writes them."""
    import pyarrow as pa
    from pyarrow import parquet

    for name in ("img_emb", "metadata"):
        (place / name).mkdir(parents=True)
    for part, rows in enumerate(np.array_split(np.arange(len(vectors)), 10)):
        np.save(place / "img_emb" / f"img_emb_{part}.npy", vectors[rows].astype(np.float16))
        names = [name_of(number) for number in rows.tolist()]
        table = pa.table({"image_path": names})
        parquet.write_table(table, place / "metadata" / f"metadata_{part}.parquet")
    return place


def of_rclip(place: Path, folder: Path, vectors: FloatArray) -> Path:
    place.mkdir(parents=True)
    with closing(sqlite3.connect(place / "db.sqlite3")) as made:
        made.execute(
            "CREATE TABLE images (id INTEGER PRIMARY KEY, deleted BOOLEAN, filepath TEXT NOT NULL "
            "UNIQUE, modified_at DATETIME NOT NULL, size INTEGER NOT NULL, vector BLOB NOT NULL, "
            "indexing BOOLEAN)"
        )
        insert = "INSERT INTO images VALUES (?, NULL, ?, ?, ?, ?, NULL)"
        for number, row in enumerate(vectors):
            path = folder.absolute() / name_of(number)
            status = path.stat()
            values = (status.st_mtime, status.st_size, row.astype("<f4").tobytes())
            made.execute(insert, (number + 1, str(path), *values))
        made.commit()
    return place


def of_arrays(place: Path, folder: Path, vectors: FloatArray) -> Path:
    place.mkdir(parents=True)
    np.save(place / "vectors.npy", vectors)
    lines = (f"{name_of(number)}\n" for number in range(len(vectors)))
    (place / "paths.txt").write_text("".join(lines))
    return place


def of_parquet(place: Path, folder: Path, vectors: FloatArray) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    place.mkdir(parents=True)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
    names = [name_of(number) for number in range(len(vectors))]
    parquet.write_table(pa.table({"path": names, "vector": lists}), place / "all.parquet")
    return place / "all.parquet"


FORMS: dict[str, Callable[[Path, Path, FloatArray], Path]] = {
    "clip-retrieval": of_clip_retrieval,
    "rclip": of_rclip,
    "array and paths": of_arrays,
    "one Parquet": of_parquet,
}


def moved(form: str, place: Path, folder: Path, rows: int) -> dict[str, Any]:
    """Import, export, and import the export; what each costs, and whether nothing differs."""
    vectors = np.stack([vector(number) for number in range(rows)])
    source = FORMS[form](place / "source", folder, vectors)
    expected = {name_of(number): row for number, row in enumerate(vectors)}
    base = _memory()
    found: dict[str, Any] = {"form": form, "rows": rows}
    stores = [place / "first", place / "second"]
    before = dict[str, Any]()

    def tell(event: Progress) -> None:
        if event.stage == "publish":
            before.setdefault("CPU", time.process_time())
            before.setdefault("memory", _memory())

    start = time.process_time()
    _, found["import"] = _took(lambda: _import(source, folder, stores[0], tell))
    found["until it is published"] = f"{before['CPU'] - start:.1f} s CPU"
    found["MB until then"] = round((before["memory"] - base) / 1000)
    with Store(stores[0]) as store:
        _, found["export"] = _took(lambda: export(store, place / "out"))
    _, found["import it again"] = _took(lambda: _import(place / "out", folder, stores[1]))
    found["MB more"] = round((_memory() - base) / 1000)
    found["equal"] = all(_is_equal(one, expected) for one in stores)
    return found


def _import(source: Path, folder: Path, store: Path, tell: Any = None) -> None:
    done = Importer(source, folder, store=store, wanted=Wanted(MODEL)).run(tell)
    assert not done.passed and done.away == 0


def _is_equal(place: Path, expected: dict[str, FloatArray]) -> bool:
    """Whether a store has exactly these vectors at these paths."""
    count = 0
    with Store(place) as store:
        for ids, rows in items.pages(store.catalog, 1, Modality.IMAGE, DIM):
            known = items.of_embeddings(store.catalog, ids.tolist())
            for number, row in zip(ids.tolist(), rows, strict=True):
                if not np.array_equal(expected[known[number].path], row):
                    return False
            count += len(ids)
    return count == len(expected)


def _took(act: Callable[[], Any]) -> tuple[Any, str]:
    own, children = time.process_time(), _children()
    found = act()
    own, children = time.process_time() - own, _children() - children
    return found, f"{own + children:.1f} s CPU"


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory() -> int:
    """The most memory that this process had, in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--form", choices=FORMS)
    arguments = parser.parse_args()
    know_bench()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch, "pictures")
        if not folder.exists():
            write_folder(folder, arguments.rows)
        if arguments.form:
            print(json.dumps(moved(arguments.form, Path(scratch), folder, arguments.rows)))
            return
        for form in FORMS:
            own = ["--form", form, "--folder", str(folder), "--rows", str(arguments.rows)]
            subprocess.run([sys.executable, "-m", "scripts.bench.moving", *own], check=True)


if __name__ == "__main__":
    main()
