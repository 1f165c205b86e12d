"""The tests of each module can be found: by its name, or by a line at its head."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = [
    path.relative_to(ROOT)
    for package in ("cmsearch", "indexer")
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.name not in ("__init__.py", "__main__.py")
]
HEAD = 25  # lines of a module among which the line has to be


def by_name(module: Path) -> Path:
    """Where the tests of a module are unless it says otherwise."""
    return Path("tests", "unit", module.parent, f"test_{module.name}")


def by_line(module: Path) -> Path | None:
    """Where a module says that its tests are, below its docstring."""
    head = "\n".join((ROOT / module).read_text().split("\n")[:HEAD])
    line = re.search(r"^# Tested by (tests/\S+\.py)$", head, re.MULTILINE)
    return Path(line[1]) if line else None


def test_the_tests_of_each_module_can_be_found() -> None:
    lost = [one for one in MODULES if not (ROOT / by_name(one)).exists() and by_line(one) is None]
    assert not lost, "these need a test of their name, or a line `# Tested by tests/...` " + (
        "below their docstring:\n" + "\n".join(map(str, lost))
    )


def test_lines_lead_to_tests() -> None:
    lines = {module: by_line(module) for module in MODULES}
    gone = [f"{module}: {place}" for module, place in lines.items() if place and not is_test(place)]
    assert not gone, "\n".join(gone)


def is_test(place: Path) -> bool:
    """Whether there is such a file, and it has tests."""
    return (ROOT / place).exists() and "def test_" in (ROOT / place).read_text()
