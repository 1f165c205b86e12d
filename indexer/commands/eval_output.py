"""What the command `eval` prints: tables for people, lines of JSON for programs."""

# Tested by tests/unit/cmsearch/learning/test_ablation.py

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import click

_WIDTH = 30
_NAMED = {"adapter": "an adapter", "reranker": "a reranker"}
_RECALLS = {"recall@1": "R@1", "recall@5": "R@5", "recall@10": "R@10", "mrr": "MRR"}


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a model.

    By direction, or where captions are held out by group of pictures and way; and if it was wanted
    what stages gain, which of them were kept, and what thresholds of relevance leave out.
    """

    name: str = ""
    learned: Sequence[str] = ()
    """What serves and was learned from captions of pictures that are asked about."""
    is_folded: bool = False
    """Whether it was learned again without each part of these pictures, to ask about that part."""
    directions: Sequence[Any] = ()
    marked: Sequence[Any] = ()
    """By target the figures of the queries that hits were marked right for."""
    held_out: str = ""
    """How captions were held out, in words; empty where they weren't."""
    mixed: Sequence[Any] = ()
    gains: Sequence[Any] = ()
    kept: Mapping[Any, Any] = field(default_factory=dict)
    curve: Any = None
    others: str = "picture left out"
    """What the queries without an answer are in the table of `curve`."""
    reliabilities: Sequence[Any] = ()
    no_match: Any = None

    @property
    def note(self) -> str:
        """A sentence on what was learned from the pictures asked about, if anything was."""
        if not self.learned:
            return ""
        serves = " and ".join(_NAMED.get(own, own) for own in self.learned)
        if not self.is_folded:
            what = "marks" if self.marked else "captions"
            return (
                f"These figures aren't of unseen pictures: the index has {serves}, which may have "
                f"been learned from these very {what}. Others are found less often."
            )
        weights = "; the weights, a few numbers, stayed" if len(self.learned) > 1 else ""
        whole = "; but what stages gain and thresholds leave out is of all of it"
        return (
            f"The index has {serves} that may have been learned from these captions. So the "
            "adapter was learned again without each fifth of the pictures, to ask about these as "
            "unseen"
            f"{weights}{whole if (self.gains and not self.mixed) or self.curve else ''}."
        )

    def compared(self) -> list[Any]:
        """The figures that those of another model are compared with."""
        mixed = (row for row in self.mixed if (row.group, row.way) == ("all", "default"))
        return [*self.directions, *mixed]

    def panels(self) -> dict[str, dict[str, list[tuple[float, float, float]]]]:
        """By direction and kind of hits the points of the reliability diagram."""
        panels: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
        for one in self.reliabilities:
            points = [(bin.said, bin.right, bin.hits / one.hits) for bin in one.equal_counts]
            panels.setdefault(one.direction, {})[f"{one.of}, error {one.error:.3f}"] = points
        return panels


def print_json(measured: Measured) -> None:
    """A line of JSON for each thing that was measured."""
    learned = {"learned": list(measured.learned)} if measured.learned else {}
    for is_folded, line in _lines(measured):
        unseen = {"unseen": is_folded and measured.is_folded} if measured.learned else {}
        click.echo(json.dumps({"model": measured.name, **line, **learned, **unseen}))


def _lines(measured: Measured) -> Iterator[tuple[bool, dict[str, Any]]]:
    """What each line says, and whether it is asked by folds where anything is."""
    for direction in measured.directions:
        yield True, _fields(direction)
    for figures in measured.marked:
        counts = {"right": figures.right, "wrong": figures.wrong}
        yield True, {**_fields(figures), **counts}
    for row in measured.mixed:
        own = {"direction": row.name, "pictures": row.group, "way": row.way}
        measures = {key: asdict(measure) for key, measure in row.measures.items()}
        yield True, {**own, "queries": row.queries, **measures}
    for gain in measured.gains:
        yield bool(measured.mixed), asdict(gain)
    for way, names in _named(measured.kept):
        yield False, {"direction": way, "kept": names}
    if measured.curve is not None:
        yield False, {"calibration": asdict(measured.curve)}
    for one in measured.reliabilities:
        yield True, {"reliability": asdict(one)}
    if measured.no_match is not None:
        yield True, {"no_match": asdict(measured.no_match)}


def print_tables(measured: Measured) -> None:
    """Everything that was measured, for people."""
    click.echo(f"{measured.name}, in per cent, with 95 % bootstrap intervals")
    if measured.note:
        click.echo(measured.note)
    for direction in measured.directions:
        _print_direction(direction)
    for figures in measured.marked:
        _print_direction(figures, f"{figures.right} marked right, {figures.wrong} wrong, ")
    if measured.mixed:
        _print_mixed(measured.mixed, measured.held_out)
    base = "a way adds to all others" if measured.mixed else "a stage adds to the first stage alone"
    print_gains(measured.gains, f"what {base}")
    if measured.kept:
        _print_kept(measured.kept)
    if measured.curve is not None:
        _print_calibration(measured.curve, measured.others)
    for one in measured.reliabilities:
        _print_reliability(one)
    if measured.no_match is not None:
        _print_no_match(measured.no_match)


