"""What can be done to a catalog's settings, and to what is kept as one, within a transaction."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

import json
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import Table

from cmsearch.store.catalog import reading_rows, schema, settings
from cmsearch.store.catalog.blobs import pack
from cmsearch.store.catalog.constructs import upsert
from cmsearch.store.catalog.reading_rows import Reading
from cmsearch.types import FloatArray

PUT_SETTING = upsert(schema.settings)


class SettingWriter:
    """What can be done to a catalog's settings within one transaction.

    In a database that several machines write, `moment` is the number of the transaction, else 0.
    """

    def __init__(self, connection: sa.Connection, moment: int = 0) -> None:
        self._connection, self._moment = connection, moment

    def put_root(self, root: str) -> None:
        """Keep the folder that is indexed, as text that JSON can hold."""
        self._set(settings.ROOT, root)

    def put_snapshots(self, tokens: Sequence[str]) -> None:
        """Keep the tokens of the last publications, whose files count as the catalog's own."""
        self._set(settings.SNAPSHOTS, json.dumps(list(tokens)))

    def add_snapshot(self, token: str) -> None:
        """Keep the token of a publication beside those of other machines."""
        kept = schema.settings.c
        query = sa.select(kept.value).where(kept.name == settings.SNAPSHOTS)
        known = json.loads(self._connection.execute(query).scalar() or "[]")
        self.put_snapshots([*known[1 - settings.MOST_SNAPSHOTS :], token])

    def put_index(self, name: str) -> None:
        """Keep the name of the index that searches the vectors."""
        self._set(settings.INDEX, name)

    def put_served_vectors(self, tokens: Sequence[str]) -> None:
        """Keep by what the store knows its vectors on a server: its name there, and tokens."""
        self._set(settings.SERVED, json.dumps(list(tokens)))

    def put_transcriber(self, name: str) -> None:
        """Keep the name of what writes speech down, or `none`."""
        self._set(settings.TRANSCRIBER, name)

    def pass_sound(self, *, is_passed: bool) -> None:
        """Keep whether sound is passed over, though the model of the index hears."""
        if is_passed:
            self._set(settings.NO_SOUND, "1")
        else:
            self._forget(settings.NO_SOUND)

    def put_ocr(self, choice: str) -> None:
        """Keep which pictures text is read in: `auto`, `none` or `all`."""
        self._set(settings.OCR, choice)

    def put_reading(self, digest: str, reading: Reading) -> None:
        """Keep what was read in the files whose content has this digest."""
        self._set(reading_rows.name(digest), reading_rows.pack(reading))

    def forget_readings(self) -> None:
        """Forget what was read in files that aren't there any more."""
        self._connection.execute(reading_rows.FORGET)

    def put_bank(self, space: int, vectors: FloatArray) -> None:
        """Keep the vectors `(n, dim)` of the captions that stand for any text in a space."""
        self._set(settings.bank(space), pack(vectors))

    def put_stages(self, space: int, stages: str) -> None:
        """Keep what was measured to help after the first stage in a space, as JSON."""
        self._set(settings.stages(space), stages)

    def _set(self, name: str, value: str) -> None:
        self._connection.execute(PUT_SETTING, {"name": name, "value": value})

    def _forget(self, *names: str) -> None:
        """Delete settings."""
        self._delete(schema.settings, schema.settings.c.name.in_(names))

    def _delete(self, table: Table, where: sa.ColumnElement[bool]) -> None:
        self._connection.execute(sa.delete(table).where(where))
