"""Speech while a folder is indexed: who writes it down, and not doing so twice."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from functools import partial
from pathlib import Path
from threading import Lock

from cmsearch.common import locators
from cmsearch.common.kinds import HEARD
from cmsearch.errors import MediaError
from cmsearch.media.readers import names
from cmsearch.models.names import transcriber_name
from cmsearch.models.transcribers import transcripts
from cmsearch.store.catalog import files as indexed
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.store import Store
from cmsearch.types import Segment
from indexer.scan import Found


class Speech:
    """The transcriber of what is said in a folder, loaded when it is needed.

    `asked` is a name as `--asr` takes it, or None for the one that the store has, or else the usual
    one. Raises `UnknownModelError` for a name that can't be one.
    """

    def __init__(self, asked: str | None, device: str | None) -> None:
        self._asked = None if asked is None else _name(asked)
        self._device = device

    def settle(self, store: Store | None, kinds: Container[str]) -> None:
        """Let recordings and films be read again where the store has another transcriber.

        The new one is loaded first, so that a mistake changes nothing; where there is no store yet
        it is only loaded. Where nothing is heard in files of these `kinds` nothing is done. Raises
        `ModelError`.
        """
        name = self._chosen(None if store is None else store.catalog)
        is_known = store is not None and store.catalog.transcriber() == name
        if is_known or not is_heard(kinds):
            return
        if name != transcripts.NONE:
            transcripts.transcriber(name, device=device_of(self._device))
        if store is not None:
            with store.catalog.writing() as writer:
                writer.put_transcriber(name)
                writer.read_again(names(*HEARD))

    def outdated(self, catalog: Catalog) -> frozenset[str]:
        """The kinds of files that `settle` lets be read again, before it is done."""
        is_known = catalog.transcriber() == self._chosen(catalog)
        return frozenset() if is_known else frozenset(names(*HEARD))

    def listener(
        self, catalog: Catalog, files: Iterable[Found], note: Callable[[str], object]
    ) -> Callable[[Path, str], Iterable[Segment]] | None:
        """What a `Loader` takes for what is said in files; None where that is passed over, or in
        none of them something may be said.
        """
        name = self._chosen(catalog)
        if name == transcripts.NONE or not is_heard({file.kind for file in files}):
            return None
        return Hearing(catalog, name, self._device, note)

    def _chosen(self, catalog: Catalog | None) -> str:
        """The name of the transcriber, or `none`."""
        kept = catalog and catalog.transcriber()
        return self._asked or _name(str(kept or transcripts.DEFAULT))


class Hearing:
    """What is said in the files of a store, as the transcriber `name` writes it down.

    A transcript that the catalog has of the same content, by the same transcriber, is taken from
    there. `note` is told which minute of which file is heard. Threads may call it.
    """

    def __init__(
        self, catalog: Catalog, name: str, device: str | None, note: Callable[[str], object]
    ) -> None:
        self._catalog = catalog
        self._name = name
        self._device = device_of(device)
        self._note = note
        self._lock = Lock()
        self._turns: dict[str, Lock] = {}
        self._found: dict[str, tuple[list[Segment], MediaError | None]] = {}

    def __call__(self, path: Path, digest: str) -> Iterator[Segment]:
        """What is said in a file of this digest; raises `MediaError` after it for a damaged one."""
        with self._lock:
            turn = self._turns.setdefault(digest, Lock())
        with turn:  # a copy of the file waits for the first one
            if digest not in self._found:
                self._found[digest] = self._transcript(path, digest)
        found, error = self._found[digest]
        yield from found
        if error is not None:
            raise MediaError(str(error)) from error

    def _transcript(self, path: Path, digest: str) -> tuple[list[Segment], MediaError | None]:
        known = indexed.transcript(self._catalog, digest)
        if known is not None:
            return known, None
        found: list[Segment] = []
        try:
            own = transcripts.transcriber(self._name, device=self._device)
            found.extend(transcripts.heard(path, own, told=partial(self._tell, path.name)))
        except MediaError as error:
            return found, error
        return found, None

    def _tell(self, name: str, seconds: float, whole: float | None) -> None:
        of = f" of {locators.clock(whole)}" if whole is not None else ""
        self._note(f"{name} {locators.clock(seconds)}{of}")


def device_of(device: str | None) -> str | None:
    """The device of a transcriber: a GPU only where it was asked for by name."""
    return device if device is not None and device.startswith("cuda") else None


def is_heard(kinds: Container[str]) -> bool:
    """Whether something may be said in files of any of these kinds."""
    return any(name in kinds for name in names(*HEARD))


def _name(asr: str) -> str:
    name = asr or transcripts.DEFAULT
    return name if name.strip() == transcripts.NONE else transcriber_name(name)
