"""A folder of object storage is indexed and searched as one of this machine, by its URL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

import cmsearch
from cmsearch.errors import MediaError
from cmsearch.server.errors import NotTrustedError
from cmsearch.server.located import Folder, located
from cmsearch.server.sizes import shapes_of
from cmsearch.server.stores import open_stores
from cmsearch.store.catalog import items
from cmsearch.store.object_places import home
from cmsearch.store.objects import Objects
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import UNKNOWN_CAPTURE
from indexer.doctor import examine
from tests.builders import write_files, write_picture
from tests.e2e.server.conftest import serving_within
from tests.e2e.server.test_thumbnail_batches import pieces
from tests.kills import content_at
from tests.object_storage import KEY, SECRET, Storage, new_bucket, serving
from tests.processes import faked, json_lines

pytestmark = pytest.mark.filterwarnings("ignore")  # of boto, aiohttp and the server

COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan")


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with serving():
        yield


@pytest.fixture
def storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_model: str, server: None
) -> Storage:
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CMSEARCH_OCR", "none")
    return new_bucket()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    for number, colour in enumerate(COLOURS):
        write_picture(made / f"trip {number % 2}" / f"{colour}.png", colour)
    captions = '{"image": "trip 0/red.png", "caption": "a red gate"}\n'
    texts = {
        "captions.jsonl": captions,
        "trip 1/green.txt": "a meadow\n",
        "notes.md": "# Sea\n\nBlue.\n",
    }
    return write_files(made, texts)


def index(storage: Storage, store: Path, *more: object, status: int = 0) -> dict[str, Any]:
    url = f"{storage.url}/photos"
    named = ("--store", store, "--model", "fake:colours", "--format", "json")
    (report,) = json_lines(faked("index", url, *named, *more, status=status))
    return dict(report)


def without_times(content: dict[str, Any]) -> dict[str, Any]:
    """What a store holds, but for when its files were changed."""
    assets = content["assets"].items()
    return content | {
        "assets": {path: replace(own, mtime_ns=0, capture=UNKNOWN_CAPTURE) for path, own in assets}
    }


def test_it_is_the_index_of_the_folder_and_hits_are_urls(
    storage: Storage, folder: Path, tmp_path: Path
) -> None:
    storage.put_all(folder, "photos/")
    store = tmp_path / "store"
    report = index(storage, store)
    assert report["added"] == len(COLOURS) + 3 and report["skipped"] == []
    faked("index", folder, "--model", "fake:colours")
    assert without_times(content_at(store)) == without_times(content_at(folder / DIRECTORY))
    with Store(store) as opened:
        assert examine(opened) == []
    asked = ("search", "red", "--store", store)
    hits = json_lines(faked(*asked, "--format", "json"))
    urls = [hit["path"] for hit in hits]
    assert f"{storage.url}/photos/trip 0/red.png" in urls
    assert all(url.startswith(f"{storage.url}/photos/") for url in urls)
    shown = faked(*asked).stdout.decode()
    assert all(url in line for url, line in zip(urls, shown.splitlines(), strict=True))
    paths = faked(*asked, "--format", "paths").stdout.decode()
    assert paths.splitlines() == list(dict.fromkeys(urls))
    assert f"folder    {storage.url}/photos\n" in faked("info", "--store", store).stdout.decode()
    assert str(home()) not in shown + paths and not list(home().iterdir())
    everything = b"".join(path.read_bytes() for path in store.iterdir())
    assert KEY.encode() not in everything and SECRET.encode() not in everything


def test_only_what_changed_is_read(
    storage: Storage, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put_all(folder, "photos/")
    store, fetched = tmp_path / "store", list[str]()
    index(storage, store)
    fetch = Objects.fetch

    def counted(self: Objects, path: str, to: Path) -> None:
        fetched.append(path)
        fetch(self, path, to)

    monkeypatch.setattr(Objects, "fetch", counted)
    assert index(storage, store)["unchanged"] == len(COLOURS) + 3 and fetched == []
    data = (folder / "trip 0/red.png").read_bytes()
    storage.put("photos/trip 0/red.png", data[:-1] + b"\0")  # as large, a moment later
    storage.put("photos/moved.png", folder / "trip 1/yellow.png")
    storage.drop("photos/trip 1/yellow.png")
    storage.drop("photos/trip 0/blue.png")
    report = index(storage, store)
    counts = {name: report[name] for name in ("added", "changed", "moved", "removed", "unchanged")}
    assert counts == {"added": 0, "changed": 1, "moved": 1, "removed": 1, "unchanged": 6}
    assert sorted({*fetched}) == ["moved.png", "trip 0/red.png"]
    with Store(store) as opened:
        assert examine(opened, samples=0) == []


def test_samples_are_read_anew_and_missing_ones_encoded_again(
    storage: Storage, folder: Path, tmp_path: Path
) -> None:
    storage.put_all(folder, "photos/")
    store = tmp_path / "store"
    index(storage, store)
    untrusted = faked("doctor", "--store", store)
    assert f"it is of {storage.url}/photos. If you trust" in untrusted.stderr.decode()
    assert faked("doctor", "--store", store, "--trust").stdout == b"Everything agrees.\n"
    with Store(store) as opened:
        with opened.catalog.writing() as writer:
            writer.delete_embeddings([1, 2], opened.snapshot())
        opened.publish()
    faked("doctor", "--store", store, "--repair")
    assert faked("doctor", "--store", store).stdout == b"Everything agrees.\n"


def test_odd_names_are_read_or_left_out_with_the_reason(
    storage: Storage, folder: Path, tmp_path: Path
) -> None:
    picture = folder / "trip 0/red.png"
    for name in ("photos/a.png", "photos/a.png/b.png", "photos/c/", "photos/c/ü &?#.png"):
        storage.put(name, b"" if name.endswith("/") else picture)
    storage.put("photos//nameless.png", picture)
    storage.put("photos/../up.png", picture)
    storage.put("photosets/other.png", picture)
    report = index(storage, tmp_path / "store", status=3)
    assert report["items"] == {"photo": 3}
    assert [(one["path"], one["reason"]) for one in report["skipped"]] == [
        ("../", "its name can't be that of a file"),
        ("/", "its name can't be that of a file"),
    ]
    (hit,) = json_lines(
        faked("search", "red", "--store", tmp_path / "store", "--format", "json", "-k", "1")
    )
    assert hit["path"].startswith(f"{storage.url}/photos/")


def test_a_copy_is_of_the_same_bucket(storage: Storage, folder: Path, tmp_path: Path) -> None:
    storage.put_all(folder, "photos/")
    store, copy = tmp_path / "store", tmp_path / "copy"
    index(storage, store)
    faked("copy", store, copy)
    assert index(storage, copy)["unchanged"] == len(COLOURS) + 3
    other = faked("index", f"{storage.url}/trip", "--store", copy, status=1).stderr.decode()
    assert "can't be listed" in other
    storage.put_all(folder, "trip/")
    other = faked("index", f"{storage.url}/trip", "--store", copy, status=1).stderr.decode()
    assert f"{copy} is the index of {storage.url}/photos, not of {storage.url}/trip." in other


def test_a_mounted_bucket_is_shown_from_there(
    storage: Storage, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put_all(folder, "photos/")
    store = tmp_path / "store"
    index(storage, store)
    monkeypatch.setenv("CMSEARCH_ROOT", str(folder))
    sheet = tmp_path / "hits.html"
    faked("search", "red", "--store", store, "--html", sheet)
    assert "data:image/webp" in sheet.read_text()
    with cmsearch.open(store) as engine:
        hit = engine.search("red", target="image")[0]
        assert hit.path == folder / hit.source
        assert engine.store.has_own_media
    assert index(storage, store)["unchanged"] == len(COLOURS) + 3  # it is still of its bucket


def test_nothing_is_fetched_for_an_index_that_is_not_trusted(
    storage: Storage, folder: Path, tmp_path: Path
) -> None:
    storage.put_all(folder, "photos/")
    store, sheet = tmp_path / "store", tmp_path / "hits.html"
    index(storage, store)
    faked("search", "red", "--store", store, "--html", sheet)
    page = sheet.read_text()
    assert f"{storage.url}/photos/trip%200/red.png" in page and "data:image/webp" not in page
    assert "red.png is not on this machine. If you trust this index" in page
    told = errors("search", "red", "--store", store, "--open", status=1)
    assert "--trust" in told and "CMSEARCH_ROOT" in told
    with open_stores([store]) as opened:
        (served,) = opened.all
        assert served.name == "photos"
        own = next(iter(items.numbered(served.engine.store.catalog, [1]).values()))
        with pytest.raises(NotTrustedError, match=f"is of {storage.url}/photos"):
            Folder(served).file_of(own)
        with pytest.raises(MediaError, match="--trust"):
            Folder(replace(served, has_own_media=True)).file_of(own)
    assert not list(home().iterdir())


def test_what_a_trusted_index_shows_is_fetched(
    storage: Storage, folder: Path, tmp_path: Path
) -> None:
    storage.put_all(folder, "photos/")
    store, sheet = tmp_path / "store", tmp_path / "hits.html"
    index(storage, store)
    faked("search", "red", "--store", store, "--html", sheet, "--trust")
    assert "data:image/webp" in sheet.read_text()
    shutil.rmtree(home())
    with open_stores([store]) as opened:
        (served,) = opened.all
        hit = served.engine.search("red", target="image")[0]
        assert hit.item is not None and not hit.path.exists()
        assert shapes_of(served, [hit.item])["sizes"] == [None]  # which nothing is fetched for
        assert located(served, hit.item).path.is_file()
        width, height = Image.open(folder / hit.source).size
        assert shapes_of(served, [hit.item])["sizes"] == [(width, height)]
        assert served.engine.search(image=hit.path, k=1)  # like this one
        storage.drop(f"photos/{hit.source}")
        hit.path.unlink()
        with pytest.raises(MediaError, match=r"\.png can't be fetched: no such file"):
            located(served, hit.item)


def test_a_service_shows_what_is_in_a_bucket(
    storage: Storage, folder: Path, tmp_path: Path
) -> None:
    storage.put_all(folder, "photos/")
    store = tmp_path / "store"
    index(storage, store)
    faked("info", "--store", store, "--trust")
    storage.drop("photos/trip 0/blue.png")
    with serving_within(store) as address, httpx.Client(base_url=address, timeout=60) as client:
        found = client.get("/v1/items", params={"target": "image"}).json()["hits"]
        numbers = {hit["path"].rpartition("/")[2]: hit["item"] for hit in found}
        named = dict(enumerate(numbers))
        asked = {"items": ",".join(map(str, numbers.values())), "size": 160}
        for _ in range(2):  # fetched, and here
            pictures = pieces(client.get("/v1/thumbnails", params=asked).content)
            assert {named[place] for place, data in pictures.items() if not data} == {"blue.png"}
        whole = client.get(f"/v1/items/{numbers['red.png']}/media")
        assert whole.content == (folder / "trip 0/red.png").read_bytes()
        gone = client.get(f"/v1/items/{numbers['blue.png']}/thumbnail")
    assert len(named) == len(COLOURS) and gone.status_code == 422
    assert "blue.png can't be fetched: no such file" in gone.json()["detail"]


def test_what_can_t_be_done_is_said(
    storage: Storage, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put("photos/red.png", folder / "trip 0/red.png")
    url, store = f"{storage.url}/photos", tmp_path / "store"
    assert "Say where the index of" in errors("index", url, status=2)
    assert "tells nobody of its changes" in errors("watch", url, "--store", store, status=2)
    assert "can't be read" in errors("index", "https://example.org/a", "--store", store, status=2)
    missing = errors("index", f"{storage.url}/none", "--store", store, status=1)
    assert f"{storage.url}/none can't be listed: no such file or directory." in missing
    assert "bucket does not exist" in errors("index", "s3://no-such/a", "--store", store, status=1)
    assert not store.exists()
    index(storage, store)
    storage.drop("photos/red.png")
    storage.put("photos/thing.xyz", b"")
    gone = errors("index", url, "--store", store, "--model", "fake:colours", status=1)
    assert f"None of the 1 files that were indexed is in {url} any more." in gone
    type(storage.files).clear_instance_cache()
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    told = errors("index", url, "--store", store, status=1)
    type(storage.files).clear_instance_cache()
    assert "unable to locate credentials. Credentials" in told and "environment" in told


def errors(*arguments: object, status: int) -> str:
    """What a command that ends so says to people, which has no secret in it."""
    said = faked(*arguments, status=status).stderr.decode()
    assert SECRET not in said and "objects/s3" not in said
    return said


def test_an_object_that_can_t_be_fetched_is_left_out_and_read_by_the_next_run(
    storage: Storage, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put_all(folder, "photos/")
    store, fetch = tmp_path / "store", Objects.fetch

    def failing(self: Objects, path: str, to: Path) -> None:
        if path == "trip 0/red.png":
            raise PermissionError(13, "access denied")
        fetch(self, path, to)

    with monkeypatch.context() as patch:
        patch.setattr(Objects, "fetch", failing)
        (skipped,) = index(storage, store, status=3)["skipped"]
    assert skipped["path"] == "trip 0/red.png"
    assert skipped["reason"] == "can't be read: access denied"
    report = index(storage, store)
    assert report["skipped"] == [] and report["items"]["photo"] == len(COLOURS)
