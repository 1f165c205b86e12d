"""Kill runs of the indexer at random moments, run them again, and compare with undisturbed ones.

    python -m scripts.bench.kills 40 [--seed 1] [--pictures 120]

A first run, one that builds a second generation, and one that follows moves are killed in turn, at
moments spread over the whole of each: by turns at a call of the system or of SQLite, chosen by its
number, and from outside by the clock. Prints a line for each; ends with 1 if a store differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests import kills
from tests.processes import know_fake


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pictures", type=int, default=120)
    arguments = parser.parse_args()
    know_fake()
    failed = killed = 0
    with tempfile.TemporaryDirectory() as place:
        known = kills.scenarios(Path(place), arguments.pictures)
        for scenario in known:
            print(f"{scenario.name}: {scenario.calls} calls, {scenario.seconds:.2f} s undisturbed")
        each = -(-arguments.kills // len(known))
        shares = [kills.moments(each, arguments.seed + number) for number in range(len(known))]
        for number in range(arguments.kills):
            turn, which = divmod(number, len(known))
            by_clock = bool(turn % 2)
            one = kills.strike(known[which], Path(place), shares[which][turn], by_clock=by_clock)
            unit = "time " if by_clock else "calls"
            failed += bool(one.wrong)
            killed += one.killed
            when = f"{one.scenario:12} at {one.share:4.0%} of its {unit}"
            print(f"{when}  {one.state}  {one.wrong or 'equal'}")
    print(f"{killed} of {arguments.kills} were killed at work, {failed} stores differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
