"""The tests. Set before any library is imported: one thread for each process.

The tests run on all processors at once, where the threads of NumPy and torch would wait for one
another, spinning: training a small model takes more than ten times as long with two.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
