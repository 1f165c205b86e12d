"""Measure one list over pictures, captions and recordings: whether it starves any of them.

    CMSEARCH_COCO159=FOLDER python -m scripts.bench.mixed [--model NAME]

159 photographs are indexed with a caption each, and with a recording each of 60 of them: another
caption, spoken by piper. Three more captions of each of these 60, and the photographs themselves,
are searched for in everything. Prints for each direction its share of the first ten hits, and how
often its right item is among the first ten of a search for its modality alone; and how often one of
the right items is among the first ten of the one list.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import cmsearch
from cmsearch import Engine, Hit, Modality
from indexer import Indexer
from scripts.bench.recordings import captions, some, spoken

QUERIES, INDEXED, SAID = (0, 2, 4), 1, 3
"""Which of a picture's five captions are searched for, indexed and spoken."""
FEW = 0.5
"""A direction is starved below this part of what it would have by the number of its items."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="lite")
    arguments = parser.parse_args()
    texts = captions(Path(os.environ["CMSEARCH_COCO159"]))
    asked = some(list(texts))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder, texts, asked)
        report = Indexer(folder, model=arguments.model).run()
        assert not report.skipped, report.skipped
        with cmsearch.open(folder) as engine:
            items = {one: len(engine.store.view().indexes[one]) for one in engine.modalities}
            written = [texts[picture][number] for picture in asked for number in QUERIES]
            names = [picture.stem for picture in asked for _ in QUERIES]
            tell("180 captions", engine, {"query": written}, names, items)
            tell("60 photographs", engine, {"image": asked}, [one.stem for one in asked], items)


def write(folder: Path, texts: Mapping[Path, Sequence[str]], asked: Sequence[Path]) -> None:
    """The pictures, a file of captions, and the recordings, all by the names of the pictures."""
    for picture in texts:
        shutil.copy(picture, folder)
    lines = [{"image": one.name, "caption": own[INDEXED]} for one, own in texts.items()]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    for picture, file in zip(asked, spoken([texts[one][SAID] for one in asked]), strict=True):
        shutil.copy(file, folder / f"{picture.stem}.wav")


def tell(
    title: str,
    engine: Engine,
    given: Mapping[str, Sequence[object]],
    names: Sequence[str],
    items: Mapping[Modality, int],
) -> None:
    mixed = engine.search(**given, k=10)  # type: ignore[call-overload]
    print(f"\n{title} searched for in everything")
    print("          items  share of the first ten  right one in the first ten of its own")
    single = []
    for modality, number in items.items():
        part = np.mean([[hit.modality is modality for hit in hits] for hits in mixed])
        own = right(engine.search(**given, k=10, target=modality), names)  # type: ignore[call-overload]
        is_possible = not ("image" in given and modality is Modality.IMAGE)
        if is_possible:
            single.append(own)
        starved = "  starved" if part < FEW * number / sum(items.values()) else ""
        told = f"{own:.1%}" if is_possible else "–"
        print(f"{modality:8} {number:6} {part:23.1%} {told:>38}{starved}")
    found = right(mixed, names)
    verdict = "" if found >= min(single) - 0.05 else "  below the worst less 5 points"
    print(f"right one in the first ten of everything: {found:.1%}{verdict}")


def right(answers: Sequence[Sequence[Hit]], names: Sequence[str]) -> float:
    """The share of answers with an item of the picture that was asked for."""
    pairs = zip(answers, names, strict=True)
    return float(np.mean([any(hit.path.stem == name for hit in hits) for hits, name in pairs]))


if __name__ == "__main__":
    main()
