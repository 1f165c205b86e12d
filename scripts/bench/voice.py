"""Measure spoken queries against typed ones.

    CMSEARCH_COCO159=FOLDER python -m scripts.bench.voice [--model NAME]

A caption each of 60 photographs is searched for among all 159, as it is written and as piper
speaks it, by the pictures alone. Prints recall of both, and how long a spoken query takes to be
understood. A picture has one right caption.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

import cmsearch
from cmsearch import Hit
from cmsearch.search.query.voice import understood
from indexer import Indexer
from scripts.bench.recordings import captions, some, spoken

DEPTHS = (1, 5, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="lite")
    arguments = parser.parse_args()
    texts = captions(Path(os.environ["CMSEARCH_COCO159"]))
    asked = some(list(texts))
    typed = [texts[picture][0] for picture in asked]
    recordings = spoken(typed)
    understood(recordings[0])  # loads the model
    start = perf_counter()
    heard = [understood(recording) for recording in recordings]
    seconds = (perf_counter() - start) / len(heard)
    with tempfile.TemporaryDirectory() as folder:
        for picture in texts:
            shutil.copy(picture, folder)
        Indexer(folder, model=arguments.model).run()
        with cmsearch.open(folder) as engine:
            for name, queries in (("typed", typed), ("spoken", heard)):
                answers = engine.search(queries, target="image", k=max(DEPTHS))
                print(f"{name:7}", *recalls(answers, [picture.name for picture in asked]))
    print(f"understood in {seconds:.2f} s each")


def recalls(answers: Sequence[Sequence[Hit]], names: Sequence[str]) -> list[str]:
    """How often the right picture is among the first hits, by how many."""
    ranks = [
        next((hit.rank for hit in hits if hit.path.name == name), max(DEPTHS) + 1)
        for hits, name in zip(answers, names, strict=True)
    ]
    return [f"R@{depth} {np.mean(np.array(ranks) <= depth):.1%}" for depth in DEPTHS]


if __name__ == "__main__":
    main()
