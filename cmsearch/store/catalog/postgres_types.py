"""Vectors on their way to PostgreSQL and back: the bytes of float16, as pgvector's `halfvec`."""

# Tested by tests/unit/cmsearch/store/catalog/test_postgres.py

from __future__ import annotations

import struct
from typing import Any

import psycopg
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format
from psycopg.types import TypeInfo
from psycopg.types.string import StrDumper

_HEAD = struct.Struct(">HH")


class Half(bytes):
    """The bytes of a vector, little-endian."""


class BinaryCursor(psycopg.Cursor[Any]):
    """A cursor that gets all values as bytes: to write vectors as text takes many times as long."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.format = Format.BINARY


class _HalfLoader(Loader):
    format = Format.BINARY

    def load(self, data: Any) -> bytes:
        """Give the bytes of a vector as they are kept elsewhere."""
        return _swapped(bytes(data)[_HEAD.size :])


class _HalfDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:
        """Give a vector as pgvector reads it."""
        return _HEAD.pack(len(obj) // 2, 0) + _swapped(obj)


class _TextDumper(StrDumper):
    def dump(self, obj: str) -> Any:
        """Give a text without zeros, which PostgreSQL can't hold."""
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


def adapt(connection: psycopg.Connection[Any]) -> None:
    """Let a connection take and give vectors, if its database has any."""
    connection.adapters.register_dumper(str, _TextDumper)
    info = TypeInfo.fetch(connection, "halfvec")
    if info is not None:
        dumper = type("_Dumper", (_HalfDumper,), {"oid": info.oid})
        connection.adapters.register_dumper(Half, dumper)
        connection.adapters.register_loader(info.oid, _HalfLoader)


def _swapped(data: bytes) -> bytes:
    swapped = bytearray(len(data))
    swapped[0::2], swapped[1::2] = data[1::2], data[0::2]
    return bytes(swapped)
