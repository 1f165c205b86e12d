"""Google's storage is read as that of S3 is, which tests/e2e/test_objects.py reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cmsearch.store.objects import Object, Objects
from tests.google_storage import GoogleStorage, google_storage

pytestmark = pytest.mark.filterwarnings("ignore")  # of aiohttp and Google's packages


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleStorage]:
    gcsfs = pytest.importorskip("gcsfs")
    gcsfs.GCSFileSystem.clear_instance_cache()
    with google_storage() as running:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{running.server_port}")
        yield running
    gcsfs.GCSFileSystem.clear_instance_cache()


def test_a_bucket_of_google_is_listed_and_fetched(server: GoogleStorage, tmp_path: Path) -> None:
    server.objects |= {"photos/a.png": (b"abc", 17), "photos/sub/b c.png": (b"defg", 18)}
    bucket = Objects("gs://bucket/photos")
    own, folder = sorted(bucket.listed(""))
    assert own[:3] == ("a.png", False, 3) and folder == Object("sub", True)
    assert [one[:3] for one in bucket.listed("sub/")] == [("b c.png", False, 4)]
    assert bucket.status("a.png") == own and own.mtime_ns // 10**9 == 1767323045
    assert bucket.head("a.png", 2) == b"ab"
    bucket.fetch("sub/b c.png", tmp_path / "0" / "b c.png")
    assert (tmp_path / "0" / "b c.png").read_bytes() == b"defg"
    server.objects["photos/a.png"] = b"abd", 19
    assert bucket.status("a.png").mtime_ns != own.mtime_ns


def test_what_isn_t_there_is_an_error_and_leaves_nothing(
    server: GoogleStorage, tmp_path: Path
) -> None:
    server.objects["photos/a.png"] = b"abc", 17
    bucket = Objects("gs://bucket/photos")
    for read in (bucket.status, bucket.listed):
        with pytest.raises(FileNotFoundError, match="no such file"):
            read("none")
    with pytest.raises(FileNotFoundError):
        bucket.fetch("none", tmp_path / "0" / "a.png")
    assert not (tmp_path / "0").exists()
