"""What a run of the indexer did, and what one would do."""

# Tested by tests/unit/indexer/test_indexer.py

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cmsearch.types import Skipped
from indexer.changes import Changes
from indexer.scan import Found, Scan, in_order
from indexer.text_estimates import Expected


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. A file that couldn't be read is counted only among the `skipped`."""

    model: str
    """The name of the model."""
    store: Path
    """The directory of the store."""
    added: int
    """Files that are new."""
    changed: int
    """Files whose content changed."""
    reencoded: int
    """Files that are as before and that this model hadn't encoded."""
    unchanged: int
    """Files that are as before."""
    moved: int
    """Files that have another path now."""
    removed: int
    """Files that are gone."""
    skipped: tuple[Skipped, ...]
    """Files and lines of files that were left out, each with the reason."""
    unread: dict[str, int]
    """How many files have a suffix that nothing here reads, the most frequent first; "" stands for
    none.
    """
    waiting: int = 0
    """Files that this model couldn't read and still has to encode before it can serve."""
    items: dict[str, int] = field(default_factory=dict)
    """How many items of each kind the store has now."""
    seconds: dict[str, float] = field(default_factory=dict)
    """The wall time of each stage; that of `read` and `encode` is added up over threads."""
    cpu: dict[str, float] = field(default_factory=dict)
    """The processor time of each stage, on the threads that it runs on itself."""
    rates: dict[str, float] = field(default_factory=dict)
    """What each stage can do a second by itself: files that are scanned and read, items that are
    encoded and written.
    """
    bound: str = ""
    """The stage that took longest, of those that run at the same time: to make it faster helps."""
    is_whole: bool = True
    """Whether all files were looked at. Else those near what changed were, and `unchanged`,
    `skipped` and `unread` are of these.
    """
    texts_waiting: int = 0
    """Files in which text in pictures is still to be looked for, since the time for it was over."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do. Paths are relative to the folder."""

    model: str
    """The name of the model."""
    store: Path
    """The directory of the store."""
    added: tuple[str, ...] = ()
    """Files that are new."""
    changed: tuple[str, ...] = ()
    """Files whose size or time changed."""
    reencoded: tuple[str, ...] = ()
    """Files that are as before and that this model hasn't encoded."""
    removed: tuple[str, ...] = ()
    """Files that are gone."""
    moved: tuple[tuple[str, str], ...] = ()
    """Where each file was, and where it is."""
    unchanged: int = 0
    """How many files are as before."""
    skipped: tuple[Skipped, ...] = ()
    """Files that can't be read, each with the reason."""
    unread: Mapping[str, int] = field(default_factory=dict)
    """How many files have a suffix that nothing here reads."""
    texts: int = 0
    """In how many files text in pictures would be looked for."""
    text_pages: int = 0
    """How many scanned pages these have, about."""
    text_seconds: float = 0.0
    """About how long that takes."""


def reported(
    name: str, place: Path, scan: Scan, changes: Changes, left_out: Sequence[Skipped]
) -> Report:
    """What a run with a model did to the files, those that it left out of what is new included."""
    skipped = [*_by_path(scan.skipped), *left_out]
    return Report(
        model=name,
        store=place,
        added=_count_read(changes.added, skipped),
        changed=_count_read(changes.changed, skipped),
        reencoded=_count_read(changes.lacking, skipped),
        unchanged=changes.unchanged,
        moved=len(changes.moved),
        removed=len(changes.removed),
        skipped=(*skipped, *changes.skipped),
        unread=scan.unread,
        is_whole=scan.changed is None,
    )


def planned(name: str, place: Path, scan: Scan, changes: Changes, texts: Expected) -> Plan:
    """What a run with a model would do to the files, and the text that it would look for."""
    return Plan(
        name,
        place,
        added=_paths(changes.added),
        changed=_paths(changes.changed),
        reencoded=_paths(changes.lacking),
        removed=tuple(changes.removed),
        moved=tuple((old, file.path) for old, file in changes.moved.items()),
        unchanged=changes.unchanged,
        skipped=(*_by_path(scan.skipped), *changes.skipped),
        unread=scan.unread,
        texts=texts.files,
        text_pages=texts.pages,
        text_seconds=texts.seconds,
    )


def _by_path(skipped: Iterable[Skipped]) -> list[Skipped]:
    """What was left out, in the order of paths."""
    return sorted(skipped, key=lambda one: one.path)


def _count_read(files: Sequence[Found], skipped: Sequence[Skipped]) -> int:
    """How many of the files could be read, if perhaps not every line of them."""
    failed = {one.path for one in skipped if not one.locator}
    return sum(file.path not in failed for file in files)


def _paths(files: Sequence[Found]) -> tuple[str, ...]:
    """The paths of files in the order in which they are read."""
    return tuple(file.path for file in in_order(files))
