"""What is said about a hit is what the search did: attention, stages, captions and words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cmsearch
from cmsearch import Engine, Filter, Hit, Modality, QueryError, Ranking, Role
from cmsearch.models.encoders import lite
from cmsearch.models.encoders.open_clip import load as load_open_clip
from cmsearch.models.encoders.open_clip_export import OpenClipReference
from cmsearch.models.encoders.pixels import centre_crop
from cmsearch.models.encoders.towers import TowersEncoder
from cmsearch.models.encoders.towers_export import TorchRuntime
from cmsearch.search.explain import Explanation
from cmsearch.search.looking import Regional
from cmsearch.search.rank.attention import attention_map
from cmsearch.search.rank.banks import Banks
from cmsearch.search.rank.stages import MEASURED, UNMEASURED
from cmsearch.search.regions import REGIONS
from cmsearch.show import heatmap
from indexer import Indexer
from tests import fakes
from tests.builders import write_files, write_picture
from tests.documents import pdf
from tests.fakes import FakeEncoder
from tests.films import film

PHOTOS = Path(__file__).parents[4] / "sample_data" / "photos"


class Plain:
    """The fake encoder without what only `Regional` asks for."""

    space, capabilities = fakes.SPACE, FakeEncoder.capabilities
    split, prepare, encode = FakeEncoder.split, FakeEncoder.prepare, FakeEncoder.encode


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    """A picture with one blue quarter, one that is green, a document, and a damaged picture."""
    picture = Image.new("RGB", (90, 60), "red")
    picture.paste("blue", (60, 40, 90, 60))
    picture.save(tmp_path / "corner[1].png")
    write_picture(tmp_path / "sub" / "corner[1].png", "green")
    captions = "".join(
        f'{{"image": "{name}", "caption": "{text}"}}\n'
        for name, text in (
            ("corner[1].png", "a blue corner"),
            ("corner[1].png", "something else"),
            ("sub/corner[1].png", "blue blue"),
        )
    )
    write_files(tmp_path, {"captions.jsonl": captions, "note.md": "A note.", "bad.png": b"no"})
    Indexer(tmp_path, model=fake_model).run()
    return tmp_path


@pytest.fixture
def engine(folder: Path) -> Engine:
    return cmsearch.open(folder)


def test_attention_is_that_of_the_tokens(engine: Engine, folder: Path) -> None:
    found = engine.explain("blue red", folder / "corner[1].png")
    fake = FakeEncoder()
    with Image.open(folder / "corner[1].png") as image:
        cells = fake.encode([fake.prepare(image, Modality.IMAGE)], Modality.IMAGE, Role.DOCUMENT)
    asked = fake.prepare("blue red", Modality.TEXT)
    tokens = (asked, np.ones(2, np.float32))
    item = (cells.tokens[0], cells.weights[0])  # type: ignore[index]
    expected = attention_map(tokens, item, UNMEASURED.temperature)
    assert [word.text for word in found.words] == ["blue", "red"]
    assert [word.weight for word in found.words] == [0.5, 0.5]
    for word, row in zip(found.words, expected, strict=True):
        assert word.attention == pytest.approx(row, abs=1e-3)
        assert word.attention.sum() == pytest.approx(1)
        similarities = item[0] @ asked[found.words.index(word)]
        assert word.similarity == pytest.approx(row @ similarities, abs=1e-3)
    assert REGIONS[int(found.words[0].attention.argmax())] == "bottom right"


def test_rank_score_and_stages_are_those_of_the_hit(engine: Engine, folder: Path) -> None:
    for query in ("blue", "green", "a blue corner", "nothing of it"):
        for hit in engine.search(query, target="image"):
            found = engine.explain(query, hit.path)
            assert (found.path, found.rank, found.score) == (hit.path, hit.rank, hit.score)
            assert found.stages == hit.stages
            assert found.pictures == 2
            assert ("caption" in found.stages) == (found.caption is not None)
            assert ("words" in found.stages) == bool(found.matched)


def test_the_caption_and_the_words_are_the_pictures_own(engine: Engine, folder: Path) -> None:
    found = engine.explain("a blue corner", folder / "corner[1].png")
    assert found.caption == "a blue corner"
    assert found.matched == ("a", "blue", "corner")
    assert engine.explain("blue", folder / "sub" / "corner[1].png").caption == "blue blue"


def test_a_picture_beyond_the_reranked_ones_has_its_rank(tmp_path: Path, fake_model: str) -> None:
    for number in range(130):
        write_picture(tmp_path / f"{number:03}.png", f"rgb(255, {number}, 0)")
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as engine:
        found = engine.explain("red", tmp_path / "129.png")
    assert (found.rank, found.pictures) == (130, 130)


def test_a_picture_is_explained_among_the_hits_that_are_meant(engine: Engine, folder: Path) -> None:
    green, blue = folder / "sub" / "corner[1].png", folder / "corner[1].png"
    among = engine.explain("blue", blue, where=Filter(path="./corner*"))
    assert (among.rank, among.pictures) == (1, 1)
    outside = engine.explain("blue", blue, where=Filter(path="sub"))
    assert (outside.rank, outside.score, outside.stages) == (None, None, {})
    assert [word.text for word in outside.words] == ["blue"]
    ranked = engine.explain("blue", green, ranking=Ranking(match="picture", rerank="none"))
    (hit,) = (
        hit
        for hit in engine.search(
            "blue", target="image", ranking=Ranking(match="picture", rerank="none")
        )
        if hit.path == green
    )
    assert (ranked.rank, ranked.stages) == (hit.rank, hit.stages)
    last = engine.search("blue", target="image")[-1]
    assert last.rank == 2
    assert engine.explain("blue", last.path, depth=1).rank is None
    assert engine.explain("blue", last.path, depth=2).rank == 2
    with pytest.raises(QueryError, match="at least 1"):
        engine.explain("blue", last.path, depth=0)


def test_items_of_all_kinds_are_explained_those_with_a_picture_by_its_words(
    tmp_path: Path, fake_model: str
) -> None:
    """Of a film the frame in the middle of a shot is looked at, of a document the page."""
    red = Image.new("RGB", (64, 48), "red")
    red.paste("green", (43, 32, 64, 48))
    shown = film(["blue", red], seconds=4, cues=[(0.5, 2, "a red house")])
    (tmp_path / "film.mp4").write_bytes(shown)
    page = b"1 0 0 rg 0 0 2000 2000 re f"
    (tmp_path / "doc.pdf").write_bytes(pdf(b"BT /F1 12 Tf 72 700 Td (A meadow) Tj ET", page))
    write_files(tmp_path, {"note.md": "A red house.\n"})
    Indexer(tmp_path, model=fake_model).run()
    seen = {}
    with cmsearch.open(tmp_path) as engine:
        for target in ("video", "image", "text"):
            for hit in engine.search("red house", target=target):
                found = engine.explain("red house", item=hit.item)
                assert (found.path, found.locator, found.rank) == (hit.path, hit.locator, hit.rank)
                assert (found.score, found.stages) == (hit.score, hit.stages)
                has_picture = hit.kind in ("shot", "page")
                assert bool(found.words) is has_picture
                assert bool(found.matched) is ("words" in hit.stages)
                seen[hit.kind, hit.locator] = found
                if has_picture:
                    assert heatmap.read(found.path, found.locator).size[0] > 30
    assert len(seen) == 7
    (word, _) = seen["shot", "4.000-8.000"].words
    assert REGIONS[int(word.attention.argmin())] == "bottom right"
    with cmsearch.open(tmp_path) as engine:
        for number, said in ((2**40, "no item"), (None, "the path of a picture")):
            with pytest.raises(QueryError, match=said):
                engine.explain("red", item=number)


def test_an_item_that_is_about_a_picture_is_explained_by_it(engine: Engine, folder: Path) -> None:
    for hit in engine.search("a blue corner", target="text"):
        if hit.kind == "caption":
            found = engine.explain("a blue corner", item=hit.item)
            expected = engine.explain("a blue corner", hit.path)
            assert (found.path, found.rank) == (expected.path, expected.rank)
            assert (found.caption, len(found.words)) == (expected.caption, len(expected.words))


def test_paths_may_be_relative_or_lead_through_links(
    engine: Engine, folder: Path, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(folder)
    monkeypatch.chdir(folder / "sub")
    for path in ("corner[1].png", Path("../sub/corner[1].png"), link / "sub" / "corner[1].png"):
        assert engine.explain("red", path).path == folder / "sub" / "corner[1].png"


@pytest.mark.parametrize(
    ("query", "name", "said"),
    [
        ("red", "none.png", "not in the index"),
        ("red", f"..{os.sep}outside.png", "not in the index"),
        ("red", "note.md", "no indexed picture"),
        ("red", "bad.png", "could not be indexed"),
        (" ", "corner[1].png", "empty"),
        (["red"], "corner[1].png", "Only a text"),
    ],
)
def test_what_cannot_be_explained_says_why(
    engine: Engine, folder: Path, query: str, name: str, said: str
) -> None:
    with pytest.raises(QueryError, match=said):
        engine.explain(query, folder / name)


def test_without_regions_there_are_only_numbers(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes, "load", lambda *_, **__: Plain())
    found = engine.explain("blue", folder / "corner[1].png")
    hits = engine.search("blue", target="image")
    assert found.words == ()
    assert hits[(found.rank or 0) - 1].path == found.path
    assert found.pictures == len(hits) == 2
    assert "picture" in found.stages


def test_one_generation_answers(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An explanation is of the state in which it began, whatever serves meanwhile."""
    search, calls = engine.search, 0
    before = engine.explain("red", folder / "corner[1].png")

    def switching(*args: Any, **kwargs: Any) -> list[Hit]:
        nonlocal calls
        calls += 1
        if calls == 1:
            Indexer(folder, model="fake:shades").run()
        return search(*args, **kwargs)

    monkeypatch.setattr(engine, "search", switching)
    found = engine.explain("red", folder / "corner[1].png")
    assert (found.rank, found.score, found.stages) == (before.rank, before.score, before.stages)
    assert (calls, engine.space.model) == (2, "shades")


