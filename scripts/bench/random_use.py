"""Use the command line and the API at random, and say what ended with anything but our errors.

    python -m scripts.bench.random_use 20 [--seed 1]

For so many minutes: commands with options that their declarations allow, and some that they don't,
searches by the API, changes of the folder, and damage of the store, with an encoder that needs no
weights. A call may take a minute. Prints what went wrong, with the seed and the step; ends with 1
if anything did.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.processes import know_fake
from tests.uses import Uses


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    know_fake()
    with tempfile.TemporaryDirectory() as place:
        os.environ.update(
            CMSEARCH_STATE=f"{place}/state", HF_HOME=f"{place}/hub", HF_HUB_OFFLINE="1"
        )
        uses, told = Uses(Path(place), arguments.seed), 0
        end = time.monotonic() + 60 * arguments.minutes
        while time.monotonic() < end:
            uses.step()
            for failure in uses.failures[told:]:
                print(failure, flush=True)
            told = len(uses.failures)
    print(f"{uses.steps} steps, {len(uses.failures)} failures")
    return 1 if uses.failures else 0


if __name__ == "__main__":
    sys.exit(main())
