"""The manifest of a publication: which files belong to it, and what is known of them."""

# Tested by tests/unit/cmsearch/store/index/test_snapshot.py

from __future__ import annotations

import json
import re
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cmsearch.common.digest import BLOCK
from cmsearch.common.files import read_file
from cmsearch.errors import StoreError
from cmsearch.types import Background, Modality, Scale

FORMAT = 6
_READ = (2, 3, 4, 5, FORMAT)
SMALL_BLOCK = BLOCK // 16
"""Bytes of a block of vectors in formats 4 and 5."""
_MAX_MANIFEST = 16 * BLOCK  # for 90 GB of vectors
_SEGMENTS = 256
"""Segments at most; each is more than twice as long as the next of its modality."""
_TRIED = 8
"""Manifests at most that are looked at; one is whole, and a crash leaves one more."""
_MANIFEST = re.compile(r"manifest-([0-9]{1,18})\.json")
DERIVED = re.compile(
    r"(?:manifest|vectors|sums|ids|rows|kept|assets|graph|index)-(?:.*-)?([0-9]{1,18})"
    r"\.(?:json|f16|i64|u8|u4|i32|faiss)"
)
"""Names of derived files, those of older versions too."""
_KEPT = 2000
"""Bytes that an index keeps at most for each of its rows, and for each number of a vector."""
_ROW = 9
"""Bytes of a row's place in the table of rows."""
_LISTS = 1000
"""As many rows may the lists be of a segment that has few."""


@dataclass(frozen=True, slots=True)
class File:
    """A derived file with the CRC-32 of each of its blocks of `block` bytes."""

    name: str
    size: int
    blocks: list[int]
    block: int = BLOCK


@dataclass(frozen=True, slots=True)
class IndexFiles:
    """The files of a segment of one space and modality. `kept` is there if its index keeps
    something, and `table` says what the rows are of, with `kinds` as the names in it; there is none
    in a publication of an older cmsearch. `sums` are checksums of small blocks of many vectors.

    `recall` is what was measured of the index, None in a publication of an older cmsearch: by `10`
    and `100` the share of so many true nearest, of `queries` texts when there were `rows`. The
    first segment says it of all.
    """

    space: int
    modality: Modality
    rows: int
    dim: int
    vectors: File
    ids: File
    kept: File | None
    recall: dict[str, float] | None
    table: File | None = None
    kinds: list[str] = field(default_factory=list)
    sums: File | None = None

    @property
    def files(self) -> list[File]:
        """Those that there are."""
        own = (self.vectors, self.ids, self.kept, self.table, self.sums)
        return [one for one in own if one is not None]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One publication: what was in the catalog up to and with `last_embedding`.

    The catalog knows its `token`: files that came from another catalog are not taken for its own.
    `index` is the name of the index that these are for. `indexes` are segments, those of one space
    and modality in the order of their ids. The `background` was measured when the last embedding
    was `judged`. `assets` is a table of them, as they were after the transaction of the number
    `changes`; without one there is none, and −1 says that of an older cmsearch.
    """

    snapshot: int
    token: str
    last_embedding: int
    index: str
    background: Background
    indexes: list[IndexFiles]
    judged: int = 0
    assets: File | None = None
    changes: int = -1

    @property
    def files(self) -> list[File]:
        """All that there are."""
        own = [file for one in self.indexes for file in one.files]
        return own if self.assets is None else [*own, self.assets]

    def of(self, modality: Modality) -> list[IndexFiles]:
        """The segments of a modality."""
        return [one for one in self.indexes if one.modality == modality]


def newest(folder: Path) -> Manifest | None:
    """The newest manifest that can be read."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise StoreError(f"The store {folder} can't be read: {error.strerror}.") from error
    numbers = [int(match[1]) for name in names if (match := _MANIFEST.fullmatch(name))]
    for number in sorted(numbers, reverse=True)[:_TRIED]:
        try:
            text = read_file(folder / f"manifest-{number}.json", _MAX_MANIFEST, follow=False)
            return _parsed(json.loads(text))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue
    return None


def next_snapshot(folder: Path) -> int:
    """A number above that of every file here, of those without a manifest too."""
    matches = (DERIVED.fullmatch(path.name) for path in folder.iterdir())
    return 1 + max((int(match[1]) for match in matches if match), default=0)


def derived_bytes(folder: Path) -> int:
    """What all derived files take, left-over ones too."""
    return sum(path.lstat().st_size for path in folder.iterdir() if DERIVED.fullmatch(path.name))


