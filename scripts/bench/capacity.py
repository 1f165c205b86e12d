"""What collections of any size need, from what was measured: the tables and the plot of a page.

    python -m scripts.bench.capacity measure STORE [STORE …]    measures searches of local stores
    python -m scripts.bench.capacity index                      measures indexing with `lite`
    python -m scripts.bench.capacity postgres STORE [STORE …]   measures copies in PostgreSQL
    python -m scripts.bench.capacity page                       makes docs/scaling.md's tables anew

What is measured goes into scripts/bench/capacity.json, by backend and number of items; Milvus and
Qdrant by `scripts.bench.engines --save`, PostgreSQL by `scripts.bench.capacity_postgres`. `null` is
what nobody has measured; it shows as such, and nothing is computed from it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from math import ceil, log10, sqrt
from pathlib import Path
from typing import Any

import numpy as np

import cmsearch
from cmsearch.store.index import manifest
from cmsearch.store.store import DIRECTORY, Store
from indexer import Indexer
from scripts.bench import capacity_postgres
from scripts.bench.scale_store import WAYS, WorldEncoder

DATA = Path(__file__).with_suffix(".json")
ROOT = Path(__file__).parents[2]
PAGE, PLOT = ROOT / "docs" / "scaling.md", ROOT / "docs" / "images" / "capacity.svg"
BEGIN, END = "<!-- made by scripts/bench/capacity.py -->", "<!-- end -->"
TARGETS = {"10 million": 10**7, "1 billion": 10**9, "100 billion": 10**11}
QUERIES = 100
PICTURES, SIDE = 200, 1000


# What is measured.


def searched(place: Path, other: Callable[[], float] = lambda: 0.0) -> dict[str, Any]:
    """What a search of a store takes, and what the process holds besides mapped files.

    With what tells the processor time of `other` processes, that which a search takes of these too.
    """
    with cmsearch.open(place) as engine:
        engine._models._encoder = WorldEncoder(engine.space)
        found: dict[str, Any] = {"items": sum(engine.sizes.values())}
        for name, ranking in WAYS.items():
            took = []
            for number in range(QUERIES):
                if number == QUERIES // 5:
                    before = other()
                start = time.thread_time()
                engine.search(f"text {number}", target="image", ranking=ranking)
                took.append(1e3 * (time.thread_time() - start))
            found[f"{name} ms"] = round(float(np.median(took[QUERIES // 5 :])), 2)
            if there := other() - before:
                found[f"{name} ms there"] = round(1e3 * there / len(took[QUERIES // 5 :]), 2)
        status = Path("/proc/self/status").read_text()
        found["memory MB"] = int(status.split("RssAnon:")[1].split()[0]) // 1024
        found["catalog bytes"] = engine.store.catalog.stamp()[0]
        found["derived bytes"] = manifest.derived_bytes(engine.store.path)
    return found


def indexed(folder: Path) -> dict[str, Any]:
    """What a photograph takes with `lite`, beyond what a run of one takes."""
    from scripts.bench.cluster import counting, fill

    used, sizes = [], []
    for name, count in (("one", 1), ("many", PICTURES)):
        fill(folder / name, count, SIDE)
        with counting() as looked:
            Indexer(folder / name, model="lite", ocr="none").run()
            time.sleep(0.5)
            used.append(looked())
        with Store(folder / name / DIRECTORY) as store:
            sizes.append(store.catalog.path.stat().st_size)
    each = (used[1] - used[0]) / (PICTURES - 1)
    return {
        "CPU s a photograph": round(each, 4),
        "catalog bytes a photograph": round((sizes[1] - sizes[0]) / (PICTURES - 1)),
        "pixels of a side": SIDE,
    }


# What follows from it.


def fitted(points: Sequence[tuple[float, float]], power: float) -> tuple[float, float]:
    """The least squares a and b of a + b · n^power."""
    rows = np.array([[1.0, n**power] for n, _ in points])
    values = np.array([value for _, value in points])
    a, b = np.linalg.lstsq(rows, values, rcond=None)[0].tolist()
    return max(a, 0.0), max(b, 0.0)


def tables(data: dict[str, Any]) -> str:
    """The tables of the page."""
    parts = (_measured(data), _backends(data), capacity_postgres.table(data), _needs(data))
    return "\n\n".join(part for part in parts if part)


def _measured(data: dict[str, Any]) -> str:
    lines = [
        "| items | plain search, CPU ms | default search, CPU ms | memory, MB | catalog, bytes "
        "an item | derived, bytes an item |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for own in sorted(data["searches"], key=lambda one: one["items"]):
        each = (own["catalog bytes"] / own["items"], own["derived bytes"] / own["items"])
        lines.append(
            f"| {own['items']:,} | {own['plain ms']:.1f} | {own['default ms']:.1f} | "
            f"{own['memory MB']} | {each[0]:,.0f} | {each[1]:,.0f} |"
        )
    time_, memory = _fits(data)
    lines.append(
        f"| fit | | {time_[0]:.1f} + {1e3 * time_[1]:.2f} · √(n / 10⁶) | "
        f"{memory[0]:.0f} + {1e6 * memory[1]:.0f} · n / 10⁶ | | |"
    )
    return "\n".join(lines)


def _fits(data: dict[str, Any]) -> tuple[tuple[float, float], tuple[float, float]]:
    rows = data["searches"]
    times = fitted([(own["items"], own["default ms"]) for own in rows], 0.5)
    return times, fitted([(own["items"], own["memory MB"]) for own in rows], 1.0)


def _backends(data: dict[str, Any]) -> str:
    lines = [
        "| backend | disk, bytes an item | memory, bytes an item | search, ms; recall@10 | "
        "measured at |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, own in data["backends"].items():
        known = [_shown(own[key]) for key in ("disk bytes", "memory bytes", "search")]
        lines.append(f"| {name} | {' | '.join(known)} | {own['at'] or 'not measured yet'} |")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None:
        return "—"
    return value if isinstance(value, str) else f"{value:,.0f}"


def _needs(data: dict[str, Any]) -> str:
    lines = ["| | " + " | ".join(TARGETS) + " |", "| --- |" + " --- |" * len(TARGETS)]
    columns = [needs(data, number) for number in TARGETS.values()]
    lines += [
        f"| {name} | " + " | ".join(column[name] for column in columns) + " |"
        for name in columns[0]
    ]
    return "\n".join(lines)


def needs(data: dict[str, Any], items: int) -> dict[str, str]:
    """What so many photographs need."""
    machine, index = data["machine"], data["indexing"]
    cores = machine["cores"]
    times, memory = _fits(data)
    derived = max(own["derived bytes"] / own["items"] for own in data["searches"])
    disk = items * (index["catalog bytes a photograph"] + derived)
    held = 1e6 * memory[1] * items
    hours = items * index["CPU s a photograph"] / 3600
    room = data["share used"]
    by_disk = disk / (room * machine["disk TB"] * 1e12)
    by_memory = held / (room * machine["memory GB"] * 1e9)
    # Codes and tables have to stay in the cache of files; of vectors a search reads some hundred.
    hot = items * (derived - 2 * data["dim"])
    by_cache = (held + hot) / (room * machine["memory GB"] * 1e9)
    machines = max(1, ceil(max(by_disk, by_memory, by_cache)))
    copies = 1 if machines == 1 else data["copies"]
    share = items / machines
    parts = ceil(share / data["part"])
    search = times[0] + parts * times[1] * sqrt(share / parts)
    return {
        "engine": _engine(data, items),
        "catalog and derived files": f"{disk / 1e12:,.2f} TB",
        "memory of the indexes": f"{held / 1e9:,.0f} GB",
        "codes and tables that searches read": f"{hot / 1e9:,.0f} GB",
        f"machines ({cores} cores, {machine['memory GB']} GB, {machine['disk TB']} TB)": (
            f"{machines:,}{f' × {copies} copies' if copies > 1 else ''}"
        ),
        "what bounds them": "one is enough"
        if machines == 1
        else "memory"
        if by_cache >= by_disk
        else "disk",
        "items a machine": f"{share:,.0f}",
        "parts of them, each with its catalog": f"{parts:,}",
        "a default search, CPU ms a machine": f"{search:,.0f}",
        "searches a second of all cores": f"{1e3 * cores / search:,.0f}",
        "indexing, hours of a core": f"{hours:,.0f}",
        "indexing, hours of these machines": f"{hours / cores / (machines * copies):,.1f}",
    }


def _engine(data: dict[str, Any], items: int) -> str:
    return next(own["engine"] for own in data["engines"] if items <= own["up to"])


# The plot.


def drawn(data: dict[str, Any]) -> str:
    """Time and memory of a search against the number of items, as SVG on light and dark ground."""
    times, memory = _fits(data)
    rows = sorted(data["searches"], key=lambda one: one["items"])
    parts = [
        _panel(
            0,
            "CPU ms of a default search",
            times,
            0.5,
            [(own["items"], own["default ms"]) for own in rows],
        ),
        _panel(
            360, "MB of memory", memory, 1.0, [(own["items"], own["memory MB"]) for own in rows]
        ),
    ]
    style = "<style>text{font:12px sans-serif;fill:#888}</style>"
    size = 'width="730" height="300"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{style}{"".join(parts)}</svg>\n'


def _panel(
    left: int,
    title: str,
    fit: tuple[float, float],
    power: float,
    points: Sequence[tuple[float, float]],
) -> str:
    width, height, low, high = 280, 220, 3.0, 8.0
    top = max(value for _, value in points)
    top = 10 ** ceil(log10(max(top, fit[0] + fit[1] * 10 ** (high * power))))
    bottom = 1.0

    def at(n: float, value: float) -> tuple[float, float]:
        x = left + 50 + width * (log10(n) - low) / (high - low)
        share = log10(max(value, bottom) / bottom) / log10(top / bottom)
        return round(x, 1), round(30 + height * (1 - share), 1)

    found = [
        f'<text x="{left + 50 + width / 2}" y="18" text-anchor="middle">{title}</text>',
        f'<rect x="{left + 50}" y="30" width="{width}" height="{height}" fill="none" '
        'stroke="#888"/>',
    ]
    for exponent in range(int(low), int(high) + 1):
        x, _ = at(10**exponent, 1)
        found.append(
            f'<text x="{x}" y="{height + 48}" text-anchor="middle">10{_raised(exponent)}</text>'
        )
    for exponent in range(int(log10(top)) + 1):
        _, y = at(10**low, 10**exponent)
        found.append(f'<text x="{left + 44}" y="{y + 4}" text-anchor="end">{10**exponent:,}</text>')
    last = max(n for n, _ in points)
    for begin, end, dashes in ((10**low, last, ""), (last, 10**high, ' stroke-dasharray="5"')):
        steps = np.geomspace(begin, end, 40).tolist()
        path = "L".join("{} {}".format(*at(n, fit[0] + fit[1] * n**power)) for n in steps)
        found.append(f'<path d="M{path}" fill="none" stroke="#2563eb" stroke-width="2"{dashes}/>')
    for n, value in points:
        x, y = at(n, value)
        found.append(f'<circle cx="{x}" cy="{y}" r="4" fill="#d97706"/>')
    return "".join(found)


def _raised(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


# The commands.


def read() -> dict[str, Any]:
    """What was measured."""
    found: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return found


def page(text: str, data: dict[str, Any]) -> str:
    """The page with the tables made anew."""
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{tables(data)}\n\n{END}{rest.split(END, 1)[1]}"


def write(data: dict[str, Any]) -> None:
    """Keep what was measured, and make the page anew."""
    DATA.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), data), encoding="utf-8")
    PLOT.write_text(drawn(data), encoding="utf-8")


def _apart(act: str, place: Path) -> dict[str, Any]:
    """What an act measures of a store in a process of its own, with one thread."""
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "scripts.bench.capacity", act, str(place)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **one})
    found: dict[str, Any] = json.loads(done.stdout)
    return found


ACTS = ("measure", "index", "postgres", "page")


def main() -> None:
    """Measure, or make the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("act", choices=[*ACTS, "one", "one-postgres"])
    parser.add_argument("stores", type=Path, nargs="*")
    asked = parser.parse_args()
    if asked.act == "one":
        print(json.dumps(searched(asked.stores[0])))
        return
    if asked.act == "one-postgres":
        print(json.dumps(capacity_postgres.measured(asked.stores[0], searched)))
        return
    data = read()
    if asked.act == "measure":
        for place in asked.stores:  # each in a process of its own, for its memory
            own = _apart("one", place)
            rest = [old for old in data["searches"] if old["items"] != own["items"]]
            data["searches"] = sorted([*rest, own], key=lambda row: row["items"])
    elif asked.act == "postgres":
        for place in asked.stores:  # each on a server of its own
            capacity_postgres.add(data, _apart("one-postgres", place))
    elif asked.act == "index":
        with tempfile.TemporaryDirectory() as folder:
            data["indexing"] = indexed(Path(folder))
    write(data)


if __name__ == "__main__":
    main()
