"""The reliability diagram as SVG: what relevance says of hits against how many are right."""

# Tested by tests/unit/cmsearch/learning/test_calibration.py

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from cmsearch.show import own_files

SIDE, MARGIN, TOP = 280, 52, 28
COLOURS = ("#2563eb", "#d97706")
Points = Sequence[tuple[float, float, float]]
"""Of each bin what is said, the share that is right, and the share of all hits that it holds."""
_MARK = b"<!-- A reliability diagram by cmsearch. -->\n"
_KIND = own_files.Kind(
    "diagram", (".svg",), lambda file: file.read(len(_MARK)) == _MARK, "no diagram of cmsearch"
)


def check_place(path: Path) -> None:
    """Raise `CmsearchError` if no diagram can be written there."""
    own_files.check_place(path, _KIND)


def write(path: Path, panels: Mapping[str, Mapping[str, Points]]) -> None:
    """Write a diagram with a panel for each direction, and in it a curve for each kind of hits.

    Replaces another diagram that cmsearch wrote, and no other file. Raises `CmsearchError`.
    """
    own_files.write(path, _MARK + drawn(panels).encode(), _KIND)


def drawn(panels: Mapping[str, Mapping[str, Points]]) -> str:
    """The diagram as SVG, readable on light and on dark ground."""
    width = len(panels) * (SIDE + MARGIN) + 16
    panes = "".join(
        f'<g transform="translate({MARGIN + place * (SIDE + MARGIN)} {TOP})">{_panel(*row)}</g>'
        for place, row in enumerate(panels.items())
    )
    size = f'width="{width}" height="{TOP + SIDE + 48}"'
    style = "<style>text{font:12px sans-serif;fill:#888}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{style}{panes}</svg>\n'


def _panel(title: str, curves: Mapping[str, Points]) -> str:
    """A square from 0 to 1 with the diagonal, on which exact numbers lie, and its curves."""
    lines = [
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>',
        f'<path d="M0 {SIDE}L{SIDE} 0" stroke="#888" stroke-dasharray="4"/>',
        f'<text x="{SIDE / 2}" y="-10" text-anchor="middle">{escape(title)}</text>',
        f'<text x="{SIDE / 2}" y="{SIDE + 36}" text-anchor="middle">relevance of hits</text>',
        f'<text transform="translate(-38 {SIDE / 2}) rotate(-90)" text-anchor="middle">right'
        "</text>",
    ]
    for share in (0, 0.5, 1):
        x, y = _at(share, share)
        lines.append(f'<text x="{x:.0f}" y="{SIDE + 18}" text-anchor="middle">{share:.0%}</text>')
        lines.append(f'<text x="-6" y="{y + 4:.0f}" text-anchor="end">{share:.0%}</text>')
    for row, (colour, (name, points)) in enumerate(zip(COLOURS, curves.items(), strict=False)):
        lines += _curve(points, colour)
        lines.append(
            f'<text x="10" y="{20 + 18 * row}" style="fill:{colour}">{escape(name)}</text>'
        )
    return "".join(lines)


def _curve(points: Points, colour: str) -> list[str]:
    """The line through all bins, each a dot whose area is that of its hits."""
    places = [(*_at(said, right), share) for said, right, share in points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in places)
    return [
        f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2 + 6 * share**0.5:.1f}" fill="{colour}"/>'
            for x, y, share in places
        ),
    ]


def _at(said: float, right: float) -> tuple[float, float]:
    return said * SIDE, (1 - right) * SIDE
