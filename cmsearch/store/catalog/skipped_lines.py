"""What the catalog keeps of lines that were left out, so that the next run can name them too."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cmsearch.types import Skipped

MAX_LINES = 1000
"""Lines of one file that are kept; a file with more has another mistake than its lines."""
BEGINNING = '[["'
"""With what such a text begins."""


def noted(skipped: Sequence[Skipped]) -> str | None:
    """Lines that were left out of a file, as text that is told from the reason for all of it."""
    if not skipped:
        return None
    rows = [[one.locator, one.reason] for one in skipped[:MAX_LINES]]
    if len(skipped) > MAX_LINES:
        rows.append(
            [skipped[MAX_LINES].locator, f"and {len(skipped) - MAX_LINES:,} lines from here"]
        )
    return json.dumps(rows, ensure_ascii=False)


def named(path: str, error: str | None) -> list[Skipped]:
    """What was left out of the file at `path`, from what the catalog keeps: it, or lines of it."""
    if error is None:
        return []
    if not is_of_lines(error):
        return [Skipped(path, error)]
    return [Skipped(path, reason, locator) for locator, reason in json.loads(error)]


def is_of_lines(error: str) -> bool:
    """Whether it is lines that were left out, not the file."""
    return error.startswith(BEGINNING)