def attended(found: Explanation) -> float:
    return sum(word.weight * word.similarity for word in found.words)


def test_with_lite_the_words_add_up_to_the_stage(sample: Path) -> None:
    """Of a picture in which they find more, the stage says more."""
    with cmsearch.open(sample) as engine:
        text, bee = "a bee on the purple flower", sample / "photos" / "honey_bee.jpg"
        found = engine.explain(text, bee)
        hits = engine.search(text, target="image", k=9)
        paths = [hit.path for hit in hits if hit.path != bee and hit.kind == "photo"]
        others = [engine.explain(text, path) for path in paths]
        usual = Banks(engine.store).usual(engine.store.view(), engine.encoder)
        common = {path: float((engine.embed(image=path) @ usual)[0]) for path in (bee, *paths)}
    run = MEASURED["lite"][Modality.TEXT, Modality.IMAGE].attention
    assert run is not None

    def said(own: Explanation) -> float:
        return run.share * attended(own) - run.bank * common[own.path]

    assert [word.text for word in found.words] == ["bee", "on", "purple", "flower"]
    assert sum(word.weight for word in found.words) == pytest.approx(1)
    assert len(others) > 3
    for own in others:
        assert (said(own) < said(found)) is (own.stages["attention"] < found.stages["attention"])
    assert all(len(word.attention) == len(REGIONS) for word in found.words)
    assert found.crop is None


