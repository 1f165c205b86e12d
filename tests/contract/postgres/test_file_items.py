"""What `test_file_items` asks of a catalog holds of one in PostgreSQL."""

from __future__ import annotations

from tests.unit.cmsearch.store.catalog.test_file_items import *  # noqa: F403
