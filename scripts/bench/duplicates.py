"""Measure how well copies of photographs are folded, and how long that takes.

    python -m scripts.bench.duplicates FOLDER [--photographs 100] [--scale 50000]
    python -m scripts.bench.duplicates --lookalikes 24

Each copy is indexed with `lite`. For a kind of copies the photographs are ranked first and these
copies after them; a copy counts as found if it is folded into its own photograph. The framings of
70 % are distinct photographs that merely show the same: every fold of one is wrong, as is every
fold into another photograph. `in all` has everything at once, as `cmsearch duplicates` sees it.
With `--lookalikes` so many screens, pages and skies of each kind are drawn instead, each with an
amended one, which differs from it in one number, and with copies of both.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from cmsearch.media.phash import pack, phash
from cmsearch.search.merge import near_hashes
from cmsearch.search.merge.duplicate_groups import find_duplicates
from cmsearch.search.merge.near_duplicates import fold, store_least_cosine
from cmsearch.search.merge.near_hashes import EXACT
from cmsearch.store.catalog import items, pairs
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import FloatArray, IdArray, Modality
from indexer import Indexer
from scripts.bench.lookalikes import KINDS, amended, drawn

Change = Callable[[Image.Image, random.Random], Image.Image]
TURN = Image.Transpose
JPEG = {"quality": 90}
_COMPARED = 30_000  # all pairs of more take minutes


def resized(share: float) -> Change:
    return lambda image, _: image.resize(
        (round(image.width * share), round(image.height * share)), Image.Resampling.LANCZOS
    )


def cropped(share: float) -> Change:
    """Without a part of the width and of the height, at a place by chance."""

    def crop(image: Image.Image, chance: random.Random) -> Image.Image:
        width, height = round(image.width * (1 - share)), round(image.height * (1 - share))
        left, top = chance.randint(0, image.width - width), chance.randint(0, image.height - height)
        return image.crop((left, top, left + width, top + height))

    return crop


def framed(left: float, right: float) -> Change:
    return lambda image, _: image.crop(
        (round(image.width * left), 0, round(image.width * right), image.height)
    )


def tilted(image: Image.Image, _: random.Random) -> Image.Image:
    """Turned by 2 degrees, with black corners."""
    return image.rotate(2, Image.Resampling.BICUBIC)


def straightened(image: Image.Image, chance: random.Random) -> Image.Image:
    """Turned by 2 degrees, without the corners."""
    wide = max(image.width / image.height, image.height / image.width)
    share = 1 / (math.cos(math.radians(2)) + math.sin(math.radians(2)) * wide)
    width, height = round(image.width * share), round(image.height * share)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return tilted(image, chance).crop((left, top, left + width, top + height))


def same(image: Image.Image, _: random.Random) -> Image.Image:
    return image


COPIES: dict[str, tuple[Change, str, dict[str, int]]] = {
    "JPEG of quality 50": (same, "jpg", {"quality": 50}),
    "WebP of quality 60": (same, "webp", {"quality": 60}),
    "resized to 50 %": (resized(0.5), "jpg", JPEG),
    "resized to 25 %": (resized(0.25), "jpg", JPEG),
    "cropped by 5 % of its area": (cropped(1 - math.sqrt(0.95)), "jpg", JPEG),
    "cropped by 5 % of each side": (cropped(0.05), "jpg", JPEG),
    "rotated by 90 degrees": (lambda image, _: image.transpose(TURN.ROTATE_90), "jpg", JPEG),
    "rotated by 180 degrees": (lambda image, _: image.transpose(TURN.ROTATE_180), "jpg", JPEG),
    "rotated by 270 degrees": (lambda image, _: image.transpose(TURN.ROTATE_270), "jpg", JPEG),
    "mirrored": (lambda image, _: image.transpose(TURN.FLIP_LEFT_RIGHT), "jpg", JPEG),
    "rotated by 2 degrees": (tilted, "jpg", JPEG),
    "the same, without corners": (straightened, "jpg", JPEG),
    "cropped by 10 % of each side": (cropped(0.1), "jpg", JPEG),
}
REQUIRED = tuple(COPIES)[:-1]
FRAMINGS: dict[str, tuple[Change, str, dict[str, int]]] = {
    "distinct: left 70 %": (framed(0, 0.7), "jpg", JPEG),
    "distinct: right 70 %": (framed(0.3, 1), "jpg", JPEG),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--photographs", type=int, default=100)
    parser.add_argument("--scale", type=int, help="time the folding of so many pictures instead")
    parser.add_argument("--lookalikes", type=int, help="draw so many of each kind instead")
    arguments = parser.parse_args()
    if arguments.lookalikes:
        _lookalikes(arguments.lookalikes)
        return
    if arguments.folder is None:
        parser.error("give a FOLDER of photographs, or --lookalikes")
    chosen = sorted(arguments.folder.rglob("*.jpg"))[: arguments.photographs]
    if arguments.scale:
        _scale(chosen, arguments.scale)
        return
    with tempfile.TemporaryDirectory() as place:
        _make(chosen, Path(place))
        Indexer(place, model="lite").run()
        with Store(Path(place) / DIRECTORY) as store:
            _measure(store, len(chosen))


LIKE: dict[str, tuple[Change, str, dict[str, int]]] = {
    "original": (lambda image, _: image, "png", {}),
    "JPEG of quality 50": (same, "jpg", {"quality": 50}),
    "WebP of quality 60": (same, "webp", {"quality": 60}),
    "resized to 50 %": (resized(0.5), "jpg", JPEG),
    "resized to 30 %": (resized(0.3), "jpg", JPEG),
    "brightened by 10 %": (
        lambda image, _: ImageEnhance.Brightness(image).enhance(1.1),
        "jpg",
        JPEG,
    ),
    "rotated by 90 degrees": (lambda image, _: image.transpose(TURN.ROTATE_90), "jpg", JPEG),
}


def _lookalikes(count: int) -> None:
    """Fold different pictures of one kind, and copies of each, as `duplicates` and `search` do."""
    with tempfile.TemporaryDirectory() as place:
        for kind, number in product(KINDS, range(count)):
            for name, draw in (("drawn", drawn), ("amended", amended)):
                _write_forms(Path(place) / kind, f"{number} {name}", draw(kind, number))
        Indexer(place, model="lite").run()
        with Store(Path(place) / DIRECTORY) as store:
            _count_lookalikes(store, count)


def _write_forms(folder: Path, name: str, image: Image.Image) -> None:
    for form, (change, suffix, options) in LIKE.items():
        (folder / form).mkdir(parents=True, exist_ok=True)
        change(image, random.Random(0)).save(folder / form / f"{name}.{suffix}", **options)


def _count_lookalikes(store: Store, count: int) -> None:
    start = time.perf_counter()
    groups = find_duplicates(store).groups
    print(f"duplicates: {time.perf_counter() - start:.1f} s")
    alike = [(copy.path, group.best.path) for group in groups for copy in group.others]
    _print_lookalikes("as duplicates", alike, count)
    found = store.catalog.space()
    assert found is not None
    rows = list(pairs.pictures(store.catalog, found[0]))
    vectors = items.vectors(store.catalog, [row.embedding for row in rows], found[1].dim)
    rows = sorted(rows, key=lambda row: ("/original/" not in row.path, row.path))
    least = store_least_cosine(store.catalog, found[0], found[1].dim)
    into = fold(
        pack([row.hash for row in rows]),
        lambda places: np.stack([vectors[rows[one].embedding] for one in places.tolist()]),
        [row.path for row in rows],
        [row.digest for row in rows],
        least_cosine=lambda: least,
    ).tolist()
    paths = [Path(row.path) for row in rows]
    alike = [(paths[one], paths[first]) for one, first in enumerate(into) if one != first]
    _print_lookalikes("as search, without a look at files", alike, count)


def _print_lookalikes(title: str, pairs: list[tuple[Path, Path]], count: int) -> None:
    print(f"{title:36} recall  precision, and wrong ones: another picture, an amended one")
    sums = [0, 0, 0]
    for kind in KINDS:
        own = [(one, other) for one, other in pairs if one.parent.parent.name == kind]
        right = sum(one.stem == other.stem for one, other in own)
        amended_ones = sum(
            one.stem != other.stem and one.stem.split()[0] == other.stem.split()[0]
            for one, other in own
        )
        other = len(own) - right - amended_ones
        _print_row(kind, right, amended_ones, other, count)
        sums = [sums[0] + right, sums[1] + amended_ones, sums[2] + other]
    _print_row("in all", sums[0], sums[1], sums[2], count * len(KINDS))


def _print_row(name: str, right: int, amended_ones: int, other: int, count: int) -> None:
    recall = right / (2 * count * (len(LIKE) - 1))
    every = right + amended_ones + other
    precision = right / every if every else math.nan
    print(f"{name:36} {recall:6.3f}  {precision:9.3f}  {other:5} {amended_ones:5}")


def _make(chosen: list[Path], folder: Path) -> None:
    for number, path in enumerate(chosen):
        (folder / "original").mkdir(exist_ok=True)
        (folder / "original" / f"{number}.jpg").write_bytes(path.read_bytes())
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        for kind, (change, suffix, options) in (COPIES | FRAMINGS).items():
            (folder / kind).mkdir(exist_ok=True)
            copy = change(image, random.Random(f"{kind} {number}"))
            copy.save(folder / kind / f"{number}.{suffix}", **options)


def _measure(store: Store, photographs: int) -> None:
    pictures = _Pictures(store)
    print(f"{photographs} photographs; least cosine {pictures.least:.3f}")
    print(f"{'':30} recall  precision")
    hits = wrongs = 0
    for kind in (*COPIES, *FRAMINGS):
        right, wrong = pictures.folded(kind)
        precision = right / (right + wrong) if right + wrong else math.nan
        recall = math.nan if kind in FRAMINGS else right / photographs
        print(f"{kind:30} {recall:6.3f}  {precision:9.3f}  ({wrong} wrong)")
        hits += right if kind in REQUIRED else 0
        wrongs += wrong if kind in REQUIRED else 0
    print(f"{'the kinds from JPEG to corners':30} "
          f"{hits / photographs / len(REQUIRED):6.3f}  {hits / (hits + wrongs):9.3f}")  # fmt: skip
    start = time.perf_counter()
    right = wrong = 0
    for group in find_duplicates(store).groups:
        for copy in group.others:
            distinct = {copy.path.parent.name, group.best.path.parent.name} & FRAMINGS.keys()
            good = copy.path.stem == group.best.path.stem and not distinct
            right, wrong = right + good, wrong + (not good)
    print(f"{'in all, with the framings':30} {right / photographs / len(COPIES):6.3f}  "
          f"{right / (right + wrong):9.3f}  ({wrong} wrong; "
          f"{time.perf_counter() - start:.1f} s)")  # fmt: skip


class _Pictures:
    """What the folding needs, by kind and number."""

    def __init__(self, store: Store) -> None:
        found = store.catalog.space()
        assert found is not None
        space, dim = found[0], found[1].dim
        rows = pairs.pictures(store.catalog, space)
        ids, vectors = items.embeddings(store.catalog, space, Modality.IMAGE, dim)
        known = dict(zip(ids.tolist(), vectors, strict=True))
        self.least = store_least_cosine(store.catalog, space, dim)
        self._by_kind: dict[str, dict[str, tuple[bytes, FloatArray, str, str]]] = {}
        for number, path, _, digest, hashed in rows:
            kind, name = path.split("/")
            one = (hashed or b"", known[number], path, digest)
            self._by_kind.setdefault(kind, {})[name.split(".")[0]] = one

    def folded(self, kind: str) -> tuple[int, int]:
        """How many copies are folded into their own photograph, and how many wrongly."""
        originals, copies = self._by_kind["original"], self._by_kind[kind]
        names = [*originals, *copies]
        rows = [*originals.values(), *copies.values()]
        hashes, vectors, paths, digests = zip(*rows, strict=True)
        into = fold(
            pack(hashes), lambda places: np.stack(vectors)[places], paths, digests,
            least_cosine=lambda: self.least,
        )  # fmt: skip
        distinct = kind in FRAMINGS
        right = wrong = 0
        for place, target in enumerate(into.tolist()):
            if target != place:
                good = names[place] == names[target] and not distinct
                right, wrong = right + good, wrong + (not good)
        return right, wrong


def _scale(chosen: list[Path], count: int) -> None:
    """Fold many parts of photographs, which are as hard to tell apart as any pictures."""
    chance = random.Random(0)
    images = [Image.open(path).convert("RGB").resize((400, 300)) for path in chosen]
    random_rows = np.random.default_rng(0)
    directions = random_rows.normal(size=(len(images), 384)).astype(np.float32)
    hashes, vectors, times = [], np.empty((count, 384), np.float32), []
    for place, part in enumerate(_parts(images, count, chance)):
        start = time.perf_counter()
        hashes.append(phash(part))
        times.append(time.perf_counter() - start)
        noise = random_rows.normal(size=384).astype(np.float32)
        vectors[place] = directions[place % len(images)] + noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    print(f"a hash {statistics.median(times) * 1e3:.2f} ms, median of {count}")
    for size in (100, 1000, count):
        into = _folded(pack(hashes[:size]), vectors)
        if EXACT < size <= _COMPARED:
            near_hashes.EXACT = size
            every = _folded(pack(hashes[:size]), vectors)
            lost = int(((into == np.arange(size)) & (every != np.arange(size))).sum())
            print(
                f"{lost} of {(every != np.arange(size)).sum()} lost that comparing all pairs folds"
            )


def _folded(hashes: NDArray[np.int8], vectors: FloatArray) -> IdArray:
    paths = [f"{place}.jpg" for place in range(len(hashes))]
    start = time.process_time()
    into = fold(
        hashes, lambda places: vectors[places], paths, paths,
        least_cosine=lambda: 0.3, look=lambda *_: True,
    )  # fmt: skip
    took = time.process_time() - start
    folded = int((into != np.arange(len(into))).sum())
    print(f"fold of {len(into):6} {took:8.3f} s of processor time, {folded} folded")
    return into


def _parts(images: list[Image.Image], count: int, chance: random.Random) -> Iterator[Image.Image]:
    for place in range(count):
        image, share = images[place % len(images)], chance.uniform(0.3, 0.9)
        width, height = round(image.width * share), round(image.height * share)
        left, top = chance.randint(0, image.width - width), chance.randint(0, image.height - height)
        yield image.crop((left, top, left + width, top + height))


if __name__ == "__main__":
    main()
