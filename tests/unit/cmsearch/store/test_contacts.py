"""A server is contacted that the user named, and none that only a store names."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.errors import CmsearchError
from cmsearch.store import contacts
from cmsearch.store.index.address import parsed

ADDRESS = parsed("qdrant://db:6333/photos")


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMSEARCH_CONFIG", str(tmp_path / "settings"))
    monkeypatch.delenv(contacts.VARIABLE, raising=False)


def test_what_the_user_named_is_remembered_once(tmp_path: Path) -> None:
    assert not contacts.may_contact(ADDRESS)
    for _ in range(2):
        contacts.remember(ADDRESS)
    assert contacts.may_contact(ADDRESS)
    assert (tmp_path / "settings/servers").read_text() == f"{ADDRESS}\n"
    assert not contacts.may_contact(parsed("qdrant://db:6333/others"))
    assert not contacts.may_contact(parsed("qdrant+https://db:6333/photos"))
    assert not contacts.may_contact(parsed("milvus://db:6333/photos"))


@pytest.mark.parametrize("named", ["qdrant://db:6333", "x qdrant://db:6333/photos"])
def test_the_environment_names_servers(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(contacts.VARIABLE, named)
    assert contacts.may_contact(ADDRESS)
    assert not contacts.may_contact(parsed("qdrant://db/photos"))
    assert not contacts.may_contact(parsed("qdrant://db:63331/photos"))


def test_comments_and_lines_of_the_user_stay(tmp_path: Path) -> None:
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings/servers").write_text("# qdrant://db:6333\n milvus://other ")
    assert contacts.may_contact(parsed("milvus://other/a"))
    assert not contacts.may_contact(ADDRESS)
    contacts.remember(ADDRESS)
    assert contacts.may_contact(parsed("milvus://other/a"))
    assert contacts.may_contact(ADDRESS)


def test_settings_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "settings").write_text("")
    with pytest.raises(CmsearchError, match=contacts.VARIABLE):
        contacts.remember(ADDRESS)
