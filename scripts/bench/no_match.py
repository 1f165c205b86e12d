"""Measure how well relevance tells queries that a folder answers from queries that it doesn't.

    python -m scripts.bench.no_match STORE ANSWERABLE.jsonl ABSURD.txt [MORE.txt …] [--svg FILE]
                                     [--json FILE]

Lines of the first file have a `query`; the others have a query a line. Prints the area under the
ROC curve by the pictures alone and with all that was written about them, and draws both curves.
More files are further queries that nothing here answers, such as tests/data/queries/foreign.txt
and nonsense.txt there: each is told alone, against the same queries with an answer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import cmsearch
from cmsearch import Engine, Ranking
from cmsearch.search.merge.relevance import DOUBTFUL

SIDE, MARGIN = 320, 48
COLOURS = {"by the picture": "#2563eb", "with captions and words": "#d97706"}

Curve = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("answerable", type=Path)
    parser.add_argument("absurd", type=Path)
    parser.add_argument("more", type=Path, nargs="*")
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    lines = arguments.answerable.read_text(encoding="utf-8").splitlines()
    answerable = [json.loads(line)["query"] for line in lines]
    files = [arguments.absurd, *arguments.more]
    unanswered = {file.stem: file.read_text(encoding="utf-8").splitlines() for file in files}
    rankings = dict(zip(COLOURS, (Ranking(match="picture"), Ranking()), strict=True))
    curves: dict[str, Curve] = {}
    figures = []
    with cmsearch.open(arguments.store) as engine:
        for name, ranking in rankings.items():
            right = best(engine, answerable, ranking)
            for kind, queries in unanswered.items():
                wrong = best(engine, queries, ranking)
                own = curve(right, wrong)
                curves.setdefault(name, own)
                figure = told(own, right, wrong)
                figures.append({"by": name, "kind": kind, **figure})
                print(
                    f"{name}, {kind}: area under ROC {figure['area']:.3f}, below {DOUBTFUL}: "
                    f"{figure['answered']:.1%} with an answer, {figure['unanswered']:.1%} without"
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    if arguments.svg:
        arguments.svg.write_text(drawn(curves), encoding="utf-8")


def best(engine: Engine, queries: Sequence[str], ranking: Ranking) -> Curve:
    """The highest relevance that a picture has for each query."""
    found = engine.search(queries, target="image", ranking=ranking)
    return np.array([max((hit.relevance for hit in hits), default=0.0) for hits in found])


def told(points: Curve, right: Curve, wrong: Curve) -> dict[str, float]:
    """The area below the curve, and the shares of both that are doubted."""
    answered, unanswered = (float((some < DOUBTFUL).mean()) for some in (right, wrong))
    return {"area": area(points), "answered": answered, "unanswered": unanswered}


def curve(right: Curve, wrong: Curve) -> Curve:
    """Points (false alarms, found): shares of both that are at or above each threshold."""
    thresholds = np.unique(np.concatenate([[np.inf], right, wrong]))[::-1, None]
    return np.stack([(wrong >= thresholds).mean(1), (right >= thresholds).mean(1)], 1)


def area(points: Curve) -> float:
    return float(np.trapezoid(points[:, 1], points[:, 0]))


def drawn(curves: dict[str, Curve]) -> str:
    """The curves as SVG, readable on light and on dark ground."""
    lines = [
        f'<rect x="{MARGIN}" y="8" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>',
        f'<path d="M{MARGIN} {SIDE + 8}L{MARGIN + SIDE} 8" stroke="#888" stroke-dasharray="4"/>',
        f'<text x="{MARGIN + SIDE / 2}" y="{SIDE + 44}" text-anchor="middle">absurd queries kept'
        "</text>",
        f'<text transform="translate(14 {SIDE / 2}) rotate(-90)" text-anchor="middle">queries with '
        "an answer kept</text>",
    ]
    for share in (0, 0.5, 1):
        lines += [
            f'<text x="{MARGIN + share * SIDE}" y="{SIDE + 26}" text-anchor="middle">{share:.0%}'
            "</text>",
            f'<text x="{MARGIN - 6}" y="{8 + (1 - share) * SIDE + 4}" text-anchor="end">'
            f"{share:.0%}</text>",
        ]
    for row, (name, points) in enumerate(curves.items()):
        path = "L".join(f"{MARGIN + x * SIDE:.1f} {8 + (1 - y) * SIDE:.1f}" for x, y in points)
        lines += [
            f'<path d="M{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>',
            f'<text x="{MARGIN + 100}" y="{SIDE - 50 + 20 * row}" style="fill:{COLOURS[name]}">'
            f"{name}, area {area(points):.3f}</text>",
        ]
    size = f'width="{SIDE + MARGIN + 20}" height="{SIDE + 56}"'
    style = "<style>text{font:12px sans-serif;fill:#888}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{style}{"".join(lines)}</svg>\n'


if __name__ == "__main__":
    main()
