"""Find the shots of a film that is made of photographs by the captions of these.

    CMSEARCH_COCO159=FOLDER python -m scripts.bench.film [--photos 40] [--split val2017]
        [--fade 1.0] [--pooling]

FOLDER has `images`, `captions.jsonl` and `manifest.jsonl`. 40 photographs, spread over all or those
of a split, become a film of as many shots, of 2 to 4 seconds; every second one moves. It is indexed
with `lite`, as the photographs are apart from it. With --fade each picture fades into the next for
so many seconds, and only the cuts are measured. With --pooling the temperature of the attention
over a shot's pictures is compared instead.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import cmsearch
from cmsearch.common import locators
from cmsearch.media.video import VideoReader
from cmsearch.models.encoders.lite import load
from cmsearch.protocols import Encoder
from cmsearch.search.retrieve.shot_pooling import pooled
from cmsearch.types import FloatArray, Modality, Part, Reading, Role
from indexer import Indexer

RATE, SIZE = 25, (640, 480)
NEAR = 0.25
"""Seconds that a cut may be off its place."""
TEMPERATURES = (0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 10.0)


class Shown(NamedTuple):
    """A photograph, the times in which the film shows it, and its captions."""

    path: Path
    start: float
    end: float
    captions: Sequence[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--split")
    parser.add_argument("--fade", type=float, default=0.0)
    parser.add_argument("--pooling", action="store_true")
    arguments = parser.parse_args()
    place = os.environ.get("CMSEARCH_COCO159")
    if not place:
        raise SystemExit("CMSEARCH_COCO159 doesn't name the folder of photographs.")
    pairs = captioned(Path(place), arguments.split)
    if arguments.pooling:
        compare_pooling(pairs)
        return
    wanted = min(arguments.photos, len(pairs))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = [pairs[place * len(pairs) // wanted] for place in range(wanted)]
        shots = render(folder / "film" / "film.mp4", chosen, arguments.fade)
        detect(folder / "film" / "film.mp4", shots, max(NEAR, arguments.fade / 2))
        if not arguments.fade:
            search(folder, shots)


def captioned(folder: Path, split: str | None) -> list[tuple[Path, list[str]]]:
    """The photographs, or those of a split, with their captions."""
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    own = {one["file"] for one in map(json.loads, lines) if split in (None, one["split"])}
    found: dict[str, list[str]] = {}
    for line in (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        if pair["image"] in own:
            found.setdefault(pair["image"], []).append(pair["caption"])
    return [(folder / name, said) for name, said in sorted(found.items())]


def render(film: Path, pairs: Sequence[tuple[Path, list[str]]], fade: float = 0.0) -> list[Shown]:
    """Write the film; returns what it shows when. The middle of a fade counts as a cut."""
    import av

    film.parent.mkdir(parents=True)
    random, shots, count = np.random.default_rng(0), list[Shown](), 0
    last: Image.Image | None = None
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number, (path, said) in enumerate(pairs):
            length = int(random.uniform(2, 4) * RATE)
            before = last
            for place, picture in enumerate(
                moving(Image.open(path).convert("RGB"), number, length)
            ):
                last = picture
                if before is not None and place < fade * RATE:
                    picture = Image.blend(before, picture, place / (fade * RATE))
                container.mux(stream.encode(av.VideoFrame.from_image(picture)))
            start = count / RATE + (fade / 2 if shots else 0)
            shots.append(Shown(path, start, (count + length) / RATE + fade / 2, said))
            count += length
        container.mux(stream.encode())
    return shots


def moving(photo: Image.Image, number: int, length: int) -> Iterator[Image.Image]:
    """The frames of a shot: slowly nearer, or along the photograph, or still.

    The whole of a tall photograph is only seen by moving along it.
    """
    wide, high = photo.size
    across, down = min(wide, high * SIZE[0] / SIZE[1]), min(high, wide * SIZE[1] / SIZE[0])
    is_tall = down < 0.8 * high
    for frame in range(length):
        done = frame / max(1, length - 1)
        scale = 1 - 0.15 * done if number % 4 == 0 and not is_tall else 1.0
        along = done if number % 4 == 1 or is_tall else 0.5
        left, top = (wide - across * scale) * along, (high - down * scale) * along
        box = (left, top, left + across * scale, top + down * scale)
        yield photo.resize(SIZE, Image.Resampling.BICUBIC, box=box)


def detect(film: Path, shots: Sequence[Shown], near: float) -> None:
    """Print how well cuts are found, and how fast."""
    start = time.perf_counter()
    parts = [part for part in VideoReader().read(film, Reading(260)) if isinstance(part, Part)]
    seconds = time.perf_counter() - start
    spans = [span for part in parts if (span := locators.span(part.locator))]
    found, true = [one[0] for one in spans[1:]], [shot.start for shot in shots[1:]]
    right = sum(any(abs(one - other) <= near for other in true) for one in found)
    hit = sum(any(abs(one - other) <= near for one in found) for other in true)
    pictures = sum(len(part.content) for part in parts)
    print(f"film         {shots[-1].end:.0f} s, {len(shots)} shots, {SIZE[0]} x {SIZE[1]}")
    print(f"read         {seconds:.1f} s, {shots[-1].end / seconds:.0f} times real time")
    print(f"shots found  {len(parts)}, with {pictures} pictures")
    print(f"cuts         precision {right / len(found):.3f}, recall {hit / len(true):.3f}")


def search(folder: Path, shots: Sequence[Shown]) -> None:
    """Print in how many searches the right shot, or the right photograph, comes first."""
    photos = folder / "photos"
    photos.mkdir()
    for shot in shots:
        (photos / shot.path.name).write_bytes(shot.path.read_bytes())
    asked = [(shot, text) for shot in shots for text in shot.captions]
    texts = [text for _, text in asked]
    rows = {}
    for name, target in (("photos", "image"), ("film", "video")):
        Indexer(folder / name, model="lite").run()
        with cmsearch.open(folder / name) as engine:
            hits = engine.search(texts, target=target, k=10)
        rows[name] = [
            [is_right(hit, shot) for hit in found]
            for found, (shot, _) in zip(hits, asked, strict=True)
        ]
    first = [place for place, (shot, text) in enumerate(asked) if text == shot.captions[0]]
    for name, found in rows.items():
        for which, places in (("all captions", range(len(asked))), ("first captions", first)):
            best = np.mean([found[place][0] for place in places])
            ten = np.mean([any(found[place]) for place in places])
            print(f"{name:7} {which:15} {len(places):4}  R@1 {best:.3f}  R@10 {ten:.3f}")


def is_right(hit: cmsearch.Hit, shot: Shown) -> bool:
    """Whether it is the photograph, or the shot of it, within a second at both ends."""
    if hit.start is None or hit.end is None:
        return hit.path.name == shot.path.name
    return abs(hit.start - shot.start) <= 1 and abs(hit.end - shot.end) <= 1


def compare_pooling(pairs: Sequence[tuple[Path, list[str]]]) -> None:
    """Print how temperatures rank shots of four views of a photograph, and of three photographs."""
    encoder, random = load("", device=None, space=None, download=False), np.random.default_rng(0)
    photos = [Image.open(path).convert("RGB") for path, _ in pairs]
    views = [encoded(encoder, [view(photo, random) for _ in range(4)]) for photo in photos]
    whole = encoded(encoder, photos)
    order = random.permutation(len(pairs))
    groups = [order[start : start + 3] for start in range(0, len(order), 3)]
    own = {int(one): number for number, group in enumerate(groups) for one in group}
    mixed = [whole[group] for group in groups]
    texts = [(number, text) for number, (_, said) in enumerate(pairs) for text in said]
    queries = written(encoder, [text for _, text in texts])
    print("temperature   views: R@1    MRR   mixed: R@1    MRR")
    for temperature in TEMPERATURES:
        row = [
            ranked(queries, shots, right, temperature)
            for shots, right in (
                (views, [number for number, _ in texts]),
                (mixed, [own[number] for number, _ in texts]),
            )
        ]
        (one, two), (three, four) = row
        print(f"{temperature:11} {one:12.3f} {two:6.3f} {three:12.3f} {four:6.3f}")


def view(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """A part of a photograph, of 50 to 100 % of its width."""
    scale = random.uniform(0.5, 1)
    width, height = (round(side * scale) for side in photo.size)
    left = random.integers(0, photo.width - width + 1)
    top = random.integers(0, photo.height - height + 1)
    return photo.crop((left, top, left + width, top + height))


def encoded(encoder: Encoder, pictures: Sequence[Image.Image]) -> FloatArray:
    prepared = [encoder.prepare(picture, Modality.IMAGE) for picture in pictures]
    batches = [prepared[start : start + 16] for start in range(0, len(prepared), 16)]
    rows = [encoder.encode(batch, Modality.IMAGE, Role.DOCUMENT).vectors for batch in batches]
    return np.concatenate(rows)


def written(encoder: Encoder, texts: Sequence[str]) -> FloatArray:
    prepared = [encoder.prepare(text, Modality.TEXT) for text in texts]
    batches = [prepared[start : start + 32] for start in range(0, len(prepared), 32)]
    rows = [encoder.encode(batch, Modality.TEXT, Role.QUERY).vectors for batch in batches]
    return np.concatenate(rows)


def ranked(
    queries: FloatArray, shots: Sequence[FloatArray], right: Sequence[int], temperature: float
) -> tuple[float, float]:
    """R@1 and MRR of the right shots."""
    ranks = []
    for query, number in zip(queries, right, strict=True):
        scores = np.array([pooled(query, shot, temperature) for shot in shots])
        ranks.append(1 + int((scores > scores[number]).sum()))
    return float(np.mean(np.array(ranks) == 1)), float(np.mean(1 / np.array(ranks)))


if __name__ == "__main__":
    main()
