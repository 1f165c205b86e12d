"""The importer: takes vectors of a model over into the store of the folder that they are of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cmsearch.errors import CmsearchError, QueryError, StoreMismatchError
from cmsearch.models import adapters
from cmsearch.models.encoders.adapted import Adapted
from cmsearch.models.loading import load_encoder
from cmsearch.models.spaces import model_name
from cmsearch.protocols import Encoder
from cmsearch.search.query import background_captions
from cmsearch.store import remote
from cmsearch.store.catalog import files as indexed
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Modality, Progress, Skipped
from indexer.importing.checking import CLOSE, Agreement, Sample, agreement
from indexer.importing.landing import Landed, Landing, Passed
from indexer.importing.places import OUTSIDE, Places
from indexer.importing.rows import Source
from indexer.importing.sources import open_source

SHOWN = 100
"""Rows that are named because they are passed over; all are counted."""
_BATCH = 10_000  # rows of a transaction
_NAMES = {Modality.IMAGE: "pictures", Modality.TEXT: "texts"}

Tell = Callable[[Progress], object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a source is to be taken over.

    `model` names the model that its vectors are of, unless it says so itself. `was` is the folder
    where the pictures were when they were encoded. What can't be compared with the model, since
    its files are away, is taken over only if it may be `unchecked`; `modalities` says which, all
    without any.
    """

    model: str | None = None
    device: str | None = None
    was: str | None = None
    unchecked: bool = False
    modalities: tuple[Modality, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. The vectors are those taken over, known before, or passed over."""

    source: str
    """What the source is."""
    model: str
    """The name of the model."""
    store: Path
    """The directory of the store."""
    added: int
    """Items that were added, or got vectors of this model."""
    known: int
    """Items that had vectors of this model."""
    away: int
    """Items of files that aren't there; they can be found until `cmsearch index` misses them."""
    elsewhere: int
    """Rows of a source of many folders that are of others."""
    passed: Mapping[str, int]
    """Of how many rows nothing was taken over, by the reason."""
    skipped: tuple[Skipped, ...]
    """The first of these."""
    checked: Mapping[str, Agreement]
    """How near the vectors of pictures and of texts are to those that the model gives."""
    serves: bool
    """Whether searches use the model now: one that hasn't encoded all that is here yet doesn't."""
    items: dict[str, int]
    """How many items of each kind the store has now."""
    left_out: tuple[str, ...]
    """What else is in the source, as sentences."""


@dataclass
class _Counts:
    """What became of the rows."""

    added: int = 0
    known: int = 0
    away: int = 0
    elsewhere: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)

    def note(self, row: Passed) -> None:
        self.passed[row.reason] += 1
        if len(self.skipped) < SHOWN:
            self.skipped.append(Skipped(row.path, row.reason))


