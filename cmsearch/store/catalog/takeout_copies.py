"""The edited copies of a picture that Google Takeout's notes are about as well as the original.

A copy is known by its name, and by having no notes of Takeout's own: each picture in an export has
some but the copies that Google Photos made. So has no film of a picture that moves.
"""

# Tested by tests/unit/indexer/test_noted.py

from __future__ import annotations

from collections.abc import Iterable
from posixpath import split

import sqlalchemy as sa

from cmsearch.common.kinds import NOTED, PICTURES, SUBJECTS, FileKind
from cmsearch.media.readers import names
from cmsearch.media.takeout_names import original_stem, stem_of, without_number
from cmsearch.store.catalog.prepared import Prepared, given
from cmsearch.store.catalog.schema import assets, notes

TAKEOUT = NOTED.index("takeout")
_MOST = 1000
_subject, _sidecar = sa.alias(assets), sa.alias(assets)
_file, _notes, _own = assets.c, notes.c, _subject.c
_AT = Prepared(sa.select(_file.path, _file.kind).where(_file.id == given("number")))
_BETWEEN = Prepared(
    sa.select(_file.id, _file.path, _file.kind)
    .where(_file.path >= given("first"), _file.path < given("last"), _file.id != given("number"))
    .where(
        ~sa.exists().where(
            _notes.about == _file.id, _notes.rank == TAKEOUT, _notes.asset != given("beside")
        )
    )
    .limit(_MOST)
)
_ANY = Prepared(sa.select(_notes.id).where(_notes.rank == TAKEOUT).limit(1))
_NOTED = Prepared(
    sa.select(_sidecar.c.path)
    .select_from(_subject)
    .join(notes, _notes.about == _own.id)
    .join(_sidecar, _sidecar.c.id == _notes.asset)
    .where(_own.path >= given("first"), _own.path < given("last"), _notes.rank == TAKEOUT)
    .distinct()
    .limit(_MOST)
)


def of(connection: sa.Connection, number: int, beside: int) -> list[int]:
    """The numbers of the copies of an asset that have no notes of Takeout but those in the asset
    `beside`.
    """
    ((path, kind),) = _AT.rows(connection, number=number) or [("", "")]
    if kind not in names(*PICTURES):
        return []
    folder, stem = split(path)[0], stem_of(path)
    begun = _joined(folder, without_number(stem))
    found = _BETWEEN.rows(
        connection, first=f"{begun}-", last=f"{begun}.", number=number, beside=beside
    )
    copies = [row for row in found if original_stem(stem_of(row[1])) == stem]
    whole = _joined(folder, stem)
    films = _BETWEEN.rows(
        connection, first=f"{whole}.", last=f"{whole}/", number=number, beside=beside
    )
    copies += [row for row in films if row[2] in names(FileKind.FILM) and stem_of(row[1]) == stem]
    return [int(row[0]) for row in copies if row[2] in names(*SUBJECTS)]


def noted_beside(connection: sa.Connection, files: Iterable[tuple[str, str]]) -> set[str]:
    """The paths of Takeout's notes about what some files, of paths and kinds, may be copies of."""
    found, wanted, films = set[str](), set[str](), names(FileKind.FILM)
    for path, kind in files:
        folder, stem = split(path)[0], stem_of(path)
        stems = original_stem(stem), stem if kind in films else None
        wanted |= {_joined(folder, one) for one in stems if one}
    if not wanted or not _ANY.rows(connection):
        return found
    for whole in wanted:
        rows = _NOTED.rows(connection, first=f"{whole}.", last=f"{whole}/")
        found |= {row[0] for row in rows}
    return found


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
