"""Addresses of vectors, and what is none."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.errors import QueryError
from cmsearch.store.index.address import parsed
from cmsearch.store.index.plugins import checked_name


@pytest.mark.parametrize(
    ("text", "place", "collection", "url"),
    [
        ("milvus://db:19530/a", "milvus://db:19530", "a", "http://db:19530"),
        ("qdrant://DB.example/photos_2", "qdrant://db.example", "photos_2", "http://db.example:1"),
        ("qdrant+https://[::1]:6333/a", "qdrant+https://[::1]:6333", "a", "https://[::1]:6333"),
        ("milvus+https://[::1]/a", "milvus+https://[::1]", "a", "https://[::1]:1"),
    ],
)
def test_servers(text: str, place: str, collection: str, url: str) -> None:
    address = parsed(text)
    assert (address.place, address.collection, address.url(1)) == (place, collection, url)
    assert parsed(str(address)) == address


def test_files_are_remembered_by_their_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert checked_name("qdrant:own/folder") == f"qdrant://{tmp_path}/own/folder"
    assert checked_name(f"milvus://{tmp_path}/a.db") == f"milvus://{tmp_path}/a.db"
    assert parsed("milvus:~/a.db").path == str(Path("~/a.db").expanduser())


@pytest.mark.parametrize(
    "text",
    [
        "milvus://db", "milvus://db/", "milvus://db/a/b", "milvus://db/a b", "milvus://db:0/a",
        "milvus://db:70000/a", "milvus://db/1a", "milvus:", "milvus+https:a.db", "://db/a",
        "milvus://d b/a", "milvus://db/a\n", "http://db/a", "milvus:a\0.db",
        "qdrant://" + "a" * 1000, "milvus", "nothing", "http:",
    ],
)  # fmt: skip
def test_what_is_none_is_told(text: str) -> None:
    with pytest.raises(QueryError):
        checked_name(text)


@pytest.mark.parametrize(
    "text", ["qdrant://user:secret@db/a", "qdrant://db/a?api_key=secret", "milvus://secret@db/a#b"]
)
def test_a_password_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(QueryError, match="QDRANT_API_KEY") as error:
        checked_name(text)
    assert "secret" not in str(error.value)


@given(st.text())
def test_any_text_is_an_address_or_an_error(text: str) -> None:
    with suppress(QueryError):
        assert parsed(str(parsed(text))) == parsed(text)
