"""The tests of catalogs in this folder have theirs on a server of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cmsearch.store.catalog.catalog import Catalog
from tests import builders, postgres

OF_FILES = {
    "test_a_catalog_of_bytes_is_none",
    "test_a_schema_of_bytes_that_are_no_text_is_an_error_of_ours",
    "test_an_index_finds_what_has_a_keyword",
    "test_an_older_catalog_gets_its_words",
    "test_indexes_alone_say_which_stars_count",
    "test_lost_words_are_named_and_made_anew",
    "test_scores_are_those_of_bm25",
    "test_texts_of_an_older_catalog_get_the_words_of_their_files",
    "test_the_share_weighs_words_by_their_rarity",
    "test_the_version_changes_when_another_process_commits",
    "test_tokens_and_features_are_kept",
    "test_tombstones_are_told_by_the_age_of_their_snapshot_and_forgotten",
    "test_what_fails_leaves_the_words_as_they_were",
    "test_words_are_found_where_nothing_can_be_written",
    "test_words_are_read_in_the_state_that_is_held",
    "test_words_that_disagree_are_made_anew",
}
"""Tests that look into a file of SQLite, damage it, or number publications as one machine does."""
QUICK = {"test_file_items", "test_noted_filters", "test_notes"}
"""Modules that run without `--services` too, in some seconds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    own = [item for item in items if item.path.is_relative_to(here)]
    gone = {item for item in own if item.originalname in OF_FILES}  # type: ignore[attr-defined]
    items[:] = [item for item in items if item not in gone]
    for item in own:
        if item.path.stem not in QUICK:
            item.add_marker(pytest.mark.services)


@pytest.fixture(autouse=True)
def _on_the_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Opens catalogs there, and closes them, which tests leave to the collector of garbage."""
    with ExitStack() as stack:

        def opened(path: Path) -> Catalog:
            catalog = postgres.catalog(path)
            stack.callback(catalog.close)
            return catalog

        monkeypatch.setitem(builders.OPENING, "open", opened)
        yield
