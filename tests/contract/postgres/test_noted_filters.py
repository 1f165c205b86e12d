"""What `test_noted_filters` asks of a catalog holds of one in PostgreSQL."""

from __future__ import annotations

from tests.unit.cmsearch.store.catalog.test_noted_filters import *  # noqa: F403
