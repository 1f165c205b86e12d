"""How many searches a second eight threads get while another process writes, over the same alone.

    python -m scripts.bench.busy [--seconds 10] [--items 10000] [--threads 8]

The writer commits ten times a second, four rows each time, and deletes as many old ones. Both are
timed in turns on one store, so that the ratio holds where the machine's speed drifts; it is that
of the sums. The items are pictures in the small space of the tests, asked for by texts with the
default ranking.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from tests import busy
from tests.processes import know_fake, script

ROUNDS = 3
_WRITER = "import sys; from tests import busy; busy.write(sys.argv[1], int(sys.argv[2]))"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=8)
    arguments = parser.parse_args()
    know_fake()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        busy.fill(folder, arguments.items)
        alone = beside = 0.0
        for number in range(ROUNDS):
            alone += rate(folder, arguments.threads, arguments.seconds)
            with writing(folder, arguments.items + 100_000 * number):
                beside += rate(folder, arguments.threads, arguments.seconds)
    print(f"alone {alone / ROUNDS:.1f} searches/s, beside a writer {beside / ROUNDS:.1f}")
    print(f"ratio {beside / alone:.2f}")
    return 0


@contextmanager
def writing(folder: Path, first: int) -> Iterator[None]:
    """Let the writer be at work within, and say how often it committed."""
    process = script(_WRITER, folder, first)
    assert process.stdout is not None
    process.stdout.readline()  # it has begun
    yield
    made = json.loads(process.communicate(timeout=60)[0])
    print(f"{made['commits'] / made['seconds']:.1f} commits/s", file=sys.stderr)


def rate(folder: Path, threads: int, seconds: float) -> float:
    """Searches a second of some threads with one engine."""
    import cmsearch

    counts = [0] * threads
    with cmsearch.open(folder) as engine:
        engine.search("red", k=10)
        end = time.monotonic() + seconds

        def search(number: int) -> None:
            while time.monotonic() < end:
                engine.search(busy.QUERIES[(number + counts[number]) % len(busy.QUERIES)], k=10)
                counts[number] += 1

        started = [Thread(target=search, args=(number,)) for number in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
    return sum(counts) / seconds


if __name__ == "__main__":
    sys.exit(main())