def test_words_are_named_in_the_order_of_their_tokens(tiny_clip: Path) -> None:
    texts = ["Two dogs run on a beach, and two cats.", "snow", "a b " * 5 + "c d e f g h i j k l"]
    for encoder in (lite.load(""), load_open_clip(f"local-dir:{tiny_clip}")):
        assert isinstance(encoder, Regional)
        batch = [encoder.prepare(text, Modality.TEXT) for text in texts]
        for role in Role:
            found = encoder.encode(batch, Modality.TEXT, role)
            named = encoder.words(batch, role)
            counts = [0] * 3 if found.weights is None else (found.weights > 0).sum(1).tolist()
            assert [len(words) for words in named] == counts
        assert {"dogs", "beach", "cats"} <= set(named[0])
        assert [word.lower() for word in named[1]] == ["snow"]
        alone = encoder.encode(
            [encoder.prepare("beach", Modality.TEXT)], Modality.TEXT, Role.DOCUMENT
        )
        assert found.tokens is not None and alone.tokens is not None
        column = named[0].index("beach")
        assert found.tokens[0, column] == pytest.approx(alone.tokens[0, 0], abs=1e-4)


def test_clip_sees_the_square_in_the_middle_lite_all(tiny_clip: Path) -> None:
    assert load_open_clip(f"local-dir:{tiny_clip}").crop() == (1.0, 1.0)
    reference = OpenClipReference(f"local-dir:{tiny_clip}", download=False)
    in_torch = TowersEncoder(reference.space, TorchRuntime(reference, "cpu"))
    assert in_torch.crop() == (1.0, 1.0)
    assert lite.load("").crop() is None
    spec = {"resize": "shortest", "edge": 256, "size": [224, 192]}
    assert centre_crop(spec) == (0.75, 0.875)
    assert centre_crop(spec | {"resize": "squash"}) is None


def test_words_are_explained_where_attention_does_not_rank(tmp_path: Path, tiny_clip: Path) -> None:
    write_picture(tmp_path / "a.png", "red", (90, 60))
    Indexer(tmp_path, model=f"local-dir:{tiny_clip}").run()
    with cmsearch.open(tmp_path) as engine:
        found = engine.explain("two dogs on a beach", tmp_path / "a.png")
    assert [word.text for word in found.words] == ["two", "dogs", "beach"]
    assert all(len(word.attention) == len(REGIONS) for word in found.words)
    assert (found.rank, found.crop) == (1, (1.0, 1.0))
    assert list(found.stages) == ["picture", "prior"]
