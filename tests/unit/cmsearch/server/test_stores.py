"""Stores that are served: which of them have their files read."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from cmsearch.commands.serve import introduce
from cmsearch.server.errors import NotTrustedError
from cmsearch.server.jobs import Jobs
from cmsearch.server.located import file_of, item_of, located
from cmsearch.server.problems import status_of
from cmsearch.server.stores import Served, open_stores
from cmsearch.store import trust
from indexer import Indexer
from tests.builders import write_picture
from tests.e2e.server.conftest import serving_within

pytestmark = pytest.mark.usefixtures("fake_model")


@pytest.fixture
def elsewhere(tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that isn't beside what it is of, and may come from anybody."""
    monkeypatch.setenv("CMSEARCH_CONFIG", str(tmp_path / "config"))
    write_picture(tmp_path / "private" / "letter.png")
    Indexer(tmp_path / "private", store=tmp_path / "made", model=fake_model).run()
    return Path(shutil.move(tmp_path / "made", tmp_path / "elsewhere"))


@contextmanager
def served(place: Path) -> Iterator[Served]:
    with open_stores([place]) as stores:
        yield stores.get(None)


def test_no_file_is_read_because_a_store_says_so(elsewhere: Path) -> None:
    with served(elsewhere) as one:
        item = item_of(one, 1)
        with pytest.raises(NotTrustedError, match=r"only says.*private.*--trust") as failed:
            file_of(one, item)
        assert status_of(failed.value) == 403
        with pytest.raises(NotTrustedError):
            located(one, 1)

        async def start() -> None:
            await Jobs().start(one, None)

        with pytest.raises(NotTrustedError):
            asyncio.run(start())


def test_who_starts_a_service_is_told_so(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(elsewhere) as one:
        introduce(one)
        introduce(replace(one, has_own_media=True))
    own, why, trusted = capsys.readouterr().err.splitlines()
    assert own == trusted and own.endswith("/private")
    assert why.startswith("No picture is shown. ") and "--trust" in why


@pytest.mark.parametrize("action", ["sheet", "download"])
def test_nothing_is_made_of_such_files(elsewhere: Path, action: str) -> None:
    with serving_within(elsewhere) as address:
        answer = httpx.post(f"{address}/v1/{action}", data={"items": "1"})
        assert answer.status_code == 403 and "--trust" in answer.json()["detail"]
        assert httpx.get(f"{address}/v1/map").status_code in (403, 503)  # 503: the extra is missing
        told = httpx.post(f"{address}/v1/sizes", json={"items": [1]}).json()
        assert told == {"sizes": [None], "previews": [None]}


def test_it_is_once_the_user_trusts_it(elsewhere: Path, tmp_path: Path) -> None:
    letter = tmp_path / "private" / "letter.png"
    with trust.remembering(), served(elsewhere) as one:
        assert file_of(one, item_of(one, 1)) == letter
    with served(elsewhere) as one:
        assert file_of(one, item_of(one, 1)) == letter


def test_files_around_a_store_are_its_own(tmp_path: Path, fake_model: str) -> None:
    picture = write_picture(tmp_path / "photos" / "red.png")
    Indexer(tmp_path / "photos", model=fake_model).run()
    with served(tmp_path / "photos") as one:
        assert file_of(one, item_of(one, 1)) == picture
