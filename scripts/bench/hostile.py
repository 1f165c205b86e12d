"""Open, search and examine hostile catalogs of up to gigabytes: time, memory and what came of it.

python -m scripts.bench.hostile FOLDER [SIZE] [NAME...]

FOLDER is a small indexed folder, of which copies are made. SIZE multiplies those of the tests; with
1000, the default, blobs are of a megabyte to a gigabyte and rows 1.5 million.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cmsearch.store.store import CATALOG, DIRECTORY
from tests import hostile

LIMIT = 10.0  # seconds of a processor
MOST = 1000  # MB
USE = """
import resource, sys, time
from pathlib import Path
import cmsearch
from cmsearch.store.inventory import take_inventory
from cmsearch.store.store import Store
from indexer.doctor import examine

folder = Path(sys.argv[1])

def search():
    with cmsearch.open(folder) as engine:
        return len(engine.search("a cat", k=100))

def listed():
    with Store(folder / ".cmsearch") as store:
        return take_inventory(store).generations

def examined():
    with Store(folder / ".cmsearch") as store:
        return len(examine(store, samples=0))

import cmsearch.models.encoders.lite, faiss, sqlalchemy
said = []
for use in (search, listed, examined):
    start = time.process_time()
    try:
        what = str(use())
    except cmsearch.CmsearchError as error:
        what = f"{type(error).__name__}: {error}"[:60]
    said.append(f"{use.__name__} {time.process_time() - start:.1f} s {what}")
print(" | ".join(said), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, sep="\\t")
"""


def main() -> None:
    base, size = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    failed = 0
    for name in sys.argv[3:] or hostile.CASES:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(shutil.copytree(base, Path(place, "photos")))
            try:
                hostile.make(folder / DIRECTORY / CATALOG, name, size)
            except Exception as error:
                print(f"none   {name}: {error}", flush=True)  # SQLite makes no such catalog
                continue
            failed += not tried(name, folder)
    sys.exit(failed > 0)


def tried(name: str, folder: Path) -> bool:
    line = [sys.executable, "-c", USE, str(folder)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said, _, memory = done.stdout.strip().rpartition("\t")
    whole = done.returncode == 0 and spent < 3 * LIMIT and int(memory or 10**9) < MOST
    said = said or done.stderr.strip()[-200:]
    wall = time.monotonic() - start
    print(
        f"{'ok  ' if whole else 'FAIL'} {spent:5.1f} s of {wall:.0f}, {memory} MB  {name}: {said}",
        flush=True,
    )
    return whole


if __name__ == "__main__":
    main()
