"""What `test_fulltext` asks of a catalog holds of one in PostgreSQL."""

from __future__ import annotations

from tests.unit.cmsearch.store.catalog.test_fulltext import *  # noqa: F403
