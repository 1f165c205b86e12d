"""What is in a store: by kind, model, bytes and dates."""

# Tested by tests/e2e/test_store_commands.py

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cmsearch.models.spaces import model_name
from cmsearch.store import publication, whereabouts
from cmsearch.store.catalog import files, notes
from cmsearch.store.catalog.noted_filters import STARS
from cmsearch.store.catalog.noting import KEYWORD, LABEL, LEVEL, PERSON, RATING
from cmsearch.store.catalog.sqlite_notes import frequent
from cmsearch.store.index import manifest as manifests
from cmsearch.store.store import Store

MOST_VALUES = 1_000
"""Keywords, people and labels that are counted."""


@dataclass(frozen=True, slots=True)
class Serving:
    """The generation that searches use; `lacking` counts the files that it has still to encode."""

    id: int
    model: str
    dim: int
    lacking: int
    runtime: str
    space_id: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a store holds.

    `files` and `items` are numbers by kind, `skipped` the files that could not be read,
    `vectors` the numbers by modality that are served, `index` what searches them, `recall` what was
    measured of it, by modality, where it doesn't compare all, `sound` the model
    of those of sounds, if there are any, `asr` what wrote speech down, or `none`, if there was
    anything to hear, `first_day` and `last_day` those of the pictures, `years` and `countries` how
    many pictures and films were taken in each, and `changed` is the time in UTC of the catalog's
    last change, in ISO 8601. `notes` are the numbers of different keywords, people and places,
    and of the files with a rating and a label; `keywords`, `people`, `ratings` and `labels` are
    how many files have each, the `MOST_VALUES` most frequent first, stars from the most, and a
    keyword counts for the wider ones that it is within. `taken` says of how many files each source
    says when they were taken.
    """

    store: Path
    folder: Path
    serving: Serving | None
    generations: int
    files: dict[str, int]
    skipped: int
    items: dict[str, int]
    vectors: dict[str, int]
    index: str
    recall: dict[str, dict[str, float]]
    sound: str | None
    asr: str | None
    catalog_bytes: int
    derived_bytes: int
    first_day: str | None
    last_day: str | None
    years: dict[str, int]
    countries: dict[str, int]
    changed: str
    notes: dict[str, int]
    keywords: dict[str, int]
    people: dict[str, int]
    ratings: dict[str, int]
    labels: dict[str, int]
    taken: dict[str, int]


def take_inventory(store: Store) -> Inventory:
    """Count what is in a store, as it is now: what counts reads indexes and small columns alone."""
    catalog = store.catalog
    generations = catalog.generations()
    serving = _serving(store)
    vectors = files.vectors(catalog, serving.space_id) if serving else {}
    sounds = catalog.sound_space()
    if sounds is not None:
        vectors |= files.vectors(catalog, sounds[0])
    read, skipped = files.read(catalog)
    size, changed = catalog.stamp()
    days = files.days(catalog) or (None, None)
    assets = whereabouts.table(store)
    return Inventory(
        store=store.path,
        folder=store.root,
        serving=serving,
        generations=len(generations),
        files=dict(sorted(read.items())),
        skipped=skipped,
        items=dict(sorted(files.counts(catalog).items())),
        vectors={str(modality): count for modality, count in sorted(vectors.items())},
        index=publication.index_name(catalog),
        recall=_recall(store, serving),
        sound=model_name(sounds[1]) if sounds else None,
        asr=catalog.transcriber(),
        catalog_bytes=size,
        derived_bytes=manifests.derived_bytes(store.path),
        first_day=days[0],
        last_day=days[1],
        years=whereabouts.years(assets) if assets else {},
        countries=whereabouts.countries(assets) if assets else {},
        changed=changed.isoformat(timespec="seconds"),
        notes=notes.counts(catalog),
        keywords=frequent(catalog, (KEYWORD, LEVEL), MOST_VALUES),
        people=frequent(catalog, (PERSON,), MOST_VALUES),
        ratings=_ratings(store),
        labels=frequent(catalog, (LABEL,), MOST_VALUES, first=True),
        taken=notes.taken_by(catalog),
    )


def _serving(store: Store) -> Serving | None:
    found = store.catalog.space()
    own = [one for one in store.catalog.generations() if found and one.space_id == found[0]]
    if not own:
        return None
    one = own[0]
    lacking = len(files.lacking(store.catalog, one.space_id))
    return Serving(one.id, model_name(one.space), one.space.dim, lacking, one.runtime, one.space_id)


def _ratings(store: Store) -> dict[str, int]:
    """Of how many files each number of stars is noted, from five on."""
    found = frequent(store.catalog, (RATING,), MOST_VALUES, first=True)
    stars = (str(one) for one in reversed(STARS))
    return {one: found[one] for one in stars if one in found}


def _recall(store: Store, serving: Serving | None) -> dict[str, dict[str, float]]:
    manifest = store.published(serving.space_id) if serving else None
    indexes = manifest.indexes if manifest else []
    return {str(one.modality): one.recall for one in indexes if one.recall}
