"""How PostgreSQL groups notes by their values; `sqlite_notes` says what each statement gives."""

# Tested by tests/unit/cmsearch/store/catalog/test_postgres.py

from __future__ import annotations

import sqlalchemy as sa

GROUPS = (
    "SELECT folded, string_agg(DISTINCT about::text, ',') FROM notes WHERE kind = :kind{}"
    " GROUP BY 1 ORDER BY 1"
)
SPELLED = sa.text(
    "SELECT asked.value, (SELECT notes.value FROM notes"
    " WHERE notes.kind = :kind AND notes.folded = asked.value ORDER BY id LIMIT 1)"
    " FROM each_text(:values) AS asked ORDER BY asked.key"
)