def _print_mixed(rows: Sequence[Any], held_out: str) -> None:
    click.echo(f"{rows[0].name}, {held_out}")
    heads = "".join(f"{head:>22}" for head in _RECALLS.values())
    click.echo(f"  {'pictures':10}{'way':9}{'queries':>7}{heads}")
    for row in rows:
        cells = "".join(f"{_interval(row.measures[name]):>22}" for name in _RECALLS)
        click.echo(f"  {row.group:10}{row.way:9}{row.queries:7}{cells}")


def _interval(measure: Any) -> str:
    value, low, high = (100 * one for one in (measure.value, measure.low, measure.high))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def print_gains(gains: Sequence[Any], title: str = "", *, as_json: bool = False) -> None:
    """What is gained by stage or model, if anything was measured."""
    if as_json:
        for gain in gains:
            click.echo(json.dumps(asdict(gain)))
        return
    if not gains:
        return
    click.echo(f"{title}, with the 95 % interval of a paired bootstrap")
    for gain in gains:
        click.echo(f"  {gain.direction}  {gain.stage}")
        for name, measure in gain.gains.items():
            value, low, high = (100 * one for one in (measure.value, measure.low, measure.high))
            click.echo(f"    {name:10} {value:+6.1f}   [{low:+6.1f}, {high:+6.1f}]")


def _print_kept(table: Mapping[Any, Any]) -> None:
    click.echo("kept for this index, to run by default")
    for way, names in _named(table):
        click.echo(f"  {way}  {' and '.join(names) or 'nothing'}")


def _named(table: Mapping[Any, Any]) -> Iterator[tuple[str, list[str]]]:
    """Each direction of a table with the names of what runs there."""
    for (query, target), stages in table.items():
        names = [name for name in ("attention", "hubness") if getattr(stages, name)]
        yield f"{query}→{target}", names


def _print_calibration(curve: Any, others: str) -> None:
    click.echo(
        f"relevance of the best hit for {curve.queries} captions, area under ROC {_area(curve)}"
    )
    click.echo(f"  below   picture here   {others:>16}")
    for threshold, (within, without) in curve.thresholds.items():
        click.echo(f"  {threshold:5.2f}   {100 * within:10.1f} %   {100 * without:14.1f} %")


def _print_reliability(found: Any) -> None:
    which = {"first": "first hits", "shown": "all hits shown"}[found.of]
    click.echo(
        f"{found.direction}, {found.hits} {which}, {found.right:.1%} right: expected calibration "
        f"error {found.error:.3f} ({found.by_chance:.3f} if relevance were exact)"
    )
    better = 1 - found.brier / found.brier_of_base if found.brier_of_base else 0.0
    click.echo(
        f"  Brier score {found.brier:.3f}, that of the base rate {found.brier_of_base:.3f}: "
        f"{better:+.0%}"
    )
    for title, bins in (
        ("bins of equal count", found.equal_counts),
        ("bins of equal width", found.equal_widths),
    ):
        click.echo(f"  {title:19}   hits   said  right")
        for one in bins:
            click.echo(
                f"    {one.low:6.1%} to {one.high:6.1%} {one.hits:7}  {one.said:5.1%}  "
                f"{one.right:5.1%}  {_bar(one.said, one.right)}"
            )


def _bar(said: float, right: float) -> str:
    """A bar of what is right, with a line where it would end if what is said were exact."""
    cells = ["█" if place < round(right * _WIDTH) else "·" for place in range(_WIDTH)]
    cells[min(int(said * _WIDTH), _WIDTH - 1)] = "│"
    return "".join(cells)


def _area(found: Any) -> str:
    return "unknown" if found.auc is None else f"{found.auc:.3f}"


def _print_no_match(found: Any) -> None:
    click.echo(
        f"{found.queries} queries that nothing answers; area under ROC beside captions asked "
        f"without themselves {_area(found)}"
    )
    for share, relevance in found.relevance.items():
        click.echo(f"  {share:4.0%} of them have a hit of a relevance above {relevance:.1%}")


def _fields(direction: Any) -> dict[str, Any]:
    measures = {key: asdict(measure) for key, measure in direction.measures.items()}
    milliseconds = round(direction.milliseconds, 2)
    own = {"direction": direction.name, "queries": direction.queries}
    return {**own, **measures, "milliseconds": milliseconds}


def _print_direction(direction: Any, more: str = "") -> None:
    click.echo(
        f"{direction.name}  {direction.queries} queries, {more}"
        f"median {direction.milliseconds:.1f} ms a query"
    )
    for name, measure in direction.measures.items():
        value, low, high = (100 * number for number in (measure.value, measure.low, measure.high))
        click.echo(f"  {name:12} {value:5.1f}   [{low:5.1f}, {high:5.1f}]")
