"""Catalogs as nobody's cmsearch leaves them: each a few statements of SQL, of a given `size`.

With a size of 1 they are made in milliseconds; scripts/bench/hostile.py makes them large.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

ROWS = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < {many})"
KEPT = "INSERT OR REPLACE INTO settings VALUES"
_BLOBS = ("NULL", "x''", "zeroblob({bytes})", "'text'", "-1", "1e308", "x'007e007e'")
_IDS = ("-id", "id + 9223372036854775000", "-9223372036854775807 + id")

CASES: dict[str, Sequence[str]] = {
    "many tokens": ["UPDATE embeddings SET tokens = zeroblob({bytes} * (length(vector) / 2 + 4))"],
    "tokens of half a row": ["UPDATE embeddings SET tokens = substr(tokens, 2)"],
    "eleven tokens": ["UPDATE embeddings SET tokens = zeroblob(11 * (length(vector) / 2 + 4))"],
    "tokens that are no numbers": [
        "UPDATE embeddings SET tokens = CAST(replace(hex(zeroblob(length(tokens))), '00', '7e')"
        " AS BLOB)"
    ],
    "a row beyond all bounds": ["UPDATE items SET text = zeroblob({bytes} * 1000) WHERE id = 1"],
    "a text beyond all bounds": ["UPDATE items SET text = printf('%.*c', {bytes} * 1000, 'x')"],
    "a long path": ["UPDATE assets SET path = printf('%.*c', {bytes} * 1000, 'x') WHERE id = 1"],
    "a long error": ["UPDATE assets SET error = '[[' || printf('%.*c', {bytes} * 100, '[')"],
    "a long locator": ["UPDATE items SET locator = printf('%.*c', {bytes} * 100, '9')"],
    "a long kind": ["UPDATE items SET kind = printf('%.*c', {bytes} * 100, 'x')"],
    "a long digest": ["UPDATE items SET digest = digest || printf('%.*c', {bytes} * 100, 'x')"],
    "many generations": [
        f"INSERT INTO generations (spaces, created, served) {ROWS} SELECT '[1]', 'x', i FROM r"
    ],
    "generations that serve at 2^63": ["UPDATE generations SET served = 9223372036854775807"],
    "generations that serve before all": ["UPDATE generations SET served = -9223372036854775807"],
    "a generation of no space": ["UPDATE generations SET spaces = '[99]'"],
    "a generation of many": ["UPDATE generations SET spaces = '[1, 1, 1]'"],
    "a generation of brackets": ["UPDATE generations SET spaces = printf('%.*c', 3000, '[')"],
    "many spaces": [
        f"INSERT INTO spaces (description, runtime, created) {ROWS} SELECT i, 'x', 'x' FROM r"
    ],
    "a space of brackets": ["UPDATE spaces SET description = printf('%.*c', {bytes} * 10, '[')"],
    "a space with a long name": [
        "UPDATE spaces SET description = json_set(description, '$.model',"
        " printf('%.*c', {bytes} * 100, 'x'))"
    ],
    "a space of one dimension": [
        "UPDATE spaces SET description = json_set(description, '$.dim', 1)"
    ],
    "a space of 65,536": ["UPDATE spaces SET description = json_set(description, '$.dim', 65536)"],
    "many items": [
        "INSERT INTO items (asset, modality, kind, text, about, locator, digest)"
        f" {ROWS} SELECT 1, 'text', 'caption', 'red', 1, '1', 'x' || i FROM r"
    ],
    "many embeddings of one item": [
        "INSERT INTO embeddings (item, space, modality, part, vector)"
        f" {ROWS} SELECT 1, 1, 'image', i, (SELECT vector FROM embeddings LIMIT 1) FROM r"
    ],
    "many embeddings of none": [
        "INSERT INTO embeddings (item, space, modality, part, vector)"
        f" {ROWS} SELECT 1000 + i, 1, 'image', 0, (SELECT vector FROM embeddings LIMIT 1) FROM r"
    ],
    "many tombstones": [f"INSERT INTO tombstones {ROWS} SELECT 1000 + i, 99999999 FROM r"],
    "tombstones before all": [f"INSERT INTO tombstones {ROWS} SELECT -i, -i FROM r"],
    "all dead": ["INSERT INTO tombstones SELECT id, 99 FROM embeddings"],
    "many settings": [f"INSERT INTO settings {ROWS} SELECT 'bank ' || (i + 9), 'x' FROM r"],
    "a bank of letters": [f"{KEPT} ('bank 1', printf('%.*c', {{bytes}} * 4, 'A'))"],
    "a large bank": [f"{KEPT} ('bank 1', printf('%.*c', {{bytes}} * 1000, 'A'))"],
    "a bank that is a blob": [f"{KEPT} ('bank 1', zeroblob({{bytes}}))"],
    "stages of brackets": [f"{KEPT} ('stages 1', printf('%.*c', {{bytes}} * 10, '['))"],
    "stages of everything": [f"{KEPT} ('stages 1', '{{{{\"text image\": 1, \"a\": [1e999]}}}}')"],
    "snapshots of brackets": [f"{KEPT} ('snapshots', printf('%.*c', {{bytes}} * 10, '['))"],
    "snapshots without end": [f"{KEPT} ('snapshots', printf('%.*c', {{bytes}} * 1000, '1'))"],
    "snapshots that are a blob": [f"{KEPT} ('snapshots', zeroblob({{bytes}}))"],
    "sounds in no space": [f"{KEPT} ('sound space', '77')"],
    "sounds in the same space": [f"{KEPT} ('sound space', '1')"],
    "sounds in a number": [f"{KEPT} ('sound space', printf('%.*c', {{bytes}}, '9'))"],
    "a reranker that is missing": [f"{KEPT} ('reranker 1', 'none')"],
    "a reranker of zeros": [
        f"{KEPT} ('reranker 1', 'x')", "INSERT INTO adapters VALUES ('x', zeroblob({bytes} * 100))"
    ],
    "a reranker that claims more": [
        f"{KEPT} ('reranker 1', 'x')",
        "INSERT INTO adapters VALUES ('x', x'ffffffffffffff7f' || zeroblob({bytes}))",
    ],
    "a large adapter": ["INSERT INTO adapters VALUES ('x', zeroblob({bytes} * 1000))"],
    "a long transcriber": [f"{KEPT} ('transcriber', printf('%.*c', {{bytes}} * 100, 'x'))"],
    "words of zeros": ["UPDATE words_data SET block = zeroblob(length(block))"],
    "words that are long": ["UPDATE words_data SET block = zeroblob({bytes} * 100)"],
    "words of another form": ["UPDATE words_config SET v = 99"],
    "words at both ends": [
        "INSERT INTO words (rowid, text) VALUES (9223372036854775807, 'red'), (-1, 'red')"
    ],
    "a hash that is long": ["UPDATE items SET phash = zeroblob({bytes} * 100)"],
    "features that are long": ["UPDATE embeddings SET features = zeroblob({bytes} * 100)"],
    "every part the last": ["UPDATE embeddings SET part = 9223372036854775807"],
    "every part before the first": ["UPDATE embeddings SET part = -9223372036854775807"],
    "sequence before all": ["UPDATE sqlite_sequence SET seq = -5"],
    "sequence at the end": ["UPDATE sqlite_sequence SET seq = 9223372036854775807"],
    "sequence in words": ["UPDATE sqlite_sequence SET seq = 'many'"],
    "sequences": ["INSERT INTO sqlite_sequence SELECT name, seq FROM sqlite_sequence"],
    "days beyond the calendar": ["UPDATE assets SET taken = '9999-99-99 99:99:99'"],
    "places beyond the earth": ["UPDATE assets SET latitude = 9e999, longitude = -9e999"],
    "sizes beyond disks": ["UPDATE assets SET size = -9223372036854775807, mtime_ns = -1"],
    **{f"vectors that are {blob}": [f"UPDATE embeddings SET vector = {blob} WHERE id % 2"]
       for blob in _BLOBS[1:]},
    **{f"tokens that are {blob}": [f"UPDATE embeddings SET tokens = {blob}"] for blob in _BLOBS},
    **{f"embeddings at {ids}": [f"UPDATE embeddings SET id = {ids} WHERE id < 3"] for ids in _IDS},
    **{f"items at {ids}": [f"UPDATE embeddings SET item = {ids.replace('id', 'item')}",
                           f"UPDATE items SET id = {ids}"] for ids in _IDS},
    **{f"assets at {ids}": [f"UPDATE items SET asset = {ids.replace('id', 'asset')}",
                            f"UPDATE assets SET id = {ids}"] for ids in _IDS},
    **{f"of {size} bytes a page": [f"PRAGMA page_size = {size}", "VACUUM"]
       for size in (512, 65536)},
}  # fmt: skip


def make(catalog: Path, name: str, size: int) -> None:
    """Change a catalog into one of the `CASES`."""
    with closing(sqlite3.connect(catalog, isolation_level=None)) as opened:
        opened.execute("PRAGMA journal_mode = DELETE")
        opened.execute("PRAGMA synchronous = OFF")
        for statement in CASES[name]:
            opened.execute(statement.format(bytes=1000 * size, many=1500 * size))
