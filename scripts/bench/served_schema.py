"""Let schemathesis ask a true service all that its OpenAPI document allows, and what it doesn't.

    python -m scripts.bench.served_schema [--examples 100] [--seed 1]

Answers have to have the statuses, the types and the bodies of the document, and none is an error of
the service. That every body which fits the schema is accepted isn't asked: a schema can't say which
targets an index has, nor that a query is more than its filters.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.builders import write_files, write_picture
from tests.e2e.server.conftest import serving_within
from tests.processes import faked

ALL = "examples,coverage,fuzzing"
"""Requests of the document's examples, on and beyond each bound of its schemas, and by chance."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, serving(Path(place)) as address:
        done = run(address, Path(place), asked.examples, asked.seed)
    print(done.stdout)
    return done.returncode


@contextmanager
def serving(place: Path) -> Iterator[str]:
    """A true service of two pictures, a page and a note, with the encoder of the tests."""
    folder = place / "folder"
    for name in ("red", "green"):
        write_picture(folder / f"{name}.png", name)
    write_files(folder, {"note.md": "A red house.\n", "page.html": "<p>The sea is blue.</p>"})
    faked("index", folder, "--model", "fake:colours", "--asr", "none")
    with serving_within(folder) as address:
        yield address


def run(
    address: str, place: Path, examples: int, seed: int = 1, *, phases: str = ALL
) -> subprocess.CompletedProcess[str]:
    """The run of schemathesis, with so many made-up requests of each operation."""
    line = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"),
        *("--phases", phases, "--exclude-checks", "positive_data_acceptance"),
        *("--seed", str(seed), "--max-examples", str(examples), "--generation-deterministic"),
        *("--no-color", "--no-shrink", "--continue-on-failure", "--warnings", "off"),
    ]
    return subprocess.run(line, cwd=place, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
