"""What is in a store: by kind, model, bytes and dates."""

# Tested by tests/e2e/test_store_commands.py

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cmsearch.models.spaces import model_name
from cmsearch.store import publication
from cmsearch.store.catalog import files
from cmsearch.store.catalog.skipped_lines import is_of_lines
from cmsearch.store.generations import Listed, listed
from cmsearch.store.index import manifest as manifests
from cmsearch.store.store import Store


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a store holds.

    `files` and `items` are numbers by kind, `skipped` the files that could not be read,
    `vectors` the numbers by modality that are served, `index` what searches them, `recall` what was
    measured of it, by modality, where it doesn't compare all, `sound` the model
    of those of sounds, if there are any, `asr` what wrote speech down, or `none`, if there was
    anything to hear, `first_day` and `last_day` those of the pictures, and `changed` is the time in
    UTC of the catalog's last change, in ISO 8601.
    """

    store: Path
    folder: Path
    serving: Listed | None
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
    changed: str


def take_inventory(store: Store) -> Inventory:
    """Count what is in a store."""
    catalog = store.catalog
    generations = listed(store)
    serving = next((one for one in generations if one.state == "serves"), None)
    sizes = files.sizes(catalog, serving.space_id) if serving else {}
    sounds = catalog.sound_space()
    if sounds is not None:
        sizes |= files.sizes(catalog, sounds[0])
    assets = files.assets(catalog).values()
    failed = [one for one in assets if one.error is not None and not is_of_lines(one.error)]
    status = catalog.path.stat()
    days = files.days(catalog) or (None, None)
    return Inventory(
        store=store.path,
        folder=store.root,
        serving=serving,
        generations=len(generations),
        files=dict(
            sorted(
                (Counter(one.kind for one in assets) - Counter(one.kind for one in failed)).items()
            )
        ),
        skipped=len(failed),
        items=files.counts(catalog),
        vectors={str(modality): count for modality, (count, _) in sorted(sizes.items())},
        index=publication.index_name(catalog),
        recall=_recall(store, serving),
        sound=model_name(sounds[1]) if sounds else None,
        asr=catalog.transcriber(),
        catalog_bytes=status.st_size,
        derived_bytes=manifests.derived_bytes(store.path),
        first_day=days[0],
        last_day=days[1],
        changed=datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds"),
    )


def _recall(store: Store, serving: Listed | None) -> dict[str, dict[str, float]]:
    manifest = store.published(serving.space_id) if serving else None
    indexes = manifest.indexes if manifest else []
    return {str(one.modality): one.recall for one in indexes if one.recall}
