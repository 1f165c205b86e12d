"""Where words stand on pages, over HTTP."""

from __future__ import annotations

import httpx


def test_words_that_are_sought_have_boxes_on_their_page(client: httpx.Client) -> None:
    params: dict[str, str | int] = {"q": "boiling marmalade", "target": "page", "k": 1}
    hit = client.get("/v1/search", params=params).json()["hits"][0]
    address = f"/v1/items/{hit['item']}/words"
    told = client.get(address, params={"q": "the JAR, and Mármalade"}).json()
    assert (told["page"], told["pages"]) == (hit["page"], 2)
    assert {one["text"] for one in told["words"]} == {"jars", "marmalade"}
    for one in told["words"]:
        left, top, right, _, _, bottom = one["box"][:6]
        assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
    other = client.get(address, params={"q": "seville", "page": 1}).json()
    assert [one["text"] for one in other["words"]] == ["Seville"]
    assert client.get(address).json()["words"] == []
    own, turned = (
        client.get(f"/v1/items/{hit['item']}/thumbnail", params=params)
        for params in ({"size": 160}, {"size": 160, "page": 1})
    )
    assert own.status_code == turned.status_code == 200
    assert own.headers["etag"] != turned.headers["etag"] and own.content != turned.content


def test_what_has_no_such_page_is_a_problem(client: httpx.Client) -> None:
    hits = client.get("/v1/items", params={"limit": 1000}).json()["hits"]
    photo = next(hit["item"] for hit in hits if hit["kind"] == "photo")
    document = next(hit["item"] for hit in hits if hit["page"] is not None)
    for item, page in ((photo, 1), (document, 9), (document, 0), (document, 10**9), (2**62, 1)):
        answer = client.get(f"/v1/items/{item}/words", params={"q": "a", "page": page})
        assert answer.status_code in (404, 422), (item, page)
        assert answer.json()["detail"]
