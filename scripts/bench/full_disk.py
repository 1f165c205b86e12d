"""Let a disk be full at many moments of a run that indexes, and look at what is left.

    python -m scripts.bench.full_disk 50 [--most 420]

Each time a new index lies on a disk of its own, in memory, on which from 0 to `--most` KB are left
for a second run; what has to be true stands in `tests.small_disk`. Prints a line for each moment;
ends with 1 if one went wrong. Needs root, since it mounts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests import small_disk
from tests.processes import know_fake


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("moments", type=int)
    parser.add_argument("--most", type=int, default=420)
    arguments = parser.parse_args()
    know_fake()
    failed = 0
    for number in range(arguments.moments):
        left = round(arguments.most * number / max(arguments.moments - 1, 1))
        with tempfile.TemporaryDirectory() as place, small_disk.mounted(Path(place) / "disk") as ok:
            if not ok:
                print("this machine lets nobody mount")
                return 2
            try:
                small_disk.fill(Path(place) / "disk", Path(place) / "photos", left)
                wrong = ""
            except AssertionError as error:
                wrong = str(error).split("\n")[0] or "not as it has to be"
        failed += bool(wrong)
        print(f"{left:4} KB left: {wrong or 'an error, then whole'}", flush=True)
    print(f"{failed} of {arguments.moments} went wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
