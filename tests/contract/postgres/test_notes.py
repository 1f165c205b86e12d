"""What `test_notes` asks of a catalog holds of one in PostgreSQL."""

from __future__ import annotations

from tests.unit.cmsearch.store.catalog.test_notes import *  # noqa: F403