class Importer:
    """Takes a source over into the store of a folder, `FOLDER/.cmsearch` unless another is given.

    It can be run again, and goes on where it was interrupted: what is here stays as it is.
    """

    def __init__(
        self,
        source: str | Path,
        folder: str | Path,
        *,
        store: str | Path | None = None,
        wanted: Wanted | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.store = self.folder / DIRECTORY if store is None else Path(remote.as_place(store))
        self._place = Path(source)
        self._wanted = wanted or Wanted()
        self._landing = Landing(Places(self.folder, self._wanted.was))

    def run(self, progress: Tell | None = None) -> Imported:
        """Check that the vectors are of the model, write them to the store, and publish it.

        Nothing is made, or changed, by a source that can't be used. Raises `CmsearchError`.
        """
        tell = progress or (lambda event: None)
        source = open_source(self._place, self._wanted.modalities)
        encoder = self._encoder(source, tell)
        checked = self._check(source, encoder, tell)
        with Store(self.store, self.folder) as store, store.locked():
            store.check_root(self.folder)
            number = _enter(store, encoder)
            counts = self._write(store, number, source, tell)
            tell(Progress("publish", 0, 1))
            serves = _serve(store, number)
            store.publish()
            tell(Progress("publish", 1, 1))
            return Imported(
                source=source.form,
                model=model_name(encoder.space),
                store=store.path,
                added=counts.added,
                known=counts.known,
                away=counts.away,
                elsewhere=counts.elsewhere,
                passed=dict(counts.passed.most_common()),
                skipped=tuple(counts.skipped),
                checked=checked,
                serves=serves,
                items=indexed.counts(store.catalog),
                left_out=source.left_out,
            )

    def _encoder(self, source: Source, tell: Tell) -> Encoder:
        """The model that was named, or that the source says its vectors are of."""
        asked = self._wanted.model
        name = asked or source.model
        if name is None or name == "auto":
            raise QueryError(
                f"{self._place} doesn't say which model its vectors are of. Name it with --model "
                "NAME, as `cmsearch models` lists them."
            )
        tell(Progress("load the model", 0, 1))
        encoder = load_encoder(name, device=self._wanted.device, download=True)
        tell(Progress("load the model", 1, 1))
        if encoder.space.dim != source.dim:
            raise StoreMismatchError(
                f"The vectors in {self._place} have {source.dim} dimensions, and those of {name} "
                f"{encoder.space.dim}. Name the model that they were made with (--model NAME)."
            )
        if asked is None and source.space not in (None, encoder.space):
            raise StoreMismatchError(
                f"The vectors in {self._place} are of other weights, or prepared in another way, "
                f"than those of {name} here. To have them compared with these, name the model: "
                f"--model {name}."
            )
        return encoder

    def _check(self, source: Source, encoder: Encoder, tell: Tell) -> dict[str, Agreement]:
        """How near the vectors are to those of the model; raises `CmsearchError` if too far."""
        sample, done = Sample(), 0
        passed = Counter[str]()
        for rows in self._landing.land(source):
            sample.offer(row for row in rows if isinstance(row, Landed))
            passed.update(row.reason for row in rows if isinstance(row, Passed))
            done += len(rows)
            tell(Progress("look", min(done, source.rows), source.rows))
        if not sample.seen:
            raise CmsearchError(self._nothing(passed))
        found = {}
        for modality in sample.seen:
            own = agreement(encoder, self.folder, modality, sample.kept.get(modality, []))
            found[_NAMES[modality]] = own
            self._judge(encoder, _NAMES[modality], own)
        return found

    def _judge(self, encoder: Encoder, what: str, own: Agreement) -> None:
        name = model_name(encoder.space)
        if own.compared and not own.is_same:
            raise StoreMismatchError(
                f"The vectors of {what} in {self._place} aren't those of {name}: {own.compared} "
                f"that were encoded again have a median cosine of {own.median:.3f} with theirs, "
                f"{own.lowest:.3f} at the lowest, and the same model has {CLOSE} or more. Nothing "
                "was imported. Name the model that they were made with (--model NAME)."
            )
        if not own.compared and not self._wanted.unchecked:
            raise CmsearchError(
                f"None of the {what} in {self._place} is in {self.folder} to be compared with "
                f"{name}. If they are elsewhere, name that folder; if they were elsewhere when "
                "they were encoded, say where with --was DIR; to import them without a check, give "
                "--unchecked."
            )

    def _nothing(self, passed: Mapping[str, int]) -> str:
        reasons = "; ".join(f"{count} {reason}" for reason, count in list(passed.items())[:5])
        what = f"None of the vectors in {self._place} is of a file in {self.folder}"
        advice = "If the pictures were elsewhere when they were encoded, say where with --was DIR."
        return f"{what}: {reasons}. {advice}" if reasons else f"There is nothing in {self._place}."

    def _write(self, store: Store, space: int, source: Source, tell: Tell) -> _Counts:
        """Write what landed, some rows in each transaction."""
        counts, waiting, done = _Counts(), list[Landed](), 0

        def flush() -> None:
            with store.catalog.writing() as writer:
                added = writer.add_all(space, [one for row in waiting for one in row.additions()])
            counts.added += added
            counts.known += len(waiting) - added
            counts.away += sum(not row.is_there for row in waiting)
            waiting.clear()

        for rows in self._landing.land(source):
            for row in rows:
                if isinstance(row, Passed) and source.is_of_many and row.reason == OUTSIDE:
                    counts.elsewhere += 1
                elif isinstance(row, Passed):
                    counts.note(row)
                else:
                    waiting.append(row)
            if len(waiting) >= _BATCH:
                flush()
            done += len(rows)
            tell(Progress("import", min(done, source.rows), source.rows))
        flush()
        return counts


def as_json(done: Imported) -> dict[str, object]:
    """What was done, as values of JSON."""
    return {**asdict(done), "store": remote.name_of(done.store)}


def _enter(store: Store, encoder: Encoder) -> int:
    """The number of a model's space, which serves at once if it is the first of a store."""
    with store.catalog.writing() as writer:
        number = writer.put_space(encoder.space, encoder.capabilities.runtime)
        if isinstance(encoder, Adapted):  # its file need not be where the store is searched
            writer.put_adapter(encoder.adapter.digest, adapters.pack(encoder.adapter))
    if not store.catalog.has_bank(number):
        vectors = background_captions.encoded(encoder)
        with store.catalog.writing() as writer:
            writer.put_bank(number, vectors)
    if store.space is None:
        _serve(store, number)
    return number


def _serve(store: Store, number: int) -> bool:
    """Let a model serve if all items have vectors of it, or none serves yet; whether it does."""
    served = store.catalog.space()
    if served is not None and served[0] == number:
        return True
    if served is not None and indexed.lacking(store.catalog, number):
        return False
    own = [one.id for one in store.catalog.generations() if one.space_id == number]
    with store.catalog.writing() as writer:
        writer.serve(max(own))
    return True
