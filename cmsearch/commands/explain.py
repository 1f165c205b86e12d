"""The command `explain`."""

# Tested by tests/e2e/test_explain.py

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.commands.options import format_option, store_option
from cmsearch.common.files import check_no_link, create_file, replace_file
from cmsearch.common.text import json_line, printable
from cmsearch.media.moments import FILE
from cmsearch.show.noted import noted
from cmsearch.types import Modality, Query, QueryPart

if TYPE_CHECKING:
    from cmsearch.search.explain import Explanation, Joined, Word
    from cmsearch.types import FloatArray


_BAR = 12  # characters of the longest bar of evidence, to either side


@click.command()
@click.argument("query")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--image",
    type=click.Path(path_type=Path),
    metavar="OTHER",
    help="A picture that is asked with beside QUERY, as with `cmsearch search --image`.",
)
@store_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PNG",
    help="Where to draw it; by default FILE's name with .explain.png, in this folder.",
)
@click.option("--force", is_flag=True, help="Replace a drawing that is there already.")
@format_option
def explain(
    query: str,
    file: Path,
    image: Path | None,
    store: Path | None,
    out: Path | None,
    force: bool,
    style: str,
) -> None:
    """Say why the picture FILE ranks as it does for QUERY, and draw what each word looks at.

    \b
    Examples:
      cmsearch explain "a dog on the beach" beach.jpg
      cmsearch explain "a red car" 2024/car.jpg --out /tmp/car.png --format json
      cmsearch explain "but at night" street.jpg --image room.jpg
    """
    from cmsearch.search import engine as searcher
    from cmsearch.show import heatmap

    target = out or Path(f"{file.name}.explain.png")
    if target.suffix.lower() != ".png":
        raise click.UsageError(f"The drawing is a PNG; name it so, not {target.name}.")
    if target.exists() and not force:
        raise click.UsageError(f"{target} is there already; --force replaces it.")
    parts = [QueryPart(query), *([] if image is None else [QueryPart(image, Modality.IMAGE)])]
    with searcher.open(store or ".") as engine:
        found = engine.explain(Query(tuple(parts)), file)
    drawn = target if found.words else None
    if drawn is not None:
        drawing = io.BytesIO()
        heatmap.draw(found, heatmap.read(found.path)).save(drawing, "PNG", optimize=True)
        _write(drawn, drawing.getvalue(), force)
    click.echo(_json(found, drawn) if style == "json" else "\n".join(_table(found)))
    said = "No regions: the model gives none, or no word of the query weighs anything."
    click.echo(said if drawn is None else f"Drawn in {printable(str(drawn))}.", err=True)


def _write(target: Path, data: bytes, force: bool) -> None:
    try:
        check_no_link(target)
        (replace_file if force else create_file)(target, data)
    except OSError as error:
        raise click.FileError(printable(str(target)), str(error.strerror)) from error


def _table(found: Explanation) -> Iterator[str]:
    place = "not found" if found.rank is None else f"rank {found.rank}"
    likely = "" if found.relevance is None else f", relevance {found.relevance:.1%}"
    yield f"{printable(str(found.path))}: {place} of {found.pictures} pictures{likely}"
    if found.taken_source not in (None, FILE):
        yield f"when it was taken is told by: {printable(str(found.taken_source))}"
    if told := noted(found.notes):
        yield f"noted: {printable(told)}"
    yield ""
    yield from _evidence_table(found)
    yield from _boxes(found)
    if found.words:
        yield ""
        yield "word          weight  attention  most on        similarity"
    for word in sorted(found.words, key=lambda word: -word.weight):
        region, share = _best(word.attention)
        text = printable(word.text)
        yield f"{text:12}  {word.weight:6.1%}  {share:9.1%}  {region:13}  {word.similarity:10.3f}"
    if found.joined is not None:
        yield ""
        yield from _joined_table(found.joined)


def _boxes(found: Explanation) -> Iterator[str]:
    """The lines of text that were found in the picture, with where they stand."""
    if found.lines:
        yield ""
        yield "from left  from top  to right  to bottom  text in the picture"
    for line in found.lines:
        across, down = line.box[::2], line.box[1::2]
        ends = f"{min(across):9.0%}  {min(down):8.0%}  {max(across):8.0%}  {max(down):9.0%}"
        yield f"{ends}  {printable(line.text)}"


def _evidence_table(found: Explanation) -> Iterator[str]:
    """The log-odds that each way adds, as bars to the left and right of none."""
    yield f"evidence     log-odds  {'against':>{_BAR}} | for"
    written = " ".join(line.text for line in found.lines)
    notes = {"caption": found.caption or "", "words": " ".join(found.matched), "ocr": written}
    highest = max((abs(value) for value in found.stages.values()), default=0.0) or 1.0
    for name, value in found.stages.items():
        bar = "█" * round(abs(value) / highest * _BAR)
        left, right = ("", bar) if value >= 0 else (bar, "")
        note = printable(notes.get(name, ""))
        yield f"{name:12} {value:+8.2f}  {left:>{_BAR}} | {right:{_BAR}}  {note}".rstrip()
    if found.score is not None:
        yield f"{'together':12} {found.score:+8.2f}"


def _joined_table(joined: Joined) -> Iterator[str]:
    fused = joined.fused
    image, text = fused.shares.tolist()
    how = "not trained: the weighted sum"
    if fused.is_trained:
        how = f"by the network, which adds a vector of length {fused.added:.2f}"
    yield f"joined: picture {image:.0%}, text {text:.0%}; {how}"
    if joined.words and fused.by_text.shape[1] > 1:
        yield "word          attention  most on, in the query's picture"
        for word, attention in zip(joined.words, fused.by_text[1:, 1:], strict=False):
            region, share = _best(attention)
            yield f"{printable(word):12}  {share:9.1%}  {region}"


def _best(attention: FloatArray) -> tuple[str, float]:
    """The region that is attended to most, and how much."""
    from cmsearch.search.explain import REGIONS

    best = int(attention.argmax())
    return REGIONS[best] if best < len(REGIONS) else f"token {best}", float(attention[best])


def _json(found: Explanation, drawn: Path | None) -> bytes:
    from cmsearch.search.wire import line_as_json

    fields: dict[str, Any] = {
        "query": found.query,
        "path": str(found.path),
        "pictures": found.pictures,
        "rank": found.rank,
        "score": found.score,
        "relevance": found.relevance,
        "stages": dict(found.stages),
        "caption": found.caption,
        "lines": [line_as_json(line) for line in found.lines],
        "matched": found.matched,
        "words": [_fields(word) for word in found.words],
        "crop": found.crop,
        "joined": found.joined and _joined_fields(found.joined),
        "drawn": drawn and str(drawn),
        "taken_source": found.taken_source,
        **asdict(found.notes),
    }
    return json_line(fields).encode()


def _fields(word: Word) -> dict[str, Any]:
    from cmsearch.search.explain import REGIONS

    attention = zip(REGIONS, word.attention.tolist(), strict=False)
    return {
        "word": word.text,
        "weight": word.weight,
        "similarity": word.similarity,
        "attention": {region: round(share, 6) for region, share in attention},
    }


def _joined_fields(joined: Joined) -> dict[str, Any]:
    fused = joined.fused
    image, text = fused.shares.tolist()
    return {
        "trained": fused.is_trained,
        "image": image,
        "text": text,
        "added": fused.added,
        "words": joined.words,
        "by_text": fused.by_text.tolist(),
        "by_image": fused.by_image.tolist(),
    }
