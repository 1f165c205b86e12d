"""The generations of a store: which there are, which serves, and deleting those that don't."""

# Tested by tests/unit/indexer/test_generations.py

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from cmsearch.errors import QueryError, StoreError
from cmsearch.models.precision import precision_of
from cmsearch.models.spaces import model_name
from cmsearch.store.catalog import files, health
from cmsearch.store.store import Store
from cmsearch.types import Generation

log = logging.getLogger("cmsearch")


@dataclass(frozen=True, slots=True)
class Listed:
    """A generation and how it stands.

    `state` is `serves`, `served before` or `not whole`; `vectors` counts its embeddings, `bytes`
    is what they take in the catalog, `lacking` the files that it has still to encode.
    """

    id: int
    state: str
    model: str
    dim: int
    vectors: int
    bytes: int
    lacking: int
    created: str
    runtime: str
    space_id: int
    served: int | None


def listed(store: Store) -> list[Listed]:
    """Every generation of a store, in the order in which they were made."""
    catalog = store.catalog
    serving = catalog.space()
    found = []
    for one in catalog.generations():
        sizes = files.sizes(catalog, one.space_id).values()
        serves = serving is not None and one.space_id == serving[0]
        state = "serves" if serves else "not whole" if one.served is None else "served before"
        found.append(
            Listed(
                one.id,
                state,
                model_name(one.space),
                one.space.dim,
                sum(count for count, _ in sizes),
                sum(size for _, size in sizes),
                len(files.lacking(catalog, one.space_id)),
                one.created,
                one.runtime,
                one.space_id,
                one.served,
            )
        )
    return found


def switch(store: Store, number: int | None = None) -> Listed:
    """Let generation `number` serve, or the one that served before the one that does.

    Raises `QueryError` where there is no such generation, or it was never whole.
    """
    with store.alone():
        known = listed(store)
        former = [one for one in known if one.state == "served before"]
        if number is None:
            if not former:
                raise QueryError("There is no generation to go back to: only one has ever served.")
            chosen = max(former, key=lambda one: one.served or 0)
        else:
            (chosen,) = _chosen(known, [number])
        if chosen.state == "not whole":
            raise QueryError(
                f"Generation {chosen.id} was never whole: {chosen.lacking} files are not encoded "
                f"with it. Finish it with `cmsearch index --model {chosen.model}`."
            )
        with store.catalog.writing() as writer:
            writer.serve(chosen.id)
        store.publish()
    return chosen


def prunable(store: Store, numbers: Sequence[int] = ()) -> list[Listed]:
    """The generations of these numbers, or all that don't serve.

    Raises `QueryError` for one that serves, and for one that isn't there.
    """
    known = listed(store)
    if not numbers:
        return [one for one in known if one.state != "serves"]
    chosen = _chosen(known, numbers)
    for one in chosen:
        if one.state == "serves":
            raise QueryError(f"Generation {one.id} serves; `cmsearch rollback` to another first.")
    return chosen


def delete(store: Store, chosen: Sequence[Listed]) -> None:
    """Delete generations with their vectors, and give their room back to the disk.

    Raises `QueryError` for one that serves by now, or is gone.
    """
    with store.alone():
        own = prunable(store, [one.id for one in chosen]) if chosen else []
        with store.catalog.writing() as writer:
            for one in own:
                writer.delete_generation(one.id, one.space_id)
        try:
            health.shrink(store.catalog)
        except StoreError as error:
            log.warning("The file stays as large as it is for now: %s", error)


def _chosen(known: Sequence[Listed], numbers: Sequence[int]) -> list[Listed]:
    by_number = {one.id: one for one in known}
    missing = [str(number) for number in numbers if number not in by_number]
    if missing:
        raise QueryError(
            f"There is no generation {', '.join(missing)}; `cmsearch generations` lists them."
        )
    return [by_number[number] for number in dict.fromkeys(numbers)]


def generation_of(store: Store, model: str, precision: str | None = None) -> Generation | None:
    """The generation of a model, in a precision if one is named: the one that is served, if it is
    of it, else the newest.
    """
    own = [one for one in store.catalog.generations() if model_name(one.space) == model]
    if precision is not None:
        own = [one for one in own if precision_of(one.space) == precision]
    return max(own, key=lambda one: (one.space == store.space, one.id), default=None)
