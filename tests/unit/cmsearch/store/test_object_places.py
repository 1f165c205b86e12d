"""URLs of object storage have places in the cache, and either tells the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.errors import QueryError
from cmsearch.store.object_places import (
    address_of,
    folder_of,
    home,
    path_at,
    place_of,
    recorded,
    url_of,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    "url", ["s3://bucket", "s3://bucket/photos/2020", "gs://a.b_c-d/ü/a b.jpg", "memory://b/c"]
)
def test_a_url_and_its_place_tell_each_other(url: str, cache: Path) -> None:
    place = place_of(url)
    assert place.is_relative_to(cache / "objects")
    assert url_of(place) == address_of(place) == recorded(place) == url
    assert path_at(url) == folder_of(url) == place


def test_urls_that_mean_the_same_have_one_place() -> None:
    assert place_of("s3://bucket/photos//") == place_of("S3A://bucket/photos")
    assert place_of("gcs://bucket/") == place_of("gs://bucket")


def test_what_is_below_a_place_has_its_url(cache: Path) -> None:
    assert url_of(place_of("s3://bucket/a") / "b" / "c.jpg") == "s3://bucket/a/b/c.jpg"
    cache.mkdir()
    link = cache.parent / "link"
    link.symlink_to(cache)
    assert url_of(link / "objects/s3/bucket") is None  # no place of this cache by that name


def test_a_place_is_known_through_the_link_that_the_cache_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path / "link"))
    place = place_of("s3://bucket/a")
    assert url_of(place) == url_of(tmp_path / "real/objects/s3/bucket/a") == "s3://bucket/a"


def test_other_paths_are_no_urls(cache: Path) -> None:
    for path in (Path("objects/s3/b"), Path("/objects/s3/b"), cache, home(), home() / "s3"):
        assert url_of(path) is None
        assert address_of(path) == str(path)
    assert url_of(home() / "fetched/bucket") is None


def test_a_folder_of_this_machine_may_be_a_url_too(tmp_path: Path) -> None:
    assert folder_of(f"file://{tmp_path}/a%20b") == tmp_path / "a b"
    assert folder_of(tmp_path) == folder_of(str(tmp_path)) == tmp_path
    with pytest.raises(QueryError, match="of another machine"):
        folder_of("file://elsewhere/a")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://example.org/photos", "can't be read"),
        ("s3://", "name of a bucket"),
        ("s3://AKIA:secret@bucket/photos", "environment"),
        ("s3://bucket/../other", "no name like that"),
        ("s3://bucket/a//b", "no name like that"),
    ],
)
def test_what_can_t_be_a_folder_is_said(url: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason) as told:
        folder_of(url)
    assert "secret" not in str(told.value)


def test_what_a_store_says_leads_nowhere_else() -> None:
    assert path_at("https://example.org/a") == Path("https:/example.org/a")
    assert path_at("s3://bucket/../../x") == Path("s3:/bucket/../../x")
