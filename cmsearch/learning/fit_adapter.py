"""Learning an adapter from a store's own captions, and letting it serve if it is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cmsearch.errors import StoreError
from cmsearch.learning.examples import More, Source, examples, source
from cmsearch.learning.heldout import Comparison, Learned, learn
from cmsearch.learning.marked import marked_pairs
from cmsearch.learning.stored_tokens import second_stage
from cmsearch.learning.text_encoder import TextEncoder
from cmsearch.models import adapters
from cmsearch.models.adapters import Adapter
from cmsearch.models.encoders.words import PROMPT
from cmsearch.models.spaces import model_name
from cmsearch.search.rank.stages import StageSettings, defaults, pack
from cmsearch.store.catalog import files
from cmsearch.store.store import Store
from cmsearch.types import Modality, Progress

Tell = Callable[[Progress], object]
MARKED = "texts that pictures were marked right for"
"""What a card says where such were learned from."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How to fit."""

    use_folders: bool = False
    """Whether the names of folders count as captions of pictures that have none."""
    force: bool = False
    """Whether an adapter is kept that isn't better."""
    dry_run: bool = False
    """Whether nothing at all is changed."""
    export: Path | None = None
    """The file that what was learned is written to; None for none."""
    licence: str = ""
    """The licence that its card names."""


@dataclass(frozen=True, slots=True)
class Fit:
    """An adapter that was learned, and what came of it."""

    base: str
    """The model that it is on top of."""
    model: str
    """The name of both together."""
    pictures: int
    """The number of pictures that it was learned from."""
    captions: int
    """The number of captions that it was learned from."""
    strength: float
    """The strength of the regularisation."""
    share: float
    """What the learned part counts beside the own vector of a picture."""
    attention: float
    """The part that is left of what attention counts where texts ask for pictures."""
    repeats: int
    """How often the pictures were divided anew to measure it."""
    comparisons: tuple[Comparison, ...]
    """The figures before and after, by direction, on pictures that were held out."""
    is_better: bool
    """Whether these figures say that it is better."""
    kept: bool
    """Whether it serves now."""
    generation: int | None
    """The number of its generation; None if it was not kept."""
    exported: Path | None
    """The file that it was written to; None if none was asked for."""
    marked: int = 0
    """How many pairs of a picture and a text that it was marked right for are among these."""
    wrong: int = 0
    """How many were marked wrong, for which a regression has no place."""


@dataclass(frozen=True, slots=True)
class Reranking:
    """A reranker that was learned, and what came of it."""

    base: str
    """The model whose tokens it reads."""
    reranker: str
    """The name of the reranker."""
    pictures: int
    """The number of pictures that it was learned from."""
    captions: int
    """The number of captions that it was learned from."""
    folds: int
    """How many parts were held out in turn."""
    directions: tuple[str, ...]
    """The directions in which it gains."""
    scales: dict[str, float]
    """What a judgement of 1 adds to a cosine, by direction."""
    comparisons: tuple[Comparison, ...]
    """The figures before and after, by direction, on pictures that were held out."""
    is_better: bool
    """Whether it is better from text to image."""
    kept: bool
    """Whether searches use it now."""
    exported: Path | None
    """The file that it was written to; None if none was asked for."""
    marked: int = 0
    """How many pairs of a picture and a text that it was marked right for are among these."""
    wrong: int = 0
    """How many pairs that were marked wrong it was taught to put below right ones."""
    passed_over: int = 0
    """How many of these it wasn't: nothing is right for their texts, or their pictures are none of
    those that it was learned from.
    """


def fit(store: Store, wish: Wish, *, device: str | None = None, tell: Tell) -> Fit:
    """Learn from the captions and marks in a store, and let what was learned serve if it is better.

    The store's vectors are projected, and no file is read. Raises `QueryError` where there are too
    few captions, `StoreError`, and `ModelError` where names of folders or marked queries have to be
    encoded.
    """
    if wish.dry_run:
        return _fit(store, wish, device, tell)
    with store.locked():
        return _fit(store, wish, device, tell)


def _fit(store: Store, wish: Wish, device: str | None, tell: Tell) -> Fit:
    own = source(store)
    tell(Progress("read", 0, 1))
    marked, texts = marked_pairs(store), TextEncoder(own.base, device)
    found = examples(own, More(texts.vectors, marked.right, folders=wish.use_folders))
    tell(Progress("read", 1, 1))
    others = None if wish.use_folders else texts.tokens(found.others)
    learned = learn(
        found.pairs,
        second_stage(own, found, _stages(own), lambda: texts.vectors([PROMPT])[0], others),
        lambda done, total: tell(Progress("learn", done, total)),
    )
    counts = (len(found.pictures), len(found.texts))
    card = _card(learned, counts, wish, is_marked=bool(marked.right))
    choice = learned.choice
    adapter = Adapter(own.base, learned.line.weight, learned.line.bias, choice.share, card)
    kept = not wish.dry_run and (learned.is_better or wish.force)
    stages = _lessened(own, choice.attention)
    generation = keep(own, adapter, tell, stages=stages) if kept else None
    exported = wish.export if kept else None
    if exported is not None:
        adapters.write(exported, adapters.pack(adapter))
    return Fit(
        model_name(own.base),
        model_name(adapter.space),
        *counts,
        *choice,
        learned.repeats,
        learned.comparisons,
        learned.is_better,
        kept,
        generation,
        exported,
        len(marked.right),
        len(marked.wrong),
    )


