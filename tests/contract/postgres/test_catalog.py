"""What `test_catalog` asks of a catalog holds of one in PostgreSQL."""

from __future__ import annotations

from tests.unit.cmsearch.store.catalog.test_catalog import *  # noqa: F403
