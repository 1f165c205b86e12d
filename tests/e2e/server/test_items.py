"""Items of a true service: their pictures and their files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import httpx
import PIL.Image
import pytest

from cmsearch.models.encoders.exports import cache_dir


@pytest.fixture(scope="module")
def cat(client: httpx.Client) -> int:
    """The number of the photograph of a tabby cat."""
    hits = client.get("/v1/search", params={"q": "tabby cat", "target": "image", "k": 1}).json()
    assert hits["hits"][0]["path"].endswith("tabby_cat.jpg")
    return int(hits["hits"][0]["item"])


def test_an_item_says_what_it_is(client: httpx.Client, cat: int, sample: Path) -> None:
    told = client.get(f"/v1/items/{cat}").json()
    assert told["path"] == str(sample / "photos/tabby_cat.jpg")
    assert (told["kind"], told["media_type"]) == ("photo", "image/jpeg")


def test_what_is_like_it_is_without_it(client: httpx.Client, cat: int) -> None:
    hits = client.get(f"/v1/items/{cat}/similar", params={"k": 3}).json()["hits"]
    assert "calico_kitten.jpg" in {hit["path"].rpartition("/")[2] for hit in hits}
    assert cat not in {hit["item"] for hit in hits}
    anything = client.get(f"/v1/items/{cat}/similar", params={"k": 100, "target": "any"}).json()
    assert "tabby_cat.jpg" not in {hit["path"].rpartition("/")[2] for hit in anything["hits"]}


def test_what_is_like_it_comes_page_by_page(client: httpx.Client, cat: int) -> None:
    whole = client.get(f"/v1/items/{cat}/similar", params={"k": 6}).json()["hits"]
    page = client.get(f"/v1/items/{cat}/similar", params={"k": 3}).json()
    rest = client.get("/v1/search", params={"cursor": page["cursor"]}).json()
    assert [*page["hits"], *rest["hits"]] == whole
    for k, status in ((0, 422), (501, 400)):
        answer = client.get(f"/v1/items/{cat}/similar", params={"k": k})
        assert answer.status_code == status
    assert "at most 500" in answer.json()["detail"]


def test_what_is_like_a_text_is_asked_for_by_it(client: httpx.Client) -> None:
    asked = {"q": "espresso", "target": "passage", "k": 1}
    (own,) = client.get("/v1/search", params=asked).json()["hits"]
    hits = client.get(f"/v1/items/{own['item']}/similar", params={"k": 10}).json()["hits"]
    assert own["path"] not in {hit["path"] for hit in hits}
    assert {hit["modality"] for hit in hits} == {"image", "text"}
    caption = {"q": "a tabby cat", "target": "caption", "k": 1}
    (about,) = client.get("/v1/search", params=caption).json()["hits"]
    hits = client.get(f"/v1/items/{about['item']}/similar", params={"k": 10}).json()["hits"]
    assert {hit["kind"] for hit in hits} == {"photo"}
    assert about["path"] not in {hit["path"] for hit in hits}


def test_its_picture_small(client: httpx.Client, cat: int) -> None:
    answer = client.get(f"/v1/items/{cat}/thumbnail", params={"size": 100})
    with PIL.Image.open(BytesIO(answer.content)) as image:
        assert image.format == "WEBP"
        assert max(image.size) == 160
    again = client.get(
        f"/v1/items/{cat}/thumbnail",
        params={"size": 100},
        headers={"If-None-Match": answer.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


def test_its_picture_is_kept(client: httpx.Client, cat: int) -> None:
    first, second = (client.get(f"/v1/items/{cat}/thumbnail") for _ in range(2))
    key = first.headers["etag"].strip('"')
    kept = cache_dir() / "thumbnails" / key[:2] / f"{key[2:]}.webp"
    assert kept.read_bytes().endswith(first.content)
    assert first.content == second.content
    kept.write_bytes(b"damaged")
    assert client.get(f"/v1/items/{cat}/thumbnail").content == first.content


def test_its_file_whole_and_in_ranges(client: httpx.Client, cat: int, sample: Path) -> None:
    data = (sample / "photos/tabby_cat.jpg").read_bytes()
    whole = client.get(f"/v1/items/{cat}/media")
    assert whole.content == data
    assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"
    part = client.get(f"/v1/items/{cat}/media", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    beyond = client.get(f"/v1/items/{cat}/media", headers={"Range": f"bytes={2**40}-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize("route", ["", "/similar", "/thumbnail", "/media"])
def test_an_item_that_isnt_there_is_a_problem(client: httpx.Client, route: str) -> None:
    for number, status in ((2**40, 404), (0, 422), ("../../etc/passwd", 404), ("x", 422)):
        answer = client.get(f"/v1/items/{number}{route}")
        assert answer.status_code == status, (number, answer.text)


def test_a_file_that_leads_out_of_the_folder_isnt_served(
    client: httpx.Client, sample: Path, tmp_path: Path
) -> None:
    hits = client.get("/v1/search", params={"q": "espresso", "target": "image", "k": 1}).json()
    own, kept = Path(hits["hits"][0]["path"]), tmp_path / "kept.jpg"
    own.rename(kept)
    try:
        own.symlink_to(kept)
        for route in ("media", "thumbnail"):
            answer = client.get(f"/v1/items/{hits['hits'][0]['item']}/{route}")
            assert answer.status_code == 404, answer.text
    finally:
        own.unlink()
        kept.rename(own)