def _card(
    learned: Learned, counts: tuple[int, int], wish: Wish, *, is_marked: bool
) -> dict[str, Any]:
    """What a file says of itself: counts and figures, no names and no texts."""
    return {
        "data": learned_from(counts)
        + (", names of folders among them" if wish.use_folders else "")
        + told_of_marks(is_marked=is_marked),
        "held out": [asdict(one) for one in learned.comparisons],
        "licence": licence(wish),
        "strength": learned.choice.strength,
        "attention": learned.choice.attention,
    }


def learned_from(counts: tuple[int, int]) -> str:
    """What a card says of that many pictures and captions."""
    return f"{counts[0]} pictures with {counts[1]} captions of one index"


def told_of_marks(*, is_marked: bool) -> str:
    """What a card says behind that where marks were learned from."""
    return f", {MARKED} among them" if is_marked else ""


def licence(wish: Wish) -> str:
    """What a card says of the licence."""
    return wish.licence or "not stated; it depends on that of the captions and pictures"


def _stages(own: Source) -> str | None:
    """The stages that are kept for the encoder itself, whether or not an adapter serves."""
    catalog = own.store.catalog
    numbers = [one.space_id for one in catalog.generations() if one.space == own.base]
    return catalog.stages(numbers[0]) if numbers else None


def _lessened(own: Source, part: float) -> str | None:
    """The encoder's stages, with a part of what attention counts where texts ask for pictures.

    None where it doesn't run there.
    """
    way, kept = (Modality.TEXT, Modality.IMAGE), _stages(own)
    run = defaults(own.space.encoder, kept).get(way, StageSettings())
    if run.attention is None:
        return None
    attention = replace(run.attention, share=part * run.attention.share) if part else None
    return pack({**defaults("", kept), way: replace(run, attention=attention)})


def keep(
    own: Source,
    adapter: Adapter,
    tell: Tell,
    *,
    keeps_ranking: bool = False,
    stages: str | None = None,
) -> int:
    """Let the adapter serve, everything projected beside what is there; its generation's number.

    With `keeps_ranking` the stages and the reranker of what serves hold for the adapter too;
    `stages` are others that do.
    """
    store = own.store
    known = {one.space: one for one in store.catalog.generations()}
    if own.space != adapter.space:
        if former := known.get(adapter.space):  # from before files came or went
            with store.catalog.writing() as writer:
                writer.delete_generation(former.id, former.space_id)
        _project(own, adapter, tell, keeps_ranking=keeps_ranking)
        known = {one.space: one for one in store.catalog.generations()}
        if files.lacking(store.catalog, known[adapter.space].space_id):
            raise StoreError(
                f"Pieces of items in {store.name} are missing. Mend it with `cmsearch doctor "
                "--repair`, and fit again."
            )
    with store.catalog.writing() as writer:
        if stages is not None:
            writer.put_stages(known[adapter.space].space_id, stages)
        if own.space != adapter.space:
            writer.serve(known[adapter.space].id)
    tell(Progress("publish", 0, 1))
    store.publish()
    tell(Progress("publish", 1, 1))
    return known[adapter.space].id


def _project(own: Source, adapter: Adapter, tell: Tell, *, keeps_ranking: bool) -> None:
    """Make the adapter's generation, in one transaction; it doesn't serve yet."""
    catalog = own.store.catalog
    (runtime,) = {one.runtime for one in catalog.generations() if one.space == own.space}
    total = sum(count for count, _ in files.sizes(catalog, own.number).values())
    done = 0
    tell(Progress("project", 0, total))
    with catalog.writing() as writer:
        target = writer.put_space(adapter.space, runtime)
        writer.put_adapter(adapter.digest, adapters.pack(adapter))
        for ids, inputs in own.rows():
            vectors = adapter.apply(inputs).astype("<f2")
            kept = inputs.astype("<f2")
            writer.project(
                target,
                [(one, vectors[row].tobytes(), kept[row].tobytes()) for row, one in enumerate(ids)],
            )
            done += len(ids)
            tell(Progress("project", done, total))
        writer.copy_texts(own.number, target)
        if keeps_ranking:
            writer.copy_ranking(own.number, target)
    tell(Progress("project", total, total))
