"""Queries that only a picture and a text together tell: "this one, but in red", on rendered shapes.

    python -m scripts.bench.fusion [--model lite] [--keep FOLDER]

A picture of shapes that differs from the one that is looked for in its shape, colour, count or
place, and a text that names that one thing as it should be. Every one of the 800 combinations is in
the index, so the picture alone leaves several, and the text alone more than a hundred. The 160 that
are asked for have no captions and no part in what is learned. Everything by the documented
commands: `cmsearch train`, `index`, and `fit --fusion`; the queries by `Engine.search`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

import cmsearch
from cmsearch.learning.heldout import clustered
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.types import Filter, FloatArray, IdArray, Modality, Query, QueryPart
from scripts.bench import rendered
from scripts.bench.rendered import Combination

TRAINING = (
    *("--image", "test_efficientnet", "--text", "bert-tiny", "--random-towers", "image,text"),
    *(
        "--size",
        "128",
        "--context",
        "16",
        "--dim",
        "128",
        "--held-out",
        "0.05",
        "--device",
        "cpu",
        "--patience",
        "14",
    ),
)
CHOICES: tuple[Sequence[object], ...] = (
    rendered.SHAPES,
    list(rendered.COLOURS),
    range(1, len(rendered.COUNTS) + 1),
    list(rendered.PLACES),
)
SEED = 1
WAYS = ("both, by the network", "both, by their sum", "the picture alone", "the text alone")


def said(combination: Combination, which: int) -> str:
    """A text that names one of the four things."""
    shape, colour, count, place = combination
    plural = "es" if shape == "cross" else "s"
    return (f"{shape}{plural}", f"in {colour}", f"{rendered.COUNTS[count - 1]} of them", place)[
        which
    ]


def changed(combination: Combination, which: int, random: np.random.Generator) -> Combination:
    """Another combination that differs in one of the four things."""
    others = [one for one in CHOICES[which] if one != combination[which]]
    parts = list(combination)
    parts[which] = others[int(random.integers(len(others)))]
    shape, colour, count, place = parts
    return (str(shape), str(colour), int(str(count)), str(place))


def write(folder: Path, pictures: int) -> dict[str, Combination]:
    """`pairs` to train an encoder with, and `set` to index: `learn` with a full caption and one
    that names a single thing for each picture, and `unseen` without any.

    None of the unseen combinations is in the others. In `pairs` each shorter caption has a number,
    since `train` holds pictures that share a caption out together. Returns what the unseen show.
    """
    random = np.random.default_rng(SEED)
    every = rendered.combinations()
    order = [every[one] for one in random.permutation(len(every))]
    unseen, seen = order[: rendered.UNSEEN], order[rendered.UNSEEN :]
    shown = list(itertools.islice(itertools.cycle(seen), pictures))

    def short(number: int, one: Combination) -> str:
        return said(one, int(random.integers(4)))

    _write(folder / "set" / "learn", shown, random, short)
    _write(
        folder / "pairs",
        shown,
        random,
        lambda number, one: "" if number % 3 else f"{short(number, one)}, article {number:05}",
    )
    _write(folder / "set" / "unseen", unseen, random, None)
    return {f"unseen/{number:05}.png": one for number, one in enumerate(unseen)}


def _write(
    folder: Path,
    shown: Sequence[Combination],
    random: np.random.Generator,
    short: Callable[[int, Combination], str] | None,
) -> None:
    folder.mkdir(parents=True)
    lines = []
    for number, one in enumerate(shown):
        file = f"{number:05}.png"
        rendered.picture(one, random).save(folder / file)
        texts = (rendered.caption(one), short(number, one)) if short else ()
        lines += [json.dumps({"image": file, "caption": text}) for text in texts if text]
    if lines:
        (folder / "captions.jsonl").write_text("\n".join(lines) + "\n")


def measure(folder: Path, targets: Mapping[str, Combination]) -> None:
    """Print recall@1 of each way to ask, among what was unseen and among all pictures."""
    with cmsearch.open(folder) as engine:
        for name, where in (("160 unseen", Filter(path="unseen/*")), ("all 2,000", Filter())):
            found = _asked(engine, targets, where)
            groups = np.repeat(np.arange(len(targets)), len(CHOICES))
            print(f"recall@1 of {len(groups)} queries among the {name}, with 95 % intervals")
            for way, values in found.items():
                print(f"  {way:28} {_told(values, groups)}")
            for way in WAYS[1:]:
                print(f"  beyond {way:21} {_told(found[WAYS[0]] - found[way], groups)}")
            for which, thing in enumerate(("shape", "colour", "count", "place")):
                own = (100 * values[which :: len(CHOICES)].mean() for values in found.values())
                print(f"  where the {thing} differs: " + ", ".join(f"{one:.1f}" for one in own))


def _told(values: FloatArray, groups: IdArray) -> str:
    one = clustered(values, groups)
    return f"{100 * one.value:5.1f} [{100 * one.low:5.1f}, {100 * one.high:5.1f}]"


def _asked(
    engine: cmsearch.Engine, targets: Mapping[str, Combination], where: Filter
) -> dict[str, FloatArray]:
    """By way of asking whether each query's best hit is the right one, 1 or 0."""
    random = np.random.default_rng(SEED + 1)
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for path, one in targets.items():
        for which in range(len(CHOICES)):
            shown = rendered.picture(changed(one, which, random), random)
            picture, text = QueryPart(shown, Modality.IMAGE), QueryPart(said(one, which))
            both = (picture, text)
            for way, parts in zip(WAYS, (both, both, (picture,), (text,)), strict=True):
                fusion = "sum" if way == WAYS[1] else "auto"
                ranking = Ranking(match="picture", fold=False, fusion=fusion)
                hits = engine.search(
                    Query(parts), target="image", k=1, where=where, ranking=ranking
                )
                found[way].append(float(hits[0].path == engine.store.absolute(path)))
    return {way: np.array(values) for way, values in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", help="In place of one that is trained first.")
    parser.add_argument("--epochs", default="14")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="A new folder to work in.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = arguments.keep or Path(temporary)
        targets = write(place, 2000 - rendered.UNSEEN)
        (place / "targets.json").write_text(json.dumps(targets))
        status, model = 0, arguments.model
        if model is None:
            out = place / "shapes.safetensors"
            pairs, epochs = place / "pairs", ("--epochs", arguments.epochs)
            status |= _cmsearch("train", pairs, *TRAINING, *epochs, "--out", out)
            model = f"dual:{out}"
        status |= _cmsearch("index", place / "set", "--model", model, "--ocr", "none")
        status |= _cmsearch("fit", place / "set", "--fusion")
        measure(place / "set", targets)
    return status


def _cmsearch(*arguments: object) -> int:
    command = [sys.executable, "-m", "cmsearch", *map(str, arguments)]
    print("$ cmsearch", *arguments[:1], "…", flush=True)
    start = time.monotonic()
    status = subprocess.run(command, check=False).returncode
    print(f"took {time.monotonic() - start:.0f} s", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
