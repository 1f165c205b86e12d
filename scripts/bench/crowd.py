"""Let one process write a store and four search it, and count the answers that were wrong.

    python -m scripts.bench.crowd [--seconds 60]

Each transaction adds and deletes files, some switch the generation, and a snapshot is published
now and then. An answer is right if it is what some transaction left, and no older than the last.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests import crowd


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        tally = crowd.trial(Path(place), arguments.seconds)
    print(f"{tally.commits} commits, {tally.answers} answers, {len(tally.wrong)} wrong or failed")
    print(*tally.wrong, sep="\n")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
