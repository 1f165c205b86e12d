"""Several files as one, over HTTP."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import httpx


def test_an_archive_has_the_files_as_they_are(client: httpx.Client, sample: Path) -> None:
    hits = client.get("/v1/items", params={"path": "photos/*", "limit": 3}).json()["hits"]
    numbers = ",".join(str(hit["item"]) for hit in [*hits, hits[0]])
    answer = client.post("/v1/download", data={"items": f"{numbers},{2**59}"})
    assert answer.headers["content-type"] == "application/zip"
    assert "attachment" in answer.headers["content-disposition"]
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            Path(hit["path"]).relative_to(sample).as_posix() for hit in hits
        ]
        for hit in hits:
            name = Path(hit["path"]).relative_to(sample).as_posix()
            assert archive.read(name) == Path(hit["path"]).read_bytes()


def test_a_sheet_has_what_was_chosen_in_its_order(client: httpx.Client) -> None:
    hits = client.get("/v1/items", params={"limit": 4, "order": "oldest"}).json()["hits"][::-1]
    numbers = ",".join(str(hit["item"]) for hit in hits)
    answer = client.post("/v1/sheet", data={"items": numbers, "title": "<b>four</b>"})
    assert answer.status_code == 200
    places = [answer.text.index(Path(hit["path"]).name) for hit in hits]
    assert places == sorted(places)
    assert "<b>four</b>" not in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]


def test_what_cant_be_meant_is_a_problem(client: httpx.Client) -> None:
    for wrong in ({}, {"items": ""}, {"items": "1,x"}, {"items": "../1"}, {"items": "9" * 19}):
        answer = client.post("/v1/download", data=wrong)
        assert answer.status_code in (400, 422), wrong
        assert answer.json()["detail"]
    many = ",".join(map(str, range(1, 1002)))
    assert client.post("/v1/sheet", data={"items": many}).status_code == 400
