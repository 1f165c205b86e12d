"""Why an item was found, by a true service: the numbers and the drawing of the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import PIL.Image
import pytest

from cmsearch.server.answers import Explained
from tests.commands import called
from tests.e2e.server.conftest import serving_within

ASKED = "bee on a purple flower"


def item_of(client: httpx.Client, query: str, target: str = "image") -> int:
    params: dict[str, str | int] = {"q": query, "target": target, "k": 1}
    return int(client.get("/v1/search", params=params).json()["hits"][0]["item"])


@pytest.fixture(scope="module")
def client(sample: Path) -> Iterator[httpx.Client]:
    """A service that has encoded no word beside others, by which the last digit differs."""
    with serving_within(sample) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def bee(client: httpx.Client) -> int:
    """The number of the photograph of a bee."""
    return item_of(client, ASKED)


def test_numbers_and_drawing_are_those_of_the_command_line(
    client: httpx.Client, bee: int, sample: Path, tmp_path: Path
) -> None:
    done = called(
        "explain", ASKED, "photos/honey_bee.jpg", "--out", tmp_path / "a.png",
        "--format", "json", cwd=sample,
    )  # fmt: skip
    told = client.get(f"/v1/items/{bee}/explain", params={"q": ASKED}).json()
    link = f"/v1/items/{bee}/explain.png?q=bee+on+a+purple+flower"
    expected = {**json.loads(done.stdout), "drawn": link, "store": "sample_data", "item": bee}
    assert told == {**expected, "applied": []}
    drawn = client.get(told["drawn"])
    assert drawn.headers["content-type"] == "image/png"
    assert drawn.content == (tmp_path / "a.png").read_bytes()


def test_a_drawing_is_given_where_it_is_preferred(client: httpx.Client, bee: int) -> None:
    for accept, kind in {
        "image/avif,image/webp,image/png,*/*;q=0.5": "image/png",
        "image/png;q=0.5, application/json;q=0.4": "image/png",
        "image/png;q=0.5, application/json": "application/json",
        "image/png;q=none": "application/json",
        "text/html,*/*;q=0.8": "application/json",
        "": "application/json",
    }.items():
        answer = client.get(
            f"/v1/items/{bee}/explain", params={"q": "bee"}, headers={"Accept": accept}
        )
        assert answer.headers["content-type"] == kind, accept
        assert "accept" in answer.headers["vary"].lower()


def test_one_word_has_a_drawing_of_its_own(client: httpx.Client, bee: int) -> None:
    drawn = {}
    for word in (None, "flower", "3", "bee"):
        params = {"q": ASKED, **({} if word is None else {"word": word})}
        answer = client.get(f"/v1/items/{bee}/explain.png", params=params)
        with PIL.Image.open(BytesIO(answer.content)) as image:
            assert image.format == "PNG"
            assert image.width <= 1200 and image.height <= 1000
        drawn[word] = answer.content
    assert drawn["flower"] == drawn["3"]
    assert len(set(drawn.values())) == 3
    told = client.get(f"/v1/items/{bee}/explain", params={"q": ASKED, "word": "flower"}).json()
    assert [one["word"] for one in told["words"]] == ["flower"]
    assert client.get(told["drawn"]).content == drawn["flower"]


def test_the_body_of_a_search_is_explained(client: httpx.Client, bee: int, sample: Path) -> None:
    def told(**body: object) -> dict[str, object]:
        answer = client.post(f"/v1/items/{bee}/explain", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    whole = told(query="flower", k=3, target="text")
    assert (whole["pictures"], whole["drawn"]) == (25, None)
    among = told(query="flower", filters={"path": "*bee*"})
    assert (among["rank"], among["pictures"]) == (1, 1)
    assert told(query="flower", filters={"path": "*cat*"})["rank"] is None
    assert list(told(query="flower", ranking={"match": "picture", "rerank": "none"})["stages"]) == [  # type: ignore[call-overload]
        "picture",
        "prior",
    ]
    link = {"q": "flower", "path": "*bee*", "keywords": ["none", "such"], "word": "flower"}
    linked = client.get(f"/v1/items/{bee}/explain", params=link).json()
    assert (linked["rank"], linked["pictures"]) == (None, 0)
    assert client.get(linked["drawn"]).headers["content-type"] == "image/png"
    assert "keywords=none&keywords=such" in linked["drawn"]
    dated = told(query="flower in May 1999")
    assert (dated["query"], dated["rank"]) == ("flower", None)
    picture = (sample / "photos/dahlia.jpg").read_bytes()
    answer = client.post(
        f"/v1/items/{bee}/explain",
        data={"request": json.dumps({"query": "bee"})},
        files={"image": ("dahlia.jpg", picture)},
        headers={"Accept": "image/png"},
    )
    assert answer.headers["content-type"] == "image/png", answer.text
    both = Explained.model_validate(told(query="bee", parts=[{"item": bee}]))
    assert both.joined is not None and both.joined.words == ["bee"]


def test_what_is_about_a_picture_is_explained_by_it(client: httpx.Client, sample: Path) -> None:
    caption = item_of(client, "the yellow centre of a purple aster", "caption")
    told = client.get(f"/v1/items/{caption}/explain", params={"q": ASKED}).json()
    assert (told["item"], told["path"]) == (caption, str(sample / "photos/honey_bee.jpg"))


def test_what_has_no_picture_is_explained_in_numbers(client: httpx.Client) -> None:
    params: dict[str, str | int] = {"q": "darkroom", "target": "passage", "k": 1}
    (hit,) = client.get("/v1/search", params=params).json()["hits"]
    told = client.get(f"/v1/items/{hit['item']}/explain", params={"q": "darkroom"}).json()
    assert (told["path"], told["locator"]) == (hit["path"], hit["locator"])
    assert "darkroom" in told["matched"]
    assert (told["words"], told["drawn"]) == ([], None)
    assert Explained.model_validate(told).stages.keys() == hit["stages"].keys()


@pytest.mark.parametrize(
    ("route", "params", "status", "words"),
    [
        ("{bee}/explain", {}, 422, "q:"),
        ("{bee}/explain", {"q": " "}, 400, "empty"),
        ("{bee}/explain", {"q": "a bee - flower"}, 400, "Only a text can be explained"),
        ("{bee}/explain", {"q": "bee", "store": "other"}, 404, "no store 'other'"),
        ("{bee}/explain", {"q": "bee", "word": "cat"}, 400, "there are: bee"),
        ("{bee}/explain.png", {"q": "bee", "word": "1"}, 400, "there are: bee"),
        ("{bee}/explain.png", {"q": "the"}, 400, "No regions"),
        ("{bee}/explain.png", {"q": "the", "word": "the"}, 400, "No regions"),
        ("{passage}/explain.png", {"q": "bee"}, 422, "has no picture: it is a passage"),
        ("1099511627776/explain", {"q": "bee"}, 404, "no item"),
        ("x/explain.png", {"q": "bee"}, 422, "number"),
    ],
)
def test_what_cant_be_explained_is_a_problem(
    client: httpx.Client, bee: int, route: str, params: dict[str, str], status: int, words: str
) -> None:
    path = route.format(bee=bee, passage=item_of(client, "a note", "passage"))
    answer = client.get(f"/v1/items/{path}", params=params)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


def test_a_picture_that_leads_out_of_the_folder_isnt_drawn(
    client: httpx.Client, bee: int, sample: Path, tmp_path: Path
) -> None:
    own, kept = sample / "photos/honey_bee.jpg", tmp_path / "kept.jpg"
    own.rename(kept)
    try:
        own.symlink_to(kept)
        assert client.get(f"/v1/items/{bee}/explain.png", params={"q": "bee"}).status_code == 404
    finally:
        own.unlink()
        kept.rename(own)


def test_the_description_has_examples(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    told = paths["/v1/items/{number}/explain"]["get"]["responses"]["200"]["content"]
    assert told["application/json"]["schema"]["$ref"].endswith("/Explained")
    example = told["application/json"]["example"]  # a description leaves out what is null
    Explained.model_validate({**dict.fromkeys(Explained.model_fields), **example})
    assert (
        "image/png" in told
        and "image/png"
        in (paths["/v1/items/{number}/explain.png"]["get"]["responses"]["200"]["content"])
    )
