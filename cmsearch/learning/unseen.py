"""Asking about pictures that nothing was learned from, where a store has learned from its captions.

What was learned from a caption finds its picture by that caption far too well.
"""

# Tested by tests/unit/cmsearch/learning/test_unseen.py

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from cmsearch.errors import QueryError
from cmsearch.learning.examples import Source, examples, source
from cmsearch.learning.fit_adapter import MARKED, keep
from cmsearch.learning.ridge import FOLDS, STRENGTH, Design, Learner
from cmsearch.models.adapters import Adapter
from cmsearch.search.engine import Engine
from cmsearch.search.own_models import own_adapter
from cmsearch.search.rank.stages import defaults
from cmsearch.store.catalog import moving, pairs
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.store import CATALOG, Store

ADAPTER, RERANKER, WEIGHTS = "adapter", "reranker", "weights of evidence"
MOST = 5000
"""Pictures; with more of them it takes minutes to learn again without each part."""


def learned(engine: Engine) -> tuple[str, ...]:
    """What serves by default and was learned from captions, of this store or of another."""
    view = engine.store.view()
    found = []
    if view.space.adapter is not None and own_adapter(engine.store, view.space).share:
        found.append(ADAPTER)
    if engine.reranks:
        found.append(RERANKER)
    kept = defaults("", engine.store.catalog.stages(view.space_id))
    if any(run.weights for run in kept.values()):
        found.append(WEIGHTS)
    return tuple(found)


def seen(engine: Engine, images: Collection[str]) -> frozenset[str]:
    """Those of some pictures that may have been learned from: with captions in the store."""
    return frozenset(
        {path for path, _ in pairs.captions(engine.store.catalog)}.intersection(images)
    )


def can_relearn(engine: Engine) -> bool:
    """Whether what was learned can be learned again in seconds, without a part of the pictures.

    That is an adapter of captions alone, among some thousand pictures.
    """
    own_ways = learned(engine)
    if ADAPTER not in own_ways or RERANKER in own_ways:
        return False
    own = source(engine.store)
    told = str(own_adapter(engine.store, own.space).card.get("data", ""))
    has_others = "folders" in told or MARKED in told
    count = sum(1 for _ in pairs.pictures(engine.store.catalog, own.number))
    try:
        examples(own)
    except QueryError:  # too few: it was learned elsewhere
        return False
    return not has_others and count <= MOST


def by_folds(engine: Engine, images: Collection[str]) -> Iterator[tuple[Engine, frozenset[str]]]:
    """Engines like one whose adapter was learned, each from all but a part of the pictures, with
    the paths of these; each of `images` is in one part.

    They search a copy of the store, which is deleted afterwards, and pictures that share a caption
    are in one part. Each is valid until the next. Weights of evidence, a few numbers, stay.
    """
    with tempfile.TemporaryDirectory(prefix="cmsearch-eval-") as folder:
        place = Path(folder)
        moving.copy(engine.store.catalog, place / CATALOG)
        _settle(place, engine.store.origin)
        with Store(place) as store:
            own = source(store)
            for adapter, paths in _adapters(own, images):
                keep(own, adapter, lambda event: None, keeps_ranking=True)
                yield Engine(store), paths


def _settle(place: Path, origin: str) -> None:
    """Let a copied catalog be that of a folder."""
    catalog = Catalog(place / CATALOG)
    with catalog.writing() as writer:
        writer.put_root(origin)
        writer.put_snapshots([])
    catalog.close()


def _adapters(own: Source, images: Collection[str]) -> Iterator[tuple[Adapter, frozenset[str]]]:
    """The adapter that serves, learned again without each part of the pictures, and their paths."""
    served = own_adapter(own.store, own.space)
    given = served.card.get("strength")
    strength = float(given) if isinstance(given, int | float) and given > 0 else STRENGTH
    found = examples(own)
    design = Design(found.pairs.inputs, found.pairs.dim)
    learner = Learner(found.pairs, design, seed=0)
    paths = {row.embedding: row.path for row in pairs.pictures(own.store.catalog, own.number)}
    parts = [
        {paths[number] for number in found.pictures[part.pictures].tolist() if number in paths}
        for part in learner.held
    ]
    parts[0] |= set(images).difference(*parts)  # nothing was learned from the others
    for fold in range(FOLDS):
        line = design.unfolded(learner.line((fold,), strength))
        adapter = Adapter(own.base, line.weight, line.bias, served.share, {"fold": fold})
        yield adapter, frozenset(parts[fold])