def sealed(manifest: Manifest) -> str:
    """The text of a manifest's file."""
    return sealed_fields({"format": FORMAT, **asdict(manifest)})


def sealed_fields(value: dict[str, Any]) -> str:
    """The manifest's text, with the CRC-32 of the rest of it as the last field."""
    return json.dumps({**value, "checksum": zlib.crc32(json.dumps(value).encode())})


def _parsed(value: dict[str, Any]) -> Manifest:
    checksum = value.pop("checksum")
    if value["format"] not in _READ or zlib.crc32(json.dumps(value).encode()) != checksum:
        raise ValueError("another format, or damaged")
    form = value.pop("format")
    if form < FORMAT:
        value |= {"assets": None, "changes": -1}
    if form < 5:
        value["judged"] = value["last_embedding"]
    if form < 4:
        for one in value["indexes"]:
            one.pop("graph")
            one |= {"kept": None, "recall": None}
    if form < 3:  # of before there were others
        value["index"] = "faiss"
        for one in value["indexes"]:
            del one["factory"]
    if len(value["indexes"]) > _SEGMENTS:
        raise ValueError("more segments than there can be")
    value["indexes"] = [_parsed_index(**index) for index in value["indexes"]]
    value["background"] = {
        query: {target: _parsed_scale(*scale) for target, scale in own.items() if len(scale) == 5}
        for query, own in value["background"].items()
    }
    value["assets"] = _parsed_file(**value["assets"]) if value["assets"] else None
    for name in ("snapshot", "last_embedding", "judged", "changes"):
        least = -1 if name == "changes" else 0
        if type(value[name]) is not int or not least <= value[name] < 2**63:
            raise ValueError(f"{name} is out of range")
    if not isinstance(value["index"], str):
        raise TypeError("a name is a string")
    return Manifest(**value)


def _parsed_scale(best: Any, spread: Any, mean: Any, deviation: Any, apart: Any) -> Scale:
    # In half precision equal vectors have a cosine a little above 1.
    if not all(-1.01 <= one <= 1.01 for one in (best, mean)):
        raise ValueError("no mean of cosines")
    if not all(0.001 <= one <= 1 for one in (spread, deviation)):
        raise ValueError("no deviation of cosines")
    if not 0 < apart <= 1:
        raise ValueError("no share of items")
    return Scale(*map(float, (best, spread, mean, deviation, apart)))


def _parsed_index(
    modality: str, rows: Any, dim: Any, vectors: Any, ids: Any, recall: Any, **rest: Any
) -> IndexFiles:
    kept, table, sums = rest.pop("kept"), rest.pop("table", None), rest.pop("sums", None)
    found = IndexFiles(
        modality=Modality(modality),
        rows=int(rows),
        dim=int(dim),
        vectors=_parsed_file(**vectors),
        ids=_parsed_file(**ids),
        recall=None if recall is None else _parsed_recall(**recall),
        kinds=[str(name) for name in rest.pop("kinds", ())],
        kept=_parsed_file(**kept) if kept else None,
        table=_parsed_file(**table) if table else None,
        sums=_parsed_file(**sums) if sums else None,
        **rest,
    )
    most = [2 * found.rows * found.dim, 8 * found.rows, _ROW * found.rows]
    most.append(found.rows * found.dim + 4)  # a sum for a part of a row at least
    most.append(_KEPT * (found.rows + _LISTS) + 8 * found.dim * (found.rows + found.dim))
    own = (found.vectors, found.ids, found.table, found.sums, found.kept)
    for file, size in zip(own, most, strict=True):
        if file is not None and file.size > size:
            raise ValueError(f"{file.name} is too long for its rows")
    return found


def _parsed_recall(**shares: Any) -> dict[str, float]:
    found = {name: float(share) for name, share in shares.items()}
    if not all(0 <= share < 2**63 for share in found.values()):
        raise ValueError("no share, and no number")
    return found


def _parsed_file(name: Any, size: Any, blocks: Any, block: Any = BLOCK) -> File:
    if not isinstance(name, str) or "\0" in name:
        raise TypeError("a name is a string without zero bytes")
    found = File(name, int(size), [int(one) for one in blocks], block)
    if block not in (SMALL_BLOCK, BLOCK) or len(found.blocks) != -(-found.size // block):
        raise ValueError("a checksum for each block")
    return found
