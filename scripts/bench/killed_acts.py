"""Kill what changes an index besides the indexer, do it again, and compare with undisturbed ones.

    python -m scripts.bench.killed_acts 40 [--acts compact repair rollback prune fit]

Each is killed so often, at calls of the system or of SQLite that are spread over the whole of it.
Prints a line for each act; ends with 1 if an index differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests import acts
from tests.processes import know_fake


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kills", type=int)
    parser.add_argument("--acts", nargs="+", choices=acts.ACTS, default=list(acts.ACTS))
    parser.add_argument("--pictures", type=int, default=180)
    arguments = parser.parse_args()
    know_fake()
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        killed = acts.struck(place, arguments.pictures, arguments.kills, arguments.acts)
        for act in arguments.acts:
            wrong = [acts.wrong_after(place, act, one) for one in range(arguments.kills)]
            failed += sum(map(bool, wrong))
            print(f"{act}: {sum(killed[act])} of {arguments.kills} were killed at work, ", end="")
            print(f"{sum(map(bool, wrong))} differ {[one for one in wrong if one][:2]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
