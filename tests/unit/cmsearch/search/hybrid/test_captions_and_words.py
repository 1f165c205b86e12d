"""Finding photographs by what was written about them, among a thousand."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cmsearch
from cmsearch import Engine, Filter, Hit, Modality
from cmsearch.search.merge.relevance import relevance
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.search.retrieve.nearest import NearestRequest, Retriever
from cmsearch.store.catalog import items
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import EncodedQuery, Encoding, FloatArray, Part, Role
from tests.builders import asset, caption, photo, put, serve
from tests.fakes import DIM, SPACE, FakeEncoder

COUNT = 1000
BIRTHDAY = "photos/IMG_0500.jpg"
WEDDING = "2019 Wedding in Graz/IMG_2041.jpg"
PASSPORT = "passport_scan_maria.png"
CAFE = "Ausflüge/Café Müller.jpg"
HARBOUR = "photos/IMG_0600.jpg"
CAPTIONED = {
    BIRTHDAY: "Grandma's 80th birthday",
    HARBOUR: "Die Straße zum Hafen von Ærøskøbing, în août",
    "photos/IMG_0501.jpg": "A birthday cake",
    "photos/IMG_0502.jpg": "grandma's garden",
    "photos/IMG_0503.jpg": "wedding flowers",
    "photos/IMG_0504.jpg": "Maria at the sea",
    "photos/IMG_0505.jpg": "the scan of a page",
}
COMMON = [
    "a",
    "the",
    "dog",
    "cat",
    "child",
    "house",
    "tree",
    "boat",
    "and",
    "street",
    "in",
    "on",
    "of",
    "snow",
    "summer",
]
WAYS = ["all", "picture", "caption", "words"]


def vector(text: str) -> FloatArray:
    encoder = FakeEncoder()
    return encoder.encode([encoder.prepare(text, Modality.TEXT)], Modality.TEXT, Role.QUERY).vectors


def make(
    folder: Path, photos: Mapping[str, FloatArray], captions: Sequence[tuple[str, str]]
) -> Path:
    """A store of photographs by path with their vectors, and of captions (path, text)."""
    with Store(folder / DIRECTORY, folder) as store:
        number = serve(store.catalog, DIM, SPACE)
        with store.catalog.writing() as writer:
            for path, shown in photos.items():
                writer.add_item(writer.put_asset(asset(path)), number, photo(shown, path))
            file = writer.put_asset(asset("captions.jsonl", "captions"))
            for line, (path, text) in enumerate(captions, 1):
                writer.add_item(file, number, caption(text, vector(text), path, str(line)))
        store.publish()
    return folder


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random pictures, every second one with a caption of common words."""
    chance, source = random.Random(0), np.random.default_rng(0)
    paths = [f"photos/IMG_{number:04}.jpg" for number in range(COUNT - 3)]
    captions = list(CAPTIONED.items())
    for path in paths[::2]:
        if path not in CAPTIONED:
            captions.append((path, " ".join(chance.choices(COMMON, k=5))))
    rows = source.normal(size=(COUNT, DIM)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    photos = dict(zip([*paths, WEDDING, PASSPORT, CAFE], rows, strict=True))
    return make(tmp_path_factory.mktemp("gallery"), photos, captions)


@pytest.fixture
def engine(gallery: Path, fake_model: str) -> Iterator[Engine]:
    with cmsearch.open(gallery) as engine:
        yield engine


def by(how: str, **changes: object) -> Ranking:
    return Ranking(match=how, **changes)  # type: ignore[arg-type]


def paths(hits: Sequence[Hit]) -> list[str]:
    return [hit.source for hit in hits]


ASKED = [
    ("Grandma's 80th birthday", BIRTHDAY),
    ("grandma’s 80TH BIRTHDAY", BIRTHDAY),
    ("the 80th birthday of grandma", BIRTHDAY),
    ("2019 Wedding in Graz", WEDDING),
    ("wedding graz", WEDDING),
    ("IMG_2041", WEDDING),
    ("img 2041", WEDDING),
    ("2019 Wedding in Graz/IMG_2041.jpg", WEDDING),
    ("passport_scan_maria.png", PASSPORT),
    ("passport scan maria", PASSPORT),
    ("PASSPORT of Maria", PASSPORT),
    ("Café Müller", CAFE),
    ("cafe muller", CAFE),
    ("CAFE\u0301 MU\u0308LLER", CAFE),
    ("ausfluge", CAFE),
    ("strasse zum hafen", HARBOUR),
    ("STRASSE in Ærøskøbing", HARBOUR),
    ("in aout", HARBOUR),
]


@pytest.mark.parametrize(("text", "path"), ASKED)
@pytest.mark.parametrize("how", ["all", "words"])
def test_a_photograph_comes_first_by_its_own_words(
    engine: Engine, text: str, path: str, how: str
) -> None:
    hits = engine.search(text, target="image", ranking=by(how))
    assert hits[0].source == path
    assert hits[0].stages["words"] > 0


@pytest.mark.parametrize(("text", "path"), ASKED[::3])
def test_it_comes_first_whatever_else_runs(engine: Engine, text: str, path: str) -> None:
    for wanted in (Ranking("attention"), Ranking("none"), Ranking("attention", 5)):
        assert engine.search(text, target="image", ranking=wanted)[0].source == path


@pytest.mark.parametrize(("text", "path"), ASKED[::3])
def test_among_all_kinds_it_is_the_first_photograph(engine: Engine, text: str, path: str) -> None:
    hits = engine.search(text, k=50)
    photos = [hit for hit in hits if hit.kind == "photo"]
    assert photos[0].source == path
    assert len(paths(photos)) == len(set(paths(photos)))
    assert len({hit.source for hit in hits}) == len(hits)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("text", ["Grandma's 80th birthday", "a dog in the snow", "IMG_0042", "qx"])
def test_every_photograph_is_there_once_and_the_best_first(
    engine: Engine, text: str, how: str
) -> None:
    hits = engine.search(text, target="image", k=300, ranking=by(how))
    assert {hit.kind for hit in hits} <= {"photo"}
    assert len(paths(hits)) == len(set(paths(hits)))
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    if how in ("all", "picture"):
        assert len(hits) == 300


def test_by_picture_only_what_is_shown_counts(engine: Engine) -> None:
    for text, _ in ASKED:
        hits = engine.search(text, target="image", ranking=by("picture"))
        assert all(set(hit.stages) == {"picture", "prior"} for hit in hits)
        assert [hit.cosine for hit in hits] == sorted((hit.cosine for hit in hits), reverse=True)


def test_by_caption_only_what_captions_say_counts(engine: Engine) -> None:
    """In the order of each photograph's best caption, as a search for captions by meaning has
    them.
    """
    said = engine.search("a dog in the snow", target="caption", k=100, ranking=by("picture"))
    expected = list(dict.fromkeys(hit.path for hit in said))
    hits = engine.search("a dog in the snow", target="image", k=100, ranking=by("caption"))
    assert hits
    assert [hit.path for hit in hits] == expected[: len(hits)]
    assert all(set(hit.stages) == {"caption", "prior"} for hit in hits)


def test_by_words_only_words_count(engine: Engine) -> None:
    hits = engine.search("wedding", target="image", ranking=by("words"))
    assert sorted(paths(hits)) == [WEDDING, "photos/IMG_0503.jpg"]
    for hit in hits:
        assert set(hit.stages) == {"words", "prior"}
        assert hit.stages["words"] > 0
    sure, other = (
        engine.search(text, target="image", ranking=by("words"))[0] for text in ("graz", "wedding")
    )
    assert sure.stages["words"] > other.stages["words"]  # one picture has it, and two the other
    for text in ("zeppelin", "!?", "…", "jpg"):
        assert engine.search(text, target="image", ranking=by("words")) == []


@pytest.mark.parametrize("how", WAYS)
def test_the_cosine_is_the_pictures_own(engine: Engine, how: str) -> None:
    """Also of those that only their captions or words have found."""
    everything = engine.search("grandma", target="image", k=COUNT, ranking=by("picture"))
    cosines = {hit.source: hit.cosine for hit in everything}
    assert len(cosines) == COUNT
    for hit in engine.search("grandma", target="image", k=30, ranking=by(how)):
        assert hit.cosine == pytest.approx(cosines[hit.source], abs=2e-6)


@pytest.mark.parametrize(
    "text", ["grandma", "Maria in the snow", "Wedding in Graz", "birthday cake"]
)
def test_all_is_the_sum_of_what_the_three_say(engine: Engine, text: str) -> None:
    """Captions say in it what they say alone, and so do looks where there are no captions."""
    captions = {
        hit.source: hit.stages["caption"]
        for hit in engine.search(text, target="image", k=100, ranking=by("caption"))
    }
    looks = {
        hit.source: hit.stages["picture"]
        for hit in engine.search(text, target="image", k=COUNT, ranking=by("picture"))
    }
    hits = engine.search(text, target="image", k=40)
    for hit in hits:
        assert hit.score == pytest.approx(sum(hit.stages.values()), abs=1e-5)
        assert hit.relevance == relevance(hit.score)
        if "caption" not in hit.stages:
            assert hit.stages["picture"] == pytest.approx(looks[hit.source], abs=1e-5)
        elif hit.source in captions:
            assert hit.stages["caption"] == pytest.approx(captions[hit.source], abs=1e-5)
    assert {"picture", "words"} <= {way for hit in hits for way in hit.stages}


def test_a_way_that_is_left_out_is_not_counted(engine: Engine) -> None:
    for way in ("caption", "words"):
        ranking = Ranking(without=frozenset({way}))
        for hit in engine.search("Wedding in Graz", target="image", k=40, ranking=ranking):
            assert way not in hit.stages
            assert hit.score == pytest.approx(sum(hit.stages.values()), abs=1e-5)


@pytest.mark.parametrize("text", ["the of and", "the", "a", "in on of", "!?", "…"])
@pytest.mark.parametrize("target", ["image", "any"])
def test_stop_words_alone_are_a_query_too(engine: Engine, text: str, target: str) -> None:
    for how in ("all", "picture"):
        assert len(engine.search(text, target=target, ranking=by(how))) == 10
    for how in ("caption", "words"):
        assert len(engine.search(text, target=target, ranking=by(how))) <= 10


def test_a_long_text_is_matched(engine: Engine) -> None:
    text = "zeppelin " * 30 + "and it was at grandma's 80th birthday"
    hits = engine.search(text, target="image", ranking=by("words"))
    assert hits == [] or hits[0].source == BIRTHDAY
    assert len(engine.search(text, target="image")) == 10


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize(
    ("where", "passes"),
    [
        (Filter(path="photos/IMG_05*"), lambda path: path.startswith("photos/IMG_05")),
        (Filter(path=PASSPORT), lambda path: path == PASSPORT),
        (Filter(path="nowhere/*"), lambda path: False),
    ],
)
def test_filters_hold_for_every_way(
    engine: Engine, how: str, where: Filter, passes: object
) -> None:
    for text in ("Grandma's 80th birthday", "passport scan maria", "a dog"):
        hits = engine.search(text, target="image", k=50, where=where, ranking=by(how))
        assert all(passes(path) for path in paths(hits))  # type: ignore[operator]
        if how in ("all", "picture"):
            found = {"photos/IMG_05*": 50, PASSPORT: 1, "nowhere/*": 0}
            assert len(hits) == found[str(where.path)]


def test_with_and_without_captions(engine: Engine) -> None:
    captioned = {hit.path for hit in engine.search("a", target="caption", k=COUNT)}
    for how in WAYS:
        for wanted in (True, False):
            where = Filter(has_caption=wanted)
            hits = engine.search("grandma img", target="image", where=where, ranking=by(how))
            assert all((hit.path in captioned) is wanted for hit in hits)
    without = engine.search(
        "Grandma's 80th birthday", target="image", where=Filter(has_caption=False)
    )
    assert BIRTHDAY not in paths(without)


@pytest.mark.parametrize("how", WAYS)
def test_fewer_hits_are_the_beginning_of_more(engine: Engine, how: str) -> None:
    for text in ("grandma", "a dog in the snow", "IMG_2041"):
        many = engine.search(text, target="image", k=100, ranking=by(how))
        for k in (1, 5, 20, 99):
            assert engine.search(text, target="image", k=k, ranking=by(how)) == many[:k]


def test_fewer_hits_are_the_beginning_of_more_than_are_looked_at(engine: Engine) -> None:
    for text in ("grandma", "a dog in the snow", "IMG_2041"):
        many = engine.search(text, target="image", k=300)
        for k in (50, 100, 150, 250):
            assert engine.search(text, target="image", k=k) == many[:k]


def test_they_are_so_where_nothing_that_counts_tells_them_apart(engine: Engine) -> None:
    ranking = Ranking(depth=1, without=frozenset({"picture"}), fold=False)
    for target in ("any", "image", "text"):
        many = engine.search("a dog in the snow", target=target, k=60, ranking=ranking)
        for k in (5, 20):
            less = engine.search("a dog in the snow", target=target, k=k, ranking=ranking)
            assert [hit.item for hit in less] == [hit.item for hit in many[:k]]


def test_a_list_is_answered_one_by_one(engine: Engine) -> None:
    texts = [text for text, _ in ASKED[:5]]
    answers = engine.search(texts, target="image")
    assert answers == [engine.search(text, target="image") for text in texts]


def test_a_pictures_query_has_no_words(engine: Engine) -> None:
    import PIL.Image

    picture = PIL.Image.new("RGB", (9, 9), "red")
    for how in WAYS:
        assert engine.search(image=picture, ranking=by(how)) == engine.search(image=picture)


def test_a_caption_comes_first_by_its_words(engine: Engine) -> None:
    for how in ("all", "words"):
        first = engine.search("maria", target="text", ranking=by(how))[0]
        assert first.text == "Maria at the sea" and first.stages["words"] > 0
    for how in ("picture", "caption"):
        hits = engine.search("maria", target="text", ranking=by(how))
        assert len(hits) == 10 and not any("words" in hit.stages for hit in hits)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long document, two short ones, a recording with what is said, a film with subtitles."""
    source = np.random.default_rng(1)

    def near() -> FloatArray:
        row = source.normal(size=DIM).astype(np.float32)
        return row / np.linalg.norm(row)

    def item(modality: Modality, kind: str, content: Any, about: str | None = None) -> NewItem:
        part = Part(modality, kind, content)
        return NewItem(part, about, str(content), Encoding(near()[None]))

    texts = {
        "papers/washing machine.md": [f"part {n} of it is a drum" for n in range(60)],
        "papers/insurance.txt": ["the roof is covered", "a drum and a fife"],
        "papers/recipes/plum cake.txt": ["flour and butter"],
    }
    folder = tmp_path_factory.mktemp("media")
    with Store(folder / DIRECTORY, folder) as store:
        number = serve(store.catalog, DIM, SPACE)
        for path, own in texts.items():
            rows = [item(Modality.TEXT, "passage", text) for text in own]
            put(store.catalog, number, path, *rows, kind="text")
        said = item(Modality.SPEECH, "transcript", "we hid the cheese from everybody")
        put(store.catalog, number, "memos/grandfather.mp3", said, kind="audio")
        film = "films/Corsica ferry.mp4"
        put(store.catalog, number, film, item(Modality.VIDEO, "shot", ()), kind="video")
        lines = [item(Modality.TEXT, "subtitle", text, film) for text in ("late again", "ahoy")]
        put(store.catalog, number, "films/Corsica ferry.srt", *lines, kind="subtitles")
        rows = [photo(near(), f"photos/{n}.jpg") for n in range(40)]
        for n, row in enumerate(rows):
            put(store.catalog, number, f"photos/{n}.jpg", row)
        store.publish()
    return folder


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("washing machine", "papers/washing machine.md"),
        ("covered roof", "papers/insurance.txt"),
        ("insurance", "papers/insurance.txt"),
        ("recipes", "papers/recipes/plum cake.txt"),
        ("butter and plum cake", "papers/recipes/plum cake.txt"),
        ("hid the cheese", "memos/grandfather.mp3"),
        ("grandfather", "memos/grandfather.mp3"),
        ("memos", "memos/grandfather.mp3"),
        ("corsica", "films/Corsica ferry.mp4"),
        ("ahoy", "films/Corsica ferry.mp4"),
        ("films", "films/Corsica ferry.mp4"),
    ],
)
def test_what_is_said_or_read_comes_first_by_its_words_and_its_name(
    media: Path, fake_model: str, text: str, path: str
) -> None:
    with cmsearch.open(media) as engine:
        first, *others = engine.search(text)
        assert first.path == media / path
        assert first.relevance > 0.9 > max(hit.relevance for hit in others)
        only = engine.search(text, ranking=by("words", fold=False), k=100)
        assert {hit.path for hit in only} == {media / path}


@pytest.mark.parametrize(
    ("text", "of", "path"),
    [
        ("grandfather recording", "grandfather", "memos/grandfather.mp3"),
        ("Audio of the grandfather", "of the grandfather", "memos/grandfather.mp3"),
        ("corsica video", "corsica", "films/Corsica ferry.mp4"),
        ("insurance documents", "insurance", "papers/insurance.txt"),
    ],
)
def test_what_a_file_is_called_is_no_word_that_it_lacks(
    media: Path, fake_model: str, text: str, of: str, path: str
) -> None:
    with cmsearch.open(media) as engine:
        (first, *_), (plain, *_) = engine.search([text, of], ranking=by("words"))
        assert first.path == plain.path == media / path
        assert first.stages["words"] == pytest.approx(plain.stages["words"])
        assert engine.search("video", ranking=by("words")) == []  # alone it is what is asked for
        assert engine.search("plum cake recording", ranking=by("words"))[0].stages["words"] < 5


def test_words_are_as_rare_as_the_files_that_have_them(media: Path, fake_model: str) -> None:
    """All passages of a long document have the words of its name, and are one thing."""
    with cmsearch.open(media) as engine:
        named, drums, papers = (
            engine.search(text, target="passage", k=100, ranking=by("words", fold=False))
            for text in ("washing machine", "drum", "papers")
        )
    assert (len(named), len(drums), len(papers)) == (60, 61, 63)
    rare, rarer, common = (hits[0].stages["words"] for hits in (drums, named, papers))
    assert rarer > rare > common > 0


def test_captions_of_pictures_without_an_embedding_find_nothing(
    tmp_path: Path, fake_model: str
) -> None:
    """As while another model is not done with a folder, or where a picture can't be read."""
    axes = np.eye(DIM, dtype=np.float32)
    make(tmp_path, {"a.jpg": axes[0], "b.jpg": axes[1]}, [("a.jpg", "one two"), ("b.jpg", "three")])
    with sqlite3.connect(tmp_path / DIRECTORY / "catalog.db") as database:
        database.execute(
            "DELETE FROM embeddings WHERE item IN (SELECT items.id FROM items JOIN assets ON"
            " assets.id = items.asset WHERE assets.path = 'a.jpg')"
        )
    database.close()
    (manifest,) = (tmp_path / DIRECTORY).glob("manifest-*")
    manifest.unlink()
    with Store(tmp_path / DIRECTORY) as store:
        store.disown_files()
    with cmsearch.open(tmp_path) as engine:
        for how in WAYS:
            for text in ("one two", "a", "three"):
                hits = engine.search(text, target="image", ranking=by(how))
                assert set(paths(hits)) <= {"b.jpg"}
        assert paths(engine.search("one two", target="image")) == ["b.jpg"]
        assert paths(engine.search("three", target="image", ranking=by("words"))) == ["b.jpg"]


def test_a_photograph_with_many_captions_counts_once(tmp_path: Path, fake_model: str) -> None:
    axes = np.eye(DIM, dtype=np.float32)
    captions = [("a.jpg", f"harbour {word}") for word in ("one", "two", "three", "four")]
    make(
        tmp_path,
        {"a.jpg": axes[0], "harbour.jpg": axes[1]},
        [*captions, ("harbour.jpg", "harbour")],
    )
    with cmsearch.open(tmp_path) as engine:
        for how in WAYS:
            hits = engine.search("harbour", target="image", ranking=by(how))
            assert len(paths(hits)) == len(set(paths(hits)))
        assert len(engine.search("harbour", target="image")) == 2


def test_a_store_without_captions_is_matched_by_paths(tmp_path: Path, fake_model: str) -> None:
    axes = np.eye(DIM, dtype=np.float32)
    make(tmp_path, {"harbour/a.jpg": axes[4], "b.jpg": vector("harbour")[0]}, [])
    with cmsearch.open(tmp_path) as engine:
        assert engine.search("harbour", target="image", ranking=by("caption")) == []
        assert paths(engine.search("harbour", target="image", ranking=by("words"))) == [
            "harbour/a.jpg"
        ]
        assert paths(engine.search("harbour", ranking=by("picture"))) == ["b.jpg", "harbour/a.jpg"]
        both = {hit.source: hit.stages for hit in engine.search("harbour")}
        assert both["harbour/a.jpg"]["words"] > 0
        assert "words" not in both["b.jpg"]


def test_ties_are_by_path_whatever_the_rows(tmp_path: Path, fake_model: str) -> None:
    """Rows differ after a crash or a move."""
    names = [f"party/{name}.jpg" for name in "abcde"]
    others = [f"other/{number}.jpg" for number in range(40)]
    answers = []
    for number, order in enumerate((names, names[::-1], [names[i] for i in (2, 0, 4, 1, 3)])):
        shown = {path: vector("red")[0] for path in [*order, *others]}
        folder = make(tmp_path / str(number), shown, [(path, "zeppelin") for path in order])
        with cmsearch.open(folder) as engine:
            for how in ("all", "words", "picture"):
                for text in ("party", "party zeppelin"):
                    hits = engine.search(text, target="image", k=45, ranking=by(how))
                    answers.append([(hit.source, hit.score, hit.stages) for hit in hits])
    assert answers[:6] == answers[6:12] == answers[12:]
    assert [source for source, *_ in answers[2][:5]] == names


def test_a_word_that_every_picture_has_changes_nothing(tmp_path: Path, fake_model: str) -> None:
    """However many there are: also more than a search looks at."""
    source = np.random.default_rng(0)
    rows = source.normal(size=(300, DIM))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    photos = {f"holiday/{number:03}.jpg": row for number, row in enumerate(rows.astype(np.float32))}
    make(tmp_path, photos, [])
    with cmsearch.open(tmp_path) as engine:
        plain = engine.search("holiday", target="image", ranking=by("picture"))
        assert paths(engine.search("holiday", target="image")) == paths(plain)


def test_words_that_every_picture_has_are_ranked_all_the_same(
    tmp_path: Path, fake_model: str
) -> None:
    """Where words alone are asked for, the picture that has little else comes first."""
    axes = np.eye(DIM, dtype=np.float32)
    make(
        tmp_path,
        {"1.jpg": axes[0], "2.jpg": axes[1], "3.jpg": axes[2]},
        [
            ("1.jpg", "a harbour behind which there are many hills and some trees in the mist"),
            ("2.jpg", "the old harbour of the town at night"),
            ("3.jpg", "harbour"),
        ],
    )
    with cmsearch.open(tmp_path) as engine:
        hits = engine.search("harbour", target="image", ranking=by("words"))
        assert paths(hits) == ["3.jpg", "2.jpg", "1.jpg"]


@pytest.mark.parametrize("has_others", [False, True])
def test_captions_are_told_from_other_texts_where_there_are_any(
    tmp_path: Path, has_others: bool
) -> None:
    make(tmp_path, {"1.jpg": vector("sea")}, [("1.jpg", "a red boat"), ("1.jpg", "the blue sea")])
    with Store(tmp_path / DIRECTORY) as store:
        if has_others:
            part = Part(Modality.TEXT, "passage", "a red house")
            own = NewItem(part, None, "house", Encoding(vector("a red house")))
            put(store.catalog, 1, "notes.txt", own, kind="text")
        view, unit = store.view(), vector("red")[0]
        query = QueryVector(unit, (EncodedQuery(Modality.TEXT, "red", unit),), (1.0,), (1.0,))
        retriever = Retriever(store)
        for _ in range(2):
            asked = NearestRequest(Modality.TEXT, 5, "caption")
            (found,) = retriever.search(view, [query], asked)
            assert [own.item.text for own in found] == ["a red boat", "the blue sea"]
        (every,) = retriever.search(view, [query], NearestRequest(Modality.TEXT, 5))
        assert len(every) == 2 + has_others


def test_what_is_deleted_during_a_search_is_in_its_answer_and_in_no_later_one(
    tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding a picture by its words and looking at it, another process deletes it."""
    rows = np.random.default_rng(0).normal(size=(150, DIM)).astype(np.float32)
    photos = {f"{number:03}.jpg": row / np.linalg.norm(row) for number, row in enumerate(rows)}
    captions = [(f"{number:03}.jpg", word) for number, word in enumerate(COMMON)]
    make(tmp_path, {**photos, "zeppelin.jpg": -vector("zeppelin")[0]}, captions)
    captions_of = items.captions_of
    gone = ["zeppelin.jpg"]

    def late(catalog: Catalog, *arguments: object) -> object:
        if gone:
            other = Catalog(tmp_path / DIRECTORY / "catalog.db")
            with other.writing() as writer:
                writer.remove_asset(gone.pop(), 1)
            other.close()
        return captions_of(catalog, *arguments)  # type: ignore[arg-type]

    with cmsearch.open(tmp_path) as engine:
        before = engine.search("zeppelin", target="image", k=100)
        assert before[0].source == "zeppelin.jpg"
        monkeypatch.setattr(items, "captions_of", late)
        assert engine.search("zeppelin", target="image", k=100) == before
        assert not gone
        hits = engine.search("zeppelin", target="image", k=100)
    assert len(hits) == 100
    assert set(paths(hits)) < set(photos)
