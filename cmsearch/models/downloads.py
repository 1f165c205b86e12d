"""Bringing what the model hub offers into its cache here: resumed, and checked by digest.

The cache is laid out as the hub's own client lays it out, since other programs share it:
`blobs/DIGEST`, and names that lead there in `snapshots/COMMIT`.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from cmsearch.common.files import give_name, replace_file
from cmsearch.errors import ModelUnavailableError
from cmsearch.models.fetching_bar import FetchingBar
from cmsearch.models.offers import Offer, Remote, address
from cmsearch.models.receiving import ENDPOINT, is_whole, receive, size_of

log = logging.getLogger("cmsearch")


def bring(offer: Offer) -> Path:
    """The folder with the files of an offer, of which those that aren't here are fetched.

    Raises `ModelUnavailableError`; what came of a file is kept, and the next
    time goes on from there.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    cache = Path(constants.HF_HUB_CACHE)
    folder = cache / repo_folder_name(repo_id=offer.repository, repo_type="model")
    snapshot = folder / "snapshots" / offer.commit
    try:
        (folder / "blobs").mkdir(parents=True, exist_ok=True)
        snapshot.mkdir(parents=True, exist_ok=True)
        lacking = [one for one in offer.files if not (folder / "blobs" / one.digest).is_file()]
        _check_room(offer.repository, folder, lacking)
        with FetchingBar(offer.repository, sum(one.size for one in lacking)) as bar:
            for file in lacking:
                with _alone(cache / ".locks" / folder.name, file):
                    _bring(offer, file, folder / "blobs" / file.digest, bar)
        for file in offer.files:
            _name(folder / "blobs" / file.digest, snapshot, file.name)
        (folder / "refs").mkdir(exist_ok=True)
        replace_file(folder / "refs" / "main", offer.commit.encode())
    except OSError as error:
        raise ModelUnavailableError(
            f"The files of {offer.repository} can't be kept in {cache}: "
            f"{error.strerror or error}. Name another place in HF_HOME."
        ) from error
    return snapshot


def _check_room(repository: str, folder: Path, files: Sequence[Remote]) -> None:
    parts = {_part(folder / "blobs" / one.digest): one.size for one in files}
    needed = sum(size - size_of(part) for part, size in parts.items())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ModelUnavailableError(
            f"{repository} needs {needed / 1e6:,.0f} MB more, and {folder} has room for "
            f"{free / 1e6:,.0f} MB. Make room there, or name another place in HF_HOME."
        )


@contextmanager
def _alone(locks: Path, file: Remote) -> Iterator[None]:
    """Hold the lock by which the hub's client and other processes know that a file is fetched."""
    from filelock import FileLock, Timeout

    locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / f"{file.digest}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("Another process is fetching %s; waiting for it.", file.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _bring(offer: Offer, file: Remote, place: Path, bar: FetchingBar) -> None:
    if place.is_file():  # another process was faster
        bar.advance(file.size)
        return
    part = _part(place)
    was_begun = part.is_file()
    if size_of(part) > file.size:
        part.unlink()
    url = address(offer, file)
    receive(url, part, file.size, bar.advance)
    is_right = is_whole(part, file.size, file.digest)
    if was_begun and not is_right:
        part.unlink()  # what was here before may be what is wrong
        bar.advance(-file.size)
        receive(url, part, file.size, bar.advance)
        is_right = is_whole(part, file.size, file.digest)
    if not is_right:
        part.unlink()
        raise ModelUnavailableError(
            f"{file.name} of {offer.repository} isn't what the model hub announced: its digest is "
            f"another. Nothing of it was kept. {ENDPOINT}"
        )
    give_name(part, place)


def _part(place: Path) -> Path:
    return place.with_name(f"{place.name}.incomplete")


def _name(blob: Path, snapshot: Path, name: str) -> None:
    """Give a blob its name in a snapshot: by a link, or as itself where links can't be made."""
    place = snapshot / name
    place.parent.mkdir(parents=True, exist_ok=True)
    up = "../" * (2 + len(PurePosixPath(name).parts) - 1)
    target = f"{up}blobs/{blob.name}"
    if place.is_symlink() and str(place.readlink()) == target:
        return
    place.unlink(missing_ok=True)
    try:
        place.symlink_to(target)
    except OSError:
        shutil.copyfile(blob, place)
